//! The grammar: what a line of POSIX shell becomes.

use std::sync::Arc;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text; `quoted` text is neither split nor a pattern.
    Text { text: String, quoted: bool },
    /// `$name`, `${name:-word}` and the like.
    Parameter { name: String, operator: Operator, quoted: bool },
    /// `$(command)`.
    Substitution { command: Arc<Command>, quoted: bool },
    /// `$((expression))`, with parameters still in it.
    Arithmetic { expression: Word, quoted: bool },
}

/// What `${name…}` does besides giving the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    None,
    /// `${#name}`
    Length,
    /// `${name:-word}`; `colon` also replaces an empty value.
    Default {
        word: Word,
        colon: bool,
    },
    /// `${name:=word}`
    Assign {
        word: Word,
        colon: bool,
    },
    /// `${name:+word}`
    Alternative {
        word: Word,
        colon: bool,
    },
    /// `${name:?word}`
    Error {
        word: Word,
        colon: bool,
    },
    /// `${name#pattern}`, `##`
    TrimStart {
        pattern: Word,
        longest: bool,
    },
    /// `${name%pattern}`, `%%`
    TrimEnd {
        pattern: Word,
        longest: bool,
    },
}

/// A word before expansion.
pub type Word = Vec<Part>;

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// `N> file`, `N>> file`
    Output { stream: u8, file: Word, append: bool },
    /// `N>&M`
    Duplicate { stream: u8, from: u8 },
    /// `&> file`
    Both { file: Word, append: bool },
    /// `< file`
    Input { file: Word },
    /// `<< END`, or `<<<`
    Here { text: Word },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word>, redirects: Vec<Redirect> },
    Pipeline { negated: bool, commands: Vec<Arc<Command>> },
    And(Arc<Command>, Arc<Command>),
    Or(Arc<Command>, Arc<Command>),
    Sequence(Vec<Arc<Command>>),
    Background(Arc<Command>),
    If { arms: Vec<(Arc<Command>, Arc<Command>)>, otherwise: Option<Arc<Command>> },
    Loop { until: bool, condition: Arc<Command>, body: Arc<Command> },
    For { name: String, words: Option<Vec<Word>>, body: Arc<Command> },
    Case { word: Word, arms: Vec<(Vec<Word>, Arc<Command>)> },
    Subshell(Arc<Command>),
    Function { name: String, body: Arc<Command> },
    Redirected { command: Arc<Command>, redirects: Vec<Redirect> },
}
