//! A storm: what is done to a cluster, drawn from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubarium::api::{Kind, Object, ObjectKey};
use kubarium::cluster::{Command, Config, FaultSpec, GatewayEvent, HttpInput, Session};
use kubarium::sim::Random;

use crate::invariants::{Invariants, unconverged};

/// How many things are done while it rages.
const ACTS: u32 = 50;
/// After so long without faults everything must have found its place: eviction of pods from lost nodes
/// alone takes upstream six minutes.
const CONVERGE_SECS_MAX: u64 = 1_500;
/// How finely the run is looked at.
const SLICE: Duration = Duration::from_millis(250);

/// Names with their strategies. A Deployment keeps its strategy: upstream, and so this one, never leaves a
/// rolling update that is turned into Recreate in the middle while the count of replicas changes.
const DEPLOYMENTS: [(&str, &str); 4] =
    [("web", "RollingUpdate"), ("api", "RollingUpdate"), ("cache", "RollingUpdate"), ("worker", "Recreate")];
const IMAGES: [&str; 3] = ["nginx:1.27", "nginx:1.26", "redis:7"];

/// A cluster in a storm.
pub struct Storm {
    session: Session,
    random: Random,
    invariants: Invariants,
    /// Whether there are two of each leader; sets and jobs come with them.
    two: bool,
    /// Whether more is asked for than the nodes have. It is taken back before the cluster has to converge.
    heavy: bool,
    /// What was done, for whoever reads a failure.
    log: Vec<String>,
    stopped: BTreeSet<String>,
    frozen: BTreeSet<String>,
    dark: BTreeSet<String>,
    faults: BTreeSet<FaultSpec>,
    /// Writes of config maps under way, by call: name and value.
    pending: BTreeMap<u64, (String, u64)>,
    /// The newest value that was acknowledged, by name of the config map.
    acknowledged: BTreeMap<String, u64>,
    last_value: u64,
}

