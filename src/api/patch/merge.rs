//! Applying a strategic merge patch.
//!
//! Mirrors `mergeMap` and what it calls in strategicpatch/patch.go, and `interpretStrategicMergePatchError`.

use serde_json::Value;

use super::order::{ElementKind, deduplicate, element_kind, no_merge_key, normalize_elements, partition, same};
use super::schema::{Strategy, TypeName};
use super::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, Map, PatchError, RETAIN_KEYS, SET_ELEMENT_ORDER, listed};
use crate::api::object::Kind;
use crate::api::status::{Reason, Status};
use crate::sim::Gather;

/// Applies a strategic merge patch to an object of `kind`.
///
/// # Errors
/// A malformed patch, as the API server answers it.
pub fn strategic_merge(kind: Kind, current: &Value, patch: &Value) -> Result<Value, Status> {
    let (Value::Object(current), Value::Object(patch)) = (current, patch) else {
        let message = "invalid JSON document".to_owned();
        return Err(Status { reason: Reason::BadRequest, message, details: None });
    };
    merge_map(current.clone(), patch.clone(), TypeName::of(kind), Options { parallel: true, unmatched_nulls: false })
        .map(Value::Object)
        .map_err(|error| match error {
            PatchError::BadFormat(message) => Status { reason: Reason::BadRequest, message, details: None },
            PatchError::Other(message) => Status { reason: Reason::InternalError, message, details: None },
        })
}

/// `MergeOptions`.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Whether lists of deletions and orders are carried out (applying), or kept (merging two patches).
    pub(super) parallel: bool,
    /// Whether nulls for absent keys are kept (merging two patches).
    pub(super) unmatched_nulls: bool,
}

pub(super) fn merge_map(mut original: Map, mut patch: Map, of: TypeName, options: Options) -> Result<Map, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(bad_patch_type(directive, &patch)),
        };
    }
    apply_retain_keys(&mut original, &mut patch, options)?;
    apply_element_order(&mut original, &mut patch, of, options)?;
    for (key, value) in patch {
        let delete_list = listed(&key, DELETE_FROM_PRIMITIVE_LIST).map(str::to_owned);
        if delete_list.is_some() && !options.parallel {
            original.insert(key, value);
            continue;
        }
        let is_delete_list = delete_list.is_some();
        let key = delete_list.unwrap_or(key);
        if value.is_null() {
            original.remove(&key);
            if !options.unmatched_nulls {
                continue;
            }
        }
        let merged = match (original.remove(&key), value) {
            (Some(old), _) if is_delete_list && !old.is_array() => Some(old),
            (None, _) if is_delete_list => None,
            (Some(Value::Object(old)), Value::Object(new)) => {
                let field = of.field(&key);
                if field.strategy.replace {
                    original.insert(key, Value::Object(new));
                    continue;
                }
                Some(Value::Object(merge_map(old, new, field.of, options)?))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let field = of.field(&key);
                Some(Value::Array(merge_list(old, new, field.of, field.strategy, is_delete_list, options)?))
            }
            (_, mut new) => {
                if !options.unmatched_nulls {
                    discard_nulls(&mut new);
                }
                without_directives(new)
            }
        };
        if let Some(merged) = merged {
            original.insert(key, merged);
        }
    }
    Ok(original)
}

fn bad_patch_type(directive: &Value, map: &Map) -> PatchError {
    use crate::api::decode::go_value;
    PatchError::Other(format!(
        "unknown patch type {} in map: {}",
        go_value(directive),
        go_value(&Value::Object(map.clone()))
    ))
}

/// Removes the nulls inside a value that is taken as it is.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// A value without the maps that carry a `$patch` directive; nothing, if it is one itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => Some(Value::Object(
            map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?))).gather(),
        )),
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}

/// Clears the keys that `$retainKeys` does not list.
fn apply_retain_keys(original: &mut Map, patch: &mut Map, options: Options) -> Result<(), PatchError> {
    let Some(retain) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad_format = || PatchError::BadFormat("invalid patch format of retainKeys".to_owned());
    if !options.parallel {
        match original.get(RETAIN_KEYS) {
            Some(existing) if *existing != retain => return Err(bad_format()),
            Some(_) => {}
            None => {
                original.insert(RETAIN_KEYS.to_owned(), retain);
            }
        }
        return Ok(());
    }
    let keys = retain.as_array().ok_or_else(bad_format)?;
    let retained = |key: &str| keys.iter().any(|kept| kept == key);
    for (key, value) in patch.iter() {
        let directive =
            key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER) || value.is_null();
        if !directive && !retained(key) {
            return Err(bad_format());
        }
    }
    original.retain(|key, _| retained(key));
    Ok(())
}

