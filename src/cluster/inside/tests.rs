//! The insides of a cluster in which something is going on.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Command, Config, Session, message_label};
use crate::sim::Record;

use super::*;

const TOO_BIG: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: big}
spec:
  replicas: 2
  selector: {matchLabels: {app: big}}
  template:
    metadata: {labels: {app: big}}
    spec:
      containers:
      - {name: big, image: nginx, resources: {requests: {cpu: '64'}}}
";

const WEB: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  initContainers:
  - {name: first, image: busybox, command: [sh, -c, 'exit 0']}
  containers:
  - name: web
    image: nginx
    env: [{name: COLOR, value: green}]
    readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 2}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes: [{name: scratch, emptyDir: {}}]
";

fn session() -> Session {
    Session::ready(Config::default())
}

fn kubectl(session: &mut Session, line: &str, stdin: &str) {
    let view = session.kubectl(line, stdin, Duration::from_secs(30));
    assert_eq!(view.code, Some(0), "{line}: {}", view.stderr);
}

fn run(session: &mut Session, seconds: u64) {
    let until = session.now() + Duration::from_secs(seconds);
    session.run_until(until);
}

fn sheet<'a>(sheets: &'a [Sheet], title: &str) -> &'a Sheet {
    let found = sheets.iter().find(|sheet| sheet.title == title);
    found
        .unwrap_or_else(|| panic!("no {title} among {:?}", sheets.iter().map(|sheet| &sheet.title).collect::<Vec<_>>()))
}

#[track_caller]
fn plain(session: &mut Session, place: &Place) -> Plain {
    match session.inside(place, &Look::default()) {
        Inside::Plain(plain) => plain,
        other => panic!("{place:?} is {other:?}"),
    }
}

#[track_caller]
fn etcd(session: &mut Session, look: &Look) -> EtcdInside {
    match session.inside(&Place::Etcd, look) {
        Inside::Etcd(etcd) => etcd,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_unschedulable_queue_names_the_pod_the_reason_and_what_would_have_made_it_fit() {
    let mut session = session();
    kubectl(&mut session, "kubectl apply -f -", TOO_BIG);
    run(&mut session, 3);
    let Inside::Scheduler(inside) = session.inside(&Place::Scheduler, &Look::default()) else { panic!("no scheduler") };
    let queue = &inside.queues[2];
    assert_eq!((queue.name, queue.total), ("unschedulablePods", 2));
    let pod = &queue.pods[0];
    assert!(pod.name.starts_with("default/big-"), "{}", pod.name);
    assert!(pod.why.contains("3 Insufficient cpu"), "{}", pod.why);
    assert!(pod.remedy.contains("more cpu (64000m asked"), "{}", pod.remedy);
    assert_eq!(pod.attempts, 1);
    let decision = inside.decision.expect("the last attempt");
    assert_eq!(decision.chosen(), None);
    assert_eq!(inside.asks, "cpu 64");
    assert_eq!((inside.refused, inside.why_not.len()), (3, 3));
    assert_eq!(inside.why_not[0].plugin, "NodeResourcesFit");
    assert_eq!(inside.why_not[0].message, "Insufficient cpu");
    let older = inside.decisions[1].0;
    let look = Look { chosen: Some(older), ..Look::default() };
    let Inside::Scheduler(inside) = session.inside(&Place::Scheduler, &look) else { panic!("no scheduler") };
    assert_eq!(inside.decision.map(|decision| decision.id), Some(older));
}

#[test]
fn etcd_shows_a_key_with_its_versions_and_their_difference() {
    let mut session = session();
    kubectl(&mut session, "kubectl create configmap colours --from-literal=sky=blue", "");
    kubectl(&mut session, "kubectl label configmap colours shade=dark", "");
    let key: Arc<str> = Arc::from("/registry/configmaps/default/colours");
    let inside = etcd(&mut session, &Look { key: Some(key.clone()), ..Look::default() });
    let view = inside.key.expect("the key is there");
    let whats: Vec<&str> = view.versions.iter().map(|version| version.what).collect();
    assert_eq!(whats, ["changed", "created"]);
    let (older, newer) = view.between.expect("two versions");
    assert_eq!((view.versions[1].revision, view.versions[0].revision), (older, newer));
    let of =
        |side| view.difference.iter().filter(|line| line.side == side).map(|line| line.text.trim()).collect::<Vec<_>>();
    assert_eq!(of(Side::Added), ["labels:", "shade: dark"]);
    assert!(of(Side::Removed).is_empty());
    assert!(view.value.contains("sky: blue"));

    kubectl(&mut session, "kubectl delete configmap colours", "");
    let inside = etcd(&mut session, &Look { key: Some(key.clone()), ..Look::default() });
    let view = inside.key.expect("its history is there");
    assert_eq!(view.versions[0].what, "deleted");
    assert_eq!((view.value.as_str(), view.total), ("", 3));
    assert!(view.difference.iter().all(|line| line.side == Side::Removed), "all of it went");
    let look = Look { key: Some(key), between: Some((older, newer)), ..Look::default() };
    assert_eq!(etcd(&mut session, &look).key.and_then(|view| view.between), Some((older, newer)));
}

#[test]
fn the_tree_of_keys_opens_by_prefix_and_is_bounded() {
    let mut session = session();
    let names: String =
        (0..150).map(|n| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n:03}}}\n")).collect();
    kubectl(&mut session, "kubectl apply -f -", &names);
    let closed = etcd(&mut session, &Look::default());
    assert_eq!((closed.tree[0].name.as_str(), closed.tree[0].open), ("/registry/", true));
    let maps = closed.tree.iter().find(|branch| branch.name == "configmaps/").expect("configmaps");
    assert!(!maps.open && maps.depth == 1 && maps.keys >= 150, "{maps:?}");
    assert_eq!(closed.tree[0].keys, session.world().etcd().store().iter_prefix("/registry/").count());
    let open = vec!["/registry/configmaps/".to_owned(), "/registry/configmaps/default/".to_owned()];
    let opened = etcd(&mut session, &Look { open, ..Look::default() });
    let leaves = opened.tree.iter().filter(|branch| branch.leaf.is_some()).count();
    assert_eq!(leaves, 100);
    let more = opened.tree.iter().find(|branch| branch.more > 0).expect("the rest is counted");
    assert!(more.more >= 50 && more.depth == 3);
    let found = etcd(&mut session, &Look { find: "default/c14".to_owned(), ..Look::default() });
    assert_eq!(found.tree.len(), 10);
    assert_eq!(&*found.tree[0].path, "/registry/configmaps/default/c140");
}

