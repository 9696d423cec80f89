//! EndpointSlice, discovery.k8s.io/v1.
//!
//! Leaves out: carrying the node's name over from `deprecatedTopology`, where only v1beta1 could have put it.

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::printers::endpoints as printer;
use crate::api::validation::endpoints;
use crate::api::validation::equality::semantically_equal;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "discovery.k8s.io",
    version: "v1",
    kind: "EndpointSlice",
    plural: "endpointslices",
    singular: "endpointslice",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "endpointslices",
    default,
    prepare_create,
    prepare_update,
    validate: |object| strategy::check(object, endpoints::slice),
    validate_update: |new, old| strategy::compare(new, old, endpoints::slice_update),
    columns: printer::SLICE_COLUMNS,
    row: printer::slice_row,
    ..plain(Kind::EndpointSlice)
};

/// `SetDefaults_EndpointPort`.
fn default(object: &mut Object) {
    for port in strategy::own::<EndpointSlice>(object).ports.iter_mut().flatten() {
        port.name.get_or_insert_default();
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
}

/// `dropTopologyOnV1`.
fn drop_topology(own: &mut EndpointSlice) {
    for endpoint in own.endpoints.iter_mut().flatten() {
        endpoint.deprecated_topology = None;
    }
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<EndpointSlice>(object);
    own.metadata.generation = Some(1);
    drop_topology(own);
}

/// A new generation where anything but the metadata changed, or the labels did.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<EndpointSlice>(new), old.expect::<EndpointSlice>());
    let unchanged = own.address_type == old.address_type
        && semantically_equal(&own.endpoints, &old.endpoints)
        && semantically_equal(&own.ports, &old.ports)
        && strategy::same_map(&own.metadata.labels, &old.metadata.labels);
    strategy::bump_generation(&mut own.metadata, unchanged);
    drop_topology(own);
}
