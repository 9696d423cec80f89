//! Mirrors apis/meta/v1/validation.ValidateLabelSelector and metav1.LabelSelectorAsSelector.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::errors::{BadValue, Errors, in_order};
use super::items;
use super::meta;
use super::names::{self, each};
use super::path::Path;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// The selector as an error prints it.
pub fn shown(selector: &LabelSelector) -> BadValue {
    BadValue::raw(shown_text(selector))
}

/// The same text, as a part of a larger value.
pub fn shown_text(selector: &LabelSelector) -> String {
    let mut shown = selector.clone();
    shown.match_labels = shown.match_labels.filter(|labels| !labels.is_empty());
    shown.match_expressions = shown.match_expressions.filter(|expressions| !expressions.is_empty());
    in_order(&shown.write(), &["matchLabels", "matchExpressions"])
}

/// `ValidateLabelSelector`, values strict.
pub fn label_selector(selector: Option<&LabelSelector>, path: &Path, errors: &mut Errors) {
    let Some(selector) = selector else { return };
    meta::labels(selector.match_labels.as_ref(), &path.child("matchLabels"), errors);
    for (index, expression) in items(&selector.match_expressions).iter().enumerate() {
        requirement(expression, &path.child("matchExpressions").index(index), errors);
    }
}

fn requirement(expression: &LabelSelectorRequirement, path: &Path, errors: &mut Errors) {
    let values = items(&expression.values);
    match expression.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&path.child("values"), detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&path.child("values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(FieldError::invalid(&path.child("operator"), other, "not a valid selector operator")),
    }
    meta::label_key(&expression.key, &path.child("key"), errors);
    for (index, value) in values.iter().enumerate() {
        each(names::label_value(value), value, &path.child("values").index(index), errors);
    }
}

/// Whether it selects by nothing. A required selector that a client left out arrives as one in which
/// neither field was given.
pub fn is_unset(selector: &LabelSelector) -> bool {
    selector.match_labels.is_none() && selector.match_expressions.is_none()
}

/// Whether it is there and has no requirement: it would select everything.
pub fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty) && items(&selector.match_expressions).is_empty()
}

/// Whether `LabelSelectorAsSelector` would take it: operators known, keys and values well formed.
pub fn converts(selector: &LabelSelector) -> bool {
    let mut errors = Errors::new();
    label_selector(Some(selector), &Path::new("selector"), &mut errors);
    errors.is_empty()
}

/// Whether it selects these labels.
pub fn matches(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let value = |key: &str| labels.and_then(|labels| labels.get(key));
    selector.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted))
        && items(&selector.match_expressions).iter().all(|expression| {
            let values = items(&expression.values);
            match (expression.operator.as_str(), value(&expression.key)) {
                ("In", Some(value)) => values.contains(value),
                ("NotIn", Some(value)) => !values.contains(value),
                ("Exists", found) => found.is_some(),
                ("NotIn" | "DoesNotExist", found) => found.is_none(),
                _ => false,
            }
        })
}
