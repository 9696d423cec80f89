//! Mirrors `ValidateJobUpdateStatus` of pkg/apis/batch/validation, with the gate JobManagedBy on: a rule is
//! asked only when what it speaks of has changed.

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};

use super::errors::{BadValue, Errors};
use super::job::is_indexed;
use super::job_policies::{count_indexes, interval};
use super::meta::{nonnegative, object_meta_update};
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;

fn is(status: &JobStatus, wanted: &str) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == wanted && condition.status == "True")
}

fn is_finished(status: &JobStatus) -> bool {
    is(status, "Complete") || is(status, "Failed")
}

fn uncounted(status: &JobStatus) -> (&[String], &[String]) {
    let Some(pods) = &status.uncounted_terminated_pods else { return (&[], &[]) };
    (pods.succeeded.as_deref().unwrap_or_default(), pods.failed.as_deref().unwrap_or_default())
}

/// `ValidateJobUpdateStatus`.
pub fn update(new: &Job, old: &Job, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let (empty_spec, empty) = (JobSpec::default(), JobStatus::default());
    let spec = new.spec.as_ref().unwrap_or(&empty_spec);
    let (status, before) = (new.status.as_ref().unwrap_or(&empty), old.status.as_ref().unwrap_or(&empty));
    let path = Path::new("status");
    counts(status, &path, errors);
    transitions(status, before, &path, errors);
    indexes(spec, status, before, &path, errors);
    conditions(spec, status, &path, errors);
    let whole = path.child("conditions");
    for terminal in ["Failed", "Complete", "FailureTarget"] {
        if is(before, terminal) && !is(status, terminal) {
            let detail = format!("cannot disable the terminal {terminal}=True condition");
            errors.push(FieldError::invalid_as_a_whole(&whole, &detail));
        }
    }
    let (failed, succeeded) = (status.failed.unwrap_or(0), status.succeeded.unwrap_or(0));
    if failed < before.failed.unwrap_or(0) {
        errors.push(FieldError::invalid(&path.child("failed"), failed, "cannot decrease the failed counter"));
    }
    // An Indexed Job whose completions follow its parallelism may be scaled down.
    let elastic = is_indexed(spec) && spec.completions == spec.parallelism;
    if !elastic && succeeded < before.succeeded.unwrap_or(0) {
        errors.push(FieldError::invalid(&path.child("succeeded"), succeeded, "cannot decrease the succeeded counter"));
    }
    if let (Some(ended), Some(_)) = (&status.completion_time, &before.completion_time)
        && status.completion_time != before.completion_time
    {
        let path = path.child("completionTime");
        errors.push(FieldError::invalid(&path, BadValue::json(ended), "completionTime cannot be mutated"));
    }
    let resumes = is(before, "Suspended") && !is(status, "Suspended");
    let restarts = before.start_time.is_some() && status.start_time != before.start_time;
    if restarts && spec.suspend != Some(true) && !resumes {
        let shown = status.start_time.as_ref().map_or_else(BadValue::null, BadValue::json);
        let detail = "field is immutable for unsuspended job once set";
        errors.push(FieldError::invalid(&path.child("startTime"), shown, detail));
    }
    if is(before, "SuccessCriteriaMet") && !is(status, "SuccessCriteriaMet") {
        let detail = "cannot disable the SuccessCriteriaMet=True condition";
        errors.push(FieldError::invalid_as_a_whole(&whole, detail));
    }
    if is(before, "Complete") && !is(before, "SuccessCriteriaMet") && is(status, "SuccessCriteriaMet") {
        let detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
        errors.push(FieldError::invalid_as_a_whole(&whole, detail));
    }
}

fn counts(status: &JobStatus, path: &Path, errors: &mut Errors) {
    for (field, count) in [
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ] {
        nonnegative(i64::from(count.unwrap_or(0)), &path.child(field), errors);
    }
    let (succeeded, failed) = uncounted(status);
    let path = path.child("uncountedTerminatedPods");
    let mut seen: Vec<&String> = Vec::new();
    for (field, uids) in [("succeeded", succeeded), ("failed", failed)] {
        for (index, uid) in uids.iter().enumerate() {
            let path = path.child(field).index(index);
            if uid.is_empty() {
                errors.push(FieldError::invalid(&path, uid, "must not be empty"));
            } else if seen.contains(&uid) {
                errors.push(FieldError::duplicate(&path, uid));
            } else {
                seen.push(uid);
            }
        }
    }
}

