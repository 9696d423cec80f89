//! `kubectl replace`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/replace. Leaves out: `--force`, `--raw`, `--subresource`.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Request;
use crate::api::http::{Body, Method};

use super::super::builder::{FILE_FLAGS, Info, text_at, value};
use super::super::changes::{DRY_RUN, WRITE_FLAGS, annotated, dry_run, managed};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::Args;
use super::super::io::Io;
use super::super::manifest;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "replace",
    short: "Replace a resource by file name or stdin",
    usage: "replace -f FILENAME [options]",
    flags: &[FILE_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.list("filename").is_empty() {
        return args.usage("must specify --filename to replace");
    }
    let dry = dry_run(args)?;
    let documents = manifest::documents(io, args)?;
    let visited = manifest::visit(io, args, &documents)?;
    let mut failures = visited.failures;
    if visited.found.is_empty() && failures.is_empty() {
        return fail("no objects passed to replace");
    }
    for found in &visited.found {
        let info = &found.info;
        // The annotation is kept up where the object has one: `CreateOrUpdateAnnotation`.
        let object = if args.is("save-config") { annotated(&info.value).0.into() } else { info.value.clone() };
        if dry.client {
            print_result(io, args, info, &object, "replaced")?;
            continue;
        }
        if let Some(text) = manifest::unaddressable(&info.name, &info.namespace) {
            failures.push(Failure::Text(text).with_source("replacing", &info.source));
            continue;
        }
        let object = versioned(io, info, object)?;
        let request = Request::new(Method::Put, info.path()).body(Body::Json(object));
        let request = dry.mark(managed(args, "kubectl-replace", request)?);
        match attempt(io.ask(move || request))? {
            Ok(response) => print_result(io, args, info, &value(&response), "replaced")?,
            Err(failure) => {
                manifest::blame(io, &documents, found.document, &failure);
                failures.push(failure.with_source("replacing", &info.source));
            }
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// The object with the version it has at the server, unless it names one itself: `Helper.Replace`.
fn versioned(io: &mut Io<'_, '_>, info: &Info, object: Arc<Value>) -> Result<Arc<Value>, Stop> {
    if !text_at(&object, "/metadata/resourceVersion").is_empty() {
        return Ok(object);
    }
    let path = info.path();
    let found = attempt(io.ask(|| Request::new(Method::Get, path.as_str())))?;
    let Ok(response) = found else { return Ok(object) };
    let current = value(&response);
    let mut object = (*object).clone();
    let version = text_at(&current, "/metadata/resourceVersion");
    if !version.is_empty() {
        object["metadata"]["resourceVersion"] = Value::from(version);
    }
    Ok(Arc::new(object))
}
