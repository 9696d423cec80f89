//! What the components show. Replaced part by part; equal parts are the same allocation.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::muster::Muster;
use crate::cluster::{
    Branches, BrokenLink, CauseLink, ComponentView, InvocationView, MessageView, NodeView, Phase, PodView, Standing,
};
use crate::scene::{Bar, Form, Layout, PodPlaces, Sites, Tick, Window};

use crate::api::{KINDS, Kind, ObjectKey};
use crate::scheduler::DecisionRecord;
use crate::sim::{EventId, SimTime};

use super::bookmarks::Bookmark;
use super::changes::Marked;
use super::faults::FaultsView;
use super::filter::FilterView;
use super::flags::Flag;
use super::graphing::GraphScreen;
use super::inside::Level;
use super::pace::Speed;
use super::pair::PairView;
use super::story::Story;

/// A part of the screen that is compared by identity.
#[derive(Debug, Default)]
pub struct Shared<T>(Rc<T>);

impl<T> Shared<T> {
    /// Wraps it.
    pub fn new(part: T) -> Self {
        Shared(Rc::new(part))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What the reader picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Message(EventId),
    /// By process name.
    Component(Arc<str>),
    Node(Arc<str>),
    /// By uid.
    Pod(Arc<str>),
    /// Any other object, by kind and key.
    Object(Kind, ObjectKey),
    /// One of the cluster's events, by its own key.
    Event(ObjectKey),
}

impl Selection {
    /// It as the value of a `data-pick` attribute.
    pub fn mark(&self) -> String {
        match self {
            Selection::Message(id) => format!("message:{}", id.0),
            Selection::Component(name) => format!("component:{name}"),
            Selection::Node(name) => format!("node:{name}"),
            Selection::Pod(uid) => format!("pod:{uid}"),
            Selection::Object(kind, key) => format!("object:{}/{}/{}", kind.info().kind, key.namespace, key.name),
            Selection::Event(key) => format!("event:{}/{}", key.namespace, key.name),
        }
    }

    /// Reads a `data-pick` attribute.
    pub fn parse(mark: &str) -> Option<Selection> {
        let (kind, rest) = mark.split_once(':')?;
        Some(match kind {
            "message" => Selection::Message(EventId(rest.parse().ok()?)),
            "component" => Selection::Component(Arc::from(rest)),
            "node" => Selection::Node(Arc::from(rest)),
            "pod" => Selection::Pod(Arc::from(rest)),
            "object" => {
                let (kind, key) = rest.split_once('/')?;
                let (namespace, name) = key.split_once('/')?;
                let info = KINDS.iter().find(|info| info.kind == kind && info.stored_as == info.id)?;
                Selection::Object(info.id, ObjectKey::new(namespace, name))
            }
            "event" => {
                let (namespace, name) = rest.split_once('/')?;
                Selection::Event(ObjectKey::new(namespace, name))
            }
            _ => return None,
        })
    }
}

/// The transport.
#[derive(Clone, Debug, PartialEq)]
pub struct Playback {
    pub playing: bool,
    pub speed: Speed,
    pub heartbeats: bool,
    /// How many times slower than chosen it plays, once that has lasted.
    pub slowed: Option<u32>,
    /// The number of this run, and how many others are kept.
    pub run: u32,
    pub kept: usize,
}

/// Everything that stands on the stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Things {
    pub layout: Rc<Layout>,
    pub sites: Rc<Sites>,
    pub components: Arc<Vec<ComponentView>>,
    pub nodes: Arc<Vec<NodeView>>,
    pub pods: Arc<Vec<PodView>>,
    pub places: PodPlaces,
    pub revision: u64,
    /// Whether a client from outside has spoken: its box is drawn from then on.
    pub client: bool,
    /// The line at the prompt that is running or ran last.
    pub line: Arc<str>,
    /// The faults in force, and the wires they lie on.
    pub standing: Arc<Vec<Standing>>,
    pub broken: Arc<Vec<BrokenLink>>,
}

impl Things {
    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&ComponentView> {
        self.components.iter().find(|component| &*component.name == name)
    }

    /// The members of a component of which one leads, by machine; one or none where nobody stands by.
    pub fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ComponentView> {
        let is_one = move |view: &&ComponentView| match view.name.strip_prefix(name) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        self.components.iter().filter(is_one)
    }

