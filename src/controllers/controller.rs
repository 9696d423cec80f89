//! What a controller is to the manager that hosts it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::api::stored::Shared;
use crate::api::{KINDS, Kind, Object, ObjectKey, Typed};
use crate::client::{BASE_DELAY, Change, Store};
use crate::sim::SimTime;

use super::nodeipam::Range;
use super::plan::{Answer, Plan, Write};

/// What a controller's queue holds: an object, by kind and key, and where one object gives rise to
/// several pieces of work, which of them (`detail`: the uid for the garbage collector).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkKey {
    pub kind: Kind,
    pub key: ObjectKey,
    pub detail: Arc<str>,
}

impl WorkKey {
    /// The key of an object.
    pub fn new(kind: Kind, key: ObjectKey) -> Self {
        WorkKey { kind, key, detail: Arc::from("") }
    }

    /// The key of one piece of an object's work.
    pub fn part(kind: Kind, key: ObjectKey, detail: impl Into<Arc<str>>) -> Self {
        WorkKey { kind, key, detail: detail.into() }
    }
}

impl fmt::Display for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

impl fmt::Debug for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.kind)
    }
}

/// A wish to have a key worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    pub key: WorkKey,
    /// Zero for at once.
    pub after: Duration,
}

impl Enqueue {
    /// At once.
    pub fn now(key: WorkKey) -> Self {
        Enqueue { key, after: Duration::ZERO }
    }

    /// After `delay`.
    pub fn after(key: WorkKey, delay: Duration) -> Self {
        Enqueue { key, after: delay }
    }
}

/// The local copies of every watched kind at one moment. Cloning costs a few reference counts.
#[derive(Clone, Debug)]
pub struct Stores(Vec<Store>);

impl Default for Stores {
    fn default() -> Self {
        Stores(vec![Store::default(); KINDS.len()])
    }
}

impl Stores {
    /// The local copy of a kind; empty when nobody watches it.
    pub fn of(&self, kind: Kind) -> &Store {
        &self.0[kind as usize]
    }

    /// The object under a key as a `T`.
    pub fn get<T: Typed>(&self, key: &ObjectKey) -> Option<Shared<T>> {
        self.of(T::KIND).typed::<T>(key)
    }

    /// Puts the local copy of a kind in place.
    pub fn set(&mut self, kind: Kind, store: Store) {
        self.0[kind as usize] = store;
    }

    /// Takes an object away: for tests.
    #[doc(hidden)]
    pub fn remove(&mut self, kind: Kind, key: &ObjectKey) -> Option<Arc<Object>> {
        self.0[kind as usize].remove(key)
    }

    /// Puts an object in place: for tests.
    #[doc(hidden)]
    pub fn insert(&mut self, object: Object) -> Option<Arc<Object>> {
        self.0[object.kind() as usize].insert(Arc::new(object))
    }
}

/// What a controller sees when it looks.
#[derive(Clone, Debug)]
pub struct Observed {
    pub stores: Stores,
    pub now: SimTime,
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
}

/// One look at one key, or the going on with it after the answers to its first writes.
#[derive(Clone, Debug)]
pub struct Turn {
    pub key: WorkKey,
    /// As it was when the key was taken: a reconcile does not see its own writes.
    pub observed: Observed,
    /// Empty at first; then what the last plan gave as `then`, or a failed write as `recover`.
    pub phase: &'static str,
    /// The answers so far, in the order they came.
    pub answers: Vec<Answer>,
}

impl Turn {
    /// The object of the key as a `T`.
    pub fn subject<T: Typed>(&self) -> Option<Shared<T>> {
        self.observed.stores.get::<T>(&self.key.key)
    }

    /// The first failure among the answers that count. A namespace that is going away is none.
    pub fn failure(&self, counts: impl Fn(&Answer) -> bool) -> Option<String> {
        let mut failures = self.answers.iter().filter(|answer| counts(answer)).filter_map(Answer::failure);
        failures.find(|failure| !failure.namespace_terminating).map(|failure| failure.message.clone())
    }

    /// The object of the key.
    pub fn object(&self) -> Option<Arc<Object>> {
        self.observed.stores.of(self.key.kind).get(&self.key.key)
    }
}

impl fmt::Debug for dyn Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the manager's flags say that a controller may want to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// `--cluster-cidr`: what nodes get their ranges from.
    pub cluster_cidr: Range,
}

/// A control loop: looks at the local copies and says what to write. It sends nothing itself.
pub trait Controller {
    /// Its name in `kube-controller-manager --controllers`.
    fn name(&self) -> &'static str;
    /// The service account of `kube-system` it acts as.
    fn service_account(&self) -> &'static str {
        self.name()
    }
    /// The component its events name.
    fn component(&self) -> &'static str {
        self.name()
    }
    /// Hears the flags, before anything else.
    fn configure(&mut self, _flags: &Flags) {}
    /// The kinds whose changes it hears, and whose copies must be complete before it starts.
    fn watches(&self) -> &'static [Kind];
    /// How many keys it works on at a time.
    fn workers(&self) -> usize;
    /// How often a failing key is tried again before it is dropped; `None` for ever.
    fn retries_max(&self) -> Option<u32> {
        None
    }
    /// How soon a failing key is tried again at first.
    fn base_delay(&self) -> Duration {
        BASE_DELAY
    }
    /// How often `on_tick` is called.
    fn period(&self) -> Option<Duration> {
        None
    }
    /// A local copy changed: which keys to look at again.
    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue>;
    /// The period has passed.
    fn on_tick(&mut self, _observed: &Observed) -> Vec<Enqueue> {
        Vec::new()
    }
    /// Looks at a key and says what to do about it.
    fn reconcile(&mut self, turn: &Turn) -> Plan;
    /// A write that a plan asked for was answered, or (with `None`) was left out after a failure.
    fn on_answer(&mut self, _key: &WorkKey, _write: &Write, _answer: Option<&Answer>) {}
    /// A copy for a checkpoint.
    fn clone_box(&self) -> Box<dyn Controller>;
}

impl Clone for Box<dyn Controller> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}
