//! Mirrors apimachinery/pkg/util/validation and apimachinery/pkg/api/validation/generic.go: what a
//! name, a label, a port or a key may be, and the words said when it is not.

use super::errors::Errors;
use super::path::Path;
use crate::api::kind::FieldError;

/// Says what is wrong with a name; with `prefix`, of a name to which something will be appended.
pub type NameFn = fn(name: &str, prefix: bool) -> Vec<String>;

const DNS1123_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS1123_SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS1123_SUBDOMAIN_UNDERSCORE: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const QUALIFIED_NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

const SUBDOMAIN_WORDS: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_WORDS: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn lower_alnum(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `MaxLenError` of util/validation.
fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// `RegexError`. The examples are joined with two spaces, as upstream does.
fn regex(words: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{words} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

/// `InclusiveRangeError`.
pub fn between(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

fn matches_label(value: &str, first: fn(u8) -> bool, middle: fn(u8) -> bool, last: fn(u8) -> bool) -> bool {
    let bytes = value.as_bytes();
    match bytes {
        [] => false,
        [only] => first(*only),
        [start, inner @ .., end] => first(*start) && last(*end) && inner.iter().all(|byte| middle(*byte)),
    }
}

fn matches_dns1123_label(value: &str) -> bool {
    matches_label(value, lower_alnum, |byte| lower_alnum(byte) || byte == b'-', lower_alnum)
}

fn matches_dns1123_subdomain(value: &str) -> bool {
    value.split('.').all(matches_dns1123_label)
}

/// What is wrong with a DNS label (RFC 1123).
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 63 {
        wrong.push(too_long(63));
    }
    if !matches_dns1123_label(value) {
        if matches_dns1123_subdomain(value) {
            // A valid subdomain that is no label: it must be the dots.
            wrong.push("must not contain dots".to_owned());
        } else {
            let words = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            wrong.push(regex(words, DNS1123_LABEL, &["my-name", "123-abc"]));
        }
    }
    wrong
}

/// What is wrong with a DNS subdomain (RFC 1123).
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 253 {
        wrong.push(too_long(253));
    }
    if !matches_dns1123_subdomain(value) {
        wrong.push(regex(SUBDOMAIN_WORDS, DNS1123_SUBDOMAIN, &["example.com"]));
    }
    wrong
}

/// The same, underscores allowed: search domains.
pub fn dns1123_subdomain_with_underscore(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 253 {
        wrong.push(too_long(253));
    }
    let label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        matches_label(label, lower_alnum, |byte| lower_alnum(byte) || byte == b'-' || byte == b'_', lower_alnum)
    };
    if !value.split('.').all(label) {
        let words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
        wrong.push(regex(words, DNS1123_SUBDOMAIN_UNDERSCORE, &["example.com"]));
    }
    wrong
}

fn matches_qualified(value: &str) -> bool {
    let middle = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    matches_label(value, |byte| byte.is_ascii_alphanumeric(), middle, |byte| byte.is_ascii_alphanumeric())
}

