//! Text with a form of its own: dates, quantities and base64, with the errors of Go's `time`, `resource` and
//! `encoding/base64`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::go::json_kind;
use crate::api::decode::json_writer::Json;
use crate::api::quantity::Quantity;
use crate::api::time::{ZERO_TIME, parse_rfc3339};

/// A quantity in canonical form, as an object shows it once the API server has read it. In JSON it may be a
/// number.
pub fn quantity_from_json(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Null => return Ok("0".to_owned()),
        Value::String(text) => text.clone(),
        other => other.json(),
    };
    Quantity::parse(&text).map(|quantity| quantity.to_string()).map_err(|error| error.to_string())
}

/// A date of an object. Null is Go's zero time.
pub fn time_from_json(value: &Value, micro: bool) -> Result<Timestamp, String> {
    let layout = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
    match value {
        Value::Null => Ok(ZERO_TIME),
        Value::String(text) => match parse_error(text, micro) {
            None => parse_rfc3339(text).map_err(|element| format!("parsing time \"{text}\": {element} out of range")),
            Some((rest, "extra text")) => Err(format!("parsing time \"{text}\": extra text: \"{rest}\"")),
            Some((rest, element)) => {
                Err(format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{rest}\" as \"{element}\""))
            }
        },
        value => Err(format!("json: cannot unmarshal {} into Go value of type string", json_kind(value))),
    }
}

/// What is left where a date stops fitting the layout, and the element of the layout it does not fit.
fn parse_error(text: &str, micro: bool) -> Option<(&str, &'static str)> {
    let mut rest = text;
    for (element, digits) in [
        ("2006", 4),
        ("-", 0),
        ("01", 2),
        ("-", 0),
        ("02", 2),
        ("T", 0),
        ("15", 2),
        (":", 0),
        ("04", 2),
        (":", 0),
        ("05", 2),
    ] {
        let fits = if digits == 0 {
            rest.starts_with(element)
        } else {
            rest.len() >= digits && rest.as_bytes()[..digits].iter().all(u8::is_ascii_digit)
        };
        if !fits {
            return Some((rest, element));
        }
        rest = &rest[element.len()..];
    }
    let fraction = rest.strip_prefix(['.', ',']).map(|digits| {
        let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
        (digits.len() - rest.len(), rest)
    });
    match fraction {
        Some((6, after)) => rest = after,
        // Seconds may have a fraction that the layout does not mention; microseconds must have all six digits.
        Some((1.., after)) if !micro => rest = after,
        _ if micro => return Some((rest, ".000000")),
        _ => {}
    }
    if let Some(after) = rest.strip_prefix('Z') {
        rest = after;
    } else {
        let bytes = rest.as_bytes();
        let offset = bytes.len() >= 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|index| bytes[*index].is_ascii_digit());
        if !offset {
            return Some((rest, "Z07:00"));
        }
        rest = &rest[6..];
    }
    if !rest.is_empty() {
        return Some((rest, "extra text"));
    }
    None
}

/// Bytes as JSON has them.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64 text.
pub fn bytes_from_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(check_base64(text)?).map_err(|error| error.to_string())
}

/// Base64 without the line breaks that Go skips.
fn check_base64(text: &str) -> Result<String, String> {
    let clean: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n')).collect();
    let corrupt = |offset: usize| Err(format!("illegal base64 data at input byte {offset}"));
    let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut position = 0;
    while position < clean.len() {
        let quantum = &clean[position..clean.len().min(position + 4)];
        for (place, (offset, byte)) in quantum.iter().enumerate() {
            if is_symbol(*byte) {
                continue;
            }
            if *byte != b'=' || place < 2 {
                return corrupt(*offset);
            }
            if place == 2 {
                match quantum.get(3) {
                    None => return corrupt(text.len()),
                    Some((offset, byte)) if *byte != b'=' => return corrupt(*offset),
                    Some(_) => {}
                }
            }
            // Padding ends the data.
            return match clean.get(position + 4) {
                Some((offset, _)) => corrupt(*offset),
                None => Ok(clean.iter().map(|(_, byte)| char::from(*byte)).collect()),
            };
        }
        if quantum.len() < 4 {
            return corrupt(quantum.first().map_or(0, |(offset, _)| *offset));
        }
        position += 4;
    }
    Ok(clean.iter().map(|(_, byte)| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check_base64, time_from_json};

    #[test]
    fn dates_fail_as_in_go() {
        let fails = |text: &str| time_from_json(&json!(text), false).expect_err(text);
        assert!(time_from_json(&json!("2026-01-02T03:04:05Z"), false).is_ok());
        assert!(time_from_json(&json!("2026-01-02T03:04:05.5+02:00"), false).is_ok());
        assert!(time_from_json(&json!("2026-01-02T03:04:05.123456Z"), true).is_ok());
        assert_eq!(fails("x"), "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"");
        assert_eq!(
            fails("2026-01-02"),
            "parsing time \"2026-01-02\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\""
        );
        assert_eq!(fails("2026-01-02T03:04:05Zz"), "parsing time \"2026-01-02T03:04:05Zz\": extra text: \"z\"");
        assert_eq!(
            time_from_json(&json!(5), false),
            Err("json: cannot unmarshal number into Go value of type string".to_owned())
        );
    }

    #[test]
    fn base64_fails_as_in_go() {
        assert_eq!(check_base64("aGVsbG8=\n"), Ok("aGVsbG8=".to_owned()));
        assert_eq!(check_base64(""), Ok(String::new()));
        for (text, offset) in [("!!!!", 0), ("aGVs!G8=", 4), ("hello", 4), ("aGk", 0), ("aGk=aGk=", 4), ("aG=k", 3)] {
            assert_eq!(check_base64(text), Err(format!("illegal base64 data at input byte {offset}")), "{text}");
        }
    }
}
