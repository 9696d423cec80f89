//! What kube-scheduler is configured with: upstream's constants by the names of their flags and fields.
//!
//! Mirrors pkg/scheduler/apis/config. `configuration.rs` reads it from a KubeSchedulerConfiguration. Leaves
//! out: extenders.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::client::ElectionTimes;

use super::framework::Point;
use super::plugins::{PLUGINS, PluginArgs};

/// The profile's name that pods get which do not choose one.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// The plugins of the default profile in the order in which each point calls them (`getDefaultPlugins`).
pub const DEFAULT_ORDER: &[&str] = &[
    "SchedulingGates",
    "PrioritySort",
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "DefaultPreemption",
    "NodeResourcesBalancedAllocation",
    "ImageLocality",
    "DefaultBinder",
];

/// `KubeSchedulerConfiguration` with upstream's defaults, and the simulated cost of thinking.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    pub profiles: Vec<ProfileConfig>,
    /// How much of a large cluster is looked at, 1 … 100; 0 adapts to the number of nodes.
    pub percentage_of_nodes_to_score: i64,
    pub pod_initial_backoff: Duration,
    pub pod_max_backoff: Duration,
    /// `--pod-max-in-unschedulable-pods-duration`.
    pub pod_max_in_unschedulable_pods_duration: Duration,
    pub leader_election: ElectionTimes,
    /// Simulated time that a scheduling cycle takes whatever the cluster.
    pub cycle_cost: Duration,
    /// Simulated time per node that the filters look at.
    pub filter_cost: Duration,
    /// Simulated time per node that is scored.
    pub score_cost: Duration,
    /// What it was read from; null for upstream's own.
    pub source: Value,
    /// How many decision records are kept.
    pub records_max: usize,
    /// How many nodes a decision record keeps of a cluster with more.
    pub record_nodes_max: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            profiles: vec![ProfileConfig::default()],
            percentage_of_nodes_to_score: 0,
            pod_initial_backoff: Duration::from_secs(1),
            pod_max_backoff: Duration::from_secs(10),
            pod_max_in_unschedulable_pods_duration: Duration::from_secs(300),
            leader_election: ElectionTimes::DEFAULT,
            cycle_cost: Duration::from_micros(100),
            filter_cost: Duration::from_micros(2),
            score_cost: Duration::from_micros(1),
            source: Value::Null,
            records_max: 200,
            record_nodes_max: 100,
        }
    }
}

/// `KubeSchedulerProfile`: how pods with one `spec.schedulerName` are scheduled.
#[derive(Clone, Debug)]
pub struct ProfileConfig {
    pub scheduler_name: Arc<str>,
    /// In place of the configuration's, where it is given.
    pub percentage_of_nodes_to_score: Option<i64>,
    pub plugins: PluginSets,
    pub args: PluginArgs,
}

impl Default for ProfileConfig {
    fn default() -> Self {
        ProfileConfig {
            scheduler_name: Arc::from(DEFAULT_SCHEDULER),
            percentage_of_nodes_to_score: None,
            plugins: PluginSets::default(),
            args: PluginArgs::default(),
        }
    }
}

/// A plugin that is switched on, with the weight it was given; 0 where none was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledPlugin {
    pub name: String,
    pub weight: i64,
}

/// `PluginSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSet {
    pub enabled: Vec<EnabledPlugin>,
    pub disabled: Vec<String>,
}

impl PluginSet {
    /// Whether a plugin is switched off, by name or with all.
    pub fn disables(&self, name: &str) -> bool {
        self.disabled.iter().any(|disabled| disabled == name || disabled == "*")
    }

    /// The plugin of that name, if it is switched on.
    pub fn find(&self, name: &str) -> Option<&EnabledPlugin> {
        self.enabled.iter().find(|plugin| plugin.name == name)
    }
}

/// `Plugins`: what is switched on everywhere it can act, and at single points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSets {
    pub multi_point: PluginSet,
    points: Vec<(Point, PluginSet)>,
}

impl Default for PluginSets {
    fn default() -> Self {
        let weight = |name: &str| PLUGINS.iter().find(|entry| entry.name == name).map_or(0, |entry| entry.weight);
        let enable = |name: &&str| EnabledPlugin { name: (*name).to_owned(), weight: weight(name) };
        let multi_point = PluginSet { enabled: DEFAULT_ORDER.iter().map(enable).collect(), disabled: Vec::new() };
        PluginSets { multi_point, points: Vec::new() }
    }
}

impl PluginSets {
    /// The set of one point; empty where the configuration says nothing of it.
    pub fn at(&self, point: Point) -> PluginSet {
        self.points.iter().find(|(at, _)| *at == point).map(|(_, set)| set.clone()).unwrap_or_default()
    }

    /// Takes what is given for everywhere, over the defaults (`mergePluginSet`).
    pub fn merge_multi_point(&mut self, custom: PluginSet) {
        let default = std::mem::take(&mut self.multi_point.enabled);
        let mut enabled = Vec::new();
        for plugin in default.into_iter().filter(|plugin| !custom.disables(&plugin.name)) {
            // A default plugin that is configured anew stays in its place.
            enabled.push(custom.find(&plugin.name).cloned().unwrap_or(plugin));
        }
        for plugin in custom.enabled {
            if !enabled.contains(&plugin) {
                enabled.push(plugin);
            }
        }
        self.multi_point = PluginSet { enabled, disabled: custom.disabled };
    }

    /// Takes what is given for a point.
    pub fn set(&mut self, point: Point, set: PluginSet) {
        self.points.retain(|(at, _)| *at != point);
        self.points.push((point, set));
    }

    /// Gives a plugin another weight.
    pub fn set_weight(&mut self, name: &str, weight: i64) {
        let sets = self.points.iter_mut().map(|(_, set)| set).chain([&mut self.multi_point]);
        for plugin in sets.flat_map(|set| &mut set.enabled).filter(|plugin| plugin.name == name) {
            plugin.weight = weight;
        }
    }

    /// Switches a plugin off everywhere.
    pub fn disable(&mut self, name: &str) {
        let sets = self.points.iter_mut().map(|(_, set)| set).chain([&mut self.multi_point]);
        sets.for_each(|set| set.enabled.retain(|plugin| plugin.name != name));
    }
}
