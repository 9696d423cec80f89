//! What the cluster did about faults, in sentences: read off the trace from the act on. A sentence is told only for
//! something that was sent, lost or done; what a person asked for meanwhile is told only where it goes wrong.

use std::sync::Arc;

use serde_json::Value;

use crate::api::{Kind, Message, Method, ObjectKey, Request, cri::CriMessage, time};
use crate::cluster::{BodyView, Command, MessageView, Session};
use crate::sim::persistent::{OrdMap, OrdSet};
use crate::sim::{Envelope, EventId, ProcessId, ProcessState, Record, SimTime};

use super::beats::{Beat, beat, opening, plain};
use super::caption::{self, parts, short, who};
use super::screen::Caption;
use super::story::Story;

/// What is told of faults, since the first of those in force began.
#[derive(Clone, Debug, Default)]
pub struct Aftermath {
    pub story: Story,
    /// Whether any fault was seen.
    active: bool,
    /// The position in the trace up to which it was read, and the last number and time that were.
    read: u64,
    last: EventId,
    until: SimTime,
    /// What a person's acts led to, since the first fault.
    theirs: OrdSet<EventId>,
    /// The processes whose connections ended.
    broken: OrdSet<ProcessId>,
    /// The conditions of nodes as they were told, by node and type.
    conditions: OrdMap<(String, String), String>,
    /// Their taints, by node.
    taints: OrdMap<String, Vec<String>>,
    /// The leader leases that were given back, until somebody takes them.
    given_back: OrdSet<String>,
    /// Pods of which trouble was told: that they recover is told too.
    troubled: OrdSet<String>,
}

impl Aftermath {
    /// Reads what is new in the trace.
    pub fn read(&mut self, session: &mut Session) {
        let trace = session.world().kernel().trace();
        let (total, from) = (trace.total(), self.read);
        if total == from {
            return;
        }
        let trace = trace.clone();
        self.read = total;
        for record in trace.since(from) {
            self.enter(session, record);
        }
        self.until = self.until.max(session.now());
    }

    /// The world was wound back or on: what comes again is known.
    pub fn rewound(&mut self, session: &Session) {
        self.read = session.world().kernel().trace().total();
    }

    /// Somebody acted: what was known of later is another run's.
    pub fn fork(&mut self, session: &Session, last: EventId) {
        let now = session.now();
        if now >= self.until {
            return;
        }
        self.story.fork(now, last);
        self.last = self.last.min(last);
        self.until = now;
        self.read = session.world().kernel().trace().total();
        self.active = !self.story.steps.is_empty();
    }

    fn enter(&mut self, session: &mut Session, record: &Record<Message>) {
        match record {
            Record::Input { id, at, text } if *id > self.last => {
                self.last = *id;
                self.act(session, *id, *at, text);
            }
            Record::Sent(envelope) if envelope.id > self.last => {
                self.last = envelope.id;
                if self.active {
                    self.sent(session, envelope);
                }
            }
            Record::Lost { id, at } if self.active && *at > self.until => self.lost(session, *id, *at),
            Record::Process { at, process, running: false } if self.active && *at >= self.until => {
                // Its peers are told by their transports; no message says so.
                let kernel = session.world().kernel();
                if &*kernel.name_of(*process) == "kube-apiserver" {
                    self.broken.extend(kernel.processes().map(|(process, ..)| process));
                }
                self.broken.insert(*process);
            }
            _ => {}
        }
    }

    /// Somebody acted: a fault begins or is lifted, or it is a person's own request.
    fn act(&mut self, session: &Session, id: EventId, at: SimTime, text: &Arc<str>) {
        let inputs = session.inputs();
        let act = inputs.iter().rev().find(|logged| logged.at == at && logged.input.text() == **text);
        let begins = act.is_some_and(|logged| is_fault(&logged.input));
        if begins && !session.world().standing().iter().any(|standing| standing.id < id) {
            let (read, last, until) = (self.read, self.last, self.until);
            *self = Aftermath { active: true, read, last, until, ..Aftermath::default() };
        }
        if !self.active {
            return;
        }
        let ours = begins || act.is_some_and(|logged| lifts(&logged.input));
        if !ours {
            self.theirs.insert(id);
        }
        // Every act is a step of its own.
        let told = Beat { key: format!("act {}", id.0), ..opening(text) };
        self.story.tell(id, (at, at), Beat { glosses: &[], ..told });
    }

