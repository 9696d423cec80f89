//! Mirrors apimachinery/pkg/api/validation/objectmeta.go and apis/meta/v1/validation. Leaves out:
//! `managedFields`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::equality::{immutable_option, immutable_text};
use super::errors::{BadValue, Errors, in_order};
use super::names::{self, NameFn, each};
use super::path::Path;
use super::{items, text};
use crate::api::fields::Field;
use crate::api::kind::FieldError;
use crate::sim::Order;

const TOTAL_ANNOTATION_SIZE_BYTES_MAX: usize = 256 * 1024;

/// `ValidateNonnegativeField`.
pub fn nonnegative(value: i64, path: &Path, errors: &mut Errors) {
    if value < 0 {
        errors.push(FieldError::invalid(path, value, "must be greater than or equal to 0"));
    }
}

/// `ValidateObjectMeta` of pkg/apis/core: also the legacy names of finalizers.
pub fn object_meta(meta: &ObjectMeta, namespaced: bool, name: NameFn, path: &Path, errors: &mut Errors) {
    let generate = text(&meta.generate_name);
    if !generate.is_empty() {
        each(name(generate, true), generate, &path.child("generateName"), errors);
    }
    let own = text(&meta.name);
    if own.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "name or generateName is required"));
    } else {
        each(name(own, false), own, &path.child("name"), errors);
    }
    let namespace = text(&meta.namespace);
    if namespaced {
        if namespace.is_empty() {
            errors.push(FieldError::required(&path.child("namespace"), ""));
        } else {
            each(names::label_name(namespace, false), namespace, &path.child("namespace"), errors);
        }
    } else if !namespace.is_empty() {
        errors.push(FieldError::forbidden(&path.child("namespace"), "not allowed on this type"));
    }
    nonnegative(meta.generation.unwrap_or(0), &path.child("generation"), errors);
    labels(meta.labels.as_ref(), &path.child("labels"), errors);
    annotations(meta.annotations.as_ref(), &path.child("annotations"), errors);
    owner_references(items(&meta.owner_references), &path.child("ownerReferences"), errors);
    finalizers(items(&meta.finalizers), &path.child("finalizers"), errors);
    kube_finalizers(items(&meta.finalizers), &path.child("finalizers"), errors);
}

/// `ValidateObjectMetaUpdate` of pkg/apis/core.
pub fn object_meta_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path, errors: &mut Errors) {
    if old.deletion_timestamp.is_some() {
        no_new_finalizers(items(&new.finalizers), items(&old.finalizers), &path.child("finalizers"), errors);
    }
    let version = text(&new.resource_version);
    if version.is_empty() {
        errors.push(FieldError::invalid(&path.child("resourceVersion"), version, "must be specified for an update"));
    }
    let generation = new.generation.unwrap_or(0);
    if generation < old.generation.unwrap_or(0) {
        errors.push(FieldError::invalid(&path.child("generation"), generation, "must not be decremented"));
    }
    immutable_text(text(&new.name), text(&old.name), &path.child("name"), errors);
    immutable_text(text(&new.namespace), text(&old.namespace), &path.child("namespace"), errors);
    immutable_text(text(&new.uid), text(&old.uid), &path.child("uid"), errors);
    immutable_option(&new.creation_timestamp, &old.creation_timestamp, &path.child("creationTimestamp"), errors);
    immutable_option(&new.deletion_timestamp, &old.deletion_timestamp, &path.child("deletionTimestamp"), errors);
    immutable_option(
        &new.deletion_grace_period_seconds,
        &old.deletion_grace_period_seconds,
        &path.child("deletionGracePeriodSeconds"),
        errors,
    );
    labels(new.labels.as_ref(), &path.child("labels"), errors);
    annotations(new.annotations.as_ref(), &path.child("annotations"), errors);
    owner_references(items(&new.owner_references), &path.child("ownerReferences"), errors);
    kube_finalizers(items(&new.finalizers), &path.child("finalizers"), errors);
}

/// `ValidateLabelName`.
pub fn label_key(key: &str, path: &Path, errors: &mut Errors) {
    each(names::qualified_name(key), key, path, errors);
}

