//! A profile: the plugins in force, in order, with their weights, and how each point runs them.
//!
//! Mirrors pkg/scheduler/framework/runtime and pkg/scheduler/profile.

use std::sync::Arc;

use crate::api::{Object, Request};
use crate::sim::persistent::OrdSet;

use super::cache::Cache;
use super::cluster_event::ClusterEvent;
use super::config::{PluginSet, PluginSets, ProfileConfig};
use super::framework::{
    Code, CycleState, MAX_NODE_SCORE, POINTS, Plugin, Point, PostFilterContext, PostFilterResult, PreFilter, Rejection,
    Verdict,
};
use super::node_info::NodeInfo;
use super::plugins::{PLUGINS, PluginArgs};
use super::pod_info::PodInfo;
use super::queue::{QueueKey, QueuedPod};

/// A plugin with its weight in the sum of scores.
#[derive(Clone, Debug)]
pub struct Enabled {
    pub plugin: Arc<dyn Plugin>,
    pub weight: i64,
}

/// The plugins in force, by point.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    scheduler_name: Arc<str>,
    percentage_of_nodes_to_score: Option<i64>,
    /// The topologies that pods are spread over which do not say it themselves.
    topology_keys: Vec<Arc<str>>,
    points: [Vec<Enabled>; POINTS.len()],
}

/// What the pre-filters leave of the nodes.
#[derive(Clone, Debug, Default)]
pub struct PreFiltered {
    /// `None` for all.
    pub nodes: Option<OrdSet<Arc<str>>>,
    /// Who narrowed them down.
    pub by: Vec<&'static str>,
}

/// A plugin of the registry, made once for all the points where it acts.
fn made(made: &mut Vec<Arc<dyn Plugin>>, name: &str, args: &PluginArgs) -> Option<Arc<dyn Plugin>> {
    if let Some(plugin) = made.iter().find(|plugin| plugin.name() == name) {
        return Some(plugin.clone());
    }
    let plugin = (PLUGINS.iter().find(|entry| entry.name == name)?.new)(args);
    made.push(plugin.clone());
    Some(plugin)
}

