//! The CronJob controller: a Job whenever the schedule says so.
//!
//! Mirrors pkg/controller/cronjob (the second version). Leaves out: metrics, and the event about a schedule that a
//! change made unreadable (the next sync tells).

pub mod schedule;
pub mod sync;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus};
use k8s_openapi::api::core::v1::ObjectReference;

use crate::api::{Kind, Method, Object, ObjectKey, Reason, Request, Typed};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::job::conditions::is_finished;
use super::owners::{controller_of, is_controlled_by};
use super::plan::{Announce, Answer, Append, Plan, Step, Write};
use sync::{Decision, View};

/// Jobs that no cache knows, or itself, were read live.
const LOOKED: &str = "looked";
/// Jobs were made and deleted: on to the status.
const STATUS: &str = "status";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct CronJobController;

fn work(key: ObjectKey) -> WorkKey {
    WorkKey::new(Kind::CronJob, key)
}

/// The CronJob that controls a Job, if it still is that one.
fn owner(job: &Object, observed: &Observed) -> Option<WorkKey> {
    let reference = controller_of(job.meta()).filter(|reference| reference.kind == "CronJob")?;
    let key = ObjectKey::new(job.namespace(), &reference.name);
    let found = observed.stores.of(Kind::CronJob).get(&key).filter(|own| own.uid() == reference.uid);
    found.map(|own| work(own.key()))
}

fn cron_job_changed(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let key = work(change.key.clone());
    if let (Some(old), Some(new)) = (&change.old, &change.new) {
        let (old, new) = (old.expect::<CronJob>(), new.expect::<CronJob>());
        if old.spec.schedule != new.spec.schedule || old.spec.time_zone != new.spec.time_zone {
            // Not before its time: a run that the old schedule missed is not made up for.
            let parsed = schedule::parse(new).ok();
            let wait = parsed.map(|parsed| schedule::until_next(new, observed.unix_micros, &parsed));
            return wait.map(|wait| Enqueue::after(key, wait)).into_iter().collect();
        }
    }
    vec![Enqueue::now(key)]
}

/// The Jobs that name the CronJob as their controller.
fn jobs_of(turn: &Turn, own: &Object) -> Vec<Arc<Object>> {
    let jobs = turn.observed.stores.of(Kind::Job).in_namespace(own.namespace());
    let named = |job: &Arc<Object>| controller_of(job.meta()).is_some_and(|owner| owner.name == own.name());
    jobs.filter(named).collect()
}

fn active(own: &Object) -> &[ObjectReference] {
    own.expect::<CronJob>().status.as_ref().and_then(|status| status.active.as_deref()).unwrap_or_default()
}

fn knows(own: &Object, job: &Object) -> bool {
    active(own).iter().any(|reference| reference.uid.as_deref() == Some(job.uid()))
}

/// What must be read live before anything is decided: itself, where a Job is there that it does not know of, and the
/// active Jobs that are in no cache.
fn to_read(own: &Object, jobs: &[Arc<Object>]) -> Vec<Write> {
    let ended = |job: &Object| is_finished(job.expect::<k8s_openapi::api::batch::v1::Job>().status.as_ref());
    let unknown = jobs.iter().any(|job| !ended(job) && !knows(own, job));
    let itself = unknown.then(|| Write::new(Request::get(own.info(), own.namespace(), own.name())));
    let lost =
        active(own).iter().filter(|reference| !jobs.iter().any(|job| Some(job.uid()) == reference.uid.as_deref()));
    let lost = lost.map(|reference| {
        let name = reference.name.as_deref().unwrap_or_default();
        Write::new(Request::get(Kind::Job.info(), own.namespace(), name)).tolerating(&[Reason::NotFound])
    });
    itself.into_iter().chain(lost).collect()
}

fn reads(turn: &Turn) -> impl Iterator<Item = &Answer> {
    turn.answers.iter().filter(|answer| answer.request.method == Method::Get)
}

/// The CronJob as it was read, if it was and knows a Job more; else as it was seen.
fn freshest<'a>(turn: &'a Turn, own: &'a Arc<Object>, jobs: &[Arc<Object>]) -> &'a Arc<Object> {
    let live = reads(turn).filter_map(|answer| answer.object()).find(|object| object.kind() == Kind::CronJob);
    live.filter(|live| jobs.iter().any(|job| !knows(own, job) && knows(live, job))).unwrap_or(own)
}

/// What is to be done, by what was seen and read.
fn decide(turn: &Turn, own: &Arc<Object>) -> (Arc<Object>, Decision) {
    let jobs = jobs_of(turn, own);
    let own = freshest(turn, own, &jobs);
    let is_lost = |reference: &&ObjectReference| {
        let path = Kind::Job.info().path(own.namespace(), reference.name.as_deref().unwrap_or_default());
        reads(turn).any(|answer| *answer.request.path == *path && answer.failed_with(Reason::NotFound))
    };
    let missing: Vec<ObjectReference> = active(own).iter().filter(is_lost).cloned().collect();
    let view = View { object: own, jobs, missing: &missing, now: turn.observed.unix_micros };
    (own.clone(), view.decide())
}

