//! The scheduling framework: what a plugin is, at which points it acts, and what it may answer.
//!
//! Mirrors pkg/scheduler/framework (`interface.go`, `cycle_state.go`). Plugins are pure: what they would
//! do to the cluster they give back as a value. Leaves out: Permit's waiting.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use crate::api::{Object, Request};
use crate::sim::persistent::{OrdMap, OrdSet};

use super::cache::Cache;
use super::cluster_event::{ClusterEvent, EventResource};
use super::node_info::NodeInfo;
use super::pod_info::PodInfo;
use super::profile::Profile;
use super::queue::{QueueKey, QueuedPod};

/// The best a node can score at one plugin: `framework.MaxNodeScore`.
pub const MAX_NODE_SCORE: i64 = 100;

/// Why a plugin said no: `framework.Code` without success, skip and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Something went wrong inside.
    Error,
    /// It waits for something that will come.
    Pending,
    /// It does not fit now; removing pods may help.
    Unschedulable,
    /// It does not fit, and removing pods would not help.
    UnschedulableAndUnresolvable,
}

impl Code {
    /// The code's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Error => "Error",
            Code::Pending => "Pending",
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
        }
    }
}

/// A no, with who said it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Empty where no single plugin said it.
    pub plugin: &'static str,
    pub code: Code,
    pub reasons: Vec<Cow<'static, str>>,
}

impl Rejection {
    /// A no for one reason.
    pub fn new(plugin: &'static str, code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Rejection { plugin, code, reasons: vec![reason.into()] }
    }

    /// The reasons as one line, as `Status.Message` joins them.
    pub fn message(&self) -> String {
        self.reasons.join(", ")
    }
}

/// What a plugin answers: nothing to say against it, or a no.
pub type Verdict = Result<(), Rejection>;

/// What PreFilter answers when it does not say no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreFilter {
    /// This pod does not concern the plugin: its Filter is not called.
    Skip,
    AllNodes,
    /// Only these nodes can be: the others need not be looked at.
    Nodes(OrdSet<Arc<str>>),
}

/// The extension points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    PreEnqueue,
    QueueSort,
    PreFilter,
    Filter,
    PostFilter,
    PreScore,
    Score,
    Reserve,
    Permit,
    PreBind,
    Bind,
    PostBind,
}

/// All of them, in the order of a cycle.
pub const POINTS: &[Point] = &[
    Point::PreEnqueue,
    Point::QueueSort,
    Point::PreFilter,
    Point::Filter,
    Point::PostFilter,
    Point::PreScore,
    Point::Score,
    Point::Reserve,
    Point::Permit,
    Point::PreBind,
    Point::Bind,
    Point::PostBind,
];

impl Point {
    /// The name of the interface that a plugin implements to act there.
    pub fn plugin_type(self) -> &'static str {
        match self {
            Point::PreEnqueue => "PreEnqueuePlugin",
            Point::QueueSort => "QueueSortPlugin",
            Point::PreFilter => "PreFilterPlugin",
            Point::Filter => "FilterPlugin",
            Point::PostFilter => "PostFilterPlugin",
            Point::PreScore => "PreScorePlugin",
            Point::Score => "ScorePlugin",
            Point::Reserve => "ReservePlugin",
            Point::Permit => "PermitPlugin",
            Point::PreBind => "PreBindPlugin",
            Point::Bind => "BindPlugin",
            Point::PostBind => "PostBindPlugin",
        }
    }

    /// The name of its field in a profile's plugins.
    pub fn field(self) -> String {
        let name = self.plugin_type().trim_end_matches("Plugin");
        name[..1].to_ascii_lowercase() + &name[1..]
    }
}

/// What a plugin keeps from one point to the next within a cycle.
pub trait StateData: Any + Send + Sync {
    /// A copy, for trying out a removal of pods.
    fn clone_box(&self) -> Box<dyn StateData>;
    /// As what it is.
    fn as_any(&self) -> &dyn Any;
    /// As what it is, to change.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Any + Clone + Send + Sync> StateData for T {
    fn clone_box(&self) -> Box<dyn StateData> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// What it holds is the plugin's business.
impl Debug for dyn StateData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateData")
    }
}

/// What the plugins noted during one cycle, by key.
#[derive(Debug, Default)]
pub struct CycleState {
    data: Vec<(&'static str, Box<dyn StateData>)>,
    /// Plugins whose PreFilter said skip.
    pub skip_filter: Vec<&'static str>,
    /// Plugins whose PreScore said skip.
    pub skip_score: Vec<&'static str>,
}

impl Clone for CycleState {
    fn clone(&self) -> Self {
        CycleState {
            // Not `data.clone()`: a `Box<dyn StateData>` would wrap itself.
            data: self.data.iter().map(|(key, value)| (*key, (**value).clone_box())).collect(),
            skip_filter: self.skip_filter.clone(),
            skip_score: self.skip_score.clone(),
        }
    }
}

impl CycleState {
    /// Keeps `value` under `key` for the rest of the cycle.
    pub fn write<T: Any + Clone + Send + Sync>(&mut self, key: &'static str, value: T) {
        self.data.retain(|(held, _)| *held != key);
        self.data.push((key, Box::new(value)));
    }

    /// What was kept under `key`.
    pub fn read<T: Any>(&self, key: &'static str) -> Option<&T> {
        let (_, value) = self.data.iter().find(|(held, _)| *held == key)?;
        (**value).as_any().downcast_ref()
    }

