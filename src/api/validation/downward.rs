//! Mirrors `validateObjectFieldSelector` and `validateContainerResourceFieldSelector`: what the
//! downward API may refer to.

use k8s_openapi::api::core::v1::{ObjectFieldSelector, ResourceFieldSelector};

use super::errors::Errors;
use super::names::{self, each};
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

/// The field paths an environment variable may take.
pub const ENVIRONMENT_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The field paths a file of a downward API volume may take.
pub const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const BYTE_DIVISORS: &[&str] = &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// `SplitMaybeSubscriptedPath`: `metadata.labels['app']` into `metadata.labels` and `app`.
pub fn split_subscript(path: &str) -> Option<(&str, &str)> {
    let (field, key) = path.strip_suffix("']")?.split_once("['")?;
    (!field.is_empty()).then_some((field, key))
}

/// `ConvertDownwardAPIFieldLabel`.
fn convert(version: &str, label: &str) -> Result<String, String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    if let Some((field, _)) = split_subscript(label) {
        return match field {
            "metadata.annotations" | "metadata.labels" => Ok(label.to_owned()),
            _ => Err(format!("field label does not support subscript: {label}")),
        };
    }
    match label {
        "metadata.annotations"
        | "metadata.labels"
        | "metadata.name"
        | "metadata.namespace"
        | "metadata.uid"
        | "spec.nodeName"
        | "spec.restartPolicy"
        | "spec.serviceAccountName"
        | "spec.schedulerName"
        | "status.phase"
        | "status.hostIP"
        | "status.hostIPs"
        | "status.podIP"
        | "status.podIPs" => Ok(label.to_owned()),
        // What old v1 clients send.
        "spec.host" => Ok("spec.nodeName".to_owned()),
        _ => Err(format!("field label not supported: {label}")),
    }
}

/// `validateObjectFieldSelector`.
pub fn object_field(selector: &ObjectFieldSelector, allowed: &[&str], path: &Path, errors: &mut Errors) {
    let version = text(&selector.api_version);
    if version.is_empty() {
        errors.push(FieldError::required(&path.child("apiVersion"), ""));
        return;
    }
    let wanted = selector.field_path.as_str();
    if wanted.is_empty() {
        errors.push(FieldError::required(&path.child("fieldPath"), ""));
        return;
    }
    let internal = match convert(version, wanted) {
        Ok(internal) => internal,
        Err(why) => {
            let detail = format!("error converting fieldPath: {why}");
            errors.push(FieldError::invalid(&path.child("fieldPath"), wanted, &detail));
            return;
        }
    };
    match split_subscript(&internal) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            each(names::qualified_name(&key), &key, path, errors);
        }
        Some((_, key)) => each(names::qualified_name(key), key, path, errors),
        None if !allowed.contains(&internal.as_str()) => {
            errors.push(FieldError::not_supported(&path.child("fieldPath"), internal.as_str(), allowed));
        }
        None => {}
    }
}

/// `validateContainerResourceFieldSelector`; in a volume the container must be named.
pub fn resource_field(selector: &ResourceFieldSelector, in_volume: bool, path: &Path, errors: &mut Errors) {
    let resource = selector.resource.as_str();
    let huge = resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-");
    if in_volume && text(&selector.container_name).is_empty() {
        errors.push(FieldError::required(&path.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(FieldError::required(&path.child("resource"), ""));
    } else if !RESOURCES.contains(&resource) && !huge {
        errors.push(FieldError::not_supported(&path.child("resource"), resource, RESOURCES));
    }
    let divisor = selector.divisor.as_ref().map(Quantity::of).unwrap_or_default();
    if divisor.is_zero() {
        return;
    }
    let bytes = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let (allowed, list, what): (&[&str], &str, &str) = match resource {
        "limits.cpu" | "requests.cpu" => (&["1m", "1"], "1m and 1", "cpu"),
        "limits.memory" | "requests.memory" => (BYTE_DIVISORS, bytes, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (BYTE_DIVISORS, bytes, "local ephemeral storage"),
        _ if huge => (BYTE_DIVISORS, bytes, "hugepages"),
        _ => return,
    };
    if !allowed.contains(&divisor.to_string().as_str()) {
        let detail = format!("only divisor's values {list} are supported with the {what} resource");
        errors.push(FieldError::invalid(&path.child("divisor"), resource, &detail));
    }
}
