//! The deployment controller: keeps, for each Deployment, one ReplicaSet per version of its template,
//! and moves replicas from the old ones to the new.
//!
//! Mirrors pkg/controller/deployment. Leaves out: the rollback of `extensions/v1beta1`, adoption of
//! orphaned ReplicaSets whose owner must be read live first, and the second update of a ReplicaSet's
//! annotations that upstream attempts, and fails, within the same sync.

pub mod annotations;
pub mod limits;
mod recreate;
mod revision;
mod rolling;
mod scale;
pub mod status;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use crate::api::{Kind, Object, ObjectKey, Request, Typed};
use crate::client::Change;
use crate::sim::Order;

use super::controller::{Controller, Enqueue, Observed, Stores, Turn, WorkKey};
use super::owners::{self, controller_of, is_controlled_by};
use super::plan::{Announce, Plan, Step, Write};
use super::selector;

/// The controller. It remembers nothing between syncs.
#[derive(Clone, Debug, Default)]
pub struct DeploymentController;

/// What going on after a failed create of the new ReplicaSet is called.
pub const CREATE_FAILED: &str = "create-failed";
/// `deploymentController.maxRetries`.
const RETRIES_MAX: u32 = 15;

/// One sync of one Deployment: what was seen, what is assumed after the steps so far, and the steps.
#[derive(Clone, Debug)]
pub struct Sync {
    /// As it was read, with the status and annotations this sync gives it. Its resource version stays
    /// the one that was read: a second write of its status within a sync is a conflict, as upstream.
    deployment: Deployment,
    /// Every ReplicaSet it controls. A created one stands last and has no uid.
    sets: Vec<Arc<Object>>,
    /// The place in `sets` of the one whose template is the Deployment's.
    new: Option<usize>,
    steps: Vec<Step>,
    requeue_after: Option<Duration>,
    unix_micros: i64,
}

impl Sync {
    /// A sync that has done nothing yet.
    pub fn new(deployment: &Deployment, sets: Vec<Arc<Object>>, unix_micros: i64) -> Self {
        let mut sync = Sync {
            deployment: deployment.clone(),
            sets,
            new: None,
            steps: Vec::new(),
            requeue_after: None,
            unix_micros,
        };
        sync.new = sync.find_new();
        sync
    }

    /// The ReplicaSet at a place, as it is after the steps so far.
    pub fn set(&self, index: usize) -> &ReplicaSet {
        self.sets[index].expect::<ReplicaSet>()
    }

    fn all(&self) -> impl Iterator<Item = &ReplicaSet> {
        self.sets.iter().map(|set| set.expect::<ReplicaSet>())
    }

    /// The places of the old ReplicaSets, oldest first.
    fn old(&self) -> Vec<usize> {
        let mut old: Vec<usize> = (0..self.sets.len()).filter(|index| Some(*index) != self.new).collect();
        old.order_by(|a, b| by_creation(self.set(*a), self.set(*b)));
        old
    }

    /// Those of the old ReplicaSets that want pods, oldest first.
    fn active_old(&self) -> Vec<usize> {
        self.old().into_iter().filter(|index| replicas(self.set(*index)) > 0).collect()
    }

    /// The Deployment as an object, for requests and events.
    fn object(&self) -> Object {
        self.deployment.clone().into_object()
    }

    fn say(&mut self, event: Announce) {
        self.steps.push(Step::Event(event));
    }

    /// Writes the status as it stands in `deployment`.
    fn put_status(&mut self) {
        self.steps.push(Write::new(Request::update_status(self.object())).step());
    }

    fn plan(self) -> Plan {
        let wanted = desired(&self.deployment);
        let old: i32 = self.active_old().iter().map(|index| replicas(self.set(*index))).sum();
        let new = self.new.map_or_else(
            || "no new ReplicaSet".to_owned(),
            |new| format!("{} of the new {}", replicas(self.set(new)), self.sets[new].name()),
        );
        Plan {
            summary: format!("wants {wanted}: {new}, {old} of older ones"),
            steps: self.steps,
            requeue_after: self.requeue_after,
            ..Plan::default()
        }
    }
}

