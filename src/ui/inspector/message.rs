//! One message in full: what it is, what it carries, how it came about, what it led to.

use yew::prelude::*;

use crate::cluster::{BodyView, FlightKind, MessageView};

use super::super::app::Ask;
use super::super::changes::Marked;
use super::super::controls::{packet_name, packet_symbol};
use super::super::details;
use super::super::screen::{MessageDetail, Selection};
use super::breaking;
use super::chain;
use super::objects::{follow, led_to};
use super::place::{marked, plain, yaml};

/// Properties of a message.
#[derive(Properties, PartialEq)]
pub struct MessageProps {
    pub detail: MessageDetail,
    pub on_ask: Callback<Ask>,
}

/// Which body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Own,
    Request,
    Response,
    Headers,
}

/// A message.
#[component(Message)]
pub fn message(props: &MessageProps) -> Html {
    let detail = &props.detail;
    let view = &detail.view;
    let (symbol, colour) = packet_symbol(view.kind);
    let (state, bad) = state(view);
    html! {
        <div class="insp">
            <div class="hd">
                <svg class="pk" viewBox="-26 -7 34 14" aria-hidden="true"><use href={symbol} class={colour} /></svg>
                <h2>{ title(view) }</h2>
                <span class={classes!("st", bad.then_some("bad"))}>{ state }</span>
            </div>
            { path(view) }
            <div class="acts">{ follow(Selection::Message(view.id), &props.on_ask) }</div>
            <div class={classes!("prog", colour)} aria-hidden="true"><i id="travelbar"></i></div>
            { facts(detail) }
            <Bodies detail={detail.clone()} />
            <div class="sub"><h3>{ "Caused by" }</h3><span class="sp"></span><span class="dim">{ "ms" }</span></div>
            { chain(&detail.chain, Some(view.id), detail.origin, &props.on_ask) }
            { led_to(&detail.tree, detail.origin, &props.on_ask) }
            { breaking::of_link(&view.from, &view.to, &props.on_ask) }
        </div>
    }
}

fn title(view: &MessageView) -> String {
    match (view.kind, view.label.first.as_ref()) {
        (FlightKind::Request, "WATCH") => "Watch request".to_owned(),
        (kind, _) => packet_name(kind).to_owned(),
    }
}

/// The status, or what stands in its place.
fn state(view: &MessageView) -> (String, bool) {
    match view.code {
        Some(code) => (format!("{code} {}", reason(code)), code >= 400),
        // Without a path the label stands below, in the path's place.
        None if view.kind == FlightKind::Request || view.path.is_none() => (String::new(), false),
        None => (view.label.second.to_string(), false),
    }
}

/// HTTP's words.
fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        413 => "Too Large",
        415 => "Unsupported",
        422 => "Unprocessable",
        429 => "Too Many Requests",
        500 => "Internal Error",
        503 => "Unavailable",
        504 => "Timeout",
        _ => "",
    }
}

fn path(view: &MessageView) -> Html {
    match (&view.path, view.method) {
        (Some(path), method) => {
            html! { <div class="path"><b>{ method.unwrap_or("") }</b>{ " " }{ path.clone() }</div> }
        }
        _ => {
            html! { <div class="path"><b>{ view.label.first.to_string() }</b>{ " " }{ view.label.second.to_string() }</div> }
        }
    }
}

