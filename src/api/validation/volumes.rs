//! Mirrors `ValidateVolumes` and `validateVolumeSource`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Volume;

use super::errors::Errors;
use super::mounts::Volumes;
use super::names::{self, each};
use super::path::Path;
use super::text;
use super::volume_projections::{downward_api, projected};
use super::volume_sources::{self as sources, Check};
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

/// `ValidateVolumes`: the findings, and the volumes that had none, by name. `pod_name` is empty for a template.
pub fn volumes<'a>(list: &'a [Volume], pod_name: &str, is_pod: bool, path: &Path, errors: &mut Errors) -> Volumes<'a> {
    let created: BTreeSet<String> = list
        .iter()
        .filter(|volume| !pod_name.is_empty() && volume.ephemeral.is_some())
        .map(|volume| format!("{pod_name}-{}", volume.name))
        .collect();
    let mut valid = Volumes::new();
    for (index, volume) in list.iter().enumerate() {
        let path = path.index(index);
        let name = volume.name.as_str();
        let mut own = Errors::new();
        volume_source(volume, pod_name, is_pod, &path, &mut own);
        if name.is_empty() {
            own.push(FieldError::required(&path.child("name"), ""));
        } else {
            each(names::dns1123_label(name), name, &path.child("name"), &mut own);
        }
        if valid.contains_key(name) {
            own.push(FieldError::duplicate(&path.child("name"), name));
        }
        if own.is_empty() {
            valid.insert(name, volume);
        }
        errors.append(&mut own);
        if let Some(claim) = &volume.persistent_volume_claim
            && created.contains(&claim.claim_name)
        {
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            let path = path.child("persistentVolumeClaim").child("claimName");
            errors.push(FieldError::invalid(&path, claim.claim_name.as_str(), detail));
        }
    }
    valid
}

/// A source's name, whether it is given, and its check, in upstream's order. The names in errors are
/// upstream's too, slips included.
fn table(volume: &Volume) -> Vec<(&'static str, Option<Check<'_>>)> {
    vec![
        ("hostPath", volume.host_path.as_ref().map(sources::host_path)),
        ("gitRepo", volume.git_repo.as_ref().map(sources::git_repo)),
        ("gcePersistentDisk", volume.gce_persistent_disk.as_ref().map(sources::gce_persistent_disk)),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.as_ref().map(sources::aws_elastic_block_store)),
        ("secret", volume.secret.as_ref().map(sources::secret)),
        ("nfs", volume.nfs.as_ref().map(sources::nfs)),
        ("iscsi", volume.iscsi.as_ref().map(sources::iscsi)),
        ("glusterfs", volume.glusterfs.as_ref().map(sources::glusterfs)),
        ("flocker", volume.flocker.as_ref().map(sources::flocker)),
        ("persistentVolumeClaim", volume.persistent_volume_claim.as_ref().map(sources::claim)),
        ("rbd", volume.rbd.as_ref().map(sources::rbd)),
        ("cinder", volume.cinder.as_ref().map(sources::cinder)),
        ("cephFS", volume.cephfs.as_ref().map(sources::cephfs)),
        ("quobyte", volume.quobyte.as_ref().map(sources::quobyte)),
        ("downwarAPI", volume.downward_api.as_ref().map(downward_api)),
        ("fc", volume.fc.as_ref().map(sources::fibre_channel)),
        ("flexVolume", volume.flex_volume.as_ref().map(sources::flex_volume)),
        ("configMap", volume.config_map.as_ref().map(sources::config_map)),
        ("azureFile", volume.azure_file.as_ref().map(sources::azure_file)),
        ("vsphereVolume", volume.vsphere_volume.as_ref().map(sources::vsphere)),
        ("photonPersistentDisk", volume.photon_persistent_disk.as_ref().map(sources::photon)),
        ("portworxVolume", volume.portworx_volume.as_ref().map(sources::portworx)),
        ("azureDisk", volume.azure_disk.as_ref().map(sources::azure_disk)),
        ("storageos", volume.storageos.as_ref().map(sources::storageos)),
        ("projected", volume.projected.as_ref().map(projected)),
        ("scaleIO", volume.scale_io.as_ref().map(sources::scale_io)),
        ("csi", volume.csi.as_ref().map(sources::csi)),
        ("ephemeral", volume.ephemeral.as_ref().map(sources::ephemeral)),
    ]
}

fn volume_source(volume: &Volume, pod_name: &str, is_pod: bool, path: &Path, errors: &mut Errors) {
    let mut found = false;
    if let Some(empty_dir) = &volume.empty_dir {
        found = true;
        if empty_dir.size_limit.as_ref().is_some_and(|limit| Quantity::of(limit).sign() < 0) {
            let path = path.child("emptyDir").child("sizeLimit");
            errors.push(FieldError::forbidden(&path, "SizeLimit field must be a valid resource quantity"));
        }
    }
    let mut first = |name: &str, errors: &mut Errors| {
        if found {
            errors.push(FieldError::forbidden(&path.child(name), "may not specify more than 1 volume type"));
        }
        !std::mem::replace(&mut found, true)
    };
    for (name, check) in table(volume) {
        let Some(check) = check else { continue };
        if first(name, errors) {
            check(path, errors);
            if name == "ephemeral" && !pod_name.is_empty() && !volume.name.is_empty() {
                let claim = format!("{pod_name}-{}", volume.name);
                for what in names::subdomain_name(&claim, false) {
                    let detail = format!("PVC name {}: {what}", super::errors::go_quote(&claim));
                    errors.push(FieldError::invalid(&path.child("name"), volume.name.as_str(), &detail));
                }
            }
        }
    }
    if let Some(image) = &volume.image
        && first("image", errors)
    {
        let path = path.child("image");
        if is_pod && text(&image.reference).is_empty() {
            errors.push(FieldError::required(&path.child("reference"), ""));
        }
        super::containers::pull_policy(text(&image.pull_policy), &path.child("pullPolicy"), errors);
    }
    if !found {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
}
