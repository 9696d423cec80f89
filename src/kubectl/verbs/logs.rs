//! `kubectl logs`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/logs and polymorphichelpers/logsforobject.go. Leaves out: `--all-pods`.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Request;
use crate::api::http::{Body, Method};
use crate::sim::Order;

use super::super::builder::{CHUNK, Choice, Info, SELECT_FLAGS, Target, infos, items, targets, text_at, value};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::{Event, Io, StreamId};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all-containers", Takes::Bool, "Get all containers' logs in the pod(s)."),
    flag("all-pods", Takes::Bool, "Get logs from all pod(s). Sets prefix to true."),
    short("container", 'c', Takes::Text, "Print the logs of this container"),
    short("follow", 'f', Takes::Bool, "Specify if the logs should be streamed."),
    flag(
        "ignore-errors",
        Takes::Bool,
        "If watching / following pod logs, allow for any errors that occur to be non-fatal",
    ),
    flag(
        "insecure-skip-tls-verify-backend",
        Takes::Bool,
        "Skip verifying the identity of the kubelet that logs are requested from.",
    ),
    flag("limit-bytes", Takes::Int, "Maximum bytes of logs to return. Defaults to no limit."),
    flag(
        "max-log-requests",
        Takes::Int,
        "Specify maximum number of concurrent logs to follow when using by a selector. Defaults to 5.",
    ),
    flag("pod-running-timeout", Takes::Duration, "The length of time to wait until at least one pod is running"),
    flag("prefix", Takes::Bool, "Prefix each log line with the log source (pod name and container name)"),
    short(
        "previous",
        'p',
        Takes::Bool,
        "If true, print the logs for the previous instance of the container in a pod if it exists.",
    ),
    flag("since", Takes::Duration, "Only return logs newer than a relative duration like 5s, 2m, or 3h."),
    flag("since-time", Takes::Text, "Only return logs after a specific date (RFC3339)."),
    flag(
        "tail",
        Takes::Int,
        "Lines of recent log file to display. Defaults to -1 with no selector, showing all log lines otherwise 10, if a selector is provided.",
    ),
    flag("timestamps", Takes::Bool, "Include timestamps on each line in the log output"),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "logs",
    aliases: &["log"],
    short: "Print the logs for a container in a pod",
    usage: "logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER] [options]",
    flags: &[FLAGS, SELECT_FLAGS],
    run,
    ..PLAIN
};

/// Lines shown of each pod that a selector finds.
const SELECTOR_TAIL: i64 = 10;
/// How many streams are followed at once.
const FOLLOW_MAX: i64 = 5;

/// One container's log.
struct Source {
    namespace: String,
    pod: String,
    container: String,
}

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let selector = args.text_or_empty("selector");
    match args.args.len() {
        0 if selector.is_empty() => {
            return args.usage(
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
            );
        }
        1 if !selector.is_empty() => return args.usage("only a selector (-l) or a POD name is allowed"),
        0..=2 => {}
        _ => return args.usage("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'."),
    }
    let container = args.args.get(1).map(String::as_str).or(args.text("container")).unwrap_or_default();
    if args.is("all-containers") && !container.is_empty() {
        return fail("--all-containers=true should not be specified with container name");
    }
    if args.changed("since") && args.changed("since-time") {
        return fail("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    if args.int("tail").is_some_and(|tail| tail < -1) {
        return fail("--tail must be greater than or equal to -1");
    }
    let pods = pods(io, args, !selector.is_empty())?;
    let mut sources = Vec::new();
    for pod in &pods {
        of_pod(io, args, pod, container, &mut sources)?;
    }
    if sources.is_empty() {
        if !selector.is_empty() {
            io.err(format!("No resources found in {} namespace.\n", args.namespace()));
        }
        return Ok(0);
    }
    if args.is("follow") { follow(io, args, &sources) } else { print(io, args, &sources) }
}

