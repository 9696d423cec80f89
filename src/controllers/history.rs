//! ControllerRevisions: what a StatefulSet or a DaemonSet was before.
//!
//! Mirrors pkg/controller/history and `getPatch` of both controllers.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use crate::api::fields::Field;
use crate::api::{Kind, Object, Request, Typed, time};
use crate::sim::Order;

use super::adoption::Claims;
use super::controller::Stores;
use super::owners::{self, controller_of};
use super::plan::Write;
use super::selector;

/// The label of pods and revisions that names the revision (`apps.ControllerRevisionHashLabelKey`).
pub const HASH_LABEL: &str = "controller-revision-hash";

/// The data of a revision with this template: the patch that brings it back.
pub fn data_of(template: &PodTemplateSpec) -> Value {
    let mut template = template.write();
    template["$patch"] = json!("replace");
    json!({ "spec": { "template": template } })
}

/// The data of a revision.
pub fn data(revision: &Object) -> Option<&Value> {
    revision.expect::<ControllerRevision>().data.as_ref().map(|data| &data.0)
}

/// The number of a revision.
pub fn number(revision: &Object) -> i64 {
    revision.expect::<ControllerRevision>().revision
}

/// The template that a revision brings back. Read by way of a StatefulSet, since a decoder of its own would
/// cost the page tens of KiB.
pub fn template_of(revision: &Object) -> Option<PodTemplateSpec> {
    let mut template = data(revision)?.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    let set = json!({ "spec": { "template": template } });
    match Object::from_value(Kind::StatefulSet, &set, &mut |_| {}) {
        Ok(Object::StatefulSet(set)) => set.spec.map(|spec| spec.template),
        _ => None,
    }
}

/// A new revision of `owner`, without a name.
pub fn revision_of(owner: &Object, template: &PodTemplateSpec, data: Value, number: i64) -> ControllerRevision {
    let mut revision = ControllerRevision { data: Some(RawExtension(data)), revision: number, ..Default::default() };
    revision.metadata.namespace = owner.meta().namespace.clone();
    revision.metadata.labels = template.metadata.as_ref().and_then(|meta| meta.labels.clone());
    revision.metadata.annotations = owner.meta().annotations.clone();
    revision.metadata.owner_references = Some(vec![owners::controller_ref(owner)]);
    revision
}

/// The update that gives a revision another number.
pub fn renumber(revision: &Object, number: i64) -> Write {
    let mut renumbered = revision.expect::<ControllerRevision>().clone();
    renumbered.revision = number;
    Write::new(Request::update(Arc::new(renumbered.into_object())))
}

/// The revisions of an owner by number, older ones first; and what it takes of those that nobody has and lets go of
/// those whose labels its selector no longer picks.
pub(super) fn claim(owner: &Object, selector: &LabelSelector, stores: &Stores) -> (Vec<Arc<Object>>, Claims) {
    let (mut mine, mut claims) = (Vec::new(), Claims::default());
    let leaving = owner.meta().deletion_timestamp.is_some();
    for revision in stores.of(Kind::ControllerRevision).in_namespace(owner.namespace()) {
        let meta = revision.meta();
        let picked = selector::matches(selector, meta.labels.as_ref());
        let leaves = meta.deletion_timestamp.is_some();
        match controller_of(meta).map(|reference| reference.uid == owner.uid()) {
            Some(false) => {}
            Some(true) if picked || leaving => mine.push(revision),
            Some(true) => claims.release(owner, &revision),
            None if picked && !leaving && !leaves => claims.adopt(owner, &revision),
            None => {}
        }
    }
    sort(&mut mine);
    (mine, claims)
}

/// `SortControllerRevisions`: by number, then by age, then by name.
pub fn sort(revisions: &mut [Arc<Object>]) {
    let created = |object: &Object| object.meta().creation_timestamp.as_ref().map(time::unix_micros);
    revisions.order_by(|a, b| (number(a), created(a), a.name()).cmp(&(number(b), created(b), b.name())));
}
