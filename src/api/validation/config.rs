//! Mirrors the validation of ConfigMap, Secret, Namespace, ServiceAccount and Lease.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};

use super::equality::immutable_text;
use super::errors::Errors;
use super::meta::{kube_finalizer, object_meta, object_meta_update};
use super::names::{self, each, label_name, subdomain_name};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

const SIZE_BYTES_MAX: usize = 1024 * 1024;
const FROZEN: &str = "field is immutable when `immutable` is set";

/// `ValidateConfigMap`.
pub fn config_map(own: &ConfigMap, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let mut size = 0;
    for (key, value) in own.data.iter().flatten() {
        let path = Path::new("data").key(key);
        each(names::config_map_key(key), key, &path, errors);
        if own.binary_data.as_ref().is_some_and(|binary| binary.contains_key(key)) {
            errors.push(FieldError::invalid(&path, key, "duplicate of key present in binaryData"));
        }
        size += value.len();
    }
    for (key, ByteString(value)) in own.binary_data.iter().flatten() {
        each(names::config_map_key(key), key, &Path::new("binaryData").key(key), errors);
        size += value.len();
    }
    if size > SIZE_BYTES_MAX {
        errors.push(FieldError::too_long(&Path::new(""), SIZE_BYTES_MAX));
    }
}

fn same<V: PartialEq>(a: &Option<BTreeMap<String, V>>, b: &Option<BTreeMap<String, V>>) -> bool {
    a.iter().flatten().eq(b.iter().flatten())
}

/// `ValidateConfigMapUpdate`.
pub fn config_map_update(new: &ConfigMap, old: &ConfigMap, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    if old.immutable == Some(true) {
        for (field, changed) in [
            ("immutable", new.immutable != Some(true)),
            ("data", !same(&new.data, &old.data)),
            ("binaryData", !same(&new.binary_data, &old.binary_data)),
        ] {
            if changed {
                errors.push(FieldError::forbidden(&Path::new(field), FROZEN));
            }
        }
    }
    config_map(new, errors);
}

/// `ValidateSecret`.
pub fn secret(own: &Secret, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let path = Path::new("data");
    let mut size = 0;
    for (key, ByteString(value)) in own.data.iter().flatten() {
        each(names::config_map_key(key), key, &path.key(key), errors);
        size += value.len();
    }
    if size > SIZE_BYTES_MAX {
        errors.push(FieldError::too_long(&path, SIZE_BYTES_MAX));
    }
    let has = |key: &str| own.data.as_ref().is_some_and(|data| data.contains_key(key));
    let mut need = |keys: &[&str]| {
        for key in keys.iter().filter(|key| !has(key)) {
            errors.push(FieldError::required(&path.key(key), ""));
        }
    };
    match text(&own.type_) {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            let named = own.metadata.annotations.as_ref().and_then(|annotations| annotations.get(key));
            if named.is_none_or(String::is_empty) {
                errors.push(FieldError::required(&Path::new("metadata.annotations").key(key), ""));
            }
        }
        "kubernetes.io/dockercfg" => docker_config(own, ".dockercfg", &path, errors),
        "kubernetes.io/dockerconfigjson" => docker_config(own, ".dockerconfigjson", &path, errors),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => need(&["username", "password"]),
        "kubernetes.io/ssh-auth" => {
            let key = own.data.as_ref().and_then(|data| data.get("ssh-privatekey"));
            if key.is_none_or(|ByteString(key)| key.is_empty()) {
                errors.push(FieldError::required(&path.key("ssh-privatekey"), ""));
            }
        }
        "kubernetes.io/tls" => need(&["tls.crt", "tls.key"]),
        _ => {}
    }
}

fn docker_config(own: &Secret, key: &str, path: &Path, errors: &mut Errors) {
    let Some(ByteString(config)) = own.data.as_ref().and_then(|data| data.get(key)) else {
        errors.push(FieldError::required(&path.key(key), ""));
        return;
    };
    if let Some(why) = not_a_json_object(config) {
        errors.push(FieldError::invalid(&path.key(key), "<secret contents redacted>", &why));
    }
}

