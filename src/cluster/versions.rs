//! What a write changed: an object beside what etcd had under its key before.

use std::sync::Arc;

use crate::api::etcd::{EtcdMessage, EtcdRequest, EtcdResponse, Op};
use crate::api::{Message, Object};
use crate::sim::{EventId, Record};

use super::explain::{BodyView, MessageView};
use super::label::{FlightKind, parts};
use super::session::Session;

/// What was stored before a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// Compaction has taken it, or it cannot be told yet.
    Unknown,
    /// Nothing: the write created the object.
    Nothing,
    Object(Arc<Object>),
}

impl Session {
    /// What stood under `key` before the write that gave it `revision`.
    pub fn before_revision(&self, key: &str, revision: u64) -> Before {
        let store = self.world().etcd().store();
        match store.change(revision, key) {
            Some(event) => event.prev.as_ref().map_or(Before::Nothing, |prev| Before::Object(prev.value.object())),
            None => Before::Unknown,
        }
    }

    /// What stood under `key` at `revision`, which wrote it.
    fn at_revision(&self, key: &str, revision: u64) -> Before {
        let store = self.world().etcd().store();
        match store.change(revision, key) {
            Some(event) => Before::Object(event.kv.value.object()),
            None => Before::Unknown,
        }
    }

    /// What the object that a message carries replaces, or replaced; `None` where the message is about no
    /// write: a read, a list, an object on its way to a process of its own.
    pub fn replaced_by(&self, view: &MessageView) -> Option<Before> {
        let BodyView::Object(_) = &view.body else { return None };
        let key = view.etcd_key.as_deref()?;
        let writes = |method: &str| matches!(method, "POST" | "PUT" | "PATCH" | "DELETE");
        match (view.kind, view.method) {
            // What is bound, evicted or asked for a token is not what the body says.
            (_, Some("POST")) if !parts(view.path.as_deref()?).subresource.is_empty() => None,
            (FlightKind::Request, Some("POST")) => Some(Before::Nothing),
            (FlightKind::Request, Some("PUT")) => Some(self.at_revision(key, view.revision?)),
            (FlightKind::Response, Some(method)) if writes(method) => Some(self.before_revision(key, view.revision?)),
            (FlightKind::Watch, _) => Some(self.before_revision(key, view.revision?)),
            (FlightKind::Grpc, _) => self.replaced_in_etcd(view.id, key, view.revision),
            _ => None,
        }
    }

    fn replaced_in_etcd(&self, id: EventId, key: &str, revision: Option<u64>) -> Option<Before> {
        let Record::Sent(envelope) = self.world().kernel().trace().find(id)? else { return None };
        match &envelope.payload {
            Message::Etcd(EtcdMessage::WatchEvents { .. }) => Some(self.before_revision(key, revision?)),
            Message::Etcd(EtcdMessage::Request { request, .. }) => {
                let EtcdRequest::Txn { success, .. } = &**request else { return None };
                let Some(Op::Put { .. }) = success.first() else { return None };
                Some(self.replaced_by_put(id, key))
            }
            _ => None,
        }
    }

    /// What a put replaces: what it replaced where it was applied, what is stored now while it is under way.
    fn replaced_by_put(&self, id: EventId, key: &str) -> Before {
        let records = self.world().kernel().trace().records().iter().rev();
        let since = records.take_while(|record| record.id().is_none_or(|other| other > id));
        match since.filter_map(wrote).find(|(put, _)| *put == id) {
            Some((_, revision)) => self.before_revision(key, revision),
            None => {
                let now = self.world().etcd().store().get(key);
                now.map_or(Before::Nothing, |kv| Before::Object(kv.value.object()))
            }
        }
    }

    /// The shape of a message's packet; `None` for what is no message.
    pub fn kind_of(&mut self, id: EventId) -> Option<FlightKind> {
        self.catch_up();
        match self.world().kernel().trace().find(id)? {
            Record::Sent(envelope) => Some(super::label::label(&envelope.payload, None).0),
            _ => None,
        }
    }

