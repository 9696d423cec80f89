//! The process kube-scheduler: informers and lease in, bindings, events and status patches out.
//!
//! Mirrors pkg/scheduler `Scheduler`, `eventhandlers.go` and the second half of `schedule_one.go`. One pod
//! at a time is in the scheduling cycle, which takes simulated time; bindings run beside it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::{CallId, Kind, Message, Object, ObjectKey, Request, Response, WatchEvent};
use crate::client::{
    Calls, Election, EventKind, EventRecorder, Informer, InformerSpec, Involved, LeaderElector, Outcome as CallOutcome,
};
use crate::sim::{Ctx, Disconnect, Envelope, EventId, Process, ProcessId, SimTime, TimerId};

use super::cache::Cache;
use super::config::{DEFAULT_SCHEDULER, SchedulerConfig};
use super::pod_info::PodInfo;
use super::pre_bind::Waiting;
use super::profile::{Profiles, Rules};
use super::queue::{QueuedPod, SchedulingQueue};
use super::record::{Binding, DecisionRecord, Outcome};
use super::recorder::{Note, Recorder};
use super::schedule_one::{Decision, Limits, schedule_pod};
use super::what_if::Basis;

/// What a call to the API server was for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// About the leader lease, by the election's number.
    Lease(u32),
    Bind(Arc<BindingCycle>),
    /// Of the pod's volumes and claims the one at this place.
    Volume(ObjectKey, usize),
    /// An event, a status patch, a victim's deletion: nothing hangs on the answer.
    Other,
}

/// A pod whose binding is under way.
#[derive(Debug)]
pub(super) struct BindingCycle {
    pub queued: QueuedPod,
    pub node: Arc<str>,
    pub record: u64,
    pub start: SimTime,
    /// What was set aside for it, as it has to become.
    pub reserved: Vec<Arc<Object>>,
}

/// The pod in the scheduling cycle, and what was decided for when the cycle's time is over.
#[derive(Clone, Debug)]
pub(super) struct InCycle {
    pub queued: QueuedPod,
    pub decision: Arc<Decision>,
    pub record: u64,
}

/// What a scheduler is told that is to end in good order.
pub const TERMINATE: &str = "terminate";

/// Timers, by the low half of their token; the high half counts lives, so that a timer of an earlier one is none of a
/// later's.
pub(super) mod token {
    pub const CYCLE: u64 = 1;
    pub const FLUSH: u64 = 2;
    pub const LEASE: u64 = 3;
    pub const VOLUMES: u64 = 4;
    pub const PODS: u64 = 5;
    /// The first of the other informers; each has its own after it.
    pub const OTHERS: u64 = 6;
    /// Beyond them all.
    pub const EXIT: u64 = 100;
}

/// What it watches besides pods: nodes, and what the plugins read.
const OTHERS: [Kind; 13] = [
    Kind::CSIDriver,
    Kind::CSINode,
    Kind::Namespace,
    Kind::Node,
    Kind::PersistentVolume,
    Kind::PersistentVolumeClaim,
    Kind::PodDisruptionBudget,
    Kind::ReplicaSet,
    Kind::ReplicationController,
    Kind::Service,
    Kind::StatefulSet,
    Kind::StorageClass,
    Kind::VolumeAttachment,
];

const USER_AGENT: &str = "kube-scheduler/v1.36.0";
const USER: &str = "system:kube-scheduler";
/// The name of its lease.
const LEASE: &str = "kube-scheduler";

/// The scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub(super) config: Arc<SchedulerConfig>,
    pub(super) profiles: Profiles,
    pub(super) calls: Calls<Purpose>,
    pub(super) pods: Informer,
    /// `OTHERS`: nodes, and what the plugins read besides.
    others: [Informer; 13],
    /// The machine it runs on.
    host: &'static str,
    life: u32,
    leader: LeaderElector,
    /// It was asked to end, and gives its lease back.
    exiting: bool,
    pub(super) cache: Cache,
    pub(super) queue: SchedulingQueue,
    pub(super) recorder: Recorder,
    pub(super) in_cycle: Option<InCycle>,
    /// Pods whose volumes are being bound before they are.
    pub(super) waiting: OrdMap<ObjectKey, Waiting>,
    next_start: usize,
    flush: Option<(SimTime, TimerId)>,
    records: Vector<Arc<DecisionRecord>>,
    attempts: u64,
}

