//! What a kubelet is told, and upstream's constants with the names of their settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::ProcessId;

/// What a kubelet is told once.
#[derive(Clone, Debug)]
pub struct KubeletConfig {
    pub node: Arc<str>,
    pub apiserver: ProcessId,
    pub runtime: ProcessId,
    /// Capacity in millicores.
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    /// `maxPods`
    pub pods: u32,
    /// Labels besides those every node has.
    pub labels: BTreeMap<String, String>,
    pub internal_ip: String,
}

/// The version every component reports.
pub const VERSION: &str = "v1.36.0";
/// The runtime as `nodeInfo` names it.
pub const RUNTIME_VERSION: &str = "containerd://2.1.4";

/// `nodeStatusUpdateFrequency`: how often the node's status is looked at.
pub const NODE_STATUS_UPDATE_FREQUENCY: Duration = Duration::from_secs(10);
/// `nodeStatusReportFrequency`: how often it is reported when nothing changed.
pub const NODE_STATUS_REPORT_FREQUENCY: Duration = Duration::from_secs(300);
/// `nodeLeaseDurationSeconds`; the lease is renewed after a quarter of it.
pub const NODE_LEASE_DURATION_SECONDS: i32 = 40;
/// `genericPlegRelistPeriod`
pub const PLEG_RELIST_PERIOD: Duration = Duration::from_secs(1);
/// How soon a failed sync is tried again, at least; chance adds half of it.
pub const BACK_OFF_PERIOD: Duration = Duration::from_secs(10);
/// `crashLoopBackOff`: the first delay.
pub const CONTAINER_BACKOFF_INITIAL: Duration = Duration::from_secs(10);
/// `maxContainerBackOff`
pub const CONTAINER_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// The shortest time a container is given between its signals.
pub const MINIMUM_GRACE_PERIOD_SECONDS: u64 = 2;
/// The first wait after a volume that could not be set up, doubled with each further one.
pub const MOUNT_RETRY_INITIAL: Duration = Duration::from_millis(500);
/// The longest such wait.
pub const MOUNT_RETRY_MAX: Duration = Duration::from_secs(122);
/// `syncFrequency`: how long it may take until a change of a mounted ConfigMap is seen; chance adds
/// half of it.
pub const SYNC_FREQUENCY: Duration = Duration::from_secs(60);
/// How long the runtime may be away before the node is not ready.
pub const RUNTIME_DOWN_AFTER: Duration = Duration::from_secs(30);
/// How often a runtime that is away is tried again.
pub const RUNTIME_RETRY: Duration = Duration::from_secs(2);
