//! Claims and volumes in a cluster: bound, attached, mounted, moved, released; and what is told of it.

#[path = "common/session.rs"]
mod session;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kubarium::api::{Kind, ObjectKey};
use kubarium::cluster::{Command, Config, Session, storage};
use kubarium::sim::Record;
use session::{LIMIT, pass, run};

/// A claim of the default class.
const CLAIM: &str = r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
"#;

/// A pod on a node that runs `command` with the claim at /data.
fn pod(name: &str, node: &str, command: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{ name: {name} }}
spec:
  nodeSelector: {{ kubernetes.io/hostname: {node} }}
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "{command}"]
    volumeMounts: [{{ name: data, mountPath: /data }}]
  volumes:
  - name: data
    persistentVolumeClaim: {{ claimName: data }}
"#
    )
}

fn claim(session: &Session, name: &str) -> PersistentVolumeClaim {
    let found = session.object(Kind::PersistentVolumeClaim, &ObjectKey::new("default", name));
    found.unwrap_or_else(|| panic!("there is no claim {name}")).expect::<PersistentVolumeClaim>().clone()
}

fn told(session: &Session, name: &str) -> String {
    let found = session.object(Kind::PersistentVolumeClaim, &ObjectKey::new("default", name));
    storage::told(session.world(), &found.expect("the claim is there"))
}

/// Reason and message of every event about an object of that kind and name.
fn events(session: &mut Session, about: &str) -> Vec<String> {
    let (kind, name) = about.split_once('/').expect("Kind/name");
    let line = format!(
        "kubectl get events --field-selector=involvedObject.kind={kind},involvedObject.name={name} \
         -o jsonpath='{{range .items[*]}}{{.reason}}: {{.message}}{{\"\\n\"}}{{end}}'"
    );
    run(session, &line, "").lines().map(str::to_owned).collect()
}

#[track_caller]
fn says(session: &mut Session, about: &str, wanted: &str) {
    let all = events(session, about);
    assert!(all.iter().any(|event| event.starts_with(wanted)), "{about} says {all:#?}, not {wanted}");
}

#[test]
fn what_a_pod_writes_is_read_by_the_next_on_another_node() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", CLAIM);
    run(&mut session, "kubectl apply -f -", &pod("writer", "node-a", "echo hello > /data/a; sleep 1000"));
    run(&mut session, "kubectl wait pod/writer --for=condition=Ready --timeout=60s", "");
    says(
        &mut session,
        "PersistentVolumeClaim/data",
        "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'disk.csi.kubarium.io'",
    );
    says(&mut session, "PersistentVolumeClaim/data", "ProvisioningSucceeded: Successfully provisioned volume pvc-");
    says(&mut session, "Pod/writer", "SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume \"pvc-");
    let volume = claim(&session, "data").spec.and_then(|spec| spec.volume_name).expect("it is bound");
    let node = run(
        &mut session,
        "kubectl get node node-a -o jsonpath='{.status.volumesAttached[*].name} {.status.volumesInUse}'",
        "",
    );
    let unique = format!("kubernetes.io/csi/disk.csi.kubarium.io^{volume}");
    assert_eq!(node.trim(), format!("{unique} [\"{unique}\"]"));
    assert_eq!(storage::attached_to(session.world(), "node-a").len(), 1);
    assert_eq!(told(&session, "data"), format!("It has volume {volume}, attached to node-a."));

    // A second pod on another node has to wait: the volume is one node's at a time.
    run(&mut session, "kubectl apply -f -", &pod("reader", "node-b", "cat /data/a; sleep 1000"));
    pass(&mut session, 60);
    let words = format!(
        "FailedAttachVolume: Multi-Attach error for volume \"{volume}\" Volume is already used by pod(s) writer"
    );
    says(&mut session, "Pod/reader", &words);
    assert_eq!(run(&mut session, "kubectl get pod reader -o jsonpath={.status.phase}", "").trim(), "Pending");
    run(&mut session, "kubectl delete pod writer", "");
    run(&mut session, "kubectl wait pod/reader --for=condition=Ready --timeout=60s", "");
    assert_eq!(run(&mut session, "kubectl logs reader", ""), "hello\n");
    let attachments = run(&mut session, "kubectl get volumeattachments -o jsonpath='{.items[*].spec.nodeName}'", "");
    assert_eq!(attachments.trim(), "node-b");

    // A claim in use is not deleted, and its volume goes when it does.
    run(&mut session, "kubectl delete pvc data --wait=false", "");
    pass(&mut session, 10);
    assert!(claim(&session, "data").metadata.deletion_timestamp.is_some());
    run(&mut session, "kubectl delete pod reader", "");
    pass(&mut session, 60);
    assert!(session.objects(Kind::PersistentVolumeClaim).is_empty());
    assert!(session.objects(Kind::VolumeAttachment).is_empty());
    assert!(session.objects(Kind::PersistentVolume).is_empty());
}

