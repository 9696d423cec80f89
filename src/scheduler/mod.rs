//! The scheduler: a queue, a cache, the framework and its plugins, and the process that drives them.
//!
//! Mirrors pkg/scheduler. Leaves out: extenders, dynamic resources, pod groups.

mod affinity_term;
mod binding;
mod cache;
mod cluster_event;
mod config;
mod configuration;
mod event_handlers;
mod fit_error;
mod framework;
mod listers;
mod logarithm;
mod node_info;
mod plugin_args;
mod pod_info;
mod pre_bind;
mod process;
mod profile;
mod queue;
mod record;
mod recorder;
mod resource;
mod schedule_one;
mod topology;
mod volume_match;
mod volumes;
mod what_if;

pub mod plugins;

#[cfg(test)]
mod hints_tests;
#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod topology_tests;
#[cfg(test)]
mod volume_tests;

pub use cache::{Cache, ImageState};
pub use cluster_event::{ClusterEvent, EventResource};
pub use config::{
    DEFAULT_ORDER, DEFAULT_SCHEDULER, EnabledPlugin, PluginSet, PluginSets, ProfileConfig, SchedulerConfig,
};
pub use fit_error::{Diagnosis, FitError};
pub use framework::{
    Code, CycleState, NodeToStatus, Plugin, Point, PostFilterContext, PostFilterResult, PreFilter, Rejection, Verdict,
};
pub use node_info::NodeInfo;
pub use pod_info::{HostPort, PodInfo};
pub use process::{Scheduler, TERMINATE};
pub use profile::{Profile, Profiles, Rules};
pub use queue::{QueuedPod, SchedulingQueue};
pub use record::{Binding, DecisionRecord, NodeRecord, Outcome, PluginScore};
pub use resource::Resource;
pub use schedule_one::{Decision, Limits, Verdict as CycleVerdict, schedule_pod};
pub use what_if::{Basis, Change};
