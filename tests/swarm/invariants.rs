//! What must hold after every revision, checked along etcd's log.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use kubarium::api::etcd::{EtcdEvent, KeyValue};
use kubarium::api::quantity::Quantity;
use kubarium::api::resources::pod_requests;
use kubarium::api::{Kind, Object};
use kubarium::cluster::World;

/// Amounts of `cpu` (millicores), `memory` (bytes) and `pods`.
type Amounts = [i64; 3];

const NAMES: [&str; 3] = ["cpu", "memory", "pods"];

/// Follows the log and keeps what it needs to judge the next entry.
#[derive(Debug, Default)]
pub struct Invariants {
    revision: u64,
    /// The node each pod was bound to first, by uid. Never forgotten: uids do not come back.
    bound: BTreeMap<String, String>,
    /// What each pod that is on a node and not over takes, by key.
    taken: BTreeMap<String, (String, Amounts)>,
    /// What each node has.
    allocatable: BTreeMap<String, Amounts>,
    /// The last mod revision of every key.
    versions: BTreeMap<String, u64>,
}

fn pod_takes(pod: &Pod) -> Amounts {
    let requests = pod.spec.as_ref().map(pod_requests).unwrap_or_default();
    let get = |name: &str| requests.get(name).copied().unwrap_or(Quantity::ZERO);
    [get("cpu").milli_value(), get("memory").value(), 1]
}

fn node_has(node: &Node) -> Amounts {
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.clone()).unwrap_or_default();
    let get = |name: &str| allocatable.get(name).map_or(Quantity::ZERO, Quantity::of);
    [get("cpu").milli_value(), get("memory").value(), get("pods").value()]
}

impl Invariants {
    /// Judges what was written since the last time.
    pub fn check(&mut self, world: &World) {
        let store = world.etcd().store();
        assert!(store.revision() >= self.revision, "etcd went from {} to {}", self.revision, store.revision());
        if store.compact_revision() > self.revision + 1 {
            // The log below is gone: go on from what is stored.
            self.taken.clear();
            store.iter().for_each(|kv| self.stored(kv));
        } else if let Ok(changes) = store.changes_since(self.revision + 1) {
            for (revision, changes) in changes {
                assert!(revision > self.revision, "revision {revision} came after {}", self.revision);
                self.revision = revision;
                changes.iter().for_each(|event| self.changed(revision, event));
                self.no_node_is_over(revision);
            }
        }
        self.revision = store.revision();
    }

    fn changed(&mut self, revision: u64, event: &EtcdEvent) {
        let key = event.kv.key.to_string();
        if event.deleted {
            self.taken.remove(&key);
            self.versions.remove(&key);
            if let Object::Node(_) = &*event.kv.value {
                self.allocatable.remove(event.kv.value.name());
            }
            return;
        }
        assert_eq!(event.kv.mod_revision, revision, "{key} was written at another revision than it says");
        let before = self.versions.insert(key.clone(), revision).unwrap_or(0);
        assert!(before < revision, "{key} went from revision {before} to {revision}");
        self.stored(&event.kv);
    }

    fn stored(&mut self, kv: &KeyValue) {
        match &*kv.value {
            Object::Pod(pod) => self.pod(kv, pod),
            Object::Node(node) => {
                self.allocatable.insert(kv.value.name().to_owned(), node_has(node));
            }
            _ => {}
        }
    }

    fn pod(&mut self, kv: &KeyValue, pod: &Pod) {
        let key = kv.key.to_string();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let uid = kv.value.uid();
        match self.bound.get(uid) {
            Some(first) => assert_eq!(*first, node, "{key} was bound twice"),
            None if node.is_empty() => {}
            None => {
                self.bound.insert(uid.to_owned(), node.clone());
            }
        }
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        if node.is_empty() || matches!(phase, "Succeeded" | "Failed") {
            self.taken.remove(&key);
        } else {
            self.taken.insert(key, (node, pod_takes(pod)));
        }
    }

    fn no_node_is_over(&self, revision: u64) {
        let mut sums: BTreeMap<&str, Amounts> = BTreeMap::new();
        for (node, takes) in self.taken.values() {
            let sum = sums.entry(node).or_default();
            (0..NAMES.len()).for_each(|at| sum[at] += takes[at]);
        }
        for (node, sum) in sums {
            // Pods of a node that was deleted are on their way out.
            let Some(has) = self.allocatable.get(node) else { continue };
            for (at, name) in NAMES.iter().enumerate() {
                assert!(
                    sum[at] <= has[at],
                    "at revision {revision} the pods of {node} take {} {name} of {}",
                    sum[at],
                    has[at]
                );
            }
        }
    }
}

/// Why the Deployments are not what they should be; empty when they are.
pub fn unconverged(world: &World) -> Vec<String> {
    let mut missing = Vec::new();
    for object in world.objects(Kind::Deployment) {
        let Object::Deployment(deployment) = &*object else { continue };
        let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = deployment.status.clone().unwrap_or_default();
        let counts = [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas];
        if counts.iter().any(|count| count.unwrap_or(0) != wanted)
            || status.observed_generation != deployment.metadata.generation
        {
            missing.push(format!("deployment {} wants {wanted} and says {counts:?}", object.name()));
        }
    }
    for object in world.objects(Kind::Pod) {
        let Object::Pod(pod) = &*object else { continue };
        let status = pod.status.clone().unwrap_or_default();
        let ready = status.conditions.iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
        let phase = status.phase.as_deref().unwrap_or_default();
        if pod.metadata.deletion_timestamp.is_some() || !ready && phase != "Succeeded" && phase != "Failed" {
            missing.push(format!("pod {} is {phase}: {:?}", object.name(), status.conditions));
        }
    }
    if !world.is_ready() {
        missing.push("a node is not Ready".to_owned());
    }
    missing
}
