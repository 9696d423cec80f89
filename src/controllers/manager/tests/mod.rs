use std::any::Any;
use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Container, Event, Namespace, Node, NodeCondition, Pod, PodSpec};
use serde_json::json;

mod server;

use super::*;
use crate::api::{Object, ObjectKey, Role, Typed, roles, time};
use crate::sim::{Kernel, KernelConfig};
use server::FakeServer;

struct World {
    kernel: Kernel<Message>,
    server: ProcessId,
    manager: ProcessId,
}

impl World {
    fn new(seeds: Vec<Object>) -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 42,
            epoch_unix_micros: crate::controllers::fake::EPOCH_SECS * 1_000_000,
            trace_capacity: 1_000,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let seeds = seeds.into_iter().map(Arc::new).collect();
        let server = FakeServer::new(seeds);
        let server = kernel.add("kube-apiserver", Role::ApiServer.as_str(), Box::new(server));
        let manager = Box::new(ControllerManager::new(server, "control-plane", crate::controllers::Flags::default()));
        let manager = kernel.add("kube-controller-manager", Role::ControllerManager.as_str(), manager);
        World { kernel, server, manager }
    }

    fn run(&mut self, seconds: u64) {
        let until = self.kernel.now() + Duration::from_secs(seconds);
        self.kernel.run_until(until);
    }

    fn server(&self) -> &FakeServer {
        self.kernel.inspect(self.server).expect("the server is what was added")
    }

    fn manager(&self) -> &ControllerManager {
        self.kernel.inspect(self.manager).expect("the manager is what was added")
    }

    /// Lets a client change a Deployment.
    fn change(&mut self, change: impl FnOnce(&mut Deployment)) {
        let mut deployment = self.server().get::<Deployment>("web").expect("there is one").clone();
        change(&mut deployment);
        self.put(deployment.into_object());
    }

    /// Lets a client write an object.
    fn put(&mut self, object: Object) {
        self.send(Request::update(object));
    }

    fn send(&mut self, request: Request) {
        let message = Message::Request { call: CallId(0), request: Arc::new(request) };
        let client = self.kernel.resolve("client").unwrap_or_else(|| {
            self.kernel.add("client", Role::Client.as_str(), Box::new(Client { server: self.server }))
        });
        self.kernel.input(client, "kubectl", message);
    }
}

/// Passes on what it is told to send.
#[derive(Clone, Debug)]
struct Client {
    server: ProcessId,
}

