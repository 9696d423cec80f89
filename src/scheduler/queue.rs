//! The scheduling queue: pods to try now, pods that wait a little, pods that wait for something to change.
//!
//! Mirrors pkg/scheduler/backend/queue: active, backoff and unschedulable pods, queueing hints, events
//! remembered while a pod is in its scheduling cycle, and popping from backoff when active is empty
//! (`SchedulerPopFromBackoffQ`). Leaves out: pods waiting at Permit.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::ObjectKey;
use crate::sim::{EventId, SimTime};

use super::cluster_event::ClusterEvent;
use super::config::SchedulerConfig;
use super::framework::Rejection;
use super::pod_info::PodInfo;
use super::profile::Rules;

/// A pod's place in the active queue: smaller comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    pub negative_priority: i64,
    pub timestamp: SimTime,
}

/// A pod in the queue, with what it has been through.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    pub pod: Arc<PodInfo>,
    /// When it entered the queue, this time.
    pub timestamp: SimTime,
    /// When it entered the queue first.
    pub initial: SimTime,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it did not fit.
    pub unschedulable_count: u32,
    /// How often in a row something went wrong.
    pub consecutive_errors_count: u32,
    /// When its backoff is over.
    pub backoff_expiration: SimTime,
    /// Who rejected it last: what may make it fit is asked of these.
    pub unschedulable_plugins: Vec<&'static str>,
    /// What keeps it out of the active queue.
    pub gated: Option<Rejection>,
    /// What brought it here last.
    pub cause: EventId,
    sequence: u64,
}

type ActiveKey = (QueueKey, u64);
/// Backoffs are over in windows of a second, and within one the more important pod comes first.
type BackoffKey = (SimTime, QueueKey, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Active(ActiveKey),
    Backoff(BackoffKey),
    Unschedulable,
}

/// The three queues. Cloning is O(1).
#[derive(Clone, Debug)]
pub struct SchedulingQueue {
    active: OrdMap<ActiveKey, Arc<QueuedPod>>,
    backoff: OrdMap<BackoffKey, Arc<QueuedPod>>,
    unschedulable: OrdMap<ObjectKey, Arc<QueuedPod>>,
    places: OrdMap<ObjectKey, Place>,
    /// The pod in the scheduling cycle, and what happened since that began.
    in_flight: Option<(ObjectKey, Vector<ClusterEvent>)>,
    sequence: u64,
    initial_backoff: Duration,
    max_backoff: Duration,
    max_unschedulable: Duration,
}

/// How often backoffs are looked at: `BackoffQOrderingWindowDuration`.
const BACKOFF_WINDOW_MICROS: u64 = 1_000_000;
/// How often pods that waited too long are looked for.
const LEFTOVER_PERIOD_MICROS: u64 = 30_000_000;

fn next_tick(at: SimTime, period: u64) -> SimTime {
    SimTime(at.0.div_ceil(period) * period)
}

impl SchedulingQueue {
    /// An empty queue.
    pub fn new(config: &SchedulerConfig) -> Self {
        SchedulingQueue {
            active: OrdMap::new(),
            backoff: OrdMap::new(),
            unschedulable: OrdMap::new(),
            places: OrdMap::new(),
            in_flight: None,
            sequence: 0,
            initial_backoff: config.pod_initial_backoff,
            max_backoff: config.pod_max_backoff,
            max_unschedulable: config.pod_max_in_unschedulable_pods_duration,
        }
    }

    /// Pods to try now, in order.
    pub fn active(&self) -> impl Iterator<Item = &QueuedPod> {
        self.active.values().map(|pod| &**pod)
    }

    /// Pods that wait for their backoff, in order.
    pub fn backoff(&self) -> impl Iterator<Item = &QueuedPod> {
        self.backoff.values().map(|pod| &**pod)
    }

    /// Pods that wait for something to change, by name. Gated ones are among them.
    pub fn unschedulable(&self) -> impl Iterator<Item = &QueuedPod> {
        self.unschedulable.values().map(|pod| &**pod)
    }

    /// How many pods are in the active, backoff and unschedulable queues.
    pub fn lengths(&self) -> (usize, usize, usize) {
        (self.active.len(), self.backoff.len(), self.unschedulable.len())
    }

    /// The pod in the scheduling cycle.
    pub fn in_flight(&self) -> Option<&ObjectKey> {
        self.in_flight.as_ref().map(|(key, _)| key)
    }

    /// A pod without a node came.
    pub fn add(&mut self, rules: Rules<'_>, pod: PodInfo, now: SimTime, cause: EventId) {
        self.delete(&pod.key);
        self.sequence += 1;
        let queued = QueuedPod {
            pod: Arc::new(pod),
            timestamp: now,
            initial: now,
            attempts: 0,
            unschedulable_count: 0,
            consecutive_errors_count: 0,
            backoff_expiration: SimTime::ZERO,
            unschedulable_plugins: Vec::new(),
            gated: None,
            cause,
            sequence: self.sequence,
        };
        self.put_active(rules, queued);
    }

