//! A small POSIX shell with the utilities of busybox: enough to run what tutorials paste.
//!
//! A script runs as a machine with an explicit stack of what is left to do, so that it can stop in a
//! `sleep` and go on later, and be copied for a checkpoint. What runs inside `$(…)` or a pipe runs
//! at once, and its time is slept afterwards.
//! Leaves out: `eval` of traps other than EXIT, INT, QUIT and TERM, arrays, `[[`, process
//! substitution, job control beyond `&`, `wait` and `kill`.

mod arithmetic;
mod builtins;
mod expand;
mod files;
mod machine;
mod machine_info;
mod net;
mod output;
mod parser;
mod pattern;
mod pipes;
mod printf;
mod program;
mod syntax;
mod test;
mod text;
mod words;

#[cfg(test)]
mod tests;

pub use machine::System;
pub use program::{Shell, exec_sync};
