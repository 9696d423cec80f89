//! How a string is written in YAML, and in which order keys come.
//!
//! Mirrors `yaml_emitter_analyze_scalar` and `yaml_emitter_select_scalar_style` of go-yaml v2's emitterc.go, and
//! `keyList` of its sorter.go.

use std::cmp::Ordering;

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    DoubleQuoted,
    Literal,
    Plain,
    SingleQuoted,
}

impl Style {
    /// The style of a string; `plain_is_string` says that it needs no quotes to be read as one.
    pub(super) fn of(text: &str, analysis: &Analysis, is_key: bool, plain_is_string: bool) -> Style {
        if text.contains('\n') {
            return if analysis.block && !is_key { Style::Literal } else { Style::DoubleQuoted };
        }
        match plain_is_string {
            true if analysis.plain => Style::Plain,
            true if analysis.single_quoted => Style::SingleQuoted,
            _ => Style::DoubleQuoted,
        }
    }
}

/// Which styles a string may have.
pub(super) struct Analysis {
    pub(super) multiline: bool,
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    pub(super) block: bool,
}

/// What go-yaml's reader takes for a line break.
pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml writes as it is. Tabs and characters beyond the basic plane are not among it.
pub(super) fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

impl Analysis {
    pub(super) fn of(text: &str) -> Analysis {
        let letters: Vec<char> = text.chars().collect();
        let (Some(first), Some(last)) = (letters.first().copied(), letters.last().copied()) else {
            return Analysis { multiline: false, plain: true, single_quoted: true, block: false };
        };
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
        for (index, letter) in letters.iter().copied().enumerate() {
            let before_blank = letters.get(index + 1).is_none_or(|next| matches!(next, ' ' | '\t') || is_break(*next));
            indicators |= match letter {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if index == 0 =>
                {
                    true
                }
                '?' | '-' if index == 0 => before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            special |= !is_printable(letter);
            breaks |= is_break(letter);
            break_space |= letter == ' ' && after_break;
            space_break |= is_break(letter) && after_space;
            after_space = letter == ' ';
            after_break = is_break(letter);
            after_blank = matches!(letter, ' ' | '\t') || is_break(letter);
        }
        let edge = |letter: char| letter == ' ' || is_break(letter);
        let broken = space_break || special;
        Analysis {
            multiline: breaks,
            plain: !(indicators || breaks || broken || break_space || edge(first) || edge(last)),
            single_quoted: !(broken || break_space),
            block: !broken && last != ' ',
        }
    }
}

/// The chomping hint of a literal block: `-` where the text ends without a break, `+` where it ends with
/// several.
pub(super) fn chomping_hint(text: &str) -> Option<char> {
    let mut letters = text.chars().rev();
    match (letters.next().is_some_and(is_break), letters.next()) {
        (false, _) => Some('-'),
        (true, None) => Some('+'),
        (true, Some(before)) if is_break(before) => Some('+'),
        (true, Some(_)) => None,
    }
}

/// The order of keys: letters after everything else, and numbers by their value (`a2` before `a10`).
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    if goes_before(a, b) { Ordering::Less } else { Ordering::Greater }
}

fn goes_before(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for (index, (left, right)) in a.iter().zip(&b).enumerate() {
        if left == right {
            continue;
        }
        match (left.is_alphabetic(), right.is_alphabetic()) {
            (true, true) => return left < right,
            (false, false) => {}
            (_, right_is_letter) => return right_is_letter,
        }
        // Zeros count only after another digit.
        let significant = (*left == '0' || *right == '0')
            && a[..index].iter().rev().take_while(|letter| letter.is_numeric()).any(|letter| *letter != '0');
        let start = i64::from(significant);
        let (left_number, left_end) = number(&a[index..], start);
        let (right_number, right_end) = number(&b[index..], start);
        return (left_number, left_end, left) < (right_number, right_end, right);
    }
    a.len() < b.len()
}

/// The number at the start of the letters, after `start` as its leading digit, and how many letters it has.
fn number(letters: &[char], start: i64) -> (i64, usize) {
    let digits = letters.iter().take_while(|letter| letter.is_ascii_digit());
    digits.fold((start, 0), |(number, length), digit| {
        let digit = i64::from(digit.to_digit(10).unwrap_or_default());
        (number.wrapping_mul(10).wrapping_add(digit), length + 1)
    })
}
