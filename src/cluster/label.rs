//! What a message is called on the screen: shape, and a label in two parts.

use std::sync::Arc;

use crate::api::cri::{CriMessage, CriRequest, CriResponse};
use crate::api::etcd::{EtcdMessage, EtcdRequest, EtcdResponse, Op};
use crate::api::{Body, Message, Request, Response, WatchEvent};

/// The shape of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlightKind {
    Request,
    Response,
    ErrorResponse,
    Watch,
    Grpc,
    Log,
}

/// A label: `POST` `deployments`, `201` `web-7d4…m6vqz`, `WATCH pods` `ADDED`, `Txn put` ``.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    pub first: Arc<str>,
    pub second: Arc<str>,
}

impl Label {
    fn new(first: impl Into<Arc<str>>, second: impl Into<Arc<str>>) -> Self {
        Label { first: first.into(), second: second.into() }
    }
}

/// A path, taken apart: resource, namespace, name, subresource. Discovery paths give themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathParts<'a> {
    pub namespace: &'a str,
    pub resource: &'a str,
    pub name: &'a str,
    pub subresource: &'a str,
}

/// Takes an API path apart.
pub fn parts(path: &str) -> PathParts<'_> {
    let mut segments = path.trim_matches('/').split('/');
    match segments.next() {
        Some("api") => {}
        Some("apis") => {
            segments.next();
        }
        _ => return PathParts { resource: path, ..PathParts::default() },
    }
    segments.next();
    let rest: Vec<&str> = segments.collect();
    match rest.as_slice() {
        [] => PathParts { resource: path, ..PathParts::default() },
        ["namespaces", namespace, resource, rest @ ..] if !matches!(*resource, "status" | "finalize") => PathParts {
            namespace,
            resource,
            name: rest.first().unwrap_or(&""),
            subresource: rest.get(1).unwrap_or(&""),
        },
        [resource, rest @ ..] => PathParts {
            namespace: "",
            resource,
            name: rest.first().unwrap_or(&""),
            subresource: rest.get(1).unwrap_or(&""),
        },
    }
}

/// `pods/status`, `deployments`; a binding is called by its own name.
fn resource_label(path: &str) -> String {
    let parts = parts(path);
    match parts.subresource {
        "" => parts.resource.to_owned(),
        "binding" => "binding".to_owned(),
        subresource => format!("{}/{subresource}", parts.resource),
    }
}

/// A name shortened in the middle: at most 7 characters of the prefix, `…`, the last 5.
pub fn short_name(name: &str) -> String {
    if name.chars().count() <= 13 {
        return name.to_owned();
    }
    let head: String = name.chars().take(7).collect();
    let head = head.trim_end_matches('-');
    let tail: Vec<char> = name.chars().rev().take(5).collect();
    format!("{head}…{}", tail.into_iter().rev().collect::<String>())
}

/// The shape and label of a message by itself, without the request it answers.
pub fn message_label(message: &Message) -> (FlightKind, Label) {
    label(message, None)
}

/// The shape and label of a message. `request` is the request it answers or streams for, where known.
pub fn label(message: &Message, request: Option<&Request>) -> (FlightKind, Label) {
    match message {
        Message::Request { request, .. } if request.is_watch() => {
            (FlightKind::Request, Label::new("WATCH", resource_label(&request.path)))
        }
        Message::Request { request, .. }
            if request.method == crate::api::Method::Post && request.path.ends_with("/binding") =>
        {
            (FlightKind::Request, Label::new("binding", short_name(parts(&request.path).name)))
        }
        Message::Request { request, .. } => {
            (FlightKind::Request, Label::new(request.method.as_str(), resource_label(&request.path)))
        }
        Message::Response { response, .. } => response_label(response, request),
        Message::Watch { event, .. } => (FlightKind::Watch, watch_label(event, request)),
        Message::Chunk { .. } => (FlightKind::Log, Label::new("logs", "")),
        Message::StreamEnd { .. } => (FlightKind::Watch, Label::new("stream end", "")),
        Message::Cancel { .. } => (FlightKind::Request, Label::new("cancel", "")),
        Message::Etcd(message) => (FlightKind::Grpc, etcd_label(message)),
        Message::Cri(message) => (FlightKind::Grpc, cri_label(message)),
        Message::Disk(message) => (FlightKind::Grpc, Label::new(message.method(), short_name(message.disk()))),
        Message::Line { line, .. } => (FlightKind::Request, Label::new("$", line.clone())),
        Message::Control(text) => (FlightKind::Request, Label::new("control", text.clone())),
    }
}

