//! Mirrors pkg/apis/batch/validation for Job. Leaves out: the last character check of `managedBy`.

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::{Affinity, PodTemplateSpec};

use super::equality::{immutable, immutable_option, semantically_equal};
use super::errors::{BadValue, Errors};
use super::job_policies::{pod_failure_policy, success_policy};
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::{self, subdomain_name};
use super::path::Path;
use super::pod_spec::pod_template;
use super::{selectors, text};
use crate::api::kind::FieldError;

/// The labels a Job puts on its pods; true where the value is its name, false where it is its uid.
pub const LABELS: &[(&str, bool)] = &[
    ("controller-uid", false),
    ("job-name", true),
    ("batch.kubernetes.io/controller-uid", false),
    ("batch.kubernetes.io/job-name", true),
];

const PARALLELISM_MAX: i32 = 100_000;
const FAILED_INDEXES_MAX: i32 = 100_000;
/// Above so many completions a back-off limit per index needs closer limits.
const COMPLETIONS_SOFT: i32 = 100_000;
const PARALLELISM_MAX_HIGH: i32 = 10_000;
const FAILED_INDEXES_MAX_HIGH: i32 = 10_000;
const MANAGED_BY_MAX: usize = 63;

/// Whether its pods have indexes.
pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

/// `ValidateJob`.
pub fn job(own: &Job, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let empty = JobSpec::default();
    let spec = own.spec.as_ref().unwrap_or(&empty);
    generated_selector(own, spec, errors);
    let path = Path::new("spec");
    job_spec_and_selector(spec, &path, errors);
    if is_indexed(spec)
        && let Some(completions) = spec.completions.filter(|completions| *completions > 0)
    {
        let name = text(&own.metadata.name);
        let hostname = format!("{name}-{}", completions - 1);
        if !names::dns1123_label(&hostname).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {hostname}");
            errors.push(FieldError::invalid(&Path::new("metadata").child("name"), name, &detail));
        }
    }
}

/// `validateGeneratedSelector`.
fn generated_selector(own: &Job, spec: &JobSpec, errors: &mut Errors) {
    let Some(selector) = spec.selector.as_ref().filter(|_| spec.manual_selector != Some(true)) else { return };
    let (uid, name) = (text(&own.metadata.uid), text(&own.metadata.name));
    if uid.is_empty() {
        errors.push(FieldError::required(&Path::new("metadata").child("uid"), ""));
    }
    let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let path = Path::new("spec").child("template").child("metadata").child("labels");
    let mut expected = std::collections::BTreeMap::new();
    for (label, is_name) in LABELS {
        let wanted = if *is_name { name } else { uid };
        let detail = format!("must be '{wanted}'");
        match labels.and_then(|labels| labels.get(*label)) {
            None => errors.push(FieldError::required(&path.key(label), &detail)),
            Some(value) if value != wanted => {
                let shown = labels.map_or_else(BadValue::null, BadValue::json);
                errors.push(FieldError::invalid(&path.key(label), shown, &detail));
            }
            Some(_) => {}
        }
        expected.insert((*label).to_owned(), wanted.to_owned());
    }
    if selectors::converts(selector) && !selectors::matches(selector, Some(&expected)) {
        let path = Path::new("spec").child("selector");
        errors.push(FieldError::invalid(&path, selectors::shown(selector), "`selector` not auto-generated"));
    }
}

/// `ValidateJobSpec`.
fn job_spec_and_selector(spec: &JobSpec, path: &Path, errors: &mut Errors) {
    job_spec(spec, path, errors);
    let own = path.child("selector");
    match &spec.selector {
        None => errors.push(FieldError::required(&own, "")),
        Some(selector) => selectors::label_selector(Some(selector), &own, errors),
    }
    // A selector that is not there picks nothing.
    let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let fits = match &spec.selector {
        None => false,
        Some(selector) => !selectors::converts(selector) || selectors::matches(selector, labels),
    };
    if !fits {
        let shown = labels.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(&path.child("template").child("metadata").child("labels"), shown, detail));
    }
}

