//! Mirrors pkg/apis/core/validation for PersistentVolumeClaim. Leaves out: data sources, the change of the
//! volume attributes class, and the difference that the refusal of a change ends in.

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

/// `ValidatePersistentVolumeClaimSpec`.
fn claim_spec(spec: &PersistentVolumeClaimSpec, path: &Path, errors: &mut Errors) {
    let modes = items(&spec.access_modes);
    let modes_path = path.child("accessModes");
    if modes.is_empty() {
        errors.push(FieldError::required(&modes_path, "at least 1 access mode is required"));
    }
    selectors::label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(&mode.as_str())) {
        errors.push(FieldError::not_supported(&modes_path, mode, ACCESS_MODES));
    }
    let alone = |mode: &String| mode == "ReadWriteOncePod";
    if modes.iter().any(alone) && modes.iter().any(|mode| ACCESS_MODES.contains(&mode.as_str()) && !alone(mode)) {
        errors.push(FieldError::forbidden(&modes_path, "may not use ReadWriteOncePod with other access modes"));
    }
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
}

/// `ValidatePersistentVolumeClaimUpdate`: a claim that is bound may ask for more; one that is not may be given a
/// volume.
pub fn claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut Errors) {
    claim(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let (mut wanted, mut allowed) = (new_spec.clone(), old_spec.clone());
    if text(&old_spec.volume_name).is_empty() {
        allowed.volume_name.clone_from(&wanted.volume_name);
    }
    let bound = new.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Bound"));
    if bound {
        let requests = wanted.resources.get_or_insert_default().requests.get_or_insert_default();
        if let Some(storage) = requested(&old_spec) {
            requests.insert("storage".to_owned(), storage.clone());
        }
        wanted.volume_attributes_class_name.clone_from(&allowed.volume_attributes_class_name);
    }
    let path = Path::new("spec");
    if !semantically_equal(&wanted, &allowed) {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                      bound claims";
        errors.push(FieldError::forbidden(&path, detail));
    }
    let capacity = new.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage")).map(Quantity::of);
    if let (Some(new_size), Some(old_size)) = (requested(&new_spec), requested(&old_spec)) {
        let (new_size, old_size) = (Quantity::of(new_size), Quantity::of(old_size));
        if new_size < old_size && capacity.is_none_or(|capacity| new_size <= capacity) {
            let path = path.child("resources").child("requests").child("storage");
            errors.push(FieldError::forbidden(&path, "field can not be less than status.capacity"));
        }
    }
    immutable_option(&new_spec.volume_mode, &old_spec.volume_mode, &path.child("volumeMode"), errors);
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
