//! The scheduler's cache: the nodes with their pods, those it has only assumed included.
//!
//! Mirrors pkg/scheduler/backend/cache. One process reads and writes it, so it is its own snapshot.
//! Leaves out: expiry of assumed pods (upstream's default is never).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet, Vector};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::{Kind, Object, ObjectKey};

use super::node_info::NodeInfo;
use super::pod_info::PodInfo;
use super::topology::Topologies;
use super::volumes::Volumes;

/// Labels as metadata has them.
pub type Labels = std::collections::BTreeMap<String, String>;

/// An image somewhere in the cluster.
#[derive(Clone, Debug, Default)]
pub struct ImageState {
    pub size_bytes: i64,
    /// The nodes that have it.
    pub nodes: OrdSet<Arc<str>>,
}

#[derive(Clone, Debug)]
struct PodState {
    info: Arc<PodInfo>,
    node: Arc<str>,
    assumed: bool,
    /// Its namespace and labels.
    labels: u32,
    /// Its terms of affinity and anti-affinity; `None` for a pod without any.
    group: Option<u32>,
}

/// A namespace, labels, and whether the pods with them are terminating, which no spreading counts. The labels are
/// shared, so that a chunk of these is cheap to copy.
type LabelKey = (Arc<str>, Arc<Labels>, bool);

/// A namespace and labels that pods have, by a number, so that a selector is asked once for all of them.
#[derive(Clone, Debug)]
struct LabelSet {
    id: u32,
    pods: u32,
    /// The labels of its key.
    labels: Arc<Labels>,
}

/// Nodes and their pods. Cloning copies pointers to what is in it, sixty-four entries to each.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// The nodes that have an object, taking turns between zones.
    nodes: Vector<Arc<NodeInfo>>,
    /// Where a node stands in `nodes`.
    index: OrdMap<Arc<str>, usize>,
    /// Zones in the order they were first seen.
    zones: Vector<Arc<str>>,
    /// Whether nodes came or changed zone since the order was made.
    unordered: bool,
    /// Nodes of which only pods are known.
    imaginary: OrdMap<Arc<str>, Arc<NodeInfo>>,
    pods: OrdMap<ObjectKey, PodState>,
    images: OrdMap<Arc<str>, ImageState>,
    label_sets: OrdMap<LabelKey, LabelSet>,
    topologies: Topologies,
    last_label_set: u32,
    /// The selectors of Services, and of what controls pods.
    services: OrdMap<ObjectKey, Labels>,
    owners: OrdMap<(Kind, ObjectKey), LabelSelector>,
    /// The labels of every namespace.
    namespaces: OrdMap<Arc<str>, Arc<Labels>>,
    /// Disruption budgets.
    budgets: OrdMap<ObjectKey, Arc<Object>>,
    /// Claims, volumes and what belongs to them.
    pub volumes: Volumes,
    /// Pods for which room is being made, by node.
    nominated: OrdMap<Arc<str>, OrdMap<ObjectKey, Arc<PodInfo>>>,
}

/// The topology keys of a pod's constraints and terms.
fn spoken_of(pod: &PodInfo) -> impl Iterator<Item = &str> {
    let constraints = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref()).unwrap_or_default();
    constraints.iter().map(|constraint| constraint.topology_key.as_str()).chain(pod.topology_keys())
}

/// `utilnode.GetZoneKey`: region and zone, empty when the node has neither.
pub fn zone_key(node: &NodeInfo) -> String {
    let label = |stable: &str, old: &str| node.label(stable).or_else(|| node.label(old)).unwrap_or_default().to_owned();
    let region = label("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region");
    let zone = label("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone");
    if region.is_empty() && zone.is_empty() { String::new() } else { format!("{region}:\0:{zone}") }
}

fn label_key(pod: &PodInfo) -> LabelKey {
    (pod.key.namespace.clone(), pod.labels.clone(), pod.leaving)
}

impl Cache {
    /// What a scheduling cycle reads of it, to be kept: all but where each pod is, the largest part, which the nodes
    /// say as well.
    pub fn snapshot(&mut self) -> Cache {
        let pods = std::mem::take(&mut self.pods);
        let snapshot = self.clone();
        self.pods = pods;
        snapshot
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes, in the order in which they are tried.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.iter().map(|node| &**node)
    }

    /// The node at a place in that order.
    pub fn at(&self, index: usize) -> Option<&NodeInfo> {
        self.nodes.get(index).map(|node| &**node)
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.index.get(name).and_then(|index| self.at(*index))
    }