/// `validateJobSpec`: what a Job and the template of a CronJob have in common.
pub(super) fn job_spec(spec: &JobSpec, path: &Path, errors: &mut Errors) {
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ] {
        if let Some(value) = value {
            nonnegative(value, &path.child(field), errors);
        }
    }
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        errors.push(FieldError::required(&path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
    }
    if let Some(managed_by) = &spec.managed_by {
        domain_prefixed_path(managed_by, &path.child("managedBy"), errors);
    }
    match spec.completion_mode.as_deref() {
        Some("Indexed") => indexed(spec, path, errors),
        None | Some("NonIndexed") => {
            let needs = "requires indexed completion mode";
            for (field, value) in
                [("backoffLimitPerIndex", spec.backoff_limit_per_index), ("maxFailedIndexes", spec.max_failed_indexes)]
            {
                errors.extend(value.map(|value| FieldError::invalid(&path.child(field), value, needs)));
            }
        }
        Some(other) => {
            let path = path.child("completionMode");
            errors.push(FieldError::not_supported(&path, other, &["NonIndexed", "Indexed"]));
        }
    }
    if spec.pod_failure_policy.is_some() {
        pod_failure_policy(spec, &path.child("podFailurePolicy"), errors);
    }
    if let Some(policy) = &spec.success_policy {
        let path = path.child("successPolicy");
        if is_indexed(spec) {
            success_policy(spec, policy, &path, errors);
        } else {
            errors.push(FieldError::invalid(&path, BadValue::json(policy), "requires indexed completion mode"));
        }
    }
    if let Some(policy) = spec.pod_replacement_policy.as_deref() {
        let supported: &[&str] =
            if spec.pod_failure_policy.is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
        if !supported.contains(&policy) {
            errors.push(FieldError::not_supported(&path.child("podReplacementPolicy"), policy, supported));
        }
    }
    let template = path.child("template");
    pod_template(&spec.template, &template, errors);
    let policy = spec.template.spec.as_ref().map_or("", |spec| text(&spec.restart_policy));
    let path = template.child("spec").child("restartPolicy");
    match policy {
        "" | "Always" => errors.push(FieldError::required(&path, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(FieldError::invalid(&path, policy, detail));
        }
        "OnFailure" | "Never" => {}
        other => errors.push(FieldError::not_supported(&path, other, &["OnFailure", "Never"])),
    }
}

/// The limits of Jobs with indexes.
fn indexed(spec: &JobSpec, path: &Path, errors: &mut Errors) {
    if spec.completions.is_none() {
        errors.push(FieldError::required(&path.child("completions"), "when completion mode is Indexed"));
    }
    let mut at_most = |field: &str, value: Option<i32>, max: i32, what: &str| {
        if let Some(value) = value.filter(|value| *value > max) {
            errors.push(FieldError::invalid(
                &path.child(field),
                value,
                &format!("must be less than or equal to {what}"),
            ));
        }
    };
    let (parallelism, failed) = (spec.parallelism, spec.max_failed_indexes);
    let most = format!("{PARALLELISM_MAX} when completion mode is Indexed");
    at_most("parallelism", parallelism, PARALLELISM_MAX, &most);
    at_most("maxFailedIndexes", failed, spec.completions.unwrap_or(i32::MAX), "completions");
    at_most("maxFailedIndexes", failed, FAILED_INDEXES_MAX, &FAILED_INDEXES_MAX.to_string());
    if spec.completions.is_some_and(|count| count > COMPLETIONS_SOFT) && spec.backoff_limit_per_index.is_some() {
        let when = format!("when completions are above {COMPLETIONS_SOFT} and used with backoff limit per index");
        at_most("parallelism", parallelism, PARALLELISM_MAX_HIGH, &format!("{PARALLELISM_MAX_HIGH} {when}"));
        at_most("maxFailedIndexes", failed, FAILED_INDEXES_MAX_HIGH, &format!("{FAILED_INDEXES_MAX_HIGH} {when}"));
        if failed.is_none() {
            let detail = format!("must be specified when completions is above {COMPLETIONS_SOFT}");
            errors.push(FieldError::required(&path.child("maxFailedIndexes"), &detail));
        }
    }
}

/// `IsDomainPrefixedPath`.
fn domain_prefixed_path(value: &str, path: &Path, errors: &mut Errors) {
    match value.split_once('/') {
        _ if value.is_empty() => errors.push(FieldError::required(path, "")),
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
            names::each(names::dns1123_subdomain(host), host, path, errors);
        }
        _ => {
            let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            errors.push(FieldError::invalid(path, value, detail));
        }
    }
    if value.len() > MANAGED_BY_MAX {
        errors.push(FieldError::too_long(path, MANAGED_BY_MAX));
    }
}

