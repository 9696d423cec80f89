//! The multi-version store: the newest state of every key, and the log of what led to it.
//!
//! Mirrors server/storage/mvcc. Where etcd keeps every version of a key and an index over them, this
//! keeps the newest versions in a persistent map and a log of events that carry what they replaced:
//! an older revision is the newest state with the log undone, so that a clone is O(1).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::Object;
use crate::api::etcd::{Compare, EtcdError, EtcdEvent, KeyValue, Op, OpResponse, RangeRequest};
use crate::api::stored::Stored;
use crate::sim::Gather;

/// What one revision changed, in the order of the transaction's operations.
pub type Changes = Arc<[EtcdEvent]>;

/// The keys of a range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranged {
    pub kvs: Vec<KeyValue>,
    /// How many keys lie in the range, whatever the limit.
    pub count: u64,
    /// Whether the limit cut keys off.
    pub more: bool,
}

/// The store. Cloning shares its structure.
#[derive(Clone, Debug)]
pub struct Store {
    keys: OrdMap<Arc<str>, KeyValue>,
    /// The changes of revisions `first`, `first + 1`, …, up to `revision`.
    log: Vector<Changes>,
    first: u64,
    revision: u64,
    compact_revision: u64,
}

impl Default for Store {
    fn default() -> Self {
        Store::new()
    }
}

/// The first key after all that begin with `prefix`: `clientv3.GetPrefixRangeEnd`.
pub fn prefix_end(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    // Keys are ASCII: the successor of the last character is a character too.
    let last = end.pop().expect("a prefix is not empty");
    end.push(char::from_u32(last as u32 + 1).expect("keys are ASCII"));
    end
}

/// Whether `key` lies in `[start, end)`, or is `start` where there is no end.
pub(super) fn in_range(key: &str, start: &str, end: Option<&str>) -> bool {
    match end {
        None => key == start,
        Some(end) => key >= start && key < end,
    }
}

