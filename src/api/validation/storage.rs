//! Mirrors pkg/apis/storage/validation: StorageClass, VolumeAttachment, CSINode, CSIDriver.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::TopologySelectorTerm;
use k8s_openapi::api::storage::v1::{
    CSIDriver, CSIDriverSpec, CSINode, CSINodeDriver, StorageClass, VolumeAttachment, VolumeAttachmentSource,
    VolumeError,
};

use super::equality::{immutable_option, semantically_equal};
use super::errors::{BadValue, Errors};
use super::meta::{label_key, nonnegative, object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::persistent_volumes::{csi_driver_name, volume_spec};
use super::{items, text};
use crate::api::kind::FieldError;

const PARAMETERS_MAX: usize = 512;
const PARAMETERS_SIZE_MAX: usize = 256 * 1024;
const ERROR_MESSAGE_MAX: usize = 1024;
const NODE_ID_MAX: usize = 256;

type Map = Option<BTreeMap<String, String>>;

fn size(map: &Map) -> usize {
    map.iter().flatten().map(|(key, value)| key.len() + value.len()).sum()
}

/// `ValidateStorageClass`.
pub fn class(own: &StorageClass, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    let path = Path::new("provisioner");
    if own.provisioner.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else {
        let lower = own.provisioner.to_lowercase();
        each(names::qualified_name(&lower), &lower, &path, errors);
    }
    parameters(&own.parameters, &Path::new("parameters"), errors);
    let policy = text(&own.reclaim_policy);
    if !matches!(policy, "" | "Delete" | "Retain") {
        errors.push(FieldError::not_supported(&Path::new("reclaimPolicy"), policy, &["Delete", "Retain"]));
    }
    let mode = text(&own.volume_binding_mode);
    if !matches!(mode, "Immediate" | "WaitForFirstConsumer") {
        let modes = &["Immediate", "WaitForFirstConsumer"];
        errors.push(FieldError::not_supported(&Path::new("volumeBindingMode"), mode, modes));
    }
    topologies(items(&own.allowed_topologies), &Path::new("allowedTopologies"), errors);
}

fn parameters(own: &Map, path: &Path, errors: &mut Errors) {
    if own.as_ref().map_or(0, BTreeMap::len) > PARAMETERS_MAX {
        errors.push(FieldError::too_long(path, PARAMETERS_MAX));
        return;
    }
    if own.iter().flatten().any(|(key, _)| key.is_empty()) {
        errors.push(FieldError::invalid(path, "", "field can not be empty."));
    }
    if size(own) > PARAMETERS_SIZE_MAX {
        errors.push(FieldError::too_long(path, PARAMETERS_SIZE_MAX));
    }
}

/// `validateAllowedTopologies` and `ValidateTopologySelectorTerm`.
fn topologies(terms: &[TopologySelectorTerm], path: &Path, errors: &mut Errors) {
    let mut seen: Vec<BTreeMap<&str, BTreeSet<&str>>> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index).child("matchLabelExpressions");
        let requirements = items(&term.match_label_expressions);
        if requirements.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        let mut map: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (index, requirement) in requirements.iter().enumerate() {
            let path = path.index(index);
            let mut values = BTreeSet::new();
            if requirement.values.is_empty() {
                errors.push(FieldError::required(&path.child("values"), ""));
            }
            for (index, value) in requirement.values.iter().enumerate() {
                if !values.insert(value.as_str()) {
                    errors.push(FieldError::duplicate(&path.child("values").index(index), value));
                }
            }
            label_key(&requirement.key, &path.child("key"), errors);
            if map.insert(&requirement.key, values).is_some() {
                errors.push(FieldError::duplicate(&path.child("key"), requirement.key.as_str()));
            }
        }
        if seen.contains(&map) {
            errors.push(FieldError::duplicate(&path, ""));
        }
        seen.push(map);
    }
}