    fn lost(&mut self, session: &mut Session, id: EventId, at: SimTime) {
        let kernel = session.world().kernel();
        let Some(Record::Sent(envelope)) = kernel.trace().find(id) else { return };
        let (from, to) = (envelope.from, envelope.to);
        // One that nobody takes is lost when it arrives; one that goes with its sender's end, before.
        let stopped = kernel.state(to) == ProcessState::Stopped;
        let given_up = at > envelope.arrives && !stopped;
        if at < envelope.arrives && !given_up {
            return;
        }
        let (sender, receiver) = (kernel.name_of(from), kernel.name_of(to));
        self.broken.insert(from);
        self.broken.insert(to);
        let rest = match given_up {
            true => format!(" has no answer from {receiver} for too long, and closes the connection."),
            false => format!(" cannot reach {receiver}: the connection is refused."),
        };
        let role = sender.split('/').next().unwrap_or_default();
        let key = format!("lost {role} {given_up} {}", receiver.split('/').next().unwrap_or_default());
        let caption = Caption(vec![(true, sender.to_string()), (false, rest)]);
        self.story.tell(id, (at, at), plain(key, caption, &[], ""));
    }

    fn sent(&mut self, session: &mut Session, envelope: &Envelope<Message>) {
        let theirs = self.theirs.contains(&envelope.cause);
        if theirs {
            self.theirs.insert(envelope.id);
        }
        let wanted = match &envelope.payload {
            Message::Request { request, .. } => request.method != Method::Get || request.is_watch(),
            Message::Cri(CriMessage::Request { .. }) => true,
            _ => false,
        };
        let from = session.world().kernel().name_of(envelope.from);
        if !wanted || matches!(&*from, "kubectl" | "client") {
            return;
        }
        let Some(view) = session.message(envelope.id) else { return };
        let told = match &envelope.payload {
            Message::Request { request, .. } => self.request(session, envelope, request, &view, theirs),
            _ if theirs || view.heartbeat => None,
            _ => runtime(&view),
        };
        if let Some(told) = told {
            self.story.tell(envelope.id, (view.sent, view.sent), Beat { glosses: &[], ..told });
        }
    }

    /// What a request of a component says.
    fn request(
        &mut self,
        session: &Session,
        envelope: &Envelope<Message>,
        request: &Request,
        view: &MessageView,
        theirs: bool,
    ) -> Option<Beat> {
        let path = view.path.as_deref()?;
        let (resource, name, subresource) = parts(path);
        let from = who(&view.from, view.user_agent.as_deref().unwrap_or_default());
        match (request.method, resource, subresource) {
            (Method::Post, "events", _) => self.event(view, theirs),
            (Method::Patch, "pods", "status") if theirs && self.troubled.contains(name) => beat(view),
            _ if theirs => None,
            (Method::Put, "pods", "status") if view.from.starts_with("kube-controller-manager") => {
                let caption = Caption(vec![
                    (false, format!("{from} marks the pod ")),
                    (true, short(name)),
                    (false, " as not ready.".to_owned()),
                ]);
                Some(plain("marks not ready".to_owned(), caption, &[], "pods"))
            }
            (Method::Put, "leases", "") if path.contains("/kube-system/") => {
                self.lease(&view.from, name, &value(&view.body)?)
            }
            (Method::Get, ..) => self.broken.contains(&envelope.from).then(|| watch_again(&view.from, path, resource)),
            (Method::Put | Method::Patch, "nodes", "status") => self.node_status(session, &from, name, view),
            (Method::Patch, "nodes", "") => self.taints(&from, name, &value(&view.body)?),
            // The taint eviction controller has the account of the node lifecycle controller.
            (Method::Delete, "pods", _) if from.starts_with("The node lifecycle") => {
                let rest = format!(" from {}: it does not tolerate the node's taint.", node_of(session, path, name));
                let caption = Caption(vec![
                    (false, "The taint eviction controller deletes the pod ".to_owned()),
                    (true, short(name)),
                    (false, rest),
                ]);
                Some(plain("taint eviction".to_owned(), caption, &[], "pods"))
            }
            // Where replacements go to is the point of it: one step a node.
            (Method::Post, "pods", "binding") => {
                let node = value(&view.body)?.get("target")?.get("name")?.as_str()?.to_owned();
                beat(view).map(|told| Beat { key: format!("binding to {node}"), ..told })
            }
            _ => beat(view).filter(|_| !view.heartbeat),
        }
    }

