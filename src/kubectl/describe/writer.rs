//! Indented, tabbed text, aligned at the end.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::api::time;

use super::super::changes::LAST_APPLIED;
use super::super::printing::tabwriter::{DESCRIBE, align};

/// Longest value of an annotation that is shown whole.
const ANNOTATION_MAX: usize = 140;

/// `PrefixWriter`: lines with tabs between cells.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Writes at a level of indentation; the text ends its own line.
    pub fn put(&mut self, level: usize, text: impl AsRef<str>) {
        for _ in 0..level {
            self.0.push_str("  ");
        }
        self.0.push_str(text.as_ref());
    }

    /// Writes `Name:<tab>value`.
    pub fn field(&mut self, level: usize, name: &str, value: impl std::fmt::Display) {
        self.put(level, format!("{name}:\t{value}\n"));
    }

    /// The text so far.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// What has been written, with its columns aligned.
    pub fn aligned(&self) -> String {
        align(&self.0, DESCRIBE, None)
    }

    /// Aligns what has been written so far, so that what follows stands apart: upstream's `Flush`.
    pub fn flush(&mut self) {
        self.0 = align(&self.0, DESCRIBE, None);
    }

    /// Labels one to a line.
    pub fn labels(&mut self, title: &str, labels: Option<&BTreeMap<String, String>>) {
        self.labels_indented("", title, "\t", labels, &[]);
    }

    /// Labels one to a line, without those in `skip`.
    pub fn labels_indented(
        &mut self,
        initial: &str,
        title: &str,
        inner: &str,
        labels: Option<&BTreeMap<String, String>>,
        skip: &[&str],
    ) {
        self.put(0, format!("{initial}{title}:{inner}"));
        let lines: Vec<String> = labels
            .into_iter()
            .flatten()
            .filter(|(key, _)| !skip.contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        if lines.is_empty() {
            self.put(0, "<none>\n");
            return;
        }
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                self.put(0, format!("{initial}{inner}"));
            }
            self.put(0, line);
        }
    }

    /// `Annotations:`, without what `apply` keeps there.
    pub fn annotations(&mut self, annotations: Option<&BTreeMap<String, String>>) {
        self.annotations_titled("Annotations", annotations);
    }

    /// Annotations under another title.
    pub fn annotations_titled(&mut self, title: &str, annotations: Option<&BTreeMap<String, String>>) {
        self.put(0, format!("{title}:\t"));
        let shown: Vec<(&String, &String)> =
            annotations.into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED).collect();
        if shown.is_empty() {
            self.put(0, "<none>\n");
            return;
        }
        let indent = "\t";
        for (index, (key, value)) in shown.iter().enumerate() {
            if index > 0 {
                self.put(0, indent);
            }
            let value = value.strip_suffix('\n').unwrap_or(value);
            if value.len() + key.len() + 2 <= ANNOTATION_MAX && !value.contains('\n') {
                self.put(0, format!("{key}: {value}\n"));
                continue;
            }
            self.put(0, format!("{key}:\n"));
            for line in value.split('\n') {
                let line = shorten(line, ANNOTATION_MAX - 2);
                self.put(0, format!("{indent}  {line}\n"));
            }
        }
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

/// A date as describe writes it: RFC 1123 with a numeric zone.
pub fn date(time: &Time) -> String {
    rfc1123(time.0)
}

/// A timestamp as describe writes it.
pub fn rfc1123(timestamp: jiff::Timestamp) -> String {
    time::format(timestamp.as_microsecond(), "%a, %d %b %Y %H:%M:%S +0000")
}

/// `ReplicaSet/web-abc`: who controls an object.
pub fn controller(meta: &ObjectMeta) -> Option<String> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| format!("{}/{}", owner.kind, owner.name))
}

/// `True`, `False`.
pub fn title_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
