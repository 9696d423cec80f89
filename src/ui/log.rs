//! The page's own record of the run: what each lane of the timeline did, and the messages in order.
//! It outlives seeking back, so that the known future stays on the timeline.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::CriMessage;
use crate::api::etcd::EtcdMessage;
use crate::cluster::Session;
use crate::scene::{Mark, Site, Sites, Tone};
use crate::sim::Order;
use crate::sim::persistent::OrdMap;
use crate::sim::{Envelope, EventId, ProcessId, Record, SimTime};

use super::flags::{self, Flag, FlagKind};

/// Marks kept per lane, and messages kept.
const MARKS_MAX: usize = 20_000;
const MESSAGES_MAX: usize = 50_000;
const FLAGS_MAX: usize = 5_000;
/// Longer than this no handler works: the rest was waiting.
const WORK_MAX: Duration = Duration::from_millis(20);
/// Nodes with a lane each; more share one.
const NODE_LANES_MAX: usize = 3;
/// The lanes before those of the nodes.
const FIXED_LANES: [&str; 5] = ["kubectl", "kube-apiserver", "etcd", "scheduler", "controllers"];

/// A message that is no heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    pub id: EventId,
    pub from: ProcessId,
    pub to: ProcessId,
    pub sent: SimTime,
    pub arrives: SimTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Http,
    Etcd,
    Cri,
}

/// The record.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The position in the trace up to which it was read.
    read: u64,
    /// The highest number entered.
    last: EventId,
    lanes: Vec<VecDeque<Mark>>,
    messages: VecDeque<Logged>,
    /// How many older messages are not kept any more.
    forgotten: usize,
    /// The acts from outside, in the order of the session's log.
    acts: Vec<Flag>,
    /// Everything else that is marked.
    flags: VecDeque<Flag>,
    /// Requests under way, by who sent them.
    calls: OrdMap<(ProcessId, Protocol, u64), Logged>,
    /// How far the run is known.
    pub horizon: SimTime,
    /// Counts changes.
    pub version: u64,
    /// Whether a client from outside has sent anything.
    pub client: bool,
}

/// The lane of a site.
pub fn lane(site: Site, sites: &Sites) -> usize {
    match site {
        Site::Kubectl | Site::Client => 0,
        Site::ApiServer => 1,
        Site::Etcd => 2,
        Site::Scheduler => 3,
        // The driver's sidecars are controllers too.
        Site::Controllers | Site::Driver => 4,
        Site::Kubelet(node) | Site::Runtime(node) if sites.nodes().len() <= NODE_LANES_MAX => 5 + node,
        Site::Kubelet(_) | Site::Runtime(_) => 5,
    }
}

/// The names of the lanes.
pub fn lane_names(sites: &Sites) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = FIXED_LANES.iter().map(|name| Arc::from(*name)).collect();
    if sites.nodes().len() <= NODE_LANES_MAX {
        names.extend(sites.nodes().iter().cloned());
    } else {
        names.push(Arc::from(format!("{} nodes", sites.nodes().len())));
    }
    names
}

impl Logged {
    /// What is kept of a message.
    pub fn of(envelope: &Envelope<Message>) -> Logged {
        Logged { id: envelope.id, from: envelope.from, to: envelope.to, sent: envelope.sent, arrives: envelope.arrives }
    }
}

impl Log {
    /// A record that begins at the present position of the trace.
    pub fn new(session: &Session) -> Log {
        let trace = session.world().kernel().trace();
        let last = trace.records().iter().rev().find_map(Record::id).unwrap_or_default();
        Log { read: trace.total(), last, horizon: session.now(), ..Log::default() }
    }

