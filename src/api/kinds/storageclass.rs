//! StorageClass, storage.k8s.io/v1.

use k8s_openapi::api::storage::v1::StorageClass;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::storage;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "storage.k8s.io",
    version: "v1",
    kind: "StorageClass",
    plural: "storageclasses",
    singular: "storageclass",
    short_names: &["sc"],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &[],
    etcd_prefix: "storageclasses",
    default,
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, storage::class),
    validate_update: |new, old| strategy::compare(new, old, storage::class_update),
    columns: crate::api::printers::storage::CLASS_COLUMNS,
    row: crate::api::printers::storage::class_row,
    ..plain(Kind::StorageClass)
};

/// `SetDefaults_StorageClass`.
fn default(object: &mut Object) {
    let own = strategy::own::<StorageClass>(object);
    defaults::text(&mut own.reclaim_policy, "Delete");
    defaults::text(&mut own.volume_binding_mode, "Immediate");
}
