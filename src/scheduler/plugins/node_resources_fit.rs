//! A pod's requests have to fit into what the node has left, and nodes with more left are preferred.
//!
//! Mirrors plugins/noderesources `Fit` with its three scoring strategies. Leaves out: dynamic resources.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Node, Pod};

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, MAX_NODE_SCORE, Plugin, Point, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::{PodInfo, node_name};
use super::super::resource::{Resource, amounts, is_extended, is_scalar, pod_requests};

/// The plugin's name.
pub const NAME: &str = "NodeResourcesFit";

/// A resource that counts for the score, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceSpec {
    pub name: String,
    pub weight: i64,
}

/// CPU and memory, each once.
pub fn default_resources() -> Vec<ResourceSpec> {
    ["cpu", "memory"].map(|name| ResourceSpec { name: name.to_owned(), weight: 1 }).into()
}

/// A point of the scoring function's shape: utilization in percent, score 0 … 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtilizationShapePoint {
    pub utilization: i64,
    pub score: i64,
}

/// How nodes are scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoringStrategy {
    LeastAllocated,
    MostAllocated,
    RequestedToCapacityRatio(Vec<UtilizationShapePoint>),
}

/// `NodeResourcesFitArgs`.
#[derive(Clone, Debug)]
pub struct FitArgs {
    pub ignored_resources: Vec<String>,
    pub ignored_resource_groups: Vec<String>,
    pub strategy: ScoringStrategy,
    pub resources: Vec<ResourceSpec>,
}

impl Default for FitArgs {
    fn default() -> Self {
        FitArgs {
            ignored_resources: Vec::new(),
            ignored_resource_groups: Vec::new(),
            strategy: ScoringStrategy::LeastAllocated,
            resources: default_resources(),
        }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct Fit {
    pub args: FitArgs,
}

/// A resource of which the node has too little left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsufficientResource {
    pub resource: String,
    pub requested: i64,
    pub used: i64,
    pub capacity: i64,
}

impl InsufficientResource {
    fn reason(&self) -> Cow<'static, str> {
        match self.resource.as_str() {
            "pods" => Cow::Borrowed("Too many pods"),
            "cpu" => Cow::Borrowed("Insufficient cpu"),
            "memory" => Cow::Borrowed("Insufficient memory"),
            "ephemeral-storage" => Cow::Borrowed("Insufficient ephemeral-storage"),
            name => Cow::Owned(format!("Insufficient {name}")),
        }
    }
}

impl Fit {
    fn ignores(&self, resource: &str) -> bool {
        let group = resource.split('/').next().unwrap_or_default();
        is_extended(resource)
            && (self.args.ignored_resources.iter().any(|ignored| ignored == resource)
                || self.args.ignored_resource_groups.iter().any(|ignored| ignored == group))
    }

    /// What the node has too little of: `fitsRequest`.
    pub fn insufficient(&self, pod: &PodInfo, node: &NodeInfo) -> Vec<InsufficientResource> {
        let pods = i64::try_from(node.pods.len()).unwrap_or(i64::MAX);
        self.lacking(&pod.requests, &node.allocatable, &node.requested, pods)
    }

    fn lacking(
        &self,
        request: &Resource,
        allocatable: &Resource,
        used: &Resource,
        pods: i64,
    ) -> Vec<InsufficientResource> {
        let mut lacking = Vec::new();
        if pods + 1 > allocatable.allowed_pod_number {
            let capacity = allocatable.allowed_pod_number;
            lacking.push(InsufficientResource { resource: "pods".to_owned(), requested: 1, used: pods, capacity });
        }
        let mut check = |name: &str, requested: i64, used: i64, capacity: i64| {
            if requested > 0 && requested > capacity - used {
                lacking.push(InsufficientResource { resource: name.to_owned(), requested, used, capacity });
            }
        };
        check("cpu", request.milli_cpu, used.milli_cpu, allocatable.milli_cpu);
        check("memory", request.memory, used.memory, allocatable.memory);
        check("ephemeral-storage", request.ephemeral_storage, used.ephemeral_storage, allocatable.ephemeral_storage);
        for (name, requested) in request.scalar.iter().filter(|(name, _)| !self.ignores(name)) {
            check(name, *requested, used.get(name), allocatable.get(name));
        }
        lacking
    }

