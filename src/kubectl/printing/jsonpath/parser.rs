//! From the text of a template to its nodes.

use serde_json::Value;

use super::{Node, Operand, Step};

/// Reads a template letter by letter.
pub(super) struct Parser {
    letters: Vec<char>,
    at: usize,
}

impl Parser {
    /// Before the first letter.
    pub(super) fn new(text: &str) -> Self {
        Parser { letters: text.chars().collect(), at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += 1;
        letter
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Nodes up to the end of the text or, in a range, its `{end}`; and whether that was met.
    pub(super) fn nodes(&mut self, inside: bool) -> Result<(Vec<Node>, bool), String> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(letter) = self.next() {
            if letter != '{' {
                text.push(letter);
                continue;
            }
            if !text.is_empty() {
                nodes.push(Node::Text(std::mem::take(&mut text)));
            }
            loop {
                self.blanks();
                match self.peek() {
                    None => return Err("unclosed action".to_owned()),
                    Some('}') => {
                        self.at += 1;
                        break;
                    }
                    Some('"' | '\'') => nodes.push(Node::Text(self.quoted()?)),
                    Some(letter) if letter.is_alphabetic() => {
                        let word = self.word();
                        match word.as_str() {
                            "range" => {
                                self.blanks();
                                let path = self.steps()?;
                                self.close()?;
                                let (body, ended) = self.nodes(true)?;
                                if !ended {
                                    return Err("unclosed action".to_owned());
                                }
                                nodes.push(Node::Range(path, body));
                                break;
                            }
                            "end" => {
                                self.close()?;
                                if !inside {
                                    return Err("not in range, nothing to end".to_owned());
                                }
                                return Ok((nodes, true));
                            }
                            other => return Err(format!("unrecognized identifier {other}")),
                        }
                    }
                    Some(_) => nodes.push(Node::Path(self.steps()?)),
                }
            }
        }
        if !text.is_empty() {
            nodes.push(Node::Text(text));
        }
        Ok((nodes, false))
    }

    fn close(&mut self) -> Result<(), String> {
        self.blanks();
        if self.next() == Some('}') { Ok(()) } else { Err("unclosed action".to_owned()) }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self.peek().filter(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-')) {
            word.push(letter);
            self.at += 1;
        }
        word
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err("unterminated quoted string".to_owned()),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(other) => text.push(other),
                    None => return Err("unterminated quoted string".to_owned()),
                },
                letter if letter == quote => return Ok(text),
                Some(letter) => text.push(letter),
            }
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                Some('@' | '$') => self.at += 1,
                Some('.') => {
                    self.at += 1;
                    match self.peek() {
                        Some('.') => {
                            self.at += 1;
                            steps.push(Step::Recursive);
                            let name = self.field();
                            if !name.is_empty() {
                                steps.push(if name == "*" { Step::Wildcard } else { Step::Field(name) });
                            }
                        }
                        Some('[') => {}
                        _ => {
                            let name = self.field();
                            match name.as_str() {
                                "" => {}
                                "*" => steps.push(Step::Wildcard),
                                _ => steps.push(Step::Field(name)),
                            }
                        }
                    }
                }
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket()?);
                }
                Some('*') => {
                    self.at += 1;
                    steps.push(Step::Wildcard);
                }
                Some('}' | ']' | ')' | ' ' | '=' | '!' | '<' | '>' | ',' | '"' | '\'' | '\t' | '\n') => {
                    return Ok(steps);
                }
                None => return Err("unclosed action".to_owned()),
                Some(_) => {
                    let name = self.field();
                    if name.is_empty() {
                        let letter = self.next().unwrap_or(' ');
                        return Err(format!("unrecognized character in action: U+{:04X} '{letter}'", letter as u32));
                    }
                    steps.push(Step::Field(name));
                }
            }
        }
    }

    fn field(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            if letter == '\\' {
                self.at += 1;
                name.extend(self.next());
            } else if letter.is_whitespace() || ".[]{}()=!<>,'\"@$".contains(letter) {
                break;
            } else {
                name.push(letter);
                self.at += 1;
            }
        }
        name
    }

    fn bracket(&mut self) -> Result<Step, String> {
        if self.peek() == Some('?') {
            self.at += 1;
            if self.next() != Some('(') {
                return Err("unterminated filter".to_owned());
            }
            let left = self.operand()?;
            self.blanks();
            let mut operator = String::new();
            while let Some(letter) = self.peek().filter(|letter| "=!<>".contains(*letter)) {
                operator.push(letter);
                self.at += 1;
            }
            let right = if operator.is_empty() { None } else { Some((operator, self.operand()?)) };
            self.blanks();
            if self.next() != Some(')') || self.next() != Some(']') {
                return Err("unterminated filter".to_owned());
            }
            return Ok(Step::Filter(left, right));
        }
        let mut parts: Vec<Step> = Vec::new();
        loop {
            self.blanks();
            parts.push(match self.peek() {
                Some('"' | '\'') => Step::Field(self.quoted()?),
                Some('*') => {
                    self.at += 1;
                    Step::Wildcard
                }
                Some(_) => self.range()?,
                None => return Err("unterminated array".to_owned()),
            });
            self.blanks();
            match self.next() {
                Some(',') => {}
                Some(']') => break,
                _ => return Err("unterminated array".to_owned()),
            }
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        Ok(Step::Union(parts.into_iter().map(|part| vec![part]).collect()))
    }

    fn range(&mut self) -> Result<Step, String> {
        let mut text = String::new();
        while let Some(letter) = self.peek().filter(|letter| !matches!(letter, ']' | ',')) {
            text.push(letter);
            self.at += 1;
        }
        let number = |part: &str| -> Result<Option<i64>, String> {
            match part.trim() {
                "" => Ok(None),
                part => part.parse().map(Some).map_err(|_| format!("invalid array index {text}")),
            }
        };
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [one] => number(one)?.map(Step::Index).ok_or(format!("invalid array index {text}")),
            [from, to] => Ok(Step::Slice(number(from)?, number(to)?, 1)),
            [from, to, step] => Ok(Step::Slice(number(from)?, number(to)?, number(step)?.unwrap_or(1))),
            _ => Err(format!("invalid array index {text}")),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.blanks();
        match self.peek() {
            Some('"' | '\'') => Ok(Operand::Literal(Value::from(self.quoted()?))),
            Some('@' | '.' | '$') => Ok(Operand::Path(self.steps()?)),
            _ => {
                let mut word = String::new();
                while let Some(letter) = self.peek().filter(|letter| !" )=!<>".contains(*letter)) {
                    word.push(letter);
                    self.at += 1;
                }
                serde_json::from_slice(word.as_bytes())
                    .map(Operand::Literal)
                    .map_err(|_| format!("cannot parse filter {word}"))
            }
        }
    }
}