impl Process<Message> for Client {
    fn start(&mut self, _ctx: &mut Ctx<'_, Message>) {}
    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if envelope.from == ProcessId::OUTSIDE {
            ctx.send(self.server, envelope.payload.clone());
        }
    }
    fn on_timer(&mut self, _ctx: &mut Ctx<'_, Message>, _token: u64) {}
    fn lose_memory(&mut self) {}
    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn deployment(replicas: i32) -> Object {
    let mut deployment = Deployment::default();
    deployment.metadata.name = Some("web".to_owned());
    deployment.metadata.namespace = Some("default".to_owned());
    let spec = deployment.spec.get_or_insert_default();
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    spec.replicas = Some(replicas);
    spec.progress_deadline_seconds = Some(600);
    spec.revision_history_limit = Some(10);
    spec.selector.match_labels = Some(labels.clone());
    spec.template.metadata.get_or_insert_default().labels = Some(labels);
    let container = Container { name: "web".to_owned(), image: Some("nginx".to_owned()), ..Container::default() };
    spec.template.spec = Some(PodSpec { containers: vec![container], ..PodSpec::default() });
    deployment.into_object()
}

fn namespace(name: &str) -> Object {
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.to_owned());
    namespace.into_object()
}

#[test]
fn a_deployment_becomes_pods_and_is_available() {
    let mut world = World::new(vec![namespace("default"), deployment(3)]);
    world.run(30);
    let server = world.server();
    assert_eq!(server.all::<Pod>().count(), 3, "{:#?}", server.log);
    let deployment = server.get::<Deployment>("web").expect("it is there");
    let status = deployment.status.as_ref().expect("it has a status");
    assert_eq!((status.available_replicas, status.updated_replicas), (Some(3), Some(3)));
    let reasons: Vec<&str> = status.conditions.iter().flatten().filter_map(|c| c.reason.as_deref()).collect();
    assert_eq!(reasons, ["MinimumReplicasAvailable", "NewReplicaSetAvailable"]);
    let log: Vec<&str> = server.log.iter().map(String::as_str).collect();
    let at = |line: &str| log.iter().position(|l| *l == line).unwrap_or_else(|| panic!("{line} is not in {log:#?}"));
    let sets = at("POST /apis/apps/v1/namespaces/default/replicasets 201");
    let pods = at("POST /api/v1/namespaces/default/pods 201");
    assert!(sets < pods);
    let messages: Vec<&str> = server.all::<Event>().filter_map(|event| event.message.as_deref()).collect();
    assert!(messages.iter().any(|message| message.ends_with("from 0 to 3")), "{messages:?}");
    assert_eq!(messages.iter().filter(|message| message.starts_with("Created pod: web-")).count(), 3);
    assert!(messages.iter().any(|message| message.ends_with("became leader")));
    assert!(log.contains(&"POST /api/v1/namespaces/default/serviceaccounts 201"));
    assert!(log.contains(&"POST /api/v1/namespaces/default/configmaps 201"));
    let quiet = server.log.len();
    world.run(60);
    assert_eq!(world.server().log.len(), quiet, "{:#?}", &world.server().log[quiet..]);
    let report = world.manager().controllers();
    assert!(report.iter().all(|report| report.synced && report.waiting.is_empty() && report.processing.is_empty()));
}

#[test]
fn a_new_template_rolls_out_and_a_scale_is_answered() {
    let mut world = World::new(vec![namespace("default"), deployment(4)]);
    world.run(20);
    world.change(|deployment| {
        let spec = deployment.spec.get_or_insert_default().template.spec.get_or_insert_default();
        spec.containers[0].image = Some("nginx:2".to_owned());
    });
    world.run(20);
    let server = world.server();
    let mut sizes: Vec<i32> =
        server.all::<ReplicaSet>().filter_map(|set| set.spec.as_ref().and_then(|spec| spec.replicas)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 4], "{:#?}", server.log);
    assert_eq!(server.all::<Pod>().count(), 4);
    let revision = server.get::<Deployment>("web").and_then(|d| d.metadata.annotations.clone()).expect("annotations");
    assert_eq!(revision["deployment.kubernetes.io/revision"], "2");
    world.change(|deployment| deployment.spec.get_or_insert_default().replicas = Some(1));
    world.run(20);
    assert_eq!(world.server().all::<Pod>().count(), 1);
}

#[test]
fn it_catches_up_after_it_was_stopped() {
    let mut world = World::new(vec![namespace("default"), deployment(2)]);
    world.run(20);
    world.kernel.stop(world.manager);
    world.change(|deployment| deployment.spec.get_or_insert_default().replicas = Some(5));
    world.run(20);
    assert_eq!(world.server().all::<Pod>().count(), 2);
    world.kernel.restart(world.manager);
    world.run(10);
    assert!(!world.manager().leader().leading, "the lease of its former life has not run out");
    world.run(20);
    assert!(world.manager().leader().leading);
    assert_eq!(world.server().all::<Pod>().count(), 5);
}

#[test]
fn it_goes_on_after_the_server_was_away() {
    for seconds in [4, 60] {
        let mut world = World::new(vec![namespace("default"), deployment(2)]);
        world.run(20);
        world.kernel.stop(world.server);
        world.run(seconds);
        world.kernel.restart(world.server);
        world.run(40);
        world.change(|deployment| deployment.spec.get_or_insert_default().replicas = Some(5));
        world.run(30);
        assert_eq!(world.server().all::<Pod>().count(), 5, "after {seconds} s");
    }
}

#[test]
fn two_runs_are_the_same() {
    let hash = || {
        let mut world = World::new(vec![namespace("default"), deployment(20)]);
        world.run(20);
        world.kernel.trace_hash()
    };
    assert_eq!(hash(), hash());
}

#[test]
fn a_thousand_pods_cost_no_more_than_a_few_syncs_each() {
    let mut world = World::new(vec![namespace("default"), deployment(1000)]);
    world.run(60);
    assert_eq!(world.server().all::<Pod>().count(), 1000);
    let report = world.manager().controllers();
    let syncs = report.iter().find(|report| report.name == "replicaset-controller").map(|report| report.syncs);
    assert!(syncs < Some(3000), "{syncs:?}");
}

