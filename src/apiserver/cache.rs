//! The watch cache: the objects of every kind, and the last events, so that a watcher can resume.
//!
//! Mirrors apiserver/pkg/storage/cacher (`watchCache`). Leaves out: one reflector per resource (one
//! watch feeds all kinds here).

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, TextIndex, Vector};

use crate::api::etcd::{EtcdEvent, KeyValue};
use crate::api::stored::{Stored, stamp};
use crate::api::{KINDS, Kind, Object, WatchType};
use crate::sim::SimTime;

/// How many events a kind keeps at least: `defaultLowerBoundCapacity`.
const EVENTS_MIN: usize = 100;
/// How many it keeps at most: `defaultUpperBoundCapacity`.
const EVENTS_MAX: usize = 100 * 1024;
/// Events younger than this are kept within that bound: `DefaultEventFreshDuration`.
const EVENT_FRESH: Duration = Duration::from_secs(75);

/// One event of a kind, as watchers are told it.
#[derive(Clone, Debug)]
pub struct CacheEvent {
    pub revision: u64,
    /// `Added`, `Modified` or `Deleted`.
    pub type_: WatchType,
    /// The object after the change; for a deletion its last state with the deletion's resource version.
    pub object: Arc<Object>,
    /// Where it is kept; nowhere after a deletion.
    pub kept: Option<Stored>,
    /// The object before the change.
    pub prev: Option<Arc<Object>>,
}

/// An event in the window. Many are kept and few are asked for again.
#[derive(Clone, Debug)]
struct PastEvent {
    type_: WatchType,
    kv: KeyValue,
    prev: Option<KeyValue>,
    at: SimTime,
}

/// The cache of one kind.
#[derive(Clone, Debug, Default)]
pub struct KindCache {
    /// By etcd key.
    objects: OrdMap<Arc<str>, Stored>,
    /// Keys of pods by their node, the empty one among them: `NodeNameIndexFunc` of pkg/registry/core/pod.
    on_node: TextIndex<Arc<str>>,
    events: Vector<PastEvent>,
    /// Whether events were let go since the last list.
    trimmed: bool,
}

/// The cache of every kind. Cloning shares its structure.
#[derive(Clone, Debug)]
pub struct WatchCache {
    kinds: Vec<KindCache>,
    /// The revision of etcd it has come to.
    revision: u64,
    /// The revision of the list it began with.
    list_revision: u64,
}

/// The object an event tells of; of one that is gone, its last state with the resource version of its end.
fn last(kv: &KeyValue, deleted: bool) -> Arc<Object> {
    let object = kv.value.object();
    if deleted { stamp(&object, kv.mod_revision) } else { object }
}

/// The node of a pod; empty before it has one.
pub(super) fn node_of(object: &Object) -> Option<&str> {
    match object {
        Object::Pod(pod) => Some(pod.spec.as_ref()?.node_name.as_deref().unwrap_or_default()),
        _ => None,
    }
}

impl Default for WatchCache {
    fn default() -> Self {
        WatchCache { kinds: vec![KindCache::default(); KINDS.len()], revision: 0, list_revision: 0 }
    }
}

impl WatchCache {
    /// A cache of everything listed at `revision`.
    pub fn listed(kvs: &[KeyValue], revision: u64) -> Self {
        let mut cache = WatchCache { revision, list_revision: revision, ..WatchCache::default() };
        for kv in kvs {
            let kind = &mut cache.kinds[kv.value.kind() as usize];
            kind.objects.insert(kv.key.clone(), kv.value.clone());
            if kv.value.kind() == Kind::Pod {
                kind.on_node.change(&kv.key, None, node_of(&kv.value.object()));
            }
        }
        cache
    }

    /// The revision of etcd it has come to.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// An object by kind and etcd key.
    pub fn get(&self, kind: Kind, key: &str) -> Option<Arc<Object>> {
        self.kinds[kind as usize].objects.get(key).map(Stored::object)
    }

