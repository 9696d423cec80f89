//! Mirrors `validateTopologySpreadConstraints`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;

use super::errors::Errors;
use super::items;
use super::meta::label_key;
use super::path::Path;
use super::selectors::label_selector;
use crate::api::kind::FieldError;

/// `validateTopologySpreadConstraints`.
pub fn topology_spread_constraints(list: &[TopologySpreadConstraint], path: &Path, errors: &mut Errors) {
    for (index, constraint) in list.iter().enumerate() {
        let path = path.index(index);
        let (key, action) = (constraint.topology_key.as_str(), constraint.when_unsatisfiable.as_str());
        if constraint.max_skew <= 0 {
            let detail = "must be greater than zero";
            errors.push(FieldError::invalid(&path.child("maxSkew"), constraint.max_skew, detail));
        }
        if key.is_empty() {
            errors.push(FieldError::required(&path.child("topologyKey"), "can not be empty"));
        }
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            let path = path.child("whenUnsatisfiable");
            errors.push(FieldError::not_supported(&path, action, &["DoNotSchedule", "ScheduleAnyway"]));
        }
        let same = |other: &&TopologySpreadConstraint| other.topology_key == key && other.when_unsatisfiable == action;
        if list[index + 1..].iter().find(same).is_some() {
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            errors.push(FieldError::duplicate(&path, format!("{{{key}, {action}}}")));
        }
        min_domains(constraint.min_domains, action, &path.child("minDomains"), errors);
        node_policy(constraint.node_affinity_policy.as_deref(), &path.child("nodeAffinityPolicy"), errors);
        node_policy(constraint.node_taints_policy.as_deref(), &path.child("nodeTaintsPolicy"), errors);
        match_label_keys(constraint, &path.child("matchLabelKeys"), errors);
        label_selector(constraint.label_selector.as_ref(), &path.child("labelSelector"), errors);
    }
}

fn min_domains(least: Option<i32>, action: &str, path: &Path, errors: &mut Errors) {
    let Some(least) = least else { return };
    if least <= 0 {
        errors.push(FieldError::invalid(path, least, "must be greater than zero"));
    }
    if action != "DoNotSchedule" {
        let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.push(FieldError::invalid(path, least, &detail));
    }
}

fn node_policy(policy: Option<&str>, path: &Path, errors: &mut Errors) {
    if let Some(policy) = policy
        && !matches!(policy, "Honor" | "Ignore")
    {
        errors.push(FieldError::not_supported(path, policy, &["Honor", "Ignore"]));
    }
}

fn match_label_keys(constraint: &TopologySpreadConstraint, path: &Path, errors: &mut Errors) {
    let keys = items(&constraint.match_label_keys);
    if keys.is_empty() {
        return;
    }
    let mut selected: BTreeSet<&str> = BTreeSet::new();
    match &constraint.label_selector {
        Some(selector) => {
            selected.extend(selector.match_labels.iter().flatten().map(|(key, _)| key.as_str()));
            selected.extend(items(&selector.match_expressions).iter().map(|expression| expression.key.as_str()));
        }
        None => errors.push(FieldError::forbidden(path, "must not be specified when labelSelector is not set")),
    }
    for (index, key) in keys.iter().enumerate() {
        label_key(key, &path.index(index), errors);
        if selected.contains(key.as_str()) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.push(FieldError::invalid(&path.index(index), key, detail));
        }
    }
}
