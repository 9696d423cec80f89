//! Pods that want to be near others, or far from them. Mirrors plugins/interpodaffinity.

use std::sync::Arc;

use super::super::affinity_term::{AffinityTerm, matches_all};
use super::super::cache::{Cache, Labels};
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, MAX_NODE_SCORE, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::topology::Counts;

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

/// The sums of one topology key, by the numbers of its values.
#[derive(Clone, Debug)]
struct Sum {
    /// The place of the key among those that the cache keeps.
    place: usize,
    values: Vec<i64>,
    /// How many of them are not zero.
    some: usize,
}

impl Sum {
    fn add(&mut self, number: usize, amount: i64) {
        if self.values.len() <= number {
            self.values.resize(number + 1, 0);
        }
        let value = &mut self.values[number];
        self.some -= usize::from(*value != 0);
        *value += amount;
        self.some += usize::from(*value != 0);
    }
}

/// Sums by topology key and value.
#[derive(Clone, Debug, Default)]
struct Sums(Vec<Sum>);

impl Sums {
    fn by(&mut self, place: usize) -> &mut Sum {
        let at = self.0.iter().position(|sum| sum.place == place).unwrap_or(self.0.len());
        if at == self.0.len() {
            self.0.push(Sum { place, values: Vec::new(), some: 0 });
        }
        &mut self.0[at]
    }

    fn add(&mut self, node: &NodeInfo, place: usize, amount: i64) {
        if let Some(number) = node.domain(place) {
            self.by(place).add(number, amount);
        }
    }

    /// Adds the pods of a topology, so many times.
    fn add_all(&mut self, place: usize, counts: Option<&Counts>, times: i64) {
        let Some(counts) = counts else { return };
        let sum = self.by(place);
        // The greatest first, so that there is room for all.
        counts.iter().rev().for_each(|(number, count)| sum.add(*number as usize, i64::from(*count) * times));
    }

    fn of(&self, place: usize, number: usize) -> i64 {
        let sum = self.0.iter().find(|sum| sum.place == place);
        sum.and_then(|sum| sum.values.get(number)).copied().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|sum| sum.some == 0)
    }

    /// The sums of the topologies that a node is in.
    fn at(&self, node: &NodeInfo) -> impl Iterator<Item = i64> {
        self.0.iter().filter_map(|sum| sum.values.get(node.domain(sum.place)?).copied())
    }
}

/// A term with the place of its topology key among those that the cache keeps.
#[derive(Clone, Debug)]
struct Placed {
    term: AffinityTerm,
    place: usize,
}

/// The place of a term's topology key among these; one where no node has a topology if it is not among them.
fn place(term: &AffinityTerm, keys: &[Arc<str>]) -> usize {
    keys.iter().position(|key| **key == *term.topology_key).unwrap_or(usize::MAX)
}

/// What Filter needs.
#[derive(Clone, Debug)]
struct Needs {
    affinity: Vec<Placed>,
    anti: Vec<Placed>,
    namespace_labels: Arc<Labels>,
    /// The topology keys that the cache keeps.
    keys: Vec<Arc<str>>,
    /// Existing pods whose anti-affinity the incoming pod offends.
    existing_anti: Sums,
    affinity_counts: Sums,
    anti_counts: Sums,
}

impl Needs {
    fn read(&mut self, pod: &PodInfo, cache: &Cache) {
        let topologies = cache.topologies();
        for (id, group) in topologies.groups() {
            for term in group.pod.required_anti_affinity.iter().filter(|term| term.matches(pod, &self.namespace_labels))
            {
                let place = place(term, &self.keys);
                let counts = topologies.at(place).and_then(|topology| topology.of_group(id));
                self.existing_anti.add_all(place, counts, 1);
            }
        }
        let none = Labels::new();
        let add = |sums: &mut Sums, place: usize, sets: &[u32]| {
            let topology = topologies.at(place);
            for set in sets {
                sums.add_all(place, topology.and_then(|topology| topology.of_set(*set)), 1);
            }
        };
        if !self.affinity.is_empty() {
            let all = |namespace: &str, labels: &Labels| {
                self.affinity.iter().all(|placed| placed.term.speaks_of(namespace, labels, &none))
            };
            let sets = cache.all_label_sets(all);
            self.affinity.iter().for_each(|placed| add(&mut self.affinity_counts, placed.place, &sets));
        }
        for Placed { term, place } in &self.anti {
            let sets = cache.all_label_sets(|namespace, labels| term.speaks_of(namespace, labels, &none));
            add(&mut self.anti_counts, *place, &sets);
        }
    }

    /// Counts a pod in or out where it is.
    fn update(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeInfo, amount: i64) {
        let none = Labels::new();
        for term in other.required_anti_affinity.iter().filter(|term| term.matches(pod, &self.namespace_labels)) {
            self.existing_anti.add(node, place(term, &self.keys), amount);
        }
        if matches_placed(&self.affinity, other) {
            self.affinity.iter().for_each(|placed| self.affinity_counts.add(node, placed.place, amount));
        }
        for placed in self.anti.iter().filter(|placed| placed.term.matches(other, &none)) {
            self.anti_counts.add(node, placed.place, amount);
        }
    }

