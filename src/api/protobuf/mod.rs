//! Protobuf bodies, as the typed clients of client-go send them.
//!
//! Mirrors apimachinery/pkg/runtime/serializer/protobuf and what gogo generates for the API's types. Bodies are
//! read to the JSON that the same client would have sent, so all that follows has one form to deal with. Leaves
//! out: writing (such clients accept JSON too) and kinds that are not in the registry.

mod message;
pub(super) mod schema;
#[cfg(test)]
mod tests;
mod wire;

use serde_json::{Map, Value};

use self::message::read_message;
use self::schema::SCHEMA;
use self::wire::{Payload, Reader};
use super::kind::KindInfo;
use super::status::{Reason, Status};

/// What a protobuf body begins with, `k8s\0`: a `runtime.Unknown` follows.
const PREFIX: &[u8] = b"k8s\0";

/// The `runtime.Unknown` around an object. Its content encoding and type are not looked at, as upstream.
#[derive(Default)]
struct Envelope {
    api_version: String,
    kind: String,
    /// The object as a message of that kind.
    raw: Vec<u8>,
}

/// A body that cannot be read.
struct Unreadable {
    /// Group and version, and kind, when the envelope says so.
    kind: Option<(String, String)>,
    /// `unexpected EOF`
    why: String,
}

/// Reads a body to the JSON object it stands for, with its `apiVersion` and `kind`. With `info`, errors say
/// which kind was expected.
///
/// # Errors
/// `BadRequest`, in the words of the API server: no prefix, no kind, one that is not known, a message cut short
/// or with fields of other types.
pub fn read_body(info: Option<&KindInfo>, body: &[u8]) -> Result<Value, Status> {
    read(body).map_err(|Unreadable { kind, why }| {
        let message = match (kind, info) {
            (Some((api_version, kind)), info) => {
                let version = api_version.rsplit('/').next().unwrap_or_default();
                let expected = info.map_or(kind.as_str(), |info| info.kind);
                format!("{kind} in version {version:?} cannot be handled as a {expected}: {why}")
            }
            (None, Some(info)) => {
                let summary = summary(body);
                format!("the object provided is unrecognized (must be of type {}): {why} ({summary})", info.kind)
            }
            (None, None) => why,
        };
        Status::new(Reason::BadRequest, message)
    })
}

/// `summarizeData`: the body's beginning in hexadecimal digits.
fn summary(body: &[u8]) -> String {
    const SHOWN_BYTES: usize = 30;
    let mut summary: String = body.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    if body.is_empty() {
        summary.push_str("<empty>");
    } else if body.len() > SHOWN_BYTES {
        summary.push_str(" ...");
    }
    summary
}

fn read(body: &[u8]) -> Result<Value, Unreadable> {
    let Envelope { api_version, kind, raw } = open(body).map_err(|why| Unreadable { kind: None, why })?;
    let refuse = |why| Unreadable { kind: Some((api_version.clone(), kind.clone())), why };
    let Some(message) = SCHEMA.kind(&api_version, &kind) else {
        let scheme = "pkg/api/legacyscheme/scheme.go:30";
        let why = format!("no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}");
        return Err(refuse(why));
    };
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), Value::from(api_version.as_str()));
    object.insert("kind".to_owned(), Value::from(kind.as_str()));
    read_message(message, &raw, &mut object).map_err(refuse)?;
    Ok(Value::Object(object))
}

/// Takes the envelope off.
fn open(body: &[u8]) -> Result<Envelope, String> {
    if body.is_empty() {
        return Err("empty data".to_owned());
    }
    let Some(unknown) = body.strip_prefix(PREFIX) else {
        return Err("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]".to_owned());
    };
    if unknown.is_empty() {
        return Err("empty body".to_owned());
    }
    let mut envelope = Envelope::default();
    let mut reader = Reader::new("Unknown", unknown);
    while let Some((number, payload)) = reader.field()? {
        match (number, payload) {
            (1, Payload::Bytes(type_meta)) => {
                let mut reader = Reader::new("TypeMeta", type_meta);
                while let Some((number, payload)) = reader.field()? {
                    match (number, payload) {
                        (1, Payload::Bytes(text)) => envelope.api_version = wire::text(text),
                        (2, Payload::Bytes(text)) => envelope.kind = wire::text(text),
                        (1, other) => return Err(other.wrong_type("apiVersion")),
                        (2, other) => return Err(other.wrong_type("kind")),
                        _ => {}
                    }
                }
            }
            (2, Payload::Bytes(raw)) => envelope.raw = raw.to_vec(),
            (1, other) => return Err(other.wrong_type("typeMeta")),
            (2, other) => return Err(other.wrong_type("raw")),
            _ => {}
        }
    }
    let Envelope { api_version, kind, .. } = &envelope;
    let meta = || format!("runtime.TypeMeta{{APIVersion:{api_version:?}, Kind:{kind:?}}}");
    if kind.is_empty() {
        return Err(format!("Object 'Kind' is missing in '{}'", meta()));
    }
    if api_version.is_empty() {
        return Err(format!("Object 'apiVersion' is missing in '{}'", meta()));
    }
    Ok(envelope)
}
