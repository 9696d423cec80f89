//! The trace: a bounded ring of what happened, with a count of what was dropped.

use std::sync::Arc;

use crate::sim::persistent::Vector;

use super::network::Fault;
use super::process::{Envelope, EventId, ProcessId};
use super::time::SimTime;

/// A stretch of work inside one process.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub id: EventId,
    pub process: ProcessId,
    pub name: &'static str,
    pub start: SimTime,
    pub end: SimTime,
    pub detail: Arc<str>,
    pub cause: EventId,
}

/// One entry of the trace.
#[derive(Clone, Debug)]
pub enum Record<M> {
    /// A message was sent; it carries its own arrival.
    Sent(Arc<Envelope<M>>),
    /// A message that was sent will not arrive.
    Lost { id: EventId, at: SimTime },
    /// Work was done.
    Span(Arc<Span>),
    /// Somebody outside acted.
    Input { id: EventId, at: SimTime, text: Arc<str> },
    /// A fault began or was lifted.
    Fault { at: SimTime, fault: Fault, lifted: bool },
    /// A process stopped or came back.
    Process { at: SimTime, process: ProcessId, running: bool },
    /// A process was frozen or goes on.
    Frozen { at: SimTime, process: ProcessId, frozen: bool },
}

impl<M> Record<M> {
    /// The number of what this entry is about, where it has one.
    pub fn id(&self) -> Option<EventId> {
        match self {
            Record::Sent(envelope) => Some(envelope.id),
            Record::Span(span) => Some(span.id),
            Record::Input { id, .. } => Some(*id),
            Record::Lost { .. } | Record::Fault { .. } | Record::Process { .. } | Record::Frozen { .. } => None,
        }
    }

    /// When it was entered.
    pub fn at(&self) -> SimTime {
        match self {
            Record::Sent(envelope) => envelope.sent,
            Record::Span(span) => span.start,
            Record::Lost { at, .. }
            | Record::Input { at, .. }
            | Record::Fault { at, .. }
            | Record::Process { at, .. }
            | Record::Frozen { at, .. } => *at,
        }
    }
}

/// The ring. Cloning shares its structure.
#[derive(Clone, Debug)]
pub struct Trace<M> {
    records: Vector<Record<M>>,
    capacity: usize,
    dropped: u64,
}

impl<M: Clone> Trace<M> {
    /// An empty ring of at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Trace { records: Vector::new(), capacity, dropped: 0 }
    }

    /// Enters a record, and drops the oldest when the ring is full.
    pub fn push(&mut self, record: Record<M>) {
        if self.capacity == 0 {
            self.dropped += 1;
            return;
        }
        if self.records.len() == self.capacity {
            self.records.pop_front();
            self.dropped += 1;
        }
        self.records.push_back(record);
    }

    /// The records kept, oldest first.
    pub fn records(&self) -> &Vector<Record<M>> {
        &self.records
    }

    /// How many records were entered and dropped again since the world began.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many records were ever entered: the position after the newest.
    pub fn total(&self) -> u64 {
        self.dropped + self.records.len() as u64
    }

    /// The records from position `from` (as `total` counts) on.
    pub fn since(&self, from: u64) -> impl Iterator<Item = &Record<M>> {
        let skip = from.saturating_sub(self.dropped).min(self.records.len() as u64);
        self.records.iter().skip(skip as usize)
    }

    /// The record about `id`, by bisection: numbers grow along the ring.
    pub fn find(&self, id: EventId) -> Option<&Record<M>> {
        let mut low = 0;
        let mut high = self.records.len();
        while low < high {
            let middle = (low + high) / 2;
            // Records without a number are few: step over them to the next that has one.
            let mut probe = middle;
            let found = loop {
                if probe == high {
                    break None;
                }
                match self.records[probe].id() {
                    Some(found) => break Some(found),
                    None => probe += 1,
                }
            };
            match found {
                Some(found) if found == id => return Some(&self.records[probe]),
                Some(found) if found < id => low = probe + 1,
                _ => high = middle,
            }
        }
        None
    }
}
