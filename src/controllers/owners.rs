//! Owner references: who controls an object, and the patches that adopt and release one.
//!
//! Mirrors pkg/controller `controller_ref_manager.go` and apimachinery `controller_ref.go`.

use serde_json::json;

use crate::api::fields::Field;
use crate::api::{Object, ObjectMeta, OwnerReference, Request, http::content_type};

/// The reference to the controlling owner.
pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// Whether `owner` is what controls `meta`.
pub fn is_controlled_by(meta: &ObjectMeta, owner: &Object) -> bool {
    controller_of(meta).is_some_and(|reference| reference.uid == owner.uid())
}

/// A reference to `owner` as the controller.
pub fn controller_ref(owner: &Object) -> OwnerReference {
    let info = owner.info();
    OwnerReference {
        api_version: info.api_version(),
        kind: info.kind.to_owned(),
        name: owner.name().to_owned(),
        uid: owner.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The patch by which `owner` takes `dependent` as its own. The uid is a precondition.
pub fn adopt(owner: &Object, dependent: &Object) -> Request {
    let patch = json!({ "metadata": { "ownerReferences": [controller_ref(owner).write()], "uid": dependent.uid() } });
    patch_meta(dependent, patch)
}

/// The patch by which owners with these uids let go of `dependent`.
pub fn release(dependent: &Object, owner_uids: &[&str]) -> Request {
    let references: Vec<_> = owner_uids.iter().map(|uid| json!({ "$patch": "delete", "uid": uid })).collect();
    let patch = json!({ "metadata": { "ownerReferences": references, "uid": dependent.uid() } });
    patch_meta(dependent, patch)
}

fn patch_meta(object: &Object, patch: serde_json::Value) -> Request {
    Request::patch(object.info(), object.namespace(), object.name(), "", content_type::STRATEGIC_MERGE_PATCH, patch)
}
