//! What goes wrong on purpose: processes that stop and start again, faults on the network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::sim::persistent::OrdMap;

use super::super::network::{Fault, Pair};
use super::super::process::{Disconnect, EventId, Payload, ProcessId};
use super::super::trace::Record;
use super::{Event, Kernel, ProcessState, make_mut};

impl<M: Payload> Kernel<M> {
    /// Stops a process: it forgets what is not on disk, and its peers learn that the connection is gone.
    pub fn stop(&mut self, process: ProcessId) {
        let slot = &mut self.slots[process.0 as usize];
        if slot.state == ProcessState::Stopped {
            return;
        }
        slot.state = ProcessState::Stopped;
        slot.incarnation += 1;
        make_mut(&mut slot.process).lose_memory();
        self.drop_held(process);
        let at = self.core.now;
        self.core.trace.push(Record::Process { at, process, running: false });
        let broken: Vec<Pair> = self
            .core
            .network
            .connections
            .iter()
            .filter(|pair| pair.0 == process || pair.1 == process)
            .copied()
            .collect();
        for pair in broken {
            self.core.network.connections.remove(&pair);
            // A peer behind a partition hears nothing: its own time-out tells it.
            if !self.core.network.partitioned(pair) {
                let peer = if pair.0 == process { pair.1 } else { pair.0 };
                self.tell_disconnect(peer, process, Disconnect::Reset, EventId::BOOT);
            }
        }
        // What was under way to it or from it over these connections ends with them.
        let mut kept = BinaryHeap::with_capacity(self.core.queue.len());
        for Reverse(scheduled) in std::mem::take(&mut self.core.queue).into_vec() {
            match &scheduled.event {
                Event::Deliver(envelope) if envelope.from == process && envelope.sent > at => {
                    self.core.trace.push(Record::Lost { id: envelope.id, at });
                }
                _ => kept.push(Reverse(scheduled)),
            }
        }
        self.core.queue = kept;
    }

    /// Starts a stopped process again.
    pub fn restart(&mut self, process: ProcessId) {
        let slot = &mut self.slots[process.0 as usize];
        if slot.state != ProcessState::Stopped {
            return;
        }
        slot.state = ProcessState::Running;
        let incarnation = slot.incarnation;
        let at = self.core.now;
        self.core.trace.push(Record::Process { at, process, running: true });
        self.core.schedule(at, Event::Start { process, incarnation, cause: EventId::BOOT });
    }

    /// Puts a fault in force. A partition holds what is already on the wire as well.
    pub fn inject(&mut self, fault: Fault) {
        let at = self.core.now;
        self.core.network.faults.insert(fault.clone());
        self.core.trace.push(Record::Fault { at, fault: fault.clone(), lifted: false });
        if let Fault::Partition(pair) = fault {
            let mut caught = OrdMap::new();
            let mut kept = BinaryHeap::with_capacity(self.core.queue.len());
            for Reverse(scheduled) in std::mem::take(&mut self.core.queue).into_vec() {
                match &scheduled.event {
                    Event::Deliver(envelope) if Pair::of(envelope.from, envelope.to) == pair => {
                        caught.insert(envelope.id, envelope.clone());
                    }
                    _ => kept.push(Reverse(scheduled)),
                }
            }
            self.core.queue = kept;
            if !caught.is_empty() {
                let due = at + self.core.config.connection_timeout;
                self.core.schedule(due, Event::GiveUp { pair });
                self.core
                    .network
                    .held
                    .entry(pair)
                    .or_default()
                    .extend(caught.into_iter().map(|(_, envelope)| envelope));
            }
        }
    }

    /// Lifts a fault. What a partition held is sent again.
    pub fn lift(&mut self, fault: &Fault) {
        if self.core.network.faults.remove(fault).is_none() {
            return;
        }
        let at = self.core.now;
        self.core.trace.push(Record::Fault { at, fault: fault.clone(), lifted: true });
        if let Fault::Partition(pair) = fault {
            for envelope in self.core.network.held.remove(pair).into_iter().flatten() {
                let due = envelope.arrives.max(at + Duration::from_millis(1));
                self.core.schedule(due, Event::Deliver(envelope));
            }
        }
    }
}
