//! The scheduler: a queue, a cache, the framework and its plugins, and the process that drives them.
//!
//! Mirrors pkg/scheduler. Leaves out: extenders, several profiles, volumes, dynamic resources, pod groups.

mod affinity_term;
mod binding;
mod cache;
mod cluster_event;
mod config;
mod event_handlers;
mod fit_error;
mod framework;
mod node_info;
mod pod_info;
mod process;
mod profile;
mod queue;
mod record;
mod recorder;
mod resource;
mod schedule_one;

pub mod plugins;

#[cfg(test)]
mod process_tests;

pub use cache::{Cache, ImageState};
pub use cluster_event::{ClusterEvent, EventResource};
pub use config::SchedulerConfig;
pub use fit_error::{Diagnosis, FitError};
pub use framework::{
    Code, CycleState, NodeToStatus, Plugin, Point, PostFilterContext, PostFilterResult, PreFilter, Rejection, Verdict,
};
pub use node_info::NodeInfo;
pub use pod_info::{HostPort, PodInfo};
pub use process::Scheduler;
pub use profile::Profile;
pub use queue::{QueuedPod, SchedulingQueue};
pub use record::{Binding, DecisionRecord, NodeRecord, Outcome, PluginScore};
pub use resource::Resource;
pub use schedule_one::{Decision, Limits, Verdict as CycleVerdict, schedule_pod};
