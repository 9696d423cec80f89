//! Which happenings wake a pod that a plugin rejected: cases as upstream's `Test_isSchedulableAfter…` have them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Kind, Object};

use super::cluster_event::{ClusterEvent, EventResource, action, node_changes, pod_changes};
use super::plugins::{PLUGINS, PluginArgs};
use super::{Cache, Plugin, PodInfo};

fn object(kind: Kind, value: &Value) -> Option<Arc<Object>> {
    let read = |value| Arc::new(Object::from_value(kind, value, &mut |_| {}).expect("a good object"));
    (!value.is_null()).then(|| read(value))
}

fn plugin(name: &str) -> Arc<dyn Plugin> {
    let entry = PLUGINS.iter().find(|entry| entry.name == name).expect("it is in the registry");
    (entry.new)(&PluginArgs::default())
}

/// Whether `name` has the waiting pod tried again after `old` became `new`.
fn wakes(name: &str, pod: &Value, kind: Kind, old: &Value, new: &Value) -> bool {
    let (old, new) = (object(kind, old), object(kind, new));
    let changes = match (&old, &new) {
        (None, _) => action::ADD,
        (_, None) => action::DELETE,
        (Some(old), Some(new)) if kind == Kind::Node => node_changes(old.expect(), new.expect()),
        (Some(old), Some(new)) if kind == Kind::Pod => pod_changes(old.expect(), new.expect()),
        (Some(_), Some(_)) => action::UPDATE,
    };
    let waiting = PodInfo::new(&object(Kind::Pod, pod).expect("there is a pod"));
    let itself = new.as_ref().is_some_and(|new| new.uid() == &*waiting.uid);
    let resource = match kind {
        Kind::Node => EventResource::Node,
        Kind::CSINode => EventResource::CsiNode,
        Kind::PersistentVolume => EventResource::PersistentVolume,
        Kind::PersistentVolumeClaim => EventResource::PersistentVolumeClaim,
        Kind::StorageClass => EventResource::StorageClass,
        Kind::VolumeAttachment => EventResource::VolumeAttachment,
        _ if itself => EventResource::UnscheduledPod,
        _ => EventResource::AssignedPod,
    };
    let event = ClusterEvent { resource, action: changes, old, new, priority_max: None };
    let plugin = plugin(name);
    event.matches(plugin.events()) && plugin.hint(&waiting, &event, &Cache::default())
}

fn pod(name: &str, spec: Value) -> Value {
    labelled(name, json!({}), spec)
}

fn labelled(name: &str, labels: Value, spec: Value) -> Value {
    let mut pod =
        json!({ "metadata": { "name": name, "namespace": "default", "uid": name, "labels": labels }, "spec": spec });
    if pod["spec"]["containers"].is_null() {
        pod["spec"]["containers"] = json!([{ "name": "c", "image": "i" }]);
    }
    pod
}

fn asking(requests: Value) -> Value {
    json!([{ "name": "c", "image": "i", "resources": { "requests": requests } }])
}

fn node(labels: Value, spec: Value, allocatable: Value) -> Value {
    json!({ "metadata": { "name": "node", "labels": labels }, "spec": spec, "status": { "allocatable": allocatable } })
}

const NONE: Value = Value::Null;

#[test]
fn node_resources_fit_hears_of_room() {
    let waiting = pod("waiting", json!({ "containers": asking(json!({ "cpu": "2" })) }));
    let of = |old: &Value, new: &Value| wakes("NodeResourcesFit", &waiting, Kind::Node, old, new);
    let sized =
        |cpu: &str, memory: &str| node(json!({}), json!({}), json!({ "cpu": cpu, "memory": memory, "pods": "10" }));
    assert!(!of(&NONE, &sized("1", "1Gi")), "a node that is too small");
    assert!(of(&NONE, &sized("2", "1Gi")), "a node that is large enough");
    assert!(of(&sized("1", "1Gi"), &sized("2", "1Gi")), "it grew in what is asked for");
    assert!(!of(&sized("2", "1Gi"), &sized("2", "2Gi")), "it grew in what nobody asks for");
    assert!(!of(&sized("4", "1Gi"), &sized("3", "1Gi")), "it shrank");
    let of = |old: &Value, new: &Value| wakes("NodeResourcesFit", &waiting, Kind::Pod, old, new);
    let other = |node: &str, cpu: &str, memory: &str| {
        pod("other", json!({ "nodeName": node, "containers": asking(json!({ "cpu": cpu, "memory": memory })) }))
    };
    assert!(of(&other("a", "1", "1Gi"), &NONE), "a pod on a node is gone");
    assert!(!of(&other("", "1", "1Gi"), &NONE), "a pod that was nowhere is gone");
    let mut nominated = other("", "1", "1Gi");
    nominated["status"] = json!({ "nominatedNodeName": "a" });
    assert!(of(&nominated, &NONE), "a pod for which room was held is gone");
    assert!(of(&other("a", "2", "1Gi"), &other("a", "1", "1Gi")), "a pod asks for less of it");
    assert!(!of(&other("a", "2", "2Gi"), &other("a", "2", "1Gi")), "a pod asks for less of something else");
    assert!(!of(&other("a", "1", "1Gi"), &other("a", "2", "1Gi")), "a pod asks for more");
    let smaller = pod("waiting", json!({ "containers": asking(json!({ "cpu": "1" })) }));
    assert!(of(&waiting, &smaller), "the pod itself asks for less");
}