#[test]
fn the_pipeline_shows_what_each_stage_said_of_a_request() {
    let mut session = session();
    kubectl(&mut session, "kubectl apply -f -", WEB);
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &Look::default()) else { panic!("no server") };
    let post = inside.asked.iter().find(|asked| asked.what == "POST pods default/web").expect("the request");
    assert_eq!((post.answer.as_str(), &*post.client, post.bad), ("201", "kubectl", false));
    let look = Look { chosen: Some(post.id.0), ..Look::default() };
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &look) else { panic!("no server") };
    let names: Vec<&str> = inside.stages.iter().map(|stage| stage.name).collect();
    assert_eq!(&names[..4], ["authentication", "audit", "priority and fairness", "authorization"]);
    let stage = |name: &str| inside.stages.iter().find(|stage| stage.name == name).expect("a stage");
    let said: Vec<&str> = stage("mutating admission").said.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(
        said,
        [
            "NamespaceLifecycle: admits it",
            "LimitRanger: admits it",
            "ServiceAccount: admits it with changes",
            "Priority: admits it with changes",
            "DefaultTolerationSeconds: admits it with changes",
            "DefaultStorageClass: not concerned",
            "StorageObjectInUseProtection: not concerned",
            "ResourceQuota: not concerned",
        ]
    );
    assert_eq!(stage("authentication").said[0].0, "kubernetes-admin");
    assert!(!stage("etcd").took.is_empty() && stage("watch cache").took.is_empty());
    let revision =
        session.world().etcd().store().versions("/registry/pods/default/web").last().map(|event| event.kv.mod_revision);
    assert_eq!(inside.end, format!("Answered with 201: stored at revision {}.", revision.expect("it is stored")));
}

#[test]
fn a_refusal_is_told_with_the_plugin_that_refused() {
    let mut session = session();
    let line = "kubectl create configmap lost -n nowhere";
    assert_eq!(session.kubectl(line, "", Duration::from_secs(5)).code, Some(1));
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &Look::default()) else { panic!("no server") };
    let post = inside.asked.iter().find(|asked| asked.what == "POST configmaps nowhere/lost").expect("the request");
    assert!(post.bad && post.answer == "404", "{post:?}");
    let look = Look { chosen: Some(post.id.0), ..Look::default() };
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &look) else { panic!("no server") };
    let said = inside.stages.iter().flat_map(|stage| &stage.said).find(|(_, bad)| *bad).expect("a no");
    assert_eq!(said.0, "NamespaceLifecycle: denies it");
    assert_eq!(inside.end, "Refused with 404: namespaces \"nowhere\" not found");
}