/// `ValidateStorageClassUpdate`.
pub fn class_update(new: &StorageClass, old: &StorageClass, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let mut fixed = |same: bool, field: &str| {
        if !same {
            errors.push(FieldError::forbidden(&Path::new(field), &format!("updates to {field} are forbidden.")));
        }
    };
    fixed(new.parameters.iter().flatten().eq(old.parameters.iter().flatten()), "parameters");
    fixed(new.provisioner == old.provisioner, "provisioner");
    fixed(new.reclaim_policy == old.reclaim_policy, "reclaimPolicy");
    let path = Path::new("volumeBindingMode");
    immutable_option(&new.volume_binding_mode, &old.volume_binding_mode, &path, errors);
}

/// `ValidateVolumeAttachment`.
fn attachment(own: &VolumeAttachment, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    let path = Path::new("spec");
    if own.spec.attacher.is_empty() {
        errors.push(FieldError::required(&path.child("attacher"), ""));
    }
    source(&own.spec.source, &path.child("source"), errors);
    each(subdomain_name(&own.spec.node_name, false), &own.spec.node_name, &path.child("nodeName"), errors);
    let (path, Some(status)) = (Path::new("status"), &own.status) else { return };
    if size(&status.attachment_metadata) > PARAMETERS_SIZE_MAX {
        errors.push(FieldError::too_long(&path.child("attachmentMetadata"), PARAMETERS_SIZE_MAX));
    }
    volume_error(status.attach_error.as_ref(), &path.child("attachError"), errors);
    volume_error(status.detach_error.as_ref(), &path.child("detachError"), errors);
}

fn source(own: &VolumeAttachmentSource, path: &Path, errors: &mut Errors) {
    const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (&own.inline_volume_spec, &own.persistent_volume_name) {
        (None, None) => errors.push(FieldError::required(path, ONE)),
        (Some(_), Some(_)) => errors.push(FieldError::forbidden(path, ONE)),
        (None, Some(name)) if name.is_empty() => {
            let detail = "must specify non empty persistentVolumeName";
            errors.push(FieldError::required(&path.child("persistentVolumeName"), detail));
        }
        (None, Some(_)) => {}
        (Some(spec), None) => volume_spec(spec, true, &path.child("inlineVolumeSpec"), errors),
    }
}

fn volume_error(error: Option<&VolumeError>, path: &Path, errors: &mut Errors) {
    let Some(error) = error else { return };
    if text(&error.message).len() > ERROR_MESSAGE_MAX {
        // Upstream names the limit of the metadata here.
        errors.push(FieldError::too_long(&path.child("message"), PARAMETERS_SIZE_MAX));
    }
    if let Some(code) = error.error_code.filter(|code| *code < 0) {
        let detail = names::between(0, i64::from(i32::MAX));
        errors.push(FieldError::invalid(&path.child("errorCode"), code, &detail));
    }
}

/// A new attachment: `ValidateVolumeAttachment` and `ValidateVolumeAttachmentV1`.
pub fn attachment_create(own: &VolumeAttachment, errors: &mut Errors) {
    attachment(own, errors);
    csi_driver_name(&own.spec.attacher, &Path::new("spec.attacher"), errors);
    if let Some(name) = &own.spec.source.persistent_volume_name {
        each(subdomain_name(name, false), name, &Path::new("spec.source.persistentVolumeName"), errors);
    }
}

/// `ValidateVolumeAttachmentUpdate`, which checks again what the strategy has checked before.
pub fn attachment_update(new: &VolumeAttachment, old: &VolumeAttachment, errors: &mut Errors) {
    attachment(new, errors);
    attachment(new, errors);
    if !semantically_equal(&new.spec, &old.spec) {
        errors.push(FieldError::invalid(&Path::new("spec"), BadValue::json(&new.spec), "field is immutable"));
    }
}

/// `ValidateCSINode`.
pub fn csi_node(own: &CSINode, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    let mut seen = BTreeSet::new();
    for (index, driver) in own.spec.drivers.iter().enumerate() {
        let path = Path::new("spec").child("drivers").index(index);
        node_driver(driver, &path, errors);
        if !seen.insert(driver.name.as_str()) {
            errors.push(FieldError::duplicate(&path.child("name"), driver.name.as_str()));
        }
        let mut keys = BTreeSet::new();
        for key in items(&driver.topology_keys) {
            if key.is_empty() {
                errors.push(FieldError::required(&path, ""));
            }
            if !keys.insert(key) {
                errors.push(FieldError::duplicate(&path, key));
            }
            each(names::qualified_name(key), key, &path, errors);
        }
    }
}

