//! From YAML and JSON text to values, and from values to typed objects; and back to text.
//!
//! Mirrors sigs.k8s.io/yaml and sigs.k8s.io/json, the JSON and YAML serializers of
//! apimachinery/pkg/runtime/serializer/json, `transformDecodeError` of apiserver/pkg/endpoints/handlers, and
//! the `YAMLOrJSONDecoder` that splits a file into documents. Leaves out: protobuf and CBOR.

mod documents;
pub mod float;
mod go;
mod go_types;
mod json_reader;
pub mod json_writer;
mod libyaml;
mod object;
mod omitempty;
pub(super) mod text;
mod typed;
mod yaml_reader;
mod yaml_scalar;
mod yaml_style;
pub mod yaml_writer;

pub use documents::{Document, FILE_BYTES_MAX, documents};
pub use go::{go_value, json_kind};
pub use json_reader::{JsonDocument, SyntaxError};
pub use object::{
    FieldValidation, Parsed, decode_body, decode_object, decode_parsed, decode_patched, parse, parse_body,
};
pub use omitempty::NEVER_OMITTED;
pub use typed::{Findings, TypeError};
pub use yaml_reader::{Duplicate, YamlDocument};

/// Reads one JSON value, with Go's words for what is none.
///
/// # Errors
/// `invalid character 'x' looking for beginning of value`.
pub fn json(text: &[u8]) -> Result<serde_json::Value, SyntaxError> {
    json_reader::read(&String::from_utf8_lossy(text)).map(|document| document.value)
}

/// A JSON object.
type Map = serde_json::Map<String, serde_json::Value>;

/// The deepest nesting that is read. Upstream allows 10,000; a browser's stack does not.
const NESTING_MAX: usize = 200;

/// The largest body of a request, as the API server's `MaxRequestBodyBytes`.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

#[cfg(test)]
mod tests;
