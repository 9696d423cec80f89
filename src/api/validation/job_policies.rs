//! Mirrors pkg/apis/batch/validation for the pod failure policy and the success policy of a Job, and for
//! lists of indexes.

use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
    SuccessPolicy, SuccessPolicyRule,
};

use super::errors::{BadValue, Errors};
use super::meta::nonnegative;
use super::names;
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];
const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const PATTERNS_MAX: usize = 20;
const SUCCEEDED_INDEXES_MAX: usize = 64 * 1024;

/// One of a list: required, or not among them.
fn one_of(value: &str, list: &[&str], path: &Path, errors: &mut Errors) {
    if value.is_empty() {
        let quoted: Vec<String> = list.iter().map(|value| format!("\"{value}\"")).collect();
        errors.push(FieldError::required(path, &format!("valid values: [{}]", quoted.join(" "))));
    } else if !list.contains(&value) {
        errors.push(FieldError::not_supported(path, value, list));
    }
}

/// `validatePodFailurePolicy`.
pub(super) fn pod_failure_policy(spec: &JobSpec, path: &Path, errors: &mut Errors) {
    let path = path.child("rules");
    let rules = spec.pod_failure_policy.as_ref().map_or(&[][..], |policy| &policy.rules);
    if rules.len() > RULES_MAX {
        errors.push(FieldError::too_many(&path, rules.len(), RULES_MAX));
    }
    for (index, rule) in rules.iter().enumerate() {
        failure_rule(spec, rule, &path.index(index), errors);
    }
}

fn failure_rule(spec: &JobSpec, rule: &PodFailurePolicyRule, path: &Path, errors: &mut Errors) {
    let action = path.child("action");
    one_of(&rule.action, ACTIONS, &action, errors);
    if rule.action == "FailIndex" && spec.backoff_limit_per_index.is_none() {
        errors.push(FieldError::invalid(&action, "FailIndex", "requires the backoffLimitPerIndex to be set"));
    }
    if let Some(codes) = &rule.on_exit_codes {
        exit_codes(spec, codes, &path.child("onExitCodes"), errors);
    }
    let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
    pod_conditions(patterns, &path.child("onPodConditions"), errors);
    if rule.on_exit_codes.is_some() && !patterns.is_empty() {
        let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
        errors.push(FieldError::invalid_as_a_whole(path, detail));
    }
    if rule.on_exit_codes.is_none() && patterns.is_empty() {
        let detail = "specifying one of OnExitCodes and OnPodConditions is required";
        errors.push(FieldError::invalid_as_a_whole(path, detail));
    }
}

fn pod_conditions(patterns: &[PodFailurePolicyOnPodConditionsPattern], path: &Path, errors: &mut Errors) {
    if patterns.len() > PATTERNS_MAX {
        errors.push(FieldError::too_many(path, patterns.len(), PATTERNS_MAX));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        names::each(names::qualified_name(&pattern.type_), &pattern.type_, &path.child("type"), errors);
        one_of(text(&pattern.status), STATUSES, &path.child("status"), errors);
    }
}

fn exit_codes(spec: &JobSpec, codes: &PodFailurePolicyOnExitCodesRequirement, path: &Path, errors: &mut Errors) {
    one_of(&codes.operator, OPERATORS, &path.child("operator"), errors);
    if let Some(name) = &codes.container_name {
        let pod = spec.template.spec.iter();
        let mut containers = pod.flat_map(|pod| pod.containers.iter().chain(pod.init_containers.iter().flatten()));
        if !containers.any(|container| container.name == *name) {
            let detail = "must be one of the container or initContainer names in the pod template";
            errors.push(FieldError::invalid(&path.child("containerName"), name, detail));
        }
    }
    let (path, values) = (path.child("values"), &codes.values);
    if values.is_empty() {
        errors.push(FieldError::invalid(&path, BadValue::json(values), "at least one value is required"));
    } else if values.len() > EXIT_CODES_MAX {
        errors.push(FieldError::too_many(&path, values.len(), EXIT_CODES_MAX));
    }
    for (index, value) in values.iter().enumerate() {
        if codes.operator == "In" && *value == 0 {
            errors.push(FieldError::invalid(&path.index(index), 0, "must not be 0 for the In operator"));
        }
        if values[..index].contains(value) {
            errors.push(FieldError::duplicate(&path.index(index), *value));
        }
    }
    if !values.is_sorted() {
        errors.push(FieldError::invalid(&path, BadValue::json(values), "must be ordered"));
    }
}

/// `validateSuccessPolicy`.
pub(super) fn success_policy(spec: &JobSpec, policy: &SuccessPolicy, path: &Path, errors: &mut Errors) {
    let path = path.child("rules");
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(FieldError::required(&path, detail));
    }
    if policy.rules.len() > RULES_MAX {
        errors.push(FieldError::too_many(&path, policy.rules.len(), RULES_MAX));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        success_rule(spec.completions.unwrap_or(0), rule, &path.index(index), errors);
    }
}

fn success_rule(completions: i32, rule: &SuccessPolicyRule, path: &Path, errors: &mut Errors) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(FieldError::required(path, detail));
    }
    let mut total = 0;
    if let Some(indexes) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if indexes.len() > SUCCEEDED_INDEXES_MAX {
            errors.push(FieldError::too_long(&path, SUCCEEDED_INDEXES_MAX));
        }
        match count_indexes(indexes, completions) {
            Ok(count) => total = count,
            Err(error) => {
                let detail = format!("error parsing succeededIndexes: {error}");
                errors.push(FieldError::invalid(&path, indexes, &detail));
            }
        }
    }
    let Some(count) = rule.succeeded_count else { return };
    let path = path.child("succeededCount");
    nonnegative(i64::from(count), &path, errors);
    let mut at_most = |max: i32, what: &str| {
        if count > max {
            let detail = format!("must be less than or equal to {max} (the number of {what})");
            errors.push(FieldError::invalid(&path, count, &detail));
        }
    };
    at_most(completions, "specified completions");
    if rule.succeeded_indexes.is_some() {
        at_most(total, "indexes in the specified succeededIndexes field");
    }
}

/// `validateIndexesFormat`: how many indexes a list like `0,2-4` has.
///
/// # Errors
/// What is wrong with it, in upstream's words.
pub(super) fn count_indexes(list: &str, completions: i32) -> Result<i32, String> {
    let (mut total, mut last) = (0, None);
    for part in list.split(',').filter(|_| !list.is_empty()) {
        let (first, end) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// `parseIndexInterval`.
pub(super) fn interval(part: &str, completions: i32) -> Result<(i32, i32), String> {
    let index = |text: &str| {
        let index: i32 = text.parse().map_err(|_| format!("cannot convert string to integer for index: \"{text}\""))?;
        if index >= completions { Err(format!("too large index: \"{text}\"")) } else { Ok(index) }
    };
    let ends: Vec<&str> = part.split('-').collect();
    match ends[..] {
        [only] => index(only).map(|only| (only, only)),
        [first, last] => {
            let (first, last) = (index(first)?, index(last)?);
            if first >= last {
                return Err(format!("non-increasing order, previous: {first}, current: {last}"));
            }
            Ok((first, last))
        }
        _ => Err(format!(
            "the fragment \"{part}\" violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}
