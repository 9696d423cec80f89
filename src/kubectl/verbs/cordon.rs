//! `kubectl cordon` and `kubectl uncordon`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/drain (`RunCordonOrUncordon`).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Method, content_type};

use super::super::builder::{Info, SELECT_FLAGS, list, value};
use super::super::changes::{DRY_RUN, DryRun, dry_run, patch_request};
use super::super::discovery::resource;
use super::super::errors::{Stop, attempt};
use super::super::flags::Args;
use super::super::io::Io;
use super::super::printing::print_result;
use super::{PLAIN, Verb};

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "cordon",
    short: "Mark node as unschedulable",
    usage: "cordon NODE [options]",
    flags: &[SELECT_FLAGS, DRY_RUN],
    run: |io, args| run(io, args, true),
    ..PLAIN
};

/// Runs either verb.
///
/// # Errors
/// What upstream prints.
pub fn run(io: &mut Io<'_, '_>, args: &Args, cordon: bool) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    let nodes = nodes(io, args)?;
    let mut failed = false;
    for node in &nodes {
        if let Err(failure) = attempt(mark(io, args, dry, node, cordon))? {
            let verb = if cordon { "cordon" } else { "uncordon" };
            let text = format!("error: unable to {verb} node \"{}\": {}\n", node.name, failure.plain());
            io.err(text);
            failed = true;
        }
    }
    Ok(i32::from(failed))
}

/// The nodes a command line names or selects.
///
/// # Errors
/// Where it does neither, and the first node that cannot be read: then nothing is done to any.
pub fn nodes(io: &mut Io<'_, '_>, args: &Args) -> Result<Vec<Info>, Stop> {
    let selector = args.text_or_empty("selector");
    if args.args.is_empty() && selector.is_empty() {
        return args.usage(format!("USAGE: {} NODE [flags]", args.command.trim_start_matches("kubectl ")));
    }
    if !args.args.is_empty() && !selector.is_empty() {
        return args.usage("error: cannot specify both a node name and a --selector option");
    }
    let nodes = resource(io, "nodes")?;
    if args.args.is_empty() {
        return list(io, args, &nodes, "");
    }
    let mut infos = Vec::new();
    for word in &args.args {
        let name = word.strip_prefix("node/").or_else(|| word.strip_prefix("nodes/")).unwrap_or(word);
        let path = nodes.path("", name);
        let response = io.ask(|| Request::new(Method::Get, path.as_str()))?;
        infos.push(Info {
            resource: nodes.clone(),
            namespace: String::new(),
            name: name.to_owned(),
            value: value(&response),
            source: String::new(),
        });
    }
    Ok(infos)
}

/// Marks one node, and says so.
///
/// # Errors
/// Those of the request.
pub fn mark(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, node: &Info, cordon: bool) -> Result<(), Stop> {
    let already = node.value.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false) == cordon;
    let done = if cordon { "cordoned" } else { "uncordoned" };
    if already {
        return print_result(io, args, node, &node.value, &format!("already {done}"));
    }
    let mut result = Arc::clone(&node.value);
    if !dry.client {
        let unschedulable = if cordon { json!(true) } else { Value::Null };
        let patch = json!({"spec": {"unschedulable": unschedulable}});
        let path = node.path();
        let content = content_type::STRATEGIC_MERGE_PATCH;
        result = value(&*io.ask(|| patch_request(args, dry, "", &path, content, patch))?);
    }
    print_result(io, args, node, &result, done)
}
