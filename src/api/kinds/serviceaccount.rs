//! ServiceAccount, v1.

use k8s_openapi::api::core::v1::{ObjectReference, ServiceAccount};

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::config;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    singular: "serviceaccount",
    short_names: &["sa"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &["token"],
    etcd_prefix: "serviceaccounts",
    prepare_create,
    prepare_update,
    validate: |object| strategy::check(object, config::service_account),
    validate_update: |new, old| strategy::compare(new, old, config::service_account_update),
    columns: crate::api::printers::config::SERVICE_ACCOUNT_COLUMNS,
    row: crate::api::printers::config::service_account_row,
    ..plain(Kind::ServiceAccount)
};

/// `cleanSecretReferences`: of a secret only its name is kept.
fn prepare_create(object: &mut Object) {
    let own = strategy::own::<ServiceAccount>(object);
    for secret in own.secrets.iter_mut().flatten() {
        *secret = ObjectReference { name: secret.name.take(), ..ObjectReference::default() };
    }
}

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    prepare_create(new);
}
