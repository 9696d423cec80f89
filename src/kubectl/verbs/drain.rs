//! `kubectl drain`.
//!
//! Mirrors k8s.io/kubectl/pkg/drain.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::duration::go_duration;
use crate::api::http::{Body, Method};
use crate::api::selectors::LabelSelector;
use crate::api::{Reason, Request, time};

use super::super::builder::{CHUNK, Info, SELECT_FLAGS, items, text_at, value};
use super::super::changes::{DRY_RUN, DryRun, dry_run};
use super::super::errors::{Failure, Stop, attempt, fail};
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
    if LabelSelector::parse(args.text_or_empty("pod-selector")).is_err() {
        return fail("--pod-selector=<pod_selector> must be a valid label selector");
    }
    let nodes = cordon::nodes(io, args)?;
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
        match failure {
            Failure::Many(failures) => failures.iter().for_each(|one| io.err(format!("{}\n", one.plain()))),
            one => io.err(one.report()),
        }
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
    warnings: Vec<(String, String)>,
    errors: Vec<(String, String)>,
}

fn drain(io: &mut Io<'_, '_>, args: &Args, dry: DryRun, node: &Info) -> Result<(), Stop> {
    let sorted = sort(io, args, &node.name)?;
    if !sorted.errors.is_empty() {
        let errors = grouped(&sorted.errors).into_iter().map(|error| Failure::Text(format!("cannot delete {error}")));
        return Err(Failure::Many(errors.collect()).into());
    }
    if !sorted.warnings.is_empty() {
        io.err(format!("Warning: {}\n", grouped(&sorted.warnings).join("; ")));
    }
    if dry.client {
        for pod in &sorted.evict {
            io.out(format!("evicting pod {}{}\n", full_name(pod), suffix(dry)));
        }
        return Ok(());
    }
    let started = io.now();
    let deadline = args.micros("timeout").map(|timeout| started + timeout);
    let course = Course { args, dry, deletes: args.is("disable-eviction"), deadline };
    let Err(failure) = attempt(remove(io, course, &sorted.evict))? else { return Ok(()) };
    let pending = sort(io, args, &node.name)?.evict;
    if !pending.is_empty() {
        io.err(format!(
            "There are pending pods in node \"{}\" when an error occurred: {}\n",
            node.name,
            failure.plain()
        ));
        pending.iter().for_each(|pod| io.err(format!("pod/{}\n", text_at(pod, "/metadata/name"))));
    }
    Err(failure.into())
}

fn full_name(pod: &Value) -> String {
    format!("{}/{}", text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"))
}

fn grouped(list: &[(String, String)]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, pod) in list {
        match groups.iter_mut().find(|(known, _)| known == reason) {
            Some((_, pods)) => pods.push(pod),
            None => groups.push((reason, vec![pod])),
        }
    }
    groups.iter().map(|(why, pods)| format!("{why}: {}", pods.join(", "))).collect()
}

