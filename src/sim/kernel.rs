//! The kernel: the queue of events ordered by `(due, sequence)`, and the processes it drives.

mod freeze;
mod mishaps;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet, Vector};

use super::hash::TraceHash;
use super::network::{LinkProfile, Network, Pair};
use super::process::{Ctx, Disconnect, Envelope, EventId, Payload, Process, ProcessId, TimerId};
use super::random::Random;
use super::time::SimTime;
use super::trace::{Record, Trace};

/// What a kernel is told once.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    pub seed: u64,
    /// The date at which virtual time begins: microseconds since the Unix epoch.
    pub epoch_unix_micros: i64,
    /// How many records the trace keeps.
    pub trace_capacity: usize,
    /// How long a connection stays silent before the transport gives it up (client-go's HTTP/2
    /// health check: 30 s of silence, then 15 s for the ping).
    pub connection_timeout: Duration,
    /// The link from one role to another; `None` where no edge leads there.
    pub link: fn(from: &'static str, to: &'static str) -> Option<LinkProfile>,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    Running,
    Stopped,
    /// It does nothing, but is there: its connections stay open.
    Frozen,
}

struct Slot<M: Payload> {
    process: Arc<dyn ProcessCell<M>>,
    random: Random,
    state: ProcessState,
    /// Counts restarts, so that a timer of an earlier life does not fire in a later one.
    incarnation: u32,
    /// While it is frozen: what it has not handled, in order.
    held: Vector<Event<M>>,
}

impl<M: Payload> Clone for Slot<M> {
    fn clone(&self) -> Self {
        Slot {
            process: self.process.clone(),
            random: self.random.clone(),
            state: self.state,
            incarnation: self.incarnation,
            held: self.held.clone(),
        }
    }
}

/// Without the process: a `Debug` that can be reached for every process would be a tenth of the page.
impl<M: Payload> std::fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("state", &self.state).finish_non_exhaustive()
    }
}

/// `Process` behind an `Arc` that a checkpoint can share: copied only when it next acts.
trait ProcessCell<M: Payload> {
    fn get(&self) -> &dyn Process<M>;
    fn get_mut(&mut self) -> &mut dyn Process<M>;
}

struct Cell<M: Payload>(Box<dyn Process<M>>);

impl<M: Payload> ProcessCell<M> for Cell<M> {
    fn get(&self) -> &dyn Process<M> {
        &*self.0
    }

    fn get_mut(&mut self) -> &mut dyn Process<M> {
        &mut *self.0
    }
}

fn make_mut<M: Payload>(cell: &mut Arc<dyn ProcessCell<M>>) -> &mut dyn Process<M> {
    if Arc::get_mut(cell).is_none() {
        *cell = Arc::new(Cell(cell.get().clone_box()));
    }
    Arc::get_mut(cell).expect("the cell was just made, nobody else holds it").get_mut()
}

/// What the queue holds.
#[derive(Clone, Debug)]
pub enum Event<M> {
    /// A message arrives.
    Deliver(Arc<Envelope<M>>),
    /// A timer is due.
    Timer { id: TimerId, process: ProcessId, incarnation: u32, cause: EventId, token: u64 },
    /// The transport tells a process that a connection ended.
    Disconnect { process: ProcessId, peer: ProcessId, why: Disconnect, cause: EventId },
    /// A partitioned connection has been silent long enough: what was held is lost.
    GiveUp { pair: Pair },
    /// A process starts.
    Start { process: ProcessId, incarnation: u32, cause: EventId },
}

#[derive(Clone, Debug)]
struct Scheduled<M> {
    due: SimTime,
    sequence: u64,
    event: Event<M>,
}

impl<M> PartialEq for Scheduled<M> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<M> Eq for Scheduled<M> {}

impl<M> PartialOrd for Scheduled<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> Ord for Scheduled<M> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

/// The kernel without its processes: what a running handler may touch.
#[derive(Clone, Debug)]
pub(super) struct Core<M: Payload> {
    pub(super) config: KernelConfig,
    pub(super) now: SimTime,
    sequence: u64,
    last_id: u64,
    last_timer: u64,
    queue: BinaryHeap<Reverse<Scheduled<M>>>,
    pub(super) names: OrdMap<Arc<str>, ProcessId>,
    directory: Vec<(Arc<str>, &'static str)>,
    pub(super) network: Network<M>,
    network_random: Random,
    pub(super) cancelled: OrdSet<TimerId>,
    pub(super) trace: Trace<M>,
}

impl<M: Payload> Core<M> {
    pub(super) fn next_id(&mut self) -> EventId {
        self.last_id += 1;
        EventId(self.last_id)
    }