impl Scheduler {
    /// A scheduler on the machine `host` that talks to `apiserver`, with upstream's configuration.
    pub fn new(apiserver: ProcessId, host: &'static str) -> Self {
        Scheduler::with_config(apiserver, host, SchedulerConfig::default())
    }

    /// A scheduler with a configuration of its own.
    pub fn with_config(apiserver: ProcessId, host: &'static str, config: SchedulerConfig) -> Self {
        Scheduler {
            profiles: Profiles::build(&config.profiles).expect("the configuration was checked when it was read"),
            calls: Calls::new(apiserver, USER_AGENT, USER),
            pods: Informer::new(InformerSpec::fields(Kind::Pod, "status.phase!=Succeeded,status.phase!=Failed")),
            others: OTHERS.map(|kind| Informer::new(InformerSpec::all(kind))),
            host,
            life: 0,
            leader: LeaderElector::default(),
            exiting: false,
            cache: Cache::default(),
            queue: SchedulingQueue::new(&config),
            recorder: Recorder::new(host),
            in_cycle: None,
            waiting: OrdMap::new(),
            next_start: 0,
            flush: None,
            records: Vector::new(),
            attempts: 0,
            config: Arc::new(config),
        }
    }

    /// The last decisions, oldest first.
    pub fn records(&self) -> &Vector<Arc<DecisionRecord>> {
        &self.records
    }

    /// The last decision about a pod.
    pub fn record_of(&self, pod: &ObjectKey) -> Option<&Arc<DecisionRecord>> {
        self.records.iter().rev().find(|record| record.pod == *pod)
    }

    /// The active, backoff and unschedulable queues.
    pub fn queue(&self) -> &SchedulingQueue {
        &self.queue
    }

    /// Nodes and pods as the scheduler believes them to be.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The plugins in force, by the scheduler's name.
    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// What it was started with.
    pub fn config(&self) -> &SchedulerConfig {
        &self.config
    }

    /// Whether it holds the lease.
    pub fn leads(&self) -> bool {
        self.leader.leads()
    }

    /// Whether it may act: it holds the lease, and renewed it in time.
    pub fn may_act(&self, now: SimTime) -> bool {
        self.leader.leads() && !self.leader.lost(now)
    }

    /// Where the election stands.
    pub fn leader(&self) -> &LeaderElector {
        &self.leader
    }

    /// How many attempts it made since it started.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Sends a request whose answer does not matter.
    pub(super) fn tell(&mut self, ctx: &mut Ctx<'_, Message>, request: Request) {
        self.calls.send(ctx, request, Purpose::Other);
    }

    /// Records an event on a pod.
    pub(super) fn event(&mut self, ctx: &mut Ctx<'_, Message>, pod: &PodInfo, related: Option<&PodInfo>, note: Note) {
        if let Some(request) = self.recorder.record(ctx.now(), ctx.unix_micros(), pod, related, note) {
            self.tell(ctx, request);
        }
    }

    fn record_mut(&mut self, id: u64) -> Option<&mut DecisionRecord> {
        let first = self.records.front()?.id;
        let index = usize::try_from(id.checked_sub(first)?).ok()?;
        self.records.get_mut(index).map(Arc::make_mut)
    }

    /// Notes how the API server answered a binding.
    pub(super) fn set_binding(&mut self, id: u64, answer: Binding) {
        if let Some(DecisionRecord { outcome: Outcome::Node { binding, .. }, .. }) = self.record_mut(id) {
            *binding = answer;
        }
    }

    /// Whether every informer has its first list: before that nothing is scheduled.
    fn synced(&self) -> bool {
        self.pods.has_synced() && self.others.iter().all(Informer::has_synced)
    }

