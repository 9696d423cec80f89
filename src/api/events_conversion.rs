//! Events between the core group and events.k8s.io: two faces of one stored object.
//!
//! Mirrors pkg/apis/events/v1/conversion.go. Leaves out: nothing.

use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSeries as CoreSeries, EventSource};
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::object::{Kind, Object, Typed};
use super::time::ZERO_TIME;

/// The core face of an event.
pub fn to_core(event: &Event) -> CoreEvent {
    let source = EventSource { ..event.deprecated_source.clone().unwrap_or_default() };
    CoreEvent {
        action: event.action.clone(),
        count: event.deprecated_count,
        event_time: event.event_time.clone(),
        first_timestamp: event.deprecated_first_timestamp.clone(),
        involved_object: event.regarding.clone().unwrap_or_default(),
        last_timestamp: event.deprecated_last_timestamp.clone(),
        message: event.note.clone(),
        metadata: event.metadata.clone(),
        reason: event.reason.clone(),
        related: event.related.clone(),
        reporting_component: event.reporting_controller.clone(),
        reporting_instance: event.reporting_instance.clone(),
        series: event.series.as_ref().map(|series| CoreSeries {
            count: Some(series.count),
            last_observed_time: Some(series.last_observed_time.clone()),
        }),
        source: Some(source),
        type_: event.type_.clone(),
    }
}

/// The events.k8s.io face of an event.
pub fn from_core(event: &CoreEvent) -> Event {
    Event {
        action: event.action.clone(),
        deprecated_count: event.count,
        deprecated_first_timestamp: event.first_timestamp.clone(),
        deprecated_last_timestamp: event.last_timestamp.clone(),
        deprecated_source: event.source.clone(),
        event_time: event.event_time.clone(),
        metadata: event.metadata.clone(),
        note: event.message.clone(),
        reason: event.reason.clone(),
        regarding: Some(event.involved_object.clone()),
        related: event.related.clone(),
        reporting_controller: event.reporting_component.clone(),
        reporting_instance: event.reporting_instance.clone(),
        series: event.series.as_ref().map(|series| EventSeries {
            count: series.count.unwrap_or(0),
            last_observed_time: series.last_observed_time.clone().unwrap_or_else(no_time),
        }),
        type_: event.type_.clone(),
    }
}

/// Go's zero time: the date of a series that has none.
fn no_time() -> MicroTime {
    MicroTime(ZERO_TIME)
}

/// The object as the resource it is asked for by shows it: events change their face, others stay.
pub fn convert(object: &Object, to: Kind) -> Object {
    match (object, to) {
        (Object::Event(event), Kind::EventsV1Event) => from_core(event).into_object(),
        (Object::EventsV1Event(event), Kind::Event) => to_core(event).into_object(),
        (object, _) => object.clone(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;
    use crate::api::time::{micro_time, time};

    #[test]
    fn an_event_comes_back_as_it_went() {
        let event = CoreEvent {
            action: Some("Binding".to_owned()),
            count: Some(3),
            event_time: Some(micro_time(5_000_001)),
            first_timestamp: Some(time(1_000_000)),
            involved_object: ObjectReference { kind: Some("Pod".to_owned()), ..ObjectReference::default() },
            last_timestamp: Some(time(2_000_000)),
            message: Some("Successfully assigned default/web to node-a".to_owned()),
            reason: Some("Scheduled".to_owned()),
            reporting_component: Some("default-scheduler".to_owned()),
            reporting_instance: Some("default-scheduler-0".to_owned()),
            series: Some(CoreSeries { count: Some(2), last_observed_time: Some(micro_time(9)) }),
            source: Some(EventSource { component: Some("x".to_owned()), host: None }),
            type_: Some("Normal".to_owned()),
            ..CoreEvent::default()
        };
        let new = from_core(&event);
        assert_eq!(new.note, event.message);
        assert_eq!(new.deprecated_count, Some(3));
        assert_eq!(to_core(&new), event);
        assert_eq!(
            convert(&convert(&event.clone().into_object(), Kind::EventsV1Event), Kind::Event),
            event.into_object()
        );
    }
}
