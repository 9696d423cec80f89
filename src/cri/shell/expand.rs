//! Expansion of words: parameters, substitutions, field splitting, file names; and redirections.

use std::sync::Arc;

use crate::cri::files::absolute;
use crate::cri::program::Host;

use super::arithmetic;
use super::machine::{Input, Machine};
use super::output::Sink;
use super::pattern::{self, Glyph};
use super::syntax::{Operator, Part, Redirect, Word};

/// A piece of an expanded word.
struct Piece {
    text: String,
    quoted: bool,
    /// It came from an expansion, and is split into fields unless quoted.
    split: bool,
    /// A field ends after it: between the parameters of `"$@"`.
    boundary: bool,
}

impl Machine {
    /// The fields that words expand to.
    pub(super) fn expand_words(&mut self, host: &mut Host<'_>, words: &[Word]) -> Vec<String> {
        let mut fields = Vec::new();
        for word in words {
            let pieces = self.pieces(host, word);
            for field in split(pieces) {
                self.file_names(host, field, &mut fields);
            }
        }
        fields
    }

    /// The text a word expands to, without splitting.
    pub(super) fn expand_text(&mut self, host: &mut Host<'_>, word: &Word) -> String {
        let mut text = String::new();
        for piece in self.pieces(host, word) {
            text.push_str(&piece.text);
            if piece.boundary {
                text.push(' ');
            }
        }
        text
    }

    /// The pattern a word expands to: what is quoted stands for itself.
    pub(super) fn expand_pattern(&mut self, host: &mut Host<'_>, word: &Word) -> Vec<Glyph> {
        let pieces = self.pieces(host, word);
        pieces.iter().flat_map(|piece| piece.text.chars().map(|char| Glyph { char, literal: piece.quoted })).collect()
    }

    fn pieces(&mut self, host: &mut Host<'_>, word: &Word) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(word.len());
        // `"$@"` without parameters is no field at all, not an empty one.
        let all = |part: &Part| matches!(part, Part::Parameter { name, .. } if name == "@");
        if self.env.parameters.is_empty() && word.iter().any(all) {
            let rest =
                word.iter().filter(|part| !all(part) && !matches!(part, Part::Text { text, .. } if text.is_empty()));
            let rest: Word = rest.cloned().collect();
            return if rest.is_empty() { pieces } else { self.pieces(host, &rest) };
        }
        for (index, part) in word.iter().enumerate() {
            match part {
                Part::Text { text, quoted } => {
                    let text = match index {
                        0 if !quoted && (text == "~" || text.starts_with("~/")) => {
                            format!("{}{}", self.variable("HOME").unwrap_or_default(), &text[1..])
                        }
                        _ => text.clone(),
                    };
                    pieces.push(Piece { text, quoted: *quoted, split: false, boundary: false });
                }
                Part::Parameter { name, operator: Operator::None, quoted } if name == "@" => {
                    let count = self.env.parameters.len();
                    for (index, value) in self.env.parameters.iter().enumerate() {
                        let boundary = index + 1 < count;
                        pieces.push(Piece { text: value.clone(), quoted: *quoted, split: !quoted, boundary });
                    }
                }
                Part::Parameter { name, operator, quoted } => {
                    let text = self.parameter(host, name, operator);
                    pieces.push(Piece { text, quoted: *quoted, split: !quoted, boundary: false });
                }
                Part::Substitution { command, quoted } => {
                    let nested = self.nested(host, command, None);
                    self.substituted = Some(nested.status);
                    let text = nested.stdout.trim_end_matches('\n').to_owned();
                    pieces.push(Piece { text, quoted: *quoted, split: !quoted, boundary: false });
                }
                Part::Arithmetic { expression, quoted } => {
                    let expression = self.expand_text(host, expression);
                    let text = self.arithmetic(host, &expression).to_string();
                    pieces.push(Piece { text, quoted: *quoted, split: !quoted, boundary: false });
                }
            }
        }
        pieces
    }

    fn arithmetic(&mut self, host: &mut Host<'_>, expression: &str) -> i64 {
        let variables = self.env.variables.clone();
        let value_of = |name: &str| variables.get(name).and_then(|value| arithmetic::number(value.trim())).unwrap_or(0);
        let mut assigned = Vec::new();
        let result = arithmetic::evaluate(expression, &value_of, &mut |name, value| {
            assigned.push((name.to_owned(), value));
        });
        for (name, value) in assigned {
            self.env.variables.insert(name, value.to_string());
        }
        result.unwrap_or_else(|why| {
            self.complain(host, why);
            self.status = 2;
            0
        })
    }

