//! Request bodies to objects, with field validation and the API server's errors.

use serde_json::Value;

use super::json_reader;
use super::typed::Findings;
use super::{BODY_BYTES_MAX, go_value, yaml_reader};
use crate::api::decode::json_writer::Json;
use crate::api::kind::{FieldError, KindInfo, find_kind};
use crate::api::kinds::KINDS;
use crate::api::object::{Kind, Object};
use crate::api::status::{Reason, Status};
use crate::sim::{Gather, Order};

/// What happens to unknown and repeated fields: the `fieldValidation` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    /// The API server's default.
    #[default]
    Warn,
    Strict,
}

impl FieldValidation {
    /// The parameter's value; an absent one means `Warn`.
    ///
    /// # Errors
    /// The API server's words for any other value.
    pub fn parse(text: Option<&str>) -> Result<Self, FieldError> {
        match text {
            None | Some("" | "Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(FieldError {
                field: "fieldValidation".to_owned(),
                reason: "FieldValueNotSupported",
                message: format!(
                    "Unsupported value: {other:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                ),
            }),
        }
    }
}

/// A body's value and the keys it gives twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    pub value: Value,
    /// Findings on repeated keys, in the words of strict decoding: `duplicate field "spec.replicas"`, or for
    /// YAML `yaml: unmarshal errors:\n  line 4: key "replicas" already set in map`.
    pub duplicates: Vec<String>,
}

fn bad_request(message: String) -> Status {
    Status { reason: Reason::BadRequest, message, details: None }
}

/// Reads a body by its content type; anything but YAML is read as JSON.
///
/// # Errors
/// What the serializer says: `error converting YAML to JSON: yaml: line 2: …`, or
/// `couldn't get version/kind; json parse error: …`.
pub fn parse(text: &[u8], content_type: &str) -> Result<Value, String> {
    parse_body(text, content_type).map(|parsed| parsed.value)
}

/// As `parse`, with the repeated keys.
///
/// # Errors
/// As `parse`.
pub fn parse_body(text: &[u8], content_type: &str) -> Result<Parsed, String> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.ends_with("yaml") {
        let document = yaml_reader::read(text).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
        let lines: Vec<String> =
            document.duplicates.iter().map(|duplicate| format!("  {}", duplicate.message)).collect();
        let duplicates =
            if lines.is_empty() { Vec::new() } else { vec![format!("yaml: unmarshal errors:\n{}", lines.join("\n"))] };
        return Ok(Parsed { value: document.value, duplicates });
    }
    let document = json_reader::read(&String::from_utf8_lossy(text))
        .map_err(|error| format!("couldn't get version/kind; json parse error: {}", error.message))?;
    let duplicates = document.duplicates.iter().map(|path| format!("duplicate field {path:?}")).collect();
    Ok(Parsed { value: document.value, duplicates })
}

/// Reads a body and decodes it as an object of `info`'s kind. The warnings are for `Warning` headers.
///
/// # Errors
/// A body over 3 MiB, text that does not parse, another kind, wrong types; unknown fields if `mode` is strict.
pub fn decode_body(
    info: &KindInfo,
    body: &[u8],
    content_type: &str,
    mode: FieldValidation,
) -> Result<(Object, Vec<String>), Status> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Status {
            reason: Reason::RequestEntityTooLarge,
            message: format!("Request entity too large: limit is {BODY_BYTES_MAX}"),
            details: None,
        });
    }
    match parse_body(body, content_type) {
        Ok(parsed) => decode_parsed(info, &parsed, mode),
        Err(error) => Err(unrecognized(info, &error, body)),
    }
}

/// `transformDecodeError` for data without a kind.
fn unrecognized(info: &KindInfo, error: &str, body: &[u8]) -> Status {
    const SHOWN_BYTES: usize = 30;
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    let mut summary = match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if body.len() > SHOWN_BYTES {
        summary.push_str(" ...");
    }
    bad_request(format!("the object provided is unrecognized (must be of type {}): {error} ({summary})", info.kind))
}

