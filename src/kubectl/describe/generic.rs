//! Kinds without a describer of their own: every field, by its name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use crate::api::decode::Findings;
use crate::api::fields::Field;

use super::super::builder::{Info, text_at};
use super::super::errors::Stop;
use super::super::io::Io;
use super::super::printing::columns::go_print;
use super::events;
use super::writer::Text;

const SKIPPED: &[&str] =
    &[".metadata.managedFields", ".metadata.name", ".metadata.namespace", ".metadata.labels", ".metadata.annotations"];

/// `genericDescriber`.
pub fn describe(io: &mut Io<'_, '_>, info: &Info, object: &Value, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let mut meta = ObjectMeta::default();
    if meta.read(&object["metadata"], &mut Findings::default()).is_err() {
        meta = ObjectMeta::default();
    }
    text.field(0, "Name", text_at(object, "/metadata/name"));
    text.field(0, "Namespace", text_at(object, "/metadata/namespace"));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    if let Some(fields) = object.as_object() {
        content(&mut text, 0, fields, "");
    }
    events::write(io, &mut text, &info.resource.kind, &meta, show_events)?;
    Ok(text.aligned())
}

/// `printUnstructuredContent`.
fn content(text: &mut Text, level: usize, fields: &Map<String, Value>, prefix: &str) {
    for (name, value) in fields {
        let path = format!("{prefix}.{name}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        let label = label(name);
        match value {
            Value::Object(inner) => {
                text.put(level, format!("{label}:\n"));
                content(text, level + 1, inner, &path);
            }
            Value::Array(items) => {
                text.put(level, format!("{label}:\n"));
                for item in items {
                    match item {
                        Value::Object(inner) => content(text, level + 1, inner, &path),
                        other => text.put(level + 1, format!("{}\n", go_print(other))),
                    }
                }
            }
            other => text.field(level, &label, go_print(other)),
        }
    }
}

/// `smartLabelFor`: `renewTime` becomes `Renew Time`, `apiVersion` `API Version`.
fn label(field: &str) -> String {
    if field.chars().any(|letter| !letter.is_alphabetic() && letter != '-') {
        return field.to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let letters: Vec<char> = field.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
        let begins = match before {
            None => true,
            Some(before) if letter.is_uppercase() => {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            }
            Some(before) => (*letter == '-') != (before == '-'),
        };
        match words.last_mut() {
            Some(word) if !begins => word.push(*letter),
            _ => words.push(letter.to_string()),
        }
    }
    let titled = words.into_iter().map(|word| {
        let upper = word.to_uppercase();
        if matches!(upper.as_str(), "API" | "URL" | "UID" | "OSB" | "GUID") {
            return upper;
        }
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    });
    titled.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn labels_are_words() {
        assert_eq!(label("apiVersion"), "API Version");
        assert_eq!(label("renewTime"), "Renew Time");
        assert_eq!(label("podCIDRs"), "Pod CID Rs");
        assert_eq!(label("uid"), "UID");
        assert_eq!(label("a.b/c"), "a.b/c");
    }
}
