//! The narrator: one sentence for what a message says and makes happen. Nothing is invented: who, what
//! and where are read off the message.

use crate::api::KINDS;
use crate::cluster::{BodyView, FlightKind, MessageView, short_name};

use super::screen::Caption;

/// Longer names, as those of volumes and attachments, are cut in the middle.
const NAME_MAX: usize = 30;

/// A sentence in the making.
#[derive(Default)]
struct Sentence(Vec<(bool, String)>);

impl Sentence {
    fn new(text: impl Into<String>) -> Self {
        Sentence(vec![(false, text.into())])
    }

    fn bold(mut self, text: impl Into<String>) -> Self {
        self.0.push((true, text.into()));
        self
    }

    fn say(mut self, text: impl Into<String>) -> Self {
        self.0.push((false, text.into()));
        self
    }

    fn done(self) -> Option<Caption> {
        Some(Caption(self.0))
    }
}

/// Who a process is, at the beginning of a sentence.
pub fn who(process: &str, user_agent: &str) -> String {
    match process {
        "kube-apiserver" => "The API server".to_owned(),
        "kube-scheduler" => "The scheduler".to_owned(),
        "kube-controller-manager" => controller(user_agent),
        "client" => "A client".to_owned(),
        "csi-driver" => "The CSI driver".to_owned(),
        "etcd" | "kubectl" => process.to_owned(),
        agent => match agent.split_once('/') {
            Some(("kube-scheduler", host)) => format!("The scheduler on {host}"),
            Some(("kube-controller-manager", host)) => format!("{} on {host}", controller(user_agent)),
            Some(("kubelet", node)) => format!("The kubelet on {node}"),
            Some((runtime, node)) => format!("{runtime} on {node}"),
            None => agent.to_owned(),
        },
    }
}

fn controller(user_agent: &str) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("deployment", "The Deployment controller"),
        ("daemon-set", "The DaemonSet controller"),
        ("daemonset", "The DaemonSet controller"),
        ("replicaset", "The ReplicaSet controller"),
        ("replication-controller", "The ReplicationController controller"),
        ("replicationcontroller", "The ReplicationController controller"),
        ("statefulset", "The StatefulSet controller"),
        ("namespace", "The namespace controller"),
        ("garbage", "The garbage collector"),
        ("node-controller", "The node lifecycle controller"),
        ("nodelifecycle", "The node lifecycle controller"),
        ("node-lifecycle", "The node lifecycle controller"),
        ("taint-eviction", "The taint eviction controller"),
        ("serviceaccount", "The service account controller"),
        ("service-account", "The service account controller"),
    ];
    // `kube-controller-manager/v1.36.0 …/system:serviceaccount:kube-system:node-controller`
    let agent = user_agent.rsplit(':').next().unwrap_or_default().to_lowercase();
    NAMES
        .iter()
        .find(|(part, _)| agent.contains(part))
        .map_or_else(|| "The controller manager".to_owned(), |(_, name)| (*name).to_owned())
}

/// A pod's or object's name as prose has it: the last part of a generated name.
pub fn short(name: &str) -> String {
    match name.rsplit_once('-') {
        Some((_, tail)) if tail.len() == 5 && name.matches('-').count() > 1 => tail.to_owned(),
        _ if name.len() > NAME_MAX => short_name(name),
        _ => name.to_owned(),
    }
}

/// The parts of an API path: resource, name, subresource.
pub fn parts(path: &str) -> (&str, &str, &str) {
    let path = path.split('?').next().unwrap_or(path);
    // Discovery and schemas name no object.
    if !path.starts_with("/api/") && !path.starts_with("/apis/") {
        return ("", "", "");
    }
    let mut rest = path.trim_matches('/').split('/').skip(1).peekable();
    if path.starts_with("/apis/") {
        rest.next();
    }
    rest.next();
    let mut rest: Vec<&str> = rest.collect();
    if rest.first() == Some(&"namespaces") && rest.len() > 2 && rest[2] != "status" && rest[2] != "finalize" {
        rest.drain(..2);
    }
    let at = |index: usize| rest.get(index).copied().unwrap_or_default();
    (at(0), at(1), at(2))
}

