//! The deterministic kernel: virtual time, the event queue, named random streams, processes, the
//! network with its faults, the trace and the history. It knows nothing of Kubernetes.
//!
//! Same configuration, seed and inputs give the same trace hash on every target: nothing here reads
//! a clock, iterates a hash map, or lets a float or a `usize` decide an order.

mod hash;
mod history;
mod kernel;
mod network;
mod order;
pub mod persistent;
mod process;
mod random;
mod shared;
#[cfg(test)]
mod tests;
mod time;
mod trace;

pub use hash::TraceHash;
pub use history::{History, Logged, Replay};
pub use kernel::{Event, InFlight, Kernel, KernelConfig, ProcessState};
pub use network::{Fault, Faults, LinkProfile, Pair};
pub use order::{Gather, Order};
pub use process::{Ctx, Disconnect, Envelope, EventId, Payload, Process, ProcessId, TimerId};
pub use random::Random;
pub use shared::shared;
pub use time::SimTime;
pub use trace::{Record, Span, Trace};
