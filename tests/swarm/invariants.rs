//! What must hold after every revision, checked along etcd's log.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, Pod};
use kubarium::api::etcd::{EtcdEvent, KeyValue};
use kubarium::api::quantity::Quantity;
use kubarium::api::resources::pod_requests;
use kubarium::api::stored::Stored;
use kubarium::api::{Kind, Object};
use kubarium::cluster::World;
use kubarium::cri::Runtime;
use kubarium::sim::Replay;

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
    /// The volume each claim was bound to, and the claim each volume, by uid. Never forgotten either.
    given: BTreeMap<String, String>,
    /// Where volumes are attached, by the attachment's key: volume and node.
    attached: BTreeMap<String, (String, String)>,
    /// What each budget last allowed, and the pods it was told are evicted, by key.
    budgets: BTreeMap<String, (i32, BTreeSet<String>)>,
    /// How many evictions budgets granted.
    pub evictions: usize,
    /// The pods of Jobs that are not over, by the Job's uid.
    active: BTreeMap<String, BTreeSet<String>>,
    /// What Jobs may run at once, by uid.
    parallelism: BTreeMap<String, usize>,
    /// When a pod of a StatefulSet was there last, by the set's uid and ordinal; `MAX` while it is.
    ordinals: BTreeMap<(String, u64), u64>,
    /// A write may arrive after its sender was succeeded: Jobs are not counted any more.
    pub late_writes: bool,
    now_secs: u64,
}

