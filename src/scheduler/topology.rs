//! How many pods there are in each topology, by their labels and by their affinity terms, kept up pod by pod.
//!
//! No counterpart upstream, which counts anew for every pod, on many threads. A topology key is kept once a pod
//! or a term has spoken of it; until then the plugins count by themselves.

use std::ops::Bound;
use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use super::node_info::NodeInfo;
use super::pod_info::PodInfo;

/// Pods by the value of a topology key. No entry is zero.
pub type Counts = OrdMap<Arc<str>, i64>;

/// One topology key.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// How many nodes have each value.
    pub nodes: OrdMap<Arc<str>, u32>,
    /// How many nodes have the key.
    pub labelled: usize,
    /// Pods by their set of labels.
    sets: OrdMap<u32, Counts>,
    /// Pods by their group of terms.
    groups: OrdMap<u32, Counts>,
}

/// Pods with the same terms of affinity and anti-affinity.
#[derive(Clone, Debug)]
pub struct Group {
    /// One of them.
    pub pod: Arc<PodInfo>,
    pods: u32,
}

/// The keys that are kept. Cloning is O(1).
#[derive(Clone, Debug, Default)]
pub struct Topologies {
    keys: OrdMap<Arc<str>, Topology>,
    groups: OrdMap<u32, Group>,
    last_group: u32,
}

/// Adds to a count, which goes when it comes to nothing.
pub fn add(counts: &mut Counts, value: &Arc<str>, amount: i64) {
    let count = counts.get(value).copied().unwrap_or(0) + amount;
    if count == 0 {
        counts.remove(value)
    } else {
        counts.insert(value.clone(), count)
    };
}

/// Adds all of another's counts, so many times.
pub fn add_all(counts: &mut Counts, other: &Counts, times: i64) {
    if counts.is_empty() && times == 1 {
        *counts = other.clone();
        return;
    }
    other.iter().for_each(|(value, amount)| add(counts, value, amount * times));
}

impl Topology {
    /// The pods with a set of labels.
    pub fn of_set(&self, set: u32) -> Option<&Counts> {
        self.sets.get(&set)
    }

    /// The pods of a group.
    pub fn of_group(&self, group: u32) -> Option<&Counts> {
        self.groups.get(&group)
    }

    /// Counts a node with all its pods in, or out.
    fn count_node(&mut self, key: &str, node: &NodeInfo, sign: i64) {
        let Some(value) = node.label(key).map(Arc::<str>::from) else { return };
        let nodes = i64::from(self.nodes.get(&value).copied().unwrap_or(0)) + sign;
        match u32::try_from(nodes) {
            Ok(0) | Err(_) => self.nodes.remove(&value),
            Ok(nodes) => self.nodes.insert(value.clone(), nodes),
        };
        self.labelled = if sign > 0 { self.labelled + 1 } else { self.labelled.saturating_sub(1) };
        let sides = [(&mut self.sets, &node.label_counts), (&mut self.groups, &node.group_counts)];
        for (kept, counted) in sides {
            for (id, count) in counted {
                count_one(kept, *id, &value, i64::from(*count) * sign);
            }
        }
    }
}

fn count_one(kept: &mut OrdMap<u32, Counts>, id: u32, value: &Arc<str>, amount: i64) {
    let counts = kept.entry(id).or_default();
    add(counts, value, amount);
    if counts.is_empty() {
        kept.remove(&id);
    }
}

impl Topologies {
    /// A key that is kept.
    pub fn get(&self, key: &str) -> Option<&Topology> {
        self.keys.get(key)
    }

    /// The groups of terms, with their numbers.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }

    /// Whether every key that the terms of running pods speak of is kept.
    pub fn knows_groups(&self) -> bool {
        self.groups.values().all(|group| group.pod.topology_keys().all(|key| self.keys.contains_key(key)))
    }

    /// Keeps a key from now on.
    pub fn keep<'a>(&mut self, key: &str, nodes: impl Iterator<Item = &'a NodeInfo>) {
        if self.keys.contains_key(key) {
            return;
        }
        let mut topology = Topology::default();
        nodes.for_each(|node| topology.count_node(key, node, 1));
        self.keys.insert(Arc::from(key), topology);
    }

    /// Counts a node with all its pods in, or out.
    pub fn count_node(&mut self, node: &NodeInfo, sign: i64) {
        for (key, topology) in self.keys.iter_mut() {
            topology.count_node(key, node, sign);
        }
    }

    /// Counts one pod on a node in, or out, by its set of labels and its group.
    pub fn count_pod(&mut self, node: &NodeInfo, set: Option<u32>, group: Option<u32>, sign: i64) {
        for (key, topology) in self.keys.iter_mut() {
            let Some(value) = node.label(key) else { continue };
            // The value as it is kept, so that it is not made again for every pod.
            let from: (Bound<&str>, Bound<&str>) = (Bound::Included(value), Bound::Unbounded);
            let Some(value) =
                topology.nodes.range::<(Bound<&str>, Bound<&str>), str>(from).next().map(|(value, _)| value.clone())
            else {
                continue;
            };
            if let Some(set) = set {
                count_one(&mut topology.sets, set, &value, sign);
            }
            if let Some(group) = group {
                count_one(&mut topology.groups, group, &value, sign);
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
