//! One scheduling cycle: from a pod and the cache to a decision, without touching either.
//!
//! Mirrors pkg/scheduler/schedule_one.go `schedulingCycle`, `findNodesThatFitPod`, `prioritizeNodes`,
//! `selectHost`. Nodes are looked at one after the other, so that a seed gives one result. Leaves out: extenders.

use std::borrow::Cow;
use std::sync::Arc;

use crate::sim::Order;
use crate::sim::Random;

use super::cache::Cache;
use super::fit_error::{Diagnosis, FitError};
use super::framework::{Code, CycleState, Plugin, Point, PostFilterContext, PostFilterResult, Rejection};
use super::node_info::NodeInfo;
use super::pod_info::PodInfo;
use super::profile::{PreFiltered, Profile};
use super::record::{NodeRecord, PluginScore};

/// Below this many nodes all are looked at.
const MIN_FEASIBLE_NODES_TO_FIND: usize = 100;
const MIN_FEASIBLE_NODES_PERCENTAGE_TO_FIND: usize = 5;

/// How a cycle went.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// This node, drawn from those that share the best total.
    Node { node: Arc<str>, tied: Vec<Arc<str>> },
    /// There is not one node: `no nodes available to schedule pods`.
    NoNodes,
    /// No node fits, and what PostFilter makes of that.
    Unfit { error: Box<FitError>, post_filter: PostFilterResult },
}

/// The result of a cycle, and what it came from.
#[derive(Clone, Debug)]
pub struct Decision {
    pub verdict: Verdict,
    pub state: CycleState,
    pub all_nodes: usize,
    pub evaluated: usize,
    pub feasible: usize,
    pub filters: Vec<&'static str>,
    pub skipped: Vec<&'static str>,
    pub nodes: Vec<NodeRecord>,
    /// Where the next cycle begins to look.
    pub next_start: usize,
}

/// What limits a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// 0 adapts to the number of nodes.
    pub percentage_of_nodes_to_score: i64,
    /// How many nodes the decision keeps a record of, in a cluster with more.
    pub record_nodes_max: usize,
}

/// How many nodes that fit are enough: `numFeasibleNodesToFind`.
pub fn feasible_nodes_to_find(percentage: i64, all: usize) -> usize {
    if all < MIN_FEASIBLE_NODES_TO_FIND {
        return all;
    }
    let percentage = match usize::try_from(percentage) {
        Ok(0) | Err(_) => 50_usize.saturating_sub(all / 125).max(MIN_FEASIBLE_NODES_PERCENTAGE_TO_FIND),
        Ok(percentage) => percentage,
    };
    (all * percentage / 100).max(MIN_FEASIBLE_NODES_TO_FIND)
}

/// What Filter found.
struct Found<'a> {
    feasible: Vec<&'a NodeInfo>,
    /// Every node looked at, in order, with its verdict.
    looked_at: Vec<(&'a NodeInfo, Option<Rejection>)>,
    next_start: usize,
}

/// Decides where `pod` goes. `start` is where the last cycle stopped looking. The cache must be in order, and keep the
/// topologies that the pod and the profile speak of.
pub fn schedule_pod(
    profile: &Profile,
    cache: &Cache,
    pod: &PodInfo,
    start: usize,
    limits: Limits,
    random: &mut Random,
) -> Decision {
    debug_assert!(cache.keeps_topologies(pod, profile.topology_keys()), "{} speaks of other topologies", pod.key);
    let mut state = CycleState::default();
    let all_nodes = cache.len();
    let mut decision = Decision {
        verdict: Verdict::NoNodes,
        state: CycleState::default(),
        all_nodes,
        evaluated: 0,
        feasible: 0,
        filters: Vec::new(),
        skipped: Vec::new(),
        nodes: Vec::new(),
        next_start: 0,
    };
    if all_nodes == 0 {
        return decision;
    }
    let mut diagnosis = Diagnosis::default();
    let left = match profile.pre_filter(&mut state, pod, cache) {
        Ok(left) => left,
        Err(rejection) => {
            diagnosis.pre_filter_message = rejection.message();
            diagnosis.add_plugin(&rejection);
            diagnosis.statuses.absent = Some(rejection);
            decision.next_start = start;
            decision.skipped = state.skip_filter.clone();
            decision.verdict = unfit(profile, cache, pod, &state, diagnosis, random);
            decision.state = state;
            return decision;
        }
    };
    let filters = profile.filters(&state);
    decision.filters = filters.iter().map(|plugin| plugin.name()).collect();
    decision.skipped = state.skip_filter.clone();
    let found = find_nodes(profile, cache, pod, &state, &filters, &left, start, limits);
    decision.next_start = found.next_start;
    decision.evaluated = found.looked_at.len();
    decision.feasible = found.feasible.len();
    if found.feasible.is_empty() {
        diagnose(&mut diagnosis, &found, &left);
        decision.nodes = rejected_records(&filters, &state, pod, &found, limits.record_nodes_max);
        decision.verdict = unfit(profile, cache, pod, &state, diagnosis, random);
    } else {
        let scored = score_nodes(profile, cache, pod, &mut state, &found.feasible);
        let (chosen, tied) = select_host(&scored.totals, random);
        decision.verdict = Verdict::Node {
            node: found.feasible[chosen].name.clone(),
            tied: tied.into_iter().map(|index| found.feasible[index].name.clone()).collect(),
        };
        decision.nodes = scored.records(&found.feasible, chosen, limits.record_nodes_max);
        let left = limits.record_nodes_max.saturating_sub(decision.nodes.len());
        decision.nodes.extend(rejected_records(&filters, &state, pod, &found, left));
    }
    decision.state = state;
    decision
}

