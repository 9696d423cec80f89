//! ControllerRevision, apps/v1.

use k8s_openapi::api::apps::v1::ControllerRevision;

use super::strategy;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::workloads;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "apps",
    version: "v1",
    kind: "ControllerRevision",
    plural: "controllerrevisions",
    singular: "controllerrevision",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "controllerrevisions",
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, workloads::controller_revision),
    validate_update,
    unconditional_update: false,
    columns: crate::api::printers::controllerrevision::COLUMNS,
    row: crate::api::printers::controllerrevision::row,
    ..plain(Kind::ControllerRevision)
};

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (new, old) = (new.expect::<ControllerRevision>(), old.expect::<ControllerRevision>());
    workloads::controller_revision_update(new, old, &mut errors);
    errors
}