#[test]
fn node_ports_hear_of_the_pod_that_had_the_port() {
    let with_port =
        |port: i32| json!([{ "name": "c", "image": "i", "ports": [{ "containerPort": port, "hostPort": port }] }]);
    let waiting = pod("waiting", json!({ "containers": with_port(80) }));
    let gone = |node: &str, port: i32| {
        let other = pod("other", json!({ "nodeName": node, "containers": with_port(port) }));
        wakes("NodePorts", &waiting, Kind::Pod, &other, &NONE)
    };
    assert!(gone("a", 80));
    assert!(!gone("a", 81), "another port");
    assert!(!gone("", 80), "it was on no node");
    assert!(wakes("NodePorts", &waiting, Kind::Node, &NONE, &node(json!({}), json!({}), json!({}))));
}

#[test]
fn node_unschedulable_and_taints_hear_of_nodes_that_open_and_tolerations_that_come() {
    let waiting = pod("waiting", json!({}));
    let cordoned = |yes: bool| node(json!({}), json!({ "unschedulable": yes }), json!({}));
    let of = |old: &Value, new: &Value| wakes("NodeUnschedulable", &waiting, Kind::Node, old, new);
    assert!(of(&cordoned(true), &cordoned(false)));
    assert!(!of(&cordoned(false), &cordoned(true)));
    assert!(of(&NONE, &cordoned(false)) && !of(&NONE, &cordoned(true)));
    let tolerating = |key: &str| pod("waiting", json!({ "tolerations": [{ "key": key, "operator": "Exists" }] }));
    let of = |plugin: &str, new: &Value| wakes(plugin, &waiting, Kind::Pod, &waiting, new);
    assert!(of("NodeUnschedulable", &tolerating("node.kubernetes.io/unschedulable")));
    assert!(!of("NodeUnschedulable", &tolerating("other")), "an unrelated toleration");
    assert!(of("TaintToleration", &tolerating("other")), "any toleration, as upstream");
    let tainted = |value: &str| {
        node(json!({}), json!({ "taints": [{ "key": "k", "value": value, "effect": "NoSchedule" }] }), json!({}))
    };
    let open = node(json!({}), json!({}), json!({}));
    let of = |old: &Value, new: &Value| wakes("TaintToleration", &waiting, Kind::Node, old, new);
    assert!(of(&tainted("a"), &open) && of(&NONE, &open));
    assert!(!of(&tainted("a"), &tainted("b")) && !of(&open, &tainted("a")));
}

#[test]
fn node_affinity_hears_of_labels_that_suit() {
    let waiting = pod("waiting", json!({ "nodeSelector": { "disk": "ssd" } }));
    let disk = |value: &str| node(json!({ "disk": value }), json!({}), json!({}));
    let of = |old: &Value, new: &Value| wakes("NodeAffinity", &waiting, Kind::Node, old, new);
    assert!(of(&disk("hdd"), &disk("ssd")) && of(&NONE, &disk("ssd")));
    assert!(!of(&disk("ssd"), &disk("hdd")) && !of(&NONE, &disk("hdd")));
    let mut more = disk("ssd");
    more["metadata"]["labels"]["other"] = json!("x");
    assert!(!of(&disk("ssd"), &more), "it suited before");
}

