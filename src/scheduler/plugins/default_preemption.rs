//! Makes room for a pod by removing less important ones.
//!
//! Mirrors plugins/defaultpreemption and framework/preemption. Leaves out: extenders, pod groups, and holding
//! the pod back until its victims' deletions are sent.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::api::selectors::LabelSelector;
use crate::sim::Order;
use crate::sim::persistent::OrdMap;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::fit_error::{Diagnosis, FitError};
use super::super::framework::{
    Code, CycleState, NodeToStatus, Plugin, Point, PostFilterContext, PostFilterResult, Rejection,
};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::profile::Profile;

/// The plugin's name.
pub const NAME: &str = "DefaultPreemption";

/// `DefaultPreemptionArgs`: how many nodes are tried out.
#[derive(Clone, Copy, Debug)]
pub struct PreemptionArgs {
    pub min_candidate_nodes_percentage: usize,
    pub min_candidate_nodes_absolute: usize,
}

impl Default for PreemptionArgs {
    fn default() -> Self {
        PreemptionArgs { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct DefaultPreemption {
    pub args: PreemptionArgs,
}

/// A node on which the pod would fit without some of its pods.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub node: Arc<str>,
    /// Most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// How many of them a disruption budget protects.
    pub pdb_violations: i64,
}

/// What a dry run works with.
#[derive(Clone, Copy)]
pub struct DryRun<'a> {
    pub profile: &'a Profile,
    pub state: &'a CycleState,
    pub pod: &'a PodInfo,
    pub cache: &'a Cache,
    pub pdbs: &'a [PodDisruptionBudget],
}

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PostFilter]
    }

    fn post_filter(&self, context: &PostFilterContext<'_>) -> PostFilterResult {
        let PostFilterContext { profile, state, pod, cache, statuses, .. } = *context;
        if let Err(why) = eligible(pod, cache, statuses) {
            return PostFilterResult { message: format!("preemption: {why}"), ..PostFilterResult::default() };
        }
        let potential: Vec<&NodeInfo> =
            cache.nodes().filter(|node| statuses.code(&node.name) == Code::Unschedulable).collect();
        let wanted = (potential.len() * self.args.min_candidate_nodes_percentage / 100)
            .max(self.args.min_candidate_nodes_absolute)
            .min(potential.len());
        let offset = if potential.is_empty() { 0 } else { (context.random % potential.len() as u64) as usize };
        let budgets: Vec<PodDisruptionBudget> = cache.budgets().cloned().collect();
        let run = DryRun { profile, state, pod, cache, pdbs: &budgets };
        let (candidates, tried) = run.candidates(&potential, offset, wanted);
        let Some(best) = pick_one(&candidates) else {
            let absent = "Preemption is not helpful for scheduling";
            let absent = Some(Rejection::new("", Code::UnschedulableAndUnresolvable, absent));
            let diagnosis = Diagnosis { statuses: NodeToStatus { nodes: tried, absent }, ..Diagnosis::default() };
            let error = FitError { all_nodes: cache.len(), diagnosis };
            return PostFilterResult {
                nominated_node: Some(Arc::from("")),
                victims: Vec::new(),
                message: format!("preemption: {error}"),
            };
        };
        PostFilterResult {
            nominated_node: Some(best.node.clone()),
            victims: best.victims.clone(),
            message: String::new(),
        }
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[(EventResource::AssignedPod, action::DELETE)]
    }

    /// Other plugins rejected the pod as well, and know better what a deletion means to it.
    fn hint(&self, _pod: &PodInfo, _event: &ClusterEvent, _cache: &Cache) -> bool {
        false
    }
}

/// `PodEligibleToPreemptOthers`.
///
/// # Errors
/// Why it is not.
pub fn eligible(pod: &PodInfo, cache: &Cache, statuses: &NodeToStatus) -> Result<(), &'static str> {
    if pod.spec().and_then(|spec| spec.preemption_policy.as_deref()) == Some("Never") {
        return Err("not eligible due to preemptionPolicy=Never.");
    }
    let nominated = pod.nominated_node();
    let hopeless = statuses.nodes.get(nominated).map(|status| status.code) == Some(Code::UnschedulableAndUnresolvable);
    if nominated.is_empty() || hopeless {
        return Ok(());
    }
    let mut others = cache.node(nominated).into_iter().flat_map(|node| node.pods.values());
    if others.any(|other| other.priority < pod.priority && other.preempted) {
        return Err("not eligible due to a terminating pod on the nominated node.");
    }
    Ok(())
}

/// `MoreImportantPod`, as a key: the more important pod has the smaller one.
fn importance(pod: &PodInfo) -> (i64, Timestamp) {
    (-i64::from(pod.priority), pod.started)
}

