//! A Job's completions.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Object, time};
use crate::controllers::job::indexes::{self, Intervals};
use crate::controllers::pods;

use super::super::snapshot::Phase;
use super::super::world::World;
use super::{Muster, SEATS_MAX, Seat, controlled, joined, place, seated};

pub(super) fn muster(world: &World, object: &Object, job: &Job) -> Muster {
    let own = controlled(world, Kind::Pod, object);
    let Some(spec) = job.spec.as_ref() else { return Muster::default() };
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let seats = match spec.completions.filter(|_| indexed) {
        Some(completions) => by_index(world, job, completions, &own),
        None => own.iter().map(|pod| seated(world, pod.name().to_owned(), pod, place(pod.expect::<Pod>()))).collect(),
    };
    let mut muster = Muster {
        title: if indexed { "Indexes" } else { "Pods" },
        facts: facts(world, job),
        seats,
        ..Muster::default()
    };
    if indexed {
        // Every index is counted; only so many seats were made.
        let all = usize::try_from(spec.completions.unwrap_or(0)).unwrap_or(0);
        muster.more = all.saturating_sub(muster.seats.len());
    }
    muster
}

/// What is wanted, what there is, and when it ends.
fn facts(world: &World, job: &Job) -> Vec<(&'static str, String)> {
    let (spec, status) = (job.spec.clone().unwrap_or_default(), job.status.clone().unwrap_or_default());
    let (active, done) = (status.active.unwrap_or(0), status.succeeded.unwrap_or(0));
    let wanted = spec.completions.map_or("any one".to_owned(), |wanted| wanted.to_string());
    let mut facts = vec![
        ("succeeded", format!("{done} of {wanted}")),
        ("active", format!("{active}, at most {} at a time", spec.parallelism.unwrap_or(1))),
        (
            "failed",
            match spec.backoff_limit_per_index {
                Some(limit) => format!("{} (each index {limit} times more)", status.failed.unwrap_or(0)),
                None => {
                    format!("{} (gives up after {})", status.failed.unwrap_or(0), spec.backoff_limit.unwrap_or(6))
                }
            },
        ),
    ];
    if spec.suspend == Some(true) {
        facts.push(("suspended", "yes: it has no pods until it is resumed".to_owned()));
    }
    let now = world.kernel().unix_micros();
    let ended = crate::controllers::job::conditions::finished(job.status.as_ref());
    if let (Some(deadline), Some(start), None) = (spec.active_deadline_seconds, &status.start_time, ended) {
        facts.push(("deadline", super::ahead(time::unix_micros(start) + deadline * 1_000_000, now)));
    }
    let finished = ended.and_then(|condition| condition.last_transition_time.as_ref());
    if let (Some(ttl), Some(finished)) = (spec.ttl_seconds_after_finished, finished) {
        facts.push(("deleted", super::ahead(time::unix_micros(finished) + i64::from(ttl) * 1_000_000, now)));
    }
    facts
}

fn by_index(world: &World, job: &Job, completions: i32, own: &[std::sync::Arc<Object>]) -> Vec<Seat> {
    let status = job.status.as_ref();
    let done = status.and_then(|status| status.completed_indexes.as_deref()).unwrap_or_default();
    let failed = status.and_then(|status| status.failed_indexes.as_deref()).unwrap_or_default();
    let (done, failed) = (Intervals::parse(done, completions), Intervals::parse(failed, completions));
    let seat = |index: i32| {
        let title = format!("index {index}");
        let mut pods: Vec<_> = own.iter().filter(|pod| indexes::of_pod(pod.expect()) == Some(index)).collect();
        let tries = pods.len();
        let living = pods.iter().position(|pod| pods::is_active(pod.expect()));
        // The one that runs; else the one that was made last.
        let made = |pod: &Object| pod.meta().creation_timestamp.as_ref().map(time::unix_micros);
        let at = living.or_else(|| (0..pods.len()).max_by_key(|at| made(pods[*at])));
        let tried = if tries > 1 { format!("{tries} pods") } else { String::new() };
        let mut seat = match at.map(|at| pods.swap_remove(at)) {
            Some(pod) => seated(world, title, pod, joined([pod.name().to_owned(), place(pod.expect()), tried])),
            None => Seat { title, state: "not begun".to_owned(), ..Seat::default() },
        };
        if done.has(index) {
            (seat.phase, seat.state) = (Some(Phase::Succeeded), "succeeded".to_owned());
        } else if failed.has(index) {
            (seat.phase, seat.state) = (Some(Phase::Failed), "failed for good".to_owned());
        }
        seat
    };
    (0..completions).take(SEATS_MAX).map(seat).collect()
}