fn delete(own: &Object, name: &str) -> Write {
    Write::new(Request::delete(Kind::Job.info(), own.namespace(), name).with("propagationPolicy", "Background"))
        .announcing(Announce::normal(own, "SuccessfulDelete", format!("Deleted job {name}")))
        .complaining(Announce::warning(own, "FailedDelete", "Deleted job: ").ending(Append::Error))
}

fn manage(turn: &Turn, own: &Arc<Object>) -> Plan {
    let (own, decision) = decide(turn, own);
    let mut steps: Vec<Step> = decision.events.iter().cloned().map(Step::Event).collect();
    let told = steps.len();
    steps.extend(decision.outdated.iter().map(|job| delete(&own, job.name()).step()));
    let names = decision.replaced.iter().filter_map(|reference| reference.name.as_deref());
    steps.extend(names.map(|name| delete(&own, name).step()));
    let mut summary = "no run is due".to_owned();
    if let Some((job, _)) = &decision.create {
        summary = format!("{} is due", job.metadata.name.as_deref().unwrap_or_default());
        let write = Write::new(Request::create(Arc::new(job.clone().into_object())))
            .tolerating(&[Reason::AlreadyExists])
            .announcing(Announce::normal(&own, "SuccessfulCreate", "Created job ").ending(Append::Name))
            .complaining(Announce::warning(&own, "FailedCreate", "Error creating job: ").ending(Append::Error));
        steps.push(write.step());
    }
    if steps.len() > told {
        return Plan { then: Some(STATUS), ..Plan::steps(summary, steps) };
    }
    let mut plan = write(turn, &own, decision);
    steps.append(&mut plan.steps);
    Plan { steps, summary, ..plan }
}

/// Writes the status, with what the answers changed.
fn write(turn: &Turn, own: &Arc<Object>, decision: Decision) -> Plan {
    let (mut status, mut changed) = (decision.status, decision.changed);
    for answer in turn.answers.iter().filter(|answer| answer.request.method == Method::Delete) {
        if answer.failure().is_some() {
            continue;
        }
        changed = true;
        let name = answer.request.path.rsplit('/').next().unwrap_or_default();
        let listed = status.active.iter().flatten().find(|reference| reference.name.as_deref() == Some(name));
        if let Some(uid) = listed.and_then(|reference| reference.uid.clone()) {
            sync::deactivate(&mut status, &uid);
        }
    }
    let created = turn.answers.iter().find(|answer| answer.request.method == Method::Post);
    if let (Some(answer), Some((job, due))) = (created, &decision.create) {
        let key = ObjectKey::new(own.namespace(), job.metadata.name.as_deref().unwrap_or_default());
        let there = turn.observed.stores.of(Kind::Job).get(&key);
        // It was made before, and this was not noted.
        let taken = answer.failed_with(Reason::AlreadyExists);
        let noted = there.filter(|job| taken && is_controlled_by(job.meta(), own) && !knows(own, job));
        if let Some(job) = answer.object().or(noted.as_ref()) {
            status.active.get_or_insert_default().push(sync::reference(job));
            status.last_schedule_time = Some(sync::scheduled(*due));
            changed = true;
        }
    }
    let mut plan = Plan::nothing("");
    plan.error =
        turn.failure(|answer| answer.request.method != Method::Get && !answer.failed_with(Reason::AlreadyExists));
    plan.requeue_after = decision.requeue_after;
    if changed {
        plan.steps.push(written(own, status));
    }
    plan
}

fn written(own: &Object, status: CronJobStatus) -> Step {
    Write::new(Request::update_status(sync::with_status(own, status))).step()
}

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::CronJob, Kind::Job]
    }

    fn workers(&self) -> usize {
        // --concurrent-cron-job-syncs
        5
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        if change.kind == Kind::CronJob {
            return cron_job_changed(change, observed);
        }
        let mut keys: Vec<WorkKey> =
            [&change.old, &change.new].into_iter().flatten().filter_map(|job| owner(job, observed)).collect();
        keys.dedup();
        keys.into_iter().map(Enqueue::now).collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(own) = &turn.object() else { return Plan::nothing("it is gone") };
        match turn.phase {
            "" => {
                let reads = to_read(own, &jobs_of(turn, own));
                if reads.is_empty() {
                    return manage(turn, own);
                }
                let steps = reads.into_iter().map(Write::step).collect();
                Plan {
                    then: Some(LOOKED),
                    ..Plan::steps("Jobs it knows, or does not know, are not what they seem", steps)
                }
            }
            LOOKED => {
                match reads(turn).filter_map(|answer| answer.failure()).find(|why| why.reason != Some(Reason::NotFound))
                {
                    Some(failure) => Plan { error: Some(failure.message.clone()), ..Plan::nothing("a read failed") },
                    None => manage(turn, own),
                }
            }
            STATUS => {
                let (own, decision) = decide(turn, own);
                Plan {
                    summary: "what was made and deleted goes into the status".to_owned(),
                    ..write(turn, &own, decision)
                }
            }
            phase => panic!("a CronJob has no phase {phase}"),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
