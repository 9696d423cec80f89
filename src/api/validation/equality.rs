//! Mirrors apimachinery/pkg/api/equality: semantic equality, where an absent list or map equals an empty one.

use serde_json::Value;

use super::errors::{BadValue, Errors};
use super::path::Path;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// The fields that are maps in Go, so that empty equals absent. All other JSON objects are structs,
/// and an empty struct behind a pointer (`emptyDir: {}`) is not the same as none.
const MAPS: &[&str] = &[
    "allocatable",
    "annotations",
    "binaryData",
    "capacity",
    "data",
    "finalizers",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "options",
    "parameters",
    "overhead",
    "requests",
    "selector",
    "stringData",
    "volumeAttributes",
];

fn prune(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|name, value| match value {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(entries) => !entries.is_empty() || !MAPS.contains(&name.as_str()),
                _ => true,
            });
        }
        _ => {}
    }
}

fn pruned(value: &dyn Field) -> Value {
    let mut value = value.write();
    prune(&mut value);
    value
}

/// `apiequality.Semantic.DeepEqual`.
pub fn semantically_equal<T: Field + PartialEq>(a: &T, b: &T) -> bool {
    a == b || pruned(a) == pruned(b)
}

/// `ValidateImmutableField` on a value whose printed form is `shown`.
pub fn immutable<T: Field + PartialEq>(
    new: &T,
    old: &T,
    shown: impl FnOnce(&T) -> BadValue,
    path: &Path,
    errors: &mut Errors,
) {
    if !semantically_equal(new, old) {
        errors.push(FieldError::invalid(path, shown(new), "field is immutable"));
    }
}

/// `ValidateImmutableField` on a string.
pub fn immutable_text(new: &str, old: &str, path: &Path, errors: &mut Errors) {
    if new != old {
        errors.push(FieldError::invalid(path, new, "field is immutable"));
    }
}

/// `ValidateImmutableField` on an optional value that prints as JSON: nil prints as `"null"`.
pub fn immutable_option<T: Field + PartialEq>(new: &Option<T>, old: &Option<T>, path: &Path, errors: &mut Errors) {
    immutable(new, old, |new| new.as_ref().map_or_else(BadValue::null, |value| BadValue::json(value)), path, errors);
}