fn is_finished(pod: &Value) -> bool {
    matches!(text_at(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// The reference to what controls a pod.
fn owner(pod: &Value) -> Option<&Value> {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().find(|owner| owner["controller"] == true)
}

/// The DaemonSet by which drain leaves a pod where it is.
fn daemon_set(pod: &Value) -> Option<&str> {
    owner(pod).filter(|owner| owner["kind"] == "DaemonSet" && !is_finished(pod)).map(|owner| text_at(owner, "/name"))
}

/// The pods of a node through the filters of `drain`, in upstream's order: daemon sets, mirror pods, local storage,
/// no controller.
fn sort(io: &mut Io<'_, '_>, args: &Args, node: &str) -> Result<Sorted, Stop> {
    let selector = format!("spec.nodeName={node}");
    let labels = args.text_or_empty("pod-selector");
    let response = io.ask(|| {
        let request = Request::new(Method::Get, "/api/v1/pods");
        let request = request.with("fieldSelector", selector.as_str()).with("limit", CHUNK);
        if labels.is_empty() { request } else { request.with("labelSelector", labels) }
    })?;
    let pods = items(&response);
    let mut orphans = Vec::new();
    for pod in &pods {
        let Some(set) = daemon_set(pod) else { continue };
        let path = format!("/apis/apps/v1/namespaces/{}/daemonsets/{set}", text_at(pod, "/metadata/namespace"));
        if let Err(failure) = attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
            orphans.push((full_name(pod), failure));
        }
    }
    Ok(filtered(args, pods, &orphans))
}

/// `orphans`: pods whose DaemonSet could not be read, and why.
fn filtered(args: &Args, pods: Vec<Arc<Value>>, orphans: &[(String, Failure)]) -> Sorted {
    let mut sorted = Sorted { evict: Vec::new(), warnings: Vec::new(), errors: Vec::new() };
    for pod in pods {
        let name = full_name(&pod);
        let (finished, owner) = (is_finished(&pod), owner(&pod));
        if pod.pointer("/metadata/annotations").is_some_and(|all| all.get(MIRROR).is_some()) {
            continue;
        }
        if daemon_set(&pod).is_some() {
            match orphans.iter().find(|(orphan, _)| *orphan == name) {
                // One that nobody looks after goes by force.
                Some((_, failure)) if failure.is_not_found() && args.is("force") => {}
                Some((_, failure)) => {
                    sorted.errors.push((failure.plain(), name));
                    continue;
                }
                None if args.is("ignore-daemonsets") => {
                    sorted.warnings.push(("ignoring DaemonSet-managed Pods".to_owned(), name));
                    continue;
                }
                None => {
                    let why = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
                    sorted.errors.push((why.to_owned(), name));
                    continue;
                }
            }
        }
        let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
        if !finished
            && volumes.into_iter().any(|volume| volume.get("emptyDir").is_some())
            && !args.is("delete-emptydir-data")
        {
            let why = "Pods with local storage (use --delete-emptydir-data to override)";
            sorted.errors.push((why.to_owned(), name));
            continue;
        }
        if !finished && owner.is_none() {
            if !args.is("force") {
                // Upstream's words, with the verb twice.
                let why = "cannot delete Pods that declare no controller (use --force to override)";
                sorted.errors.push((why.to_owned(), name));
                continue;
            }
            sorted.warnings.push(("deleting Pods that declare no controller".to_owned(), name));
        }
        sorted.evict.push(pod);
    }
    sorted
}

/// What is to be done about a pod next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Evict,
    /// It is looked for until it is gone.
    Await,
}

/// A pod on its way, with when its next step is due.
#[derive(Clone)]
struct Going {
    pod: Arc<Value>,
    step: Step,
    due: i64,
}

/// The pods still on their way, and what went wrong with others.
#[derive(Clone, Default)]
struct State {
    going: Vec<Going>,
    failures: Vec<String>,
}

/// How a drain is done.
#[derive(Clone, Copy)]
struct Course<'a> {
    args: &'a Args,
    dry: DryRun,
    /// `--disable-eviction`: pods are deleted.
    deletes: bool,
    deadline: Option<i64>,
}

impl Course<'_> {
    fn late(&self, now: i64) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    fn options(&self) -> Value {
        let grace = self.args.int("grace-period").filter(|grace| *grace >= 0);
        grace.map_or_else(|| json!({}), |grace| json!({"gracePeriodSeconds": grace}))
    }
}

/// `DeleteOrEvictPods`: every pod goes its own way, each in turn as it is due.
fn remove(io: &mut Io<'_, '_>, course: Course<'_>, pods: &[Arc<Value>]) -> Result<(), Stop> {
    let started = io.now();
    let going = pods.iter().map(|pod| Going { pod: pod.clone(), step: Step::Evict, due: started }).collect();
    let mut state = io.enter(State { going, failures: Vec::new() });
    while let Some(next) = (0..state.going.len()).min_by_key(|index| state.going[*index].due) {
        let mut own = state.going.remove(next);
        // Who waits for a pod is told at once when time is up; an eviction is tried again when it is due.
        let until = course.deadline.filter(|_| own.step == Step::Await).map_or(own.due, |end| own.due.min(end));
        let now = io.now();
        if until > now {
            io.sleep(Duration::from_micros(u64::try_from(until - now).unwrap_or(0)))?;
        }
        let outcome = match own.step {
            Step::Evict => evict(io, course, &own.pod),
            Step::Await => look_for(io, course, &own.pod),
        };
        match outcome? {
            Ok(None) => {}
            Ok(Some((step, after))) => {
                own.step = step;
                own.due = io.now() + after.as_micros() as i64;
                state.going.push(own);
            }
            Err(why) if course.deletes => return Err(Failure::Text(why).into()),
            Err(why) => state.failures.push(why),
        }
        io.save(&state);
    }
    if state.failures.is_empty() {
        return Ok(());
    }
    Err(Failure::Many(state.failures.iter().cloned().map(Failure::Text).collect()).into())
}

