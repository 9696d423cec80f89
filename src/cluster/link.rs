//! Links: `#v1:` and then base64url of deflated JSON. Whatever a link has become on its way, as much of
//! it is read as can be, and what is wrong is a sentence.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::inflate::{Fault, inflate};
use super::session_file::{BYTES_MAX, SessionFile};

/// What stands before the session in the fragment of an address.
pub const PREFIX: &str = "v1:";

/// The fragment of a link to a session whose JSON was compressed as raw DEFLATE.
pub fn fragment(deflated: &[u8]) -> String {
    format!("#{PREFIX}{}", URL_SAFE_NO_PAD.encode(deflated))
}

/// Reads the fragment of an address, with or without its `#`: the session, and what is wrong with it.
/// `None` where the fragment is no link to a session.
pub fn read_fragment(fragment: &str) -> Option<(Option<SessionFile>, Vec<String>)> {
    let rest = fragment.trim_start_matches('#');
    let Some(text) = rest.strip_prefix(PREFIX) else {
        let digits = rest.strip_prefix('v')?.split_once(':')?.0;
        let version: u32 = digits.parse().ok()?;
        let fault = format!("It was made by a newer Kubarium: its form is v{version}, this page reads v1.");
        return Some((None, vec![fault]));
    };
    let mut faults = Vec::new();
    if text.len() > BYTES_MAX {
        return Some((None, vec![format!("It is longer than the {} MiB a session may have.", BYTES_MAX >> 20)]));
    }
    // Mail programs end links at odd places: what is no base64url ends it here.
    let good = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    if text[good..].bytes().any(|byte| byte != b'=') {
        faults.push(format!("After {good} characters it holds something that is not part of a link."));
    }
    // A single last character holds no byte; two or three may hold bits that the cut left over.
    let usable = if good % 4 == 1 { good - 1 } else { good };
    let bytes = lenient().decode(&text[..usable]).unwrap_or_default();
    let (json, fault) = inflate(&bytes, BYTES_MAX);
    let json = String::from_utf8_lossy(&json);
    let (file, found) = SessionFile::read(&json);
    match fault {
        Some(Fault::Cut) => faults.push("It is cut short.".to_owned()),
        Some(Fault::Corrupt) => faults.push("It is damaged.".to_owned()),
        Some(Fault::TooLarge) => {
            faults.push(format!("It holds more than the {} MiB a session may have.", BYTES_MAX >> 20));
        }
        None => {}
    }
    for sentence in found {
        let told = fault.is_some() && sentence == "It is cut short.";
        if !told && !faults.contains(&sentence) {
            faults.push(sentence);
        }
    }
    Some((file, faults))
}

fn lenient() -> base64::engine::GeneralPurpose {
    use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
}
