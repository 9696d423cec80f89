//! Which pods a Job makes and deletes.
//!
//! Mirrors `manageJob` of pkg/controller/job/job_controller.go.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::api::http::content_type;
use crate::api::{Kind, Object, Reason, Request, Typed};
use crate::controllers::plan::{Announce, Append, Step, Write};
use crate::controllers::pods;
use crate::sim::Order;

use super::sync::Sync;
use super::{FINALIZER, backoff, has_finalizer, indexes, order, suspended};

/// `MaxPodCreateDeletePerSync`.
const BURST: usize = 500;

/// What a sync does about the pods of a Job.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nobody asked: it is being deleted, or waits to see its last writes.
    Unasked,
    /// It ends: all active pods go.
    Finish,
    /// As many as are wanted are there.
    Nothing,
    /// These go.
    Delete(Vec<Arc<Object>>),
    /// So many are made.
    Create(usize),
    /// These indexes get pods.
    CreateIndexes(Vec<i32>),
    /// Pods are missing and must wait.
    BackOff(Duration),
}

/// `activePodsForRemoval`: at least so many, and those whose index is wrong.
fn to_remove(sync: &Sync, at_least: usize) -> Vec<Arc<Object>> {
    let (mut remove, mut left) = if sync.is_indexed() {
        indexes::without_duplicates(&sync.active_pods, sync.spec.completions.unwrap_or(0))
    } else {
        (Vec::new(), sync.active_pods.clone())
    };
    if remove.len() < at_least {
        left.order_by(|a, b| order::active_pods(a.expect(), b.expect()));
        remove.extend(left.into_iter().take(at_least - remove.len()));
    }
    remove
}

/// What is to be done about the pods of a Job that goes on.
pub(super) fn decide(sync: &mut Sync) -> Action {
    if suspended(&sync.spec) {
        return match to_remove(sync, sync.active_pods.len()) {
            gone if gone.is_empty() => Action::Nothing,
            gone => Action::Delete(gone),
        };
    }
    let wanted = sync.wanted();
    let mut remove = to_remove(sync, usize::try_from(sync.active - wanted).unwrap_or(0));
    remove.truncate(BURST);
    if !remove.is_empty() {
        return Action::Delete(remove);
    }
    let leaving = if sync.waits_for_failed() { sync.terminating } else { 0 };
    let missing = usize::try_from(wanted - leaving - sync.active).unwrap_or(0);
    if missing == 0 {
        return Action::Nothing;
    }
    let per_index = sync.spec.backoff_limit_per_index.is_some();
    if !per_index {
        let wait = sync.record.remaining(backoff::BASE, backoff::MAX, sync.now);
        if !wait.is_zero() {
            return Action::BackOff(wait);
        }
    }
    let missing = missing.min(BURST);
    if !sync.is_indexed() {
        return Action::Create(missing);
    }
    let mut taken = sync.succeeded_indexes.with(indexes::of_pods(&sync.active_pods));
    if sync.waits_for_failed() {
        let leaving = |pod: &&Arc<Object>| {
            let pod = pod.expect::<Pod>();
            pods::is_terminating(pod) && !pods::is_terminal(pod)
        };
        taken = taken.with(indexes::of_pods(sync.pods.iter().filter(leaving)));
    }
    if let Some(failed) = &sync.failed_indexes {
        taken = taken.merged(failed);
    }
    let pending = indexes::first_pending(&taken, missing, sync.spec.completions.unwrap_or(0));
    if !per_index {
        return Action::CreateIndexes(pending);
    }
    let wait = |index: &i32| {
        let last = sync.delayed.get(index).map(|pod| pod.expect::<Pod>());
        backoff::remaining_for_index(last, backoff::BASE, backoff::MAX, sync.now)
    };
    let now: Vec<i32> = pending.iter().copied().filter(|index| wait(index).is_zero()).collect();
    match pending.iter().map(wait).min() {
        Some(shortest) if now.is_empty() => Action::BackOff(shortest),
        _ => Action::CreateIndexes(now),
    }
}

/// The patch that takes the finalizer from a pod.
pub(super) fn release(pod: &Object) -> Request {
    let patch = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": [FINALIZER] } });
    let info = Kind::Pod.info();
    Request::patch(info, pod.namespace(), pod.name(), "", content_type::STRATEGIC_MERGE_PATCH, patch)
}

fn delete(job: &Object, pod: &Object) -> Write {
    Write::new(Request::delete(Kind::Pod.info(), pod.namespace(), pod.name()))
        .tolerating(&[Reason::NotFound])
        .announcing(Announce::normal(job, "SuccessfulDelete", format!("Deleted pod: {}", pod.name())))
        .complaining(Announce::warning(job, "FailedDelete", "Error deleting: ").ending(Append::Error))
}

fn batch(writes: Vec<Write>) -> Option<Step> {
    Some(Step::Batch(writes)).filter(|step| !matches!(step, Step::Batch(writes) if writes.is_empty()))
}

/// The requests of an action.
pub(super) fn steps(sync: &Sync) -> Vec<Step> {
    let job = &sync.object;
    match &sync.action {
        Action::Unasked | Action::Nothing | Action::BackOff(_) => Vec::new(),
        // The finalizers go when the end is in the status.
        Action::Finish => batch(sync.active_pods.iter().map(|pod| delete(job, pod)).collect()).into_iter().collect(),
        Action::Delete(pods) => {
            let held = pods.iter().filter(|pod| has_finalizer(pod.expect()));
            let released = held.map(|pod| Write::new(release(pod)).tolerating(&[Reason::NotFound])).collect();
            let deleted = pods.iter().map(|pod| delete(job, pod)).collect();
            [batch(released), batch(deleted)].into_iter().flatten().collect()
        }
        Action::Create(count) => {
            let pod = Arc::new(pod_of(sync, None));
            create(job, vec![pod; *count])
        }
        Action::CreateIndexes(indexes) => {
            create(job, indexes.iter().map(|index| Arc::new(pod_of(sync, Some(*index)))).collect())
        }
    }
}

/// One pod, then twice as many as long as all goes well.
fn create(job: &Object, pods: Vec<Arc<Object>>) -> Vec<Step> {
    let writes: Vec<Write> = pods
        .into_iter()
        .map(|pod| {
            Write::new(Request::create(pod))
                .announcing(Announce::normal(job, "SuccessfulCreate", "Created pod: ").ending(Append::Name))
                .complaining(Announce::warning(job, "FailedCreate", "Error creating: ").ending(Append::Error))
        })
        .collect();
    let (mut rest, mut size, mut steps) = (&writes[..], 1, Vec::new());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(size.min(rest.len()));
        steps.push(Step::Batch(now.to_vec()));
        (rest, size) = (later, size * 2);
    }
    steps
}

/// A pod of the template, with an index if the Job has them.
fn pod_of(sync: &Sync, index: Option<i32>) -> Object {
    let mut template = sync.spec.template.clone();
    let name = sync.object.name();
    if let Some(index) = index {
        let replaced = sync.delayed.get(&index).map(|pod| pod.expect::<Pod>());
        indexes::mark(&mut template, name, &sync.spec, index, replaced);
    }
    let mut pod = pods::from_template(&template, &sync.object);
    if let Some(index) = index {
        pod.metadata.generate_name = Some(indexes::generate_name(name, index));
    }
    let finalizers = pod.metadata.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|own| own == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    pod.into_object()
}
