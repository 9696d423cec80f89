//! Tables as the server sends them and as the terminal shows them.
//!
//! Mirrors k8s.io/cli-runtime/pkg/printers/tableprinter.go and kubectl's get/table_printer.go.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::builder::text_at;

use crate::api::decode::json_writer::Json;

/// How a table is to look.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    pub no_headers: bool,
    pub wide: bool,
    pub with_namespace: bool,
    /// `pod`, `deployment.apps`: prefixed to names where several kinds are shown.
    pub with_kind: Option<String>,
    pub label_columns: Vec<String>,
    pub show_labels: bool,
}

/// A table: column definitions and rows.
#[derive(Clone, Debug)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub format: String,
    pub priority: i64,
}

/// A row: its cells and the metadata of its object.
#[derive(Clone, Debug)]
pub struct Row {
    pub cells: Vec<Value>,
    pub object: Value,
}

impl Table {
    /// Reads a `meta.k8s.io/v1` Table; anything else becomes a table of names and ages.
    pub fn read(value: &Arc<Value>, age: impl Fn(&Value) -> String) -> Table {
        if value["kind"] == "Table" {
            let definitions = value["columnDefinitions"].as_array().into_iter().flatten();
            let columns = definitions
                .map(|column| Column {
                    name: text_at(column, "/name").to_owned(),
                    format: text_at(column, "/format").to_owned(),
                    priority: column["priority"].as_i64().unwrap_or(0),
                })
                .collect();
            let rows = value["rows"].as_array().into_iter().flatten();
            let rows = rows
                .map(|row| Row {
                    cells: row["cells"].as_array().cloned().unwrap_or_default(),
                    object: row["object"].clone(),
                })
                .collect();
            return Table { columns, rows };
        }
        let columns = ["Name", "Age"].map(|name| Column {
            name: name.to_owned(),
            format: if name == "Name" { "name".to_owned() } else { String::new() },
            priority: 0,
        });
        let objects: Vec<Value> = match value["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![(**value).clone()],
        };
        let rows = objects
            .into_iter()
            .map(|object| Row { cells: vec![json!(text_at(&object, "/metadata/name")), json!(age(&object))], object })
            .collect();
        Table { columns: columns.into(), rows }
    }

    /// The header line, with a tab between cells.
    pub fn header(&self, options: &TableOptions) -> String {
        let mut cells = Vec::new();
        if options.with_namespace {
            cells.push("NAMESPACE".to_owned());
        }
        cells.extend(self.shown(options).map(|(_, column)| column.name.to_uppercase()));
        for label in &options.label_columns {
            cells.push(label.rsplit('/').next().unwrap_or(label).to_uppercase());
        }
        if options.show_labels {
            cells.push("LABELS".to_owned());
        }
        cells.join("\t") + "\n"
    }

    /// The line of a row, with a tab between cells.
    pub fn line(&self, row: &Row, options: &TableOptions) -> String {
        let mut cells = Vec::new();
        if options.with_namespace {
            cells.push(text_at(&row.object, "/metadata/namespace").to_owned());
        }
        for (index, column) in self.shown(options) {
            let text = row.cells.get(index).map(cell).unwrap_or_default();
            match &options.with_kind {
                Some(kind) if column.format == "name" && index == 0 => cells.push(format!("{kind}/{text}")),
                _ => cells.push(text),
            }
        }
        let labels = row.object.pointer("/metadata/labels").and_then(Value::as_object);
        for label in &options.label_columns {
            cells.push(labels.and_then(|labels| labels.get(label)).map(cell).unwrap_or_default());
        }
        if options.show_labels {
            let all: Vec<String> =
                labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", cell(value))).collect();
            cells.push(if all.is_empty() { "<none>".to_owned() } else { all.join(",") });
        }
        cells.join("\t") + "\n"
    }

    fn shown<'t>(&'t self, options: &'t TableOptions) -> impl Iterator<Item = (usize, &'t Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| options.wide || column.priority == 0)
    }
}

/// A cell's text; cut at the first line break, which would end the row.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.find(['\n', '\r', '\u{c}']) {
            Some(end) => format!("{}...", &text[..end]),
            None => text.clone(),
        },
        other => other.json(),
    }
}
