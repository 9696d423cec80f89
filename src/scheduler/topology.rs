//! How many pods there are in each topology, by their labels and by their affinity terms, kept up pod by pod.
//!
//! No counterpart upstream, which counts anew for every pod, on many threads. A topology key is kept from the
//! moment a pod or a term speaks of it. Its values have numbers, which the nodes carry, so that what is counted
//! by topology is looked up without comparing names.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use super::node_info::{Domains, NodeInfo};
use super::pod_info::PodInfo;

/// Pods by the number of a topology. No entry is zero.
pub type Counts = OrdMap<u32, u32>;

/// In place of a number: the node has no such label.
pub const NOWHERE: u32 = u32::MAX;

/// One value of a topology key.
#[derive(Clone, Copy, Debug)]
struct Value {
    /// Its number, which another value gets when this one is gone.
    number: u32,
    /// How many nodes have it.
    nodes: u32,
}

/// One topology key.
#[derive(Clone, Debug)]
pub struct Topology {
    key: Arc<str>,
    values: OrdMap<Arc<str>, Value>,
    /// Numbers that no value has any more.
    free: Vec<u32>,
    /// One more than the greatest number.
    numbers: u32,
    /// How many nodes have the key.
    pub labelled: usize,
    /// Pods by their set of labels.
    sets: OrdMap<u32, Arc<Counts>>,
    /// Pods by their group of terms.
    groups: OrdMap<u32, Arc<Counts>>,
}

/// Pods with the same terms of affinity and anti-affinity.
#[derive(Clone, Debug)]
pub struct Group {
    /// One of them.
    pub pod: Arc<PodInfo>,
    pods: u32,
}

/// The keys that are kept. Cloning copies no counts.
#[derive(Clone, Debug, Default)]
pub struct Topologies {
    /// A key's place here is the place of its number on every node.
    keys: Vec<Topology>,
    groups: OrdMap<u32, Group>,
    last_group: u32,
}

/// Adds to the count of a topology. It goes when it comes to nothing.
fn count(kept: &mut OrdMap<u32, Arc<Counts>>, id: u32, number: u32, amount: i64) {
    let counts = Arc::make_mut(kept.entry(id).or_default());
    let sum = i64::from(counts.get(&number).copied().unwrap_or(0)) + amount;
    match u32::try_from(sum) {
        Ok(0) | Err(_) => counts.remove(&number),
        Ok(sum) => counts.insert(number, sum),
    };
    if counts.is_empty() {
        kept.remove(&id);
    }
}

impl Topology {
    fn new(key: &str) -> Self {
        Topology {
            key: Arc::from(key),
            values: OrdMap::new(),
            free: Vec::new(),
            numbers: 0,
            labelled: 0,
            sets: OrdMap::new(),
            groups: OrdMap::new(),
        }
    }

    /// The pods with a set of labels.
    pub fn of_set(&self, set: u32) -> Option<&Counts> {
        self.sets.get(&set).map(|counts| &**counts)
    }

    /// The pods of a group.
    pub fn of_group(&self, group: u32) -> Option<&Counts> {
        self.groups.get(&group).map(|counts| &**counts)
    }

    /// The numbers of the values that nodes have, in the order of the values.
    pub fn values(&self) -> impl Iterator<Item = usize> + Clone {
        self.values.values().map(|value| value.number as usize)
    }

    /// One more than the greatest number of a value.
    pub fn numbers(&self) -> usize {
        self.numbers as usize
    }

    /// The number of a value that one more node has.
    fn enter_value(&mut self, value: &str) -> u32 {
        if let Some(known) = self.values.get_mut(value) {
            known.nodes += 1;
            return known.number;
        }
        let number = self.free.pop().unwrap_or(self.numbers);
        self.numbers = self.numbers.max(number + 1);
        self.values.insert(Arc::from(value), Value { number, nodes: 1 });
        number
    }

