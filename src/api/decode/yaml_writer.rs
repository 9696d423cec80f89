//! YAML text as `kubectl -o yaml` prints it.
//!
//! Mirrors `Marshal` of sigs.k8s.io/yaml with go-yaml v2's encoder and emitter: block style, lists not indented
//! below their key, lines folded after 80 characters. Leaves out: anchors, tags, comments.

use serde_json::Value;

use super::yaml_scalar::{Scalar, resolve};
use super::yaml_style::{Analysis, Style, chomping_hint, is_break, is_printable, natural_order};

use crate::api::decode::json_writer::Json;
use crate::sim::Order;

/// The column after which a line is folded at the next space.
const BEST_WIDTH: usize = 80;
/// The longest key that stands before its colon; longer ones take the `? ` form.
const SIMPLE_KEY_BYTES_MAX: usize = 128;

/// The YAML document of a value, with a line break at the end.
pub fn write(value: &Value) -> String {
    let mut writer = Writer { text: String::new(), column: 0 };
    match value {
        Value::Object(map) if !map.is_empty() => writer.map(map, 0, false),
        Value::Array(list) if !list.is_empty() => writer.list(list, 0, false),
        scalar => writer.inline(scalar, 2),
    }
    writer.text.push('\n');
    writer.text
}

struct Writer {
    text: String,
    /// Characters on the current line.
    column: usize,
}

impl Writer {
    fn put(&mut self, letter: char) {
        self.text.push(letter);
        if letter == '\n' {
            self.column = 0;
        } else {
            self.column += 1;
        }
    }

    fn put_str(&mut self, text: &str) {
        text.chars().for_each(|letter| self.put(letter));
    }

    fn new_line(&mut self, indent: usize) {
        self.put('\n');
        for _ in 0..indent {
            self.put(' ');
        }
    }

    /// The entries of a map. `started` says that the first one stands where the writer is.
    fn map(&mut self, map: &super::Map, indent: usize, started: bool) {
        let mut entries: Vec<(&String, &Value)> = map.iter().collect();
        entries.order_by(|(a, _), (b, _)| natural_order(a, b));
        for (index, (key, value)) in entries.into_iter().enumerate() {
            if index > 0 {
                self.next_entry(indent);
            } else if !started && !self.text.is_empty() {
                self.new_line(indent);
            }
            let key_analysis = Analysis::of(key);
            if key_analysis.multiline || key.len() > SIMPLE_KEY_BYTES_MAX {
                self.put_str("? ");
                self.string(key, indent + 2, false);
                self.next_entry(indent);
                self.put(':');
            } else {
                self.string(key, indent + 2, true);
                self.put(':');
            }
            match value {
                Value::Object(inner) if !inner.is_empty() => self.map(inner, indent + 2, false),
                // Lists stand at the indentation of the key they belong to.
                Value::Array(list) if !list.is_empty() => self.list(list, indent, false),
                scalar => {
                    self.put(' ');
                    self.inline(scalar, indent + 2);
                }
            }
        }
    }

    fn list(&mut self, list: &[Value], indent: usize, started: bool) {
        for (index, element) in list.iter().enumerate() {
            if index > 0 {
                self.next_entry(indent);
            } else if !started && !self.text.is_empty() {
                self.new_line(indent);
            }
            self.put_str("- ");
            match element {
                Value::Object(inner) if !inner.is_empty() => self.map(inner, indent + 2, true),
                Value::Array(inner) if !inner.is_empty() => self.list(inner, indent + 2, true),
                scalar => self.inline(scalar, indent + 2),
            }
        }
    }

    /// A line break, unless a literal block has just ended with one.
    fn next_entry(&mut self, indent: usize) {
        if self.column == 0 {
            for _ in 0..indent {
                self.put(' ');
            }
        } else {
            self.new_line(indent);
        }
    }