    /// Begins with the next pod, if there is one and nothing else is in the scheduling cycle.
    pub(super) fn schedule_next(&mut self, ctx: &mut Ctx<'_, Message>) {
        let cause = ctx.cause();
        while self.in_cycle.is_none() && self.leads() && self.synced() {
            let Some(queued) = self.queue.pop() else { break };
            ctx.set_cause(queued.cause);
            if queued.pod.pod().metadata.deletion_timestamp.is_some() {
                self.skip_deleting(ctx, &queued);
            } else {
                self.begin_cycle(ctx, queued);
            }
        }
        ctx.set_cause(cause);
        self.arm_flush(ctx);
    }

    /// `skipPodSchedule`: a pod that is being deleted is not scheduled.
    fn skip_deleting(&mut self, ctx: &mut Ctx<'_, Message>, queued: &QueuedPod) {
        self.queue.done(&queued.pod.key);
        let text = format!("skip schedule deleting pod: {}", queued.pod.key);
        let note = Note { kind: EventKind::Warning, reason: "FailedScheduling", action: "Scheduling", text };
        self.event(ctx, &queued.pod, None, note);
    }

    fn begin_cycle(&mut self, ctx: &mut Ctx<'_, Message>, queued: QueuedPod) {
        self.cache.order();
        let profile = self.profiles.of(&queued.pod);
        self.cache.keep_topologies(&queued.pod, profile.topology_keys());
        let own = profile.percentage_of_nodes_to_score();
        let limits = Limits {
            percentage_of_nodes_to_score: own.unwrap_or(self.config.percentage_of_nodes_to_score),
            record_nodes_max: self.config.record_nodes_max,
        };
        let start = if self.cache.is_empty() { 0 } else { self.next_start % self.cache.len() };
        let basis = Basis {
            config: self.config.clone(),
            profiles: self.profiles.clone(),
            cache: self.cache.snapshot(),
            queued: queued.clone(),
            start,
            limits,
            random: ctx.rng().clone(),
        };
        let mut decision = schedule_pod(profile, &self.cache, &queued.pod, start, limits, ctx.rng());
        self.next_start = decision.next_start;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let cost = self.config.cycle_cost
            + self.config.filter_cost * count(decision.evaluated)
            + self.config.score_cost * count(decision.feasible);
        self.attempts += 1;
        let mut record = DecisionRecord::of(self.attempts, &queued, &mut decision, ctx.now(), ctx.now() + cost);
        record.basis = Some(Arc::new(basis));
        ctx.span("scheduling cycle", record.start, record.end, queued.pod.key.to_string());
        if let Some(node) = record.chosen() {
            self.cache.assume(&queued.pod, node);
            self.cache.unnominate(&queued.pod.key);
        }
        if self.records.len() >= self.config.records_max {
            self.records.pop_front();
        }
        self.records.push_back(Arc::new(record));
        self.in_cycle = Some(InCycle { queued, decision: Arc::new(decision), record: self.attempts });
        self.set_timer(ctx, cost, token::CYCLE);
    }

