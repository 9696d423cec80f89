//! `kubectl describe`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/describe.

use std::sync::Arc;

use serde_json::Value;

use super::super::builder::{Choice, FILE_FLAGS, Info, SELECT_FLAGS, Target, infos, list, targets};
use super::super::describe::describe;
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::Io;
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("chunk-size", Takes::Int, "Return large lists in chunks rather than all at once. Pass 0 to disable."),
    flag("show-events", Takes::Bool, "If true, display events related to the described object."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "describe",
    short: "Show details of a specific resource or group of resources",
    usage: "describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME) [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.args.is_empty() && args.list("filename").is_empty() {
        return fail(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.",
        );
    }
    let (mut found, mut failures) = infos(io, args, &args.args, Choice { all: true, lazy: false })?;
    if let ([failure], true) = (failures.as_slice(), args.args.len() == 2 && args.list("filename").is_empty())
        && failure.is_not_found()
    {
        found = by_prefix(io, args)?;
        if !found.is_empty() {
            failures.clear();
        }
    }
    let mut first = true;
    for info in &found {
        match attempt(describe(io, info, args.unless_false("show-events")))? {
            Ok(text) => {
                io.out(if first { text } else { format!("\n\n{text}") });
                first = false;
            }
            Err(failure) => failures.push(failure),
        }
    }
    if !failures.is_empty() {
        return Err(Failure::Many(failures).into());
    }
    if found.is_empty() {
        match args.is("all-namespaces") {
            true => io.err("No resources found\n"),
            false => io.err(format!("No resources found in {} namespace.\n", args.namespace())),
        }
    }
    Ok(0)
}

/// Objects whose names begin with what was given: `DescribeMatchingResources`.
fn by_prefix(io: &mut Io<'_, '_>, args: &Args) -> Result<Vec<Info>, Stop> {
    let targets = targets(io, args, &args.args, Choice { all: true, lazy: true })?;
    let [Target::Named { resource, namespace, name }] = targets.as_slice() else { return Ok(Vec::new()) };
    let all = match attempt(list(io, args, resource, namespace))? {
        Ok(all) => all,
        Err(_) => return Ok(Vec::new()),
    };
    let fits = all.into_iter().filter(|info| info.name.starts_with(name.as_str()));
    Ok(fits.map(|info| Info { value: Arc::new(Value::Null), ..info }).collect())
}
