//! Mirrors pkg/apis/policy/validation for PodDisruptionBudget, and apimachinery's `ValidateConditions`.

use std::collections::BTreeSet;

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::errors::{BadValue, Errors, go_quote};
use super::items;
use super::meta::{label_key, nonnegative, object_meta, object_meta_update};
use super::names::{self, each, path_segment_name};
use super::path::Path;
use super::selectors;
use super::workloads::{at_most_100_percent, int_or_percent};
use crate::api::decode::json_writer::Json;
use crate::api::kind::FieldError;

/// `maxReasonLen` and `maxMessageLen`.
const REASON_BYTES_MAX: usize = 1024;
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// `ValidatePodDisruptionBudget`, after the generic look at its metadata.
pub fn budget(own: &PodDisruptionBudget, errors: &mut Errors) {
    object_meta(&own.metadata, true, path_segment_name, &Path::new("metadata"), errors);
    let empty = PodDisruptionBudgetSpec::default();
    budget_spec(own.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

/// The strategy's update.
pub fn budget_update(new: &PodDisruptionBudget, old: &PodDisruptionBudget, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = PodDisruptionBudgetSpec::default();
    budget_spec(new.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

/// `ValidatePodDisruptionBudgetSpec`.
fn budget_spec(spec: &PodDisruptionBudgetSpec, path: &Path, errors: &mut Errors) {
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let shown = BadValue::raw(internal(spec));
        errors.push(FieldError::invalid(path, shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    for (value, field) in [(&spec.min_available, "minAvailable"), (&spec.max_unavailable, "maxUnavailable")] {
        if let Some(value) = value {
            int_or_percent(value, &path.child(field), errors);
            at_most_100_percent(value, &path.child(field), errors);
        }
    }
    selectors::label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    const POLICIES: &[&str] = &["AlwaysAllow", "IfHealthyBudget"];
    if let Some(policy) = spec.unhealthy_pod_eviction_policy.as_deref().filter(|own| !POLICIES.contains(own)) {
        errors.push(FieldError::not_supported(&path.child("unhealthyPodEvictionPolicy"), policy, POLICIES));
    }
}

/// The spec as Go prints its internal type, which has no JSON names.
fn internal(spec: &PodDisruptionBudgetSpec) -> String {
    let amount = |value: &Option<IntOrString>| match value {
        None => Value::Null,
        Some(IntOrString::Int(number)) => json!(number),
        Some(IntOrString::String(text)) => json!(text),
    };
    let selector = spec.selector.as_ref().map_or_else(|| "null".to_owned(), selectors::shown_text);
    let policy = spec.unhealthy_pod_eviction_policy.as_deref().map_or_else(|| "null".to_owned(), go_quote);
    format!(
        "{{\"MinAvailable\":{},\"Selector\":{selector},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{policy}}}",
        amount(&spec.min_available).json(),
        amount(&spec.max_unavailable).json(),
    )
}

/// `ValidatePodDisruptionBudgetStatusUpdate`.
pub fn budget_status_update(new: &PodDisruptionBudget, old: &PodDisruptionBudget, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    let empty = PodDisruptionBudgetStatus::default();
    let status = new.status.as_ref().unwrap_or(&empty);
    conditions(items(&status.conditions), &path.child("conditions"), errors);
    for (field, value) in [
        ("disruptionsAllowed", status.disruptions_allowed),
        ("currentHealthy", status.current_healthy),
        ("desiredHealthy", status.desired_healthy),
        ("expectedPods", status.expected_pods),
    ] {
        nonnegative(i64::from(value.unwrap_or(0)), &path.child(field), errors);
    }
}

/// `ValidateConditions`.
pub fn conditions(all: &[Condition], path: &Path, errors: &mut Errors) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (index, condition) in all.iter().enumerate() {
        let path = path.index(index);
        if !seen.insert(&condition.type_) {
            errors.push(FieldError::duplicate(&path.child("type"), &condition.type_));
        }
        one_condition(condition, &path, errors);
    }
}

/// `ValidateCondition`.
fn one_condition(condition: &Condition, path: &Path, errors: &mut Errors) {
    label_key(&condition.type_, &path.child("type"), errors);
    const STATUSES: &[&str] = &["False", "True", "Unknown"];
    if !STATUSES.contains(&condition.status.as_str()) {
        errors.push(FieldError::not_supported(&path.child("status"), &condition.status, STATUSES));
    }
    if let Some(generation) = condition.observed_generation.filter(|generation| *generation < 0) {
        let detail = "must be greater than or equal to zero";
        errors.push(FieldError::invalid(&path.child("observedGeneration"), generation, detail));
    }
    let reason_path = path.child("reason");
    if condition.reason.is_empty() {
        errors.push(FieldError::required(&reason_path, "must be set"));
    } else {
        each(names::condition_reason(&condition.reason), &condition.reason, &reason_path, errors);
        if condition.reason.len() > REASON_BYTES_MAX {
            errors.push(FieldError::too_long(&reason_path, REASON_BYTES_MAX));
        }
    }
    if condition.message.len() > MESSAGE_BYTES_MAX {
        errors.push(FieldError::too_long(&path.child("message"), MESSAGE_BYTES_MAX));
    }
}
