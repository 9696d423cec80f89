//! What the right pane shows, read off the session.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;

use crate::api::decode::yaml_writer;
use crate::api::etcd::KeyValue;
use crate::api::stored::Stored;
use crate::api::{Kind, Object, ObjectKey, time};
use crate::cluster::{BodyView, CauseLink, FlightKind, MessageView};
use crate::sim::EventId;
use crate::sim::Order;

use super::changes::Marked;
use super::engine::Engine;
use super::log::Logged;
use super::screen::{ComponentDetail, Detail, EventRow, Lists, MessageDetail, NodeDetail, PodDetail, Row, Selection};
use super::{decision, object_details};

/// Rows that are drawn of a list; the total is printed.
const ROWS_MAX: usize = 200;
/// Messages shown for a component or pod.
pub const RECENT_MAX: usize = 12;
/// How far back the last messages of a thing are looked for.
const LOOKED_AT_MAX: usize = 3_000;
/// Keys of etcd that are listed.
const KEYS_MAX: usize = 400;

/// The inspector's content for what is selected.
pub fn detail(engine: &mut Engine) -> Detail {
    let Some(selection) = engine.selection.clone() else {
        return Detail::Nothing(recent(engine, 5, |_| true));
    };
    let found = match &selection {
        Selection::Message(id) => message(engine, *id),
        Selection::Component(name) => component(engine, name),
        Selection::Node(name) => node(engine, name),
        Selection::Pod(uid) => pod(engine, uid),
        Selection::Object(kind, key) => object_details::object(engine, *kind, key),
        Selection::Event(key) => object_details::event(engine, key),
    };
    found.unwrap_or(Detail::Gone(selection))
}

/// The link of a message: the last of its own chain would cost the whole chain.
pub fn link_of(engine: &mut Engine, id: EventId) -> Option<CauseLink> {
    let view = engine.session.message(id)?;
    Some(link(&view))
}

fn link(view: &MessageView) -> CauseLink {
    let text = if view.label.second.is_empty() {
        view.label.first.to_string()
    } else {
        format!("{} {}", view.label.first, view.label.second)
    };
    CauseLink { id: view.id, at: view.sent, kind: Some(view.kind), text, from: view.from.clone(), to: view.to.clone() }
}

/// The newest messages that `wanted` takes, newest first.
pub fn recent(engine: &mut Engine, count: usize, wanted: impl Fn(&MessageView) -> bool) -> Vec<CauseLink> {
    let now = engine.now();
    let known: Vec<Logged> = engine.log.until(now).take(LOOKED_AT_MAX).copied().collect();
    let mut out = Vec::new();
    for id in known.into_iter().map(|message| message.id) {
        if let Some(view) = engine.session.message(id).filter(&wanted) {
            out.push(link(&view));
            if out.len() == count {
                break;
            }
        }
    }
    out
}

fn message(engine: &mut Engine, id: EventId) -> Option<Detail> {
    let Some(view) = engine.session.message(id) else { return object_details::act(engine, id) };
    let now = engine.now();
    if view.sent > now {
        return None;
    }
    let chain = engine.session.causes(id);
    let toggled = std::mem::take(&mut engine.toggled);
    let tree = engine.session.branches(id, &toggled);
    engine.toggled = toggled;
    let body = object_details::carried(engine, &view);
    let (mut request, mut response) = (None, None);
    match view.kind {
        FlightKind::Request => {
            let same = |other: &MessageView| other.requested == Some(view.sent) && other.path == view.path;
            response = effects_deep(engine, id).into_iter().filter_map(|id| engine.session.message(id)).find(same);
        }
        FlightKind::Response | FlightKind::ErrorResponse => {
            request = chain
                .iter()
                .rev()
                .filter(|link| link.kind == Some(FlightKind::Request))
                .find(|link| Some(link.at) == view.requested)
                .and_then(|link| engine.session.message(link.id));
        }
        _ => {}
    }
    let subject = subject(engine, &view);
    let other_body = request.as_ref().or(response.as_ref()).and_then(|other| object_details::carried(engine, other));
    let origin = chain.first().map_or(view.sent, |first| first.at);
    let arrived = view.arrives <= now;
    let detail = MessageDetail { view, request, response, chain, tree, body, other_body, arrived, subject, origin };
    Some(Detail::Message(Box::new(detail)))
}

