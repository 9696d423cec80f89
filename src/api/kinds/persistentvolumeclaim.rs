//! PersistentVolumeClaim, v1.
//!
//! Leaves out: which kinds of data sources the strategy drops.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::claims;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "PersistentVolumeClaim",
    plural: "persistentvolumeclaims",
    singular: "persistentvolumeclaim",
    short_names: &["pvc"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "persistentvolumeclaims",
    default: |object| default_claim(strategy::own::<PersistentVolumeClaim>(object)),
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, claims::claim),
    validate_update: |new, old| strategy::compare(new, old, claims::claim_update),
    validate_status: |new, old| strategy::compare(new, old, claims::claim_status_update),
    columns: crate::api::printers::persistentvolumeclaim::COLUMNS,
    row: crate::api::printers::persistentvolumeclaim::row,
    ..plain(Kind::PersistentVolumeClaim)
};

/// `SetDefaults_PersistentVolumeClaim`, also for the claim templates of a StatefulSet.
pub fn default_claim(own: &mut PersistentVolumeClaim) {
    let spec = own.spec.get_or_insert_default();
    defaults::text(&mut spec.volume_mode, "Filesystem");
    if let Some(resources) = &mut spec.resources {
        defaults::resource_list(&mut resources.limits);
        defaults::resource_list(&mut resources.requests);
    }
    let status = own.status.get_or_insert_default();
    defaults::text(&mut status.phase, "Pending");
    defaults::resource_list(&mut status.capacity);
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<PersistentVolumeClaim>(object);
    let status = PersistentVolumeClaimStatus { phase: Some("Pending".to_owned()), ..Default::default() };
    own.status = Some(status);
}

strategy::update_keeps_status!(PersistentVolumeClaim);
strategy::status_keeps_spec!(PersistentVolumeClaim);
