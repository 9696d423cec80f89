//! The pod garbage collector: pods that no kubelet will ever take away.
//!
//! Mirrors pkg/controller/podgc.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;

use crate::api::{Kind, Object, ObjectKey, Reason, Request, http::content_type, time};
use crate::client::Change;
use crate::sim::SimTime;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Plan, Step, Write};
use super::{nodes, pods};

/// `gcCheckPeriod`.
const PERIOD: Duration = Duration::from_secs(20);
/// `quarantineTime`: how long a node must have been missing before its pods are given up.
const QUARANTINE: Duration = Duration::from_secs(40);
/// `--terminated-pod-gc-threshold`.
const TERMINATED_MAX: usize = 12_500;

/// Why a pod goes: the part of its work key.
const ORPHANED: &str = "its node is gone";
const TERMINATED: &str = "too many have ended";
const UNSCHEDULED: &str = "deleted before it had a node";
const OUT_OF_SERVICE: &str = "deleted on a node that is out of service";
/// The node was looked up.
const NODE_READ: &str = "node-read";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct PodGcController {
    /// Since when nodes that pods name have been missing.
    missing: OrdMap<Arc<str>, SimTime>,
    /// Pods that have run to their end.
    ended: OrdSet<ObjectKey>,
    /// Pods that are being deleted.
    leaving: OrdSet<ObjectKey>,
}

fn doomed(key: ObjectKey, why: &'static str) -> Enqueue {
    Enqueue::now(WorkKey::part(Kind::Pod, key, why))
}

impl PodGcController {
    fn orphaned(&mut self, observed: &Observed) -> Vec<Enqueue> {
        let (nodes, pods) = (observed.stores.of(Kind::Node), observed.stores.of(Kind::Pod));
        let named = pods.nodes().filter(|node| !node.is_empty() && !nodes.contains(&ObjectKey::new("", node)));
        let gone: Vec<Arc<str>> = named.cloned().collect();
        let mut wishes = Vec::new();
        for node in &gone {
            if self.missing.get(node).is_some_and(|since| observed.now >= *since + QUARANTINE) {
                wishes.extend(pods.on_node(node).map(|pod| doomed(pod.key(), ORPHANED)));
            }
        }
        let since = |node: &Arc<str>| self.missing.get(node).copied().unwrap_or(observed.now);
        self.missing = gone.into_iter().map(|node| (node.clone(), since(&node))).collect();
        wishes
    }

    /// The first of the ended pods beyond the threshold.
    fn terminated(&self, observed: &Observed) -> Vec<Enqueue> {
        let surplus = self.ended.len().saturating_sub(TERMINATED_MAX);
        if surplus == 0 {
            return Vec::new();
        }
        let ended = in_order(pods_of(&self.ended, observed).collect());
        ended.into_iter().take(surplus).map(|pod| doomed(pod.key(), TERMINATED)).collect()
    }

    /// Pods that are to go, on nodes that are not ready and of which somebody says that they are off (`gcTerminating`).
    fn out_of_service(&self, observed: &Observed) -> Vec<Enqueue> {
        let nodes = observed.stores.of(Kind::Node);
        let is_off = |pod: &Arc<Object>| {
            let node = nodes.typed::<Node>(&ObjectKey::new("", pods::node_name(pod.expect())));
            node.is_some_and(|node| !nodes::is_ready(&node) && nodes::is_out_of_service(&node))
        };
        let off = pods_of(&self.leaving, observed).filter(is_off).collect();
        in_order(off).into_iter().map(|pod| doomed(pod.key(), OUT_OF_SERVICE)).collect()
    }

    /// Pods that are to go and have no node.
    fn unscheduled(&self, observed: &Observed) -> Vec<Enqueue> {
        let unassigned = |pod: &Arc<Object>| pods::node_name(pod.expect()).is_empty();
        pods_of(&self.leaving, observed).filter(unassigned).map(|pod| doomed(pod.key(), UNSCHEDULED)).collect()
    }

