//! `$((…))`: integer expressions.

/// Evaluates an expression. `variable` gives the value of a name; `assign` hears `name = value`.
///
/// # Errors
/// What is wrong with it, as ash words it.
pub fn evaluate(
    text: &str,
    variable: &dyn Fn(&str) -> i64,
    assign: &mut dyn FnMut(&str, i64),
) -> Result<i64, &'static str> {
    let mut evaluator = Evaluator { text: text.as_bytes(), at: 0, variable, assign };
    let value = evaluator.ternary()?;
    evaluator.space();
    if evaluator.at < evaluator.text.len() { Err("arithmetic syntax error") } else { Ok(value) }
}

struct Evaluator<'a> {
    text: &'a [u8],
    at: usize,
    variable: &'a dyn Fn(&str) -> i64,
    assign: &'a mut dyn FnMut(&str, i64),
}

/// Binary operators, loosest first; longer ones before their prefixes.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Evaluator<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let found = self.text[self.at..].starts_with(token.as_bytes());
        if found {
            self.at += token.len();
        }
        found
    }

    /// An operator, unless it is the beginning of a longer one.
    fn operator(&mut self, token: &str) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        if !rest.starts_with(token.as_bytes()) {
            return false;
        }
        let after = rest.get(token.len()).copied().unwrap_or(b' ');
        let longer = match token {
            "|" => after == b'|',
            "&" => after == b'&',
            "<" => after == b'<' || after == b'=',
            ">" => after == b'>' || after == b'=',
            "+" | "-" | "*" | "/" | "%" => after == b'=',
            _ => false,
        };
        if !longer {
            self.at += token.len();
        }
        !longer
    }

    fn ternary(&mut self) -> Result<i64, &'static str> {
        let condition = self.binary(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let yes = self.ternary()?;
        if !self.eat(":") {
            return Err("malformed ?: operator");
        }
        let no = self.ternary()?;
        Ok(if condition != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize) -> Result<i64, &'static str> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let Some(operator) = operators.iter().find(|operator| self.operator(operator)) else { return Ok(left) };
            let right = self.binary(level + 1)?;
            left = apply(operator, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<i64, &'static str> {
        self.space();
        for (token, step) in [("++", 1), ("--", -1)] {
            if self.eat(token) {
                let name = self.name().ok_or("arithmetic syntax error")?;
                let value = (self.variable)(&name).wrapping_add(step);
                (self.assign)(&name, value);
                return Ok(value);
            }
        }
        if self.eat("-") {
            return Ok(self.unary()?.wrapping_neg());
        }
        if self.eat("+") {
            return self.unary();
        }
        if self.eat("!") {
            return Ok(i64::from(self.unary()? == 0));
        }
        if self.eat("~") {
            return Ok(!self.unary()?);
        }
        if self.eat("(") {
            let value = self.ternary()?;
            return if self.eat(")") { Ok(value) } else { Err("arithmetic syntax error") };
        }
        self.primary()
    }

    fn name(&mut self) -> Option<String> {
        self.space();
        let start = self.at;
        while self.text.get(self.at).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_') {
            self.at += 1;
        }
        (self.at > start).then(|| String::from_utf8_lossy(&self.text[start..self.at]).into_owned())
    }

    fn primary(&mut self) -> Result<i64, &'static str> {
        let word = self.name().ok_or("arithmetic syntax error")?;
        if word.as_bytes()[0].is_ascii_digit() {
            return number(&word).ok_or("arithmetic syntax error");
        }
        for operator in ["+=", "-=", "*=", "/=", "%="] {
            if self.eat(operator) {
                let right = self.ternary()?;
                let value = apply(&operator[..1], (self.variable)(&word), right)?;
                (self.assign)(&word, value);
                return Ok(value);
            }
        }
        for (token, step) in [("++", 1), ("--", -1)] {
            if self.eat(token) {
                let value = (self.variable)(&word);
                (self.assign)(&word, value.wrapping_add(step));
                return Ok(value);
            }
        }
        self.space();
        let rest = &self.text[self.at..];
        if rest.starts_with(b"=") && !rest.starts_with(b"==") {
            self.at += 1;
            let value = self.ternary()?;
            (self.assign)(&word, value);
            return Ok(value);
        }
        Ok((self.variable)(&word))
    }
}

/// A number as C writes it.
pub fn number(word: &str) -> Option<i64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    if word.len() > 1 && word.starts_with('0') {
        return i64::from_str_radix(word, 8).ok();
    }
    word.parse().ok()
}

fn apply(operator: &str, left: i64, right: i64) -> Result<i64, &'static str> {
    Ok(match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<<" => left.wrapping_shl(right as u32),
        ">>" => left.wrapping_shr(right as u32),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right).ok_or("divide by zero")?,
        "%" => left.checked_rem(right).ok_or("divide by zero")?,
        other => unreachable!("{other} is not an operator"),
    })
}
