//! Events of both groups: `printEvent`.

use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

use super::{column, or, since, since_micros, wide};
use crate::api::events_conversion::to_core;
use crate::api::kind::Column;
use crate::api::object::Object;

/// Last Seen, Type, Reason, Object, Message; wide: Subobject, Source, First Seen, Count, Name.
pub const COLUMNS: &[Column] = &[
    column("Last Seen", "string", "The time at which the most recent occurrence of this event was recorded."),
    column("Type", "string", "Type of this event (Normal, Warning), new types could be added in the future"),
    column(
        "Reason",
        "string",
        "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    column("Object", "string", "The object that this event is about."),
    wide(
        "Subobject",
        "string",
        "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
    ),
    wide("Source", "string", "The component reporting this event. Should be a short machine understandable string."),
    column("Message", "string", "A human-readable description of the status of this operation."),
    wide(
        "First Seen",
        "string",
        "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
    ),
    wide("Count", "string", "The number of times this event has occurred."),
    Column { priority: 1, ..crate::api::kind::NAME },
];

/// The cells of an event.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    match object {
        Object::Event(event) => cells(event, now_unix_micros),
        Object::EventsV1Event(event) => cells(&to_core(event), now_unix_micros),
        _ => Vec::new(),
    }
}

fn cells(event: &Event, now_unix_micros: i64) -> Vec<Value> {
    let event_time = event.event_time.as_ref().map(|time| time.0.as_microsecond());
    let first = match &event.first_timestamp {
        Some(time) => since(Some(time), now_unix_micros),
        None => since_micros(event_time, now_unix_micros),
    };
    let mut last = match &event.last_timestamp {
        Some(time) => since(Some(time), now_unix_micros),
        None => first.clone(),
    };
    let mut count = event.count.unwrap_or(0);
    if let Some(series) = &event.series {
        let observed = series.last_observed_time.as_ref().map(|time| time.0.as_microsecond());
        last = since_micros(observed, now_unix_micros);
        count = series.count.unwrap_or(0);
    } else if count == 0 {
        // Single events of the new API have no count.
        count = 1;
    }
    let involved = &event.involved_object;
    let kind = involved.kind.as_deref().unwrap_or_default().to_lowercase();
    let target = match involved.name.as_deref() {
        Some(name) if !name.is_empty() => format!("{kind}/{name}"),
        _ => kind,
    };
    vec![
        Value::from(last),
        Value::from(event.type_.clone().unwrap_or_default()),
        Value::from(event.reason.clone().unwrap_or_default()),
        Value::from(target),
        Value::from(involved.field_path.clone().unwrap_or_default()),
        Value::from(source(event)),
        Value::from(event.message.as_deref().unwrap_or_default().trim()),
        Value::from(first),
        Value::from(count),
        Value::from(event.metadata.name.clone().unwrap_or_default()),
    ]
}

/// `kubelet, node-a`: `formatEventSource`.
fn source(event: &Event) -> String {
    let source = event.source.clone().unwrap_or_default();
    let reporting = event.reporting_component.as_deref().unwrap_or_default();
    let component = or(source.component.as_deref(), reporting);
    let instance = or(source.host.as_deref(), event.reporting_instance.as_deref().unwrap_or_default());
    if instance.is_empty() { component } else { format!("{component}, {instance}") }
}