impl DryRun<'_> {
    /// Tries nodes from `offset` on until `wanted` candidates are found, those that violate no budget
    /// first; and why the other nodes are none (`DryRunPreemption`).
    pub fn candidates(
        &self,
        nodes: &[&NodeInfo],
        offset: usize,
        wanted: usize,
    ) -> (Vec<Candidate>, OrdMap<Arc<str>, Rejection>) {
        let (mut clean, mut violating) = (Vec::new(), Vec::new());
        let mut failed = OrdMap::new();
        for step in 0..nodes.len() {
            let node = nodes[(offset + step) % nodes.len()];
            match self.select_victims(node) {
                Ok((victims, pdb_violations)) => {
                    let candidate = Candidate { node: node.name.clone(), victims, pdb_violations };
                    if pdb_violations == 0 {
                        clean.push(candidate)
                    } else {
                        violating.push(candidate)
                    }
                    if !clean.is_empty() && clean.len() + violating.len() >= wanted {
                        break;
                    }
                }
                Err(rejection) => {
                    failed.insert(node.name.clone(), rejection);
                }
            }
        }
        clean.append(&mut violating);
        (clean, failed)
    }

    /// The fewest and least important pods of a node that have to go (`SelectVictimsOnNode`), and how
    /// many of them a budget protects.
    fn select_victims(&self, node: &NodeInfo) -> Result<(Vec<Arc<PodInfo>>, i64), Rejection> {
        let mut node = node.clone();
        let mut state = self.state.clone();
        let mut potential: Vec<Arc<PodInfo>> =
            node.pods.values().filter(|other| other.priority < self.pod.priority).cloned().collect();
        if potential.is_empty() {
            let reason = "No preemption victims found for incoming pod";
            return Err(Rejection::new("", Code::UnschedulableAndUnresolvable, reason));
        }
        for victim in &potential {
            node.remove_pod(&victim.key);
            self.profile.pre_filter_remove(&mut state, self.pod, victim, &node);
        }
        let filters = self.profile.filters(&state);
        self.profile.filter(&filters, &state, self.pod, &node, self.cache)?;
        potential.order_by_key(|pod| importance(pod));
        let (protected, others) = by_budget(potential, self.pdbs);
        let mut victims = Vec::new();
        let mut violations = 0;
        let both = !protected.is_empty() && !others.is_empty();
        let protected_count = protected.len();
        for (index, victim) in protected.into_iter().chain(others).enumerate() {
            node.add_pod(&victim);
            self.profile.pre_filter_add(&mut state, self.pod, &victim, &node);
            if self.profile.filter(&filters, &state, self.pod, &node, self.cache).is_err() {
                node.remove_pod(&victim.key);
                self.profile.pre_filter_remove(&mut state, self.pod, &victim, &node);
                violations += i64::from(index < protected_count);
                victims.push(victim);
            }
        }
        if both {
            victims.order_by_key(|pod| importance(pod));
        }
        if victims.is_empty() {
            let reason = format!("expected at least one victim pod on node {:?}", node.name);
            return Err(Rejection::new("", Code::Error, reason));
        }
        Ok((victims, violations))
    }
}

/// `filterPodsWithPDBViolation`: the pods whose removal a budget does not allow, and the others.
fn by_budget(pods: Vec<Arc<PodInfo>>, pdbs: &[PodDisruptionBudget]) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let status = |pdb: &PodDisruptionBudget| pdb.status.clone().unwrap_or_default();
    let mut allowed: Vec<i32> = pdbs.iter().map(|pdb| status(pdb).disruptions_allowed.unwrap_or(0)).collect();
    let mut violated = |pod: &Arc<PodInfo>| {
        let labels = pod.labels();
        let mut violated = false;
        for (pdb, allowed) in pdbs.iter().zip(&mut allowed) {
            let same_namespace = pdb.metadata.namespace.as_deref().unwrap_or_default() == &*pod.key.namespace;
            let selector = pdb.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            let Ok(selector) = LabelSelector::from_meta(selector) else { continue };
            if labels.is_empty() || !same_namespace || selector.is_everything() || !selector.matches(labels) {
                continue;
            }
            // Its eviction was already counted by the API server.
            if status(pdb).disrupted_pods.is_some_and(|pods| pods.contains_key(&*pod.key.name)) {
                continue;
            }
            *allowed -= 1;
            violated |= *allowed < 0;
        }
        violated
    };
    pods.into_iter().partition(|pod| violated(pod))
}

/// `pickOneNodeForPreemption`: fewest violations, least important victims, smallest sum, fewest, started last.
pub fn pick_one(candidates: &[Candidate]) -> Option<&Candidate> {
    let rank = |candidate: &&Candidate| {
        let priorities = candidate.victims.iter().map(|victim| i64::from(victim.priority));
        let highest = priorities.clone().next().unwrap_or(0);
        // Lifted above zero, so that a few pods of negative priority are not better than one.
        let sum: i64 = priorities.map(|priority| priority + i64::from(i32::MAX) + 1).sum();
        let most_important = candidate.victims.iter().filter(|victim| i64::from(victim.priority) == highest);
        let earliest = most_important.map(|victim| victim.started).min().unwrap_or(Timestamp::MAX);
        (candidate.pdb_violations, highest, sum, candidate.victims.len(), std::cmp::Reverse(earliest))
    };
    candidates.iter().min_by_key(rank)
}
