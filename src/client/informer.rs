//! An informer: a local copy of one resource, kept in step by a watch. It lags, as the real one does.
//!
//! Mirrors client-go tools/cache `Reflector` and `Indexer`: a streaming list (`sendInitialEvents`),
//! resumed from the last revision after a disconnect, begun anew after `410 Gone`, with a jittered
//! exponential back-off of 800 ms … 30 s. Leaves out: periodic resync, chunked lists.

use std::sync::Arc;
use std::time::Duration;

use crate::api::stored::{Shared, Stored};
use crate::sim::persistent::{OrdMap, OrdSet, TextIndex};

use crate::api::{
    Body, CallId, Kind, Message, Object, ObjectKey, Reason, Request, Response, Typed, WatchEvent, WatchType,
};
use crate::sim::{Ctx, EventId, SimTime};

use super::calls::Calls;

/// What an informer watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InformerSpec {
    pub kind: Kind,
    /// Empty for all.
    pub namespace: String,
    /// `spec.nodeName=node-a`; empty for none.
    pub field_selector: String,
}

impl InformerSpec {
    /// Everything of a kind.
    pub fn all(kind: Kind) -> Self {
        InformerSpec { kind, namespace: String::new(), field_selector: String::new() }
    }

    /// What matches a field selector.
    pub fn fields(kind: Kind, field_selector: impl Into<String>) -> Self {
        InformerSpec { kind, namespace: String::new(), field_selector: field_selector.into() }
    }
}

/// Where an informer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InformerState {
    /// Not asked yet, or waiting to ask again.
    Idle,
    /// Receiving the initial events.
    Listing,
    /// In step.
    Watching,
}

/// One change of the local copy, for event handlers.
#[derive(Clone, Debug)]
pub struct Change {
    pub kind: Kind,
    pub key: ObjectKey,
    /// `None` when it is new here.
    pub old: Option<Arc<Object>>,
    /// `None` when it is gone.
    pub new: Option<Arc<Object>>,
    /// The message that brought it.
    pub cause: EventId,
    /// It came with the first list: it was there before whoever hears of it.
    pub initial: bool,
}

/// The objects of one informer, by namespace and name. Cloning is O(1), so that a reconcile can read
/// from a copy that does not move under it.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<Held>);

#[derive(Clone, Debug, Default)]
struct Held {
    objects: OrdMap<ObjectKey, Stored>,
    /// Keys by the uid of their controlling owner.
    owned: TextIndex<ObjectKey>,
    /// Keys of pods by their node: the index `spec.nodeName` of pkg/controller/nodelifecycle.
    on_node: TextIndex<ObjectKey>,
}

fn node_name(object: &Object) -> Option<&str> {
    let Object::Pod(pod) = object else { return None };
    pod.spec.as_ref()?.node_name.as_deref()
}

