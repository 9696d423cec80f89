//! The kubelet: makes the pods bound to its node run, and says how they are.
//!
//! Mirrors pkg/kubelet. Leaves out: static pods, device plugins, in-place resize, ephemeral containers,
//! image garbage collection before there is pressure, user namespaces, certificates.

mod actions;
mod admission;
mod backoff;
mod claims;
pub mod config;
mod env;
mod events;
mod eviction;
mod eviction_manager;
mod hosts;
mod images;
mod inspect;
mod kill;
mod node;
mod node_status;
mod pleg;
mod pod;
mod pod_workers;
mod probe_manager;
mod process;
mod references;
mod resources;
mod runtime;
mod server;
mod status;
mod status_manager;
mod sync;
mod termination;
mod volumes;

#[cfg(test)]
mod tests;

pub use config::KubeletConfig;
pub use inspect::{PlegReport, ProbeReport, RuntimeCallReport, WorkerReport};
pub use pleg::PlegChange;
pub use process::Kubelet;
