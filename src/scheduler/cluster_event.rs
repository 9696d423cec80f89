//! What happened in the cluster that may make a waiting pod fit.
//!
//! Mirrors pkg/scheduler/framework/events.go. Leaves out: resource claims and slices, pod groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use crate::api::Object;
use crate::sim::Gather;

use super::pod_info::PodInfo;
use super::resource::pod_requests;

/// What it happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventResource {
    /// A pod that is on a node.
    AssignedPod,
    Node,
    /// The waiting pod itself.
    UnscheduledPod,
    CsiDriver,
    CsiNode,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
    /// Nothing in particular: everything is worth another try.
    WildCard,
}

/// The actions, as bits: `framework.ActionType`.
pub mod action {
    pub const ADD: u32 = 1;
    pub const DELETE: u32 = 1 << 1;
    pub const UPDATE_NODE_ALLOCATABLE: u32 = 1 << 2;
    pub const UPDATE_NODE_LABEL: u32 = 1 << 3;
    pub const UPDATE_NODE_TAINT: u32 = 1 << 4;
    pub const UPDATE_NODE_CONDITION: u32 = 1 << 5;
    pub const UPDATE_NODE_ANNOTATION: u32 = 1 << 6;
    pub const UPDATE_POD_LABEL: u32 = 1 << 7;
    pub const UPDATE_POD_SCALE_DOWN: u32 = 1 << 8;
    pub const UPDATE_POD_TOLERATION: u32 = 1 << 9;
    pub const UPDATE_POD_SCHEDULING_GATES_ELIMINATED: u32 = 1 << 10;
    /// Any change of what has no parts that matter by themselves.
    pub const UPDATE: u32 = 1 << 11;
    pub const ALL: u32 = u32::MAX;
}

/// One happening.
#[derive(Clone, Debug)]
pub struct ClusterEvent {
    pub resource: EventResource,
    pub action: u32,
    /// The object before; `None` when it is new.
    pub old: Option<Arc<Object>>,
    /// The object after; `None` when it is gone.
    pub new: Option<Arc<Object>>,
    /// Only pods of this priority or a lower one can profit from it.
    pub priority_max: Option<i32>,
}

impl ClusterEvent {
    /// Everything may have changed: `EventUnschedulableTimeout` and the like.
    pub fn wildcard() -> Self {
        ClusterEvent {
            resource: EventResource::WildCard,
            action: action::ALL,
            old: None,
            new: None,
            priority_max: None,
        }
    }

    /// The node before.
    pub fn old_node(&self) -> Option<&Node> {
        self.old.as_ref().and_then(|object| object.get())
    }

    /// The node after.
    pub fn new_node(&self) -> Option<&Node> {
        self.new.as_ref().and_then(|object| object.get())
    }

    /// The pod before.
    pub fn old_pod(&self) -> Option<&Pod> {
        self.old.as_ref().and_then(|object| object.get())
    }

    /// The pod after.
    pub fn new_pod(&self) -> Option<&Pod> {
        self.new.as_ref().and_then(|object| object.get())
    }

    /// Whether what changed is this pod itself.
    pub fn is_about(&self, pod: &PodInfo) -> bool {
        self.new.as_ref().or(self.old.as_ref()).is_some_and(|object| object.uid() == &*pod.uid)
    }

    /// Whether a plugin that registered `registered` wants to hear of this.
    pub fn matches(&self, registered: &[(EventResource, u32)]) -> bool {
        self.resource == EventResource::WildCard
            || registered.iter().any(|(resource, actions)| *resource == self.resource && actions & self.action != 0)
    }
}

/// Which of a node's properties that matter to scheduling changed: `NodeSchedulingPropertiesChange`.
pub fn node_changes(old: &Node, new: &Node) -> u32 {
    let mut changes = 0;
    let spec = |node: &Node| node.spec.clone().unwrap_or_default();
    let (old_spec, new_spec) = (spec(old), spec(new));
    // A node that is cordoned helps nobody; one that is uncordoned may.
    let uncordoned = old_spec.unschedulable.unwrap_or(false) && !new_spec.unschedulable.unwrap_or(false);
    if uncordoned || old_spec.taints.unwrap_or_default() != new_spec.taints.unwrap_or_default() {
        changes |= action::UPDATE_NODE_TAINT;
    }
    let status = |node: &'_ Node| node.status.clone().unwrap_or_default();
    let (old_status, new_status) = (status(old), status(new));
    if old_status.allocatable != new_status.allocatable {
        changes |= action::UPDATE_NODE_ALLOCATABLE;
    }
    if old.metadata.labels != new.metadata.labels {
        changes |= action::UPDATE_NODE_LABEL;
    }
    if old.metadata.annotations != new.metadata.annotations {
        changes |= action::UPDATE_NODE_ANNOTATION;
    }
    let conditions = |status: k8s_openapi::api::core::v1::NodeStatus| {
        let conditions = status.conditions.unwrap_or_default();
        conditions.into_iter().map(|condition| (condition.type_, condition.status)).gather::<BTreeMap<_, _>>()
    };
    if conditions(old_status) != conditions(new_status) {
        changes |= action::UPDATE_NODE_CONDITION;
    }
    changes
}

/// Which of a pod's properties that matter to scheduling changed: `PodSchedulingPropertiesChange`.
pub fn pod_changes(old: &Pod, new: &Pod) -> u32 {
    let mut changes = 0;
    if old.metadata.labels != new.metadata.labels {
        changes |= action::UPDATE_POD_LABEL;
    }
    let (Some(old_spec), Some(new_spec)) = (&old.spec, &new.spec) else { return changes };
    let (before, after) = (pod_requests(old), pod_requests(new));
    if before.iter().any(|(name, amount)| after.get(name).copied().unwrap_or(0) < *amount) {
        changes |= action::UPDATE_POD_SCALE_DOWN;
    }
    // Tolerations can be added, and not be taken away.
    let tolerations = |spec: &PodSpec| spec.tolerations.as_ref().map_or(0, Vec::len);
    if tolerations(old_spec) != tolerations(new_spec) {
        changes |= action::UPDATE_POD_TOLERATION;
    }
    let gates = |gates: &Option<Vec<_>>| gates.as_ref().map_or(0, Vec::len);
    if gates(&old_spec.scheduling_gates) > 0 && gates(&new_spec.scheduling_gates) == 0 {
        changes |= action::UPDATE_POD_SCHEDULING_GATES_ELIMINATED;
    }
    changes
}

/// Whether more than the status of a waiting pod changed (`isPodUpdated`): a change that the scheduler
/// made itself must not wake the pod.
pub fn pod_updated(old: &Pod, new: &Pod) -> bool {
    let (old_meta, new_meta) = (&old.metadata, &new.metadata);
    old.spec != new.spec
        || old_meta.labels != new_meta.labels
        || old_meta.annotations != new_meta.annotations
        || old_meta.owner_references != new_meta.owner_references
        || old_meta.deletion_timestamp != new_meta.deletion_timestamp
}
