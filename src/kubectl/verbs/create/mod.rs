//! `kubectl create`: from manifests, and the generators in `generators`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/create. Leaves out: generators of kinds this cluster does not have, `--edit`,
//! `--raw`, secrets of docker-registry and tls.

mod batch;
mod bounds;
mod generators;
mod service;

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Body, Method};

use super::super::builder::{FILE_FLAGS, Info, SELECT_FLAGS, value};
use super::super::changes::{DRY_RUN, DryRun, WRITE_FLAGS, annotated, dry_run, managed};
use super::super::discovery::resource;
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::Args;
use super::super::io::Io;
use super::super::manifest;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb, help};

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "create",
    short: "Create a resource from a file or from stdin",
    usage: "create -f FILENAME [options]",
    flags: &[FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    verbs: &[
        &generators::CONFIGMAP,
        &batch::CRONJOB,
        &generators::DEPLOYMENT,
        &batch::JOB,
        &generators::NAMESPACE,
        &bounds::BUDGET,
        &bounds::PRIORITY_CLASS,
        &bounds::QUOTA,
        &generators::SECRET,
        &service::SERVICE,
        &generators::SERVICE_ACCOUNT,
    ],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.list("filename").is_empty() {
        if let Some(word) = args.args.first() {
            return args.usage(format!("Unexpected args: [{word}]"));
        }
        io.err("error: must specify one of -f and -k\n\n");
        io.err(help(&args.command, &VERB));
        return Ok(1);
    }
    let dry = dry_run(args)?;
    let documents = manifest::documents(io, args)?;
    let visited = manifest::visit(io, args, &documents)?;
    let mut failures = visited.failures;
    if visited.found.is_empty() && failures.is_empty() {
        return fail("no objects passed to create");
    }
    for found in &visited.found {
        if let Err(failure) = attempt(send(io, args, dry, found.info.clone()))? {
            manifest::blame(io, &documents, found.document, &failure);
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// Creates an object, and says so.
fn send(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, mut info: Info) -> Result<(), Stop> {
    if args.is("save-config") {
        info.value = annotated(&info.value).0.into();
    }
    if dry.client {
        return print_result(io, args, &info, &info.value, "created");
    }
    let path = info.resource.path(&info.namespace, "");
    let request = Request::new(Method::Post, path).body(Body::Json(info.value.clone()));
    let request = dry.mark(managed(args, "kubectl-create", request)?);
    match attempt(io.ask(move || request))? {
        Ok(response) => {
            let created = value(&response);
            if let Some(name) = created.pointer("/metadata/name").and_then(Value::as_str) {
                info.name = name.to_owned();
            }
            print_result(io, args, &info, &created, "created")
        }
        Err(failure) => Err(failure.with_source("creating", &info.source).into()),
    }
}

/// Creates what a generator made.
fn generated(io: &mut Io<'_, '_>, args: &Args, plural: &str, name: &str, mut object: Value) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    let resource = resource(io, plural)?;
    let mut namespace = String::new();
    if resource.namespaced {
        namespace = args.namespace().to_owned();
        if args.namespace_given() {
            object["metadata"]["namespace"] = json!(namespace);
        }
    }
    let type_ = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let info = Info { resource, namespace, name: name.to_owned(), value: object.into(), source: String::new() };
    send(io, args, dry, info).map_err(|stop| match stop {
        Stop::Failed(Failure::Status(status)) => match prefix(plural, &type_) {
            Some(what) => Stop::Failed(Failure::Text(format!("{what}{}", status.message))),
            None => Stop::Failed(Failure::Status(status)),
        },
        other => other,
    })?;
    Ok(0)
}

/// What a generator puts before the server's message; where it does, the message is kubectl's own.
fn prefix(plural: &str, service: &str) -> Option<String> {
    let what = match plural {
        "configmaps" => "configmap:",
        "cronjobs" => "cronjob:",
        "deployments" => "deployment:",
        "jobs" => "job:",
        "poddisruptionbudgets" => "poddisruptionbudgets:",
        "priorityclasses" => "priorityclass:",
        "resourcequotas" => "quota:",
        "secrets" => "secret",
        "serviceaccounts" => "serviceaccount:",
        "services" => return Some(format!("failed to create {service} service: ")),
        _ => return None,
    };
    Some(format!("failed to create {what} "))
}

/// The one name a generator takes, and the words after `--`.
fn name_of(args: &Args) -> Result<(String, Vec<String>), Stop> {
    let end = args.dash.unwrap_or(args.args.len());
    match &args.args[..end] {
        [name] => Ok((name.clone(), args.args[end..].to_vec())),
        other => args.usage(format!("exactly one NAME is required, got {}", other.len())),
    }
}
