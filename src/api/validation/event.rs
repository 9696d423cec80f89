//! Mirrors pkg/apis/core/validation/events.go for both groups of events.

use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSource, ObjectReference};
use k8s_openapi::api::events::v1::Event as EventsEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};

use super::equality::{immutable, immutable_option, immutable_text};
use super::errors::{BadValue, Errors};
use super::meta::{object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;

/// An event as Go's internal type has it, whichever group it came by.
pub struct EventView<'a> {
    meta: &'a ObjectMeta,
    /// What it is about.
    pub involved: ObjectReference,
    pub reason: &'a str,
    message: &'a str,
    /// Who reported it, the old way.
    pub source: EventSource,
    first: &'a Option<Time>,
    last: &'a Option<Time>,
    count: i32,
    pub type_: &'a str,
    event_time: &'a Option<MicroTime>,
    series: Option<(i32, Option<MicroTime>)>,
    action: &'a str,
    related: &'a Option<ObjectReference>,
    /// Who reported it, the new way.
    pub controller: &'a str,
    instance: &'a str,
}

impl<'a> From<&'a CoreEvent> for EventView<'a> {
    fn from(event: &'a CoreEvent) -> Self {
        let series = event.series.as_ref();
        EventView {
            meta: &event.metadata,
            involved: event.involved_object.clone(),
            reason: text(&event.reason),
            message: text(&event.message),
            source: event.source.clone().unwrap_or_default(),
            first: &event.first_timestamp,
            last: &event.last_timestamp,
            count: event.count.unwrap_or(0),
            type_: text(&event.type_),
            event_time: &event.event_time,
            series: series.map(|series| (series.count.unwrap_or(0), series.last_observed_time.clone())),
            action: text(&event.action),
            related: &event.related,
            controller: text(&event.reporting_component),
            instance: text(&event.reporting_instance),
        }
    }
}

impl<'a> From<&'a EventsEvent> for EventView<'a> {
    fn from(event: &'a EventsEvent) -> Self {
        let series = event.series.as_ref();
        EventView {
            meta: &event.metadata,
            involved: event.regarding.clone().unwrap_or_default(),
            reason: text(&event.reason),
            message: text(&event.note),
            source: event.deprecated_source.clone().unwrap_or_default(),
            first: &event.deprecated_first_timestamp,
            last: &event.deprecated_last_timestamp,
            count: event.deprecated_count.unwrap_or(0),
            type_: text(&event.type_),
            event_time: &event.event_time,
            series: series.map(|series| (series.count, Some(series.last_observed_time.clone()))),
            action: text(&event.action),
            related: &event.related,
            controller: text(&event.reporting_controller),
            instance: text(&event.reporting_instance),
        }
    }
}

/// `legacyValidateEvent`: all that core/v1 asks.
pub fn legacy(event: &EventView<'_>, errors: &mut Errors) {
    let namespace = text(&event.meta.namespace);
    let involved = text(&event.involved.namespace);
    let agree = match (event.event_time, involved) {
        (None, "") => namespace.is_empty() || namespace == "default",
        (None, involved) => namespace == involved,
        (Some(_), "") => namespace == "default" || namespace == "kube-system",
        (Some(_), _) => true,
    };
    if !agree {
        let path = Path::new("involvedObject.namespace");
        errors.push(FieldError::invalid(&path, involved, "does not match event.namespace"));
    }
    if event.event_time.is_some() {
        let path = Path::new("reportingController");
        if event.controller.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        each(names::qualified_name(event.controller), event.controller, &path, errors);
        for (field, value) in
            [("reportingInstance", event.instance), ("action", event.action), ("reason", event.reason)]
        {
            if value.is_empty() {
                errors.push(FieldError::required(&Path::new(field), ""));
            }
            at_most(128, value, field, errors);
        }
        at_most(1024, event.message, "message", errors);
    }
    each(names::dns1123_subdomain(namespace), namespace, &Path::new("namespace"), errors);
}

fn at_most(max: usize, value: &str, field: &str, errors: &mut Errors) {
    if value.len() > max {
        errors.push(FieldError::invalid(&Path::new(field), "", &format!("can have at most {max} characters")));
    }
}

fn series(event: &EventView<'_>, errors: &mut Errors) {
    let Some((count, last)) = &event.series else { return };
    if *count < 2 {
        errors.push(FieldError::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if last.is_none() {
        errors.push(FieldError::required(&Path::new("series.lastObservedTime"), ""));
    }
}

/// `ValidateEventCreate` through events.k8s.io/v1.
pub fn strict_create(event: &EventView<'_>, errors: &mut Errors) {
    legacy(event, errors);
    object_meta(event.meta, true, subdomain_name, &Path::new("metadata"), errors);
    series(event, errors);
    if event.event_time.is_none() {
        errors.push(FieldError::required(&Path::new("eventTime"), ""));
    }
    if !matches!(event.type_, "Normal" | "Warning") {
        let detail = format!("has invalid value: {}", event.type_);
        errors.push(FieldError::invalid(&Path::new("type"), "", &detail));
    }
    let sourced = !text(&event.source.component).is_empty() || !text(&event.source.host).is_empty();
    for (field, set) in [
        ("firstTimestamp", event.first.is_some()),
        ("lastTimestamp", event.last.is_some()),
        ("count", event.count != 0),
        ("source", sourced),
    ] {
        if set {
            errors.push(FieldError::invalid(&Path::new(field), "", "needs to be unset"));
        }
    }
}

/// `ValidateEventUpdate` through events.k8s.io/v1: only the series may change.
pub fn strict_update(new: &EventView<'_>, old: &EventView<'_>, errors: &mut Errors) {
    legacy(new, errors);
    object_meta_update(new.meta, old.meta, &Path::new("metadata"), errors);
    if new.series != old.series {
        series(new, errors);
    }
    immutable(&new.involved, &old.involved, BadValue::json, &Path::new("involvedObject"), errors);
    immutable_text(new.reason, old.reason, &Path::new("reason"), errors);
    immutable_text(new.message, old.message, &Path::new("message"), errors);
    immutable(&new.source, &old.source, BadValue::json, &Path::new("source"), errors);
    immutable_option(new.first, old.first, &Path::new("firstTimestamp"), errors);
    immutable_option(new.last, old.last, &Path::new("lastTimestamp"), errors);
    immutable(&new.count, &old.count, |count| BadValue::from(*count), &Path::new("count"), errors);
    immutable_text(new.type_, old.type_, &Path::new("type"), errors);
    immutable_option(new.event_time, old.event_time, &Path::new("eventTime"), errors);
    immutable_text(new.action, old.action, &Path::new("action"), errors);
    immutable_option(new.related, old.related, &Path::new("related"), errors);
    immutable_text(new.controller, old.controller, &Path::new("reportingController"), errors);
    immutable_text(new.instance, old.instance, &Path::new("reportingInstance"), errors);
}
