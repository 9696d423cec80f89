//! PersistentVolume, v1.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
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
    validate,
    validate_update,
    validate_status,
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

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<PersistentVolume>(new).status.clone_from(&old.expect::<PersistentVolume>().status);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<PersistentVolume>(new), old.expect::<PersistentVolume>());
    own.spec.clone_from(&old.spec);
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    volumes::volume(object.expect::<PersistentVolume>(), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    volumes::volume_update(new.expect(), old.expect(), &mut errors);
    errors
}

fn validate_status(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    volumes::volume_status_update(new.expect(), old.expect(), &mut errors);
    errors
}
