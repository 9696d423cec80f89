//! ConfigMap, v1.

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::Kind;
use crate::api::validation::config;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "configmaps",
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, config::config_map),
    validate_update: |new, old| strategy::compare(new, old, config::config_map_update),
    columns: crate::api::printers::config::CONFIG_MAP_COLUMNS,
    row: crate::api::printers::config::config_map_row,
    ..plain(Kind::ConfigMap)
};
