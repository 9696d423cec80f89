//! Patterns: `*`, `?` and `[…]`, as `case`, `${x#…}` and file names use them.

/// A character of a pattern; a quoted one stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyph {
    pub char: char,
    pub literal: bool,
}

/// Whether the whole of `text` matches.
pub fn matches(pattern: &[Glyph], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    if first.literal {
        return text.split_first().is_some_and(|(next, text)| *next == first.char && matches(rest, text));
    }
    match first.char {
        '*' => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        '?' => text.split_first().is_some_and(|(_, text)| matches(rest, text)),
        '[' => match class(rest) {
            Some((negated, set, rest)) => text.split_first().is_some_and(|(next, text)| {
                let inside = set.iter().any(|(low, high)| low <= next && next <= high);
                inside != negated && matches(rest, text)
            }),
            None => text.split_first().is_some_and(|(next, text)| *next == '[' && matches(rest, text)),
        },
        char => text.split_first().is_some_and(|(next, text)| *next == char && matches(rest, text)),
    }
}

type Class<'a> = (bool, Vec<(char, char)>, &'a [Glyph]);

/// The class after `[`: whether it is negated, its ranges, and what follows.
fn class(pattern: &[Glyph]) -> Option<Class<'_>> {
    let mut at = 0;
    let negated = pattern.first().is_some_and(|glyph| matches!(glyph.char, '!' | '^'));
    if negated {
        at += 1;
    }
    let mut set = Vec::new();
    let begin = at;
    loop {
        let low = pattern.get(at)?.char;
        if low == ']' && at > begin {
            return Some((negated, set, &pattern[at + 1..]));
        }
        if pattern.get(at + 1).is_some_and(|dash| dash.char == '-')
            && pattern.get(at + 2).is_some_and(|high| high.char != ']')
        {
            set.push((low, pattern[at + 2].char));
            at += 3;
        } else {
            set.push((low, low));
            at += 1;
        }
    }
}

/// An unquoted pattern.
pub fn glyphs(text: &str) -> Vec<Glyph> {
    text.chars().map(|char| Glyph { char, literal: false }).collect()
}

/// Whether a pattern has anything but literal characters.
pub fn is_pattern(pattern: &[Glyph]) -> bool {
    pattern.iter().any(|glyph| !glyph.literal && matches!(glyph.char, '*' | '?' | '['))
}
