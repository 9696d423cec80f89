//! Computing a strategic merge patch from two or three versions of an object.
//!
//! Mirrors `CreateTwoWayMergePatch`, `CreateThreeWayMergePatch`, `diffMaps` and `diffLists` of
//! strategicpatch/patch.go.

use serde_json::Value;

use super::merge::{Options as MergeOptions, merge_map};
use super::order::{ElementKind, deduplicate, element_kind, no_merge_key, normalize_slice};
use super::schema::{Strategy, TypeName};
use super::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, Map, PatchError, RETAIN_KEYS, SET_ELEMENT_ORDER};
use crate::api::object::Kind;
use crate::sim::Order;

/// `DiffOptions`.
#[derive(Clone, Copy)]
struct Options {
    /// Only deletions are wanted.
    ignore_changes: bool,
    /// Only changes and additions are wanted.
    ignore_deletions: bool,
    /// The map at hand says which keys stay.
    retain_keys: bool,
}

/// The patch that turns `original` into `modified`; an empty object when they are equal.
///
/// # Errors
/// Lists of lists, mixed lists, or elements without their merge key.
pub fn two_way_strategic(kind: Kind, original: &Value, modified: &Value) -> Result<Value, PatchError> {
    let options = Options { ignore_changes: false, ignore_deletions: false, retain_keys: false };
    diff_maps(&object(original), &object(modified), TypeName::of(kind), options).map(Value::Object)
}

/// The patch `kubectl apply` sends: what `modified` (the file) changes of `current` (the server's), without
/// what it took over from `original` (last applied) and now leaves out.
///
/// # Errors
/// As `two_way_strategic`.
pub fn three_way_strategic(
    kind: Kind,
    original: &Value,
    modified: &Value,
    current: &Value,
) -> Result<Value, PatchError> {
    let of = TypeName::of(kind);
    let (original, modified, current) = (object(original), object(modified), object(current));
    let changes = Options { ignore_changes: false, ignore_deletions: true, retain_keys: false };
    let delta = diff_maps(&current, &modified, of, changes)?;
    let deletions = Options { ignore_changes: true, ignore_deletions: false, retain_keys: false };
    let deletions = diff_maps(&original, &modified, of, deletions)?;
    merge_map(deletions, delta, of, MergeOptions { parallel: false, unmatched_nulls: true }).map(Value::Object)
}

fn object(value: &Value) -> Map {
    value.as_object().cloned().unwrap_or_default()
}