/// Decodes a value as an object of `info`'s kind. The warnings are for `Warning` headers.
///
/// # Errors
/// As `decode_body`.
pub fn decode_object(info: &KindInfo, value: &Value, mode: FieldValidation) -> Result<(Object, Vec<String>), Status> {
    decode(info, value, &[], mode)
}

/// As `decode_object`, with what the body says twice.
///
/// # Errors
/// As `decode_body`.
pub fn decode_parsed(info: &KindInfo, parsed: &Parsed, mode: FieldValidation) -> Result<(Object, Vec<String>), Status> {
    decode(info, &parsed.value, &parsed.duplicates, mode)
}

fn decode(
    info: &KindInfo,
    value: &Value,
    duplicates: &[String],
    mode: FieldValidation,
) -> Result<(Object, Vec<String>), Status> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let api_version = text("apiVersion").map_or_else(|| info.api_version(), str::to_owned);
    let kind = text("kind").unwrap_or(info.kind).to_owned();
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
    let refuse =
        |why: &str| bad_request(format!("{kind} in version {version:?} cannot be handled as a {}: {why}", info.kind));
    check_meta_type(value, "apiVersion").map_err(|error| unrecognized(info, &error, value.json().as_bytes()))?;
    check_meta_type(value, "kind").map_err(|error| unrecognized(info, &error, value.json().as_bytes()))?;
    if (group, version, kind.as_str()) != (info.group, info.version, info.kind) {
        return Err(other_kind(info, group, version, &kind, &api_version, &refuse));
    }
    let (object, findings) = read(info.id, value);
    if let Some(error) = &findings.error {
        return Err(refuse(&error.json));
    }
    let mut object = object.map_err(|error| refuse(&error.to_string()))?;
    mark_empty_selector(&mut object, value);
    if mode == FieldValidation::Ignore {
        return Ok((object, Vec::new()));
    }
    let strict = strict_errors(duplicates, &findings.unknown);
    if mode == FieldValidation::Strict && !strict.is_empty() {
        return Err(refuse(&format!("strict decoding error: {}", strict.join(", "))));
    }
    Ok((object, strict))
}

/// A workload's selector that is there and empty is no selector left out: it has labels, and none of them. Neither is
/// ever stored.
fn mark_empty_selector(object: &mut Object, value: &Value) {
    let selector = match object {
        Object::DaemonSet(own) => own.spec.as_mut().map(|spec| &mut spec.selector),
        Object::Deployment(own) => own.spec.as_mut().map(|spec| &mut spec.selector),
        Object::ReplicaSet(own) => own.spec.as_mut().map(|spec| &mut spec.selector),
        Object::StatefulSet(own) => own.spec.as_mut().map(|spec| &mut spec.selector),
        _ => None,
    };
    if let Some(selector) = selector
        && selector.match_expressions.is_none()
        && value.pointer("/spec/selector").is_some_and(Value::is_object)
    {
        selector.match_labels.get_or_insert_default();
    }
}

/// The findings of strict decoding: no more than a hundred, as upstream.
fn strict_errors(duplicates: &[String], unknown: &[String]) -> Vec<String> {
    const FINDINGS_MAX: usize = 100;
    // What is repeated inside an unknown field is skipped with it.
    let known = duplicates.iter().filter(|duplicate| {
        !unknown.iter().any(|path| {
            duplicate.starts_with(&format!("duplicate field \"{path}."))
                || duplicate.starts_with(&format!("duplicate field \"{path}["))
        })
    });
    known.cloned().chain(unknown.iter().map(|path| format!("unknown field \"{path}\""))).take(FINDINGS_MAX).collect()
}

fn read(kind: Kind, value: &Value) -> (Result<Object, serde_json::Error>, Findings) {
    let mut findings = Findings::default();
    let object = Object::read(kind, value, &mut findings);
    (object, findings)
}