fn controller_uid(object: &Object) -> Option<&str> {
    let owners = object.meta().owner_references.as_ref()?;
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

impl Store {
    /// The object under a key.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.0.objects.get(key).map(Stored::object)
    }

    /// The object under a key as a `T`.
    pub fn typed<T: Typed>(&self, key: &ObjectKey) -> Option<Shared<T>> {
        self.get(key).and_then(Shared::of)
    }

    /// Where the object under a key is kept.
    pub fn kept(&self, key: &ObjectKey) -> Option<&Stored> {
        self.0.objects.get(key)
    }

    /// Whether there is an object under a key.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.0.objects.contains_key(key)
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.0.objects.keys()
    }

    /// Every object, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, Arc<Object>)> {
        self.0.objects.iter().map(|(key, stored)| (key, stored.object()))
    }

    /// The objects of one namespace, by name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = Arc<Object>> + 'a {
        self.0
            .objects
            .range(ObjectKey::new(namespace, "")..)
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .map(|(_, stored)| stored.object())
    }

    /// The objects that the owner with this uid controls, by key.
    pub fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = Arc<Object>> + 'a {
        self.0.owned.of(uid).filter_map(|key| self.get(key))
    }

    /// The pods assigned to a node, by key.
    pub fn on_node<'a>(&'a self, node: &str) -> impl Iterator<Item = Arc<Object>> + 'a {
        self.0.on_node.of(node).filter_map(|key| self.get(key))
    }

    /// The nodes that pods are assigned to.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.on_node.texts()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.objects.is_empty()
    }

    /// Puts an object in place, and gives what was there. Informers do this; the scheduler's
    /// assume-cache and tests may.
    pub fn insert(&mut self, stored: impl Into<Stored>) -> Option<Arc<Object>> {
        let stored = stored.into();
        let object = stored.object();
        let key = object.key();
        let held = Arc::make_mut(&mut self.0);
        let old = held.objects.insert(key.clone(), stored).map(|old| old.object());
        held.owned.change(&key, old.as_deref().and_then(controller_uid), controller_uid(&object));
        held.on_node.change(&key, old.as_deref().and_then(node_name), node_name(&object));
        old
    }

    /// Takes an object away, and gives it.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let held = Arc::make_mut(&mut self.0);
        let old = held.objects.remove(key)?.object();
        held.owned.change(key, controller_uid(&old), None);
        held.on_node.change(key, node_name(&old), None);
        Some(old)
    }
}

/// An informer. The owner starts it, feeds it every `Response`, `Watch` and `StreamEnd` with its call
/// number, tells it of disconnects, and calls `retry` when a timer it asked for is due.
#[derive(Clone, Debug)]
pub struct Informer {
    pub spec: InformerSpec,
    store: Store,
    state: InformerState,
    call: Option<CallId>,
    /// Where the watch goes on after a disconnect; 0 to begin anew.
    resource_version: u64,
    /// Whether the initial list was ever complete.
    synced: bool,
    /// Keys seen in the initial events under way: what is not among them at their end is gone.
    listed: Option<OrdSet<ObjectKey>>,
    failures: u32,
    /// When the last event came, for showing how far it lags.
    last_event: SimTime,
}

const BACKOFF_MS_INITIAL: u64 = 800;
const BACKOFF_MS_MAX: u64 = 30_000;

impl Informer {
    /// An informer that has not started.
    pub fn new(spec: InformerSpec) -> Self {
        Informer {
            spec,
            store: Store::default(),
            state: InformerState::Idle,
            call: None,
            resource_version: 0,
            synced: false,
            listed: None,
            failures: 0,
            last_event: SimTime::ZERO,
        }
    }

    /// The local copy.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The local copy, for owners that assume their own writes.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Where it stands.
    pub fn state(&self) -> InformerState {
        self.state
    }

    /// Whether the initial list was ever complete: controllers wait for it.
    pub fn has_synced(&self) -> bool {
        self.synced
    }

    /// The last revision it knows.
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    /// When the last event came.
    pub fn last_event(&self) -> SimTime {
        self.last_event
    }

    /// The number of its stream, while it has one.
    pub fn call(&self) -> Option<CallId> {
        self.call
    }

    /// Whether `call` is its stream.
    pub fn owns(&self, call: CallId) -> bool {
        self.call == Some(call)
    }

    /// Opens the stream: from the last revision if there is one, else with initial events.
    pub fn start<T: Clone>(&mut self, ctx: &mut Ctx<'_, Message>, calls: &mut Calls<T>) {
        let call = calls.next_call();
        let mut request = Request::list(self.spec.kind.info(), &self.spec.namespace);
        if !self.spec.field_selector.is_empty() {
            request = request.with("fieldSelector", self.spec.field_selector.as_str());
        }
        request = request.with("watch", "true").with("allowWatchBookmarks", "true");
        if self.resource_version == 0 {
            request = request.with("sendInitialEvents", "true").with("resourceVersionMatch", "NotOlderThan");
            self.listed = Some(OrdSet::new());
            self.state = InformerState::Listing;
        } else {
            request = request.with("resourceVersion", self.resource_version.to_string());
            self.state = InformerState::Watching;
        }
        self.call = Some(call);
        calls.post(ctx, call, request);
    }

