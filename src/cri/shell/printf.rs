//! `printf` and the escapes of `echo -e`.

use crate::api::decode::float;

/// Replaces backslash escapes.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('e') => out.push('\x1b'),
            Some('\\') => out.push('\\'),
            Some('0') => {
                let mut value = 0;
                while let Some(digit) = chars.peek().and_then(|next| next.to_digit(8)) {
                    value = value * 8 + digit;
                    chars.next();
                }
                out.extend(char::from_u32(value));
            }
            Some('x') => {
                let mut value = 0;
                while let Some(digit) = chars.peek().and_then(|next| next.to_digit(16)) {
                    value = value * 16 + digit;
                    chars.next();
                }
                out.extend(char::from_u32(value));
            }
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// What `printf format args…` writes: the format is used again while arguments are left.
pub(super) fn printf(format: &str, args: &[&str]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    loop {
        let before = args.len();
        once(format, &mut args, &mut out);
        if args.len() == 0 || args.len() == before {
            return out;
        }
    }
}

fn once(format: &str, args: &mut std::slice::Iter<'_, &str>, out: &mut String) {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&unescape(&rest[..at]));
        let spec = &rest[at + 1..];
        let length = spec.find(|next: char| next.is_ascii_alphabetic() || next == '%').unwrap_or(spec.len());
        let (flags, conversion) = spec.split_at(length);
        let kind = conversion.chars().next();
        rest = kind.map_or("", |kind| &conversion[kind.len_utf8()..]);
        let mut argument = || args.next().copied().unwrap_or_default();
        let text = match kind {
            Some('%') => "%".to_owned(),
            Some('s') => argument().to_owned(),
            Some('b') => unescape(argument()),
            Some('d' | 'i' | 'u') => argument().trim().parse::<i64>().unwrap_or(0).to_string(),
            Some('x') => format!("{:x}", argument().trim().parse::<i64>().unwrap_or(0)),
            Some('X') => format!("{:X}", argument().trim().parse::<i64>().unwrap_or(0)),
            Some('o') => format!("{:o}", argument().trim().parse::<i64>().unwrap_or(0)),
            Some('c') => argument().chars().take(1).collect(),
            Some('f') => {
                let digits = flags.split_once('.').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(6);
                format!("{:.digits$}", float::parse(argument().trim()).unwrap_or(0.0))
            }
            _ => String::new(),
        };
        pad(flags, &text, kind, out);
    }
    out.push_str(&unescape(rest));
}

fn pad(flags: &str, text: &str, kind: Option<char>, out: &mut String) {
    let left = flags.contains('-');
    let (width, precision) = flags.split_once('.').unwrap_or((flags, ""));
    let digits = width.trim_start_matches(['-', '+', ' ', '#']);
    let zero = digits.starts_with('0') && !left && kind != Some('s');
    let width: usize = digits.parse().unwrap_or(0);
    let text: String = match (kind, precision.parse::<usize>()) {
        (Some('s'), Ok(most)) => text.chars().take(most).collect(),
        _ => text.to_owned(),
    };
    let missing = width.saturating_sub(text.chars().count());
    let filler = if zero { "0" } else { " " }.repeat(missing.min(10_000));
    match left {
        true => out.extend([text.as_str(), filler.as_str()]),
        false => out.extend([filler.as_str(), text.as_str()]),
    }
}