/// Why Go's `json.Unmarshal` into a map would fail.
fn not_a_json_object(bytes: &[u8]) -> Option<String> {
    use serde_json::Value;
    let kind = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(_) | Value::Null) => return None,
        Ok(Value::Array(_)) => "array",
        Ok(Value::Bool(_)) => "bool",
        Ok(Value::Number(_)) => "number",
        Ok(Value::String(_)) => "string",
        Err(error) if error.is_eof() => return Some("unexpected end of JSON input".to_owned()),
        Err(error) => {
            let at = bytes.get(error.column().saturating_sub(1)).map_or(' ', |byte| char::from(*byte));
            return Some(format!("invalid character '{at}' looking for beginning of value"));
        }
    };
    Some(format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"))
}

/// `ValidateSecretUpdate`.
pub fn secret_update(new: &Secret, old: &Secret, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    immutable_text(text(&new.type_), text(&old.type_), &Path::new("type"), errors);
    if old.immutable == Some(true) {
        for (field, changed) in [("immutable", new.immutable != Some(true)), ("data", !same(&new.data, &old.data))] {
            if changed {
                errors.push(FieldError::forbidden(&Path::new(field), FROZEN));
            }
        }
    }
    secret(new, errors);
}

/// `ValidateNamespace`.
pub fn namespace(own: &Namespace, errors: &mut Errors) {
    object_meta(&own.metadata, false, label_name, &Path::new("metadata"), errors);
    let path = Path::new("spec.finalizers");
    let finalizers = own.spec.as_ref().map(|spec| items(&spec.finalizers)).unwrap_or_default();
    for finalizer in finalizers {
        each(names::qualified_name(finalizer), finalizer, &path, errors);
        kube_finalizer(finalizer, &path, errors);
    }
}

/// The strategy's update: `ValidateNamespace` and `ValidateNamespaceUpdate`.
pub fn namespace_update(new: &Namespace, old: &Namespace, errors: &mut Errors) {
    namespace(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
}

/// `ValidateNamespaceStatusUpdate`.
pub fn namespace_status_update(new: &Namespace, old: &Namespace, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let phase = new.status.as_ref().map_or("", |status| text(&status.phase));
    let path = Path::new("status.Phase");
    if new.metadata.deletion_timestamp.is_none() {
        if phase != "Active" {
            let detail = "may only be 'Active' if `deletionTimestamp` is empty";
            errors.push(FieldError::invalid(&path, phase, detail));
        }
    } else if phase != "Terminating" {
        let detail = "may only be 'Terminating' if `deletionTimestamp` is not empty";
        errors.push(FieldError::invalid(&path, phase, detail));
    }
}

/// `ValidateServiceAccount`.
pub fn service_account(own: &ServiceAccount, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
}

/// `ValidateServiceAccountUpdate`.
pub fn service_account_update(new: &ServiceAccount, old: &ServiceAccount, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    service_account(new, errors);
}

/// `ValidateLease`.
pub fn lease(own: &Lease, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    lease_spec(own, errors);
}

/// `ValidateLeaseUpdate`.
pub fn lease_update(new: &Lease, old: &Lease, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    lease_spec(new, errors);
}

fn lease_spec(own: &Lease, errors: &mut Errors) {
    let Some(spec) = &own.spec else { return };
    let path = Path::new("spec");
    if let Some(seconds) = spec.lease_duration_seconds.filter(|seconds| *seconds <= 0) {
        errors.push(FieldError::invalid(&path.child("leaseDurationSeconds"), seconds, "must be greater than 0"));
    }
    if let Some(count) = spec.lease_transitions.filter(|count| *count < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(&path.child("leaseTransitions"), count, detail));
    }
    if let Some(strategy) = &spec.strategy {
        // Upstream repeats the field's name.
        let path = path.child("strategy").child("strategy");
        if strategy.contains('/') {
            each(names::qualified_name(strategy), strategy, &path, errors);
        } else if strategy != "OldestEmulationVersion" {
            errors.push(FieldError::not_supported(&path, strategy, &["OldestEmulationVersion"]));
        }
    }
    if !text(&spec.preferred_holder).is_empty() && text(&spec.strategy).is_empty() {
        let detail = "may only be specified if `strategy` is defined";
        errors.push(FieldError::forbidden(&path.child("preferredHolder"), detail));
    }
}
