//! OpenAPI v3: enough for kubectl to see that the server validates fields. OpenAPI v2: where kubectl looks
//! for kinds that v3 does not have.
//!
//! Mirrors kube-openapi/pkg/handler3 and pkg/handler. Leaves out: the schemas' properties, and of v2 all paths.

use serde_json::{Map, Value, json};

use crate::api::{KINDS, KindInfo};

const TITLE: &str = "Kubernetes";
const VERSION: &str = "v1.36.0";

/// `/openapi/v3` (the index, when `rest` is empty) or the document of a group version.
pub fn v3(rest: &str) -> Option<Value> {
    if rest.is_empty() {
        return Some(index());
    }
    let (group, version) = match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => (String::new(), (*version).to_owned()),
        ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
        _ => return None,
    };
    let kinds: Vec<&'static KindInfo> =
        KINDS.iter().copied().filter(|info| info.group == group && info.version == version).collect();
    if kinds.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for info in kinds {
        let collection = info.path(if info.namespaced() { "{namespace}" } else { "" }, "");
        paths.insert(format!("{collection}/{{name}}"), object_path(info));
        paths.insert(collection, collection_path(info));
        schemas.insert(schema_name(info), schema(info));
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// `/openapi/v2`: nothing but its head.
pub fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": TITLE, "version": VERSION}, "paths": {}})
}

/// The same as protobuf, the only form kubectl asks for: `openapi.v2.Document` of gnostic.
pub fn v2_protobuf() -> Vec<u8> {
    // A field of text: its number, its length, the bytes. All of these are shorter than 128 bytes.
    let text = |number: u8, text: &[u8]| [&[number << 3 | 2, text.len() as u8], text].concat();
    let info = [text(1, TITLE.as_bytes()), text(2, VERSION.as_bytes())].concat();
    [text(1, b"2.0"), text(2, &info)].concat()
}

fn index() -> Value {
    let mut paths = Map::new();
    for info in KINDS {
        let path = if info.group.is_empty() {
            format!("api/{}", info.version)
        } else {
            format!("apis/{}/{}", info.group, info.version)
        };
        let url = format!("/openapi/v3/{path}");
        paths.entry(path).or_insert_with(|| json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

fn group_version_kind(info: &KindInfo) -> Value {
    json!({"group": info.group, "version": info.version, "kind": info.kind})
}

/// `io.k8s.api.core.v1.Pod`.
fn schema_name(info: &KindInfo) -> String {
    let package = if info.group.is_empty() { "core" } else { info.group.split('.').next().unwrap_or_default() };
    format!("io.k8s.api.{package}.{}.{}", info.version, info.kind)
}

fn schema(info: &KindInfo) -> Value {
    json!({
        "type": "object",
        "x-kubernetes-group-version-kind": [group_version_kind(info)],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        },
    })
}

fn parameter(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}

fn operation(info: &KindInfo, action: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<Value> = parameters.iter().map(|name| parameter(name)).collect();
    let reference = json!({"$ref": format!("#/components/schemas/{}", schema_name(info))});
    json!({
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(info),
    })
}

const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
const LIST: &[&str] = &["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"];

fn collection_path(info: &KindInfo) -> Value {
    let mut path = Map::new();
    if info.verbs.contains(&"list") {
        path.insert("get".to_owned(), operation(info, "list", LIST));
    }
    if info.verbs.contains(&"create") {
        path.insert("post".to_owned(), operation(info, "post", WRITE));
    }
    Value::Object(path)
}

fn object_path(info: &KindInfo) -> Value {
    let mut path = Map::new();
    for (verb, method, action, parameters) in [
        ("get", "get", "get", &[][..]),
        ("update", "put", "put", WRITE),
        ("patch", "patch", "patch", WRITE),
        ("delete", "delete", "delete", &["dryRun", "gracePeriodSeconds", "propagationPolicy"]),
    ] {
        if info.verbs.contains(&verb) {
            path.insert(method.to_owned(), operation(info, action, parameters));
        }
    }
    Value::Object(path)
}