fn node(name: &str) -> [Object; 2] {
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    let condition = |type_: &str, status: &str| NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        ..NodeCondition::default()
    };
    let conditions = vec![condition("Ready", "True"), condition("MemoryPressure", "False")];
    node.status.get_or_insert_default().conditions = Some(conditions);
    let mut lease = Lease::default();
    lease.metadata.name = Some(name.to_owned());
    lease.metadata.namespace = Some("kube-node-lease".to_owned());
    [node.into_object(), lease.into_object()]
}

/// Lets time pass while these nodes renew their leases every ten seconds.
fn pass(world: &mut World, seconds: u64, nodes: &[&str]) {
    for _ in 0..seconds / 10 {
        for name in nodes {
            let key = (Kind::Lease, ObjectKey::new("kube-node-lease", name));
            let mut lease = (*world.server().objects[&key]).clone();
            let renewed = time::micro_time(world.kernel.unix_micros());
            if let Some(lease) = Lease::of_mut(&mut lease) {
                lease.spec.get_or_insert_default().renew_time = Some(renewed);
            }
            world.put(lease);
        }
        world.run(10);
    }
}

#[test]
fn a_silent_node_is_tainted_and_its_pods_leave() {
    let mut pod = Pod::default();
    pod.metadata.name = Some("web".to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.node_name = Some("node-a".to_owned());
    let toleration = json!([{
        "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
    }]);
    spec.tolerations = Some(serde_json::from_value(toleration).expect("tolerations as the API has them"));
    let mut seeds = vec![namespace("default"), pod.into_object()];
    seeds.extend(node("node-a"));
    seeds.extend(node("node-b"));
    let mut world = World::new(seeds);
    world.run(1);
    pass(&mut world, 30, &["node-a", "node-b"]);
    let from = world.server().log.len();
    pass(&mut world, 90, &["node-b"]);
    let writes = |world: &World| -> Vec<String> {
        let log = world.server().log[from..].iter();
        log.filter(|line| !line.contains("/events") && !line.starts_with("GET")).cloned().collect()
    };
    let silent = [
        "PUT /api/v1/nodes/node-a/status 200",
        "PATCH /api/v1/nodes/node-a 200",
        "PUT /api/v1/namespaces/default/pods/web/status 200",
        "PATCH /api/v1/nodes/node-a 200",
    ];
    let mut seen = writes(&world);
    seen.sort_unstable();
    let mut wanted = silent.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    let node = world.server().objects[&(Kind::Node, node_key())].clone();
    let taints = node.expect::<Node>().spec.clone().and_then(|spec| spec.taints).expect("it is tainted");
    let effects: Vec<&str> = taints.iter().map(|taint| taint.effect.as_str()).collect();
    assert_eq!(effects, ["NoSchedule", "NoExecute"]);
    pass(&mut world, 310, &["node-b"]);
    assert_eq!(world.server().all::<Pod>().count(), 0, "{:#?}", writes(&world));
    // It is heard from again: its kubelet posts its status and its lease.
    let mut node = node.expect::<Node>().clone();
    node.metadata = world.server().objects[&(Kind::Node, node_key())].meta().clone();
    node.spec = world.server().objects[&(Kind::Node, node_key())].expect::<Node>().spec.clone();
    for condition in node.status.iter_mut().flat_map(|status| status.conditions.iter_mut().flatten()) {
        condition.status = if condition.type_ == "Ready" { "True" } else { "False" }.to_owned();
        condition.last_heartbeat_time = Some(time::time(world.kernel.unix_micros()));
    }
    let request = Request::update_status(node.into_object());
    world.send(request);
    pass(&mut world, 20, &["node-a", "node-b"]);
    let node = world.server().objects[&(Kind::Node, node_key())].clone();
    assert_eq!(node.expect::<Node>().spec.clone().and_then(|spec| spec.taints), None);
}

fn node_key() -> ObjectKey {
    ObjectKey::new("", "node-a")
}

#[test]
fn a_deleted_deployment_takes_everything_along() {
    let mut world = World::new(vec![namespace("default"), deployment(3)]);
    world.run(20);
    let request = Request::delete(Kind::Deployment.info(), "default", "web");
    world.send(request);
    world.run(20);
    assert_eq!(world.server().all::<ReplicaSet>().count(), 0);
    assert_eq!(world.server().all::<Pod>().count(), 0, "{:#?}", world.server().log);
}
