//! Mirrors pkg/apis/core/validation for PersistentVolume. Leaves out: the full grammar of iSCSI names, and the
//! difference that the refusal of a change ends in.

use k8s_openapi::api::core::v1::{self as core, PersistentVolume, PersistentVolumeSpec};

use super::affinity::node_selector;
use super::claims::access_modes;
use super::equality::{immutable_option, semantically_equal};
use super::errors::{BadValue, Errors};
use super::meta::{object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::volume_sources::{self as sources, Check};
use super::{items, text};
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

const RECLAIM_POLICIES: &[&str] = &["Delete", "Recycle", "Retain"];

/// `ValidatePersistentVolume`.
pub fn volume(own: &PersistentVolume, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    let empty = PersistentVolumeSpec::default();
    volume_spec(own.spec.as_ref().unwrap_or(&empty), false, &Path::new("spec"), errors);
}

/// `ValidatePersistentVolumeSpec`; `inline`: as the source of a VolumeAttachment.
pub fn volume_spec(spec: &PersistentVolumeSpec, inline: bool, path: &Path, errors: &mut Errors) {
    const CONTEXT: &str = "may not be specified in the context of inline volumes";
    let mut not_inline = |given: bool, field: &str| {
        if inline && given {
            errors.push(FieldError::forbidden(&path.child(field), CONTEXT));
        }
    };
    not_inline(spec.claim_ref.is_some(), "claimRef");
    not_inline(spec.capacity.as_ref().is_some_and(|own| !own.is_empty()), "capacity");
    if inline && spec.csi.is_none() {
        let detail = "has to be specified in the context of inline volumes";
        errors.push(FieldError::required(&path.child("csi"), detail));
    }
    let modes_path = path.child("accessModes");
    if items(&spec.access_modes).is_empty() {
        errors.push(FieldError::required(&modes_path, ""));
    }
    access_modes(items(&spec.access_modes), &modes_path, errors);
    if !inline {
        capacity(spec, &path.child("capacity"), errors);
    }
    reclaim_policy(spec, inline, &path.child("persistentVolumeReclaimPolicy"), errors);
    let affinity_path = path.child("nodeAffinity");
    match &spec.node_affinity {
        Some(_) if inline => errors.push(FieldError::forbidden(&affinity_path, CONTEXT)),
        Some(affinity) => match &affinity.required {
            Some(selector) => node_selector(selector, &affinity_path.child("required"), errors),
            None => {
                let detail = "must specify required node constraints";
                errors.push(FieldError::required(&affinity_path.child("required"), detail));
            }
        },
        None => {}
    }
    source(spec, path, errors);
    last(spec, inline, path, errors);
}

/// Its one capacity is of storage, and not zero.
fn capacity(spec: &PersistentVolumeSpec, path: &Path, errors: &mut Errors) {
    let own = spec.capacity.clone().unwrap_or_default();
    if own.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if !own.contains_key("storage") || own.len() > 1 {
        errors.push(FieldError::not_supported(path, BadValue::json(&own), &["storage"]));
    }
    for (name, amount) in &own {
        let quantity = Quantity::of(amount);
        if quantity.sign() < 0 {
            let detail = "must be a valid resource quantity";
            errors.push(FieldError::invalid(&path.key(name), quantity.value(), detail));
        }
        if quantity <= Quantity::default() {
            errors.push(FieldError::invalid(&path.key(name), amount.0.as_str(), "must be greater than zero"));
        }
    }
}

fn reclaim_policy(spec: &PersistentVolumeSpec, inline: bool, path: &Path, errors: &mut Errors) {
    let policy = text(&spec.persistent_volume_reclaim_policy);
    if policy.is_empty() {
    } else if inline && policy != "Retain" {
        errors.push(FieldError::forbidden(path, "may only be Retain in the context of inline volumes"));
    } else if !RECLAIM_POLICIES.contains(&policy) {
        errors.push(FieldError::not_supported(path, policy, RECLAIM_POLICIES));
    }
}

/// A source's name, whether it is given, and its check, in upstream's order.
fn table(spec: &PersistentVolumeSpec) -> [(&'static str, Option<Check<'_>>); 22] {
    [
        ("hostPath", spec.host_path.as_ref().map(sources::host_path)),
        ("gcePersistentDisk", spec.gce_persistent_disk.as_ref().map(sources::gce_persistent_disk)),
        ("awsElasticBlockStore", spec.aws_elastic_block_store.as_ref().map(sources::aws_elastic_block_store)),
        ("glusterfs", spec.glusterfs.as_ref().map(glusterfs)),
        ("flocker", spec.flocker.as_ref().map(sources::flocker)),
        ("nfs", spec.nfs.as_ref().map(sources::nfs)),
        ("rbd", spec.rbd.as_ref().map(rbd)),
        ("quobyte", spec.quobyte.as_ref().map(sources::quobyte)),
        ("cephFS", spec.cephfs.as_ref().map(cephfs)),
        ("iscsi", spec.iscsi.as_ref().map(iscsi)),
        ("cinder", spec.cinder.as_ref().map(cinder)),
        ("fc", spec.fc.as_ref().map(sources::fibre_channel)),
        ("flexVolume", spec.flex_volume.as_ref().map(flex_volume)),
        ("azureFile", spec.azure_file.as_ref().map(azure_file)),
        ("vsphereVolume", spec.vsphere_volume.as_ref().map(sources::vsphere)),
        ("photonPersistentDisk", spec.photon_persistent_disk.as_ref().map(sources::photon)),
        ("portworxVolume", spec.portworx_volume.as_ref().map(sources::portworx)),
        ("azureDisk", spec.azure_disk.as_ref().map(sources::azure_disk)),
        ("scaleIO", spec.scale_io.as_ref().map(scale_io)),
        ("local", spec.local.as_ref().map(local)),
        ("storageos", spec.storageos.as_ref().map(storageos)),
        ("csi", spec.csi.as_ref().map(csi)),
    ]
}

fn source(spec: &PersistentVolumeSpec, path: &Path, errors: &mut Errors) {
    let mut found = false;
    for (name, check) in table(spec) {
        let Some(check) = check else { continue };
        // Upstream forgets to refuse a second source if it is this one.
        if std::mem::replace(&mut found, true) && name != "flexVolume" {
            errors.push(FieldError::forbidden(&path.child(name), "may not specify more than 1 volume type"));
            continue;
        }
        check(path, errors);
        if name == "local" && spec.node_affinity.is_none() {
            errors.push(FieldError::required(&path.child("nodeAffinity"), "Local volume requires node affinity"));
        }
    }
    if !found {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
}

/// What upstream looks at after the source.
fn last(spec: &PersistentVolumeSpec, inline: bool, path: &Path, errors: &mut Errors) {
    let is_root = |own: &core::HostPathVolumeSource| {
        !own.path.is_empty() && own.path.split('/').all(|part| matches!(part, "" | "."))
    };
    if spec.host_path.as_ref().is_some_and(is_root) && text(&spec.persistent_volume_reclaim_policy) == "Recycle" {
        let detail = "may not be 'recycle' for a hostPath mount of '/'";
        errors.push(FieldError::forbidden(&path.child("persistentVolumeReclaimPolicy"), detail));
    }
    let (class, class_path) = (text(&spec.storage_class_name), path.child("storageClassName"));
    if class.is_empty() {
    } else if inline {
        errors.push(FieldError::forbidden(&class_path, "may not be specified in the context of inline volumes"));
    } else {
        each(names::dns1123_subdomain(class), class, &class_path, errors);
    }
    let mode_path = path.child("volumeMode");
    match spec.volume_mode.as_deref() {
        None | Some("Filesystem") => {}
        Some(_) if inline => {
            let detail = "may not specify volumeMode other than Filesystem in the context of inline volumes";
            errors.push(FieldError::forbidden(&mode_path, detail));
        }
        Some("Block") => {}
        Some(mode) => errors.push(FieldError::not_supported(&mode_path, mode, &["Block", "Filesystem"])),
    }
    let attributes_path = path.child("volumeAttributesClassName");
    if let Some(class) = spec.volume_attributes_class_name.as_deref().filter(|_| !inline) {
        if class.is_empty() {
            errors.push(FieldError::required(&attributes_path, "an empty string is disallowed"));
        } else {
            each(names::dns1123_subdomain(class), class, &attributes_path, errors);
        }
        if spec.csi.is_none() {
            let detail = "has to be specified when using volumeAttributesClassName";
            errors.push(FieldError::required(&path.child("csi"), detail));
        }
    }
}

/// Only what says where the data is: `PersistentVolumeSource`.
fn source_only(spec: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    }
}

/// `ValidatePersistentVolumeUpdate`, after `rest.BeforeUpdate`. The strategy checks the whole volume before, and so
/// do these rules: upstream says everything twice.
pub fn volume_update(new: &PersistentVolume, old: &PersistentVolume, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    volume(new, errors);
    volume(new, errors);
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let mut wanted = source_only(&new);
    if let (Some(wanted), Some(old)) = (&mut wanted.csi, &old.csi)
        && old.controller_expand_secret_ref.is_none()
    {
        wanted.controller_expand_secret_ref = None;
    }
    let path = Path::new("spec");
    if !semantically_equal(&wanted, &source_only(&old)) {
        let detail = "spec.persistentvolumesource is immutable after creation";
        errors.push(FieldError::forbidden(&path.child("persistentvolumesource"), detail));
    }
    immutable_option(&new.volume_mode, &old.volume_mode, &Path::new("volumeMode"), errors);
    if old.node_affinity.is_some() {
        immutable_option(&new.node_affinity, &old.node_affinity, &Path::new("nodeAffinity"), errors);
    }
    if old.volume_attributes_class_name.is_some() && new.volume_attributes_class_name.is_none() {
        let path = path.child("volumeAttributesClassName");
        errors.push(FieldError::forbidden(&path, "update from non-nil value to nil is forbidden"));
    }
}

/// `ValidatePersistentVolumeStatusUpdate`.
pub fn volume_status_update(new: &PersistentVolume, old: &PersistentVolume, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
}

/// `ValidateCSIDriverName`.
pub fn csi_driver_name(name: &str, path: &Path, errors: &mut Errors) {
    if name.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if name.len() > 63 {
        errors.push(FieldError::too_long(path, 63));
    }
    each(names::dns1123_subdomain(&name.to_lowercase()), name, path, errors);
}

/// These values must be there.
fn needed(values: &[(&str, &str)], path: &Path, errors: &mut Errors) {
    for (field, _) in values.iter().filter(|(_, value)| value.is_empty()) {
        errors.push(FieldError::required(&path.child(field), ""));
    }
}

fn csi(source: &core::CSIPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("csi");
        csi_driver_name(&source.driver, &path.child("driver"), errors);
        needed(&[("volumeHandle", &source.volume_handle)], &path, errors);
        for (field, secret) in [
            ("controllerPublishSecretRef", &source.controller_publish_secret_ref),
            ("controllerExpandSecretRef", &source.controller_expand_secret_ref),
            ("nodePublishSecretRef", &source.node_publish_secret_ref),
            ("nodeExpandSecretRef", &source.node_expand_secret_ref),
        ] {
            let (path, Some(secret)) = (path.child(field), secret) else { continue };
            let (name, namespace) = (text(&secret.name), text(&secret.namespace));
            needed(&[("name", name)], &path, errors);
            if !name.is_empty() {
                each(names::dns1123_subdomain(name), name, &path.child("name"), errors);
            }
            needed(&[("namespace", namespace)], &path, errors);
            if !namespace.is_empty() {
                each(names::dns1123_label(namespace), namespace, &path.child("namespace"), errors);
            }
        }
    })
}

