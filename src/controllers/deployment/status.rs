//! The status of a Deployment: counts, conditions, progress.
//!
//! Mirrors pkg/controller/deployment/progress.go and `calculateStatus` of sync.go.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet};

use crate::api::time;

use super::{Sync, actual, available, desired, limits, replicas};

pub const AVAILABLE: &str = "Available";
pub const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// Whether progress is to be watched at all.
pub trait HasDeadline {
    /// `spec.progressDeadlineSeconds`, unless it stands for never.
    fn deadline(&self) -> Option<i32>;
    /// Whether there is one.
    fn has_deadline(&self) -> bool {
        self.deadline().is_some()
    }
}

impl HasDeadline for Deployment {
    fn deadline(&self) -> Option<i32> {
        self.spec.as_ref()?.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)
    }
}

/// The condition of a type.
pub fn condition<'a>(deployment: &'a Deployment, type_: &str) -> Option<&'a DeploymentCondition> {
    find(deployment.status.as_ref()?, type_)
}

fn find<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

fn remove(status: &mut DeploymentStatus, type_: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_ != type_);
    }
    status.conditions = status.conditions.take().filter(|conditions| !conditions.is_empty());
}

/// `SetDeploymentCondition`: the same status and reason again change nothing, and the time of
/// transition stays while the status does.
fn set(status: &mut DeploymentStatus, mut new: DeploymentCondition) {
    if let Some(current) = find(status, &new.type_) {
        if current.status == new.status && current.reason == new.reason {
            return;
        }
        if current.status == new.status {
            new.last_transition_time = current.last_transition_time.clone();
        }
    }
    remove(status, &new.type_.clone());
    status.conditions.get_or_insert_default().push(new);
}

fn count(number: i32) -> Option<i32> {
    Some(number).filter(|number| *number != 0)
}

/// The status with absent counts for zeros, so that two can be compared.
fn normal(status: &DeploymentStatus) -> DeploymentStatus {
    let zero = |count: Option<i32>| count.filter(|number| *number != 0);
    DeploymentStatus {
        replicas: zero(status.replicas),
        updated_replicas: zero(status.updated_replicas),
        ready_replicas: zero(status.ready_replicas),
        available_replicas: zero(status.available_replicas),
        unavailable_replicas: zero(status.unavailable_replicas),
        terminating_replicas: zero(status.terminating_replicas),
        observed_generation: status.observed_generation.filter(|generation| *generation != 0),
        conditions: status.conditions.clone().filter(|conditions| !conditions.is_empty()),
        collision_count: status.collision_count,
    }
}

/// `DeploymentComplete`.
pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = desired(deployment);
    status.updated_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
        && status.available_replicas.unwrap_or(0) == wanted
        && status.observed_generation.unwrap_or(0) >= deployment.metadata.generation.unwrap_or(0)
}

/// `DeploymentProgressing`: more new pods, fewer old ones, more ready or available ones.
pub fn is_progressing(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    let number = |count: Option<i32>| count.unwrap_or(0);
    let outdated = |status: &DeploymentStatus| number(status.replicas) - number(status.updated_replicas);
    number(new.updated_replicas) > number(old.updated_replicas)
        || outdated(new) < outdated(old)
        || number(new.ready_replicas) > number(old.ready_replicas)
        || number(new.available_replicas) > number(old.available_replicas)
}

/// `DeploymentTimedOut`: no progress for as long as the deadline.
pub fn is_timed_out(deployment: &Deployment, status: &DeploymentStatus, unix_micros: i64) -> bool {
    let (Some(seconds), Some(condition)) = (deployment.deadline(), find(status, PROGRESSING)) else { return false };
    match condition.reason.as_deref() {
        Some(NEW_REPLICA_SET_AVAILABLE) => false,
        Some(TIMED_OUT) => true,
        _ => {
            let from = condition.last_update_time.as_ref().map_or(0, time::unix_micros);
            from + i64::from(seconds) * 1_000_000 < unix_micros
        }
    }
}

