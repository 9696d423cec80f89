//! JSON patch (RFC 6902) and JSON merge patch (RFC 7386).
//!
//! Mirrors `jsonPatcher` of apiserver/pkg/endpoints/handlers/patch.go and
//! `CreateThreeWayJSONMergePatch` of apimachinery/pkg/util/jsonmergepatch.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusDetails;
use serde_json::Value;

use super::{Map, PatchError};
use crate::api::decode::json_kind;
use crate::api::object::Kind;
use crate::api::status::{Reason, Status};
use crate::sim::Gather;

/// The most operations a JSON patch may have.
const OPERATIONS_MAX: usize = 10_000;

/// Applies a JSON patch.
///
/// # Errors
/// A malformed patch (400), too many operations (413), or one that does not apply, such as a failed `test`
/// (422).
pub fn json_patch(_kind: Kind, current: &Value, patch: &Value) -> Result<Value, Status> {
    let bad_request = |message: String| Status { reason: Reason::BadRequest, message, details: None };
    let Value::Array(operations) = patch else {
        let found = if patch.is_object() { "object" } else { json_kind(patch) };
        return Err(bad_request(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type jsonpatch.Patch"
        )));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(Status {
            reason: Reason::RequestEntityTooLarge,
            message: format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
                operations.len()
            ),
            details: None,
        });
    }
    // Go looks into an operation only when it is its turn; what is no map at all it cannot decode.
    if let Some(other) = operations.iter().find(|operation| !operation.is_object() && !operation.is_null()) {
        return Err(bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type jsonpatch.Operation",
            json_kind(other)
        )));
    }
    let mut patched = current.clone();
    let mut apply = |operation: &Value| Operation::read(operation)?.apply(&mut patched);
    let applied = operations.iter().all(|operation| apply(operation).is_some());
    if applied { Ok(patched) } else { Err(unprocessable()) }
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Add,
    Copy,
    Move,
    Remove,
    Replace,
    Test,
}

/// One operation of a patch.
struct Operation<'a> {
    act: Act,
    path: &'a str,
    /// For a copy or a move.
    from: &'a str,
    /// For the others but `remove`.
    value: &'a Value,
}

impl<'a> Operation<'a> {
    fn read(operation: &'a Value) -> Option<Self> {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let act = match text("op")? {
            "add" => Act::Add,
            "copy" => Act::Copy,
            "move" => Act::Move,
            "remove" => Act::Remove,
            "replace" => Act::Replace,
            "test" => Act::Test,
            _ => return None,
        };
        let moves = matches!(act, Act::Copy | Act::Move);
        let from = if moves { text("from")? } else { "" };
        let value = if moves || act == Act::Remove { &Value::Null } else { operation.get("value")? };
        Some(Operation { act, path: text("path")?, from, value })
    }

    /// Does it; `None` where it does not apply, with the document as it was.
    fn apply(&self, document: &mut Value) -> Option<()> {
        match self.act {
            Act::Add => add(document, self.path, self.value.clone()),
            Act::Copy => {
                let value = document.pointer(self.from)?.clone();
                add(document, self.path, value)
            }
            Act::Move => {
                if self.path.strip_prefix(self.from).is_some_and(|rest| rest.starts_with('/')) {
                    return None;
                }
                let value = remove(document, self.from)?;
                add(document, self.path, value)
            }
            Act::Remove => remove(document, self.path).map(drop),
            Act::Replace => document.pointer_mut(self.path).map(|place| *place = self.value.clone()),
            Act::Test => (document.pointer(self.path)? == self.value).then_some(()),
        }
    }
}

/// What holds a path's last step, and that step.
fn parent<'v>(document: &'v mut Value, path: &str) -> Option<(&'v mut Value, String)> {
    let (parent, key) = path.rsplit_once('/')?;
    Some((document.pointer_mut(parent)?, key.replace("~1", "/").replace("~0", "~")))
}

/// An index as RFC 6901 writes it: without leading zeros.
fn index(key: &str) -> Option<usize> {
    if key.starts_with('+') || key.starts_with('0') && key.len() > 1 { None } else { key.parse().ok() }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => drop(map.insert(key, value)),
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => {
            let at = index(&key).filter(|at| *at <= list.len())?;
            list.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => map.remove(&key),
        Value::Array(list) => {
            let at = index(&key).filter(|at| *at < list.len())?;
            Some(list.remove(at))
        }
        _ => None,
    }
}

/// `NewGenericServerResponse` for code 422: what evanphx/json-patch says of it is not passed on.
fn unprocessable() -> Status {
    Status {
        reason: Reason::Invalid,
        message: "the server rejected our request due to an error in our request".to_owned(),
        details: Some(StatusDetails::default()),
    }
}

/// Applies a JSON merge patch.
///
/// # Errors
/// A patch that is not an object.
pub fn merge_patch(_kind: Kind, current: &Value, patch: &Value) -> Result<Value, Status> {
    if !patch.is_object() {
        let message = "error decoding patch: Invalid JSON Patch".to_owned();
        return Err(Status { reason: Reason::BadRequest, message, details: None });
    }
    let mut patched = current.clone();
    merge(&mut patched, patch);
    Ok(patched)
}

/// RFC 7386: a null takes away, a map goes into a map, all else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, value) in changes {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The JSON merge patch that turns `original` into `modified`.
pub fn create_merge_patch(original: &Value, modified: &Value) -> Value {
    let empty = Map::new();
    let (old, new) = (original.as_object().unwrap_or(&empty), modified.as_object().unwrap_or(&empty));
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(existing) if existing == value => {}
            Some(existing) if existing.is_object() && value.is_object() => {
                patch.insert(key.clone(), create_merge_patch(existing, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// The patch `kubectl apply` sends for kinds without a known schema.
///
/// # Errors
/// Changes and deletions that contradict each other.
pub fn three_way_merge(original: &Value, modified: &Value, current: &Value) -> Result<Value, PatchError> {
    let changes = keep_nulls(create_merge_patch(current, modified), false).unwrap_or_default();
    let deletions = keep_nulls(create_merge_patch(original, modified), true).unwrap_or_default();
    let mut merged = if deletions.is_null() { Value::Object(Map::new()) } else { deletions };
    if changes.is_object() {
        merge_keeping_nulls(&mut merged, &changes);
    }
    Ok(merged)
}

/// Keeps only the nulls of a patch (its deletions), or only the rest.
fn keep_nulls(patch: Value, nulls: bool) -> Option<Value> {
    match patch {
        Value::Null => nulls.then_some(Value::Null),
        Value::Object(map) => {
            let was_empty = map.is_empty();
            let kept: Map = map.into_iter().filter_map(|(key, value)| Some((key, keep_nulls(value, nulls)?))).gather();
            // A map that is set to nothing is an addition; one that lost all its entries here is none.
            (!kept.is_empty() || was_empty && !nulls).then_some(Value::Object(kept))
        }
        other => (!nulls).then_some(other),
    }
}

fn merge_keeping_nulls(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(map) = target {
        for (key, value) in changes {
            merge_keeping_nulls(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
