//! The process against a small fake of an API server.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{
    Body, CallId, Kind, Message, Method, Object, ObjectKey, Reason, Request, Response, Role, Status, WatchEvent,
    WatchType, roles,
};
use crate::sim::{Ctx, Envelope, Kernel, KernelConfig, Process, ProcessId, Record, SimTime};

use super::{Binding, DecisionRecord, Outcome, Scheduler, SchedulerConfig};

/// Keeps pods, nodes and one lease, and notes what it is asked to write.
#[derive(Clone, Debug, Default)]
struct FakeApiServer {
    objects: BTreeMap<(Kind, ObjectKey), Arc<Object>>,
    watches: Vec<(ProcessId, CallId, Kind)>,
    revision: u64,
    /// Method, path and what it was about.
    writes: Vec<String>,
    refuse_bindings: u32,
}

impl FakeApiServer {
    fn put(&mut self, ctx: &mut Ctx<'_, Message>, kind: Kind, mut value: Value) -> Arc<Object> {
        self.revision += 1;
        value["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(Object::from_value(kind, &value, &mut |_| {}).expect("the tests write good objects"));
        let old = self.objects.insert((kind, object.key()), object.clone());
        let type_ = if old.is_some() { WatchType::Modified } else { WatchType::Added };
        self.publish(ctx, kind, type_, &object);
        object
    }

    fn publish(&self, ctx: &mut Ctx<'_, Message>, kind: Kind, type_: WatchType, object: &Arc<Object>) {
        for (watcher, call, _) in self.watches.iter().filter(|(_, _, watched)| *watched == kind) {
            let event = WatchEvent::new(type_, Body::Object(object.clone()));
            ctx.send(*watcher, Message::Watch { call: *call, event });
        }
    }

    fn watch(&mut self, ctx: &mut Ctx<'_, Message>, from: ProcessId, call: CallId, kind: Kind) {
        ctx.send(from, Message::Response { call, response: Arc::new(Response::ok(Body::Empty)) });
        for object in self.objects.iter().filter(|((held, _), _)| *held == kind).map(|(_, object)| object) {
            let event = WatchEvent::new(WatchType::Added, Body::Object(object.clone()));
            ctx.send(from, Message::Watch { call, event });
        }
        let bookmark = json!({ "metadata": { "resourceVersion": self.revision.to_string() } });
        let bookmark = Object::from_value(kind, &bookmark, &mut |_| {}).expect("a bookmark is an object");
        let event = WatchEvent::new(WatchType::Bookmark, Body::Object(Arc::new(bookmark)));
        ctx.send(from, Message::Watch { call, event });
        self.watches.push((from, call, kind));
    }

    fn answer(&mut self, ctx: &mut Ctx<'_, Message>, request: &Request) -> Response {
        let segments: Vec<&str> = request.path.split('/').collect();
        match (request.method, &request.body) {
            (Method::Get, _) => match self.objects.get(&(Kind::Lease, ObjectKey::new("kube-system", "kube-scheduler")))
            {
                Some(lease) => Response::ok(Body::Object(lease.clone())),
                None => Response::failure(Status::not_found(Kind::Lease.info(), "kube-scheduler")),
            },
            (Method::Post, Body::Object(object)) if segments.last() == Some(&"binding") => {
                let Object::Binding(binding) = &**object else { panic!("a binding is posted to a binding") };
                let node = binding.target.name.clone().unwrap_or_default();
                self.writes.push(format!("bind {} {node}", object.key()));
                if self.refuse_bindings > 0 {
                    self.refuse_bindings -= 1;
                    return Response::failure(Status::new(Reason::InternalError, "etcd is away"));
                }
                let mut pod = self.objects[&(Kind::Pod, object.key())].to_value();
                pod["spec"]["nodeName"] = json!(node);
                self.put(ctx, Kind::Pod, pod);
                Response { code: 201, ..Response::ok(Body::Empty) }
            }
            (Method::Post | Method::Put, Body::Object(object)) => {
                if let Object::EventsV1Event(event) = &**object {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    self.writes.push(format!("event {}: {}", text(&event.reason), text(&event.note)));
                    return Response { code: 201, ..Response::ok(Body::Object(object.clone())) };
                }
                let stored = self.put(ctx, object.kind(), object.to_value());
                Response::ok(Body::Object(stored))
            }
            (Method::Patch, Body::Json(patch)) => {
                self.writes.push(format!("patch {} {patch}", request.path));
                if segments.last() == Some(&"status") {
                    let key = ObjectKey::new(segments[4], segments[6]);
                    let mut pod = self.objects[&(Kind::Pod, key)].to_value();
                    for (field, value) in patch["status"].as_object().into_iter().flatten() {
                        pod["status"][field] = value.clone();
                    }
                    self.put(ctx, Kind::Pod, pod);
                }
                Response::ok(Body::Empty)
            }
            (Method::Delete, _) => {
                self.writes.push(format!("delete {}", request.path));
                Response::ok(Body::Empty)
            }
            (method, body) => panic!("{method:?} {} {body:?}", request.path),
        }
    }
}

impl Process<Message> for FakeApiServer {
    fn start(&mut self, _ctx: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Request { call, request } if request.is_watch() => {
                let mut kinds = crate::api::KINDS.iter().map(|info| info.id);
                let kind = kinds.find(|kind| kind.info().path("", "") == *request.path);
                let kind = kind.unwrap_or_else(|| panic!("nobody watches {}", request.path));
                self.watch(ctx, envelope.from, *call, kind);
            }
            Message::Request { call, request } => {
                let response = Arc::new(self.answer(ctx, request));
                ctx.send(envelope.from, Message::Response { call: *call, response });
            }
            Message::Control(text) => match text.split_once(' ') {
                Some(("refuse", count)) => self.refuse_bindings = count.parse().expect("a number"),
                Some(("delete", name)) => {
                    let gone = self.objects.remove(&(Kind::Pod, ObjectKey::new("default", name)));
                    let mut gone = (*gone.expect("what is deleted was there")).clone();
                    self.revision += 1;
                    gone.meta_mut().resource_version = Some(self.revision.to_string());
                    self.publish(ctx, Kind::Pod, WatchType::Deleted, &Arc::new(gone));
                }
                _ => {
                    let value: Value = serde_json::from_str(text).expect("an object");
                    let kind = crate::api::KINDS.iter().find(|info| value["kind"] == info.kind).map(|info| info.id);
                    let kind = kind.expect("the tests put kinds that there are");
                    self.put(ctx, kind, value);
                }
            },
            _ => {}
        }
    }