fn local(source: &core::LocalVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("local");
        needed(&[("path", &source.path)], &path, errors);
        sources::no_backsteps(&source.path, &path.child("path"), errors);
    })
}

fn glusterfs(source: &core::GlusterfsPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("glusterfs");
        needed(&[("endpoints", &source.endpoints), ("path", &source.path)], &path, errors);
        if source.endpoints_namespace.as_deref() == Some("") {
            let detail = "if the endpointnamespace is set, it must be a valid namespace name";
            errors.push(FieldError::invalid(&path.child("endpointsNamespace"), "", detail));
        }
    })
}

fn monitors(list: &[String], path: &Path, errors: &mut Errors) {
    if list.is_empty() {
        errors.push(FieldError::required(&path.child("monitors"), ""));
    }
}

fn rbd(source: &core::RBDPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("rbd");
        monitors(&source.monitors, &path, errors);
        needed(&[("image", &source.image)], &path, errors);
    })
}

fn cephfs(source: &core::CephFSPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| monitors(&source.monitors, &volume.child("cephfs"), errors))
}

fn secret_of_storage(name: Option<&str>, namespace: Option<&str>, path: &Path, errors: &mut Errors) {
    let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
    needed(&[("name", name), ("namespace", namespace)], &path.child("secretRef"), errors);
}