    /// Sets the timer for the next thing in the queue that time alone brings about.
    fn arm_flush(&mut self, ctx: &mut Ctx<'_, Message>) {
        let next = self.queue.next_flush(ctx.now());
        if self.flush.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, timer)) = self.flush.take() {
            ctx.cancel_timer(timer);
        }
        if let Some(at) = next {
            self.flush = Some((at, self.set_timer(ctx, at.since(ctx.now()), token::FLUSH)));
        }
    }

    pub(super) fn set_timer(&self, ctx: &mut Ctx<'_, Message>, delay: Duration, token: u64) -> TimerId {
        ctx.set_timer(delay, u64::from(self.life) << 32 | token)
    }

    /// Does what the election wants.
    fn elect(&mut self, ctx: &mut Ctx<'_, Message>, election: Election) {
        match election {
            Election::Ask(request, number) => {
                self.calls.send(ctx, request, Purpose::Lease(number));
            }
            Election::Wait => {}
            Election::Elected(lease) => {
                self.announce_leader(ctx, &lease);
                self.schedule_next(ctx);
            }
            Election::Released => self.begin_anew(ctx),
        }
    }

    /// The election's event goes through the core API, unlike the scheduler's others.
    fn announce_leader(&mut self, ctx: &mut Ctx<'_, Message>, lease: &Object) {
        let message = format!("{} became leader", self.leader.identity());
        let mut recorder = EventRecorder::new(DEFAULT_SCHEDULER, "");
        let (involved, kind) = (Involved::object(lease), EventKind::Normal);
        let request = recorder.record(ctx.now(), ctx.unix_micros(), &involved, kind, "LeaderElection", message);
        if let Some(request) = request {
            self.tell(ctx, request);
        }
    }

    fn on_lease_timer(&mut self, ctx: &mut Ctx<'_, Message>) {
        ctx.set_cause(EventId::BOOT);
        if let Some((request, number)) = self.leader.tick(ctx.now(), ctx.unix_micros()) {
            self.calls.send(ctx, request, Purpose::Lease(number));
        }
        let delay = self.leader.delay(ctx);
        self.set_timer(ctx, delay, token::LEASE);
    }

    /// It is asked to end (SIGTERM), and its kubelet starts it again: because its manifest was changed, with another
    /// configuration.
    fn control(&mut self, ctx: &mut Ctx<'_, Message>, text: &str) {
        if text == TERMINATE {
            return self.exit(ctx);
        }
        let written = text.strip_prefix("configure ").and_then(|text| serde_json::from_slice(text.as_bytes()).ok());
        if let Some(config) = written.and_then(|value: Value| SchedulerConfig::read(&value).ok()) {
            self.config = Arc::new(config);
            self.exit(ctx);
        }
    }

    /// Decides nothing more, and gives the lease back before it ends, if it holds it (`ReleaseOnCancel`).
    fn exit(&mut self, ctx: &mut Ctx<'_, Message>) {
        let Some((request, number)) = self.leader.release(ctx.now()) else { return self.begin_anew(ctx) };
        if !std::mem::replace(&mut self.exiting, true) {
            self.set_timer(ctx, self.leader.release_deadline(), token::EXIT);
        }
        self.calls.send(ctx, request, Purpose::Lease(number));
    }

    /// What there still is to do for one that ends: the answers about its lease.
    fn last_message(&mut self, ctx: &mut Ctx<'_, Message>, message: &Message) {
        let Message::Response { call, response } = message else { return };
        let outcome = self.calls.answered(*call, response);
        if let Some(outcome) = outcome.filter(|outcome| matches!(outcome.token, Purpose::Lease(_))) {
            self.on_answer(ctx, outcome);
        }
    }

    /// The process ends here, and is started again, knowing nothing: the lease is lost or given back.
    fn begin_anew(&mut self, ctx: &mut Ctx<'_, Message>) {
        let calls: Vec<CallId> = self.informers().filter_map(|(_, informer)| informer.call()).collect();
        for call in calls {
            ctx.send(self.calls.server(), Message::Cancel { call });
        }
        if let Some((_, timer)) = self.flush.take() {
            ctx.cancel_timer(timer);
        }
        self.lose_memory();
        self.start(ctx);
    }

    fn on_answer(&mut self, ctx: &mut Ctx<'_, Message>, outcome: CallOutcome<Purpose>) {
        let response = outcome.response.as_deref();
        match outcome.token {
            Purpose::Lease(number) => {
                let election = self.leader.answered(ctx.now(), ctx.unix_micros(), number, response);
                self.elect(ctx, election);
            }
            Purpose::Bind(cycle) => {
                ctx.set_cause(outcome.cause);
                self.on_bound(ctx, &cycle, response);
                self.schedule_next(ctx);
            }
            Purpose::Volume(pod, place) => {
                ctx.set_cause(outcome.cause);
                self.on_volume_written(ctx, &pod, place, response);
                self.schedule_next(ctx);
            }
            Purpose::Other => {}
        }
    }

    fn on_response(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, response: &Arc<Response>) {
        if let Some(outcome) = self.calls.answered(call, response) {
            self.on_answer(ctx, outcome);
            return;
        }
        for (token, informer) in self.informers() {
            if let Some(delay) = informer.on_response(ctx, call, response) {
                ctx.set_timer(delay, token);
            }
        }
    }

    /// Every informer with its timer.
    fn informers(&mut self) -> impl Iterator<Item = (u64, &mut Informer)> {
        let life = u64::from(self.life) << 32;
        let others = self.others.iter_mut().enumerate();
        let others = others.map(move |(index, informer)| (life | (token::OTHERS + index as u64), informer));
        std::iter::once((life | token::PODS, &mut self.pods)).chain(others)
    }

    fn start_informer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        let informer = match token.checked_sub(token::OTHERS) {
            None => Some(&mut self.pods),
            Some(index) => usize::try_from(index).ok().and_then(|index| self.others.get_mut(index)),
        };
        if let Some(informer) = informer.filter(|informer| informer.call().is_none()) {
            informer.start(ctx, &mut self.calls);
        }
    }

    fn on_watch(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, event: &WatchEvent) {
        let Some((token, informer)) = self.informers().find(|(_, informer)| informer.owns(call)) else { return };
        let (changes, retry) = informer.on_watch(ctx, call, event);
        if let Some(delay) = retry {
            ctx.set_timer(delay, token);
        }
        for change in changes {
            self.on_change(ctx, change);
        }
        self.schedule_next(ctx);
    }
}