#[test]
fn a_request_in_etcd_stands_in_that_stage() {
    let mut session = session();
    session.apply(Command::Kubectl { line: "kubectl create configmap slow".to_owned(), stdin: String::new() });
    let seen = (0..4_000).any(|_| {
        let until = session.now() + Duration::from_micros(250);
        session.run_until(until);
        let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &Look::default()) else {
            panic!("no server")
        };
        let etcd = inside.stages.iter().find(|stage| stage.name == "etcd").expect("the stage");
        let here = etcd.here.iter().any(|here| here == "POST configmaps default/slow of kubectl");
        here && inside
            .asked
            .iter()
            .any(|asked| asked.what == "POST configmaps default/slow" && asked.answer == "waits for etcd")
    });
    assert!(seen, "the request was never seen in etcd's stage");
}

#[test]
fn watchers_say_who_they_are_and_where_they_resumed() {
    let mut session = session();
    kubectl(&mut session, "kubectl create configmap one", "");
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &Look::default()) else { panic!("no server") };
    let row = |rows: &[SheetRow]| {
        let found = rows.iter().find(|row| row.cells[0] == "kube-controller-manager" && row.cells[2] == "replicasets");
        found.expect("the manager watches them").cells.clone()
    };
    let before = row(&inside.watchers.rows);
    assert_eq!(before[5], "all objects");
    assert_eq!(inside.watchers.total, session.world().apiserver().watchers().iter().count());
    let kubelet = inside.watchers.rows.iter().find(|row| row.cells[0] == "kubelet/node-a" && row.cells[2] == "pods");
    assert_eq!(kubelet.expect("its pods").cells[4], "spec.nodeName=node-a");
    kubectl(&mut session, "kubectl create deployment web --image=nginx", "");
    run(&mut session, 1);
    let Inside::ApiServer(inside) = session.inside(&Place::ApiServer, &Look::default()) else { panic!("no server") };
    let count = |cells: &[String]| cells[6].parse::<u64>().expect("a number");
    assert!(count(&row(&inside.watchers.rows)) > count(&before), "the ReplicaSet was told");
    let pods = inside.caches.rows.iter().find(|row| row.cells[0] == "pods").expect("pods");
    assert_eq!(pods.cells[1], "1");
}

#[test]
fn a_controller_shows_its_plans_its_informers_and_its_queue() {
    let mut session = session();
    kubectl(&mut session, "kubectl create deployment web --image=nginx --replicas=3", "");
    run(&mut session, 20);
    let Inside::ControllerManager(inside) = session.inside(&Place::ControllerManager, &Look::default()) else {
        panic!("no manager")
    };
    assert_eq!((inside.chosen, inside.controllers.len()), ("deployment-controller", 27));
    let first = inside.plans.last().expect("it planned");
    assert!(first.key == "default/web" && first.asked.starts_with("WATCH deployments ADDED"), "{first:?}");
    assert!(
        inside.plans.iter().any(|plan| plan.actions.iter().any(|act| act.starts_with("POST replicasets default/web-")))
    );
    assert!(inside.plans.iter().any(|plan| plan.summary.starts_with("wants 3")), "{:?}", inside.plans);
    let kinds: Vec<&str> = inside.informers.rows.iter().map(|row| row.cells[0].as_str()).collect();
    assert!(kinds.contains(&"deployments") && kinds.contains(&"replicasets"));
    for row in &inside.informers.rows {
        assert_eq!(row.cells[5], "0", "nothing lags at rest: {row:?}");
    }
    // With the API server stopped the informers stand still.
    session.apply(Command::StopProcess { name: "kube-apiserver".to_owned() });
    run(&mut session, 1);
    let Inside::ControllerManager(inside) = session.inside(&Place::ControllerManager, &Look::default()) else {
        panic!("no manager")
    };
    assert!(inside.informers.rows.iter().all(|row| row.bad && row.cells[1] == "no stream"));
}