fn node_driver(driver: &CSINodeDriver, path: &Path, errors: &mut Errors) {
    csi_driver_name(&driver.name, &path.child("name"), errors);
    let id = driver.node_id.as_str();
    if id.is_empty() {
        errors.push(FieldError::required(&path.child("nodeID"), ""));
    }
    if id.len() > NODE_ID_MAX {
        let detail = format!("must be {NODE_ID_MAX} characters or less");
        errors.push(FieldError::invalid(&path.child("nodeID"), id, &detail));
    }
    if let Some(count) = driver.allocatable.as_ref().and_then(|own| own.count) {
        nonnegative(i64::from(count), &path.child("allocatable").child("count"), errors);
    }
}

/// `ValidateCSINodeUpdate`: how much of a driver can be allocated may change, the rest of it not.
pub fn csi_node_update(new: &CSINode, old: &CSINode, errors: &mut Errors) {
    csi_node(new, errors);
    let rest = |driver: &CSINodeDriver| CSINodeDriver { allocatable: None, ..driver.clone() };
    for before in &old.spec.drivers {
        for after in new.spec.drivers.iter().filter(|after| after.name == before.name) {
            let (after, before) = (rest(after), rest(before));
            if !semantically_equal(&after, &before) {
                let path = Path::new("spec").child("drivers");
                errors.push(FieldError::invalid(&path, BadValue::json(&after), "field is immutable"));
            }
        }
    }
}

/// `ValidateCSIDriver`.
pub fn csi_driver(own: &CSIDriver, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    driver_spec(&own.spec, &Path::new("spec"), errors);
}

fn driver_spec(spec: &CSIDriverSpec, path: &Path, errors: &mut Errors) {
    const POLICIES: &[&str] = &["File", "None", "ReadWriteOnceWithFSType"];
    if let Some(policy) = spec.fs_group_policy.as_deref().filter(|policy| !POLICIES.contains(policy)) {
        errors.push(FieldError::not_supported(&path.child("fsGroupPolicy"), policy, POLICIES));
    }
    let mut audiences = BTreeSet::new();
    for (index, request) in items(&spec.token_requests).iter().enumerate() {
        let path = path.child("tokenRequests").index(index);
        if !audiences.insert(request.audience.as_str()) {
            errors.push(FieldError::duplicate(&path.child("audience"), request.audience.as_str()));
            continue;
        }
        let Some(seconds) = request.expiration_seconds else { continue };
        let path = path.child("expirationSeconds");
        if seconds < 600 {
            errors.push(FieldError::invalid(&path, seconds, "may not specify a duration less than 10 minutes"));
        }
        if seconds > 1 << 32 {
            errors.push(FieldError::invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds"));
        }
    }
    const MODES: &[&str] = &["Persistent", "Ephemeral"];
    for mode in items(&spec.volume_lifecycle_modes).iter().filter(|mode| !MODES.contains(&mode.as_str())) {
        errors.push(FieldError::not_supported(&path.child("volumeLifecycleModes"), mode, MODES));
    }
    if let Some(seconds) = spec.node_allocatable_update_period_seconds.filter(|seconds| *seconds < 10) {
        let path = path.child("nodeAllocatableUpdatePeriodSeconds");
        errors.push(FieldError::invalid(&path, seconds, "must be greater than or equal to 10 seconds"));
    }
}

/// `ValidateCSIDriverUpdate`.
pub fn csi_driver_update(new: &CSIDriver, old: &CSIDriver, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("spec");
    driver_spec(&new.spec, &path, errors);
    immutable_option(&new.spec.attach_required, &old.spec.attach_required, &path.child("attachedRequired"), errors);
    let path = path.child("volumeLifecycleModes");
    immutable_option(&new.spec.volume_lifecycle_modes, &old.spec.volume_lifecycle_modes, &path, errors);
}