fn response_label(response: &Response, request: Option<&Request>) -> (FlightKind, Label) {
    let code = response.code.to_string();
    let resource = request.map(|request| resource_label(&request.path)).unwrap_or_default();
    if !response.is_success() {
        return (FlightKind::ErrorResponse, Label::new(code, resource));
    }
    let second = match &response.body {
        Body::Object(object) if request.is_some_and(|request| request.path.ends_with("/status")) => {
            let _ = object;
            resource
        }
        Body::Object(object) => short_name(object.name()),
        _ => resource,
    };
    (FlightKind::Response, Label::new(code, second))
}

fn watch_label(event: &WatchEvent, request: Option<&Request>) -> Label {
    let resource = match (&event.body, request) {
        (Body::Object(object), _) => object.info().plural.to_owned(),
        (_, Some(request)) => resource_label(&request.path),
        _ => String::new(),
    };
    Label::new(format!("WATCH {resource}"), event.type_.as_str())
}

fn etcd_label(message: &EtcdMessage) -> Label {
    match message {
        EtcdMessage::Request { request, .. } => match &**request {
            EtcdRequest::Txn { success, .. } => Label::new(
                match success.first() {
                    Some(Op::Put { .. }) => "Txn put",
                    Some(Op::DeleteRange { .. }) => "Txn delete",
                    _ => "Txn",
                },
                "",
            ),
            other => Label::new(other.method(), ""),
        },
        EtcdMessage::Response { revision, response, .. } => match &**response {
            EtcdResponse::Failed(_) => Label::new("error", ""),
            EtcdResponse::Txn { succeeded: false, .. } => Label::new("not applied", ""),
            EtcdResponse::Txn { .. } => Label::new("rev", revision.to_string()),
            EtcdResponse::Range { count, .. } => Label::new("kvs", count.to_string()),
            _ => Label::new("ok", ""),
        },
        EtcdMessage::WatchEvents { revision, .. } => Label::new("events", format!("rev {revision}")),
        EtcdMessage::WatchCanceled { .. } => Label::new("watch canceled", ""),
    }
}

fn cri_label(message: &CriMessage) -> Label {
    match message {
        CriMessage::Request { request, .. } => Label::new(request.method(), ""),
        CriMessage::Response { response, .. } => match &**response {
            CriResponse::Failed(error) => Label::new(error.code, ""),
            CriResponse::RunPodSandbox { ip, .. } => Label::new("ip", ip.clone()),
            _ => Label::new("ok", ""),
        },
        CriMessage::MachineEvent { low } => Label::new("machine event", if *low { "low" } else { "enough" }),
        CriMessage::ContainerEvent { .. } => Label::new("container event", ""),
        CriMessage::LogLines { lines, .. } => Label::new("log", format!("{} lines", lines.len())),
    }
}

/// Whether a request is part of the standing heartbeat: leases, and a node's status as its own kubelet reports it. What a
/// controller writes there (that a node is not ready, which volumes are attached) is news.
pub fn is_heartbeat(request: &Request) -> bool {
    let parts = parts(&request.path);
    let own_status =
        parts.resource == "nodes" && parts.subresource == "status" && request.user_agent.starts_with("kubelet/");
    parts.resource == "leases" && !request.is_watch() || own_status
}

/// Whether a call to the runtime only looks: one that a heartbeat asks for is part of it, and one that does something
/// is not.
pub fn only_looks(request: &CriRequest) -> bool {
    matches!(
        request,
        CriRequest::Version
            | CriRequest::Status
            | CriRequest::ListPodSandbox
            | CriRequest::ListContainers
            | CriRequest::ListImages
            | CriRequest::ImageStatus { .. }
            | CriRequest::ContainerStatus { .. }
            | CriRequest::ImageFsInfo
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        let status = parts("/api/v1/namespaces/default/pods/web-0/status");
        assert_eq!((status.namespace, status.resource), ("default", "pods"));
        assert_eq!((status.name, status.subresource), ("web-0", "status"));
        assert_eq!(parts("/apis/apps/v1/deployments").resource, "deployments");
        assert_eq!(parts("/api/v1/namespaces/shop").resource, "namespaces");
        assert_eq!(parts("/api/v1/namespaces/shop/finalize").subresource, "finalize");
        assert_eq!(parts("/version").resource, "/version");
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        assert_eq!(short_name("web-7d4b9c6f5d-m6vqz"), "web-7d4…m6vqz");
        assert_eq!(short_name("web"), "web");
    }
}
