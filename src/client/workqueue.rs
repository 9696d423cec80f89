//! The rate-limited workqueue: keys wait once, are worked on once at a time, and come back later
//! after a failure.
//!
//! Mirrors client-go util/workqueue `TypedRateLimitingQueue` with `ItemExponentialFailureRateLimiter`
//! (5 ms … 1000 s). Leaves out: the overall token bucket (10 per second, 100 at once), which upstream
//! applies to failures only.

use std::fmt::Debug;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet, Vector};

use crate::sim::{EventId, SimTime};

/// What a queue may hold.
pub trait WorkQueueKey: Clone + Ord {}
impl<K: Clone + Ord> WorkQueueKey for K {}

/// How soon a key comes back after its first failure.
pub const BASE_DELAY: Duration = Duration::from_millis(5);
const MAX_DELAY: Duration = Duration::from_secs(1000);

/// A workqueue. The owner takes keys with `get`, ends each with `done`, and wakes it with `release`
/// when `next_delayed` is due.
#[derive(Clone, Debug)]
pub struct WorkQueue<K: WorkQueueKey> {
    /// Keys to be worked on, in order, with what first asked for it.
    queue: Vector<K>,
    /// Keys waiting, in `queue` or behind one that is being processed, and why.
    dirty: OrdMap<K, EventId>,
    processing: OrdSet<K>,
    delayed: OrdMap<(SimTime, K), EventId>,
    /// The time a key is delayed to, to keep only the earliest.
    delayed_at: OrdMap<K, SimTime>,
    failures: OrdMap<K, u32>,
    base_delay: Duration,
}

impl<K: WorkQueueKey> Default for WorkQueue<K> {
    fn default() -> Self {
        WorkQueue {
            queue: Vector::new(),
            dirty: OrdMap::new(),
            processing: OrdSet::new(),
            delayed: OrdMap::new(),
            delayed_at: OrdMap::new(),
            failures: OrdMap::new(),
            base_delay: BASE_DELAY,
        }
    }
}

impl<K: WorkQueueKey> WorkQueue<K> {
    /// One whose keys come back after this long at first, not after 5 ms.
    pub fn slow(base_delay: Duration) -> Self {
        WorkQueue { base_delay, ..WorkQueue::default() }
    }

    /// Asks for `key` to be worked on. One that waits already keeps its place and takes the newest cause.
    pub fn add(&mut self, key: K, cause: EventId) {
        if self.dirty.insert(key.clone(), cause).is_none() && !self.processing.contains(&key) {
            self.queue.push_back(key);
        }
    }

    /// Asks for `key` after `delay`; an earlier wish stands.
    pub fn add_after(&mut self, now: SimTime, key: K, delay: Duration, cause: EventId) {
        if delay.is_zero() {
            self.add(key, cause);
            return;
        }
        let at = now + delay;
        if let Some(earlier) = self.delayed_at.get(&key).copied() {
            if earlier <= at {
                return;
            }
            self.delayed.remove(&(earlier, key.clone()));
        }
        self.delayed_at.insert(key.clone(), at);
        self.delayed.insert((at, key), cause);
    }

    /// Asks for `key` again after a failure: 5 ms unless the queue is a slow one, doubling with each.
    pub fn add_rate_limited(&mut self, now: SimTime, key: K, cause: EventId) -> Duration {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let delay = self.base_delay.saturating_mul(1 << (*failures).min(20)).min(MAX_DELAY);
        *failures += 1;
        self.add_after(now, key, delay, cause);
        delay
    }

    /// Forgets the failures of `key`.
    pub fn forget(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// How often `key` failed in a row.
    pub fn num_requeues(&self, key: &K) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }

    /// Takes the next key, with what asked for it.
    pub fn get(&mut self) -> Option<(K, EventId)> {
        let key = self.queue.pop_front()?;
        let cause = self.dirty.remove(&key).unwrap_or(EventId::BOOT);
        self.processing.insert(key.clone());
        Some((key, cause))
    }

    /// The work on `key` ended. If it was asked for meanwhile it goes to the back.
    pub fn done(&mut self, key: &K) {
        self.processing.remove(key);
        if self.dirty.contains_key(key) {
            self.queue.push_back(key.clone());
        }
    }

    /// When the next delayed key is due.
    pub fn next_delayed(&self) -> Option<SimTime> {
        self.delayed.get_min().map(|((at, _), _)| *at)
    }

    /// Moves what is due from the delayed keys to the queue.
    pub fn release(&mut self, now: SimTime) {
        while let Some(((at, key), cause)) = self.delayed.get_min().cloned() {
            if at > now {
                break;
            }
            self.delayed.remove(&(at, key.clone()));
            self.delayed_at.remove(&key);
            self.add(key, cause);
        }
    }

    /// The keys that wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &K> {
        self.queue.iter()
    }

    /// The keys being worked on.
    pub fn processing(&self) -> impl Iterator<Item = &K> {
        self.processing.iter()
    }

    /// The keys that wait for a time, with it.
    pub fn delayed(&self) -> impl Iterator<Item = (&K, SimTime)> {
        self.delayed.iter().map(|((at, key), _)| (key, *at))
    }

    /// What asked for a waiting or delayed key.
    pub fn cause(&self, key: &K) -> Option<EventId> {
        let delayed = || self.delayed.get(&(*self.delayed_at.get(key)?, key.clone()));
        self.dirty.get(key).or_else(delayed).copied()
    }

    /// How many keys wait for a time.
    pub fn delayed_len(&self) -> usize {
        self.delayed.len()
    }

    /// How many keys wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_added_while_processed_comes_back_once() {
        let mut queue = WorkQueue::default();
        queue.add("a", EventId(1));
        queue.add("a", EventId(2));
        assert_eq!(queue.get(), Some(("a", EventId(2))));
        queue.add("a", EventId(3));
        queue.add("a", EventId(4));
        assert_eq!(queue.get(), None, "it is being processed");
        queue.done(&"a");
        assert_eq!(queue.get(), Some(("a", EventId(4))));
        queue.done(&"a");
        assert!(queue.is_empty());
    }

    #[test]
    fn failures_double_the_delay_until_forgotten() {
        let mut queue = WorkQueue::default();
        let delays: Vec<u64> = (0..4)
            .map(|_| {
                let delay = queue.add_rate_limited(SimTime::ZERO, "a", EventId::BOOT);
                queue.release(SimTime::from_secs(1));
                queue.get();
                queue.done(&"a");
                delay.as_millis() as u64
            })
            .collect();
        assert_eq!(delays, [5, 10, 20, 40]);
        queue.forget(&"a");
        assert_eq!(queue.add_rate_limited(SimTime::ZERO, "a", EventId::BOOT).as_millis(), 5);
    }

    #[test]
    fn the_earliest_delay_wins() {
        let mut queue = WorkQueue::default();
        queue.add_after(SimTime::ZERO, "a", Duration::from_secs(9), EventId(1));
        queue.add_after(SimTime::ZERO, "a", Duration::from_secs(3), EventId(2));
        queue.add_after(SimTime::ZERO, "a", Duration::from_secs(6), EventId(3));
        assert_eq!(queue.next_delayed(), Some(SimTime::from_secs(3)));
        queue.release(SimTime::from_secs(10));
        assert_eq!(queue.get(), Some(("a", EventId(2))));
        assert_eq!(queue.next_delayed(), None);
    }
}
