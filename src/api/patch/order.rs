//! Lists in a strategic merge patch: finding elements by merge key, and keeping both sides' order.
//!
//! Mirrors `normalizeElementOrder` and its helpers in strategicpatch/patch.go.

use serde_json::Value;

use super::{DIRECTIVE, Map, PatchError};

/// `does not contain declared merge key`.
pub(super) fn no_merge_key(map: &Map, merge_key: &str) -> PatchError {
    let map = crate::api::decode::go_value(&Value::Object(map.clone()));
    PatchError::Other(format!("map: {map} does not contain declared merge key: {merge_key}"))
}

/// Whether two elements stand for the same: equal scalars, or maps with equal merge keys.
pub(super) fn same(left: &Value, right: &Value, merge_key: &str) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if !merge_key.is_empty() => {
            left.get(merge_key).is_some() && left.get(merge_key) == right.get(merge_key)
        }
        (left, right) => left == right,
    }
}

fn index(order: &[Value], element: &Value, merge_key: &str) -> Option<usize> {
    order.iter().position(|listed| same(listed, element, merge_key))
}

/// The elements that are in `list`, and those that are not: the patch's and the server's own.
pub(super) fn partition(all: Vec<Value>, list: &[Value], merge_key: &str) -> (Vec<Value>, Vec<Value>) {
    all.into_iter().partition(|element| index(list, element, merge_key).is_some())
}

/// Brings `elements` into the order of `order`, with deletions at the end.
pub(super) fn normalize_slice(elements: Vec<Value>, order: &[Value], merge_key: &str) -> Vec<Value> {
    let (mut deletions, mut sorted): (Vec<Value>, Vec<Value>) =
        elements.into_iter().partition(|element| element.get(DIRECTIVE).is_some_and(|kind| kind == "delete"));
    // An insertion sort, because the comparison is not an order for elements that `order` does not know: they
    // move to the front, as they do in Go's stable sort of short lists.
    for end in 1..sorted.len() {
        let mut place = end;
        while place > 0 && goes_before(&sorted[place], &sorted[place - 1], order, merge_key) {
            sorted.swap(place, place - 1);
            place -= 1;
        }
    }
    sorted.append(&mut deletions);
    sorted
}

fn goes_before(left: &Value, right: &Value, order: &[Value], merge_key: &str) -> bool {
    match (index(order, left, merge_key), index(order, right, merge_key)) {
        (Some(left), Some(right)) => left < right,
        _ => true,
    }
}

/// Weaves the server's own elements into the patch's, each in its own order, and by the server's order where
/// both are known there.
pub(super) fn normalize_elements(
    patch: Vec<Value>,
    server_only: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    merge_key: &str,
) -> Vec<Value> {
    let patch = normalize_slice(patch, patch_order, merge_key);
    let server_only = normalize_slice(server_only, server_order, merge_key);
    let mut woven = Vec::with_capacity(patch.len() + server_only.len());
    let mut left = server_only.into_iter().peekable();
    let mut right = patch.into_iter().peekable();
    loop {
        let take_left = match (left.peek(), right.peek()) {
            (None, None) => return woven,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => matches!(
                (index(server_order, left, merge_key), index(server_order, right, merge_key)),
                (Some(left), Some(right)) if left < right
            ),
        };
        woven.extend(if take_left { left.next() } else { right.next() });
    }
}

/// The elements without repetition, the first of each kept.
pub(super) fn deduplicate(elements: Vec<Value>) -> Vec<Value> {
    let mut unique: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if !unique.contains(&element) {
            unique.push(element);
        }
    }
    unique
}

/// What an element is in a list: all of a list's elements must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementKind {
    Map,
    Scalar,
}

/// The kind of the elements of both lists.
pub(super) fn element_kind(lists: [&[Value]; 2]) -> Result<ElementKind, PatchError> {
    let mut kind: Option<&'static str> = None;
    for element in lists.into_iter().flatten() {
        let this = match element {
            Value::Object(_) => "map",
            Value::Array(_) => return Err(PatchError::Other("lists of lists are not supported".to_owned())),
            Value::String(_) => "string",
            Value::Number(_) => "int64",
            Value::Bool(_) => "bool",
            Value::Null => "<nil>",
        };
        match kind {
            Some(other) if other != this => {
                return Err(PatchError::Other(format!("list element types are not identical: {other}, {this}")));
            }
            _ => kind = Some(this),
        }
    }
    match kind {
        Some("map") => Ok(ElementKind::Map),
        Some(_) => Ok(ElementKind::Scalar),
        None => Err(PatchError::Other("no elements in any given slices".to_owned())),
    }
}
