//! The DaemonSet controller: a pod on every node that fits.
//!
//! Mirrors pkg/controller/daemon.

pub mod backoff;
pub mod history;
pub mod manage;
pub mod nodes;
pub mod status;
#[cfg(test)]
mod tests;
pub mod update;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;

use crate::api::{Kind, Method, Object, Reason, Request};
use crate::client::Change;

use super::adoption::{self, CLAIMED, Claims, RECHECKED, adopted};
use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::expectations::Expectations;
use super::owners::controller_of;
use super::plan::{Announce, Answer, Plan, Step, Write};
use super::pod_owners::{Orphans, PodOwners};
use super::selector;
use backoff::Backoff;
use history::{Found, Revisions};
use manage::View;

/// The current revision was written: on to the pods.
const REVISED: &str = "revised";
/// The pods were dealt with: on to the status.
const STATUS: &str = "status";
/// The status was refused: the set is read anew and its status written once more.
const STATUS_AGAIN: &str = "status-again";
const STATUS_READ: &str = "status-read";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct DaemonSetController {
    expectations: Expectations,
    backoff: Backoff,
    orphans: Orphans,
}

const OWNERS: PodOwners = PodOwners { kind: Kind::DaemonSet, picks, min_ready_seconds };

fn min_ready_seconds(set: &Object) -> i32 {
    set.expect::<DaemonSet>().spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
}

fn picks(set: &Object, object: &Object) -> bool {
    let spec = set.expect::<DaemonSet>().spec.as_ref();
    spec.is_some_and(|spec| {
        !selector::is_everything(&spec.selector) && selector::matches(&spec.selector, object.meta().labels.as_ref())
    })
}

/// The sets whose mind a node's coming or changing alters.
fn node_changed(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let Some(new) = change.new.as_deref().and_then(|node| node.get::<Node>()) else { return Vec::new() };
    let old = change.old.as_deref().and_then(|node| node.get::<Node>());
    let unchanged = old.is_some_and(|old| {
        let taints = |node: &Node| node.spec.as_ref().and_then(|spec| spec.taints.clone());
        old.metadata.labels == new.metadata.labels && taints(old) == taints(new)
    });
    if unchanged {
        return Vec::new();
    }
    let concerned = |set: &DaemonSet| match old {
        Some(old) => nodes::fit(set, old) != nodes::fit(set, new),
        None => nodes::fit(set, new).should_run,
    };
    let sets = observed.stores.of(Kind::DaemonSet).iter().map(|(_, set)| set);
    sets.filter(|set| concerned(set.expect())).map(|set| OWNERS.work(&set)).collect()
}

impl DaemonSetController {
    fn pod_changed(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        self.orphans.note(change);
        match (&change.old, &change.new) {
            (Some(pod), None) => self.pod_deleted(pod, observed),
            (_, Some(pod)) if pod.meta().deletion_timestamp.is_some() => self.pod_deleted(pod, observed),
            (None, Some(pod)) if controller_of(pod.meta()).is_none() => OWNERS.picking(pod, observed),
            (None, Some(pod)) => {
                let Some(set) = OWNERS.of(pod, observed) else { return Vec::new() };
                self.expectations.creation_observed(&set.key());
                vec![OWNERS.work(&set)]
            }
            (Some(old), Some(new)) => OWNERS.updated(old, new, observed),
            (None, None) => Vec::new(),
        }
    }

    fn pod_deleted(&mut self, pod: &Object, observed: &Observed) -> Vec<Enqueue> {
        let Some(set) = OWNERS.of(pod, observed) else { return Vec::new() };
        self.expectations.deletion_observed(&set.key(), &pod.key());
        vec![OWNERS.work(&set)]
    }

    /// The steps that adopt pods the set picks and release those whose labels it no longer picks.
    fn claim(&self, turn: &Turn, set: &Object) -> Claims {
        self.orphans.claims(turn, set, |pod| picks(set, pod))
    }

    /// `updateDaemonSet`: pods where they are missing or misplaced; once there are none of these, the update.
    fn manage(&mut self, turn: &Turn, view: &View<'_>, revisions: &Revisions) -> Plan {
        let key = &turn.key.key;
        if !self.expectations.satisfied(key, turn.observed.now) {
            let mut plan = finish(turn, view, revisions, false);
            plan.summary.push_str("; waits to see its last writes");
            return plan;
        }
        let mut changes = view.manage(&mut self.backoff);
        let look_again = changes.look_again;
        let nothing = changes.create_on.is_empty() && changes.delete.is_empty();
        if nothing && update::is_rolling(view.typed()) {
            changes = match view.roll() {
                Ok(changes) => changes,
                Err(error) => return Plan { error: Some(error), ..Plan::nothing("the update cannot be reckoned") },
            };
        }
        let steps = view.steps(&changes);
        if steps.is_empty() {
            let plan = finish(turn, view, revisions, true);
            let requeue_after = plan.requeue_after.into_iter().chain(look_again).min();
            return Plan { requeue_after, ..plan };
        }
        self.expectations.expect(key, &steps, turn.observed.now);
        let summary = format!("{} nodes lack a pod, {} pods to go", changes.create_on.len(), changes.delete.len());
        let enqueue = look_again.map(|wait| Enqueue::after(turn.key.clone(), wait)).into_iter().collect();
        Plan { then: Some(STATUS), enqueue, ..Plan::steps(summary, steps) }
    }
}

