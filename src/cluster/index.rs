//! An index over the trace: which request a message answers, what a message led to, and what is only
//! the standing heartbeat. It is derived, never part of the world, and made anew after seeking.

use std::collections::VecDeque;

use crate::api::cri::CriMessage;
use crate::api::etcd::EtcdMessage;
use crate::api::{Message, Request};
use crate::sim::persistent::OrdMap;
use crate::sim::{Envelope, EventId, ProcessId, Record, Trace};

use super::label::{is_heartbeat, only_looks};

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    heartbeat: bool,
    /// The request it answers or streams for.
    request: u64,
    /// A linked list of what it led to, newest first: the head here, the next in the child.
    first_child: u64,
    next_sibling: u64,
}

/// What protocol a call number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Http,
    Etcd,
    Cri,
}

/// The index.
#[derive(Clone, Debug, Default)]
pub(super) struct TraceIndex {
    /// The position in the trace up to which it was read.
    read: u64,
    /// The id that `entries[0]` is about.
    first: u64,
    entries: VecDeque<Entry>,
    calls: OrdMap<(ProcessId, Protocol, u64), EventId>,
}

impl TraceIndex {
    /// Reads what is new in the trace.
    pub(super) fn catch_up(&mut self, trace: &Trace<Message>) {
        if trace.total() < self.read {
            *self = TraceIndex::default();
        }
        for record in trace.since(self.read) {
            self.enter(record);
        }
        self.read = trace.total();
        let oldest = trace.records().iter().find_map(Record::id).map_or(0, |id| id.0);
        while self.first < oldest && self.entries.pop_front().is_some() {
            self.first += 1;
        }
        if self.calls.len() > 2 * trace.records().len() + 1_000 {
            self.calls.retain(|_, id| id.0 >= oldest);
        }
    }

    fn enter(&mut self, record: &Record<Message>) {
        let Some(id) = record.id() else { return };
        if self.entries.is_empty() {
            self.first = id.0;
        }
        if id.0 < self.first {
            return;
        }
        while self.first + self.entries.len() as u64 <= id.0 {
            self.entries.push_back(Entry::default());
        }
        let cause = match record {
            Record::Sent(envelope) => {
                self.enter_message(envelope);
                envelope.cause
            }
            Record::Span(span) => span.cause,
            _ => EventId::BOOT,
        };
        if let Some(parent) = self.entry(cause).copied().filter(|_| cause < id) {
            let slot = (id.0 - self.first) as usize;
            self.entries[slot].next_sibling = parent.first_child;
            let parent_slot = (cause.0 - self.first) as usize;
            self.entries[parent_slot].first_child = id.0;
        }
    }

    fn enter_message(&mut self, envelope: &Envelope<Message>) {
        let mut entry = Entry { heartbeat: self.is_heartbeat(envelope.cause), ..Entry::default() };
        let key = match &envelope.payload {
            Message::Request { call, request } => {
                entry.heartbeat = is_heartbeat(request);
                self.calls.insert((envelope.from, Protocol::Http, call.0), envelope.id);
                None
            }
            Message::Response { call, .. }
            | Message::Watch { call, .. }
            | Message::Chunk { call, .. }
            | Message::StreamEnd { call } => Some((envelope.to, Protocol::Http, call.0)),
            Message::Cancel { call } => Some((envelope.from, Protocol::Http, call.0)),
            Message::Etcd(EtcdMessage::Request { call, .. }) => {
                self.calls.insert((envelope.from, Protocol::Etcd, *call), envelope.id);
                None
            }
            Message::Etcd(EtcdMessage::Response { call, .. }) => Some((envelope.to, Protocol::Etcd, *call)),
            Message::Cri(CriMessage::Request { call, request }) => {
                entry.heartbeat &= only_looks(request);
                self.calls.insert((envelope.from, Protocol::Cri, *call), envelope.id);
                None
            }
            Message::Cri(CriMessage::Response { call, .. } | CriMessage::LogLines { call, .. }) => {
                Some((envelope.to, Protocol::Cri, *call))
            }
            Message::Disk(_) => {
                entry.heartbeat = false;
                None
            }
            _ => None,
        };
        if let Some(request) = key.and_then(|key| self.calls.get(&key)) {
            entry.request = request.0;
            if matches!(envelope.payload, Message::Response { .. } | Message::Cri(CriMessage::Response { .. })) {
                entry.heartbeat = self.is_heartbeat(*request);
            }
        }
        let slot = (envelope.id.0 - self.first) as usize;
        self.entries[slot] = entry;
    }

    fn entry(&self, id: EventId) -> Option<&Entry> {
        self.entries.get(id.0.checked_sub(self.first)? as usize)
    }

    /// Whether it is part of the standing heartbeat.
    pub(super) fn is_heartbeat(&self, id: EventId) -> bool {
        self.entry(id).is_some_and(|entry| entry.heartbeat)
    }

    /// The request it answers or streams for.
    pub(super) fn request_of(&self, id: EventId) -> Option<EventId> {
        self.entry(id).map(|entry| EventId(entry.request)).filter(|request| request.0 != 0)
    }

    /// What it led to, oldest first.
    pub(super) fn children(&self, id: EventId) -> Vec<EventId> {
        let mut children = Vec::new();
        let mut next = self.entry(id).map_or(0, |entry| entry.first_child);
        while next != 0 {
            children.push(EventId(next));
            next = self.entry(EventId(next)).map_or(0, |entry| entry.next_sibling);
        }
        children.reverse();
        children
    }
}

/// The HTTP request that the message `id` answers or streams for.
pub(super) fn http_request<'a>(trace: &'a Trace<Message>, index: &TraceIndex, id: EventId) -> Option<&'a Request> {
    match trace.find(index.request_of(id)?)? {
        Record::Sent(envelope) => match &envelope.payload {
            Message::Request { request, .. } => Some(request),
            _ => None,
        },
        _ => None,
    }
}
