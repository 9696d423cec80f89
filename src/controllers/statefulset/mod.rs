//! The StatefulSet controller: pods with names of their own, made and unmade in order.
//!
//! Mirrors pkg/controller/statefulset.

pub mod claims;
pub mod control;
pub mod identity;
pub mod revisions;
pub mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Method, Object, ObjectKey, Reason, Request};
use crate::client::Change;
use crate::sim::Order;

use super::adoption::{self, CLAIMED, Claims, RECHECKED, adopted};
use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::owners::controller_of;
use super::plan::{Plan, Write};
use super::pod_owners::{Orphans, PodOwners};
use super::{history, pods, selector};
use control::View;
use revisions::{Found, Revisions};

/// The update revision was written: on to the pods.
const REVISED: &str = "revised";
/// The pods were dealt with: on to the status.
const STATUS: &str = "status";
/// The status was refused: the set is read anew and its status written once more.
const STATUS_AGAIN: &str = "status-again";
const STATUS_READ: &str = "status-read";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct StatefulSetController {
    orphans: Orphans,
}

const OWNERS: PodOwners = PodOwners { kind: Kind::StatefulSet, picks, min_ready_seconds };

fn min_ready_seconds(set: &Object) -> i32 {
    set.expect::<StatefulSet>().spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
}

fn picks(set: &Object, object: &Object) -> bool {
    let spec = set.expect::<StatefulSet>().spec.as_ref();
    spec.is_some_and(|spec| {
        !selector::is_everything(&spec.selector) && selector::matches(&spec.selector, object.meta().labels.as_ref())
    })
}