    /// Whether the node could take the pod if it were empty.
    fn fits_empty(&self, pod: &PodInfo, node: &Node) -> bool {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        self.lacking(&pod.requests, &Resource::of(&amounts(allocatable)), &Resource::default(), 0).is_empty()
    }
}

impl Plugin for Fit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Filter, Point::Score]
    }

    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let lacking = self.insufficient(pod, node);
        if lacking.is_empty() {
            return Ok(());
        }
        // More than the whole node has: no removal of pods will help.
        let hopeless = lacking.iter().any(|one| one.resource != "pods" && one.requested > one.capacity);
        let code = if hopeless { Code::UnschedulableAndUnresolvable } else { Code::Unschedulable };
        Err(Rejection { plugin: NAME, code, reasons: lacking.iter().map(InsufficientResource::reason).collect() })
    }

    fn remedy(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let say = |one: &InsufficientResource| {
            let amount = |value: i64| match one.resource.as_str() {
                "cpu" => format!("{value}m"),
                "memory" | "ephemeral-storage" => binary(value),
                _ => value.to_string(),
            };
            let (missing, free) = (one.requested - (one.capacity - one.used), one.capacity - one.used);
            format!(
                "{} more {} ({} asked, {} free)",
                amount(missing),
                one.resource,
                amount(one.requested),
                amount(free)
            )
        };
        let lacking: Vec<String> = self.insufficient(pod, node).iter().map(say).collect();
        (!lacking.is_empty()).then(|| lacking.join(", "))
    }

    fn score(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let amounts = |spec: &ResourceSpec| {
            let (used, request) = match spec.name.as_str() {
                "cpu" => (node.non_zero_cpu, pod.non_zero_cpu),
                "memory" => (node.non_zero_memory, pod.non_zero_memory),
                name => (node.requested.get(name), pod.requests.get(name)),
            };
            allocation(&spec.name, used, request, node).map(|(requested, capacity)| (requested, capacity, spec.weight))
        };
        let amounts = self.args.resources.iter().filter_map(amounts);
        match &self.args.strategy {
            ScoringStrategy::LeastAllocated => {
                mean(
                    amounts,
                    |requested, capacity| {
                        if requested > capacity { 0 } else { (capacity - requested) * MAX_NODE_SCORE / capacity }
                    },
                )
            }
            ScoringStrategy::MostAllocated => {
                mean(amounts, |requested, capacity| requested.min(capacity) * MAX_NODE_SCORE / capacity)
            }
            ScoringStrategy::RequestedToCapacityRatio(shape) => ratio(amounts, shape),
        }
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::AssignedPod, action::DELETE | action::UPDATE_POD_SCALE_DOWN),
            (EventResource::Node, action::ADD | action::UPDATE_NODE_ALLOCATABLE),
            (EventResource::UnscheduledPod, action::UPDATE_POD_SCALE_DOWN),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match event.new_node() {
            Some(new) => {
                let grew = event.old_node().is_none_or(|old| {
                    let list = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
                    let of = |node: &Node| Resource::of(&amounts(list(node).as_ref()));
                    let (before, after) = (of(old), of(new));
                    asked(pod).any(|name| after.get(name) > before.get(name))
                        || after.allowed_pod_number > before.allowed_pod_number
                });
                grew && self.fits_empty(pod, new)
            }
            None => match (event.old_pod(), event.new_pod()) {
                // A pod that is gone frees something only if it was on a node, or room was held for it.
                (Some(old), None) => {
                    let nominated = old.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
                    !node_name(old).is_empty() || nominated.is_some_and(|node| !node.is_empty())
                }
                (Some(old), Some(new)) => event.is_about(pod) || frees_what_is_asked(pod, old, new),
                _ => true,
            },
        }
    }
}