fn facts(detail: &MessageDetail) -> Html {
    let view = &detail.view;
    let request_revision = detail.request.as_ref().and_then(|request| request.revision);
    let revision = match (request_revision, view.revision) {
        (Some(before), Some(after)) if before != after => {
            Some(html! { <>{ before }<span class="arr">{ " → " }</span>{ after }</> })
        }
        (_, Some(revision)) => Some(html! { <>{ revision }</> }),
        _ => None,
    };
    let handled = view.requested.map(|requested| {
        format!("{:.1} ms after the request", view.sent.since(requested).as_micros() as f64 / 1_000.0)
    });
    html! {
        <dl>
            <dt>{ "Travelling" }</dt><dd id="travel"></dd>
            <dt>{ "Between" }</dt><dd>{ view.from.to_string() }<span class="arr">{ " → " }</span>{ view.to.to_string() }</dd>
            if let Some(revision) = revision { <dt>{ "resourceVersion" }</dt><dd>{ revision }</dd> }
            if let Some(key) = &view.etcd_key { <dt>{ "etcd key" }</dt><dd>{ key.clone() }</dd> }
            if let Some(handled) = handled { <dt>{ "Answered" }</dt><dd>{ handled }</dd> }
            if let Some(response) = &detail.response {
                <dt>{ "Answer" }</dt><dd>{ response.code.map(|code| format!("{code} {}", reason(code))).unwrap_or_default() }</dd>
            }
            if view.heartbeat { <dt>{ "Heartbeat" }</dt><dd>{ "yes" }</dd> }
        </dl>
    }
}

#[derive(Properties, PartialEq)]
struct BodiesProps {
    detail: MessageDetail,
}

/// The bodies of an exchange, one at a time.
#[component(Bodies)]
fn bodies(props: &BodiesProps) -> Html {
    let shown = use_state(|| Shown::Own);
    let detail = &props.detail;
    let view = &detail.view;
    let answers = matches!(view.kind, FlightKind::Response | FlightKind::ErrorResponse);
    let http = view.method.is_some();
    let names: Vec<(Shown, &str)> = match (http, answers, view.kind == FlightKind::Request) {
        (true, true, _) => vec![(Shown::Request, "Request"), (Shown::Own, "Response"), (Shown::Headers, "Headers")],
        (true, _, true) => vec![(Shown::Own, "Request"), (Shown::Response, "Response"), (Shown::Headers, "Headers")],
        _ => Vec::new(),
    };
    let buttons = names.iter().map(|(which, name)| {
        let (which, shown) = (*which, shown.clone());
        let on = *shown == which;
        let onclick = Callback::from(move |_: MouseEvent| shown.set(which));
        html! { <button aria-pressed={on.to_string()} {onclick}>{ *name }</button> }
    });
    let content = match *shown {
        Shown::Own => own(detail.body.as_ref(), &view.body),
        Shown::Request | Shown::Response if detail.other_body.is_some() => own(detail.other_body.as_ref(), &view.body),
        Shown::Request => {
            body(detail.request.as_ref().map(|request| &request.body), "The request is not in the trace any more.")
        }
        Shown::Response => body(detail.response.as_ref().map(|response| &response.body), "There is no answer yet."),
        Shown::Headers => headers(view),
    };
    html! {
        <>
        <div class="sub"><h3>{ "Body" }</h3><span class="sp"></span>{ for buttons }</div>
        { content }
        </>
    }
}

/// What the message itself carries, with what it changes where it is a write.
fn own(changes: Option<&Marked>, carried: &BodyView) -> Html {
    match changes {
        Some(changes) => marked(changes),
        None => body(Some(carried), "no body"),
    }
}

fn body(body: Option<&BodyView>, none: &str) -> Html {
    match body {
        None => html! { <p class="dim">{ none.to_owned() }</p> },
        Some(BodyView::Empty) => html! { <p class="dim">{ "no body" }</p> },
        Some(BodyView::Object(object)) => yaml(&details::yaml(object)),
        Some(BodyView::Json(value)) => yaml(&details::value_yaml(value)),
        Some(BodyView::Text(text)) => plain(text),
        Some(BodyView::List { kind, names }) => {
            let mut text = format!("kind: {kind}List\nitems: # {}\n", names.len());
            for name in names {
                text.push_str("- ");
                text.push_str(name);
                text.push('\n');
            }
            yaml(&text)
        }
    }
}

fn headers(view: &MessageView) -> Html {
    let row = |name: &'static str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).map(|value| html! { <><dt>{ name }</dt><dd>{ value }</dd></> })
    };
    html! {
        <dl>
            { row("user", view.user.as_ref().map(ToString::to_string)) }
            { row("user-agent", view.user_agent.as_ref().map(ToString::to_string)) }
            { row("content-type", view.content_type.map(ToOwned::to_owned)) }
        </dl>
    }
}
