//! The volume plugins: cases as upstream's tests of volumebinding, volumezone, volumerestrictions and nodevolumelimits
//! have them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Kind, Object};

use super::plugins::{PLUGINS, PluginArgs};
use super::{Cache, CycleState, Plugin, PodInfo, PreFilter};

fn object(kind: Kind, value: &Value) -> Arc<Object> {
    Arc::new(Object::from_value(kind, value, &mut |_| {}).expect("a good object"))
}

fn plugin(name: &str) -> Arc<dyn Plugin> {
    let entry = PLUGINS.iter().find(|entry| entry.name == name).expect("it is in the registry");
    (entry.new)(&PluginArgs::default())
}

/// A cluster of one node, `node-a` in zone `a`, and these objects.
fn cache(objects: &[(Kind, Value)]) -> Cache {
    let mut cache = Cache::default();
    let labels = json!({ "topology.kubernetes.io/zone": "a", "disk": "ssd" });
    let allocatable = json!({ "pods": "10" });
    let node = json!({ "metadata": { "name": "node-a", "labels": labels }, "status": { "allocatable": allocatable } });
    cache.set_node(&object(Kind::Node, &node));
    for (kind, value) in objects {
        let object = object(*kind, value);
        match kind {
            Kind::Pod => cache.add_pod(&Arc::new(PodInfo::new(&object))),
            kind => cache.volumes.set(*kind, object.key(), Some(object)),
        }
    }
    cache
}

/// What the plugin says of the pod on `node-a`: `skip`, `ok` or its reasons.
fn says(name: &str, pod: &Value, objects: &[(Kind, Value)]) -> String {
    let (plugin, cache) = (plugin(name), cache(objects));
    let pod = PodInfo::new(&object(Kind::Pod, pod));
    let mut state = CycleState::default();
    match plugin.pre_filter(&mut state, &pod, &cache) {
        Ok(PreFilter::Skip) => return "skip".to_owned(),
        Ok(_) => {}
        Err(rejection) => return format!("{}: {}", rejection.code.as_str(), rejection.message()),
    }
    match plugin.filter(&state, &pod, cache.node("node-a").expect("it is there")) {
        Ok(()) => "ok".to_owned(),
        Err(rejection) => format!("{}: {}", rejection.code.as_str(), rejection.message()),
    }
}

#[track_caller]
fn check(name: &str, pod: &Value, objects: &[(Kind, Value)], expected: &str) {
    assert_eq!(says(name, pod, objects), expected);
}

fn pod(volumes: Value) -> Value {
    let containers = json!([{ "name": "c", "image": "i" }]);
    json!({
        "metadata": { "name": "pod-a", "namespace": "default", "uid": "pod-a" },
        "spec": { "containers": containers, "volumes": volumes },
    })
}

fn using(claims: &[&str]) -> Value {
    let volume = |claim: &&str| json!({ "name": claim, "persistentVolumeClaim": { "claimName": claim } });
    pod(claims.iter().map(volume).collect())
}

/// Another pod, on `node-a`.
fn running(name: &str, mut pod: Value) -> (Kind, Value) {
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["uid"] = json!(name);
    pod["spec"]["nodeName"] = json!("node-a");
    (Kind::Pod, pod)
}

/// A claim: bound where it names a volume.
fn claim(name: &str, class: &str, volume: &str) -> Value {
    let annotations = if volume.is_empty() { json!({}) } else { json!({ "pv.kubernetes.io/bind-completed": "yes" }) };
    json!({
        "metadata": { "name": name, "namespace": "default", "uid": name, "annotations": annotations },
        "spec": {
            "storageClassName": class, "volumeName": volume, "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
        "status": { "phase": if volume.is_empty() { "Pending" } else { "Bound" } },
    })
}

fn pvc(name: &str, class: &str, volume: &str) -> (Kind, Value) {
    (Kind::PersistentVolumeClaim, claim(name, class, volume))
}

/// A volume for nodes of which `disk` is this; for all where it is empty.
fn pv(name: &str, class: &str, size: &str, disk: &str) -> (Kind, Value) {
    let mut volume = json!({
        "metadata": { "name": name },
        "spec": { "storageClassName": class, "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"],
            "csi": { "driver": "csi.example.com", "volumeHandle": name } },
        "status": { "phase": "Available" },
    });
    if !disk.is_empty() {
        let expression = json!([{ "key": "disk", "operator": "In", "values": [disk] }]);
        volume["spec"]["nodeAffinity"] =
            json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": expression }] } });
    }
    (Kind::PersistentVolume, volume)
}