    fn near_enough(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let mut present = true;
        for placed in &self.affinity {
            let Some(number) = node.domain(placed.place) else { return false };
            present &= self.affinity_counts.of(placed.place, number) > 0;
        }
        // The first of a series that wants to be near its own kind may go anywhere.
        present || self.affinity_counts.is_empty() && matches_placed(&self.affinity, pod)
    }

    /// Whether there are pods that a term speaks of in the node's topology.
    fn is_near(&self, counts: &Sums, placed: &Placed, node: &NodeInfo) -> bool {
        node.domain(placed.place).is_some_and(|number| counts.of(placed.place, number) > 0)
    }

    fn far_enough(&self, node: &NodeInfo) -> bool {
        !self.anti.iter().any(|placed| self.is_near(&self.anti_counts, placed, node))
    }

    fn offends_nobody(&self, node: &NodeInfo) -> bool {
        self.existing_anti.at(node).all(|count| count <= 0)
    }
}

impl InterPodAffinity {
    /// What all existing pods add to the topologies they are in.
    fn weigh(&self, preferred: &Preferred, pod: &PodInfo, cache: &Cache) -> Sums {
        let mut sums = Sums::default();
        let topologies = cache.topologies();
        let keys = topologies.keys();
        let none = Labels::new();
        let own = preferred.affinity.iter().map(|(weight, term)| (i64::from(*weight), term));
        let own = own.chain(preferred.anti.iter().map(|(weight, term)| (-i64::from(*weight), term)));
        for (weight, term) in own {
            let place = place(term, &keys);
            for set in cache.all_label_sets(|namespace, labels| term.speaks_of(namespace, labels, &none)) {
                let counts = topologies.at(place).and_then(|topology| topology.of_set(set));
                sums.add_all(place, counts, weight);
            }
        }
        let hard_weight = i64::from(self.args.hard_pod_affinity_weight);
        for (id, group) in topologies.groups() {
            let hard = group.pod.required_affinity.iter().map(|term| (hard_weight, term));
            let soft = group.pod.preferred_affinity.iter().map(|(weight, term)| (i64::from(*weight), term));
            let far = group.pod.preferred_anti_affinity.iter().map(|(weight, term)| (-i64::from(*weight), term));
            for (weight, term) in hard.chain(soft).chain(far) {
                if weight != 0 && term.matches(pod, &preferred.namespace_labels) {
                    let place = place(term, &keys);
                    let counts = topologies.at(place).and_then(|topology| topology.of_group(id));
                    sums.add_all(place, counts, weight);
                }
            }
        }
        sums
    }
}

/// Whether there are terms, and every one of them speaks of `pod`. The terms are resolved.
fn matches_placed(terms: &[Placed], pod: &PodInfo) -> bool {
    let none = Labels::new();
    !terms.is_empty() && terms.iter().all(|placed| placed.term.matches(pod, &none))
}

/// What the incoming pod would like.
struct Preferred {
    affinity: Vec<(i32, AffinityTerm)>,
    anti: Vec<(i32, AffinityTerm)>,
    namespace_labels: Arc<Labels>,
}

fn resolved(terms: &[AffinityTerm], keys: &[Arc<str>], cache: &Cache) -> Vec<Placed> {
    terms.iter().map(|term| Placed { term: term.resolved(cache), place: place(term, keys) }).collect()
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
        let keys = cache.topologies().keys();
        let mut needs = Needs {
            affinity: resolved(&pod.required_affinity, &keys, cache),
            anti: resolved(&pod.required_anti_affinity, &keys, cache),
            namespace_labels: cache.namespace_labels(&pod.key.namespace),
            keys,
            existing_anti: Sums::default(),
            affinity_counts: Sums::default(),
            anti_counts: Sums::default(),
        };
        needs.read(pod, cache);
        if needs.affinity.is_empty() && needs.anti.is_empty() && needs.existing_anti.is_empty() {
            return Ok(PreFilter::Skip);
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
            let (unmet, key) = (&unmet.term, &unmet.term.topology_key);
            return Some(match node.label(key) {
                None => format!("kubectl label node {} {key}=…", node.name),
                Some(value) => format!("a pod with {} in {key} {value}", unmet.selector),
            });
        }
        if let Some(near) = needs.anti.iter().find(|term| needs.is_near(&needs.anti_counts, term, node)) {
            let (key, selector) = (&near.term.topology_key, &near.term.selector);
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
        let sums = self.weigh(&preferred, pod, cache);
        let any = !sums.is_empty();
        state.write(SCORE, sums);
        any
    }

    fn score(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let Some(sums) = state.read::<Sums>(SCORE) else { return 0 };
        sums.at(node).sum()
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
