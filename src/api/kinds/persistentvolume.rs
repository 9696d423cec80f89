//! PersistentVolume, v1.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::persistent_volumes as volumes;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "PersistentVolume",
    plural: "persistentvolumes",
    singular: "persistentvolume",
    short_names: &["pv"],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &["status"],
    etcd_prefix: "persistentvolumes",
    default: |object| defaults::persistent_volume(strategy::own::<PersistentVolume>(object)),
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, volumes::volume),
    validate_update: |new, old| strategy::compare(new, old, volumes::volume_update),
    validate_status: |new, old| strategy::compare(new, old, volumes::volume_status_update),
    columns: crate::api::printers::storage::VOLUME_COLUMNS,
    row: crate::api::printers::storage::volume_row,
    ..plain(Kind::PersistentVolume)
};

/// Pending since its creation.
fn prepare_create(object: &mut Object) {
    let own = strategy::own::<PersistentVolume>(object);
    own.status = Some(PersistentVolumeStatus {
        phase: Some("Pending".to_owned()),
        last_phase_transition_time: own.metadata.creation_timestamp.clone(),
        ..Default::default()
    });
}

strategy::update_keeps_status!(PersistentVolume);
strategy::status_keeps_spec!(PersistentVolume);