/// What a Job that is finished, or not, may and may not have.
fn transitions(status: &JobStatus, before: &JobStatus, path: &Path, errors: &mut Errors) {
    let (complete, finished) = (is(status, "Complete"), is_finished(status));
    let turned = |wanted: &str| is(status, wanted) != is(before, wanted);
    let finished_turned = finished != is_finished(before);
    let start_changed = status.start_time != before.start_time;
    let completion_changed = status.completion_time != before.completion_time;
    let whole = path.child("conditions");
    if complete && is(status, "Failed") && (turned("Complete") || turned("Failed")) {
        let detail = "cannot set Complete=True and Failed=true conditions";
        errors.push(FieldError::invalid_as_a_whole(&whole, detail));
    }
    if complete && is(status, "FailureTarget") && (turned("Complete") || turned("FailureTarget")) {
        let detail = "cannot set Complete=True and FailureTarget=true conditions";
        errors.push(FieldError::invalid_as_a_whole(&whole, detail));
    }
    let ended = path.child("completionTime");
    if turned("Complete") || completion_changed {
        if let Some(time) = status.completion_time.as_ref().filter(|_| !complete) {
            let detail = "cannot set completionTime when there is no Complete=True condition";
            errors.push(FieldError::invalid(&ended, BadValue::json(time), detail));
        }
        if complete && status.completion_time.is_none() {
            errors.push(FieldError::required(&ended, "completionTime is required for Complete jobs"));
        }
    }
    if (start_changed || completion_changed)
        && let (Some(started), Some(time)) = (&status.start_time, &status.completion_time)
        && time.0 < started.0
    {
        let detail = "completionTime cannot be set before startTime";
        errors.push(FieldError::invalid(&ended, BadValue::json(time), detail));
    }
    let active = status.active.unwrap_or(0);
    if active > 0 && finished && (finished_turned || status.active != before.active) {
        errors.push(FieldError::invalid(&path.child("active"), active, "active>0 is invalid for finished job"));
    }
    if status.start_time.is_none() && finished && (finished_turned || start_changed) {
        errors.push(FieldError::required(&path.child("startTime"), "startTime is required for finished job"));
    }
    let (succeeded, failed) = uncounted(status);
    if finished
        && (finished_turned || uncounted(status) != uncounted(before))
        && !(succeeded.is_empty() && failed.is_empty())
    {
        let detail = "uncountedTerminatedPods needs to be empty for finished job";
        let shown = BadValue::json(&status.uncounted_terminated_pods);
        errors.push(FieldError::invalid(&path.child("uncountedTerminatedPods"), shown, detail));
    }
}

/// The lists of indexes.
fn indexes(spec: &JobSpec, status: &JobStatus, before: &JobStatus, path: &Path, errors: &mut Errors) {
    let completed = text(&status.completed_indexes);
    let completed_changed = completed != text(&before.completed_indexes);
    let failed_changed = status.failed_indexes != before.failed_indexes;
    let (own, failed_path) = (path.child("completedIndexes"), path.child("failedIndexes"));
    if let Some(completions) = spec.completions {
        if completed_changed && let Err(error) = count_indexes(completed, completions) {
            let detail = format!("error parsing completedIndexes: {error}");
            errors.push(FieldError::invalid(&own, completed, &detail));
        }
        if failed_changed
            && spec.backoff_limit_per_index.is_some()
            && let Some(failed) = &status.failed_indexes
            && let Err(error) = count_indexes(failed, completions)
        {
            errors.push(FieldError::invalid(&failed_path, failed, &format!("error parsing failedIndexes: {error}")));
        }
    }
    if completed_changed && !completed.is_empty() && !is_indexed(spec) {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errors.push(FieldError::invalid(&own, completed, detail));
    }
    let Some(failed) = &status.failed_indexes else { return };
    if failed_changed && spec.backoff_limit_per_index.is_none() {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        errors.push(FieldError::invalid(&failed_path, failed, detail));
    }
    let read = |list: &str| -> Vec<(i32, i32)> {
        list.split(',').filter_map(|part| interval(part, spec.completions.unwrap_or(0)).ok()).collect()
    };
    let done = read(completed);
    let overlap = read(failed).into_iter().find_map(|(first, last)| {
        done.iter().find(|(start, end)| *start <= last && first <= *end).map(|(start, _)| first.max(*start))
    });
    if (failed_changed || completed_changed)
        && let Some(index) = overlap
    {
        let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
        errors.push(FieldError::invalid(&failed_path, failed, &detail));
    }
}

/// What conditions cannot stand together.
fn conditions(spec: &JobSpec, status: &JobStatus, path: &Path, errors: &mut Errors) {
    let whole = path.child("conditions");
    let met = is(status, "SuccessCriteriaMet");
    for other in ["Failed", "FailureTarget"] {
        if met && is(status, other) {
            let detail = format!("cannot set SuccessCriteriaMet=True and {other}=true conditions");
            errors.push(FieldError::invalid_as_a_whole(&whole, &detail));
        }
    }
    if spec.success_policy.is_some() && !met && is(status, "Complete") {
        let detail = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
        errors.push(FieldError::invalid_as_a_whole(&whole, detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_starts_once_unless_it_was_suspended() {
        let job = |suspend: bool, mark: &str, hour: Option<u32>| -> Job {
            let start = hour.map(|hour| format!("2024-01-01T{hour:02}:00:00Z"));
            let mark = json!({ "type": "Suspended", "status": mark, "lastTransitionTime": "2024-01-01T00:00:00Z" });
            serde_json::from_value(json!({
                "metadata": { "name": "j", "namespace": "default", "resourceVersion": "1" },
                "spec": { "suspend": suspend, "template": {} },
                "status": { "startTime": start, "conditions": [mark] },
            }))
            .expect("a job")
        };
        for (new, old, why) in [
            (job(false, "False", Some(1)), job(false, "False", None), None),
            (job(true, "True", None), job(true, "False", Some(1)), None),
            (job(false, "False", Some(2)), job(false, "True", Some(1)), None),
            (job(false, "False", Some(2)), job(false, "False", Some(1)), Some("\"2024-01-01T02:00:00Z\"")),
            (job(false, "False", None), job(false, "False", Some(1)), Some("\"null\"")),
        ] {
            let mut errors = Errors::default();
            update(&new, &old, &mut errors);
            let found: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
            let wanted = why.map(|value| {
                format!("status.startTime: Invalid value: {value}: field is immutable for unsuspended job once set")
            });
            assert_eq!(found, wanted.into_iter().collect::<Vec<_>>());
        }
    }
}