    /// The value of a parameter, if it is set.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "#" => Some(self.env.parameters.len().to_string()),
            "$" => Some(self.pid.to_string()),
            "!" => (self.last_job > 0).then(|| (self.last_job + 5).to_string()),
            "*" | "@" => Some(self.env.parameters.join(" ")),
            "-" => Some(String::new()),
            "0" => Some(self.env.variables.get("0").cloned().unwrap_or_else(|| self.system.name.to_owned())),
            "RANDOM" => None,
            _ => match name.parse::<usize>() {
                Ok(index) => self.env.parameters.get(index - 1).cloned(),
                Err(_) => self.env.variables.get(name).cloned(),
            },
        }
    }

    fn parameter(&mut self, host: &mut Host<'_>, name: &str, operator: &Operator) -> String {
        let value = match name {
            "RANDOM" => Some(host.rng.below(32_768).to_string()),
            _ => self.variable(name),
        };
        let missing = |colon: bool| value.as_ref().is_none_or(|value| colon && value.is_empty());
        match operator {
            Operator::None => {
                if value.is_none() && self.nounset {
                    self.complain(host, &format!("{name}: parameter not set"));
                    self.aborted = true;
                }
                value.unwrap_or_default()
            }
            Operator::Length => value.unwrap_or_default().chars().count().to_string(),
            Operator::Default { word, colon } if missing(*colon) => self.expand_text(host, word),
            Operator::Assign { word, colon } if missing(*colon) => {
                let text = self.expand_text(host, word);
                self.env.variables.insert(name.to_owned(), text.clone());
                text
            }
            Operator::Alternative { colon, .. } if missing(*colon) => String::new(),
            Operator::Alternative { word, .. } => self.expand_text(host, word),
            Operator::Error { word, colon } if missing(*colon) => {
                let text = self.expand_text(host, word);
                let text = if text.is_empty() { "parameter not set".to_owned() } else { text };
                self.complain(host, &format!("{name}: {text}"));
                self.aborted = true;
                String::new()
            }
            Operator::Default { .. } | Operator::Assign { .. } | Operator::Error { .. } => value.unwrap_or_default(),
            Operator::TrimStart { pattern, longest } => {
                let pattern = self.expand_pattern(host, pattern);
                trim_start(&value.unwrap_or_default(), &pattern, *longest)
            }
            Operator::TrimEnd { pattern, longest } => {
                let pattern = self.expand_pattern(host, pattern);
                trim_end(&value.unwrap_or_default(), &pattern, *longest)
            }
        }
    }

    /// Replaces a field that is a pattern by the files it matches; as it stands if there are none.
    fn file_names(&mut self, host: &mut Host<'_>, field: Vec<Glyph>, fields: &mut Vec<String>) {
        let text: String = field.iter().map(|glyph| glyph.char).collect();
        if !pattern::is_pattern(&field) {
            fields.push(text);
            return;
        }
        let slash = field.iter().rposition(|glyph| glyph.char == '/').map_or(0, |at| at + 1);
        if pattern::is_pattern(&field[..slash]) {
            fields.push(text);
            return;
        }
        let directory: String = field[..slash].iter().map(|glyph| glyph.char).collect();
        let names = host.files.list(&absolute(&self.env.cwd, &directory)).unwrap_or_default();
        let before = fields.len();
        for name in names {
            let chars: Vec<char> = name.chars().collect();
            let hidden = name.starts_with('.') && field[slash].char != '.';
            if !hidden && pattern::matches(&field[slash..], &chars) {
                fields.push(format!("{directory}{name}"));
            }
        }
        if fields.len() == before {
            fields.push(text);
        }
    }

    /// Puts redirections in force. False, with a complaint and a status, where a file cannot be opened.
    pub(super) fn redirect(&mut self, host: &mut Host<'_>, redirects: &[Redirect]) -> bool {
        for redirect in redirects {
            match redirect {
                Redirect::Output { stream, file, append } => {
                    let Some(sink) = self.open(host, file, *append) else { return false };
                    if *stream == 2 { self.err = sink } else { self.out = sink }
                }
                Redirect::Both { file, append } => {
                    let Some(sink) = self.open(host, file, *append) else { return false };
                    self.out = sink.clone();
                    self.err = sink;
                }
                Redirect::Duplicate { stream: 2, from: 1 } => self.err = self.out.clone(),
                Redirect::Duplicate { stream: 1, from: 2 } => self.out = self.err.clone(),
                Redirect::Duplicate { .. } => {}
                Redirect::Input { file } => {
                    let name = self.expand_text(host, file);
                    if name == "/dev/null" {
                        self.input = Some(Input { text: Arc::from(""), at: 0 });
                        continue;
                    }
                    match host.files.read(&absolute(&self.env.cwd, &name)) {
                        Ok(text) => self.input = Some(Input { text, at: 0 }),
                        Err(error) => {
                            self.complain(host, &format!("can't open {name}: {}", no_such_file(error.as_str())));
                            self.status = 1;
                            return false;
                        }
                    }
                }
                Redirect::Here { text } => {
                    let text = self.expand_text(host, text);
                    self.input = Some(Input { text: Arc::from(text), at: 0 });
                }
            }
        }
        true
    }

    fn open(&mut self, host: &mut Host<'_>, file: &Word, append: bool) -> Option<Sink> {
        let name = self.expand_text(host, file);
        match name.as_str() {
            "/dev/null" => return Some(Sink::Null),
            "/dev/stdout" | "/proc/1/fd/1" | "/proc/self/fd/1" | "/dev/tty" => return Some(Sink::Stdout),
            "/dev/stderr" | "/proc/1/fd/2" | "/proc/self/fd/2" => return Some(Sink::Stderr),
            _ => {}
        }
        let path = absolute(&self.env.cwd, &name);
        match host.files.write(&path, "", append) {
            Ok(()) => Some(Sink::File(path)),
            Err(error) => {
                self.complain(host, &format!("can't create {name}: {}", nonexistent(error.as_str())));
                self.status = 1;
                None
            }
        }
    }
}

