//! `kubectl apply`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/apply. Leaves out: `--prune`, `edit-last-applied`, `set-last-applied`.

use serde_json::Value;

use crate::api::decode::json_writer;
use crate::api::decode::json_writer::Json;
use crate::api::http::{Body, Method, content_type};
use crate::api::{Request, patch};

use super::super::builder::{FILE_FLAGS, Info, text_at, value};
use super::super::changes::{DRY_RUN, DryRun, LAST_APPLIED, WRITE_FLAGS, annotated, dry_run, managed};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::manifest;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all resources in the namespace of the specified resource types."),
    flag("force", Takes::Bool, "If true, immediately remove resources from API and bypass graceful deletion."),
    flag("force-conflicts", Takes::Bool, "If true, server-side apply will force the changes against conflicts."),
    flag("grace-period", Takes::Int, "Period of time in seconds given to the resource to terminate gracefully."),
    flag("openapi-patch", Takes::Bool, "If true, use openapi to calculate diff when the openapi presents."),
    flag("overwrite", Takes::Bool, "Automatically resolve conflicts between the modified and live configuration."),
    short("selector", 'l', Takes::Text, "Selector (label query) to filter on."),
    flag("server-side", Takes::Bool, "If true, apply runs in the server instead of the client."),
    flag("timeout", Takes::Duration, "The length of time to wait before giving up on a delete."),
    flag("wait", Takes::Bool, "If true, wait for resources to be gone before returning."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "apply",
    short: "Apply a configuration to a resource by file name or stdin",
    usage: "apply (-f FILENAME | -k DIRECTORY) [options]",
    flags: &[FLAGS, FILE_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run,
    ..PLAIN
};

/// How often a patch that lost a race is tried again.
const PATCH_RETRIES: u32 = 5;

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.list("filename").is_empty() {
        return fail("must specify one of -f and -k");
    }
    if !args.args.is_empty() {
        return args.usage(format!("Unexpected args: [{}]", args.args.join(" ")));
    }
    let dry = dry_run(args)?;
    if args.is("server-side") && dry.client {
        return fail("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
    }
    if args.is("force-conflicts") && !args.is("server-side") {
        return fail("--force-conflicts only works with --server-side");
    }
    let documents = manifest::documents(io, args)?;
    let visited = manifest::visit(io, args, &documents)?;
    let mut failures = match visited.failures.len() {
        0 => Vec::new(),
        _ => vec![Failure::Many(visited.failures)],
    };
    if visited.found.is_empty() && failures.is_empty() {
        return fail("no objects passed to apply");
    }
    for found in &visited.found {
        let info = &found.info;
        let applied =
            if args.is("server-side") { server_side(io, args, dry, info) } else { client_side(io, args, dry, info) };
        if let Err(failure) = attempt(applied)? {
            manifest::blame(io, &documents, found.document, &failure);
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

fn server_side(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info) -> Result<(), Stop> {
    let path = info.path();
    let manager = args.text("field-manager").unwrap_or("kubectl");
    let base = Request::new(Method::Patch, path.as_str()).body(Body::Json(info.value.clone()));
    let force = if args.is("force-conflicts") { "true" } else { "false" };
    let mut request = dry.mark(managed(args, manager, base)?.with("force", force));
    request.content_type = content_type::APPLY_PATCH;
    let response = io.ask(move || request)?;
    print_result(io, args, info, &value(&response), "serverside-applied")
}

fn client_side(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info) -> Result<(), Stop> {
    if info.name.is_empty() {
        let generate = text_at(&info.value, "/metadata/generateName");
        if !generate.is_empty() {
            return fail(format!("from {generate}: cannot use generate name with apply"));
        }
    }
    if let Some(text) = manifest::unaddressable(&info.name, &info.namespace) {
        return Err(Failure::Text(text).with_source(&manifest::retrieving(&resource_error(info)), &info.source).into());
    }
    let path = info.path();
    match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
        Ok(response) => change(io, args, dry, info, &value(&response)),
        Err(failure) if failure.is_not_found() => create(io, args, dry, info),
        Err(failure @ Failure::Connection(_)) => Err(failure.into()),
        Err(failure) => Err(failure.with_source(&manifest::retrieving(&resource_error(info)), &info.source).into()),
    }
}

fn resource_error(info: &Info) -> String {
    let resource = &info.resource;
    let of = group_version(&resource.group, &resource.version);
    manifest::resource_text(&of, &resource.plural, &resource.kind, &info.name, &info.namespace)
}

fn group_version(group: &str, version: &str) -> String {
    format!("{group}/{version}")
}

fn create(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info) -> Result<(), Stop> {
    let (object, _) = annotated(&info.value);
    if dry.client {
        return print_result(io, args, info, &object, "created");
    }
    let path = info.resource.path(&info.namespace, "");
    let request = Request::new(Method::Post, path).body(Body::Json(object.into()));
    let request = dry.mark(managed(args, "kubectl-client-side-apply", request)?);
    match attempt(io.ask(move || request))? {
        Ok(response) => print_result(io, args, info, &value(&response), "created"),
        Err(failure) => Err(failure.with_source("creating", &info.source).into()),
    }
}

fn change(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info, live: &Value) -> Result<(), Stop> {
    if live.pointer("/metadata/annotations").and_then(|all| all.get(LAST_APPLIED)).is_none() {
        io.err(format!(
            "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n",
            info.resource.plural, info.name
        ));
    }
    if dry.client {
        return print_result(io, args, info, &annotated(&info.value).0, "configured");
    }
    let mut live = std::sync::Arc::new(live.clone());
    for round in 0.. {
        let (patch, content) = patch_for(info, &live)?;
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return print_result(io, args, info, &live, "unchanged");
        }
        let path = info.path();
        let mut request = Request::new(Method::Patch, path.as_str()).body(Body::Json(patch.clone().into()));
        request.content_type = content;
        let request = dry.mark(managed(args, "kubectl-client-side-apply", request)?);
        match attempt(io.ask(move || request))? {
            Ok(response) => return print_result(io, args, info, &value(&response), "configured"),
            Err(failure) if failure.has_reason(crate::api::Reason::Conflict) && round < PATCH_RETRIES => {
                io.sleep(std::time::Duration::from_secs(1))?;
                let again = io.ask(|| Request::new(Method::Get, path.as_str()))?;
                live = value(&again);
            }
            Err(Failure::Status(status)) => {
                let mut status = (*status).clone();
                status.message = format!(
                    "error when applying patch:\n{}\nto:\n{}\nfor: \"{}\": error when patching \"{}\": {}",
                    json_writer::compact(&patch),
                    resource_error(info),
                    info.source,
                    info.source,
                    status.message
                );
                return Err(Failure::Status(status.into()).into());
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// The patch from what is there to what is wanted, and its content type.
fn patch_for(info: &Info, live: &Value) -> Result<(Value, &'static str), Stop> {
    let (modified, _) = annotated(&info.value);
    let original = live
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(LAST_APPLIED))
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_slice::<Value>(text.as_bytes()).ok())
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let computed = match info.resource.info() {
        Some(kind) => patch::three_way_strategic(kind.id, &original, &modified, live)
            .map(|patch| (patch, content_type::STRATEGIC_MERGE_PATCH)),
        None => patch::three_way_merge(&original, &modified, live).map(|patch| (patch, content_type::MERGE_PATCH)),
    };
    match computed {
        Ok(patch) => Ok(patch),
        Err(error) => fail(format!("creating patch with:\noriginal:\n{}\n: {error}", original.json())),
    }
}
