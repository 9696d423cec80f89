//! The status of a DaemonSet.
//!
//! Mirrors `updateDaemonSetStatus` and `storeDaemonSetStatus` of pkg/controller/daemon/daemon_controller.go.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Object, Request, Typed};
use crate::controllers::plan::Write;
use crate::controllers::pods;

use super::manage::View;
use super::nodes;

/// What the nodes come to. `observe`: the controller has acted on this generation.
pub fn calculate(view: &View<'_>, collisions: Option<i32>, observe: bool) -> DaemonSetStatus {
    let pods = nodes::by_node(view.pods, true);
    let old = view.typed().status.clone().unwrap_or_default();
    let mut status = DaemonSetStatus { conditions: old.conditions, ..DaemonSetStatus::default() };
    let (mut updated, mut available) = (0, 0);
    for node in view.nodes() {
        let scheduled = pods.get(node.metadata.name.as_deref().unwrap_or_default());
        if !nodes::fit(view.typed(), &node).should_run {
            status.number_misscheduled += i32::from(scheduled.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(first) = scheduled.and_then(|pods| pods.first()) else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pods::is_ready(first.expect::<Pod>()));
        available += i32::from(view.is_available(first));
        updated += i32::from(view.is_updated(first));
    }
    let count = |number: i32| Some(number).filter(|number| *number != 0);
    status.updated_number_scheduled = count(updated);
    status.number_available = count(available);
    status.number_unavailable = count(status.desired_number_scheduled - available);
    status.collision_count = collisions;
    status.observed_generation = if observe { view.typed().metadata.generation } else { old.observed_generation };
    status
}

/// The request that writes the status, if it differs from the one that is there.
pub fn write(set: &Object, status: DaemonSetStatus) -> Option<Write> {
    let typed = set.expect::<DaemonSet>();
    let old = typed.status.clone().unwrap_or_default();
    let zero = |count: Option<i32>| count.filter(|number| *number != 0);
    let normal = |status: &DaemonSetStatus| DaemonSetStatus {
        updated_number_scheduled: zero(status.updated_number_scheduled),
        number_available: zero(status.number_available),
        number_unavailable: zero(status.number_unavailable),
        observed_generation: status.observed_generation.filter(|generation| *generation != 0),
        ..status.clone()
    };
    if normal(&old) == normal(&status) || old.observed_generation > status.observed_generation {
        return None;
    }
    let mut written = typed.clone();
    written.status = Some(status);
    Some(Write::new(Request::update_status(written.into_object())))
}