#[test]
fn pod_topology_spread_hears_of_what_changes_the_skew() {
    let constraint = |policy: &str| {
        json!([{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": policy,
            "labelSelector": { "matchLabels": { "app": "web" } },
        }])
    };
    let spread = |policy: &str, tolerations: Value| {
        pod("waiting", json!({ "topologySpreadConstraints": constraint(policy), "tolerations": tolerations }))
    };
    let waiting = spread("Ignore", json!([]));
    let of = |old: &Value, new: &Value| wakes("PodTopologySpread", &waiting, Kind::Pod, old, new);
    let other = |node: &str, app: &str| labelled("other", json!({ "app": app }), json!({ "nodeName": node }));
    assert!(of(&NONE, &other("a", "web")) && of(&other("a", "web"), &NONE));
    assert!(!of(&NONE, &other("a", "db")) && !of(&other("a", "db"), &NONE), "its selector does not see it");
    assert!(!of(&other("", "web"), &NONE), "it was on no node");
    assert!(of(&other("a", "db"), &other("a", "web")) && of(&other("a", "web"), &other("a", "db")));
    assert!(!of(&other("a", "db"), &other("a", "cache")));
    let mut elsewhere = other("a", "web");
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    assert!(!of(&NONE, &elsewhere), "another namespace");
    let zone = |zone: &str, taint: &str| {
        let taints = if taint.is_empty() { json!([]) } else { json!([{ "key": taint, "effect": "NoSchedule" }]) };
        node(json!({ "zone": zone }), json!({ "taints": taints }), json!({}))
    };
    let bare = node(json!({ "other": "x" }), json!({}), json!({}));
    let of = |old: &Value, new: &Value| wakes("PodTopologySpread", &waiting, Kind::Node, old, new);
    assert!(of(&NONE, &zone("a", "")) && of(&zone("a", ""), &NONE));
    assert!(!of(&NONE, &bare) && !of(&bare, &NONE));
    assert!(of(&zone("a", ""), &zone("b", "")) && of(&bare, &zone("a", "")) && of(&zone("a", ""), &bare));
    assert!(of(&zone("a", "k"), &zone("a", "")), "its taints");
    let tolerating = json!([{ "operator": "Exists" }]);
    let itself = |policy: &str| {
        let (old, new) = (spread(policy, json!([])), spread(policy, tolerating.clone()));
        wakes("PodTopologySpread", &old, Kind::Pod, &old, &new)
    };
    assert!(itself("Honor") && !itself("Ignore"), "tolerations count where taints do");
}

#[test]
fn inter_pod_affinity_hears_of_friends_that_come_and_foes_that_go() {
    let term = |app: &str| json!([{ "topologyKey": "zone", "labelSelector": { "matchLabels": { "app": app } } }]);
    let waiting = labelled(
        "waiting",
        json!({ "app": "web" }),
        json!({ "affinity": {
        "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": term("friend") },
        "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": term("foe") },
    } }),
    );
    let of = |old: &Value, new: &Value| wakes("InterPodAffinity", &waiting, Kind::Pod, old, new);
    let other = |node: &str, app: &str| labelled("other", json!({ "app": app }), json!({ "nodeName": node }));
    assert!(of(&NONE, &other("a", "friend")) && !of(&NONE, &other("a", "foe")) && !of(&NONE, &other("a", "nobody")));
    assert!(of(&other("a", "foe"), &NONE) && !of(&other("a", "friend"), &NONE) && !of(&other("", "foe"), &NONE));
    assert!(of(&other("a", "nobody"), &other("a", "friend")) && of(&other("a", "foe"), &other("a", "nobody")));
    assert!(!of(&other("a", "friend"), &other("a", "nobody")) && !of(&other("a", "nobody"), &other("a", "foe")));
    let wary = labelled(
        "wary",
        json!({}),
        json!({ "nodeName": "a", "affinity": {
        "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": term("web") },
    } }),
    );
    assert!(of(&wary, &NONE), "the pod that wanted it away is gone");
    let mut twice = waiting.clone();
    let anti = &mut twice["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    anti.as_array_mut().expect("a list").push(term("rival")[0].clone());
    let gone = |app: &str| wakes("InterPodAffinity", &twice, Kind::Pod, &other("a", app), &NONE);
    assert!(!gone("foe") && !gone("rival"), "one of two terms is not enough, as upstream up to 1.36");
    let of = |new: &Value| wakes("InterPodAffinity", &waiting, Kind::Node, &NONE, new);
    assert!(of(&node(json!({ "zone": "a" }), json!({}), json!({}))));
    assert!(!of(&node(json!({ "rack": "a" }), json!({}), json!({}))));
}

