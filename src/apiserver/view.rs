//! Views: what the accept header makes of an object, a list or a watch event.
//!
//! Mirrors apiserver/pkg/endpoints/handlers/response.go and negotiation. Leaves out: protobuf and CBOR.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde_json::{Value, json};

use crate::api::fields::Field;
use crate::api::http::List;
use crate::api::printers::{IncludeObject, rows_only, table};
use crate::api::{Body, Kind, Object, Reason, Request, Status, WatchEvent, WatchType};

/// How a client wants to see objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As they are.
    Object,
    /// As rows of a table, with as much of the object.
    Table(IncludeObject),
    /// Their metadata.
    Metadata,
}

impl View {
    /// Reads the accept header: the first clause that can be served.
    ///
    /// # Errors
    /// `NotAcceptable` when none can.
    pub fn negotiate(request: &Request) -> Result<View, Status> {
        let accept = request.accept.trim();
        if accept == "application/json" || accept.is_empty() {
            return Ok(View::Object);
        }
        for clause in accept.split(',') {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(
                media,
                "application/json" | "application/yaml" | "*/*" | "application/*" | "text/plain" | "text/*"
            ) {
                continue;
            }
            let parameter = |name: &str| {
                clause.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
            };
            let known = parameter("g") == "meta.k8s.io" && matches!(parameter("v"), "v1" | "v1beta1");
            match parameter("as") {
                "" => return Ok(View::Object),
                "Table" if known => {
                    let include = IncludeObject::parse(request.param("includeObject"));
                    return include.map(View::Table).map_err(|why| Status::new(Reason::BadRequest, why));
                }
                "PartialObjectMetadata" | "PartialObjectMetadataList" if known => return Ok(View::Metadata),
                // Discovery negotiates for itself.
                "APIGroupDiscoveryList" => return Ok(View::Object),
                _ => {}
            }
        }
        Err(Status::new(
            Reason::NotAcceptable,
            "only the following media types are accepted: application/json, application/yaml",
        ))
    }

    /// The body of a response, as this view shows it.
    pub fn body(self, body: Body, now_unix_micros: i64) -> Body {
        match (self, body) {
            (View::Table(include), Body::Object(object)) => {
                let meta = ListMeta { resource_version: object.meta().resource_version.clone(), ..ListMeta::default() };
                Body::Json(Arc::new(table(object.kind(), &[object], &meta, now_unix_micros, include)))
            }
            (View::Table(include), Body::List(list)) => {
                Body::Json(Arc::new(table(list.kind, &list.items, &list.metadata, now_unix_micros, include)))
            }
            (View::Metadata, Body::Object(object)) => Body::Json(Arc::new(partial(&object))),
            (View::Metadata, Body::List(list)) => Body::Json(Arc::new(partial_list(&list))),
            (_, body) => body,
        }
    }

    /// A watch event, as this view shows it. `first`: a table names its columns.
    pub fn event(self, type_: WatchType, object: Arc<Object>, now_unix_micros: i64, first: bool) -> WatchEvent {
        let body = match self {
            View::Object => Body::Object(object),
            View::Metadata => Body::Json(Arc::new(partial(&object))),
            View::Table(include) => {
                let meta = ListMeta { resource_version: object.meta().resource_version.clone(), ..ListMeta::default() };
                let rows = std::slice::from_ref(&object);
                let value = if first {
                    table(object.kind(), rows, &meta, now_unix_micros, include)
                } else {
                    rows_only(rows, &meta, now_unix_micros, include)
                };
                Body::Json(Arc::new(value))
            }
        };
        WatchEvent::new(type_, body)
    }
}

fn partial(object: &Object) -> Value {
    let metadata = object.meta().write();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

fn partial_list(list: &List) -> Value {
    let items: Vec<Value> = list.items.iter().map(|object| partial(object)).collect();
    let metadata = list.metadata.write();
    json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
}

/// An object of a kind with nothing but a resource version: a bookmark.
pub fn bookmark(kind: Kind, revision: u64, initial_events_end: bool) -> Arc<Object> {
    let empty = json!({"metadata": {}});
    let mut object = Object::from_value(kind, &empty, &mut |_| {}).expect("every kind reads an empty object");
    object.meta_mut().resource_version = Some(revision.to_string());
    if initial_events_end {
        let annotation = ("k8s.io/initial-events-end".to_owned(), "true".to_owned());
        object.meta_mut().annotations = Some([annotation].into());
    }
    Arc::new(object)
}
