//! JSON text to a value, with the errors of Go's encoding/json and the paths of repeated keys.
//!
//! Mirrors sigs.k8s.io/json (`UnmarshalCaseSensitivePreserveInts`): integers stay integers where they fit 64
//! bits. Leaves out: reporting more than the first error.

use serde_json::{Number, Value};

use super::{Map, NESTING_MAX, float};

/// A JSON value that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonDocument {
    pub value: Value,
    /// The paths of keys that a map gives twice: `spec.containers[0].image`.
    pub duplicates: Vec<String>,
}

/// Why JSON text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Bytes read before the error.
    pub offset: usize,
    /// `invalid character 'x' looking for beginning of value`.
    pub message: String,
    /// The text ends too early.
    pub at_end: bool,
}

/// Reads the one JSON value of `text`: `json.Unmarshal`.
///
/// # Errors
/// The first syntax error; at the end of the text `unexpected end of JSON input`.
pub fn read(text: &str) -> Result<JsonDocument, SyntaxError> {
    let mut reader = Reader::new(text, 0);
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(JsonDocument { value, duplicates: reader.duplicates }),
        Some(_) => Err(reader.unexpected("after top-level value")),
    }
}

/// Reads the values that follow each other in `text`, each with the offset it begins at: `json.Decoder`. It
/// stops at the first error.
pub fn read_stream(text: &str) -> Vec<(usize, Result<JsonDocument, SyntaxError>)> {
    let mut documents = Vec::new();
    let mut position = 0;
    loop {
        let mut reader = Reader::new(text, position);
        reader.space();
        let start = reader.position;
        if reader.peek().is_none() {
            return documents;
        }
        match reader.value(0) {
            Ok(value) => {
                position = reader.position;
                documents.push((start, Ok(JsonDocument { value, duplicates: reader.duplicates })));
            }
            Err(error) => {
                documents.push((start, Err(error)));
                return documents;
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    path: String,
    duplicates: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, position: usize) -> Self {
        Reader { text, bytes: text.as_bytes(), position, path: String::new(), duplicates: Vec::new() }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.position += 1;
        }
    }

    /// The next character is wrong here.
    fn unexpected(&self, context: &str) -> SyntaxError {
        match self.text[self.position..].chars().next() {
            None => {
                SyntaxError { offset: self.position, message: "unexpected end of JSON input".to_owned(), at_end: true }
            }
            Some(letter) => {
                // Go looks at bytes: the first of a longer character is printed as Latin-1.
                let letter = if letter.is_ascii() { letter } else { char::from(self.bytes[self.position]) };
                let quoted = match letter {
                    '\'' => "'\\''".to_owned(),
                    '"' => "'\"'".to_owned(),
                    letter if letter.is_ascii() => format!("'{}'", letter.escape_debug()),
                    letter => format!("'{letter}'"),
                };
                let message = format!("invalid character {quoted} {context}");
                SyntaxError { offset: self.position + 1, message, at_end: false }
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        if depth > NESTING_MAX {
            let message = "exceeded max depth".to_owned();
            return Err(SyntaxError { offset: self.position, message, at_end: false });
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.position += 1;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.position += 1;
            return Ok(Value::Object(map));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.position += 1;
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            if map.contains_key(&key) && !self.duplicates.contains(&self.path) {
                self.duplicates.push(self.path.clone());
            }
            let value = self.value(depth + 1)?;
            self.path.truncate(length);
            map.insert(key, value);
            self.space();
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b'}') => {
                    self.position += 1;
                    return Ok(Value::Object(map));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.position += 1;
        let mut list = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.position += 1;
            return Ok(Value::Array(list));
        }
        loop {
            let length = self.path.len();
            self.path.push_str(&format!("[{}]", list.len()));
            list.push(self.value(depth + 1)?);
            self.path.truncate(length);
            self.space();
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b']') => {
                    self.position += 1;
                    return Ok(Value::Array(list));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, SyntaxError> {
        for expected in word.chars() {
            if self.peek() != Some(expected as u8) {
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.position += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let start = self.position;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
        self.position - start
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else if self.digits() == 0 {
            return Err(self.unexpected("in numeric literal"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.position += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        let text = &self.text[start..self.position];
        if let (true, Ok(number)) = (whole, text.parse::<i64>()) {
            return Ok(Value::from(number));
        }
        let float = float::parse(text).and_then(Number::from_f64);
        float.map(Value::Number).ok_or_else(|| SyntaxError {
            offset: self.position,
            message: format!("json: cannot unmarshal number {text} into Go value of type float64"),
            at_end: false,
        })
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.position += 1;
        let mut text = String::new();
        loop {
            let start = self.position;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.position += 1;
            }
            text.push_str(&self.text[start..self.position]);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.position += 1;
                    text.push(self.escape()?);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let letter = match self.peek() {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.position += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.position += 1;
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let first = self.hexadecimal()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.position..].starts_with(b"\\u") {
            let before = self.position;
            self.position += 2;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.position = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("in \\u hexadecimal character escape")) };
            code = code * 16 + digit;
            self.position += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read, read_stream};

    #[track_caller]
    fn fails(text: &str, message: &str) {
        assert_eq!(read(text).expect_err(text).message, message, "{text}");
    }

    #[test]
    fn errors_are_gos() {
        fails("", "unexpected end of JSON input");
        fails("{\"a\":1", "unexpected end of JSON input");
        fails("{\"a\":1}}", "invalid character '}' after top-level value");
        fails("{a:1}", "invalid character 'a' looking for beginning of object key string");
        fails("{\"a\" 1}", "invalid character '1' after object key");
        fails("{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair");
        fails("[1 2]", "invalid character '2' after array element");
        fails("nul", "unexpected end of JSON input");
        fails("nulx", "invalid character 'x' in literal null (expecting 'l')");
        fails("1.x", "invalid character 'x' after decimal point in numeric literal");
        fails("\"a\nb\"", "invalid character '\\n' in string literal");
        fails("\"\\q\"", "invalid character 'q' in string escape code");
        fails("'a'", "invalid character '\\'' looking for beginning of value");
    }

    #[test]
    fn values_and_repeated_keys_are_read() {
        let text = r#"{"a":[{"b":1,"b":2}],"c":"\u00e9\ud83d\ude00","d":-1.5e2,"e":9007199254740993}"#;
        let document = read(text).expect("valid JSON");
        assert_eq!(document.value, json!({"a": [{"b": 2}], "c": "é😀", "d": -150.0, "e": 9_007_199_254_740_993_i64}));
        assert_eq!(document.duplicates, ["a[0].b"]);
        assert_eq!(read_stream("{} [1]\n2 x").len(), 4);
    }
}