/// What is wrong with a qualified name (`content.IsLabelKey`): `name` or `prefix/name`.
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match value.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(dns1123_subdomain(prefix).into_iter().map(|what| format!("prefix part {what}")));
            }
            *name
        }
        _ => {
            let words = format!("a qualified name {QUALIFIED_WORDS}");
            let words = regex(&words, QUALIFIED_NAME, &["MyName", "my.name", "123-abc"]);
            return vec![format!("{words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !matches_qualified(name) {
        let words = regex(QUALIFIED_WORDS, QUALIFIED_NAME, &["MyName", "my.name", "123-abc"]);
        wrong.push(format!("name part {words}"));
    }
    wrong
}

/// What is wrong with a label's value.
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 63 {
        wrong.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !matches_qualified(value) {
        let words = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        wrong.push(regex(words, LABEL_VALUE, &["MyValue", "my_value", "12345"]));
    }
    wrong
}

/// What is wrong with a key of a ConfigMap or Secret.
pub fn config_map_key(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 253 {
        wrong.push(too_long(253));
    }
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        let words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        wrong.push(regex(words, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    match value {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if value.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// What is wrong with an environment variable's name (`IsRelaxedEnvVarName`).
pub fn env_var_name(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.is_empty() {
        wrong.push("environment variable name must be non-empty".to_owned());
    }
    if value.chars().any(|c| !(' '..='~').contains(&c) || c == '=') {
        wrong.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    wrong
}

/// What is wrong with a port's name.
pub fn port_name(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > 15 {
        wrong.push(too_long(15));
    }
    if value.is_empty() || !value.bytes().all(|byte| lower_alnum(byte) || byte == b'-') {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// What is wrong with a port's number.
pub fn port_number(port: i32) -> Vec<String> {
    if (1..=65535).contains(&port) { Vec::new() } else { vec![between(1, 65535)] }
}

/// What is wrong with a user or group id.
pub fn unix_id(id: i64) -> Vec<String> {
    if (0..=0xffff_ffff).contains(&id) { Vec::new() } else { vec![between(0, 0xffff_ffff)] }
}

/// What is wrong with a percentage.
pub fn percent(value: &str) -> Vec<String> {
    match value.strip_suffix('%') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => Vec::new(),
        _ => {
            let words = "a valid percent string must be a numeric string followed by an ending '%'";
            vec![regex(words, "[0-9]+%", &["1%", "93%"])]
        }
    }
}

/// What is wrong with a condition's reason.
pub fn condition_reason(value: &str) -> Vec<String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let middle = |byte: u8| byte.is_ascii_alphanumeric() || b"_,:".contains(&byte);
    if matches_label(value, |byte| byte.is_ascii_alphabetic(), middle, word) {
        return Vec::new();
    }
    let words = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
    let examples = ["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"];
    vec![regex(words, "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", &examples)]
}

/// What is wrong with an HTTP header's name.
pub fn http_header_name(value: &str) -> Vec<String> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Vec::new()
    } else {
        let words = "a valid HTTP header must consist of alphanumeric characters or '-'";
        vec![regex(words, "[-A-Za-z0-9]+", &["X-Header-Name"])]
    }
}

/// A prefix may end in a dash, since something follows it.
fn mask_trailing_dash(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        // `maskTrailingDash` replaces the dash and what precedes it by one letter.
        Some(rest) if prefix && name.len() > 1 => {
            format!("{}a", &rest[..rest.len() - rest.chars().next_back().map_or(0, char::len_utf8)])
        }
        _ => name.to_owned(),
    }
}

/// `NameIsDNSSubdomain`.
pub fn subdomain_name(name: &str, prefix: bool) -> Vec<String> {
    dns1123_subdomain(&mask_trailing_dash(name, prefix))
}

/// `NameIsDNSLabel`: namespaces, services (RelaxedServiceNameValidation is on since 1.36), StatefulSets.
pub fn label_name(name: &str, prefix: bool) -> Vec<String> {
    dns1123_label(&mask_trailing_dash(name, prefix))
}

/// `ValidatePathSegmentName`: what can stand between slashes of a request's path.
pub fn path_segment_name(name: &str, prefix: bool) -> Vec<String> {
    if !prefix && matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    let parts = ["/", "%"].into_iter().filter(|part| name.contains(part));
    parts.map(|part| format!("may not contain '{part}'")).collect()
}

/// Appends an `Invalid value` for each thing that is wrong with `value`.
pub fn each(wrong: Vec<String>, value: &str, path: &Path, errors: &mut Errors) {
    errors.extend(wrong.iter().map(|what| FieldError::invalid(path, value, what)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_end_in_a_dash() {
        assert!(subdomain_name("web-", true).is_empty());
        assert!(!subdomain_name("web-", false).is_empty());
        assert!(!subdomain_name("-", true).is_empty());
        assert!(!label_name("we.b-", true).is_empty());
        assert!(label_name("1-", true).is_empty());
    }

    #[test]
    fn keys_and_values() {
        assert!(qualified_name("example.com/app").is_empty());
        assert_eq!(qualified_name("/app"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name("example.com/").len(), 2);
        assert!(qualified_name("Exa.com/app")[0].starts_with("prefix part a lowercase RFC 1123 subdomain"));
        assert!(label_value("").is_empty() && label_value("a_b.c-1").is_empty());
        assert!(label_value("-a")[0].starts_with("a valid label must be an empty string or consist of"));
        assert_eq!(config_map_key("..").last().map(String::as_str), Some("must not be '..'"));
        assert!(config_map_key("..data")[0].contains("must not start with '..'"));
        assert!(env_var_name("a b").is_empty());
        assert_eq!(env_var_name("a=b").len(), 1);
        assert_eq!(port_name("1--").len(), 3);
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    }
}