fn class(name: &str, mode: &str, provisioner: &str) -> (Kind, Value) {
    let class = json!({ "metadata": { "name": name }, "provisioner": provisioner, "volumeBindingMode": mode });
    (Kind::StorageClass, class)
}

const WAIT: &str = "WaitForFirstConsumer";

#[test]
fn volume_binding_looks_at_claims_before_it_looks_at_nodes() {
    let check = |pod: &Value, objects: &[(Kind, Value)], expected: &str| check("VolumeBinding", pod, objects, expected);
    check(&using(&[]), &[], "skip");
    let missing = "UnschedulableAndUnresolvable: persistentvolumeclaim \"pvc-a\" not found";
    check(&using(&["pvc-a"]), &[], missing);
    check(&using(&["pvc-b", "pvc-a"]), &[pvc("pvc-b", "fast", "pv-b"), pv("pv-b", "fast", "1Gi", "")], missing);
    let immediate = "UnschedulableAndUnresolvable: pod has unbound immediate PersistentVolumeClaims";
    check(&using(&["pvc-a"]), &[pvc("pvc-a", "now", ""), class("now", "Immediate", "csi.example.com")], immediate);
    check(&using(&["pvc-a"]), &[pvc("pvc-a", "", "")], immediate);
    let mut prebound = claim("pvc-a", "later", "pv-a");
    prebound["metadata"]["annotations"] = json!({});
    let later = class("later", WAIT, "csi.example.com");
    check(&using(&["pvc-a"]), &[(Kind::PersistentVolumeClaim, prebound), later], immediate);
    let mut lost = claim("pvc-a", "fast", "pv-a");
    lost["status"]["phase"] = json!("Lost");
    let expected =
        "UnschedulableAndUnresolvable: persistentvolumeclaim \"pvc-a\" bound to non-existent persistentvolume \"pv-a\"";
    check(&using(&["pvc-a"]), &[(Kind::PersistentVolumeClaim, lost)], expected);
    let mut leaving = claim("pvc-a", "fast", "pv-a");
    leaving["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
    let expected = "UnschedulableAndUnresolvable: persistentvolumeclaim \"pvc-a\" is being deleted";
    check(&using(&["pvc-a"]), &[(Kind::PersistentVolumeClaim, leaving)], expected);
}

#[test]
fn a_claim_of_the_pods_own_must_be_its_own() {
    let own = pod(json!([{ "name": "scratch", "ephemeral": { "volumeClaimTemplate": { "spec": {} } } }]));
    let waiting = "UnschedulableAndUnresolvable: waiting for ephemeral volume controller to create the \
        persistentvolumeclaim \"pod-a-scratch\"";
    check("VolumeBinding", &own, &[], waiting);
    let bound = pvc("pod-a-scratch", "fast", "pv-a");
    let foreign = "UnschedulableAndUnresolvable: PVC default/pod-a-scratch was not created for pod default/pod-a \
        (pod is not owner)";
    check("VolumeBinding", &own, std::slice::from_ref(&bound), foreign);
    let mut mine = bound;
    mine.1["metadata"]["ownerReferences"] =
        json!([{ "apiVersion": "v1", "kind": "Pod", "name": "pod-a", "uid": "pod-a", "controller": true }]);
    check("VolumeBinding", &own, &[mine, pv("pv-a", "fast", "1Gi", "ssd")], "ok");
}

#[test]
fn volume_binding_finds_volumes_for_a_node() {
    let check =
        |objects: &[(Kind, Value)], expected: &str| check("VolumeBinding", &using(&["pvc-a"]), objects, expected);
    let bound = pvc("pvc-a", "fast", "pv-a");
    let conflict = "UnschedulableAndUnresolvable: node(s) didn't match PersistentVolume's node affinity";
    check(&[bound.clone(), pv("pv-a", "fast", "1Gi", "ssd")], "ok");
    check(&[bound.clone(), pv("pv-a", "fast", "1Gi", "hdd")], conflict);
    let gone =
        "UnschedulableAndUnresolvable: node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
    check(&[bound], gone);
    let waiting = pvc("pvc-a", "local", "");
    let local = class("local", WAIT, "kubernetes.io/no-provisioner");
    let none = "UnschedulableAndUnresolvable: node(s) didn't find available persistent volumes to bind";
    check(&[waiting.clone(), local.clone()], none);
    check(&[waiting.clone(), local.clone(), pv("pv-a", "local", "1Gi", "ssd")], "ok");
    check(&[waiting.clone(), local.clone(), pv("pv-a", "local", "1Gi", "hdd")], none);
    check(&[waiting.clone(), local.clone(), pv("pv-a", "local", "500Mi", "ssd")], none);
    check(&[waiting.clone(), local.clone(), pv("pv-a", "other", "1Gi", "ssd")], none);
    let mut taken = pv("pv-a", "local", "1Gi", "ssd");
    taken.1["spec"]["claimRef"] = json!({ "namespace": "default", "name": "pvc-b", "uid": "pvc-b" });
    check(&[waiting.clone(), local.clone(), taken], none);
    let mut released = pv("pv-a", "local", "1Gi", "ssd");
    released.1["status"]["phase"] = json!("Released");
    check(&[waiting.clone(), local, released], none);
    let mut made = class("local", WAIT, "csi.example.com");
    check(&[waiting.clone(), made.clone()], "ok");
    let of_zone =
        |zone: &str| json!([{ "matchLabelExpressions": [{ "key": "topology.kubernetes.io/zone", "values": [zone] }] }]);
    made.1["allowedTopologies"] = of_zone("b");
    check(&[waiting.clone(), made.clone()], none);
    made.1["allowedTopologies"] = of_zone("a");
    check(&[waiting.clone(), made.clone()], "ok");
    let mut elsewhere = waiting.clone();
    elsewhere.1["metadata"]["annotations"] = json!({ "volume.kubernetes.io/selected-node": "node-b" });
    check(&[elsewhere, made.clone()], none);
    let driver = json!({ "metadata": { "name": "csi.example.com" }, "spec": { "storageCapacity": true } });
    let full = "UnschedulableAndUnresolvable: node(s) did not have enough free storage";
    check(&[waiting, made, (Kind::CSIDriver, driver)], full);
}

#[test]
fn reserving_gives_the_smallest_volume_that_does_and_tells_the_provisioner_where() {
    let objects = [
        pvc("pvc-a", "local", ""),
        pvc("pvc-b", "made", ""),
        class("local", WAIT, "kubernetes.io/no-provisioner"),
        class("made", WAIT, "csi.example.com"),
        pv("large", "local", "10Gi", "ssd"),
        pv("small", "local", "1Gi", "ssd"),
    ];
    let (plugin, cache) = (plugin("VolumeBinding"), cache(&objects));
    let pod = PodInfo::new(&object(Kind::Pod, &using(&["pvc-a", "pvc-b"])));
    let mut state = CycleState::default();
    plugin.pre_filter(&mut state, &pod, &cache).expect("the claims are sound");
    let reserved = plugin.reserve(&state, &pod, cache.node("node-a").expect("it is there")).expect("there is a volume");
    let values: Vec<Value> = reserved.iter().map(|object| object.to_value()).collect();
    assert_eq!(values[0]["metadata"]["name"], "small");
    assert_eq!(values[0]["metadata"]["annotations"], json!({ "pv.kubernetes.io/bound-by-controller": "yes" }));
    let reference = json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "pvc-a", "namespace": "default", "uid": "pvc-a" });
    assert_eq!(values[0]["spec"]["claimRef"], reference);
    assert_eq!(values[1]["metadata"]["name"], "pvc-b");
    assert_eq!(values[1]["metadata"]["annotations"], json!({ "volume.kubernetes.io/selected-node": "node-a" }));
    let mut assumed = cache.clone();
    reserved.iter().for_each(|object| assumed.volumes.assume(object));
    let second = PodInfo::new(&object(Kind::Pod, &using(&["pvc-a"])));
    let mut state = CycleState::default();
    plugin.pre_filter(&mut state, &second, &assumed).expect("the claim is sound");
    let again = plugin.reserve(&state, &second, assumed.node("node-a").expect("it is there")).expect("its own volume");
    assert_eq!(again[0].key().name.to_string(), "small", "the volume that is meant for the claim");
}

