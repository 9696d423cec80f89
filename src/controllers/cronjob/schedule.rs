//! When a CronJob runs: the time that is due, and when to look again.
//!
//! Mirrors pkg/controller/cronjob/utils.go. Times are microseconds since the Unix epoch.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::api::cron::Schedule;
use crate::api::time;
use crate::api::timezone::TimeZone;
use crate::sim::Order;

/// `nextScheduleDelta`: clocks differ a little.
const DELTA: i64 = 100_000;
/// So many missed runs are told of.
const MISSED_MANY: i64 = 100;
const SECOND: i64 = 1_000_000;

/// How many runs were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    None,
    Few,
    Many,
}

/// What a schedule says at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Since when runs count.
    pub earliest: i64,
    /// The last time that has come.
    pub time: Option<i64>,
    pub missed: Missed,
}

/// The schedule of a CronJob, in its time zone.
///
/// # Errors
/// The parser's sentence.
pub fn parse(own: &CronJob) -> Result<Schedule, String> {
    let zone = own.spec.time_zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::find);
    Schedule::parse(&own.spec.schedule, zone.unwrap_or(TimeZone::UTC))
}

/// `mostRecentScheduleTime`.
///
/// # Errors
/// For a schedule that never comes.
pub fn most_recent(own: &CronJob, now: i64, schedule: &Schedule, with_deadline: bool) -> Result<Recent, String> {
    let last = own.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let last = last.or(own.metadata.creation_timestamp.as_ref());
    let mut earliest = last.map_or(0, time::unix_micros);
    if let Some(deadline) = own.spec.starting_deadline_seconds.filter(|_| with_deadline) {
        earliest = earliest.max(now - deadline * SECOND);
    }
    let first = schedule.next(earliest);
    let second = schedule.next(first);
    if now < first {
        return Ok(Recent { earliest, time: None, missed: Missed::None });
    }
    if now < second {
        return Ok(Recent { earliest, time: Some(first), missed: Missed::None });
    }
    let between = (second - first) / SECOND;
    if between < 1 {
        return Err("time difference between two schedules is less than 1 second".to_owned());
    }
    // As many as fit between, which is right for regular schedules; one more back, and the schedule itself from there.
    let count = (now - first) / SECOND / between + 1;
    let mut next = schedule.next(first + (count - 2) * between * SECOND);
    let mut time = None;
    while next <= now {
        time = Some(next);
        next = schedule.next(next);
    }
    let missed = match count {
        ..=0 => Missed::None,
        1..=MISSED_MANY => Missed::Few,
        _ => Missed::Many,
    };
    Ok(Recent { earliest, time, missed })
}

/// `nextScheduleTimeDuration`: how long until the next run. Zero if it has come.
pub fn until_next(own: &CronJob, now: i64, schedule: &Schedule) -> Duration {
    let from = match most_recent(own, now, schedule, false) {
        Ok(Recent { time: Some(time), .. }) => time,
        Ok(Recent { earliest, missed: Missed::None, .. }) => earliest,
        _ => now,
    };
    Duration::from_micros(u64::try_from(schedule.next(from) + DELTA - now).unwrap_or(0))
}

/// `byJobStartTime`: the oldest first, those that have not begun last.
pub fn by_start(jobs: &mut [&Job]) {
    jobs.order_by_key(|job| {
        let started = job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(time::unix_micros);
        (started.is_none(), started, job.metadata.name.clone())
    });
}

/// The name of the Job of a run: minutes since the epoch.
pub fn job_name(name: &str, scheduled: i64) -> String {
    format!("{name}-{}", scheduled.div_euclid(60 * SECOND))
}