    /// A scalar or an empty collection. `indent` is that of lines that continue it.
    fn inline(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.string(text, indent, false),
            Value::Object(_) => self.put_str("{}"),
            Value::Array(_) => self.put_str("[]"),
            Value::Number(number) => {
                let text = super::go_value(&Value::Number(number.clone()));
                self.put_str(&text);
            }
            other => self.put_str(&other.json()),
        }
    }

    fn string(&mut self, text: &str, indent: usize, is_key: bool) {
        let analysis = Analysis::of(text);
        match Style::of(text, &analysis, is_key, plain_is_string(text)) {
            Style::Plain => self.folded(text, indent, is_key, false),
            Style::SingleQuoted => {
                self.put('\'');
                self.folded(text, indent, is_key, true);
                self.put('\'');
            }
            Style::DoubleQuoted => self.double_quoted(text, indent, is_key),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Plain or single-quoted text: a line past the width breaks at a space that stands alone.
    fn folded(&mut self, text: &str, indent: usize, is_key: bool, quoted: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (index, letter) in letters.iter().copied().enumerate() {
            if letter == ' ' {
                let alone = !after_space && letters.get(index + 1) != Some(&' ');
                let inside = !quoted || index > 0 && index + 1 < letters.len();
                if !is_key && alone && inside && self.column > BEST_WIDTH {
                    self.new_line(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
                continue;
            }
            if quoted && letter == '\'' {
                self.put('\'');
            }
            self.put(letter);
            after_space = false;
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, is_key: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        self.put('"');
        for (index, letter) in letters.iter().copied().enumerate() {
            if !is_printable(letter) || is_break(letter) || matches!(letter, '"' | '\\' | '\u{feff}') {
                self.put_str(&escaped(letter));
                after_space = false;
            } else if letter == ' ' {
                let inside = index > 0 && index + 1 < letters.len();
                if !is_key && !after_space && inside && self.column > BEST_WIDTH {
                    self.new_line(indent);
                    if letters.get(index + 1) == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(letter);
                after_space = false;
            }
        }
        self.put('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with([' ', '\n']) {
            self.put('2');
        }
        if let Some(hint) = chomping_hint(text) {
            self.put(hint);
        }
        self.put('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                for _ in 0..indent {
                    self.put(' ');
                }
            }
            self.put_str(line);
        }
    }
}

/// Whether a plain scalar with this text reads back as this string.
fn plain_is_string(text: &str) -> bool {
    let read = resolve(text, None, true);
    let is_text = matches!(&read, Ok(Scalar::Json(Value::String(_)) | Scalar::Merge));
    is_text && !is_timestamp(text) && !is_base_60(text)
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`: YAML 1.1 reads `12:30` as 750.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|letter: char| letter.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && !rest.is_empty()
        && rest.iter().all(|part| {
            let bytes = part.as_bytes();
            match bytes {
                [one] => one.is_ascii_digit(),
                [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
                _ => false,
            }
        })
}

/// The formats of go-yaml's `allowedTimestampFormats`: `2006-1-2`, and with a time after `T`, `t` or a space.
fn is_timestamp(text: &str) -> bool {
    let number = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(index) => (&text[..index], Some(&text[index + 1..])),
        None => (text, None),
    };
    let date: Vec<&str> = date.split('-').collect();
    let [year, month, day] = date.as_slice() else { return false };
    let in_range = |text: &str, range: std::ops::RangeInclusive<u32>| {
        number(text, 2) && text.parse::<u32>().is_ok_and(|number| range.contains(&number))
    };
    if year.len() != 4 || !number(year, 4) || !in_range(month, 1..=12) || !in_range(day, 1..=31) {
        return false;
    }
    let Some(time) = time else { return true };
    let clock_end = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(clock_end);
    // A date and time without a zone is only one of the formats with a space between them.
    let zone_fits = match zone.strip_prefix(['+', '-']) {
        Some(offset) => offset.len() == 5 && offset.as_bytes()[2] == b':',
        None => zone == "Z" || zone.is_empty() && text.contains(' '),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return false };
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    zone_fits
        && in_range(hour, 0..=23)
        && in_range(minute, 0..=59)
        && in_range(second, 0..=59)
        && number(fraction, usize::MAX)
}

/// The escape of a character in double quotes.
fn escaped(letter: char) -> String {
    match letter {
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{a0}' => "\\_".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        letter => match u32::from(letter) {
            code @ ..=0xff => format!("\\x{code:02X}"),
            code @ ..=0xffff => format!("\\u{code:04X}"),
            code => format!("\\U{code:08X}"),
        },
    }
}

#[cfg(test)]
mod tests;
