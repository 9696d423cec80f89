//! A ring of processes that pass a message on: the kernel by itself, for measuring.

use std::any::Any;
use std::time::Duration;

use kubarium::sim::{Ctx, Envelope, Kernel, KernelConfig, LinkProfile, Payload, Process, ProcessId, TraceHash};

const PROCESSES: u32 = 100;

#[derive(Clone, Debug)]
struct Ping(u64);

impl Payload for Ping {
    fn fold(&self, hash: &mut TraceHash) {
        hash.number(self.0);
    }
}

/// Sends every ping on to the next of its ring.
#[derive(Clone, Debug)]
struct Ring(ProcessId);

impl Process<Ping> for Ring {
    fn start(&mut self, ctx: &mut Ctx<'_, Ping>) {
        ctx.send(self.0, Ping(0));
    }
    fn on_message(&mut self, ctx: &mut Ctx<'_, Ping>, envelope: &Envelope<Ping>) {
        ctx.send(self.0, Ping(envelope.payload.0 + 1));
    }
    fn on_timer(&mut self, _ctx: &mut Ctx<'_, Ping>, _token: u64) {}
    fn lose_memory(&mut self) {}
    fn clone_box(&self) -> Box<dyn Process<Ping>> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Handles `events` events and gives how many were handled.
pub fn run(events: u64) -> u64 {
    let mut kernel = Kernel::new(KernelConfig {
        seed: 1,
        epoch_unix_micros: 0,
        trace_capacity: 200_000,
        connection_timeout: Duration::from_secs(45),
        link: |_, _| Some(LinkProfile { latency: Duration::from_micros(300), jitter: Duration::from_micros(200) }),
    });
    for index in 0..PROCESSES {
        kernel.add(&format!("p{index}"), "ring", Box::new(Ring(ProcessId((index + 1) % PROCESSES))));
    }
    while kernel.handled() < events {
        kernel.step();
    }
    kernel.handled()
}
