//! Spreads pods over zones and nodes. Mirrors plugins/podtopologyspread.
//!
//! Pods that say nothing about it and belong to a Service or a set are spread by upstream's system
//! defaults, or by those of the configuration.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as MetaLabelSelector;

use crate::api::Kind;
use crate::api::node_selector::RequiredNodeAffinity;
use crate::api::selectors::LabelSelector;
use crate::sim::persistent::OrdSet;

use super::super::cache::{Cache, Labels};
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, MAX_NODE_SCORE, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::{PodInfo, node_name};
use super::super::topology::{Counts, Topology, add_all};
use super::taint_toleration::untolerated;

/// The plugin's name.
pub const NAME: &str = "PodTopologySpread";
const SCORE: &str = "PodTopologySpread/score";
const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// `PodTopologySpreadArgs`.
#[derive(Clone, Debug)]
pub struct PodTopologySpreadArgs {
    /// Whether pods without constraints get the system's (`defaultingType: System`).
    pub system_defaulting: bool,
    /// What they get otherwise (`defaultingType: List`). Without selectors: those come from what selects the pod.
    pub default_constraints: Vec<TopologySpreadConstraint>,
}

impl Default for PodTopologySpreadArgs {
    fn default() -> Self {
        PodTopologySpreadArgs { system_defaulting: true, default_constraints: Vec::new() }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct PodTopologySpread {
    pub args: PodTopologySpreadArgs,
}

/// A constraint, read.
#[derive(Clone, Debug)]
struct Constraint {
    max_skew: i64,
    topology_key: String,
    selector: LabelSelector,
    min_domains: usize,
    honor_affinity: bool,
    honor_taints: bool,
    /// The label sets of the cache that the selector matches.
    matching: OrdSet<u32>,
}

impl Constraint {
    fn new(pod: &PodInfo, constraint: &TopologySpreadConstraint, cache: &Cache) -> Result<Self, String> {
        let mut selector = constraint.label_selector.clone();
        for key in constraint.match_label_keys.iter().flatten() {
            if let (Some(value), Some(selector)) = (pod.labels().get(key), &mut selector) {
                selector.match_labels.get_or_insert_default().insert(key.clone(), value.clone());
            }
        }
        let selector = LabelSelector::from_meta(selector.as_ref())?;
        Ok(Constraint {
            max_skew: i64::from(constraint.max_skew),
            topology_key: constraint.topology_key.clone(),
            matching: cache.label_sets(&pod.key.namespace, |labels| selector.matches(labels)),
            selector,
            min_domains: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(1),
            honor_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honor_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        })
    }

    /// Whether every node is a topology of its own: such are counted when the node is scored.
    fn per_node(&self) -> bool {
        self.topology_key == HOSTNAME
    }

    /// `matchNodeInclusionPolicies`.
    fn includes(&self, pod: &PodInfo, node: &NodeInfo, wanted: &RequiredNodeAffinity) -> bool {
        (!self.honor_affinity || wanted.matches(node.node()) == Ok(true))
            && (!self.honor_taints || untolerated(pod, node.taints()).is_none())
    }

    /// How many of the node's pods it speaks of; terminating ones do not count.
    fn count(&self, node: &NodeInfo) -> i64 {
        let counts = node.label_counts.iter().filter(|(set, _)| self.matching.contains(set));
        counts.map(|(_, count)| i64::from(*count)).sum()
    }
}

/// The two topologies with the fewest pods (`criticalPaths`): enough to know the minimum while pods are
/// taken from one topology at a time.
#[derive(Clone, Debug)]
struct CriticalPaths([(Arc<str>, i64); 2]);

impl CriticalPaths {
    fn new() -> Self {
        let none = (Arc::from(""), i64::from(i32::MAX));
        CriticalPaths([none.clone(), none])
    }

    fn update(&mut self, value: &Arc<str>, count: i64) {
        let paths = &mut self.0;
        if let Some(held) = paths.iter_mut().find(|(held, _)| held == value) {
            held.1 = count;
            if paths[0].1 > paths[1].1 {
                paths.swap(0, 1);
            }
        } else if count < paths[0].1 {
            paths.swap(0, 1);
            paths[0] = (value.clone(), count);
        } else if count < paths[1].1 {
            paths[1] = (value.clone(), count);
        }
    }
}

/// What Filter needs: per constraint the pods in each topology, and where the fewest are.
#[derive(Clone, Debug)]
struct Spread {
    constraints: Vec<Constraint>,
    /// Pods by topology; one without any may be missing.
    counts: Vec<Counts>,
    /// How many topologies there are.
    domains: Vec<usize>,
    critical: Vec<CriticalPaths>,
}

impl Spread {
    /// How many more pods there would be in a topology than where they are fewest, with the pod there.
    fn skew(&self, index: usize, value: &str, pod: &PodInfo) -> i64 {
        let (constraint, counts) = (&self.constraints[index], &self.counts[index]);
        // Fewer topologies than asked for: as if there were an empty one.
        let few = self.domains[index] < constraint.min_domains;
        let fewest = if few { 0 } else { self.critical[index].0[0].1 };
        let itself = i64::from(constraint.selector.matches(pod.labels()));
        counts.get(value).copied().unwrap_or(0) + itself - fewest
    }

    fn update(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeInfo, amount: i64) {
        if other.key.namespace != pod.key.namespace || !has_all(node, &self.constraints) {
            return;
        }
        let wanted = RequiredNodeAffinity::of(pod.spec());
        for (index, constraint) in self.constraints.iter().enumerate() {
            let Some(value) = node.label(&constraint.topology_key) else { continue };
            if constraint.selector.matches(other.labels()) && constraint.includes(pod, node, &wanted) {
                let value: Arc<str> = Arc::from(value);
                let count = self.counts[index].get(&value).copied().unwrap_or(0) + amount;
                self.counts[index].insert(value.clone(), count);
                self.critical[index].update(&value, count);
            }
        }
    }
}

/// What Score needs.
#[derive(Clone, Debug)]
struct Soft {
    constraints: Vec<Constraint>,
    ignored: OrdSet<Arc<str>>,
    counts: Vec<Counts>,
    weights: Vec<f64>,
}

fn has_all(node: &NodeInfo, constraints: &[Constraint]) -> bool {
    constraints.iter().all(|constraint| node.label(&constraint.topology_key).is_some())
}

fn own(pod: &PodInfo) -> &[TopologySpreadConstraint] {
    pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref()).unwrap_or_default()
}

impl PodTopologySpread {
    /// What the pod must keep to.
    fn hard(&self, pod: &PodInfo, cache: &Cache) -> Result<Vec<Constraint>, String> {
        self.constraints(pod, cache, "DoNotSchedule")
    }

