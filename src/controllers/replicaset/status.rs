//! The status of a ReplicaSet.
//!
//! Mirrors pkg/controller/replicaset/replica_set_utils.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Method, Object, Reason, Request, time};
use crate::controllers::controller::Turn;
use crate::controllers::plan::{Plan, Write};
use crate::controllers::pods;

use super::view::{view, with_status};
use super::{STATUS_AGAIN, STATUS_READ, min_ready_seconds, replicas, status_of};

const REPLICA_FAILURE: &str = "ReplicaFailure";

fn count(number: i32) -> Option<i32> {
    Some(number).filter(|number| *number != 0)
}

/// What the pods of a ReplicaSet come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The active ones.
    pub total: i32,
    /// Those with all labels of the template.
    pub labeled: i32,
    pub ready: i32,
    pub available: i32,
    /// Those that are being deleted and have not come to their end.
    pub terminating: i32,
}

impl Counts {
    /// Counted one by one.
    pub fn of(turn: &Turn, set: &Object, active: &[Arc<Object>]) -> Counts {
        let set_view = view(set);
        let spec = set_view.spec.as_ref();
        let labels = spec.and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.as_ref());
        let min_ready = min_ready_seconds(&set_view);
        let mut counts = Counts { total: i32::try_from(active.len()).unwrap_or(i32::MAX), ..Counts::default() };
        for pod in active.iter().map(|pod| pod.expect::<Pod>()) {
            let own = pod.metadata.labels.as_ref();
            let has = |name: &str, value: &String| own.and_then(|own| own.get(name)) == Some(value);
            counts.labeled += i32::from(labels.into_iter().flatten().all(|(name, value)| has(name, value)));
            counts.ready += i32::from(pods::is_ready(pod));
            counts.available += i32::from(pods::is_available(pod, min_ready, turn.observed.unix_micros));
        }
        let owned = turn.observed.stores.of(Kind::Pod).owned_by(set.uid());
        let leaves = |pod: &Pod| pods::is_terminating(pod) && !pods::is_terminal(pod);
        let leaving = owned.filter(|pod| leaves(pod.expect())).count();
        counts.terminating = i32::try_from(leaving).unwrap_or(i32::MAX);
        counts
    }
}

/// `calculateStatus`.
fn calculate(set: &ReplicaSet, counts: Counts, failure: Option<&str>, unix_micros: i64) -> ReplicaSetStatus {
    let old = status_of(set);
    ReplicaSetStatus {
        replicas: counts.total,
        fully_labeled_replicas: count(counts.labeled),
        ready_replicas: count(counts.ready),
        available_replicas: count(counts.available),
        terminating_replicas: Some(counts.terminating),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, old.conditions, counts.total, failure, unix_micros),
    }
}

fn conditions(
    set: &ReplicaSet,
    old: Option<Vec<ReplicaSetCondition>>,
    total: i32,
    failure: Option<&str>,
    unix_micros: i64,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = old.unwrap_or_default();
    let failing = conditions.iter().any(|condition| condition.type_ == REPLICA_FAILURE);
    match failure {
        Some(message) if !failing => conditions.push(ReplicaSetCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: "True".to_owned(),
            reason: Some(if total < replicas(set) { "FailedCreate" } else { "FailedDelete" }.to_owned()),
            message: Some(message.to_owned()),
            last_transition_time: Some(time::time(unix_micros)),
        }),
        None if failing => conditions.retain(|condition| condition.type_ != REPLICA_FAILURE),
        _ => {}
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}

/// With absent counts for zeros, so that two can be compared.
fn normal(status: &ReplicaSetStatus) -> ReplicaSetStatus {
    let zero = |count: Option<i32>| count.filter(|number| *number != 0);
    ReplicaSetStatus {
        fully_labeled_replicas: zero(status.fully_labeled_replicas),
        ready_replicas: zero(status.ready_replicas),
        available_replicas: zero(status.available_replicas),
        terminating_replicas: zero(status.terminating_replicas),
        observed_generation: status.observed_generation.filter(|generation| *generation != 0),
        conditions: status.conditions.clone().filter(|conditions| !conditions.is_empty()),
        replicas: status.replicas,
    }
}

/// Writes the status if it differs.
pub(super) fn write(turn: &Turn, set: &Object, counts: Counts, failure: Option<String>) -> Plan {
    let typed = &*view(set);
    let status = calculate(typed, counts, failure.as_deref(), turn.observed.unix_micros);
    let mut plan = Plan::nothing(format!("{} ready, {} available", counts.ready, counts.available));
    let written = with_status(set, status);
    // Compared as it will be stored: a ReplicationController has no count of pods that are leaving.
    if normal(&status_of(typed)) != normal(&status_of(&view(&written))) {
        let request = Request::update_status(written);
        plan.steps.push(Write::new(request).recovering(STATUS_AGAIN).step());
    }
    plan.error = failure;
    plan
}

/// Writes the status if it differs, and says when to look again at pods that are ready but not yet
/// for long enough.
pub(super) fn plan(turn: &Turn, set: &Object, active: &[Arc<Object>], failure: Option<String>) -> Plan {
    let counts = Counts::of(turn, set, active);
    let mut plan = write(turn, set, counts, failure);
    let min_ready = min_ready_seconds(&view(set));
    if min_ready > 0 && counts.ready != counts.available {
        let now = turn.observed.unix_micros;
        plan.requeue_after = active.iter().filter_map(|pod| pods::until_available(pod.expect(), min_ready, now)).min();
    }
    plan
}

/// The status was refused: reads the ReplicaSet anew.
pub(super) fn read_again(set: &Object) -> Plan {
    let request = Request::get(set.info(), set.namespace(), set.name());
    let read = Write::new(request).tolerating(&[Reason::NotFound]);
    Plan { then: Some(STATUS_READ), ..Plan::steps("the status was refused", vec![read.step()]) }
}

/// Writes the same counts on the ReplicaSet as it was just read (`statusUpdateRetries` is 1).
pub(super) fn write_again(turn: &Turn, set: &Object, active: &[Arc<Object>], failure: Option<String>) -> Plan {
    let live = turn.answers.iter().rev().find(|answer| answer.request.method == Method::Get);
    let Some(live) = live.and_then(|answer| answer.object()) else {
        return Plan { error: failure, ..Plan::nothing("it is gone") };
    };
    let counts = Counts::of(turn, set, active);
    let status = calculate(&view(set), counts, failure.as_deref(), turn.observed.unix_micros);
    let write = Write::new(Request::update_status(with_status(live, status)));
    Plan { error: failure, ..Plan::steps("writes the status on what was just read", vec![write.step()]) }
}