/// The next step and when, nothing where the pod is done with, or why it failed.
type Outcome = Result<Option<(Step, Duration)>, String>;

fn evict(io: &mut Io<'_, '_>, course: Course<'_>, pod: &Value) -> Result<Outcome, Stop> {
    let (namespace, name) = (text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"));
    if !course.deletes {
        io.out(format!("evicting pod {namespace}/{name}{}\n", suffix(course.dry)));
    }
    let subject = format!("error when evicting pods/\"{name}\" -n \"{namespace}\"");
    let now = io.now();
    if course.late(now) && !course.deletes {
        let timeout = u64::try_from(course.args.micros("timeout").unwrap_or(0)).unwrap_or(0);
        let timeout = go_duration(Duration::from_micros(timeout));
        return Ok(Err(format!("{subject}: global timeout reached: {timeout}")));
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let sent = io.ask(|| {
        let request = if course.deletes {
            Request::new(Method::Delete, path.as_str()).body(Body::Json(course.options().into()))
        } else {
            let eviction = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace},
                "deleteOptions": course.options(),
            });
            Request::new(Method::Post, format!("{path}/eviction")).body(Body::Json(eviction.into()))
        };
        course.dry.mark(request)
    });
    Ok(match attempt(sent)? {
        // What is deleted for show is waited for all the same.
        Ok(_) if course.dry.server && !course.deletes => Ok(None),
        Ok(_) => Ok(Some((Step::Await, Duration::ZERO))),
        Err(failure) if failure.is_not_found() && course.deletes => Ok(Some((Step::Await, Duration::ZERO))),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) if course.deletes => Err(failure.plain()),
        Err(failure) if failure.has_reason(Reason::TooManyRequests) => {
            io.err(format!("{subject} (will retry after 5s): {}\n", failure.plain()));
            Ok(Some((Step::Evict, RETRY)))
        }
        Err(failure) => Err(format!("{subject}: {}", failure.plain())),
    })
}

/// `shouldSkipPod`.
fn given_up(io: &mut Io<'_, '_>, args: &Args, pod: &Value) -> bool {
    let seconds = args.int("skip-wait-for-delete-timeout").unwrap_or(0);
    let since = time::parse(text_at(pod, "/metadata/deletionTimestamp"));
    let (Some(since), true) = (since, seconds > 0) else { return false };
    io.now() - since.as_microsecond() > seconds * 1_000_000
}

fn look_for(io: &mut Io<'_, '_>, course: Course<'_>, pod: &Value) -> Result<Outcome, Stop> {
    let (namespace, name) = (text_at(pod, "/metadata/namespace"), text_at(pod, "/metadata/name"));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let failed = |why: String| match course.deletes {
        true => why,
        false => format!("error when waiting for pod \"{name}\" in namespace \"{namespace}\" to terminate: {why}"),
    };
    let now = io.now();
    if course.late(now) {
        return Ok(Err(failed("context deadline exceeded".to_owned())));
    }
    let gone = match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
        Ok(response) => {
            let live = value(&response);
            if given_up(io, course.args, &live) {
                let seconds = course.args.int("skip-wait-for-delete-timeout").unwrap_or(0);
                io.out(format!("pod \"{name}\" has DeletionTimestamp older than {seconds} seconds, skipping\n"));
                return Ok(Ok(None));
            }
            text_at(&live, "/metadata/uid") != text_at(pod, "/metadata/uid")
        }
        Err(failure) if failure.is_not_found() => true,
        Err(failure) => return Ok(Err(failed(failure.plain()))),
    };
    if gone {
        io.out(format!("pod/{name} {}\n", if course.deletes { "deleted" } else { "evicted" }));
        return Ok(Ok(None));
    }
    Ok(Ok(Some((Step::Await, POLL))))
}
