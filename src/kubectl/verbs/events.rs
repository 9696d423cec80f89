//! `kubectl events`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/events. Leaves out: `--watch`.

use k8s_openapi::api::core::v1::Event;

use crate::api::http::Method;
use crate::api::time::unix_micros;
use crate::api::{Request, duration};
use crate::sim::Order;

use super::super::builder::{CHUNK, objects};
use super::super::discovery::resource;
use super::super::errors::{Stop, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::tabwriter::{TABLE, align};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    short("all-namespaces", 'A', Takes::Bool, "If present, list the requested object(s) across all namespaces."),
    flag("for", Takes::Text, "Filter events to only those pertaining to the specified resource."),
    flag("no-headers", Takes::Bool, "When using the default output format, don't print headers."),
    flag("types", Takes::Slice, "Output only events of given types."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "events",
    short: "List events",
    usage: "events [(-o|--output=)json|yaml] [--for TYPE/NAME] [--event-types=Normal,Warning] [options]",
    flags: &[FLAGS],
    run,
    ..PLAIN
};

/// When an event last happened.
fn last(event: &Event) -> Option<i64> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    series
        .map(|time| time.0.as_microsecond())
        .or_else(|| event.last_timestamp.as_ref().map(unix_micros))
        .or_else(|| event.event_time.as_ref().map(|time| time.0.as_microsecond()))
}

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let all = args.is("all-namespaces");
    let types = args.list("types");
    if !types.iter().all(|known| known.eq_ignore_ascii_case("Normal") || known.eq_ignore_ascii_case("Warning")) {
        return fail("valid --types are Normal or Warning");
    }
    let mut selector = String::new();
    if let Some(target) = args.text("for").filter(|target| !target.is_empty()) {
        let Some((kind, name)) = target.split_once('/') else {
            return fail("--for must be in resource/name form");
        };
        let kind = resource(io, kind)?;
        selector = format!("involvedObject.kind={},involvedObject.name={name}", kind.kind);
    }
    let path =
        if all { "/api/v1/events".to_owned() } else { format!("/api/v1/namespaces/{}/events", args.namespace()) };
    let response = io.ask(|| {
        let request = Request::new(Method::Get, path.as_str()).with("limit", CHUNK);
        if selector.is_empty() { request } else { request.with("fieldSelector", selector.as_str()) }
    })?;
    let now = io.now();
    let listed = objects(&response);
    let mut events: Vec<&Event> = (listed.iter().filter_map(|object| object.get::<Event>()))
        .filter(|event| {
            let type_ = event.type_.as_deref().unwrap_or_default();
            types.is_empty() || types.iter().any(|known| known.eq_ignore_ascii_case(type_))
        })
        .collect();
    if events.is_empty() {
        match all {
            true => io.err("No events found.\n"),
            false => io.err(format!("No events found in {} namespace.\n", args.namespace())),
        }
        return Ok(0);
    }
    events.order_by_key(|event| last(event));
    let mut text = String::new();
    if !args.is("no-headers") {
        text.push_str(if all { "NAMESPACE\t" } else { "" });
        text.push_str("LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n");
    }
    let since =
        |micros: Option<i64>| micros.map_or_else(|| "<unknown>".to_owned(), |micros| duration::human(now - micros));
    for event in events {
        let first = event.first_timestamp.as_ref().map(unix_micros);
        let first = first.or_else(|| event.event_time.as_ref().map(|time| time.0.as_microsecond()));
        let count = event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(0);
        let seen = match count > 1 {
            true => format!("{} (x{count} over {})", since(last(event)), since(first)),
            false => since(last(event)),
        };
        if all {
            text.push_str(event.metadata.namespace.as_deref().unwrap_or_default());
            text.push('\t');
        }
        let about = &event.involved_object;
        text.push_str(&format!(
            "{seen}\t{}\t{}\t{}/{}\t{}\n",
            event.type_.as_deref().unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            about.kind.as_deref().unwrap_or_default(),
            about.name.as_deref().unwrap_or_default(),
            event.message.as_deref().unwrap_or_default().trim(),
        ));
    }
    io.out(align(&text, TABLE, None));
    Ok(0)
}