    /// The pod's own constraints of one kind, or the defaults if it has none at all.
    fn constraints(&self, pod: &PodInfo, cache: &Cache, action: &str) -> Result<Vec<Constraint>, String> {
        let of_action = |constraint: &&TopologySpreadConstraint| constraint.when_unsatisfiable == action;
        let own = own(pod);
        if !own.is_empty() {
            let own = own.iter().filter(of_action);
            return own.map(|constraint| Constraint::new(pod, constraint, cache)).collect();
        }
        let system = if self.args.system_defaulting { system_constraints() } else { Vec::new() };
        let defaults = system.iter().chain(&self.args.default_constraints).filter(of_action);
        let defaults: Vec<&TopologySpreadConstraint> = defaults.collect();
        if defaults.is_empty() {
            return Ok(Vec::new());
        }
        let Some(selector) = default_selector(pod, cache) else { return Ok(Vec::new()) };
        let with_selector = |constraint: &&TopologySpreadConstraint| {
            let selected = TopologySpreadConstraint { label_selector: Some(selector.clone()), ..(*constraint).clone() };
            Constraint::new(pod, &selected, cache)
        };
        defaults.iter().map(with_selector).collect()
    }
}

/// `systemDefaultConstraints`.
fn system_constraints() -> Vec<TopologySpreadConstraint> {
    let constraint = |topology_key: &str, max_skew| TopologySpreadConstraint {
        topology_key: topology_key.to_owned(),
        max_skew,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    };
    vec![constraint(HOSTNAME, 3), constraint(ZONE, 5)]
}

/// `helper.DefaultSelector`: what the pod's Services and its owner select; `None` for a pod that nobody selects.
fn default_selector(pod: &PodInfo, cache: &Cache) -> Option<MetaLabelSelector> {
    let mut match_labels = Labels::new();
    for selector in cache.services(&pod.key.namespace) {
        if !selector.is_empty() && selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value)) {
            match_labels.extend(selector.clone());
        }
    }
    let mut match_expressions = Vec::new();
    let owners = pod.pod().metadata.owner_references.iter().flatten();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true));
    let selector = owner.and_then(|owner| {
        let kind = match owner.kind.as_str() {
            "ReplicaSet" => Kind::ReplicaSet,
            "ReplicationController" => Kind::ReplicationController,
            "StatefulSet" => Kind::StatefulSet,
            _ => return None,
        };
        cache.owner(kind, &pod.key.namespace, &owner.name)
    });
    if let Some(selector) = selector {
        match_labels.extend(selector.match_labels.clone().unwrap_or_default());
        match_expressions.extend(selector.match_expressions.clone().unwrap_or_default());
    }
    if match_labels.is_empty() && match_expressions.is_empty() {
        return None;
    }
    Some(MetaLabelSelector { match_labels: Some(match_labels), match_expressions: Some(match_expressions) })
}