    /// The namespace a message is about, its own or that of the nearest cause that names one; empty for what
    /// belongs to the whole cluster.
    pub fn namespace_of(&mut self, id: EventId) -> Arc<str> {
        /// Causes looked at: from a runtime call to the watch event with the pod there are a few.
        const CAUSES_MAX: usize = 24;
        self.catch_up();
        let trace = self.world().kernel().trace();
        let mut next = id;
        for _ in 0..CAUSES_MAX {
            let cause = match trace.find(next) {
                Some(Record::Sent(envelope)) => {
                    let request = super::index::http_request(trace, self.index(), next);
                    if let Some(namespace) = named(&envelope.payload, request.map(|request| &*request.path)) {
                        return Arc::from(namespace);
                    }
                    envelope.cause
                }
                Some(Record::Span(span)) => span.cause,
                _ => break,
            };
            next = cause;
        }
        Arc::from("")
    }

    /// The request that made etcd write `key` at `revision`. `None` where trace or history is gone.
    pub fn writer_of(&mut self, key: &str, revision: u64) -> Option<EventId> {
        let world = self.world();
        world.etcd().store().change(revision, key)?;
        let records = world.kernel().trace().records().iter().rev();
        let (put, _) = records.filter_map(wrote).find(|(_, written)| *written == revision)?;
        world.kernel().trace().find(put)?;
        let request = |link: &&super::explain::CauseLink| link.kind == Some(FlightKind::Request);
        Some(self.causes(put).iter().rev().find(request).map_or(put, |link| link.id))
    }

    /// The revision that created what is stored under `key`, and the newest.
    pub fn revisions_of(&self, key: &str) -> Option<(u64, u64)> {
        self.world().etcd().store().get(key).map(|kv| (kv.create_revision, kv.mod_revision))
    }
}

/// Of etcd's answer to a transaction that wrote: the request it answers, and the revision of the write.
fn wrote(record: &Record<Message>) -> Option<(EventId, u64)> {
    let Record::Sent(envelope) = record else { return None };
    let Message::Etcd(EtcdMessage::Response { revision, response, .. }) = &envelope.payload else { return None };
    matches!(**response, EtcdResponse::Txn { succeeded: true, .. }).then_some((envelope.cause, *revision))
}

/// The namespace a message names by itself. `Some("")` is the whole cluster.
fn named<'a>(message: &'a Message, path: Option<&'a str>) -> Option<&'a str> {
    use crate::api::Body;
    let of_path = |path: &'a str| {
        let parts = parts(path);
        match (parts.namespace, parts.resource, parts.name) {
            ("", "namespaces", name) if !name.is_empty() => Some(name),
            ("", _, "") => None,
            (namespace, ..) => Some(namespace),
        }
    };
    let of_body = |body: &'a Body| match body {
        Body::Object(object) if object.info().plural == "namespaces" => Some(object.name()),
        Body::Object(object) if !object.namespace().is_empty() || !object.info().namespaced() => {
            Some(object.namespace())
        }
        _ => None,
    };
    match message {
        Message::Request { request, .. } => of_path(&request.path).or_else(|| of_body(&request.body)),
        Message::Response { response, .. } => of_body(&response.body).or_else(|| path.and_then(of_path)),
        Message::Watch { event, .. } => of_body(&event.body).or_else(|| path.and_then(of_path)),
        Message::Chunk { .. } | Message::StreamEnd { .. } | Message::Cancel { .. } => path.and_then(of_path),
        Message::Etcd(EtcdMessage::Request { request, .. }) => match &**request {
            EtcdRequest::Txn { success, .. } => match success.first() {
                Some(Op::Put { value, .. }) => of_body_object(value),
                Some(Op::DeleteRange { key, .. }) => of_key(key),
                _ => None,
            },
            EtcdRequest::Range(range) => of_key(&range.key),
            _ => None,
        },
        Message::Etcd(EtcdMessage::WatchEvents { events, .. }) => match &**events {
            [event] => of_key(&event.kv.key),
            _ => None,
        },
        _ => None,
    }
}

fn of_body_object(object: &Object) -> Option<&str> {
    if object.info().plural == "namespaces" { Some(object.name()) } else { Some(object.namespace()) }
}

/// The namespace in an etcd key: `/registry/pods/default/web`; `None` where the key has none.
fn of_key(key: &str) -> Option<&str> {
    let mut parts = key.trim_start_matches("/registry/").rsplit('/');
    let (_, namespace) = (parts.next()?, parts.next()?);
    parts.next().map(|_| namespace).filter(|namespace| *namespace != "specs")
}