    /// Takes the answer that opens the stream. Gives the delay after which to call `start` again when
    /// it was a refusal.
    pub fn on_response(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, response: &Response) -> Option<Duration> {
        if !self.owns(call) || response.is_success() {
            return None;
        }
        if response.status().is_some_and(|status| matches!(status.reason, Reason::Expired | Reason::Gone)) {
            self.resource_version = 0;
        }
        Some(self.give_up_stream(ctx))
    }

    /// Takes one event of the stream: the changes it makes to the local copy, and the delay after which
    /// to call `start` again when the event ends the stream.
    pub fn on_watch(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: CallId,
        event: &WatchEvent,
    ) -> (Vec<Change>, Option<Duration>) {
        if !self.owns(call) {
            return (Vec::new(), None);
        }
        self.last_event = ctx.now();
        match (&event.type_, &event.body) {
            (WatchType::Error, body) => {
                let gone =
                    matches!(body, Body::Status(status) if matches!(status.reason, Reason::Expired | Reason::Gone));
                if gone {
                    self.resource_version = 0;
                }
                (Vec::new(), Some(self.give_up_stream(ctx)))
            }
            (WatchType::Bookmark, Body::Object(object)) => {
                self.resource_version = object.resource_version().max(self.resource_version);
                (self.finish_list(ctx.cause()), None)
            }
            (WatchType::Deleted, Body::Object(object)) => {
                self.resource_version = object.resource_version().max(self.resource_version);
                let key = object.key();
                let old = self.store.remove(&key);
                let change = Change { kind: self.spec.kind, key, old, new: None, cause: ctx.cause(), initial: false };
                (vec![change], None)
            }
            (_, Body::Object(object)) => {
                let key = object.key();
                if let Some(listed) = &mut self.listed {
                    listed.insert(key.clone());
                } else {
                    self.resource_version = object.resource_version().max(self.resource_version);
                }
                let old = self.store.insert(event.kept.clone().unwrap_or_else(|| object.clone().into()));
                if old.as_ref().is_some_and(|old| old.resource_version() == object.resource_version()) {
                    return (Vec::new(), None);
                }
                let (new, cause, initial) = (Some(object.clone()), ctx.cause(), !self.synced);
                let change = Change { kind: self.spec.kind, key, old, new, cause, initial };
                (vec![change], None)
            }
            _ => panic!("a watch of {:?} brought what is none of its events", self.spec.kind),
        }
    }

    /// The bookmark that ends the initial events: what they did not name is gone.
    fn finish_list(&mut self, cause: EventId) -> Vec<Change> {
        self.failures = 0;
        let Some(listed) = self.listed.take() else { return Vec::new() };
        self.state = InformerState::Watching;
        self.synced = true;
        let gone: Vec<ObjectKey> = self.store.keys().filter(|key| !listed.contains(key)).cloned().collect();
        gone.into_iter()
            .map(|key| {
                let old = self.store.remove(&key);
                Change { kind: self.spec.kind, key, old, new: None, cause, initial: false }
            })
            .collect()
    }

    /// The server ended the stream: it is opened again soon.
    pub fn on_stream_end(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId) -> Option<Duration> {
        self.owns(call).then(|| self.give_up_stream(ctx))
    }

    /// The connection ended.
    pub fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>) -> Duration {
        self.give_up_stream(ctx)
    }

    fn give_up_stream(&mut self, ctx: &mut Ctx<'_, Message>) -> Duration {
        self.call = None;
        self.listed = None;
        if !self.synced {
            self.resource_version = 0;
        }
        self.state = InformerState::Idle;
        let base = (BACKOFF_MS_INITIAL << self.failures.min(6)).min(BACKOFF_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        // wait.Backoff with a jitter of 1.0: between one and two times the base.
        Duration::from_millis(base + ctx.rng().below(base + 1))
    }

    /// Forgets everything, as a restart does.
    pub fn forget(&mut self) {
        *self = Informer::new(self.spec.clone());
    }
}
