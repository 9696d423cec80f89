//! What travels between processes.

use std::sync::Arc;

use crate::sim::{Payload, TraceHash};

use super::cri::{CriMessage, CriRequest, CriResponse};
use super::disk::DiskMessage;
use super::etcd::{EtcdMessage, EtcdRequest, EtcdResponse};
use super::http::{Body, CallId, Request, Response, WatchEvent};

/// A message of any protocol.
#[derive(Clone, Debug)]
pub enum Message {
    /// An HTTP request; the answer repeats `call`.
    Request {
        call: CallId,
        request: Arc<Request>,
    },
    /// Its answer. For a watch or a followed log a 200 with an empty body: the stream is open.
    Response {
        call: CallId,
        response: Arc<Response>,
    },
    /// One event of the watch that `call` opened.
    Watch {
        call: CallId,
        event: WatchEvent,
    },
    /// More text of the followed log that `call` opened.
    Chunk {
        call: CallId,
        text: Arc<str>,
    },
    /// The server ended the stream that `call` opened.
    StreamEnd {
        call: CallId,
    },
    /// The client wants no more of the stream that `call` opened.
    Cancel {
        call: CallId,
    },
    Etcd(EtcdMessage),
    Cri(CriMessage),
    Disk(DiskMessage),
    /// A line typed at the kubectl prompt, with what stands on its standard input.
    Line {
        line: Arc<str>,
        stdin: Arc<str>,
    },
    /// A signal from outside to whatever the process makes of it: `kill <container id>` to a runtime.
    Control(Arc<str>),
}

impl Payload for Message {
    fn fold(&self, hash: &mut TraceHash) {
        match self {
            Message::Request { call, request } => {
                hash.number(1 << 56 | call.0);
                hash.text(request.method.as_str());
                hash.text(&request.path);
                fold_body(&request.body, hash);
            }
            Message::Response { call, response } => {
                hash.number(2 << 56 | call.0);
                hash.number(u64::from(response.code));
                fold_body(&response.body, hash);
            }
            Message::Watch { call, event } => {
                hash.number(3 << 56 | call.0);
                hash.text(event.type_.as_str());
                fold_body(&event.body, hash);
            }
            Message::Chunk { call, text } => {
                hash.number(4 << 56 | call.0);
                hash.text(text);
            }
            Message::StreamEnd { call } => hash.number(5 << 56 | call.0),
            Message::Cancel { call } => hash.number(6 << 56 | call.0),
            Message::Etcd(message) => fold_etcd(message, hash),
            Message::Cri(message) => fold_cri(message, hash),
            Message::Disk(message) => {
                hash.number(11 << 56);
                message.fold(hash);
            }
            Message::Line { line, stdin } => {
                hash.number(9 << 56);
                hash.text(line);
                hash.text(stdin);
            }
            Message::Control(text) => {
                hash.number(10 << 56);
                hash.text(text);
            }
        }
    }
}

fn fold_body(body: &Body, hash: &mut TraceHash) {
    match body {
        Body::Empty => hash.number(0),
        Body::Object(object) => {
            hash.text(object.name());
            hash.number(object.resource_version());
        }
        Body::List(list) => {
            hash.number(list.resource_version());
            hash.number(list.items.len() as u64);
        }
        Body::Json(value) => hash.number(value.as_object().map_or(0, serde_json::Map::len) as u64),
        Body::Bytes(bytes) => hash.bytes(bytes),
        Body::Text(text) => hash.text(text),
        Body::Status(status) => hash.text(&status.message),
    }
}

fn fold_etcd(message: &EtcdMessage, hash: &mut TraceHash) {
    match message {
        EtcdMessage::Request { call, request } => {
            hash.number(7 << 56 | call);
            hash.text(request.method());
        }
        EtcdMessage::Response { call, revision, response } => {
            hash.number(7 << 56 | call);
            hash.number(*revision);
            hash.number(u64::from(matches!(**response, EtcdResponse::Txn { succeeded: true, .. })));
        }
        EtcdMessage::WatchEvents { watch_id, revision, events } => {
            hash.number(7 << 56 | watch_id);
            hash.number(*revision);
            hash.number(events.len() as u64);
        }
        EtcdMessage::WatchCanceled { watch_id, compact_revision } => {
            hash.number(7 << 56 | watch_id);
            hash.number(*compact_revision);
        }
    }
}

fn fold_cri(message: &CriMessage, hash: &mut TraceHash) {
    match message {
        CriMessage::Request { call, request } => {
            hash.number(8 << 56 | call);
            hash.text(request.method());
            if let CriRequest::StartContainer { container_id } = &**request {
                hash.text(container_id);
            }
        }
        CriMessage::Response { call, response } => {
            hash.number(8 << 56 | call);
            match &**response {
                CriResponse::Failed(error) => hash.text(&error.message),
                CriResponse::RunPodSandbox { sandbox_id, ip } => {
                    hash.text(sandbox_id);
                    hash.text(ip);
                }
                CriResponse::CreateContainer { container_id } => hash.text(container_id),
                _ => hash.number(0),
            }
        }
        CriMessage::MachineEvent { low } => hash.number(u64::from(*low)),
        CriMessage::ContainerEvent { container_id, .. } => hash.text(container_id),
        CriMessage::LogLines { call, lines, .. } => {
            hash.number(8 << 56 | call);
            hash.number(lines.len() as u64);
        }
    }
}

impl EtcdRequest {
    /// The method's name, as gRPC has it.
    pub fn method(&self) -> &'static str {
        match self {
            EtcdRequest::Range(_) => "Range",
            EtcdRequest::Txn { .. } => "Txn",
            EtcdRequest::Watch { .. } => "Watch",
            EtcdRequest::CancelWatch { .. } => "CancelWatch",
            EtcdRequest::Compact { .. } => "Compact",
            EtcdRequest::LeaseGrant { .. } => "LeaseGrant",
            EtcdRequest::LeaseRevoke { .. } => "LeaseRevoke",
            EtcdRequest::LeaseKeepAlive { .. } => "LeaseKeepAlive",
            EtcdRequest::Status => "Status",
        }
    }
}
