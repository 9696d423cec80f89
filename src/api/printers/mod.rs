//! Tables as the server prints them: columns and cells per kind, and the `meta.k8s.io/v1` Table around them.
//!
//! Mirrors pkg/printers/internalversion and apiserver/pkg/endpoints/handlers/response.go. The server always
//! prints wide; the client hides columns of priority 1. Leaves out: kinds that are not registered.

pub mod config;
pub mod controllerrevision;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
pub mod endpoints;
pub mod event;
pub mod job;
pub mod namespace;
pub mod node;
pub mod persistentvolumeclaim;
pub mod pod;
pub mod quota;
pub mod replicaset;
pub mod replicationcontroller;
pub mod service;
pub mod statefulset;
pub mod storage;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Time};
use serde_json::{Value, json};

use super::duration;
use super::fields::Field;
use super::kind::Column;
use super::object::{Kind, Object};
use super::time::unix_micros;

/// What of the object a row carries: the `includeObject` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    /// Its metadata, as a `PartialObjectMetadata`: the default.
    #[default]
    Metadata,
    Object,
}

impl IncludeObject {
    /// The parameter's value; an absent one means `Metadata`.
    ///
    /// # Errors
    /// The API server's words for any other value.
    pub fn parse(text: Option<&str>) -> Result<Self, String> {
        match text {
            None | Some("" | "Metadata") => Ok(IncludeObject::Metadata),
            Some("None") => Ok(IncludeObject::None),
            Some("Object") => Ok(IncludeObject::Object),
            Some(other) => Err(format!("unrecognized includeObject value: {other:?}")),
        }
    }
}

/// The table of some objects of one kind, with its column definitions.
pub fn table(
    kind: Kind,
    objects: &[Arc<Object>],
    list_meta: &ListMeta,
    now_unix_micros: i64,
    include_object: IncludeObject,
) -> Value {
    let columns: Vec<Value> = kind.info().columns.iter().map(column_definition).collect();
    let mut table = rows_only(objects, list_meta, now_unix_micros, include_object);
    table["columnDefinitions"] = Value::Array(columns);
    table
}

/// As `table`, without the column definitions: the events of a watch after the first carry none.
pub fn rows_only(
    objects: &[Arc<Object>],
    list_meta: &ListMeta,
    now_unix_micros: i64,
    include_object: IncludeObject,
) -> Value {
    let rows: Vec<Value> = objects.iter().map(|object| row(object, now_unix_micros, include_object)).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta.write(),
        "columnDefinitions": Value::Null,
        "rows": rows,
    })
}

fn column_definition(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.type_,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    })
}

fn row(object: &Object, now_unix_micros: i64, include_object: IncludeObject) -> Value {
    let info = object.info();
    let mut row = json!({ "cells": (info.row)(object, now_unix_micros) });
    if let Some(condition) = pod::row_condition(object) {
        row["conditions"] = json!([condition]);
    }
    row["object"] = match include_object {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object.meta().write(),
        }),
        IncludeObject::Object => object.to_value(),
    };
    row
}

/// A column that is always shown.
const fn column(name: &'static str, type_: &'static str, description: &'static str) -> Column {
    Column { name, type_, format: "", description, priority: 0 }
}

/// A column that only `-o wide` shows.
const fn wide(name: &'static str, type_: &'static str, description: &'static str) -> Column {
    Column { name, type_, format: "", description, priority: 1 }
}

const CONTAINERS: Column = wide("Containers", "string", "Names of each container in the template.");
const IMAGES: Column = wide("Images", "string", "Images referenced by each container in the template.");

/// How long ago a date is: `translateTimestampSince`.
fn since(date: Option<&Time>, now_unix_micros: i64) -> String {
    since_micros(date.map(unix_micros), now_unix_micros)
}

fn since_micros(date_unix_micros: Option<i64>, now_unix_micros: i64) -> String {
    match date_unix_micros {
        Some(date) => duration::human(now_unix_micros - date),
        None => "<unknown>".to_owned(),
    }
}

/// The Age cell.
fn age(object: &Object, now_unix_micros: i64) -> Value {
    Value::from(since(object.meta().creation_timestamp.as_ref(), now_unix_micros))
}

/// The Containers and Images cells.
fn container_cells(containers: &[Container]) -> [Value; 2] {
    let names: Vec<&str> = containers.iter().map(|container| container.name.as_str()).collect();
    let images: Vec<&str> = containers.iter().map(|container| container.image.as_deref().unwrap_or_default()).collect();
    [Value::from(names.join(",")), Value::from(images.join(","))]
}

/// The text, or a stand-in where there is none.
fn or(text: Option<&str>, stand_in: &str) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or(stand_in).to_owned()
}

#[cfg(test)]
mod tests;
