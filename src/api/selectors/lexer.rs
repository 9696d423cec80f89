//! The tokens and grammar of label selectors, and what a label's key and value may be.
//!
//! Mirrors the `Lexer` and `Parser` of k8s.io/apimachinery/pkg/labels/selector.go and `IsQualifiedName`,
//! `IsValidLabelValue` of pkg/util/validation.

use super::{Operator, Requirement};

use crate::sim::Order;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Error,
    EndOfString,
    ClosedPar,
    Comma,
    DoesNotExist,
    DoubleEquals,
    Equals,
    GreaterThan,
    Identifier,
    In,
    LessThan,
    NotEquals,
    NotIn,
    OpenPar,
}

fn token_of(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::ClosedPar,
        "," => Token::Comma,
        "!" => Token::DoesNotExist,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::GreaterThan,
        "in" => Token::In,
        "<" => Token::LessThan,
        "!=" => Token::NotEquals,
        "notin" => Token::NotIn,
        "(" => Token::OpenPar,
        _ => return None,
    })
}

fn is_special(letter: char) -> bool {
    matches!(letter, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

/// Whether `in` and `notin` are keywords here, or values like any other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    KeyAndOperator,
    Values,
}

/// A label selector being read.
pub(super) struct Parser {
    tokens: Vec<(Token, String)>,
    position: usize,
}

impl Parser {
    pub(super) fn new(text: &str) -> Self {
        Parser { tokens: scan(text), position: 0 }
    }

    fn lookahead(&self, context: Context) -> (Token, &str) {
        let (token, literal) = &self.tokens[self.position];
        match token {
            Token::In | Token::NotIn if context == Context::Values => (Token::Identifier, literal),
            token => (*token, literal),
        }
    }

    fn consume(&mut self, context: Context) -> (Token, String) {
        let (token, literal) = self.lookahead(context);
        let taken = (token, literal.to_owned());
        // The last token is the end of the string: it stays.
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        taken
    }

    pub(super) fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.lookahead(Context::Values) {
                (Token::Identifier | Token::DoesNotExist, _) => {
                    let requirement =
                        self.requirement().map_err(|error| format!("unable to parse requirement: {error}"))?;
                    requirements.push(requirement);
                    match self.consume(Context::Values) {
                        (Token::EndOfString, _) => return Ok(requirements),
                        (Token::Comma, _) => {
                            let (token, literal) = self.lookahead(Context::Values);
                            if token != Token::Identifier && token != Token::DoesNotExist {
                                return Err(format!("found '{literal}', expected: identifier after ','"));
                            }
                        }
                        (_, literal) => {
                            return Err(format!("found '{literal}', expected: ',' or 'end of string'"));
                        }
                    }
                }
                (Token::EndOfString, _) => return Ok(requirements),
                (_, literal) => {
                    return Err(format!("found '{literal}', expected: !, identifier, or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.consume(Context::Values);
        let negated = token == Token::DoesNotExist;
        if negated {
            (token, key) = self.consume(Context::Values);
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        // A parser without a path prints a nil `field.Path`.
        validate_key("<nil>", &key)?;
        let ends = matches!(self.lookahead(Context::Values).0, Token::EndOfString | Token::Comma);
        if negated {
            return Requirement::new(&key, Operator::DoesNotExist, Vec::new());
        }
        if ends {
            return Requirement::new(&key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => self.exact_value()?,
        };
        values.order();
        values.dedup();
        Requirement::new(&key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let (token, literal) = self.consume(Context::KeyAndOperator);
        Ok(match token {
            Token::In => Operator::In,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::GreaterThan => Operator::GreaterThan,
            Token::LessThan => Operator::LessThan,
            Token::NotIn => Operator::NotIn,
            Token::NotEquals => Operator::NotEquals,
            _ => return Err(format!("found '{literal}', expected: in, notin, =, ==, !=, gt, lt")),
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, literal) = self.consume(Context::Values);
        if token != Token::OpenPar {
            return Err(format!("found '{literal}' expected: '('"));
        }
        let (token, literal) = self.lookahead(Context::Values);
        let literal = literal.to_owned();
        match token {
            Token::Identifier | Token::Comma => {
                let values = self.identifiers()?;
                if self.consume(Context::Values).0 != Token::ClosedPar {
                    return Err(format!("found '{literal}', expected: ')'"));
                }
                Ok(values)
            }
            Token::ClosedPar => {
                self.consume(Context::Values);
                Ok(vec![String::new()])
            }
            _ => Err(format!("found '{literal}', expected: ',', ')' or identifier")),
        }
    }

    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values: Vec<String> = Vec::new();
        loop {
            match self.consume(Context::Values) {
                (Token::Identifier, literal) => {
                    values.push(literal);
                    match self.lookahead(Context::Values) {
                        (Token::Comma, _) => {}
                        (Token::ClosedPar, _) => return Ok(values),
                        (_, literal) => return Err(format!("found '{literal}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.lookahead(Context::Values).0 {
                        Token::ClosedPar => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Token::Comma => {
                            self.consume(Context::Values);
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                (_, literal) => return Err(format!("found '{literal}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<Vec<String>, String> {
        if matches!(self.lookahead(Context::Values).0, Token::EndOfString | Token::Comma) {
            return Ok(vec![String::new()]);
        }
        match self.consume(Context::Values) {
            (Token::Identifier, literal) => Ok(vec![literal]),
            (_, literal) => Err(format!("found '{literal}', expected: identifier")),
        }
    }
}

fn scan(text: &str) -> Vec<(Token, String)> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut position = 0;
    while position < letters.len() {
        let letter = letters[position];
        if is_space(letter) {
            position += 1;
        } else if is_special(letter) {
            let (token, literal, length) = scan_special(&letters[position..]);
            tokens.push((token, literal));
            position += length;
        } else {
            let length =
                letters[position..].iter().take_while(|letter| !is_special(**letter) && !is_space(**letter)).count();
            let literal: String = letters[position..position + length].iter().collect();
            tokens.push((token_of(&literal).unwrap_or(Token::Identifier), literal));
            position += length;
        }
    }
    tokens.push((Token::EndOfString, String::new()));
    tokens
}

/// The longest operator at the start; its length in letters.
fn scan_special(letters: &[char]) -> (Token, String, usize) {
    let mut buffer = String::new();
    let mut last: Option<(Token, usize)> = None;
    for (index, letter) in letters.iter().enumerate() {
        if !is_special(*letter) {
            break;
        }
        buffer.push(*letter);
        match token_of(&buffer) {
            Some(token) => last = Some((token, index + 1)),
            None if last.is_some() => break,
            None => {}
        }
    }
    match last {
        Some((token, length)) => (token, letters[..length].iter().collect(), length),
        None => {
            let length = buffer.chars().count();
            (Token::Error, format!("error expected: keyword found '{buffer}'"), length)
        }
    }
}

const QUALIFIED_NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const QUALIFIED_NAME_PARTS: &str = "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
const SUBDOMAIN: &str = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    outer(bytes.first())
        && outer(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_subdomain(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.split('.').all(|label| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(inner)
            && bytes.last().is_some_and(inner)
            && bytes.iter().all(|byte| inner(byte) || *byte == b'-')
    })
}

/// What is wrong with a label's key: `validation.IsQualifiedName`.
pub(super) fn qualified_name_findings(key: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                findings.push("prefix part must be non-empty".to_owned());
            } else if prefix.len() > 253 {
                findings.push("prefix part must be no more than 253 characters".to_owned());
            } else if !is_subdomain(prefix) {
                findings.push(SUBDOMAIN.to_owned());
            }
            *name
        }
        _ => return vec![QUALIFIED_NAME_PARTS.to_owned()],
    };
    if name.is_empty() {
        findings.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        findings.push("name part must be no more than 63 characters".to_owned());
    }
    if !is_name(name) {
        findings.push(QUALIFIED_NAME.to_owned());
    }
    findings
}

pub(super) fn validate_key(path: &str, key: &str) -> Result<(), String> {
    let findings = qualified_name_findings(key);
    if findings.is_empty() { Ok(()) } else { Err(format!("{path}: Invalid value: {key:?}: {}", findings.join("; "))) }
}

pub(super) fn validate_value(path: &str, value: &str) -> Result<(), String> {
    let mut findings = Vec::new();
    if value.len() > 63 {
        findings.push("must be no more than 63 characters");
    }
    if !value.is_empty() && !is_name(value) {
        findings.push(LABEL_VALUE);
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{path}: Invalid value: {value:?}: {}", findings.join("; "))) }
}