/// `deployments` as a noun: `Deployment`. What everybody speaks of is written as any word is.
pub fn noun(resource: &str) -> &str {
    match resource {
        "events" | "namespaces" | "nodes" | "pods" => resource.trim_end_matches('s'),
        _ => KINDS.iter().find(|info| info.plural == resource).map_or(resource, |info| info.kind),
    }
}

/// The name of the object that a body carries, in whatever form.
pub fn name_in(body: &BodyView) -> Option<String> {
    let of_value = |value: &serde_json::Value| Some(value.get("metadata")?.get("name")?.as_str()?.to_owned());
    let name = match body {
        BodyView::Object(object) => Some(object.name().to_owned()),
        BodyView::Json(value) => of_value(value),
        BodyView::Text(text) => serde_json::from_slice(text.as_bytes()).ok().as_ref().and_then(of_value),
        BodyView::Empty | BodyView::List { .. } => None,
    };
    name.filter(|name| !name.is_empty())
}

/// The sentence for a message; `None` for what is not worth one.
pub fn sentence(message: &MessageView) -> Option<Caption> {
    match message.kind {
        FlightKind::Request => request(message),
        FlightKind::Response => response(message),
        FlightKind::ErrorResponse => refusal(message),
        FlightKind::Watch => watch(message),
        FlightKind::Grpc => grpc(message),
        FlightKind::Log => Sentence::new("The log of the container streams to kubectl.").done(),
    }
}

fn request(message: &MessageView) -> Option<Caption> {
    let path = message.path.as_deref()?;
    let who = who(&message.from, message.user_agent.as_deref().unwrap_or_default());
    let (resource, name, subresource) = parts(path);
    let object = name_in(&message.body);
    let object = object.as_deref();
    let what = noun(resource);
    let start = Sentence::new(format!("{who} "));
    match (message.method?, resource, subresource) {
        ("POST", "pods", "binding") => {
            let node = target_node(&message.body).unwrap_or_default();
            start.say("binds ").bold(short(name)).say(format!(" to {node}.")).done()
        }
        ("POST", "pods", "eviction") => start.say("asks to evict the pod ").bold(short(name)).say(".").done(),
        ("POST" | "PATCH", "events", _) => None,
        ("POST", "pods", "") => start.say("creates a pod.").done().map(|caption| with_name(caption, object)),
        ("POST", "serviceaccounts", "token") => start.say("asks for a token for ").bold(name).say(".").done(),
        ("POST", _, "") => start.say(format!("creates the {what} ")).bold(object.unwrap_or("")).say(".").done(),
        ("PUT" | "PATCH", "pods", "status") => match phase(&message.body) {
            Some(phase) => start.say("reports ").bold(short(name)).say(format!(" as {phase}.")).done(),
            None => start.say("reports the state of ").bold(short(name)).say(".").done(),
        },
        ("PUT" | "PATCH", _, "status") => {
            start.say(format!("writes the status of the {what} ")).bold(name).say(".").done()
        }
        ("PUT" | "PATCH", _, "scale") => start.say(format!("scales the {what} ")).bold(name).say(".").done(),
        ("PUT" | "PATCH", ..) => start.say(format!("changes the {what} ")).bold(name).say(".").done(),
        ("DELETE", ..) => start.say(format!("deletes the {what} ")).bold(short(name)).say(".").done(),
        ("GET", ..) if path.contains("watch=") => start.say(format!("watches {resource}.")).done(),
        ("GET", ..) if message.from.as_ref() == "kubectl" => match (resource, name) {
            ("", _) => start.say("asks what the API server serves.").done(),
            (_, "") => start.say(format!("lists {resource}.")).done(),
            _ => start.say(format!("asks for the {what} ")).bold(name).say(".").done(),
        },
        _ => None,
    }
}

fn with_name(caption: Caption, name: Option<&str>) -> Caption {
    match name {
        Some(name) => {
            let mut runs = caption.0;
            runs.pop();
            runs.push((false, "creates the pod ".to_owned()));
            runs.push((true, short(name)));
            runs.push((false, ".".to_owned()));
            Caption(runs)
        }
        None => caption,
    }
}

