//! `kubectl top`: what a cluster without a metrics server answers.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/top as far as its look for the metrics API.

use super::super::errors::{Stop, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::{PLAIN, Verb, help};

const FLAGS: &[Flag] = &[
    short("all-namespaces", 'A', Takes::Bool, "If present, list the requested object(s) across all namespaces."),
    flag("containers", Takes::Bool, "If present, print usage of containers within a pod."),
    flag("no-headers", Takes::Bool, "If present, print output without headers."),
    short("selector", 'l', Takes::Text, "Selector (label query) to filter on."),
    flag("sort-by", Takes::Text, "If non-empty, sort the list using specified field: 'cpu' or 'memory'."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "top",
    short: "Display resource (CPU/memory) usage",
    usage: "top [flags] [options]",
    verbs: &[&NODE, &POD],
    run: |io, args| {
        io.out(help(&args.command, &VERB));
        // Nothing was asked for (`DefaultSubCommandRun`).
        Ok(1)
    },
    ..PLAIN
};
const NODE: Verb = Verb {
    name: "node",
    aliases: &["nodes", "no"],
    short: "Display resource (CPU/memory) usage of nodes",
    usage: "top node [NAME | -l label] [options]",
    flags: &[FLAGS],
    run: unavailable,
    ..PLAIN
};
const POD: Verb = Verb {
    name: "pod",
    aliases: &["pods", "po"],
    short: "Display resource (CPU/memory) usage of pods",
    usage: "top pod [NAME | -l label] [options]",
    flags: &[FLAGS],
    run: unavailable,
    ..PLAIN
};

fn unavailable(_: &mut Io<'_, '_>, _: &Args) -> Result<i32, Stop> {
    fail("Metrics API not available")
}
