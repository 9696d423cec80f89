//! Mirrors pkg/apis/batch/validation for CronJob.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec};

use super::errors::{BadValue, Errors};
use super::job::job_spec;
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::subdomain_name;
use super::path::Path;
use super::{selectors, text};
use crate::api::cron::Schedule;
use crate::api::kind::FieldError;
use crate::api::timezone::TimeZone;

/// The controller appends eleven characters to the name of a CronJob for that of a Job, which has 63 at most.
const NAME_MAX: usize = 52;
const ZONE_PART_MAX: usize = 14;

/// `ValidateCronJobCreate`.
pub fn cron_job(own: &CronJob, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    cron_job_spec(&own.spec, None, &Path::new("spec"), errors);
    let name = text(&own.metadata.name);
    if name.len() > NAME_MAX {
        let detail = format!("must be no more than {NAME_MAX} characters");
        errors.push(FieldError::invalid(&Path::new("metadata").child("name"), name, &detail));
    }
}

/// `ValidateCronJobUpdate`.
pub fn cron_job_update(new: &CronJob, old: &CronJob, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    cron_job_spec(&new.spec, Some(&old.spec), &Path::new("spec"), errors);
}

fn cron_job_spec(spec: &CronJobSpec, old: Option<&CronJobSpec>, path: &Path, errors: &mut Errors) {
    schedule(spec, old, &path.child("schedule"), errors);
    if let Some(deadline) = spec.starting_deadline_seconds {
        nonnegative(deadline, &path.child("startingDeadlineSeconds"), errors);
    }
    if old.is_none_or(|old| old.time_zone != spec.time_zone) {
        time_zone(spec.time_zone.as_deref(), &path.child("timeZone"), errors);
    }
    let policy = path.child("concurrencyPolicy");
    match text(&spec.concurrency_policy) {
        "Allow" | "Forbid" | "Replace" => {}
        "" => errors.push(FieldError::required(&policy, "")),
        other => errors.push(FieldError::not_supported(&policy, other, &["Allow", "Forbid", "Replace"])),
    }
    let template = path.child("jobTemplate").child("spec");
    let job = spec.job_template.spec.clone().unwrap_or_default();
    job_spec(&job, &template, errors);
    if let Some(selector) = &job.selector {
        let detail = "`selector` will be auto-generated";
        errors.push(FieldError::invalid(&template.child("selector"), selectors::shown(selector), detail));
    }
    if job.manual_selector == Some(true) {
        errors.push(FieldError::not_supported(&template.child("manualSelector"), true, &["nil", "false"]));
    }
    for (field, limit) in [
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ] {
        nonnegative(i64::from(limit.unwrap_or(0)), &path.child(field), errors);
    }
}

/// `validateScheduleFormat`. A schedule that had a zone in it before may go on.
fn schedule(spec: &CronJobSpec, old: Option<&CronJobSpec>, path: &Path, errors: &mut Errors) {
    let text = spec.schedule.as_str();
    if text.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    if let Err(error) = Schedule::parse(text, TimeZone::UTC) {
        errors.push(FieldError::invalid(path, text, &error));
    }
    let allowed = old.is_some_and(|old| old.schedule.contains("TZ"));
    if text.contains("TZ") && allowed && spec.time_zone.is_some() {
        let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        errors.push(FieldError::invalid(path, text, detail));
    } else if text.contains("TZ") && !allowed {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(FieldError::invalid(path, text, detail));
    }
}

/// `validateTimeZone`.
fn time_zone(zone: Option<&str>, path: &Path, errors: &mut Errors) {
    let Some(zone) = zone else { return };
    if zone.is_empty() {
        errors.push(FieldError::invalid(path, zone, "timeZone must be nil or non-empty string"));
        return;
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.starts_with('-')
            && part.len() <= ZONE_PART_MAX
            && part.bytes().all(letter)
    };
    if !zone.split('/').all(is_part) {
        errors.push(FieldError::invalid(path, zone, &format!("unknown time zone {zone}")));
        return;
    }
    if zone.eq_ignore_ascii_case("local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(FieldError::invalid(path, BadValue::from(zone), detail));
    }
    if let Err(error) = TimeZone::find(zone) {
        errors.push(FieldError::invalid(path, zone, &error));
    }
}
