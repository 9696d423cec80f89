//! `kubectl rollout`: history, pause, restart, resume, status, undo.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/rollout and polymorphichelpers.

mod revisions;
mod status;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use crate::api::fields::Field;
use crate::api::http::{Method, WatchType, content_type};
use crate::api::{Request, Typed, selectors, time};
use crate::sim::persistent::OrdMap;

use super::super::builder::{
    CHUNK, Choice, FILE_FLAGS, Info, SELECT_FLAGS, body_value, infos, items, objects, text_at, value,
};
use super::super::changes::{DRY_RUN, DryRun, LAST_APPLIED, dry_run, patch_request, send_changes};
use super::super::describe::template_text;
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::{Event, Io};
use super::super::printing::tabwriter::{DESCRIBE, align};
use super::super::printing::{Output, PRINT_FLAGS, print_objects, print_result};
use super::{PLAIN, Verb, help};

const FLAGS: &[Flag] = &[flag("field-manager", Takes::Text, "Name of the manager used to track field ownership.")];
const HISTORY_FLAGS: &[Flag] =
    &[flag("revision", Takes::Int, "See the details, including podTemplate of the revision specified")];
const STATUS_FLAGS: &[Flag] = &[
    flag("revision", Takes::Int, "Pin to a specific revision for showing its status. Defaults to 0 (last revision)."),
    flag("timeout", Takes::Duration, "The length of time to wait before ending watch, zero means never."),
    short("watch", 'w', Takes::Bool, "Watch the status of the rollout until it's done."),
];
const UNDO_FLAGS: &[Flag] =
    &[flag("to-revision", Takes::Int, "The revision to rollback to. Default to 0 (last revision).")];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "rollout",
    short: "Manage the rollout of a resource",
    usage: "rollout SUBCOMMAND [options]",
    verbs: &[&HISTORY, &PAUSE, &RESTART, &RESUME, &STATUS, &UNDO],
    run: |io, args| {
        io.out(help(&args.command, &VERB));
        // Nothing was asked for (`DefaultSubCommandRun`).
        Ok(1)
    },
    ..PLAIN
};
const HISTORY: Verb = Verb {
    name: "history",
    short: "View rollout history",
    usage: "rollout history (TYPE NAME | TYPE/NAME) [flags] [options]",
    flags: &[HISTORY_FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run: history,
    ..PLAIN
};
const PAUSE: Verb = Verb {
    name: "pause",
    short: "Mark the provided resource as paused",
    usage: "rollout pause RESOURCE [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run: |io, args| mark(io, args, "pausing", "paused", &pause),
    ..PLAIN
};
const RESTART: Verb = Verb {
    name: "restart",
    short: "Restart a resource",
    usage: "rollout restart RESOURCE [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run: |io, args| {
        let now = io.now();
        mark(io, args, "restarting", "restarted", &|object| restart(object, now))
    },
    ..PLAIN
};
const RESUME: Verb = Verb {
    name: "resume",
    short: "Resume a paused resource",
    usage: "rollout resume RESOURCE [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run: |io, args| mark(io, args, "resuming", "resumed", &resume),
    ..PLAIN
};
const STATUS: Verb = Verb {
    name: "status",
    short: "Show the status of the rollout",
    usage: "rollout status (TYPE NAME | TYPE/NAME) [flags] [options]",
    flags: &[STATUS_FLAGS, FILE_FLAGS, SELECT_FLAGS],
    run: status,
    ..PLAIN
};
const UNDO: Verb = Verb {
    name: "undo",
    short: "Undo a previous rollout",
    usage: "rollout undo (TYPE NAME | TYPE/NAME) [flags] [options]",
    flags: &[UNDO_FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: undo,
    ..PLAIN
};

const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
const HASH_LABEL: &str = "pod-template-hash";
/// Annotations of a replica set that `undo` does not bring back.
const SKIPPED: &[&str] = &[
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

fn chosen(io: &mut Io<'_, '_>, args: &Args) -> Result<(Vec<Info>, Vec<Failure>), Stop> {
    if args.args.is_empty() && args.list("filename").is_empty() {
        return fail("required resource not specified");
    }
    infos(io, args, &args.args, Choice { all: true, lazy: false })
}

fn end(failures: Vec<Failure>) -> Result<i32, Stop> {
    if failures.is_empty() { Ok(0) } else { Err(Failure::Many(failures).into()) }
}

fn mark(
    io: &mut Io<'_, '_>,
    args: &Args,
    doing: &str,
    done: &str,
    change: &dyn Fn(&mut Value) -> Result<(), String>,
) -> Result<i32, Stop> {
    let (infos, mut failures) = chosen(io, args)?;
    for info in &infos {
        let mut new = (*info.value).clone();
        let changed = match info.resource.kind.as_str() {
            "Deployment" => change(&mut new),
            "DaemonSet" | "StatefulSet" if doing == "restarting" => change(&mut new),
            _ => Err(format!("{doing} is not supported")),
        };
        if let Err(why) = changed {
            failures.push(Failure::Text(format!("{} \"{}\" {why}", info.resource.group_resource(), info.name)));
            continue;
        }
        let sent = attempt(send_changes(io, args, DryRun::default(), "kubectl-rollout", info, &new))?;
        match sent {
            Ok(Some(result)) => print_result(io, args, info, &result, done)?,
            Ok(None) => print_result(io, args, info, &info.value, done)?,
            Err(failure) => failures.push(failure),
        }
    }
    end(failures)
}

fn paused(object: &Value) -> bool {
    object.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false)
}

fn pause(object: &mut Value) -> Result<(), String> {
    if paused(object) {
        return Err("is already paused".to_owned());
    }
    object["spec"]["paused"] = json!(true);
    Ok(())
}

fn resume(object: &mut Value) -> Result<(), String> {
    if !paused(object) {
        return Err("is not paused".to_owned());
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("paused");
    }
    Ok(())
}

fn restart(object: &mut Value, now: i64) -> Result<(), String> {
    if paused(object) {
        return Err("can't restart paused deployment (run rollout resume first)".to_owned());
    }
    let metadata = &mut object["spec"]["template"]["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(time::rfc3339(&time::time(now)));
    Ok(())
}

fn status(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let revision = args.int("revision").unwrap_or(0);
    if revision < 0 {
        return fail("revision must be a positive integer: ".to_owned() + &revision.to_string());
    }
    let started = io.now();
    let deadline = args.micros("timeout").map(|timeout| started + timeout);
    let (infos, failures) = chosen(io, args)?;
    if !failures.is_empty() {
        return end(failures);
    }
    for info in &infos {
        if info.resource.kind != "Deployment" && !revisions::is_kept_in_revisions(&info.resource.kind) {
            return fail(format!("no status viewer has been implemented for {}", info.resource.kind));
        }
        follow_status(io, args, info, revision, deadline)?;
    }
    Ok(0)
}

fn follow_status(
    io: &mut Io<'_, '_>,
    args: &Args,
    info: &Info,
    revision: i64,
    deadline: Option<i64>,
) -> Result<(), Stop> {
    let collection = info.resource.path(&info.namespace, "");
    let selector = format!("metadata.name={}", info.name);
    let response = io.ask(|| {
        Request::new(Method::Get, collection.as_str()).with("fieldSelector", selector.as_str()).with("limit", CHUNK)
    })?;
    if let Some(object) = items(&response).first() {
        let (line, done) = status::line(&info.resource.kind, object, revision)?;
        io.out(line);
        if done || !args.unless_false("watch") {
            return Ok(());
        }
    }
    let list = value(&response);
    let version = text_at(&list, "/metadata/resourceVersion");
    let stream = io.open(|| {
        Request::new(Method::Get, collection.as_str())
            .with("fieldSelector", selector.as_str())
            .with("resourceVersion", version)
            .with("watch", "true")
    })?;
    loop {
        match io.next_event(&[stream], deadline)?.1 {
            Event::Watch(event) if event.type_ == WatchType::Deleted => return fail("object has been deleted"),
            Event::Watch(event) if matches!(event.type_, WatchType::Added | WatchType::Modified) => {
                let (line, done) = status::line(&info.resource.kind, &body_value(&event.body), revision)?;
                io.out(line);
                if done {
                    io.close(stream);
                    return Ok(());
                }
            }
            Event::Watch(_) | Event::Chunk(_) => {}
            Event::Lost(why) => return Err(Failure::Connection(why).into()),
            Event::End => return fail("watch closed before UntilWithSync timeout"),
            Event::Deadline => return fail("timed out waiting for the condition"),
        }
    }
}

/// The replica sets a deployment controls, by revision.
fn revisions(io: &mut Io<'_, '_>, info: &Info) -> Result<(Deployment, OrdMap<i64, ReplicaSet>), Stop> {
    let path = info.path();
    let response = io.ask(|| Request::new(Method::Get, path.as_str()))?;
    let Some(deployment) = response.object().and_then(|object| object.get::<Deployment>()).cloned() else {
        return fail(format!("no history viewer has been implemented for {}", info.resource.kind));
    };
    let selector =
        deployment.spec.as_ref().map(|spec| selectors::format_meta(Some(&spec.selector))).unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{}/replicasets", info.namespace);
    let response = io.ask(|| Request::new(Method::Get, path.as_str()).with("labelSelector", selector))?;
    let mut sets = OrdMap::new();
    for object in objects(&response) {
        let Some(set) = object.get::<ReplicaSet>() else { continue };
        let owners = set.metadata.owner_references.iter().flatten();
        let owned = owners
            .into_iter()
            .any(|owner| owner.controller == Some(true) && Some(&owner.uid) == deployment.metadata.uid.as_ref());
        let revision = set.metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
        if let (true, Some(Ok(revision))) = (owned, revision.map(|revision| revision.parse::<i64>())) {
            sets.insert(revision, set.clone());
        }
    }
    Ok((deployment, sets))
}

fn history(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let revision = args.int("revision").unwrap_or(0);
    if revision < 0 {
        return fail(format!("revision must be a positive integer: {revision}"));
    }
    let (infos, mut failures) = chosen(io, args)?;
    for info in &infos {
        if revisions::is_kept_in_revisions(&info.resource.kind) {
            failures.extend(attempt(revisions::show(io, args, info, revision))?.err());
            continue;
        }
        if info.resource.kind != "Deployment" {
            failures.push(unvisited("history", info));
            continue;
        }
        if let Err(failure) = attempt(show_history(io, args, info, revision))? {
            failures.push(failure);
        }
    }
    end(failures)
}

fn show_history(io: &mut Io<'_, '_>, args: &Args, info: &Info, revision: i64) -> Result<(), Stop> {
    let (_, sets) = revisions(io, info)?;
    let output = Output::of(args, false)?;
    if !output.is_default() {
        let set = if revision > 0 { sets.get(&revision) } else { sets.values().next_back() };
        let Some(set) = set else { return fail("unable to find the specified revision") };
        let object = set.clone().into_object().to_value();
        return print_objects(io, args, &output, &Arc::new(object));
    }
    let mut with = String::new();
    let text = if sets.is_empty() {
        "No rollout history found.".to_owned()
    } else if revision > 0 {
        with = format!("with revision #{revision}");
        let Some(set) = sets.get(&revision) else { return fail("unable to find the specified revision") };
        template_text(template(set).as_ref())
    } else {
        let mut text = "REVISION\tCHANGE-CAUSE\n".to_owned();
        for (revision, set) in &sets {
            let cause = set.metadata.annotations.as_ref().and_then(|all| all.get(CHANGE_CAUSE));
            text.push_str(&format!("{revision}\t{}\n", cause.map_or("<none>", String::as_str)));
        }
        align(&text, DESCRIBE, None)
    };
    io.out(format!("{} {with}\n{text}\n", info.label()));
    Ok(())
}

/// A revision's template, with the cause of the change as an annotation.
fn template(set: &ReplicaSet) -> Option<PodTemplateSpec> {
    let mut template = set.spec.as_ref().and_then(|spec| spec.template.clone())?;
    if let Some(cause) = set.metadata.annotations.as_ref().and_then(|all| all.get(CHANGE_CAUSE)) {
        let meta = template.metadata.get_or_insert_default();
        meta.annotations.get_or_insert_default().insert(CHANGE_CAUSE.to_owned(), cause.clone());
    }
    Some(template)
}

fn undo(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    let revision = args.int("to-revision").unwrap_or(0);
    let (infos, mut failures) = chosen(io, args)?;
    for info in &infos {
        if revisions::is_kept_in_revisions(&info.resource.kind) {
            match attempt(revisions::roll_back(io, args, dry, info, revision))? {
                Ok(operation) => print_result(io, args, info, &info.value, &operation)?,
                Err(failure) => failures.push(failure),
            }
            continue;
        }
        if info.resource.kind != "Deployment" {
            failures.push(unvisited("rollbacker", info));
            continue;
        }
        match attempt(roll_back(io, args, dry, info, revision))? {
            Ok(operation) => print_result(io, args, info, &info.value, &operation)?,
            Err(failure) => failures.push(failure),
        }
    }
    end(failures)
}

fn roll_back(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, info: &Info, revision: i64) -> Result<String, Stop> {
    if revision < 0 {
        return fail(format!("unable to find specified revision {revision} in history"));
    }
    let (deployment, sets) = revisions(io, info)?;
    let set = match revision {
        0 => match sets.values().nth_back(1) {
            Some(set) => set,
            None => return fail(format!("no rollout history found for deployment \"{}\"", info.name)),
        },
        revision => match sets.get(&revision) {
            Some(set) => set,
            None => return fail(format!("unable to find specified revision {revision} in history")),
        },
    };
    let mut template = set.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
    if dry.client {
        return Ok(template_text(Some(&template)));
    }
    let spec = deployment.spec.as_ref();
    if spec.is_some_and(|spec| spec.paused == Some(true)) {
        return fail(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again",
        );
    }
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(HASH_LABEL);
    }
    if spec.is_some_and(|spec| spec.template == template) {
        return Ok(format!("skipped rollback (current template already matches revision {revision})"));
    }
    let mut annotations: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let (old, new) = (&deployment.metadata.annotations, &set.metadata.annotations);
    annotations.extend(old.iter().flatten().filter(|(key, _)| SKIPPED.contains(&key.as_str())).map(own));
    annotations.extend(new.iter().flatten().filter(|(key, _)| !SKIPPED.contains(&key.as_str())).map(own));
    let template = template.write();
    let patch = json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]);
    let path = info.path();
    io.ask(|| patch_request(args, dry, "", &path, content_type::JSON_PATCH, patch))?;
    Ok("rolled back".to_owned())
}

fn own((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// What is said of a kind that has no history: visitors know workloads, others they do not (`GroupKindElement.Accept`).
fn unvisited(what: &str, info: &Info) -> Failure {
    let (kind, group, name) = (info.resource.group_kind(), &info.resource.group, &info.resource.kind);
    let visited = ["CronJob", "Job", "Pod", "ReplicaSet", "ReplicationController"].contains(&name.as_str());
    Failure::Text(match (visited, what) {
        (false, _) => {
            format!("error retrieving {what} for \"{kind}\", no visitor method exists for {{{group} {name}}}")
        }
        (true, "history") => format!("no history viewer has been implemented for \"{name}\""),
        (true, _) => format!("no rollbacker has been implemented for \"{kind}\""),
    })
}