/// How long a controller's picture of the cluster may be old: a connection that is cut ends after 45 s.
const LAG_SECS_MAX: u64 = 60;

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
        self.now_secs = world.now().as_micros() / 1_000_000;
        at_most_one_leads(world);
        no_pod_of_a_set_runs_twice(world);
        assert!(store.revision() >= self.revision, "etcd went from {} to {}", self.revision, store.revision());
        if store.compact_revision() > self.revision + 1 {
            // The log below is gone: go on from what is stored.
            self.taken.clear();
            self.attached.clear();
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
            self.attached.remove(&key);
            self.budgets.remove(&key);
            let object = event.kv.value.object();
            if let Object::Node(_) = &*object {
                self.allocatable.remove(object.name());
            }
            if let Object::Pod(pod) = &*object {
                self.owned(&key, pod, true);
            }
            return;
        }
        assert_eq!(event.kv.mod_revision, revision, "{key} was written at another revision than it says");
        let before = self.versions.insert(key.clone(), revision).unwrap_or(0);
        assert!(before < revision, "{key} went from revision {before} to {revision}");
        self.stored(&event.kv);
    }

    fn stored(&mut self, kv: &KeyValue) {
        let object = kv.value.object();
        let packed = Stored::new(&object, kv.mod_revision);
        packed.pack();
        assert_eq!(packed.object(), object, "{} is not what it was when it is unpacked", kv.key);
        match &*object {
            Object::Pod(pod) => {
                self.pod(kv, pod);
                self.owned(&kv.key, pod, false);
            }
            Object::Job(job) => self.job(&kv.key, job),
            Object::Node(node) => {
                self.allocatable.insert(object.name().to_owned(), node_has(node));
            }
            Object::PodDisruptionBudget(budget) => {
                let status = budget.status.clone().unwrap_or_default();
                self.budget(
                    &kv.key,
                    status.disruptions_allowed.unwrap_or(0),
                    status.disrupted_pods.into_iter().flatten(),
                );
            }
            Object::PersistentVolumeClaim(claim) => {
                let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
                self.give(kv, volume);
            }
            Object::PersistentVolume(volume) => {
                let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()?.uid.clone());
                self.give(kv, claim.unwrap_or_default());
            }
            Object::VolumeAttachment(own) if own.status.as_ref().is_some_and(|status| status.attached) => {
                let volume = own.spec.source.persistent_volume_name.clone().unwrap_or_default();
                let others = self.attached.iter().find(|(key, (other, _))| **key != *kv.key && *other == volume);
                assert!(others.is_none(), "{volume} is attached to {} and to {others:?}", own.spec.node_name);
                self.attached.insert(kv.key.to_string(), (volume, own.spec.node_name.clone()));
            }
            _ => {}
        }
    }

    /// Whoever is evicted was allowed for before: only an eviction adds to the disrupted pods.
    fn budget<T>(&mut self, key: &str, allowed: i32, disrupted: impl Iterator<Item = (String, T)>) {
        assert!(allowed >= 0, "{key} allows {allowed} disruptions");
        let disrupted: BTreeSet<String> = disrupted.map(|(pod, _)| pod).collect();
        if let Some((before, known)) = self.budgets.get(key) {
            let evicted = disrupted.difference(known).count();
            self.evictions += evicted;
            let limit = usize::try_from(*before).unwrap_or(0);
            assert!(evicted <= limit, "{key} allowed {before} disruptions, and {evicted} more pods are evicted");
            if evicted > 0 {
                assert_eq!(allowed, before - evicted as i32, "{key} was not charged for what it granted");
            }
        }
        self.budgets.insert(key.to_owned(), (allowed, disrupted));
    }

    /// Claims and volumes are bound once.
    fn give(&mut self, kv: &KeyValue, to: String) {
        let object = kv.value.object();
        match self.given.get(object.uid()) {
            Some(first) => assert_eq!(*first, to, "{} was bound twice", kv.key),
            None if to.is_empty() => {}
            None => {
                self.given.insert(object.uid().to_owned(), to);
            }
        }
    }

    fn pod(&mut self, kv: &KeyValue, pod: &Pod) {
        let key = kv.key.to_string();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let object = kv.value.object();
        let uid = object.uid();
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

    /// A pod of a Job or of an ordered set.
    fn owned(&mut self, key: &str, pod: &Pod, gone: bool) {
        let owners = pod.metadata.owner_references.iter().flatten();
        let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) else { return };
        if owner.kind == "Job" {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
            let over = gone || pod.metadata.deletion_timestamp.is_some() || matches!(phase, "Succeeded" | "Failed");
            let active = self.active.entry(owner.uid.clone()).or_default();
            if over {
                active.remove(key);
            } else {
                active.insert(key.to_owned());
            }
            let most = self.parallelism.get(&owner.uid).copied().unwrap_or(usize::MAX);
            assert!(self.late_writes || active.len() <= most, "{} runs {active:?}, at most {most}", owner.name);
        }
        if owner.kind == "StatefulSet" {
            let ordinal = key.rsplit('-').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            let was = self.ordinals.insert((owner.uid.clone(), ordinal), if gone { self.now_secs } else { u64::MAX });
            if !gone && was != Some(u64::MAX) {
                for below in 0..ordinal {
                    let seen = self.ordinals.get(&(owner.uid.clone(), below)).copied();
                    let recently = seen.is_some_and(|seen| seen.saturating_add(LAG_SECS_MAX) >= self.now_secs);
                    assert!(recently, "{key} was made, and {}-{below} is not there", owner.name);
                }
            }
        }
    }

    fn job(&mut self, key: &str, job: &Job) {
        let (spec, status) = (job.spec.clone().unwrap_or_default(), job.status.clone().unwrap_or_default());
        let uid = job.metadata.uid.clone().unwrap_or_default();
        self.parallelism.insert(uid, usize::try_from(spec.parallelism.unwrap_or(1)).unwrap_or(0));
        let complete = status.conditions.iter().flatten().any(|one| one.type_ == "Complete" && one.status == "True");
        if complete {
            let (done, wanted) = (status.succeeded.unwrap_or(0), spec.completions.unwrap_or(1));
            assert!(done >= wanted, "{key} is complete with {done} of {wanted}");
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

/// Of several that could, one acts.
fn at_most_one_leads(world: &World) {
    let now = world.now();
    let schedulers = world.schedulers().filter(|own| own.may_act(now)).count();
    let managers = world.controller_managers().filter(|own| own.may_act(now)).count();
    assert!(schedulers <= 1 && managers <= 1, "{schedulers} schedulers and {managers} controller managers may act");
}

/// A pod of a set has its name to itself: on no two machines a sandbox runs under it.
fn no_pod_of_a_set_runs_twice(world: &World) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (process, name, role, _) in world.kernel().processes() {
        let runtime = world.kernel().inspect::<Runtime>(process).filter(|_| role == "containerd");
        for (sandbox, _) in runtime.into_iter().flat_map(Runtime::sandboxes) {
            if sandbox.ready && sandbox.name.starts_with("db-") {
                let before = seen.insert(sandbox.name.to_string(), name.to_string());
                assert_eq!(before, None, "{} runs on {name} too", sandbox.name);
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
