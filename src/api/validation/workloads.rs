//! Mirrors pkg/apis/apps/validation for Deployment, ReplicaSet and ControllerRevision.

use k8s_openapi::api::apps::v1::{
    ControllerRevision, Deployment, DeploymentSpec, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetSpec,
    ReplicaSetStatus, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::equality::{immutable, immutable_option};
use super::errors::{BadValue, Errors};
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::{self, subdomain_name};
use super::path::Path;
use super::pod_spec::pod_template;
use super::selectors;
use super::text;
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// `ValidateDeployment`.
pub fn deployment(own: &Deployment, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let empty = DeploymentSpec::default();
    deployment_spec(own.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

/// `ValidateDeploymentUpdate`, and the selector that may not change.
pub fn deployment_update(new: &Deployment, old: &Deployment, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = DeploymentSpec::default();
    let path = Path::new("spec");
    let (new, old) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    deployment_spec(new, &path, errors);
    immutable(&new.selector, &old.selector, selectors::shown, &path.child("selector"), errors);
}

fn deployment_spec(spec: &DeploymentSpec, path: &Path, errors: &mut Errors) {
    nonnegative(i64::from(spec.replicas.unwrap_or(0)), &path.child("replicas"), errors);
    selector_and_template(&spec.selector, &spec.template, path, errors);
    strategy(spec.strategy.as_ref(), &path.child("strategy"), errors);
    let ready = spec.min_ready_seconds.unwrap_or(0);
    nonnegative(i64::from(ready), &path.child("minReadySeconds"), errors);
    if let Some(limit) = spec.revision_history_limit {
        nonnegative(i64::from(limit), &path.child("revisionHistoryLimit"), errors);
    }
    if let Some(deadline) = spec.progress_deadline_seconds {
        let path = path.child("progressDeadlineSeconds");
        nonnegative(i64::from(deadline), &path, errors);
        if deadline <= ready {
            errors.push(FieldError::invalid(&path, deadline, "must be greater than minReadySeconds"));
        }
    }
}

/// The selector, and the template it must select.
fn selector_and_template(selector: &LabelSelector, template: &PodTemplateSpec, path: &Path, errors: &mut Errors) {
    let own = path.child("selector");
    if selectors::is_unset(selector) {
        errors.push(FieldError::required(&own, ""));
    } else {
        selectors::label_selector(Some(selector), &own, errors);
        if selectors::is_empty(selector) {
            let detail = "empty selector is invalid for deployment";
            errors.push(FieldError::invalid(&own, selectors::shown(selector), detail));
        }
    }
    if selectors::converts(selector) {
        template_for_selector(selector, template, &path.child("template"), errors);
    } else {
        errors.push(FieldError::invalid(&own, selectors::shown(selector), "invalid label selector"));
    }
}

/// `ValidatePodTemplateSpecForReplicaSet`.
fn template_for_selector(selector: &LabelSelector, template: &PodTemplateSpec, path: &Path, errors: &mut Errors) {
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    // A selector left out selects nothing; an empty one everything.
    let matched = !selectors::is_unset(selector) && selectors::matches(selector, labels);
    if !matched {
        let shown = labels.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(&path.child("metadata").child("labels"), shown, detail));
    }
    pod_template(template, path, errors);
    let spec = template.spec.as_ref();
    let policy = spec.map_or("", |spec| text(&spec.restart_policy));
    if policy != "Always" {
        errors.push(FieldError::not_supported(&path.child("spec").child("restartPolicy"), policy, &["Always"]));
    }
    if spec.is_some_and(|spec| spec.active_deadline_seconds.is_some()) {
        let detail = "activeDeadlineSeconds in ReplicaSet is not Supported";
        errors.push(FieldError::forbidden(&path.child("spec").child("activeDeadlineSeconds"), detail));
    }
}

fn strategy(strategy: Option<&DeploymentStrategy>, path: &Path, errors: &mut Errors) {
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let rolling_path = path.child("rollingUpdate");
    match strategy.map_or("", |strategy| text(&strategy.type_)) {
        "Recreate" => {
            if rolling.is_some() {
                let detail = "may not be specified when strategy `type` is 'Recreate'";
                errors.push(FieldError::forbidden(&rolling_path, detail));
            }
        }
        "RollingUpdate" => match rolling {
            Some(rolling) => rolling_update(rolling, &rolling_path, errors),
            None => errors.push(FieldError::required(&rolling_path, "this should be defaulted and never be nil")),
        },
        other => {
            // Upstream names the whole strategy, and prints it with the names of Go's fields.
            let rolling = rolling.map(|rolling| {
                let surge = rolling.max_surge.clone().unwrap_or(IntOrString::Int(0));
                let unavailable = rolling.max_unavailable.clone().unwrap_or(IntOrString::Int(0));
                json!({ "MaxSurge": surge.write(), "MaxUnavailable": unavailable.write() })
            });
            let shown = format!(
                "{{\"Type\":{},\"RollingUpdate\":{}}}",
                json!(other).json(),
                rolling.map_or_else(|| "null".to_owned(), |rolling| rolling.json())
            );
            errors.push(FieldError::not_supported(path, BadValue::raw(shown), &["Recreate", "RollingUpdate"]));
        }
    }
}

/// `getPercentValue`.
fn percentage(value: &IntOrString) -> Option<i64> {
    match value {
        IntOrString::String(text) if names::percent(text).is_empty() => text.strip_suffix('%')?.parse().ok(),
        _ => None,
    }
}

/// `getIntOrPercentValue`.
pub(super) fn amount(value: &IntOrString) -> i64 {
    percentage(value).unwrap_or_else(|| match value {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(text) => text.parse().unwrap_or(0),
    })
}

/// `ValidatePositiveIntOrPercent`.
pub(super) fn int_or_percent(value: &IntOrString, path: &Path, errors: &mut Errors) {
    match value {
        IntOrString::Int(number) => nonnegative(i64::from(*number), path, errors),
        IntOrString::String(text) => {
            let wrong = names::percent(text);
            errors.extend(wrong.iter().map(|what| FieldError::invalid(path, BadValue::json(value), what)));
        }
    }
}

/// `IsNotMoreThan100Percent`.
pub(super) fn at_most_100_percent(value: &IntOrString, path: &Path, errors: &mut Errors) {
    if percentage(value).is_some_and(|percent| percent > 100) {
        errors.push(FieldError::invalid(path, BadValue::json(value), "must not be greater than 100%"));
    }
}

/// `IsDecremented`, of `status.collisionCount`.
pub(super) fn decremented(new: Option<i32>, old: Option<i32>, status: &Path, errors: &mut Errors) {
    if old.is_some_and(|old| new.is_none_or(|new| new < old)) {
        let path = status.child("collisionCount");
        errors.push(FieldError::invalid(&path, new.unwrap_or(0), "cannot be decremented"));
    }
}

fn rolling_update(rolling: &RollingUpdateDeployment, path: &Path, errors: &mut Errors) {
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    let unavailable_path = path.child("maxUnavailable");
    int_or_percent(unavailable, &unavailable_path, errors);
    int_or_percent(surge, &path.child("maxSurge"), errors);
    if amount(unavailable) == 0 && amount(surge) == 0 {
        let detail = "may not be 0 when `maxSurge` is 0";
        errors.push(FieldError::invalid(&unavailable_path, BadValue::json(unavailable), detail));
    }
    at_most_100_percent(unavailable, &unavailable_path, errors);
}

/// Counts of a status: each not negative, none above `replicas`, available not above ready.
pub(super) fn counts(
    list: &[(&str, i32)],
    replicas: i32,
    (ready, available): (i32, i32),
    path: &Path,
    errors: &mut Errors,
) {
    for (field, count) in list {
        if *count > replicas {
            errors.push(FieldError::invalid(&path.child(field), *count, "cannot be greater than status.replicas"));
        }
    }
    if available > ready {
        let detail = "cannot be greater than readyReplicas";
        errors.push(FieldError::invalid(&path.child("availableReplicas"), available, detail));
    }
}

/// `ValidateDeploymentStatusUpdate`.
pub fn deployment_status_update(new: &Deployment, old: &Deployment, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    let empty = DeploymentStatus::default();
    let (status, before) = (new.status.as_ref().unwrap_or(&empty), old.status.as_ref().unwrap_or(&empty));
    nonnegative(status.observed_generation.unwrap_or(0), &path.child("observedGeneration"), errors);
    let count = |value: Option<i32>| value.unwrap_or(0);
    let (replicas, updated) = (count(status.replicas), count(status.updated_replicas));
    let (ready, available) = (count(status.ready_replicas), count(status.available_replicas));
    for (field, value) in [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", count(status.unavailable_replicas)),
        ("collisionCount", count(status.collision_count)),
    ] {
        nonnegative(i64::from(value), &path.child(field), errors);
    }
    let list = [("updatedReplicas", updated), ("readyReplicas", ready), ("availableReplicas", available)];
    counts(&list, replicas, (ready, available), &path, errors);
    decremented(status.collision_count, before.collision_count, &path, errors);
}

/// `ValidateReplicaSet`.
pub fn replica_set(own: &ReplicaSet, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let empty = ReplicaSetSpec::default();
    replica_set_spec(own.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

/// The strategy's update: `ValidateReplicaSet`, `ValidateReplicaSetUpdate`, and the selector.
pub fn replica_set_update(new: &ReplicaSet, old: &ReplicaSet, errors: &mut Errors) {
    replica_set(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = ReplicaSetSpec::default();
    let path = Path::new("spec");
    let (new, old) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    replica_set_spec(new, &path, errors);
    immutable(&new.selector, &old.selector, selectors::shown, &path.child("selector"), errors);
}

fn replica_set_spec(spec: &ReplicaSetSpec, path: &Path, errors: &mut Errors) {
    nonnegative(i64::from(spec.replicas.unwrap_or(0)), &path.child("replicas"), errors);
    nonnegative(i64::from(spec.min_ready_seconds.unwrap_or(0)), &path.child("minReadySeconds"), errors);
    let empty = PodTemplateSpec::default();
    selector_and_template(&spec.selector, spec.template.as_ref().unwrap_or(&empty), path, errors);
}

/// `ValidateReplicaSetStatusUpdate`.
pub fn replica_set_status_update(new: &ReplicaSet, old: &ReplicaSet, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    let empty = ReplicaSetStatus::default();
    let status = new.status.as_ref().unwrap_or(&empty);
    let labeled = status.fully_labeled_replicas.unwrap_or(0);
    let (ready, available) = (status.ready_replicas.unwrap_or(0), status.available_replicas.unwrap_or(0));
    for (field, value) in [
        ("replicas", i64::from(status.replicas)),
        ("fullyLabeledReplicas", i64::from(labeled)),
        ("readyReplicas", i64::from(ready)),
        ("availableReplicas", i64::from(available)),
        ("observedGeneration", status.observed_generation.unwrap_or(0)),
    ] {
        nonnegative(value, &path.child(field), errors);
    }
    let list = [("fullyLabeledReplicas", labeled), ("readyReplicas", ready), ("availableReplicas", available)];
    counts(&list, status.replicas, (ready, available), &path, errors);
}

/// `ValidateControllerRevision`.
pub fn controller_revision(own: &ControllerRevision, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    if own.data.is_none() {
        errors.push(FieldError::required(&Path::new("data"), "data is mandatory"));
    }
    nonnegative(own.revision, &Path::new("revision"), errors);
}

/// `ValidateControllerRevisionUpdate`.
pub fn controller_revision_update(new: &ControllerRevision, old: &ControllerRevision, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    controller_revision(new, errors);
    immutable_option(&new.data, &old.data, &Path::new("data"), errors);
}
