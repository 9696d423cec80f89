//! VolumeAttachment, storage.k8s.io/v1.

use k8s_openapi::api::storage::v1::VolumeAttachment;

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::storage;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "storage.k8s.io",
    version: "v1",
    kind: "VolumeAttachment",
    plural: "volumeattachments",
    singular: "volumeattachment",
    short_names: &[],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &["status"],
    etcd_prefix: "volumeattachments",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, storage::attachment_create),
    validate_update: |new, old| strategy::compare(new, old, storage::attachment_update),
    unconditional_update: false,
    columns: crate::api::printers::storage::ATTACHMENT_COLUMNS,
    row: crate::api::printers::storage::attachment_row,
    ..plain(Kind::VolumeAttachment)
};

/// In Go the status is no pointer, so that it is always there.
fn default(object: &mut Object) {
    strategy::own::<VolumeAttachment>(object).status.get_or_insert_default();
}

fn prepare_create(object: &mut Object) {
    strategy::own::<VolumeAttachment>(object).status = Some(Default::default());
}

strategy::update_keeps_status!(VolumeAttachment);

/// `ResetObjectMetaForStatus`: what labels, annotations, finalizers and owners an object has is not its status.
fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<VolumeAttachment>(new), old.expect::<VolumeAttachment>());
    own.spec.clone_from(&old.spec);
    own.metadata.labels.clone_from(&old.metadata.labels);
    own.metadata.annotations.clone_from(&old.metadata.annotations);
    own.metadata.finalizers.clone_from(&old.metadata.finalizers);
    own.metadata.owner_references.clone_from(&old.metadata.owner_references);
}
