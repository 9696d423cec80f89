//! A cordoned node takes no pods but those that tolerate it. Mirrors plugins/nodeunschedulable.

use k8s_openapi::api::core::v1::{Node, Taint, Toleration};

use crate::api::taints::tolerated;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::taint_toleration::tolerations;

/// The plugin's name.
pub const NAME: &str = "NodeUnschedulable";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct NodeUnschedulable;

fn cordoned(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

/// Whether a pod goes onto cordoned nodes all the same.
fn tolerates(tolerations: &[Toleration]) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    tolerated(tolerations, &taint)
}

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Filter]
    }

    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        if !node.unschedulable() || tolerates(tolerations(pod)) {
            return Ok(());
        }
        Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, "node(s) were unschedulable"))
    }

    fn remedy(&self, _state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        Some(format!("kubectl uncordon {}", node.name))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::Node, action::ADD | action::UPDATE_NODE_TAINT),
            (EventResource::UnscheduledPod, action::UPDATE_POD_TOLERATION),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match event.new_node() {
            Some(new) => !cordoned(new) && event.old_node().is_none_or(cordoned),
            // The waiting pod itself tolerates more.
            None => event.new_pod().is_none_or(|new| {
                let tolerations = new.spec.as_ref().and_then(|spec| spec.tolerations.as_deref());
                event.is_about(pod) && tolerates(tolerations.unwrap_or_default())
            }),
        }
    }
}
