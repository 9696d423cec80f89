//! A node with what its pods add up to.
//!
//! Mirrors pkg/scheduler/framework `NodeInfo`.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::{Node, Taint};

use crate::api::{Object, ObjectKey};

use super::pod_info::{HostPort, PodInfo};
use super::resource::{Resource, amounts};

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
    /// Those of its pods that have a term of affinity or anti-affinity.
    pub pods_with_affinity: OrdMap<ObjectKey, Arc<PodInfo>>,
    /// How many of its pods have each set of labels. The cache keeps this.
    pub label_counts: OrdMap<u32, u32>,
    /// How many of its pods have each group of terms. The cache keeps this.
    pub group_counts: OrdMap<u32, u32>,
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
}

/// The labels that nearly every pod is spread by.
const NEAR_LABELS: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/// A few facts of a node's object.
#[derive(Clone, Debug, Default)]
struct Near {
    labels: [Option<Arc<str>>; NEAR_LABELS.len()],
    unschedulable: bool,
    tainted: bool,
}

impl Near {
    fn of(node: &Node) -> Near {
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key).map(|value| Arc::from(value.as_str()));
        let spec = node.spec.as_ref();
        Near {
            labels: NEAR_LABELS.map(label),
            unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
            tainted: spec.and_then(|spec| spec.taints.as_ref()).is_some_and(|taints| !taints.is_empty()),
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
            pods_with_affinity: OrdMap::new(),
            label_counts: OrdMap::new(),
            group_counts: OrdMap::new(),
            used_ports: Vec::new(),
            requested: Resource::default(),
            non_zero_cpu: 0,
            non_zero_memory: 0,
            allocatable: Resource::default(),
            images: Arc::new(OrdMap::new()),
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
            self.images = Arc::new(images);
        }
        self.object = Some(object.clone());
        self.near = Near::of(self.node());
    }

    /// The node's object is gone; its pods may still be there.
    pub fn unset_node(&mut self) {
        self.object = None;
        self.near = Near::default();
        self.allocatable = Resource::default();
        self.images = Arc::new(OrdMap::new());
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

    /// Its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        if let Some(at) = NEAR_LABELS.iter().position(|near| *near == key) {
            return self.near.labels[at].as_deref();
        }
        self.node().metadata.labels.as_ref()?.get(key).map(String::as_str)
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
        if pod.has_affinity() {
            self.pods_with_affinity.insert(pod.key.clone(), pod.clone());
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
        self.pods_with_affinity.remove(&pod.key);
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
    pub fn count_pod(&mut self, set: Option<u32>, group: Option<u32>, more: bool) {
        for (id, counts) in [(set, &mut self.label_counts), (group, &mut self.group_counts)] {
            let Some(id) = id else { continue };
            let count = counts.get(&id).copied().unwrap_or(0);
            match if more { count + 1 } else { count.saturating_sub(1) } {
                0 => counts.remove(&id),
                count => counts.insert(id, count),
            };
        }
    }
}
