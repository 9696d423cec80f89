//! `kubectl patch`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/patch. Leaves out: `--local`, `--patch-file`.

use std::sync::Arc;

use serde_json::Value;

use crate::api::http::content_type;
use crate::api::{decode, patch};

use super::super::builder::{Choice, FILE_FLAGS, Info, infos, value};
use super::super::changes::{DRY_RUN, DryRun, dry_run, patch_request};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::{PRINT_FLAGS, print_operation};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("field-manager", Takes::Text, "Name of the manager used to track field ownership."),
    short("patch", 'p', Takes::Text, "The patch to be applied to the resource JSON file."),
    flag("subresource", Takes::Text, "If specified, patch will operate on the subresource of the requested object."),
    flag("type", Takes::Text, "The type of patch being provided; one of [json merge strategic]"),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "patch",
    short: "Update fields of a resource",
    usage: "patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE] [options]",
    flags: &[FLAGS, FILE_FLAGS, PRINT_FLAGS, DRY_RUN],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let content = match args.text("type").map(str::to_lowercase).as_deref() {
        None | Some("strategic") => content_type::STRATEGIC_MERGE_PATCH,
        Some("json") => content_type::JSON_PATCH,
        Some("merge") => content_type::MERGE_PATCH,
        Some(_) => {
            let given = args.text_or_empty("type");
            return fail(format!("--type must be one of [json merge strategic], not \"{given}\""));
        }
    };
    let text = args.text_or_empty("patch");
    if text.is_empty() {
        return fail("must specify --patch or --patch-file containing the contents of the patch");
    }
    let documents = decode::documents(text);
    let patch = match documents.first().map(|document| &document.value) {
        Some(Ok(patch)) => patch.clone(),
        Some(Err(error)) => return fail(format!("unable to parse \"{text}\": {error}")),
        None => Value::Null,
    };
    let dry = dry_run(args)?;
    let (infos, mut failures) = infos(io, args, &args.args, Choice::default())?;
    if infos.is_empty() && failures.is_empty() {
        return fail("no objects passed to patch");
    }
    for info in &infos {
        if let Err(failure) = attempt(change(io, args, dry, content, &patch, info))? {
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

fn change(
    io: &mut Io<'_, '_>,
    args: &Args,
    dry: DryRun,
    content: &'static str,
    patch: &Value,
    info: &Info,
) -> Result<(), Stop> {
    if dry.client {
        let new = Arc::new(locally(content, patch, info)?);
        return print_operation(io, args, info, &new, operation(info, &new));
    }
    let mut path = info.path();
    if let Some(subresource) = args.text("subresource") {
        path = format!("{path}/{subresource}");
    }
    let response = io.ask(|| patch_request(args, dry, "kubectl-patch", &path, content, patch.clone()))?;
    let new = value(&response);
    print_operation(io, args, info, &new, operation(info, &new))
}

/// What is printed of it. That it was a dry run is not said: the real one sets the operation after the flags'
/// suffix, which is thereby lost.
fn operation(info: &Info, new: &Arc<Value>) -> &'static str {
    if *new == info.value { "patched (no change)" } else { "patched" }
}

/// The object with the patch applied here.
fn locally(content: &str, patch: &Value, info: &Info) -> Result<Value, Stop> {
    let Some(kind) = info.resource.info() else {
        return fail(format!("cannot apply a patch for {} locally", info.resource.kind_name()));
    };
    let applied = match content {
        content_type::JSON_PATCH => patch::json_patch(kind.id, &info.value, patch),
        content_type::MERGE_PATCH => patch::merge_patch(kind.id, &info.value, patch),
        _ => patch::strategic_merge(kind.id, &info.value, patch),
    };
    applied.or_else(|status| fail(status.message))
}
