//! A gated pod does not enter the active queue. Mirrors plugins/schedulinggates.

use super::super::cluster_event::{EventResource, action};
use super::super::framework::{Code, Plugin, Point, Rejection, Verdict};
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "SchedulingGates";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreEnqueue]
    }

    fn pre_enqueue(&self, pod: &PodInfo) -> Verdict {
        let gates = pod.spec().and_then(|spec| spec.scheduling_gates.as_deref()).unwrap_or_default();
        if gates.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
        let reason = format!("waiting for scheduling gates: [{}]", names.join(" "));
        Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[(EventResource::UnscheduledPod, action::UPDATE_POD_SCHEDULING_GATES_ELIMINATED)]
    }
}
