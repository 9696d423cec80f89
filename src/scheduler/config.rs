//! What kube-scheduler is configured with: upstream's constants by the names of their flags and fields.
//!
//! Mirrors pkg/scheduler/apis/config. Leaves out: several profiles, extenders.

use std::time::Duration;

use super::plugins::PluginArgs;

/// `KubeSchedulerConfiguration` with upstream's defaults, and the simulated cost of thinking.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// The pods it takes: those with this `spec.schedulerName`.
    pub scheduler_name: &'static str,
    /// How much of a large cluster is looked at, 1 … 100; 0 adapts to the number of nodes.
    pub percentage_of_nodes_to_score: i64,
    pub pod_initial_backoff: Duration,
    pub pod_max_backoff: Duration,
    /// `--pod-max-in-unschedulable-pods-duration`.
    pub pod_max_in_unschedulable_pods_duration: Duration,
    pub plugin_args: PluginArgs,
    /// Simulated time that a scheduling cycle takes whatever the cluster.
    pub cycle_cost: Duration,
    /// Simulated time per node that the filters look at.
    pub filter_cost: Duration,
    /// Simulated time per node that is scored.
    pub score_cost: Duration,
    /// How many decision records are kept.
    pub records_max: usize,
    /// How many nodes a decision record keeps of a cluster with more.
    pub record_nodes_max: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            scheduler_name: "default-scheduler",
            percentage_of_nodes_to_score: 0,
            pod_initial_backoff: Duration::from_secs(1),
            pod_max_backoff: Duration::from_secs(10),
            pod_max_in_unschedulable_pods_duration: Duration::from_secs(300),
            plugin_args: PluginArgs::default(),
            cycle_cost: Duration::from_micros(100),
            filter_cost: Duration::from_micros(2),
            score_cost: Duration::from_micros(1),
            records_max: 200,
            record_nodes_max: 100,
        }
    }
}
