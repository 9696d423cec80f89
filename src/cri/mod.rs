//! The container runtime: a simulated containerd with its images, container file systems and shell.
//! It answers the kubelet's `api::cri` messages.
//!
//! Mirrors containerd's CRI plugin (`internal/cri/server`). Leaves out: attach and interactive exec,
//! port forwarding, checkpoints, runtime classes.

mod container;
mod disks;
mod files;
mod images;
mod inspect;
mod machine;
mod operations;
mod program;
mod registry;
mod runtime;
mod sandbox;
mod shell;
mod streaming;
mod user;

#[cfg(test)]
mod tests;

pub use images::IMAGES;
pub use runtime::{Runtime, RuntimeConfig};
