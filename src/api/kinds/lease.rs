//! Lease, coordination.k8s.io/v1.

use k8s_openapi::api::coordination::v1::Lease;

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::config;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "coordination.k8s.io",
    version: "v1",
    kind: "Lease",
    plural: "leases",
    singular: "lease",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "leases",
    default,
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, config::lease),
    validate_update: |new, old| strategy::compare(new, old, config::lease_update),
    unconditional_update: false,
    creates_on_update: true,
    columns: crate::api::printers::config::LEASE_COLUMNS,
    row: crate::api::printers::config::lease_row,
    ..plain(Kind::Lease)
};

fn default(object: &mut Object) {
    strategy::own::<Lease>(object).spec.get_or_insert_default();
}