    /// What was kept under `key`, to change.
    pub fn read_mut<T: Any>(&mut self, key: &'static str) -> Option<&mut T> {
        let (_, value) = self.data.iter_mut().find(|(held, _)| *held == key)?;
        (**value).as_any_mut().downcast_mut()
    }
}

/// Why each node was rejected, by node; what is said of those that were not looked at.
#[derive(Clone, Debug, Default)]
pub struct NodeToStatus {
    pub nodes: OrdMap<Arc<str>, Rejection>,
    pub absent: Option<Rejection>,
}

impl NodeToStatus {
    /// The code for a node: one that was not looked at is beyond help.
    pub fn code(&self, node: &str) -> Code {
        let rejection = self.nodes.get(node).or(self.absent.as_ref());
        rejection.map_or(Code::UnschedulableAndUnresolvable, |rejection| rejection.code)
    }
}

/// What PostFilter is given.
pub struct PostFilterContext<'a> {
    pub profile: &'a Profile,
    pub state: &'a CycleState,
    pub pod: &'a PodInfo,
    pub cache: &'a Cache,
    pub statuses: &'a NodeToStatus,
    /// A random number for the choice of where to begin.
    pub random: u64,
}

/// What PostFilter answers.
#[derive(Clone, Debug, Default)]
pub struct PostFilterResult {
    /// `Some("")` takes an earlier nomination back; `None` leaves it.
    pub nominated_node: Option<Arc<str>>,
    /// Who has to go for that, most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// Why it did not help; empty when it did.
    pub message: String,
}

impl Debug for dyn Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A plugin. Every method but the first two belongs to a point and is only called when `points` names it.
pub trait Plugin: Send + Sync {
    /// Its upstream name.
    fn name(&self) -> &'static str;

    /// Where it acts.
    fn points(&self) -> &'static [Point];

    /// Whether the pod may enter the active queue at all.
    fn pre_enqueue(&self, _pod: &PodInfo) -> Verdict {
        Ok(())
    }

    /// Where in the active queue it stands: smaller comes first.
    fn queue_key(&self, _pod: &QueuedPod) -> QueueKey {
        QueueKey::default()
    }

    /// Computes once per pod what Filter needs.
    ///
    /// # Errors
    /// A no for every node.
    fn pre_filter(&self, _state: &mut CycleState, _pod: &PodInfo, _cache: &Cache) -> Result<PreFilter, Rejection> {
        Ok(PreFilter::AllNodes)
    }

    /// Tries out, in `state`, that `added` were on `node`.
    fn add_pod(&self, _state: &mut CycleState, _pod: &PodInfo, _added: &PodInfo, _node: &NodeInfo) {}

    /// Tries out, in `state`, that `removed` were not on `node`.
    fn remove_pod(&self, _state: &mut CycleState, _pod: &PodInfo, _removed: &PodInfo, _node: &NodeInfo) {}

    /// Whether the pod can be on the node.
    ///
    /// # Errors
    /// A no, with its reason.
    fn filter(&self, _state: &CycleState, _pod: &PodInfo, _node: &NodeInfo) -> Verdict {
        Ok(())
    }

    /// In words, what would have to change for `filter` to say yes.
    fn remedy(&self, _state: &CycleState, _pod: &PodInfo, _node: &NodeInfo) -> Option<String> {
        None
    }

    /// Tries to make room when nothing fits.
    fn post_filter(&self, _context: &PostFilterContext<'_>) -> PostFilterResult {
        PostFilterResult::default()
    }

    /// Computes once per pod what Score needs. False: nothing to score for this pod.
    fn pre_score(&self, _state: &mut CycleState, _pod: &PodInfo, _cache: &Cache, _nodes: &[&NodeInfo]) -> bool {
        true
    }

    /// How well the pod would be placed on the node.
    fn score(&self, _state: &CycleState, _pod: &PodInfo, _node: &NodeInfo, _cache: &Cache) -> i64 {
        0
    }

    /// Brings the scores of all nodes to 0 … 100.
    fn normalize(&self, _state: &CycleState, _nodes: &[&NodeInfo], _scores: &mut [i64]) {}

    /// Sets aside what the pod needs on its node: objects as they have to become before the pod is bound.
    ///
    /// # Errors
    /// A no after all.
    fn reserve(&self, _state: &CycleState, _pod: &PodInfo, _node: &NodeInfo) -> Result<Vec<Arc<Object>>, Rejection> {
        Ok(Vec::new())
    }

    /// The last chance to say no.
    ///
    /// # Errors
    /// A no after all.
    fn permit(&self, _state: &CycleState, _pod: &PodInfo, _node: &str) -> Verdict {
        Ok(())
    }

    /// Whether what was set aside, and written since, is there by now. Asked again until it is.
    ///
    /// # Errors
    /// It never will be.
    fn pre_bind(&self, _reserved: &[Arc<Object>], _node: &NodeInfo, _cache: &Cache) -> Result<bool, Rejection> {
        Ok(true)
    }

    /// The request that binds the pod.
    fn bind(&self, _pod: &PodInfo, _node: &str) -> Option<Request> {
        None
    }

    /// The pod is bound.
    fn post_bind(&self, _pod: &PodInfo, _node: &str) {}

    /// Which happenings may make a pod fit that this plugin rejected: resources, with the actions on them.
    fn events(&self) -> &'static [(EventResource, u32)] {
        &[]
    }

    /// Whether this happening may have made the pod fit (`QueueingHintFn`).
    fn hint(&self, _pod: &PodInfo, _event: &ClusterEvent, _cache: &Cache) -> bool {
        true
    }
}

/// `helper.DefaultNormalizeScore`: stretches scores to 0 … `MAX_NODE_SCORE`, or turns them round.
pub fn default_normalize_score(reverse: bool, scores: &mut [i64]) {
    let max = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in scores {
        let stretched = if max == 0 { 0 } else { MAX_NODE_SCORE * *score / max };
        *score = if reverse { MAX_NODE_SCORE - stretched } else { stretched };
    }
}