#[test]
fn a_volume_made_by_hand_is_bound_by_size_class_and_access() {
    let mut session = Session::ready(Config::default());
    let volume = |name: &str, size: &str, class: &str, mode: &str| {
        format!(
            "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{ name: {name} }}\nspec:\n  storageClassName: \
             {class}\n  capacity: {{ storage: {size} }}\n  accessModes: [{mode}]\n  hostPath: {{ path: /mnt/{name} }}\n"
        )
    };
    let all = [
        volume("a-small", "1Gi", "manual", "ReadWriteOnce"),
        volume("b-large", "20Gi", "manual", "ReadWriteOnce"),
        volume("c-fits", "10Gi", "manual", "ReadWriteOnce"),
        volume("d-other", "3Gi", "other", "ReadWriteOnce"),
        volume("e-many", "3Gi", "manual", "ReadOnlyMany"),
    ];
    run(&mut session, "kubectl apply -f -", &all.concat());
    pass(&mut session, 2);
    let phases = run(&mut session, "kubectl get pv -o jsonpath='{.items[*].status.phase}'", "");
    assert_eq!(phases.trim(), "Available Available Available Available Available");
    let asks = |class: &str| {
        CLAIM.replace("1Gi", "3Gi").replace("accessModes", &format!("storageClassName: \"{class}\"\n  accessModes"))
    };
    run(&mut session, "kubectl apply -f -", &asks("manual"));
    pass(&mut session, 2);
    let own = claim(&session, "data");
    assert_eq!(own.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()), Some("c-fits"));
    let capacity = own.status.and_then(|status| status.capacity).expect("it has a capacity");
    assert_eq!(capacity["storage"].0, "10Gi");
    run(&mut session, "kubectl delete pvc data", "");
    pass(&mut session, 2);
    let kept = session.object(Kind::PersistentVolume, &ObjectKey::new("", "c-fits")).expect("it is kept");
    let status = kept.expect::<PersistentVolume>().status.clone().unwrap_or_default();
    assert_eq!(status.phase.as_deref(), Some("Released"));

    // What is kept for a claim that is gone is nobody's; the next larger one is taken.
    run(&mut session, "kubectl apply -f -", &asks("manual"));
    pass(&mut session, 2);
    assert_eq!(claim(&session, "data").spec.and_then(|spec| spec.volume_name).as_deref(), Some("b-large"));
}

#[test]
fn a_claim_that_nobody_can_bind_says_why() {
    let mut session = Session::ready(Config::default());
    let asks = |name: &str, class: &str| {
        CLAIM
            .replace("name: data", &format!("name: {name}"))
            .replace("accessModes", &format!("storageClassName: \"{class}\"\n  accessModes"))
    };
    run(&mut session, "kubectl apply -f -", &asks("none", ""));
    run(&mut session, "kubectl apply -f -", &asks("missing", "gold"));
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: { name: local }\nprovisioner: \
                 kubernetes.io/no-provisioner\nvolumeBindingMode: WaitForFirstConsumer\n";
    run(&mut session, "kubectl apply -f -", class);
    run(&mut session, "kubectl apply -f -", &asks("later", "local"));
    pass(&mut session, 40);
    let none = "FailedBinding: no persistent volumes available for this claim and no storage class is set";
    says(&mut session, "PersistentVolumeClaim/none", none);
    says(
        &mut session,
        "PersistentVolumeClaim/missing",
        "ProvisioningFailed: storageclass.storage.k8s.io \"gold\" not found",
    );
    let later = "WaitForFirstConsumer: waiting for first consumer to be created before binding";
    says(&mut session, "PersistentVolumeClaim/later", later);
    let described = run(&mut session, "kubectl describe pvc none", "");
    assert!(described.contains("(x4 over "), "it is said again every 15 s: {described}");
    assert_eq!(
        told(&session, "missing"),
        "There is no StorageClass gold that would make a volume for it: a PersistentVolume of class gold with 1Gi or \
         more and access RWO would be bound to it."
    );
    assert!(told(&session, "later").starts_with("It waits for its first consumer: class local"));
}

