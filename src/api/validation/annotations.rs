//! Mirrors `ValidatePodSpecificAnnotations` and the agreement of seccomp and AppArmor annotations with
//! the fields that replaced them. Leaves out: tolerations in annotations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::errors::{Errors, go_quote};
use super::path::Path;
use super::security::profile_disagrees;
use super::text;
use super::volume_sources::local_descending_path;
use super::windows::visit;
use crate::api::kind::FieldError;

const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const LOCALHOST: &str = "localhost/";
const SECCOMP_DEFAULTS: &[&str] = &["runtime/default", "docker/default"];

type Annotations = BTreeMap<String, String>;

/// `ValidatePodSpecificAnnotations`.
pub fn pod_specific(annotations: Option<&Annotations>, spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let Some(annotations) = annotations else { return };
    if let Some(value) = annotations.get(MIRROR)
        && text(&spec.node_name).is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(FieldError::invalid(&path.key(MIRROR), value, detail));
    }
    if let Some(cost) = annotations.get(DELETION_COST)
        && !is_deletion_cost(cost)
    {
        errors.push(FieldError::invalid(&path.key(DELETION_COST), cost, "must be a 32bit integer"));
    }
    if let Some(profile) = annotations.get(SECCOMP_POD) {
        seccomp(profile, &path.child(SECCOMP_POD), errors);
    }
    for (key, profile) in annotations.iter().filter(|(key, _)| key.starts_with(SECCOMP_CONTAINER)) {
        seccomp(profile, &path.child(key), errors);
    }
    for (key, profile) in annotations {
        let Some(name) = key.strip_prefix(APP_ARMOR) else { continue };
        if !visit(spec, path).iter().any(|(container, _)| container.name == name) {
            errors.push(FieldError::invalid(&path.key(key), name, "container not found"));
        }
        let known = profile.is_empty() || profile == "runtime/default" || profile == "unconfined";
        if !known && !profile.starts_with(LOCALHOST) {
            let detail = format!("invalid AppArmor profile name: {}", go_quote(profile));
            errors.push(FieldError::invalid(&path.key(key), profile, &detail));
        }
    }
}

/// A number of 32 bits without plus sign or leading zeros.
fn is_deletion_cost(value: &str) -> bool {
    let first_ok = value == "0" || value.starts_with(|c: char| c == '-' || ('1'..='9').contains(&c));
    first_ok && value.parse::<i32>().is_ok()
}

fn seccomp(profile: &str, path: &Path, errors: &mut Errors) {
    if SECCOMP_DEFAULTS.contains(&profile) || profile == "unconfined" {
        return;
    }
    match profile.strip_prefix(LOCALHOST) {
        Some(file) => local_descending_path(file, path, errors),
        None => errors.push(FieldError::invalid(path, profile, "must be a valid seccomp profile")),
    }
}

/// `ValidatePodSpecificAnnotationUpdates`.
pub fn pod_specific_update(
    new: Option<&Annotations>,
    old: Option<&Annotations>,
    spec: &PodSpec,
    path: &Path,
    errors: &mut Errors,
) {
    let of = |annotations: Option<&Annotations>, key: &str| annotations.and_then(|all| all.get(key)).cloned();
    for (key, value) in old.into_iter().flatten() {
        if of(new, key).as_ref() == Some(value) {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            errors.push(FieldError::forbidden(&path.key(key), "may not remove or update AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(FieldError::forbidden(&path.key(key), "may not remove or update mirror pod annotation"));
        }
    }
    for (key, _) in new.into_iter().flatten() {
        if of(old, key).is_some() {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            errors.push(FieldError::forbidden(&path.key(key), "may not add AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(FieldError::forbidden(&path.key(key), "may not add mirror pod annotation"));
        }
    }
    pod_specific(new, spec, path, errors);
}

/// `validateSeccompAnnotationsAndFields`, then `validateAppArmorAnnotationsAndFieldsMatchOnCreate`.
pub fn match_fields(meta: Option<&ObjectMeta>, spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let Some(annotations) = meta.and_then(|meta| meta.annotations.as_ref()) else { return };
    let mut disagree = |what: &str, field: Option<&str>, path: &Path| {
        if let Some(field) = field {
            let noun = if field == "type" { "type" } else { "profile" };
            let detail = format!("{what} {noun} in annotation and field must match");
            errors.push(FieldError::forbidden(&path.child(field), &detail));
        }
    };
    let seccomp_values = (SECCOMP_DEFAULTS, "unconfined", LOCALHOST);
    let of_pod = spec.security_context.as_ref();
    if let Some(profile) = of_pod.and_then(|context| context.seccomp_profile.as_ref())
        && let Some(annotation) = annotations.get(SECCOMP_POD)
    {
        let path = path.child("securityContext").child("seccompProfile");
        let field = profile_disagrees(annotation, &profile.type_, &profile.localhost_profile, seccomp_values);
        disagree("seccomp", field, &path);
    }
    let all = visit(spec, path);
    for (container, path) in &all {
        let profile = container.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
        let annotation = annotations.get(&format!("{SECCOMP_CONTAINER}{}", container.name));
        if let (Some(profile), Some(annotation)) = (profile, annotation) {
            let path = path.child("securityContext").child("seccompProfile");
            let field = profile_disagrees(annotation, &profile.type_, &profile.localhost_profile, seccomp_values);
            disagree("seccomp", field, &path);
        }
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return;
    }
    for (container, path) in &all {
        let own = container.security_context.as_ref().and_then(|context| context.app_armor_profile.as_ref());
        let profile = own.or_else(|| of_pod.and_then(|context| context.app_armor_profile.as_ref()));
        let annotation = annotations.get(&format!("{APP_ARMOR}{}", container.name));
        if let (Some(profile), Some(annotation)) = (profile, annotation) {
            let values: (&[&str], &str, &str) = (&["runtime/default"], "unconfined", LOCALHOST);
            let path = path.child("securityContext").child("appArmorProfile");
            let field = profile_disagrees(annotation, &profile.type_, &profile.localhost_profile, values);
            disagree("apparmor", field, &path);
        }
    }
}