/// What a request led to, a few generations down: its answer comes after etcd's.
fn effects_deep(engine: &mut Engine, id: EventId) -> Vec<EventId> {
    let mut out = Vec::new();
    let mut generation = vec![id];
    for _ in 0..8 {
        let mut next = Vec::new();
        for id in generation.drain(..).take(64) {
            next.extend(engine.session.effects(id).into_iter().map(|link| link.id));
        }
        out.extend(next.iter().copied());
        generation = next;
    }
    out
}

/// The pod a message is about: the one it carries, or the one its path or etcd key names.
fn subject(engine: &Engine, view: &MessageView) -> Option<Arc<str>> {
    if let BodyView::Object(object) = &view.body
        && object.kind() == Kind::Pod
        && !object.uid().is_empty()
    {
        return Some(Arc::from(object.uid()));
    }
    let place = view.etcd_key.as_deref().or(view.path.as_deref())?;
    let segments: Vec<&str> = place.split(['/', '?']).collect();
    let at = segments.iter().position(|segment| *segment == "pods")?;
    let pods = &engine.things.pods;
    pods.iter().find(|pod| segments[at + 1..].contains(&&*pod.name)).map(|pod| pod.uid.clone())
}

fn component(engine: &mut Engine, name: &Arc<str>) -> Option<Detail> {
    let view = engine.things.component(name)?.clone();
    let recent = recent(engine, RECENT_MAX, |message| message.from == *name || message.to == *name);
    let decisions = if &**name == "kube-scheduler" { decision::records(&engine.session) } else { Vec::new() };
    let keys = if &**name == "etcd" { keys(engine) } else { Vec::new() };
    Some(Detail::Component(Box::new(ComponentDetail { view, recent, decisions, keys })))
}

fn keys(engine: &Engine) -> Vec<(String, u64)> {
    let stored = engine.session.world().etcd().store().iter();
    stored.take(KEYS_MAX).map(|kv| (kv.key.to_string(), kv.mod_revision)).collect()
}

fn node(engine: &mut Engine, name: &Arc<str>) -> Option<Detail> {
    let view = engine.things.node(name)?.clone();
    let stored = engine.session.object(Kind::Node, &ObjectKey::new("", name));
    let object = stored.map(|object| object_details::marked(engine, &object));
    let pods = engine.things.pods.iter().filter(|pod| pod.node == *name).cloned().collect();
    let events = events(engine, Some(&About { kind: "Node", name, namespace: None })).0;
    let frozen = engine.things.components.iter().any(|part| part.node == *name && part.frozen);
    Some(Detail::Node(Box::new(NodeDetail { view, object, frozen, pods, events })))
}

fn pod(engine: &mut Engine, uid: &Arc<str>) -> Option<Detail> {
    let view = engine.things.pod(uid)?.clone();
    let stored = engine.session.object(Kind::Pod, &ObjectKey::new(&view.namespace, &view.name));
    let etcd_key = Kind::Pod.info().etcd_key(&view.namespace, &view.name);
    let about = About { kind: "Pod", name: &view.name, namespace: Some(&view.namespace) };
    let events = events(engine, Some(&about)).0;
    let decision = decision::of_pod(&engine.session, uid);
    let name = view.name.clone();
    let recent = recent(engine, RECENT_MAX, move |message| {
        message.path.as_deref().is_some_and(|path| path.contains(&*name))
            || message.etcd_key.as_deref().is_some_and(|key| key.ends_with(&*name))
    });
    let owner =
        stored.as_deref().and_then(|object| object_details::owners(engine, object).pop()).map(|(_, owner)| owner);
    let images = images(stored.as_deref());
    let object: Option<Marked> = stored.map(|object| object_details::marked(engine, &object));
    Some(Detail::Pod(Box::new(PodDetail { view, object, images, owner, etcd_key, events, decision, recent })))
}

