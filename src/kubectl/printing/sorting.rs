//! `--sort-by`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/get/sorter.go.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::super::builder::Info;
use super::super::discovery::Resource;
use super::super::errors::{Stop, fail};
use super::jsonpath::{self, Template};
use super::table::Table;

use crate::sim::Order;

/// How two field values stand to each other: numbers by size, text naturally, nothing first.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(a), Value::String(b)) => natural(a, b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => jsonpath::text(a).cmp(&jsonpath::text(b)),
    }
}

/// `web-2` before `web-10`: as fvbommel/sortorder has it.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let (Some(left), Some(right)) = (a.first(), b.first()) {
        if left.is_ascii_digit() && right.is_ascii_digit() {
            let number = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (left_end, right_end) = (number(a), number(b));
            let strip = |text: &'_ [u8], end: usize| {
                let zeros = text[..end].iter().take_while(|byte| **byte == b'0').count();
                text[zeros..end].to_vec()
            };
            let (left, right) = (strip(a, left_end), strip(b, right_end));
            match left.len().cmp(&right.len()).then_with(|| left.cmp(&right)) {
                Ordering::Equal => (a, b) = (&a[left_end..], &b[right_end..]),
                other => return other,
            }
        } else if left == right {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return left.cmp(right);
        }
    }
    a.len().cmp(&b.len())
}

fn template(path: &str) -> Result<Template, Stop> {
    match jsonpath::relaxed(path).and_then(|path| jsonpath::parse(&path)) {
        Ok(template) => Ok(template),
        Err(error) => fail(error),
    }
}

fn key(template: &Template, value: &Value) -> Option<Value> {
    template.find(value).ok().and_then(|found| found.first().map(|value| (*value).clone()))
}

fn by_key(a: &Option<Value>, b: &Option<Value>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Sorts objects by a field.
///
/// # Errors
/// Where the path does not parse, or no object has the field.
pub fn sort_infos(infos: &mut [Info], path: &str) -> Result<(), Stop> {
    let template = template(path)?;
    let keys: Vec<Option<Value>> = infos.iter().map(|info| key(&template, &info.value)).collect();
    if !infos.is_empty() && keys.iter().all(Option::is_none) {
        return fail(format!("couldn't find any field with path \"{}\" in the list of objects", display(path)));
    }
    infos.order_by(|a, b| by_key(&key(&template, &a.value), &key(&template, &b.value)));
    Ok(())
}

/// Sorts the rows of tables by a field of their objects: within one kind, all rows together.
///
/// # Errors
/// As `sort_infos`.
pub fn sort_tables(tables: Vec<(Arc<Resource>, Table)>, path: &str) -> Result<Vec<(Arc<Resource>, Table)>, Stop> {
    let template = template(path)?;
    let mut merged: Vec<(Arc<Resource>, Table)> = Vec::new();
    for (resource, table) in tables {
        match merged.last_mut() {
            Some((last, into)) if *last == resource => into.rows.extend(table.rows),
            _ => merged.push((resource, table)),
        }
    }
    let rows = || merged.iter().flat_map(|(_, table)| &table.rows);
    if rows().next().is_some() && rows().all(|row| key(&template, &row.object).is_none()) {
        return fail(format!("couldn't find any field with path \"{}\" in the list of objects", display(path)));
    }
    for (_, table) in &mut merged {
        table.rows.order_by(|a, b| by_key(&key(&template, &a.object), &key(&template, &b.object)));
    }
    Ok(merged)
}

fn display(path: &str) -> String {
    jsonpath::relaxed(path).unwrap_or_else(|_| path.to_owned())
}
