//! What a StatefulSet does to its pods: in order, or all at once.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go, with the gate MaxUnavailableStatefulSet on.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Kind, Object, Reason, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::percent;
use crate::controllers::plan::{Announce, Append, Step, Write};
use crate::controllers::pods;
use crate::sim::Order;

use super::{claims, identity};

/// A revision: its name, and the template it stands for.
#[derive(Clone, Debug)]
pub struct Revision {
    pub name: String,
    pub template: PodTemplateSpec,
}

/// What is looked at in one sync.
pub struct View<'a> {
    pub set: &'a Object,
    pub current: &'a Revision,
    pub update: &'a Revision,
    /// Every pod of the set, by name.
    pub pods: &'a [Arc<Object>],
    pub stores: &'a Stores,
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
}

/// What a sync decided.
#[derive(Debug, Default)]
pub struct Decision {
    pub steps: Vec<Step>,
    /// Pods of the current revision that it deletes for the update.
    pub outdated_deleted: i32,
    /// What it waits for, for the inspector.
    pub waits: Option<String>,
    /// It cannot go on whatever becomes of the steps.
    pub error: Option<String>,
}

/// `getStatefulSetMaxUnavailable`: rounded down, never below one.
pub fn max_unavailable(limit: Option<&IntOrString>, replicas: i32) -> Result<i32, String> {
    let one = IntOrString::Int(1);
    Ok(percent::scaled(limit.unwrap_or(&one), replicas, false)?.max(1))
}

fn is_pending(pod: &Pod) -> bool {
    pods::phase(pod) == "Pending"
}

/// `isCreated`: the API server keeps it.
pub fn is_created(pod: &Pod) -> bool {
    !pods::phase(pod).is_empty()
}

/// `isRunningAndReady`.
pub fn is_running_and_ready(pod: &Pod) -> bool {
    pods::phase(pod) == "Running" && pods::is_ready(pod)
}

/// `isRunningAndAvailable`.
pub fn is_running_and_available(pod: &Pod, min_ready_seconds: i32, unix_micros: i64) -> bool {
    is_running_and_ready(pod) && pods::is_available(pod, min_ready_seconds, unix_micros)
}

/// Deletes a pod, with the events of `DeleteStatefulPod`.
fn delete(set: &Object, pod: &Object) -> Write {
    let (name, set_name) = (pod.name(), set.name());
    let done = format!("delete Pod {name} in StatefulSet {set_name} successful");
    let failed = format!("delete Pod {name} in StatefulSet {set_name} failed error: ");
    Write::new(Request::delete(Kind::Pod.info(), pod.namespace(), name))
        .announcing(Announce::normal(set, "SuccessfulDelete", done))
        .complaining(Announce::warning(set, "FailedDelete", failed).ending(Append::Error))
}

/// Creates a pod, with the events of `CreateStatefulPod`.
fn create(set: &Object, pod: &Arc<Object>) -> Write {
    let (name, set_name) = (pod.name(), set.name());
    let done = format!("create Pod {name} in StatefulSet {set_name} successful");
    let failed = format!("create Pod {name} in StatefulSet {set_name} failed error: ");
    Write::new(Request::create(pod.clone()))
        .announcing(Announce::normal(set, "SuccessfulCreate", done))
        .complaining(Announce::warning(set, "FailedCreate", failed).ending(Append::Error))
}

/// Writes a pod with its identity, with the events of `UpdateStatefulPod`.
fn correct(set: &Object, pod: Pod) -> Write {
    let pod = Arc::new(pod.into_object());
    let (name, set_name) = (pod.name().to_owned(), set.name());
    let done = format!("update Pod {name} in StatefulSet {set_name} successful");
    let failed = format!("update Pod {name} in StatefulSet {set_name} failed error: ");
    Write::new(Request::update(pod))
        .announcing(Announce::normal(set, "SuccessfulUpdate", done))
        .complaining(Announce::warning(set, "FailedUpdate", failed).ending(Append::Error))
}

/// What one pod calls for, and whether an ordered set stops there.
#[derive(Default)]
struct Work {
    claims: Vec<Write>,
    pod: Option<Write>,
    stop: bool,
    waits: Option<String>,
    error: Option<String>,
}

impl Work {
    fn waiting(text: String) -> Self {
        Work { stop: true, waits: Some(text), ..Work::default() }
    }
}

