//! The node lifecycle controller: notices that a node has fallen silent, says so in its conditions and
//! taints, and marks its pods not ready.
//!
//! Mirrors pkg/controller/nodelifecycle. Leaves out: the `beta.kubernetes.io` labels it copies, reading
//! a node anew before it is tainted (the cached one is patched on condition that it is still current).

mod health;
pub mod taints;
pub mod zones;

use std::sync::Arc;
use std::time::Duration;

use crate::api::fields::Field;
use crate::api::stored::Shared;
use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod, Taint};
use serde_json::json;

use crate::api::{Kind, Object, ObjectKey, Reason, Request, Typed, http::content_type, time};
use crate::client::{Change, EventKind, Involved};
use crate::sim::SimTime;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Announce, Append, Plan, Step, Write};
use super::pods;
use health::Health;

/// `--node-monitor-period`.
pub const MONITOR_PERIOD: Duration = Duration::from_secs(5);
/// `--node-monitor-grace-period`.
pub const MONITOR_GRACE: Duration = Duration::from_secs(50);
/// `--node-startup-grace-period`.
pub const STARTUP_GRACE: Duration = Duration::from_secs(60);
/// `scheduler.NodeEvictionPeriod`: how often nodes waiting for a NoExecute taint are looked at.
const EVICTION_PERIOD: Duration = Duration::from_millis(100);
/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";

/// The parts of a node's work: its conditions after silence, its NoSchedule taints, its NoExecute taints,
/// and its coming and going.
pub const STATUS: &str = "status";
pub const NO_SCHEDULE: &str = "no-schedule";
pub const NO_EXECUTE: &str = "no-execute";
pub const REGISTERED: &str = "registered";
pub const REMOVING: &str = "removing";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct NodeLifecycleController {
    /// What is known of each node's heartbeat, by name.
    health: OrdMap<Arc<str>, Health>,
    /// The uids of nodes seen, by name, for the events about their going.
    known: OrdMap<Arc<str>, Arc<str>>,
    /// When each zone may next taint a node NoExecute.
    next_taint: OrdMap<Arc<str>, SimTime>,
    zones: zones::Zones,
}

/// The condition of a type.
pub fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

/// The status of the condition Ready; `None` without one.
fn readiness(node: &Node) -> Option<&str> {
    condition(node, "Ready").map(|ready| ready.status.as_str())
}

pub fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

pub fn part(name: &str, what: &'static str) -> WorkKey {
    WorkKey::part(Kind::Node, ObjectKey::new("", name), what)
}

/// The patch that gives a node these taints, on condition that it has not changed.
fn put_taints(node: &Object, taints: &[Taint]) -> Write {
    let list = if taints.is_empty() { serde_json::Value::Null } else { taints.iter().map(Taint::write).collect() };
    let patch = json!({
        "metadata": { "resourceVersion": node.meta().resource_version },
        "spec": { "taints": list },
    });
    let kind = content_type::STRATEGIC_MERGE_PATCH;
    Write::new(Request::patch(node.info(), "", node.name(), "", kind, patch))
}

/// Marks pods of a node not ready (`MarkPodsNotReady`).
fn mark_not_ready(pods: &[Arc<Object>], unix_micros: i64) -> Vec<Step> {
    let mut steps = Vec::new();
    for object in pods {
        let mut pod = object.expect::<Pod>().clone();
        let conditions = pod.status.iter_mut().flat_map(|status| status.conditions.iter_mut().flatten());
        let Some(ready) = conditions.into_iter().find(|ready| ready.type_ == "Ready" && ready.status != "False") else {
            continue;
        };
        ready.status = "False".to_owned();
        ready.last_transition_time = Some(time::time(unix_micros));
        let write = Write::new(Request::update_status(pod.into_object())).tolerating(&[Reason::NotFound]);
        steps.push(write.step());
        steps.push(Step::Event(Announce::warning(object, "NodeNotReady", "Node is not ready")));
    }
    steps
}