#[test]
fn volume_zone_compares_labels() {
    let check = |objects: &[(Kind, Value)], expected: &str| check("VolumeZone", &using(&["pvc-a"]), objects, expected);
    let zoned = |key: &str, zones: &str| {
        let mut volume = pv("pv-a", "fast", "1Gi", "");
        volume.1["metadata"]["labels"] = json!({ key: zones });
        [pvc("pvc-a", "fast", "pv-a"), volume]
    };
    let conflict = "UnschedulableAndUnresolvable: node(s) had no available volume zone";
    check(&zoned("topology.kubernetes.io/zone", "a"), "ok");
    check(&zoned("topology.kubernetes.io/zone", "b__a"), "ok");
    check(&zoned("topology.kubernetes.io/zone", "b__c"), conflict);
    check(&zoned("failure-domain.beta.kubernetes.io/zone", "a"), "ok");
    check(&zoned("failure-domain.beta.kubernetes.io/zone", "b"), conflict);
    check(&zoned("other", "b"), "skip");
    check(&[], "UnschedulableAndUnresolvable: persistentvolumeclaim \"pvc-a\" not found");
    let no_volume = "UnschedulableAndUnresolvable: persistentvolume \"pv-a\" not found";
    check(&[pvc("pvc-a", "fast", "pv-a")], no_volume);
    let no_class = "UnschedulableAndUnresolvable: storageclass.storage.k8s.io \"fast\" not found";
    check(&[pvc("pvc-a", "fast", "")], no_class);
    let nothing = "UnschedulableAndUnresolvable: PersistentVolumeClaim had no pv name and storageClass name";
    check(&[pvc("pvc-a", "", "")], nothing);
    check(&[pvc("pvc-a", "fast", ""), class("fast", WAIT, "p")], "skip");
    let unnamed = "UnschedulableAndUnresolvable: PersistentVolume had no name";
    check(&[pvc("pvc-a", "fast", ""), class("fast", "Immediate", "p")], unnamed);
}

