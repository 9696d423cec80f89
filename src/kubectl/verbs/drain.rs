//! `kubectl drain`.
//!
//! Mirrors k8s.io/kubectl/pkg/drain. Leaves out: `--pod-selector`, draining several nodes' pods at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::http::{Body, Method};
use crate::api::{Reason, Request};

use super::super::builder::{CHUNK, Info, SELECT_FLAGS, items, text_at, value};
use super::super::changes::{DRY_RUN, DryRun, dry_run};
use super::super::errors::{Failure, Stop, attempt};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::Io;
use super::{PLAIN, Verb, cordon};

const FLAGS: &[Flag] = &[
    flag("chunk-size", Takes::Int, "Return large lists in chunks rather than all at once. Pass 0 to disable."),
    flag("delete-emptydir-data", Takes::Bool, "Continue even if there are pods using emptyDir."),
    flag("disable-eviction", Takes::Bool, "Force drain to use delete, even if eviction is supported."),
    flag("force", Takes::Bool, "Continue even if there are pods that do not declare a controller."),
    flag("grace-period", Takes::Int, "Period of time in seconds given to each pod to terminate gracefully."),
    flag("ignore-daemonsets", Takes::Bool, "Ignore DaemonSet-managed pods."),
    flag("pod-selector", Takes::Text, "Label selector to filter pods on the node"),
    flag(
        "skip-wait-for-delete-timeout",
        Takes::Int,
        "If pod DeletionTimestamp older than N seconds, skip waiting for the pod.",
    ),
    flag("timeout", Takes::Duration, "The length of time to wait before giving up, zero means infinite"),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "drain",
    short: "Drain node in preparation for maintenance",
    usage: "drain NODE [options]",
    flags: &[FLAGS, SELECT_FLAGS, DRY_RUN],
    run,
    ..PLAIN
};

/// How often an evicted pod is looked for.
const POLL: Duration = Duration::from_secs(1);
/// How long after a refused eviction the next is tried.
const RETRY: Duration = Duration::from_secs(5);

const MIRROR: &str = "kubernetes.io/config.mirror";

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    let (nodes, failures) = cordon::nodes(io, args)?;
    if !failures.is_empty() {
        return Err(Failure::Many(failures).into());
    }
    for node in &nodes {
        cordon::mark(io, args, dry, node, true)?;
    }
    let mut failed: Vec<(&Info, Failure)> = Vec::new();
    for node in &nodes {
        match attempt(drain(io, args, dry, node))? {
            Ok(()) => {
                let suffix = suffix(dry);
                io.out(format!("{} drained{suffix}\n", node.label()));
            }
            Err(failure) => {
                io.err(format!(
                    "error: unable to drain node \"{}\" due to error: {}, continuing command...\n",
                    node.name,
                    failure.plain()
                ));
                failed.push((node, failure));
            }
        }
    }
    if failed.is_empty() {
        return Ok(0);
    }
    io.err("There are pending nodes to be drained:\n");
    for (node, failure) in failed {
        io.err(format!(" {}\n", node.name));
        io.err(format!("{}\n", failure.plain()));
    }
    Ok(1)
}

fn suffix(dry: DryRun) -> &'static str {
    match dry {
        DryRun { client: true, .. } => " (dry run)",
        DryRun { server: true, .. } => " (server dry run)",
        _ => "",
    }
}

