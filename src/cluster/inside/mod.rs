//! The insides of components: what a component holds, read off its process, as plain views.
//!
//! Every list is bounded and says how many there are in all: a view costs the same with ten thousand
//! objects. Whoever shows one computes it only while it is open.

mod apiserver;
mod controller_manager;
mod diff;
mod etcd;
mod kubelet;
mod pod;
mod runtime;
mod scheduler;
#[cfg(test)]
mod tests;
mod what_if;

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Object, Role};
use crate::sim::{EventId, Record, SimTime};

use super::label::label;
use super::session::Session;
use super::world::World;

pub use apiserver::{ApiServerInside, Asked, StageInside};
pub use controller_manager::{ControllerInside, ControllerManagerInside, PlanInside};
pub use diff::{DiffLine, Side, diff, fold};
pub use etcd::{Branch, EtcdInside, KeyInside, Leaf, Version};
pub use scheduler::{QueueInside, Queued, SchedulerInside, WhyNot};
pub use what_if::{Against, Room, Typed, WhatIfInside, amount};

/// Rows of a list; the total is told.
const ROWS_MAX: usize = 100;

/// What can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    ApiServer,
    Etcd,
    Scheduler,
    ControllerManager,
    Driver,
    /// By node.
    Kubelet(Arc<str>),
    /// By node.
    Runtime(Arc<str>),
    /// By uid.
    Pod(Arc<str>),
}

impl Place {
    /// The inside of a component, where it has one.
    pub fn of(role: Role, node: &Arc<str>) -> Option<Place> {
        Some(match role {
            Role::ApiServer => Place::ApiServer,
            Role::Etcd => Place::Etcd,
            Role::Scheduler => Place::Scheduler,
            Role::ControllerManager => Place::ControllerManager,
            Role::Kubelet => Place::Kubelet(node.clone()),
            Role::Runtime => Place::Runtime(node.clone()),
            Role::Storage => Place::Driver,
            Role::Kubectl | Role::Client => return None,
        })
    }

    /// The process it is the inside of; empty for a pod.
    pub fn process(&self) -> String {
        match self {
            Place::ApiServer => "kube-apiserver".to_owned(),
            Place::Etcd => "etcd".to_owned(),
            Place::Scheduler => "kube-scheduler".to_owned(),
            Place::ControllerManager => "kube-controller-manager".to_owned(),
            Place::Driver => "csi-driver".to_owned(),
            Place::Kubelet(node) => format!("kubelet/{node}"),
            Place::Runtime(node) => format!("containerd/{node}"),
            Place::Pod(_) => String::new(),
        }
    }
}

/// What the reader chose to see of an inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The request, the decision or the controller that is shown in full; `None` for the newest or first.
    pub chosen: Option<u64>,
    /// Prefixes of keys that are open.
    pub open: Vec<String>,
    /// The key whose value and history are shown.
    pub key: Option<Arc<str>>,
    /// The two revisions of it that are compared; `None` for the last two.
    pub between: Option<(u64, u64)>,
    /// What keys must contain to be listed; empty for the tree.
    pub find: String,
    /// What a decision of the scheduler is to have been made with instead, as it was typed.
    pub what_if: Typed,
}

/// A row of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetRow {
    pub cells: Vec<String>,
    /// Something is wrong with it.
    pub bad: bool,
    /// The message it is about.
    pub about: Option<EventId>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    pub title: String,
    /// What is to be known about it, in a sentence; empty for nothing.
    pub note: String,
    pub columns: &'static [&'static str],
    pub rows: Vec<SheetRow>,
    /// How many there are; more than `rows` where the list is cut.
    pub total: usize,
}

