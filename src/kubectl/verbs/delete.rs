//! `kubectl delete`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/delete. Leaves out: `--interactive`, `--raw`.

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Body, Method, WatchType};

use super::super::builder::{Choice, FILE_FLAGS, Info, SELECT_FLAGS, Target, list, targets, text_at, value};
use super::super::changes::{DRY_RUN, DryRun, dry_run};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::{Event, Io};
use super::super::manifest;
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Delete all resources, in the namespace of the specified resource types."),
    flag("cascade", Takes::Optional("background"), "Must be \"background\", \"orphan\", or \"foreground\"."),
    flag("force", Takes::Bool, "If true, immediately remove resources from API and bypass graceful deletion."),
    flag("grace-period", Takes::Int, "Period of time in seconds given to the resource to terminate gracefully."),
    flag("ignore-not-found", Takes::Bool, "Treat \"resource not found\" as a successful delete."),
    flag("now", Takes::Bool, "If true, resources are signaled for immediate shutdown (same as --grace-period=1)."),
    short("output", 'o', Takes::Text, "Output mode. Use \"-o name\" for shorter output (resource/name)."),
    flag("timeout", Takes::Duration, "The length of time to wait before giving up on a delete."),
    flag("wait", Takes::Bool, "If true, wait for resources to be gone before returning."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "delete",
    short: "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    usage: "delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)]) [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, DRY_RUN],
    run,
    ..PLAIN
};

const FORCE_WARNING: &str = "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n";

struct Plan {
    propagation: &'static str,
    grace: i64,
    force: bool,
    wait: bool,
    dry: DryRun,
    ignore_not_found: bool,
}

impl Plan {
    fn of(args: &Args) -> Result<Plan, Stop> {
        let propagation = match args.text("cascade") {
            None | Some("true" | "background") => "Background",
            Some("false" | "orphan") => "Orphan",
            Some("foreground") => "Foreground",
            Some(other) => {
                return fail(format!(
                    "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
                ));
            }
        };
        if !matches!(args.text_or_empty("output"), "" | "name") {
            return args.usage(format!(
                "unexpected -o output mode: {}. We only support '-o name'",
                args.text_or_empty("output")
            ));
        }
        let mut grace = args.int("grace-period").unwrap_or(-1);
        let force = args.is("force");
        if args.is("now") {
            if grace != -1 {
                return fail("--now and --grace-period cannot be specified together");
            }
            grace = 1;
        }
        if force {
            if grace < 0 {
                grace = 0;
            } else if grace > 0 {
                return fail("--force and --grace-period greater than 0 cannot be specified together");
            }
        } else if grace == 0 {
            // To prevent an accidental immediate deletion.
            grace = 1;
        }
        let all = args.is("all");
        let selecting = !args.text_or_empty("selector").is_empty();
        if all && selecting {
            return fail("setting 'all' parameter but found a non empty selector. ");
        }
        Ok(Plan {
            propagation,
            grace,
            force,
            wait: args.unless_false("wait"),
            dry: dry_run(args)?,
            ignore_not_found: args.is("ignore-not-found") || (!args.changed("ignore-not-found") && (all || selecting)),
        })
    }
}

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let plan = Plan::of(args)?;
    if plan.force && plan.grace == 0 {
        io.err(FORCE_WARNING);
    }
    let (infos, mut failures) = chosen(io, args)?;
    let mut deleted = Vec::new();
    let found = infos.len();
    for info in infos {
        if plan.dry.client {
            print(io, args, &plan, &info);
            deleted.push(info);
            continue;
        }
        match attempt(remove(io, &plan, &info))? {
            Ok(uid) => {
                print(io, args, &plan, &info);
                deleted.push(Info { value: Value::from(uid).into(), ..info });
            }
            Err(failure) if failure.is_not_found() && plan.ignore_not_found => {}
            Err(failure) => failures.push(failure.with_source("deleting", &info.source)),
        }
    }
    if !failures.is_empty() {
        return Err(Failure::Many(failures).into());
    }
    if found == 0 {
        io.out("No resources found\n");
        return Ok(0);
    }
    if plan.wait && !plan.dry.client && !plan.dry.server {
        for info in &deleted {
            wait_gone(io, args, info)?;
        }
    }
    Ok(0)
}

