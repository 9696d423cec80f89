//! The pod garbage collector: pods that no kubelet will ever take away.
//!
//! Mirrors pkg/controller/podgc.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::Order;
use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;

use crate::api::{Kind, ObjectKey, Reason, Request, http::content_type, time};
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
}

fn doomed(pod: &Pod, why: &'static str) -> Enqueue {
    let meta = &pod.metadata;
    let key = ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    Enqueue::now(WorkKey::part(Kind::Pod, key, why))
}

impl PodGcController {
    fn orphaned(&mut self, observed: &Observed) -> Vec<Enqueue> {
        let nodes = observed.stores.of(Kind::Node);
        let (mut gone, mut wishes) = (BTreeSet::new(), Vec::new());
        for (_, object) in observed.stores.of(Kind::Pod).iter() {
            let pod = object.expect::<Pod>();
            let node = pods::node_name(pod);
            if node.is_empty() || nodes.get(&ObjectKey::new("", node)).is_some() {
                continue;
            }
            gone.insert(Arc::<str>::from(node));
            if self.missing.get(node).is_some_and(|since| observed.now >= *since + QUARANTINE) {
                wishes.push(doomed(pod, ORPHANED));
            }
        }
        let since = |node: &Arc<str>| self.missing.get(node).copied().unwrap_or(observed.now);
        self.missing = gone.into_iter().map(|node| (node.clone(), since(&node))).collect();
        wishes
    }
}

/// Whether the kubelet drove the pod out (`eviction.PodIsEvicted`).
fn is_evicted(pod: &Pod) -> bool {
    let reason = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    pods::phase(pod) == "Failed" && reason == Some("Evicted")
}

/// `byEvictionAndCreationTimestamp`: evicted ones first, then the oldest, then by name.
fn in_order(mut pods: Vec<&Pod>) -> Vec<&Pod> {
    pods.order_by_key(|pod| {
        let meta = &pod.metadata;
        (!is_evicted(pod), meta.creation_timestamp.as_ref().map(time::unix_micros), meta.name.as_deref())
    });
    pods
}

/// The first of the ended pods beyond the threshold.
fn terminated(observed: &Observed) -> Vec<Enqueue> {
    let all = observed.stores.of(Kind::Pod).iter().map(|(_, object)| object.expect::<Pod>());
    let ended: Vec<&Pod> = all.filter(|pod| pods::is_terminal(pod)).collect();
    let surplus = ended.len().saturating_sub(TERMINATED_MAX);
    if surplus == 0 {
        return Vec::new();
    }
    in_order(ended).into_iter().take(surplus).map(|pod| doomed(pod, TERMINATED)).collect()
}

/// Pods that are to go, on nodes that are not ready and of which somebody says that they are off (`gcTerminating`).
fn out_of_service(observed: &Observed) -> Vec<Enqueue> {
    let nodes = observed.stores.of(Kind::Node);
    let is_off = |pod: &&Pod| {
        let node: Option<&Node> = nodes.typed(&ObjectKey::new("", pods::node_name(pod)));
        node.is_some_and(|node| !nodes::is_ready(node) && nodes::is_out_of_service(node))
    };
    let all = observed.stores.of(Kind::Pod).iter().map(|(_, object)| object.expect::<Pod>());
    let off = all.filter(|pod| pods::is_terminating(pod)).filter(is_off).collect();
    in_order(off).into_iter().map(|pod| doomed(pod, OUT_OF_SERVICE)).collect()
}

fn unscheduled(observed: &Observed) -> Vec<Enqueue> {
    let all = observed.stores.of(Kind::Pod).iter().map(|(_, object)| object.expect::<Pod>());
    all.filter(|pod| pods::is_terminating(pod) && pods::node_name(pod).is_empty())
        .map(|pod| doomed(pod, UNSCHEDULED))
        .collect()
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

    fn on_change(&mut self, _change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        // It looks at everything, once per period.
        Vec::new()
    }

    fn on_tick(&mut self, observed: &Observed) -> Vec<Enqueue> {
        let mut wishes = terminated(observed);
        wishes.extend(out_of_service(observed));
        wishes.extend(self.orphaned(observed));
        wishes.extend(unscheduled(observed));
        wishes
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(pod) = turn.subject::<Pod>() else { return Plan::nothing("it is gone") };
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
            observed.stores.insert(going.into_object());
            observed.stores.insert(pod("staying", "node-x").into_object());
            let mut controller = PodGcController::default();
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
        let names = |pods: Vec<&Pod>| pods.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect::<Vec<_>>();
        assert_eq!(names(in_order(vec![&young, &old, &evicted])), ["evicted", "old", "young"]);
        let (twin, other) = (pod("a", "node-x"), pod("b", "node-x"));
        assert_eq!(names(in_order(vec![&other, &twin])), ["a", "b"]);
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