#[test]
fn a_pod_that_names_a_claim_which_is_not_there_waits_for_it() {
    let mut session = Session::ready(Config::default());
    // Past the scheduler: what the kubelet says.
    let text = pod("early", "node-a", "sleep 1000").replace("restartPolicy", "nodeName: node-a\n  restartPolicy");
    run(&mut session, "kubectl apply -f -", &text);
    pass(&mut session, 10);
    says(
        &mut session,
        "Pod/early",
        "FailedMount: Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to \
         process volumes=[data]: error processing PVC default/data: failed to fetch PVC from API server: \
         persistentvolumeclaims \"data\" not found",
    );
    // A class that waits for the scheduler would wait for ever: this pod has a node already.
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: { name: now }\nprovisioner: \
                 disk.csi.kubarium.io\n";
    run(&mut session, "kubectl apply -f -", class);
    let text = CLAIM.replace("accessModes", "storageClassName: now\n  accessModes");
    run(&mut session, "kubectl apply -f -", &text);
    run(&mut session, "kubectl wait pod/early --for=condition=Ready --timeout=120s", "");
}

#[test]
fn a_claim_grows_while_its_pod_runs() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", CLAIM);
    run(&mut session, "kubectl apply -f -", &pod("user", "node-a", "sleep 1000"));
    run(&mut session, "kubectl wait pod/user --for=condition=Ready --timeout=60s", "");
    let patch = "kubectl patch pvc data -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"5Gi\"}}}}'";
    run(&mut session, patch, "");
    pass(&mut session, 10);
    let own = claim(&session, "data");
    let status = own.status.expect("it has a status");
    assert_eq!(status.capacity.expect("it has a capacity")["storage"].0, "5Gi");
    assert!(status.conditions.unwrap_or_default().is_empty());
    for event in [
        "ExternalExpanding: waiting for an external controller to expand this PVC",
        "Resizing: External resizer is resizing volume pvc-",
        "FileSystemResizeRequired: Require file system resize of volume on node",
    ] {
        says(&mut session, "PersistentVolumeClaim/data", event);
    }
    says(
        &mut session,
        "Pod/user",
        "FileSystemResizeSuccessful: MountVolume.NodeExpandVolume succeeded for volume \"pvc-",
    );
    let shrunk = session.kubectl(&patch.replace("5Gi", "1Gi"), "", LIMIT);
    assert!(shrunk.stderr.contains("field can not be less than status.capacity"), "{}", shrunk.stderr);
    let fixed = CLAIM.replace("accessModes", "storageClassName: standard\n  volumeName: none\n  accessModes");
    let refused = session.kubectl("kubectl apply -f -", &fixed, LIMIT);
    assert!(refused.stderr.contains("spec is immutable after creation"), "{}", refused.stderr);
}

/// Until the pod of that name is Ready, in seconds.
fn until_ready(session: &mut Session, name: &str, limit: u64) -> u64 {
    let line = format!("kubectl get pod {name} -o jsonpath='{{.status.conditions[?(@.type==\"Ready\")].status}}'");
    let begin = session.now();
    loop {
        let seconds = (session.now() - begin).as_secs();
        assert!(seconds < limit, "{name} is not ready after {limit} s");
        if session.kubectl(&line, "", LIMIT).stdout.trim() == "True" {
            return seconds;
        }
        pass(session, 1);
    }
}