    fn on_timer(&mut self, _ctx: &mut Ctx<'_, Message>, _token: u64) {}

    fn lose_memory(&mut self) {
        self.watches.clear();
    }

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

struct World {
    kernel: Kernel<Message>,
    apiserver: ProcessId,
    scheduler: ProcessId,
}

fn node(name: &str, cpu: &str) -> Value {
    json!({
        "kind": "Node",
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
        "spec": {},
        "status": { "allocatable": { "cpu": cpu, "memory": "8Gi", "pods": "110" } },
    })
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}"), "generation": 1 },
        "spec": {
            "schedulerName": "default-scheduler",
            "containers": [{ "name": "c", "image": "nginx", "resources": { "requests": { "cpu": cpu } } }],
        },
        "status": { "phase": "Pending" },
    })
}

impl World {
    fn new(seed: u64, nodes: &[Value]) -> Self {
        World::with_config(seed, nodes, SchedulerConfig::default())
    }

    fn with_config(seed: u64, nodes: &[Value], config: SchedulerConfig) -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed,
            epoch_unix_micros: 1_700_000_000_000_000,
            trace_capacity: 100_000,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let apiserver = kernel.add("kube-apiserver", Role::ApiServer.as_str(), Box::new(FakeApiServer::default()));
        let scheduler = Box::new(Scheduler::with_config(apiserver, "control-plane", config));
        let scheduler = kernel.add("kube-scheduler", Role::Scheduler.as_str(), scheduler);
        let mut world = World { kernel, apiserver, scheduler };
        nodes.iter().for_each(|node| world.put(node));
        world.run(1_000);
        world
    }

    fn put(&mut self, value: &Value) {
        self.control(&value.to_string());
    }

    fn control(&mut self, text: &str) {
        self.kernel.input(self.apiserver, "test", Message::Control(Arc::from(text)));
    }

    fn run(&mut self, ms: u64) {
        let until = self.kernel.now() + Duration::from_millis(ms);
        self.kernel.run_until(until);
    }

    fn server(&self) -> &FakeApiServer {
        self.kernel.inspect(self.apiserver).expect("the fake is there")
    }

    fn scheduler(&self) -> &Scheduler {
        self.kernel.inspect(self.scheduler).expect("the scheduler is there")
    }

    fn node_of(&self, pod: &str) -> String {
        let pod = &self.server().objects[&(Kind::Pod, ObjectKey::new("default", pod))];
        pod.to_value()["spec"]["nodeName"].as_str().unwrap_or_default().to_owned()
    }

    fn nominated(&self, pod: &str) -> String {
        let pod = &self.server().objects[&(Kind::Pod, ObjectKey::new("default", pod))];
        pod.to_value()["status"]["nominatedNodeName"].as_str().unwrap_or_default().to_owned()
    }

    fn record(&self, pod: &str) -> &DecisionRecord {
        self.scheduler().record_of(&ObjectKey::new("default", pod)).expect("it was tried")
    }

    fn message(&self, pod: &str) -> String {
        match &self.record(pod).outcome {
            Outcome::Unschedulable { message, .. } => message.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pod_is_bound_and_the_event_follows_the_binding() {
    let mut world = World::new(1, &[node("node-a", "4"), node("node-b", "4")]);
    assert!(world.scheduler().leads());
    world.put(&pod("web", "500m"));
    world.run(1_000);
    let chosen = world.node_of("web");
    assert!(chosen.starts_with("node-"), "it is on {chosen}");
    let writes = &world.server().writes;
    assert_eq!(writes[0], format!("bind default/web {chosen}"));
    assert_eq!(writes[1], format!("event Scheduled: Successfully assigned default/web to {chosen}"));
    assert_eq!(writes.len(), 2);
    let record = world.record("web");
    assert_eq!((record.all_nodes, record.evaluated, record.feasible), (2, 2, 2));
    let Outcome::Node { node, tied, binding } = &record.outcome else { panic!("{record:?}") };
    assert_eq!((&**node, tied.len(), binding), (&*chosen, 2, &Binding::Bound));
    let sums: Vec<i64> =
        record.nodes.iter().map(|node| node.scores.iter().map(|score| score.weighted()).sum()).collect();
    let totals: Vec<i64> = record.nodes.iter().map(|node| node.total).collect();
    assert_eq!(sums, totals);
    assert!(!world.scheduler().cache().is_assumed(&ObjectKey::new("default", "web")), "the watch confirmed it");
}

#[test]
fn each_step_is_laid_to_what_came_before() {
    let mut world = World::new(1, &[node("node-a", "4")]);
    world.put(&pod("web", "500m"));
    world.run(1_000);
    let sent = world.kernel.trace().records().iter().find_map(|record| match record {
        Record::Sent(envelope) => match &envelope.payload {
            Message::Request { request, .. } if request.path.ends_with("/binding") => Some(envelope.clone()),
            _ => None,
        },
        _ => None,
    });
    let binding = sent.expect("a binding was sent");
    let cause = world.kernel.trace().find(binding.cause).expect("its cause is in the trace");
    let Record::Sent(watch) = cause else { panic!("{cause:?}") };
    assert!(matches!(&watch.payload, Message::Watch { .. }), "the watch event that brought the pod: {watch:?}");
    let spans: Vec<&str> = world
        .kernel
        .trace()
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Span(span) => Some(span.name),
            _ => None,
        })
        .collect();
    assert_eq!(spans, ["scheduling cycle", "binding cycle"]);
}

