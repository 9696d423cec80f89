//! One sync of a Job, from what is seen to what is written: `syncJob` and `trackJobStatusAndRemoveFinalizers`.
//!
//! It goes in three parts, between which the answers come: pods to make or delete, the status with the pods that
//! ended but are not counted yet and the finalizers that go, the status with them counted.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Object, Typed, time};
use crate::controllers::pods;
use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet};

use super::backoff::Record;
use super::indexes::{self, Intervals};
use super::manage::{self, Action};
use super::{
    conditions, failure_policy, has_finalizer, is_pod_failed, only_replaces_failed, success_policy, suspended,
};

/// `MaxUncountedPods`.
const UNCOUNTED_MAX: usize = 500;

/// What a sync sees.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub job: &'a Object,
    /// The pods of the Job, by name.
    pub pods: Vec<Arc<Object>>,
    /// Whether all pods it made and deleted were seen.
    pub satisfied: bool,
    /// The uids of pods whose finalizer is gone, though this was not seen yet.
    pub expected_gone: OrdSet<Arc<str>>,
    pub record: Record,
    /// Microseconds since the Unix epoch.
    pub now: i64,
}

/// A sync under way (`syncJobCtx`).
#[derive(Clone, Debug)]
pub struct Sync {
    pub(super) object: Arc<Object>,
    pub(super) spec: JobSpec,
    pub(super) status: JobStatus,
    pub(super) pods: Vec<Arc<Object>>,
    pub(super) active_pods: Vec<Arc<Object>>,
    pub(super) active: i32,
    pub(super) ready: i32,
    pub(super) terminating: i32,
    pub(super) succeeded: i32,
    failed: i32,
    uncounted_succeeded: OrdSet<String>,
    uncounted_failed: OrdSet<String>,
    expected_gone: OrdSet<Arc<str>>,
    pub(super) record: Record,
    finished: Option<JobCondition>,
    before: Intervals,
    pub(super) succeeded_indexes: Intervals,
    pub(super) failed_indexes: Option<Intervals>,
    pub(super) delayed: OrdMap<i32, Arc<Object>>,
    satisfied: bool,
    pub(super) now: i64,
    /// What is to be done about its pods.
    pub action: Action,
    /// When to look again.
    pub(super) look_again: Vec<Duration>,
    /// `Suspended` or `Resumed`, if it just was.
    pub(super) turned: Option<&'static str>,
    uids: OrdSet<String>,
    reached_max: bool,
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn uids(list: Option<&Vec<String>>) -> OrdSet<String> {
    list.into_iter().flatten().cloned().collect()
}

impl Sync {
    /// What the pods of a Job come to, and what is to be done about them.
    pub fn begin(view: &View<'_>) -> Sync {
        let job = view.job.expect::<Job>();
        let spec = job.spec.clone().unwrap_or_default();
        let mut status = job.status.clone().unwrap_or_default();
        let uncounted = status.uncounted_terminated_pods.get_or_insert_default();
        let (uncounted_succeeded, uncounted_failed) =
            (uids(uncounted.succeeded.as_ref()), uids(uncounted.failed.as_ref()));
        let active_pods: Vec<Arc<Object>> =
            view.pods.iter().filter(|pod| pods::is_active(pod.expect())).cloned().collect();
        let leaving = view.pods.iter().map(|pod| pod.expect::<Pod>());
        let leaving = leaving.filter(|pod| pods::is_terminating(pod) && !pods::is_terminal(pod)).count();
        let mut sync = Sync {
            object: Arc::new(view.job.clone()),
            active: count(active_pods.len()),
            ready: count(active_pods.iter().filter(|pod| pods::is_ready(pod.expect())).count()),
            terminating: count(leaving),
            succeeded: status.succeeded.unwrap_or(0) + count(uncounted_succeeded.len()),
            failed: status.failed.unwrap_or(0) + count(uncounted_failed.len()),
            pods: view.pods.clone(),
            active_pods,
            uncounted_succeeded,
            uncounted_failed,
            expected_gone: view.expected_gone.clone(),
            record: view.record,
            finished: None,
            before: Intervals::default(),
            succeeded_indexes: Intervals::default(),
            failed_indexes: None,
            delayed: OrdMap::new(),
            satisfied: view.satisfied,
            now: view.now,
            action: Action::Unasked,
            look_again: Vec::new(),
            turned: None,
            uids: OrdSet::new(),
            reached_max: false,
            spec,
            status,
        };
        sync.count_ended(job);
        sync
    }

