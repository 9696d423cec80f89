//! The turning points of a story: which messages are told of, in which words, and which are the same
//! again. The sentences are the caption's where those say enough.

use serde_json::Value;

use crate::cluster::{BodyView, FlightKind, MessageView};

use super::caption::{self, parts, short, who};
use super::screen::Caption;

const KUBECTL: &str = "kubectl is a client like any other: all it does is send requests to the API server.";
const API_SERVER: &str =
    "The API server is the one door to the cluster. Every other part talks to it, and to no other part.";
const ETCD: &str = "etcd is the cluster's database. What is written there is what the cluster is meant to be.";
const WATCH: &str = "Whoever watches a kind of object is sent each change of it, without asking again.";
const DEPLOYMENTS: &str = "A controller compares what is asked for with what there is, and asks for the difference. \
                           This one keeps a ReplicaSet for each version of a Deployment.";
const REPLICASETS: &str = "This controller keeps as many pods as the ReplicaSet asks for.";
const POD: &str = "A pod is one or more containers that run together on one node. So far it is only written down.";
const SCHEDULER: &str =
    "The scheduler chooses a node for each pod that has none. It writes the choice down; it starts nothing.";
const KUBELET: &str =
    "The kubelet is the agent on a node: it runs the pods that are bound to its node, and reports on them.";
const RUNTIME: &str = "containerd is the container runtime of the node: it starts and stops what the kubelet asks for.";
const SANDBOX: &str = "The sandbox is the pod's own network, with one address that all its containers share.";
const IMAGE: &str = "The image holds the files and the program of a container. A node fetches it once and keeps it.";
const STATUS: &str = "The status of an object says what is; its spec says what is asked for.";
const READY: &str =
    "Ready means that the pod may be sent traffic: its containers run and pass their probes, if they have any.";
const CONFLICT: &str = "Somebody else wrote the object in the meantime. The writer reads it again and tries once more.";

/// A turning point.
#[derive(Clone, Debug, PartialEq)]
pub struct Beat {
    /// What makes two of them the same.
    pub key: String,
    pub caption: Caption,
    /// What may be explained here, most wanted first.
    pub glosses: &'static [&'static str],
    pub noun: &'static str,
    pub reached: bool,
}

/// The act from outside that everything came of.
pub fn opening(text: &str) -> Beat {
    let caption = match text.starts_with("kubectl") {
        true => Caption(vec![(true, text.to_owned()), (false, " is typed.".to_owned())]),
        false => caption::act(text),
    };
    Beat { key: format!("input {text}"), caption, glosses: &[KUBECTL], noun: "", reached: false }
}

/// The turning point a message is; `None` for what only carries others along.
pub fn beat(view: &MessageView) -> Option<Beat> {
    match view.kind {
        FlightKind::Request => request(view),
        FlightKind::Response => response(view),
        FlightKind::ErrorResponse => refusal(view),
        FlightKind::Watch => watch(view),
        FlightKind::Grpc => grpc(view),
        FlightKind::Log => Some(plain("log".to_owned(), caption::sentence(view)?, &[], "")),
    }
}

/// A turning point that is explained by what it says.
pub fn plain(key: String, caption: Caption, glosses: &'static [&'static str], noun: &'static str) -> Beat {
    Beat { key, caption, glosses, noun, reached: false }
}

/// The noun of what is folded.
fn counted(resource: &str) -> &'static str {
    match resource {
        "pods" => "pods",
        "replicasets" => "ReplicaSets",
        "deployments" => "Deployments",
        _ => "",
    }
}