/// How ash says that a file to read is not there.
fn no_such_file(error: &str) -> &str {
    if error == "No such file or directory" { "no such file" } else { error }
}

/// How ash says that a directory to write in is not there.
fn nonexistent(error: &str) -> &str {
    if error == "No such file or directory" { "nonexistent directory" } else { error }
}

/// Splits expanded pieces into fields at white space.
fn split(pieces: Vec<Piece>) -> Vec<Vec<Glyph>> {
    let mut fields = Vec::new();
    let mut field: Vec<Glyph> = Vec::new();
    // An empty quoted piece makes a field too.
    let mut begun = false;
    for piece in pieces {
        if piece.split {
            for char in piece.text.chars() {
                if char.is_ascii_whitespace() {
                    if begun {
                        fields.push(std::mem::take(&mut field));
                        begun = false;
                    }
                } else {
                    field.push(Glyph { char, literal: false });
                    begun = true;
                }
            }
        } else {
            field.extend(piece.text.chars().map(|char| Glyph { char, literal: piece.quoted }));
            begun |= piece.quoted || !piece.text.is_empty();
        }
        if piece.boundary {
            fields.push(std::mem::take(&mut field));
            begun = false;
        }
    }
    if begun {
        fields.push(field);
    }
    fields
}

fn trim_start(value: &str, pattern: &[Glyph], longest: bool) -> String {
    let chars: Vec<char> = value.chars().collect();
    let mut lengths: Vec<usize> = (0..=chars.len()).collect();
    if longest {
        lengths.reverse();
    }
    match lengths.into_iter().find(|length| pattern::matches(pattern, &chars[..*length])) {
        Some(length) => chars[length..].iter().collect(),
        None => value.to_owned(),
    }
}

fn trim_end(value: &str, pattern: &[Glyph], longest: bool) -> String {
    let chars: Vec<char> = value.chars().collect();
    let mut starts: Vec<usize> = (0..=chars.len()).collect();
    if !longest {
        starts.reverse();
    }
    match starts.into_iter().find(|start| pattern::matches(pattern, &chars[*start..])) {
        Some(start) => chars[..start].iter().collect(),
        None => value.to_owned(),
    }
}