/// The phase that a status patch writes.
fn phase(body: &BodyView) -> Option<&str> {
    let BodyView::Json(patch) = body else { return None };
    patch.get("status")?.get("phase")?.as_str()
}

/// The node a Binding names.
fn target_node(body: &BodyView) -> Option<String> {
    let BodyView::Object(object) = body else { return None };
    let value = object.to_value();
    Some(value.get("target")?.get("name")?.as_str()?.to_owned())
}

fn response(message: &MessageView) -> Option<Caption> {
    let path = message.path.as_deref()?;
    let (resource, name, subresource) = parts(path);
    match (message.method?, resource, subresource) {
        ("POST", "pods", "binding") => {
            Sentence::new("The binding of ").bold(short(name)).say(" is stored. Its watchers hear of it next.").done()
        }
        ("POST", "pods", "eviction") => Sentence::new("The eviction of ")
            .bold(short(name))
            .say(" is granted: no budget forbids it, and the pod is being deleted.")
            .done(),
        ("POST", "events", _) | ("GET", ..) => None,
        ("POST", _, "") => {
            let name = name_in(&message.body)?;
            let what = noun(resource);
            Sentence::new(format!("The {what} "))
                .bold(short(&name))
                .say(" is stored. Its watchers hear of it next.")
                .done()
        }
        ("DELETE", ..) => Sentence::new(format!("The deletion of the {} ", noun(resource)))
            .bold(short(name))
            .say(" is accepted.")
            .done(),
        _ => None,
    }
}

