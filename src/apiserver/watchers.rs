//! Watchers: who is told of which events, and what an event is to each of them.
//!
//! Mirrors apiserver/pkg/storage/cacher (`cacheWatcher`, `indexedWatchers`, `watcherBookmarkTimeBuckets`).
//! Leaves out: buffers of slow watchers (the network holds what a watcher has not read yet).

use std::sync::Arc;

use crate::sim::persistent::{OrdMap, OrdSet};

use crate::api::selectors::{FieldSelector, LabelSelector};
use crate::api::stored::stamp;
use crate::api::{CallId, Kind, Object, WatchType};
use crate::sim::{ProcessId, SimTime};

use super::cache::{CacheEvent, node_of};
use super::convert::served;
use super::view::View;

/// A watch by who opened it and the number they gave.
pub type WatchKey = (ProcessId, CallId);

/// What an event must be about to concern a watcher: narrows down whom to ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Anything.
    All,
    /// One object, by namespace and name: `fieldSelector=metadata.name=…`.
    Object(Arc<str>, Arc<str>),
    /// The pods of a node: `fieldSelector=spec.nodeName=…`.
    Node(Arc<str>),
}

/// One watcher.
#[derive(Clone, Debug)]
pub struct Watcher {
    /// The kind as asked for.
    pub served: Kind,
    /// Empty: all namespaces.
    pub namespace: Arc<str>,
    pub labels: LabelSelector,
    pub fields: FieldSelector,
    pub view: View,
    pub bookmarks: bool,
    /// When the server ends the stream.
    pub deadline: SimTime,
    /// When it is told next how far the cache has come.
    pub next_bookmark: SimTime,
    /// Whether a table's columns were sent: only the first of a stream names them.
    pub columns_sent: bool,
    /// Who opened it.
    pub user_agent: Arc<str>,
    pub opened: SimTime,
    /// The revision it went on from; `None` when it began with the objects there were.
    pub resumed: Option<u64>,
}

impl Watcher {
    /// Whether an object concerns it.
    pub fn matches(&self, object: &Arc<Object>) -> bool {
        if object.kind() != self.served && !self.fields.is_everything() {
            // Its fields have other names in the kind that was asked for.
            return self.matches(&served(self.served, object));
        }
        (self.namespace.is_empty() || *self.namespace == *object.namespace())
            && (self.labels.is_everything() || self.labels.matches_object(object))
            && (self.fields.is_everything() || self.fields.matches(object))
    }

    /// What an event is to it: an object that newly matches was added, one that no longer does was deleted.
    pub fn translate(&self, event: &CacheEvent) -> Option<(WatchType, Arc<Object>)> {
        let now = event.type_ != WatchType::Deleted && self.matches(&event.object);
        let before = event.prev.as_ref().is_some_and(|prev| self.matches(prev));
        match (before, now) {
            (false, false) => None,
            (false, true) => Some((WatchType::Added, event.object.clone())),
            (true, true) => Some((WatchType::Modified, event.object.clone())),
            (true, false) if event.type_ == WatchType::Deleted => Some((WatchType::Deleted, event.object.clone())),
            (true, false) => {
                let prev = event.prev.as_ref().expect("it matched before, so it was there");
                Some((WatchType::Deleted, stamp(prev, event.revision)))
            }
        }
    }

    /// What narrows it down.
    pub fn scope(&self) -> Scope {
        if self.served == Kind::Pod
            && let Some(node) = self.fields.requires("spec.nodeName")
        {
            return Scope::Node(Arc::from(node));
        }
        match self.fields.requires("metadata.name") {
            Some(name) if !self.namespace.is_empty() || !self.served.info().namespaced() => {
                Scope::Object(self.namespace.clone(), Arc::from(name))
            }
            _ => Scope::All,
        }
    }

    fn due(&self) -> SimTime {
        if self.bookmarks { self.next_bookmark.min(self.deadline) } else { self.deadline }
    }
}

