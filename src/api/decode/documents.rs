//! A file of several documents, as kubectl reads one.
//!
//! Mirrors `YAMLOrJSONDecoder` of apimachinery/pkg/util/yaml. Leaves out: changing from JSON to YAML inside one
//! file.

use serde_json::Value;

use super::{Duplicate, json_reader, yaml_reader};
use crate::sim::persistent::OrdMap;

/// The largest file the page takes.
pub const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The line of the file it starts on, counted from 1.
    pub first_line: usize,
    /// Its value, or why it cannot be read: what kubectl says after `error parsing FILE: `.
    pub value: Result<Value, String>,
    /// Keys given twice. Lines are the file's.
    pub duplicates: Vec<Duplicate>,
    /// The line of the file that each field is on, by its path; empty for JSON.
    pub lines: OrdMap<String, u64>,
    /// For a document that cannot be read: the line of the file that the error is about.
    pub error_line: Option<u64>,
}

impl Document {
    /// The line of the file that a field path is on: the deepest part of it that the document has.
    pub fn line_of(&self, path: &str) -> u64 {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.first_line as u64,
            }
        }
    }
}

/// Reads all documents of a file, leaving out empty ones. A file over `FILE_BYTES_MAX` is one document that
/// cannot be read.
pub fn documents(text: &str) -> Vec<Document> {
    if text.len() > FILE_BYTES_MAX {
        let message = format!(
            "the file is {:.1} MiB large; Kubarium reads files of up to {} MiB",
            text.len() as f64 / 1_048_576.0,
            FILE_BYTES_MAX / 1_048_576
        );
        return vec![failed(1, message, None)];
    }
    if text.trim_start().starts_with('{') { json_documents(text) } else { yaml_documents(text) }
}

fn failed(first_line: usize, message: String, error_line: Option<u64>) -> Document {
    Document { first_line, value: Err(message), duplicates: Vec::new(), lines: OrdMap::new(), error_line }
}

fn json_documents(text: &str) -> Vec<Document> {
    let line_at = |offset: usize| 1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count();
    json_reader::read_stream(text)
        .into_iter()
        .map(|(offset, read)| match read {
            Ok(document) => Document {
                first_line: line_at(offset),
                value: Ok(document.value),
                duplicates: document
                    .duplicates
                    .into_iter()
                    .map(|path| Duplicate {
                        message: format!("duplicate field {path:?}"),
                        path,
                        line: line_at(offset) as u64,
                    })
                    .collect(),
                lines: OrdMap::new(),
                error_line: None,
            },
            Err(error) => {
                let line = line_at(error.offset.saturating_sub(usize::from(!error.at_end))) as u64;
                let message = if error.at_end {
                    "unexpected EOF".to_owned()
                } else {
                    format!("json: offset {}: {}", error.offset, error.message)
                };
                failed(line_at(offset), message, Some(line))
            }
        })
        .filter(|document| document.value != Ok(Value::Null))
        .collect()
}

fn yaml_documents(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    for Chunk { first_line, text } in chunks(text) {
        // What the reader counts from 1 in its chunk is on this line of the file.
        let in_file = |line: u64| line + first_line as u64 - 1;
        let read = match text {
            Ok(text) => yaml_reader::read(text.as_bytes()),
            Err(message) => {
                documents.push(failed(first_line, message, Some(first_line as u64)));
                continue;
            }
        };
        match read {
            Ok(document) if document.value.is_null() => {}
            Ok(document) => documents.push(Document {
                first_line,
                value: Ok(document.value),
                duplicates: document
                    .duplicates
                    .into_iter()
                    .map(|duplicate| Duplicate { line: in_file(duplicate.line), ..duplicate })
                    .collect(),
                lines: document.lines.into_iter().map(|(path, line)| (path, in_file(line))).collect(),
                error_line: None,
            }),
            Err(error) => {
                let line = error
                    .strip_prefix("yaml: line ")
                    .and_then(|rest| rest.split(':').next())
                    .and_then(|line| line.parse::<u64>().ok())
                    .unwrap_or(1);
                let message = format!("error converting YAML to JSON: {error}");
                documents.push(failed(first_line, message, Some(in_file(line))));
            }
        }
    }
    documents
}

/// A part of a file between separators.
struct Chunk {
    first_line: usize,
    /// Always ends with a line break; or what is wrong with the separator it begins with.
    text: Result<String, String>,
}

/// Splits at the lines that hold `---` and at most a comment, as `YAMLReader` does.
fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut chunk = String::new();
    let mut first_line = 1;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            let allowed = rest.is_empty() || rest.starts_with('#');
            if !allowed {
                // kubectl drops what it has read of the chunk before, and reads no further.
                let message = format!("invalid Yaml document separator: {rest}");
                chunks.push(Chunk { first_line: index + 1, text: Err(message) });
                return chunks;
            }
            // A separator at the very start of a chunk belongs to it.
            if !chunk.is_empty() {
                chunks.push(Chunk { first_line, text: Ok(std::mem::take(&mut chunk)) });
                first_line = index + 2;
                continue;
            }
        }
        chunk.push_str(line);
        if !line.ends_with('\n') {
            chunk.push('\n');
        }
    }
    if !chunk.is_empty() {
        chunks.push(Chunk { first_line, text: Ok(chunk) });
    }
    chunks
}