fn refusal(message: &MessageView) -> Option<Caption> {
    let code = message.code?;
    let path = message.path.as_deref().unwrap_or_default();
    let (resource, name, subresource) = parts(path);
    let said = |pointer: &str| match &message.body {
        BodyView::Json(value) => value.pointer(pointer).and_then(|text| text.as_str()).unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let reason = said("/message");
    match (code, message.method) {
        (404, Some("GET")) => {
            Sentence::new(format!("There is no {} ", noun(resource))).bold(short(name)).say(" yet.").done()
        }
        (409, _) => Sentence::new("The API server refuses with 409: ").say(reason).done(),
        (429, Some("POST")) if subresource == "eviction" && said("/details/causes/0/reason") == "DisruptionBudget" => {
            let cause = said("/details/causes/0/message");
            Sentence(Vec::new())
                .bold(short(name))
                .say(format!(" may not be evicted: {}. ", cause.trim_end_matches('.')))
                .say("It may once another pod of the budget is ready, or the budget asks for fewer.")
                .done()
        }
        (403, _) if reason.contains("exceeded quota") => {
            Sentence::new(format!("The API server refuses with 403: {reason}. "))
                .say("There is room once something that the quota counts is deleted, or the quota grows.")
                .done()
        }
        _ => Sentence::new(format!("The API server refuses with {code}: ")).say(reason).done(),
    }
}

fn watch(message: &MessageView) -> Option<Caption> {
    let BodyView::Object(object) = &message.body else { return None };
    let what = noun(object.info().plural);
    if object.name().is_empty() || what == "event" || what == "Lease" {
        return None;
    }
    let hears = match message.to.as_ref() {
        "kube-controller-manager" => "The controllers hear".to_owned(),
        other if other.starts_with("kube-controller-manager/") => {
            format!("The controllers on {} hear", &other["kube-controller-manager/".len()..])
        }
        other => format!("{} hears", who(other, "")),
    };
    let happened = match message.label.second.as_ref() {
        "ADDED" => "of the",
        "DELETED" => "that the",
        _ => "of a change of the",
    };
    let end = if message.label.second.as_ref() == "DELETED" { " is gone." } else { "." };
    Sentence::new(format!("{hears} {happened} {what} ")).bold(short(object.name())).say(end).done()
}

fn grpc(message: &MessageView) -> Option<Caption> {
    let node = message.from.split_once('/').or_else(|| message.to.split_once('/')).map(|(_, node)| node);
    let label = message.label.first.as_ref();
    if message.from.as_ref() == "csi-driver" || message.to.as_ref() == "csi-driver" {
        return disk(label, node?, &message.label.second);
    }
    match node {
        None => {
            let key = message.etcd_key.as_deref()?;
            if key.starts_with("/registry/events/") || key.starts_with("/registry/leases/") {
                return None;
            }
            let name = key.rsplit('/').next().unwrap_or(key);
            match (message.to.as_ref(), label) {
                ("etcd", "Txn put") => {
                    Sentence::new("The API server writes ").bold(short(name)).say(" to etcd.").done()
                }
                ("etcd", "Txn delete") => {
                    Sentence::new("The API server removes ").bold(short(name)).say(" from etcd.").done()
                }
                _ => None,
            }
        }
        Some(node) => {
            let say = match label {
                "RunPodSandbox" => "asks containerd for a sandbox: network and all.",
                "PullImage" => "has containerd pull the image.",
                "CreateContainer" => "has containerd create the container.",
                "StartContainer" => "has containerd start the container.",
                "StopContainer" => "has containerd stop the container.",
                "StopPodSandbox" => "has containerd stop the sandbox.",
                "RemovePodSandbox" => "has containerd remove the sandbox.",
                _ => return None,
            };
            Sentence::new("The kubelet on ").bold(node).say(format!(" {say}")).done()
        }
    }
}

/// What goes between a node and the storage behind its disks.
fn disk(what: &str, node: &str, disk: &str) -> Option<Caption> {
    let sentence = Sentence::default();
    match what {
        "Open" => sentence.bold(node).say(" opens the disk ").bold(disk).say(", to mount it for a container."),
        "Opened" => sentence.say("The storage gives ").bold(node).say(" what is on the disk ").bold(disk).say("."),
        "Write" => sentence.bold(node).say(" writes to the disk ").bold(disk).say(". It stays when the pod goes."),
        "Close" => sentence.bold(node).say(" lets go of the disk ").bold(disk).say("."),
        "Refused" => {
            sentence.say("The storage refuses: the disk ").bold(disk).say(" is not attached to ").bold(node).say(".")
        }
        _ => return None,
    }
    .done()
}

/// The sentence for an act from outside.
pub fn act(text: &str) -> Caption {
    let mut words = text.splitn(2, ' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("kubectl", rest) => Caption(vec![(true, "kubectl".to_owned()), (false, format!(" {rest}"))]),
        ("stop", name) => Caption(vec![(true, name.to_owned()), (false, " is stopped.".to_owned())]),
        ("start", name) => Caption(vec![(true, name.to_owned()), (false, " starts again.".to_owned())]),
        ("power", rest) if rest.starts_with("off ") => {
            Caption(vec![(true, rest[4..].to_owned()), (false, " loses its power. Nobody knows yet.".to_owned())])
        }
        ("power", rest) => {
            let node = rest.rsplit(' ').next().unwrap_or_default();
            Caption(vec![(true, node.to_owned()), (false, " is powered on.".to_owned())])
        }
        ("freeze", name) => Caption(vec![
            (true, name.to_owned()),
            (false, " is frozen: it handles nothing, and its connections stay open.".to_owned()),
        ]),
        ("thaw", name) => {
            Caption(vec![(true, name.to_owned()), (false, " goes on, with all that waits for it.".to_owned())])
        }
        ("restart", name) => {
            Caption(vec![(true, name.to_owned()), (false, " is stopped and started again.".to_owned())])
        }
        (first, _) => {
            let mut letters = first.chars();
            let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            Caption::plain(format!("{capital}{}.", &text[first.len() - letters.as_str().len()..]))
        }
    }
}

/// A quiet stretch, told. `whole` where everything but heartbeats is in view.
pub fn quiet(micros: f64, whole: bool) -> Caption {
    let seconds = micros / 1e6;
    let time = if seconds < 10.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") };
    // What is filtered away or not followed may well be sent.
    let what = if whole { "nothing is sent but heartbeats" } else { "nothing in view is sent" };
    Caption::plain(format!("{time} s pass in which {what}."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::{Config, Session};
    use crate::sim::Record;

    #[test]
    fn paths_give_their_parts() {
        assert_eq!(parts("/api/v1/namespaces/default/pods/web-0/binding"), ("pods", "web-0", "binding"));
        assert_eq!(parts("/apis/apps/v1/namespaces/default/deployments?x=y"), ("deployments", "", ""));
        assert_eq!(parts("/api/v1/nodes/node-a/status"), ("nodes", "node-a", "status"));
        assert_eq!(parts("/api/v1/namespaces/shop"), ("namespaces", "shop", ""));
        assert_eq!(parts("/apis"), ("", "", ""));
        assert_eq!(parts("/openapi/v3/apis/apps/v1"), ("", "", ""));
    }

    #[test]
    fn acts_are_told() {
        assert_eq!(act("power off node-b").text(), "node-b loses its power. Nobody knows yet.");
        assert_eq!(act("kubectl apply -f -").text(), "kubectl apply -f -");
        assert_eq!(act("cut a from b").text(), "Cut a from b.");
        assert_eq!(act("stop kube-apiserver").text(), "kube-apiserver is stopped.");
    }

    /// The sentences of everything that was sent, in order.
    fn told(yaml: &str, lines: &[&str]) -> Vec<String> {
        let mut session = Session::ready(Config::default());
        session.kubectl("kubectl apply -f -", yaml, Duration::from_secs(30));
        session.run_until(session.now() + Duration::from_secs(20));
        for line in lines {
            session.kubectl(line, "", Duration::from_secs(60));
        }
        let trace = session.world().kernel().trace().clone();
        let sent = trace.since(0).filter_map(|record| match record {
            Record::Sent(envelope) => Some(envelope.id),
            _ => None,
        });
        sent.filter_map(|id| Some(sentence(&session.message(id)?)?.text())).collect()
    }

    #[test]
    fn a_drain_that_a_budget_blocks_says_what_would_help() {
        let budget = "apiVersion: v1\nkind: Pod\nmetadata: {name: one, labels: {app: one}}\nspec: {nodeName: node-a, containers: [{name: one, image: nginx}]}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: keep}\nspec: {minAvailable: 1, selector: {matchLabels: {app: one}}}\n";
        let told = told(
            budget,
            &["kubectl drain node-a --force --timeout=8s", "kubectl delete pdb keep", "kubectl drain node-a --force"],
        );
        let blocked = "one may not be evicted: The disruption budget keep needs 1 healthy pods and has 1 currently. It may once another pod of the budget is ready, or the budget asks for fewer.";
        assert_eq!(told.iter().filter(|sentence| *sentence == blocked).count(), 2, "at once and after 5 s: {told:#?}");
        let granted = "The eviction of one is granted: no budget forbids it, and the pod is being deleted.";
        assert_eq!(told.iter().filter(|sentence| *sentence == granted).count(), 1);
    }

    #[test]
    fn a_quota_that_is_used_up_says_what_would_help() {
        let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: 1}}\n";
        let told = told(quota, &["kubectl run one --image=nginx", "kubectl run two --image=nginx"]);
        let refused = "The API server refuses with 403: pods \"two\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1. There is room once something that the quota counts is deleted, or the quota grows.";
        assert!(told.iter().any(|sentence| sentence == refused), "{told:#?}");
    }

    #[test]
    fn quiet_is_said_of_what_is_in_view() {
        assert_eq!(quiet(2_340_000.0, true).text(), "2.3 s pass in which nothing is sent but heartbeats.");
        assert_eq!(quiet(12e6, false).text(), "12 s pass in which nothing in view is sent.");
    }

    #[test]
    fn generated_names_are_shortened() {
        assert_eq!(short("web-7d4b9c6f5d-m6vqz"), "m6vqz");
        assert_eq!(short("pvc-25f546a2-1a8e-4e06-8345-c222d89011b0"), "pvc-25f…011b0");
        assert_eq!(short("web"), "web");
        assert_eq!(short("node-a"), "node-a");
    }
}
