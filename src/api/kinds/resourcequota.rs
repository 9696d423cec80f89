//! ResourceQuota, v1.

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
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
    validate,
    validate_update,
    validate_status,
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

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<ResourceQuota>(new).status.clone_from(&old.expect::<ResourceQuota>().status);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<ResourceQuota>(new).spec.clone_from(&old.expect::<ResourceQuota>().spec);
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    quota::resource_quota(object.expect(), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    quota::resource_quota_update(new.expect(), old.expect(), &mut errors);
    errors
}

fn validate_status(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    quota::resource_quota_status_update(new.expect(), old.expect(), &mut errors);
    errors
}