    /// A waiting pod changed. `event` is the change as its plugins see it; `None` when only its status
    /// did, which is no reason to try again.
    pub fn update(
        &mut self,
        rules: Rules<'_>,
        pod: PodInfo,
        event: Option<&ClusterEvent>,
        now: SimTime,
        cause: EventId,
    ) {
        let Some(place) = self.places.get(&pod.key).copied() else {
            // In its scheduling cycle: the event is kept for when that fails.
            if let Some((key, events)) = &mut self.in_flight
                && *key == pod.key
            {
                events.extend(event.cloned());
                return;
            }
            self.add(rules, pod, now, cause);
            return;
        };
        let Some(queued) = self.take(&pod.key, place) else { return };
        let mut queued = QueuedPod { pod: Arc::new(pod), ..(*queued).clone() };
        match place {
            Place::Active(_) => self.put_active(rules, queued),
            Place::Backoff(_) => self.put_backoff(rules, queued),
            Place::Unschedulable => match event {
                Some(event) if queued.gated.is_some() || hinted(rules, &queued, event) => {
                    queued.cause = cause;
                    self.requeue(rules, queued, now);
                }
                _ => self.put_unschedulable(queued),
            },
        }
    }

    /// A pod is gone, or has a node.
    pub fn delete(&mut self, key: &ObjectKey) {
        if let Some(place) = self.places.get(key).copied() {
            self.take(key, place);
        }
    }

    fn take(&mut self, key: &ObjectKey, place: Place) -> Option<Arc<QueuedPod>> {
        self.places.remove(key);
        match place {
            Place::Active(at) => self.active.remove(&at),
            Place::Backoff(at) => self.backoff.remove(&at),
            Place::Unschedulable => self.unschedulable.remove(key),
        }
    }

    /// Into the active queue, if nothing gates it.
    fn put_active(&mut self, rules: Rules<'_>, mut queued: QueuedPod) {
        let profile = rules.profiles.of(&queued.pod);
        queued.gated = profile.pre_enqueue(&queued.pod).err();
        if let Some(gate) = &queued.gated {
            if !queued.unschedulable_plugins.contains(&gate.plugin) {
                queued.unschedulable_plugins.push(gate.plugin);
            }
            self.put_unschedulable(queued);
            return;
        }
        let at = (profile.queue_key(&queued), queued.sequence);
        queued.pod = Arc::new(queued.pod.waiting());
        self.places.insert(queued.pod.key.clone(), Place::Active(at));
        self.active.insert(at, Arc::new(queued));
    }

    fn put_backoff(&mut self, rules: Rules<'_>, queued: QueuedPod) {
        let window = next_tick(queued.backoff_expiration, BACKOFF_WINDOW_MICROS);
        let at = (window, rules.profiles.of(&queued.pod).queue_key(&queued), queued.sequence);
        self.places.insert(queued.pod.key.clone(), Place::Backoff(at));
        self.backoff.insert(at, Arc::new(queued));
    }

    fn put_unschedulable(&mut self, queued: QueuedPod) {
        let key = queued.pod.key.clone();
        self.places.insert(key.clone(), Place::Unschedulable);
        self.unschedulable.insert(key, Arc::new(queued));
    }

    /// Into backoff while that lasts, else into the active queue.
    fn requeue(&mut self, rules: Rules<'_>, mut queued: QueuedPod, now: SimTime) {
        queued.backoff_expiration = queued.timestamp + self.backoff_duration(&queued);
        if queued.backoff_expiration > now {
            self.put_backoff(rules, queued);
        } else {
            self.put_active(rules, queued);
        }
    }

    /// `calculateBackoffDuration`: doubled with every failure, up to the maximum.
    fn backoff_duration(&self, queued: &QueuedPod) -> Duration {
        let count = if queued.unschedulable_plugins.is_empty() {
            queued.consecutive_errors_count
        } else {
            queued.unschedulable_count
        };
        let Some(doublings) = count.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.initial_backoff.saturating_mul(factor).min(self.max_backoff)
    }

    /// Whether there is a pod to try.
    pub fn has_next(&self) -> bool {
        !self.active.is_empty() || self.backoff.values().any(|queued| !queued.unschedulable_plugins.is_empty())
    }