impl Sync {
    fn condition(&self, type_: &str, status: &str, reason: &str, message: String) -> DeploymentCondition {
        let now = time::time(self.unix_micros);
        DeploymentCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_update_time: Some(now.clone()),
            last_transition_time: Some(now),
        }
    }

    /// Sets the condition Progressing of the Deployment as this sync has it.
    pub fn set_progressing(&mut self, status: &str, reason: &str, message: String) {
        let condition = self.condition(PROGRESSING, status, reason, message);
        set(self.deployment.status.get_or_insert_default(), condition);
    }

    /// Whether the rollout was complete when the status was last written.
    pub fn is_complete_now(&self) -> bool {
        self.deployment.status.as_ref().is_some_and(|status| is_complete(&self.deployment, status))
    }

    /// `checkPausedConditions`: the deadline does not run while the Deployment is paused.
    pub fn check_paused(&mut self) {
        if !self.deployment.has_deadline() {
            return;
        }
        let reason = condition(&self.deployment, PROGRESSING).and_then(|condition| condition.reason.clone());
        if reason.as_deref() == Some(TIMED_OUT) {
            return;
        }
        let was_paused = reason.as_deref() == Some(PAUSED);
        let paused = self.deployment.spec.as_ref().and_then(|spec| spec.paused).unwrap_or(false);
        match (paused, was_paused) {
            (true, false) => self.set_progressing("Unknown", PAUSED, "Deployment is paused".to_owned()),
            (false, true) => {
                self.set_progressing("Unknown", "DeploymentResumed", "Deployment is resumed".to_owned());
            }
            _ => return,
        }
        self.put_status();
    }

    /// `calculateStatus`.
    pub fn calculate_status(&self) -> DeploymentStatus {
        let sum = |number: fn(&ReplicaSet) -> i32| self.all().map(number).sum::<i32>();
        let now_available = sum(available);
        let old = self.deployment.status.clone().unwrap_or_default();
        let mut status = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: count(sum(actual)),
            updated_replicas: count(self.new.map_or(0, |new| actual(self.set(new)))),
            ready_replicas: count(sum(|set| set.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0))),
            available_replicas: count(now_available),
            unavailable_replicas: count((sum(replicas) - now_available).max(0)),
            terminating_replicas: self.terminating(),
            collision_count: old.collision_count,
            conditions: old.conditions,
        };
        let enough = desired(&self.deployment) - limits::max_unavailable(&self.deployment);
        let condition = if now_available >= enough {
            let message = "Deployment has minimum availability.".to_owned();
            self.condition(AVAILABLE, "True", "MinimumReplicasAvailable", message)
        } else {
            let message = "Deployment does not have minimum availability.".to_owned();
            self.condition(AVAILABLE, "False", "MinimumReplicasUnavailable", message)
        };
        set(&mut status, condition);
        status
    }

    /// The sum over all ReplicaSets; unknown while one of them has not said.
    fn terminating(&self) -> Option<i32> {
        self.all().map(|set| set.status.as_ref().and_then(|status| status.terminating_replicas)).sum()
    }

    /// Writes the status if it differs. True when it does.
    fn write_status(&mut self, status: DeploymentStatus) -> bool {
        let old = self.deployment.status.clone().unwrap_or_default();
        if normal(&old) == normal(&status) {
            return false;
        }
        self.deployment.status = Some(status);
        self.put_status();
        true
    }

    /// `syncDeploymentStatus`: the counts alone.
    pub fn sync_status(&mut self) {
        let status = self.calculate_status();
        self.write_status(status);
    }

    /// `syncRolloutStatus`: the counts, and how the rollout is getting on.
    pub fn sync_rollout_status(&mut self) {
        let mut status = self.calculate_status();
        if !self.deployment.has_deadline() {
            remove(&mut status, PROGRESSING);
        }
        let current = condition(&self.deployment, PROGRESSING).cloned();
        let done = status.replicas == status.updated_replicas
            && current.as_ref().is_some_and(|c| c.reason.as_deref() == Some(NEW_REPLICA_SET_AVAILABLE));
        if self.deployment.has_deadline() && !done {
            self.note_progress(&mut status, current.as_ref());
        }
        match self.replica_failure() {
            Some(failure) => set(&mut status, failure),
            None => remove(&mut status, REPLICA_FAILURE),
        }
        if !self.write_status(status) {
            self.requeue_after = self.until_progress_check();
        }
    }

    fn note_progress(&self, status: &mut DeploymentStatus, current: Option<&DeploymentCondition>) {
        let subject = match self.new {
            Some(new) => format!("ReplicaSet \"{}\"", self.sets[new].name()),
            None => format!("Deployment \"{}\"", self.deployment.metadata.name.as_deref().unwrap_or_default()),
        };
        let old = self.deployment.status.clone().unwrap_or_default();
        if is_complete(&self.deployment, status) {
            let message = format!("{subject} has successfully progressed.");
            set(status, self.condition(PROGRESSING, "True", NEW_REPLICA_SET_AVAILABLE, message));
        } else if is_progressing(&old, status) {
            let message = format!("{subject} is progressing.");
            let mut condition = self.condition(PROGRESSING, "True", "ReplicaSetUpdated", message);
            // The same reason again is news here: the time of update moves the deadline.
            if let Some(current) = current {
                if current.status == "True" {
                    condition.last_transition_time = current.last_transition_time.clone();
                }
                remove(status, PROGRESSING);
            }
            set(status, condition);
        } else if is_timed_out(&self.deployment, status, self.unix_micros) {
            let message = format!("{subject} has timed out progressing.");
            set(status, self.condition(PROGRESSING, "False", TIMED_OUT, message));
        }
    }

    /// What keeps a ReplicaSet from its pods, the new one's trouble first.
    fn replica_failure(&self) -> Option<DeploymentCondition> {
        let failure = |set: &ReplicaSet| {
            let conditions = set.status.as_ref()?.conditions.as_ref()?;
            conditions.iter().find(|condition| condition.type_ == REPLICA_FAILURE).cloned()
        };
        let found = self.new.and_then(|new| failure(self.set(new))).or_else(|| self.all().find_map(failure))?;
        Some(DeploymentCondition {
            type_: found.type_,
            status: found.status,
            reason: found.reason,
            message: found.message,
            last_transition_time: found.last_transition_time.clone(),
            last_update_time: found.last_transition_time,
        })
    }

    /// When to look whether the deadline has passed (`requeueStuckDeployment`).
    fn until_progress_check(&self) -> Option<Duration> {
        let seconds = self.deployment.deadline()?;
        let current = condition(&self.deployment, PROGRESSING)?;
        if self.is_complete_now() || current.reason.as_deref() == Some(TIMED_OUT) {
            return None;
        }
        let updated = current.last_update_time.as_ref().map_or(0, time::unix_micros);
        let left = updated + i64::from(seconds) * 1_000_000 - self.unix_micros;
        // A second more, so that the deadline has surely passed then.
        Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)) + Duration::from_secs(1))
    }
}
