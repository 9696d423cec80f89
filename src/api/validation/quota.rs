//! Mirrors pkg/apis/core/validation for ResourceQuota.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec, ScopeSelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::errors::{BadValue, Errors};
use super::items;
use super::meta::{object_meta, object_meta_update};
use super::names::subdomain_name;
use super::path::Path;
use super::resource_names::{is_standard_quota, quantity_value, resource_name};
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

type List = Option<BTreeMap<String, Text>>;

const COMPUTE: &[&str] = &["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

/// `ValidateResourceQuota`.
pub fn resource_quota(own: &ResourceQuota, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    spec(own, errors);
    status(own, errors);
}

/// `ValidateResourceQuotaUpdate`, after the strategy's own look at the new object.
pub fn resource_quota_update(new: &ResourceQuota, old: &ResourceQuota, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    spec(new, errors);
    let scopes = |quota: &ResourceQuota| -> BTreeSet<String> {
        quota.spec.iter().flat_map(|spec| items(&spec.scopes)).cloned().collect()
    };
    if scopes(new) != scopes(old) {
        let given = new.spec.as_ref().and_then(|spec| spec.scopes.as_ref());
        let shown = given.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        errors.push(FieldError::invalid(&Path::new("spec").child("scopes"), shown, "field is immutable"));
    }
}

/// `ValidateResourceQuotaStatusUpdate`.
pub fn resource_quota_status_update(new: &ResourceQuota, old: &ResourceQuota, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    status(new, errors);
}

fn status(own: &ResourceQuota, errors: &mut Errors) {
    let path = Path::new("status");
    if let Some(status) = &own.status {
        amounts(&status.hard, &path.child("hard"), errors);
        amounts(&status.used, &path.child("used"), errors);
    }
}

/// `ValidateResourceQuotaResourceName` and `ValidateResourceQuantityValue` of every entry.
fn amounts(list: &List, path: &Path, errors: &mut Errors) {
    for (name, quantity) in list.iter().flatten() {
        let path = path.key(name);
        resource_name(name, &path, errors);
        if !name.contains('/') && !is_standard_quota(name) {
            errors.push(FieldError::invalid(&path, name, "must be a standard resource for quota"));
        }
        quantity_value(name, &Quantity::of(quantity), &path, errors);
    }
}

/// `ValidateResourceQuotaSpec`.
fn spec(own: &ResourceQuota, errors: &mut Errors) {
    let Some(spec) = &own.spec else { return };
    let path = Path::new("spec");
    amounts(&spec.hard, &path.child("hard"), errors);
    scopes(spec, &path.child("scopes"), errors);
    if let Some(selector) = &spec.scope_selector {
        scope_selector(spec, selector, &path.child("scopeSelector").child("matchExpressions"), errors);
    }
}

fn is_scope(scope: &str) -> bool {
    matches!(
        scope,
        "BestEffort"
            | "CrossNamespacePodAffinity"
            | "NotBestEffort"
            | "NotTerminating"
            | "PriorityClass"
            | "Terminating"
            | "VolumeAttributesClass"
    )
}

/// `IsResourceQuotaScopeValidForResource`.
fn applies(scope: &str, resource: &str) -> bool {
    match scope {
        "CrossNamespacePodAffinity" | "NotBestEffort" | "NotTerminating" | "PriorityClass" | "Terminating" => {
            resource == "pods" || COMPUTE.contains(&resource)
        }
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

/// The hard limits that a scope cannot be applied to.
fn strangers<'a>(spec: &'a ResourceQuotaSpec, scope: &'a str) -> impl Iterator<Item = &'a String> {
    let names = spec.hard.iter().flat_map(BTreeMap::keys);
    names.filter(move |name| is_standard_quota(name) && !applies(scope, name))
}

/// Pairs of scopes that no object has both of.
fn conflicts(set: &BTreeSet<&str>) -> usize {
    let pairs = [("BestEffort", "NotBestEffort"), ("NotTerminating", "Terminating")];
    pairs.iter().filter(|(one, other)| set.contains(one) && set.contains(other)).count()
}

/// `validateResourceQuotaScopes`.
fn scopes(spec: &ResourceQuotaSpec, path: &Path, errors: &mut Errors) {
    let scopes = items(&spec.scopes);
    let mut bad = |detail: &str| errors.push(FieldError::invalid(path, BadValue::list(scopes), detail));
    for scope in scopes {
        if !is_scope(scope) {
            bad("unsupported scope");
        }
        strangers(spec, scope).for_each(|_| bad("unsupported scope applied to resource"));
    }
    let set = scopes.iter().map(String::as_str).collect();
    (0..conflicts(&set)).for_each(|_| bad("conflicting scopes"));
}

/// The selector as Go prints its internal type, which has no JSON names.
fn internal(selector: &ScopeSelector) -> BadValue {
    let texts: Vec<String> = items(&selector.match_expressions)
        .iter()
        .map(|own| {
            let (scope, operator, values) =
                (own.scope_name.write().json(), own.operator.write().json(), own.values.write().json());
            format!("{{\"ScopeName\":{scope},\"Operator\":{operator},\"Values\":{values}}}")
        })
        .collect();
    BadValue::raw(format!("{{\"MatchExpressions\":[{}]}}", texts.join(",")))
}

/// `validateScopedResourceSelectorRequirement`.
fn scope_selector(spec: &ResourceQuotaSpec, selector: &ScopeSelector, path: &Path, errors: &mut Errors) {
    let mut set: BTreeSet<&str> = BTreeSet::new();
    for own in items(&selector.match_expressions) {
        let (scope, operator) = (own.scope_name.as_str(), own.operator.as_str());
        if !is_scope(scope) {
            errors.push(FieldError::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        }
        for _ in strangers(spec, scope) {
            errors.push(FieldError::invalid(path, internal(selector), "unsupported scope applied to resource"));
        }
        let by_value = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if is_scope(scope) && !by_value && operator != "Exists" {
            let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                          ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                          ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(FieldError::invalid(&path.child("operator"), operator, detail));
        }
        let values = items(&own.values);
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.push(FieldError::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errors.push(FieldError::invalid(&path.child("values"), BadValue::list(values), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.push(FieldError::invalid(&path.child("operator"), other, "not a valid selector operator")),
        }
        set.insert(scope);
    }
    for _ in 0..conflicts(&set) {
        let shown = spec.scopes.as_ref().map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        errors.push(FieldError::invalid(path, shown, "conflicting scopes"));
    }
}
