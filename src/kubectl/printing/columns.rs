//! `-o custom-columns=NAME:.metadata.name,…`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/get/customcolumn.go.

use serde_json::Value;

use super::jsonpath::{self, Template};
use super::tabwriter::{TABLE, align};

use crate::api::decode::json_writer::Json;

/// Parsed columns: header and template.
#[derive(Clone, Debug)]
pub struct Columns(Vec<(String, Template)>);

/// Parses `HEADER:path,…`.
///
/// # Errors
/// As upstream words them, after `error: `.
pub fn parse(spec: &str) -> Result<Columns, String> {
    if spec.is_empty() {
        return Err("custom-columns format specified but no custom columns given".to_owned());
    }
    let mut columns = Vec::new();
    for part in spec.split(',') {
        let Some((header, path)) = part.split_once(':').filter(|(_, path)| !path.is_empty()) else {
            return Err(format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"));
        };
        let template = jsonpath::relaxed(path).and_then(|path| jsonpath::parse(&path))?;
        columns.push((header.to_owned(), template));
    }
    Ok(Columns(columns))
}

impl Columns {
    /// The table of one object or of the items of a list.
    pub fn print(&self, value: &Value, headers: bool) -> String {
        let mut text = String::new();
        if headers {
            let names: Vec<&str> = self.0.iter().map(|(header, _)| header.as_str()).collect();
            text = names.join("\t") + "\n";
        }
        let items: Vec<&Value> = match value["items"].as_array() {
            Some(items) => items.iter().collect(),
            None => vec![value],
        };
        for item in items {
            let cells: Vec<String> = self.0.iter().map(|(_, template)| cell(template, item)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        align(&text, TABLE, None)
    }
}

fn cell(template: &Template, item: &Value) -> String {
    let found = template.find_all(item).unwrap_or_default();
    if found.is_empty() {
        return "<none>".to_owned();
    }
    let texts: Vec<String> = found.into_iter().map(go_print).collect();
    texts.join(",")
}

/// A value as Go's `fmt.Sprint` shows it.
pub fn go_print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_print).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", go_print(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.json(),
    }
}