/// The images of a pod, each once.
fn images(pod: Option<&Object>) -> Vec<String> {
    let spec = pod.and_then(|pod| pod.get::<k8s_openapi::api::core::v1::Pod>()?.spec.as_ref());
    let containers = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let mut images: Vec<String> = containers.filter_map(|container| container.image.clone()).collect();
    images.order();
    images.dedup();
    images
}

/// An object as YAML, without managed fields, as `kubectl get -o yaml` has it.
pub fn yaml(object: &Object) -> String {
    crate::cluster::inside::yaml(object)
}

/// Any value as YAML.
pub fn value_yaml(value: &serde_json::Value) -> String {
    yaml_writer::write(value)
}

/// The lists of the right pane.
pub fn lists(engine: &mut Engine) -> Lists {
    let now = engine.now();
    let messages_filtered = engine.filter.is_active() || engine.follow.is_some();
    let known: Vec<Logged> = if messages_filtered {
        let known: Vec<Logged> = engine.log.until(now).take(LOOKED_AT_MAX).copied().collect();
        known.into_iter().filter(|message| engine.shows(message)).collect()
    } else {
        engine.log.until(now).take(ROWS_MAX).copied().collect()
    };
    let messages_total = if messages_filtered { known.len() } else { engine.log.until(now).count() };
    let messages = known
        .into_iter()
        .take(ROWS_MAX)
        .filter_map(|message| Some(Row { link: link_of(engine, message.id)?, arrived: message.arrives <= now }))
        .collect();
    let (events, events_total) = events(engine, None);
    Lists { messages, messages_total, messages_filtered, events, events_total }
}

/// What Events are about.
pub struct About<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    /// `None` for any: an Event about a node is in `default`.
    pub namespace: Option<&'a str>,
}

impl About<'_> {
    fn takes(&self, stored: &KeyValue) -> bool {
        // What is packed is named after what it is about: the others need not be read.
        let named = |key: &str| {
            let own = key.rsplit('/').next().unwrap_or_default();
            own.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('.'))
        };
        if stored.value.is_packed() && !named(&stored.key) {
            return false;
        }
        let object = stored.value.object();
        object.get::<Event>().map(|event| &event.involved_object).is_some_and(|about| {
            about.kind.as_deref() == Some(self.kind)
                && about.name.as_deref() == Some(self.name)
                && self.namespace.is_none_or(|own| about.namespace.as_deref().unwrap_or_default() == own)
        })
    }
}

/// The cluster's events about something, or all, newest first, and their number.
pub fn events(engine: &Engine, about: Option<&About<'_>>) -> (Vec<EventRow>, usize) {
    let mut found: Vec<(u64, Stored)> = Vec::new();
    engine.session.world().each_stored(Kind::Event, &mut |kv| {
        if about.is_none_or(|about| about.takes(kv)) {
            found.push((kv.mod_revision, kv.value.clone()));
        }
    });
    found.order_by_key(|(revision, _)| std::cmp::Reverse(*revision));
    let total = found.len();
    let row = |stored: &Stored| {
        let object = stored.object();
        Some(event_row(object.get()?, object.key()))
    };
    (found.iter().take(ROWS_MAX).filter_map(|(_, stored)| row(stored)).collect(), total)
}

/// A row of the events.
pub fn event_row(event: &k8s_openapi::api::core::v1::Event, key: ObjectKey) -> EventRow {
    let about = &event.involved_object;
    let at = event
        .last_timestamp
        .as_ref()
        .map(time::rfc3339)
        .or_else(|| event.event_time.as_ref().map(time::rfc3339_micro))
        .unwrap_or_default();
    let (kind, name) = (about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default());
    EventRow {
        at: clock_part(&at),
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        object: format!("{}/{name}", kind.to_lowercase()),
        message: event.message.clone().unwrap_or_default(),
        count: event.count.unwrap_or(1),
        key,
    }
}

/// `2026-01-01T00:00:12.345Z` as `00:00:12`.
fn clock_part(timestamp: &str) -> String {
    timestamp.split('T').nth(1).map_or(timestamp, |time| time.get(..8).unwrap_or(time)).to_owned()
}