/// `spec.replicas` of a Deployment.
pub fn desired(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// `spec.replicas` of a ReplicaSet.
pub fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// `status.availableReplicas` of a ReplicaSet.
fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
}

/// `status.replicas` of a ReplicaSet.
fn actual(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// `ReplicaSetsByCreationTimestamp`: older first, then by name.
fn by_creation(a: &ReplicaSet, b: &ReplicaSet) -> std::cmp::Ordering {
    let key =
        |set: &ReplicaSet| (set.metadata.creation_timestamp.as_ref().map(|time| time.0), set.metadata.name.clone());
    // One that is not stored yet is the newest.
    let (a, b) = (key(a), key(b));
    (a.0.is_none(), a).cmp(&(b.0.is_none(), b))
}

/// Whether the strategy is RollingUpdate.
fn is_rolling(deployment: &Deployment) -> bool {
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()).unwrap_or("RollingUpdate") == "RollingUpdate"
}

/// `getReplicaSetsForDeployment`: what it controls, with the steps that adopt orphans and release
/// what its selector no longer picks.
fn claim(deployment: &Object, stores: &Stores) -> (Vec<Arc<Object>>, Vec<Step>) {
    let typed = deployment.expect::<Deployment>();
    let Some(spec) = &typed.spec else { return (Vec::new(), Vec::new()) };
    let (mut claimed, mut steps) = (Vec::new(), Vec::new());
    for set in stores.of(Kind::ReplicaSet).in_namespace(deployment.namespace()) {
        let meta = set.meta();
        let picked = selector::matches(&spec.selector, meta.labels.as_ref());
        let leaves = meta.deletion_timestamp.is_some();
        match controller_of(meta).map(|owner| owner.uid == deployment.uid()) {
            Some(false) => {}
            Some(true) if picked => claimed.push(set),
            _ if typed.metadata.deletion_timestamp.is_some() => {}
            Some(true) => steps.push(Write::new(owners::release(&set, &[deployment.uid()])).step()),
            None if picked && !leaves => {
                steps.push(Write::new(owners::adopt(deployment, &set)).step());
            }
            None => {}
        }
    }
    (claimed, steps)
}

/// The sync of one Deployment (`syncDeployment`).
pub fn sync_deployment(deployment: &Arc<Object>, observed: &Observed) -> Plan {
    let typed = deployment.expect::<Deployment>();
    let Some(spec) = &typed.spec else { return Plan::nothing("it has no spec") };
    if selector::is_everything(&spec.selector) {
        let text = "This deployment is selecting all pods. A non-empty selector is required.";
        let event = Announce::warning(deployment, "SelectingAll", text);
        return Plan::steps("its selector is empty", vec![Step::Event(event)]);
    }
    let (sets, claims) = claim(deployment, &observed.stores);
    if !claims.is_empty() {
        // The changed ReplicaSets come back through the watch, and the key with them.
        return Plan::steps("ReplicaSets to adopt or release", claims);
    }
    let mut sync = Sync::new(typed, sets, observed.unix_micros);
    if typed.metadata.deletion_timestamp.is_some() {
        sync.sync_revision(false);
        sync.sync_status();
        return sync.plan();
    }
    sync.check_paused();
    if spec.paused == Some(true) || sync.is_scaling() {
        sync.sync_revision(false);
        sync.scale();
        if spec.paused == Some(true) {
            sync.cleanup();
        }
        sync.sync_status();
    } else if is_rolling(typed) {
        sync.rollout_rolling();
    } else {
        sync.rollout_recreate(|uids| any_pod_runs(uids, &observed.stores));
    }
    sync.plan()
}

