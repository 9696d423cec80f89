//! Spreads pods over zones and nodes. Mirrors plugins/podtopologyspread.
//!
//! Pods that say nothing about it and belong to a Service or a set are spread by upstream's system
//! defaults, or by those of the configuration.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as MetaLabelSelector, LabelSelectorRequirement};

use crate::api::Kind;
use crate::api::node_selector::RequiredNodeAffinity;
use crate::api::selectors::LabelSelector;
use crate::sim::persistent::OrdSet;

use super::super::cache::{Cache, Labels};
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, MAX_NODE_SCORE, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::logarithm::ln;
use super::super::node_info::NodeInfo;
use super::super::pod_info::{PodInfo, node_name};
use super::super::topology::Topology;
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

impl PodTopologySpreadArgs {
    /// The topology keys of the constraints that pods get which have none. That of the system's other one, the
    /// hostname, is not among them: it is not counted by topology.
    pub fn topology_keys(&self) -> Vec<Arc<str>> {
        let system = self.system_defaulting.then_some(ZONE);
        let own = self.default_constraints.iter().map(|constraint| constraint.topology_key.as_str());
        system.into_iter().chain(own).map(Arc::from).collect()
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
    /// The place of the key among those that the cache keeps; one where no node has a topology if it is not kept.
    place: usize,
    selector: LabelSelector,
    min_domains: usize,
    honor_affinity: bool,
    honor_taints: bool,
    /// The label sets of the cache that the selector matches, in order.
    matching: Vec<u32>,
}

impl Constraint {
    fn new(pod: &PodInfo, constraint: &TopologySpreadConstraint, cache: &Cache) -> Result<Self, String> {
        let mut selector = constraint.label_selector.clone();
        for key in constraint.match_label_keys.iter().flatten() {
            if let (Some(value), Some(selector)) = (pod.labels().get(key), &mut selector) {
                let requirement = LabelSelectorRequirement {
                    key: key.clone(),
                    operator: "In".to_owned(),
                    values: Some(vec![value.clone()]),
                };
                selector.match_expressions.get_or_insert_default().push(requirement);
            }
        }
        let selector = LabelSelector::from_meta(selector.as_ref())?;
        // A selector that asks for nothing counts no pods: `countPodsMatchSelector`.
        let counts = !selector.is_everything();
        Ok(Constraint {
            max_skew: i64::from(constraint.max_skew),
            topology_key: constraint.topology_key.clone(),
            place: cache.topologies().place(&constraint.topology_key).unwrap_or(usize::MAX),
            matching: cache.label_sets(&pod.key.namespace, |labels| counts && selector.matches(labels)),
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

    /// Whether the node is in one of its topologies. That nodes have names is known where their hostnames are not kept.
    fn is_on(&self, node: &NodeInfo) -> bool {
        if self.per_node() { node.has_hostname() } else { node.domain(self.place).is_some() }
    }

    /// `matchNodeInclusionPolicies`.
    fn includes(&self, pod: &PodInfo, node: &NodeInfo, wanted: &RequiredNodeAffinity) -> bool {
        (!self.honor_affinity || wanted.matches(node.node()) == Ok(true))
            && (!self.honor_taints || untolerated(pod, node.taints()).is_none())
    }

    /// How many of the node's pods it speaks of; terminating ones do not count.
    fn count(&self, node: &NodeInfo) -> i64 {
        // Mostly few sets match: they are looked for on the node, and its own among them only where they are many.
        let counts = &node.label_counts;
        if self.matching.len() <= 4 {
            return self.matching.iter().map(|set| i64::from(counts.get(*set))).sum();
        }
        let counts = counts.iter().filter(|(set, _)| self.matching.binary_search(set).is_ok());
        counts.map(|(_, count)| i64::from(*count)).sum()
    }
}

/// The two topologies with the fewest pods (`criticalPaths`): enough to know the minimum while pods are
/// taken from one topology at a time.
#[derive(Clone, Debug)]
struct CriticalPaths([(usize, i64); 2]);

impl CriticalPaths {
    /// Of the topologies with pods, which are given by their numbers.
    fn of(counts: impl Iterator<Item = (usize, i64)>) -> Self {
        let mut paths = CriticalPaths([(usize::MAX, i64::from(i32::MAX)); 2]);
        counts.for_each(|(number, count)| paths.update(number, count));
        paths
    }

    fn update(&mut self, value: usize, count: i64) {
        let paths = &mut self.0;
        if let Some(held) = paths.iter_mut().find(|(held, _)| *held == value) {
            held.1 = count;
            if paths[0].1 > paths[1].1 {
                paths.swap(0, 1);
            }
        } else if count < paths[0].1 {
            paths.swap(0, 1);
            paths[0] = (value, count);
        } else if count < paths[1].1 {
            paths[1] = (value, count);
        }
    }
}

/// What Filter needs: per constraint the pods in each topology, and where the fewest are.
#[derive(Clone, Debug)]
struct Spread {
    constraints: Vec<Constraint>,
    /// Pods by the number of their topology.
    counts: Vec<Vec<i64>>,
    /// How many topologies there are.
    domains: Vec<usize>,
    critical: Vec<CriticalPaths>,
}

impl Spread {
    /// How many more pods there would be in a topology than where they are fewest, with the pod there.
    fn skew(&self, index: usize, number: usize, pod: &PodInfo) -> i64 {
        let (constraint, counts) = (&self.constraints[index], &self.counts[index]);
        // Fewer topologies than asked for: as if there were an empty one.
        let few = self.domains[index] < constraint.min_domains;
        let fewest = if few { 0 } else { self.critical[index].0[0].1 };
        let itself = i64::from(constraint.selector.matches(pod.labels()));
        known(counts, number).unwrap_or(0) + itself - fewest
    }

    fn update(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeInfo, amount: i64) {
        if other.key.namespace != pod.key.namespace || !has_all(node, &self.constraints) {
            return;
        }
        let wanted = RequiredNodeAffinity::of(pod.spec());
        for (index, constraint) in self.constraints.iter().enumerate() {
            let Some(number) = node.domain(constraint.place) else { continue };
            if constraint.selector.matches(other.labels()) && constraint.includes(pod, node, &wanted) {
                let count = known(&self.counts[index], number).unwrap_or(0) + amount;
                self.counts[index][number] = count;
                self.critical[index].update(number, count);
            }
        }
    }
}

/// What Score needs.
#[derive(Clone, Debug)]
struct Soft {
    constraints: Vec<Constraint>,
    ignored: OrdSet<Arc<str>>,
    /// Pods by the number of their topology, where a node that is scored is in it.
    counts: Vec<Vec<i64>>,
    weights: Vec<f64>,
}

/// In place of a count: the topology is not looked at.
const UNKNOWN: i64 = i64::MIN;

/// The count of a topology that is looked at.
fn known(counts: &[i64], number: usize) -> Option<i64> {
    counts.get(number).copied().filter(|count| *count != UNKNOWN)
}

/// As many counts as a constraint's topology key has numbers.
fn unknown(constraint: &Constraint, cache: &Cache) -> Vec<i64> {
    vec![UNKNOWN; cache.topologies().at(constraint.place).map_or(0, Topology::numbers)]
}

fn has_all(node: &NodeInfo, constraints: &[Constraint]) -> bool {
    constraints.iter().all(|constraint| constraint.is_on(node))
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
fn kept_counts(constraint: &Constraint, topology: &Topology) -> Vec<i64> {
    let mut counts = vec![0; topology.numbers()];
    for set in constraint.matching.iter().filter_map(|set| topology.of_set(*set)) {
        set.iter().for_each(|(number, pods)| counts[*number as usize] += i64::from(*pods));
    }
    counts
}

/// The counts of every topology: read off what the cache keeps where every node counts, else from one node after the
/// other.
fn spread(constraints: Vec<Constraint>, pod: &PodInfo, cache: &Cache) -> Spread {
    let wanted = RequiredNodeAffinity::of(pod.spec());
    let topology = |constraint: &Constraint| cache.topologies().at(constraint.place);
    let every = |constraint: &Constraint| {
        topology(constraint).filter(|topology| topology.labelled == cache.len() && counts_all(constraint, &wanted))
    };
    let kept: Option<Vec<&Topology>> = constraints.iter().map(every).collect();
    let counts: Vec<Vec<i64>> = match kept {
        Some(kept) => constraints.iter().zip(kept).map(|(constraint, kept)| kept_counts(constraint, kept)).collect(),
        None => {
            let mut counts: Vec<Vec<i64>> = constraints.iter().map(|constraint| unknown(constraint, cache)).collect();
            for node in cache.nodes().filter(|node| has_all(node, &constraints)) {
                for (constraint, counts) in constraints.iter().zip(&mut counts) {
                    if let Some(number) = node.domain(constraint.place)
                        && constraint.includes(pod, node, &wanted)
                    {
                        counts[number] = known(counts, number).unwrap_or(0) + constraint.count(node);
                    }
                }
            }
            counts
        }
    };
    let mut spread = Spread { constraints, counts, domains: Vec::new(), critical: Vec::new() };
    for (constraint, counts) in spread.constraints.iter().zip(&spread.counts) {
        let values = topology(constraint).into_iter().flat_map(Topology::values);
        let counts = values.filter_map(|number| Some((number, known(counts, number)?)));
        spread.domains.push(counts.clone().count());
        spread.critical.push(CriticalPaths::of(counts));
    }
    spread
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
        state.write(NAME, spread(constraints, pod, cache));
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
            let Some(number) = node.domain(constraint.place) else {
                let reason = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
            };
            if spread.skew(index, number, pod) > constraint.max_skew {
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
            let (Some(value), Some(number)) = (node.label(key), node.domain(constraint.place)) else {
                return Some(format!("kubectl label node {} {key}=…", node.name));
            };
            let skew = spread.skew(index, number, pod);
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
        let unseen = |constraint: &Constraint| match constraint.per_node() {
            true => Vec::new(),
            false => unknown(constraint, cache),
        };
        let mut soft = Soft {
            counts: constraints.iter().map(unseen).collect(),
            ignored: OrdSet::new(),
            weights: vec![],
            constraints,
        };
        // How many topologies the nodes are in; those without the label are one of their own.
        let mut sizes = vec![0; soft.constraints.len()];
        let mut unlabelled = sizes.clone();
        for node in nodes {
            if require_all && !has_all(node, &soft.constraints) {
                soft.ignored.insert(node.name.clone());
                continue;
            }
            let zonal = soft.constraints.iter().enumerate().filter(|(_, constraint)| !constraint.per_node());
            for (index, constraint) in zonal {
                match node.domain(constraint.place).map(|number| &mut soft.counts[index][number]) {
                    Some(count) if *count == UNKNOWN => {
                        *count = 0;
                        sizes[index] += 1;
                    }
                    Some(_) => {}
                    None => unlabelled[index] = 1,
                }
            }
        }
        for (index, constraint) in soft.constraints.iter().enumerate() {
            let size = match constraint.per_node() {
                true => nodes.len() - soft.ignored.len(),
                false => sizes[index] + unlabelled[index],
            };
            soft.weights.push(ln((size + 2) as f64));
        }
        if sizes.iter().any(|size| *size > 0) {
            soft.count_topologies(pod, cache, require_all);
        }
        state.write(SCORE, soft);
        true
    }

    fn score(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let Some(soft) = state.read::<Soft>(SCORE).filter(|soft| soft.counts_node(node)) else { return 0 };
        let mut score = 0.0;
        for (index, constraint) in soft.constraints.iter().enumerate() {
            let count = match (constraint.per_node(), node.domain(constraint.place)) {
                (true, _) if node.has_hostname() => constraint.count(node),
                (false, Some(number)) => known(&soft.counts[index], number).unwrap_or(0),
                _ => continue,
            };
            score += count as f64 * soft.weights[index] + (constraint.max_skew - 1) as f64;
        }
        score.round() as i64
    }

    fn normalize(&self, state: &CycleState, nodes: &[&NodeInfo], scores: &mut [i64]) {
        let Some(soft) = state.read::<Soft>(SCORE) else { return };
        let counted = |index: usize| soft.counts_node(nodes[index]);
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
    /// Whether a node has every topology that it has to have.
    fn counts_node(&self, node: &NodeInfo) -> bool {
        self.ignored.is_empty() || !self.ignored.contains(&node.name)
    }

    /// Counts the pods of every topology that a candidate node is in, over all nodes.
    fn count_topologies(&mut self, pod: &PodInfo, cache: &Cache, require_all: bool) {
        let wanted = RequiredNodeAffinity::of(pod.spec());
        let topology = |constraint: &Constraint| cache.topologies().at(constraint.place);
        // Constraints that leave nodes out leave them out of the others' counts as well.
        let every = |constraint| topology(constraint).is_some_and(|topology| topology.labelled == cache.len());
        let every = !require_all || self.constraints.iter().all(every);
        let mut left: Vec<usize> = Vec::new();
        for (index, constraint) in self.constraints.iter().enumerate().filter(|(_, one)| !one.per_node()) {
            match topology(constraint).filter(|_| every && counts_all(constraint, &wanted)) {
                Some(topology) => {
                    let kept = kept_counts(constraint, topology);
                    let sums = self.counts[index].iter_mut().zip(kept).filter(|(sum, _)| **sum != UNKNOWN);
                    sums.for_each(|(sum, kept)| *sum = kept);
                }
                None => left.push(index),
            }
        }
        if left.is_empty() {
            return;
        }
        for node in cache.nodes() {
            if require_all && !has_all(node, &self.constraints) {
                continue;
            }
            for index in &left {
                let constraint = &self.constraints[*index];
                if let Some(number) = node.domain(constraint.place)
                    && self.counts[*index][number] != UNKNOWN
                    && constraint.includes(pod, node, &wanted)
                {
                    self.counts[*index][number] += constraint.count(node);
                }
            }
        }
    }
}
