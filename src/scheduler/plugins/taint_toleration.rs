//! Taints keep pods away that do not tolerate them. Mirrors plugins/tainttoleration.

use k8s_openapi::api::core::v1::{Node, Taint, Toleration};

use crate::api::taints::tolerated;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, Rejection, Verdict, default_normalize_score};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;

/// The plugin's name.
pub const NAME: &str = "TaintToleration";

const UNTOLERATED: &str = "node(s) had untolerated taint(s)";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct TaintToleration;

/// A pod's tolerations.
pub fn tolerations(pod: &PodInfo) -> &[Toleration] {
    pod.spec().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default()
}

/// The first taint that keeps the pod away.
pub fn untolerated<'a>(pod: &PodInfo, taints: &'a [Taint]) -> Option<&'a Taint> {
    let mut hard = taints.iter().filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"));
    hard.find(|taint| !tolerated(tolerations(pod), taint))
}

fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Filter, Point::Score]
    }

    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        match untolerated(pod, node.taints()) {
            None => Ok(()),
            // Which one it was upstream stopped saying in 1.35, so that nodes with different taints count as one reason.
            Some(_) => Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, UNTOLERATED)),
        }
    }

    fn remedy(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let taint = untolerated(pod, node.taints())?;
        let value = taint.value.as_deref().filter(|value| !value.is_empty());
        let value = value.map_or(String::new(), |value| format!("={value}"));
        Some(format!("the pod would have to tolerate {}{value}:{}", taint.key, taint.effect))
    }

    fn score(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let soft = node.taints().iter().filter(|taint| taint.effect == "PreferNoSchedule");
        // A toleration with another effect says nothing about a soft taint: `tolerates` looks at that.
        let intolerable = soft.filter(|taint| !tolerated(tolerations(pod), taint));
        i64::try_from(intolerable.count()).unwrap_or(i64::MAX)
    }

    fn normalize(&self, _state: &CycleState, _nodes: &[&NodeInfo], scores: &mut [i64]) {
        default_normalize_score(true, scores);
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::Node, action::ADD | action::UPDATE_NODE_TAINT),
            (EventResource::UnscheduledPod, action::UPDATE_POD_TOLERATION),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match event.new_node() {
            Some(new) => {
                let was_kept_away = event.old_node().is_none_or(|old| untolerated(pod, taints(old)).is_some());
                was_kept_away && untolerated(pod, taints(new)).is_none()
            }
            None => event.is_about(pod),
        }
    }
}