/// The pods meant: one by name, the first of a workload, or all that a selector fits.
fn pods(io: &mut Io<'_, '_>, args: &Args, selecting: bool) -> Result<Vec<Arc<Value>>, Stop> {
    if selecting {
        let (found, failures) = infos(io, args, &["pods".to_owned()], Choice::default())?;
        if !failures.is_empty() {
            return Err(Failure::Many(failures).into());
        }
        return Ok(found.into_iter().map(|info| info.value).collect());
    }
    let word = &args.args[0];
    let words = if word.contains('/') { vec![word.clone()] } else { vec!["pods".to_owned(), word.clone()] };
    let targets = targets(io, args, &words, Choice { all: false, lazy: true })?;
    let Some(Target::Named { resource, namespace, name }) = targets.first() else {
        return fail("expected a resource");
    };
    let path = resource.path(namespace, name);
    let object = match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
        Ok(response) => value(&response),
        Err(failure) if failure.is_not_found() => {
            return fail(format!("error from server (NotFound): {} in namespace \"{namespace}\"", failure.plain()));
        }
        Err(failure) => return Err(failure.into()),
    };
    if resource.kind == "Pod" {
        return Ok(vec![object]);
    }
    let info = Info {
        resource: resource.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        value: object,
        source: String::new(),
    };
    first_pod(io, &info).map(|pod| vec![pod])
}

/// `GetFirstPod`: the most active pod of a workload.
fn first_pod(io: &mut Io<'_, '_>, info: &Info) -> Result<Arc<Value>, Stop> {
    let labels = match info.resource.kind.as_str() {
        "Service" => info.value.pointer("/spec/selector"),
        _ => info.value.pointer("/spec/selector/matchLabels"),
    };
    let Some(labels) = labels.and_then(Value::as_object).filter(|labels| !labels.is_empty()) else {
        return fail(format!("cannot get the logs from {}: selector is empty", info.resource.kind));
    };
    let pairs: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let path = format!("/api/v1/namespaces/{}/pods", info.namespace);
    let response = io
        .ask(|| Request::new(Method::Get, path.as_str()).with("labelSelector", pairs.join(",")).with("limit", CHUNK))?;
    let mut pods = items(&response);
    pods.order_by_key(|pod| {
        let ready = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let ready = ready.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let phase = match text_at(pod, "/status/phase") {
            "Running" => 0,
            "Unknown" => 1,
            _ => 2,
        };
        (text_at(pod, "/spec/nodeName").is_empty(), phase, !ready)
    });
    let Some(first) = pods.first().cloned() else {
        return fail("timed out waiting for the condition");
    };
    if pods.len() > 1 {
        io.err(format!("Found {} pods, using pod/{}\n", pods.len(), text_at(&first, "/metadata/name")));
    }
    Ok(first)
}

fn names(pod: &Value, list: &str) -> Vec<String> {
    let containers = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
    containers.into_iter().map(|container| text_at(container, "/name").to_owned()).collect()
}

fn of_pod(
    io: &mut Io<'_, '_>,
    args: &Args,
    pod: &Value,
    container: &str,
    sources: &mut Vec<Source>,
) -> Result<(), Stop> {
    let name = text_at(pod, "/metadata/name");
    let init = names(pod, "/spec/initContainers");
    let main = names(pod, "/spec/containers");
    let mut add = |container: &str| {
        sources.push(Source {
            namespace: text_at(pod, "/metadata/namespace").to_owned(),
            pod: name.to_owned(),
            container: container.to_owned(),
        });
    };
    if args.is("all-containers") {
        init.iter().chain(&main).for_each(|container| add(container));
        return Ok(());
    }
    let listed: Vec<String> = main.iter().cloned().chain(init.iter().map(|name| format!("{name} (init)"))).collect();
    if !container.is_empty() {
        if !init.iter().chain(&main).any(|known| known == container) {
            return fail(format!("container {container} is not valid for pod {name} out of: {}", listed.join(", ")));
        }
        add(container);
        return Ok(());
    }
    let annotation = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container");
    let chosen = annotation.and_then(Value::as_str).filter(|chosen| main.iter().any(|known| known == chosen));
    match (chosen, main.first()) {
        (Some(chosen), _) => add(chosen),
        (None, Some(first)) => {
            if listed.len() > 1 {
                io.err(format!("Defaulted container \"{first}\" out of: {}\n", listed.join(", ")));
            }
            add(first);
        }
        (None, None) => {}
    }
    Ok(())
}

