//! The ReplicaSet controller: as many pods as asked for. It serves ReplicationControllers too.
//!
//! Mirrors pkg/controller/replicaset and pkg/controller/replication.

mod claim;

mod manage;
mod status;
mod tally;
#[cfg(test)]
mod tests;
pub mod victims;
pub mod view;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};

use crate::api::{Kind, Object};
use crate::client::Change;

use super::adoption::{self, CLAIMED, RECHECKED};
use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::expectations::Expectations;
use super::owners::controller_of;
use super::plan::{Answer, Plan, Write};
use super::pod_owners::{Orphans, PodOwners};
use super::selector;
use tally::Tallies;
use view::view;

/// The pods were dealt with: on to the status.
const STATUS: &str = "status";
/// The status was refused: it is read anew and written once more.
const STATUS_AGAIN: &str = "status-again";
const STATUS_READ: &str = "status-read";

/// The controller.
#[derive(Clone, Debug)]
pub struct ReplicaSetController {
    /// `ReplicaSet` or `ReplicationController`.
    kind: Kind,
    expectations: Expectations,
    orphans: Orphans,
    tallies: Tallies,
}

/// `spec.replicas` of a ReplicaSet.
fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

fn min_ready_seconds(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
}

/// Whether the selector picks a pod. An empty one picks none.
fn picks(set: &Object, pod: &Object) -> bool {
    view(set).spec.as_ref().is_some_and(|spec| {
        !selector::is_everything(&spec.selector) && selector::matches(&spec.selector, pod.meta().labels.as_ref())
    })
}

fn status_of(set: &ReplicaSet) -> ReplicaSetStatus {
    set.status.clone().unwrap_or_default()
}

fn work(set: &Object) -> WorkKey {
    WorkKey::new(set.kind(), set.key())
}

impl ReplicaSetController {
    /// For ReplicaSets or for ReplicationControllers.
    pub fn new(kind: Kind) -> Self {
        let (expectations, orphans, tallies) = (Expectations::default(), Orphans::default(), Tallies::default());
        ReplicaSetController { kind, expectations, orphans, tallies }
    }

    fn owners(&self) -> PodOwners {
        PodOwners { kind: self.kind, picks, min_ready_seconds: |set| min_ready_seconds(&view(set)) }
    }

    fn set_changed(&mut self, change: &Change) -> Vec<Enqueue> {
        let key = WorkKey::new(self.kind, change.key.clone());
        let replaced = match (&change.old, &change.new) {
            (Some(old), Some(new)) => old.uid() != new.uid(),
            (_, new) => new.is_none(),
        };
        if replaced {
            self.expectations.forget(&change.key);
        }
        vec![Enqueue::now(key)]
    }

    fn pod_changed(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        self.tallies.change(change);
        self.orphans.note(change);
        match (&change.old, &change.new) {
            (_, None) => change.old.as_ref().map_or_else(Vec::new, |pod| self.pod_deleted(pod, observed)),
            // One that is already on its way out when it is first seen counts as gone.
            (_, Some(pod)) if pod.meta().deletion_timestamp.is_some() => self.pod_deleted(pod, observed),
            (None, Some(pod)) => self.pod_added(pod, observed),
            (Some(old), Some(new)) => self.owners().updated(old, new, observed),
        }
    }

    fn pod_added(&mut self, pod: &Object, observed: &Observed) -> Vec<Enqueue> {
        if controller_of(pod.meta()).is_none() {
            return self.owners().picking(pod, observed);
        }
        let Some(set) = self.owners().of(pod, observed) else { return Vec::new() };
        self.expectations.creation_observed(&set.key());
        vec![Enqueue::now(work(&set))]
    }

    fn pod_deleted(&mut self, pod: &Object, observed: &Observed) -> Vec<Enqueue> {
        let Some(set) = self.owners().of(pod, observed) else { return Vec::new() };
        self.expectations.deletion_observed(&set.key(), &pod.key());
        vec![Enqueue::now(work(&set))]
    }

    /// The plan where there is no pod to adopt, release, create or delete: told by the running counts.
    fn settled(&self, turn: &Turn, set: &Object) -> Option<Plan> {
        if self.orphans.any(set.namespace()) {
            return None;
        }
        let counts = self.tallies.counts(set)?;
        let wanted = replicas(&view(set));
        let waits = !self.expectations.satisfied(&turn.key.key, turn.observed.now);
        if counts.total != wanted && !waits && set.meta().deletion_timestamp.is_none() {
            return None;
        }
        let mut plan = status::write(turn, set, counts, None);
        let waiting = if waits { "; waits to see its last writes" } else { "" };
        plan.summary = format!("wants {wanted}, sees {} active pods{waiting}; {}", counts.total, plan.summary);
        Some(plan)
    }

    fn manage(&mut self, turn: &Turn, set: &Object) -> Plan {
        let active = claim::active_pods(turn, set);
        let typed = &*view(set);
        let key = &turn.key.key;
        let satisfied = self.expectations.satisfied(key, turn.observed.now);
        let mut plan = Plan::nothing(format!("wants {}, sees {} active pods", replicas(typed), active.len()));
        if satisfied && typed.metadata.deletion_timestamp.is_none() {
            plan.steps = manage::steps(set, &active, &turn.observed.stores, turn.observed.unix_micros);
            self.expectations.expect(key, &plan.steps, turn.observed.now);
        } else if !satisfied {
            plan.summary.push_str("; waits to see its last writes");
        }
        if plan.steps.is_empty() {
            let summary = plan.summary;
            plan = status::plan(turn, set, &active, None);
            plan.summary = format!("{summary}; {}", plan.summary);
        } else {
            plan.then = Some(STATUS);
        }
        plan
    }
}

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        if self.kind == Kind::ReplicaSet { "replicaset-controller" } else { "replicationcontroller-controller" }
    }

    fn service_account(&self) -> &'static str {
        if self.kind == Kind::ReplicaSet { "replicaset-controller" } else { "replication-controller" }
    }

    fn component(&self) -> &'static str {
        self.service_account()
    }

    fn watches(&self) -> &'static [Kind] {
        if self.kind == Kind::ReplicaSet {
            &[Kind::Pod, Kind::ReplicaSet]
        } else {
            &[Kind::Pod, Kind::ReplicationController]
        }
    }

    fn workers(&self) -> usize {
        // --concurrent-replicaset-syncs, --concurrent-rc-syncs
        5
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::Pod => self.pod_changed(change, observed),
            _ => self.set_changed(change),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(set) = &turn.object() else {
            self.expectations.forget(&turn.key.key);
            return Plan::nothing("it is gone");
        };
        match turn.phase {
            "" | RECHECKED | CLAIMED => {
                if let Some(plan) = self.settled(turn, set).filter(|_| turn.phase.is_empty()) {
                    return plan;
                }
                let claimed = adoption::plan(turn, set, || claim::claims(turn, set, &self.orphans));
                claimed.unwrap_or_else(|| self.manage(turn, set))
            }
            STATUS => {
                let active = claim::active_pods(turn, set);
                status::plan(turn, set, &active, manage::failure(turn))
            }
            STATUS_AGAIN => status::read_again(set),
            STATUS_READ => {
                let active = claim::active_pods(turn, set);
                status::write_again(turn, set, &active, manage::failure(turn))
            }
            phase => panic!("a ReplicaSet has no phase {phase}"),
        }
    }

    fn on_answer(&mut self, key: &WorkKey, write: &Write, answer: Option<&Answer>) {
        self.expectations.answered(&key.key, write, answer);
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
