//! One line typed at the prompt, and what came of it.

use std::sync::Arc;

use crate::sim::persistent::Vector;

use crate::api::http::Method;
use crate::sim::{EventId, SimTime};

/// Where a piece of output went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A request an invocation made, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub method: Method,
    /// Path and query, as in a URL.
    pub url: Arc<str>,
    /// The status code; `None` while there is no answer.
    pub code: Option<u16>,
}

/// What went wrong with one document of a manifest, for the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The document's place in the manifest, counted from 0.
    pub document: usize,
    /// The line in the whole text, counted from 1, where it is known.
    pub line: Option<u32>,
    pub message: Arc<str>,
}

/// One run of kubectl. Cloning shares everything.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub line: Arc<str>,
    pub stdin: Arc<str>,
    pub started: SimTime,
    /// When it exited.
    pub ended: Option<SimTime>,
    /// The input that began it.
    pub cause: EventId,
    /// What it printed so far; only ever appended to.
    pub output: Vector<(Stream, Arc<str>)>,
    /// The exit code; `None` while it runs.
    pub code: Option<i32>,
    pub requests: Vector<Made>,
    pub diagnostics: Vector<Diagnostic>,
}

impl Invocation {
    /// Everything it wrote to standard output.
    pub fn stdout(&self) -> String {
        self.text(Stream::Stdout)
    }

    /// Everything it wrote to standard error.
    pub fn stderr(&self) -> String {
        self.text(Stream::Stderr)
    }

    fn text(&self, stream: Stream) -> String {
        self.output.iter().filter(|(to, _)| *to == stream).map(|(_, text)| &**text).collect()
    }
}