impl View<'_> {
    fn typed(&self) -> &StatefulSet {
        self.set.expect()
    }

    fn spec(&self) -> Option<&StatefulSetSpec> {
        self.typed().spec.as_ref()
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    fn rolling(&self) -> Option<&RollingUpdateStatefulSetStrategy> {
        self.spec()?.update_strategy.as_ref()?.rolling_update.as_ref()
    }

    fn is_available(&self, pod: &Pod) -> bool {
        is_running_and_available(pod, self.min_ready_seconds(), self.unix_micros)
    }

    /// `isUnavailable`.
    fn is_unavailable(&self, pod: &Pod) -> bool {
        !self.is_available(pod) || pods::is_terminating(pod)
    }

    /// `newVersionedStatefulSetPod`: below the partition pods stay with the current revision.
    fn versioned_pod(&self, ordinal: i32) -> Arc<Object> {
        let strategy = self.spec().and_then(|spec| spec.update_strategy.as_ref());
        let first = identity::start(self.typed());
        let kept = match self.rolling() {
            Some(rolling) => ordinal < first + rolling.partition.unwrap_or(0),
            None => {
                let current = self.typed().status.as_ref().and_then(|status| status.current_replicas).unwrap_or(0);
                let is_rolling = strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("RollingUpdate"));
                is_rolling && ordinal < first + current
            }
        };
        let revision = if kept { self.current } else { self.update };
        Arc::new(identity::new_pod(self.set, &revision.template, &revision.name, ordinal).into_object())
    }

    /// The pod of every ordinal that is wanted, and those beyond, highest ordinal first.
    fn partition(&self) -> (Vec<Arc<Object>>, Vec<Arc<Object>>) {
        let (first, count) = (identity::start(self.typed()), identity::replicas(self.typed()));
        let find = |ordinal: i32| self.pods.iter().find(|pod| identity::ordinal(pod) == Some(ordinal));
        let ordinals = first..first + count.max(0);
        let replicas = ordinals.map(|ordinal| find(ordinal).cloned().unwrap_or_else(|| self.versioned_pod(ordinal)));
        let beyond =
            |pod: &&Arc<Object>| identity::ordinal(pod).is_some_and(|own| !identity::in_range(self.typed(), own));
        let mut condemned: Vec<Arc<Object>> = self.pods.iter().filter(beyond).cloned().collect();
        condemned.order_by_key(|pod| -identity::ordinal(pod).unwrap_or(0));
        (replicas.collect(), condemned)
    }

    /// `processReplica`.
    fn replica(&self, object: &Arc<Object>, ordered: bool) -> Work {
        let pod = object.expect::<Pod>();
        let name = object.name();
        if pods::is_terminal(pod) {
            // A new one comes once this one is gone.
            let mut work = Work::waiting(format!("{name} to go: it has ended"));
            if !pods::is_terminating(pod) {
                work.pod = Some(delete(self.set, object));
            }
            return work;
        }
        let mut work = Work::default();
        if !is_created(pod) {
            if claims::are_stale(self.set, object, self.stores) {
                return Work::waiting(format!("the claims of the last {name} to go"));
            }
            match claims::create(self.set, name, self.stores) {
                Ok(writes) => work.claims = writes,
                Err(error) => return Work { stop: true, error: Some(error), ..Work::default() },
            }
            work.pod = Some(create(self.set, object));
            work.stop = ordered;
            return work;
        }
        if is_pending(pod) && !pods::is_terminating(pod) {
            match claims::create(self.set, name, self.stores) {
                Ok(writes) => work.claims = writes,
                Err(error) => return Work { stop: true, error: Some(error), ..Work::default() },
            }
        }
        if ordered {
            let waits = if pods::is_terminating(pod) {
                Some("terminate")
            } else if !is_running_and_ready(pod) {
                Some("be Running and Ready")
            } else if !self.is_available(pod) {
                Some("be Available")
            } else {
                None
            };
            if let Some(what) = waits {
                return Work { claims: work.claims, ..Work::waiting(format!("{name} to {what}")) };
            }
        }
        work.claims.extend(claims::retain(self.set, object, self.stores));
        work.pod = identity::corrected(self.set, object).map(|fixed| correct(self.set, fixed));
        work
    }

    /// `processCondemned`.
    fn condemned(&self, object: &Arc<Object>, first_unavailable: Option<&str>, ordered: bool) -> Work {
        let pod = object.expect::<Pod>();
        let name = object.name();
        if pods::is_terminating(pod) {
            let text = format!("{name} to terminate");
            return if ordered { Work::waiting(text) } else { Work::default() };
        }
        if ordered && first_unavailable != Some(name) {
            let first = first_unavailable.unwrap_or(name);
            if !is_running_and_ready(pod) {
                return Work::waiting(format!("{first} to be Running and Ready before it scales down"));
            }
            if !self.is_available(pod) {
                return Work::waiting(format!("{first} to be Available before it scales down"));
            }
        }
        Work { pod: Some(delete(self.set, object)), stop: true, ..Work::default() }
    }

    /// `updateStatefulSet`.
    pub fn decide(&self) -> Decision {
        let mut decision = Decision::default();
        if self.set.meta().deletion_timestamp.is_some() {
            return decision;
        }
        let ordered = self.spec().and_then(|spec| spec.pod_management_policy.as_deref()) != Some("Parallel");
        let (replicas, condemned) = self.partition();
        let lowest_condemned_first = condemned.iter().rev();
        let first_unavailable =
            replicas.iter().chain(lowest_condemned_first).find(|pod| self.is_unavailable(pod.expect()));
        let first_unavailable = first_unavailable.map(|pod| pod.name());
        if decision.run(&replicas, ordered, |pod| self.replica(pod, ordered)) {
            return decision;
        }
        let fixed = |pod: &Arc<Object>| Work { claims: claims::retain(self.set, pod, self.stores), ..Work::default() };
        if decision.run(&condemned, ordered, fixed) {
            return decision;
        }
        if decision.run(&condemned, ordered, |pod| self.condemned(pod, first_unavailable, ordered)) {
            return decision;
        }
        let strategy = self.spec().and_then(|spec| spec.update_strategy.as_ref());
        if strategy.is_none_or(|strategy| strategy.type_.as_deref() != Some("OnDelete")) {
            self.roll(&replicas, &mut decision);
        }
        decision
    }

    /// Deletes outdated pods from the highest ordinal down.
    fn roll(&self, replicas: &[Arc<Object>], decision: &mut Decision) {
        let partition = self.rolling().and_then(|rolling| rolling.partition).unwrap_or(0).max(0);
        let partition = usize::try_from(partition).unwrap_or(0).min(replicas.len());
        match self.rolling().and_then(|rolling| rolling.max_unavailable.as_ref()) {
            None => self.roll_one(&replicas[partition..], decision),
            Some(limit) => self.roll_many(limit, replicas, partition, decision),
        }
    }

    fn is_outdated(&self, pod: &Pod) -> bool {
        identity::revision(pod) != self.update.name && !pods::is_terminating(pod) && is_created(pod)
    }

    fn update_pod(&self, pod: &Arc<Object>, decision: &mut Decision) {
        decision.steps.push(delete(self.set, pod).tolerating(&[Reason::NotFound]).step());
        decision.outdated_deleted += 1;
    }

    /// One at a time, once all of higher ordinals are available; what lies below does not matter.
    fn roll_one(&self, replicas: &[Arc<Object>], decision: &mut Decision) {
        for object in replicas.iter().rev() {
            let pod = object.expect::<Pod>();
            if self.is_outdated(pod) {
                return self.update_pod(object, decision);
            }
            if self.is_unavailable(pod) {
                decision.waits = Some(format!("{} to be Available before the update goes on", object.name()));
                return;
            }
        }
    }

    /// `updateStatefulSetAfterInvariantEstablished`: as many as may be unavailable. No set comes here unless it has
    /// the field from when its gate was on.
    fn roll_many(&self, limit: &IntOrString, replicas: &[Arc<Object>], partition: usize, decision: &mut Decision) {
        let limit = match max_unavailable(Some(limit), identity::replicas(self.typed())) {
            Ok(limit) => limit,
            Err(error) => {
                decision.error = Some(error);
                return;
            }
        };
        let unavailable: Vec<&Arc<Object>> = replicas.iter().filter(|pod| self.is_unavailable(pod.expect())).collect();
        let mut left = limit - i32::try_from(unavailable.len()).unwrap_or(i32::MAX);
        for object in replicas[partition..].iter().rev().filter(|object| self.is_outdated(object.expect())) {
            if left <= 0 {
                let first = unavailable.first().map_or("a pod", |pod| pod.name());
                decision.waits = Some(format!("{first} to be Available before the update goes on"));
                break;
            }
            self.update_pod(object, decision);
            left -= 1;
        }
    }
}

impl Decision {
    fn take(&mut self, work: Work) {
        self.waits = self.waits.take().or(work.waits);
        self.error = self.error.take().or(work.error);
    }

    /// `runForAll`: one after another until one stops an ordered set; otherwise in batches that double. True when
    /// the sync ends here.
    fn run(&mut self, pods: &[Arc<Object>], ordered: bool, work: impl Fn(&Arc<Object>) -> Work) -> bool {
        let mut size = 1;
        let mut rest = pods;
        while !rest.is_empty() && self.error.is_none() {
            let (batch, after) = rest.split_at(if ordered { 1 } else { size.min(rest.len()) });
            (rest, size) = (after, size * 2);
            let (mut claims, mut writes, mut stop) = (Vec::new(), Vec::new(), false);
            for pod in batch {
                let mut work = work(pod);
                claims.append(&mut work.claims);
                writes.extend(work.pod.take());
                stop |= work.stop;
                self.take(work);
            }
            for batch in [claims, writes] {
                if !batch.is_empty() {
                    self.steps.push(Step::Batch(batch));
                }
            }
            if stop && ordered {
                return true;
            }
        }
        self.error.is_some()
    }
}