#[test]
fn a_volume_is_taken_from_a_node_that_is_off() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", CLAIM);
    run(&mut session, "kubectl apply -f -", &pod("lost", "node-a", "echo kept > /data/a; sleep 1000"));
    run(&mut session, "kubectl wait pod/lost --for=condition=Ready --timeout=60s", "");
    session.apply(Command::PowerOff { node: "node-a".to_owned() });
    pass(&mut session, 90);
    run(&mut session, "kubectl delete pod lost --force --grace-period=0", "");
    run(&mut session, "kubectl apply -f -", &pod("next", "node-b", "cat /data/a; sleep 1000"));
    let seconds = until_ready(&mut session, "next", 500);
    assert!((360..400).contains(&seconds), "forced after six minutes, not after {seconds} s");
    assert_eq!(run(&mut session, "kubectl logs next", ""), "kept\n");
}

#[test]
fn a_node_that_is_said_to_be_off_lets_go_at_once() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", CLAIM);
    run(&mut session, "kubectl apply -f -", &pod("lost", "node-a", "echo kept > /data/a; sleep 1000"));
    run(&mut session, "kubectl wait pod/lost --for=condition=Ready --timeout=60s", "");
    session.apply(Command::PowerOff { node: "node-a".to_owned() });
    pass(&mut session, 90);
    run(&mut session, "kubectl taint node node-a node.kubernetes.io/out-of-service=nodeshutdown:NoExecute", "");
    run(&mut session, "kubectl delete pod lost --force --grace-period=0", "");
    run(&mut session, "kubectl apply -f -", &pod("next", "node-b", "cat /data/a; sleep 1000"));
    assert!(until_ready(&mut session, "next", 60) < 40);
    assert_eq!(run(&mut session, "kubectl logs next", ""), "kept\n");
}

/// A set whose pods count how often they started, each on its own volume.
const SET: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, "echo start >> /data/log; cat /data/log; sleep 100000"]
        volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
  - metadata: { name: data }
    spec:
      accessModes: [ReadWriteOnce]
      resources: { requests: { storage: 1Gi } }
"#;

#[test]
fn the_pods_of_a_set_find_their_data_again() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", SET);
    run(&mut session, "kubectl rollout status sts/db --timeout=120s", "");
    run(&mut session, "kubectl scale sts db --replicas=1", "");
    pass(&mut session, 60);
    assert_eq!(session.objects(Kind::Pod).len(), 1);
    assert_eq!(session.objects(Kind::PersistentVolumeClaim).len(), 2, "the claim of the pod that went stays");
    assert_eq!(session.objects(Kind::VolumeAttachment).len(), 1, "and its volume is attached to no node");
    run(&mut session, "kubectl scale sts db --replicas=2", "");
    pass(&mut session, 60);
    assert_eq!(run(&mut session, "kubectl logs db-1", ""), "start\nstart\n");
    assert_eq!(run(&mut session, "kubectl logs db-0", ""), "start\n");
    // By policy the claims go with the set.
    let policy =
        "kubectl patch sts db -p '{\"spec\":{\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Delete\"}}}'";
    run(&mut session, policy, "");
    pass(&mut session, 10);
    run(&mut session, "kubectl delete sts db", "");
    pass(&mut session, 90);
    assert!(session.objects(Kind::PersistentVolumeClaim).is_empty());
    assert!(session.objects(Kind::PersistentVolume).is_empty());
}

#[test]
fn an_ephemeral_volume_comes_and_goes_with_its_pod() {
    let mut session = Session::ready(Config::default());
    let text = pod("own", "node-a", "echo a > /data/a; sleep 1000").replace(
        "persistentVolumeClaim: { claimName: data }",
        "ephemeral: { volumeClaimTemplate: { spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: \
         1Gi } } } } }",
    );
    run(&mut session, "kubectl apply -f -", &text);
    run(&mut session, "kubectl wait pod/own --for=condition=Ready --timeout=60s", "");
    assert_eq!(claim(&session, "own-data").metadata.owner_references.map_or(0, |owners| owners.len()), 1);
    run(&mut session, "kubectl delete pod own", "");
    pass(&mut session, 60);
    assert!(session.objects(Kind::PersistentVolumeClaim).is_empty());
    assert!(session.objects(Kind::PersistentVolume).is_empty());
}

#[test]
fn a_cluster_without_volumes_says_nothing_of_them() {
    let mut session = Session::ready(Config::default());
    pass(&mut session, 60);
    let driver = session.process("csi-driver").expect("the driver is there");
    let since = session.now();
    pass(&mut session, 600);
    let messages = session.world().kernel().trace().records().iter().filter_map(|record| match record {
        Record::Sent(envelope) if envelope.sent > since => Some(envelope),
        _ => None,
    });
    // The server's bookmarks, one a minute for each watch, are all it hears.
    let about = messages.filter(|envelope| envelope.from == driver).count();
    assert_eq!(about, 0, "the driver says nothing in ten idle minutes");
}

