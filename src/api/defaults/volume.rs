//! The defaults of volumes.

use k8s_openapi::api::core::v1::{
    AzureDiskVolumeSource, DownwardAPIVolumeFile, EmptyDirVolumeSource, PersistentVolume, Volume,
};

use super::{image, object_field, quantity, resource_field, resource_list, text};

/// `0644`.
const MODE: i32 = 0o644;

/// `SetDefaults_Volume` and the defaults of the sources. A volume without a source is an empty directory.
pub fn volume(volume: &mut Volume) {
    if *volume == (Volume { name: volume.name.clone(), ..Volume::default() }) {
        volume.empty_dir = Some(EmptyDirVolumeSource::default());
    }
    if let Some(limit) = volume.empty_dir.as_mut().and_then(|own| own.size_limit.as_mut()) {
        quantity(limit);
    }
    if let Some(own) = &mut volume.host_path {
        own.type_.get_or_insert_default();
    }
    if let Some(own) = &mut volume.secret {
        own.default_mode.get_or_insert(MODE);
    }
    if let Some(own) = &mut volume.config_map {
        own.default_mode.get_or_insert(MODE);
    }
    if let Some(own) = &mut volume.downward_api {
        own.default_mode.get_or_insert(MODE);
        own.items.iter_mut().flatten().for_each(downward_file);
    }
    if let Some(own) = &mut volume.projected {
        own.default_mode.get_or_insert(MODE);
        for source in own.sources.iter_mut().flatten() {
            if let Some(token) = &mut source.service_account_token {
                token.expiration_seconds.get_or_insert(3600);
            }
            let files = source.downward_api.as_mut().and_then(|own| own.items.as_mut());
            files.into_iter().flatten().for_each(downward_file);
        }
    }
    if let Some(own) = &mut volume.image
        && own.pull_policy.as_deref().unwrap_or_default().is_empty()
    {
        own.pull_policy = Some(image::pull_policy(own.reference.as_deref().unwrap_or_default()).to_owned());
    }
    remote(volume);
}

fn downward_file(file: &mut DownwardAPIVolumeFile) {
    if let Some(field) = &mut file.field_ref {
        object_field(field);
    }
    if let Some(field) = &mut file.resource_field_ref {
        resource_field(field);
    }
}

/// `SetDefaults_PersistentVolume` and the defaults of its sources.
pub fn persistent_volume(volume: &mut PersistentVolume) {
    text(&mut volume.status.get_or_insert_default().phase, "Pending");
    let spec = volume.spec.get_or_insert_default();
    text(&mut spec.persistent_volume_reclaim_policy, "Retain");
    text(&mut spec.volume_mode, "Filesystem");
    resource_list(&mut spec.capacity);
    if let Some(own) = &mut spec.host_path {
        own.type_.get_or_insert_default();
    }
    if let Some(own) = &mut spec.iscsi {
        text(&mut own.iscsi_interface, "default");
    }
    if let Some(own) = &mut spec.rbd {
        text(&mut own.pool, "rbd");
        text(&mut own.user, "admin");
        text(&mut own.keyring, "/etc/ceph/keyring");
    }
    if let Some(own) = &mut spec.azure_disk {
        azure_disk(own);
    }
    if let Some(own) = &mut spec.scale_io {
        text(&mut own.storage_mode, "ThinProvisioned");
        text(&mut own.fs_type, "xfs");
    }
}

fn azure_disk(own: &mut AzureDiskVolumeSource) {
    text(&mut own.caching_mode, "ReadWrite");
    text(&mut own.kind, "Shared");
    text(&mut own.fs_type, "ext4");
    own.read_only.get_or_insert(false);
}

/// Storage that is not on the node.
fn remote(volume: &mut Volume) {
    if let Some(own) = &mut volume.iscsi {
        text(&mut own.iscsi_interface, "default");
    }
    if let Some(own) = &mut volume.rbd {
        text(&mut own.pool, "rbd");
        text(&mut own.user, "admin");
        text(&mut own.keyring, "/etc/ceph/keyring");
    }
    if let Some(own) = &mut volume.azure_disk {
        azure_disk(own);
    }
    if let Some(own) = &mut volume.scale_io {
        text(&mut own.storage_mode, "ThinProvisioned");
        text(&mut own.fs_type, "xfs");
    }
    let template = volume.ephemeral.as_mut().and_then(|own| own.volume_claim_template.as_mut());
    if let Some(template) = template {
        text(&mut template.spec.volume_mode, "Filesystem");
    }
}
