//! Mirrors pkg/apis/core/helper: which resource names are standard, native, extended, whole numbers.

use super::errors::Errors;
use super::names::{self, each};
use super::path::Path;
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

const STANDARD: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

const WHOLE: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// `hugepages-2Mi`.
pub fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Without a domain, or under `kubernetes.io`.
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Under a domain of its own: `example.com/gpu`.
pub fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether a container may ask for less than its limit.
pub fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-")
}

/// `IsStandardQuotaResourceName`: what a quota may name without a domain.
pub fn is_standard_quota(name: &str) -> bool {
    name != "storage" && is_standard(name)
}

/// `validateResourceName`.
pub fn resource_name(name: &str, path: &Path, errors: &mut Errors) -> bool {
    let wrong = names::qualified_name(name);
    if !wrong.is_empty() {
        each(wrong, name, path, errors);
        return false;
    }
    if !name.contains('/') && !is_standard(name) {
        errors.push(FieldError::invalid(path, name, "must be a standard resource type or fully qualified"));
        return false;
    }
    true
}

/// `validateContainerResourceName`.
pub fn container_resource_name(name: &str, path: &Path, errors: &mut Errors) {
    resource_name(name, path, errors);
    if !name.contains('/') {
        if !matches!(name, "cpu" | "ephemeral-storage" | "memory") && !is_huge_page(name) {
            errors.push(FieldError::invalid(path, name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.push(FieldError::invalid(path, name, "doesn't follow extended resource name standard"));
    }
}

/// `validatePodResourceName`: what pod-level resources may name.
pub fn pod_resource_name(name: &str, path: &Path, errors: &mut Errors) {
    if resource_name(name, path, errors) && !crate::api::resources::is_pod_level_resource(name) {
        errors.push(FieldError::not_supported(path, name, &["cpu", "hugepages-", "memory"]));
    }
}

/// `ValidateResourceQuantityValue`: not negative, and whole where only whole numbers make sense.
pub fn quantity_value(name: &str, quantity: &Quantity, path: &Path, errors: &mut Errors) {
    if quantity.sign() < 0 {
        errors.push(FieldError::invalid(path, quantity.to_string(), "must be greater than or equal to 0"));
    }
    if (WHOLE.contains(&name) || is_extended(name)) && quantity.milli_value() % 1000 != 0 {
        errors.push(FieldError::invalid(path, quantity.to_string(), "must be an integer"));
    }
}
