//! Pods that want to be near others, or far from them. Mirrors plugins/interpodaffinity.

use std::sync::Arc;

use super::super::affinity_term::{AffinityTerm, matches_all};
use super::super::cache::{Cache, Labels};
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, MAX_NODE_SCORE, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::topology::{Counts, add, add_all};
use crate::sim::persistent::OrdMap;

/// The plugin's name.
pub const NAME: &str = "InterPodAffinity";
const SCORE: &str = "InterPodAffinity/score";

/// `InterPodAffinityArgs`.
#[derive(Clone, Copy, Debug)]
pub struct InterPodAffinityArgs {
    /// What a required affinity of an existing pod to the incoming one is worth.
    pub hard_pod_affinity_weight: i32,
    /// Whether existing pods' preferences count only for a pod that has some of its own.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

impl Default for InterPodAffinityArgs {
    fn default() -> Self {
        InterPodAffinityArgs { hard_pod_affinity_weight: 1, ignore_preferred_terms_of_existing_pods: false }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct InterPodAffinity {
    pub args: InterPodAffinityArgs,
}

/// Sums by topology key and value.
#[derive(Clone, Debug, Default)]
struct Sums(OrdMap<String, Counts>);

impl Sums {
    fn add(&mut self, node: &NodeInfo, key: &str, amount: i64) {
        let Some(value) = node.label(key) else { return };
        let values = self.0.entry(key.to_owned()).or_default();
        add(values, &Arc::from(value), amount);
        if values.is_empty() {
            self.0.remove(key);
        }
    }

    /// Adds the pods of a topology, so many times.
    fn add_all(&mut self, key: &str, counts: Option<&Counts>, times: i64) {
        let Some(counts) = counts else { return };
        let values = self.0.entry(key.to_owned()).or_default();
        add_all(values, counts, times);
        if values.is_empty() {
            self.0.remove(key);
        }
    }

    fn get(&self, key: &str, value: &str) -> i64 {
        self.0.get(key).and_then(|values| values.get(value)).copied().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts `pod` for every term, if it matches them all.
    fn add_affinity(&mut self, terms: &[AffinityTerm], pod: &PodInfo, node: &NodeInfo, amount: i64) {
        if matches_all(terms, pod) {
            terms.iter().for_each(|term| self.add(node, &term.topology_key, amount));
        }
    }

    /// Counts `pod` for every term that it matches.
    fn add_anti(&mut self, terms: &[AffinityTerm], pod: &PodInfo, labels: &Labels, node: &NodeInfo, amount: i64) {
        for term in terms.iter().filter(|term| term.matches(pod, labels)) {
            self.add(node, &term.topology_key, amount);
        }
    }
}

/// What Filter needs.
#[derive(Clone, Debug)]
struct Needs {
    affinity: Vec<AffinityTerm>,
    anti: Vec<AffinityTerm>,
    namespace_labels: Arc<Labels>,
    /// Existing pods whose anti-affinity the incoming pod offends.
    existing_anti: Sums,
    affinity_counts: Sums,
    anti_counts: Sums,
}

impl Needs {
    /// Reads the counts off what the cache keeps.
    fn read_kept(&mut self, pod: &PodInfo, cache: &Cache) {
        let topologies = cache.topologies();
        for (id, group) in topologies.groups() {
            for term in group.pod.required_anti_affinity.iter().filter(|term| term.matches(pod, &self.namespace_labels))
            {
                let counts = topologies.get(&term.topology_key).and_then(|topology| topology.of_group(id));
                self.existing_anti.add_all(&term.topology_key, counts, 1);
            }
        }
        let none = Labels::new();
        let mut of_sets = |terms: &[AffinityTerm], sets: Vec<u32>, affinity: bool| {
            for term in terms {
                let topology = topologies.get(&term.topology_key);
                for set in &sets {
                    let counts = topology.and_then(|topology| topology.of_set(*set));
                    let sums = if affinity { &mut self.affinity_counts } else { &mut self.anti_counts };
                    sums.add_all(&term.topology_key, counts, 1);
                }
            }
        };
        if !self.affinity.is_empty() {
            let all = |namespace: &str, labels: &Labels| {
                self.affinity.iter().all(|term| term.speaks_of(namespace, labels, &none))
            };
            of_sets(&self.affinity, cache.all_label_sets(all), true);
        }
        for term in &self.anti {
            let sets = cache.all_label_sets(|namespace, labels| term.speaks_of(namespace, labels, &none));
            of_sets(std::slice::from_ref(term), sets, false);
        }
    }

    fn update(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeInfo, amount: i64) {
        self.existing_anti.add_anti(&other.required_anti_affinity, pod, &self.namespace_labels, node, amount);
        self.affinity_counts.add_affinity(&self.affinity, other, node, amount);
        self.anti_counts.add_anti(&self.anti, other, &Labels::new(), node, amount);
    }

    fn near_enough(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let mut present = true;
        for term in &self.affinity {
            let Some(value) = node.label(&term.topology_key) else { return false };
            present &= self.affinity_counts.get(&term.topology_key, value) > 0;
        }
        // The first of a series that wants to be near its own kind may go anywhere.
        present || self.affinity_counts.is_empty() && matches_all(&self.affinity, pod)
    }

    /// Whether there are pods that a term speaks of in the node's topology.
    fn is_near(&self, counts: &Sums, term: &AffinityTerm, node: &NodeInfo) -> bool {
        node.label(&term.topology_key).is_some_and(|value| counts.get(&term.topology_key, value) > 0)
    }

    fn far_enough(&self, node: &NodeInfo) -> bool {
        !self.anti.iter().any(|term| self.is_near(&self.anti_counts, term, node))
    }

    fn offends_nobody(&self, node: &NodeInfo) -> bool {
        let mut keys = self.existing_anti.0.iter();
        !keys
            .any(|(key, values)| node.label(key).is_some_and(|value| values.get(value).is_some_and(|count| *count > 0)))
    }
}

impl InterPodAffinity {
    /// What one existing pod adds to its node's topologies.
    fn weigh(&self, sums: &mut Sums, preferred: &Preferred, pod: &PodInfo, existing: &PodInfo, node: &NodeInfo) {
        let none = Labels::new();
        let mut process = |term: &AffinityTerm, weight: i32, target: &PodInfo, labels: &Labels| {
            if term.matches(target, labels) {
                sums.add(node, &term.topology_key, i64::from(weight));
            }
        };
        for (weight, term) in &preferred.affinity {
            process(term, *weight, existing, &none);
        }
        for (weight, term) in &preferred.anti {
            process(term, -*weight, existing, &none);
        }
        if self.args.hard_pod_affinity_weight > 0 {
            for term in &existing.required_affinity {
                process(term, self.args.hard_pod_affinity_weight, pod, &preferred.namespace_labels);
            }
        }
        for (weight, term) in &existing.preferred_affinity {
            process(term, *weight, pod, &preferred.namespace_labels);
        }
        for (weight, term) in &existing.preferred_anti_affinity {
            process(term, -*weight, pod, &preferred.namespace_labels);
        }
    }
}

impl InterPodAffinity {
    /// What all existing pods add, read off what the cache keeps.
    fn weigh_kept(&self, sums: &mut Sums, preferred: &Preferred, pod: &PodInfo, cache: &Cache) {
        let topologies = cache.topologies();
        let none = Labels::new();
        let own = preferred.affinity.iter().map(|(weight, term)| (i64::from(*weight), term));
        let own = own.chain(preferred.anti.iter().map(|(weight, term)| (-i64::from(*weight), term)));
        for (weight, term) in own {
            let topology = topologies.get(&term.topology_key);
            for set in cache.all_label_sets(|namespace, labels| term.speaks_of(namespace, labels, &none)) {
                let counts = topology.and_then(|topology| topology.of_set(set));
                sums.add_all(&term.topology_key, counts, weight);
            }
        }
        let hard_weight = i64::from(self.args.hard_pod_affinity_weight);
        for (id, group) in topologies.groups() {
            let hard = group.pod.required_affinity.iter().map(|term| (hard_weight, term));
            let soft = group.pod.preferred_affinity.iter().map(|(weight, term)| (i64::from(*weight), term));
            let far = group.pod.preferred_anti_affinity.iter().map(|(weight, term)| (-i64::from(*weight), term));
            for (weight, term) in hard.chain(soft).chain(far) {
                if weight != 0 && term.matches(pod, &preferred.namespace_labels) {
                    let counts = topologies.get(&term.topology_key).and_then(|topology| topology.of_group(id));
                    sums.add_all(&term.topology_key, counts, weight);
                }
            }
        }
    }
}

/// What the incoming pod would like.
struct Preferred {
    affinity: Vec<(i32, AffinityTerm)>,
    anti: Vec<(i32, AffinityTerm)>,
    namespace_labels: Arc<Labels>,
}

fn resolved(terms: &[AffinityTerm], cache: &Cache) -> Vec<AffinityTerm> {
    terms.iter().map(|term| term.resolved(cache)).collect()
}

fn weighted(terms: &[(i32, AffinityTerm)], cache: &Cache) -> Vec<(i32, AffinityTerm)> {
    terms.iter().map(|(weight, term)| (*weight, term.resolved(cache))).collect()
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        if let Some(error) = &pod.parse_error {
            let reason = format!("parsing pod: {error}");
            return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
        }
        let mut needs = Needs {
            affinity: resolved(&pod.required_affinity, cache),
            anti: resolved(&pod.required_anti_affinity, cache),
            namespace_labels: cache.namespace_labels(&pod.key.namespace),
            existing_anti: Sums::default(),
            affinity_counts: Sums::default(),
            anti_counts: Sums::default(),
        };
        let keeps = cache.keeps_topologies(pod);
        if keeps {
            needs.read_kept(pod, cache);
        }
        let nodes = cache.nodes_with_required_anti_affinity().filter(|_| !keeps);
        for node in nodes {
            for other in node.pods_with_affinity.values() {
                let terms = &other.required_anti_affinity;
                needs.existing_anti.add_anti(terms, pod, &needs.namespace_labels, node, 1);
            }
        }
        if needs.affinity.is_empty() && needs.anti.is_empty() {
            if needs.existing_anti.is_empty() {
                return Ok(PreFilter::Skip);
            }
        } else if !keeps {
            for node in cache.nodes() {
                for other in node.pods.values() {
                    needs.affinity_counts.add_affinity(&needs.affinity, other, node, 1);
                    needs.anti_counts.add_anti(&needs.anti, other, &Labels::new(), node, 1);
                }
            }
        }
        state.write(NAME, needs);
        Ok(PreFilter::AllNodes)
    }

    fn add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) {
        if let Some(needs) = state.read_mut::<Needs>(NAME) {
            needs.update(pod, added, node, 1);
        }
    }

    fn remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) {
        if let Some(needs) = state.read_mut::<Needs>(NAME) {
            needs.update(pod, removed, node, -1);
        }
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(needs) = state.read::<Needs>(NAME) else { return Ok(()) };
        if !needs.near_enough(pod, node) {
            let reason = "node(s) didn't match pod affinity rules";
            return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
        }
        if !needs.far_enough(node) {
            let reason = "node(s) didn't match pod anti-affinity rules";
            return Err(Rejection::new(NAME, Code::Unschedulable, reason));
        }
        if !needs.offends_nobody(node) {
            let reason = "node(s) didn't satisfy existing pods anti-affinity rules";
            return Err(Rejection::new(NAME, Code::Unschedulable, reason));
        }
        Ok(())
    }