    /// Keeps up with a pod.
    fn note(&mut self, key: &ObjectKey, pod: Option<&Pod>) {
        let mut keep = |set: fn(&mut Self) -> &mut OrdSet<ObjectKey>, belongs: bool| {
            if belongs {
                set(self).insert(key.clone())
            } else {
                set(self).remove(key)
            };
        };
        keep(|own| &mut own.ended, pod.is_some_and(pods::is_terminal));
        keep(|own| &mut own.leaving, pod.is_some_and(pods::is_terminating));
    }
}

fn pods_of<'a>(keys: &'a OrdSet<ObjectKey>, observed: &'a Observed) -> impl Iterator<Item = Arc<Object>> + 'a {
    keys.iter().filter_map(|key| observed.stores.of(Kind::Pod).get(key))
}

/// Whether the kubelet drove the pod out (`eviction.PodIsEvicted`).
fn is_evicted(pod: &Pod) -> bool {
    let reason = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    pods::phase(pod) == "Failed" && reason == Some("Evicted")
}

/// `byEvictionAndCreationTimestamp`: evicted ones first, then the oldest, then by name.
fn in_order(mut pods: Vec<Arc<Object>>) -> Vec<Arc<Object>> {
    pods.order_by_key(|pod| {
        let meta = pod.meta();
        (!is_evicted(pod.expect()), meta.creation_timestamp.as_ref().map(time::unix_micros), meta.name.clone())
    });
    pods
}

/// The requests that mark a pod failed, unless it has ended, and delete it at once (`markFailedAndDeletePod`).
fn delete(pod: &Pod, key: &ObjectKey, orphaned: bool, unix_micros: i64) -> Vec<Step> {
    let info = Kind::Pod.info();
    let mut steps = Vec::new();
    if !pods::is_terminal(pod) {
        let mut status = json!({ "phase": "Failed" });
        if orphaned {
            status["conditions"] = json!([{
                "type": "DisruptionTarget",
                "observedGeneration": pod.metadata.generation,
                "status": "True",
                "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
                "lastTransitionTime": time::rfc3339(&time::time(unix_micros)),
            }]);
        }
        let patch = json!({ "metadata": { "uid": pod.metadata.uid }, "status": status });
        let request =
            Request::patch(info, &key.namespace, &key.name, "status", content_type::STRATEGIC_MERGE_PATCH, patch);
        steps.push(Write::new(request).tolerating(&[Reason::NotFound]).step());
    }
    let request = Request::delete(info, &key.namespace, &key.name).with("gracePeriodSeconds", "0");
    steps.push(Write::new(request).tolerating(&[Reason::NotFound]).step());
    steps
}

