//! Mirrors apimachinery/pkg/util/validation/field: the constructors of `field.Error`, and how a bad
//! value is quoted in its body.

use serde_json::Value;

use super::path::Path;
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// The findings so far, in upstream's order.
pub type Errors = Vec<FieldError>;

/// A rejected value as `field.Error.ErrorBody` prints it: strings quoted as Go's `%q`, numbers and
/// booleans plain, everything else as the JSON that Go writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue(String);

impl BadValue {
    /// A nil pointer.
    pub fn null() -> Self {
        // Go prints the string "null" with %q.
        BadValue("\"null\"".to_owned())
    }

    /// A value printed as JSON, in the order in which it serializes.
    pub fn json<T: Field>(value: &T) -> Self {
        BadValue::value(&value.write())
    }

    /// A list printed as JSON.
    pub fn list<T: Field>(list: &[T]) -> Self {
        BadValue::value(&Value::Array(list.iter().map(T::write).collect()))
    }

    /// JSON.
    pub fn value(value: &Value) -> Self {
        BadValue(go_json(value))
    }

    /// Text that stands as it is: JSON written by hand where Go's field order differs from ours.
    pub fn raw(text: String) -> Self {
        BadValue(text)
    }
}

impl From<&str> for BadValue {
    fn from(value: &str) -> Self {
        BadValue(go_quote(value))
    }
}

impl From<&String> for BadValue {
    fn from(value: &String) -> Self {
        BadValue(go_quote(value))
    }
}

impl From<String> for BadValue {
    fn from(value: String) -> Self {
        BadValue(go_quote(&value))
    }
}

impl From<i32> for BadValue {
    fn from(value: i32) -> Self {
        BadValue(value.to_string())
    }
}

impl From<i64> for BadValue {
    fn from(value: i64) -> Self {
        BadValue(value.to_string())
    }
}

impl From<bool> for BadValue {
    fn from(value: bool) -> Self {
        BadValue(value.to_string())
    }
}

impl FieldError {
    fn new(path: &Path, reason: &'static str, head: &str, value: Option<BadValue>, detail: &str) -> Self {
        let mut message = head.to_owned();
        if let Some(BadValue(value)) = value {
            message.push_str(": ");
            message.push_str(&value);
        }
        if !detail.is_empty() {
            message.push_str(": ");
            message.push_str(detail);
        }
        FieldError { field: path.to_string(), reason, message }
    }

    /// `Required value`, with a detail unless that is empty.
    pub fn required(path: &Path, detail: &str) -> Self {
        FieldError::new(path, "FieldValueRequired", "Required value", None, detail)
    }

    /// `Invalid value: "x": detail`.
    pub fn invalid(path: &Path, value: impl Into<BadValue>, detail: &str) -> Self {
        FieldError::new(path, "FieldValueInvalid", "Invalid value", Some(value.into()), detail)
    }

    /// `Invalid value: detail`, where upstream omits the value.
    pub fn invalid_as_a_whole(path: &Path, detail: &str) -> Self {
        FieldError::new(path, "FieldValueInvalid", "Invalid value", None, detail)
    }

    /// `Unsupported value: "x": supported values: "a", "b"`, in the order given.
    pub fn not_supported(path: &Path, value: impl Into<BadValue>, supported: &[&str]) -> Self {
        let detail = if supported.is_empty() {
            String::new()
        } else {
            let quoted: Vec<String> = supported.iter().map(|value| go_quote(value)).collect();
            format!("supported values: {}", quoted.join(", "))
        };
        FieldError::new(path, "FieldValueNotSupported", "Unsupported value", Some(value.into()), &detail)
    }

    /// `Duplicate value: "x"`.
    pub fn duplicate(path: &Path, value: impl Into<BadValue>) -> Self {
        FieldError::new(path, "FieldValueDuplicate", "Duplicate value", Some(value.into()), "")
    }

    /// `Duplicate value: "x": detail`.
    pub fn duplicate_because(path: &Path, value: impl Into<BadValue>, detail: &str) -> Self {
        FieldError::new(path, "FieldValueDuplicate", "Duplicate value", Some(value.into()), detail)
    }