impl Sheet {
    fn new(title: impl Into<String>, columns: &'static [&'static str]) -> Self {
        Sheet { title: title.into(), columns, ..Sheet::default() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn row(&mut self, cells: Vec<String>) -> &mut SheetRow {
        self.total += 1;
        self.rows.push(SheetRow { cells, bad: false, about: None });
        self.rows.last_mut().expect("it was just pushed")
    }

    /// Cuts it to what is shown.
    fn cut(mut self, total: usize) -> Self {
        self.total = total.max(self.rows.len());
        self.rows.truncate(ROWS_MAX);
        self
    }
}

/// A name and what is so called.
pub type Fact = (&'static str, String);

/// An inside that is facts and tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plain {
    pub facts: Vec<Fact>,
    pub sheets: Vec<Sheet>,
}

/// An inside.
#[derive(Clone, Debug, PartialEq)]
pub enum Inside {
    ApiServer(ApiServerInside),
    Etcd(EtcdInside),
    Scheduler(Box<SchedulerInside>),
    ControllerManager(ControllerManagerInside),
    /// A kubelet, a container runtime or a pod.
    Plain(Plain),
    /// It does not exist at this time.
    Gone,
}

impl Session {
    /// The inside of `place`, as `look` wants it.
    pub fn inside(&mut self, place: &Place, look: &Look) -> Inside {
        self.catch_up();
        let within = Within { session: self, world: self.world() };
        match place {
            Place::ApiServer => Inside::ApiServer(apiserver::inside(&within, look)),
            Place::Etcd => Inside::Etcd(etcd::inside(&within, look)),
            Place::Scheduler => Inside::Scheduler(Box::new(scheduler::inside(&within, look))),
            Place::ControllerManager => Inside::ControllerManager(controller_manager::inside(&within, look)),
            Place::Driver => Inside::ControllerManager(controller_manager::driver(&within, look)),
            Place::Kubelet(node) => kubelet::inside(&within, node).map_or(Inside::Gone, Inside::Plain),
            Place::Runtime(node) => runtime::inside(&within, node).map_or(Inside::Gone, Inside::Plain),
            Place::Pod(uid) => pod::inside(&within, uid).map_or(Inside::Gone, Inside::Plain),
        }
    }
}

/// What insides are read off.
struct Within<'a> {
    session: &'a Session,
    world: &'a World,
}

impl Within<'_> {
    fn now(&self) -> SimTime {
        self.world.kernel().now()
    }

    /// The time of day: `00:00:12.345`.
    fn clock(&self, at: SimTime) -> String {
        clock(self.world.kernel().config().epoch_unix_micros + at.0 as i64)
    }

    /// What an event of the trace was, in words: `WATCH pods ADDED`, `kubectl scale …`, a timer.
    fn told(&self, id: EventId) -> String {
        let kernel = self.world.kernel();
        if id == EventId::BOOT {
            return "a timer of its own".to_owned();
        }
        match kernel.trace().find(id) {
            Some(Record::Sent(envelope)) => {
                let request = super::index::http_request(kernel.trace(), self.session.index(), id);
                let (_, label) = label(&envelope.payload, request);
                format!("{} {}", label.first, label.second).trim_end().to_owned()
            }
            Some(Record::Input { text, .. }) => text.to_string(),
            Some(Record::Span(span)) => span.name.to_owned(),
            _ => format!("event {}, no longer in the trace", id.0),
        }
    }
}

/// The time of day of a date: `00:00:12.345`.
fn clock(unix_micros: i64) -> String {
    let millis = unix_micros.div_euclid(1_000).rem_euclid(86_400_000);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// How long it is until `at`: `in 3.4 s`.
fn until(now: SimTime, at: SimTime) -> String {
    if at <= now { "due".to_owned() } else { format!("in {}", span(at.since(now))) }
}

/// A stretch of time: `0.4 ms`, `3.4 s`, `2 min 5 s`.
fn span(duration: Duration) -> String {
    let micros = duration.as_micros() as u64;
    match micros {
        0..1_000_000 => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
        1_000_000..120_000_000 => format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10),
        _ => format!("{} min {} s", micros / 60_000_000, micros / 1_000_000 % 60),
    }
}

/// A number of bytes: `54 MiB`.
fn bytes(number: u64) -> String {
    match number {
        0..1_024 => format!("{number} B"),
        1_024..1_048_576 => format!("{} KiB", number >> 10),
        _ => format!("{} MiB", number >> 20),
    }
}

/// `pod default/web`, `no object`: an object by its kind and key.
fn named(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn yes(word: bool) -> String {
    if word { "yes" } else { "no" }.to_owned()
}

/// An object as YAML, without managed fields, as `kubectl get -o yaml` has it.
pub fn yaml(object: &Object) -> String {
    let mut value = object.to_value();
    if let Some(metadata) = value.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
        metadata.remove("managedFields");
    }
    crate::api::decode::yaml_writer::write(&value)
}
