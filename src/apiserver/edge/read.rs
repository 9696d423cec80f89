//! From HTTP to a request.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::decode::BODY_BYTES_MAX;
use crate::api::http::content_type;
use crate::api::{Body, Method, Reason, Request, Status};

use super::super::server::method_not_allowed;
use super::ADMIN;

/// What the API server is asked.
///
/// # Errors
/// A method there is not, a body that is too large.
pub fn read_request(request: http::Request<Bytes>) -> Result<Request, Status> {
    let method = match *request.method() {
        http::Method::GET | http::Method::HEAD => Method::Get,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::PATCH => Method::Patch,
        http::Method::DELETE => Method::Delete,
        _ => return Err(method_not_allowed()),
    };
    if request.body().len() > BODY_BYTES_MAX {
        let why = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
        return Err(Status::new(Reason::RequestEntityTooLarge, why));
    }
    let header = |name: http::header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let mut read = Request::new(method, decode(request.uri().path(), false));
    read.query = query(request.uri().query().unwrap_or_default());
    read.content_type = media_type(header(http::header::CONTENT_TYPE));
    read.accept = Arc::from(accept(request.headers()));
    read.user_agent = Arc::from(header(http::header::USER_AGENT));
    read.user = Arc::from(ADMIN);
    read.body = if request.body().is_empty() { Body::Empty } else { Body::Bytes(request.into_body()) };
    Ok(read)
}

/// Whether the answer to a request is a stream: a watch or a followed log.
pub fn streams(request: &Request) -> bool {
    let follows = request.path.ends_with("/log") && matches!(request.param("follow"), Some("true" | "1"));
    request.is_watch() || follows
}

fn accept(headers: &http::HeaderMap) -> String {
    let clauses: Vec<&str> =
        headers.get_all(http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    clauses.join(",")
}

/// The content type as one of those the server knows; JSON where nothing is said.
fn media_type(text: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        content_type::APPLY_PATCH,
        content_type::JSON,
        content_type::JSON_PATCH,
        content_type::MERGE_PATCH,
        content_type::PROTOBUF,
        content_type::STRATEGIC_MERGE_PATCH,
        content_type::YAML,
    ];
    let media = text.split(';').next().unwrap_or_default().trim();
    if media.is_empty() {
        return content_type::JSON;
    }
    KNOWN.iter().copied().find(|known| known.eq_ignore_ascii_case(media)).unwrap_or("application/octet-stream")
}

fn query(text: &str) -> Vec<(Arc<str>, Arc<str>)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (Arc::from(decode(name, true)), Arc::from(decode(value, true)))
        })
        .collect()
}

/// Percent decoding; in a query `+` is a space. What is no escape stays as it is.
fn decode(text: &str, in_query: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (bytes[at], escaped) {
            (b'%', Some(digits)) => {
                decoded.push(u8::from_str_radix(digits, 16).expect("both are hexadecimal digits"));
                at += 3;
                continue;
            }
            (b'+', _) if in_query => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
