//! Freezing a process, as SIGSTOP does: it handles nothing, while its connections stay open and what is sent
//! to it waits in their buffers. Thawed, it handles all of it in order, timers that came due included.

use crate::sim::persistent::Vector;

use super::super::network::Pair;
use super::super::process::{Payload, ProcessId};
use super::super::trace::Record;
use super::{Event, Kernel, ProcessState};

/// The process an event is for; `None` where the network itself handles it.
fn receiver<M>(event: &Event<M>) -> Option<ProcessId> {
    match event {
        Event::Deliver(envelope) => Some(envelope.to),
        Event::Timer { process, .. } | Event::Disconnect { process, .. } | Event::Start { process, .. } => {
            Some(*process)
        }
        Event::GiveUp { .. } => None,
    }
}

/// The connection a message came over; `None` for what did not come from another process.
fn connection<M>(event: &Event<M>) -> Option<Pair> {
    match event {
        Event::Deliver(envelope) if envelope.from != ProcessId::OUTSIDE => Some(Pair::of(envelope.from, envelope.to)),
        _ => None,
    }
}

impl<M: Payload> Kernel<M> {
    /// Freezes a running process.
    pub fn freeze(&mut self, process: ProcessId) {
        let slot = &mut self.slots[process.0 as usize];
        if slot.state != ProcessState::Running {
            return;
        }
        slot.state = ProcessState::Frozen;
        let at = self.core.now;
        self.core.trace.push(Record::Frozen { at, process, frozen: true });
    }

    /// Lets a frozen process go on.
    pub fn thaw(&mut self, process: ProcessId) {
        let slot = &mut self.slots[process.0 as usize];
        if slot.state != ProcessState::Frozen {
            return;
        }
        slot.state = ProcessState::Running;
        let mut held = std::mem::take(&mut slot.held);
        let at = self.core.now;
        self.core.trace.push(Record::Frozen { at, process, frozen: false });
        // What is due at this very moment comes after what waited for longer.
        let mut others = Vec::new();
        while self.next_due().is_some_and(|due| due <= at) {
            let Some(std::cmp::Reverse(scheduled)) = self.core.queue.pop() else { break };
            match receiver(&scheduled.event) == Some(process) {
                true => held.push_back(scheduled.event),
                false => others.push(std::cmp::Reverse(scheduled)),
            }
        }
        self.core.queue.extend(others);
        for event in &held {
            self.core.schedule(at, event.clone());
        }
    }

    /// Thaws a process whose machine goes down: what it has not handled is lost.
    pub fn thaw_for_its_end(&mut self, process: ProcessId) {
        self.drop_held(process);
        self.thaw(process);
    }

    /// How many messages wait in the buffers of a frozen process.
    pub fn unread(&self, process: ProcessId) -> usize {
        self.slots[process.0 as usize].held.iter().filter(|event| connection(event).is_some()).count()
    }

    /// Keeps an event that is for a frozen process. False for all else.
    pub(super) fn hold(&mut self, event: &Event<M>) -> bool {
        let Some(process) = receiver(event) else { return false };
        let Some(slot) = self.slots.get_mut(process.0 as usize) else { return false };
        if slot.state != ProcessState::Frozen {
            return false;
        }
        if let Some(pair) = connection(event) {
            // The machine takes connections on; only the process does not answer.
            self.core.network.connections.insert(pair);
            if !slot.held.iter().any(|earlier| connection(earlier) == Some(pair)) {
                let due = self.core.now + self.core.config.connection_timeout;
                self.core.schedule(due, Event::GiveUp { pair });
            }
        }
        slot.held.push_back(event.clone());
        true
    }

    /// A peer has waited for so long that it closes the connection: what it sent over it is lost.
    pub(super) fn give_up_frozen(&mut self, pair: Pair) {
        let (now, timeout) = (self.core.now, self.core.config.connection_timeout);
        for process in [pair.0, pair.1] {
            let slot = &mut self.slots[process.0 as usize];
            let oldest = slot.held.iter().find(|event| connection(event) == Some(pair));
            let Some(Event::Deliver(oldest)) = oldest else { continue };
            // Of a freeze that was over in time: this one's messages have not waited that long.
            if oldest.arrives + timeout > now {
                continue;
            }
            let (lost, kept): (Vec<_>, Vec<_>) =
                slot.held.iter().cloned().partition(|event| connection(event) == Some(pair));
            slot.held = kept.into_iter().collect();
            self.lose(&lost);
            self.time_out(pair);
        }
    }

    /// Forgets what a process has not handled.
    pub(super) fn drop_held(&mut self, process: ProcessId) {
        let held: Vector<Event<M>> = std::mem::take(&mut self.slots[process.0 as usize].held);
        let held: Vec<Event<M>> = held.iter().cloned().collect();
        self.lose(&held);
    }

    fn lose(&mut self, events: &[Event<M>]) {
        let at = self.core.now;
        for event in events {
            if let Event::Deliver(envelope) = event {
                self.core.trace.push(Record::Lost { id: envelope.id, at });
            }
        }
    }
}