/// Whether one of these ReplicaSets has a pod that has not come to its end.
fn any_pod_runs(uids: &[&str], stores: &Stores) -> bool {
    uids.iter().any(|uid| stores.of(Kind::Pod).owned_by(uid).any(|pod| !super::pods::is_terminal(pod.expect())))
}

fn key_of(namespace: &str, name: &str) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::Deployment, ObjectKey::new(namespace, name)))
}

/// The Deployment a reference names, if it still is that one.
fn resolve(object: &Object, observed: &Observed) -> Option<Enqueue> {
    let owner = controller_of(object.meta()).filter(|owner| owner.kind == "Deployment")?;
    let key = ObjectKey::new(object.namespace(), &owner.name);
    let deployment = observed.stores.of(Kind::Deployment).get(&key)?;
    (deployment.uid() == owner.uid).then(|| key_of(object.namespace(), &owner.name))
}

/// Every Deployment whose selector picks an orphan.
fn picking(orphan: &Object, observed: &Observed) -> Vec<Enqueue> {
    let labels = orphan.meta().labels.as_ref();
    let mut wishes = Vec::new();
    for deployment in observed.stores.of(Kind::Deployment).in_namespace(orphan.namespace()) {
        let Some(spec) = &deployment.expect::<Deployment>().spec else { continue };
        if !selector::is_everything(&spec.selector) && selector::matches(&spec.selector, labels) {
            wishes.push(key_of(orphan.namespace(), deployment.name()));
        }
    }
    wishes
}

fn replica_set_changed(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let mut wishes = Vec::new();
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    let owner = |object: Option<&Object>| object.and_then(|object| controller_of(object.meta()).cloned());
    if owner(old) != owner(new) {
        wishes.extend(old.and_then(|old| resolve(old, observed)));
    }
    if let Some(new) = new {
        if owner(Some(new)).is_some() {
            wishes.extend(resolve(new, observed));
        } else if old.is_none_or(|old| old.meta().labels != new.meta().labels || owner(Some(old)).is_some()) {
            wishes.extend(picking(new, observed));
        }
    }
    wishes
}

/// A pod is gone: a Deployment that recreates may have waited for it (`deletePod`).
fn pod_changed(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let (Some(pod), None) = (&change.old, &change.new) else { return Vec::new() };
    let Some(owner) = controller_of(pod.meta()).filter(|owner| owner.kind == "ReplicaSet") else {
        return Vec::new();
    };
    let set = observed.stores.of(Kind::ReplicaSet).get(&ObjectKey::new(pod.namespace(), &owner.name));
    let Some(wish) = set.and_then(|set| resolve(&set, observed)) else { return Vec::new() };
    let deployment = observed.stores.get::<Deployment>(&wish.key.key);
    if deployment.is_some_and(|deployment| !is_rolling(&deployment)) { vec![wish] } else { Vec::new() }
}

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Deployment, Kind::Pod, Kind::ReplicaSet]
    }

    fn workers(&self) -> usize {
        // --concurrent-deployment-syncs
        5
    }

    fn retries_max(&self) -> Option<u32> {
        Some(RETRIES_MAX)
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::Deployment => vec![Enqueue::now(WorkKey::new(Kind::Deployment, change.key.clone()))],
            Kind::ReplicaSet => replica_set_changed(change, observed),
            _ => pod_changed(change, observed),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(deployment) = &turn.object() else { return Plan::nothing("it is gone") };
        if turn.phase == CREATE_FAILED {
            let (sets, _) = claim(deployment, &turn.observed.stores);
            let mut sync = Sync::new(deployment.expect(), sets, turn.observed.unix_micros);
            return sync.create_failed(turn);
        }
        sync_deployment(deployment, &turn.observed)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

/// Whether `owner` controls `object`.
fn controls(owner: &Object, object: &Object) -> bool {
    is_controlled_by(object.meta(), owner)
}
