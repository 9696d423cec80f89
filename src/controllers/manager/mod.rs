//! The process that hosts the controllers: shared informers, queues with workers, the leader lease.
//!
//! Mirrors cmd/kube-controller-manager/app `controllermanager.go`. Leaves out: the HTTP endpoints, the
//! client's own rate limit (20 requests a second), dynamic configuration.

mod execute;
mod inspect;
mod leader;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::{CallId, KINDS, Kind, Message, Request};
use crate::client::{
    Calls, Change, ElectionTimes, EventRecorder, Informer, InformerSpec, InformerState, LeaderElector, WorkQueue,
};
use crate::sim::{Ctx, Disconnect, Envelope, EventId, Process, ProcessId, SimTime};

use super::controller::{Controller, Flags, Observed, Stores, WorkKey};
use super::{CONTROLLERS, Registration};
use execute::{Execution, LastPlan};
pub use inspect::{ControllerReport, InformerReport, KeyReport, KeyState, LeaderReport, PlanReport};
use leader::LEASE;

/// How the binary names itself; the client's purpose follows after a slash.
const USER_AGENT: &str = "kube-controller-manager/v1.36.0 (linux/amd64) kubernetes/kubarium";
/// The user of everything that is not a controller's own.
const USER: &str = "system:kube-controller-manager";
/// How long a worker takes from picking a key to its first request.
const PROCESSING: Duration = Duration::from_micros(200);

/// What a timer is for, in the low bits of its token. The high bits count lives, so that a timer of
/// an earlier one is none of a later one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Lease,
    /// An informer opens its stream again.
    Informer(u16),
    /// Delayed keys of a controller are due.
    Queue(u16),
    /// A controller's period has passed.
    Tick(u16),
}

impl Timer {
    fn token(self, life: u32) -> u64 {
        let (what, index) = match self {
            Timer::Lease => (0, 0),
            Timer::Informer(index) => (1, index),
            Timer::Queue(index) => (2, index),
            Timer::Tick(index) => (3, index),
        };
        u64::from(life) << 32 | what << 16 | u64::from(index)
    }

    fn parse(token: u64) -> (u32, Timer) {
        let index = (token & 0xffff) as u16;
        let timer = match token >> 16 & 0xffff {
            0 => Timer::Lease,
            1 => Timer::Informer(index),
            2 => Timer::Queue(index),
            _ => Timer::Tick(index),
        };
        ((token >> 32) as u32, timer)
    }
}

/// What the answer to a call is for.
#[derive(Clone, Debug)]
enum Purpose {
    /// About the leader lease, by the election's number.
    Lease(u32),
    /// A write of a plan: of the controller's execution of a key, by step and place in its batch.
    Write { slot: u16, key: WorkKey, step: u32, place: u32 },
}

#[derive(Clone, Debug)]
struct Pending {
    purpose: Purpose,
    request: Arc<Request>,
}

/// One hosted controller.
#[derive(Clone, Debug)]
struct Slot {
    controller: Box<dyn Controller>,
    queue: WorkQueue<WorkKey>,
    recorder: EventRecorder,
    user_agent: Arc<str>,
    user: Arc<str>,
    /// When the queue's timer is set for.
    armed: Option<SimTime>,
    last: Option<LastPlan>,
    /// The last plans that led to something, oldest first.
    plans: Vector<Arc<LastPlan>>,
    syncs: u64,
    failures: u64,
}

impl Slot {
    fn new(controller: Box<dyn Controller>) -> Self {
        let user = format!("system:serviceaccount:kube-system:{}", controller.service_account());
        Slot {
            queue: WorkQueue::slow(controller.base_delay()),
            recorder: EventRecorder::new(controller.component(), ""),
            user_agent: Arc::from(format!("{USER_AGENT}/{user}")),
            user: Arc::from(user),
            controller,
            armed: None,
            last: None,
            plans: Vector::new(),
            syncs: 0,
            failures: 0,
        }
    }
}