/// Whether every node counts for a constraint that has the topology.
fn counts_all(constraint: &Constraint, wanted: &RequiredNodeAffinity) -> bool {
    (!constraint.honor_affinity || wanted.is_empty()) && !constraint.honor_taints
}

/// The pods of the label sets that a constraint speaks of, by topology, as the cache keeps them.
fn kept_counts(constraint: &Constraint, topology: &Topology) -> Counts {
    let mut counts = Counts::new();
    for set in constraint.matching.iter().filter_map(|set| topology.of_set(*set)) {
        add_all(&mut counts, set, 1);
    }
    counts
}

/// The state read off what the cache keeps; `None` where nodes have to be looked at one by one.
fn kept(constraints: &[Constraint], pod: &PodInfo, cache: &Cache) -> Option<Spread> {
    let wanted = RequiredNodeAffinity::of(pod.spec());
    let mut spread =
        Spread { constraints: constraints.to_vec(), counts: Vec::new(), domains: Vec::new(), critical: Vec::new() };
    for constraint in constraints {
        let topology = cache.topologies().get(&constraint.topology_key)?;
        if topology.labelled != cache.len() || !counts_all(constraint, &wanted) {
            return None;
        }
        let counts = kept_counts(constraint, topology);
        let mut paths = CriticalPaths::new();
        let mut held = counts.iter().peekable();
        for value in topology.nodes.keys() {
            // Both are in order: a value without pods is passed over in the counts.
            let count = held.next_if(|(other, _)| *other == value).map_or(0, |(_, count)| *count);
            paths.update(value, count);
        }
        spread.domains.push(topology.nodes.len());
        spread.counts.push(counts);
        spread.critical.push(paths);
    }
    Some(spread)
}