    /// An object by kind, namespace and name.
    pub fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.get(kind, &kind.info().etcd_key(namespace, name))
    }

    /// Where the object that it has under its key is kept, if this is the one.
    pub fn kept(&self, object: &Arc<Object>) -> Option<Stored> {
        let key = object.info().etcd_key(object.namespace(), object.name());
        let kept = self.kinds[object.kind() as usize].objects.get(&*key)?;
        Arc::ptr_eq(&kept.object(), object).then(|| kept.clone())
    }

    /// The objects of a kind by key, from `start` to the end of what begins with `prefix`.
    pub fn objects(&self, kind: Kind, prefix: &str, start: &str) -> impl Iterator<Item = (&Arc<str>, &Stored)> {
        let from = if start > prefix { start } else { prefix };
        self.kinds[kind as usize]
            .objects
            .range::<_, str>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// The pods assigned to a node, by key.
    pub fn on_node(&self, node: &str) -> impl Iterator<Item = Arc<Object>> {
        let pods = &self.kinds[Kind::Pod as usize];
        pods.on_node.of(node).filter_map(|key| pods.objects.get(key)).map(Stored::object)
    }

    /// How many objects of a kind there are.
    pub fn len(&self, kind: Kind) -> usize {
        self.kinds[kind as usize].objects.len()
    }

    /// How many events of a kind are kept, and the revision of the newest; 0 for none.
    pub fn window(&self, kind: Kind) -> (usize, u64) {
        let events = &self.kinds[kind as usize].events;
        (events.len(), events.back().map_or(0, |event| event.kv.mod_revision))
    }

    /// The oldest revision from which a watch of `kind` can resume.
    pub fn oldest(&self, kind: Kind) -> u64 {
        let cache = &self.kinds[kind as usize];
        match cache.events.front() {
            Some(event) if cache.trimmed => event.kv.mod_revision - 1,
            _ => self.list_revision,
        }
    }

    /// How many events of `kind` there are after `revision`.
    pub fn count_since(&self, kind: Kind, revision: u64) -> usize {
        let events = &self.kinds[kind as usize].events;
        events.iter().rev().take_while(|event| event.kv.mod_revision > revision).count()
    }

    /// The events of `kind` after `revision`.
    pub fn events_since(&self, kind: Kind, revision: u64) -> impl DoubleEndedIterator<Item = CacheEvent> {
        let cache = &self.kinds[kind as usize];
        let told = |event: &PastEvent| CacheEvent {
            revision: event.kv.mod_revision,
            type_: event.type_,
            object: last(&event.kv, event.type_ == WatchType::Deleted),
            kept: (event.type_ != WatchType::Deleted).then(|| event.kv.value.clone()),
            prev: event.prev.as_ref().map(|prev| prev.value.object()),
        };
        cache.events.iter().skip(cache.events.len() - self.count_since(kind, revision)).map(told)
    }

    /// The objects of a kind as they were at `revision`, if its events reach back so far.
    pub fn at(&self, kind: Kind, revision: u64) -> Option<OrdMap<Arc<str>, Stored>> {
        if revision < self.oldest(kind) || revision > self.revision {
            return None;
        }
        let mut objects = self.kinds[kind as usize].objects.clone();
        for event in self.kinds[kind as usize].events.iter().rev().take(self.count_since(kind, revision)) {
            match &event.prev {
                Some(prev) => objects.insert(event.kv.key.clone(), prev.value.clone()),
                None => objects.remove(&*event.kv.key),
            };
        }
        Some(objects)
    }

    /// Takes in a change that etcd told of; the event to tell the watchers.
    pub fn apply(&mut self, event: &EtcdEvent, now: SimTime) -> CacheEvent {
        let kv = &event.kv;
        let cache = &mut self.kinds[kv.value.kind() as usize];
        let object = last(kv, event.deleted);
        let prev = if event.deleted {
            cache.objects.remove(&*kv.key)
        } else {
            cache.objects.insert(kv.key.clone(), kv.value.clone())
        };
        let type_ = match (event.deleted, &prev) {
            (true, _) => WatchType::Deleted,
            (false, None) => WatchType::Added,
            (false, Some(_)) => WatchType::Modified,
        };
        let prev = prev.map(|prev| prev.object());
        let now_on = (!event.deleted).then(|| node_of(&object)).flatten();
        cache.on_node.change(&kv.key, prev.as_deref().and_then(node_of), now_on);
        // What was not in the cache was not there before, whatever etcd has to say of it.
        let past = event.prev.clone().filter(|_| prev.is_some());
        cache.events.push_back(PastEvent { type_, kv: kv.clone(), prev: past, at: now });
        while cache.events.len() > EVENTS_MIN {
            let old = cache.events.front().is_some_and(|first| now.since(first.at) > EVENT_FRESH);
            if !old && cache.events.len() <= EVENTS_MAX {
                break;
            }
            cache.events.pop_front();
            cache.trimmed = true;
        }
        self.revision = kv.mod_revision;
        let kept = (!event.deleted).then(|| kv.value.clone());
        CacheEvent { revision: kv.mod_revision, type_, object, kept, prev }
    }

    /// Etcd has come to `revision`.
    pub fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }
}
