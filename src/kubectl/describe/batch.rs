//! Jobs and cron jobs.

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::api::time::unix_micros;
use crate::api::{duration, selectors};

use super::super::errors::Stop;
use super::super::io::Io;
use super::writer::{Text, controller, date, title_bool};
use super::{events, template};

/// Completed indexes that are shown, in characters.
const INDEXES_SHOWN: usize = 50;

/// A number, or `<unset>`.
fn or_unset(value: Option<i32>) -> String {
    value.map_or_else(|| "<unset>".to_owned(), |value| value.to_string())
}

/// `capIndexesListOrNone`: cut behind a comma.
fn capped(indexes: &str) -> String {
    if indexes.is_empty() {
        return "<none>".to_owned();
    }
    let comma = indexes.bytes().enumerate().skip(INDEXES_SHOWN).find(|(_, byte)| *byte == b',');
    comma.map_or_else(|| indexes.to_owned(), |(place, _)| format!("{}...", &indexes[..=place]))
}

/// `JobDescriber`.
pub fn job(io: &mut Io<'_, '_>, job: &Job, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &job.metadata;
    let (spec, status) = (job.spec.clone().unwrap_or_default(), job.status.clone().unwrap_or_default());
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", meta.namespace.as_deref().unwrap_or_default());
    text.field(0, "Selector", selectors::format_meta(spec.selector.as_ref()));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    if let Some(owner) = controller(meta) {
        text.field(0, "Controlled By", owner);
    }
    if let Some(parallelism) = spec.parallelism {
        text.field(0, "Parallelism", parallelism);
    }
    text.field(0, "Completions", or_unset(spec.completions));
    if let Some(mode) = &spec.completion_mode {
        text.field(0, "Completion Mode", mode);
    }
    if let Some(suspend) = spec.suspend {
        text.field(0, "Suspend", suspend);
    }
    if let Some(limit) = spec.backoff_limit {
        text.field(0, "Backoff Limit", limit);
    }
    if let Some(seconds) = spec.ttl_seconds_after_finished {
        text.field(0, "TTL Seconds After Finished", seconds);
    }
    if let Some(started) = &status.start_time {
        text.field(0, "Start Time", date(started));
    }
    if let Some(ended) = &status.completion_time {
        text.field(0, "Completed At", date(ended));
    }
    if let (Some(started), Some(ended)) = (&status.start_time, &status.completion_time) {
        text.field(0, "Duration", duration::human(unix_micros(ended) - unix_micros(started)));
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        text.field(0, "Active Deadline Seconds", format!("{seconds}s"));
    }
    let ready = status.ready.map_or_else(String::new, |ready| format!(" ({ready} Ready)"));
    let count = |count: Option<i32>| count.unwrap_or(0);
    let (active, succeeded, failed) = (count(status.active), count(status.succeeded), count(status.failed));
    text.field(0, "Pods Statuses", format!("{active} Active{ready} / {succeeded} Succeeded / {failed} Failed"));
    if spec.completion_mode.as_deref() == Some("Indexed") {
        text.field(0, "Completed Indexes", capped(status.completed_indexes.as_deref().unwrap_or_default()));
    }
    template::write(&mut text, Some(&spec.template));
    events::write(io, &mut text, "Job", meta, show_events)?;
    Ok(text.aligned())
}

/// `CronJobDescriber`.
pub fn cron_job(io: &mut Io<'_, '_>, own: &CronJob, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let (meta, spec) = (&own.metadata, &own.spec);
    let status = own.status.clone().unwrap_or_default();
    let job = spec.job_template.spec.clone().unwrap_or_default();
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", meta.namespace.as_deref().unwrap_or_default());
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "Schedule", &spec.schedule);
    text.field(0, "Concurrency Policy", spec.concurrency_policy.as_deref().unwrap_or_default());
    text.field(0, "Suspend", spec.suspend.map_or("<unset>", title_bool));
    text.field(0, "Successful Job History Limit", or_unset(spec.successful_jobs_history_limit));
    text.field(0, "Failed Job History Limit", or_unset(spec.failed_jobs_history_limit));
    let deadline = spec.starting_deadline_seconds.map(|seconds| format!("{seconds}s"));
    text.field(0, "Starting Deadline Seconds", deadline.as_deref().unwrap_or("<unset>"));
    let selector = job.selector.as_ref().map(|selector| selectors::format_meta(Some(selector)));
    text.field(0, "Selector", selector.as_deref().unwrap_or("<unset>"));
    text.field(0, "Parallelism", or_unset(job.parallelism));
    text.field(0, "Completions", or_unset(job.completions));
    if let Some(seconds) = job.active_deadline_seconds {
        text.field(0, "Active Deadline Seconds", format!("{seconds}s"));
    }
    template::write(&mut text, Some(&job.template));
    let last = status.last_schedule_time.as_ref().map(date);
    text.field(0, "Last Schedule Time", last.as_deref().unwrap_or("<unset>"));
    let active: Vec<&str> = status.active.iter().flatten().filter_map(|job| job.name.as_deref()).collect();
    text.field(0, "Active Jobs", if active.is_empty() { "<none>".to_owned() } else { active.join(", ") });
    events::write(io, &mut text, "CronJob", meta, show_events)?;
    Ok(text.aligned())
}
