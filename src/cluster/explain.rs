//! What a message is, and how it came about.

use std::sync::Arc;

use serde_json::Value;

use crate::api::etcd::{EtcdMessage, EtcdRequest, EtcdResponse, KeyValue, Op, OpResponse};
use crate::api::fields::Field;
use crate::api::{Body, Kind, Message, Object, Request};
use crate::sim::{Envelope, EventId, Record, SimTime};

use super::label::{FlightKind, Label, label};
use super::session::Session;

/// A message as the inspector shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageView {
    pub id: EventId,
    pub kind: FlightKind,
    pub label: Label,
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub sent: SimTime,
    pub arrives: SimTime,
    /// The request itself, or the one it answers or streams for.
    pub method: Option<&'static str>,
    /// With the query.
    pub path: Option<String>,
    pub user_agent: Option<Arc<str>>,
    pub user: Option<Arc<str>>,
    pub content_type: Option<&'static str>,
    /// A response's status code.
    pub code: Option<u16>,
    /// When the request it answers was sent.
    pub requested: Option<SimTime>,
    /// What the message carries.
    pub body: BodyView,
    /// Where the object is stored.
    pub etcd_key: Option<String>,
    /// The revision the object has in this message, or etcd's revision.
    pub revision: Option<u64>,
    pub heartbeat: bool,
}

/// What a message carries, for showing as YAML or text.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyView {
    Empty,
    Object(Arc<Object>),
    /// A list: its kind and the names in it.
    List {
        kind: &'static str,
        names: Vec<String>,
    },
    Json(Arc<Value>),
    Text(String),
}

/// One link of a chain of causes.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseLink {
    pub id: EventId,
    pub at: SimTime,
    /// `None` for an input and a span.
    pub kind: Option<FlightKind>,
    /// `POST deployments`, `kubectl apply -f -`, `Txn put`.
    pub text: String,
    pub from: Arc<str>,
    pub to: Arc<str>,
}

impl Session {
    /// What the message `id` is; `None` if the trace no longer has it or it is none.
    pub fn message(&mut self, id: EventId) -> Option<MessageView> {
        self.catch_up();
        let kernel = self.world().kernel();
        let Record::Sent(envelope) = kernel.trace().find(id)? else { return None };
        let request_id = self.index().request_of(id);
        let request_envelope = request_id.and_then(|id| match kernel.trace().find(id) {
            Some(Record::Sent(envelope)) => Some(envelope.clone()),
            _ => None,
        });
        let request: Option<Arc<Request>> = match (&envelope.payload, &request_envelope) {
            (Message::Request { request, .. }, _) => Some(request.clone()),
            (_, Some(envelope)) => match &envelope.payload {
                Message::Request { request, .. } => Some(request.clone()),
                _ => None,
            },
            _ => None,
        };
        let (kind, label) = label(&envelope.payload, request.as_deref());
        let (body, etcd_key, revision) = carried(envelope);
        let code = match &envelope.payload {
            Message::Response { response, .. } => Some(response.code),
            _ => None,
        };
        Some(MessageView {
            id,
            kind,
            label,
            from: kernel.name_of(envelope.from),
            to: kernel.name_of(envelope.to),
            sent: envelope.sent,
            arrives: envelope.arrives,
            method: request.as_ref().map(|request| request.method.as_str()),
            path: request.as_ref().map(|request| full_path(request)),
            user_agent: request.as_ref().map(|request| request.user_agent.clone()),
            user: request.as_ref().map(|request| request.user.clone()),
            content_type: request
                .as_ref()
                .filter(|request| request.body != Body::Empty)
                .map(|request| request.content_type),
            code,
            requested: request_envelope.map(|envelope| envelope.sent),
            body,
            etcd_key,
            revision,
            heartbeat: self.index().is_heartbeat(id),
        })
    }

    /// The chain of causes of `id`, from what somebody outside did (or the boot) down to `id` itself.
    pub fn causes(&mut self, id: EventId) -> Vec<CauseLink> {
        self.catch_up();
        let mut chain = Vec::new();
        let mut next = id;
        while next != EventId::BOOT && chain.len() < 1_000 {
            let Some((link, cause)) = self.link(next) else { break };
            chain.push(link);
            next = cause;
        }
        chain.reverse();
        chain
    }

    /// What `id` led to directly, oldest first.
    pub fn effects(&mut self, id: EventId) -> Vec<CauseLink> {
        self.catch_up();
        self.index().children(id).into_iter().filter_map(|child| self.link(child)).map(|(link, _)| link).collect()
    }

    pub(super) fn link(&self, id: EventId) -> Option<(CauseLink, EventId)> {
        let kernel = self.world().kernel();
        let nobody: Arc<str> = Arc::from("");
        match kernel.trace().find(id)? {
            Record::Sent(envelope) => {
                let request = super::index::http_request(kernel.trace(), self.index(), id);
                let (kind, label) = label(&envelope.payload, request);
                let text = if label.second.is_empty() {
                    label.first.to_string()
                } else {
                    format!("{} {}", label.first, label.second)
                };
                let link = CauseLink {
                    id,
                    at: envelope.sent,
                    kind: Some(kind),
                    text,
                    from: kernel.name_of(envelope.from),
                    to: kernel.name_of(envelope.to),
                };
                Some((link, envelope.cause))
            }
            Record::Span(span) => {
                let from = kernel.name_of(span.process);
                let text = format!("{} {}", span.name, span.detail);
                Some((CauseLink { id, at: span.start, kind: None, text, from, to: nobody }, span.cause))
            }
            Record::Input { at, text, .. } => {
                let link =
                    CauseLink { id, at: *at, kind: None, text: text.to_string(), from: Arc::from("you"), to: nobody };
                Some((link, EventId::BOOT))
            }
            Record::Lost { .. } | Record::Fault { .. } | Record::Process { .. } | Record::Frozen { .. } => None,
        }
    }
}

