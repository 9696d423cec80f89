//! ReplicaSet, apps/v1.

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::workloads;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "apps",
    version: "v1",
    kind: "ReplicaSet",
    plural: "replicasets",
    singular: "replicaset",
    short_names: &["rs"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["scale", "status"],
    etcd_prefix: "replicasets",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, workloads::replica_set),
    validate_update: |new, old| strategy::compare(new, old, workloads::replica_set_update),
    validate_status: |new, old| strategy::compare(new, old, workloads::replica_set_status_update),
    field_labels: &["status.replicas"],
    field,
    columns: crate::api::printers::replicaset::COLUMNS,
    row: crate::api::printers::replicaset::row,
    ..plain(Kind::ReplicaSet)
};

/// `SetDefaults_ReplicaSet`.
fn default(object: &mut Object) {
    let own = strategy::own::<ReplicaSet>(object);
    let spec = own.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    defaults::pod_template(spec.template.get_or_insert_default());
    own.status.get_or_insert_default();
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<ReplicaSet>(object);
    own.status = Some(ReplicaSetStatus::default());
    own.metadata.generation = Some(1);
}

strategy::spec_and_status!(ReplicaSet);

fn field(object: &Object, label: &str) -> Option<String> {
    let status = object.expect::<ReplicaSet>().status.as_ref();
    (label == "status.replicas").then(|| status.map_or(0, |status| status.replicas).to_string())
}