#[test]
fn gates_and_names() {
    let gated = pod("waiting", json!({ "schedulingGates": [{ "name": "a" }, { "name": "b" }] }));
    let fewer = pod("waiting", json!({ "schedulingGates": [{ "name": "a" }] }));
    let free = pod("waiting", json!({}));
    assert!(wakes("SchedulingGates", &gated, Kind::Pod, &gated, &free));
    assert!(!wakes("SchedulingGates", &gated, Kind::Pod, &gated, &fewer), "not before the last is gone");
    let bare = node(json!({}), json!({}), json!({}));
    assert!(wakes("NodeName", &free, Kind::Node, &NONE, &bare));
    assert!(!wakes("DefaultPreemption", &free, Kind::Pod, &pod("other", json!({ "nodeName": "a" })), &NONE));
}

#[test]
fn volume_plugins_hear_of_claims_volumes_and_classes() {
    let volume = |claim: &str| json!([{ "name": "v", "persistentVolumeClaim": { "claimName": claim } }]);
    let waiting = pod("waiting", json!({ "volumes": volume("mine") }));
    let claim = |name: &str, namespace: &str, volume: &str| json!({ "metadata": { "name": name, "namespace": namespace }, "spec": { "volumeName": volume } });
    let of = |plugin: &str, old: &Value, new: &Value| wakes(plugin, &waiting, Kind::PersistentVolumeClaim, old, new);
    for plugin in ["VolumeBinding", "VolumeZone", "VolumeRestrictions", "NodeVolumeLimits"] {
        assert!(of(plugin, &NONE, &claim("mine", "default", "")), "{plugin}: its claim came");
        assert!(!of(plugin, &NONE, &claim("other", "default", "")), "{plugin}: another's claim came");
        assert!(!of(plugin, &NONE, &claim("mine", "other", "")), "{plugin}: one of another namespace came");
        let bound = of(plugin, &claim("mine", "default", ""), &claim("mine", "default", "v"));
        assert_eq!(bound, matches!(plugin, "VolumeBinding" | "VolumeZone"), "{plugin}: its claim was bound");
    }
    let labelled = |zone: &str| json!({ "metadata": { "name": "v", "labels": { "topology.kubernetes.io/zone": zone } }, "spec": {} });
    let of = |plugin: &str, old: &Value, new: &Value| wakes(plugin, &waiting, Kind::PersistentVolume, old, new);
    assert!(of("VolumeBinding", &labelled("a"), &labelled("a")) && of("VolumeZone", &NONE, &labelled("a")));
    assert!(of("VolumeZone", &labelled("a"), &labelled("b")) && !of("VolumeZone", &labelled("a"), &labelled("a")));
    let class = |mode: &str, zones: Value| json!({ "metadata": { "name": "c" }, "provisioner": "p", "volumeBindingMode": mode, "allowedTopologies": zones });
    let zones = json!([{ "matchLabelExpressions": [{ "key": "zone", "values": ["a"] }] }]);
    let (wait, now) = (class("WaitForFirstConsumer", json!([])), class("Immediate", json!([])));
    let of = |plugin: &str, old: &Value, new: &Value| wakes(plugin, &waiting, Kind::StorageClass, old, new);
    assert!(of("VolumeZone", &NONE, &wait) && !of("VolumeZone", &NONE, &now) && of("VolumeBinding", &NONE, &now));
    assert!(of("VolumeBinding", &now, &class("Immediate", zones)) && !of("VolumeBinding", &now, &now));
    let gone = |plugin: &str, node: &str, claim: &str| {
        let other = pod("other", json!({ "nodeName": node, "volumes": volume(claim) }));
        wakes(plugin, &waiting, Kind::Pod, &other, &NONE)
    };
    assert!(gone("VolumeRestrictions", "a", "mine") && !gone("VolumeRestrictions", "a", "other"));
    assert!(gone("NodeVolumeLimits", "a", "other") && !gone("NodeVolumeLimits", "", "other"));
    let attachment = json!({
        "metadata": { "name": "a" },
        "spec": { "attacher": "d", "nodeName": "n", "source": { "persistentVolumeName": "v" } },
    });
    assert!(wakes("NodeVolumeLimits", &waiting, Kind::VolumeAttachment, &attachment, &NONE));
}
