//! Watches: who hears of which keys.
//!
//! Mirrors mvcc's watchable store. Leaves out: progress notifications, fragments, slow watchers (the
//! network holds what a watcher has not read yet).

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use crate::api::etcd::EtcdEvent;
use crate::sim::ProcessId;

use super::store::{Changes, in_range};

/// One watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    pub key: Arc<str>,
    /// Exclusive; `None` watches the one key.
    pub range_end: Option<Arc<str>>,
    /// Whether events tell what was there before.
    pub prev_kv: bool,
    /// The first revision it has not heard of.
    pub next_revision: u64,
}

impl Watch {
    /// What of `changes` it wants to hear; `None` for nothing. The changes themselves are shared when
    /// it wants them all.
    pub fn select(&self, changes: &Changes) -> Option<Changes> {
        let wanted = |event: &&EtcdEvent| in_range(&event.kv.key, &self.key, self.range_end.as_deref());
        let count = changes.iter().filter(wanted).count();
        if count == 0 {
            return None;
        }
        if count == changes.len() && self.prev_kv {
            return Some(changes.clone());
        }
        let events = changes.iter().filter(wanted).map(|event| EtcdEvent {
            kv: event.kv.clone(),
            deleted: event.deleted,
            prev: event.prev.clone().filter(|_| self.prev_kv),
        });
        Some(events.collect())
    }
}

/// All watches, by client and the number it gave.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    watches: OrdMap<(ProcessId, u64), Watch>,
}

impl Watches {
    /// Opens a watch, in place of one of the same number.
    pub fn open(&mut self, client: ProcessId, watch_id: u64, watch: Watch) {
        self.watches.insert((client, watch_id), watch);
    }

    /// Closes a watch.
    pub fn cancel(&mut self, client: ProcessId, watch_id: u64) {
        self.watches.remove(&(client, watch_id));
    }

    /// Closes all watches of a client whose connection ended.
    pub fn drop_client(&mut self, client: ProcessId) {
        let doomed: Vec<u64> =
            self.watches.range((client, 0)..=(client, u64::MAX)).map(|((_, watch_id), _)| *watch_id).collect();
        for watch_id in doomed {
            self.cancel(client, watch_id);
        }
    }

    /// Closes all.
    pub fn clear(&mut self) {
        self.watches.clear();
    }

    /// Who hears what of the changes of `revision`.
    pub fn notify(&mut self, revision: u64, changes: &Changes) -> Vec<(ProcessId, u64, Changes)> {
        let mut heard = Vec::new();
        for ((client, watch_id), watch) in &self.watches {
            if revision >= watch.next_revision
                && let Some(events) = watch.select(changes)
            {
                heard.push((*client, *watch_id, events));
            }
        }
        heard
    }

    /// Every watch, by client and number.
    pub fn iter(&self) -> impl Iterator<Item = (ProcessId, u64, &Watch)> {
        self.watches.iter().map(|((client, watch_id), watch)| (*client, *watch_id, watch))
    }
}