fn request(view: &MessageView) -> Option<Beat> {
    let method = view.method?;
    let path = view.path.as_deref()?;
    let (resource, name, subresource) = parts(path);
    if matches!(resource, "events" | "leases" | "tokenreviews") || subresource == "token" {
        return None;
    }
    let from = view.from.split('/').next().unwrap_or_default();
    match (method, resource, subresource) {
        ("GET", ..) if from != "kubectl" => None,
        ("GET", "", _) => Some(plain("discovery".to_owned(), caption::sentence(view)?, &[API_SERVER], "")),
        ("GET", ..) if path.contains("watch=") && name.is_empty() => {
            Some(plain(format!("watches {resource}"), caption::sentence(view)?, &[WATCH], ""))
        }
        ("GET", ..) => Some(plain(format!("GET {resource} {name}"), caption::sentence(view)?, &[API_SERVER], "")),
        ("PUT" | "PATCH", "pods", "status") => reported(view, name),
        ("PUT" | "PATCH", "replicasets" | "deployments", "status") => counts(view, resource, name),
        ("PUT" | "PATCH", _, "status") => None,
        ("POST", "pods", "binding") => {
            Some(plain("binding".to_owned(), caption::sentence(view)?, &[SCHEDULER], "pods"))
        }
        _ => {
            let glosses: &[&str] = match (method, resource) {
                ("POST", "replicasets") => &[DEPLOYMENTS],
                ("POST", "pods") if from != "kubectl" => &[REPLICASETS, POD],
                ("POST", "pods") => &[POD],
                _ => &[API_SERVER],
            };
            // A person's requests are told one by one, a controller's by kind.
            let subject =
                if from == "kubectl" { name_in(view).unwrap_or_else(|| name.to_owned()) } else { String::new() };
            let key = format!("{from} {method} {resource} {subresource} {subject}");
            Some(plain(key, caption::sentence(view)?, glosses, counted(resource)))
        }
    }
}

/// What a status that is written says of the pod.
fn reported(view: &MessageView, name: &str) -> Option<Beat> {
    let body = value(&view.body)?;
    let status = body.get("status")?;
    let phase = status.get("phase").and_then(Value::as_str);
    let ready = is_true(status, "Ready");
    let waiting = status
        .get("containerStatuses")
        .and_then(|list| list.get(0)?.get("state")?.get("waiting")?.get("reason")?.as_str());
    let who = who(&view.from, "");
    let start = |rest: String| Caption(vec![(false, format!("{who} reports ")), (true, short(name)), (false, rest)]);
    let (key, caption) = match (ready, phase, waiting) {
        (true, Some(phase), _) => ("ready".to_owned(), start(format!(" as {phase} and ready."))),
        (true, None, _) => ("ready".to_owned(), start(" as ready.".to_owned())),
        (_, _, Some(reason)) if reason != "ContainerCreating" => {
            (format!("waiting {reason}"), start(format!(" as waiting: {reason}.")))
        }
        (_, Some("Pending"), _) | (_, None, Some(_)) => {
            ("taken on".to_owned(), start(": the pod is taken on, its containers are being created.".to_owned()))
        }
        (_, Some(phase), _) => (format!("phase {phase}"), start(format!(" as {phase}."))),
        (_, None, None) => return None,
    };
    Some(Beat {
        key: format!("report {key}"),
        caption,
        glosses: if ready { &[READY] } else { &[STATUS] },
        noun: "pods",
        reached: ready,
    })
}

/// How many pods a status counts as ready.
fn counts(view: &MessageView, resource: &str, name: &str) -> Option<Beat> {
    let body = value(&view.body)?;
    let wanted = body.get("spec")?.get("replicas")?.as_u64()?;
    let status = body.get("status")?;
    let number = |field: &str| status.get(field).and_then(Value::as_u64).unwrap_or(0);
    let what = caption::noun(resource);
    let who = who(&view.from, view.user_agent.as_deref().unwrap_or_default());
    let (there, ready) = (number("replicas"), number("readyReplicas"));
    let whole = wanted > 0 && ready == wanted && there == wanted;
    let pods = if wanted == 1 { "pod" } else { "pods" };
    let (key, counted) = match resource {
        "deployments" if whole && number("updatedReplicas") == wanted && is_true(status, "Available") => {
            ("available", format!("available, {ready} of {wanted} {pods} ready"))
        }
        _ if whole => ("whole", format!("{ready} of {wanted} {pods} ready")),
        _ if ready > 0 => ("some", format!("{ready} of {wanted} {pods} ready")),
        _ => ("none", format!("{there} of {wanted} {pods} there, none ready")),
    };
    let caption = Caption(vec![
        (false, format!("{who} writes into the status of the {what} ")),
        (true, name.to_owned()),
        (false, format!(": {counted}.")),
    ]);
    let key = format!("counts {resource} {key} {}", if whole { name } else { "" });
    Some(Beat { key, caption, glosses: &[STATUS], noun: "", reached: whole && resource == "deployments" })
}