impl StatefulSetController {
    fn pod_changed(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        self.orphans.note(change);
        match (&change.old, &change.new) {
            (Some(old), Some(new)) => OWNERS.updated(old, new, observed),
            (None, Some(new)) if controller_of(new.meta()).is_none() => OWNERS.picking(new, observed),
            (_, Some(pod)) | (Some(pod), None) => {
                OWNERS.of(pod, observed).map(|set| OWNERS.work(&set)).into_iter().collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// Pods of the set's name are adopted, those whose labels it no longer picks are released.
    fn claim(&self, turn: &Turn, set: &Object) -> Claims {
        if set.meta().deletion_timestamp.is_some() {
            return Claims::default();
        }
        self.orphans.claims(turn, set, |pod| identity::is_member(set, pod) && picks(set, pod))
    }
}

/// The pods of the set, by name.
fn pods_of(turn: &Turn, set: &Object) -> Vec<Arc<Object>> {
    let owned = turn.observed.stores.of(Kind::Pod).owned_by(set.uid()).chain(adopted(turn, set, Kind::Pod).cloned());
    let mut pods: Vec<Arc<Object>> = owned.filter(|pod| identity::is_member(set, pod) && picks(set, pod)).collect();
    pods.order_by(|a, b| a.name().cmp(b.name()));
    pods
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

/// What the set and its pods call for (`updateStatefulSet`).
fn manage(turn: &Turn, set: &Object, revisions: &Revisions) -> Plan {
    let pods = pods_of(turn, set);
    let view = View {
        set,
        current: &revisions.current,
        update: &revisions.update,
        pods: &pods,
        stores: &turn.observed.stores,
        unix_micros: turn.observed.unix_micros,
    };
    let decision = view.decide();
    let wanted = identity::replicas(set.expect());
    let waits = decision.waits.map_or_else(String::new, |what| format!("; waits for {what}"));
    let sees = if pods.len() == 1 { "1 pod".to_owned() } else { format!("{} pods", pods.len()) };
    let summary = format!("wants {wanted}, sees {sees}{waits}");
    if !decision.steps.is_empty() {
        return Plan { then: Some(STATUS), error: decision.error, ..Plan::steps(summary, decision.steps) };
    }
    let mut plan = finish(turn, set, revisions, 0);
    plan.error = plan.error.or(decision.error);
    plan.summary = format!("{summary}; {}", plan.summary);
    plan
}

/// Writes the status, and deletes old revisions.
fn finish(turn: &Turn, set: &Object, revisions: &Revisions, outdated_deleted: i32) -> Plan {
    let (typed, pods) = (set.expect::<StatefulSet>(), pods_of(turn, set));
    let now = turn.observed.unix_micros;
    let status = status::calculate(typed, revisions, &pods, outdated_deleted, now);
    let summary =
        format!("{} ready, {} updated", status.ready_replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    let written = status::write(set, status).map(|write| write.recovering(STATUS_AGAIN).step());
    let deleted = revisions::truncate(set, revisions, &pods).into_iter().map(Write::step);
    Plan {
        steps: written.into_iter().chain(deleted).collect(),
        requeue_after: status::next_look(typed, &pods, now),
        error: failure(turn),
        ..Plan::nothing(summary)
    }
}

/// How many pods this sync deleted that were of the current revision and are still wanted.
fn outdated_deleted(turn: &Turn, set: &Object, revisions: &Revisions) -> i32 {
    let gone = |answer: &&super::plan::Answer| answer.request.method == Method::Delete && answer.failure().is_none();
    let deleted = turn.answers.iter().filter(gone).filter_map(|answer| {
        let name = answer.request.path.rsplit('/').next().unwrap_or_default();
        turn.observed.stores.of(Kind::Pod).get(&ObjectKey::new(set.namespace(), name))
    });
    let outdated = deleted.filter(|pod| {
        let wanted = identity::ordinal(pod).is_some_and(|ordinal| identity::in_range(set.expect(), ordinal));
        let pod = pod.expect::<Pod>();
        let revision = identity::revision(pod);
        wanted && !pods::is_terminal(pod) && revision != revisions.update.name && revision == revisions.current.name
    });
    i32::try_from(outdated.count()).unwrap_or(i32::MAX)
}

/// The status was refused: reads the set anew, or writes the same counts on what was read.
fn status_again(turn: &Turn, set: &Object, revisions: &Revisions) -> Plan {
    if turn.phase == STATUS_AGAIN {
        let request = Request::get(Kind::StatefulSet.info(), set.namespace(), set.name());
        let read = Write::new(request).tolerating(&[Reason::NotFound]).step();
        return Plan { then: Some(STATUS_READ), ..Plan::steps("the status was refused", vec![read]) };
    }
    let live = turn.answers.iter().rev().find(|answer| answer.request.method == Method::Get);
    let Some(live) = live.and_then(|answer| answer.object()) else { return Plan::nothing("it is gone") };
    let outdated = outdated_deleted(turn, set, revisions);
    let pods = pods_of(turn, set);
    let status = status::calculate(set.expect(), revisions, &pods, outdated, turn.observed.unix_micros);
    let write = status::write(live, status);
    Plan::steps("writes the status on what was just read", write.into_iter().map(Write::step).collect())
}

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        "statefulset-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::ControllerRevision, Kind::PersistentVolumeClaim, Kind::Pod, Kind::StatefulSet]
    }

    fn workers(&self) -> usize {
        // --concurrent-statefulset-syncs
        5
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::StatefulSet => vec![Enqueue::now(WorkKey::new(Kind::StatefulSet, change.key.clone()))],
            Kind::Pod => self.pod_changed(change, observed),
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(set) = &turn.object() else { return Plan::nothing("it is gone") };
        let Some(spec) = &set.expect::<StatefulSet>().spec else { return Plan::nothing("it has no spec") };
        let (revisions, mut claims) = history::claim(set, &spec.selector, &turn.observed.stores);
        let all = || {
            claims.extend(self.claim(turn, set));
            claims
        };
        if let Some(plan) = adoption::plan(turn, set, all) {
            return plan;
        }
        let revisions = match revisions::find(set, revisions, &turn.observed.stores, &turn.answers) {
            Found::Here(revisions) => revisions,
            Found::Write(_) if turn.phase == REVISED => {
                let error = failure(turn).or_else(|| Some("the revision was not written".to_owned()));
                return Plan { error, ..Plan::nothing("the revision could not be written") };
            }
            Found::Write(write) => {
                return Plan { then: Some(REVISED), ..Plan::steps("a revision to write", vec![write.step()]) };
            }
        };
        match turn.phase {
            "" | RECHECKED | CLAIMED | REVISED => manage(turn, set, &revisions),
            STATUS => finish(turn, set, &revisions, outdated_deleted(turn, set, &revisions)),
            STATUS_AGAIN | STATUS_READ => status_again(turn, set, &revisions),
            phase => panic!("a StatefulSet has no phase {phase}"),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
