//! The native measurements of `cargo xtask bench`: one row a line, `what<TAB>target<TAB>measured`.
//! Wall-clock readings live here and nowhere in the product.
#![allow(clippy::disallowed_types)] // a benchmark is what reads the wall clock

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kubarium::api::{Kind, Object, ObjectKey};
use kubarium::cluster::{Command, Config, Phase, Session, World};
use kubarium::scheduler::plugins::PluginArgs;
use kubarium::scheduler::{Cache, CycleVerdict, Limits, PodInfo, Profile, schedule_pod};
use kubarium::sim::{Random, Replay, SimTime};
use serde_json::{Value, json};

mod ring;

const ROUNDS: usize = 5;

fn main() {
    // What measures its memory runs in a process of its own.
    if std::env::args().nth(1).as_deref() == Some("converge") {
        let number = |at, usual| std::env::args().nth(at).map_or(usual, |text| text.parse().expect("a number"));
        println!("{}", converge(number(2, 5_000), number(3, 150)));
        return;
    }
    if let Some(pods) = std::env::args().nth(1).filter(|name| name == "scheduling") {
        println!("{pods}\t\t{} plain, {} with spreading and affinity", scheduling(&json!({})), scheduling(&choosy()));
        return;
    }
    row("kernel throughput", "≥ 2 M events/s", &kernel_throughput());
    thousand_replicas();
    row("idle 100-node cluster", "≥ 1,000 × real time", &idle());
    row("checkpoint of 1,000 nodes", "≤ 20 ms", &checkpoint());
    row("scheduling 10,000 pods on 5,000 nodes", "≥ 5,000 pods/s", &scheduling(&json!({})));
    row("the same with spreading and affinity", "≥ 1,000 pods/s", &scheduling(&choosy()));
    row("seek to a random point of a 10-minute run", "≤ 100 ms", &seek());
    row("5,000 nodes, 150,000 pods, apply → all Ready", "≤ 4 GiB", &alone("converge"));
}

fn row(what: &str, target: &str, measured: &str) {
    println!("{what}\t{target}\t{measured}");
}

/// The median of several readings, each in seconds.
fn median(mut readings: Vec<f64>) -> f64 {
    readings.sort_by(f64::total_cmp);
    readings[readings.len() / 2]
}

/// Events a second through the bare kernel: 100 processes in a ring, trace and hash included.
fn kernel_throughput() -> String {
    const EVENTS: u64 = 1_000_000;
    let readings = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            ring::run(EVENTS) as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    format!("{:.2} M events/s", median(readings) / 1e6)
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1000
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - { name: web, image: 'nginx:1.27', resources: { requests: { cpu: 10m, memory: 16Mi } } }
";

/// From `kubectl apply` of 1,000 replicas on 100 nodes until all are Ready.
fn thousand_replicas() {
    let mut wall = Vec::new();
    let mut simulated = 0.0;
    let mut events = 0;
    for _ in 0..3 {
        let mut session = Session::ready(Config { nodes: 100, ..Config::default() });
        let before = session.stats().events_handled;
        let (began, start) = (session.now(), Instant::now());
        let applied = session.kubectl("apply -f -", DEPLOYMENT, Duration::from_secs(30));
        assert_eq!(applied.code, Some(0), "{}", applied.stderr);
        loop {
            session.run_until(session.now() + Duration::from_millis(500));
            let snapshot = session.snapshot();
            if snapshot.pods.iter().filter(|pod| pod.phase == Phase::Running).count() >= 1_000 {
                break;
            }
            assert!(session.now().since(began) < Duration::from_secs(600), "1,000 replicas did not become Ready");
        }
        wall.push(start.elapsed().as_secs_f64());
        simulated = session.now().since(began).as_secs_f64();
        events = session.stats().events_handled - before;
    }
    let measured = format!("{:.2} s wall, {simulated:.1} s simulated, {events} events", median(wall));
    row("1,000 replicas on 100 nodes, apply → all Ready", "≤ 1 s (in the browser)", &measured);
}

/// How much faster than real time an idle cluster of 100 nodes runs.
fn idle() -> String {
    let mut session = Session::ready(Config { nodes: 100, ..Config::default() });
    session.run_until(session.now() + Duration::from_secs(30));
    let (began, start) = (session.now(), Instant::now());
    session.run_until(session.now() + Duration::from_secs(600));
    format!("{:.0} × real time", session.now().since(began).as_secs_f64() / start.elapsed().as_secs_f64())
}

/// What a pod says that wants to be spread over zones and nodes, near its own kind and away from it.
fn choosy() -> Value {
    let selector = json!({ "matchLabels": { "app": "web" } });
    let near = |key: &str| json!({ "topologyKey": key, "labelSelector": selector });
    json!({
        "topologySpreadConstraints": [
            { "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector },
            { "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector },
        ],
        "affinity": {
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [near("topology.kubernetes.io/region")],
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    { "weight": 100, "podAffinityTerm": near("kubernetes.io/hostname") },
                ],
            },
        },
    })
}

/// Pods a second through the scheduling cycle: 5,000 nodes in ten zones, the default profile, pods of one ReplicaSet
/// that say `more` besides their containers.
fn scheduling(more: &Value) -> String {
    const NODES: u32 = 5_000;
    const PODS: u32 = 10_000;
    let read = |kind, value| Arc::new(Object::from_value(kind, &value, &mut |_| {}).expect("a good object"));
    let mut cache = Cache::default();
    for index in 0..NODES {
        let name = format!("node-{index:04}");
        let allocatable = json!({ "cpu": "32", "memory": "64Gi", "pods": "110" });
        let labels = json!({
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": format!("zone-{}", index % 10),
            "topology.kubernetes.io/region": "region",
        });
        let metadata = json!({ "name": name, "labels": labels });
        cache.set_node(&read(Kind::Node, json!({ "metadata": metadata, "status": { "allocatable": allocatable } })));
    }
    let selector = json!({ "matchLabels": { "app": "web" } });
    let selector = serde_json::from_value(selector).expect("a good selector");
    cache.set_owner(Kind::ReplicaSet, ObjectKey::new("default", "web"), Some(selector));
    let owner =
        json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "web", "controller": true });
    let requests = json!({ "cpu": "100m", "memory": "128Mi" });
    let mut spec = json!({ "containers": [{ "name": "c", "image": "nginx", "resources": { "requests": requests } }] });
    for (name, value) in more.as_object().expect("a map") {
        spec[name] = value.clone();
    }
    let pods: Vec<Arc<Object>> = (0..PODS)
        .map(|index| {
            let metadata = json!({
                "name": format!("web-{index}"), "namespace": "default", "uid": format!("uid-{index}"),
                "labels": { "app": "web" }, "ownerReferences": [owner],
            });
            read(Kind::Pod, json!({ "metadata": metadata, "spec": spec }))
        })
        .collect();
    let profile = Profile::new(&PluginArgs::default());
    let limits = Limits { percentage_of_nodes_to_score: 0, record_nodes_max: 100 };
    let readings = (0..ROUNDS)
        .map(|_| {
            let (mut cache, mut random, mut next) = (cache.clone(), Random::fork(1, "bench"), 0);
            let start = Instant::now();
            for object in &pods {
                let pod = Arc::new(PodInfo::new(object));
                cache.order();
                cache.keep_topologies(&pod, profile.topology_keys());
                let decision = schedule_pod(&profile, &cache, &pod, next, limits, &mut random);
                next = decision.next_start;
                let CycleVerdict::Node { node, .. } = &decision.verdict else { panic!("{:?}", decision.verdict) };
                cache.assume(&pod, node);
            }
            f64::from(PODS) / start.elapsed().as_secs_f64()
        })
        .collect();
    format!("{:.0} pods/s", median(readings))
}