    fn completions(&self) -> i32 {
        self.spec.completions.unwrap_or(0)
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    /// `getNewFinishedPods` of one kind: pods with the finalizer that no list has yet.
    fn new_pods(&self, known: &OrdSet<String>, ended: impl Fn(&Pod) -> bool) -> Vec<Arc<Object>> {
        let is_new = |object: &&Arc<Object>| {
            let pod = object.expect::<Pod>();
            has_finalizer(pod)
                && !known.contains(object.uid())
                && !self.expected_gone.contains(object.uid())
                && (!self.is_indexed() || indexes::valid(pod, self.completions()).is_some())
                && ended(pod)
        };
        self.pods.iter().filter(is_new).cloned().collect()
    }

    fn count_ended(&mut self, job: &Job) {
        let succeeded = self.new_pods(&self.uncounted_succeeded, |pod| pods::phase(pod) == "Succeeded");
        let failed = self.new_pods(&self.uncounted_failed, |pod| is_pod_failed(&self.spec, pod));
        let policy = self.spec.pod_failure_policy.as_ref();
        let counted = failed.iter().filter(|pod| failure_policy::matched(policy, pod.expect()).counts).count();
        self.succeeded += count(succeeded.len());
        self.failed += count(counted);
        if self.status.start_time.is_none() && !suspended(&self.spec) {
            self.status.start_time = Some(time::time(self.now));
        }
        self.record = self.record.with(&succeeded, &failed);
        self.finished = self.ending();
        if self.is_indexed() {
            self.count_indexes(job);
        }
        self.action = if self.finished.is_some() {
            Action::Finish
        } else if self.satisfied && self.object.meta().deletion_timestamp.is_none() {
            manage::decide(self)
        } else {
            Action::Unasked
        };
    }

    fn failure(&self, reason: &str, message: &str) -> Option<JobCondition> {
        Some(conditions::new("FailureTarget", reason, message, self.now))
    }

    /// The condition the Job ends with, if it is to end for another reason than its indexes.
    fn ending(&mut self) -> Option<JobCondition> {
        if let Some(met) = conditions::is_true(&self.status, "SuccessCriteriaMet") {
            return Some(met.clone());
        }
        if let Some(target) = conditions::is_true(&self.status, "FailureTarget") {
            let (reason, message) = (target.reason.as_deref(), target.message.as_deref());
            return Some(conditions::new("Failed", reason.unwrap_or_default(), message.unwrap_or_default(), self.now));
        }
        let policy = self.spec.pod_failure_policy.as_ref();
        let failed = self.pods.iter().map(|pod| pod.expect::<Pod>()).filter(|pod| is_pod_failed(&self.spec, pod));
        let message = failed.into_iter().find_map(|pod| failure_policy::matched(policy, pod).message);
        if let Some(message) = message.filter(|_| policy.is_some()) {
            return self.failure("PodFailurePolicy", &message);
        }
        if self.failed > self.spec.backoff_limit.unwrap_or(6) || self.is_past_limit_of_restarts() {
            return self.failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
        }
        let deadline = self.spec.active_deadline_seconds.filter(|_| !suspended(&self.spec))?;
        let started = time::unix_micros(self.status.start_time.as_ref()?);
        match u64::try_from(started + deadline * 1_000_000 - self.now) {
            Ok(left) if left > 0 => {
                self.look_again.push(Duration::from_micros(left));
                None
            }
            _ => self.failure("DeadlineExceeded", "Job was active longer than specified deadline"),
        }
    }

    /// `pastBackoffLimitOnFailure`: where containers restart in place, their restarts are the failures.
    fn is_past_limit_of_restarts(&self) -> bool {
        let policy = self.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        if policy != Some("OnFailure") {
            return false;
        }
        let alive = self.pods.iter().map(|pod| pod.expect::<Pod>());
        let alive = alive.filter(|pod| matches!(pods::phase(pod), "Running" | "Pending"));
        let statuses = alive.filter_map(|pod| pod.status.as_ref()).flat_map(|status| {
            status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
        });
        let restarts: i32 = statuses.map(|status| status.restart_count).sum();
        match self.spec.backoff_limit.unwrap_or(6) {
            0 => restarts > 0,
            limit => restarts >= limit,
        }
    }

    fn count_indexes(&mut self, job: &Job) {
        let completions = self.completions();
        (self.before, self.succeeded_indexes) = indexes::succeeded(job, completions, &self.pods);
        self.succeeded = self.succeeded_indexes.total();
        if self.spec.backoff_limit_per_index.is_some() {
            let failed = indexes::failed(job, completions, &self.pods);
            let total = failed.total();
            if self.finished.is_none() {
                if self.spec.max_failed_indexes.is_some_and(|max| total > max) {
                    let message = "Job has exceeded the specified maximal number of failed indexes";
                    self.finished = self.failure("MaxFailedIndexesExceeded", message);
                } else if total > 0 && total + self.succeeded >= completions {
                    self.finished = self.failure("FailedIndexes", "Job has failed indexes");
                }
            }
            let taken = self.succeeded_indexes.merged(&failed);
            self.delayed =
                indexes::delayed(&self.spec, completions, &self.active_pods, &self.pods, &taken, &self.expected_gone);
            self.failed_indexes = Some(failed);
        }
        if self.finished.is_none() {
            let met = success_policy::matched(self.spec.success_policy.as_ref(), completions, &self.succeeded_indexes);
            self.finished =
                met.map(|message| conditions::new("SuccessCriteriaMet", "SuccessPolicy", &message, self.now));
        }
    }

    /// How many pods are to run at once, none that waits for one to go included.
    pub(super) fn wanted(&self) -> i32 {
        let parallelism = self.spec.parallelism.unwrap_or(1);
        match self.spec.completions {
            None if self.succeeded > 0 => self.active,
            None => parallelism,
            Some(completions) => (completions - self.succeeded).min(parallelism).max(0),
        }
    }

    /// The pods were dealt with: `deleted` of them gone, `created` there, `deleted_ready` of the ones gone ready.
    /// True when the status must be written before finalizers go; then which pods lose theirs.
    pub fn track(&mut self, created: i32, deleted: i32, deleted_ready: i32) -> (bool, Vec<Arc<Object>>) {
        match &self.action {
            // Pods may remain that nobody has seen yet.
            Action::Finish if deleted != self.active || !self.satisfied => self.finished = None,
            // Upstream forgets how many are active while it waits.
            Action::BackOff(_) => self.active = 0,
            _ => {}
        }
        self.active += created - deleted;
        self.terminating += deleted;
        self.ready -= deleted_ready;
        let mut flush = false;
        if !matches!(self.action, Action::Finish) {
            flush |= self.turn();
        }
        flush |= self.active != self.status.active.unwrap_or(0)
            || self.status.ready != Some(self.ready)
            || self.status.terminating != Some(self.terminating);
        self.status.active = Some(self.active).filter(|active| *active != 0);
        self.status.ready = Some(self.ready);
        self.status.terminating = Some(self.terminating);
        let (counted, pods) = self.uncount();
        (flush | counted | self.announce_end(), pods)
    }

    /// Whether it is complete; otherwise whether it was suspended or resumed.
    fn turn(&mut self) -> bool {
        let enough = self.spec.completions.unwrap_or(1);
        if self.succeeded >= enough && self.active == 0 {
            let message = "Reached expected number of succeeded pods";
            self.finished = Some(conditions::new("SuccessCriteriaMet", "CompletionsReached", message, self.now));
            return false;
        }
        if matches!(self.action, Action::Unasked) {
            return false;
        }
        let (status, reason, message) = if suspended(&self.spec) {
            ("True", "JobSuspended", "Job suspended")
        } else {
            ("False", "JobResumed", "Job resumed")
        };
        if !conditions::ensure(&mut self.status, "Suspended", status, reason, message, self.now) {
            return false;
        }
        // What is suspended has not started: it may be changed, and its deadline begins anew.
        self.status.start_time = (status == "False").then(|| time::time(self.now));
        self.turned = Some(if status == "True" { "Suspended" } else { "Resumed" });
        true
    }

    /// Whether a pod may lose the finalizer now (`canRemoveFinalizer`).
    fn may_go(&self, object: &Object, is_failed: bool) -> bool {
        let pod = object.expect::<Pod>();
        if self.object.meta().deletion_timestamp.is_some() || self.finished.is_some() || pods::phase(pod) == "Succeeded"
        {
            return true;
        }
        let is_kept = indexes::of_pod(pod).and_then(|index| self.delayed.get(&index));
        is_failed && is_kept.is_none_or(|kept| kept.uid() != object.uid())
    }

    /// Puts the pods that ended on the lists of those that are not counted yet. Whether anything changed, and the
    /// pods whose finalizers go.
    fn uncount(&mut self) -> (bool, Vec<Arc<Object>>) {
        let indexed = self.is_indexed();
        if indexed {
            self.pods.order_by_key(|pod| indexes::of_pod(pod.expect()).unwrap_or(-1));
        }
        let held = |pod: &&Arc<Object>| has_finalizer(pod.expect()) && !self.expected_gone.contains(pod.uid());
        self.uids = self.pods.iter().filter(held).map(|pod| pod.uid().to_owned()).collect();
        let mut changed = self.count_freed();
        let mut leaving = Vec::new();
        let mut new_indexes: Vec<i32> = Vec::new();
        let policy = self.spec.pod_failure_policy.clone();
        let fails_rest = self.finished.as_ref().is_some_and(|condition| condition.type_ != "SuccessCriteriaMet");
        let mut uncounted = self.status.uncounted_terminated_pods.take().unwrap_or_default();
        for object in &self.pods {
            if !self.uids.contains(object.uid()) {
                continue;
            }
            let pod = object.expect::<Pod>();
            let is_failed = is_pod_failed(&self.spec, pod);
            if !self.may_go(object, is_failed) {
                continue;
            }
            leaving.push(object.clone());
            let uid = object.uid().to_owned();
            let known_failed = self.uncounted_failed.contains(&uid);
            let valid = indexes::valid(pod, self.completions());
            if pods::phase(pod) == "Succeeded" && !known_failed {
                if let Some(index) = valid.filter(|_| indexed) {
                    if !self.before.has(index) {
                        new_indexes.push(index);
                        changed = true;
                    }
                } else if !indexed && !self.uncounted_succeeded.contains(&uid) {
                    uncounted.succeeded.get_or_insert_default().push(uid);
                    changed = true;
                }
            } else if (is_failed || fails_rest)
                && !known_failed
                && (!indexed || valid.is_some())
                && failure_policy::matched(policy.as_ref(), pod).counts
            {
                uncounted.failed.get_or_insert_default().push(uid);
                changed = true;
            }
            let listed = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
            if new_indexes.len() + listed(&uncounted.succeeded) + listed(&uncounted.failed) >= UNCOUNTED_MAX {
                self.reached_max = true;
                break;
            }
        }
        self.status.uncounted_terminated_pods = Some(uncounted);
        if indexed {
            changed |= self.write_indexes(new_indexes);
        }
        (changed, leaving)
    }

    fn write_indexes(&mut self, new_indexes: Vec<i32>) -> bool {
        self.succeeded_indexes = self.succeeded_indexes.with(new_indexes);
        let completed = self.succeeded_indexes.to_string();
        let failed = self.failed_indexes.as_ref().map(ToString::to_string);
        let changed = completed != self.status.completed_indexes.as_deref().unwrap_or_default()
            || failed != self.status.failed_indexes;
        self.status.succeeded = Some(self.succeeded_indexes.total()).filter(|total| *total != 0);
        self.status.completed_indexes = Some(completed).filter(|text| !text.is_empty());
        self.status.failed_indexes = failed;
        changed
    }

    /// The interim condition goes into the status; the final one is kept for the end.
    fn announce_end(&mut self) -> bool {
        let Some(finished) = self.finished.take() else { return false };
        let (reason, message) =
            (finished.reason.clone().unwrap_or_default(), finished.message.clone().unwrap_or_default());
        let last = match finished.type_.as_str() {
            "FailureTarget" => "Failed",
            "SuccessCriteriaMet" => "Complete",
            _ => {
                self.finished = Some(finished);
                return false;
            }
        };
        let is_new = conditions::is_true(&self.status, &finished.type_).is_none();
        if is_new {
            self.status.conditions.get_or_insert_default().push(finished);
        }
        self.finished = Some(conditions::new(last, &reason, &message, self.now));
        is_new
    }

    /// `cleanUncountedPodsWithoutFinalizers`: what has lost its finalizer is counted.
    fn count_freed(&mut self) -> bool {
        let held = &self.uids;
        let uncounted = self.status.uncounted_terminated_pods.get_or_insert_default();
        let mut changed = false;
        for (list, total) in
            [(&mut uncounted.succeeded, &mut self.status.succeeded), (&mut uncounted.failed, &mut self.status.failed)]
        {
            let Some(uids) = list else { continue };
            let before = uids.len();
            uids.retain(|uid| held.contains(uid));
            if uids.len() != before {
                changed = true;
                *total = Some(total.unwrap_or(0) + count(before - uids.len()));
            }
            if uids.is_empty() {
                *list = None;
            }
        }
        changed
    }

    /// The finalizers of these pods are gone: counts them. Whether the status is to be written again, and the
    /// condition the Job has ended with.
    pub fn settle(&mut self, freed: impl IntoIterator<Item = String>) -> (bool, Option<JobCondition>) {
        for uid in freed {
            self.uids.remove(&uid);
        }
        let changed = self.count_freed();
        let ended = if self.reached_max { None } else { self.end() };
        (changed || ended.is_some(), ended)
    }

    /// `enactJobFinished`: no pod is left that is uncounted or on its way out.
    fn end(&mut self) -> Option<JobCondition> {
        let finished = self.finished.clone()?;
        let uncounted = self.status.uncounted_terminated_pods.as_ref();
        let waits = uncounted.is_some_and(|pods| pods.succeeded.is_some() || pods.failed.is_some());
        if waits || self.terminating > 0 {
            return None;
        }
        let (reason, message) = (finished.reason.as_deref(), finished.message.as_deref());
        let (reason, message) = (reason.unwrap_or_default(), message.unwrap_or_default());
        conditions::ensure(&mut self.status, &finished.type_, "True", reason, message, self.now);
        if finished.type_ == "Complete" {
            self.status.completion_time.clone_from(&finished.last_transition_time);
        }
        Some(finished)
    }

    /// The Job with the status as it is now.
    pub fn written(&self) -> Object {
        let mut job = self.object.expect::<Job>().clone();
        job.status = Some(self.status.clone());
        job.into_object()
    }

    /// The uid of one of its pods.
    pub(super) fn uid_of(&self, name: &str) -> Option<String> {
        self.pods.iter().find(|pod| pod.name() == name).map(|pod| pod.uid().to_owned())
    }

    /// Whether only pods that have failed are replaced.
    pub(super) fn waits_for_failed(&self) -> bool {
        only_replaces_failed(&self.spec)
    }
}
