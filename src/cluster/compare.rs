//! Two runs beside each other: where their traces first differ.
//!
//! Both begin in the same world, so that everything before is the same by construction. From there the
//! traces are read in pairs, entry by entry, until two are not the same.

use crate::sim::{EventId, Logged, Payload, Record, SimTime, TraceHash};

use super::command::Command;
use super::session::Session;

/// An entry of a trace, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub at: SimTime,
    /// The number of the message, the span or the input.
    pub id: Option<EventId>,
    /// `POST deployments`, `kubectl scale …`, a span's name, what befell a process.
    pub text: String,
    /// Who sent it or did it; empty for nobody.
    pub from: String,
    /// Who it was sent to; empty where it is no message.
    pub to: String,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The earlier of the two entries.
    pub at: SimTime,
    /// Entries that were compared before and are the same.
    pub before: u64,
    /// What comes next in each run; `None` where nothing does up to the moment of the comparison.
    pub entries: [Option<Entry>; 2],
}

/// The comparison of two sessions that run on in step.
#[derive(Clone, Debug)]
pub struct Comparison {
    begun: u64,
    read: u64,
    found: Option<Difference>,
}

/// When two logs of inputs first differ; `None` where they are the same.
pub fn parting(a: &[Logged<Command>], b: &[Logged<Command>]) -> Option<SimTime> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    [a.get(same), b.get(same)].into_iter().flatten().map(|logged| logged.at).min()
}

impl Comparison {
    /// A comparison of two sessions that are at the same point of the same run.
    pub fn new(a: &Session, b: &Session) -> Comparison {
        let total = a.world().kernel().trace().total();
        debug_assert_eq!(total, b.world().kernel().trace().total(), "they begin in the same world");
        Comparison { begun: total, read: total, found: None }
    }

    /// The first difference, once it is found.
    pub fn found(&self) -> Option<&Difference> {
        self.found.as_ref()
    }

    /// Pairs of entries that are the same.
    pub fn compared(&self) -> u64 {
        self.read - self.begun
    }

    /// Compares what both have entered since the last time. Both have to be at the same moment.
    pub fn advance(&mut self, a: &mut Session, b: &mut Session) {
        if self.found.is_some() {
            return;
        }
        a.catch_up();
        b.catch_up();
        let (left, right) = (entered(a, self.read), entered(b, self.read));
        let pairs = left.iter().zip(&right);
        let same = pairs.take_while(|(one, other)| is_same(one, other) && carries_same(a, b, one)).count();
        self.read += same as u64;
        if same < left.len() || same < right.len() {
            let entries =
                [left.get(same).map(|record| entry(a, record)), right.get(same).map(|record| entry(b, record))];
            let at = entries.iter().flatten().map(|entry| entry.at).min().unwrap_or(a.now());
            self.found = Some(Difference { at, before: self.compared(), entries });
        }
    }
}

type Records = Vec<Record<crate::api::Message>>;

fn entered(session: &Session, from: u64) -> Records {
    session.world().kernel().trace().since(from).cloned().collect()
}

/// Whether two entries are the same, as far as the trace hash looks.
fn is_same(a: &Record<crate::api::Message>, b: &Record<crate::api::Message>) -> bool {
    match (a, b) {
        (Record::Sent(a), Record::Sent(b)) => {
            let digest = |message: &crate::api::Message| {
                let mut hash = TraceHash::default();
                message.fold(&mut hash);
                hash.value()
            };
            (a.id, a.from, a.to, a.sent, a.arrives, a.cause) == (b.id, b.from, b.to, b.sent, b.arrives, b.cause)
                && digest(&a.payload) == digest(&b.payload)
        }
        (Record::Span(a), Record::Span(b)) => a == b,
        (Record::Lost { id: a, at: since }, Record::Lost { id: b, at }) => (a, since) == (b, at),
        (Record::Input { at: since, text: a, .. }, Record::Input { at, text: b, .. }) => (since, a) == (at, b),
        (Record::Fault { at: since, fault: a, lifted: up }, Record::Fault { at, fault: b, lifted }) => {
            (since, a, up) == (at, b, lifted)
        }
        (Record::Process { at: since, process: a, running: up }, Record::Process { at, process: b, running }) => {
            (since, a, up) == (at, b, running)
        }
        _ => false,
    }
}

/// Whether what a message carries is the same as well: the trace hash takes an object by its name.
fn carries_same(a: &mut Session, b: &mut Session, record: &Record<crate::api::Message>) -> bool {
    let Record::Sent(envelope) = record else { return true };
    a.message(envelope.id) == b.message(envelope.id)
}

fn entry(session: &Session, record: &Record<crate::api::Message>) -> Entry {
    let kernel = session.world().kernel();
    let plain = |text: String, from: String| Entry { at: record.at(), id: record.id(), text, from, to: String::new() };
    if let Some((link, _)) = record.id().and_then(|id| session.link(id)) {
        let (from, to) = (link.from.to_string(), link.to.to_string());
        return Entry { at: link.at, id: Some(link.id), text: link.text, from, to };
    }
    match record {
        Record::Process { process, running, .. } => {
            let what = if *running { "starts" } else { "stops" };
            plain(what.to_owned(), kernel.name_of(*process).to_string())
        }
        Record::Fault { fault, lifted, .. } => {
            let pair = fault.pair();
            let ends = format!("{} and {}", kernel.name_of(pair.0), kernel.name_of(pair.1));
            let what = if *lifted { "a network fault ends between" } else { "a network fault begins between" };
            plain(format!("{what} {ends}"), String::new())
        }
        _ => plain("a message is lost".to_owned(), String::new()),
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