    fn remedy(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let needs = state.read::<Needs>(NAME)?;
        if !needs.near_enough(pod, node) {
            let unmet = needs.affinity.iter().find(|term| !needs.is_near(&needs.affinity_counts, term, node))?;
            let key = &unmet.topology_key;
            return Some(match node.label(key) {
                None => format!("kubectl label node {} {key}=…", node.name),
                Some(value) => format!("a pod with {} in {key} {value}", unmet.selector),
            });
        }
        if let Some(near) = needs.anti.iter().find(|term| needs.is_near(&needs.anti_counts, term, node)) {
            let (key, selector) = (&near.topology_key, &near.selector);
            return Some(format!("no pod with {selector} in {key} {}", node.label(key).unwrap_or_default()));
        }
        Some("no pod there whose anti-affinity speaks of this one".to_owned())
    }

    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache, _nodes: &[&NodeInfo]) -> bool {
        let indifferent = pod.preferred_affinity.is_empty() && pod.preferred_anti_affinity.is_empty();
        if self.args.ignore_preferred_terms_of_existing_pods && indifferent {
            return false;
        }
        let preferred = Preferred {
            affinity: weighted(&pod.preferred_affinity, cache),
            anti: weighted(&pod.preferred_anti_affinity, cache),
            namespace_labels: cache.namespace_labels(&pod.key.namespace),
        };
        let mut sums = Sums::default();
        if cache.keeps_topologies(pod) {
            self.weigh_kept(&mut sums, &preferred, pod, cache);
        } else if preferred.affinity.is_empty() && preferred.anti.is_empty() {
            for node in cache.nodes_with_affinity() {
                for other in node.pods_with_affinity.values() {
                    self.weigh(&mut sums, &preferred, pod, other, node);
                }
            }
        } else {
            for node in cache.nodes() {
                for other in node.pods.values() {
                    self.weigh(&mut sums, &preferred, pod, other, node);
                }
            }
        }
        let any = !sums.is_empty();
        state.write(SCORE, sums);
        any
    }