#[test]
fn volume_restrictions_let_one_pod_alone_where_only_one_may_be() {
    let check =
        |pod: &Value, objects: &[(Kind, Value)], expected: &str| check("VolumeRestrictions", pod, objects, expected);
    let disk =
        |read_only: bool| pod(json!([{ "name": "d", "gcePersistentDisk": { "pdName": "d", "readOnly": read_only } }]));
    let conflict = "Unschedulable: node(s) had no available disk";
    check(&using(&[]), &[], "skip");
    check(&disk(false), &[running("other", disk(false))], conflict);
    check(&disk(true), &[running("other", disk(false))], conflict);
    check(&disk(true), &[running("other", disk(true))], "ok");
    let aws = pod(json!([{ "name": "d", "awsElasticBlockStore": { "volumeID": "d" } }]));
    check(&aws, &[running("other", aws.clone())], conflict);
    let rbd = |monitor: &str, pool: &str| {
        pod(json!([{ "name": "d", "rbd": { "monitors": [monitor, "shared"], "image": "i", "pool": pool } }]))
    };
    check(&rbd("a", "p"), &[running("other", rbd("b", "p"))], conflict);
    check(&rbd("a", "p"), &[running("other", rbd("b", "q"))], "ok");
    let iscsi = |iqn: &str| pod(json!([{ "name": "d", "iscsi": { "targetPortal": "p", "iqn": iqn, "lun": 0 } }]));
    check(&iscsi("a"), &[running("other", iscsi("a"))], conflict);
    check(&iscsi("a"), &[running("other", iscsi("b"))], "ok");
    let mut once = claim("pvc-a", "fast", "pv-a");
    once["spec"]["accessModes"] = json!(["ReadWriteOncePod"]);
    let once = (Kind::PersistentVolumeClaim, once);
    let in_use =
        "Unschedulable: node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
    check(&using(&["pvc-a"]), &[once.clone(), running("other", using(&["pvc-a"]))], in_use);
    check(&using(&["pvc-a"]), &[once], "skip");
    check(&using(&["pvc-a"]), &[pvc("pvc-a", "fast", "pv-a"), running("other", using(&["pvc-a"]))], "skip");
    check(&using(&["pvc-a"]), &[], "UnschedulableAndUnresolvable: persistentvolumeclaim \"pvc-a\" not found");
}