    /// A node's view.
    pub fn node(&self, name: &str) -> Option<&NodeView> {
        let at = self.nodes.binary_search_by(|node| (*node.name).cmp(name)).ok()?;
        self.nodes.get(at)
    }

    /// A pod's view.
    pub fn pod(&self, uid: &str) -> Option<&PodView> {
        self.pods.iter().find(|pod| &*pod.uid == uid)
    }

    /// The form of the layout.
    pub fn form(&self) -> Form {
        self.layout.form
    }
}

/// A sentence, in runs that are bold or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption(pub Vec<(bool, String)>);

impl Caption {
    /// A sentence without anything bold.
    pub fn plain(text: impl Into<String>) -> Self {
        Caption(vec![(false, text.into())])
    }

    /// The sentence as text.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, run)| run.as_str()).collect()
    }
}

/// A lane of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub name: Arc<str>,
    pub bars: Vec<Bar>,
}

/// The timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracks {
    pub window: Window,
    pub width: f64,
    pub ticks: Vec<Tick>,
    pub lanes: Vec<Lane>,
    pub flags: Vec<(f64, Flag)>,
    pub bookmarks: Vec<(f64, Bookmark)>,
    /// The faults: from where to where, and which.
    pub faults: Vec<(f64, f64, String)>,
    /// The selected chain: pieces from (x, lane) to (x, lane), dotted where something waited.
    pub thread: Vec<((f64, usize), (f64, usize), bool)>,
}

/// A row of the message list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub link: CauseLink,
    pub arrived: bool,
}

/// A cluster event, as `kubectl get events` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub at: String,
    pub warning: bool,
    pub reason: String,
    pub object: String,
    pub message: String,
    pub count: i32,
    /// The event itself, for picking it.
    pub key: ObjectKey,
}

/// The right pane's lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// The newest messages, newest first, and how many there are.
    pub messages: Vec<Row>,
    pub messages_total: usize,
    /// Whether filter or following leaves some out.
    pub messages_filtered: bool,
    /// The cluster's events, newest first.
    pub events: Vec<EventRow>,
    pub events_total: usize,
}

/// What the inspector shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing is selected: the last exchanges.
    Nothing(Vec<CauseLink>),
    /// What was selected is not in the trace or the cluster any more, or not yet.
    Gone(Selection),
    Message(Box<MessageDetail>),
    Component(Box<ComponentDetail>),
    Node(Box<NodeDetail>),
    Pod(Box<PodDetail>),
    Object(Box<ObjectDetail>),
    Event(Box<EventDetail>),
    /// A line that was typed, or another act from outside.
    Act(Box<ActDetail>),
}

/// An object of any kind.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectDetail {
    pub kind: &'static str,
    pub name: String,
    pub namespace: String,
    pub etcd_key: String,
    pub revision: u64,
    /// As YAML, with what the write of this revision changed.
    pub text: Marked,
    /// Who wrote this revision: the request.
    pub written: Option<CauseLink>,
    /// Its owners, and what it owns: what is said of it, and how it is picked.
    pub owners: Vec<(String, Selection)>,
    pub owned: Vec<(String, Selection)>,
    /// A workload's members in their order.
    pub muster: Option<Box<MusterDetail>>,
    pub events: Vec<EventRow>,
    pub recent: Vec<CauseLink>,
    /// Whether the request that created it is known, so that it can be followed.
    pub follows: bool,
}

/// A workload's members, and how each is picked.
#[derive(Clone, Debug, PartialEq)]
pub struct MusterDetail {
    pub muster: Muster,
    pub picks: Vec<Option<Selection>>,
}

/// One of the cluster's events.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDetail {
    pub row: EventRow,
    /// What it is about.
    pub about: Option<Selection>,
    /// Who reported it.
    pub source: String,
    pub etcd_key: String,
    pub text: Marked,
    /// The request that stored it, and what led there.
    pub written: Option<CauseLink>,
    pub chain: Vec<CauseLink>,
}

/// An act from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct ActDetail {
    pub id: EventId,
    pub text: String,
    pub at: SimTime,
    pub tree: Branches,
}

