//! What the screen may know of the controller manager.

use std::sync::Arc;

use crate::api::Kind;
use crate::client::InformerState;
use crate::sim::{EventId, SimTime};

use super::ControllerManager;
use crate::controllers::controller::WorkKey;
use crate::controllers::plan::Plan;

/// One controller as the inspector shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ControllerReport {
    pub name: &'static str,
    /// Whether its informers have their initial lists.
    pub synced: bool,
    /// Keys waiting, in order.
    pub waiting: Vec<String>,
    /// Keys being worked on.
    pub processing: Vec<String>,
    /// Keys waiting for a time, with it and the failures in a row.
    pub delayed: Vec<(String, SimTime, u32)>,
    /// How many looks there were since the start, and how many ended in failure.
    pub syncs: u64,
    pub failures: u64,
    /// The last look that led to something: its key, when, and what was decided.
    pub last: Option<(String, SimTime, Arc<Plan>)>,
}

/// One shared informer as the inspector shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InformerReport {
    pub kind: Kind,
    pub state: InformerState,
    pub objects: usize,
    /// The last revision it knows: how far it lags is the server's less this.
    pub resource_version: u64,
    pub last_event: SimTime,
}

/// The leader lease as the inspector shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderReport {
    pub identity: Arc<str>,
    pub leading: bool,
    pub holder: String,
    pub renewed_at: SimTime,
}

/// How a key stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Processing,
    Waiting,
    /// Until this time.
    Delayed(SimTime),
}

/// A key of a workqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    pub key: String,
    pub state: KeyState,
    /// Failures in a row.
    pub retries: u32,
    /// What asked for it.
    pub cause: EventId,
}

/// A plan that led to something.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    pub key: String,
    pub at: SimTime,
    /// Empty for the first look at the key.
    pub phase: &'static str,
    pub plan: Arc<Plan>,
    pub cause: EventId,
}

impl ControllerManager {
    /// The keys of a controller's queue, those in work first, at most `limit`; and how many there are.
    pub fn queue_of(&self, controller: usize, limit: usize) -> (Vec<KeyReport>, usize) {
        let Some(slot) = self.slots.get(controller) else { return (Vec::new(), 0) };
        let queue = &slot.queue;
        let report = |key: &WorkKey, state| KeyReport {
            key: key.to_string(),
            state,
            retries: queue.num_requeues(key),
            cause: match state {
                KeyState::Processing => {
                    self.executions.get(&(controller as u16, key.clone())).map_or(EventId::BOOT, |work| work.cause)
                }
                _ => queue.cause(key).unwrap_or(EventId::BOOT),
            },
        };
        let processing = queue.processing().map(|key| report(key, KeyState::Processing));
        let waiting = queue.waiting().map(|key| report(key, KeyState::Waiting));
        let delayed = queue.delayed().map(|(key, at)| report(key, KeyState::Delayed(at)));
        let total = queue.processing().count() + queue.len() + queue.delayed_len();
        (processing.chain(waiting).chain(delayed).take(limit).collect(), total)
    }

    /// The last plans of a controller that led to something, newest first.
    pub fn plans_of(&self, controller: usize) -> impl Iterator<Item = PlanReport> {
        let plans = self.slots.get(controller).into_iter().flat_map(|slot| slot.plans.iter().rev());
        plans.map(|last| PlanReport {
            key: last.key.to_string(),
            at: last.at,
            phase: last.phase,
            plan: last.plan.clone(),
            cause: last.cause,
        })
    }

    /// The kinds a controller hears of.
    pub fn watched_by(&self, controller: usize) -> &'static [Kind] {
        self.slots.get(controller).map_or(&[], |slot| slot.controller.watches())
    }

    /// How often a controller looked at a key, and how often that ended in failure; whether its
    /// informers have their initial lists.
    pub fn counts_of(&self, controller: usize) -> (u64, u64, bool) {
        let counts = |slot: &super::Slot| (slot.syncs, slot.failures, self.synced(controller as u16));
        self.slots.get(controller).map_or((0, 0, false), counts)
    }

    /// Every controller, in the order of `CONTROLLERS`.
    pub fn controllers(&self) -> Vec<ControllerReport> {
        self.slots
            .iter()
            .zip(self.slot_numbers())
            .map(|(slot, number)| ControllerReport {
                name: slot.controller.name(),
                synced: self.synced(number),
                waiting: slot.queue.waiting().map(ToString::to_string).collect(),
                processing: slot.queue.processing().map(ToString::to_string).collect(),
                delayed: slot
                    .queue
                    .delayed()
                    .map(|(key, at)| (key.to_string(), at, slot.queue.num_requeues(key)))
                    .collect(),
                syncs: slot.syncs,
                failures: slot.failures,
                last: slot.last.as_ref().map(|last| (last.key.to_string(), last.at, last.plan.clone())),
            })
            .collect()
    }

    /// Every controller's name with how many keys it has to work on, waiting and being processed.
    pub fn queue_depths(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.slots.iter().map(|slot| (slot.controller.name(), slot.queue.len() + slot.queue.processing().count()))
    }

    /// Every shared informer, in the order of `KINDS`.
    pub fn informers(&self) -> Vec<InformerReport> {
        self.informers
            .iter()
            .map(|informer| InformerReport {
                kind: informer.spec.kind,
                state: informer.state(),
                objects: informer.store().len(),
                resource_version: informer.resource_version(),
                last_event: informer.last_event(),
            })
            .collect()
    }

    /// Whether it holds the lease.
    pub fn leads(&self) -> bool {
        self.leader.leads()
    }

    /// Whether it may act: it holds the lease, and renewed it in time.
    pub fn may_act(&self, now: SimTime) -> bool {
        self.leader.leads() && !self.leader.lost(now)
    }

    /// Where the leader election stands.
    pub fn leader(&self) -> LeaderReport {
        LeaderReport {
            identity: self.leader.identity().clone(),
            leading: self.leader.leads(),
            holder: self.leader.holder().to_owned(),
            renewed_at: self.leader.renewed_at(),
        }
    }
}