    /// Reads what is new in the trace. Gives the new messages that are no heartbeats.
    pub fn read(&mut self, session: &mut Session, sites: &Sites) -> Vec<Logged> {
        self.horizon = self.horizon.max(session.now());
        self.read_acts(session);
        let trace = session.world().kernel().trace();
        if trace.total() == self.read {
            return Vec::new();
        }
        let new: Vec<Record<Message>> =
            trace.since(self.read).filter(|record| record.id().is_none_or(|id| id > self.last)).cloned().collect();
        self.read = trace.total();
        let mut out = Vec::new();
        for record in new {
            self.last = record.id().unwrap_or(self.last);
            match &record {
                Record::Sent(envelope) => {
                    if !session.is_heartbeat(envelope.id) {
                        out.extend(self.enter(envelope, session, sites));
                    }
                }
                Record::Span(span) => {
                    if let Some(site) = sites.of(span.process).filter(|_| !session.is_heartbeat(span.cause)) {
                        self.mark(lane(site, sites), Mark { from: span.start, to: span.end, tone: Tone::Plain });
                    }
                }
                Record::Fault { at, .. } | Record::Process { at, .. } | Record::Frozen { at, .. } => {
                    // What an act did is marked as the act.
                    if !self.acts.iter().rev().any(|act| act.at == *at) {
                        self.flag(flags::of_fault(&record, session));
                    }
                }
                Record::Input { .. } | Record::Lost { .. } => {}
            }
        }
        self.version += 1;
        out
    }

    fn enter(&mut self, envelope: &Envelope<Message>, session: &Session, sites: &Sites) -> Option<Logged> {
        let logged = Logged::of(envelope);
        let from = sites.of(envelope.from)?;
        self.client |= from == Site::Client;
        let mut failed = None;
        let answered = match &envelope.payload {
            Message::Request { call, .. } => {
                self.calls.insert((envelope.from, Protocol::Http, call.0), logged);
                None
            }
            Message::Response { call, response } => {
                failed = (!response.is_success()).then_some(response.code);
                if !matches!(sites.of(envelope.to), Some(Site::Kubectl | Site::Client)) {
                    let lane = sites.of(envelope.to).map(|site| lane(site, sites));
                    self.flag(flags::of_event(response, envelope.sent, lane));
                }
                self.calls.remove(&(envelope.to, Protocol::Http, call.0))
            }
            Message::Etcd(EtcdMessage::Request { call, .. }) => {
                self.calls.insert((envelope.from, Protocol::Etcd, *call), logged);
                None
            }
            Message::Etcd(EtcdMessage::Response { call, .. }) => {
                self.calls.remove(&(envelope.to, Protocol::Etcd, *call))
            }
            Message::Cri(CriMessage::Request { call, .. }) => {
                self.calls.insert((envelope.from, Protocol::Cri, *call), logged);
                None
            }
            Message::Cri(CriMessage::Response { call, .. }) => self.calls.remove(&(envelope.to, Protocol::Cri, *call)),
            _ => None,
        };
        let own = lane(from, sites);
        let work = match from {
            Site::Etcd | Site::Runtime(_) => Tone::Grpc,
            _ => Tone::Plain,
        };
        if let Some(request) = answered {
            self.mark(own, Mark { from: request.arrives, to: envelope.sent, tone: work });
            let waited = sites.of(envelope.to).filter(|site| matches!(site, Site::Kubectl | Site::Client));
            if let Some(site) = waited {
                let tone = if failed.is_some_and(|code| code != 404) { Tone::Failed } else { Tone::Waiting };
                self.mark(lane(site, sites), Mark { from: request.sent, to: envelope.arrives, tone });
                // That there is none yet is an answer, not a failure.
                if let Some(code) = failed.filter(|code| *code != 404) {
                    let text = Arc::from(code.to_string());
                    self.flag(Some(Flag { at: envelope.arrives, text, kind: FlagKind::Refusal, lane: None }));
                }
            }
        } else if let Some(Record::Sent(cause)) = session.world().kernel().trace().find(envelope.cause)
            && cause.to == envelope.from
            && !matches!(from, Site::ApiServer | Site::Kubectl | Site::Client)
        {
            // What lay in a queue was not worked on all the while.
            let queued = envelope.sent.since(cause.arrives) > WORK_MAX;
            let from = if queued { envelope.sent } else { cause.arrives };
            self.mark(own, Mark { from, to: envelope.sent, tone: work });
        }
        self.messages.push_back(logged);
        if self.messages.len() > MESSAGES_MAX {
            self.messages.pop_front();
            self.forgotten += 1;
        }
        Some(logged)
    }