/// The process `kube-controller-manager`.
#[derive(Clone, Debug)]
pub struct ControllerManager {
    calls: Calls<()>,
    informers: Vec<Informer>,
    slots: Vec<Slot>,
    executions: OrdMap<(u16, WorkKey), Execution>,
    pending: OrdMap<CallId, Pending>,
    /// The machine it runs on.
    host: &'static str,
    flags: Flags,
    leader: LeaderElector,
    /// Who says that it became the leader.
    recorder: EventRecorder,
    life: u32,
}

impl ControllerManager {
    /// A controller manager on the machine `host` that talks to `apiserver`, with every controller of `CONTROLLERS`.
    pub fn new(apiserver: ProcessId, host: &'static str, flags: Flags) -> Self {
        let slot = |registration: &Registration| {
            let mut controller = (registration.new)();
            controller.configure(&flags);
            Slot::new(controller)
        };
        let slots: Vec<Slot> = CONTROLLERS.iter().map(slot).collect();
        let watched = |kind: Kind| slots.iter().any(|slot| slot.controller.watches().contains(&kind));
        let informers = KINDS
            .iter()
            .map(|info| info.id)
            .filter(|kind| watched(*kind))
            .map(|kind| Informer::new(InformerSpec::all(kind)))
            .collect();
        ControllerManager {
            calls: Calls::new(apiserver, &format!("{USER_AGENT}/shared-informers"), USER),
            informers,
            slots,
            executions: OrdMap::new(),
            pending: OrdMap::new(),
            host,
            flags,
            leader: LeaderElector::default(),
            recorder: EventRecorder::new("kube-controller-manager", ""),
            life: 0,
        }
    }

    fn set_timer(&self, ctx: &mut Ctx<'_, Message>, delay: Duration, timer: Timer) {
        ctx.set_timer(delay, timer.token(self.life));
    }

    fn observe(&self, ctx: &Ctx<'_, Message>) -> Observed {
        let mut stores = Stores::default();
        for informer in &self.informers {
            stores.set(informer.spec.kind, informer.store().clone());
        }
        Observed { stores, now: ctx.now(), unix_micros: ctx.unix_micros() }
    }

    /// Whether every informer a controller needs has its initial list.
    fn synced(&self, slot: u16) -> bool {
        let watches = self.slots[usize::from(slot)].controller.watches();
        self.informers.iter().filter(|informer| watches.contains(&informer.spec.kind)).all(Informer::has_synced)
    }

    fn slot_numbers(&self) -> std::ops::Range<u16> {
        0..self.slots.len() as u16
    }

    /// Sends a request of a controller, as that controller.
    fn post(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16, request: &Request, purpose: Option<Purpose>) {
        let owner = &self.slots[usize::from(slot)];
        let (user_agent, user) = (owner.user_agent.clone(), owner.user.clone());
        self.post_as(ctx, request, &user_agent, &user, purpose);
    }

    fn post_as(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        request: &Request,
        user_agent: &Arc<str>,
        user: &Arc<str>,
        purpose: Option<Purpose>,
    ) {
        let call = self.calls.next_call();
        let request = Arc::new(request.clone().as_user(user_agent, user));
        if let Some(purpose) = purpose {
            self.pending.insert(call, Pending { purpose, request: request.clone() });
        }
        ctx.send_after(PROCESSING, self.calls.server(), Message::Request { call, request });
    }

    /// The lease is ours: informers and controllers begin.
    fn lead(&mut self, ctx: &mut Ctx<'_, Message>) {
        for index in 0..self.informers.len() {
            self.informers[index].start(ctx, &mut self.calls);
        }
        for slot in self.slot_numbers() {
            if let Some(period) = self.slots[usize::from(slot)].controller.period() {
                self.set_timer(ctx, period, Timer::Tick(slot));
            }
        }
    }

    /// The lease was lost: upstream's process ends here (`leaderelection lost`) and its kubelet starts
    /// it again, under another identity.
    fn exit(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.lose_memory();
        self.start(ctx);
    }

    fn changed(&mut self, ctx: &mut Ctx<'_, Message>, changes: &[Change]) {
        for change in changes {
            let observed = self.observe(ctx);
            for slot in &mut self.slots {
                if !slot.controller.watches().contains(&change.kind) {
                    continue;
                }
                for wish in slot.controller.on_change(change, &observed) {
                    slot.queue.add_after(observed.now, wish.key, wish.after, change.cause);
                }
            }
        }
        if !changes.is_empty() {
            self.pump_all(ctx);
        }
    }