    /// The conditions that a node's status is written with, where they are news.
    fn node_status(&mut self, session: &Session, from: &str, node: &str, view: &MessageView) -> Option<Beat> {
        let body = value(&view.body)?;
        let conditions = body.get("status")?.get("conditions")?.as_array()?.clone();
        let mut news = Vec::new();
        for condition in &conditions {
            let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (type_, status) = (text("type"), text("status"));
            let usual = if type_ == "Ready" { "True" } else { "False" };
            let known = self.conditions.insert((node.to_owned(), type_.clone()), status.clone());
            if !type_.is_empty() && known.as_deref().unwrap_or(usual) != status {
                news.push((type_, status, text("message")));
            }
        }
        // A node that fell silent has all of its conditions unknown: Ready stands for them.
        let (type_, status, message) = news.iter().find(|(type_, ..)| type_ == "Ready").or(news.first())?;
        let silent = silence(session, node).filter(|_| status == "Unknown");
        let why = match silent {
            Some(seconds) => format!(": its lease has not been renewed for {seconds} s."),
            None => format!(": {message}."),
        };
        let caption = Caption(vec![
            (false, format!("{from} writes into the status of ")),
            (true, node.to_owned()),
            (false, format!(" that {type_} is {status}{why}")),
        ]);
        Some(plain(format!("condition {type_} {status}"), caption, &[], "nodes"))
    }

    /// An event that is stored: trouble always, the rest where it says what somebody did.
    fn event(&mut self, view: &MessageView, theirs: bool) -> Option<Beat> {
        let body = value(&view.body)?;
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (reason, warning) = (text("reason"), text("type") == "Warning");
        let told = warning || !theirs && matches!(reason.as_str(), "Killing" | "LeaderElection");
        if !told {
            return None;
        }
        let about = body.get("involvedObject").or(body.get("regarding"))?;
        let name = about.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_pod = about.get("kind").and_then(Value::as_str) == Some("Pod");
        if is_pod {
            self.troubled.insert(name.to_owned());
        }
        let message = if text("message").is_empty() { text("note") } else { text("message") };
        let from = who(&view.from, view.user_agent.as_deref().unwrap_or_default());
        let caption = Caption(vec![
            (false, format!("{from} reports {reason} of ")),
            (true, short(name)),
            (false, format!(": {}", sentence(&message))),
        ]);
        // What is said of many pods differs in their names and numbers.
        let first = message.split([':', ',', '.']).next().unwrap_or_default();
        let subject = if is_pod { first } else { name };
        Some(plain(format!("event {reason} {subject}"), caption, &[], if is_pod { "pods" } else { "" }))
    }

    /// The taints a controller writes: those that are new, or those that go.
    fn taints(&mut self, from: &str, node: &str, body: &Value) -> Option<Beat> {
        let list = body.get("spec")?.get("taints")?;
        let text = |taint: &Value, field: &str| taint.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let taint = |taint: &Value| format!("{}:{}", text(taint, "key"), text(taint, "effect"));
        let now: Vec<String> = list.as_array().into_iter().flatten().map(taint).collect();
        let before = self.taints.insert(node.to_owned(), now.clone()).unwrap_or_default();
        let new: Vec<String> = now.iter().filter(|taint| !before.contains(taint)).cloned().collect();
        let gone: Vec<String> = before.iter().filter(|taint| !now.contains(taint)).cloned().collect();
        let (before, after, key) = match (new.is_empty(), gone.is_empty()) {
            (false, _) => ("taints ".to_owned(), format!(" with {}.", new.join(" and ")), new.join(" ")),
            (_, false) => {
                (format!("takes {} off ", gone.join(" and ")), ".".to_owned(), format!("off {}", gone.join(" ")))
            }
            _ => return None,
        };
        let caption = Caption(vec![(false, format!("{from} {before}")), (true, node.to_owned()), (false, after)]);
        Some(plain(format!("taints {key}"), caption, &[], "nodes"))
    }

