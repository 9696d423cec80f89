//! CSINode, storage.k8s.io/v1.

use k8s_openapi::api::storage::v1::CSINode;

use super::strategy;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::storage;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSINode",
    plural: "csinodes",
    singular: "csinode",
    short_names: &[],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &[],
    etcd_prefix: "csinodes",
    prepare_update: strategy::keep_metadata,
    validate,
    validate_update,
    columns: crate::api::printers::storage::CSI_NODE_COLUMNS,
    row: crate::api::printers::storage::csi_node_row,
    ..plain(Kind::CSINode)
};

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    storage::csi_node(object.expect::<CSINode>(), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    storage::csi_node_update(new.expect::<CSINode>(), old.expect(), &mut errors);
    errors
}
