//! Which pods go first.
//!
//! Mirrors `ActivePods` of pkg/controller/controller_utils.go.

use std::cmp::Ordering;

use k8s_openapi::api::core::v1::Pod;

use crate::api::time;
use crate::controllers::pods;

/// A missing time first, then the later one.
fn younger_first(a: Option<i64>, b: Option<i64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.cmp(&a),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Which of two pods is deleted first; equal when nothing tells.
pub fn active_pods(a: &Pod, b: &Pod) -> Ordering {
    let assigned = |pod: &Pod| !pods::node_name(pod).is_empty();
    let phase = |pod: &Pod| match pods::phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(time::unix_micros);
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| pods::is_ready(a).cmp(&pods::is_ready(b)))
        .then_with(|| match pods::is_ready(a) && pods::is_ready(b) {
            true => younger_first(pods::ready_since(a), pods::ready_since(b)),
            false => Ordering::Equal,
        })
        .then_with(|| pods::restarts_max(b).cmp(&pods::restarts_max(a)))
        .then_with(|| younger_first(created(a), created(b)))
}