/// The path with its query.
pub(super) fn full_path(request: &Request) -> String {
    let mut path = request.path.to_string();
    for (index, (name, value)) in request.query.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        path.push_str(value);
    }
    path
}

/// What a message carries, its etcd key and revision.
fn carried(envelope: &Envelope<Message>) -> (BodyView, Option<String>, Option<u64>) {
    match &envelope.payload {
        Message::Request { request, .. } => of_body(&request.body),
        Message::Response { response, .. } => of_body(&response.body),
        Message::Watch { event, .. } => of_body(&event.body),
        Message::Chunk { text, .. } => (BodyView::Text(text.to_string()), None, None),
        Message::Etcd(message) => of_etcd(message),
        Message::Cri(message) => (BodyView::Text(super::cri_text::text(message)), None, None),
        Message::Line { stdin, .. } if !stdin.is_empty() => (BodyView::Text(stdin.to_string()), None, None),
        _ => (BodyView::Empty, None, None),
    }
}

fn of_object(object: &Arc<Object>) -> (BodyView, Option<String>, Option<u64>) {
    // A binding is not stored: it changes the pod of its name.
    let stored_as = if object.kind() == Kind::Binding { Kind::Pod } else { object.info().stored_as };
    let info = stored_as.info();
    let key = (!object.name().is_empty()).then(|| info.etcd_key(object.namespace(), object.name()));
    let revision = Some(object.resource_version()).filter(|revision| *revision > 0);
    (BodyView::Object(object.clone()), key, revision)
}

fn of_body(body: &Body) -> (BodyView, Option<String>, Option<u64>) {
    match body {
        Body::Empty => (BodyView::Empty, None, None),
        Body::Object(object) => of_object(object),
        Body::List(list) => {
            let names = list.items.iter().map(|item| item.key().to_string()).collect();
            (BodyView::List { kind: list.kind.info().kind, names }, None, Some(list.resource_version()))
        }
        Body::Json(value) => (BodyView::Json(value.clone()), None, None),
        Body::Bytes(bytes) => (BodyView::Text(String::from_utf8_lossy(bytes).into_owned()), None, None),
        Body::Text(text) => (BodyView::Text(text.to_string()), None, None),
        Body::Status(status) => {
            let value = status.to_meta().write();
            (BodyView::Json(Arc::new(value)), None, None)
        }
    }
}

fn of_key_value(kv: &KeyValue) -> (BodyView, Option<String>, Option<u64>) {
    (BodyView::Object(kv.value.without_revision()), Some(kv.key.to_string()), Some(kv.mod_revision))
}

fn of_etcd(message: &EtcdMessage) -> (BodyView, Option<String>, Option<u64>) {
    match message {
        EtcdMessage::Request { request, .. } => match &**request {
            EtcdRequest::Txn { success, .. } => match success.first() {
                Some(Op::Put { key, value, .. }) => (BodyView::Object(value.clone()), Some(key.to_string()), None),
                Some(Op::DeleteRange { key, .. }) => (BodyView::Empty, Some(key.to_string()), None),
                _ => (BodyView::Empty, None, None),
            },
            EtcdRequest::Range(range) => (BodyView::Empty, Some(range.key.to_string()), None),
            EtcdRequest::Watch { key, .. } => (BodyView::Empty, Some(key.to_string()), None),
            _ => (BodyView::Empty, None, None),
        },
        EtcdMessage::Response { revision, response, .. } => match &**response {
            EtcdResponse::Range { kvs, .. } if kvs.len() == 1 => of_key_value(&kvs[0]),
            EtcdResponse::Range { kvs, .. } => {
                let names = kvs.iter().map(|kv| kv.key.to_string()).collect();
                (BodyView::List { kind: "KeyValue", names }, None, Some(*revision))
            }
            EtcdResponse::Txn { responses, .. } => match responses.first() {
                Some(OpResponse::Range { kvs, .. }) if kvs.len() == 1 => of_key_value(&kvs[0]),
                _ => (BodyView::Empty, None, Some(*revision)),
            },
            _ => (BodyView::Empty, None, Some(*revision)),
        },
        EtcdMessage::WatchEvents { revision, events, .. } => match &**events {
            [event] => of_key_value(&event.kv),
            events => {
                let names = events.iter().map(|event| event.kv.key.to_string()).collect();
                (BodyView::List { kind: "KeyValue", names }, None, Some(*revision))
            }
        },
        EtcdMessage::WatchCanceled { compact_revision, .. } => (BodyView::Empty, None, Some(*compact_revision)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Kind, namespace: &str, expected: &str) {
        let value = json!({ "metadata": { "name": "a", "namespace": namespace }, "target": { "name": "node-a" } });
        let object = Object::from_value(kind, &value, &mut |_| {}).expect("a good object");
        assert_eq!(of_object(&Arc::new(object)).1.as_deref(), Some(expected));
    }

    #[test]
    fn a_key_is_that_of_what_is_stored() {
        check(Kind::Pod, "default", "/registry/pods/default/a");
        check(Kind::Binding, "default", "/registry/pods/default/a");
        check(Kind::Service, "default", "/registry/services/specs/default/a");
    }
}