    /// An image by its name.
    pub fn image(&self, name: &str) -> Option<&ImageState> {
        self.images.get(name)
    }

    /// The namespaces with their labels, by name.
    pub fn namespaces(&self) -> impl Iterator<Item = (&Arc<str>, &Labels)> {
        self.namespaces.iter().map(|(name, labels)| (name, &**labels))
    }

    /// The labels of a namespace; none for one that is not known.
    pub fn namespace_labels(&self, name: &str) -> Arc<Labels> {
        self.namespaces.get(name).cloned().unwrap_or_default()
    }

    /// The numbers, in order, of the label sets in a namespace whose labels match; terminating pods have none of them.
    pub fn label_sets(&self, namespace: &str, matches: impl Fn(&Labels) -> bool) -> Vec<u32> {
        let sets = self.label_sets.range((Arc::from(namespace), Arc::default(), false)..);
        let sets = sets.take_while(|((of, ..), _)| &**of == namespace);
        let sets = sets.filter(|((_, labels, leaving), _)| !leaving && matches(labels));
        let mut sets: Vec<u32> = sets.map(|(_, set)| set.id).collect();
        sets.order();
        sets
    }

    /// The numbers of the label sets whose namespace and labels match, those of terminating pods among them.
    pub fn all_label_sets(&self, matches: impl Fn(&str, &Labels) -> bool) -> Vec<u32> {
        let sets = self.label_sets.iter().filter(|((namespace, labels, _), _)| matches(namespace, labels));
        sets.map(|(_, set)| set.id).collect()
    }

    /// Pods by topology.
    pub fn topologies(&self) -> &Topologies {
        &self.topologies
    }

    /// Whether the topologies by these keys, and those that a pod speaks of, are kept.
    pub fn keeps_topologies(&self, pod: &PodInfo, keys: &[Arc<str>]) -> bool {
        spoken_of(pod).chain(keys.iter().map(|key| &**key)).all(|key| self.topologies.place(key).is_some())
    }

    /// Keeps the topologies by these keys, and those that a pod speaks of, from now on: asked before it is scheduled.
    pub fn keep_topologies(&mut self, pod: &PodInfo, keys: &[Arc<str>]) {
        spoken_of(pod).for_each(|key| self.keep_topology(key));
        keys.iter().for_each(|key| self.keep_topology(key));
    }

    fn keep_topology(&mut self, key: &str) {
        if self.topologies.place(key).is_none() {
            self.topologies.keep(key, self.nodes.iter_mut().map(Arc::make_mut));
        }
    }

    /// What the Services of a namespace select.
    pub fn services<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Labels> {
        let services = self.services.range(ObjectKey::new(namespace, "")..);
        services.take_while(move |(key, _)| &*key.namespace == namespace).map(|(_, selector)| selector)
    }

    /// What a ReplicaSet, ReplicationController or StatefulSet selects.
    pub fn owner(&self, kind: Kind, namespace: &str, name: &str) -> Option<&LabelSelector> {
        self.owners.get(&(kind, ObjectKey::new(namespace, name)))
    }

    /// The disruption budgets, by name.
    pub fn budgets(&self) -> impl Iterator<Item = &PodDisruptionBudget> {
        self.budgets.values().map(|object| object.expect())
    }

    /// A disruption budget came, changed or, with `None`, went.
    pub fn set_budget(&mut self, key: ObjectKey, budget: Option<Arc<Object>>) {
        match budget {
            Some(budget) => self.budgets.insert(key, budget),
            None => self.budgets.remove(&key),
        };
    }

    /// A Service came, changed or, with `None`, went.
    pub fn set_service(&mut self, key: ObjectKey, selector: Option<Labels>) {
        match selector {
            Some(selector) => self.services.insert(key, selector),
            None => self.services.remove(&key),
        };
    }

    /// One of these came, changed or, with `None`, went.
    pub fn set_owner(&mut self, kind: Kind, key: ObjectKey, selector: Option<LabelSelector>) {
        match selector {
            Some(selector) => self.owners.insert((kind, key), selector),
            None => self.owners.remove(&(kind, key)),
        };
    }

    /// The number of a pod's namespace and labels, and the labels as all pods with them share them.
    fn enter_labels(&mut self, pod: &PodInfo) -> (u32, Arc<Labels>) {
        let key = label_key(pod);
        let fresh = LabelSet { id: self.last_label_set + 1, pods: 0, labels: key.1.clone() };
        let set = self.label_sets.entry(key).or_insert(fresh);
        set.pods += 1;
        self.last_label_set = self.last_label_set.max(set.id);
        (set.id, set.labels.clone())
    }

