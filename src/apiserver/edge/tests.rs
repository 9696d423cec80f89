use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::api::http::List;
use crate::api::{Body, Kind, Object, Reason, Request, Response, Status, WatchEvent, WatchType};

use super::{read_request, streams, watch_frame, write_response};

fn read(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Result<Request, Status> {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read_request(request.body(Bytes::from_static(body.as_bytes())).expect("a well-formed request"))
}

fn object() -> Arc<Object> {
    let value = json!({"metadata": {"name": "a", "resourceVersion": "7"}});
    Arc::new(Object::from_value(Kind::ConfigMap, &value, &mut |_| {}).expect("a ConfigMap"))
}

fn text(response: &http::Response<Bytes>) -> (String, Value) {
    let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
    (content_type, serde_json::from_slice(response.body()).unwrap_or_default())
}

#[test]
fn requests_are_read() {
    let uri = "/api/v1/pods?labelSelector=app%20in%20%28a%2Cb%29&watch=1&x=a+b";
    let request = read("GET", uri, &[("accept", "application/json"), ("user-agent", "kubectl/v1.36.0")], "")
        .expect("a good request");
    assert_eq!(request.param("labelSelector"), Some("app in (a,b)"));
    assert_eq!(request.param("x"), Some("a b"));
    assert_eq!(&*request.user_agent, "kubectl/v1.36.0");
    assert!(streams(&request));
    let patch = read("PATCH", "/x", &[("content-type", "application/merge-patch+json; charset=utf-8")], "{}");
    assert_eq!(patch.expect("a good request").content_type, "application/merge-patch+json");
    assert_eq!(read("OPTIONS", "/x", &[], "").map_err(|status| status.reason), Err(Reason::MethodNotAllowed));
}

#[test]
fn responses_are_written() {
    let request = read("GET", "/x", &[("accept", "application/json")], "").expect("a good request");
    let mut response = Response::ok(Body::Object(object()));
    response.warnings = vec![Arc::from("unknown field \"dat\"")];
    let http = write_response(&request, &response, "id");
    assert_eq!(http.headers()["warning"], "299 - \"unknown field \\\"dat\\\"\"");
    assert_eq!(http.headers()["audit-id"], "id");
    let (content_type, value) = text(&http);
    assert_eq!(content_type, "application/json");
    assert_eq!(value["kind"], "ConfigMap");

    let list = List { kind: Kind::ConfigMap, metadata: Default::default(), items: vec![object()] };
    let (_, value) = text(&write_response(&request, &Response::ok(Body::List(Arc::new(list))), "id"));
    assert_eq!((&value["kind"], &value["items"][0]["kind"]), (&json!("ConfigMapList"), &Value::Null));

    let http = write_response(&request, &Response::failure(Status::new(Reason::NotFound, "gone")), "id");
    assert_eq!(http.status(), 404);
    let (_, value) = text(&http);
    assert_eq!(
        value,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404})
    );

    let request = read("GET", "/x", &[("accept", "application/yaml")], "").expect("a good request");
    let http = write_response(&request, &Response::ok(Body::Object(object())), "id");
    assert_eq!(http.headers()["content-type"], "application/yaml");
    assert!(http.body().starts_with(b"apiVersion: v1\nkind: ConfigMap\n"), "{:?}", http.body());
}

#[test]
fn watch_events_are_lines() {
    let line = watch_frame(&WatchEvent::new(WatchType::Added, Body::Object(object())));
    assert!(line.ends_with(b"\n"));
    let value: Value = serde_json::from_slice(&line).expect("a line of JSON");
    assert_eq!((&value["type"], &value["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("a")));
}
