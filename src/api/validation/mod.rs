//! Mirrors pkg/apis/core/validation, pkg/apis/apps/validation and apimachinery's validation, split by
//! domain. Every function appends its findings in upstream's order; none stops at the first.
//!
//! Maps are walked by key, where Go walks them in random order.

pub mod affinity;
pub mod annotations;
pub mod claims;
pub mod config;
pub mod containers;
pub mod cronjob;
pub mod daemonset;
pub mod disruption;
pub mod downward;
pub mod endpoints;
pub mod environment;
pub mod equality;
pub mod errors;
pub mod event;
pub mod handlers;
pub mod init_containers;
pub mod ip;
pub mod job;
pub mod job_policies;
pub mod job_status;
pub mod limit_range;
pub mod meta;
pub mod mounts;
pub mod names;
pub mod node;
pub mod path;
pub mod persistent_volumes;
pub mod pod;
pub mod pod_spec;
pub mod pod_status;
pub mod pod_update;
pub mod priority;
pub mod quota;
pub mod replicationcontroller;
pub mod resource_names;
pub mod resources;
pub mod security;
pub mod selectors;
pub mod service;
pub mod service_ips;
pub mod spreading;
pub mod statefulset;
pub mod storage;
pub mod tolerations;
pub mod volume_projections;
pub mod volume_sources;
pub mod volumes;
pub mod warnings;
pub mod windows;
pub mod workloads;

#[cfg(test)]
mod bounds_test;
#[cfg(test)]
mod corpus_test;
#[cfg(test)]
mod table_test;

pub use errors::{BadValue, Errors};
pub use path::Path;

/// An optional string as Go has it: empty when absent.
pub(crate) fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

/// An optional list as Go has it: empty when absent.
pub(crate) fn items<T>(value: &Option<Vec<T>>) -> &[T] {
    value.as_deref().unwrap_or_default()
}
