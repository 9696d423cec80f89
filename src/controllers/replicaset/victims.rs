//! Which pods go first.
//!
//! Mirrors `ActivePodsWithRanks` of pkg/controller/controller_utils.go and `getPodsToDelete` of
//! pkg/controller/replicaset, with the gates PodDeletionCost and LogarithmicScaleDown on.

use std::cmp::Ordering;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::api::{Object, time};
use crate::controllers::pods;
use crate::sim::Order;
use crate::sim::persistent::OrdMap;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `count` pods to delete. When all are to go, in the order given.
pub fn choose(active: &[Arc<Object>], related: &[Arc<Object>], count: usize, unix_micros: i64) -> Vec<Arc<Object>> {
    if count >= active.len() {
        return active.to_vec();
    }
    let mut on_node: OrdMap<&str, u32> = OrdMap::new();
    for pod in related.iter().map(|pod| pod.expect::<Pod>()).filter(|pod| pods::is_active(pod)) {
        *on_node.entry(pods::node_name(pod)).or_default() += 1;
    }
    let mut ranked: Vec<(&Arc<Object>, u32)> =
        active.iter().map(|pod| (pod, on_node.get(pods::node_name(pod.expect())).copied().unwrap_or(0))).collect();
    ranked.order_by(|a, b| {
        compare(a.0.expect(), a.1, b.0.expect(), b.1, unix_micros).then_with(|| a.0.uid().cmp(b.0.uid()))
    });
    ranked.into_iter().take(count).map(|(pod, _)| pod.clone()).collect()
}

/// Which of two pods with these ranks goes first; equal when nothing but their uids tells.
pub fn compare(a: &Pod, rank_a: u32, b: &Pod, rank_b: u32, unix_micros: i64) -> Ordering {
    let unassigned_first = |pod: &Pod| !pods::node_name(pod).is_empty();
    let phase = |pod: &Pod| match pods::phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    unassigned_first(a)
        .cmp(&unassigned_first(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| pods::is_ready(a).cmp(&pods::is_ready(b)))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        // Doubled up on a node: the fuller node gives first.
        .then_with(|| rank_b.cmp(&rank_a))
        .then_with(|| match (pods::is_ready(a), pods::is_ready(b)) {
            (true, true) => younger_first(pods::ready_since(a), pods::ready_since(b), unix_micros),
            _ => Ordering::Equal,
        })
        .then_with(|| pods::restarts_max(b).cmp(&pods::restarts_max(a)))
        .then_with(|| younger_first(created(a), created(b), unix_micros))
}

fn created(pod: &Pod) -> Option<i64> {
    pod.metadata.creation_timestamp.as_ref().map(time::unix_micros)
}

fn deletion_cost(pod: &Pod) -> i32 {
    let cost = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(DELETION_COST));
    cost.and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

/// A missing time goes first, then the later one. Times are told apart by the magnitude of the age
/// only (`logarithmicRankDiff`), so that pods of about the same age share the losses.
fn younger_first(a: Option<i64>, b: Option<i64>, unix_micros: i64) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) if a == b => Ordering::Equal,
        (Some(a), Some(b)) => magnitude(unix_micros - a).cmp(&magnitude(unix_micros - b)),
    }
}

/// `floor(log2)` of an age in nanoseconds; -1 for none.
fn magnitude(age_micros: i64) -> i32 {
    match u128::try_from(age_micros) {
        Ok(age) if age > 0 => (age * 1_000).ilog2() as i32,
        _ => -1,
    }
}