/// Looks at nodes until enough fit.
#[expect(clippy::too_many_arguments, reason = "the parts of one cycle, each of them borrowed differently")]
fn find_nodes<'a>(
    profile: &Profile,
    cache: &'a Cache,
    pod: &PodInfo,
    state: &CycleState,
    filters: &[&dyn Plugin],
    left: &PreFiltered,
    start: usize,
    limits: Limits,
) -> Found<'a> {
    let check = |node: &NodeInfo| profile.filter(filters, state, pod, node, cache).err();
    // Room was made for the pod on its nominated node: if it fits there, nothing else is looked at.
    if let Some(node) = Some(pod.nominated_node()).filter(|name| !name.is_empty()).and_then(|name| cache.node(name))
        && check(node).is_none()
    {
        return Found { feasible: vec![node], looked_at: vec![(node, None)], next_start: start };
    }
    let mut found = Found { feasible: Vec::new(), looked_at: Vec::new(), next_start: start };
    if let Some(names) = &left.nodes {
        for node in names.iter().filter_map(|name| cache.node(name)) {
            let rejection = check(node);
            if rejection.is_none() {
                found.feasible.push(node);
            }
            found.looked_at.push((node, rejection));
        }
        found.next_start = (start + found.looked_at.len()) % cache.len();
        return found;
    }
    let enough = match profile.at(Point::Score) {
        // There is nothing to choose by: the first will do.
        [] => 1,
        _ => feasible_nodes_to_find(limits.percentage_of_nodes_to_score, cache.len()),
    };
    found.feasible.reserve(enough);
    found.looked_at.reserve(enough);
    for step in 0..cache.len() {
        let Some(node) = cache.at((start + step) % cache.len()) else { break };
        let rejection = check(node);
        if rejection.is_none() {
            found.feasible.push(node);
        }
        found.looked_at.push((node, rejection));
        if found.feasible.len() >= enough {
            break;
        }
    }
    found.next_start = (start + found.looked_at.len()) % cache.len();
    found
}

fn diagnose(diagnosis: &mut Diagnosis, found: &Found<'_>, left: &PreFiltered) {
    for (node, rejection) in &found.looked_at {
        if let Some(rejection) = rejection {
            diagnosis.add_plugin(rejection);
            diagnosis.statuses.nodes.insert(node.name.clone(), rejection.clone());
        }
    }
    if left.nodes.is_some() {
        let by = left.by.join(" ");
        let message = format!("node(s) didn't satisfy plugin(s) [{by}]");
        diagnosis.statuses.absent = Some(Rejection::new("", Code::UnschedulableAndUnresolvable, message));
        for name in &left.by {
            if !diagnosis.unschedulable_plugins.contains(name) {
                diagnosis.unschedulable_plugins.push(name);
            }
        }
    }
}

fn unfit(
    profile: &Profile,
    cache: &Cache,
    pod: &PodInfo,
    state: &CycleState,
    mut diagnosis: Diagnosis,
    random: &mut Random,
) -> Verdict {
    let post_filter = profile.post_filter(&PostFilterContext {
        profile,
        state,
        pod,
        cache,
        statuses: &diagnosis.statuses,
        random: random.bits(),
    });
    diagnosis.post_filter_message = post_filter.message.clone();
    Verdict::Unfit { error: Box::new(FitError { all_nodes: cache.len(), diagnosis }), post_filter }
}

