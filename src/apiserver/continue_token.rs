//! Continue tokens: where the last page of a list ended, and at which revision.
//!
//! Mirrors apiserver/pkg/storage/continue.go: base64url of JSON, opaque to clients.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine, alphabet};
use serde_json::json;

use crate::api::decode::json_writer::Json;
use crate::api::{Reason, Status, decode as go};

/// `base64.RawURLEncoding`: no padding, and what is left over in the last letter does not matter.
const RAW_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The revision of the first page; `None` (upstream -1) for the newest, after a token expired.
    pub revision: Option<u64>,
    /// The first key of the next page, relative to the collection's prefix.
    pub start: String,
}

/// Writes a token.
pub fn encode(token: &Token) -> String {
    let revision = token.revision.map_or(-1, |revision| revision as i64);
    RAW_URL.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": token.start}).json())
}

/// Reads a token.
///
/// # Errors
/// `BadRequest` for what is none.
pub fn decode(text: &str) -> Result<Token, Status> {
    let bad = |why: String| Status::new(Reason::BadRequest, format!("continue key is not valid: {why}"));
    let bytes = RAW_URL.decode(text).map_err(|error| {
        let offset = match error {
            DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol(offset, _) => offset,
            DecodeError::InvalidLength(length) => length.saturating_sub(1),
            DecodeError::InvalidPadding => text.find('=').unwrap_or(0),
        };
        bad(format!("illegal base64 data at input byte {offset}"))
    })?;
    let value = go::json(&bytes).map_err(|error| bad(error.message))?;
    let version = value["v"].as_str().unwrap_or_default();
    if version != "meta.k8s.io/v1" {
        return Err(bad(format!("server does not recognize this encoded version {version}")));
    }
    if matches!(value["rv"].as_i64(), None | Some(0)) {
        return Err(bad("incorrect encoded start resourceVersion (version meta.k8s.io/v1)".to_owned()));
    }
    let start = value["start"].as_str().unwrap_or_default();
    if start.is_empty() {
        return Err(bad("encoded start key empty (version meta.k8s.io/v1)".to_owned()));
    }
    // Keys never climb: a token that tries to leave its collection is refused.
    if format!("/{start}").split('/').any(|part| part == "..") {
        return Err(bad(start.to_owned()));
    }
    let revision = value["rv"].as_i64().and_then(|revision| u64::try_from(revision).ok());
    Ok(Token { revision, start: start.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Token, decode, encode};

    #[test]
    fn there_and_back() {
        for revision in [Some(7), None] {
            let token = Token { revision, start: "default/web\0".to_owned() };
            assert_eq!(decode(&encode(&token)).as_ref(), Ok(&token));
        }
        assert_eq!(
            encode(&Token { revision: Some(7), start: "a\0".to_owned() }),
            "eyJydiI6Nywic3RhcnQiOiJhXHUwMDAwIiwidiI6Im1ldGEuazhzLmlvL3YxIn0"
        );
    }

    #[test]
    fn refused() {
        let climbing = encode(&Token { revision: Some(7), start: "../../x".to_owned() });
        for (text, why) in [
            ("%", ": illegal base64 data at input byte 0"),
            ("abc!", ": illegal base64 data at input byte 3"),
            ("abcde", ": illegal base64 data at input byte 4"),
            ("abc", ": invalid character 'i' looking for beginning of value"),
            ("bm90IGpzb24", ": invalid character 'o' in literal null (expecting 'u')"),
            ("e30", ": server does not recognize this encoded version "),
            (climbing.as_str(), ": ../../x"),
        ] {
            let said = decode(text).expect_err("it is none").message;
            assert_eq!(said, format!("continue key is not valid{why}"), "{text}");
        }
    }
}
