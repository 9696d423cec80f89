//! `kubectl scale`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/scale and pkg/scale.

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Body, Method, content_type};

use super::super::builder::{Choice, FILE_FLAGS, SELECT_FLAGS, infos};
use super::super::changes::{DRY_RUN, dry_run};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::Io;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all resources in the namespace of the specified resource types"),
    flag("current-replicas", Takes::Int, "Precondition for current size."),
    flag("replicas", Takes::Int, "The new desired number of replicas. Required."),
    flag("resource-version", Takes::Text, "Precondition for resource version."),
    flag("timeout", Takes::Duration, "The length of time to wait before giving up on a scale operation"),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "scale",
    short: "Set a new size for a deployment, replica set, or replication controller",
    usage: "scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME) [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    required: &["replicas"],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let replicas = args.int("replicas").unwrap_or(-1);
    if replicas < 0 {
        return fail("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    let dry = dry_run(args)?;
    let (infos, mut failures) = infos(io, args, &args.args, Choice { all: args.is("all"), lazy: false })?;
    if infos.is_empty() {
        return match failures.as_slice() {
            [] => fail("no objects passed to scale"),
            [failure, ..] => fail(format!("no objects passed to scale {}", failure.plain())),
        };
    }
    for info in &infos {
        let before = info.value.pointer("/spec/replicas").and_then(Value::as_i64);
        if let Some(expected) = args.int("current-replicas").filter(|expected| *expected >= 0) {
            let path = format!("{}/scale", info.path());
            match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
                Ok(response) => {
                    let value = super::super::builder::value(&response);
                    let found = value.pointer("/spec/replicas").and_then(Value::as_i64).or(before).unwrap_or(0);
                    if found != expected {
                        failures.push(Failure::Text(format!("Expected replicas to be {expected}, was {found}")));
                        continue;
                    }
                }
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            }
        }
        if !dry.client {
            let path = format!("{}/scale", info.path());
            let patch = json!({"spec": {"replicas": replicas}});
            let sent = io.ask(|| {
                let mut request = Request::new(Method::Patch, path.as_str()).body(Body::Json(patch.into()));
                request.content_type = content_type::MERGE_PATCH;
                dry.mark(request)
            });
            if let Err(failure) = attempt(sent)? {
                failures.push(failure);
                continue;
            }
        }
        print_result(io, args, info, &info.value, "scaled")?;
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}
