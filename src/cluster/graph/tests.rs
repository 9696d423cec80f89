//! The graph of clusters in which something is going on.

use std::time::Duration;

use crate::cluster::{Config, Session};

use super::*;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes: [{name: site, configMap: {name: site}}, {name: extra, configMap: {name: extra, optional: true}}]
      containers:
      - name: web
        image: nginx
        envFrom: [{secretRef: {name: db-pass}}]
        volumeMounts: [{name: site, mountPath: /site}, {name: extra, mountPath: /extra}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: site}
data: {index.html: hello}
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

fn read(session: &Session, look: &GraphLook) -> GraphView {
    GraphReader::default().read(session.world(), look).expect("it was not read before")
}

/// The end of a name that the cluster made is left out.
fn plain(name: &str) -> String {
    name.split('-').next().filter(|_| name.starts_with("web-")).map_or(name.to_owned(), |head| format!("{head}-…"))
}

fn told(cell: &Cell) -> String {
    let name = plain(&cell.name);
    match &cell.face {
        Face::Group { count, .. } => {
            format!("{count} {}s of {}", cell.kind, plain(cell.name.rsplit(' ').next().unwrap_or("")))
        }
        Face::More { count, .. } => format!("{count} more {}s", cell.kind),
        _ => format!("{} {name}", cell.kind),
    }
}

fn cells(view: &GraphView) -> Vec<String> {
    view.cells.iter().map(|cell| format!("{}: {}", told(cell), cell.meter.text)).collect()
}

fn links(view: &GraphView) -> Vec<String> {
    let mut links: Vec<String> = view
        .links
        .iter()
        .map(|link| {
            let words: Vec<&str> = link.natures.iter().map(|nature| nature.word()).collect();
            format!("{} {} {}", told(&view.cells[link.from]), words.join(", "), told(&view.cells[link.to]))
        })
        .collect();
    links.sort();
    links.dedup();
    links
}

#[test]
fn a_deployment_with_all_that_it_refers_to() {
    let mut session = session();
    assert_eq!(read(&session, &GraphLook::default()).cells, [], "the cluster's own objects are hidden");
    kubectl(&mut session, "kubectl apply -f -", WEB);
    run(&mut session, 20);
    let view = read(&session, &GraphLook::default());
    assert_eq!(
        links(&view),
        [
            "Deployment web owns ReplicaSet web-…",
            "EndpointSlice web-… endpoint Pod web-…",
            "Pod web-… env Secret db-pass",
            "Pod web-… mounts ConfigMap extra",
            "Pod web-… mounts ConfigMap site",
            "ReplicaSet web-… owns Pod web-…",
            "Service web slice EndpointSlice web-…",
        ]
    );
    let all = cells(&view);
    for expected in [
        "Deployment web: 0 of 3 ready, 3 updated",
        "Service web: 0 of 3 endpoints",
        "ConfigMap site: 1 key",
        "ConfigMap extra: not found, optional",
        "Secret db-pass: not found",
        "ReplicaSet web-…: 0 of 3 ready",
        "Pod web-…: CreateContainerConfigError 0/1",
    ] {
        assert!(all.iter().any(|cell| cell == expected), "{expected} is not among {all:#?}");
    }
    let stuck = view.cells.iter().find(|cell| &*cell.name == "db-pass").expect("it is drawn as missing");
    assert_eq!(stuck.face, Face::Missing { optional: false, kind: Some(Kind::Secret) });
    assert_eq!(stuck.meter.tone, Tone::Bad);

    // With the Secret there the pods start, and nothing is missing but what may be.
    kubectl(&mut session, "kubectl create secret generic db-pass --from-literal=p=x", "");
    run(&mut session, 90);
    let all = cells(&read(&session, &GraphLook::default()));
    for expected in
        ["Secret db-pass: 1 key", "Deployment web: 3 of 3 ready, 3 updated", "Service web: 3 of 3 endpoints"]
    {
        assert!(all.iter().any(|cell| cell == expected), "{expected} is not among {all:#?}");
    }
}

#[test]
fn a_rollout_is_two_replica_sets() {
    let mut session = session();
    kubectl(&mut session, "kubectl create deployment web --image=nginx:1.26 --replicas=3", "");
    run(&mut session, 20);
    kubectl(&mut session, "kubectl set image deployment/web nginx=nginx:1.27", "");
    let mut seen = false;
    for _ in 0..200 {
        let until = session.now() + Duration::from_millis(200);
        session.run_until(until);
        let all = cells(&read(&session, &GraphLook::default()));
        let sets: Vec<&String> = all.iter().filter(|cell| cell.starts_with("ReplicaSet")).collect();
        seen |= sets.len() == 2 && sets.iter().all(|set| !set.ends_with("0 of 0 ready"));
    }
    assert!(seen, "both sets are wanted for a while");
    let all = cells(&read(&session, &GraphLook::default()));
    assert!(all.iter().any(|cell| cell == "ReplicaSet web-…: 0 of 0 ready"), "{all:#?}");
    assert!(all.iter().any(|cell| cell == "Deployment web: 3 of 3 ready, 3 updated"), "{all:#?}");
}

