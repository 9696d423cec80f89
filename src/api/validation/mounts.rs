//! Mirrors `ValidateVolumeMounts` and `ValidateVolumeDevices`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, Volume, VolumeDevice, VolumeMount};

use super::errors::Errors;
use super::path::Path;
use super::volume_sources::{local_descending_path, no_backsteps};
use super::{items, text};
use crate::api::kind::FieldError;

/// The pod's valid volumes by name.
pub type Volumes<'a> = BTreeMap<&'a str, &'a Volume>;

/// `ValidateVolumeMounts`.
pub fn volume_mounts(container: &Container, volumes: &Volumes<'_>, path: &Path, errors: &mut Errors) {
    let devices = items(&container.volume_devices);
    let mut seen = BTreeSet::new();
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        let own = path.index(index);
        let (name, mount_path) = (mount.name.as_str(), mount.mount_path.as_str());
        if name.is_empty() {
            errors.push(FieldError::required(&own.child("name"), ""));
        }
        if !volumes.contains_key(name) {
            errors.push(FieldError::not_found(&own.child("name"), name, ""));
        }
        if mount_path.is_empty() {
            errors.push(FieldError::required(&own.child("mountPath"), ""));
        }
        if !seen.insert(mount_path) {
            errors.push(FieldError::invalid(&own.child("mountPath"), mount_path, "must be unique"));
        }
        if devices.iter().any(|device| device.name == name) {
            errors.push(FieldError::invalid(&own.child("name"), name, "must not already exist in volumeDevices"));
        }
        if devices.iter().any(|device| device.device_path == mount_path) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(FieldError::invalid(&own.child("mountPath"), mount_path, detail));
        }
        sub_paths(mount, path, &own, errors);
        propagation(mount, container, &path.child("mountPropagation"), errors);
        recursive_read_only(mount, &path.child("recursiveReadOnly"), errors);
    }
}

/// Upstream names `volumeMounts.subPath` without the index for a bad path: kept.
fn sub_paths(mount: &VolumeMount, path: &Path, own: &Path, errors: &mut Errors) {
    let (sub_path, expression) = (text(&mount.sub_path), text(&mount.sub_path_expr));
    if !sub_path.is_empty() {
        local_descending_path(sub_path, &path.child("subPath"), errors);
    }
    if !expression.is_empty() {
        if !sub_path.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.push(FieldError::invalid(&own.child("subPathExpr"), expression, detail));
        }
        local_descending_path(expression, &path.child("subPathExpr"), errors);
    }
}

fn propagation(mount: &VolumeMount, container: &Container, path: &Path, errors: &mut Errors) {
    let Some(mode) = mount.mount_propagation.as_deref() else { return };
    if !matches!(mode, "Bidirectional" | "HostToContainer" | "None") {
        errors.push(FieldError::not_supported(path, mode, &["Bidirectional", "HostToContainer", "None"]));
    }
    let privileged = container.security_context.as_ref().and_then(|context| context.privileged) == Some(true);
    if mode == "Bidirectional" && !privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(FieldError::forbidden(path, detail));
    }
}

fn recursive_read_only(mount: &VolumeMount, path: &Path, errors: &mut Errors) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.push(FieldError::forbidden(path, "may only be specified when readOnly is true"));
            }
            if mount.mount_propagation.as_deref().is_some_and(|mode| mode != "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.push(FieldError::forbidden(path, detail));
            }
        }
        Some(other) => {
            errors.push(FieldError::not_supported(path, other, &["Disabled", "Enabled", "IfPossible"]));
        }
    }
}

/// `ValidateVolumeDevices`.
pub fn volume_devices(
    devices: &[VolumeDevice],
    mounts: &[VolumeMount],
    volumes: &Volumes<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let mut paths = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (index, device) in devices.iter().enumerate() {
        let (name_path, device_path) = (path.index(index).child("name"), path.index(index).child("devicePath"));
        let (name, at) = (device.name.as_str(), device.device_path.as_str());
        if name.is_empty() {
            errors.push(FieldError::required(&name_path, ""));
        }
        if names.contains(name) {
            errors.push(FieldError::invalid(&name_path, name, "must be unique"));
        }
        match volumes.get(name) {
            Some(volume) if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(FieldError::invalid(&name_path, name, detail));
            }
            Some(_) => {}
            None => errors.push(FieldError::not_found(&name_path, name, "")),
        }
        if at.is_empty() {
            errors.push(FieldError::required(&device_path, ""));
        }
        if paths.contains(at) {
            errors.push(FieldError::invalid(&device_path, at, "must be unique"));
        }
        let mut backsteps = Errors::new();
        no_backsteps(at, path, &mut backsteps);
        if backsteps.is_empty() {
            paths.insert(at);
        } else {
            errors.push(FieldError::invalid(&device_path, at, "can not contain backsteps ('..')"));
        }
        if mounts.iter().any(|mount| mount.name == name) {
            errors.push(FieldError::invalid(&name_path, name, "must not already exist in volumeMounts"));
        }
        if mounts.iter().any(|mount| mount.mount_path == at) {
            errors.push(FieldError::invalid(&device_path, at, "must not already exist as a path in volumeMounts"));
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}
