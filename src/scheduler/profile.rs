//! A profile: the plugins in force, in order, with their weights, and how each point runs them.
//!
//! Mirrors pkg/scheduler/framework/runtime and apis/config `getDefaultPlugins`.

use std::sync::Arc;

use crate::api::Request;
use crate::sim::persistent::OrdSet;

use super::cache::Cache;
use super::cluster_event::ClusterEvent;
use super::framework::{
    Code, CycleState, Plugin, Point, PostFilterContext, PostFilterResult, PreFilter, Rejection, Verdict,
};
use super::node_info::NodeInfo;
use super::plugins::{PLUGINS, PluginArgs};
use super::pod_info::PodInfo;
use super::queue::{QueueKey, QueuedPod};

/// The plugins of the default profile in the order in which each point calls them.
pub const DEFAULT_ORDER: &[&str] = &[
    "SchedulingGates",
    "PrioritySort",
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "PodTopologySpread",
    "InterPodAffinity",
    "DefaultPreemption",
    "NodeResourcesBalancedAllocation",
    "ImageLocality",
    "DefaultBinder",
];

/// A plugin with its weight in the sum of scores.
#[derive(Clone, Debug)]
pub struct Enabled {
    pub plugin: Arc<dyn Plugin>,
    pub weight: i64,
}

/// The plugins in force, by point.
#[derive(Clone, Debug)]
pub struct Profile {
    plugins: Vec<Enabled>,
}

/// What the pre-filters leave of the nodes.
#[derive(Clone, Debug, Default)]
pub struct PreFiltered {
    /// `None` for all.
    pub nodes: Option<OrdSet<Arc<str>>>,
    /// Who narrowed them down.
    pub by: Vec<&'static str>,
}

impl Profile {
    /// The default profile with these arguments.
    pub fn new(args: &PluginArgs) -> Self {
        Profile::with(DEFAULT_ORDER, args)
    }

    /// A profile of the plugins named. Panics on a name that is not in the registry.
    pub fn with(names: &[&str], args: &PluginArgs) -> Self {
        let enable = |name: &&str| {
            let entry = PLUGINS.iter().find(|entry| entry.name == *name);
            let entry = entry.unwrap_or_else(|| panic!("the profile names {name}, which is not in PLUGINS"));
            Enabled { plugin: (entry.new)(args), weight: entry.weight }
        };
        Profile { plugins: names.iter().map(enable).collect() }
    }

    /// A profile of plugins made elsewhere.
    #[doc(hidden)]
    pub fn of(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Profile { plugins: plugins.into_iter().map(|plugin| Enabled { plugin, weight: 1 }).collect() }
    }