    fn read_acts(&mut self, session: &Session) {
        let known = self.acts.len();
        for logged in session.inputs().iter().take(session.inputs_applied()).skip(known) {
            self.acts.push(flags::of_act(logged));
        }
        self.version += (self.acts.len() - known) as u64;
    }

    /// Sets a flag, once: what has no number of its own comes by again after seeking back.
    fn flag(&mut self, flag: Option<Flag>) {
        let Some(flag) = flag else { return };
        if flag.kind == FlagKind::Fault && self.flags.contains(&flag) {
            return;
        }
        self.flags.push_back(flag);
        if self.flags.len() > FLAGS_MAX {
            self.flags.pop_front();
        }
    }

    fn mark(&mut self, lane: usize, mark: Mark) {
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, VecDeque::new());
        }
        self.lanes[lane].push_back(mark);
        if self.lanes[lane].len() > MARKS_MAX {
            self.lanes[lane].pop_front();
        }
    }

    /// The world was wound back or on: what the trace holds now is known already.
    pub fn rewound(&mut self, session: &Session) {
        self.read = session.world().kernel().trace().total();
        self.horizon = self.horizon.max(session.now());
        self.version += 1;
    }

    /// Somebody acted at `at`: what was known of later is another run's.
    pub fn fork(&mut self, session: &Session) {
        let at = session.now();
        if at >= self.horizon {
            return;
        }
        for lane in &mut self.lanes {
            lane.retain(|mark| mark.from <= at);
            for mark in lane.iter_mut() {
                mark.to = mark.to.min(at);
            }
        }
        self.messages.retain(|message| message.sent <= at);
        self.flags.retain(|flag| flag.at <= at);
        self.acts.truncate(session.inputs_applied());
        let trace = session.world().kernel().trace();
        self.last = trace.records().iter().rev().find_map(Record::id).unwrap_or_default();
        self.read = trace.total();
        self.horizon = at;
        self.version += 1;
    }

    /// The highest number entered.
    pub fn last(&self) -> EventId {
        self.last
    }

    /// The marks of a lane that touch the stretch, by start.
    pub fn marks(&self, lane: usize, from: SimTime, to: SimTime) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self
            .lanes
            .get(lane)
            .into_iter()
            .flatten()
            .filter(|mark| mark.to >= from && mark.from <= to)
            .copied()
            .collect();
        marks.order_by_key(|mark| (mark.from, mark.to));
        marks
    }

    /// Everything that is marked: the acts, then the rest, each in the order it was set.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.acts.iter().chain(&self.flags)
    }

    /// What is marked next after `at`.
    pub fn flag_after(&self, at: SimTime) -> Option<&Flag> {
        self.flags().filter(|flag| flag.at > at).min_by_key(|flag| flag.at)
    }

    /// What was marked last before `at`.
    pub fn flag_before(&self, at: SimTime) -> Option<&Flag> {
        self.flags().filter(|flag| flag.at < at).max_by_key(|flag| flag.at)
    }

    /// The last act from outside at or before `at`.
    pub fn last_input(&self, at: SimTime) -> Option<&Flag> {
        self.acts.iter().rev().find(|flag| flag.at <= at)
    }

    /// The messages, oldest first, the known future included.
    pub fn messages(&self) -> &VecDeque<Logged> {
        &self.messages
    }

    /// The messages that have arrived or are under way at `at`, newest first.
    pub fn until(&self, at: SimTime) -> impl Iterator<Item = &Logged> {
        self.messages.iter().rev().filter(move |message| message.sent <= at)
    }

    /// How many messages were sent by `at`, heartbeats aside.
    pub fn sent_by(&self, at: SimTime) -> usize {
        self.forgotten + self.messages.partition_point(|message| message.sent <= at)
    }

    /// When the last message before `at` arrived.
    pub fn previous_arrival(&self, at: SimTime) -> Option<SimTime> {
        self.messages.iter().map(|message| message.arrives).filter(|arrives| *arrives < at).max()
    }
}