#[test]
fn a_pod_that_fits_nowhere_says_why_and_waits_for_the_node_that_takes_it() {
    let mut tainted = node("node-c", "4");
    tainted["spec"]["taints"] = json!([{ "key": "dedicated", "value": "db", "effect": "NoSchedule" }]);
    let mut world = World::new(1, &[node("node-a", "1"), node("node-b", "1"), tainted]);
    world.put(&pod("big", "2"));
    world.run(5_000);
    let message = world.message("big");
    let reasons = "1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to deallocate, preemption: ";
    assert!(message.starts_with(&format!("0/3 nodes are available: {reasons}")), "{message}");
    let writes = world.server().writes.clone();
    assert_eq!(writes[0], format!("event FailedScheduling: {message}"));
    assert!(writes[1].starts_with("patch /api/v1/namespaces/default/pods/big/status"), "{}", writes[1]);
    assert!(writes[1].contains(r#""reason":"Unschedulable""#) && writes[1].contains(&message), "{}", writes[1]);
    assert_eq!(writes.len(), 2, "its own patch does not wake it: {writes:?}");
    let record = world.record("big");
    assert_eq!(
        record.node("node-a").map(|node| node.remedy.as_str()),
        Some("1000m more cpu (2000m asked, 1000m free)")
    );
    let remedy = "the pod would have to tolerate dedicated=db:NoSchedule";
    assert_eq!(record.node("node-c").map(|node| node.remedy.as_str()), Some(remedy));
    assert_eq!(world.scheduler().queue().lengths(), (0, 0, 1));

    world.put(&node("node-d", "1"));
    world.run(1_000);
    assert_eq!(
        world.record("big").attempt,
        2,
        "a node without taints gives hope to one plugin, though it is too small"
    );
    let mut shut = node("node-f", "1");
    shut["spec"]["taints"] = json!([{ "key": "dedicated", "value": "db", "effect": "NoSchedule" }]);
    world.put(&shut);
    world.run(1_000);
    assert_eq!(world.record("big").attempt, 2, "one that is too small and tainted gives none");
    world.put(&node("node-e", "4"));
    world.run(1_000);
    assert_eq!(world.node_of("big"), "node-e");
    assert_eq!(world.record("big").attempt, 3);
}

#[test]
fn a_deleted_pod_makes_room_for_the_next() {
    let mut world = World::new(1, &[node("node-a", "1")]);
    world.put(&pod("first", "800m"));
    world.run(100);
    world.put(&pod("second", "800m"));
    world.run(1_000);
    assert_eq!(world.node_of("second"), "");
    world.control("delete first");
    world.run(1_000);
    assert_eq!(world.node_of("second"), "node-a");
}

#[test]
fn a_refused_binding_frees_the_node_and_is_tried_again_after_a_backoff() {
    let mut world = World::new(1, &[node("node-a", "1")]);
    world.control("refuse 2");
    world.put(&pod("web", "800m"));
    world.run(500);
    assert_eq!(world.node_of("web"), "");
    assert!(world.scheduler().cache().node("node-a").is_some_and(|node| node.pods.is_empty()));
    assert_eq!(world.scheduler().queue().lengths(), (0, 1, 0), "an error waits out its backoff");
    assert!(matches!(&world.record("web").outcome, Outcome::Node { binding: Binding::Failed(_), .. }));
    world.run(8_000);
    assert_eq!(world.node_of("web"), "node-a");
    assert_eq!(world.record("web").attempt, 3);
}

#[test]
fn gated_pods_wait_for_their_gates_and_others_schedulers_pods_are_left_alone() {
    let mut world = World::new(1, &[node("node-a", "4")]);
    let mut gated = pod("gated", "100m");
    gated["spec"]["schedulingGates"] = json!([{ "name": "example.com/wait" }]);
    world.put(&gated);
    let mut foreign = pod("foreign", "100m");
    foreign["spec"]["schedulerName"] = json!("another");
    world.put(&foreign);
    world.run(40_000);
    assert_eq!(world.scheduler().attempts(), 0);
    gated["spec"]["schedulingGates"] = json!([]);
    world.put(&gated);
    world.run(1_000);
    assert_eq!(world.node_of("gated"), "node-a");
    assert_eq!(world.node_of("foreign"), "");
}

#[test]
fn a_crash_loses_nothing_and_binds_nothing_twice() {
    let mut world = World::new(7, &[node("node-a", "2"), node("node-b", "2")]);
    for index in 0..4 {
        world.put(&pod(&format!("web-{index}"), "800m"));
    }
    world.run(2);
    world.kernel.stop(world.scheduler);
    world.run(1_000);
    world.kernel.restart(world.scheduler);
    world.run(10_000);
    assert!(!world.scheduler().leads(), "the lease of the earlier life is not over yet");
    world.run(30_000);
    let mut bound: Vec<&String> = world.server().writes.iter().filter(|write| write.starts_with("bind")).collect();
    bound.sort();
    let total = bound.len();
    bound.dedup_by_key(|write| write.rsplit_once(' ').map(|(pod, _)| pod.to_owned()));
    assert_eq!((total, bound.len()), (4, 4));
}

#[test]
fn becoming_leader_is_an_event_on_the_lease() {
    let mut world = World::new(1, &[]);
    world.run(5_000);
    let events: Vec<Value> = world
        .server()
        .objects
        .iter()
        .filter(|((kind, _), _)| *kind == Kind::Event)
        .map(|(_, event)| event.to_value())
        .collect();
    let [event] = events.as_slice() else { panic!("one event, not {events:?}") };
    assert_eq!((&event["reason"], &event["type"]), (&json!("LeaderElection"), &json!("Normal")));
    assert_eq!(event["involvedObject"]["kind"], "Lease");
    assert_eq!(event["involvedObject"]["namespace"], "kube-system");
    assert_eq!(event["source"]["component"], "default-scheduler");
    assert!(event["message"].as_str().is_some_and(|message| message.ends_with(" became leader")), "{event}");
}

#[test]
fn the_same_seed_decides_the_same_and_the_lease_is_renewed_every_two_seconds() {
    let run = |seed| {
        let mut world = World::new(seed, &[node("node-a", "8"), node("node-b", "8"), node("node-c", "8")]);
        (0..12).for_each(|index| world.put(&pod(&format!("web-{index}"), "100m")));
        world.run(20_000);
        let renewals = world.kernel.trace().records().iter().filter(|record| match record {
            Record::Sent(envelope) => {
                matches!(&envelope.payload, Message::Request { request, .. } if request.method == Method::Put)
            }
            _ => false,
        });
        assert!((9..=11).contains(&renewals.count()));
        assert!(world.kernel.now() > SimTime::ZERO);
        world.kernel.trace_hash()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

/// Two profiles: one that packs, beside the usual one.
fn packing() -> SchedulerConfig {
    let packing = json!({
        "schedulerName": "packing",
        "pluginConfig": [{ "name": "NodeResourcesFit", "args": { "scoringStrategy": { "type": "MostAllocated" } } }],
        "plugins": { "score": {
            "enabled": [{ "name": "NodeResourcesFit", "weight": 10 }],
            "disabled": [{ "name": "NodeResourcesBalancedAllocation" }],
        } },
    });
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{ "schedulerName": "default-scheduler" }, packing],
    });
    SchedulerConfig::read(&config).expect("a good configuration")
}

#[test]
fn with_nothing_to_score_by_the_first_node_will_do() {
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{
            "schedulerName": "default-scheduler",
            "plugins": { "score": { "disabled": [{ "name": "*" }] } },
        }],
    });
    let config = SchedulerConfig::read(&config).expect("a good configuration");
    let mut world = World::with_config(1, &["node-a", "node-b", "node-c"].map(|name| node(name, "4")), config);
    for name in ["first", "second", "third", "fourth"] {
        world.put(&pod(name, "1"));
        world.run(1_000);
    }
    // Each cycle begins to look where the last one stopped.
    let nodes = ["first", "second", "third", "fourth"].map(|name| world.node_of(name));
    assert_eq!(nodes, ["node-a", "node-b", "node-c", "node-a"]);
}