/// `ValidateLabels`.
pub fn labels(labels: Option<&BTreeMap<String, String>>, path: &Path, errors: &mut Errors) {
    for (key, value) in labels.into_iter().flatten() {
        label_key(key, path, errors);
        each(names::label_value(value), value, path, errors);
    }
}

/// `ValidateAnnotations`.
pub fn annotations(annotations: Option<&BTreeMap<String, String>>, path: &Path, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        // A qualified name in which case does not matter.
        each(names::qualified_name(&key.to_lowercase()), key, path, errors);
        size += key.len() + value.len();
    }
    if size > TOTAL_ANNOTATION_SIZE_BYTES_MAX {
        errors.push(FieldError::too_long(path, TOTAL_ANNOTATION_SIZE_BYTES_MAX));
    }
}

/// An owner reference as Go prints it.
fn shown_owner(owner: &OwnerReference) -> String {
    in_order(&owner.write(), &["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"])
}

fn owner_reference(owner: &OwnerReference, path: &Path, errors: &mut Errors) {
    let api_version = owner.api_version.as_str();
    // `schema.FromAPIVersionAndKind`: more than one slash gives neither group nor version.
    let version = match api_version.split('/').collect::<Vec<_>>().as_slice() {
        [version] | [_, version] => *version,
        _ => "",
    };
    if version.is_empty() {
        errors.push(FieldError::invalid(&path.child("apiVersion"), api_version, "version must not be empty"));
    }
    if owner.kind.is_empty() {
        errors.push(FieldError::invalid(&path.child("kind"), "", "must not be empty"));
    }
    if owner.name.is_empty() {
        errors.push(FieldError::invalid(&path.child("name"), "", "must not be empty"));
    }
    if owner.uid.is_empty() {
        errors.push(FieldError::invalid(&path.child("uid"), "", "must not be empty"));
    }
    if api_version == "v1" && owner.kind == "Event" {
        let shown = BadValue::raw(shown_owner(owner));
        errors.push(FieldError::invalid(path, shown, "/v1, Kind=Event is disallowed from being an owner"));
    }
}

fn owner_references(owners: &[OwnerReference], path: &Path, errors: &mut Errors) {
    let mut first: Option<String> = None;
    for owner in owners {
        owner_reference(owner, path, errors);
        if owner.controller != Some(true) {
            continue;
        }
        let current = format!("{}/{}", owner.kind, owner.name);
        match &first {
            Some(first) => {
                let shown = format!("[{}]", owners.iter().map(shown_owner).collect::<Vec<_>>().join(","));
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {current}"
                );
                errors.push(FieldError::invalid(path, BadValue::raw(shown), &detail));
            }
            None => first = Some(current),
        }
    }
}

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

fn finalizers(finalizers: &[String], path: &Path, errors: &mut Errors) {
    for finalizer in finalizers {
        each(names::qualified_name(finalizer), finalizer, path, errors);
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN) && has(FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(FieldError::invalid(path, BadValue::list(finalizers), &detail));
    }
}

/// `validateKubeFinalizerName` on a list, each under its own index.
fn kube_finalizers(finalizers: &[String], path: &Path, errors: &mut Errors) {
    for (index, finalizer) in finalizers.iter().enumerate() {
        kube_finalizer(finalizer, &path.index(index), errors);
    }
}

/// `validateKubeFinalizerName`: a name without a domain must be one of the standard ones.
pub fn kube_finalizer(finalizer: &str, path: &Path, errors: &mut Errors) {
    if !finalizer.contains('/') && !matches!(finalizer, "kubernetes" | ORPHAN | FOREGROUND) {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(FieldError::invalid(path, finalizer, detail));
    }
}

fn no_new_finalizers(new: &[String], old: &[String], path: &Path, errors: &mut Errors) {
    let mut extra: Vec<&str> = new.iter().filter(|name| !old.contains(name)).map(String::as_str).collect();
    extra.order();
    extra.dedup();
    if !extra.is_empty() {
        let quoted: Vec<String> = extra.iter().map(|name| super::errors::go_quote(name)).collect();
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            quoted.join(", ")
        );
        errors.push(FieldError::forbidden(path, &detail));
    }
}