fn response(view: &MessageView) -> Option<Beat> {
    let (resource, _, subresource) = parts(view.path.as_deref()?);
    if !subresource.is_empty() || view.method != Some("POST") {
        return None;
    }
    let name = name_in(view).filter(|_| resource != "events")?;
    let subject = if &*view.to == "kubectl" { &*name } else { "" };
    let key = format!("stored {resource} {subject}");
    let to = who(&view.to, view.user_agent.as_deref().unwrap_or_default()).replacen("The ", "the ", 1);
    let caption = Caption(vec![
        (false, format!("The API server answers {to}: the {} ", caption::noun(resource))),
        (true, short(&name)),
        (false, " is stored.".to_owned()),
    ]);
    Some(plain(key, caption, &[ETCD], counted(resource)))
}

fn refusal(view: &MessageView) -> Option<Beat> {
    let (resource, name, subresource) = parts(view.path.as_deref().unwrap_or_default());
    let code = view.code?;
    let subject = if &*view.to == "kubectl" { name } else { "" };
    let glosses: &[&str] = if code == 409 { &[CONFLICT] } else { &[] };
    Some(plain(format!("{code} {resource} {subresource} {subject}"), caption::sentence(view)?, glosses, ""))
}

/// A change arrives at somebody who acts on it.
fn watch(view: &MessageView) -> Option<Beat> {
    let BodyView::Object(object) = &view.body else { return None };
    let resource = object.info().plural;
    let to = view.to.split('/').next().unwrap_or_default();
    let event = view.label.second.as_ref();
    let glosses: &'static [&'static str] = match (to, resource) {
        ("kube-controller-manager", "deployments" | "replicasets" | "services" | "namespaces") => &[WATCH],
        ("kube-scheduler", "pods") if event == "ADDED" => &[POD, WATCH],
        ("kubelet", "pods") => &[KUBELET],
        _ => return None,
    };
    // Every write comes back as a change to whoever watches: only what is new or gone turns the story.
    if event != "ADDED" && event != "DELETED" {
        return None;
    }
    Some(plain(format!("{to} hears {event} {resource}"), caption::sentence(view)?, glosses, counted(resource)))
}

fn grpc(view: &MessageView) -> Option<Beat> {
    let method = view.label.first.as_ref();
    if &*view.to == "etcd" {
        let caption = caption::sentence(view)?;
        return Some(plain(method.to_owned(), caption, &[ETCD], ""));
    }
    if method == "ip" {
        let node = view.from.split_once('/').map_or("", |(_, node)| node);
        let caption = Caption(vec![
            (false, format!("containerd on {node} has the sandbox ready, with the address ")),
            (true, view.label.second.to_string()),
            (false, ".".to_owned()),
        ]);
        return Some(plain("ip".to_owned(), caption, &[SANDBOX], "pods"));
    }
    let glosses: &[&str] = match method {
        "PullImage" => &[IMAGE],
        _ => &[RUNTIME],
    };
    Some(plain(method.to_owned(), caption::sentence(view)?, glosses, ""))
}

/// A body as a value, whatever it came as.
fn value(body: &BodyView) -> Option<Value> {
    match body {
        BodyView::Object(object) => Some(object.to_value()),
        BodyView::Json(value) => Some((**value).clone()),
        BodyView::Text(text) => serde_json::from_slice(text.as_bytes()).ok(),
        BodyView::Empty | BodyView::List { .. } => None,
    }
}

/// The name in what a message carries.
fn name_in(view: &MessageView) -> Option<String> {
    caption::name_in(&view.body)
}

/// Whether a condition of a status is True.
fn is_true(status: &Value, condition: &str) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array);
    conditions.is_some_and(|list| {
        list.iter().any(|entry| {
            entry.get("type").and_then(Value::as_str) == Some(condition)
                && entry.get("status").and_then(Value::as_str) == Some("True")
        })
    })
}