/// The state from one node after the other.
fn counted(constraints: &[Constraint], pod: &PodInfo, cache: &Cache) -> Spread {
    let wanted = RequiredNodeAffinity::of(pod.spec());
    let mut counts = vec![Counts::new(); constraints.len()];
    for node in cache.nodes().filter(|node| has_all(node, constraints)) {
        for (constraint, counts) in constraints.iter().zip(&mut counts) {
            if let Some(value) = node.label(&constraint.topology_key)
                && constraint.includes(pod, node, &wanted)
            {
                *counts.entry(Arc::from(value)).or_insert(0) += constraint.count(node);
            }
        }
    }
    let critical = counts.iter().map(|counts| {
        let mut paths = CriticalPaths::new();
        counts.iter().for_each(|(value, count)| paths.update(value, *count));
        paths
    });
    let critical = critical.collect();
    let domains = counts.iter().map(Counts::len).collect();
    Spread { constraints: constraints.to_vec(), counts, domains, critical }
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        let constraints = self
            .hard(pod, cache)
            .map_err(|error| Rejection::new(NAME, Code::Error, format!("get constraints from pod: {error}")))?;
        if constraints.is_empty() {
            return Ok(PreFilter::Skip);
        }
        let spread = kept(&constraints, pod, cache).unwrap_or_else(|| counted(&constraints, pod, cache));
        state.write(NAME, spread);
        Ok(PreFilter::AllNodes)
    }

    fn add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) {
        if let Some(spread) = state.read_mut::<Spread>(NAME) {
            spread.update(pod, added, node, 1);
        }
    }

    fn remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) {
        if let Some(spread) = state.read_mut::<Spread>(NAME) {
            spread.update(pod, removed, node, -1);
        }
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(spread) = state.read::<Spread>(NAME) else { return Ok(()) };
        for (index, constraint) in spread.constraints.iter().enumerate() {
            let Some(value) = node.label(&constraint.topology_key) else {
                let reason = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
            };
            if spread.skew(index, value, pod) > constraint.max_skew {
                let reason = "node(s) didn't match pod topology spread constraints";
                return Err(Rejection::new(NAME, Code::Unschedulable, reason));
            }
        }
        Ok(())
    }

    fn remedy(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let spread = state.read::<Spread>(NAME)?;
        for (index, constraint) in spread.constraints.iter().enumerate() {
            let key = &constraint.topology_key;
            let Some(value) = node.label(key) else {
                return Some(format!("kubectl label node {} {key}=…", node.name));
            };
            let skew = spread.skew(index, value, pod);
            if skew > constraint.max_skew {
                return Some(format!("maxSkew {skew} or more for {key}, or fewer such pods in {value}"));
            }
        }
        None
    }

    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache, nodes: &[&NodeInfo]) -> bool {
        let explicit = !own(pod).is_empty();
        let constraints = self.constraints(pod, cache, "ScheduleAnyway").unwrap_or_default();
        if constraints.is_empty() {
            return false;
        }
        // The system's defaults spread over nodes even where nodes have no zone.
        let require_all = explicit || !self.args.system_defaulting;
        let mut soft = Soft {
            counts: vec![Counts::new(); constraints.len()],
            ignored: OrdSet::new(),
            weights: vec![],
            constraints,
        };
        let mut unlabelled = vec![false; soft.constraints.len()];
        for node in nodes {
            if require_all && !has_all(node, &soft.constraints) {
                soft.ignored.insert(node.name.clone());
                continue;
            }
            let zonal = soft.constraints.iter().enumerate().filter(|(_, constraint)| !constraint.per_node());
            for (index, constraint) in zonal {
                match node.label(&constraint.topology_key) {
                    Some(value) if soft.counts[index].contains_key(value) => {}
                    Some(value) => drop(soft.counts[index].insert(Arc::from(value), 0)),
                    None => unlabelled[index] = true,
                }
            }
        }
        for (index, constraint) in soft.constraints.iter().enumerate() {
            // Nodes without the label are a topology of their own when topologies are counted.
            let size = match constraint.per_node() {
                true => nodes.len() - soft.ignored.len(),
                false => soft.counts[index].len() + usize::from(unlabelled[index]),
            };
            soft.weights.push(ln((size + 2) as f64));
        }
        soft.count_topologies(pod, cache, require_all);
        state.write(SCORE, soft);
        true
    }

    fn score(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let Some(soft) = state.read::<Soft>(SCORE).filter(|soft| !soft.ignored.contains(&node.name)) else { return 0 };
        let mut score = 0.0;
        for (index, constraint) in soft.constraints.iter().enumerate() {
            if !constraint.per_node() && soft.counts[index].is_empty() {
                continue;
            }
            let Some(value) = node.label(&constraint.topology_key) else { continue };
            let count = match constraint.per_node() {
                true => constraint.count(node),
                false => soft.counts[index].get(value).copied().unwrap_or(0),
            };
            score += count as f64 * soft.weights[index] + (constraint.max_skew - 1) as f64;
        }
        score.round() as i64
    }

    fn normalize(&self, state: &CycleState, nodes: &[&NodeInfo], scores: &mut [i64]) {
        let Some(soft) = state.read::<Soft>(SCORE) else { return };
        let counted = |index: usize| !soft.ignored.contains(&nodes[index].name);
        let valid = || (0..scores.len()).filter(|index| counted(*index)).map(|index| scores[index]);
        let (min, max) = (valid().min().unwrap_or(i64::MAX), valid().max().unwrap_or(0));
        for (index, score) in scores.iter_mut().enumerate() {
            *score = match (counted(index), max) {
                (false, _) => 0,
                (true, 0) => MAX_NODE_SCORE,
                (true, max) => MAX_NODE_SCORE * (max + min - *score) / max,
            };
        }
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::AssignedPod, action::ADD | action::DELETE | action::UPDATE_POD_LABEL),
            (EventResource::Node, action::ADD | action::DELETE | action::UPDATE_NODE_LABEL | action::UPDATE_NODE_TAINT),
            (EventResource::UnscheduledPod, action::UPDATE_POD_LABEL | action::UPDATE_POD_TOLERATION),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, cache: &Cache) -> bool {
        let Ok(constraints) = self.hard(pod, cache) else { return true };
        if event.resource == EventResource::Node {
            return node_may_help(&constraints, event);
        }
        let involved = |other: &Pod| {
            let here = other.metadata.namespace.as_deref() == Some(&*pod.key.namespace);
            event.is_about(pod) || !node_name(other).is_empty() && here
        };
        if !event.old_pod().into_iter().chain(event.new_pod()).all(involved) {
            return false;
        }
        let none = Labels::new();
        let selects = |constraint: &Constraint, other: &Pod| {
            constraint.selector.matches(other.metadata.labels.as_ref().unwrap_or(&none))
        };
        match (event.old_pod(), event.new_pod()) {
            (Some(old), Some(new)) => {
                let tolerations = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.tolerations.clone());
                let tolerates_more = event.is_about(pod) && tolerations(old) != tolerations(new);
                tolerates_more && constraints.iter().any(|constraint| constraint.honor_taints)
                    || constraints.iter().any(|constraint| selects(constraint, old) != selects(constraint, new))
            }
            (Some(other), None) | (None, Some(other)) => {
                constraints.iter().any(|constraint| selects(constraint, other))
            }
            (None, None) => true,
        }
    }
}

