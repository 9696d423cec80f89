//! One sync of a CronJob: `syncCronJob` and `cleanupFinishedJobs`, as a decision.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::cron::Schedule;
use crate::api::timezone::TimeZone;
use crate::api::validation::errors::go_quote;
use crate::api::{Object, Typed, time};
use crate::controllers::job::conditions::finished;
use crate::controllers::owners;
use crate::controllers::plan::Announce;

use super::schedule::{self, Missed};

const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// What is to be done about a CronJob.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// What happened, to be told at once.
    pub events: Vec<Announce>,
    /// Jobs beyond the history limits, and Jobs that are replaced.
    pub outdated: Vec<Arc<Object>>,
    /// Active Jobs that make way for the one that is due.
    pub replaced: Vec<ObjectReference>,
    /// The Job that is due, and its time.
    pub create: Option<(Job, i64)>,
    pub status: CronJobStatus,
    /// Whether the status has changed before any request was made.
    pub changed: bool,
    pub requeue_after: Option<Duration>,
}

/// What a sync of a CronJob sees.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub object: &'a Object,
    /// The Jobs that name it as their controller.
    pub jobs: Vec<Arc<Object>>,
    /// Active Jobs that are in no cache and that the server does not know.
    pub missing: &'a [ObjectReference],
    /// Microseconds since the Unix epoch.
    pub now: i64,
}

fn is_in(active: &[ObjectReference], uid: &str) -> bool {
    active.iter().any(|reference| reference.uid.as_deref() == Some(uid))
}

fn active(status: &CronJobStatus) -> &[ObjectReference] {
    status.active.as_deref().unwrap_or_default()
}

/// Takes a Job out of the list of active ones.
pub fn deactivate(status: &mut CronJobStatus, uid: &str) {
    if let Some(list) = &mut status.active {
        list.retain(|reference| reference.uid.as_deref() != Some(uid));
        if list.is_empty() {
            status.active = None;
        }
    }
}

/// The reference by which a CronJob knows an active Job.
pub fn reference(job: &Object) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".to_owned()),
        kind: Some("Job".to_owned()),
        namespace: Some(job.namespace().to_owned()),
        name: Some(job.name().to_owned()),
        uid: Some(job.uid().to_owned()),
        resource_version: job.meta().resource_version.clone(),
        field_path: None,
    }
}

/// The Job of a run (`getJobFromTemplate2`).
fn job_of(object: &Object, scheduled: i64) -> Job {
    let own = object.expect::<CronJob>();
    let template = &own.spec.job_template;
    let meta = template.metadata.clone().unwrap_or_default();
    let mut job = Job { spec: template.spec.clone(), ..Job::default() };
    job.metadata.name = Some(schedule::job_name(object.name(), scheduled));
    job.metadata.namespace = Some(object.namespace().to_owned());
    job.metadata.labels = meta.labels;
    let mut annotations = meta.annotations.unwrap_or_default();
    annotations.insert(SCHEDULED.to_owned(), local_time(own, scheduled));
    job.metadata.annotations = Some(annotations);
    job.metadata.owner_references = Some(vec![owners::controller_ref(object)]);
    job
}

/// RFC 3339 in the CronJob's zone.
fn local_time(own: &CronJob, micros: i64) -> String {
    let zone = own.spec.time_zone.as_deref().and_then(|name| TimeZone::find(name).ok()).unwrap_or(TimeZone::UTC);
    let seconds = micros.div_euclid(1_000_000);
    let (at, offset) = (zone.civil(seconds), zone.offset(seconds) / 60);
    let suffix = match offset {
        0 => "Z".to_owned(),
        _ => format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, offset.abs() / 60, offset.abs() % 60),
    };
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{suffix}", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

/// `time.RFC1123Z`, in UTC.
fn rfc1123(micros: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = TimeZone::UTC.civil(micros.div_euclid(1_000_000));
    let (day, month) = (DAYS[at.weekday as usize], MONTHS[at.month as usize - 1]);
    format!("{day}, {:02} {month} {} {:02}:{:02}:{:02} +0000", at.day, at.year, at.hour, at.minute, at.second)
}

