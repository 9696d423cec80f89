//! Namespace, v1.

use k8s_openapi::api::core::v1::{Namespace, NamespaceStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::config;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &["finalize", "status"],
    etcd_prefix: "namespaces",
    verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, config::namespace),
    validate_update: |new, old| strategy::compare(new, old, config::namespace_update),
    validate_status: |new, old| strategy::compare(new, old, config::namespace_status_update),
    field_labels: &["status.phase"],
    field,
    columns: crate::api::printers::namespace::COLUMNS,
    row: crate::api::printers::namespace::row,
    ..plain(Kind::Namespace)
};

const FINALIZER: &str = "kubernetes";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The label that says its name, and the phase `Active`.
fn default(object: &mut Object) {
    let own = strategy::own::<Namespace>(object);
    if let Some(name) = own.metadata.name.clone().filter(|name| !name.is_empty()) {
        own.metadata.labels.get_or_insert_default().insert(NAME_LABEL.to_owned(), name);
    }
    own.spec.get_or_insert_default();
    defaults::text(&mut own.status.get_or_insert_default().phase, "Active");
}

/// Active, and kept by the finalizer `kubernetes` until its content is gone.
fn prepare_create(object: &mut Object) {
    let own = strategy::own::<Namespace>(object);
    own.status = Some(NamespaceStatus { phase: Some("Active".to_owned()), conditions: None });
    let finalizers = own.spec.get_or_insert_default().finalizers.get_or_insert_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    default(object);
}

/// Finalizers change through `finalize`, the status through `status`.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Namespace>(new), old.expect::<Namespace>());
    own.spec.clone_from(&old.spec);
    own.status.clone_from(&old.status);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<Namespace>(new).spec.clone_from(&old.expect::<Namespace>().spec);
}

fn field(object: &Object, label: &str) -> Option<String> {
    let status = object.expect::<Namespace>().status.as_ref();
    (label == "status.phase").then(|| status.and_then(|status| status.phase.clone()).unwrap_or_default())
}