    fn pump_all(&mut self, ctx: &mut Ctx<'_, Message>) {
        for slot in self.slot_numbers() {
            self.pump(ctx, slot);
        }
    }

    fn tick(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16) {
        if self.synced(slot) {
            let observed = self.observe(ctx);
            let cause = ctx.cause();
            let hosted = &mut self.slots[usize::from(slot)];
            for wish in hosted.controller.on_tick(&observed) {
                hosted.queue.add_after(observed.now, wish.key, wish.after, cause);
            }
            self.pump(ctx, slot);
        }
        ctx.set_cause(EventId::BOOT);
        if let Some(period) = self.slots[usize::from(slot)].controller.period() {
            self.set_timer(ctx, period, Timer::Tick(slot));
        }
    }

    fn informer_of(&self, call: CallId) -> Option<usize> {
        self.informers.iter().position(|informer| informer.owns(call))
    }

    fn retry_informer(&self, ctx: &mut Ctx<'_, Message>, index: usize, delay: Option<Duration>) {
        if let Some(delay) = delay {
            self.set_timer(ctx, delay, Timer::Informer(index as u16));
        }
    }
}

impl Process<Message> for ControllerManager {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        let identity = format!("{}_{}", self.host, ctx.rng().uuid());
        self.leader = LeaderElector::new(LEASE, &identity, ElectionTimes::DEFAULT);
        self.try_lease(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if self.leader.lost(ctx.now()) {
            return self.exit(ctx);
        }
        match &envelope.payload {
            Message::Response { call, response } => {
                if let Some(index) = self.informer_of(*call) {
                    let delay = self.informers[index].on_response(ctx, *call, response);
                    self.retry_informer(ctx, index, delay);
                } else if let Some(pending) = self.pending.remove(call) {
                    self.answered(ctx, pending, Some(response));
                }
            }
            Message::Watch { call, event } => {
                let Some(index) = self.informer_of(*call) else {
                    // A stream of an earlier life that the server does not know has ended.
                    ctx.send(envelope.from, Message::Cancel { call: *call });
                    return;
                };
                let before = self.informers[index].has_synced();
                let (changes, delay) = self.informers[index].on_watch(ctx, *call, event);
                self.retry_informer(ctx, index, delay);
                self.changed(ctx, &changes);
                if !before && self.informers[index].has_synced() {
                    self.pump_all(ctx);
                }
            }
            Message::StreamEnd { call } => {
                if let Some(index) = self.informer_of(*call) {
                    let delay = self.informers[index].on_stream_end(ctx, *call);
                    self.retry_informer(ctx, index, delay);
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        let (life, timer) = Timer::parse(token);
        if life != self.life {
            return;
        }
        if self.leader.lost(ctx.now()) {
            return self.exit(ctx);
        }
        match timer {
            Timer::Lease => self.try_lease(ctx),
            Timer::Informer(index) => {
                let informer = &mut self.informers[usize::from(index)];
                if informer.state() == InformerState::Idle {
                    informer.start(ctx, &mut self.calls);
                }
            }
            Timer::Queue(slot) => {
                let hosted = &mut self.slots[usize::from(slot)];
                if hosted.armed.is_some_and(|at| at <= ctx.now()) {
                    hosted.armed = None;
                }
                hosted.queue.release(ctx.now());
                self.pump(ctx, slot);
            }
            Timer::Tick(slot) => self.tick(ctx, slot),
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, _why: Disconnect) {
        if peer != self.calls.server() {
            return;
        }
        for index in 0..self.informers.len() {
            // One that is idle already waits for its own timer.
            if self.informers[index].state() != InformerState::Idle {
                let delay = self.informers[index].on_disconnect(ctx);
                self.retry_informer(ctx, index, Some(delay));
            }
        }
        for (_, pending) in std::mem::take(&mut self.pending) {
            self.answered(ctx, pending, None);
        }
    }

    fn lose_memory(&mut self) {
        let life = self.life + 1;
        let mut calls = self.calls.clone();
        calls.forget();
        *self = ControllerManager { calls, life, ..ControllerManager::new(self.calls.server(), self.host, self.flags) };
    }

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