/// The opinions on the nodes that fit: one row per plugin, one column per node.
struct Scored {
    plugins: Vec<(&'static str, i64)>,
    raw: Vec<Vec<i64>>,
    normalized: Vec<Vec<i64>>,
    totals: Vec<i64>,
}

fn score_nodes(profile: &Profile, cache: &Cache, pod: &PodInfo, state: &mut CycleState, nodes: &[&NodeInfo]) -> Scored {
    let mut scored =
        Scored { plugins: Vec::new(), raw: Vec::new(), normalized: Vec::new(), totals: vec![0; nodes.len()] };
    if nodes.len() == 1 {
        // Upstream does not score when there is no choice.
        return scored;
    }
    let scorers = profile.scorers(state, pod, cache, nodes);
    for enabled in scorers {
        let raw: Vec<i64> = nodes.iter().map(|node| enabled.plugin.score(state, pod, node, cache)).collect();
        let mut normalized = raw.clone();
        enabled.plugin.normalize(state, nodes, &mut normalized);
        for (total, score) in scored.totals.iter_mut().zip(&normalized) {
            *total += score * enabled.weight;
        }
        scored.plugins.push((enabled.plugin.name(), enabled.weight));
        scored.raw.push(raw);
        scored.normalized.push(normalized);
    }
    scored
}

impl Scored {
    fn record(&self, nodes: &[&NodeInfo], index: usize) -> NodeRecord {
        let scores = self.plugins.iter().enumerate().map(|(row, (plugin, weight))| PluginScore {
            plugin,
            raw: self.raw[row][index],
            normalized: self.normalized[row][index],
            weight: *weight,
        });
        NodeRecord {
            node: nodes[index].name.clone(),
            rejection: None,
            remedy: String::new(),
            scores: scores.collect(),
            total: self.totals[index],
        }
    }

    /// All nodes that fit, in the order they were looked at; in a large cluster the chosen one and the
    /// best others.
    fn records(&self, nodes: &[&NodeInfo], chosen: usize, max: usize) -> Vec<NodeRecord> {
        const BEST: usize = 10;
        if nodes.len() <= max {
            return (0..nodes.len()).map(|index| self.record(nodes, index)).collect();
        }
        let mut best: Vec<usize> = vec![chosen];
        let mut others: Vec<usize> = (0..nodes.len()).filter(|index| *index != chosen).collect();
        let rank = |index: &usize| (std::cmp::Reverse(self.totals[*index]), *index);
        others.select_nth_unstable_by_key(BEST, rank);
        others.truncate(BEST - 1);
        others.order_by_key(rank);
        best.extend(others);
        best.into_iter().map(|index| self.record(nodes, index)).collect()
    }
}

/// Draws one of the best, as upstream's reservoir does: its index, and all it was drawn from.
fn select_host(totals: &[i64], random: &mut Random) -> (usize, Vec<usize>) {
    let best = totals.iter().copied().max().unwrap_or(0);
    let tied: Vec<usize> = (0..totals.len()).filter(|index| totals[*index] == best).collect();
    let mut chosen = tied[0];
    for (seen, index) in tied.iter().enumerate().skip(1) {
        if random.below(seen as u64 + 1) == 0 {
            chosen = *index;
        }
    }
    (chosen, tied)
}

fn rejected_records(
    filters: &[&dyn Plugin],
    state: &CycleState,
    pod: &PodInfo,
    found: &Found<'_>,
    max: usize,
) -> Vec<NodeRecord> {
    let rejected = found.looked_at.iter().filter_map(|(node, rejection)| Some((*node, rejection.clone()?)));
    let record = |(node, rejection): (&NodeInfo, Rejection)| {
        let plugin = filters.iter().find(|plugin| plugin.name() == rejection.plugin);
        NodeRecord {
            node: node.name.clone(),
            remedy: plugin.and_then(|plugin| plugin.remedy(state, pod, node)).unwrap_or_default(),
            rejection: Some(rejection),
            scores: Vec::new(),
            total: 0,
        }
    };
    rejected.take(max).map(record).collect()
}

/// What is said when there is not one node.
pub const NO_NODES: Cow<'static, str> = Cow::Borrowed("no nodes available to schedule pods");
