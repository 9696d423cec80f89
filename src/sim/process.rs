//! Processes, what they are sent, and the context in which they act.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::hash::TraceHash;
use super::kernel::Core;
use super::random::Random;
use super::time::SimTime;
use super::trace::{Record, Span};

/// A process of the world, by its place in the order of registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// Whoever stands outside the world: the sender of inputs.
    pub const OUTSIDE: ProcessId = ProcessId(u32::MAX);
}

/// One thing that happened: a message, an input or a span. Numbers only grow; 0 is the boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u64);

impl EventId {
    /// What everything that no input began is caused by.
    pub const BOOT: EventId = EventId(0);
}

/// A timer that was set, for cancelling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// What messages carry. Cloning is cheap: the large parts are shared.
pub trait Payload: Clone + Debug + 'static {
    /// Folds into the trace hash what makes this payload differ from another.
    fn fold(&self, hash: &mut TraceHash);
}

/// One message on its way.
#[derive(Clone, Debug)]
pub struct Envelope<M> {
    pub id: EventId,
    pub from: ProcessId,
    pub to: ProcessId,
    pub sent: SimTime,
    pub arrives: SimTime,
    /// The message or input whose handling sent this one.
    pub cause: EventId,
    pub payload: M,
}

/// Why a connection to a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disconnect {
    /// Nobody listens there: `connect: connection refused`.
    Refused,
    /// The peer's process went away while connected: `connection reset by peer`.
    Reset,
    /// Nothing came through for so long that the transport gave up: `i/o timeout`.
    TimedOut,
}

/// A deterministic actor. Handlers run to completion; a process never sees another.
pub trait Process<M: Payload>: Any {
    /// Called when the process starts, and again after each restart.
    fn start(&mut self, ctx: &mut Ctx<'_, M>);
    /// A message arrived.
    fn on_message(&mut self, ctx: &mut Ctx<'_, M>, envelope: &Envelope<M>);
    /// A timer set with `token` is due.
    fn on_timer(&mut self, ctx: &mut Ctx<'_, M>, token: u64);
    /// The connection to `peer` ended: requests without an answer have none to expect, streams are over.
    fn on_disconnect(&mut self, _ctx: &mut Ctx<'_, M>, _peer: ProcessId, _why: Disconnect) {}
    /// The process stopped: forget everything that is not on disk. `start` is called if it comes back.
    fn lose_memory(&mut self);
    /// A copy for a checkpoint. Keep the large parts shared.
    fn clone_box(&self) -> Box<dyn Process<M>>;
    /// For looking inside from a snapshot.
    fn as_any(&self) -> &dyn Any;
    /// For the host at the edge of the world.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// What a handler may do: read its time and random stream, send, set timers, trace.
pub struct Ctx<'a, M: Payload> {
    pub(super) core: &'a mut Core<M>,
    pub(super) me: ProcessId,
    pub(super) cause: EventId,
    pub(super) random: &'a mut Random,
    pub(super) incarnation: u32,
}

impl<M: Payload> Ctx<'_, M> {
    /// Virtual time.
    pub fn now(&self) -> SimTime {
        self.core.now
    }

    /// Virtual time as microseconds since the Unix epoch.
    pub fn unix_micros(&self) -> i64 {
        self.core.config.epoch_unix_micros + self.core.now.0 as i64
    }

    /// This process.
    pub fn me(&self) -> ProcessId {
        self.me
    }

    /// The random stream named after this process.
    pub fn rng(&mut self) -> &mut Random {
        self.random
    }

    /// What led to this handler being run.
    pub fn cause(&self) -> EventId {
        self.cause
    }

    /// From here on, what is sent and set in this handler is laid to `cause`: for work that was
    /// queued by one event and is done during another.
    pub fn set_cause(&mut self, cause: EventId) {
        self.cause = cause;
    }

    /// The process registered under `name`, as a resolver would find it.
    pub fn resolve(&self, name: &str) -> Option<ProcessId> {
        self.core.names.get(name).copied()
    }

    /// The name `process` is registered under.
    pub fn name_of(&self, process: ProcessId) -> Arc<str> {
        self.core.name_of(process)
    }

    /// Sends a message. Panics where no edge leads from this role to that one: such a send is a bug.
    pub fn send(&mut self, to: ProcessId, payload: M) -> EventId {
        self.send_after(Duration::ZERO, to, payload)
    }

    /// Sends a message that leaves after `processing` of work here.
    pub fn send_after(&mut self, processing: Duration, to: ProcessId, payload: M) -> EventId {
        self.core.send(self.me, to, self.cause, self.core.now + processing, payload)
    }

    /// Asks for `on_timer(token)` after `delay`. The timer carries the present cause along.
    pub fn set_timer(&mut self, delay: Duration, token: u64) -> TimerId {
        self.core.set_timer(self.me, self.incarnation, self.cause, delay, token)
    }

    /// Takes a timer back. One that already fired is none of its business.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.core.cancelled.insert(timer);
    }

    /// Records work done between `start` and `end` under `name`.
    pub fn span(&mut self, name: &'static str, start: SimTime, end: SimTime, detail: impl Into<Arc<str>>) {
        let id = self.core.next_id();
        let span = Span { id, process: self.me, name, start, end, detail: detail.into(), cause: self.cause };
        self.core.trace.push(Record::Span(Arc::new(span)));
    }
}
