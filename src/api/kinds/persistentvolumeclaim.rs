//! PersistentVolumeClaim, v1.
//!
//! Leaves out: which kinds of data sources the strategy drops.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
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
    validate,
    validate_update,
    validate_status,
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

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<PersistentVolumeClaim>(new).status.clone_from(&old.expect::<PersistentVolumeClaim>().status);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<PersistentVolumeClaim>(new).spec.clone_from(&old.expect::<PersistentVolumeClaim>().spec);
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    claims::claim(object.expect::<PersistentVolumeClaim>(), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    claims::claim_update(new.expect::<PersistentVolumeClaim>(), old.expect::<PersistentVolumeClaim>(), &mut errors);
    errors
}

fn validate_status(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    claims::claim_status_update(new.expect::<PersistentVolumeClaim>(), old.expect(), &mut errors);
    errors
}