    /// `Forbidden: detail`.
    pub fn forbidden(path: &Path, detail: &str) -> Self {
        FieldError::new(path, "FieldValueForbidden", "Forbidden", None, detail)
    }

    /// `Not found: "x"`, with a detail unless that is empty.
    pub fn not_found(path: &Path, value: impl Into<BadValue>, detail: &str) -> Self {
        FieldError::new(path, "FieldValueNotFound", "Not found", Some(value.into()), detail)
    }

    /// `Too long: may not be more than N bytes`.
    pub fn too_long(path: &Path, bytes_max: usize) -> Self {
        let unit = if bytes_max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {bytes_max} {unit}");
        FieldError::new(path, "FieldValueTooLong", "Too long", None, &detail)
    }

    /// `Too many: 12: must have at most 10 items`.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        FieldError::new(path, "FieldValueTooMany", "Too many", Some(BadValue(actual.to_string())), &detail)
    }

    /// `Internal error: detail`.
    pub fn internal(path: &Path, detail: &str) -> Self {
        FieldError::new(path, "InternalError", "Internal error", None, detail)
    }
}

/// Quotes as Go's `%q` does.
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if (c as u32) < 0x80 && c.is_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if !go_printable(c) && (c as u32) < 0x1_0000 => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c if !go_printable(c) => quoted.push_str(&format!("\\U{:08x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `strconv.IsPrint`, as far as Rust's own tables tell: the ASCII space is the only printable space.
fn go_printable(c: char) -> bool {
    !c.is_control() && (c == ' ' || !c.is_whitespace()) && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
}

/// JSON as Go's encoder writes it: `<`, `>` and `&` escaped.
pub(super) fn go_json(value: &Value) -> String {
    let text = value.json();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A struct's JSON in the order of Go's fields.
pub(super) fn in_order(value: &Value, fields: &[&str]) -> String {
    let entry = |field: &&str| value.get(field).map(|value| format!("\"{field}\":{}", go_json(value)));
    format!("{{{}}}", fields.iter().filter_map(entry).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: FieldError, expected: &str) {
        assert_eq!(format!("{}: {}", error.field, error.message), expected);
    }

    #[test]
    fn bodies_read_as_upstream_writes_them() {
        let path = Path::new("spec").child("ports").index(2).key("a/b");
        check(FieldError::required(&path, ""), "spec.ports[2][a/b]: Required value");
        check(FieldError::required(&path, "why"), "spec.ports[2][a/b]: Required value: why");
        check(FieldError::invalid(&path, "a\"b\n", "why"), "spec.ports[2][a/b]: Invalid value: \"a\\\"b\\n\": why");
        check(FieldError::invalid(&path, -5, "why"), "spec.ports[2][a/b]: Invalid value: -5: why");
        check(FieldError::invalid(&path, BadValue::null(), "why"), "spec.ports[2][a/b]: Invalid value: \"null\": why");
        check(
            FieldError::invalid(&path, BadValue::value(&serde_json::json!(["<a>"])), "why"),
            "spec.ports[2][a/b]: Invalid value: [\"\\u003ca\\u003e\"]: why",
        );
        check(
            FieldError::not_supported(&path, "x", &["b", "a"]),
            "spec.ports[2][a/b]: Unsupported value: \"x\": supported values: \"b\", \"a\"",
        );
        check(FieldError::duplicate(&path, "x"), "spec.ports[2][a/b]: Duplicate value: \"x\"");
        check(FieldError::forbidden(&path, "no"), "spec.ports[2][a/b]: Forbidden: no");
        check(FieldError::not_found(&path, "x", ""), "spec.ports[2][a/b]: Not found: \"x\"");
        check(FieldError::too_long(&path, 262_144), "spec.ports[2][a/b]: Too long: may not be more than 262144 bytes");
        check(FieldError::too_many(&path, 3, 2), "spec.ports[2][a/b]: Too many: 3: must have at most 2 items");
    }
}
