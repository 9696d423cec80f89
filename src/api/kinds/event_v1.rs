//! Event, events.k8s.io/v1.

use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event as EventsEvent;

use super::strategy;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::event::{self, EventView};

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "events.k8s.io",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "events",
    stored_as: Kind::Event,
    prepare_update: strategy::keep_metadata,
    validate,
    validate_update,
    field_labels: FIELDS,
    field,
    creates_on_update: true,
    columns: crate::api::printers::event::COLUMNS,
    row: crate::api::printers::event::row,
    ..plain(Kind::EventsV1Event)
};

const FIELDS: &[&str] = &[
    "reason",
    "regarding.apiVersion",
    "regarding.fieldPath",
    "regarding.kind",
    "regarding.name",
    "regarding.namespace",
    "regarding.resourceVersion",
    "regarding.uid",
    "reportingController",
    "type",
];

/// The event as it was written: through this group, or as the core event under which it is stored.
fn view(object: &Object) -> EventView<'_> {
    match object.get::<EventsEvent>() {
        Some(own) => EventView::from(own),
        None => EventView::from(object.expect::<CoreEvent>()),
    }
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    event::strict_create(&view(object), &mut errors);
    errors
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    event::strict_update(&view(new), &view(old), &mut errors);
    errors
}

fn field(object: &Object, label: &str) -> Option<String> {
    match label.strip_prefix("regarding.") {
        Some(rest) => super::event::field(object, &format!("involvedObject.{rest}")),
        None if label == "reportingController" => super::event::field(object, "reportingComponent"),
        None => FIELDS.contains(&label).then(|| super::event::field(object, label)).flatten(),
    }
}
