//! How long a Job waits after a pod that failed.
//!
//! Mirrors pkg/controller/job/backoff_utils.go. Times are microseconds since the Unix epoch.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::api::{Object, time};
use crate::controllers::pods;

use super::indexes::absolute_failures;

/// `DefaultJobPodFailureBackOff`.
pub const BASE: Duration = Duration::from_secs(10);
/// `MaxJobPodFailureBackOff`.
pub const MAX: Duration = Duration::from_secs(600);

/// What a Job remembers of its failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub failures_after_last_success: i32,
    pub last_failure: Option<i64>,
}

fn times(pods: &[Arc<Object>]) -> Vec<i64> {
    pods.iter().map(|pod| finished_at(pod.expect())).collect()
}

impl Record {
    /// With pods that ended since: failures before the last success do not count.
    pub fn with(self, succeeded: &[Arc<Object>], failed: &[Arc<Object>]) -> Record {
        let failures = times(failed);
        let Some(last_success) = times(succeeded).into_iter().max() else {
            let count = i32::try_from(failures.len()).unwrap_or(i32::MAX);
            return match failures.into_iter().max() {
                None => self,
                last_failure => {
                    Record { failures_after_last_success: self.failures_after_last_success + count, last_failure }
                }
            };
        };
        let later: Vec<i64> = failures.into_iter().filter(|failure| *failure > last_success).collect();
        Record {
            failures_after_last_success: i32::try_from(later.len()).unwrap_or(i32::MAX),
            last_failure: later.into_iter().max(),
        }
    }

    /// How much is left of the back-off.
    pub fn remaining(self, base: Duration, max: Duration, now: i64) -> Duration {
        remaining(self.failures_after_last_success, self.last_failure, base, max, now)
    }
}

/// `getRemainingTimeForFailuresCount`: twice the wait with every failure.
fn remaining(failures: i32, last_failure: Option<i64>, base: Duration, max: Duration, now: i64) -> Duration {
    let Some(last_failure) = last_failure.filter(|_| failures > 0) else { return Duration::ZERO };
    let mut wait = base;
    for _ in 1..failures {
        wait *= 2;
        if wait >= max {
            wait = max;
            break;
        }
    }
    let ends = last_failure + i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / 2);
    Duration::from_micros(u64::try_from(ends - now).unwrap_or(0))
}

/// `getRemainingTimePerIndex`: after the last pod of an index that failed.
pub fn remaining_for_index(last_failed: Option<&Pod>, base: Duration, max: Duration, now: i64) -> Duration {
    last_failed
        .map_or(Duration::ZERO, |pod| remaining(absolute_failures(pod) + 1, Some(finished_at(pod)), base, max, now))
}

fn ended(status: &ContainerStatus) -> Option<i64> {
    status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(time::unix_micros)
}

/// When the last container ended, sidecars included; none while one runs.
fn containers_ended(pod: &Pod) -> Option<i64> {
    let status = pod.status.as_ref()?;
    let is_sidecar = |name: &str| {
        let containers = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
        containers.into_iter().any(|own| own.name == name && own.restart_policy.as_deref() == Some("Always"))
    };
    let sidecars = status.init_container_statuses.iter().flatten().filter(|own| is_sidecar(&own.name));
    let times: Option<Vec<i64>> = status.container_statuses.iter().flatten().chain(sidecars).map(ended).collect();
    times?.into_iter().max()
}

/// `getFinishedTime`: when its containers ended, or it was not ready any more, or was deleted, or was made.
pub fn finished_at(pod: &Pod) -> i64 {
    let unready = || {
        let ready = pods::condition(pod, "Ready").filter(|ready| ready.status == "False")?;
        ready.last_transition_time.as_ref().map(time::unix_micros)
    };
    let deleted = || {
        let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        pod.metadata.deletion_timestamp.as_ref().map(|at| time::unix_micros(at) - grace * 1_000_000)
    };
    let created = || pod.metadata.creation_timestamp.as_ref().map(time::unix_micros);
    containers_ended(pod).or_else(unready).or_else(deleted).or_else(created).unwrap_or(0)
}
