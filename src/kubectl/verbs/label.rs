//! `kubectl label`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/label.

use super::super::builder::{FILE_FLAGS, SELECT_FLAGS};
use super::super::changes::DRY_RUN;
use super::super::printing::PRINT_FLAGS;
use super::pairs::{self, Marks};
use super::{PLAIN, Verb};

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "label",
    short: "Update the labels on a resource",
    usage: "label [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version] [options]",
    flags: &[pairs::FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: |io, args| pairs::run(io, args, Marks::Labels),
    ..PLAIN
};
