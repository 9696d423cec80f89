//! A CronJob's runs: those that are there, and the next.

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::api::{Kind, Object, time};
use crate::controllers::cronjob::schedule;
use crate::controllers::job::conditions::finished;

use super::super::snapshot::Phase;
use super::super::world::World;
use super::{Muster, Seat, controlled};

/// When it runs next; `None` while it is suspended, and for a schedule that never comes.
pub fn next_run(own: &CronJob, now: i64) -> Option<i64> {
    if own.spec.suspend == Some(true) {
        return None;
    }
    // What never comes is Go's zero time.
    schedule::parse(own).ok().map(|schedule| schedule.next(now)).filter(|next| *next > now)
}

pub(super) fn muster(world: &World, object: &Object, own: &CronJob) -> Muster {
    let now = world.kernel().unix_micros();
    let zone = own.spec.time_zone.as_deref().unwrap_or("UTC");
    let mut facts = vec![("schedule", format!("{} ({zone})", own.spec.schedule))];
    facts.push((
        "next run",
        match next_run(own, now) {
            Some(next) => super::ahead(next, now),
            None if own.spec.suspend == Some(true) => "none while it is suspended".to_owned(),
            None => "none: no such time comes".to_owned(),
        },
    ));
    let last = own.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    facts.push(("last run", last.map_or("none yet".to_owned(), |last| super::ahead(time::unix_micros(last), now))));
    let policy = match own.spec.concurrency_policy.as_deref() {
        Some("Forbid") => "the next is skipped (Forbid)",
        Some("Replace") => "the next replaces it (Replace)",
        _ => "the next runs beside it (Allow)",
    };
    facts.push(("while one runs", policy.to_owned()));
    let kept = |limit: Option<i32>, default| limit.unwrap_or(default);
    let (good, bad) = (kept(own.spec.successful_jobs_history_limit, 3), kept(own.spec.failed_jobs_history_limit, 1));
    facts.push(("kept", format!("{good} that succeeded, {bad} that failed")));
    let mut jobs = controlled(world, Kind::Job, object);
    // Names end in minutes since the epoch: the newest first.
    jobs.reverse();
    let seats = jobs.iter().map(|job| seat(job)).collect();
    Muster { title: "Jobs", facts, seats, ..Muster::default() }
}

fn seat(job: &Object) -> Seat {
    let typed = job.expect::<Job>();
    let status = typed.status.as_ref();
    let (phase, state) = match finished(status) {
        Some(condition) if condition.type_ == "Complete" => (Phase::Succeeded, "succeeded"),
        Some(_) => (Phase::Failed, "failed"),
        None if typed.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true)) => (Phase::Pending, "suspended"),
        None => (Phase::Running, "active"),
    };
    let count = |count: Option<i32>| count.unwrap_or(0);
    let note = status.map_or(String::new(), |status| {
        format!(
            "{} active, {} succeeded, {} failed",
            count(status.active),
            count(status.succeeded),
            count(status.failed)
        )
    });
    let taken = Some((Kind::Job, job.key()));
    Seat { title: job.name().to_owned(), taken, phase: Some(phase), state: state.to_owned(), note }
}
