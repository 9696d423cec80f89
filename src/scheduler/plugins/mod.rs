//! The plugins, one file each: add a file, its `mod` line and its entry here.
//!
//! Mirrors pkg/scheduler/framework/plugins.

pub mod default_binder;
pub mod default_preemption;
pub mod dynamic_resources;
pub mod image_locality;
pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources_balanced_allocation;
pub mod node_resources_fit;
pub mod node_unschedulable;
pub mod node_volume_limits;
pub mod pod_topology_spread;
pub mod priority_sort;
pub mod scheduling_gates;
pub mod taint_toleration;
pub mod volume_binding;
pub mod volume_restrictions;
pub mod volume_zone;

use std::sync::Arc;

use super::framework::Plugin;

/// What the plugins are configured with (`pluginConfig`), with upstream's defaults.
#[derive(Clone, Debug, Default)]
pub struct PluginArgs {
    pub default_preemption: default_preemption::PreemptionArgs,
    pub inter_pod_affinity: inter_pod_affinity::InterPodAffinityArgs,
    pub node_affinity: node_affinity::NodeAffinityArgs,
    pub node_resources_balanced_allocation: node_resources_balanced_allocation::BalancedAllocationArgs,
    pub node_resources_fit: node_resources_fit::FitArgs,
    pub pod_topology_spread: pod_topology_spread::PodTopologySpreadArgs,
    pub volume_binding: volume_binding::VolumeBindingArgs,
}

/// The registry's entry for a plugin.
#[derive(Debug)]
pub struct PluginEntry {
    pub name: &'static str,
    /// Its weight in the sum of scores; 0 for one that does not score.
    pub weight: i64,
    pub new: fn(&PluginArgs) -> Arc<dyn Plugin>,
}

const fn entry(name: &'static str, weight: i64, new: fn(&PluginArgs) -> Arc<dyn Plugin>) -> PluginEntry {
    PluginEntry { name, weight, new }
}

/// The plugins this scheduler knows, alphabetical.
pub static PLUGINS: &[PluginEntry] = &[
    entry(default_binder::NAME, 0, |_| Arc::new(default_binder::DefaultBinder)),
    entry(default_preemption::NAME, 0, |args| {
        Arc::new(default_preemption::DefaultPreemption { args: args.default_preemption })
    }),
    entry(dynamic_resources::NAME, 0, |_| Arc::new(dynamic_resources::DynamicResources)),
    entry(image_locality::NAME, 1, |_| Arc::new(image_locality::ImageLocality)),
    entry(inter_pod_affinity::NAME, 2, |args| {
        Arc::new(inter_pod_affinity::InterPodAffinity { args: args.inter_pod_affinity })
    }),
    entry(node_affinity::NAME, 2, |args| Arc::new(node_affinity::NodeAffinity::new(&args.node_affinity))),
    entry(node_name::NAME, 0, |_| Arc::new(node_name::NodeName)),
    entry(node_ports::NAME, 0, |_| Arc::new(node_ports::NodePorts)),
    entry(node_resources_balanced_allocation::NAME, 1, |args| {
        let args = args.node_resources_balanced_allocation.clone();
        Arc::new(node_resources_balanced_allocation::BalancedAllocation { args })
    }),
    entry(node_resources_fit::NAME, 1, |args| {
        Arc::new(node_resources_fit::Fit { args: args.node_resources_fit.clone() })
    }),
    entry(node_unschedulable::NAME, 0, |_| Arc::new(node_unschedulable::NodeUnschedulable)),
    entry(node_volume_limits::NAME, 0, |_| Arc::new(node_volume_limits::NodeVolumeLimits)),
    entry(pod_topology_spread::NAME, 2, |args| {
        Arc::new(pod_topology_spread::PodTopologySpread { args: args.pod_topology_spread.clone() })
    }),
    entry(priority_sort::NAME, 0, |_| Arc::new(priority_sort::PrioritySort)),
    entry(scheduling_gates::NAME, 0, |_| Arc::new(scheduling_gates::SchedulingGates)),
    entry(taint_toleration::NAME, 3, |_| Arc::new(taint_toleration::TaintToleration)),
    entry(volume_binding::NAME, 0, |_| Arc::new(volume_binding::VolumeBinding)),
    entry(volume_restrictions::NAME, 0, |_| Arc::new(volume_restrictions::VolumeRestrictions)),
    entry(volume_zone::NAME, 0, |_| Arc::new(volume_zone::VolumeZone)),
];

#[cfg(test)]
mod tests {
    use super::super::config::DEFAULT_ORDER;
    use super::super::framework::Point;
    use super::{PLUGINS, PluginArgs};

    #[test]
    fn every_plugin_owes_its_name_a_place_in_the_profile_and_a_weight_if_it_scores() {
        assert!(PLUGINS.is_sorted_by_key(|entry| entry.name), "PLUGINS is alphabetical");
        for entry in PLUGINS {
            let plugin = (entry.new)(&PluginArgs::default());
            assert_eq!(plugin.name(), entry.name);
            assert!(DEFAULT_ORDER.contains(&entry.name), "{} is in no profile", entry.name);
            assert!(!plugin.points().is_empty(), "{} acts nowhere", entry.name);
            let scores = plugin.points().contains(&Point::Score);
            assert_eq!(scores, entry.weight > 0, "{} scores with weight {}", entry.name, entry.weight);
            if plugin.points().contains(&Point::Filter) {
                assert!(!plugin.events().is_empty(), "{} rejects pods and nothing wakes them again", entry.name);
            }
        }
        assert_eq!(PLUGINS.len(), DEFAULT_ORDER.len());
    }
}
