//! ConfigMap, v1.

use k8s_openapi::api::core::v1::ConfigMap;

use super::strategy;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
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
    validate,
    validate_update,
    columns: crate::api::printers::config::CONFIG_MAP_COLUMNS,
    row: crate::api::printers::config::config_map_row,
    ..plain(Kind::ConfigMap)
};

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    config::config_map(object.expect::<ConfigMap>(), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    config::config_map_update(new.expect::<ConfigMap>(), old.expect::<ConfigMap>(), &mut errors);
    errors
}
