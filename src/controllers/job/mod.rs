//! The Job controller: pods until enough of them have succeeded, or too many have failed.
//!
//! Mirrors pkg/controller/job. Leaves out: metrics.

pub mod backoff;
pub mod conditions;
pub mod failure_policy;
pub mod indexes;
pub mod manage;
pub mod order;
pub mod success_policy;
pub mod sync;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::api::fields::Field;
use crate::api::http::content_type;
use crate::api::{Body, Kind, Method, Object, ObjectKey, Reason, Request};
use crate::client::Change;
use crate::sim::persistent::{OrdMap, OrdSet};

use super::adoption::{self, CLAIMED, Claims, RECHECKED, adopted};
use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::expectations::Expectations;
use super::owners::{self, controller_of};
use super::plan::{Announce, Answer, Plan, Step, Write};
use super::pod_owners::{Orphans, owner};
use super::{pods, selector};
use backoff::Record;
use manage::Action;
use sync::{Sync, View};

/// `JobTrackingFinalizer`: a pod that has it is not counted yet.
pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// `syncJobBatchPeriod`: what pods do is looked at together.
const BATCH: Duration = Duration::from_secs(1);
/// `JobControllerName`.
const OURSELVES: &str = "kubernetes.io/job-controller";

/// The pods were dealt with: on to the status and the finalizers.
const TRACK: &str = "track";
/// They were: on to the counts.
const SETTLE: &str = "settle";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct JobController {
    expectations: Expectations,
    orphans: Orphans,
    /// The uids of pods whose finalizers were taken, as far as that was not seen yet.
    expected_gone: OrdMap<ObjectKey, OrdSet<Arc<str>>>,
    /// What is remembered of failures.
    #[doc(hidden)]
    pub records: OrdMap<ObjectKey, Record>,
    /// The syncs that wait for answers.
    syncs: OrdMap<ObjectKey, Sync>,
}

/// Whether a pod is not counted yet.
pub fn has_finalizer(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

fn suspended(spec: &JobSpec) -> bool {
    spec.suspend == Some(true)
}

/// `onlyReplaceFailedPods`.
fn only_replaces_failed(spec: &JobSpec) -> bool {
    spec.pod_replacement_policy.as_deref() == Some("Failed") || spec.pod_failure_policy.is_some()
}

/// `isPodFailed`: a pod that is being deleted counts, unless failed pods alone are replaced.
fn is_pod_failed(spec: &JobSpec, pod: &Pod) -> bool {
    let phase = pods::phase(pod);
    phase == "Failed" || (!only_replaces_failed(spec) && pods::is_terminating(pod) && phase != "Succeeded")
}

fn is_finished(job: &Object) -> bool {
    conditions::is_finished(job.expect::<Job>().status.as_ref())
}

fn work(key: ObjectKey) -> WorkKey {
    WorkKey::new(Kind::Job, key)
}

fn orphan(pod: &Object) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::Pod, pod.key()))
}

fn picks(job: &Object, pod: &Object) -> bool {
    let spec = job.expect::<Job>().spec.as_ref();
    spec.and_then(|spec| spec.selector.as_ref())
        .is_some_and(|selector| selector::matches(selector, pod.meta().labels.as_ref()))
}

/// Every Job whose selector picks an orphan, and the orphan itself if it still has the finalizer.
fn picking(pod: &Object, observed: &Observed) -> Vec<Enqueue> {
    let jobs = observed.stores.of(Kind::Job).in_namespace(pod.namespace()).filter(|job| picks(job, pod));
    let mut wishes: Vec<Enqueue> = jobs.map(|job| Enqueue::after(work(job.key()), BATCH)).collect();
    if has_finalizer(pod.expect()) {
        wishes.push(orphan(pod));
    }
    wishes
}

impl JobController {
    fn job_changed(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let key = work(change.key.clone());
        let held = |job: &Object| -> Vec<Enqueue> {
            let pods = observed.stores.of(Kind::Pod).owned_by(job.uid());
            pods.filter(|pod| has_finalizer(pod.expect())).map(|pod| orphan(&pod)).collect()
        };
        match (&change.old, &change.new) {
            (Some(old), Some(new)) if old.meta().generation == new.meta().generation => {
                let mut wishes = vec![Enqueue::after(key, BATCH)];
                if is_finished(new) {
                    wishes.extend(held(new));
                }
                wishes
            }
            (Some(old), None) => {
                let mut wishes = vec![Enqueue::now(key)];
                wishes.extend(held(old));
                wishes
            }
            _ => vec![Enqueue::now(key)],
        }
    }

