//! Mirrors the checks of each volume source. Leaves out: the full grammar of iSCSI names, and the
//! claim template of an ephemeral volume beyond its presence.

use k8s_openapi::api::core::v1 as core;

use super::errors::{BadValue, Errors};
use super::names::{self, between, each};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

/// A check of one source, given the volume's path.
pub type Check<'a> = Box<dyn Fn(&Path, &mut Errors) + 'a>;

fn need(value: &str, path: &Path, field: &str, errors: &mut Errors) {
    if value.is_empty() {
        errors.push(FieldError::required(&path.child(field), ""));
    }
}

/// A file mode between 0 and 0777.
pub fn mode(mode: Option<i32>, path: &Path, errors: &mut Errors) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(FieldError::invalid(path, mode, detail));
    }
}

/// `validatePathNoBacksteps`.
pub fn no_backsteps(target: &str, path: &Path, errors: &mut Errors) {
    if target.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(path, target, "must not contain '..'"));
    }
}

/// `validateLocalDescendingPath`.
pub fn local_descending_path(target: &str, path: &Path, errors: &mut Errors) {
    if target.starts_with('/') {
        errors.push(FieldError::invalid(path, target, "must be a relative path"));
    }
    no_backsteps(target, path, errors);
}

/// `ValidateLocalNonReservedPath`.
pub fn local_non_reserved_path(target: &str, path: &Path, errors: &mut Errors) {
    local_descending_path(target, path, errors);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.push(FieldError::invalid(path, target, "must not start with '..'"));
    }
}

/// `validateKeyToPath`.
pub fn key_to_path(item: &core::KeyToPath, path: &Path, errors: &mut Errors) {
    need(&item.key, path, "key", errors);
    need(&item.path, path, "path", errors);
    local_non_reserved_path(&item.path, &path.child("path"), errors);
    mode(item.mode, &path.child("mode"), errors);
}

fn keys_to_paths(list: &[core::KeyToPath], path: &Path, errors: &mut Errors) {
    for (index, item) in list.iter().enumerate() {
        key_to_path(item, &path.child("items").index(index), errors);
    }
}

/// `validateHostPathVolumeSource`.
pub fn host_path(source: &core::HostPathVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("hostPath");
        if source.path.is_empty() {
            errors.push(FieldError::required(&path.child("path"), ""));
            return;
        }
        no_backsteps(&source.path, &path.child("path"), errors);
        const TYPES: &[&str] =
            &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
        if let Some(kind) = source.type_.as_deref()
            && !TYPES.contains(&kind)
        {
            errors.push(FieldError::not_supported(&path.child("type"), kind, TYPES));
        }
    })
}

/// `validateGitRepoVolumeSource`.
pub fn git_repo(source: &core::GitRepoVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("gitRepo");
        need(&source.repository, &path, "repository", errors);
        local_descending_path(text(&source.directory), &path.child("directory"), errors);
    })
}

fn partition(number: Option<i32>, path: &Path, errors: &mut Errors) {
    if let Some(number) = number.filter(|number| !(0..=255).contains(number)) {
        errors.push(FieldError::invalid(&path.child("partition"), number, &between(1, 255)));
    }
}

/// `validateGCEPersistentDiskVolumeSource`; upstream names the field `persistentDisk` here.
pub fn gce_persistent_disk(source: &core::GCEPersistentDiskVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("persistentDisk");
        need(&source.pd_name, &path, "pdName", errors);
        partition(source.partition, &path, errors);
    })
}

/// `validateAWSElasticBlockStoreVolumeSource`.
pub fn aws_elastic_block_store(source: &core::AWSElasticBlockStoreVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("awsElasticBlockStore");
        need(&source.volume_id, &path, "volumeID", errors);
        partition(source.partition, &path, errors);
    })
}

/// `validateSecretVolumeSource`.
pub fn secret(source: &core::SecretVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("secret");
        need(text(&source.secret_name), &path, "secretName", errors);
        mode(source.default_mode, &path.child("defaultMode"), errors);
        keys_to_paths(items(&source.items), &path, errors);
    })
}

/// `validateConfigMapVolumeSource`.
pub fn config_map(source: &core::ConfigMapVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("configMap");
        need(&source.name, &path, "name", errors);
        mode(source.default_mode, &path.child("defaultMode"), errors);
        keys_to_paths(items(&source.items), &path, errors);
    })
}

/// `validateNFSVolumeSource`.
pub fn nfs(source: &core::NFSVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("nfs");
        need(&source.server, &path, "server", errors);
        need(&source.path, &path, "path", errors);
        if !source.path.starts_with('/') {
            let detail = "must be an absolute path";
            errors.push(FieldError::invalid(&path.child("path"), source.path.as_str(), detail));
        }
    })
}