#[test]
fn an_owner_that_is_not_there_is_missing() {
    let mut session = session();
    // Nobody is there to collect it.
    session.apply(crate::cluster::Command::StopProcess { name: "kube-controller-manager".to_owned() });
    let orphan = "
apiVersion: v1
kind: ConfigMap
metadata:
  name: orphan
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: gone, uid: 11111111-1111-1111-1111-111111111111}]
";
    kubectl(&mut session, "kubectl apply -f -", orphan);
    assert_eq!(links(&read(&session, &GraphLook::default())), ["Deployment gone owns ConfigMap orphan"]);
}

#[test]
fn the_clusters_own_objects_are_shown_when_asked_for_and_namespaces_hidden() {
    let mut session = session();
    kubectl(&mut session, "kubectl apply -f -", WEB);
    run(&mut session, 20);
    let few = read(&session, &GraphLook::default());
    assert!(few.hidden > 0);
    let all = read(&session, &GraphLook { system: true, ..GraphLook::default() });
    assert_eq!((all.hidden, all.objects), (0, few.objects + few.hidden));
    let told = links(&all);
    assert!(told.iter().any(|link| link.starts_with("Pod web-… runs on Node")), "{told:#?}");
    assert!(told.iter().any(|link| link == "Pod web-… runs as ServiceAccount default"), "{told:#?}");
    assert!(told.iter().any(|link| link.ends_with("about Deployment web")), "{told:#?}");
    let hidden = GraphLook { hidden: vec![Arc::from("default")], ..GraphLook::default() };
    assert_eq!(read(&session, &hidden).cells, []);
    // What is hidden is not missing.
    let cluster = GraphLook { system: true, hidden: vec![Arc::from("")], ..GraphLook::default() };
    assert!(cells(&read(&session, &cluster)).iter().all(|cell| !cell.starts_with("Node")));
}

#[test]
fn many_siblings_are_one_cell_that_opens() {
    let mut session = session();
    kubectl(&mut session, "kubectl create deployment web --image=nginx --replicas=70", "");
    run(&mut session, 60);
    let view = read(&session, &GraphLook::default());
    assert_eq!(view.cells.len(), 3, "{:#?}", cells(&view));
    let group = view.cells.iter().find(|cell| matches!(cell.face, Face::Group { .. })).expect("the pods are folded");
    assert_eq!(told(group), "70 Pods of web-…");
    assert!(group.meter.text.ends_with("of 70 ready"), "{}", group.meter.text);
    assert!(links(&view).contains(&"ReplicaSet web-… owns 70 Pods of web-…".to_owned()));
    let look = GraphLook { open: [(group.id.clone(), OPENED_STEP)].into_iter().collect(), ..GraphLook::default() };
    let opened = read(&session, &look);
    assert_eq!(opened.cells.len(), 2 + 1 + OPENED_STEP + 1);
    assert!(cells(&opened).iter().any(|cell| cell.starts_with("10 more Pods")));
    // The same again is not read again.
    let mut reader = GraphReader::default();
    assert!(reader.read(session.world(), &look).is_some() && reader.read(session.world(), &look).is_none());
}

/// A thing of a kind in a namespace.
fn thing_of<'a>(kind: &'a str, namespace: &'a str, name: &'a str) -> Thing<'a> {
    Thing {
        kind,
        registered: None,
        namespace,
        name,
        uid: "",
        missing: None,
        meter: Meter::default(),
        created: 0,
        revision: 0,
        column: column(kind),
    }
}

#[test]
fn a_crowd_of_distant_kin_stays_a_drawing() {
    let names: Vec<String> = (0..3_000).map(|at| format!("n{at:04}")).collect();
    // A deployment with a set and a pod, 3,000 times: in one namespace they are three cells.
    let chain = |namespace: &dyn Fn(usize) -> usize| -> (Vec<Thing<'_>>, Vec<Option<usize>>) {
        let kinds = ["Deployment", "ReplicaSet", "Pod"];
        let one = |at: usize| kinds.map(|kind| thing_of(kind, &names[namespace(at)], &names[at]));
        let things: Vec<Thing<'_>> = (0..names.len()).flat_map(one).collect();
        let parents = (0..things.len()).map(|at| (at % 3 != 0).then(|| at - 1)).collect();
        (things, parents)
    };
    for (namespace, expected) in [
        (&(|_| 0_usize) as &dyn Fn(usize) -> usize, 3),
        (&|at| at % 20, 60),
        // In more namespaces than can be drawn, kinds are folded across them.
        (&|at| at, 3),
    ] {
        let (things, parents) = chain(namespace);
        let folded = fold(&things, &parents, &GraphLook::default());
        assert_eq!(folded.cells.len(), expected);
        assert!(folded.cell_of.iter().all(|cell| *cell < expected));
    }
    // Owners in a ring are folded too.
    let ring: Vec<Option<usize>> = (0..12).map(|at| Some((at + 1) % 12)).collect();
    let things: Vec<Thing<'_>> = (0..12).map(|at| thing_of("ConfigMap", "a", &names[at])).collect();
    assert_eq!(fold(&things, &ring, &GraphLook::default()).cells.len(), 1);
}
