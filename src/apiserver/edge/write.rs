//! From a response to HTTP.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WARNING};
use serde_json::{Value, json};

use crate::api::decode::json_writer::Json;
use crate::api::decode::yaml_writer;
use crate::api::fields::Field;
use crate::api::http::List;
use crate::api::{Body, Request, Response, Status, WatchEvent};
use crate::apiserver::openapi;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const TEXT: &str = "text/plain; charset=utf-8";
/// What kubectl asks `/openapi/v2` for (with an `@` where the answer has a dot).
const OPENAPI_V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// What discovery clients look for to know that they were given everything at once.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The answer to `request` as HTTP. `audit_id` names it in the logs.
pub fn write_response(request: &Request, response: &Response, audit_id: &str) -> http::Response<Bytes> {
    let (content_type, body) = match &response.body {
        Body::Empty => (JSON, Bytes::new()),
        Body::Text(text) => (TEXT, Bytes::copy_from_slice(text.as_bytes())),
        Body::Bytes(bytes) => (TEXT, bytes.clone()),
        body => structured(request, &value(body)),
    };
    let mut http = http::Response::new(body);
    *http.status_mut() = http::StatusCode::from_u16(response.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    common(headers, audit_id);
    let retry = response.status().and_then(|status| status.details.as_ref()?.retry_after_seconds);
    if let Some(seconds) = retry.filter(|seconds| *seconds > 0) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    warnings(headers, response);
    http
}

fn warnings(headers: &mut http::HeaderMap, response: &Response) {
    for warning in &response.warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            headers.append(WARNING, value);
        }
    }
}

/// A failure that never reached the server.
pub fn status_response(status: Status, audit_id: &str) -> http::Response<Bytes> {
    let request = Request::new(crate::api::Method::Get, "/");
    write_response(&request, &Response::failure(status), audit_id)
}

/// The head of an open stream, which `response` opened.
pub fn stream_head(request: &Request, response: &Response, audit_id: &str) -> http::Response<()> {
    let mut http = http::Response::new(());
    let content_type = if request.is_watch() { JSON } else { "text/plain" };
    http.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    common(http.headers_mut(), audit_id);
    warnings(http.headers_mut(), response);
    http
}

/// One event of a watch: a line of JSON.
pub fn watch_frame(event: &WatchEvent) -> Bytes {
    let line = json!({"type": event.type_.as_str(), "object": value(&event.body)});
    let mut text = line.json();
    text.push('\n');
    Bytes::from(text)
}

/// More text of a followed log.
pub fn chunk(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn common(headers: &mut http::HeaderMap, audit_id: &str) {
    if let Ok(value) = HeaderValue::from_str(audit_id) {
        headers.insert("audit-id", value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
}

fn structured(request: &Request, value: &Value) -> (&'static str, Bytes) {
    if value.get("kind").and_then(Value::as_str) == Some("APIGroupDiscoveryList") {
        return (AGGREGATED, Bytes::from(value.json()));
    }
    if value.get("swagger").is_some() && request.accept.replace('@', ".").contains(OPENAPI_V2_PROTOBUF) {
        return (OPENAPI_V2_PROTOBUF, Bytes::from(openapi::v2_protobuf()));
    }
    let media = request.accept.split(',').map(|clause| clause.split(';').next().unwrap_or_default().trim());
    let yaml = media.into_iter().find(|media| matches!(*media, JSON | YAML | "*/*")) == Some(YAML);
    if yaml {
        return (YAML, Bytes::from(yaml_writer::write(value)));
    }
    let mut text = value.json();
    // Upstream's encoder ends every document with a new line.
    text.push('\n');
    (JSON, Bytes::from(text))
}

/// A body as JSON.
fn value(body: &Body) -> Value {
    match body {
        Body::Object(object) => object.to_value(),
        Body::List(list) => list_value(list),
        Body::Json(value) => (**value).clone(),
        Body::Status(status) => status_value(status),
        Body::Text(text) => json!(&**text),
        Body::Bytes(_) | Body::Empty => Value::Null,
    }
}

fn status_value(status: &Status) -> Value {
    let meta = status.to_meta().write();
    let mut value = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}});
    if let (Value::Object(value), Value::Object(meta)) = (&mut value, meta) {
        value.extend(meta.into_iter().filter(|(name, _)| name != "kind" && name != "apiVersion" && name != "metadata"));
    }
    value
}

/// A list; its items do not repeat their kind, as upstream's typed lists do not.
fn list_value(list: &List) -> Value {
    let info = list.kind.info();
    let items: Vec<Value> = list
        .items
        .iter()
        .map(|object| {
            let mut value = object.to_value();
            if let Some(fields) = value.as_object_mut() {
                fields.remove("kind");
                fields.remove("apiVersion");
            }
            value
        })
        .collect();
    let metadata = list.metadata.write();
    json!({
        "kind": format!("{}List", info.kind),
        "apiVersion": info.api_version(),
        "metadata": metadata,
        "items": items,
    })
}