fn iscsi_name(name: &str, path: &Path, errors: &mut Errors) {
    if !["iqn", "eui", "naa"].iter().any(|prefix| name.starts_with(prefix)) {
        errors.push(FieldError::invalid(path, name, "must be valid format starting with iqn, eui, or naa"));
    }
}

/// `validateISCSIVolumeSource`.
pub fn iscsi(source: &core::ISCSIVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("iscsi");
        need(&source.target_portal, &path, "targetPortal", errors);
        if source.iqn.is_empty() {
            errors.push(FieldError::required(&path.child("iqn"), ""));
        } else {
            iscsi_name(&source.iqn, &path.child("iqn"), errors);
        }
        if !(0..=255).contains(&source.lun) {
            errors.push(FieldError::invalid(&path.child("lun"), source.lun, &between(0, 255)));
        }
        let chap = source.chap_auth_discovery == Some(true) || source.chap_auth_session == Some(true);
        if chap && source.secret_ref.is_none() {
            errors.push(FieldError::required(&path.child("secretRef"), ""));
        }
        if let Some(initiator) = &source.initiator_name {
            iscsi_name(initiator, &path.child("initiatorname"), errors);
        }
    })
}

/// `validateGlusterfsVolumeSource`.
pub fn glusterfs(source: &core::GlusterfsVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("glusterfs");
        need(&source.endpoints, &path, "endpoints", errors);
        need(&source.path, &path, "path", errors);
    })
}

/// `validateFlockerVolumeSource`.
pub fn flocker(source: &core::FlockerVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("flocker");
        let (name, uuid) = (text(&source.dataset_name), text(&source.dataset_uuid));
        if name.is_empty() && uuid.is_empty() {
            errors.push(FieldError::required(&path, "one of datasetName and datasetUUID is required"));
        }
        if !name.is_empty() && !uuid.is_empty() {
            let detail = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(FieldError::invalid(&path, "resource", detail));
        }
        if name.contains('/') {
            errors.push(FieldError::invalid(&path.child("datasetName"), name, "must not contain '/'"));
        }
    })
}

/// `validatePersistentClaimVolumeSource`.
pub fn claim(source: &core::PersistentVolumeClaimVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| need(&source.claim_name, &volume.child("persistentVolumeClaim"), "claimName", errors))
}

/// `validateRBDVolumeSource`.
pub fn rbd(source: &core::RBDVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("rbd");
        if source.monitors.is_empty() {
            errors.push(FieldError::required(&path.child("monitors"), ""));
        }
        need(&source.image, &path, "image", errors);
    })
}

/// `validateCinderVolumeSource`.
pub fn cinder(source: &core::CinderVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("cinder");
        need(&source.volume_id, &path, "volumeID", errors);
        if let Some(secret) = &source.secret_ref {
            need(&secret.name, &path, "secretRef.name", errors);
        }
    })
}

/// `validateCephFSVolumeSource`.
pub fn cephfs(source: &core::CephFSVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        if source.monitors.is_empty() {
            errors.push(FieldError::required(&volume.child("cephfs").child("monitors"), ""));
        }
    })
}

/// `validateQuobyteVolumeSource`.
pub fn quobyte(source: &core::QuobyteVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("quobyte");
        let detail = "must be a host:port pair or multiple pairs separated by commas";
        if source.registry.is_empty() {
            errors.push(FieldError::required(&path.child("registry"), detail));
        } else if text(&source.tenant).len() >= 65 {
            let detail = "must be a UUID and may not exceed a length of 64 characters";
            errors.push(FieldError::required(&path.child("tenant"), detail));
        } else {
            for _ in source.registry.split(',').filter(|pair| !pair.contains(':')) {
                errors.push(FieldError::invalid(&path.child("registry"), source.registry.as_str(), detail));
            }
        }
        need(&source.volume, &path, "volume", errors);
    })
}

/// `validateFCVolumeSource`.
pub fn fibre_channel(source: &core::FCVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("fc");
        let (targets, ids) = (items(&source.target_wwns), items(&source.wwids));
        if targets.is_empty() && ids.is_empty() {
            let detail = "must specify either targetWWNs or wwids, but not both";
            errors.push(FieldError::required(&path.child("targetWWNs"), detail));
        }
        if !targets.is_empty() && !ids.is_empty() {
            let detail = "targetWWNs and wwids can not be specified simultaneously";
            errors.push(FieldError::invalid(&path.child("targetWWNs"), BadValue::list(targets), detail));
        }
        match source.lun {
            None if !targets.is_empty() => {
                errors.push(FieldError::required(&path.child("lun"), "lun is required if targetWWNs is specified"));
            }
            Some(lun) if !targets.is_empty() && !(0..=255).contains(&lun) => {
                errors.push(FieldError::invalid(&path.child("lun"), lun, &between(0, 255)));
            }
            _ => {}
        }
    })
}

