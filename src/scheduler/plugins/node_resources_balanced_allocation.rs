//! Prefers nodes whose resources would be used more evenly. Mirrors plugins/noderesources `BalancedAllocation`.

use super::super::cache::Cache;
use super::super::framework::{CycleState, MAX_NODE_SCORE, Plugin, Point};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::node_resources_fit::{ResourceSpec, allocation, default_resources};

/// The plugin's name.
pub const NAME: &str = "NodeResourcesBalancedAllocation";

/// `NodeResourcesBalancedAllocationArgs`.
#[derive(Clone, Debug)]
pub struct BalancedAllocationArgs {
    pub resources: Vec<ResourceSpec>,
}

impl Default for BalancedAllocationArgs {
    fn default() -> Self {
        BalancedAllocationArgs { resources: default_resources() }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct BalancedAllocation {
    pub args: BalancedAllocationArgs,
}

impl BalancedAllocation {
    /// How evenly the node would be used with the pod on it: 100 for evenly.
    pub fn balance_with(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        self.balance(pod, node, true)
    }

    /// How evenly the resources that the pod asks for are used, with the pod or without.
    fn balance(&self, pod: &PodInfo, node: &NodeInfo, with_pod: bool) -> i64 {
        let mut sum = 0.0;
        let mut squares = 0.0;
        let mut fractions = [0.0; 2];
        let of = |spec: &ResourceSpec| {
            let request = pod.requests.get(&spec.name);
            let (requested, capacity) = allocation(&spec.name, node.requested.get(&spec.name), request, node)?;
            Some(fraction(if with_pod { requested } else { requested - request }, capacity))
        };
        let mut count = 0_u32;
        for fraction in self.args.resources.iter().filter_map(of) {
            if let Some(slot) = fractions.get_mut(count as usize) {
                *slot = fraction;
            }
            sum += fraction;
            count += 1;
        }
        let deviation = match count {
            0 | 1 => 0.0,
            2 => ((fractions[0] - fractions[1]) / 2.0_f64).abs(),
            _ => {
                let mean = sum / f64::from(count);
                for fraction in self.args.resources.iter().filter_map(of) {
                    squares += (fraction - mean) * (fraction - mean);
                }
                (squares / f64::from(count)).sqrt()
            }
        };
        // In floating point as upstream: division, subtraction and the root are exact to the last bit
        // on every machine.
        ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
    }
}

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreScore, Point::Score]
    }

    /// A pod that asks for nothing changes no balance, and is not scored (v1.33).
    fn pre_score(&self, _state: &mut CycleState, pod: &PodInfo, _cache: &Cache, _nodes: &[&NodeInfo]) -> bool {
        self.args.resources.iter().any(|spec| pod.requests.get(&spec.name) != 0)
    }

    /// What counts since 1.36 is how the pod would change the balance: 75 for not at all, from 50 to 100.
    fn score(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let (with, without) = (self.balance(pod, node, true), self.balance(pod, node, false));
        MAX_NODE_SCORE / 2 + (MAX_NODE_SCORE / 2 + with - without) / 2
    }
}

fn fraction(requested: i64, capacity: i64) -> f64 {
    (requested as f64 / capacity as f64).min(1.0)
}
