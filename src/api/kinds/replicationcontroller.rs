//! ReplicationController, v1.

use k8s_openapi::api::core::v1::{ReplicationController, ReplicationControllerStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::replicationcontroller;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "ReplicationController",
    plural: "replicationcontrollers",
    singular: "replicationcontroller",
    short_names: &["rc"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["scale", "status"],
    etcd_prefix: "controllers",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, replicationcontroller::replication_controller),
    validate_update: |new, old| strategy::compare(new, old, replicationcontroller::replication_controller_update),
    validate_status: |new, old| {
        strategy::compare(new, old, replicationcontroller::replication_controller_status_update)
    },
    field_labels: &["status.replicas"],
    field,
    columns: crate::api::printers::replicationcontroller::COLUMNS,
    row: crate::api::printers::replicationcontroller::row,
    ..plain(Kind::ReplicationController)
};

/// `SetDefaults_ReplicationController`: the template's labels are the selector and the labels, where there are none.
fn default(object: &mut Object) {
    let own = strategy::own::<ReplicationController>(object);
    let spec = own.spec.get_or_insert_default();
    if let Some(template) = &mut spec.template {
        defaults::pod_template(template);
        let labels = template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
        for map in [&mut spec.selector, &mut own.metadata.labels] {
            if !labels.is_empty() && map.as_ref().is_none_or(|map| map.is_empty()) {
                *map = Some(labels.clone());
            }
        }
    }
    spec.replicas.get_or_insert(1);
    own.status.get_or_insert_default();
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<ReplicationController>(object);
    own.status = Some(ReplicationControllerStatus::default());
    own.metadata.generation = Some(1);
}

strategy::spec_and_status!(ReplicationController);

fn field(object: &Object, label: &str) -> Option<String> {
    let status = object.expect::<ReplicationController>().status.as_ref();
    (label == "status.replicas").then(|| status.map_or(0, |status| status.replicas).to_string())
}