/// The pods of the set: what it has and picks, and what it adopted in this sync.
fn pods_of(turn: &Turn, set: &Object) -> Vec<Arc<Object>> {
    let owned = turn.observed.stores.of(Kind::Pod).owned_by(set.uid()).chain(adopted(turn, set, Kind::Pod).cloned());
    owned.filter(|pod| picks(set, pod)).collect()
}

/// The first failure among the writes of this sync.
fn failure(turn: &Turn) -> Option<String> {
    turn.failure(|answer| match answer.request.method {
        // Claims have failed before, where they counted.
        Method::Get | Method::Patch => false,
        Method::Delete => !answer.failed_with(Reason::NotFound),
        _ => true,
    })
}

/// Writes the status, and deletes old revisions.
fn finish(turn: &Turn, view: &View<'_>, revisions: &Revisions, observe: bool) -> Plan {
    let status = status::calculate(view, revisions.collisions, observe);
    let (ready, available) = (status.number_ready, status.number_available.unwrap_or(0));
    let summary = format!("{} nodes, {ready} ready, {available} available", status.desired_number_scheduled);
    let written = status::write(view.set, status).map(|write| write.recovering(STATUS_AGAIN).step());
    let deleted = history::clean_up(view.set, revisions, view.pods).into_iter().map(Write::step);
    let min_ready = view.min_ready_seconds();
    let waits = min_ready > 0 && ready != available;
    Plan {
        steps: written.into_iter().chain(deleted).collect(),
        requeue_after: waits.then(|| Duration::from_secs(min_ready as u64)),
        error: failure(turn),
        ..Plan::nothing(summary)
    }
}

/// The status was refused: reads the set anew, or writes the same counts on what was read.
fn status_again(turn: &Turn, view: &View<'_>, revisions: &Revisions) -> Plan {
    if turn.phase == STATUS_AGAIN {
        let request = Request::get(Kind::DaemonSet.info(), view.set.namespace(), view.set.name());
        let read = Write::new(request).tolerating(&[Reason::NotFound]).step();
        return Plan { then: Some(STATUS_READ), ..Plan::steps("the status was refused", vec![read]) };
    }
    let live = turn.answers.iter().rev().find(|answer| answer.request.method == Method::Get);
    let Some(live) = live.and_then(|answer| answer.object()) else { return Plan::nothing("it is gone") };
    let write = status::write(live, status::calculate(view, revisions.collisions, true));
    Plan::steps("writes the status on what was just read", write.into_iter().map(Write::step).collect())
}

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemonset-controller"
    }

    fn service_account(&self) -> &'static str {
        "daemon-set-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::ControllerRevision, Kind::DaemonSet, Kind::Node, Kind::Pod]
    }

    fn workers(&self) -> usize {
        // --concurrent-daemonset-syncs
        2
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::DaemonSet => {
                if change.new.as_ref().map(|set| set.uid()) != change.old.as_ref().map(|set| set.uid()) {
                    self.expectations.forget(&change.key);
                }
                vec![Enqueue::now(WorkKey::new(Kind::DaemonSet, change.key.clone()))]
            }
            Kind::Node => node_changed(change, observed),
            Kind::Pod => self.pod_changed(change, observed),
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(set) = &turn.object() else {
            self.expectations.forget(&turn.key.key);
            return Plan::nothing("it is gone");
        };
        let Some(spec) = &set.expect::<DaemonSet>().spec else { return Plan::nothing("it has no spec") };
        if selector::is_everything(&spec.selector) {
            let text = "This daemon set is selecting all pods. A non-empty selector is required.";
            let event = Announce::warning(set, "SelectingAll", text);
            return Plan::steps("its selector is empty", vec![Step::Event(event)]);
        }
        if set.meta().deletion_timestamp.is_some() {
            return Plan::nothing("it is being deleted");
        }
        let (all, mut claims) = super::history::claim(set, &spec.selector, &turn.observed.stores);
        let claimed = || {
            claims.extend(self.claim(turn, set));
            claims
        };
        if let Some(plan) = adoption::plan(turn, set, claimed) {
            return plan;
        }
        let revisions = match history::find(set, all, &turn.observed.stores, &turn.answers) {
            Found::Here(revisions) => revisions,
            Found::Write(_) if turn.phase == REVISED => {
                let error = failure(turn).or_else(|| Some("the revision was not written".to_owned()));
                return Plan { error, ..Plan::nothing("the revision could not be written") };
            }
            Found::Write(writes) => {
                let steps = writes.into_iter().map(Write::step).collect();
                return Plan { then: Some(REVISED), ..Plan::steps("a revision to write", steps) };
            }
        };
        let (stores, unix_micros) = (&turn.observed.stores, turn.observed.unix_micros);
        let view = View { set, hash: &revisions.hash, pods: &pods_of(turn, set), stores, unix_micros };
        match turn.phase {
            "" | RECHECKED | CLAIMED | REVISED => self.manage(turn, &view, &revisions),
            STATUS => finish(turn, &view, &revisions, true),
            STATUS_AGAIN | STATUS_READ => status_again(turn, &view, &revisions),
            phase => panic!("a DaemonSet has no phase {phase}"),
        }
    }

    fn on_answer(&mut self, key: &WorkKey, write: &Write, answer: Option<&Answer>) {
        self.expectations.answered(&key.key, write, answer);
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