/// Cloning a world of 1,000 nodes.
fn checkpoint() -> String {
    let session = Session::ready(Config { nodes: 1_000, ..Config::default() });
    let readings = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let copy = session.world().clone();
            let taken = start.elapsed().as_secs_f64();
            drop(copy);
            taken
        })
        .collect();
    format!("{:.2} ms", median(readings) * 1e3)
}

/// Seeking at random in ten minutes of a small cluster at work.
fn seek() -> String {
    let mut session = Session::ready(Config::default());
    let small = DEPLOYMENT.replace("replicas: 1000", "replicas: 6");
    session.kubectl("apply -f -", &small, Duration::from_secs(30));
    for second in 1..=600 {
        session.run_until(SimTime::from_secs(second));
        if second % 100 == 0 {
            session.kubectl(
                &format!("scale deployment web --replicas={}", 3 + second / 100),
                "",
                Duration::from_secs(5),
            );
        }
    }
    let mut random = Random::fork(7, "seek");
    let readings = (0..25)
        .map(|_| {
            let target = SimTime(10_000_000 + random.below(580_000_000));
            let start = Instant::now();
            session.seek(target);
            let taken = start.elapsed().as_secs_f64();
            assert_eq!(session.now(), target);
            taken
        })
        .collect();
    format!("{:.1} ms median of 25", median(readings) * 1e3)
}

/// A measurement of this program in a process of its own.
fn alone(name: &str) -> String {
    let program = std::env::current_exe().expect("a program knows itself");
    let output = std::process::Command::new(program).arg(name).output().expect("it can be started again");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The most memory this process had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Deployments of 1,000, 150 of them on 5,000 nodes, until all are Ready.
fn converge(nodes: u32, deployments: u32) -> String {
    let small = Config { nodes, trace_capacity: 10_000, ..Config::default() };
    let mut world = World::new(&small);
    let start = Instant::now();
    while !world.is_ready() {
        world.run_until(world.kernel().now() + Duration::from_secs(1));
    }
    let booted = start.elapsed().as_secs_f64();
    let began = world.kernel().now();
    for index in 0..deployments {
        let text = DEPLOYMENT.replace("name: web }", &format!("name: web-{index} }}"));
        let text = text.replace("app: web", &format!("app: web-{index}"));
        world.apply(&Command::Kubectl { line: "apply -f -".to_owned(), stdin: text });
    }
    loop {
        world.run_until(world.kernel().now() + Duration::from_secs(5));
        let mut ready = 0;
        world.each_stored(Kind::Deployment, &mut |kv| {
            let object = kv.value.object();
            let status = object.get::<Deployment>().and_then(|deployment| deployment.status.as_ref());
            let own = status.and_then(|status| status.ready_replicas).unwrap_or(0);
            ready += u32::try_from(own).unwrap_or(0);
        });
        if ready >= deployments * 1_000 {
            break;
        }
        let simulated = world.kernel().now().since(began).as_secs();
        let gib = peak_mib() as f64 / 1024.0;
        eprintln!("{ready} ready after {simulated} s simulated, {:.0} s, {gib:.2} GiB", start.elapsed().as_secs_f64());
        assert!(simulated < 3_600, "the pods did not become Ready");
    }
    format!(
        "{:.0} s wall ({booted:.0} s of it boot), {:.0} s simulated, {:.2} GiB at most",
        start.elapsed().as_secs_f64(),
        world.kernel().now().since(began).as_secs_f64(),
        peak_mib() as f64 / 1024.0
    )
}