fn check_meta_type(value: &Value, field: &str) -> Result<(), String> {
    let Value::Object(map) = value else {
        return Err(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            super::go::json_kind(value)
        ));
    };
    match map.get(field) {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(other) => Err(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go struct field .{field} of type string",
            super::go::json_kind(other)
        )),
    }
}

/// An object of another kind than the resource's.
fn other_kind(
    info: &KindInfo,
    group: &str,
    version: &str,
    kind: &str,
    api_version: &str,
    refuse: &dyn Fn(&str) -> Status,
) -> Status {
    if let Some(other) = find_kind(group, version, kind) {
        if other.kind == info.kind {
            return bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API version ({})",
                info.api_version()
            ));
        }
        let package = |info: &KindInfo| match info.group.split('.').next() {
            None | Some("") => "core".to_owned(),
            Some(group) => group.to_owned(),
        };
        return refuse(&format!(
            "converting (v1.{}) to ({}.{}): unknown conversion",
            other.kind,
            package(info),
            info.kind
        ));
    }
    if KINDS.iter().any(|info| info.group == group) || group.is_empty() {
        return refuse(&format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        ));
    }
    bad_request(format!(
        "the API version in the data ({api_version}) does not match the expected API version ({})",
        info.api_version()
    ))
}

/// Decodes a patched object: a wrong type or (in strict mode) an unknown field is a finding on `patch`.
/// `strategic` is the patch itself if it was a strategic merge patch, and `None` for the JSON patches.
///
/// # Errors
/// `Invalid`, without a kind and a name, as upstream.
pub fn decode_patched(
    info: &KindInfo,
    patched: &Value,
    strategic: Option<&Value>,
    mode: FieldValidation,
) -> Result<(Object, Vec<String>), Status> {
    let (object, mut findings) = read(info.id, patched);
    let shown = || match strategic {
        Some(patch) => go_value(&without_list_directives(patch)),
        None => patched.json(),
    };
    if let Some(error) = &findings.error {
        return Err(invalid_patch(&shown(), if strategic.is_some() { &error.unstructured } else { &error.json }));
    }
    let object = object.map_err(|error| invalid_patch(&shown(), &error.to_string()))?;
    if mode == FieldValidation::Ignore {
        return Ok((object, Vec::new()));
    }
    if strategic.is_some() {
        findings.unknown.order();
    }
    let strict = strict_errors(&[], &findings.unknown);
    if mode == FieldValidation::Strict && !strict.is_empty() {
        return Err(invalid_patch(&shown(), &format!("strict decoding error: {}", strict.join(", "))));
    }
    Ok((object, strict))
}

/// The patch after the merge took its list directives out of it.
fn without_list_directives(patch: &Value) -> Value {
    match patch {
        Value::Object(map) => {
            let ordered = |key: &str| map.contains_key(&format!("$setElementOrder/{key}"));
            Value::Object(
                map.iter()
                    .filter(|(key, _)| !key.starts_with("$setElementOrder/") && *key != "$retainKeys" && !ordered(key))
                    .map(|(key, value)| (key.clone(), without_list_directives(value)))
                    .gather(),
            )
        }
        other => other.clone(),
    }
}

fn invalid_patch(shown: &str, error: &str) -> Status {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{StatusCause, StatusDetails};
    let finding = format!("Invalid value: {}: {error}", quote(shown));
    Status {
        reason: Reason::Invalid,
        message: format!(" \"\" is invalid: patch: {finding}"),
        details: Some(StatusDetails {
            causes: Some(vec![StatusCause {
                field: Some("patch".to_owned()),
                message: Some(finding),
                reason: Some("FieldValueInvalid".to_owned()),
            }]),
            ..StatusDetails::default()
        }),
    }
}

/// Go's `strconv.Quote`.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