/// The names of the plugins of a point, in order (`expandMultiPointPlugins`).
fn expand(
    point: Point,
    set: &PluginSet,
    everywhere: &PluginSet,
    acts: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, String> {
    let mut overriding = Vec::new();
    let mut general: Vec<String> = Vec::new();
    if !set.disabled.iter().any(|name| name == "*") {
        for plugin in everywhere.enabled.iter().filter(|plugin| acts(&plugin.name) && !set.disables(&plugin.name)) {
            if set.find(&plugin.name).is_some() {
                overriding.push(plugin.name.clone());
            } else if general.contains(&plugin.name) {
                return Err(format!("plugin {:?} already registered as {:?}", plugin.name, point.plugin_type()));
            } else {
                general.push(plugin.name.clone());
            }
        }
    }
    let (first, last): (Vec<String>, Vec<String>) =
        set.enabled.iter().map(|plugin| plugin.name.clone()).partition(|name| overriding.contains(name));
    Ok(first.into_iter().chain(general).chain(last).collect())
}

impl Profile {
    /// The default profile with these arguments.
    pub fn new(args: &PluginArgs) -> Self {
        let config = ProfileConfig { args: args.clone(), ..ProfileConfig::default() };
        Profile::build(&config).expect("the default profile names plugins of the registry")
    }

    /// A profile of the configuration (`NewFramework`).
    ///
    /// # Errors
    /// A plugin that does not exist, or not there; no plugin or two where one is needed.
    pub fn build(config: &ProfileConfig) -> Result<Self, String> {
        let sets = &config.plugins;
        let mut all = Vec::new();
        let mut profile = Profile {
            scheduler_name: config.scheduler_name.clone(),
            percentage_of_nodes_to_score: config.percentage_of_nodes_to_score,
            topology_keys: config.args.pod_topology_spread.topology_keys(),
            ..Profile::default()
        };
        for point in POINTS {
            let kind = point.plugin_type();
            let set = sets.at(*point);
            for name in set.enabled.iter().chain(&sets.multi_point.enabled).map(|plugin| &plugin.name) {
                if made(&mut all, name, &config.args).is_none() {
                    return Err(format!("{kind} {name:?} does not exist"));
                }
            }
            let acts = |name: &str| all.iter().any(|plugin| plugin.name() == name && plugin.points().contains(point));
            if let Some(plugin) = set.enabled.iter().find(|plugin| !acts(&plugin.name)) {
                return Err(format!("plugin {:?} does not extend {kind} plugin", plugin.name));
            }
            let mut enabled: Vec<Enabled> = Vec::new();
            for name in expand(*point, &set, &sets.multi_point, &acts)? {
                if enabled.iter().any(|enabled| enabled.plugin.name() == name) {
                    return Err(format!("plugin {name:?} already registered as {kind:?}"));
                }
                let plugin = made(&mut all, &name, &config.args).expect("it was made above");
                enabled.push(Enabled { plugin, weight: weight(sets, &name) });
            }
            profile.points[*point as usize] = enabled;
        }
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let mut total: i64 = 0;
        for enabled in self.at(Point::Score) {
            let most = enabled.weight.checked_mul(MAX_NODE_SCORE).and_then(|most| total.checked_add(most));
            total = most.ok_or("total score of Score plugins could overflow")?;
        }
        let name = &self.scheduler_name;
        match self.at(Point::QueueSort) {
            [_] => {}
            [] => return Err(format!("no queue sort plugin is enabled for profile with scheduler name {name:?}")),
            many => {
                let names: Vec<&str> = many.iter().map(|enabled| enabled.plugin.name()).collect();
                return Err(format!(
                    "only one queue sort plugin required for profile with scheduler name {name:?}, but got {}: [{}]",
                    many.len(),
                    names.join(" ")
                ));
            }
        }
        if self.at(Point::Bind).is_empty() {
            return Err(format!("at least one bind plugin is needed for profile with scheduler name {name:?}"));
        }
        Ok(())
    }

    /// A profile of plugins made elsewhere.
    #[doc(hidden)]
    pub fn of(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        let mut profile = Profile::default();
        for point in POINTS {
            let here = plugins.iter().filter(|plugin| plugin.points().contains(point));
            profile.points[*point as usize] =
                here.map(|plugin| Enabled { plugin: plugin.clone(), weight: 1 }).collect();
        }
        profile
    }

    /// The `spec.schedulerName` of its pods.
    pub fn scheduler_name(&self) -> &Arc<str> {
        &self.scheduler_name
    }

    /// How much of a large cluster is looked at, where this profile has its own mind.
    pub fn percentage_of_nodes_to_score(&self) -> Option<i64> {
        self.percentage_of_nodes_to_score
    }

    /// The topology keys of its own, which the cache has to keep besides those that pods speak of.
    pub fn topology_keys(&self) -> &[Arc<str>] {
        &self.topology_keys
    }

    /// The plugins that act at `point`.
    pub fn at(&self, point: Point) -> &[Enabled] {
        &self.points[point as usize]
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<&dyn Plugin> {
        self.points.iter().flatten().find(|enabled| enabled.plugin.name() == name).map(|enabled| &*enabled.plugin)
    }

    /// Whether any plugin wants to hear of such an event.
    pub fn wants(&self, event: &ClusterEvent) -> bool {
        self.points.iter().flatten().any(|enabled| event.matches(enabled.plugin.events()))
    }

    /// Whether the pod may enter the active queue.
    ///
    /// # Errors
    /// The first no.
    pub fn pre_enqueue(&self, pod: &PodInfo) -> Verdict {
        self.at(Point::PreEnqueue).iter().try_for_each(|enabled| enabled.plugin.pre_enqueue(pod))
    }

    /// The pod's place in the active queue, by the one plugin that sorts it.
    pub fn queue_key(&self, pod: &QueuedPod) -> QueueKey {
        self.at(Point::QueueSort).first().map_or(QueueKey::default(), |enabled| enabled.plugin.queue_key(pod))
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
        self.at(Point::PreFilter).iter().for_each(|enabled| enabled.plugin.add_pod(state, pod, added, node));
    }

    /// Tries out, in `state`, that `removed` were not on `node`.
    pub fn pre_filter_remove(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) {
        self.at(Point::PreFilter).iter().for_each(|enabled| enabled.plugin.remove_pod(state, pod, removed, node));
    }

    /// The plugins whose Filter is called for this pod.
    pub fn filters<'a>(&'a self, state: &CycleState) -> Vec<&'a dyn Plugin> {
        let filters = self.at(Point::Filter).iter().map(|enabled| &*enabled.plugin);
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
            self.filter_crowded(filters, state, pod, node, cache)?;
        }
        filters.iter().try_for_each(|plugin| plugin.filter(state, pod, node))
    }

    /// Runs Filter as if the pods nominated to the node were there, if there are any that matter.
    fn filter_crowded(
        &self,
        filters: &[&dyn Plugin],
        state: &CycleState,
        pod: &PodInfo,
        node: &NodeInfo,
        cache: &Cache,
    ) -> Verdict {
        let matters = |other: &&Arc<PodInfo>| other.priority >= pod.priority && other.uid != pod.uid;
        let mut nominated = cache.nominated(&node.name).filter(matters).peekable();
        if nominated.peek().is_none() {
            return Ok(());
        }
        let mut state = state.clone();
        let mut crowded = node.clone();
        for other in nominated {
            crowded.add_pod(other);
            self.pre_filter_add(&mut state, pod, other, &crowded);
        }
        filters.iter().try_for_each(|plugin| plugin.filter(&state, pod, &crowded))
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
        let scorers = self.at(Point::Score).iter();
        scorers.filter(|enabled| !state.skip_score.contains(&enabled.plugin.name())).collect()
    }

    /// Runs Reserve and Permit for a chosen node, and gives what has to become before the pod is bound.
    ///
    /// # Errors
    /// The first no.
    pub fn reserve_and_permit(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        node: &NodeInfo,
    ) -> Result<Vec<Arc<Object>>, Rejection> {
        let mut reserved = Vec::new();
        for enabled in self.at(Point::Reserve) {
            reserved.extend(enabled.plugin.reserve(state, pod, node)?);
        }
        self.at(Point::Permit).iter().try_for_each(|enabled| enabled.plugin.permit(state, pod, &node.name))?;
        Ok(reserved)
    }

    /// Runs PreBind: whether all is there that was reserved.
    ///
    /// # Errors
    /// It never will be, in upstream's words.
    pub fn pre_bind(&self, reserved: &[Arc<Object>], node: &NodeInfo, cache: &Cache) -> Result<bool, String> {
        for Enabled { plugin, .. } in self.at(Point::PreBind) {
            let why = |no: Rejection| format!("running PreBind plugin {:?}: {}", plugin.name(), no.message());
            if !plugin.pre_bind(reserved, node, cache).map_err(why)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The request of the first plugin that binds.
    ///
    /// # Errors
    /// Nobody binds.
    pub fn bind(&self, pod: &PodInfo, node: &str) -> Result<Request, Rejection> {
        let request = self.at(Point::Bind).iter().find_map(|enabled| enabled.plugin.bind(pod, node));
        request.ok_or_else(|| Rejection::new("", Code::Error, "all the bind plugins were skipped"))
    }

    /// Runs PostBind.
    pub fn post_bind(&self, pod: &PodInfo, node: &str) {
        for enabled in self.at(Point::PostBind) {
            enabled.plugin.post_bind(pod, node);
        }
    }
}

/// The weight of a plugin: what Score says of it, else what is said for everywhere; 1 where nothing is said.
fn weight(sets: &PluginSets, name: &str) -> i64 {
    let given = sets.at(Point::Score).find(name).or(sets.multi_point.find(name)).map_or(0, |plugin| plugin.weight);
    if given == 0 { 1 } else { given }
}

/// The profiles, by the scheduler's name that pods choose them with. Cloning is O(1).
#[derive(Clone, Debug)]
pub struct Profiles(Arc<[Profile]>);

impl Profiles {
    /// The profiles of a configuration (`profile.NewMap`).
    ///
    /// # Errors
    /// Why one of them cannot be made.
    pub fn build(configs: &[ProfileConfig]) -> Result<Self, String> {
        let build = |config: &ProfileConfig| {
            let name = &config.scheduler_name;
            let why = |why| format!("initializing profiles: creating profile for scheduler name {name}: {why}");
            Profile::build(config).map_err(why)
        };
        Ok(Profiles(configs.iter().map(build).collect::<Result<Vec<Profile>, String>>()?.into()))
    }

    /// A single profile.
    #[doc(hidden)]
    pub fn one(profile: Profile) -> Self {
        Profiles(Arc::from([profile]))
    }

    /// All of them, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.iter()
    }

    /// The profile of that name.
    pub fn get(&self, scheduler_name: &str) -> Option<&Profile> {
        self.0.iter().find(|profile| *profile.scheduler_name == *scheduler_name)
    }

    /// The profile that a pod chooses. Pods that choose none of these never come this far.
    pub fn of(&self, pod: &PodInfo) -> &Profile {
        self.get(pod.scheduler_name()).unwrap_or(&self.0[0])
    }

    /// Whether any plugin of any profile wants to hear of such an event.
    pub fn wants(&self, event: &ClusterEvent) -> bool {
        self.0.iter().any(|profile| profile.wants(event))
    }
}

/// Who judges pods, and by what: the profiles and the cache.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub profiles: &'a Profiles,
    pub cache: &'a Cache,
}
