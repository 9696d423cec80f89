//! `kubectl uncordon`.

use super::super::builder::SELECT_FLAGS;
use super::super::changes::DRY_RUN;
use super::{PLAIN, Verb, cordon};

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "uncordon",
    short: "Mark node as schedulable",
    usage: "uncordon NODE [options]",
    flags: &[SELECT_FLAGS, DRY_RUN],
    run: |io, args| cordon::run(io, args, false),
    ..PLAIN
};