#[test]
fn the_driver_shows_its_sidecars_and_its_disks_once_a_claim_asks() {
    let mut session = session();
    let idle = |session: &mut Session| {
        let snapshot = session.snapshot();
        let own = snapshot.components.iter().find(|view| &*view.name == "csi-driver").expect("it runs").clone();
        (own.idle, own.facts)
    };
    assert!(idle(&mut session).0, "nobody asks for a disk");
    let pod = r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  containers:
  - {name: main, image: busybox, command: [sh, -c, "echo one > /data/one; sleep 600"], volumeMounts: [{name: data, mountPath: /data}]}
"#;
    kubectl(&mut session, "kubectl apply -f -", pod);
    run(&mut session, 30);
    assert_eq!(idle(&mut session), (false, vec![("disks".into(), "1".into()), ("in use".into(), "1".into())]));
    // That a volume is attached is news, and so is all that follows from it: the kubelet hears it of its node's status.
    for wanted in ["Open", "RunPodSandbox"] {
        let records = session.world().kernel().trace().records();
        let found = records.iter().find_map(|record| match record {
            Record::Sent(envelope) if *message_label(&envelope.payload).1.first == *wanted => Some(envelope.id),
            _ => None,
        });
        let id = found.unwrap_or_else(|| panic!("no {wanted} was sent"));
        assert!(!session.is_heartbeat(id), "{wanted} is taken for a heartbeat");
    }
    let Inside::ControllerManager(inside) = session.inside(&Place::Driver, &Look::default()) else {
        panic!("no driver")
    };
    let names: Vec<&str> = inside.controllers.iter().map(|own| own.name).collect();
    assert_eq!(names, ["csi-attacher", "csi-provisioner", "csi-resizer"]);
    let node = session.snapshot().pods[0].node.to_string();
    let disks = inside.disks.expect("it has a storage");
    assert!(disks.rows.len() == 1 && disks.rows[0].cells[0].starts_with("pvc-"), "{disks:?}");
    assert_eq!(disks.rows[0].cells[1..], [node, "1".to_owned()]);
    kubectl(&mut session, "kubectl delete --wait=false pod/writer persistentvolumeclaim/data", "");
    run(&mut session, 60);
    assert_eq!(idle(&mut session), (true, vec![("disks".into(), "0".into()), ("in use".into(), "0".into())]));
}

#[test]
fn every_controller_that_acted_says_what_it_saw_and_did() {
    let mut session = session();
    kubectl(&mut session, "kubectl create namespace short", "");
    kubectl(&mut session, "kubectl create deployment web --image=nginx", "");
    run(&mut session, 3);
    kubectl(&mut session, "kubectl delete deployment web", "");
    kubectl(&mut session, "kubectl delete namespace short", "");
    run(&mut session, 10);
    for name in ["deployment", "garbage", "namespace", "node-lifecycle", "replicaset"] {
        let depths: Vec<&str> = session.world().controller_manager().queue_depths().map(|(name, _)| name).collect();
        let at = depths.iter().position(|own| own.starts_with(name)).expect("it is hosted");
        let look = Look { chosen: Some(at as u64), ..Look::default() };
        let Inside::ControllerManager(inside) = session.inside(&Place::ControllerManager, &look) else {
            panic!("no manager")
        };
        assert!(inside.chosen.starts_with(name), "{} is not {name}", inside.chosen);
        assert!(!inside.plans.is_empty(), "{name} keeps its plans");
        assert!(inside.plans.iter().all(|plan| !plan.summary.is_empty()), "{name}: {:?}", inside.plans);
        assert!(inside.plans.iter().any(|plan| !plan.actions.is_empty()), "{name}: {:?}", inside.plans);
    }
}

