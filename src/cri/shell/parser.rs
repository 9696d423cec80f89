//! The parser: a recursive descent over the characters of a script.

use std::sync::Arc;

use super::syntax::{Command, Part, Redirect, Word};

/// A script that is not shell: what stands where it should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError(pub String);

type Parsed<T> = Result<T, SyntaxError>;

/// Parses a script.
///
/// # Errors
/// With the token that was unexpected, as ash words it.
pub fn parse(script: &str) -> Parsed<Arc<Command>> {
    let mut parser = Parser { chars: script.chars().collect(), at: 0, depth: 0 };
    let command = parser.list(&[])?;
    parser.skip_blank();
    match parser.peek() {
        None => Ok(command),
        Some(other) => Err(SyntaxError(format!("syntax error: unexpected \"{other}\""))),
    }
}

const RESERVED: &[&str] =
    &["if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}", "!", "in"];

/// How deep commands may nest: a guard against a paste that would overflow the stack.
const DEPTH_MAX: u32 = 64;

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    depth: u32,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, offset: usize) -> Option<char> {
        self.chars.get(self.at + offset).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, wanted)| self.peek_at(offset) == Some(wanted))
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Blanks, line continuations and comments.
    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.peek_at(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|next| next != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Also ends of lines.
    fn skip_blank(&mut self) {
        loop {
            self.skip_space();
            if self.peek() == Some('\n') {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    pub(super) fn unexpected(&self) -> SyntaxError {
        match self.peek() {
            None => SyntaxError("syntax error: unexpected end of file".into()),
            Some('\n') => SyntaxError("syntax error: unexpected newline".into()),
            Some(_) => {
                let token: String =
                    self.chars[self.at..].iter().take_while(|next| !next.is_whitespace()).take(20).collect();
                SyntaxError(format!("syntax error: unexpected \"{token}\""))
            }
        }
    }

    /// The reserved or plain word here, without taking it.
    fn word_here(&self) -> String {
        let stop = |next: &&char| !next.is_whitespace() && !";&|()<>".contains(**next);
        self.chars[self.at..].iter().take_while(stop).collect()
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.skip_blank();
        let here = self.word_here() == word;
        if here {
            self.at += word.chars().count();
        }
        here
    }

    fn expect_keyword(&mut self, word: &str) -> Parsed<()> {
        if self.keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Commands up to one of `ends` (not taken), `)`, `;;` or the end of the script.
    pub(super) fn list(&mut self, ends: &[&str]) -> Parsed<Arc<Command>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SyntaxError("syntax error: nested too deeply".into()));
        }
        let mut commands = Vec::new();
        loop {
            self.skip_blank();
            let word = self.word_here();
            if self.peek().is_none() || self.peek() == Some(')') || self.looking_at(";;") {
                break;
            }
            if ends.contains(&word.as_str()) {
                break;
            }
            let mut command = self.and_or()?;
            self.skip_space();
            if self.peek() == Some('&') && self.peek_at(1) != Some('&') {
                self.at += 1;
                command = Arc::new(Command::Background(command));
            } else if self.peek() == Some(';') && self.peek_at(1) != Some(';') {
                self.at += 1;
            } else if !matches!(self.peek(), None | Some('\n' | ')' | ';')) {
                return Err(self.unexpected());
            }
            commands.push(command);
        }
        self.depth -= 1;
        Ok(match commands.len() {
            1 => commands.remove(0),
            _ => Arc::new(Command::Sequence(commands)),
        })
    }

    fn and_or(&mut self) -> Parsed<Arc<Command>> {
        let mut left = self.pipeline()?;
        loop {
            self.skip_space();
            if self.eat("&&") {
                self.skip_blank();
                left = Arc::new(Command::And(left, self.pipeline()?));
            } else if self.eat("||") {
                self.skip_blank();
                left = Arc::new(Command::Or(left, self.pipeline()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn pipeline(&mut self) -> Parsed<Arc<Command>> {
        let negated = self.keyword("!");
        let mut commands = vec![self.command()?];
        loop {
            self.skip_space();
            if self.peek() == Some('|') && self.peek_at(1) != Some('|') {
                self.at += 1;
                self.skip_blank();
                commands.push(self.command()?);
            } else {
                break;
            }
        }
        if commands.len() == 1 && !negated {
            return Ok(commands.remove(0));
        }
        Ok(Arc::new(Command::Pipeline { negated, commands }))
    }

    fn command(&mut self) -> Parsed<Arc<Command>> {
        self.skip_space();
        let compound = match self.word_here().as_str() {
            "if" => self.if_command()?,
            "while" => self.loop_command("while")?,
            "until" => self.loop_command("until")?,
            "for" => self.for_command()?,
            "case" => self.case_command()?,
            "{" => {
                self.at += 1;
                let body = self.list(&["}"])?;
                self.expect_keyword("}")?;
                body
            }
            _ if self.peek() == Some('(') => {
                self.at += 1;
                let body = self.list(&[])?;
                if !self.eat(")") {
                    return Err(self.unexpected());
                }
                Arc::new(Command::Subshell(body))
            }
            _ => return self.simple(),
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        if redirects.is_empty() {
            return Ok(compound);
        }
        Ok(Arc::new(Command::Redirected { command: compound, redirects }))
    }

    fn if_command(&mut self) -> Parsed<Arc<Command>> {
        self.expect_keyword("if")?;
        let mut arms = Vec::new();
        let mut otherwise = None;
        loop {
            let condition = self.list(&["then"])?;
            self.expect_keyword("then")?;
            let body = self.list(&["elif", "else", "fi"])?;
            arms.push((condition, body));
            if self.keyword("elif") {
                continue;
            }
            if self.keyword("else") {
                otherwise = Some(self.list(&["fi"])?);
            }
            self.expect_keyword("fi")?;
            return Ok(Arc::new(Command::If { arms, otherwise }));
        }
    }

    fn loop_command(&mut self, keyword: &str) -> Parsed<Arc<Command>> {
        self.expect_keyword(keyword)?;
        let condition = self.list(&["do"])?;
        let body = self.do_group()?;
        Ok(Arc::new(Command::Loop { until: keyword == "until", condition, body }))
    }

    fn do_group(&mut self) -> Parsed<Arc<Command>> {
        self.expect_keyword("do")?;
        let body = self.list(&["done"])?;
        self.expect_keyword("done")?;
        Ok(body)
    }

    fn for_command(&mut self) -> Parsed<Arc<Command>> {
        self.expect_keyword("for")?;
        self.skip_space();
        let name = self.word_here();
        self.at += name.chars().count();
        let mut words = None;
        if self.keyword("in") {
            let mut list = Vec::new();
            loop {
                self.skip_space();
                match self.peek() {
                    None | Some(';' | '\n') => break,
                    _ => list.push(self.expect_word()?),
                }
            }
            words = Some(list);
        }
        self.skip_space();
        self.eat(";");
        let body = self.do_group()?;
        Ok(Arc::new(Command::For { name, words, body }))
    }

    fn case_command(&mut self) -> Parsed<Arc<Command>> {
        self.expect_keyword("case")?;
        self.skip_space();
        let word = self.expect_word()?;
        self.expect_keyword("in")?;
        let mut arms = Vec::new();
        loop {
            if self.keyword("esac") {
                return Ok(Arc::new(Command::Case { word, arms }));
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_space();
                patterns.push(self.expect_word()?);
                self.skip_space();
                if !self.eat("|") {
                    break;
                }
            }
            if !self.eat(")") {
                return Err(self.unexpected());
            }
            let body = self.list(&["esac"])?;
            self.eat(";;");
            arms.push((patterns, body));
        }
    }

    fn simple(&mut self) -> Parsed<Arc<Command>> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        let start = self.at;
        loop {
            self.skip_space();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let here = self.word_here();
            if words.is_empty() && assignments.is_empty() && RESERVED.contains(&here.as_str()) {
                return Err(self.unexpected());
            }
            if let Some(name) = assignment_name(&here).filter(|_| words.is_empty()) {
                self.at += name.chars().count() + 1;
                let value = self.word()?.unwrap_or_default();
                assignments.push((name.to_owned(), value));
                continue;
            }
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
            if let [only] = words.as_slice()
                && self.peek() == Some('(')
            {
                return self.function(only.clone());
            }
        }
        if self.at == start {
            return Err(self.unexpected());
        }
        Ok(Arc::new(Command::Simple { assignments, words, redirects }))
    }

    fn function(&mut self, word: Word) -> Parsed<Arc<Command>> {
        let [Part::Text { text, quoted: false }] = word.as_slice() else { return Err(self.unexpected()) };
        if !self.eat("(") || !self.eat(")") {
            return Err(self.unexpected());
        }
        self.skip_blank();
        let body = self.command()?;
        Ok(Arc::new(Command::Function { name: text.clone(), body }))
    }

    /// A redirection here, if there is one.
    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        self.skip_space();
        if self.looking_at("&>") {
            self.at += 2;
            let append = self.eat(">");
            self.skip_space();
            return Ok(Some(Redirect::Both { file: self.expect_word()?, append }));
        }
        let mut stream = None;
        let mut ahead = 0;
        if let Some(digit) = self.peek().and_then(|next| next.to_digit(10)) {
            if !matches!(self.peek_at(1), Some('<' | '>')) {
                return Ok(None);
            }
            stream = Some(digit as u8);
            ahead = 1;
        }
        match self.peek_at(ahead) {
            Some('>') => {
                self.at += ahead + 1;
                let stream = stream.unwrap_or(1);
                if self.eat("&") {
                    let from = self.next().and_then(|next| next.to_digit(10)).unwrap_or(1) as u8;
                    return Ok(Some(Redirect::Duplicate { stream, from }));
                }
                let append = self.eat(">");
                self.eat("|");
                self.skip_space();
                Ok(Some(Redirect::Output { stream, file: self.expect_word()?, append }))
            }
            Some('<') => {
                self.at += ahead + 1;
                if self.eat("<<") {
                    self.skip_space();
                    let mut text = self.expect_word()?;
                    text.push(Part::Text { text: "\n".into(), quoted: true });
                    return Ok(Some(Redirect::Here { text }));
                }
                if self.eat("<") {
                    return self.heredoc().map(Some);
                }
                self.skip_space();
                Ok(Some(Redirect::Input { file: self.expect_word()? }))
            }
            _ => Ok(None),
        }
    }

    /// `<< END`: the text is taken out of the script, so that the rest of the line parses on.
    fn heredoc(&mut self) -> Parsed<Redirect> {
        let strip = self.eat("-");
        self.skip_space();
        let raw = self.word_here();
        self.at += raw.chars().count();
        let literal = raw.contains(['\'', '"', '\\']);
        let end: String = raw.chars().filter(|next| !"'\"\\".contains(*next)).collect();
        let Some(line_end) = self.chars[self.at..].iter().position(|next| *next == '\n').map(|found| self.at + found)
        else {
            return Err(self.unexpected());
        };
        let mut text = String::new();
        let mut from = line_end + 1;
        loop {
            let to = self.chars[from..].iter().position(|next| *next == '\n').map_or(self.chars.len(), |to| from + to);
            let mut line: String = self.chars[from..to].iter().collect();
            if strip {
                line = line.trim_start_matches('\t').to_owned();
            }
            let last = to >= self.chars.len();
            from = (to + 1).min(self.chars.len());
            if line == end || last {
                break;
            }
            text.push_str(&line);
            text.push('\n');
        }
        self.chars.drain(line_end + 1..from);
        if literal {
            return Ok(Redirect::Here { text: vec![Part::Text { text, quoted: true }] });
        }
        let mut inner = Parser { chars: text.chars().collect(), at: 0, depth: self.depth };
        let mut word = Word::new();
        inner.quoted(&mut word, None)?;
        Ok(Redirect::Here { text: word })
    }

    pub(super) fn nested(&self, text: &str) -> Parser {
        Parser { chars: text.chars().collect(), at: 0, depth: self.depth + 1 }
    }

    fn expect_word(&mut self) -> Parsed<Word> {
        match self.word()? {
            Some(word) => Ok(word),
            None => Err(self.unexpected()),
        }
    }
}

/// The name of an assignment `name=…`.
fn assignment_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let mut chars = name.chars();
    let first = chars.next()?;
    let valid = (first.is_ascii_alphabetic() || first == '_') && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then_some(name)
}
