//! A session: a world, its history and the index over its trace. What the page and the command line hold.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Kind, Object, ObjectKey};
use crate::sim::{Event, EventId, History, Logged, ProcessId, SimTime};

use super::command::Command;
use super::config::Config;
use super::gateway::GatewayEvent;
use super::index::TraceIndex;
use super::snapshot::Snapshot;
use super::views::Views;
use super::world::World;

/// A checkpoint every second of virtual time, thinned out with age.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
const CHECKPOINTS_MAX: usize = 240;
/// A cluster that is not ready after so long will not be.
const BOOT_SECS_MAX: u64 = 120;

/// What applying a command gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The input's number in the trace.
    pub id: EventId,
    /// The kubectl invocation it began.
    pub invocation: Option<u64>,
    /// The call it made.
    pub call: Option<u64>,
}

/// One line typed at a prompt, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct InvocationView {
    pub line: Arc<str>,
    pub stdout: String,
    pub stderr: String,
    /// Standard output and error in the order they came; true for error.
    pub output: Vec<(bool, Arc<str>)>,
    /// The exit code once it ended.
    pub code: Option<i32>,
    /// Errors of its input: document, line (from 1) and message.
    pub diagnostics: Vec<(u32, u32, String)>,
}

/// Counts for whoever measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    pub events_handled: u64,
    pub messages_delivered: u64,
    pub messages_in_flight: u64,
    pub trace_dropped: u64,
}

/// A world that can be run, looked at, acted on and wound back.
#[derive(Debug)]
pub struct Session {
    config: Config,
    world: World,
    history: History<World>,
    index: TraceIndex,
    views: Views,
}

impl Session {
    /// A session of a cluster that has just been switched on.
    pub fn new(config: Config) -> Self {
        let world = World::new(&config);
        let history = History::new(&world, CHECKPOINT_INTERVAL, CHECKPOINTS_MAX);
        Session { config, world, history, index: TraceIndex::default(), views: Default::default() }
    }

    /// A session of a cluster that has come up: every node is Ready and the default service account is there.
    pub fn ready(config: Config) -> Self {
        let mut session = Session::new(config);
        for tick in 1..=BOOT_SECS_MAX * 10 {
            session.run_until(SimTime::from_millis(tick * 100));
            if session.world.is_ready() {
                return session;
            }
        }
        panic!("the cluster did not come up within {BOOT_SECS_MAX} s");
    }

