//! A whole Kubernetes cluster in one browser tab, slowed down until you can see it think.
//!
//! The rooms lie in layers, each importing only from lower ones: see `ARCHITECTURE.md`.

pub mod sim;

pub mod api;

pub mod client;
pub mod cri;
pub mod etcd;

pub mod apiserver;
pub mod controllers;
pub mod kubectl;
pub mod kubelet;
pub mod scheduler;

pub mod cluster;

pub mod scene;

#[cfg(feature = "ui")]
pub mod ui;