/// `isSchedulableAfterNodeChange`: a node with the topologies came or went, or moved to others.
fn node_may_help(constraints: &[Constraint], event: &ClusterEvent) -> bool {
    let label = |node: &Node, key: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let labelled = |node: &Node| constraints.iter().all(|constraint| label(node, &constraint.topology_key).is_some());
    match (event.old_node(), event.new_node()) {
        (Some(old), Some(new)) => {
            let moved =
                |constraint: &Constraint| label(old, &constraint.topology_key) != label(new, &constraint.topology_key);
            let taints = |node: &Node| node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
            labelled(old) != labelled(new)
                || labelled(new) && (constraints.iter().any(moved) || taints(old) != taints(new))
        }
        (Some(node), None) | (None, Some(node)) => labelled(node),
        (None, None) => true,
    }
}

impl Soft {
    /// Counts the pods of every topology that a candidate node is in, over all nodes.
    fn count_topologies(&mut self, pod: &PodInfo, cache: &Cache, require_all: bool) {
        if self.counts.iter().all(Counts::is_empty) {
            return;
        }
        let wanted = RequiredNodeAffinity::of(pod.spec());
        let mut left: Vec<usize> = Vec::new();
        for (index, constraint) in self.constraints.iter().enumerate() {
            let topology = cache.topologies().get(&constraint.topology_key).filter(|_| counts_all(constraint, &wanted));
            match topology.filter(|topology| !require_all || topology.labelled == cache.len()) {
                // With other constraints that leave nodes out, each node has to be looked at.
                Some(topology) if !require_all || self.constraints.len() == 1 => {
                    let kept = kept_counts(constraint, topology);
                    for (value, count) in self.counts[index].iter_mut() {
                        *count = kept.get(value).copied().unwrap_or(0);
                    }
                }
                _ if constraint.per_node() => {}
                _ => left.push(index),
            }
        }
        if left.is_empty() {
            return;
        }
        for node in cache.nodes() {
            if require_all && !has_all(node, &self.constraints) {
                continue;
            }
            for (index, (constraint, counts)) in self.constraints.iter().zip(&mut self.counts).enumerate() {
                if !left.contains(&index) {
                    continue;
                }
                if let Some(value) = node.label(&constraint.topology_key)
                    && let Some(count) = counts.get_mut(value)
                    && constraint.includes(pod, node, &wanted)
                {
                    *count += constraint.count(node);
                }
            }
        }
    }
}

/// The natural logarithm by FreeBSD's `e_log.c`, which Go's `math.Log` is: from basic operations only, so
/// that it is the same to the last bit on every machine. `x` is a positive normal number.
#[expect(clippy::excessive_precision, reason = "the coefficients as FreeBSD writes them")]
fn ln(x: f64) -> f64 {
    const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-01;
    const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735_13e-01,
        3.999_999_999_940_941_908e-01,
        2.857_142_874_366_239_149e-01,
        2.222_219_843_214_978_396e-01,
        1.818_357_216_161_805_012e-01,
        1.531_383_769_920_937_332e-01,
        1.479_819_860_511_658_591e-01,
    ];
    // x = 2^k · f with f between √½ and √2.
    let bits = x.to_bits();
    let mut k = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let mut f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3fe0_0000_0000_0000);
    if f < std::f64::consts::FRAC_1_SQRT_2 {
        f *= 2.0;
        k -= 1;
    }
    f -= 1.0;
    let k = k as f64;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let t1 = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let t2 = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let r = t1 + t2;
    let half = 0.5 * f * f;
    k * LN2_HI - ((half - (s * (half + r) + k * LN2_LO)) - f)
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn the_logarithm_is_one() {
        for n in 1..6_000_u32 {
            let x = f64::from(n);
            assert!((ln(x) - x.ln()).abs() <= 1e-15 * x.ln().abs().max(1.0), "ln({n}) = {}", ln(x));
        }
    }
}