/// `ValidateJob` and `ValidateJobUpdate`.
pub fn job_update(new: &Job, old: &Job, errors: &mut Errors) {
    job(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let (empty, empty_status) = (JobSpec::default(), JobStatus::default());
    let path = Path::new("spec");
    let (spec, before) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    job_spec_and_selector(spec, &path, errors);
    completions_update(spec, before, &path, errors);
    let shown = |selector: &Option<_>| selector.as_ref().map_or_else(BadValue::null, selectors::shown);
    immutable(&spec.selector, &before.selector, shown, &path.child("selector"), errors);
    template_update(spec, before, old.status.as_ref().unwrap_or(&empty_status), &path.child("template"), errors);
    immutable_option(&spec.completion_mode, &before.completion_mode, &path.child("completionMode"), errors);
    immutable_option(&spec.pod_failure_policy, &before.pod_failure_policy, &path.child("podFailurePolicy"), errors);
    let limit = path.child("backoffLimitPerIndex");
    immutable_option(&spec.backoff_limit_per_index, &before.backoff_limit_per_index, &limit, errors);
    immutable_option(&spec.managed_by, &before.managed_by, &path.child("managedBy"), errors);
    immutable_option(&spec.success_policy, &before.success_policy, &path.child("successPolicy"), errors);
}

/// `validateCompletions`: an Indexed Job may grow and shrink, with its parallelism.
fn completions_update(new: &JobSpec, old: &JobSpec, path: &Path, errors: &mut Errors) {
    let own = path.child("completions");
    if !is_indexed(new) {
        immutable_option(&new.completions, &old.completions, &own, errors);
    } else if !semantically_equal(&new.completions, &old.completions)
        && let Some(completions) = new.completions
        && new.parallelism != Some(completions)
    {
        let detail = "can only be modified in tandem with spec.parallelism";
        errors.push(FieldError::invalid(&own, completions, detail));
    }
}

/// `validatePodTemplateUpdate`: while a Job is suspended, and has not begun or runs no more, its pods may be told to ask
/// for something else and to go elsewhere.
fn template_update(new: &JobSpec, old: &JobSpec, status: &JobStatus, path: &Path, errors: &mut Errors) {
    let conditions = status.conditions.iter().flatten();
    let is_marked = conditions.into_iter().any(|own| own.type_ == "Suspended" && own.status == "True");
    let rests = status.start_time.is_none() || is_marked && status.active.unwrap_or(0) == 0;
    if old.suspend == Some(true) && rests {
        let kept = with_resources_of(with_scheduling_of(&old.template, &new.template), &new.template);
        immutable_option(&new.template.spec, &kept.spec, &path.child("spec"), errors);
    } else {
        immutable(&new.template, &old.template, BadValue::json, path, errors);
    }
}

/// The template with the resources of the new one's containers (MutablePodResourcesForSuspendedJobs).
fn with_resources_of(mut kept: PodTemplateSpec, new: &PodTemplateSpec) -> PodTemplateSpec {
    let (Some(spec), Some(new)) = (kept.spec.as_mut(), new.spec.as_ref()) else { return kept };
    let inits = spec.init_containers.iter_mut().flatten().zip(new.init_containers.iter().flatten());
    for (own, new) in spec.containers.iter_mut().zip(&new.containers).chain(inits) {
        own.resources.clone_from(&new.resources);
    }
    kept
}

/// A template with what of the new one's scheduling may differ (MutableSchedulingDirectivesForSuspendedJobs).
fn with_scheduling_of(old: &PodTemplateSpec, new: &PodTemplateSpec) -> PodTemplateSpec {
    let mut kept = old.clone();
    let (meta, new_meta) = (kept.metadata.get_or_insert_default(), new.metadata.clone().unwrap_or_default());
    (meta.labels, meta.annotations) = (new_meta.labels, new_meta.annotations);
    let (spec, new_spec) = (kept.spec.get_or_insert_default(), new.spec.clone().unwrap_or_default());
    let node_affinity = new_spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    match (&new_spec.affinity, &mut spec.affinity) {
        (None, Some(affinity)) => {
            affinity.node_affinity = None;
            if *affinity == Affinity::default() {
                spec.affinity = None;
            }
        }
        (Some(_), affinity) => affinity.get_or_insert_default().node_affinity = node_affinity,
        (None, None) => {}
    }
    spec.node_selector = new_spec.node_selector;
    spec.tolerations = new_spec.tolerations;
    spec.scheduling_gates = new_spec.scheduling_gates;
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(suspend: bool, image: &str, cpu: &str, zone: &str) -> JobSpec {
        let pod = json!({
            "containers": [{ "name": "c", "image": image, "resources": { "requests": { "cpu": cpu } } }],
            "nodeSelector": { "zone": zone },
        });
        serde_json::from_value(json!({ "suspend": suspend, "template": { "spec": pod } })).expect("a spec")
    }

    #[test]
    fn a_template_may_change_while_the_job_rests() {
        let marked = json!([{ "type": "Suspended", "status": "True" }]);
        let time = "2024-01-01T00:00:00Z";
        for (suspended, status, path) in [
            (false, json!({}), Some("spec.template")),
            (true, json!({}), None),
            (true, json!({ "startTime": time }), Some("spec.template")),
            (true, json!({ "startTime": time, "conditions": marked }), None),
            (true, json!({ "startTime": time, "conditions": marked, "active": 1 }), Some("spec.template")),
        ] {
            let found = |new: &JobSpec, status: &Value| {
                let status: JobStatus = serde_json::from_value(status.clone()).expect("a status");
                let old = spec(suspended, "busybox", "1", "a");
                let mut errors = Errors::default();
                template_update(new, &old, &status, &Path::new("spec.template"), &mut errors);
                errors.into_iter().next().map(|error| error.field.clone())
            };
            for new in [spec(false, "busybox", "2", "a"), spec(false, "busybox", "1", "b")] {
                assert_eq!(found(&new, &status).as_deref(), path, "{suspended} {status}");
            }
            let image = path.unwrap_or("spec.template.spec");
            assert_eq!(found(&spec(true, "nginx", "1", "a"), &status).as_deref(), Some(image), "{suspended} {status}");
        }
    }
}
