//! CSINode, storage.k8s.io/v1.

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::Kind;
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
    validate: |object| strategy::check(object, storage::csi_node),
    validate_update: |new, old| strategy::compare(new, old, storage::csi_node_update),
    unconditional_update: false,
    columns: crate::api::printers::storage::CSI_NODE_COLUMNS,
    row: crate::api::printers::storage::csi_node_row,
    ..plain(Kind::CSINode)
};