    pub(super) fn name_of(&self, process: ProcessId) -> Arc<str> {
        match self.directory.get(process.0 as usize) {
            Some((name, _)) => name.clone(),
            None => Arc::from("outside"),
        }
    }

    fn role_of(&self, process: ProcessId) -> &'static str {
        self.directory.get(process.0 as usize).map_or("outside", |(_, role)| role)
    }

    fn schedule(&mut self, due: SimTime, event: Event<M>) {
        self.sequence += 1;
        self.queue.push(Reverse(Scheduled { due, sequence: self.sequence, event }));
    }

    pub(super) fn send(
        &mut self,
        from: ProcessId,
        to: ProcessId,
        cause: EventId,
        sent: SimTime,
        payload: M,
    ) -> EventId {
        let (from_role, to_role) = (self.role_of(from), self.role_of(to));
        let Some(link) = (self.config.link)(from_role, to_role) else {
            panic!("no edge leads from {from_role} to {to_role}");
        };
        let id = self.next_id();
        let arrives = self.network.arrival(from, to, sent, link, &mut self.network_random);
        let envelope = Arc::new(Envelope { id, from, to, sent, arrives, cause, payload });
        self.trace.push(Record::Sent(envelope.clone()));
        let pair = Pair::of(from, to);
        if self.network.partitioned(pair) {
            if !self.network.held.contains_key(&pair) {
                let due = self.now + self.config.connection_timeout;
                self.schedule(due, Event::GiveUp { pair });
            }
            self.network.held.entry(pair).or_default().push_back(envelope);
        } else {
            self.schedule(arrives, Event::Deliver(envelope));
        }
        id
    }

    pub(super) fn set_timer(
        &mut self,
        process: ProcessId,
        incarnation: u32,
        cause: EventId,
        delay: Duration,
        token: u64,
    ) -> TimerId {
        self.last_timer += 1;
        let id = TimerId(self.last_timer);
        self.schedule(self.now + delay, Event::Timer { id, process, incarnation, cause, token });
        id
    }
}

/// A message between its sending and its arrival.
pub type InFlight<M> = Arc<Envelope<M>>;

/// The world's engine. Cloning it is a checkpoint: the processes, the trace and all that is large
/// stay shared until one side changes.
#[derive(Clone, Debug)]
pub struct Kernel<M: Payload> {
    core: Core<M>,
    slots: Vec<Slot<M>>,
    hash: TraceHash,
    handled: u64,
    delivered: u64,
}

impl<M: Payload> Kernel<M> {
    /// An empty world at time zero.
    pub fn new(config: KernelConfig) -> Self {
        let network_random = Random::fork(config.seed, "network");
        let trace = Trace::new(config.trace_capacity);
        Kernel {
            core: Core {
                config,
                now: SimTime::ZERO,
                sequence: 0,
                last_id: 0,
                last_timer: 0,
                queue: BinaryHeap::new(),
                names: OrdMap::new(),
                directory: Vec::new(),
                network: Network::new(),
                network_random,
                cancelled: OrdSet::new(),
                trace,
            },
            slots: Vec::new(),
            hash: TraceHash::default(),
            handled: 0,
            delivered: 0,
        }
    }

    /// The id that the next process to be added will have: for wiring processes to each other.
    pub fn next_process_id(&self) -> ProcessId {
        ProcessId(self.slots.len() as u32)
    }

    /// Adds a process under a unique `name` in `role`, and starts it now.
    pub fn add(&mut self, name: &str, role: &'static str, process: Box<dyn Process<M>>) -> ProcessId {
        let id = self.next_process_id();
        let name: Arc<str> = Arc::from(name);
        let earlier = self.core.names.insert(name.clone(), id);
        assert!(earlier.is_none(), "two processes are named {name}");
        let random = Random::fork(self.core.config.seed, &name);
        self.core.directory.push((name, role));
        self.slots.push(Slot {
            process: Arc::new(Cell(process)),
            random,
            state: ProcessState::Running,
            incarnation: 0,
            held: Vector::new(),
        });
        let now = self.core.now;
        self.core.schedule(now, Event::Start { process: id, incarnation: 0, cause: EventId::BOOT });
        id
    }

    /// Virtual time.
    pub fn now(&self) -> SimTime {
        self.core.now
    }

    /// The seed, the epoch and the rest of what the kernel was told.
    pub fn config(&self) -> &KernelConfig {
        &self.core.config
    }

