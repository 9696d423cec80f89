//! What a plain YAML scalar means: YAML 1.1 with go-yaml's exceptions.
//!
//! Mirrors resolve.go of go.yaml.in/yaml/v2. Timestamps stay the text they are, as they do there for untyped
//! targets.

use serde_json::{Number, Value};

use super::float;

/// A resolved scalar. Floats that JSON cannot hold are kept apart, to be refused by name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Json(Value),
    /// `+Inf`, `-Inf`, `NaN`.
    Unsupported(&'static str),
    /// `<<`.
    Merge,
}

const TAG: &str = "tag:yaml.org,2002:";

/// The meaning of a scalar with this tag (`None` when it has none) that is plain or quoted.
///
/// # Errors
/// A tag that its text does not fit: `cannot decode !!str `x` as a !!int`.
pub(super) fn resolve(text: &str, tag: Option<&str>, plain: bool) -> Result<Scalar, String> {
    let short = tag.and_then(|tag| tag.strip_prefix(TAG));
    match (tag, short) {
        (Some(_), Some("str")) => return Ok(string(text)),
        (Some(_), Some("binary")) => {
            return match base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text) {
                Ok(bytes) => Ok(string(&String::from_utf8_lossy(&bytes))),
                Err(_) => Err("!!binary value contains invalid base64 data".to_owned()),
            };
        }
        (Some(_), Some("null" | "bool" | "int" | "float" | "timestamp" | "merge")) => {}
        // An unknown tag is ignored, and the scalar stays a string.
        (Some(_), _) => return Ok(string(text)),
        (None, _) if !plain => return Ok(string(text)),
        (None, _) => {}
    }
    let resolved = plain_scalar(text);
    let found = kind(&resolved);
    match short {
        Some("float") if found == "int" => Ok(resolved),
        Some("timestamp") => Ok(string(text)),
        Some(wanted) if wanted != found => Err(format!("cannot decode !!{found} `{text}` as a !!{wanted}")),
        _ => Ok(resolved),
    }
}

fn string(text: &str) -> Scalar {
    Scalar::Json(Value::from(text))
}

fn kind(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Merge => "merge",
        Scalar::Unsupported(_) => "float",
        Scalar::Json(Value::Null) => "null",
        Scalar::Json(Value::Bool(_)) => "bool",
        Scalar::Json(Value::Number(number)) if number.is_f64() => "float",
        Scalar::Json(Value::Number(_)) => "int",
        Scalar::Json(_) => "str",
    }
}

fn plain_scalar(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Json(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Json(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Json(Value::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Unsupported("NaN"),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Unsupported("+Inf"),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Unsupported("-Inf"),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' if is_float(text) => float(text).unwrap_or_else(|| string(text)),
        b'+' | b'-' | b'0'..=b'9' => {
            let digits = text.replace('_', "");
            if let Some(number) = integer(&digits) {
                return Scalar::Json(Value::Number(number));
            }
            if is_float(&digits) { float(&digits).unwrap_or_else(|| string(text)) } else { string(text) }
        }
        _ => string(text),
    }
}

/// `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: the base is in the prefix, and a leading 0 means octal.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own.
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Number::from);
    }
    // Past 63 bits a number becomes a float on its way through JSON.
    i64::try_from(magnitude).map_or_else(|_| Number::from_f64(magnitude as f64), |number| Some(Number::from(number)))
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

fn float(text: &str) -> Option<Scalar> {
    let parsed = float::parse(text)?;
    if parsed.is_infinite() {
        // Go's ParseFloat reports a range error, and the scalar stays a string.
        return None;
    }
    Some(Scalar::Json(json_number(parsed)))
}

/// A float as it passes through JSON: a whole one becomes an integer there.
pub(super) fn json_number(float: f64) -> Value {
    /// Above this, Go writes an exponent, and a reader gets a float again.
    const WHOLE_MAX: f64 = 9.0e18;
    if float.fract() == 0.0 && float.abs() < WHOLE_MAX {
        // Exact: the value is whole and within 64 bits.
        #[allow(clippy::cast_possible_truncation, reason = "whole and in range, checked above")]
        return Value::from(float as i64);
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Scalar, resolve};

    fn plain(text: &str) -> Scalar {
        resolve(text, None, true).expect("a plain scalar always means something")
    }

    #[test]
    fn plain_scalars_mean_what_go_yaml_makes_of_them() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("nULL", json!("nULL")),
            ("yes", json!(true)),
            ("y", json!(true)),
            ("On", json!(true)),
            ("n", json!(false)),
            ("off", json!(false)),
            ("oN", json!("oN")),
            ("0644", json!(420)),
            ("0o14", json!(12)),
            ("089", json!(89)),
            ("0x1F", json!(31)),
            ("-0x1F", json!(-31)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("+12", json!(12)),
            ("-3", json!(-3)),
            ("1.5", json!(1.5)),
            ("1.0", json!(1)),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("1.2.3", json!("1.2.3")),
            ("12:30:45", json!("12:30:45")),
            ("2026-01-02", json!("2026-01-02")),
            ("2026-01-02T03:04:05Z", json!("2026-01-02T03:04:05Z")),
            ("-", json!("-")),
            ("0x", json!("0x")),
            ("100m", json!("100m")),
            ("1e", json!("1e")),
            ("18446744073709551615", json!(1.844_674_407_370_955_2e19)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("web", json!("web")),
        ] {
            assert_eq!(plain(text), Scalar::Json(value), "{text}");
        }
        assert_eq!(plain(".inf"), Scalar::Unsupported("+Inf"));
        assert_eq!(plain("<<"), Scalar::Merge);
    }

    #[test]
    fn quotes_and_tags_decide() {
        let int = Some("tag:yaml.org,2002:int");
        assert_eq!(resolve("yes", None, false), Ok(Scalar::Json(json!("yes"))));
        assert_eq!(resolve("1", Some("tag:yaml.org,2002:str"), true), Ok(Scalar::Json(json!("1"))));
        assert_eq!(resolve("1", int, false), Ok(Scalar::Json(json!(1))));
        assert_eq!(resolve("x", int, true), Err("cannot decode !!str `x` as a !!int".to_owned()));
        assert_eq!(resolve("aGk=", Some("tag:yaml.org,2002:binary"), true), Ok(Scalar::Json(json!("hi"))));
    }
}