impl Process<Message> for Scheduler {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        let identity = format!("{}_{}", self.host, ctx.rng().uuid());
        self.leader = LeaderElector::new(LEASE, &identity, self.config.leader_election);
        for token in token::PODS..token::OTHERS + self.others.len() as u64 {
            self.start_informer(ctx, token);
        }
        self.on_lease_timer(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if self.leader.lost(ctx.now()) {
            return self.begin_anew(ctx);
        }
        if self.exiting {
            return self.last_message(ctx, &envelope.payload);
        }
        match &envelope.payload {
            Message::Response { call, response } => self.on_response(ctx, *call, response),
            Message::Watch { call, event } => self.on_watch(ctx, *call, event),
            Message::StreamEnd { call } => {
                for (token, informer) in self.informers() {
                    if let Some(delay) = informer.on_stream_end(ctx, *call) {
                        ctx.set_timer(delay, token);
                    }
                }
            }
            Message::Control(text) => self.control(ctx, text),
            // Nothing else is said to a scheduler.
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        if token >> 32 != u64::from(self.life) {
            return;
        }
        if self.leader.lost(ctx.now()) || self.exiting && token & 0xffff_ffff == token::EXIT {
            return self.begin_anew(ctx);
        }
        if self.exiting {
            return;
        }
        match token & 0xffff_ffff {
            token::CYCLE => {
                self.end_cycle(ctx);
                self.schedule_next(ctx);
            }
            token::FLUSH => {
                self.flush = None;
                let rules = Rules { profiles: &self.profiles, cache: &self.cache };
                self.queue.flush(rules, ctx.now());
                self.schedule_next(ctx);
            }
            token::LEASE => self.on_lease_timer(ctx),
            token::VOLUMES => {
                self.check_volumes(ctx);
                self.schedule_next(ctx);
            }
            token => self.start_informer(ctx, token),
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, _why: Disconnect) {
        if peer != self.calls.server() {
            return;
        }
        if self.exiting {
            return self.begin_anew(ctx);
        }
        for (token, informer) in self.informers() {
            if informer.call().is_some() {
                let delay = informer.on_disconnect(ctx);
                ctx.set_timer(delay, token);
            }
        }
        for outcome in self.calls.disconnected() {
            self.on_answer(ctx, outcome);
        }
    }

    fn lose_memory(&mut self) {
        let mut fresh = Scheduler::with_config(self.calls.server(), self.host, (*self.config).clone());
        fresh.life = self.life + 1;
        fresh.calls = self.calls.clone();
        fresh.calls.forget();
        // What was decided is what the page shows of the past, not what the process remembers.
        fresh.records = std::mem::take(&mut self.records);
        fresh.attempts = self.attempts;
        *self = fresh;
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