    /// Takes the next pod into its scheduling cycle: the first that is active, else the first in backoff
    /// that did not fail by an error.
    pub fn pop(&mut self) -> Option<QueuedPod> {
        let place = match self.active.get_min() {
            Some((at, queued)) => Some((queued.pod.key.clone(), Place::Active(*at))),
            None => {
                let mut waiting = self.backoff.iter();
                let next = waiting.find(|(_, queued)| !queued.unschedulable_plugins.is_empty());
                next.map(|(at, queued)| (queued.pod.key.clone(), Place::Backoff(*at)))
            }
        };
        let (key, place) = place?;
        let mut queued = Arc::unwrap_or_clone(self.take(&key, place)?);
        queued.attempts += 1;
        queued.backoff_expiration = SimTime::ZERO;
        queued.unschedulable_plugins.clear();
        self.in_flight = Some((key, Vector::new()));
        Some(queued)
    }

    /// The pod's scheduling cycle is over: what happened meanwhile no longer matters to it.
    pub fn done(&mut self, key: &ObjectKey) {
        if self.in_flight() == Some(key) {
            self.in_flight = None;
        }
    }

    /// A try failed (`AddUnschedulableIfNotPresent`). No rejecting plugin means an error, which is tried
    /// again after the backoff whatever happens.
    pub fn add_unschedulable(&mut self, rules: Rules<'_>, mut queued: QueuedPod, now: SimTime) {
        let key = queued.pod.key.clone();
        let events = match self.in_flight.take() {
            Some((flying, events)) if flying == key => events,
            other => {
                self.in_flight = other;
                Vector::new()
            }
        };
        if self.places.contains_key(&key) {
            return;
        }
        queued.timestamp = now;
        if queued.unschedulable_plugins.is_empty() {
            queued.consecutive_errors_count += 1;
            self.requeue(rules, queued, now);
            return;
        }
        queued.consecutive_errors_count = 0;
        queued.unschedulable_count += 1;
        if events.iter().any(|event| hinted(rules, &queued, event)) {
            self.requeue(rules, queued, now);
        } else {
            self.put_unschedulable(queued);
        }
    }

    /// Something happened: pods that it may have made fit move on. True if any did.
    pub fn on_event(&mut self, rules: Rules<'_>, event: &ClusterEvent, now: SimTime, cause: EventId) -> bool {
        if !rules.profiles.wants(event) {
            return false;
        }
        if let Some((_, events)) = &mut self.in_flight {
            events.push_back(event.clone());
        }
        let movable: Vec<ObjectKey> = self
            .unschedulable
            .iter()
            .filter(|(_, queued)| queued.gated.is_none() && hinted(rules, queued, event))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &movable {
            if let Some(queued) = self.take(key, Place::Unschedulable) {
                let queued = QueuedPod { cause, ..(*queued).clone() };
                self.requeue(rules, queued, now);
            }
        }
        !movable.is_empty()
    }

    /// Moves on what waited long enough: backoffs that are over, and pods that waited five minutes.
    pub fn flush(&mut self, rules: Rules<'_>, now: SimTime) {
        while let Some((at, _)) = self.backoff.get_min() {
            let at = *at;
            if at.0 > now {
                break;
            }
            let Some(queued) = self.backoff.remove(&at) else { break };
            self.places.remove(&queued.pod.key);
            self.put_active(rules, Arc::unwrap_or_clone(queued));
        }
        if !now.0.is_multiple_of(LEFTOVER_PERIOD_MICROS) {
            return;
        }
        let late: Vec<ObjectKey> = self
            .unschedulable
            .iter()
            .filter(|(_, queued)| queued.gated.is_none() && now.since(queued.timestamp) > self.max_unschedulable)
            .map(|(key, _)| key.clone())
            .collect();
        for key in late {
            if let Some(queued) = self.take(&key, Place::Unschedulable) {
                self.requeue(rules, Arc::unwrap_or_clone(queued), now);
            }
        }
    }

    /// When `flush` has something to look at next.
    pub fn next_flush(&self, now: SimTime) -> Option<SimTime> {
        let backoff = self.backoff.get_min().map(|(at, _)| at.0);
        let waiting = self.unschedulable.values().any(|queued| queued.gated.is_none());
        let leftover = waiting.then(|| next_tick(SimTime(now.0 + 1), LEFTOVER_PERIOD_MICROS));
        let next = match (backoff, leftover) {
            (Some(backoff), Some(leftover)) => backoff.min(leftover),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(next.max(SimTime(now.0 + 1)))
    }
}

/// Whether one of the plugins that rejected the pod hopes that the event made it fit.
fn hinted(rules: Rules<'_>, queued: &QueuedPod, event: &ClusterEvent) -> bool {
    if event.priority_max.is_some_and(|most| queued.pod.priority > most) {
        return false;
    }
    if queued.unschedulable_plugins.is_empty() {
        return true;
    }
    let profile = rules.profiles.of(&queued.pod);
    let mut plugins = queued.unschedulable_plugins.iter().filter_map(|name| profile.plugin(name));
    plugins.any(|plugin| event.matches(plugin.events()) && plugin.hint(&queued.pod, event, rules.cache))
}
