//! Mirrors pkg/apis/core/validation for PersistentVolumeClaim. Leaves out: the states of a resize in its status,
//! and the difference that the refusal of a change ends in.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::equality::{immutable_option, semantically_equal};
use super::errors::Errors;
use super::meta::{object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::{items, selectors, text};
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// `ValidatePersistentVolumeClaim`.
pub fn claim(own: &PersistentVolumeClaim, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let empty = PersistentVolumeClaimSpec::default();
    claim_spec(own.spec.as_ref().unwrap_or(&empty), &Path::new("spec"), errors);
}

fn requested(spec: &PersistentVolumeClaimSpec) -> Option<&Text> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage")
}

/// Each mode is one that there is; a volume for one pod alone is for no other.
pub fn access_modes(modes: &[String], path: &Path, errors: &mut Errors) {
    for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(&mode.as_str())) {
        errors.push(FieldError::not_supported(path, mode, ACCESS_MODES));
    }
    let alone = |mode: &String| mode == "ReadWriteOncePod";
    if modes.iter().any(alone) && modes.iter().any(|mode| ACCESS_MODES.contains(&mode.as_str()) && !alone(mode)) {
        errors.push(FieldError::forbidden(path, "may not use ReadWriteOncePod with other access modes"));
    }
}

/// `ValidatePersistentVolumeClaimSpec`.
pub fn claim_spec(spec: &PersistentVolumeClaimSpec, path: &Path, errors: &mut Errors) {
    let modes = items(&spec.access_modes);
    let modes_path = path.child("accessModes");
    if modes.is_empty() {
        errors.push(FieldError::required(&modes_path, "at least 1 access mode is required"));
    }
    selectors::label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    access_modes(modes, &modes_path, errors);
    let storage_path = path.child("resources").key("storage");
    match requested(spec) {
        None => errors.push(FieldError::required(&storage_path, "")),
        Some(storage) if Quantity::of(storage) <= Quantity::default() => {
            errors.push(FieldError::invalid(&storage_path, storage.0.as_str(), "must be greater than zero"));
        }
        Some(_) => {}
    }
    let class = text(&spec.storage_class_name);
    if !class.is_empty() {
        each(names::dns1123_subdomain(class), class, &path.child("storageClassName"), errors);
    }
    if let Some(mode) = spec.volume_mode.as_deref().filter(|mode| !matches!(*mode, "Block" | "Filesystem")) {
        errors.push(FieldError::not_supported(&path.child("volumeMode"), mode, &["Block", "Filesystem"]));
    }
    data_sources(spec, path, errors);
    let class = text(&spec.volume_attributes_class_name);
    if !class.is_empty() {
        each(names::dns1123_subdomain(class), class, &path.child("volumeAttributesClassName"), errors);
    }
}

/// `validateDataSource` and `validateDataSourceRef`, and that the two say the same.
fn data_sources(spec: &PersistentVolumeClaimSpec, path: &Path, errors: &mut Errors) {
    let mut one = |field: &str, group: &Option<String>, kind: &str, name: &str| {
        let path = path.child(field);
        for (field, _) in [("name", name), ("kind", kind)].iter().filter(|(_, value)| value.is_empty()) {
            errors.push(FieldError::required(&path.child(field), ""));
        }
        let group = text(group);
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(FieldError::invalid(&path, kind, detail));
        }
        if !group.is_empty() {
            each(names::dns1123_subdomain(group), group, &path.child("apiGroup"), errors);
        }
    };
    let (source, reference) = (spec.data_source.as_ref(), spec.data_source_ref.as_ref());
    if let Some(own) = source {
        one("dataSource", &own.api_group, &own.kind, &own.name);
    }
    if let Some(own) = reference {
        one("dataSourceRef", &own.api_group, &own.kind, &own.name);
    }
    let namespace = reference.map(|own| text(&own.namespace)).unwrap_or_default();
    if !namespace.is_empty() {
        let path = path.child("dataSourceRef").child("namespace");
        each(names::label_name(namespace, false), namespace, &path, errors);
    }
    if let (Some(source), Some(reference)) = (source, reference) {
        let same = |a: &Option<String>, b: &Option<String>| a == b;
        let shown = path.child("dataSource").to_string();
        if !namespace.is_empty() {
            let detail = "may not be specified when dataSourceRef.namespace is specified";
            errors.push(FieldError::invalid(path, shown, detail));
        } else if !same(&source.api_group, &reference.api_group)
            || source.kind != reference.kind
            || source.name != reference.name
        {
            errors.push(FieldError::invalid(path, shown, "must match dataSourceRef"));
        }
    }
}