/// A message, how it came about and what it led to.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageDetail {
    pub view: MessageView,
    /// The request it answers, and the answer it got.
    pub request: Option<MessageView>,
    pub response: Option<MessageView>,
    pub chain: Vec<CauseLink>,
    pub tree: Branches,
    /// What it carries, with what it changes.
    pub body: Option<Marked>,
    /// The same of the other half of the exchange.
    pub other_body: Option<Marked>,
    pub arrived: bool,
    /// The uid of the pod it is about.
    pub subject: Option<Arc<str>>,
    /// From when the chain's times count.
    pub origin: SimTime,
}

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentDetail {
    pub view: ComponentView,
    /// Its last messages, newest first.
    pub recent: Vec<CauseLink>,
    pub decisions: Vec<DecisionRecord>,
    /// What is stored, by key with revision: etcd only.
    pub keys: Vec<(String, u64)>,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDetail {
    pub view: NodeView,
    pub object: Option<Marked>,
    /// Kubelet or runtime is frozen.
    pub frozen: bool,
    pub pods: Vec<PodView>,
    pub events: Vec<EventRow>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodDetail {
    pub view: PodView,
    pub object: Option<Marked>,
    /// The images its containers are made from.
    pub images: Vec<String>,
    pub owner: Option<Selection>,
    pub etcd_key: String,
    pub events: Vec<EventRow>,
    pub decision: Option<DecisionRecord>,
    /// Its last messages, newest first.
    pub recent: Vec<CauseLink>,
}

/// One line of the terminal and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: u64,
    pub view: InvocationView,
}

/// What became of the editor's documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The text they belong to.
    pub text: Rc<str>,
    /// Line (from 0), whether it was refused, and a word or two.
    pub notes: Vec<(usize, bool, String)>,
    /// Line (from 0), the stretch that is marked, and kubectl's words.
    pub errors: Vec<(super::locate::Place, String)>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Screen {
    pub playback: Playback,
    pub things: Shared<Things>,
    pub caption: Shared<Caption>,
    pub tracks: Shared<Tracks>,
    pub selection: Option<Selection>,
    pub detail: Shared<Detail>,
    pub lists: Shared<Lists>,
    pub terminal: Shared<Vec<Entry>>,
    pub marks: Shared<Marks>,
    /// What keeps the session from being kept.
    pub notice: Option<&'static str>,
    pub filter: Shared<FilterView>,
    pub follow: Option<Shared<FollowView>>,
    pub faults: Shared<FaultsView>,
    /// The level inside something, while one is open.
    pub inside: Option<Shared<Level>>,
    /// The objects as a graph, while it is shown.
    pub graph: Option<Shared<GraphScreen>>,
    /// Two runs beside each other, while they are looked at.
    pub pair: Option<Shared<PairView>>,
}

/// What is followed, as the page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowView {
    /// What was followed: `Pod web-x`, `kubectl apply -f -`.
    pub title: String,
    pub story: Story,
    /// The step that was told last.
    pub here: Option<usize>,
}

/// The glyph of a phase: the symbol's id and the class of its colour.
pub fn glyph(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Pending => ("#ph-pend", "p-pend"),
        Phase::ContainerCreating => ("#ph-create", "p-pend"),
        Phase::Unready => ("#ph-unready", "p-run"),
        Phase::Running => ("#ph-run", "p-run"),
        Phase::Succeeded => ("#ph-ok", "p-ok"),
        Phase::Failed => ("#ph-fail", "p-fail"),
        Phase::Unknown => ("#ph-unk", "p-unk"),
        Phase::Terminating => ("#ph-term", "p-term"),
        Phase::CrashLoopBackOff => ("#ph-crash", "p-fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_survive_the_attribute() {
        for selection in [
            Selection::Message(EventId(7)),
            Selection::Component(Arc::from("kubelet/node-a")),
            Selection::Node(Arc::from("node-a")),
            Selection::Pod(Arc::from("0b5c-1")),
            Selection::Object(Kind::Deployment, ObjectKey::new("default", "web")),
            Selection::Object(Kind::Namespace, ObjectKey::new("", "default")),
            Selection::Event(ObjectKey::new("default", "web.188")),
        ] {
            assert_eq!(Selection::parse(&selection.mark()), Some(selection));
        }
        assert_eq!(Selection::parse("nonsense"), None);
    }
}
