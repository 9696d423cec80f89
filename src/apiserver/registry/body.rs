//! Bodies: from what was sent to a typed object with its defaults.

use std::sync::Arc;

use serde_json::Value;

use crate::api::decode::{FieldValidation, decode_body, decode_object, parse};
use crate::api::http::content_type;
use crate::api::{Body, KindInfo, Object, Reason, Request, Status};

use super::super::options::field_validation;
use super::super::stage::Call;

/// The body as JSON; `None` when there is none.
///
/// # Errors
/// What cannot be parsed.
pub(in super::super) fn value(request: &Request) -> Result<Option<Arc<Value>>, Status> {
    match &request.body {
        Body::Empty => Ok(None),
        Body::Json(value) => Ok(Some(value.clone())),
        Body::Object(object) => Ok(Some(Arc::new(object.to_value()))),
        Body::Bytes(bytes) if bytes.is_empty() => Ok(None),
        Body::Bytes(bytes) if request.content_type == content_type::PROTOBUF => {
            protobuf(None, bytes).map(|value| Some(Arc::new(value)))
        }
        Body::Bytes(bytes) => parse(bytes, request.content_type)
            .map(|value| Some(Arc::new(value)))
            .map_err(|why| Status::new(Reason::BadRequest, why)),
        Body::Text(text) => parse(text.as_bytes(), request.content_type)
            .map(|value| Some(Arc::new(value)))
            .map_err(|why| Status::new(Reason::BadRequest, why)),
        Body::List(_) | Body::Status(_) => Err(Status::new(
            Reason::BadRequest,
            "the object provided is unrecognized (must be of one of the known types)",
        )),
    }
}

/// The body as an object of a kind, with its defaults. A typed one is not parsed again.
///
/// # Errors
/// What is none.
pub(super) fn object(call: &mut Call, info: &'static KindInfo) -> Result<Object, Status> {
    let request = call.request.clone();
    let validation = field_validation(&request)?;
    let mut object = match &request.body {
        Body::Object(object) if object.kind() == info.id => (**object).clone(),
        _ => {
            if !matches!(request.content_type, content_type::JSON | content_type::PROTOBUF | content_type::YAML) {
                return Err(unsupported());
            }
            let (object, warnings) = match &request.body {
                Body::Bytes(bytes) if request.content_type == content_type::PROTOBUF => {
                    // Unknown fields have numbers and no names: there is nothing to be strict about.
                    decode_object(info, &protobuf(Some(info), bytes)?, FieldValidation::Ignore)?
                }
                Body::Bytes(bytes) => decode_body(info, bytes, request.content_type, validation)?,
                Body::Text(text) => decode_body(info, text.as_bytes(), request.content_type, validation)?,
                Body::Empty => decode_body(info, b"", request.content_type, validation)?,
                _ => decode_object(info, &value(&request)?.unwrap_or_default(), validation)?,
            };
            call.warnings.extend(warnings.into_iter().map(Arc::from));
            object
        }
    };
    (info.default)(&mut object);
    Ok(object)
}

/// A protobuf body as JSON.
#[cfg(feature = "native")]
fn protobuf(info: Option<&KindInfo>, bytes: &[u8]) -> Result<Value, Status> {
    crate::api::protobuf::read_body(info, bytes)
}

/// The page has no clients that send protobuf, and does without the table of messages.
#[cfg(not(feature = "native"))]
fn protobuf(_info: Option<&KindInfo>, _bytes: &[u8]) -> Result<Value, Status> {
    Err(unsupported())
}

/// A body in a format that is not understood.
pub(super) fn unsupported() -> Status {
    let accepted = if cfg!(feature = "native") {
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    } else {
        "application/json, application/yaml"
    };
    Status::new(
        Reason::UnsupportedMediaType,
        format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
    )
}
