//! JSON text as Go writes it: keys sorted, HTML characters escaped, 4 spaces of indentation for `-o json`.
//!
//! Mirrors encoding/json's `Marshal` and `Indent`, and kubectl's `JSONPrinter`.

use serde_json::Value;

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

/// `depth` is the indentation of what surrounds the value; `None` writes everything in one line.
fn write(text: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => text.push_str(&go_float(float)),
            _ => text.push_str(&number.to_string()),
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

    use super::{compact, indented};

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