    /// The plugins that act at `point`.
    pub fn at(&self, point: Point) -> impl Iterator<Item = &Enabled> {
        self.plugins.iter().filter(move |enabled| enabled.plugin.points().contains(&point))
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<&dyn Plugin> {
        self.plugins.iter().find(|enabled| enabled.plugin.name() == name).map(|enabled| &*enabled.plugin)
    }

    /// Whether any plugin wants to hear of such an event.
    pub fn wants(&self, event: &ClusterEvent) -> bool {
        self.plugins.iter().any(|enabled| event.matches(enabled.plugin.events()))
    }

    /// Whether the pod may enter the active queue.
    ///
    /// # Errors
    /// The first no.
    pub fn pre_enqueue(&self, pod: &PodInfo) -> Verdict {
        self.at(Point::PreEnqueue).try_for_each(|enabled| enabled.plugin.pre_enqueue(pod))
    }

    /// The pod's place in the active queue, by the one plugin that sorts it.
    pub fn queue_key(&self, pod: &QueuedPod) -> QueueKey {
        self.at(Point::QueueSort).next().map_or(QueueKey::default(), |enabled| enabled.plugin.queue_key(pod))
    }

    /// Runs PreFilter.
    ///
    /// # Errors
    /// The first no: it holds for every node.
    pub fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFiltered, Rejection> {
        let mut left = PreFiltered::default();
        for Enabled { plugin, .. } in self.at(Point::PreFilter) {
            match plugin.pre_filter(state, pod, cache)? {
                PreFilter::Skip => state.skip_filter.push(plugin.name()),
                PreFilter::AllNodes => {}
                PreFilter::Nodes(nodes) => {
                    left.by.push(plugin.name());
                    left.nodes = Some(match left.nodes.take() {
                        Some(others) => others.intersection(&nodes).cloned().collect(),
                        None => nodes,
                    });
                }
            }
            if left.nodes.as_ref().is_some_and(OrdSet::is_empty) {
                let message = match left.by.as_slice() {
                    [one] => format!("node(s) didn't satisfy plugin {one}"),
                    many => format!("node(s) didn't satisfy plugin(s) [{}] simultaneously", many.join(" ")),
                };
                return Err(Rejection::new("", Code::UnschedulableAndUnresolvable, message));
            }
        }
        Ok(left)
    }

    /// Tries out, in `state`, that `added` were on `node`.
    pub fn pre_filter_add(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) {
        self.at(Point::PreFilter).for_each(|enabled| enabled.plugin.add_pod(state, pod, added, node));
    }

    /// Tries out, in `state`, that `removed` were not on `node`.
    pub fn pre_filter_remove(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) {
        self.at(Point::PreFilter).for_each(|enabled| enabled.plugin.remove_pod(state, pod, removed, node));
    }

    /// The plugins whose Filter is called for this pod.
    pub fn filters<'a>(&'a self, state: &CycleState) -> Vec<&'a dyn Plugin> {
        let filters = self.at(Point::Filter).map(|enabled| &*enabled.plugin);
        filters.filter(|plugin| !state.skip_filter.contains(&plugin.name())).collect()
    }

    /// Runs Filter on one node, as if the pods nominated to it, where they matter more than this one, were
    /// there already; and again without them, for they may never come (`RunFilterPluginsWithNominatedPods`).
    ///
    /// # Errors
    /// The first no.
    pub fn filter(
        &self,
        filters: &[&dyn Plugin],
        state: &CycleState,
        pod: &PodInfo,
        node: &NodeInfo,
        cache: &Cache,
    ) -> Verdict {
        if cache.has_nominated() {
            let mut state = state.clone();
            let mut crowded = node.clone();
            let mut added = false;
            for other in
                cache.nominated(&node.name).filter(|other| other.priority >= pod.priority && other.uid != pod.uid)
            {
                crowded.add_pod(other);
                self.pre_filter_add(&mut state, pod, other, &crowded);
                added = true;
            }
            if added {
                filters.iter().try_for_each(|plugin| plugin.filter(&state, pod, &crowded))?;
            }
        }
        filters.iter().try_for_each(|plugin| plugin.filter(state, pod, node))
    }

    /// Runs PostFilter until one makes room.
    pub fn post_filter(&self, context: &PostFilterContext<'_>) -> PostFilterResult {
        let mut messages = Vec::new();
        let mut result = PostFilterResult::default();
        for Enabled { plugin, .. } in self.at(Point::PostFilter) {
            result = plugin.post_filter(context);
            if result.message.is_empty() {
                return result;
            }
            messages.push(std::mem::take(&mut result.message));
        }
        result.message = messages.join(", ");
        result
    }

    /// Runs PreScore, and gives the plugins that score this pod.
    pub fn scorers(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache, nodes: &[&NodeInfo]) -> Vec<&Enabled> {
        for Enabled { plugin, .. } in self.at(Point::PreScore) {
            if !plugin.pre_score(state, pod, cache, nodes) {
                state.skip_score.push(plugin.name());
            }
        }
        let scorers = self.at(Point::Score);
        scorers.filter(|enabled| !state.skip_score.contains(&enabled.plugin.name())).collect()
    }

    /// Runs Reserve and Permit for a chosen node.
    ///
    /// # Errors
    /// The first no.
    pub fn reserve_and_permit(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Verdict {
        self.at(Point::Reserve).try_for_each(|enabled| enabled.plugin.reserve(state, pod, node))?;
        self.at(Point::Permit).try_for_each(|enabled| enabled.plugin.permit(state, pod, node))
    }

    /// Runs PreBind, and gives the request of the first plugin that binds.
    ///
    /// # Errors
    /// PreBind failed, or nobody binds.
    pub fn bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Result<Request, Rejection> {
        self.at(Point::PreBind).try_for_each(|enabled| enabled.plugin.pre_bind(state, pod, node))?;
        let request = self.at(Point::Bind).find_map(|enabled| enabled.plugin.bind(pod, node));
        request.ok_or_else(|| Rejection::new("", Code::Error, "all the bind plugins were skipped"))
    }

    /// Runs PostBind.
    pub fn post_bind(&self, pod: &PodInfo, node: &str) {
        for enabled in self.at(Point::PostBind) {
            enabled.plugin.post_bind(pod, node);
        }
    }
}