#[test]
fn the_schedulers_name_picks_the_profile() {
    let mut world = World::with_config(1, &[node("node-a", "4"), node("node-b", "4")], packing());
    world.put(&pod("first", "1"));
    world.run(1_000);
    let first = world.node_of("first");
    let mut packed = pod("packed", "1");
    packed["spec"]["schedulerName"] = json!("packing");
    world.put(&packed);
    world.put(&pod("spread", "1"));
    world.run(1_000);
    assert_eq!(world.node_of("packed"), first, "the fullest node");
    assert_ne!(world.node_of("spread"), first, "the emptiest node");
    let weights: Vec<(&str, i64)> =
        world.record("packed").nodes[0].scores.iter().map(|score| (score.plugin, score.weight)).collect();
    assert_eq!(
        weights,
        [("NodeResourcesFit", 10), ("TaintToleration", 3), ("ImageLocality", 1)],
        "what the pod does not concern is skipped"
    );
}

#[test]
fn a_scheduler_that_is_configured_anew_starts_again_with_its_new_profiles() {
    let mut world = World::new(1, &[node("node-a", "4")]);
    let mut packed = pod("packed", "1");
    packed["spec"]["schedulerName"] = json!("packing");
    world.put(&packed);
    world.run(5_000);
    assert_eq!(world.node_of("packed"), "");
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{ "schedulerName": "packing" }],
    });
    let text = format!("configure {config}");
    world.kernel.input(world.scheduler, "test", Message::Control(Arc::from(text)));
    world.run(30_000);
    assert_eq!(world.node_of("packed"), "node-a");
    let bad = Message::Control(Arc::from("configure {\"kind\": \"Pod\"}"));
    world.kernel.input(world.scheduler, "test", bad);
    world.run(1_000);
    assert!(world.scheduler().profiles().get("packing").is_some(), "what cannot be read changes nothing");
}

