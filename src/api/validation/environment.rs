//! Mirrors `ValidateEnv` and `ValidateEnvFrom`.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};

use super::downward::{ENVIRONMENT_FIELDS, object_field, resource_field};
use super::errors::Errors;
use super::names::{self, each};
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;

/// `ValidateEnv`.
pub fn env(variables: &[EnvVar], path: &Path, errors: &mut Errors) {
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        if variable.name.is_empty() {
            errors.push(FieldError::required(&path.child("name"), ""));
        } else {
            each(names::env_var_name(&variable.name), &variable.name, &path.child("name"), errors);
        }
        value_from(variable, &path.child("valueFrom"), errors);
    }
}

fn key_selector(name: &str, key: &str, path: &Path, errors: &mut Errors) {
    each(names::subdomain_name(name, false), name, &path.child("name"), errors);
    if key.is_empty() {
        errors.push(FieldError::required(&path.child("key"), ""));
    } else {
        each(names::config_map_key(key), key, &path.child("key"), errors);
    }
}

fn value_from(variable: &EnvVar, path: &Path, errors: &mut Errors) {
    let Some(source) = &variable.value_from else { return };
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        object_field(field, ENVIRONMENT_FIELDS, &path.child("fieldRef"), errors);
    }
    if let Some(field) = &source.resource_field_ref {
        sources += 1;
        resource_field(field, false, &path.child("resourceFieldRef"), errors);
    }
    if let Some(reference) = &source.config_map_key_ref {
        sources += 1;
        key_selector(&reference.name, &reference.key, &path.child("configMapKeyRef"), errors);
    }
    if let Some(reference) = &source.secret_key_ref {
        sources += 1;
        key_selector(&reference.name, &reference.key, &path.child("secretKeyRef"), errors);
    }
    sources += usize::from(source.file_key_ref.is_some());
    let detail = if sources == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
    } else if !text(&variable.value).is_empty() {
        "may not be specified when `value` is not empty"
    } else if sources > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    errors.push(FieldError::invalid(path, "", detail));
}

/// `ValidateEnvFrom`.
pub fn env_from(sources: &[EnvFromSource], path: &Path, errors: &mut Errors) {
    for (index, source) in sources.iter().enumerate() {
        let own = path.index(index);
        let prefix = text(&source.prefix);
        if !prefix.is_empty() {
            each(names::env_var_name(prefix), prefix, &own.child("prefix"), errors);
        }
        let named = [
            ("configMapRef", source.config_map_ref.as_ref().map(|reference| reference.name.as_str())),
            ("secretRef", source.secret_ref.as_ref().map(|reference| reference.name.as_str())),
        ];
        let mut count = 0;
        for (field, name) in named {
            let Some(name) = name else { continue };
            count += 1;
            let path = own.child(field).child("name");
            if name.is_empty() {
                errors.push(FieldError::required(&path, ""));
            } else {
                each(names::subdomain_name(name, true), name, &path, errors);
            }
        }
        // Upstream names the whole list here, not the entry.
        if count == 0 {
            errors.push(FieldError::invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
        } else if count > 1 {
            errors.push(FieldError::invalid(path, "", "may not have more than one field specified at a time"));
        }
    }
}