impl Store {
    /// An empty store at revision 1.
    pub fn new() -> Self {
        Store { keys: OrdMap::new(), log: Vector::new(), first: 2, revision: 1, compact_revision: 0 }
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision below which the history was dropped; 0 before any compaction.
    pub fn compact_revision(&self) -> u64 {
        self.compact_revision
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is stored under a key now.
    pub fn get(&self, key: &str) -> Option<&KeyValue> {
        self.keys.get(key)
    }

    /// Every key with what is stored under it now, in order.
    pub fn iter(&self) -> impl Iterator<Item = &KeyValue> {
        self.keys.values()
    }

    /// Every key that begins with `prefix`, with what is stored under it now, in order.
    pub fn iter_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a KeyValue> {
        self.keys.range(Arc::<str>::from(prefix)..).map(|(_, kv)| kv).take_while(move |kv| kv.key.starts_with(prefix))
    }

    /// The changes of a key that compaction has left, oldest first.
    pub fn history<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a EtcdEvent> {
        self.log.iter().flat_map(|changes| changes.iter()).filter(move |event| &*event.kv.key == key)
    }

    /// The changes of a key that compaction has left, newest first: each leads to the one it replaced, so
    /// that a long log need not be read through.
    pub fn versions<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a EtcdEvent> {
        let newest = match self.keys.get(key) {
            Some(kv) => self.change(kv.mod_revision, key),
            None => self.log.iter().rev().flat_map(|changes| changes.iter()).find(|event| &*event.kv.key == key),
        };
        std::iter::successors(newest, move |event| self.change(event.prev.as_ref()?.mod_revision, key))
    }

    /// What a revision did to a key, if compaction has left it.
    pub fn change(&self, revision: u64, key: &str) -> Option<&EtcdEvent> {
        let changes = self.log.get(revision.checked_sub(self.first)? as usize)?;
        changes.iter().find(|event| &*event.kv.key == key)
    }

    /// The changes of revision `from` and all later ones.
    ///
    /// # Errors
    /// `Compacted` when some of them are gone.
    pub fn changes_since(&self, from: u64) -> Result<impl Iterator<Item = (u64, &Changes)>, EtcdError> {
        if from < self.compact_revision {
            return Err(EtcdError::Compacted { compact_revision: self.compact_revision });
        }
        let skip = from.saturating_sub(self.first).min(self.log.len() as u64);
        let first = self.first + skip;
        Ok(self.log.iter().skip(skip as usize).enumerate().map(move |(at, changes)| (first + at as u64, changes)))
    }

    /// Reads a range at the newest or an older revision.
    ///
    /// # Errors
    /// `Compacted` and `FutureRevision`.
    pub fn range(&self, request: &RangeRequest) -> Result<Ranged, EtcdError> {
        if request.revision > self.revision {
            return Err(EtcdError::FutureRevision);
        }
        if request.revision != 0 && request.revision < self.compact_revision {
            return Err(EtcdError::Compacted { compact_revision: self.compact_revision });
        }
        let end = request.range_end.as_deref();
        let mut ranged = Ranged::default();
        let mut take = |kv: &KeyValue| {
            ranged.count += 1;
            if request.limit != 0 && ranged.kvs.len() as u64 == request.limit {
                ranged.more = true;
            } else if !request.count_only {
                ranged.kvs.push(kv.clone());
            }
        };
        if request.revision == 0 || request.revision == self.revision {
            match end {
                None => self.keys.get(&*request.key).into_iter().for_each(&mut take),
                Some(end) => self.between(&request.key, end).for_each(|(_, kv)| take(kv)),
            }
        } else {
            let mut keys: BTreeMap<&str, &KeyValue> = match end {
                None => self.keys.get(&*request.key).into_iter().map(|kv| (&*kv.key, kv)).gather(),
                Some(end) => self.between(&request.key, end).map(|(key, kv)| (&**key, kv)).gather(),
            };
            let undone = self.changes_since(request.revision + 1)?.map(|(_, changes)| changes).collect::<Vec<_>>();
            for event in undone.into_iter().rev().flat_map(|changes| changes.iter().rev()) {
                if in_range(&event.kv.key, &request.key, end) {
                    match &event.prev {
                        Some(prev) => keys.insert(&event.kv.key, prev),
                        None => keys.remove(&*event.kv.key),
                    };
                }
            }
            keys.values().for_each(|kv| take(kv));
        }
        Ok(ranged)
    }

    fn between(&self, start: &str, end: &str) -> impl Iterator<Item = (&Arc<str>, &KeyValue)> {
        // A range that ends before it begins holds nothing, as etcd has it.
        let end = end.max(start);
        self.keys.range::<_, str>((std::ops::Bound::Included(start), std::ops::Bound::Excluded(end)))
    }

    /// Whether every comparison holds.
    pub fn compares(&self, compare: &[Compare]) -> bool {
        compare.iter().all(|compare| match compare {
            Compare::ModRevision { key, revision } => {
                self.keys.get(&**key).map_or(0, |kv| kv.mod_revision) == *revision
            }
            Compare::Lease { key, lease } => self.keys.get(&**key).map_or(0, |kv| kv.lease) == *lease,
        })
    }

    /// Carries out operations, all in one revision; what they changed, if anything.
    ///
    /// # Errors
    /// Those of `range`; nothing is changed then.
    pub fn apply(&mut self, ops: &[Op]) -> Result<(Vec<OpResponse>, Option<Changes>), EtcdError> {
        let revision = self.revision + 1;
        // As many as there mostly are: the log keeps each of these, and a vector that grows begins with room for four.
        let mut events = Vec::with_capacity(1);
        let mut responses = Vec::with_capacity(ops.len());
        for op in ops {
            if let Op::Range(request) = op {
                // A range is refused before anything is written.
                if request.revision > self.revision {
                    return Err(EtcdError::FutureRevision);
                }
                if request.revision != 0 && request.revision < self.compact_revision {
                    return Err(EtcdError::Compacted { compact_revision: self.compact_revision });
                }
            }
        }
        for op in ops {
            responses.push(match op {
                Op::Range(request) => {
                    let Ranged { kvs, count, more } = self.range(request)?;
                    OpResponse::Range { kvs, count, more }
                }
                Op::Put { key, value, lease } => {
                    events.push(self.put(revision, key, value, *lease));
                    OpResponse::Put
                }
                Op::DeleteRange { key, range_end } => {
                    let doomed: Vec<Arc<str>> = match range_end {
                        None => self.keys.get(&**key).map(|kv| kv.key.clone()).into_iter().collect(),
                        Some(end) => self.between(key, end).map(|(key, _)| key.clone()).collect(),
                    };
                    let deleted = doomed.len() as u64;
                    events.extend(doomed.iter().filter_map(|key| self.delete(revision, key)));
                    OpResponse::DeleteRange { deleted }
                }
            });
        }
        Ok((responses, self.commit(events)))
    }

    /// Deletes keys in one revision: what the end of a lease does.
    pub fn delete_all(&mut self, keys: impl IntoIterator<Item = Arc<str>>) -> Option<Changes> {
        let revision = self.revision + 1;
        let events = keys.into_iter().filter_map(|key| self.delete(revision, &key)).collect();
        self.commit(events)
    }

    fn put(&mut self, revision: u64, key: &Arc<str>, value: &Arc<Object>, lease: u64) -> EtcdEvent {
        let prev = self.keys.get(&**key);
        let kv = KeyValue {
            key: prev.map_or_else(|| key.clone(), |prev| prev.key.clone()),
            value: Stored::new(value, revision),
            create_revision: prev.map_or(revision, |prev| prev.create_revision),
            mod_revision: revision,
            version: prev.map_or(0, |prev| prev.version) + 1,
            lease,
        };
        let prev = self.keys.insert(kv.key.clone(), kv.clone());
        prev.iter().for_each(|prev| prev.value.pass());
        EtcdEvent { kv, deleted: false, prev }
    }

    fn delete(&mut self, revision: u64, key: &str) -> Option<EtcdEvent> {
        let prev = self.keys.remove(key)?;
        prev.value.pass();
        let kv = KeyValue { mod_revision: revision, ..prev.clone() };
        Some(EtcdEvent { kv, deleted: true, prev: Some(prev) })
    }

    fn commit(&mut self, events: Vec<EtcdEvent>) -> Option<Changes> {
        if events.is_empty() {
            return None;
        }
        self.revision += 1;
        let changes: Changes = events.into();
        self.log.push_back(changes.clone());
        Some(changes)
    }

    /// Drops the history below `revision`; the state at `revision` stays readable.
    ///
    /// # Errors
    /// `Compacted` where that is done already, `FutureRevision` where it is too early.
    pub fn compact(&mut self, revision: u64) -> Result<(), EtcdError> {
        if revision <= self.compact_revision {
            return Err(EtcdError::Compacted { compact_revision: self.compact_revision });
        }
        if revision > self.revision {
            return Err(EtcdError::FutureRevision);
        }
        let drop = revision.saturating_sub(self.first).min(self.log.len() as u64);
        self.log.drop_front(drop as usize);
        self.first += drop;
        self.compact_revision = revision;
        Ok(())
    }
}
