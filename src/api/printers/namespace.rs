//! Namespaces: `printNamespace`.

use k8s_openapi::api::core::v1::Namespace;
use serde_json::Value;

use super::{age, column};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Status, Age.
pub const COLUMNS: &[Column] = &[NAME, column("Status", "string", "The status of the namespace"), AGE];

/// The cells of a namespace.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(namespace) = object.get::<Namespace>() else { return Vec::new() };
    let phase = namespace.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    vec![Value::from(object.name()), Value::from(phase), age(object, now_unix_micros)]
}