#[test]
fn a_kubelet_its_runtime_and_the_pod_agree() {
    let mut session = session();
    kubectl(&mut session, "kubectl apply -f -", WEB);
    run(&mut session, 25);
    let pod = session.snapshot().pods[0].clone();
    let kubelet = plain(&mut session, &Place::Kubelet(pod.node.clone()));
    let workers = sheet(&kubelet.sheets, "Pod workers");
    assert_eq!(workers.rows[0].cells[..3], ["default/web", "SyncPod", "idle"].map(str::to_owned));
    let probes = sheet(&kubelet.sheets, "Probes");
    assert_eq!(probes.rows[0].cells[..4], ["web", "web", "Readiness", "good"].map(str::to_owned));
    assert!(probes.rows[0].cells[5].parse::<u32>().expect("a number") > 3, "{probes:?}");
    assert!(probes.rows[0].cells[7].starts_with("in "), "{probes:?}");
    let pleg = sheet(&kubelet.sheets, "PLEG");
    assert!(pleg.rows.iter().any(|row| row.cells[2].contains("ContainerStarted web")), "{pleg:?}");
    assert!(pleg.rows.iter().any(|row| row.cells[2].contains("ContainerDied first")), "{pleg:?}");
    let calls = sheet(&kubelet.sheets, "Calls to the runtime");
    assert!(calls.rows.iter().any(|row| row.cells[3].ends_with("ms") && row.cells[4] == "ok"));
    assert!(
        sheet(&kubelet.sheets, "Images")
            .rows
            .iter()
            .any(|row| row.cells[0].contains("nginx") && row.cells[2].ends_with("MiB"))
    );

    let runtime = plain(&mut session, &Place::Runtime(pod.node.clone()));
    assert_eq!(sheet(&runtime.sheets, "Sandboxes").rows[0].cells[1], "default/web");
    assert_eq!(sheet(&runtime.sheets, "Containers").total, 2);

    let inside = plain(&mut session, &Place::Pod(pod.uid.clone()));
    let containers = sheet(&inside.sheets, "Containers");
    let kinds: Vec<&str> = containers.rows.iter().map(|row| row.cells[2].as_str()).collect();
    assert_eq!(kinds, ["init", "app"]);
    assert!(containers.rows[0].cells[4].starts_with("terminated with 0, Completed"), "{containers:?}");
    let history = sheet(&inside.sheets, "State history");
    let web: Vec<&str> =
        history.rows.iter().filter(|row| row.cells[1] == "web").map(|row| row.cells[2].as_str()).collect();
    assert_eq!(web, ["running", "waiting"], "newest first");
    assert!(
        sheet(&inside.sheets, "Conditions").rows.iter().any(|row| row.cells[0] == "Ready" && row.cells[1] == "True")
    );
    let variables = &sheet(&inside.sheets, "Environment").rows;
    assert!(variables.iter().any(|row| row.cells[1..] == ["COLOR".to_owned(), "green".to_owned()]));
    let volumes = sheet(&inside.sheets, "Volumes");
    assert!(
        volumes.rows.iter().any(|row| row.cells[..2] == ["scratch".to_owned(), "emptyDir".to_owned()]),
        "{volumes:?}"
    );
    assert_eq!(sheet(&inside.sheets, "Probes").total, 1);
}

#[test]
fn a_pod_shows_what_its_containers_wrote_last_over_all_their_runs() {
    let mut session = session();
    let talks = "apiVersion: v1\nkind: Pod\nmetadata: {name: talks}\nspec:\n  restartPolicy: OnFailure\n  containers:\n  - {name: main, image: busybox, command: [sh, -c, 'for i in $(seq 1 15); do echo line $i; done; exit 1']}\n";
    kubectl(&mut session, "kubectl apply -f -", talks);
    run(&mut session, 12);
    let uid = session.snapshot().pods[0].uid.clone();
    let inside = plain(&mut session, &Place::Pod(uid));
    let log = sheet(&inside.sheets, "Log");
    assert_eq!(log.total, 30, "two runs of fifteen lines");
    let ends: Vec<_> = [&log.rows[0], &log.rows[19]].map(|row| row.cells[1..].join(" ")).to_vec();
    assert_eq!((log.rows.len(), ends), (20, vec!["main 1 line 11".to_owned(), "main 2 line 15".to_owned()]));
}

#[test]
fn a_crashing_container_keeps_its_history() {
    let mut session = session();
    let crash = "apiVersion: v1\nkind: Pod\nmetadata: {name: crash}\nspec:\n  containers:\n  - {name: main, image: busybox, command: [sh, -c, 'exit 3']}\n";
    kubectl(&mut session, "kubectl apply -f -", crash);
    run(&mut session, 40);
    let uid = session.snapshot().pods[0].uid.clone();
    let inside = plain(&mut session, &Place::Pod(uid));
    let history = sheet(&inside.sheets, "State history");
    assert!(
        history.rows.iter().any(|row| row.cells[2] == "terminated" && row.cells[6] == "3" && row.bad),
        "{history:?}"
    );
    assert!(history.rows.iter().any(|row| row.cells[3] == "CrashLoopBackOff" && row.bad), "{history:?}");
}

#[test]
fn what_is_gone_is_said_to_be_gone() {
    let mut session = session();
    assert_eq!(session.inside(&Place::Pod(Arc::from("no-such-uid")), &Look::default()), Inside::Gone);
    assert_eq!(session.inside(&Place::Kubelet(Arc::from("node-z")), &Look::default()), Inside::Gone);
}

#[test]
fn times_read_well() {
    assert_eq!(clock(1_767_225_612_345_000), "00:00:12.345");
    assert_eq!(span(Duration::from_micros(350)), "0.3 ms");
    assert_eq!(span(Duration::from_millis(3_450)), "3.4 s");
    assert_eq!(span(Duration::from_secs(125)), "2 min 5 s");
    assert_eq!(until(SimTime::from_secs(5), SimTime::from_secs(5)), "due");
    assert_eq!(until(SimTime::from_secs(5), SimTime::from_secs(8)), "in 3.0 s");
    assert_eq!(bytes(54 << 20), "54 MiB");
}
