//! Endpoints, v1: deprecated since 1.33, which the server says with every answer.

use k8s_openapi::api::core::v1::Endpoints;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::printers::endpoints as printer;
use crate::api::validation::endpoints;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Endpoints",
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "services/endpoints",
    default,
    prepare_update: strategy::keep_metadata,
    validate,
    validate_update: |new, old| strategy::compare(new, old, endpoints::endpoints_update),
    deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    creates_on_update: true,
    columns: printer::COLUMNS,
    row: printer::row,
    ..plain(Kind::Endpoints)
};

/// `SetDefaults_Endpoints`.
fn default(object: &mut Object) {
    for subset in strategy::own::<Endpoints>(object).subsets.iter_mut().flatten() {
        for port in subset.ports.iter_mut().flatten() {
            defaults::text(&mut port.protocol, "TCP");
        }
    }
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    endpoints::endpoints(object.expect::<Endpoints>(), None, &mut errors);
    errors
}