/// `isSchedulableAfterPodScaleDown`: a pod on a node asks for less of something that the waiting pod asks for.
fn frees_what_is_asked(pod: &PodInfo, old: &Pod, new: &Pod) -> bool {
    let (before, after) = (Resource::of(&pod_requests(old)), Resource::of(&pod_requests(new)));
    !node_name(new).is_empty() && asked(pod).any(|name| after.get(name) < before.get(name))
}

/// The names of the resources that a pod asks for.
fn asked(pod: &PodInfo) -> impl Iterator<Item = &str> {
    let names = ["cpu", "memory", "ephemeral-storage"].into_iter();
    let names = names.chain(pod.requests.scalar.keys().map(|name| &**name));
    names.filter(|name| pod.requests.get(name) > 0)
}

/// How much of a resource the node has left.
pub fn free(node: &NodeInfo, resource: &str) -> i64 {
    node.allocatable.get(resource) - node.requested.get(resource)
}

/// `calculateResourceAllocatableRequest`: what would be requested and what there is; `None` where the
/// resource does not count on this node or for this pod.
pub fn allocation(name: &str, used: i64, request: i64, node: &NodeInfo) -> Option<(i64, i64)> {
    // The number of pods is nothing that is scored.
    if name == "pods" || request == 0 && is_scalar(name) {
        return None;
    }
    let capacity = node.allocatable.get(name);
    (capacity != 0).then_some((used + request, capacity))
}

/// The weighted mean of the resources' scores.
fn mean(amounts: impl Iterator<Item = (i64, i64, i64)>, score: impl Fn(i64, i64) -> i64) -> i64 {
    let (mut sum, mut weights) = (0, 0);
    for (requested, capacity, weight) in amounts {
        sum += score(requested, capacity) * weight;
        weights += weight;
    }
    if weights == 0 { 0 } else { sum / weights }
}

/// `buildRequestedToCapacityRatioScorerFunction`.
fn ratio(amounts: impl Iterator<Item = (i64, i64, i64)>, shape: &[UtilizationShapePoint]) -> i64 {
    const MAX_UTILIZATION: i64 = 100;
    let (mut sum, mut weights) = (0, 0);
    for (requested, capacity, weight) in amounts {
        let utilization = if requested > capacity { MAX_UTILIZATION } else { requested * MAX_UTILIZATION / capacity };
        let score = broken_linear(shape, utilization);
        if score > 0 {
            sum += score * weight;
            weights += weight;
        }
    }
    // math.Round of a quotient that is never negative.
    if weights == 0 { 0 } else { (2 * sum + weights) / (2 * weights) }
}

/// The shape's value at `at`, between its points along straight lines.
fn broken_linear(shape: &[UtilizationShapePoint], at: i64) -> i64 {
    const MAX_CUSTOM_PRIORITY_SCORE: i64 = 10;
    let score = |point: &UtilizationShapePoint| point.score * (MAX_NODE_SCORE / MAX_CUSTOM_PRIORITY_SCORE);
    match shape.iter().position(|point| at <= point.utilization) {
        Some(0) => score(&shape[0]),
        Some(index) => {
            let (before, after) = (&shape[index - 1], &shape[index]);
            score(before)
                + (score(after) - score(before)) * (at - before.utilization) / (after.utilization - before.utilization)
        }
        None => shape.last().map_or(0, score),
    }
}

/// Bytes in the largest binary unit that divides them.
fn binary(bytes: i64) -> String {
    let units = [("Gi", 1_i64 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    match units.iter().find(|(_, size)| bytes != 0 && bytes % size == 0) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}
