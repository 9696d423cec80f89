//! A pod that names its node goes there or nowhere. Mirrors plugins/nodename.

use super::super::cluster_event::{EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "NodeName";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Filter]
    }

    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let wanted = pod.node_name();
        if wanted.is_empty() || wanted == &*node.name {
            return Ok(());
        }
        let reason = "node(s) didn't match the requested node name";
        Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason))
    }

    fn remedy(&self, _state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        Some(format!("a spec.nodeName of {}, or none", node.name))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[(EventResource::Node, action::ADD)]
    }
}