    /// What the world was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn index(&self) -> &TraceIndex {
        &self.index
    }

    pub(super) fn catch_up(&mut self) {
        self.index.catch_up(self.world.kernel().trace());
    }

    /// Virtual time.
    pub fn now(&self) -> SimTime {
        self.world.kernel().now()
    }

    /// The digest of everything that happened.
    pub fn trace_hash(&self) -> u64 {
        self.world.kernel().trace_hash()
    }

    /// Counts.
    pub fn stats(&self) -> Stats {
        let kernel = self.world.kernel();
        Stats {
            events_handled: kernel.handled(),
            messages_delivered: kernel.delivered(),
            messages_in_flight: kernel.in_flight().count() as u64,
            trace_dropped: kernel.trace().dropped(),
        }
    }

    /// Everything that was done from outside, with when.
    pub fn inputs(&self) -> &[Logged<Command>] {
        self.history.inputs()
    }

    /// Acts on the world now. After seeking back this forks the run.
    pub fn apply(&mut self, command: Command) -> Applied {
        self.history.apply(&mut self.world, command);
        self.world.last_applied()
    }

    /// Has inputs act as time comes to them: the log of a run that was written down.
    pub fn plan(&mut self, inputs: Vec<Logged<Command>>) {
        self.history.plan(&self.world, inputs);
    }

    /// Whether inputs of the log lie ahead: after seeking back, or planned.
    pub fn has_inputs_ahead(&self) -> bool {
        self.history.has_ahead()
    }

    /// How many inputs of the log the world holds.
    pub fn inputs_applied(&self) -> usize {
        self.history.applied()
    }

    /// A session of its own that begins somewhere before `before` with this one's world. `inputs` is the
    /// whole log of its run, the same as this one's before `before`; what the world does not hold lies ahead.
    pub fn branch(&self, before: SimTime, inputs: &[Logged<Command>]) -> Session {
        let (world, held) = self.history.branch(before);
        let mut history = History::new(&world, CHECKPOINT_INTERVAL, CHECKPOINTS_MAX);
        history.plan(&world, inputs[held.min(inputs.len())..].to_vec());
        let (index, views) = (TraceIndex::default(), Views::default());
        Session { config: self.config.clone(), world, history, index, views }
    }

    /// Goes over to another run of the same cluster, whose log is the same before `before`: to just then,
    /// with the rest of its log ahead.
    pub fn adopt(&mut self, inputs: Vec<Logged<Command>>, before: SimTime) {
        self.world = self.history.adopt(inputs, before);
        self.index = TraceIndex::default();
        self.views = Default::default();
    }

    /// Runs to `until`.
    pub fn run_until(&mut self, until: SimTime) {
        while !self.history.advance(&mut self.world, until, 100_000) {}
    }

    /// Runs towards `until` for at most `events` events. True when it got there.
    pub fn run_budget(&mut self, until: SimTime, events: u64) -> bool {
        self.history.advance(&mut self.world, until, events)
    }

    /// Runs until the next message has been delivered, and gives it; `None` if none is due within `limit`.
    pub fn step_message(&mut self, limit: Duration) -> Option<EventId> {
        let last = self.now() + limit;
        let mut delivered = self.world.kernel().delivered();
        while let Some(due) = self.world.kernel().next_due().filter(|due| *due <= last) {
            let upcoming = match self.world.kernel().peek() {
                Some(Event::Deliver(envelope)) => Some(envelope.id),
                _ => None,
            };
            self.history.advance(&mut self.world, due, 1);
            let now_delivered = self.world.kernel().delivered();
            if now_delivered > delivered && upcoming.is_some() {
                self.catch_up();
                if upcoming.is_some_and(|id| !self.index.is_heartbeat(id)) {
                    return upcoming;
                }
            }
            delivered = now_delivered;
        }
        None
    }

    /// Goes to `at`, back or forward: the nearest checkpoint and a deterministic re-run.
    pub fn seek(&mut self, at: SimTime) {
        if at >= self.now() {
            self.run_until(at);
            return;
        }
        self.world = self.history.seek(at);
        self.index = TraceIndex::default();
        self.views = Default::default();
    }

    /// This moment, for the screen.
    pub fn snapshot(&mut self) -> Snapshot {
        self.catch_up();
        self.world.snapshot(&self.index, &mut self.views)
    }

    /// Whether a message is part of the standing heartbeat.
    pub fn is_heartbeat(&mut self, id: EventId) -> bool {
        self.catch_up();
        self.index.is_heartbeat(id)
    }

    /// The objects stored under a kind, by key, with their resource versions.
    pub fn objects(&self, kind: Kind) -> Vec<Arc<Object>> {
        self.world.objects(kind)
    }

    /// The object stored under a key.
    pub fn object(&self, kind: Kind, key: &ObjectKey) -> Option<Arc<Object>> {
        self.world.object(kind, key)
    }

    /// What came of a kubectl line.
    pub fn invocation(&self, id: u64) -> Option<InvocationView> {
        self.world.invocation(id)
    }

    /// Takes what came back to clients outside since the last time.
    pub fn drain_gateway(&mut self) -> Vec<(u64, GatewayEvent)> {
        self.world.drain_gateway()
    }

    /// The process registered under `name`.
    pub fn process(&self, name: &str) -> Option<ProcessId> {
        self.world.kernel().resolve(name)
    }

    /// Types a line at the kubectl prompt and runs until it ended, or `limit` has passed.
    pub fn kubectl(&mut self, line: &str, stdin: &str, limit: Duration) -> InvocationView {
        let command = Command::Kubectl { line: line.to_owned(), stdin: stdin.to_owned() };
        let id = self.apply(command).invocation.expect("a kubectl line begins an invocation");
        let last = self.now() + limit;
        loop {
            if let Some(view) = self.invocation(id).filter(|view| view.code.is_some()) {
                return view;
            }
            match self.world.kernel().next_due().filter(|due| *due <= last) {
                Some(due) => self.run_until(due),
                None => {
                    self.run_until(last);
                    return self.invocation(id).expect("the invocation was begun above");
                }
            }
        }
    }
}