/// `validateFlexVolumeSource`.
pub fn flex_volume(source: &core::FlexVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("flexVolume");
        need(&source.driver, &path, "driver", errors);
        for key in source.options.iter().flatten().map(|(key, _)| key) {
            let domain = format!(".{}", key.split('/').next().unwrap_or_default().to_lowercase());
            if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
                let detail = "kubernetes.io and k8s.io namespaces are reserved";
                errors.push(FieldError::invalid(&path.child("options").key(key), key.as_str(), detail));
            }
        }
    })
}

/// `validateAzureFile`.
pub fn azure_file(source: &core::AzureFileVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("azureFile");
        need(&source.secret_name, &path, "secretName", errors);
        need(&source.share_name, &path, "shareName", errors);
    })
}

/// `validateAzureDisk`.
pub fn azure_disk(source: &core::AzureDiskVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("azureDisk");
        need(&source.disk_name, &path, "diskName", errors);
        need(&source.disk_uri, &path, "diskURI", errors);
        let one_of = |value: &Option<String>, field: &str, supported: &[&str], errors: &mut Errors| {
            if let Some(value) = value.as_deref()
                && !supported.contains(&value)
            {
                errors.push(FieldError::not_supported(&path.child(field), value, supported));
            }
        };
        one_of(&source.caching_mode, "cachingMode", &["None", "ReadOnly", "ReadWrite"], errors);
        one_of(&source.kind, "kind", &["Dedicated", "Managed", "Shared"], errors);
        let uri = source.disk_uri.as_str();
        let (prefix, form) = match source.kind.as_deref() {
            None => return,
            Some("Managed") => (
                "/subscriptions/",
                "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
            ),
            Some(_) => ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"),
        };
        if !uri.starts_with(prefix) {
            errors.push(FieldError::not_supported(&path.child("diskURI"), uri, &[form]));
        }
    })
}

/// `validateVsphereVolumeSource`.
pub fn vsphere(source: &core::VsphereVirtualDiskVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| need(&source.volume_path, &volume.child("vsphereVolume"), "volumePath", errors))
}

/// `validatePhotonPersistentDiskVolumeSource`.
pub fn photon(source: &core::PhotonPersistentDiskVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| need(&source.pd_id, &volume.child("photonPersistentDisk"), "pdID", errors))
}

/// `validatePortworxVolumeSource`.
pub fn portworx(source: &core::PortworxVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| need(&source.volume_id, &volume.child("portworxVolume"), "volumeID", errors))
}

/// `validateStorageOSVolumeSource`.
pub fn storageos(source: &core::StorageOSVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("storageos");
        let (name, namespace) = (text(&source.volume_name), text(&source.volume_namespace));
        if name.is_empty() {
            errors.push(FieldError::required(&path.child("volumeName"), ""));
        } else {
            each(names::dns1123_label(name), name, &path.child("volumeName"), errors);
        }
        if !namespace.is_empty() {
            each(names::dns1123_label(namespace), namespace, &path.child("volumeNamespace"), errors);
        }
        if let Some(secret) = &source.secret_ref {
            need(&secret.name, &path, "secretRef.name", errors);
        }
    })
}

/// `validateScaleIOVolumeSource`.
pub fn scale_io(source: &core::ScaleIOVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("scaleIO");
        need(&source.gateway, &path, "gateway", errors);
        need(&source.system, &path, "system", errors);
        need(text(&source.volume_name), &path, "volumeName", errors);
    })
}

/// `validateCSIVolumeSource`.
pub fn csi(source: &core::CSIVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("csi");
        let (driver, driver_path) = (source.driver.as_str(), path.child("driver"));
        if driver.is_empty() {
            errors.push(FieldError::required(&driver_path, ""));
        }
        if driver.len() > 63 {
            errors.push(FieldError::too_long(&driver_path, 63));
        }
        each(names::dns1123_subdomain(&driver.to_lowercase()), driver, &driver_path, errors);
        if let Some(secret) = &source.node_publish_secret_ref {
            need(&secret.name, &path, "nodePublishSecretRef.name", errors);
        }
    })
}

/// `validateEphemeralVolumeSource`.
pub fn ephemeral(source: &core::EphemeralVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        if source.volume_claim_template.is_none() {
            errors.push(FieldError::required(&volume.child("ephemeral").child("volumeClaimTemplate"), ""));
        }
    })
}
