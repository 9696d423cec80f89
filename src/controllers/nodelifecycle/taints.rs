//! Which taints a node's conditions give it.
//!
//! Mirrors `nodeConditionToTaintKeyStatusMap`, `doNoScheduleTaintingPass` and `processTaintBaseEviction`
//! of pkg/controller/nodelifecycle/node_lifecycle_controller.go.

use k8s_openapi::api::core::v1::{Node, Taint};

use crate::api::time;

use super::{condition, readiness, taints};

pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// A condition, the status that taints, and the taint's key.
const BY_CONDITION: &[(&str, &str, &str)] = &[
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

fn taint(key: &str, effect: &str) -> Taint {
    Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() }
}

/// The keys of the NoSchedule taints that conditions, and `spec.unschedulable`, call for.
pub fn no_schedule_keys(node: &Node) -> Vec<&'static str> {
    let mut keys: Vec<&str> = BY_CONDITION
        .iter()
        .filter(|(type_, status, _)| condition(node, type_).is_some_and(|condition| condition.status == *status))
        .map(|(_, _, key)| *key)
        .collect();
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        keys.push(UNSCHEDULABLE);
    }
    keys
}

/// The key of the NoExecute taint that its readiness calls for.
pub fn no_execute_key(node: &Node) -> Option<&'static str> {
    match readiness(node) {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        _ => None,
    }
}

/// All taints of the node once those of `effect` among `managed` are those of `wanted`.
fn swap(node: &Node, effect: &str, managed: &[&str], wanted: &[&str]) -> Vec<Taint> {
    let is_managed = |taint: &Taint| taint.effect == effect && managed.contains(&taint.key.as_str());
    let mut result: Vec<Taint> = taints(node)
        .iter()
        .filter(|taint| !is_managed(taint) || wanted.contains(&taint.key.as_str()))
        .cloned()
        .collect();
    for key in wanted {
        if !result.iter().any(|taint| taint.effect == effect && taint.key == *key) {
            result.push(taint(key, effect));
        }
    }
    result
}

/// All taints of the node, with its NoSchedule ones as they should be.
pub fn no_schedule(node: &Node) -> Vec<Taint> {
    let mut managed: Vec<&str> = BY_CONDITION.iter().map(|(_, _, key)| *key).collect();
    managed.push(UNSCHEDULABLE);
    swap(node, "NoSchedule", &managed, &no_schedule_keys(node))
}

/// All taints of the node, with its NoExecute ones as they should be. While every zone is disrupted no
/// node has any: then it is likelier that this controller is cut off.
pub fn no_execute(node: &Node, all_disrupted: bool) -> Vec<Taint> {
    let wanted: Vec<&str> = no_execute_key(node).into_iter().filter(|_| !all_disrupted).collect();
    swap(node, "NoExecute", &[NOT_READY, UNREACHABLE], &wanted)
}

/// Whether tainting the node NoExecute adds a taint where there was none.
pub fn adds_no_execute(node: &Node) -> bool {
    let has = |key: &str| taints(node).iter().any(|taint| taint.effect == "NoExecute" && taint.key == key);
    no_execute_key(node).is_some() && !has(NOT_READY) && !has(UNREACHABLE)
}

/// The taints with the date on those that are new.
pub fn stamp(wanted: &[Taint], present: &[Taint], unix_micros: i64) -> Vec<Taint> {
    wanted
        .iter()
        .map(|taint| {
            let mut taint = taint.clone();
            if !present.contains(&taint) {
                taint.time_added = Some(time::time(unix_micros));
            }
            taint
        })
        .collect()
}