    /// Whoever takes a leader lease that another held says so, and who gives one back; a renewal says nothing.
    fn lease(&mut self, from: &str, lease: &str, body: &Value) -> Option<Beat> {
        let spec = body.get("spec")?;
        if spec.get("acquireTime")? != spec.get("renewTime")? {
            return None;
        }
        let told = |verb: &str, words: &str, rest: String| {
            let caption = Caption(vec![
                (true, from.to_owned()),
                (false, format!(" {words} ")),
                (true, lease.to_owned()),
                (false, rest),
            ]);
            Some(plain(format!("{verb} {lease}"), caption, &[], ""))
        };
        if spec.get("holderIdentity").and_then(Value::as_str).unwrap_or_default().is_empty() {
            self.given_back.insert(lease.to_owned());
            return told(
                "gives back lease",
                "gives back the lease",
                ", so that nobody waits for it to run out.".to_owned(),
            );
        }
        if spec.get("leaseTransitions")?.as_i64()? == 0 {
            return None;
        }
        let why = if self.given_back.remove(lease).is_some() {
            "its holder gave it back".to_owned()
        } else {
            format!("its holder has not renewed it for {} s", spec.get("leaseDurationSeconds")?.as_i64()?)
        };
        told("takes lease", "takes the lease", format!(": {why}. It leads from now on."))
    }
}

/// Whether an act breaks something.
pub fn is_fault(command: &Command) -> bool {
    command.lifted_by().is_some()
        || matches!(command, Command::Restart { .. } | Command::KillContainer { .. } | Command::KillPod { .. })
}

/// Whether it takes a fault back.
pub fn lifts(command: &Command) -> bool {
    matches!(
        command,
        Command::StartProcess { .. }
            | Command::PowerOn { .. }
            | Command::Lift { .. }
            | Command::Thaw { .. }
            | Command::Free { .. }
            | Command::RestoreImage { .. }
            | Command::ConfigureScheduler { .. }
    )
}

/// A body as a value, whatever it came as.
fn value(body: &BodyView) -> Option<Value> {
    match body {
        BodyView::Object(object) => Some(object.to_value()),
        BodyView::Json(value) => Some((**value).clone()),
        BodyView::Text(_) | BodyView::Empty | BodyView::List { .. } => None,
    }
}

/// How many seconds ago a node's lease was renewed.
fn silence(session: &Session, node: &str) -> Option<i64> {
    let lease = session.object(Kind::Lease, &ObjectKey::new("kube-node-lease", node))?.to_value();
    let renewed = time::parse(lease.get("spec")?.get("renewTime")?.as_str()?)?;
    Some((session.world().kernel().unix_micros() - renewed.as_microsecond()) / 1_000_000)
}

/// The node of a pod that a path names.
fn node_of(session: &Session, path: &str, name: &str) -> String {
    let namespace = path.split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let pod = session.object(Kind::Pod, &ObjectKey::new(namespace, name)).map(|pod| pod.to_value());
    let node = pod.as_ref().and_then(|pod| pod.get("spec")?.get("nodeName")?.as_str());
    node.unwrap_or("its node").to_owned()
}

/// Text that ends as a sentence does.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// A component whose connections ended opens its watches again.
fn watch_again(from: &str, path: &str, resource: &str) -> Beat {
    let how = match path.contains("sendInitialEvents=true") {
        true => "with all of them listed first",
        false => "from the revision it knows",
    };
    let caption = Caption(vec![(true, from.to_owned()), (false, format!(" asks to watch {resource} again, {how}."))]);
    let role = from.split('/').next().unwrap_or_default();
    plain(format!("watches again {role}"), caption, &[], "")
}

/// What a kubelet has its runtime do.
fn runtime(view: &MessageView) -> Option<Beat> {
    if &*view.label.first == "RemoveImage" {
        let node = view.from.split_once('/').map_or("", |(_, node)| node);
        let caption = Caption(vec![
            (false, format!("The kubelet on {node} has containerd remove an image that nobody uses: ")),
            (true, view.label.second.to_string()),
            (false, ".".to_owned()),
        ]);
        return Some(plain("removes image".to_owned(), caption, &[], ""));
    }
    let method = view.label.first.to_string();
    if !matches!(method.as_str(), "PullImage" | "StartContainer") {
        return None;
    }
    Some(plain(method, caption::sentence(view)?, &[], ""))
}

#[cfg(test)]
#[path = "aftermath_tests.rs"]
mod tests;