/// `ValidatePersistentVolumeClaimUpdate`: a claim that is bound may ask for more; one that is not may be given a
/// volume; one without a class may be given one.
pub fn claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    claim(new, errors);
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let (mut wanted, mut allowed) = (new_spec.clone(), old_spec.clone());
    if text(&old_spec.volume_name).is_empty() {
        allowed.volume_name.clone_from(&wanted.volume_name);
    }
    class_update(new, old, &mut wanted, errors);
    let bound = new.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Bound"));
    if bound && let Some(requests) = wanted.resources.as_mut().and_then(|own| own.requests.as_mut()) {
        requests.insert("storage".to_owned(), requested(&old_spec).cloned().unwrap_or_default());
    }
    wanted.volume_attributes_class_name.clone_from(&allowed.volume_attributes_class_name);
    let path = Path::new("spec");
    if !semantically_equal(&wanted, &allowed) {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                      bound claims";
        errors.push(FieldError::forbidden(&path, detail));
    }
    let size = |amount: Option<&Text>| amount.map(Quantity::of).unwrap_or_default();
    let capacity = size(old.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage")));
    let (new_size, old_size) = (size(requested(&new_spec)), size(requested(&old_spec)));
    if new_size < old_size && new_size <= capacity {
        let path = path.child("resources").child("requests").child("storage");
        errors.push(FieldError::forbidden(&path, "field can not be less than status.capacity"));
    }
    immutable_option(&new_spec.volume_mode, &old_spec.volume_mode, &Path::new("volumeMode"), errors);
    if old_spec.volume_attributes_class_name.is_some() {
        let path = path.child("volumeAttributesClassName");
        match new_spec.volume_attributes_class_name.as_deref() {
            None => errors.push(FieldError::forbidden(&path, "update from non-nil value to nil is forbidden")),
            Some("") if !text(&old_spec.volume_attributes_class_name).is_empty() => {
                errors.push(FieldError::forbidden(&path, "update from non-nil value to an empty string is forbidden"));
            }
            Some(_) => {}
        }
    }
}

/// The annotation that was the class of old.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// `validateStorageClassUpgradeFromAnnotation` and `validateStorageClassUpgradeFromNil`: the class may move from the
/// annotation into the field, and be set where there was none.
fn class_update(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    wanted: &mut PersistentVolumeClaimSpec,
    errors: &mut Errors,
) {
    let annotated = |claim: &PersistentVolumeClaim| claim.metadata.annotations.as_ref()?.get(CLASS_ANNOTATION).cloned();
    let class = |claim: &PersistentVolumeClaim| claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
    let (before, after) = (annotated(old), annotated(new));
    let (old_class, new_class) = (class(old), class(new));
    let moves = before.is_some() && old_class.is_none() && new_class == before && (after.is_none() || after == before);
    if moves {
        wanted.storage_class_name = None;
        return;
    }
    if text(&after) != text(&before) {
        let path = Path::new("metadata").child("annotations").key(CLASS_ANNOTATION);
        errors.push(FieldError::invalid(&path, text(&after), "field is immutable"));
    }
    if new_class.is_some() && old_class.is_none() && (before.is_none() || new_class == before) {
        wanted.storage_class_name = None;
    }
}

/// `ValidatePersistentVolumeClaimStatusUpdate`.
pub fn claim_status_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    if new.spec.as_ref().is_none_or(|spec| items(&spec.access_modes).is_empty()) {
        errors.push(FieldError::required(&Path::new("Spec").child("accessModes"), ""));
    }
    for (name, quantity) in new.status.iter().flat_map(|status| status.capacity.iter().flatten()) {
        if Quantity::of(quantity) < Quantity::default() {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(&path.child("capacity").key(name), quantity.0.as_str(), detail));
        }
    }
}
