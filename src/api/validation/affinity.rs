//! Mirrors `validateAffinity`: node affinity, pod affinity and anti-affinity.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::errors::Errors;
use super::items;
use super::meta::label_key;
use super::names::{self, each};
use super::path::Path;
use super::selectors::label_selector;
use crate::api::kind::FieldError;
use crate::sim::Gather;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// `validateAffinity`.
pub fn affinity(affinity: Option<&Affinity>, path: &Path, errors: &mut Errors) {
    let Some(affinity) = affinity else { return };
    if let Some(own) = &affinity.node_affinity {
        node_affinity(own, &path.child("nodeAffinity"), errors);
    }
    if let Some(own) = &affinity.pod_affinity {
        let path = path.child("podAffinity");
        terms(items(&own.required_during_scheduling_ignored_during_execution), &path.child(REQUIRED), errors);
        weighted(items(&own.preferred_during_scheduling_ignored_during_execution), &path.child(PREFERRED), errors);
    }
    if let Some(own) = &affinity.pod_anti_affinity {
        let path = path.child("podAntiAffinity");
        terms(items(&own.required_during_scheduling_ignored_during_execution), &path.child(REQUIRED), errors);
        weighted(items(&own.preferred_during_scheduling_ignored_during_execution), &path.child(PREFERRED), errors);
    }
}

fn node_affinity(affinity: &NodeAffinity, path: &Path, errors: &mut Errors) {
    if let Some(selector) = &affinity.required_during_scheduling_ignored_during_execution {
        node_selector(selector, &path.child(REQUIRED), errors);
    }
    let preferred = items(&affinity.preferred_during_scheduling_ignored_during_execution);
    for (index, term) in preferred.iter().enumerate() {
        let path = path.child(PREFERRED).index(index);
        weight(term.weight, &path, errors);
        // Preferred terms may name values no label can have.
        node_selector_term(&term.preference, false, &path.child("preference"), errors);
    }
}

fn weight(weight: i32, path: &Path, errors: &mut Errors) {
    if !(1..=100).contains(&weight) {
        errors.push(FieldError::invalid(&path.child("weight"), weight, "must be in the range 1-100"));
    }
}

/// `ValidateNodeSelector`.
pub fn node_selector(selector: &NodeSelector, path: &Path, errors: &mut Errors) {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        errors.push(FieldError::required(&path, "must have at least one node selector term"));
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        node_selector_term(term, true, &path.index(index), errors);
    }
}

fn node_selector_term(term: &NodeSelectorTerm, strict_values: bool, path: &Path, errors: &mut Errors) {
    for (index, requirement) in items(&term.match_expressions).iter().enumerate() {
        node_requirement(requirement, strict_values, &path.child("matchExpressions").index(index), errors);
    }
    for (index, requirement) in items(&term.match_fields).iter().enumerate() {
        node_field_requirement(requirement, &path.child("matchFields").index(index), errors);
    }
}

fn node_requirement(requirement: &NodeSelectorRequirement, strict_values: bool, path: &Path, errors: &mut Errors) {
    let values = items(&requirement.values);
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&values_path, detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&values_path, detail));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(&values_path, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(FieldError::invalid(&path.child("operator"), other, "not a valid selector operator")),
    }
    label_key(&requirement.key, &path.child("key"), errors);
    if strict_values {
        for (index, value) in values.iter().enumerate() {
            each(names::label_value(value), value, &values_path.index(index), errors);
        }
    }
}

fn node_field_requirement(requirement: &NodeSelectorRequirement, path: &Path, errors: &mut Errors) {
    let values = items(&requirement.values);
    match requirement.operator.as_str() {
        "In" | "NotIn" => {
            if values.len() != 1 {
                let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.push(FieldError::required(&path.child("values"), detail));
            }
        }
        other => errors.push(FieldError::invalid(&path.child("operator"), other, "not a valid selector operator")),
    }
    if requirement.key == "metadata.name" {
        for (index, value) in values.iter().enumerate() {
            each(names::subdomain_name(value, false), value, &path.child("values").index(index), errors);
        }
    } else {
        let detail = "not a valid field selector key";
        errors.push(FieldError::invalid(&path.child("key"), requirement.key.as_str(), detail));
    }
}

fn terms(list: &[PodAffinityTerm], path: &Path, errors: &mut Errors) {
    for (index, term) in list.iter().enumerate() {
        pod_affinity_term(term, &path.index(index), errors);
    }
}

fn weighted(list: &[WeightedPodAffinityTerm], path: &Path, errors: &mut Errors) {
    for (index, term) in list.iter().enumerate() {
        let path = path.index(index);
        weight(term.weight, &path, errors);
        pod_affinity_term(&term.pod_affinity_term, &path.child("podAffinityTerm"), errors);
    }
}

fn pod_affinity_term(term: &PodAffinityTerm, path: &Path, errors: &mut Errors) {
    label_selector(term.label_selector.as_ref(), &path.child("labelSelector"), errors);
    label_selector(term.namespace_selector.as_ref(), &path.child("namespaceSelector"), errors);
    for name in items(&term.namespaces) {
        each(names::label_name(name, false), name, &path.child("namespace"), errors);
    }
    match_label_keys(term, path, errors);
    if term.topology_key.is_empty() {
        errors.push(FieldError::required(&path.child("topologyKey"), "can not be empty"));
    }
    label_key(&term.topology_key, &path.child("topologyKey"), errors);
}

/// `validateMatchLabelKeysAndMismatchLabelKeys`.
fn match_label_keys(term: &PodAffinityTerm, path: &Path, errors: &mut Errors) {
    let selector = term.label_selector.as_ref();
    let (wanted, unwanted) = (items(&term.match_label_keys), items(&term.mismatch_label_keys));
    label_keys(wanted, selector, &path.child("matchLabelKeys"), errors);
    label_keys(unwanted, selector, &path.child("mismatchLabelKeys"), errors);
    if let Some(selector) = selector {
        let index_of: BTreeMap<&str, usize> =
            wanted.iter().enumerate().map(|(index, key)| (key.as_str(), index)).gather();
        let mut seen: BTreeSet<&str> = selector.match_labels.iter().flatten().map(|(key, _)| key.as_str()).collect();
        for expression in items(&selector.match_expressions) {
            let key = expression.key.as_str();
            if let Some(index) = index_of.get(key)
                && seen.contains(key)
            {
                let detail = "exists in both matchLabelKeys and labelSelector";
                errors.push(FieldError::invalid(&path.index(*index), key, detail));
            }
            seen.insert(key);
        }
    }
    for (index, key) in wanted.iter().enumerate() {
        if unwanted.contains(key) {
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.push(FieldError::invalid(&path.child("matchLabelKeys").index(index), key, detail));
        }
    }
}

fn label_keys(keys: &[String], selector: Option<&LabelSelector>, path: &Path, errors: &mut Errors) {
    if keys.is_empty() {
        return;
    }
    if selector.is_none() {
        errors.push(FieldError::forbidden(path, "must not be specified when labelSelector is not set"));
        return;
    }
    for (index, key) in keys.iter().enumerate() {
        label_key(key, &path.index(index), errors);
    }
}
