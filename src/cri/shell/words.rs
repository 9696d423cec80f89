//! The parser's words: quotes, parameters, substitutions.

use super::parser::{Parser, SyntaxError};
use super::syntax::{Operator, Part, Word};

type Parsed<T> = Result<T, SyntaxError>;

/// Adds text to a word, to its last part where that is of the same sort.
fn push(word: &mut Word, added: &str, quoted: bool) {
    if let Some(Part::Text { text, quoted: before }) = word.last_mut()
        && *before == quoted
    {
        text.push_str(added);
        return;
    }
    word.push(Part::Text { text: added.to_owned(), quoted });
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Parser {
    /// The word here; `None` where none begins.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let mut word = Word::new();
        let start = self.at;
        loop {
            match self.peek() {
                None | Some(' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '(' | ')' | '<' | '>') => break,
                Some('\'') => {
                    self.at += 1;
                    let mut text = String::new();
                    loop {
                        match self.next() {
                            None => return Err(SyntaxError("syntax error: unterminated quoted string".into())),
                            Some('\'') => break,
                            Some(next) => text.push(next),
                        }
                    }
                    push(&mut word, &text, true);
                }
                Some('"') => {
                    self.at += 1;
                    push(&mut word, "", true);
                    self.quoted(&mut word, Some('"'))?;
                }
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        Some('\n') | None => {}
                        Some(next) => push(&mut word, &next.to_string(), true),
                    }
                }
                Some('$') => self.dollar(&mut word, false)?,
                Some('`') => self.backquote(&mut word, false)?,
                Some(next) => {
                    self.at += 1;
                    push(&mut word, &next.to_string(), false);
                }
            }
        }
        Ok((self.at > start).then_some(word))
    }

    /// Text as between double quotes, up to `end` or the end of the input.
    pub(super) fn quoted(&mut self, word: &mut Word, end: Option<char>) -> Parsed<()> {
        loop {
            match self.peek() {
                None if end.is_none() => return Ok(()),
                None => return Err(SyntaxError("syntax error: unterminated quoted string".into())),
                Some(next) if Some(next) == end => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        Some(next @ ('$' | '`' | '\\')) => push(word, &next.to_string(), true),
                        Some('"') if end.is_some() => push(word, "\"", true),
                        Some('\n') => {}
                        Some(next) => push(word, &format!("\\{next}"), true),
                        None => push(word, "\\", true),
                    }
                }
                Some('$') => self.dollar(word, true)?,
                Some('`') => self.backquote(word, true)?,
                Some(next) => {
                    self.at += 1;
                    push(word, &next.to_string(), true);
                }
            }
        }
    }

    fn backquote(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(SyntaxError("syntax error: EOF in backquote substitution".into())),
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(next @ ('`' | '\\' | '$')) => text.push(next),
                    Some(next) => text.extend(['\\', next]),
                    None => {}
                },
                Some(next) => text.push(next),
            }
        }
        let command = self.nested(&text).list(&[])?;
        word.push(Part::Substitution { command, quoted });
        Ok(())
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        self.at += 1;
        match self.peek() {
            Some('(') if self.peek_at(1) == Some('(') => {
                self.at += 2;
                let text = self.until_closed("))")?;
                let mut expression = Word::new();
                self.nested(&text).quoted(&mut expression, None)?;
                word.push(Part::Arithmetic { expression, quoted });
            }
            Some('(') => {
                self.at += 1;
                let command = self.list(&[])?;
                if !self.eat(")") {
                    return Err(self.unexpected());
                }
                word.push(Part::Substitution { command, quoted });
            }
            Some('{') => {
                self.at += 1;
                self.braced(word, quoted)?;
            }
            Some(next) if next.is_ascii_digit() || "?$#@*!-".contains(next) => {
                self.at += 1;
                word.push(Part::Parameter { name: next.to_string(), operator: Operator::None, quoted });
            }
            Some(next) if is_name(next) => {
                let mut name = String::new();
                while let Some(next) = self.peek().filter(|next| is_name(*next)) {
                    name.push(next);
                    self.at += 1;
                }
                word.push(Part::Parameter { name, operator: Operator::None, quoted });
            }
            _ => push(word, "$", quoted),
        }
        Ok(())
    }

    /// Text up to `end`, over balanced parentheses.
    fn until_closed(&mut self, end: &str) -> Parsed<String> {
        let mut text = String::new();
        let mut depth = 0;
        loop {
            if depth == 0 && self.eat(end) {
                return Ok(text);
            }
            match self.next() {
                None => return Err(SyntaxError("syntax error: missing '))'".into())),
                Some(next) => {
                    depth += match next {
                        '(' => 1,
                        ')' => -1,
                        _ => 0,
                    };
                    text.push(next);
                }
            }
        }
    }

    /// The rest of `${…}`.
    fn braced(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        if self.peek() == Some('#') && self.peek_at(1) != Some('}') {
            self.at += 1;
            let name = self.braced_name();
            self.close_brace()?;
            word.push(Part::Parameter { name, operator: Operator::Length, quoted });
            return Ok(());
        }
        let name = self.braced_name();
        let colon = self.eat(":");
        let operator = match self.next() {
            Some('}') if !colon => {
                word.push(Part::Parameter { name, operator: Operator::None, quoted });
                return Ok(());
            }
            Some('-') => Operator::Default { word: self.braced_word()?, colon },
            Some('=') => Operator::Assign { word: self.braced_word()?, colon },
            Some('+') => Operator::Alternative { word: self.braced_word()?, colon },
            Some('?') => Operator::Error { word: self.braced_word()?, colon },
            Some('#') => {
                let longest = self.eat("#");
                Operator::TrimStart { pattern: self.braced_word()?, longest }
            }
            Some('%') => {
                let longest = self.eat("%");
                Operator::TrimEnd { pattern: self.braced_word()?, longest }
            }
            _ => return Err(SyntaxError("syntax error: bad substitution".into())),
        };
        word.push(Part::Parameter { name, operator, quoted });
        Ok(())
    }

    fn braced_name(&mut self) -> String {
        let mut name = String::new();
        while let Some(next) = self.peek().filter(|next| is_name(*next)) {
            name.push(next);
            self.at += 1;
        }
        if name.is_empty() {
            name.extend(self.next());
        }
        name
    }

    fn close_brace(&mut self) -> Parsed<()> {
        if self.eat("}") { Ok(()) } else { Err(SyntaxError("syntax error: bad substitution".into())) }
    }

    /// The word of an operator, up to the closing brace.
    fn braced_word(&mut self) -> Parsed<Word> {
        let mut word = Word::new();
        loop {
            match self.peek() {
                None => return Err(SyntaxError("syntax error: missing '}'".into())),
                Some('}') => {
                    self.at += 1;
                    return Ok(word);
                }
                Some('"') => {
                    self.at += 1;
                    push(&mut word, "", true);
                    self.quoted(&mut word, Some('"'))?;
                }
                Some('\'') => {
                    self.at += 1;
                    while let Some(next) = self.next().filter(|next| *next != '\'') {
                        push(&mut word, &next.to_string(), true);
                    }
                }
                Some('$') => self.dollar(&mut word, false)?,
                Some('\\') => {
                    self.at += 1;
                    if let Some(next) = self.next() {
                        push(&mut word, &next.to_string(), true);
                    }
                }
                Some(next) => {
                    self.at += 1;
                    push(&mut word, &next.to_string(), false);
                }
            }
        }
    }
}
