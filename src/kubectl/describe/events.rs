//! The table of events at the end of a description.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;

use crate::api::time::unix_micros;
use crate::api::{Method, Object, ObjectMeta, Request, duration};
use crate::sim::Order;

use super::super::builder::{CHUNK, objects};
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::writer::Text;

/// The events about an object, oldest first. A failure to list them means none.
///
/// # Errors
/// Only waits.
pub fn search(io: &mut Io<'_, '_>, kind: &str, meta: &ObjectMeta, uid: &str) -> Result<Vec<Arc<Object>>, Stop> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    let path = match namespace {
        "" => "/api/v1/events".to_owned(),
        namespace => format!("/api/v1/namespaces/{namespace}/events"),
    };
    let mut selector = format!("involvedObject.name={name},involvedObject.namespace={namespace}");
    selector.push_str(&format!(",involvedObject.kind={kind},involvedObject.uid={uid}"));
    let listed = io
        .ask(|| Request::new(Method::Get, path.as_str()).with("fieldSelector", selector.as_str()).with("limit", CHUNK));
    Ok(attempt(listed)?.map(|response| objects(&response)).unwrap_or_default())
}

/// Writes the events of an object, after asking for them.
///
/// # Errors
/// Only waits.
pub fn write(io: &mut Io<'_, '_>, text: &mut Text, kind: &str, meta: &ObjectMeta, show: bool) -> Result<(), Stop> {
    if !show {
        return Ok(());
    }
    let events = search(io, kind, meta, meta.uid.as_deref().unwrap_or_default())?;
    table(io, text, &events);
    Ok(())
}

/// The microsecond an event last happened at: what events are sorted by.
fn last(event: &Event) -> i64 {
    event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref())
        .map(|time| time.0.as_microsecond())
        .or_else(|| event.last_timestamp.as_ref().map(unix_micros))
        .or_else(|| event.event_time.as_ref().map(|time| time.0.as_microsecond()))
        .unwrap_or(0)
}

/// The table itself: `DescribeEvents`.
pub fn table(io: &mut Io<'_, '_>, text: &mut Text, events: &[Arc<Object>]) {
    let mut events: Vec<&Event> = events.iter().filter_map(|object| object.get::<Event>()).collect();
    if events.is_empty() {
        text.put(0, "Events:\t<none>\n");
        return;
    }
    let now = io.now();
    text.flush();
    events.order_by_key(|event| last(event));
    text.put(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n");
    text.put(1, "----\t------\t----\t----\t-------\n");
    for event in events {
        let since = |micros: Option<i64>| match micros {
            Some(micros) => duration::human(now - micros),
            None => "<unknown>".to_owned(),
        };
        let first = event.first_timestamp.as_ref().map(unix_micros);
        let first = first.or_else(|| event.event_time.as_ref().map(|time| time.0.as_microsecond()));
        let age = match &event.series {
            Some(series) => {
                let observed = series.last_observed_time.as_ref().map(|time| time.0.as_microsecond());
                format!("{} (x{} over {})", since(observed), series.count.unwrap_or(0), since(first))
            }
            None if event.count.unwrap_or(0) > 1 => {
                let latest = event.last_timestamp.as_ref().map(unix_micros);
                format!("{} (x{} over {})", since(latest), event.count.unwrap_or(0), since(first))
            }
            None => since(first),
        };
        let source = event.source.as_ref().and_then(|source| source.component.clone()).unwrap_or_default();
        let source = if source.is_empty() { event.reporting_component.clone().unwrap_or_default() } else { source };
        let message = event.message.as_deref().unwrap_or_default().trim();
        text.put(
            1,
            format!(
                "{}\t{}\t{age}\t{source}\t{message}\n",
                event.type_.as_deref().unwrap_or_default(),
                event.reason.as_deref().unwrap_or_default(),
            ),
        );
    }
}
