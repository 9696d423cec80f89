//! Event, v1.

use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event as EventsEvent;

use super::strategy;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::Path;
use crate::api::validation::event::{self, EventView};
use crate::api::validation::meta::object_meta;
use crate::api::validation::names::path_segment_name;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "events",
    default,
    prepare_update: strategy::keep_metadata,
    validate,
    validate_update,
    field_labels: FIELDS,
    field,
    creates_on_update: true,
    columns: crate::api::printers::event::COLUMNS,
    row: crate::api::printers::event::row,
    ..plain(Kind::Event)
};

const FIELDS: &[&str] = &[
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// No more than what Go writes even when it is empty.
fn default(object: &mut Object) {
    let own = strategy::own::<CoreEvent>(object);
    own.source.get_or_insert_default();
    own.reporting_component.get_or_insert_default();
    own.reporting_instance.get_or_insert_default();
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    event::legacy(&EventView::from(object.expect::<CoreEvent>()), &mut errors);
    if errors.is_empty() {
        // All that the generic registry asks of any object (`rest.BeforeCreate`).
        object_meta(object.meta(), true, path_segment_name, &Path::new("metadata"), &mut errors);
    }
    errors
}

fn validate_update(new: &Object, _: &Object) -> Vec<FieldError> {
    validate(new)
}

/// The value of a label by its name in core/v1, whichever group the event was written through.
pub(super) fn field(object: &Object, label: &str) -> Option<String> {
    let view = match object.get::<CoreEvent>() {
        Some(own) => EventView::from(own),
        None => EventView::from(object.expect::<EventsEvent>()),
    };
    let involved = &view.involved;
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    Some(match label {
        "involvedObject.apiVersion" => optional(&involved.api_version),
        "involvedObject.fieldPath" => optional(&involved.field_path),
        "involvedObject.kind" => optional(&involved.kind),
        "involvedObject.name" => optional(&involved.name),
        "involvedObject.namespace" => optional(&involved.namespace),
        "involvedObject.resourceVersion" => optional(&involved.resource_version),
        "involvedObject.uid" => optional(&involved.uid),
        "reason" => view.reason.to_owned(),
        "reportingComponent" => view.controller.to_owned(),
        "source" => match view.source.component.as_deref() {
            None | Some("") => view.controller.to_owned(),
            Some(component) => component.to_owned(),
        },
        "type" => view.type_.to_owned(),
        _ => return None,
    })
}
