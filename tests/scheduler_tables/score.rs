//! What a plugin scores every node with, after normalizing.

use std::collections::BTreeMap;

use serde_json::Value;

use kubarium::scheduler::plugins::node_resources_balanced_allocation::BalancedAllocation;
use kubarium::scheduler::{CycleState, NodeInfo};

use super::case::{Case, strings};

/// The balance that nodes would have with the pod, which before 1.36 was all that was scored.
fn balances(case: &Case, nodes: &[&NodeInfo]) -> Vec<i64> {
    let plugin = BalancedAllocation { args: case.args.node_resources_balanced_allocation.clone() };
    nodes.iter().map(|node| plugin.balance_with(&case.pod, node)).collect()
}

fn scores(case: &Case) -> BTreeMap<String, i64> {
    let mut state = CycleState::default();
    let out = strings(&case.json["notCandidates"]);
    let nodes: Vec<&NodeInfo> = case.cache.nodes().filter(|node| !out.contains(&node.name.to_string())).collect();
    let mut scores: Vec<i64> = if case.plugin.name() == "NodeResourcesBalancedAllocation" && case.minor < 36 {
        balances(case, &nodes)
    } else {
        case.plugin.pre_score(&mut state, &case.pod, &case.cache, &nodes);
        nodes.iter().map(|node| case.plugin.score(&state, &case.pod, node, &case.cache)).collect()
    };
    case.plugin.normalize(&state, &nodes, &mut scores);
    nodes.iter().map(|node| node.name.to_string()).zip(scores).collect()
}

/// Checks the scores.
pub fn check(case: &Case, expected: &Value) {
    let found = scores(case);
    for (node, expected) in expected.as_object().expect("a score table") {
        let score = found.get(node).unwrap_or_else(|| panic!("{node} is not scored"));
        assert_eq!(Value::from(*score), *expected, "{}: {node} of {found:?}", case.name());
    }
}