struct Sorted {
    evict: Vec<Arc<Value>>,
    warnings: Vec<(&'static str, String)>,
    errors: Vec<(&'static str, String)>,
}

fn drain(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, node: &Info) -> Result<(), Stop> {
    let selector = format!("spec.nodeName={}", node.name);
    let response = io.ask(|| {
        Request::new(Method::Get, "/api/v1/pods").with("fieldSelector", selector.as_str()).with("limit", CHUNK)
    })?;
    let sorted = sort(args, items(&response));
    if !sorted.errors.is_empty() {
        return Err(Failure::Text(grouped(&sorted.errors, "cannot delete ")).into());
    }
    if !sorted.warnings.is_empty() {
        io.err(format!("Warning: {}\n", grouped(&sorted.warnings, "")));
    }
    let started = io.now();
    let deadline = args.micros("timeout").map(|timeout| started + timeout);
    for pod in &sorted.evict {
        io.out(format!("evicting pod {}{}\n", full_name(pod), suffix(dry)));
    }
    if dry.client {
        return Ok(());
    }
    for pod in &sorted.evict {
        evict(io, args, dry, node, pod, deadline)?;
    }
    for pod in &sorted.evict {
        wait_gone(io, pod, deadline)?;
        io.out(format!("pod/{} evicted\n", text_at(pod, "/metadata/name")));
    }
    Ok(())
}

fn full_name(pod: &Value) -> String {
    format!("{}/{}", text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"))
}

fn grouped(list: &[(&'static str, String)], prefix: &str) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, pod) in list {
        match groups.iter_mut().find(|(known, _)| known == reason) {
            Some((_, pods)) => pods.push(pod),
            None => groups.push((reason, vec![pod])),
        }
    }
    let texts: Vec<String> = groups.iter().map(|(why, pods)| format!("{prefix}{why}: {}", pods.join(", "))).collect();
    texts.join("; ")
}

/// The filters of `drain`, in upstream's order: daemon sets, mirror pods, local storage, no controller.
fn sort(args: &Args, pods: Vec<Arc<Value>>) -> Sorted {
    let mut sorted = Sorted { evict: Vec::new(), warnings: Vec::new(), errors: Vec::new() };
    for pod in pods {
        let name = full_name(&pod);
        let phase = text_at(&pod, "/status/phase");
        let finished = matches!(phase, "Succeeded" | "Failed");
        let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let owner = owners.into_iter().flatten().find(|owner| owner["controller"] == true);
        if pod.pointer("/metadata/annotations").is_some_and(|all| all.get(MIRROR).is_some()) {
            continue;
        }
        if !finished && owner.is_some_and(|owner| owner["kind"] == "DaemonSet") {
            match args.is("ignore-daemonsets") {
                true => sorted.warnings.push(("ignoring DaemonSet-managed Pods", name)),
                false => {
                    sorted.errors.push(("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", name));
                }
            }
            continue;
        }
        let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
        if !finished
            && volumes.into_iter().any(|volume| volume.get("emptyDir").is_some())
            && !args.is("delete-emptydir-data")
        {
            sorted.errors.push(("Pods with local storage (use --delete-emptydir-data to override)", name.clone()));
            continue;
        }
        if !finished && owner.is_none() {
            if !args.is("force") {
                sorted.errors.push(("Pods that declare no controller (use --force to override)", name));
                continue;
            }
            sorted.warnings.push(("deleting Pods that declare no controller", name));
        }
        sorted.evict.push(pod);
    }
    sorted
}

fn evict(
    io: &mut Io<'_, '_>,
    args: &Args,
    dry: DryRun,
    node: &Info,
    pod: &Value,
    deadline: Option<i64>,
) -> Result<(), Stop> {
    let (namespace, name) = (text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
    loop {
        let sent = io.ask(|| {
            let mut options = json!({});
            if let Some(grace) = args.int("grace-period").filter(|grace| *grace >= 0) {
                options["gracePeriodSeconds"] = json!(grace);
            }
            let eviction = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace},
                "deleteOptions": options,
            });
            dry.mark(Request::new(Method::Post, path.as_str()).body(Body::Json(eviction.into())))
        });
        let failure = match attempt(sent)? {
            Ok(_) => return Ok(()),
            Err(failure) if failure.is_not_found() => return Ok(()),
            Err(failure) => failure,
        };
        let subject = format!("error when evicting pods/\"{name}\" -n \"{namespace}\"");
        if !failure.has_reason(Reason::TooManyRequests) {
            return Err(Failure::Text(format!("{subject}: {}", failure.plain())).into());
        }
        io.err(format!("{subject} (will retry after 5s): {}\n", failure.plain()));
        io.sleep(RETRY)?;
        io.out(format!("evicting pod {namespace}/{name}\n"));
        let now = io.now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            let timeout = args.text_or_empty("timeout");
            let text = format!("{subject}: global timeout reached: {timeout}");
            io.err(format!(
                "There are pending pods in node \"{}\" when an error occurred: {text}\npod/{name}\n",
                node.name
            ));
            return Err(Failure::Text(text).into());
        }
    }
}

fn wait_gone(io: &mut Io<'_, '_>, pod: &Value, deadline: Option<i64>) -> Result<(), Stop> {
    let (namespace, name) = (text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    loop {
        match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
            Ok(response) if text_at(&value(&response), "/metadata/uid") != text_at(pod, "/metadata/uid") => {
                return Ok(());
            }
            Ok(_) => {}
            Err(failure) if failure.is_not_found() => return Ok(()),
            Err(failure) => return Err(failure.into()),
        }
        let now = io.now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            let text = format!(
                "error when waiting for pod \"{name}\" in namespace \"{namespace}\" to terminate: global timeout reached"
            );
            return Err(Failure::Text(text).into());
        }
        io.sleep(POLL)?;
    }
}
