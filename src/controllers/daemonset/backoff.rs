//! How long a node whose daemon pod failed waits for the next: a kubelet that rejects a pod would reject it again.
//!
//! Mirrors `failedPodsBackoff`: one second, doubling up to fifteen minutes, forgotten after twice that.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Object;
use crate::sim::persistent::OrdMap;

const INITIAL: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug)]
struct Entry {
    delay: Duration,
    since_unix_micros: i64,
}

/// The back-offs by set and node.
#[derive(Clone, Debug, Default)]
pub struct Backoff(OrdMap<(Arc<str>, Arc<str>), Entry>);

impl Backoff {
    /// How long a failed pod of a set on a node is still left alone; `None` when it may go, which the next has to
    /// wait for longer.
    pub fn wait(&mut self, set: &Object, node: &str, unix_micros: i64) -> Option<Duration> {
        let key = (Arc::from(set.uid()), Arc::from(node));
        let entry = self.0.get(&key).copied();
        let passed =
            |entry: &Entry| Duration::from_micros(u64::try_from(unix_micros - entry.since_unix_micros).unwrap_or(0));
        if let Some(entry) = entry.filter(|entry| passed(entry) < entry.delay) {
            return Some(entry.delay);
        }
        let remembered = entry.filter(|entry| passed(entry) <= 2 * MAX);
        let delay = remembered.map_or(INITIAL, |entry| (entry.delay * 2).min(MAX));
        self.0.insert(key, Entry { delay, since_unix_micros: unix_micros });
        None
    }
}
