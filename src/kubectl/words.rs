//! Splits a line into words as a shell does: quotes, backslashes, no expansion.

/// The words of `line`.
///
/// # Errors
/// A sentence when a quote is not closed.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some(inner) => word.push(inner),
                        None => return Err("unexpected EOF while looking for matching `''".to_owned()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('"') => break,
                        Some('\\') => match letters.next() {
                            Some('\n') => {}
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err("unexpected EOF while looking for matching `\"'".to_owned()),
                        },
                        Some(inner) => word.push(inner),
                        None => return Err("unexpected EOF while looking for matching `\"'".to_owned()),
                    }
                }
            }
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '#' if word.is_none() => break,
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[track_caller]
    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line).expect("the quotes are closed"), words);
    }

    #[test]
    fn quotes_group_words() {
        check(
            "get  pods -o 'jsonpath={.items[*].metadata.name}'",
            &["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"],
        );
        check(r#"patch x -p "{\"a\": 1}" '' # why"#, &["patch", "x", "-p", r#"{"a": 1}"#, ""]);
        check(r"a\ b", &["a b"]);
        assert!(split("say 'no").is_err());
    }
}
