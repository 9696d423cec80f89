//! A node with what its pods add up to.
//!
//! Mirrors pkg/scheduler/framework `NodeInfo`.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;
use crate::sim::{Order, TraceHash};
use k8s_openapi::api::core::v1::{Node, Taint};

use crate::api::{Object, ObjectKey};

use super::pod_info::{HostPort, PodInfo};
use super::resource::{Resource, amounts};
use super::topology::NOWHERE;

/// A node, its pods and their sums, kept up to date pod by pod.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    pub name: Arc<str>,
    /// `None` while only its pods are known.
    object: Option<Arc<Object>>,
    /// What is asked of every node for every pod, kept here: its object lies scattered about the memory.
    near: Near,
    /// The pods on it, assumed ones included.
    pub pods: OrdMap<ObjectKey, Arc<PodInfo>>,
    /// How many of its pods have each set of labels. The cache keeps this.
    pub label_counts: Tally,
    /// How many of its pods have each group of terms. The cache keeps this.
    pub group_counts: Tally,
    /// The number of its topology by every key that is kept. The cache keeps this.
    pub domains: Domains,
    /// The host ports its pods take.
    pub used_ports: Vec<HostPort>,
    pub requested: Resource,
    /// CPU taken to be used, with a default for containers that do not say: millicores.
    pub non_zero_cpu: i64,
    /// Memory taken to be used, with a default for containers that do not say: bytes.
    pub non_zero_memory: i64,
    pub allocatable: Resource,
    /// The images it has, by every name, with their size in bytes.
    pub images: Arc<OrdMap<Arc<str>, i64>>,
    /// Digests of their names, in order: every pod asks every node.
    image_digests: Arc<[u64]>,
}

/// How many pods there are of each number. They are few, and asked for on every node: the first lie in the node itself.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Numbers with their pods, in no order. Without pods it is a free place.
    near: [(u32, u32); 2],
    more: Vec<(u32, u32)>,
}

impl Tally {
    /// The numbers with their pods.
    pub fn iter(&self) -> impl Iterator<Item = &(u32, u32)> {
        self.near.iter().chain(&self.more).filter(|(_, pods)| *pods > 0)
    }

    /// The pods of a number.
    pub fn get(&self, id: u32) -> u32 {
        self.iter().find(|(other, _)| *other == id).map_or(0, |(_, pods)| *pods)
    }

    fn count(&mut self, id: u32, more: bool) {
        let mut held = self.near.iter_mut().chain(&mut self.more).filter(|(_, pods)| *pods > 0);
        if let Some((_, pods)) = held.find(|(other, _)| *other == id) {
            *pods = if more { *pods + 1 } else { *pods - 1 };
            if !more {
                self.more.retain(|(_, pods)| *pods > 0);
            }
        } else if more {
            match self.near.iter_mut().find(|(_, pods)| *pods == 0) {
                Some(free) => *free = (id, 1),
                None => self.more.push((id, 1)),
            }
        }
    }
}

/// The numbers of a node's topologies, by the places of their keys; the first lie in the node itself.
#[derive(Clone, Debug)]
pub struct Domains {
    near: [u32; 4],
    more: Vec<u32>,
    len: usize,
}

impl Default for Domains {
    fn default() -> Self {
        Domains { near: [NOWHERE; 4], more: Vec::new(), len: 0 }
    }
}

impl Domains {
    /// The number by the key at a place; `NOWHERE` where there is none.
    pub fn at(&self, place: usize) -> u32 {
        let number = self.near.get(place).or_else(|| self.more.get(place.checked_sub(self.near.len())?));
        number.copied().unwrap_or(NOWHERE)
    }

    /// The number by one key more.
    pub fn push(&mut self, number: u32) {
        match self.near.get_mut(self.len) {
            Some(free) => *free = number,
            None => self.more.push(number),
        }
        self.len += 1;
    }
}

/// The labels that nearly every pod is spread by, the hostname first.
const NEAR_LABELS: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/// A few facts of a node's object.
#[derive(Clone, Debug, Default)]
struct Near {
    labels: [Option<Arc<str>>; NEAR_LABELS.len()],
    unschedulable: bool,
    tainted: bool,
    imaged: bool,
}

impl Near {
    fn of(node: &Node) -> Near {
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key).map(|value| Arc::from(value.as_str()));
        let spec = node.spec.as_ref();
        Near {
            labels: NEAR_LABELS.map(label),
            unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
            tainted: spec.and_then(|spec| spec.taints.as_ref()).is_some_and(|taints| !taints.is_empty()),
            imaged: false,
        }
    }
}