fn chosen(io: &mut Io<'_, '_>, args: &Args) -> Result<(Vec<Info>, Vec<Failure>), Stop> {
    if !args.list("filename").is_empty() {
        let documents = manifest::documents(io, args)?;
        let visited = manifest::visit(io, args, &documents)?;
        return Ok((visited.found.into_iter().map(|found| found.info).collect(), visited.failures));
    }
    let mut infos = Vec::new();
    let mut failures = Vec::new();
    for target in targets(io, args, &args.args, Choice { all: args.is("all"), lazy: true })? {
        match target {
            Target::Named { resource, namespace, name } => {
                infos.push(Info { resource, namespace, name, value: Value::Null.into(), source: String::new() });
            }
            Target::Selected { resource, namespace } => match attempt(list(io, args, &resource, &namespace))? {
                Ok(found) => infos.extend(found),
                Err(failure) => failures.push(failure),
            },
        }
    }
    Ok((infos, failures))
}

/// Deletes one object; gives its uid where the server tells.
fn remove(io: &mut Io<'_, '_>, plan: &Plan, info: &Info) -> Result<String, Stop> {
    if let Some(text) = manifest::unaddressable(&info.name, &info.namespace) {
        return fail(text);
    }
    let path = info.path();
    let response = io.ask(|| {
        let mut options = json!({"propagationPolicy": plan.propagation});
        if plan.grace >= 0 {
            options["gracePeriodSeconds"] = Value::from(plan.grace);
        }
        if plan.dry.server {
            options["dryRun"] = json!(["All"]);
        }
        Request::new(Method::Delete, path.as_str()).body(Body::Json(options.into()))
    })?;
    let value = value(&response);
    let uid = match text_at(&value, "/details/uid") {
        "" => text_at(&value, "/metadata/uid"),
        uid => uid,
    };
    Ok(uid.to_owned())
}

fn print(io: &mut Io<'_, '_>, args: &Args, plan: &Plan, info: &Info) {
    let mut operation = if plan.force && plan.grace == 0 { "force deleted" } else { "deleted" }.to_owned();
    if plan.dry.client {
        operation.push_str(" (dry run)");
    } else if plan.dry.server {
        operation.push_str(" (server dry run)");
    }
    if args.text("output") == Some("name") {
        io.out(format!("{}\n", info.label()));
        return;
    }
    io.out(format!("{} \"{}\" {operation}\n", info.resource.kind_name(), info.name));
}

/// Waits until an object is gone, or another one stands under its name.
fn wait_gone(io: &mut Io<'_, '_>, args: &Args, info: &Info) -> Result<(), Stop> {
    let started = io.now();
    let deadline = args.micros("timeout").map(|timeout| started + timeout);
    let path = info.path();
    let uid = info.value.as_str().unwrap_or_default();
    let response = match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
        Ok(response) => response,
        Err(failure) if failure.is_not_found() => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    let found = value(&response);
    if !uid.is_empty() && text_at(&found, "/metadata/uid") != uid {
        return Ok(());
    }
    let collection = info.resource.path(&info.namespace, "");
    let version = text_at(&found, "/metadata/resourceVersion").to_owned();
    let stream = io.open(|| {
        Request::new(Method::Get, collection.as_str())
            .with("fieldSelector", format!("metadata.name={}", info.name))
            .with("resourceVersion", version.as_str())
            .with("watch", "true")
    })?;
    loop {
        match io.next_event(&[stream], deadline)?.1 {
            Event::Watch(event) if event.type_ == WatchType::Deleted => break,
            Event::Watch(_) | Event::Chunk(_) => {}
            Event::End => break,
            Event::Lost(why) => return Err(Failure::Connection(why).into()),
            Event::Deadline => {
                io.close(stream);
                return fail(format!("timed out waiting for the condition on {}/{}", info.resource.plural, info.name));
            }
        }
    }
    io.close(stream);
    Ok(())
}