#[test]
fn node_volume_limits_count_what_a_driver_has_attached() {
    let drivers = json!([{ "name": "csi.example.com", "nodeID": "node-a", "allocatable": { "count": 2 } }]);
    let csi_node = (Kind::CSINode, json!({ "metadata": { "name": "node-a" }, "spec": { "drivers": drivers } }));
    let volumes: Vec<(Kind, Value)> = ["a", "b", "c"]
        .into_iter()
        .flat_map(|name| [pvc(name, "fast", &format!("pv-{name}")), pv(&format!("pv-{name}"), "fast", "1Gi", "")])
        .collect();
    let with = |more: &[(Kind, Value)]| [volumes.as_slice(), more].concat();
    let exceeded = "Unschedulable: node(s) exceed max volume count";
    let check =
        |pod: &Value, objects: &[(Kind, Value)], expected: &str| check("NodeVolumeLimits", pod, objects, expected);
    check(&using(&[]), &with(std::slice::from_ref(&csi_node)), "skip");
    check(&using(&["a", "b"]), &with(std::slice::from_ref(&csi_node)), "ok");
    check(&using(&["a", "b", "c"]), &with(std::slice::from_ref(&csi_node)), exceeded);
    check(&using(&["a", "b", "c"]), &with(&[]), "ok");
    check(&using(&["c"]), &with(&[csi_node.clone(), running("other", using(&["a", "b"]))]), exceeded);
    check(&using(&["a"]), &with(&[csi_node.clone(), running("other", using(&["a", "b"]))]), "ok");
    let attachment = |volume: &str| {
        let source = json!({ "persistentVolumeName": volume });
        let spec = json!({ "attacher": "csi.example.com", "nodeName": "node-a", "source": source });
        (Kind::VolumeAttachment, json!({ "metadata": { "name": volume }, "spec": spec }))
    };
    check(&using(&["c"]), &with(&[csi_node.clone(), attachment("pv-a"), attachment("pv-b")]), exceeded);
    let unbound = [pvc("d", "made", ""), class("made", WAIT, "csi.example.com"), csi_node.clone()];
    check(&using(&["d"]), &with(&unbound), "ok");
    check(&using(&["d"]), &[with(&unbound), vec![running("other", using(&["a", "b"]))]].concat(), exceeded);
    let missing = "UnschedulableAndUnresolvable: looking up PVC default/x: persistentvolumeclaim \"x\" not found";
    check(&using(&["x"]), &with(&[csi_node]), missing);
}
