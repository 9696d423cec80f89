//! CSIDriver, storage.k8s.io/v1.

use k8s_openapi::api::storage::v1::CSIDriver;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::equality::semantically_equal;
use crate::api::validation::storage;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSIDriver",
    plural: "csidrivers",
    singular: "csidriver",
    short_names: &[],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &[],
    etcd_prefix: "csidrivers",
    default,
    prepare_create: |object| object.meta_mut().generation = Some(1),
    prepare_update,
    validate: |object| strategy::check(object, storage::csi_driver),
    validate_update: |new, old| strategy::compare(new, old, storage::csi_driver_update),
    unconditional_update: false,
    columns: crate::api::printers::storage::CSI_DRIVER_COLUMNS,
    row: crate::api::printers::storage::csi_driver_row,
    ..plain(Kind::CSIDriver)
};

/// `SetDefaults_CSIDriver`.
fn default(object: &mut Object) {
    let spec = &mut strategy::own::<CSIDriver>(object).spec;
    spec.attach_required.get_or_insert(true);
    spec.pod_info_on_mount.get_or_insert(false);
    spec.storage_capacity.get_or_insert(false);
    spec.requires_republish.get_or_insert(false);
    spec.se_linux_mount.get_or_insert(false);
    defaults::text(&mut spec.fs_group_policy, "ReadWriteOnceWithFSType");
    if spec.volume_lifecycle_modes.as_ref().is_none_or(Vec::is_empty) {
        spec.volume_lifecycle_modes = Some(vec!["Persistent".to_owned()]);
    }
}

/// A new generation where one of the fields changed that drivers read.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<CSIDriver>(new), old.expect::<CSIDriver>());
    let unchanged = semantically_equal(&own.spec, &old.spec);
    strategy::bump_generation(&mut own.metadata, unchanged);
}