#[test]
fn what_an_assumed_pod_took_is_free_as_soon_as_it_is_deleted() {
    let mut world = World::new(1, &[node("node-a", "1")]);
    world.put(&pod("first", "800m"));
    world.put(&pod("second", "800m"));
    world.run(500);
    assert_eq!((world.node_of("first").as_str(), world.node_of("second").as_str()), ("node-a", ""));
    let mut leaving = pod("first", "800m");
    leaving["spec"]["nodeName"] = json!("node-a");
    leaving["metadata"]["labels"] = json!({ "changed": "yes" });
    world.put(&leaving);
    world.run(2_000);
    assert_eq!(world.record("second").attempt, 1, "a label of another pod is no hope for one that needs CPU");
    // Resized in place, it leaves room.
    leaving["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("100m");
    world.put(&leaving);
    world.run(2_000);
    assert_eq!(world.node_of("second"), "node-a");
}

/// A class that waits, a claim of it, and a pod that uses the claim.
fn waiting_claim(world: &mut World) {
    world.put(&json!({ "kind": "StorageClass", "metadata": { "name": "later" }, "provisioner": "csi.example.com",
        "volumeBindingMode": "WaitForFirstConsumer" }));
    world.put(&claim(json!({}), ""));
    let mut user = pod("user", "100m");
    user["spec"]["volumes"] = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }]);
    world.put(&user);
}