/// The pods assigned to a node.
fn pods_of(observed: &Observed, node: &str) -> Vec<Arc<Object>> {
    observed.stores.of(Kind::Pod).on_node(node).collect()
}

/// An event about a node that may be gone: upstream refers to nodes by name and uid alone.
fn about(name: &str, uid: &str, reason: &'static str, message: String) -> Step {
    let involved = Involved {
        api_version: Arc::from("v1"),
        kind: "Node",
        key: ObjectKey::new("", name),
        uid: Arc::from(uid),
        resource_version: 0,
        field_path: Arc::from(""),
    };
    Step::Event(Announce { involved, kind: EventKind::Normal, reason, message, append: Append::Nothing })
}

impl NodeLifecycleController {
    /// `monitorNodeHealth`: once per period, every node.
    fn monitor(&mut self, observed: &Observed) -> Vec<Enqueue> {
        let mut wishes = Vec::new();
        let nodes = observed.stores.of(Kind::Node);
        for name in self.known.keys().cloned().collect::<Vec<_>>() {
            if nodes.get(&ObjectKey::new("", &name)).is_none() {
                wishes.push(Enqueue::now(part(&name, REMOVING)));
                self.health.remove(&name);
            }
        }
        for (key, object) in nodes.iter() {
            let node = object.expect::<Node>();
            if self.known.insert(key.name.clone(), Arc::from(object.uid())).is_none() {
                wishes.push(Enqueue::now(part(&key.name, REGISTERED)));
            }
            let lease = observed.stores.of(Kind::Lease).get(&ObjectKey::new(LEASES, &key.name));
            let mut known = self.health.get(&key.name).cloned();
            let health = Health::update(known.take(), node, lease.as_deref().and_then(Object::get), observed);
            let silent = health.is_silent(node, observed.now);
            self.health.insert(key.name.clone(), health);
            if silent && !health::unknown_already(node) {
                wishes.push(Enqueue::now(part(&key.name, STATUS)));
            }
            if taints::no_execute(node, self.zones.all_disrupted()) != taints(node) {
                wishes.push(Enqueue::now(part(&key.name, NO_EXECUTE)));
            }
        }
        self.zones.update(nodes.iter().filter_map(|(_, object)| Shared::of(object)));
        wishes
    }

    /// The conditions of a node that has fallen silent, its event and its pods.
    fn set_unknown(&self, turn: &Turn, object: &Object) -> Plan {
        let node = object.expect::<Node>();
        let silent = self.health.get(object.name()).is_some_and(|health| health.is_silent(node, turn.observed.now));
        if !silent || health::unknown_already(node) {
            return Plan::nothing("it is heard from");
        }
        let changed = health::unknown(node, turn.observed.unix_micros);
        let mut steps = vec![Write::new(Request::update_status(changed.into_object())).step()];
        if readiness(node) == Some("True") {
            let message = format!("Node {} status is now: NodeNotReady", object.name());
            steps.push(about(object.name(), object.uid(), "NodeNotReady", message));
        }
        steps.extend(mark_not_ready(&pods_of(&turn.observed, object.name()), turn.observed.unix_micros));
        let wish = Enqueue::after(part(object.name(), NO_EXECUTE), EVICTION_PERIOD);
        Plan { enqueue: vec![wish], ..Plan::steps("silent for too long", steps) }
    }

