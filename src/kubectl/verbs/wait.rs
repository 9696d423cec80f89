//! `kubectl wait`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/wait.

use std::time::Duration;

use serde_json::Value;

use crate::api::Request;
use crate::api::http::{Method, WatchType};

use super::super::builder::{Choice, FILE_FLAGS, Info, SELECT_FLAGS, body_value, infos, items, text_at, value};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::{Event, Io};
use super::super::printing::{PRINT_FLAGS, jsonpath, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all resources in the namespace of the specified resource types"),
    flag(
        "for",
        Takes::Array,
        "The condition to wait on: [create|delete|condition=condition-name[=condition-value]|jsonpath='{JSONPath expression}'=[JSONPath value]].",
    ),
    flag("local", Takes::Bool, "If true, annotation will NOT contact api-server but run locally."),
    flag("timeout", Takes::Duration, "The length of time to wait before giving up."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "wait",
    short: "Wait for a specific condition on one or many resources",
    usage: "wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]] [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS],
    run,
    ..PLAIN
};

/// How long is waited when `--timeout` does not say.
const TIMEOUT_MICROS: i64 = 30_000_000;
/// How often `--for=create` looks.
const POLL: Duration = Duration::from_millis(500);

enum Goal {
    Create,
    Delete,
    Condition(String, String),
    Path(jsonpath::Template, Option<String>),
}

impl Goal {
    fn of(args: &Args) -> Result<Goal, Stop> {
        let text = args.text_or_empty("for");
        match text.to_lowercase().as_str() {
            "delete" => return Ok(Goal::Delete),
            "create" => return Ok(Goal::Create),
            _ => {}
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, value) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Goal::Condition(name.to_lowercase(), value.to_lowercase()));
        }
        if let Some(path) = text.strip_prefix("jsonpath=") {
            let (path, expected) = match path.rfind("}=") {
                Some(end) => (&path[..=end], Some(path[end + 2..].trim_matches(['"', '\'']).to_owned())),
                None => match path.split_once('=').filter(|_| !path.contains('{')) {
                    Some((path, expected)) => (path, Some(expected.to_owned())),
                    None => (path, None),
                },
            };
            return match jsonpath::relaxed(path).and_then(|path| jsonpath::parse(&path)) {
                Ok(template) => Ok(Goal::Path(template, expected)),
                Err(error) => fail(error),
            };
        }
        fail(format!("unrecognized condition: \"{text}\""))
    }

    fn met(&self, object: &Value) -> bool {
        match self {
            Goal::Create => true,
            Goal::Delete => false,
            Goal::Condition(name, value) => {
                let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
                let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
                let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
                if let (Some(generation), Some(observed)) = (generation, observed)
                    && observed < generation
                {
                    return false;
                }
                let found =
                    conditions.into_iter().find(|condition| text_at(condition, "/type").to_lowercase() == *name);
                found.is_some_and(|condition| text_at(condition, "/status").to_lowercase() == *value)
            }
            Goal::Path(template, expected) => {
                let found = template.find(object).unwrap_or_default();
                match (found.as_slice(), expected) {
                    ([], _) => false,
                    (_, None) => true,
                    ([one], Some(expected)) => jsonpath::text(one).trim() == expected.trim(),
                    _ => false,
                }
            }
        }
    }
}

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let goal = Goal::of(args)?;
    let started = io.now();
    let timeout = match args.changed("timeout") {
        true => args.micros("timeout").unwrap_or(0),
        false => TIMEOUT_MICROS,
    };
    // A negative timeout means a week.
    let deadline = started + if timeout < 0 { 7 * 24 * 3_600_000_000 } else { timeout };
    let lazy = matches!(goal, Goal::Create | Goal::Delete);
    let (found, mut failures) = loop {
        let (found, mut failures) = infos(io, args, &args.args, Choice { all: args.is("all"), lazy: false })?;
        if matches!(goal, Goal::Delete) {
            failures.retain(|failure| !failure.is_not_found());
        }
        let missing = failures.iter().any(Failure::is_not_found) || (found.is_empty() && failures.is_empty());
        let now = io.now();
        if !(matches!(goal, Goal::Create) && missing) {
            break (found, failures);
        }
        if now >= deadline {
            return fail(format!("timed out waiting for the condition on {}", args.args.join(" ")));
        }
        io.sleep(POLL)?;
    };
    if found.is_empty() && failures.is_empty() {
        return if lazy { Ok(0) } else { fail("no matching resources found") };
    }
    for info in &found {
        if let Err(failure) = attempt(wait(io, args, &goal, info, deadline))? {
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// Waits for one object: lists it, then watches it.
fn wait(io: &mut Io<'_, '_>, args: &Args, goal: &Goal, info: &Info, deadline: i64) -> Result<(), Stop> {
    let deleting = matches!(goal, Goal::Delete);
    let done = "condition met";
    if goal.met(&info.value) {
        return print_result(io, args, info, &info.value, done);
    }
    let collection = info.resource.path(&info.namespace, "");
    let selector = format!("metadata.name={}", info.name);
    let response =
        io.ask(|| Request::new(Method::Get, collection.as_str()).with("fieldSelector", selector.as_str()))?;
    let listed = items(&response);
    match listed.first() {
        None if deleting => return print_result(io, args, info, &info.value, done),
        Some(object) if deleting && text_at(object, "/metadata/uid") != text_at(&info.value, "/metadata/uid") => {
            return print_result(io, args, info, &info.value, done);
        }
        Some(object) if goal.met(object) => return print_result(io, args, info, object, done),
        _ => {}
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
        match io.next_event(&[stream], Some(deadline))?.1 {
            Event::Watch(event) => {
                let object = body_value(&event.body);
                let gone = event.type_ == WatchType::Deleted;
                if (deleting && gone) || (!gone && goal.met(&object)) {
                    io.close(stream);
                    return print_result(io, args, info, &object, done);
                }
            }
            Event::Chunk(_) => {}
            Event::Lost(why) => return Err(Failure::Connection(why).into()),
            Event::End | Event::Deadline => {
                io.close(stream);
                return fail(format!("timed out waiting for the condition on {}/{}", info.resource.plural, info.name));
            }
        }
    }
}
