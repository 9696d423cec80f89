//! ResourceQuota, v1.

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::quota;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "ResourceQuota",
    plural: "resourcequotas",
    singular: "resourcequota",
    short_names: &["quota"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "resourcequotas",
    default,
    prepare_create: |object| {
        strategy::own::<ResourceQuota>(object).status = Some(ResourceQuotaStatus::default());
    },
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, quota::resource_quota),
    validate_update: |new, old| strategy::compare(new, old, quota::resource_quota_update),
    validate_status: |new, old| strategy::compare(new, old, quota::resource_quota_status_update),
    columns: crate::api::printers::quota::QUOTA_COLUMNS,
    row: crate::api::printers::quota::quota_row,
    ..plain(Kind::ResourceQuota)
};

fn default(object: &mut Object) {
    let own = strategy::own::<ResourceQuota>(object);
    defaults::resource_list(&mut own.spec.get_or_insert_default().hard);
    let status = own.status.get_or_insert_default();
    defaults::resource_list(&mut status.hard);
    defaults::resource_list(&mut status.used);
}

strategy::update_keeps_status!(ResourceQuota);
strategy::status_keeps_spec!(ResourceQuota);