    /// `doNoExecuteTaintingPass`: as many nodes at a time as the zone allows.
    fn taint_no_execute(&mut self, turn: &Turn, object: &Object) -> Plan {
        let node = object.expect::<Node>();
        let wanted = taints::no_execute(node, self.zones.all_disrupted());
        if wanted == taints(node) {
            return Plan::nothing("its NoExecute taints are right");
        }
        let now = turn.observed.now;
        if taints::adds_no_execute(node) {
            let zone = zones::zone_of(node);
            let Some(interval) = self.zones.taint_interval(&zone) else {
                return Plan::nothing("its zone is disrupted: nothing is evicted");
            };
            let at = self.next_taint.get(&*zone).copied().unwrap_or(SimTime::ZERO);
            if now < at {
                return Plan {
                    requeue_after: Some(at.since(now)),
                    ..Plan::nothing("waits for its turn to be tainted")
                };
            }
            self.next_taint.insert(zone, now + interval);
        }
        let stamped = taints::stamp(&wanted, taints(node), turn.observed.unix_micros);
        Plan::steps("NoExecute taints by readiness", vec![put_taints(object, &stamped).step()])
    }
}

/// `doNoScheduleTaintingPass`.
fn taint_no_schedule(turn: &Turn, object: &Object) -> Plan {
    let node = object.expect::<Node>();
    let wanted = taints::no_schedule(node);
    if wanted == taints(node) {
        return Plan::nothing("its NoSchedule taints are right");
    }
    let stamped = taints::stamp(&wanted, taints(node), turn.observed.unix_micros);
    Plan::steps("NoSchedule taints by conditions", vec![put_taints(object, &stamped).step()])
}

impl Controller for NodeLifecycleController {
    fn name(&self) -> &'static str {
        "node-lifecycle-controller"
    }

    fn service_account(&self) -> &'static str {
        "node-controller"
    }

    fn component(&self) -> &'static str {
        "node-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Lease, Kind::Node, Kind::Pod]
    }

    fn workers(&self) -> usize {
        // scheduler.UpdateWorkerSize
        8
    }

    fn period(&self) -> Option<Duration> {
        Some(MONITOR_PERIOD)
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match (change.kind, &change.new) {
            (Kind::Node, Some(_)) => vec![Enqueue::now(part(&change.key.name, NO_SCHEDULE))],
            (Kind::Pod, Some(pod)) => {
                // A pod that comes to a node which is not ready is not ready either.
                let node = |object: &Object| pods::node_name(object.expect()).to_owned();
                let name = node(pod);
                if name.is_empty() || change.old.as_ref().is_some_and(|old| node(old) == name) {
                    return Vec::new();
                }
                let ready = observed.stores.get::<Node>(&ObjectKey::new("", &name));
                if ready.is_none_or(|node| readiness(&node).is_none_or(|ready| ready == "True"))
                    || !pods::is_ready(pod.expect())
                {
                    return Vec::new();
                }
                vec![Enqueue::now(WorkKey::new(Kind::Pod, change.key.clone()))]
            }
            _ => Vec::new(),
        }
    }

    fn on_tick(&mut self, observed: &Observed) -> Vec<Enqueue> {
        self.monitor(observed)
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let name = &*turn.key.key.name;
        if turn.key.kind == Kind::Pod {
            return match &turn.object() {
                Some(pod) => Plan::steps(
                    "its node is not ready",
                    mark_not_ready(std::slice::from_ref(pod), turn.observed.unix_micros),
                ),
                None => Plan::nothing("it is gone"),
            };
        }
        if &*turn.key.detail == REMOVING {
            let Some(uid) = self.known.remove(name) else { return Plan::nothing("it was forgotten") };
            let message = format!("Node {name} event: Removing Node {name} from Controller");
            return Plan::steps("it is gone", vec![about(name, &uid, "RemovingNode", message)]);
        }
        let Some(node) = &turn.object() else { return Plan::nothing("it is gone") };
        match &*turn.key.detail {
            REGISTERED => {
                let message = format!("Node {name} event: Registered Node {name} in Controller");
                Plan::steps("it is new", vec![about(name, node.uid(), "RegisteredNode", message)])
            }
            STATUS => self.set_unknown(turn, node),
            NO_SCHEDULE => taint_no_schedule(turn, node),
            _ => self.taint_no_execute(turn, node),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
