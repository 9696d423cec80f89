//! Heartbeats: when a node was last heard from, by this controller's own clock.
//!
//! Mirrors `tryUpdateNodeHealth` of pkg/controller/nodelifecycle/node_lifecycle_controller.go.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use crate::api::time;
use crate::controllers::controller::Observed;
use crate::sim::SimTime;

use super::{MONITOR_GRACE, STARTUP_GRACE, condition};

/// The conditions that silence makes unknown.
const CONDITIONS: &[&str] = &["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What is known of one node's heartbeat.
#[derive(Clone, Debug)]
pub struct Health {
    /// When something of it last changed.
    probe: SimTime,
    renewed: Option<MicroTime>,
    heartbeat: Option<Time>,
}

impl Health {
    /// Compares what is seen with what was: a new heartbeat counts from now, whatever date it bears.
    pub fn update(known: Option<Health>, node: &Node, lease: Option<&Lease>, observed: &Observed) -> Health {
        let heartbeat = condition(node, "Ready").and_then(|ready| ready.last_heartbeat_time.clone());
        let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone());
        let Some(mut health) = known else {
            return Health { probe: observed.now, renewed, heartbeat };
        };
        if heartbeat != health.heartbeat {
            health.heartbeat = heartbeat;
            health.probe = observed.now;
        }
        let newer = match (&health.renewed, &renewed) {
            (Some(old), Some(new)) => new.0 > old.0,
            (old, new) => old.is_none() && new.is_some(),
        };
        if newer {
            health.renewed = renewed;
            health.probe = observed.now;
        }
        health
    }

    /// Whether it has been silent for longer than its grace.
    pub fn is_silent(&self, node: &Node, now: SimTime) -> bool {
        let grace = if condition(node, "Ready").is_some() { MONITOR_GRACE } else { STARTUP_GRACE };
        now > self.probe + grace
    }
}

/// Whether there is nothing left to make unknown.
pub fn unknown_already(node: &Node) -> bool {
    CONDITIONS.iter().all(|type_| condition(node, type_).is_some_and(|condition| condition.status == "Unknown"))
}

/// The node with the conditions that silence gives it.
pub fn unknown(node: &Node, unix_micros: i64) -> Node {
    let mut node = node.clone();
    let now = time::time(unix_micros);
    let created = node.metadata.creation_timestamp.clone();
    let conditions = node.status.get_or_insert_default().conditions.get_or_insert_default();
    for type_ in CONDITIONS {
        match conditions.iter_mut().find(|condition| condition.type_ == *type_) {
            None => conditions.push(NodeCondition {
                type_: (*type_).to_owned(),
                status: "Unknown".to_owned(),
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                last_heartbeat_time: created.clone(),
                last_transition_time: Some(now.clone()),
            }),
            Some(condition) if condition.status != "Unknown" => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(now.clone());
            }
            Some(_) => {}
        }
    }
    node
}