    /// A pod went, or is on its way out.
    fn pod_deleted(&mut self, pod: &Object, last: bool, observed: &Observed) -> Vec<Enqueue> {
        let held = has_finalizer(pod.expect());
        let job = owner(Kind::Job, pod, observed).filter(|job| !is_finished(job));
        let Some(job) = job else {
            let is_ours = controller_of(pod.meta()).is_none_or(|reference| reference.kind == "Job");
            return if held && is_ours { vec![orphan(pod)] } else { Vec::new() };
        };
        self.expectations.deletion_observed(&job.key(), &pod.key());
        if last || !held {
            self.finalizer_gone(&job.key(), pod.uid());
        }
        vec![Enqueue::after(work(job.key()), BATCH)]
    }

    fn finalizer_gone(&mut self, job: &ObjectKey, uid: &str) {
        if let Some(uids) = self.expected_gone.get_mut(job) {
            uids.remove(uid);
        }
    }

    fn pod_changed(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        self.orphans.note(change);
        let Some(pod) = &change.new else {
            return change.old.as_ref().map_or_else(Vec::new, |pod| self.pod_deleted(pod, true, observed));
        };
        if pod.meta().deletion_timestamp.is_some() {
            return self.pod_deleted(pod, false, observed);
        }
        let mut wishes = Vec::new();
        let held = has_finalizer(pod.expect());
        if let Some(old) = &change.old
            && controller_of(old.meta()) != controller_of(pod.meta())
            && let Some(job) = owner(Kind::Job, old, observed)
        {
            if !held {
                self.finalizer_gone(&job.key(), pod.uid());
            }
            wishes.push(Enqueue::after(work(job.key()), BATCH));
        }
        if controller_of(pod.meta()).is_none() {
            wishes.extend(picking(pod, observed));
        } else if let Some(job) = owner(Kind::Job, pod, observed) {
            if change.old.is_none() {
                self.expectations.creation_observed(&job.key());
            } else if !held {
                self.finalizer_gone(&job.key(), pod.uid());
            }
            wishes.push(Enqueue::after(work(job.key()), BATCH));
        }
        wishes
    }

    /// The steps that adopt the pods which the selector picks and release those it does not.
    fn claims(&self, turn: &Turn, job: &Object) -> Claims {
        let mut claims = Claims::default();
        if job.meta().deletion_timestamp.is_some() {
            return claims;
        }
        let store = turn.observed.stores.of(Kind::Pod);
        let orphans = self.orphans.of(job.namespace(), store).filter(|pod| picks(job, pod));
        let adopt = |pod: &Arc<Object>| {
            let reference = owners::controller_ref(job);
            json!({ "ownerReferences": [reference.write()], "finalizers": [FINALIZER], "uid": pod.uid() })
        };
        let release = |pod: &Arc<Object>| {
            let owner = json!({ "$patch": "delete", "uid": job.uid() });
            json!({ "ownerReferences": [owner], "$deleteFromPrimitiveList/finalizers": [FINALIZER], "uid": pod.uid() })
        };
        let patch = |pod: &Arc<Object>, meta: serde_json::Value| {
            let (info, kind) = (Kind::Pod.info(), content_type::STRATEGIC_MERGE_PATCH);
            Request::patch(info, pod.namespace(), pod.name(), "", kind, json!({ "metadata": meta }))
        };
        orphans.for_each(|pod| claims.adopt_by(patch(&pod, adopt(&pod))));
        let strangers = store.owned_by(job.uid()).filter(|pod| !picks(job, pod));
        strangers.for_each(|pod| claims.release_by(patch(&pod, release(&pod))));
        claims
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.expectations.forget(key);
        self.expected_gone.remove(key);
        self.records.remove(key);
        self.syncs.remove(key);
    }

    /// The first look: what its pods come to, and what to do about them.
    fn begin(&mut self, turn: &Turn, job: &Object) -> Plan {
        let key = &turn.key.key;
        let pods = turn.observed.stores.of(Kind::Pod).owned_by(job.uid()).chain(adopted(turn, job, Kind::Pod).cloned());
        let view = View {
            job,
            pods: pods.filter(|pod| picks(job, pod)).collect(),
            satisfied: self.expectations.satisfied(key, turn.observed.now),
            expected_gone: self.expected_gone.get(key).cloned().unwrap_or_default(),
            record: self.records.get(key).copied().unwrap_or_default(),
            now: turn.observed.unix_micros,
        };
        let sync = Sync::begin(&view);
        let steps = manage::steps(&sync);
        if !matches!(sync.action, Action::Finish) {
            self.expectations.expect(key, &steps, turn.observed.now);
        }
        let mut looks: Vec<Enqueue> =
            sync.look_again.iter().map(|after| Enqueue::after(work(key.clone()), *after)).collect();
        if let Action::BackOff(wait) = sync.action {
            looks.push(Enqueue::after(work(key.clone()), wait.max(BATCH)));
        }
        let wants = sync.spec.completions.map_or_else(|| "any".to_owned(), |completions| completions.to_string());
        let summary = format!("wants {wants} successes, sees {} and {} active pods", sync.succeeded, sync.active);
        self.syncs.insert(key.clone(), sync);
        let mut plan =
            if steps.is_empty() { self.track(turn) } else { Plan { then: Some(TRACK), ..Plan::steps("", steps) } };
        plan.summary = summary;
        plan.enqueue.extend(looks);
        plan
    }