impl Controller for PodGcController {
    fn name(&self) -> &'static str {
        "pod-garbage-collector-controller"
    }

    fn service_account(&self) -> &'static str {
        "pod-garbage-collector"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Node, Kind::Pod]
    }

    fn workers(&self) -> usize {
        20
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        if change.kind == Kind::Pod {
            self.note(&change.key, change.new.as_ref().map(|pod| pod.expect()));
        }
        // It looks at everything, once per period.
        Vec::new()
    }

    fn on_tick(&mut self, observed: &Observed) -> Vec<Enqueue> {
        let mut wishes = self.terminated(observed);
        wishes.extend(self.out_of_service(observed));
        wishes.extend(self.orphaned(observed));
        wishes.extend(self.unscheduled(observed));
        wishes
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(pod) = &turn.subject::<Pod>() else { return Plan::nothing("it is gone") };
        let orphaned = &*turn.key.detail == ORPHANED;
        if orphaned && turn.phase.is_empty() {
            // The cache may be behind: the server knows whether the node is gone.
            let request = Request::get(Kind::Node.info(), "", pods::node_name(pod));
            let read = Write::new(request).tolerating(&[Reason::NotFound]);
            return Plan { then: Some(NODE_READ), ..Plan::steps("is its node gone?", vec![read.step()]) };
        }
        if orphaned && !turn.answers.iter().any(|answer| answer.failed_with(Reason::NotFound)) {
            return Plan::nothing("its node is there");
        }
        let steps = delete(pod, &turn.key.key, orphaned, turn.observed.unix_micros);
        Plan::steps(turn.key.detail.to_string(), steps)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Typed;
    use crate::controllers::fake;

    /// A pod of a node, as the garbage collector looks at it.
    fn pod(name: &str, node: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.namespace = Some("default".to_owned());
        pod.spec.get_or_insert_default().node_name = Some(node.to_owned());
        pod
    }

    #[test]
    fn what_is_deleted_on_a_node_that_is_off_goes_at_once() {
        for (ready, key, goes) in [
            ("False", "node.kubernetes.io/out-of-service", true),
            ("Unknown", "node.kubernetes.io/out-of-service", true),
            ("True", "node.kubernetes.io/out-of-service", false),
            ("False", "node.kubernetes.io/not-ready", false),
        ] {
            let mut observed = fake::observed();
            let node = json!({
                "metadata": {"name": "node-x"},
                "spec": {"taints": [{"key": key, "effect": "NoExecute"}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            });
            let node: Node = serde_json::from_value(node).expect("a node");
            observed.stores.insert(node.into_object());
            let mut going = pod("going", "node-x");
            going.metadata.deletion_timestamp = Some(time::time(0));
            let mut controller = PodGcController::default();
            for pod in [going, pod("staying", "node-x")] {
                controller.note(&pod.clone().into_object().key(), Some(&pod));
                observed.stores.insert(pod.into_object());
            }
            let wishes = controller.on_tick(&observed);
            assert_eq!(wishes.len(), usize::from(goes), "{ready} {key}");
            let Some(wish) = wishes.first() else { continue };
            let plan = controller.reconcile(&fake::turn(&observed, wish.key.clone()));
            assert_eq!(
                fake::lines(&plan),
                ["PATCH /api/v1/namespaces/default/pods/going/status", "DELETE /api/v1/namespaces/default/pods/going"]
            );
        }
    }

    #[test]
    fn evicted_pods_go_before_older_ones() {
        let [mut evicted, mut young, mut old] = ["evicted", "young", "old"].map(|name| pod(name, "node-x"));
        evicted.status.get_or_insert_default().phase = Some("Failed".to_owned());
        evicted.status.get_or_insert_default().reason = Some("Evicted".to_owned());
        for (pod, micros) in [(&mut evicted, 3), (&mut young, 2), (&mut old, 1)] {
            pod.metadata.creation_timestamp = Some(time::time(micros * 1_000_000));
        }
        let names = |pods: Vec<Pod>| {
            let pods = pods.into_iter().map(|pod| Arc::new(pod.into_object())).collect();
            in_order(pods).iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(vec![young, old, evicted]), ["evicted", "old", "young"]);
        let (twin, other) = (pod("a", "node-x"), pod("b", "node-x"));
        assert_eq!(names(vec![other, twin]), ["a", "b"]);
    }

    #[test]
    fn pods_of_a_missing_node_go_after_the_quarantine() {
        let mut observed = fake::observed();
        observed.stores.insert(pod("web", "node-x").into_object());
        let mut controller = PodGcController::default();
        assert!(controller.on_tick(&observed).is_empty());
        observed.now += QUARANTINE;
        let wishes = controller.on_tick(&observed);
        assert_eq!(wishes.len(), 1);
        let mut turn = fake::turn(&observed, wishes[0].key.clone());
        let plan = controller.reconcile(&turn);
        assert_eq!(fake::lines(&plan), ["GET /api/v1/nodes/node-x"]);
        turn.phase = NODE_READ;
        turn.answers = vec![fake::refused(&plan, Reason::NotFound)];
        assert_eq!(
            fake::lines(&controller.reconcile(&turn)),
            ["PATCH /api/v1/namespaces/default/pods/web/status", "DELETE /api/v1/namespaces/default/pods/web"]
        );
    }
}