fn diff_maps(original: &Map, modified: &Map, of: TypeName, options: Options) -> Result<Map, PatchError> {
    let mut patch = Map::new();
    for (key, new) in modified {
        let Some(old) = original.get(key) else {
            if !options.ignore_changes {
                patch.insert(key.clone(), new.clone());
            }
            continue;
        };
        let field = of.field(key);
        let inner = Options { retain_keys: field.strategy.retain_keys, ..options };
        match (old, new) {
            // It is said even where nothing changed, as upstream says it.
            (Value::Object(_), Value::Object(new)) if field.strategy.replace => {
                if !options.ignore_changes {
                    patch.insert(key.clone(), Value::Object(new.clone()));
                }
            }
            (Value::Object(old), Value::Object(new)) => {
                let inner = diff_maps(old, new, field.of, inner)?;
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            (Value::Array(old), Value::Array(new)) if field.strategy.merge => {
                diff_list(key, old, new, (field.of, field.strategy), inner, &mut patch)?;
            }
            (old, new) => {
                if !options.ignore_changes && old != new {
                    patch.insert(key.clone(), new.clone());
                }
            }
        }
    }
    if !options.ignore_deletions {
        for key in original.keys().filter(|key| !modified.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    if options.retain_keys {
        let kept: Vec<Value> =
            modified.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| Value::from(key.as_str())).collect();
        let has_new = modified.keys().any(|key| !original.contains_key(key));
        if !kept.is_empty() && (!patch.is_empty() || has_new) {
            patch.insert(RETAIN_KEYS.to_owned(), Value::Array(kept));
        }
    }
    Ok(patch)
}

/// What a mergeable list adds to the patch: its changed elements, deletions of scalars, and the order.
fn diff_list(
    key: &str,
    original: &[Value],
    modified: &[Value],
    (of, strategy): (TypeName, Strategy),
    options: Options,
    patch: &mut Map,
) -> Result<(), PatchError> {
    if original.is_empty() {
        if !modified.is_empty() && !options.ignore_changes {
            patch.insert(key.to_owned(), Value::Array(modified.to_vec()));
        }
        return Ok(());
    }
    let (changed, deleted, order) = match element_kind([original, modified])? {
        ElementKind::Map => {
            let (changed, order) = diff_list_of_maps(original, modified, of, strategy.merge_key, options)?;
            (changed, Vec::new(), order)
        }
        ElementKind::Scalar => {
            let (added, deleted) = diff_list_of_scalars(original, modified, options);
            let added = normalize_slice(added, modified, "");
            let ordered =
                !options.ignore_deletions && !deleted.is_empty() || !options.ignore_changes && original != modified;
            (added, deleted, if ordered { modified.to_vec() } else { Vec::new() })
        }
    };
    for (key, list) in [
        (key.to_owned(), changed),
        (format!("{DELETE_FROM_PRIMITIVE_LIST}/{key}"), deleted),
        (format!("{SET_ELEMENT_ORDER}/{key}"), order),
    ] {
        if !list.is_empty() {
            patch.insert(key, Value::Array(list));
        }
    }
    Ok(())
}

fn diff_list_of_scalars(original: &[Value], modified: &[Value], options: Options) -> (Vec<Value>, Vec<Value>) {
    let mut added = Vec::new();
    let mut deleted = Vec::new();
    if !options.ignore_changes {
        let mut rest = original.to_vec();
        for new in sorted_by_text(modified.iter().cloned().map(|value| (go_text(&value), value)).collect()) {
            match rest.iter().position(|old| *old == new) {
                Some(index) => {
                    rest.remove(index);
                }
                None => added.push(new),
            }
        }
    }
    if !options.ignore_deletions {
        let mut rest = modified.to_vec();
        for old in sorted_by_text(original.iter().cloned().map(|value| (go_text(&value), value)).collect()) {
            match rest.iter().position(|new| *new == old) {
                Some(index) => {
                    rest.remove(index);
                }
                None => deleted.push(old),
            }
        }
    }
    (added, deduplicate(deleted))
}

fn go_text(value: &Value) -> String {
    crate::api::decode::go_value(value)
}

fn sorted_by_text(mut elements: Vec<(String, Value)>) -> Vec<Value> {
    elements.order_by(|a, b| a.0.cmp(&b.0));
    elements.into_iter().map(|(_, value)| value).collect()
}

/// The elements by merge key, in the order of its text.
fn keyed<'a>(list: &'a [Value], merge_key: &str) -> Result<Vec<(String, &'a Map)>, PatchError> {
    let mut keyed = Vec::with_capacity(list.len());
    for element in list {
        let Value::Object(map) = element else { continue };
        let key = map.get(merge_key).ok_or_else(|| no_merge_key(map, merge_key))?;
        keyed.push((go_text(key), map));
    }
    keyed.order_by(|a, b| a.0.cmp(&b.0));
    Ok(keyed)
}

/// The changed, added and deleted elements, and the order of all.
fn diff_list_of_maps(
    original: &[Value],
    modified: &[Value],
    of: TypeName,
    merge_key: &str,
    options: Options,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let old_elements = keyed(original, merge_key)?;
    let new_elements = keyed(modified, merge_key)?;
    let mut changed = Vec::new();
    let mut deleted = Vec::new();
    let mut old = old_elements.iter().peekable();
    let mut new = new_elements.iter().peekable();
    loop {
        use std::cmp::Ordering;
        let ordering = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let taken_old = if ordering.is_le() { old.next() } else { None };
        let taken_new = if ordering.is_ge() { new.next() } else { None };
        match (taken_old, taken_new) {
            (Some((_, old)), Some((_, new))) => {
                let mut difference = diff_maps(old, new, of, options)?;
                if !difference.is_empty() {
                    difference.insert(merge_key.to_owned(), new[merge_key].clone());
                    changed.push(Value::Object(difference));
                }
            }
            (None, Some((_, new))) if !options.ignore_changes => changed.push(Value::Object((*new).clone())),
            (Some((_, old)), None) if !options.ignore_deletions => {
                let mut deletion = Map::new();
                deletion.insert(merge_key.to_owned(), old[merge_key].clone());
                deletion.insert(DIRECTIVE.to_owned(), Value::from("delete"));
                deleted.push(Value::Object(deletion));
            }
            _ => {}
        }
    }
    let mut patch = normalize_slice(changed, modified, merge_key);
    patch.append(&mut deleted);
    let keys = |list: &[Value]| -> Vec<Value> { list.iter().map(|element| element[merge_key].clone()).collect() };
    let same_order = keys(original) == keys(modified);
    let ordered =
        !options.ignore_changes && (!patch.is_empty() || !same_order) || !options.ignore_deletions && !patch.is_empty();
    let order = if ordered {
        keys(modified)
            .into_iter()
            .map(|key| Value::Object([(merge_key.to_owned(), key)].into_iter().collect()))
            .collect()
    } else {
        Vec::new()
    };
    Ok((patch, order))
}