    /// The status with what is not counted yet, and then the finalizers.
    fn track(&mut self, turn: &Turn) -> Plan {
        let key = turn.key.key.clone();
        let Some(mut sync) = self.syncs.get(&key).cloned() else { return Plan::nothing("it is gone") };
        let (created, deleted, ready) = outcome(turn);
        let (flush, leaving) = sync.track(created, deleted, ready);
        let mut steps = Vec::new();
        if let Some(reason) = sync.turned {
            let message = if reason == "Suspended" { "Job suspended" } else { "Job resumed" };
            steps.push(Step::Event(Announce::normal(&sync.object, reason, message)));
        }
        if flush {
            steps.push(Write::new(Request::update_status(sync.written())).step());
        }
        let gone = self.expected_gone.entry(key.clone()).or_default();
        leaving.iter().for_each(|pod| {
            gone.insert(Arc::from(pod.uid()));
        });
        let writes: Vec<Write> =
            leaving.iter().map(|pod| Write::new(manage::release(pod)).tolerating(&[Reason::NotFound])).collect();
        if !writes.is_empty() {
            steps.push(Step::Batch(writes));
        }
        self.syncs.insert(key, sync);
        if steps.is_empty() {
            return self.settle(turn);
        }
        Plan { then: Some(SETTLE), ..Plan::steps("the status, and the finalizers of pods that ended", steps) }
    }

    /// The status with the pods counted that lost their finalizers, and the end.
    fn settle(&mut self, turn: &Turn) -> Plan {
        let key = &turn.key.key;
        let Some(mut sync) = self.syncs.remove(key) else { return Plan::nothing("it is gone") };
        let flushed = turn.answers.iter().find(|answer| answer.request.method == Method::Put);
        if let Some(failure) = flushed.and_then(|answer| answer.failure()) {
            let error = format!("tracking status: adding uncounted pods to status: {}", failure.message);
            return Plan { error: Some(error), ..Plan::nothing("the status was refused") };
        }
        if flushed.is_some() {
            self.records.insert(key.clone(), sync.record);
        }
        let freed: Vec<String> = patched(turn).filter(|(_, gone)| *gone).map(|(pod, _)| pod.uid().to_owned()).collect();
        let (flush, ended) = sync.settle(freed);
        let mut steps = Vec::new();
        if flush {
            steps.push(Write::new(Request::update_status(sync.written())).fresh().step());
        }
        if let Some(ended) = ended {
            steps.extend(end_events(&sync, &ended.type_, ended.reason.as_deref(), ended.message.as_deref()));
        }
        Plan { error: failure(turn), ..Plan::steps("counts the pods that ended", steps) }
    }

    /// A pod whose Job is gone or has ended loses the finalizer (`syncOrphanPod`).
    fn free(turn: &Turn) -> Plan {
        let Some(pod) = &turn.object() else { return Plan::nothing("it is gone") };
        let reference = controller_of(pod.meta());
        let is_ours = reference.is_none_or(|reference| reference.kind == "Job");
        let lives = owner(Kind::Job, pod, &turn.observed).is_some_and(|job| !is_finished(&job) || is_foreign(&job));
        if !is_ours || lives || !has_finalizer(pod.expect()) {
            return Plan::nothing("its Job takes care of it");
        }
        let write = Write::new(manage::release(pod)).tolerating(&[Reason::NotFound]);
        Plan::steps("its Job is gone or has ended", vec![write.step()])
    }
}

/// Whether another controller looks after the Job.
fn is_foreign(job: &Object) -> bool {
    let managed_by = job.expect::<Job>().spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
    managed_by.is_some_and(|name| name != OURSELVES)
}

fn end_events(sync: &Sync, type_: &str, reason: Option<&str>, message: Option<&str>) -> Vec<Step> {
    let job = &sync.object;
    if type_ != "Complete" {
        // Reasons of events are few and known.
        let reasons = [
            "BackoffLimitExceeded",
            "DeadlineExceeded",
            "FailedIndexes",
            "MaxFailedIndexesExceeded",
            "PodFailurePolicy",
        ];
        let known = reasons.into_iter().find(|known| Some(*known) == reason).unwrap_or("Failed");
        return vec![Step::Event(Announce::warning(job, known, message.unwrap_or_default()))];
    }
    let mut events = Vec::new();
    if sync.spec.completions.is_some_and(|completions| sync.status.succeeded.unwrap_or(0) > completions) {
        let message = "Too many succeeded pods running after completion count reached";
        events.push(Step::Event(Announce::warning(job, "TooManySucceededPods", message)));
    }
    events.push(Step::Event(Announce::normal(job, "Completed", "Job completed")));
    events
}