impl NodeInfo {
    /// A node of which only the name is known.
    pub fn new(name: &Arc<str>) -> Self {
        NodeInfo {
            name: name.clone(),
            object: None,
            near: Near::default(),
            pods: OrdMap::new(),
            label_counts: Tally::default(),
            group_counts: Tally::default(),
            domains: Domains::default(),
            used_ports: Vec::new(),
            requested: Resource::default(),
            non_zero_cpu: 0,
            non_zero_memory: 0,
            allocatable: Resource::default(),
            images: Arc::new(OrdMap::new()),
            image_digests: Arc::default(),
        }
    }

    /// A node without pods.
    pub fn of(object: &Arc<Object>) -> Self {
        let mut info = NodeInfo::new(&object.key().name);
        info.set_node(object);
        info
    }

    /// Takes the node's object.
    pub fn set_node(&mut self, object: &Arc<Object>) {
        let status = object.expect::<Node>().status.as_ref();
        self.allocatable = Resource::of(&amounts(status.and_then(|status| status.allocatable.as_ref())));
        let mut images = OrdMap::new();
        for image in status.iter().flat_map(|status| status.images.iter().flatten()) {
            for name in image.names.iter().flatten() {
                images.insert(Arc::from(name.as_str()), image.size_bytes.unwrap_or(0));
            }
        }
        if *self.images != images {
            let mut digests: Vec<u64> = images.keys().map(|name| TraceHash::of(name)).collect();
            digests.order();
            self.image_digests = digests.into();
            self.images = Arc::new(images);
        }
        self.object = Some(object.clone());
        self.near = Near { imaged: !self.images.is_empty(), ..Near::of(self.node()) };
    }

    /// The node's object is gone; its pods may still be there.
    pub fn unset_node(&mut self) {
        self.object = None;
        self.near = Near::default();
        self.allocatable = Resource::default();
        self.images = Arc::new(OrdMap::new());
        self.image_digests = Arc::default();
    }

    /// The node's object as it is held.
    pub fn object(&self) -> Option<&Arc<Object>> {
        self.object.as_ref()
    }

    /// The node. Panics where there is none: only nodes with an object are scheduled to.
    pub fn node(&self) -> &Node {
        self.object.as_ref().expect("the snapshot lists only nodes with an object").expect()
    }

    /// `spec.unschedulable`: it is cordoned.
    pub fn unschedulable(&self) -> bool {
        self.near.unschedulable
    }

    /// Whether it says its hostname.
    pub fn has_hostname(&self) -> bool {
        self.near.labels[0].is_some()
    }

    /// Its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        if let Some(at) = NEAR_LABELS.iter().position(|near| *near == key) {
            return self.near.labels[at].as_deref();
        }
        self.node().metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether it has an image, by the digest of its name.
    pub fn has_image(&self, digest: u64) -> bool {
        self.image_digests.binary_search(&digest).is_ok()
    }

    /// Whether it has any image.
    pub fn has_images(&self) -> bool {
        self.near.imaged
    }

    /// Its taints.
    pub fn taints(&self) -> &[Taint] {
        if !self.near.tainted {
            return &[];
        }
        self.node().spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
    }

    /// Counts a pod in. One that is already there is replaced.
    pub fn add_pod(&mut self, pod: &Arc<PodInfo>) {
        if let Some(old) = self.pods.insert(pod.key.clone(), pod.clone()) {
            self.count_out(&old);
        }
        self.requested.add(&pod.requests);
        self.non_zero_cpu += pod.non_zero_cpu;
        self.non_zero_memory += pod.non_zero_memory;
        self.used_ports.extend(pod.host_ports.iter().cloned());
    }

    /// Counts a pod out; true if it was there.
    pub fn remove_pod(&mut self, key: &ObjectKey) -> bool {
        let Some(old) = self.pods.remove(key) else { return false };
        self.count_out(&old);
        true
    }

    fn count_out(&mut self, pod: &PodInfo) {
        self.requested.subtract(&pod.requests);
        self.non_zero_cpu -= pod.non_zero_cpu;
        self.non_zero_memory -= pod.non_zero_memory;
        for port in &pod.host_ports {
            if let Some(index) = self.used_ports.iter().position(|used| used == port) {
                self.used_ports.swap_remove(index);
            }
        }
    }

    /// Counts one more pod with a set of labels and a group of terms, or one less.
    pub fn count_pod(&mut self, set: u32, group: Option<u32>, more: bool) {
        self.label_counts.count(set, more);
        if let Some(group) = group {
            self.group_counts.count(group, more);
        }
    }

    /// The number of its topology by the key at a place among those that the cache keeps; `None` where it has none.
    pub fn domain(&self, place: usize) -> Option<usize> {
        let number = self.domains.at(place);
        (number != NOWHERE).then_some(number as usize)
    }
}