    fn leave_value(&mut self, value: &str) {
        if let Some(known) = self.values.get_mut(value) {
            known.nodes -= 1;
            if known.nodes == 0 {
                self.free.push(known.number);
                self.values.remove(value);
            }
        }
    }

    /// Counts a node with all its pods in, and gives it its number.
    fn enter(&mut self, node: &mut NodeInfo) {
        let number = node.label(&self.key).map_or(NOWHERE, |value| self.enter_value(value));
        node.domains.push(number);
        self.count_node(node, number, 1);
    }

    /// Counts a node with all its pods out.
    fn leave(&mut self, node: &NodeInfo, number: u32) {
        if let Some(value) = node.label(&self.key) {
            self.leave_value(value);
        }
        self.count_node(node, number, -1);
    }

    fn count_node(&mut self, node: &NodeInfo, number: u32, sign: i64) {
        if number == NOWHERE {
            return;
        }
        self.labelled = if sign > 0 { self.labelled + 1 } else { self.labelled.saturating_sub(1) };
        for (kept, counted) in [(&mut self.sets, &node.label_counts), (&mut self.groups, &node.group_counts)] {
            counted.iter().for_each(|(id, pods)| count(kept, *id, number, i64::from(*pods) * sign));
        }
    }
}

impl Topologies {
    /// The place of a key that is kept.
    pub fn place(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|topology| *topology.key == *key)
    }

    /// The key at a place.
    pub fn at(&self, place: usize) -> Option<&Topology> {
        self.keys.get(place)
    }

    /// The keys that are kept, by their places.
    pub fn keys(&self) -> Vec<Arc<str>> {
        self.keys.iter().map(|topology| topology.key.clone()).collect()
    }

    /// The groups of terms, with their numbers.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }

    /// Keeps a key from now on.
    pub fn keep<'a>(&mut self, key: &str, nodes: impl Iterator<Item = &'a mut NodeInfo>) {
        if self.place(key).is_none() {
            let mut topology = Topology::new(key);
            nodes.for_each(|node| topology.enter(node));
            self.keys.push(topology);
        }
    }

    /// Counts a node with all its pods in.
    pub fn enter_node(&mut self, node: &mut NodeInfo) {
        node.domains = Domains::default();
        self.keys.iter_mut().for_each(|topology| topology.enter(node));
    }

    /// Counts a node with all its pods out.
    pub fn leave_node(&mut self, node: &mut NodeInfo) {
        let domains = std::mem::take(&mut node.domains);
        for (place, topology) in self.keys.iter_mut().enumerate() {
            topology.leave(node, domains.at(place));
        }
    }

    /// Counts one pod in, or out, on a node with these numbers, by its set of labels and its group.
    pub fn count_pod(&mut self, domains: &Domains, set: u32, group: Option<u32>, sign: i64) {
        for (place, topology) in self.keys.iter_mut().enumerate() {
            let number = domains.at(place);
            if number == NOWHERE {
                continue;
            }
            count(&mut topology.sets, set, number, sign);
            if let Some(group) = group {
                count(&mut topology.groups, group, number, sign);
            }
        }
    }

    /// The number of a pod's terms; `None` for a pod without any.
    pub fn enter_group(&mut self, pod: &Arc<PodInfo>) -> Option<u32> {
        if !pod.has_affinity() {
            return None;
        }
        let known = self.groups.iter().find(|(_, group)| group.pod.same_terms(pod)).map(|(id, _)| *id);
        let id = known.unwrap_or(self.last_group + 1);
        self.last_group = self.last_group.max(id);
        self.groups.entry(id).or_insert_with(|| Group { pod: pod.clone(), pods: 0 }).pods += 1;
        Some(id)
    }

    /// A pod of a group is gone.
    pub fn leave_group(&mut self, id: u32) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.pods -= 1;
            if group.pods == 0 {
                self.groups.remove(&id);
            }
        }
    }
}