/// All watchers, indexed by what concerns them.
#[derive(Clone, Debug, Default)]
pub struct Watchers {
    watchers: OrdMap<WatchKey, Watcher>,
    /// By stored kind and scope.
    index: OrdMap<(Kind, Scope), OrdSet<WatchKey>>,
    /// When the next thing is to be done about each.
    due: OrdSet<(SimTime, WatchKey)>,
    /// How many events each was sent, bookmarks among them. Apart from the watchers: it changes with every event.
    sent: OrdMap<WatchKey, u64>,
}

impl Watchers {
    /// Adds a watcher.
    pub fn open(&mut self, key: WatchKey, watcher: Watcher) {
        self.close(key);
        let at = (watcher.served.info().stored_as, watcher.scope());
        self.index.entry(at).or_default().insert(key);
        self.due.insert((watcher.due(), key));
        self.watchers.insert(key, watcher);
    }

    /// Takes a watcher away; whether it was there.
    pub fn close(&mut self, key: WatchKey) -> bool {
        let Some(watcher) = self.watchers.remove(&key) else { return false };
        self.due.remove(&(watcher.due(), key));
        self.sent.remove(&key);
        let at = (watcher.served.info().stored_as, watcher.scope());
        if let Some(keys) = self.index.get_mut(&at) {
            keys.remove(&key);
            if keys.is_empty() {
                self.index.remove(&at);
            }
        }
        true
    }

    /// Takes the watchers of a process away.
    pub fn drop_client(&mut self, client: ProcessId) {
        let range = (client, CallId(0))..=(client, CallId(u64::MAX));
        let doomed: Vec<WatchKey> = self.watchers.range(range).map(|(key, _)| *key).collect();
        for key in doomed {
            self.close(key);
        }
    }

    /// Whom an event may concern: the index narrows, `translate` decides.
    pub fn candidates(&self, kind: Kind, event: &CacheEvent) -> Vec<WatchKey> {
        let mut found = Vec::new();
        let mut take = |scope: Scope| {
            if let Some(keys) = self.index.get(&(kind, scope)) {
                found.extend(keys.iter().copied());
            }
        };
        take(Scope::All);
        let object = &event.object;
        take(Scope::Object(Arc::from(object.namespace()), Arc::from(object.name())));
        if kind == Kind::Pod {
            // A pod without a node is on the node without a name.
            let now = node_of(object).unwrap_or_default();
            take(Scope::Node(Arc::from(now)));
            if let Some(before) = event.prev.as_deref().map(|prev| node_of(prev).unwrap_or_default())
                && before != now
            {
                take(Scope::Node(Arc::from(before)));
            }
        }
        found
    }

    /// A watcher.
    pub fn get(&self, key: &WatchKey) -> Option<&Watcher> {
        self.watchers.get(key)
    }

    /// The table's columns were sent to a watcher.
    pub fn columns_sent(&mut self, key: &WatchKey) {
        if let Some(watcher) = self.watchers.get_mut(key) {
            watcher.columns_sent = true;
        }
    }

    /// So many more events were sent to a watcher.
    pub fn note_sent(&mut self, key: WatchKey, events: u64) {
        *self.sent.entry(key).or_insert(0) += events;
    }

    /// How many events a watcher was sent, bookmarks among them.
    pub fn sent(&self, key: &WatchKey) -> u64 {
        self.sent.get(key).copied().unwrap_or(0)
    }

    /// When the next bookmark or end of a stream is due.
    pub fn next_due(&self) -> Option<SimTime> {
        self.due.get_min().map(|(due, _)| *due)
    }

    /// A watcher whose bookmark or end is due at `now`.
    pub fn pop_due(&mut self, now: SimTime) -> Option<WatchKey> {
        let (due, key) = *self.due.get_min()?;
        (due <= now).then_some(key)
    }

    /// The next bookmark of a watcher is due at `next`.
    pub fn postpone(&mut self, key: &WatchKey, next: SimTime) {
        if let Some(watcher) = self.watchers.get_mut(key) {
            self.due.remove(&(watcher.due(), *key));
            watcher.next_bookmark = next;
            self.due.insert((watcher.due(), *key));
        }
    }

    /// Every watcher.
    pub fn iter(&self) -> impl Iterator<Item = (&WatchKey, &Watcher)> {
        self.watchers.iter()
    }
}