    /// Virtual time as microseconds since the Unix epoch.
    pub fn unix_micros(&self) -> i64 {
        self.core.config.epoch_unix_micros + self.core.now.0 as i64
    }

    /// The digest of everything handled so far.
    pub fn trace_hash(&self) -> u64 {
        self.hash.value()
    }

    /// How many events were handled.
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// How many messages were delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What happened.
    pub fn trace(&self) -> &Trace<M> {
        &self.core.trace
    }

    /// The faults in force.
    pub fn faults(&self) -> &super::network::Faults {
        &self.core.network.faults
    }

    /// Every process with its name, role and state, in order of registration.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Arc<str>, &'static str, ProcessState)> {
        self.slots
            .iter()
            .zip(&self.core.directory)
            .enumerate()
            .map(|(index, (slot, (name, role)))| (ProcessId(index as u32), name, *role, slot.state))
    }

    /// The process registered under `name`.
    pub fn resolve(&self, name: &str) -> Option<ProcessId> {
        self.core.names.get(name).copied()
    }

    /// The name of a process.
    pub fn name_of(&self, process: ProcessId) -> Arc<str> {
        self.core.name_of(process)
    }

    /// Whether a process runs, is stopped or frozen.
    pub fn state(&self, process: ProcessId) -> ProcessState {
        self.slots[process.0 as usize].state
    }

    /// A look at a process of a known type.
    pub fn inspect<P: 'static>(&self, process: ProcessId) -> Option<&P> {
        self.slots.get(process.0 as usize)?.process.get().as_any().downcast_ref::<P>()
    }

    /// A hand on a process at the edge of the world, for the host to collect what came out.
    pub fn edge_mut<P: 'static>(&mut self, process: ProcessId) -> Option<&mut P> {
        make_mut(&mut self.slots.get_mut(process.0 as usize)?.process).as_any_mut().downcast_mut::<P>()
    }

    /// The messages now between sender and receiver, in no particular order.
    pub fn in_flight(&self) -> impl Iterator<Item = &InFlight<M>> {
        let queued = self.core.queue.iter().filter_map(|Reverse(scheduled)| match &scheduled.event {
            Event::Deliver(envelope) => Some(envelope),
            _ => None,
        });
        queued.chain(self.core.network.held.values().flatten())
    }

    /// When the next event is due.
    pub fn next_due(&self) -> Option<SimTime> {
        self.core.queue.peek().map(|Reverse(scheduled)| scheduled.due)
    }

    /// The next event.
    pub fn peek(&self) -> Option<&Event<M>> {
        self.core.queue.peek().map(|Reverse(scheduled)| &scheduled.event)
    }

    /// When the next message arrives: for pacing, costs a look at the whole queue.
    pub fn next_arrival(&self) -> Option<SimTime> {
        self.in_flight().map(|envelope| envelope.arrives).min()
    }

    /// Lets somebody outside act on a process: `text` is what they did, in their words.
    pub fn input(&mut self, to: ProcessId, text: &str, payload: M) -> EventId {
        let id = self.note_input(text);
        self.deliver_input(id, to, payload);
        id
    }

    /// An act from outside on several processes, or on the network between them.
    pub fn note_input(&mut self, text: &str) -> EventId {
        let id = self.core.next_id();
        let at = self.core.now;
        self.core.trace.push(Record::Input { id, at, text: Arc::from(text) });
        id
    }

    /// Lets what `input` is the number of act on a process.
    pub fn deliver_input(&mut self, input: EventId, to: ProcessId, payload: M) {
        let (id, at) = (self.core.next_id(), self.core.now);
        let from = ProcessId::OUTSIDE;
        let envelope = Envelope { id, from, to, sent: at, arrives: at, cause: input, payload };
        self.core.schedule(at, Event::Deliver(Arc::new(envelope)));
    }

    /// Handles the next event, and gives it; `None` when nothing is left to do.
    pub fn step(&mut self) -> Option<Event<M>> {
        let Reverse(scheduled) = self.core.queue.pop()?;
        debug_assert!(scheduled.due >= self.core.now, "time runs forward");
        self.core.now = scheduled.due;
        self.handled += 1;
        self.hash.number(scheduled.due.0);
        if !self.hold(&scheduled.event) {
            self.dispatch(&scheduled.event);
        }
        Some(scheduled.event)
    }

    fn dispatch(&mut self, event: &Event<M>) {
        match event {
            Event::Deliver(envelope) => self.deliver(envelope),
            Event::Timer { id, process, incarnation, cause, token } => {
                if self.core.cancelled.remove(id).is_some() {
                    return;
                }
                self.hash.number(u64::from(process.0) << 32 | 1);
                self.hash.number(*token);
                if self.alive(*process, Some(*incarnation)) {
                    self.with(*process, *cause, |process, ctx| process.on_timer(ctx, *token));
                }
            }
            Event::Disconnect { process, peer, why, cause } => {
                self.hash.number(u64::from(process.0) << 32 | 2);
                if self.alive(*process, None) {
                    self.with(*process, *cause, |process, ctx| process.on_disconnect(ctx, *peer, *why));
                }
            }
            Event::GiveUp { pair } => {
                self.give_up(*pair);
                self.give_up_frozen(*pair);
            }
            Event::Start { process, incarnation, cause } => {
                self.hash.number(u64::from(process.0) << 32 | 3);
                if self.alive(*process, Some(*incarnation)) {
                    self.with(*process, *cause, |process, ctx| process.start(ctx));
                }
            }
        }
    }

    fn alive(&self, process: ProcessId, incarnation: Option<u32>) -> bool {
        let slot = &self.slots[process.0 as usize];
        slot.state == ProcessState::Running && incarnation.is_none_or(|wanted| wanted == slot.incarnation)
    }

    fn with(&mut self, id: ProcessId, cause: EventId, act: impl FnOnce(&mut dyn Process<M>, &mut Ctx<'_, M>)) {
        let slot = &mut self.slots[id.0 as usize];
        let incarnation = slot.incarnation;
        let process = make_mut(&mut slot.process);
        let mut ctx = Ctx { core: &mut self.core, me: id, cause, random: &mut slot.random, incarnation };
        act(process, &mut ctx);
    }

    fn deliver(&mut self, envelope: &Arc<Envelope<M>>) {
        self.hash.number(u64::from(envelope.from.0) << 32 | u64::from(envelope.to.0));
        envelope.payload.fold(&mut self.hash);
        if envelope.from == ProcessId::OUTSIDE {
            if self.alive(envelope.to, None) {
                self.with(envelope.to, envelope.cause, |process, ctx| process.on_message(ctx, envelope));
            }
            return;
        }
        let pair = Pair::of(envelope.from, envelope.to);
        if self.alive(envelope.to, None) {
            self.delivered += 1;
            if !self.core.network.connections.contains(&pair) {
                self.core.network.connections.insert(pair);
            }
            self.with(envelope.to, envelope.id, |process, ctx| process.on_message(ctx, envelope));
        } else {
            let at = self.core.now;
            self.core.trace.push(Record::Lost { id: envelope.id, at });
            self.tell_disconnect(envelope.from, envelope.to, Disconnect::Refused, envelope.id);
        }
    }

    fn tell_disconnect(&mut self, process: ProcessId, peer: ProcessId, why: Disconnect, cause: EventId) {
        let due = self.core.now + Duration::from_micros(500);
        self.core.schedule(due, Event::Disconnect { process, peer, why, cause });
    }

    fn give_up(&mut self, pair: Pair) {
        let Some(held) = self.core.network.held.remove(&pair) else { return };
        let at = self.core.now;
        for envelope in &held {
            self.core.trace.push(Record::Lost { id: envelope.id, at });
        }
        self.time_out(pair);
    }

    /// Both ends of a connection learn that nothing came through for too long.
    fn time_out(&mut self, pair: Pair) {
        self.core.network.connections.remove(&pair);
        self.tell_disconnect(pair.0, pair.1, Disconnect::TimedOut, EventId::BOOT);
        self.tell_disconnect(pair.1, pair.0, Disconnect::TimedOut, EventId::BOOT);
    }

    /// Handles every event due up to `until`, and moves time there.
    pub fn run_until(&mut self, until: SimTime) {
        while self.next_due().is_some_and(|due| due <= until) {
            self.step();
        }
        self.core.now = self.core.now.max(until);
    }

    /// Handles events until `handled` of them are, then moves time to `at`.
    pub fn run_to(&mut self, handled: u64, at: SimTime) {
        while self.handled < handled && self.step().is_some() {}
        self.core.now = self.core.now.max(at);
    }

    /// Like `run_until`, but handles no more events than until `handled` of them are. True when time has
    /// come to `until`.
    pub fn run_bounded(&mut self, until: SimTime, handled: u64) -> bool {
        loop {
            if self.next_due().is_none_or(|due| due > until) {
                self.core.now = self.core.now.max(until);
                return true;
            }
            if self.handled >= handled {
                return false;
            }
            self.step();
        }
    }
}