impl View<'_> {
    fn own(&self) -> &CronJob {
        self.object.expect()
    }

    fn normal(&self, reason: &'static str, message: String) -> Announce {
        Announce::normal(self.object, reason, message)
    }

    fn warning(&self, reason: &'static str, message: String) -> Announce {
        Announce::warning(self.object, reason, message)
    }

    /// The Jobs beyond the limits of the history, the oldest first.
    fn outdated(&self) -> Vec<Arc<Object>> {
        let spec = &self.own().spec;
        let mut outdated = Vec::new();
        for (ending, limit) in
            [("Complete", spec.successful_jobs_history_limit), ("Failed", spec.failed_jobs_history_limit)]
        {
            let Some(limit) = limit else { continue };
            let ended = |job: &Job| finished(job.status.as_ref()).is_some_and(|condition| condition.type_ == ending);
            let mut jobs: Vec<&Job> = self.jobs.iter().map(|job| job.expect()).filter(|job| ended(job)).collect();
            schedule::by_start(&mut jobs);
            let surplus = jobs.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            let named = |name: &Option<String>| self.jobs.iter().find(|job| job.meta().name == *name).cloned();
            outdated.extend(jobs.iter().take(surplus).filter_map(|job| named(&job.metadata.name)));
        }
        outdated
    }

    /// What Jobs that ended, or that nobody knew of, do to the status.
    fn look_at_jobs(&self, decision: &mut Decision) {
        for object in &self.jobs {
            let job = object.expect::<Job>();
            let known = is_in(active(&decision.status), object.uid());
            match finished(job.status.as_ref()) {
                None if !known => {
                    let message = format!("Saw a job that the controller did not create or forgot: {}", object.name());
                    decision.events.push(self.warning("UnexpectedJob", message));
                }
                Some(condition) if known => {
                    deactivate(&mut decision.status, object.uid());
                    let message = format!("Saw completed job: {}, condition: {}", object.name(), condition.type_);
                    decision.events.push(self.normal("SawCompletedJob", message));
                    decision.changed = true;
                }
                Some(condition) if condition.type_ == "Complete" => {
                    let ended = job.status.as_ref().and_then(|status| status.completion_time.clone());
                    let last = &mut decision.status.last_successful_time;
                    let later = match (&ended, &last) {
                        (Some(ended), Some(last)) => ended.0 > last.0,
                        (_, last) => last.is_none(),
                    };
                    if later {
                        *last = ended;
                        decision.changed = true;
                    }
                }
                _ => {}
            }
        }
        for gone in self.missing {
            let name = gone.name.as_deref().unwrap_or_default();
            decision.events.push(self.normal("MissingJob", format!("Active job went missing: {name}")));
            deactivate(&mut decision.status, gone.uid.as_deref().unwrap_or_default());
            decision.changed = true;
        }
    }

    /// What is to be done.
    pub fn decide(&self) -> Decision {
        let own = self.own();
        let mut decision = Decision { status: own.status.clone().unwrap_or_default(), ..Decision::default() };
        decision.outdated = self.outdated();
        self.look_at_jobs(&mut decision);
        if own.metadata.deletion_timestamp.is_some() {
            return decision;
        }
        if let Some(zone) = &own.spec.time_zone
            && let Err(error) = TimeZone::find(zone)
        {
            let message = format!("invalid timeZone: {}: {error}", go_quote(zone));
            decision.events.push(self.warning("UnknownTimeZone", message));
            return decision;
        }
        if own.spec.suspend == Some(true) {
            return decision;
        }
        self.run(&mut decision);
        decision
    }

    fn run(&self, decision: &mut Decision) {
        let own = self.own();
        let text = &own.spec.schedule;
        if text.contains("TZ") {
            let message = format!(
                "CRON_TZ or TZ used in schedule {} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
                go_quote(text)
            );
            decision.events.push(self.warning("UnsupportedSchedule", message));
        }
        let parsed = match schedule::parse(own) {
            Ok(parsed) => parsed,
            Err(error) => {
                let message = format!("unparseable schedule: {} : {error}", go_quote(text));
                decision.events.push(self.warning("UnparseableSchedule", message));
                return;
            }
        };
        let recent = match schedule::most_recent(own, self.now, &parsed, true) {
            Ok(recent) => recent,
            Err(error) => {
                let message = format!("invalid schedule: {text} : {error}");
                decision.events.push(self.warning("InvalidSchedule", message));
                return;
            }
        };
        decision.requeue_after = Some(schedule::until_next(own, self.now, &parsed));
        let Some(due) = recent.time else { return };
        if recent.missed == Missed::Many {
            let message =
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            decision.events.push(self.warning("TooManyMissedTimes", message.to_owned()));
        }
        if let Some(event) = self.too_late(due) {
            decision.events.push(event);
            return;
        }
        self.start(decision, due, &parsed);
    }

    /// The event of a run whose deadline has passed.
    pub fn too_late(&self, due: i64) -> Option<Announce> {
        let deadline = self.own().spec.starting_deadline_seconds?;
        let message = || format!("Missed scheduled time to start a job: {}", rfc1123(due));
        (due + deadline * 1_000_000 < self.now).then(|| self.warning("MissSchedule", message()))
    }

    fn start(&self, decision: &mut Decision, due: i64, parsed: &Schedule) {
        let own = self.own();
        let name = schedule::job_name(self.object.name(), due);
        let last = decision.status.last_schedule_time.as_ref().map(time::unix_micros);
        let listed = active(&decision.status).iter().any(|reference| reference.name.as_deref() == Some(name.as_str()));
        if listed || last == Some(due) {
            return;
        }
        let policy = own.spec.concurrency_policy.as_deref().unwrap_or_default();
        if policy == "Forbid" && !active(&decision.status).is_empty() {
            let message =
                "Not starting job because prior execution is running and concurrency policy is Forbid".to_owned();
            decision.events.push(self.normal("JobAlreadyActive", message));
            return;
        }
        if policy == "Replace" {
            decision.replaced = active(&decision.status).to_vec();
        }
        decision.create = Some((job_of(self.object, due), due));
        // The next run is told from this one on.
        let mut after = own.clone();
        after.status.get_or_insert_default().last_schedule_time = Some(scheduled(due));
        decision.requeue_after = Some(schedule::until_next(&after, self.now, parsed));
    }
}

/// A time of the schedule, as a status has it.
pub fn scheduled(due: i64) -> Time {
    time::time(due)
}

/// The CronJob with a status.
pub fn with_status(object: &Object, status: CronJobStatus) -> Object {
    let mut own = object.expect::<CronJob>().clone();
    own.status = Some(status);
    own.into_object()
}
