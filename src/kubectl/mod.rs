//! kubectl: parses a line, talks HTTP verbs to the API server like anyone else, and prints what the
//! real one prints.
//!
//! Mirrors k8s.io/kubectl v1.32 texts (the version the corpus was captured from) while naming itself
//! v1.36.0 to the server. Leaves out: plugins, kubeconfig, files on disk, exec/attach/port-forward, edit, diff.

mod builder;
mod changes;
mod check;
mod completion;
mod describe;
mod discovery;
mod errors;
mod flags;
mod invocation;
mod io;
mod manifest;
mod printing;
mod process;
mod verbs;
mod words;

#[cfg(test)]
mod tests;

pub use check::{Checked, check};
pub use completion::{Completion, complete};
pub use invocation::{Diagnostic, Invocation, Stream};
pub use process::Kubectl;
pub use verbs::VERBS;
