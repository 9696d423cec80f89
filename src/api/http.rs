//! Requests and responses: what the real ones are, as typed values.

use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde_json::Value;

use super::kind::KindInfo;
use super::object::{Kind, Object};
use super::status::Status;
use super::stored::Stored;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    Delete,
    Get,
    Patch,
    Post,
    Put,
}

impl Method {
    /// `GET`, `POST` …
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Delete => "DELETE",
            Method::Get => "GET",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// A request's number, unique for the process that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What a request or response carries. Inside the simulation it is a value that is shared, not
/// bytes; `apiserver::http` turns bytes into it and back at the edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Empty,
    /// An object of a registered kind, as the sender has it.
    Object(Arc<Object>),
    /// A list of objects of one kind.
    List(Arc<List>),
    /// Any other JSON: a patch, a table, a discovery document, `DeleteOptions`.
    Json(Arc<Value>),
    /// Bytes from outside, by the request's content type.
    Bytes(Bytes),
    /// Plain text: logs, health.
    Text(Arc<str>),
    /// An API failure, or a `Success` status.
    Status(Arc<Status>),
}

/// A list response.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    pub kind: Kind,
    pub metadata: ListMeta,
    pub items: Vec<Arc<Object>>,
}

impl List {
    /// The revision the list was read at.
    pub fn resource_version(&self) -> u64 {
        self.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
    }
}

/// The content types a body can have.
pub mod content_type {
    pub const JSON: &str = "application/json";
    pub const YAML: &str = "application/yaml";
    pub const JSON_PATCH: &str = "application/json-patch+json";
    pub const MERGE_PATCH: &str = "application/merge-patch+json";
    pub const STRATEGIC_MERGE_PATCH: &str = "application/strategic-merge-patch+json";
    pub const APPLY_PATCH: &str = "application/apply-patch+yaml";
    /// What client-go's typed clients send; read natively only, where such clients are.
    pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
    /// The accept header with which kubectl asks for tables.
    pub const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
}

/// A request to the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: Method,
    /// Without the query: `/api/v1/namespaces/default/pods`.
    pub path: Arc<str>,
    /// Decoded, in the order given.
    pub query: Vec<(Arc<str>, Arc<str>)>,
    /// Of the body; JSON unless it says otherwise.
    pub content_type: &'static str,
    /// The accept header.
    pub accept: Arc<str>,
    /// `kubelet/v1.36.0`: who asks, for the field manager and the screen.
    pub user_agent: Arc<str>,
    /// The user it authenticates as: `system:kube-scheduler`, `kubernetes-admin`.
    pub user: Arc<str>,
    pub body: Body,
}

impl Request {
    /// A request with no body and no query.
    pub fn new(method: Method, path: impl Into<Arc<str>>) -> Self {
        Request {
            method,
            path: path.into(),
            query: Vec::new(),
            content_type: content_type::JSON,
            accept: Arc::from(content_type::JSON),
            user_agent: Arc::from("kubarium"),
            user: Arc::from("system:anonymous"),
            body: Body::Empty,
        }
    }

    /// `GET` of one object.
    pub fn get(kind: &KindInfo, namespace: &str, name: &str) -> Self {
        Request::new(Method::Get, kind.path(namespace, name))
    }

    /// `GET` of a collection; an empty namespace means all of them.
    pub fn list(kind: &KindInfo, namespace: &str) -> Self {
        Request::new(Method::Get, kind.path(namespace, ""))
    }

    /// `POST` of a new object.
    pub fn create(object: impl Into<Arc<Object>>) -> Self {
        let object = object.into();
        Request::new(Method::Post, object.info().path(object.namespace(), "")).body(Body::Object(object))
    }

    /// `PUT` of an object.
    pub fn update(object: impl Into<Arc<Object>>) -> Self {
        let object = object.into();
        let path = object.info().path(object.namespace(), object.name());
        Request::new(Method::Put, path).body(Body::Object(object))
    }

    /// `PUT` of an object's `status`.
    pub fn update_status(object: impl Into<Arc<Object>>) -> Self {
        let object = object.into();
        let path = format!("{}/status", object.info().path(object.namespace(), object.name()));
        Request::new(Method::Put, path).body(Body::Object(object))
    }

    /// `PATCH` with the given content type; `subresource` may be empty.
    pub fn patch(
        kind: &KindInfo,
        namespace: &str,
        name: &str,
        subresource: &str,
        content_type: &'static str,
        patch: Value,
    ) -> Self {
        let mut path = kind.path(namespace, name);
        if !subresource.is_empty() {
            path.push('/');
            path.push_str(subresource);
        }
        let mut request = Request::new(Method::Patch, path).body(Body::Json(Arc::new(patch)));
        request.content_type = content_type;
        request
    }

    /// `DELETE` of an object.
    pub fn delete(kind: &KindInfo, namespace: &str, name: &str) -> Self {
        Request::new(Method::Delete, kind.path(namespace, name))
    }

    /// With this body.
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// With one more query parameter.
    pub fn with(mut self, name: &str, value: impl Into<Arc<str>>) -> Self {
        self.query.push((Arc::from(name), value.into()));
        self
    }

    /// Sent by this user agent and user.
    pub fn as_user(mut self, user_agent: &Arc<str>, user: &Arc<str>) -> Self {
        self.user_agent = user_agent.clone();
        self.user = user.clone();
        self
    }

    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    /// Whether it opens a stream of watch events.
    pub fn is_watch(&self) -> bool {
        self.method == Method::Get && matches!(self.param("watch"), Some("1" | "true" | ""))
    }
}

/// A response of the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub code: u16,
    pub body: Body,
    /// What the `Warning` headers say, without their code and agent.
    pub warnings: Vec<Arc<str>>,
}

impl Response {
    /// A code with a body.
    pub fn new(code: u16, body: Body) -> Self {
        Response { code, body, warnings: Vec::new() }
    }

    /// 200 with a body.
    pub fn ok(body: Body) -> Self {
        Response::new(200, body)
    }

    /// A failure.
    pub fn failure(status: Status) -> Self {
        Response::new(status.reason.code(), Body::Status(Arc::new(status)))
    }

    /// Whether the code is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The failure, if it is one.
    pub fn status(&self) -> Option<&Status> {
        match &self.body {
            Body::Status(status) if !self.is_success() => Some(status),
            _ => None,
        }
    }

    /// The object it carries.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match &self.body {
            Body::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// The type of a watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

impl WatchType {
    /// `ADDED`, `MODIFIED` …
    pub fn as_str(self) -> &'static str {
        match self {
            WatchType::Added => "ADDED",
            WatchType::Modified => "MODIFIED",
            WatchType::Deleted => "DELETED",
            WatchType::Bookmark => "BOOKMARK",
            WatchType::Error => "ERROR",
        }
    }
}

/// One event of a watch: `Body::Object` mostly, `Body::Json` for a table, `Body::Status` for an error.
/// A bookmark carries an object of the kind with nothing but its resource version (and, at the end of
/// the initial events, the annotation `k8s.io/initial-events-end`).
#[derive(Clone, Debug, PartialEq)]
pub struct WatchEvent {
    pub type_: WatchType,
    pub body: Body,
    /// Where the sender keeps the object of the body: whoever holds on to the object shares that.
    pub kept: Option<Stored>,
}

impl WatchEvent {
    /// An event whose object, if it has one, nobody keeps.
    pub fn new(type_: WatchType, body: Body) -> Self {
        WatchEvent { type_, body, kept: None }
    }
}
