//! The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not tolerate,
//! or tolerate for a time only.
//!
//! Mirrors pkg/controller/tainteviction. Leaves out: deleting again within the same go after a failure
//! (the queue's back-off does that).

pub mod tolerations;

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet};
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use serde_json::json;

use crate::api::{Kind, Object, ObjectKey, Reason, Request, http::content_type, time};
use crate::client::Change;
use crate::sim::SimTime;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Announce, Plan, Step, Write};
use super::pods;
use tolerations::{Verdict, judge};

/// The pod was read before it is marked and deleted.
pub const READ: &str = "read";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct TaintEvictionController {
    /// The NoExecute taints of the nodes that have any.
    tainted: OrdMap<Arc<str>, Arc<[Taint]>>,
    /// The pods of each node.
    on_node: OrdMap<Arc<str>, OrdSet<ObjectKey>>,
    /// When the pods are to go that may stay for a time. A plan that is made is not put off.
    evictions: OrdMap<ObjectKey, SimTime>,
}

fn no_execute(node: &Node) -> Vec<Taint> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints.iter().filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

fn tolerations_of(pod: &Pod) -> &[Toleration] {
    pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default()
}

fn work(key: &ObjectKey) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::Pod, key.clone()))
}

/// Marks a pod as disrupted, then deletes it (`addConditionAndDeletePod`).
fn delete(pod: &Object, unix_micros: i64) -> Vec<Step> {
    let condition = json!({
        "type": "DisruptionTarget",
        "observedGeneration": pod.meta().generation,
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": time::rfc3339(&time::time(unix_micros)),
    });
    let patch = json!({ "metadata": { "uid": pod.uid() }, "status": { "conditions": [condition] } });
    let (info, namespace, name) = (pod.info(), pod.namespace(), pod.name());
    let mark = Request::patch(info, namespace, name, "status", content_type::STRATEGIC_MERGE_PATCH, patch);
    vec![
        Write::new(mark).tolerating(&[Reason::NotFound]).step(),
        Write::new(Request::delete(info, namespace, name)).tolerating(&[Reason::NotFound]).step(),
    ]
}

impl TaintEvictionController {
    fn node_changed(&mut self, change: &Change) -> Vec<Enqueue> {
        let taints = change.new.as_ref().map(|node| no_execute(node.expect())).unwrap_or_default();
        let name = &change.key.name;
        if self.tainted.get(name).map_or(taints.is_empty(), |known| **known == *taints) {
            return Vec::new();
        }
        if taints.is_empty() {
            self.tainted.remove(name);
        } else {
            self.tainted.insert(name.clone(), Arc::from(taints));
        }
        self.on_node.get(name).into_iter().flatten().map(work).collect()
    }

    fn pod_changed(&mut self, change: &Change) -> Vec<Enqueue> {
        let node = |pod: &Option<Arc<Object>>| -> Option<Arc<str>> {
            let name = pods::node_name(pod.as_ref()?.expect());
            Some(Arc::from(name)).filter(|name: &Arc<str>| !name.is_empty())
        };
        let (old, new) = (node(&change.old), node(&change.new));
        if old != new {
            if let Some(old) = &old
                && let Some(keys) = self.on_node.get_mut(old)
            {
                keys.remove(&change.key);
            }
            if let Some(new) = &new {
                self.on_node.entry(new.clone()).or_default().insert(change.key.clone());
            }
        }
        if change.new.is_none() {
            self.evictions.remove(&change.key);
            return Vec::new();
        }
        let tolerations = |pod: &Option<Arc<Object>>| pod.as_ref().map(|pod| tolerations_of(pod.expect()).to_vec());
        let tainted = new.is_some_and(|node| self.tainted.contains_key(&node));
        if (tainted || self.evictions.contains_key(&change.key))
            && (old != node(&change.new) || tolerations(&change.old) != tolerations(&change.new))
        {
            return vec![work(&change.key)];
        }
        Vec::new()
    }

    /// Takes a planned eviction back, with the event.
    fn cancel(&mut self, pod: &Object) -> Vec<Step> {
        let key = pod.key();
        if self.evictions.remove(&key).is_none() {
            return Vec::new();
        }
        let message = format!("Cancelling deletion of Pod {key}");
        vec![Step::Event(Announce::normal(pod, "TaintManagerEviction", message))]
    }

    fn evict(pod: &Object) -> Plan {
        let message = format!("Marking for deletion Pod {}", pod.key());
        let event = Announce::normal(pod, "TaintManagerEviction", message);
        let read = Request::get(pod.info(), pod.namespace(), pod.name());
        let read = Write::new(read).tolerating(&[Reason::NotFound]);
        let steps = vec![Step::Event(event), read.step()];
        Plan { then: Some(READ), ..Plan::steps("it does not tolerate its node's taints", steps) }
    }

    /// `processPodOnNode`.
    fn process(&mut self, object: &Object, now: SimTime) -> Plan {
        let pod = object.expect::<Pod>();
        let key = object.key();
        let Some(taints) = self.tainted.get(pods::node_name(pod)) else {
            return Plan::steps("its node has no NoExecute taints", self.cancel(object));
        };
        let seconds = match judge(taints, tolerations_of(pod)) {
            Verdict::Never => return Plan::steps("it tolerates its node's taints", self.cancel(object)),
            Verdict::Now => {
                self.evictions.remove(&key);
                return TaintEvictionController::evict(object);
            }
            Verdict::After(seconds) => seconds,
        };
        if let Some(due) = self.evictions.get(&key).copied() {
            if now >= due {
                self.evictions.remove(&key);
                return TaintEvictionController::evict(object);
            }
            let left = due.since(now);
            return Plan { requeue_after: Some(left), ..Plan::nothing("its eviction is planned") };
        }
        let delay = Duration::from_secs(seconds);
        self.evictions.insert(key, now + delay);
        Plan { requeue_after: Some(delay), ..Plan::nothing(format!("it goes in {seconds} s")) }
    }
}

impl Controller for TaintEvictionController {
    fn name(&self) -> &'static str {
        "taint-eviction-controller"
    }

    fn service_account(&self) -> &'static str {
        "node-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Node, Kind::Pod]
    }

    fn workers(&self) -> usize {
        // UpdateWorkerSize
        8
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::Node => self.node_changed(change),
            _ => self.pod_changed(change),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(pod) = &turn.object() else {
            self.evictions.remove(&turn.key.key);
            return Plan::nothing("it is gone");
        };
        if turn.phase == READ {
            let live = turn.answers.last().and_then(|answer| answer.object());
            return match live.filter(|live| live.uid() == pod.uid()) {
                Some(live) => Plan::steps("marked and deleted", delete(live, turn.observed.unix_micros)),
                None => Plan::nothing("it is gone"),
            };
        }
        self.process(pod, turn.observed.now)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
