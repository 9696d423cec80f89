//! LimitRange, v1.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::limit_range;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "LimitRange",
    plural: "limitranges",
    singular: "limitrange",
    short_names: &["limits"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "limitranges",
    default,
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, limit_range::limit_range),
    // The strategy's update looks at the new object only.
    validate_update: |new, old| strategy::compare(new, old, limit_range::limit_range_update),
    columns: crate::api::printers::quota::LIMIT_RANGE_COLUMNS,
    row: crate::api::printers::quota::limit_range_row,
    ..plain(Kind::LimitRange)
};

fn default(object: &mut Object) {
    let spec = strategy::own::<LimitRange>(object).spec.get_or_insert_default();
    spec.limits.iter_mut().for_each(default_item);
}

/// `SetDefaults_LimitRangeItem`: what is not said of a container's default follows from its limits.
fn default_item(item: &mut LimitRangeItem) {
    let LimitRangeItem { max, min, default, default_request, max_limit_request_ratio, .. } = &mut *item;
    for list in [max, min, default, default_request, max_limit_request_ratio] {
        defaults::resource_list(list);
    }
    if item.type_ != "Container" {
        return;
    }
    fill(&mut item.default, item.max.as_ref());
    fill(&mut item.default_request, item.default.as_ref());
    fill(&mut item.default_request, item.min.as_ref());
}

fn fill(list: &mut Option<BTreeMap<String, Text>>, from: Option<&BTreeMap<String, Text>>) {
    for (name, quantity) in from.into_iter().flatten() {
        list.get_or_insert_default().entry(name.clone()).or_insert_with(|| quantity.clone());
    }
}