impl Storm {
    /// A cluster that has come up, with two schedulers and controller managers if `two`.
    pub fn new(seed: u64, two: bool) -> Self {
        let control_planes = if two { 2 } else { 1 };
        let session = Session::ready(Config { seed, control_planes, ..Config::default() });
        Storm {
            session,
            random: Random::fork(seed, "swarm"),
            invariants: Invariants::default(),
            two,
            heavy: seed.is_multiple_of(2),
            log: Vec::new(),
            stopped: BTreeSet::new(),
            frozen: BTreeSet::new(),
            dark: BTreeSet::new(),
            faults: BTreeSet::new(),
            pending: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            last_value: 0,
        }
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.random.below(from.len() as u64) as usize]
    }

    fn node(&mut self) -> String {
        let index = self.random.below(u64::from(self.session.config().nodes)) as u32;
        self.session.config().node_name(index)
    }

    fn act(&mut self, command: Command) -> Option<u64> {
        self.log.push(format!("{} {}", self.session.now(), command.text()));
        self.session.apply(command).call
    }

    /// Types a line and does not wait for its end: a storm waits for nobody.
    fn type_line(&mut self, line: String, stdin: String) {
        self.act(Command::Kubectl { line, stdin });
    }

    fn run(&mut self, length: Duration) {
        let until = self.session.now() + length;
        while self.session.now() < until {
            let next = (self.session.now() + SLICE).min(until);
            self.session.run_until(next);
            self.hear();
            let world = self.session.world();
            let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.invariants.check(world)));
            if let Err(panic) = judged {
                eprintln!("at {} after:\n{}", self.session.now(), self.log.join("\n"));
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Takes the answers to the writes of config maps.
    fn hear(&mut self) {
        for (call, event) in self.session.drain_gateway() {
            let Some((name, value)) = self.pending.remove(&call) else { continue };
            if let GatewayEvent::Response(response) = event
                && response.is_success()
            {
                let newest = self.acknowledged.entry(name).or_default();
                *newest = (*newest).max(value);
            }
        }
    }

    /// Lets it rage.
    pub fn rage(&mut self) {
        for _ in 0..ACTS {
            match self.random.below(if self.two { 25 } else { 16 }) {
                0..=3 => self.apply_deployment(),
                4 => self.scale(),
                5 => self.delete(),
                6 => self.cordon(),
                7..=8 => self.write_config_map(),
                9 => self.kill_container(),
                10 => self.stop_process(),
                11..=12 => self.start_all(),
                13 => self.power(),
                16..=17 => self.apply_set(),
                18 => self.create_job(),
                19..=20 => self.freeze(),
                21 => self.thaw_all(),
                22..=24 => self.drain(),
                _ => self.fault(),
            }
            let length = Duration::from_millis(100 + self.random.below(20_000));
            self.run(length);
        }
    }

    fn apply_deployment(&mut self) {
        let (name, strategy) = *self.pick(&DEPLOYMENTS);
        let (image, replicas) = (*self.pick(&IMAGES), self.random.below(6));
        let steps = if self.heavy { 18 } else { 8 };
        let (cpu, memory) = (50 + 50 * self.random.below(steps), 32 + 32 * self.random.below(8));
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name} }}\nspec:\n  replicas: {replicas}\n  \
             strategy: {{ type: {strategy} }}\n  selector: {{ matchLabels: {{ app: {name} }} }}\n  template:\n    \
             metadata: {{ labels: {{ app: {name} }} }}\n    spec:\n      containers:\n      - name: main\n        \
             image: {image}\n        resources: {{ requests: {{ cpu: {cpu}m, memory: {memory}Mi }} }}\n"
        );
        self.type_line("apply -f -".to_owned(), manifest);
    }

    /// A set whose pods have a disk each.
    fn apply_set(&mut self) {
        let (replicas, image) = (self.random.below(4), *self.pick(&IMAGES));
        let manifest = format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: db }}\nspec:\n  replicas: {replicas}\n  \
             serviceName: db\n  selector: {{ matchLabels: {{ app: db }} }}\n  template:\n    \
             metadata: {{ labels: {{ app: db }} }}\n    spec:\n      containers:\n      - name: main\n        \
             image: {image}\n        resources: {{ requests: {{ cpu: 50m, memory: 32Mi }} }}\n        \
             volumeMounts: [{{ name: data, mountPath: /data }}]\n  volumeClaimTemplates:\n  - metadata: {{ name: data \
             }}\n    spec: {{ accessModes: [ReadWriteOnce], resources: {{ requests: {{ storage: 1Gi }} }} }}\n"
        );
        self.type_line("apply -f -".to_owned(), manifest);
    }

    /// Guards a Deployment by a budget and drains a node, which takes more than one try.
    fn drain(&mut self) {
        let (name, _) = *self.pick(&DEPLOYMENTS);
        let (wanted, node) = (self.random.below(4), self.node());
        let manifest = format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{ name: {name} }}\nspec:\n  \
             minAvailable: {wanted}\n  selector: {{ matchLabels: {{ app: {name} }} }}\n"
        );
        self.type_line("apply -f -".to_owned(), manifest);
        self.run(Duration::from_secs(1));
        self.type_line(format!("drain {node} --force --ignore-daemonsets --timeout=20s"), String::new());
        self.run(Duration::from_secs(21));
        self.type_line(format!("uncordon {node}"), String::new());
    }

    /// How many evictions were granted.
    pub fn evictions(&self) -> usize {
        self.invariants.evictions
    }

    fn create_job(&mut self) {
        let (completions, parallelism) = (1 + self.random.below(5), 1 + self.random.below(3));
        let seconds = 1 + self.random.below(20);
        let manifest = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{ generateName: task- }}\nspec:\n  \
             completions: {completions}\n  parallelism: {parallelism}\n  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n      - name: main\n        image: busybox:1.36\n        \
             command: [sleep, \"{seconds}\"]\n        resources: {{ requests: {{ cpu: 20m, memory: 16Mi }} }}\n"
        );
        self.type_line("create -f -".to_owned(), manifest);
    }

    /// One of the schedulers and controller managers.
    fn leader_or_standby(&mut self) -> String {
        let role = *self.pick(&["kube-scheduler", "kube-controller-manager"]);
        let host = if self.two { *self.pick(&["", "/control-plane-2"]) } else { "" };
        format!("{role}{host}")
    }

    fn freeze(&mut self) {
        let name = self.leader_or_standby();
        if !self.stopped.contains(&name) && self.frozen.insert(name.clone()) {
            self.act(Command::Freeze { name });
        }
    }

    fn thaw_all(&mut self) {
        for name in std::mem::take(&mut self.frozen) {
            self.act(Command::Thaw { name });
        }
    }

    fn scale(&mut self) {
        let (name, _) = *self.pick(&DEPLOYMENTS);
        let replicas = self.random.below(8);
        self.type_line(format!("scale deployment {name} --replicas={replicas}"), String::new());
    }

    fn delete(&mut self) {
        let pods = self.session.objects(Kind::Pod);
        let (name, _) = *self.pick(&DEPLOYMENTS);
        let line = match self.random.below(3) {
            0 => format!("delete deployment {name} --wait=false"),
            _ if pods.is_empty() => return,
            _ => format!("delete pod {} --wait=false", self.pick(&pods).name()),
        };
        self.type_line(line, String::new());
    }

    fn cordon(&mut self) {
        let verb = *self.pick(&["cordon", "uncordon"]);
        let node = self.node();
        self.type_line(format!("{verb} {node}"), String::new());
    }

    /// Writes a config map and remembers what, to see whether an acknowledged write is lost. Each name is
    /// written by one call at a time, so that their order is known.
    fn write_config_map(&mut self) {
        let name = format!("note-{}", self.random.below(4));
        if self.pending.values().any(|(pending, _)| *pending == name) {
            return;
        }
        self.last_value += 1;
        let value = self.last_value;
        let there = self.session.object(Kind::ConfigMap, &ObjectKey::new("default", &name)).is_some();
        let object = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "value": value.to_string() },
        });
        let collection = "/api/v1/namespaces/default/configmaps";
        let (method, uri) = match there {
            true => ("PUT", format!("{collection}/{name}")),
            false => ("POST", collection.to_owned()),
        };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let request = HttpInput { method: method.to_owned(), uri, headers, body: object.to_string().into_bytes() };
        if let Some(call) = self.act(Command::Http { request }) {
            self.pending.insert(call, (name, value));
        }
    }

    fn kill_container(&mut self) {
        let pods = self.session.objects(Kind::Pod);
        let running = pods.iter().filter_map(|object| {
            let Object::Pod(pod) = &**object else { return None };
            let node = pod.spec.as_ref()?.node_name.clone()?;
            let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
            let id = status.container_id.as_deref()?.rsplit("//").next()?;
            Some((node, id.to_owned()))
        });
        let running: Vec<(String, String)> = running.collect();
        if !running.is_empty() {
            let (node, container_id) = self.pick(&running).clone();
            self.act(Command::KillContainer { node, container_id });
        }
    }

    fn stop_process(&mut self) {
        let node = self.node();
        let kubelet = format!("kubelet/{node}");
        let leader = if self.two { self.leader_or_standby() } else { "kube-scheduler".to_owned() };
        let names = ["etcd", "kube-apiserver", "kube-controller-manager", &leader, &kubelet];
        let name = (*self.pick(&names)).to_owned();
        if self.frozen.contains(&name) {
            return;
        }
        if !self.dark.contains(&node) && self.stopped.insert(name.clone()) {
            self.act(Command::StopProcess { name });
        }
    }

    fn start_all(&mut self) {
        for name in std::mem::take(&mut self.stopped) {
            self.act(Command::StartProcess { name });
        }
    }

    fn power(&mut self) {
        let node = self.node();
        if self.dark.remove(&node) {
            self.act(Command::PowerOn { node });
        } else if !self.stopped.contains(&format!("kubelet/{node}")) {
            self.dark.insert(node.clone());
            self.act(Command::PowerOff { node });
        }
    }

    fn fault(&mut self) {
        if self.random.below(3) == 0 {
            self.lift_all();
            return;
        }
        let between = match self.random.below(5) {
            0 | 1 if self.two => self.leader_or_standby(),
            0 => "kube-scheduler".to_owned(),
            1 => "kube-controller-manager".to_owned(),
            2 => "etcd".to_owned(),
            _ => format!("kubelet/{}", self.node()),
        };
        let and = "kube-apiserver".to_owned();
        let fault = match self.random.below(4) {
            0 => FaultSpec::Partition { between, and },
            1 => FaultSpec::Delay { between, and, micros: 1_000 + self.random.below(500_000) },
            2 => FaultSpec::Loss { between, and, ppm: 1_000 + self.random.below(300_000) as u32 },
            _ => FaultSpec::Reorder { between, and, micros: 1_000 + self.random.below(50_000) },
        };
        // What a manager sent before it was cut off arrives after another leads: then a Job may have one too many.
        if self.two && matches!(&fault, FaultSpec::Partition { between, .. } if between.contains("manager")) {
            self.invariants.late_writes = true;
        }
        if self.faults.insert(fault.clone()) {
            self.act(Command::Inject { fault });
        }
    }

    fn lift_all(&mut self) {
        for fault in std::mem::take(&mut self.faults) {
            self.act(Command::Lift { fault });
        }
    }

    /// Ends every fault, and waits for the cluster to find its place.
    pub fn calm(&mut self) {
        self.lift_all();
        self.thaw_all();
        for node in std::mem::take(&mut self.dark) {
            self.act(Command::PowerOn { node });
        }
        self.start_all();
        // kubectl may have to wait until the API server has heard that the network is whole again.
        self.run(Duration::from_secs(60));
        for index in 0..self.session.config().nodes {
            let node = self.session.config().node_name(index);
            self.type_line(format!("uncordon {node}"), String::new());
            self.run(Duration::from_secs(5));
        }
        if self.heavy {
            for (name, _) in DEPLOYMENTS {
                self.type_line(format!("scale deployment {name} --replicas=2"), String::new());
            }
            self.run(Duration::from_secs(5));
        }
        let calm = self.session.now();
        let mut missing = unconverged(self.session.world());
        while !missing.is_empty() {
            let waited = self.session.now() - calm;
            assert!(
                waited < Duration::from_secs(CONVERGE_SECS_MAX),
                "not converged {waited:?} after the last fault:\n{}\nafter:\n{}",
                missing.join("\n"),
                self.log.join("\n"),
            );
            self.run(Duration::from_secs(5));
            missing = unconverged(self.session.world());
        }
        self.nothing_acknowledged_is_lost();
    }

    fn nothing_acknowledged_is_lost(&self) {
        for (name, value) in &self.acknowledged {
            let object = self.session.object(Kind::ConfigMap, &ObjectKey::new("default", name));
            let stored = object.as_ref().and_then(|object| match &**object {
                Object::ConfigMap(map) => map.data.as_ref()?.get("value")?.parse::<u64>().ok(),
                _ => None,
            });
            assert!(
                stored.is_some_and(|stored| stored >= *value),
                "{name} was acknowledged with {value} and holds {stored:?}, after:\n{}",
                self.log.join("\n")
            );
        }
    }
}