/// Merges the lists that have a `$setElementOrder`, and orders them by it.
fn apply_element_order(original: &mut Map, patch: &mut Map, of: TypeName, options: Options) -> Result<(), PatchError> {
    let bad_format = || PatchError::BadFormat("invalid patch format of setElementOrder list".to_owned());
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else { continue };
        if !options.parallel {
            match original.get(&directive) {
                Some(existing) if *existing != order => return Err(bad_format()),
                Some(_) => {}
                None => {
                    original.insert(directive.clone(), order.clone());
                }
            }
        }
        let order = order.as_array().ok_or_else(bad_format)?;
        let name = listed(&directive, SET_ELEMENT_ORDER).ok_or_else(bad_format)?;
        let field = of.field(name);
        let merge_key = field.strategy.merge_key;
        let old = take_list(original, name)?;
        let new = take_list(patch, name)?;
        check_order(new.as_deref().unwrap_or_default(), order, merge_key)?;
        let server_order = old.clone().unwrap_or_default();
        let merged = match (old, new) {
            (None, None) => continue,
            (Some(old), None) => old,
            (None, Some(new)) => match without_directives(Value::Array(new)) {
                Some(Value::Array(new)) => new,
                _ => Vec::new(),
            },
            (Some(old), Some(new)) => merge_list(old, new, field.of, field.strategy, false, options)?,
        };
        let (patched, server_only) = partition(merged, order, merge_key);
        let ordered = normalize_elements(patched, server_only, order, &server_order, merge_key);
        original.insert(name.to_owned(), Value::Array(ordered));
    }
    Ok(())
}

fn take_list(map: &mut Map, name: &str) -> Result<Option<Vec<Value>>, PatchError> {
    match map.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(PatchError::BadFormat("invalid patch format of setElementOrder list".to_owned())),
    }
}

/// A patch's list must hold what its order names, in that order: `validatePatchWithSetOrderList`.
fn check_order(patch: &[Value], order: &[Value], merge_key: &str) -> Result<(), PatchError> {
    let is_deletion = |element: &Value| element.get(DIRECTIVE).is_some_and(|kind| kind == "delete");
    let mut remaining = order.iter();
    for element in patch.iter().filter(|element| !is_deletion(element)) {
        if !remaining.any(|ordered| same(ordered, element, merge_key)) {
            return Err(PatchError::BadFormat(format!(
                "The order in patch list:\n{}\n doesn't match {SET_ELEMENT_ORDER} list:\n{}\n",
                crate::api::decode::go_value(&Value::Array(patch.to_vec())),
                crate::api::decode::go_value(&Value::Array(order.to_vec())),
            )));
        }
    }
    Ok(())
}

fn merge_list(
    original: Vec<Value>,
    patch: Vec<Value>,
    of: TypeName,
    strategy: Strategy,
    is_delete_list: bool,
    options: Options,
) -> Result<Vec<Value>, PatchError> {
    if !strategy.merge && !is_delete_list {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let merge_key = strategy.merge_key;
    let server_order = original.clone();
    let (merged, patch_order) = match element_kind([&original, &patch])? {
        ElementKind::Scalar if options.parallel && is_delete_list => {
            return Ok(original.into_iter().filter(|element| !patch.contains(element)).collect());
        }
        ElementKind::Scalar => (deduplicate([original, patch.clone()].concat()), patch),
        ElementKind::Map if merge_key.is_empty() => {
            return Err(PatchError::Other(format!("cannot merge lists without merge key for {of:?}")));
        }
        ElementKind::Map => {
            let (original, patch) = apply_element_directives(original, patch, merge_key)?;
            (merge_elements(original, &patch, merge_key, of, options)?, patch)
        }
    };
    let (patched, server_only) = partition(merged, &patch_order, merge_key);
    Ok(normalize_elements(patched, server_only, &patch_order, &server_order, merge_key))
}

/// Carries out the elements with a `$patch`; the patch's other elements remain.
fn apply_element_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::with_capacity(patch.len());
    let mut replace = false;
    for element in patch {
        let Some(map) = element.as_object() else { continue };
        let Some(directive) = map.get(DIRECTIVE) else {
            plain.push(element);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                if !map.contains_key(merge_key) {
                    return Err(no_merge_key(map, merge_key));
                }
                original.retain(|existing| !same(existing, &element, merge_key));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(PatchError::Other("merging lists cannot yet be specified in the patch".to_owned()));
            }
            _ => return Err(bad_patch_type(directive, map)),
        }
    }
    Ok(if replace { (plain, Vec::new()) } else { (original, plain) })
}

fn merge_elements(
    mut original: Vec<Value>,
    patch: &[Value],
    merge_key: &str,
    of: TypeName,
    options: Options,
) -> Result<Vec<Value>, PatchError> {
    for element in patch {
        let Value::Object(new) = element else { continue };
        if !new.contains_key(merge_key) {
            return Err(no_merge_key(new, merge_key));
        }
        match original.iter_mut().find(|existing| same(existing, element, merge_key)) {
            Some(existing) => {
                let Value::Object(old) = existing.take() else { continue };
                *existing = Value::Object(merge_map(old, new.clone(), of, options)?);
            }
            None => original.push(element.clone()),
        }
    }
    Ok(original)
}