    fn score(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let Some(sums) = state.read::<Sums>(SCORE) else { return 0 };
        sums.0.iter().filter_map(|(key, values)| values.get(node.label(key)?)).sum()
    }

    fn normalize(&self, state: &CycleState, _nodes: &[&NodeInfo], scores: &mut [i64]) {
        if state.read::<Sums>(SCORE).is_none_or(Sums::is_empty) {
            return;
        }
        let max = scores.iter().copied().max().unwrap_or(0);
        let min = scores.iter().copied().min().unwrap_or(0);
        for score in scores {
            // In floating point and in this order, as upstream.
            let part = if max > min { (*score - min) as f64 / (max - min) as f64 } else { 0.0 };
            *score = (MAX_NODE_SCORE as f64 * part) as i64;
        }
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::AssignedPod, action::ADD | action::DELETE | action::UPDATE_POD_LABEL),
            (EventResource::Node, action::ADD | action::UPDATE_NODE_LABEL),
            (EventResource::UnscheduledPod, action::UPDATE_POD_LABEL),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        if let Some(node) = event.new_node() {
            let labelled = |term: &AffinityTerm| {
                node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(&term.topology_key))
            };
            return pod.required_affinity.iter().chain(&pod.required_anti_affinity).any(labelled);
        }
        let (old, new) = (event.old.as_ref().map(PodInfo::new), event.new.as_ref().map(PodInfo::new));
        if old.iter().chain(&new).any(|other| other.node_name().is_empty()) {
            return false;
        }
        // As upstream up to 1.36, by the terms alone and all of them together, though one alone keeps a pod away: what a
        // namespace selector selects is not looked up. What is missed waits until unschedulable pods are flushed.
        let wanted = |other: &PodInfo| matches_all(&pod.required_affinity, other);
        let unwanted = |other: &PodInfo| matches_all(&pod.required_anti_affinity, other);
        match (old, new) {
            (Some(old), Some(new)) => !wanted(&old) && wanted(&new) || unwanted(&old) && !unwanted(&new),
            (None, Some(new)) => wanted(&new),
            (Some(old), None) => unwanted(&old) || matches_all(&old.required_anti_affinity, pod),
            (None, None) => true,
        }
    }
}