fn request(args: &Args, source: &Source) -> Request {
    let path = format!("/api/v1/namespaces/{}/pods/{}/log", source.namespace, source.pod);
    let mut request = Request::new(Method::Get, path).with("container", source.container.as_str());
    for (flag, parameter) in [("follow", "follow"), ("previous", "previous"), ("timestamps", "timestamps")] {
        if args.is(flag) {
            request = request.with(parameter, "true");
        }
    }
    if let Some(since) = args.micros("since") {
        request = request.with("sinceSeconds", (since / 1_000_000).max(1).to_string());
    }
    if let Some(since) = args.text("since-time") {
        request = request.with("sinceTime", since);
    }
    let selecting = !args.text_or_empty("selector").is_empty();
    let tail = args.int("tail").unwrap_or(if selecting && !args.is("follow") { SELECTOR_TAIL } else { -1 });
    if tail >= 0 {
        request = request.with("tailLines", tail.to_string());
    }
    if let Some(limit) = args.int("limit-bytes").filter(|limit| *limit > 0) {
        request = request.with("limitBytes", limit.to_string());
    }
    request
}

fn prefix(args: &Args, source: &Source) -> String {
    match args.is("prefix") {
        true => format!("[pod/{}/{}] ", source.pod, source.container),
        false => String::new(),
    }
}

/// The text with the prefix at the beginning of each line; `fresh` tells whether a line begins here.
fn prefixed(prefix: &str, text: &str, fresh: &mut bool) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if *fresh {
            out.push_str(prefix);
        }
        out.push_str(line);
        *fresh = line.ends_with('\n');
    }
    out
}

fn print(io: &mut Io<'_, '_>, args: &Args, sources: &[Source]) -> Result<i32, Stop> {
    for source in sources {
        match attempt(io.ask(|| request(args, source)))? {
            Ok(response) => {
                if let Body::Text(text) = &response.body {
                    io.out(prefixed(&prefix(args, source), text, &mut true));
                }
            }
            Err(failure) if args.is("ignore-errors") => io.err(format!("error: {}\n", failure.plain())),
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(0)
}

fn follow(io: &mut Io<'_, '_>, args: &Args, sources: &[Source]) -> Result<i32, Stop> {
    let most = args.int("max-log-requests").unwrap_or(FOLLOW_MAX);
    if i64::try_from(sources.len()).unwrap_or(i64::MAX) > most {
        return fail(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {most}, use --max-log-requests to increase the limit",
            sources.len()
        ));
    }
    let mut streams: Vec<StreamId> = Vec::new();
    for source in sources {
        streams.push(io.open(|| request(args, source))?);
    }
    // Per stream: whether it is still open, and whether a line begins.
    let mut state = io.enter(vec![(true, true); streams.len()]);
    loop {
        let open: Vec<StreamId> =
            streams.iter().zip(&state).filter(|(_, (open, _))| *open).map(|(stream, _)| *stream).collect();
        if open.is_empty() {
            return Ok(0);
        }
        let (stream, event) = io.next_event(&open, None)?;
        let place = streams.iter().position(|known| *known == stream).unwrap_or(0);
        match event {
            Event::Chunk(text) => {
                let text = prefixed(&prefix(args, &sources[place]), &text, &mut state[place].1);
                io.out(text);
            }
            Event::End => state[place].0 = false,
            Event::Lost(why) => {
                let failure = Failure::Connection(why);
                return fail(failure.plain().replacen(
                    &format!("Get \"https://{}/\": ", super::super::errors::SERVER),
                    "",
                    1,
                ));
            }
            Event::Watch(_) | Event::Deadline => {}
        }
        io.save(&state);
    }
}