fn cinder(source: &core::CinderPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("cinder");
        needed(&[("volumeID", &source.volume_id)], &path, errors);
        if let Some(secret) = &source.secret_ref {
            secret_of_storage(secret.name.as_deref(), secret.namespace.as_deref(), &path, errors);
        }
    })
}

fn iscsi(source: &core::ISCSIPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        // The fields that are checked are those of the volume in a pod.
        let in_pod = core::ISCSIVolumeSource {
            target_portal: source.target_portal.clone(),
            iqn: source.iqn.clone(),
            lun: source.lun,
            chap_auth_discovery: source.chap_auth_discovery,
            chap_auth_session: source.chap_auth_session,
            secret_ref: source.secret_ref.as_ref().map(|_| core::LocalObjectReference::default()),
            initiator_name: source.initiator_name.clone(),
            ..Default::default()
        };
        sources::iscsi(&in_pod)(volume, errors);
    })
}

fn flex_volume(source: &core::FlexPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let (driver, options) = (source.driver.clone(), source.options.clone());
        sources::flex_volume(&core::FlexVolumeSource { driver, options, ..Default::default() })(volume, errors);
    })
}

fn azure_file(source: &core::AzureFilePersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("azureFile");
        needed(&[("secretName", &source.secret_name), ("shareName", &source.share_name)], &path, errors);
        if let Some(namespace) = &source.secret_namespace {
            needed(&[("secretNamespace", namespace)], &path, errors);
        }
    })
}

fn scale_io(source: &core::ScaleIOPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let name = text(&source.volume_name);
        let values = [("gateway", source.gateway.as_str()), ("system", &source.system), ("volumeName", name)];
        needed(&values, &volume.child("scaleIO"), errors);
    })
}

fn storageos(source: &core::StorageOSPersistentVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let (volume_name, volume_namespace) = (source.volume_name.clone(), source.volume_namespace.clone());
        let in_pod = core::StorageOSVolumeSource { volume_name, volume_namespace, ..Default::default() };
        sources::storageos(&in_pod)(volume, errors);
        if let Some(secret) = &source.secret_ref {
            let path = volume.child("storageos");
            secret_of_storage(secret.name.as_deref(), secret.namespace.as_deref(), &path, errors);
        }
    })
}
