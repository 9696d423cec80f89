//! Mirrors pkg/apis/apps/validation for DaemonSet.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetStatus, DaemonSetUpdateStrategy, RollingUpdateDaemonSet,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::equality::immutable;
use super::errors::{BadValue, Errors};
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::subdomain_name;
use super::path::Path;
use super::pod_spec::pod_template;
use super::workloads::{amount, at_most_100_percent, decremented, int_or_percent};
use super::{selectors, text};
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// `ValidateDaemonSet`.
pub fn daemon_set(own: &DaemonSet, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let empty = DaemonSetSpec::default();
    daemon_set_spec(own.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

/// The strategy's update: `ValidateDaemonSet`, `ValidateDaemonSetUpdate`, and the selector that may not change.
pub fn daemon_set_update(new: &DaemonSet, old: &DaemonSet, errors: &mut Errors) {
    daemon_set(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = DaemonSetSpec::default();
    let path = Path::new("spec");
    let (new, old) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    daemon_set_spec(new, &path, errors);
    immutable(&new.selector, &old.selector, selectors::shown, &path.child("selector"), errors);
}

fn daemon_set_spec(spec: &DaemonSetSpec, path: &Path, errors: &mut Errors) {
    let (selector, own) = (&spec.selector, path.child("selector"));
    let unset = selectors::is_unset(selector);
    if !unset {
        selectors::label_selector(Some(selector), &own, errors);
    }
    let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    // A selector left out selects nothing.
    if selectors::converts(selector) && (unset || !selectors::matches(selector, labels)) {
        let shown = labels.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        let detail = "`selector` does not match template `labels`";
        let path = path.child("template").child("metadata").child("labels");
        errors.push(FieldError::invalid(&path, shown, detail));
    }
    if !unset && selectors::is_empty(selector) {
        let detail = "empty selector is invalid for daemonset";
        errors.push(FieldError::invalid(&own, selectors::shown(selector), detail));
    }
    pod_template(&spec.template, &path.child("template"), errors);
    let pod = spec.template.spec.as_ref();
    let restart_policy = pod.map_or("", |pod| text(&pod.restart_policy));
    let pod_path = path.child("template").child("spec");
    if restart_policy != "Always" {
        errors.push(FieldError::not_supported(&pod_path.child("restartPolicy"), restart_policy, &["Always"]));
    }
    if pod.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        let detail = "activeDeadlineSeconds in DaemonSet is not Supported";
        errors.push(FieldError::forbidden(&pod_path.child("activeDeadlineSeconds"), detail));
    }
    nonnegative(i64::from(spec.min_ready_seconds.unwrap_or(0)), &path.child("minReadySeconds"), errors);
    update_strategy(spec.update_strategy.as_ref(), &path.child("updateStrategy"), errors);
    if let Some(limit) = spec.revision_history_limit {
        nonnegative(i64::from(limit), &path.child("revisionHistoryLimit"), errors);
    }
}

fn update_strategy(strategy: Option<&DaemonSetUpdateStrategy>, path: &Path, errors: &mut Errors) {
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    match strategy.map_or("", |strategy| text(&strategy.type_)) {
        "OnDelete" => {}
        "RollingUpdate" => match rolling {
            None => errors.push(FieldError::required(&path.child("rollingUpdate"), "")),
            Some(rolling) => rolling_update(rolling, &path.child("rollingUpdate"), errors),
        },
        other => {
            // With the names of Go's fields, in their order.
            let rolling = rolling.map_or_else(
                || "null".to_owned(),
                |rolling| {
                    let number =
                        |value: &Option<IntOrString>| value.clone().unwrap_or(IntOrString::Int(0)).write().json();
                    let (unavailable, surge) = (number(&rolling.max_unavailable), number(&rolling.max_surge));
                    format!("{{\"MaxUnavailable\":{unavailable},\"MaxSurge\":{surge}}}")
                },
            );
            let shown = BadValue::raw(format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", json!(other).json()));
            errors.push(FieldError::not_supported(path, shown, &["RollingUpdate", "OnDelete"]));
        }
    }
}

fn rolling_update(rolling: &RollingUpdateDaemonSet, path: &Path, errors: &mut Errors) {
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    int_or_percent(unavailable, &unavailable_path, errors);
    int_or_percent(surge, &surge_path, errors);
    at_most_100_percent(unavailable, &unavailable_path, errors);
    at_most_100_percent(surge, &surge_path, errors);
    match (amount(unavailable) != 0, amount(surge) != 0) {
        (true, true) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.push(FieldError::invalid(&surge_path, BadValue::json(surge), detail));
        }
        (false, false) => errors.push(FieldError::required(&unavailable_path, "cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

/// `ValidateDaemonSetStatusUpdate`.
pub fn daemon_set_status_update(new: &DaemonSet, old: &DaemonSet, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    let empty = DaemonSetStatus::default();
    let (status, before) = (new.status.as_ref().unwrap_or(&empty), old.status.as_ref().unwrap_or(&empty));
    for (field, count) in [
        ("currentNumberScheduled", i64::from(status.current_number_scheduled)),
        ("numberMisscheduled", i64::from(status.number_misscheduled)),
        ("desiredNumberScheduled", i64::from(status.desired_number_scheduled)),
        ("numberReady", i64::from(status.number_ready)),
        ("observedGeneration", status.observed_generation.unwrap_or(0)),
        ("updatedNumberScheduled", i64::from(status.updated_number_scheduled.unwrap_or(0))),
        ("numberAvailable", i64::from(status.number_available.unwrap_or(0))),
        ("numberUnavailable", i64::from(status.number_unavailable.unwrap_or(0))),
        ("collisionCount", i64::from(status.collision_count.unwrap_or(0))),
    ] {
        nonnegative(count, &path.child(field), errors);
    }
    decremented(status.collision_count, before.collision_count, &path, errors);
}
