//! A host port is taken once per node. Mirrors plugins/nodeports.

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "NodePorts";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct NodePorts;

fn taken<'a>(pod: &'a PodInfo, node: &NodeInfo) -> Option<&'a super::super::pod_info::HostPort> {
    pod.host_ports.iter().find(|port| node.used_ports.iter().any(|used| used.conflicts(port)))
}

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, _state: &mut CycleState, pod: &PodInfo, _cache: &Cache) -> Result<PreFilter, Rejection> {
        Ok(if pod.host_ports.is_empty() { PreFilter::Skip } else { PreFilter::AllNodes })
    }

    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        match taken(pod, node) {
            None => Ok(()),
            Some(_) => {
                let reason = "node(s) didn't have free ports for the requested pod ports";
                Err(Rejection::new(NAME, Code::Unschedulable, reason))
            }
        }
    }

    fn remedy(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let port = taken(pod, node)?;
        let holder = node.pods.values().find(|other| other.host_ports.iter().any(|used| used.conflicts(port)))?;
        Some(format!("port {}/{} would have to be given up by {}", port.port, port.protocol, holder.key))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[(EventResource::AssignedPod, action::DELETE), (EventResource::Node, action::ADD)]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match &event.old {
            Some(object) if event.resource == EventResource::AssignedPod => {
                let gone = PodInfo::new(object);
                let placed = !gone.node_name().is_empty() || !gone.nominated_node().is_empty();
                placed && pod.host_ports.iter().any(|port| gone.host_ports.iter().any(|used| used.conflicts(port)))
            }
            _ => true,
        }
    }
}