fn is_pod(request: &Request) -> bool {
    request.path.contains("/pods")
}

/// Whether a patch adopts or releases a pod.
fn is_claim(request: &Request) -> bool {
    matches!(&request.body, Body::Json(patch) if patch.pointer("/metadata/ownerReferences").is_some())
}

/// The pods whose finalizers were to go, and whether they have.
fn patched(turn: &Turn) -> impl Iterator<Item = (Arc<Object>, bool)> {
    let patches =
        turn.answers.iter().filter(|answer| answer.request.method == Method::Patch && is_pod(&answer.request));
    patches.filter(|answer| !is_claim(&answer.request)).filter_map(|answer| {
        let gone = answer.failure().is_none() || answer.failed_with(Reason::NotFound);
        Some((pod_at(turn, &answer.request)?, gone))
    })
}

/// The pod a request names, as it was seen.
fn pod_at(turn: &Turn, request: &Request) -> Option<Arc<Object>> {
    let name = request.path.rsplit('/').next()?;
    turn.observed.stores.of(Kind::Pod).get(&ObjectKey::new(&turn.key.key.namespace, name))
}

/// How many pods were made and deleted, and how many of the deleted were ready.
fn outcome(turn: &Turn) -> (i32, i32, i32) {
    let (mut created, mut deleted, mut ready) = (0, 0, 0);
    for answer in turn.answers.iter().filter(|answer| is_pod(&answer.request)) {
        let worked = answer.failure().is_none();
        match answer.request.method {
            Method::Post => created += i32::from(worked),
            Method::Delete if worked || answer.failed_with(Reason::NotFound) => {
                deleted += 1;
                ready += i32::from(pod_at(turn, &answer.request).is_some_and(|pod| pods::is_ready(pod.expect())));
            }
            _ => {}
        }
    }
    (created, deleted, ready)
}

/// The first failure to make, delete or release a pod. A namespace that is going away is none.
fn failure(turn: &Turn) -> Option<String> {
    turn.failure(|answer| {
        let gone = answer.request.method != Method::Post && answer.failed_with(Reason::NotFound);
        // Claims have failed before, where they counted.
        is_pod(&answer.request) && !is_claim(&answer.request) && !gone
    })
}

impl Controller for JobController {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Job, Kind::Pod]
    }

    fn workers(&self) -> usize {
        // --concurrent-job-syncs
        5
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::Job => self.job_changed(change, observed),
            _ => self.pod_changed(change, observed),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        if turn.key.kind == Kind::Pod {
            return JobController::free(turn);
        }
        let key = &turn.key.key;
        let Some(job) = &turn.object() else {
            self.forget(key);
            return Plan::nothing("it is gone");
        };
        match turn.phase {
            "" | RECHECKED | CLAIMED => {}
            TRACK => return self.track(turn),
            SETTLE => return self.settle(turn),
            phase => panic!("a Job has no phase {phase}"),
        }
        let Some(spec) = &job.expect::<Job>().spec else { return Plan::nothing("it has no spec") };
        if is_foreign(job) {
            return Plan::nothing("another controller looks after it");
        }
        if is_finished(job) {
            self.records.remove(key);
            return Plan::nothing("it has ended");
        }
        if !matches!(spec.completion_mode.as_deref(), None | Some("Indexed" | "NonIndexed")) {
            let message = "Skipped Job sync because completion mode is unknown";
            let event = Announce::warning(job, "UnknownCompletionMode", message);
            return Plan::steps("its completion mode is unknown", vec![Step::Event(event)]);
        }
        adoption::plan(turn, job, || self.claims(turn, job)).unwrap_or_else(|| self.begin(turn, job))
    }

    fn on_answer(&mut self, key: &WorkKey, write: &Write, answer: Option<&Answer>) {
        self.expectations.answered(&key.key, write, answer);
        let request = &write.request;
        let failed = answer.is_none_or(|answer| answer.failure().is_some());
        if failed && request.method == Method::Patch && matches!(request.body, Body::Json(_)) {
            // It will not be seen to go.
            let name = request.path.rsplit('/').next().unwrap_or_default();
            let uid = self.syncs.get(&key.key).and_then(|sync| sync.uid_of(name));
            if let Some(uid) = uid {
                self.finalizer_gone(&key.key, &uid);
            }
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