/// A directory of a node that is scrubbed when its claim has gone, and a volume that nobody can scrub.
const RECYCLED: &str = r#"
apiVersion: v1
kind: PersistentVolume
metadata: { name: old }
spec:
  capacity: { storage: 3Gi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Recycle
  storageClassName: manual
  hostPath: { path: /mnt/old }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  storageClassName: manual
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
"#;

#[test]
fn a_volume_is_recycled_by_a_pod_that_scrubs_it() {
    let mut session = Session::ready(Config { nodes: 1, ..Config::default() });
    run(&mut session, "kubectl apply -f -", RECYCLED);
    run(&mut session, "kubectl apply -f -", &pod("writer", "node-a", "echo secret > /data/x; mkdir /data/y; sleep 5"));
    pass(&mut session, 20);
    run(&mut session, "kubectl delete pod writer", "");
    run(&mut session, "kubectl delete pvc data", "");
    let mut recycler = None;
    for _ in 0..30 {
        pass(&mut session, 1);
        recycler = recycler.or(session.object(Kind::Pod, &ObjectKey::new("default", "recycler-for-old")));
    }
    let recycler = recycler.unwrap_or_else(|| panic!("{}", run(&mut session, "kubectl describe pv old", "")));
    let spec = recycler.to_value()["spec"].clone();
    assert_eq!(spec["activeDeadlineSeconds"], 90, "30 s for each GiB");
    assert_eq!(spec["volumes"][0]["hostPath"]["path"], "/mnt/old");
    pass(&mut session, 60);
    assert!(session.object(Kind::Pod, &ObjectKey::new("default", "recycler-for-old")).is_none(), "it is done");
    says(&mut session, "PersistentVolume/old", "VolumeRecycled: Volume recycled");
    let volume = session.object(Kind::PersistentVolume, &ObjectKey::new("", "old")).expect("it stays");
    let volume: &PersistentVolume = volume.expect();
    assert_eq!(volume.status.as_ref().and_then(|status| status.phase.as_deref()), Some("Available"));
    assert!(volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_none()));
    let claim = RECYCLED.split("---").last().expect("the claim");
    run(&mut session, "kubectl apply -f -", claim);
    run(&mut session, "kubectl apply -f -", &pod("reader", "node-a", "ls /data; echo end"));
    pass(&mut session, 20);
    assert_eq!(run(&mut session, "kubectl logs reader", ""), "end\n", "nothing is left of what was there");
}

#[test]
fn a_block_device_is_a_file_that_keeps_what_is_written_to_it() {
    let mut session = Session::ready(Config { nodes: 2, ..Config::default() });
    let block = CLAIM.replace("accessModes", "volumeMode: Block\n  accessModes");
    run(&mut session, "kubectl apply -f -", &block);
    let device = |name: &str, node: &str, command: &str| {
        let mounts = "volumeMounts: [{ name: data, mountPath: /data }]";
        pod(name, node, command).replace(mounts, "volumeDevices: [{ name: data, devicePath: /dev/xvda }]")
    };
    run(&mut session, "kubectl apply -f -", &device("one", "node-a", "[ -d /dev/xvda ] || echo kept > /dev/xvda"));
    pass(&mut session, 30);
    run(&mut session, "kubectl delete pod one", "");
    run(&mut session, "kubectl apply -f -", &device("two", "node-b", "cat /dev/xvda"));
    pass(&mut session, 60);
    assert_eq!(run(&mut session, "kubectl logs two", ""), "kept\n");
    run(&mut session, "kubectl delete pod two", "");
    // It has no file system that could be mounted.
    run(&mut session, "kubectl apply -f -", &pod("three", "node-b", "ls /data"));
    pass(&mut session, 200);
    let said = events(&mut session, "Pod/three").join("\n");
    assert!(
        said.contains("FailedMount")
            && said.contains("volume data has volumeMode Block, but is specified in volumeMounts"),
        "{said}"
    );
}
