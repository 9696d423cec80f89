//! Values in the words of Go: `%v`, and what encoding/json calls them.

use serde_json::Value;

use crate::api::decode::json_writer::Json;

/// A value as Go's `%v` prints it: `map[a:1 b:[x y]]`, `<nil>`.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(go_value).collect();
            format!("[{}]", list.join(" "))
        }
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", go_value(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => go_float(float),
            _ => number.json(),
        },
        Value::Bool(bool) => bool.to_string(),
    }
}

/// `%v` of a float64: an exponent below 1e-4 and from 1e21.
fn go_float(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{float}")
}

/// What encoding/json calls a value: `string`, `number`, `bool`, `array`, `object`, `null`.
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The Go kind of a value in an unstructured object: `int64`, `map`, `slice`.
pub(super) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::go_value;

    #[test]
    fn values_print_as_in_go() {
        let value = json!({"b": [1, "x", null], "a": {"c": true, "d": 1.5}, "e": 1e21, "f": 0.00001});
        assert_eq!(go_value(&value), "map[a:map[c:true d:1.5] b:[1 x <nil>] e:1e+21 f:1e-05]");
    }
}