fn claim(annotations: Value, volume: &str) -> Value {
    json!({
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": "data", "namespace": "default", "uid": "data", "annotations": annotations },
        "spec": { "storageClassName": "later", "volumeName": volume },
    })
}

#[test]
fn a_pod_waits_until_its_volume_is_made_where_it_goes() {
    let mut world = World::new(1, &[node("node-a", "4")]);
    waiting_claim(&mut world);
    world.run(5_000);
    let stored = |world: &World| {
        world.server().objects[&(Kind::PersistentVolumeClaim, ObjectKey::new("default", "data"))].to_value()
    };
    let selected = json!({ "volume.kubernetes.io/selected-node": "node-a" });
    assert_eq!(stored(&world)["metadata"]["annotations"], selected);
    assert_eq!(world.node_of("user"), "", "nobody has made the volume yet");
    assert!(world.scheduler().cache().is_assumed(&ObjectKey::new("default", "user")));
    assert_eq!(world.nominated("user"), "node-a", "others may see where it will be");
    world.put(&json!({ "kind": "PersistentVolume", "metadata": { "name": "made" }, "spec": {} }));
    let bound = json!({ "volume.kubernetes.io/selected-node": "node-a", "pv.kubernetes.io/bind-completed": "yes" });
    world.put(&claim(bound, "made"));
    world.run(1_500);
    assert_eq!(world.node_of("user"), "node-a");
}

#[test]
fn a_provisioner_that_gives_up_sends_the_pod_back() {
    let mut world = World::new(1, &[node("node-a", "4")]);
    waiting_claim(&mut world);
    world.run(3_000);
    world.put(&claim(json!({ "other": "x" }), ""));
    world.run(1_100);
    let said = "event FailedScheduling: running PreBind plugin \"VolumeBinding\": binding volumes: \
        provisioning failed for PVC \"data\"";
    assert!(world.server().writes.iter().any(|write| write == said), "{:?}", world.server().writes);
    assert_eq!(world.nominated("user"), "", "it is not to go there any more");
    world.run(5_000);
    assert_eq!(world.record("user").attempt, 2, "it is tried again after its back-off");
}

#[test]
fn preemption_spares_pods_that_a_budget_protects() {
    let mut world = World::new(1, &[node("node-a", "1"), node("node-b", "1")]);
    for (name, at) in [("kept", "node-a"), ("free", "node-b")] {
        let mut low = pod(name, "800m");
        low["metadata"]["labels"] = json!({ "app": name });
        low["spec"]["nodeName"] = json!(at);
        world.put(&low);
    }
    world.put(&json!({ "kind": "PodDisruptionBudget", "metadata": { "name": "pdb", "namespace": "default" },
        "spec": { "selector": { "matchLabels": { "app": "kept" } } }, "status": { "disruptionsAllowed": 0 } }));
    world.run(1_000);
    let mut high = pod("high", "800m");
    high["spec"]["priority"] = json!(100);
    world.put(&high);
    world.run(1_000);
    let deleted: Vec<&String> = world.server().writes.iter().filter(|write| write.starts_with("delete")).collect();
    assert_eq!(deleted, ["delete /api/v1/namespaces/default/pods/free"]);
}
