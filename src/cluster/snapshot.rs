//! What the screen needs of one moment. Everything in it is read off the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

use crate::api::{Object, Role};
use crate::sim::{EventId, ProcessId, SimTime};

use super::label::{FlightKind, Label};

/// One moment of a world.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub now: SimTime,
    /// The date: microseconds since the Unix epoch.
    pub unix_micros: i64,
    /// etcd's revision.
    pub revision: u64,
    /// Messages between sender and receiver, by id.
    pub flights: Arc<Vec<Flight>>,
    pub components: Arc<Vec<ComponentView>>,
    /// By name. Rebuilt only when something stored changed.
    pub nodes: Arc<Vec<NodeView>>,
    /// By namespace and name. Rebuilt only when something stored changed.
    pub pods: Arc<Vec<PodView>>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Flight {
    pub id: EventId,
    pub from: ProcessId,
    pub to: ProcessId,
    pub sent: SimTime,
    pub arrives: SimTime,
    pub kind: FlightKind,
    pub label: Label,
    /// A lease, a node status, a leader election, or their answer: hidden unless asked for.
    pub heartbeat: bool,
    pub cause: EventId,
}

impl Flight {
    /// How far it is along its way at `now`, from 0 to 1.
    pub fn progress(&self, now: SimTime) -> f64 {
        let whole = self.arrives.0.saturating_sub(self.sent.0);
        if whole == 0 {
            return 1.0;
        }
        (now.0.saturating_sub(self.sent.0) as f64 / whole as f64).min(1.0)
    }
}

/// A process as a component of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentView {
    pub process: ProcessId,
    /// `kube-apiserver`, `kubelet/node-a`.
    pub name: Arc<str>,
    pub role: Role,
    /// The node it runs on; empty for the control plane and clients.
    pub node: Arc<str>,
    /// Whether there is a process at all, and whether it is frozen.
    pub running: bool,
    pub frozen: bool,
    /// Whether nothing asks for it: a CSI driver without a volume or a claim to it.
    pub idle: bool,
    /// Small facts the picture shows in its box, in order: `watches 27`, `rev 1289`, `deployment 1`.
    pub facts: Vec<(Arc<str>, Arc<str>)>,
}

/// A node as the API server has it, and whether its machine is on.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// `Ready`, `NotReady`, `Unknown`, with `,SchedulingDisabled`: as kubectl prints it.
    pub status: Arc<str>,
    pub ready: bool,
    pub unschedulable: bool,
    /// Whether kubelet and runtime run.
    pub powered: bool,
    /// Requested and allocatable millicores.
    pub cpu_millis: (u64, u64),
    /// Requested and allocatable bytes.
    pub memory_bytes: (u64, u64),
    /// Pods on it and the most it takes.
    pub pods: (u32, u32),
    pub taints: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// The shape a pod is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    Pending,
    ContainerCreating,
    /// Running, not all ready.
    Unready,
    Running,
    Succeeded,
    Failed,
    Unknown,
    Terminating,
    CrashLoopBackOff,
}

/// Whether a node's Ready condition is True.
pub(super) fn node_is_ready(node: &Object) -> bool {
    let conditions = node.get::<Node>().and_then(|node| node.status.as_ref()?.conditions.as_ref());
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}

/// A pod as the API server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PodView {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// Empty while unscheduled.
    pub node: Arc<str>,
    pub phase: Phase,
    /// The word `kubectl get pods` prints.
    pub status: Arc<str>,
    pub ready: (u32, u32),
    pub restarts: u32,
    pub ip: Arc<str>,
    /// The controlling owner's kind and name; empty without one.
    pub owner: Arc<str>,
    pub resource_version: u64,
    /// The ids of its containers, by container name.
    pub containers: Vec<(Arc<str>, Arc<str>)>,
}
