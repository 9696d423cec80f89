//! JSON text as Go writes it: keys sorted, HTML characters escaped, 4 spaces of indentation for `-o json`.
//!
//! Mirrors encoding/json's `Marshal` and `Indent`, and kubectl's `JSONPrinter`.

use serde_json::{Number, Value};

/// `kubectl -o json`: indented by 4 spaces, with a line break at the end.
pub fn indented(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, Some(0));
    text.push('\n');
    text
}

/// In one line, without a line break: `json.Marshal`.
pub fn compact(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, None);
    text
}

/// JSON as serde_json writes it, which keeps 10 KiB of tables for writing floats fast.
pub trait Json {
    /// In one line, keys sorted; nothing but control characters, quotes and backslashes is escaped.
    fn json(&self) -> String;
}

impl Json for Value {
    fn json(&self) -> String {
        let mut text = String::new();
        write_plain(&mut text, self);
        text
    }
}

impl Json for Number {
    fn json(&self) -> String {
        match self.as_f64() {
            Some(float) if self.is_f64() => plain_float(float),
            _ => match (self.as_u64(), self.as_i64()) {
                (Some(number), _) => number.to_string(),
                (_, Some(number)) => number.to_string(),
                _ => String::new(),
            },
        }
    }
}

fn write_plain(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.json()),
        Value::String(string) => write_plain_string(text, string),
        Value::Array(list) => {
            text.push('[');
            for (index, element) in list.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_plain(text, element);
            }
            text.push(']');
        }
        Value::Object(map) => {
            text.push('{');
            for (index, (key, element)) in map.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_plain_string(text, key);
                text.push(':');
                write_plain(text, element);
            }
            text.push('}');
        }
    }
}

fn write_plain_string(text: &mut String, string: &str) {
    text.push('"');
    let mut rest = string;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        text.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x8 => text.push_str("\\b"),
            0xc => text.push_str("\\f"),
            byte => text.push_str(&format!("\\u{byte:04x}")),
        }
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('"');
}

/// The shortest digits that name a float: plain from 1e-5 to 1e16, with an exponent elsewhere.
fn plain_float(float: f64) -> String {
    let scientific = format!("{float:e}");
    match scientific.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((_, Ok(-5..0))) => format!("{float}"),
        Some((_, Ok(0..16))) | None => format!("{float:?}"),
        Some((digits, Ok(exponent @ 0..))) => format!("{digits}e+{exponent}"),
        Some(_) => scientific,
    }
}

/// `depth` is the indentation of what surrounds the value; `None` writes everything in one line.
fn write(text: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => text.push_str(&go_float(float)),
            _ => text.push_str(&number.json()),
        },
        Value::String(string) => write_string(text, string),
        Value::Array(list) => {
            let mut elements = list.iter();
            write_collection(text, ['[', ']'], list.is_empty(), depth, &mut |text, inner| {
                let Some(element) = elements.next() else { return false };
                write(text, element, inner);
                true
            });
        }
        Value::Object(map) => {
            let mut entries = map.iter();
            write_collection(text, ['{', '}'], map.is_empty(), depth, &mut |text, inner| {
                let Some((key, element)) = entries.next() else { return false };
                write_string(text, key);
                text.push_str(if inner.is_some() { ": " } else { ":" });
                write(text, element, inner);
                true
            });
        }
    }
}

/// Writes brackets and, between them, what `next` writes until it returns false.
fn write_collection(
    text: &mut String,
    [open, close]: [char; 2],
    is_empty: bool,
    depth: Option<usize>,
    next: &mut dyn FnMut(&mut String, Option<usize>) -> bool,
) {
    let inner = depth.map(|depth| depth + 1);
    text.push(open);
    if is_empty {
        text.push(close);
        return;
    }
    let line_break = |text: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', 4 * depth));
        }
    };
    loop {
        let before = text.len();
        line_break(text, inner);
        if !next(text, inner) {
            // Nothing more: take back the line begun and the comma before it.
            text.truncate(before - 1);
            break;
        }
        text.push(',');
    }
    line_break(text, depth);
    text.push(close);
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for letter in string.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
}

/// A float as encoding/json writes it: an exponent below 1e-6 and from 1e21.
fn go_float(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => text,
        };
    }
    format!("{float}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Json, compact, indented};
    use crate::sim::Random;

    #[test]
    fn json_is_serdes() {
        let check = |value: serde_json::Value| assert_eq!(value.json(), value.to_string());
        check(
            json!({"b": [], "a": {"x": "<a&b>", "e": {}, "": [[], {}]}, "c": ["\u{0}\u{1f}\u{7f}\t\r\n\u{8}\u{c}\"\\/é\u{2028}😀", null]}),
        );
        check(json!([u64::MAX, i64::MIN, -1, 0, 0.0, -0.0, 1.0, 1.5, 1e15, 1e16, 1e17, 123456789012345680.0, 1e21]));
        check(json!([1e-4, 1e-5, 1e-6, 1.5e-5, 1.5e-7, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1234567890.123, 1e300]));
        let mut random = Random::fork(9, "floats");
        for _ in 0..20_000 {
            let float = match random.below(2) {
                0 => f64::from_bits(random.below(u64::MAX)),
                _ => random.below(1 << 53) as f64 / (random.below(1 << 30) + 1) as f64,
            };
            // Halfway between two shortest texts, either is right.
            let (ours, theirs) = (json!(float).json(), json!(float).to_string());
            let is_same = ours.len() == theirs.len() && ours.parse() == theirs.parse::<f64>();
            assert!(ours == theirs || is_same, "{ours} {theirs}");
        }
    }

    #[test]
    fn json_is_gos() {
        let value = json!({"b": [], "a": {"x": "<a&b>", "e": {}}, "c": [1, "é\u{1}\t\"", null, true, 1.5, 1e21]});
        assert_eq!(
            indented(&value),
            r#"{
    "a": {
        "e": {},
        "x": "\u003ca\u0026b\u003e"
    },
    "b": [],
    "c": [
        1,
        "é\u0001\t\"",
        null,
        true,
        1.5,
        1e+21
    ]
}
"#
        );
        assert_eq!(
            compact(&value),
            r#"{"a":{"e":{},"x":"\u003ca\u0026b\u003e"},"b":[],"c":[1,"é\u0001\t\"",null,true,1.5,1e+21]}"#
        );
    }
}