    fn leave_labels(&mut self, pod: &PodInfo) {
        let key = label_key(pod);
        if let Some(set) = self.label_sets.get_mut(&key) {
            set.pods -= 1;
            if set.pods == 0 {
                self.label_sets.remove(&key);
            }
        }
    }

    /// A namespace came, changed or, with `None`, went.
    pub fn set_namespace(&mut self, name: &Arc<str>, labels: Option<Labels>) {
        match labels {
            Some(labels) => self.namespaces.insert(name.clone(), Arc::new(labels)),
            None => self.namespaces.remove(name),
        };
    }

    /// Whether the pod was assumed and not yet seen on its node.
    pub fn is_assumed(&self, key: &ObjectKey) -> bool {
        self.pods.get(key).is_some_and(|state| state.assumed)
    }

    /// The node a pod is on, or assumed to be on.
    pub fn node_of(&self, key: &ObjectKey) -> Option<&Arc<str>> {
        self.pods.get(key).map(|state| &state.node)
    }

    /// The pods nominated to a node.
    pub fn nominated(&self, node: &str) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.nominated.get(node).into_iter().flat_map(|pods| pods.values())
    }

    /// Whether any pod is nominated to any node.
    pub fn has_nominated(&self) -> bool {
        !self.nominated.is_empty()
    }

    /// Notes that room is being made for a pod on a node.
    pub fn nominate(&mut self, pod: &Arc<PodInfo>, node: &Arc<str>) {
        self.unnominate(&pod.key);
        if !node.is_empty() {
            pod.topology_keys().for_each(|key| self.keep_topology(key));
            self.nominated.entry(node.clone()).or_default().insert(pod.key.clone(), pod.clone());
        }
    }

    /// Takes a pod's nomination back.
    pub fn unnominate(&mut self, key: &ObjectKey) {
        if self.nominated.is_empty() {
            return;
        }
        let holders: Vec<Arc<str>> =
            self.nominated.iter().filter(|(_, pods)| pods.contains_key(key)).map(|(node, _)| node.clone()).collect();
        for node in holders {
            if let Some(pods) = self.nominated.get_mut(&node) {
                pods.remove(key);
                if pods.is_empty() {
                    self.nominated.remove(&node);
                }
            }
        }
    }

    /// Counts a pod that was seen on `node`, or assumed to be there.
    fn put(&mut self, info: &Arc<PodInfo>, node: &Arc<str>, assumed: bool) {
        self.take(&info.key);
        let (labels, shared) = self.enter_labels(info);
        let info = &Arc::new(info.placed(shared));
        let group = self.topologies.enter_group(info);
        info.topology_keys().for_each(|key| self.keep_topology(key));
        let held = self.node_mut(node);
        held.add_pod(info);
        held.count_pod(labels, group, true);
        self.count_topologies(node, labels, group, 1);
        self.volumes.count(info, true);
        let state = PodState { info: info.clone(), node: node.clone(), assumed, labels, group };
        self.pods.insert(info.key.clone(), state);
    }

    fn take(&mut self, key: &ObjectKey) -> Option<PodState> {
        let state = self.pods.remove(key)?;
        let node = self.node_mut(&state.node);
        node.remove_pod(key);
        node.count_pod(state.labels, state.group, false);
        self.count_topologies(&state.node, state.labels, state.group, -1);
        self.leave_labels(&state.info);
        if let Some(group) = state.group {
            self.topologies.leave_group(group);
        }
        self.volumes.count(&state.info, false);
        if self.imaginary.get(&state.node).is_some_and(|node| node.pods.is_empty()) {
            self.imaginary.remove(&state.node);
        }
        Some(state)
    }

    /// Counts a pod on a node that has an object in its topologies.
    fn count_topologies(&mut self, node: &Arc<str>, labels: u32, group: Option<u32>, sign: i64) {
        if let Some(index) = self.index.get(node)
            && let Some(node) = self.nodes.get(*index)
        {
            self.topologies.count_pod(&node.domains, labels, group, sign);
        }
    }

    fn node_mut(&mut self, name: &Arc<str>) -> &mut NodeInfo {
        match self.index.get(name) {
            Some(index) => Arc::make_mut(self.nodes.get_mut(*index).expect("the index points into the nodes")),
            None => Arc::make_mut(self.imaginary.entry(name.clone()).or_insert_with(|| Arc::new(NodeInfo::new(name)))),
        }
    }

    /// Counts a pod on the node it is about to be bound to.
    pub fn assume(&mut self, pod: &Arc<PodInfo>, node: &Arc<str>) {
        debug_assert!(!self.pods.contains_key(&pod.key), "{} is already on a node and cannot be assumed", pod.key);
        self.put(pod, node, true);
    }

    /// Takes an assumption back: the binding failed. True if there was one.
    pub fn forget(&mut self, key: &ObjectKey) -> bool {
        self.is_assumed(key) && self.take(key).is_some()
    }

    /// A pod was seen on its node: confirms an assumption, or mends a wrong one.
    pub fn add_pod(&mut self, pod: &Arc<PodInfo>) {
        self.put(pod, &Arc::from(pod.node_name()), false);
    }

    /// A pod is gone. Gives what was known of it.
    pub fn remove_pod(&mut self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        self.take(key).map(|state| state.info)
    }

    /// A node came or changed.
    pub fn set_node(&mut self, object: &Arc<Object>) {
        let name = object.key().name;
        match self.index.get(&name).copied() {
            Some(index) => {
                let node = Arc::make_mut(self.nodes.get_mut(index).expect("the index points into the nodes"));
                let (zone, images) = (zone_key(node), node.images.clone());
                let relabelled = node.node().metadata.labels != object.meta().labels;
                if relabelled {
                    self.topologies.leave_node(node);
                }
                node.set_node(object);
                if relabelled {
                    self.topologies.enter_node(node);
                }
                let (moved, new_images) = (zone_key(node) != zone, node.images.clone());
                self.unordered |= moved;
                if !Arc::ptr_eq(&images, &new_images) {
                    self.forget_images(&name, &images);
                    self.learn_images(&name, &new_images);
                }
            }
            None => {
                let mut node =
                    self.imaginary.remove(&name).map_or_else(|| NodeInfo::new(&name), |node| (*node).clone());
                node.set_node(object);
                let images = node.images.clone();
                self.learn_images(&name, &images);
                self.topologies.enter_node(&mut node);
                self.index.insert(name, self.nodes.len());
                self.nodes.push_back(Arc::new(node));
                self.unordered = true;
            }
        }
    }

    /// A node is gone. Its pods are remembered until they are gone as well.
    pub fn remove_node(&mut self, name: &str) {
        let Some(index) = self.index.remove(name) else { return };
        let mut node = (*self.nodes.remove(index)).clone();
        self.topologies.leave_node(&mut node);
        for (place, node) in self.nodes.iter().enumerate().skip(index) {
            self.index.insert(node.name.clone(), place);
        }
        let images = node.images.clone();
        self.forget_images(&node.name.clone(), &images);
        self.unordered = true;
        if !node.pods.is_empty() {
            node.unset_node();
            self.imaginary.insert(node.name.clone(), Arc::new(node));
        }
    }

    fn learn_images(&mut self, node: &Arc<str>, images: &OrdMap<Arc<str>, i64>) {
        for (name, size) in images {
            let state = self.images.entry(name.clone()).or_default();
            // The first node to report an image decides its size, as upstream.
            if state.nodes.is_empty() {
                state.size_bytes = *size;
            }
            state.nodes.insert(node.clone());
        }
    }

    fn forget_images(&mut self, node: &Arc<str>, images: &OrdMap<Arc<str>, i64>) {
        for name in images.keys() {
            if let Some(state) = self.images.get_mut(name) {
                state.nodes.remove(node);
                if state.nodes.is_empty() {
                    self.images.remove(name);
                }
            }
        }
    }

    /// Puts the nodes in order if they are not: one zone after the other takes a turn, so that pods are
    /// tried across zones evenly (`nodeTree.list`).
    pub fn order(&mut self) {
        if !std::mem::take(&mut self.unordered) {
            return;
        }
        let mut by_zone: OrdMap<String, VecDeque<Arc<NodeInfo>>> = OrdMap::new();
        for node in &self.nodes {
            by_zone.entry(zone_key(node)).or_default().push_back(node.clone());
        }
        self.zones.retain(|zone| by_zone.contains_key(&**zone));
        for node in &self.nodes {
            let zone = zone_key(node);
            if !self.zones.iter().any(|known| **known == *zone) {
                self.zones.push_back(Arc::from(zone));
            }
        }
        let mut nodes = Vector::new();
        let mut index = Vec::new();
        while nodes.len() < self.nodes.len() {
            for zone in &self.zones {
                if let Some(node) = by_zone.get_mut(&**zone).and_then(VecDeque::pop_front) {
                    index.push((node.name.clone(), nodes.len()));
                    nodes.push_back(node);
                }
            }
        }
        self.nodes = nodes;
        self.index = index.into_iter().collect();
    }
}
