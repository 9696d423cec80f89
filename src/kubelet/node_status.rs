//! What the kubelet reports of its node.
//!
//! Mirrors pkg/kubelet/nodestatus setters.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeStatus, NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Map, Value, json};

use crate::api::cri::NODE_DISK_BYTES;
use crate::api::fields::Field;
use crate::api::quantity::{Format, Quantity};
use crate::api::time::time;
use crate::sim::Order;
use crate::sim::{SimTime, TraceHash};

use super::config::{KubeletConfig, RUNTIME_VERSION, VERSION};
use super::eviction::EVICTION_HARD_MEMORY_BYTES;
use super::process::Kubelet;

/// `nodeStatusMaxImages`
const NODE_STATUS_MAX_IMAGES: usize = 50;

/// What the runtime says while it has no range for pods.
const NETWORK_NOT_READY: &str = "container runtime network not ready: NetworkReady=false \
    reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";

/// What pods may use of the node's memory.
pub fn allocatable_memory(config: &KubeletConfig) -> u64 {
    config.memory_bytes.saturating_sub(EVICTION_HARD_MEMORY_BYTES)
}

/// Millicores as a quantity: `4`, `3920m`.
fn cpu(millis: u64) -> Text {
    Quantity::from_milli(millis as i64, Format::DecimalSi).to_text()
}

/// Bytes as a quantity in the largest unit that divides them.
fn binary(bytes: u64) -> Text {
    Quantity::new(bytes as i64, Format::BinarySi).to_text()
}

fn condition(
    kind: &str,
    status: bool,
    reason: &str,
    message: &str,
    old: Option<&NodeStatus>,
    unix_micros: i64,
) -> NodeCondition {
    let value = if status { "True" } else { "False" };
    let before = old
        .and_then(|old| old.conditions.as_ref())
        .and_then(|list| list.iter().find(|condition| condition.type_ == kind && condition.status == value));
    let now = time(unix_micros);
    NodeCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(now.clone()),
        last_transition_time: Some(before.and_then(|before| before.last_transition_time.clone()).unwrap_or(now)),
    }
}

impl Kubelet {
    /// The node's labels: what every node has, and what it was told.
    pub(super) fn node_labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            ("beta.kubernetes.io/arch".to_owned(), "amd64".to_owned()),
            ("beta.kubernetes.io/os".to_owned(), "linux".to_owned()),
            ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
            ("kubernetes.io/hostname".to_owned(), self.config.node.to_string()),
            ("kubernetes.io/os".to_owned(), "linux".to_owned()),
        ]);
        labels.extend(self.config.labels.clone());
        labels
    }

    fn system_info(&self) -> NodeSystemInfo {
        let id = |what: &str| {
            let mut hash = TraceHash::default();
            hash.text(what);
            hash.text(&self.config.node);
            format!("{:016x}{:016x}", hash.value(), hash.value().rotate_left(17))
        };
        let uuid =
            |hex: String| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        NodeSystemInfo {
            architecture: "amd64".to_owned(),
            boot_id: uuid(id("boot")),
            container_runtime_version: RUNTIME_VERSION.to_owned(),
            kernel_version: "6.12.48+deb13-amd64".to_owned(),
            kube_proxy_version: String::new(),
            kubelet_version: VERSION.to_owned(),
            machine_id: id("machine"),
            operating_system: "linux".to_owned(),
            os_image: "Debian GNU/Linux 13 (trixie)".to_owned(),
            system_uuid: uuid(id("system")),
            ..NodeSystemInfo::default()
        }
    }

    /// The node's status now.
    pub(super) fn node_status(&self, now: SimTime, unix_micros: i64, old: Option<&NodeStatus>) -> NodeStatus {
        let config = &self.config;
        let resources = |cpu_millis: u64, memory: u64, storage: Text| {
            BTreeMap::from([
                ("cpu".to_owned(), cpu(cpu_millis)),
                ("ephemeral-storage".to_owned(), storage),
                ("hugepages-1Gi".to_owned(), Text("0".to_owned())),
                ("hugepages-2Mi".to_owned(), Text("0".to_owned())),
                ("memory".to_owned(), binary(memory)),
                ("pods".to_owned(), Text(config.pods.to_string())),
            ])
        };
        let capacity = resources(config.cpu_millis, config.memory_bytes, binary(NODE_DISK_BYTES));
        // A tenth of the disk is kept back, in bytes as upstream computes it.
        let storage = Text((NODE_DISK_BYTES * 9 / 10).to_string());
        let allocatable = resources(config.cpu_millis, allocatable_memory(config), storage);
        let set = |kind, reason, message| condition(kind, false, reason, message, old, unix_micros);
        let pressed = |kind, reason, message| condition(kind, true, reason, message, old, unix_micros);
        let ready = match (self.runtime_ready(now), self.health.seen > SimTime::ZERO) {
            (true, _) if !self.node.network_ready => set("Ready", "KubeletNotReady", NETWORK_NOT_READY),
            (true, _) => condition("Ready", true, "KubeletReady", "kubelet is posting ready status", old, unix_micros),
            (false, false) => {
                set("Ready", "KubeletNotReady", "container runtime status check may not have completed yet")
            }
            (false, true) => set("Ready", "KubeletNotReady", "container runtime is down"),
        };
        let memory = match self.evictions.pressure.0 {
            true => {
                pressed("MemoryPressure", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
            }
            false => set("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        };
        let disk = match self.evictions.pressure.1 {
            true => pressed("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
            false => set("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        };
        let images = old.and_then(|old| old.images.clone()).filter(|_| self.images.is_empty());
        NodeStatus {
            addresses: Some(vec![
                NodeAddress { type_: "InternalIP".to_owned(), address: config.internal_ip.clone() },
                NodeAddress { type_: "Hostname".to_owned(), address: config.node.to_string() },
            ]),
            allocatable: Some(allocatable),
            capacity: Some(capacity),
            conditions: Some(vec![
                memory,
                disk,
                set("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                ready,
            ]),
            daemon_endpoints: Some(NodeDaemonEndpoints { kubelet_endpoint: Some(DaemonEndpoint { port: 10_250 }) }),
            images: images.or_else(|| Some(self.image_list())),
            node_info: Some(self.system_info()),
            volumes_in_use: Some(self.volumes_in_use()).filter(|names| !names.is_empty()),
            ..NodeStatus::default()
        }
    }

    /// The images on the node, largest first.
    fn image_list(&self) -> Vec<ContainerImage> {
        let mut images: Vec<ContainerImage> = self
            .images
            .iter()
            .map(|image| ContainerImage {
                names: Some(image.repo_digests.iter().chain(&image.repo_tags).map(ToString::to_string).collect()),
                size_bytes: i64::try_from(image.size_bytes).ok(),
            })
            .collect();
        images.order_by_key(|image| std::cmp::Reverse(image.size_bytes));
        images.truncate(NODE_STATUS_MAX_IMAGES);
        images
    }
}

/// Whether anything but the heartbeats differs.
pub fn differs(old: &NodeStatus, new: &NodeStatus) -> bool {
    let plain = |status: &NodeStatus| {
        let conditions = status.conditions.clone().unwrap_or_default();
        let mut conditions: Vec<(String, String, Option<String>)> =
            conditions.into_iter().map(|c| (c.type_, c.status, c.message)).collect();
        conditions.order();
        let images: Vec<Option<i64>> = status.images.iter().flatten().map(|image| image.size_bytes).collect();
        let in_use = status.volumes_in_use.clone();
        (conditions, images, status.addresses.clone(), status.capacity.clone(), status.allocatable.clone(), in_use)
    };
    plain(old) != plain(new)
}

/// The strategic merge patch from one status to another.
pub fn patch(old: &NodeStatus, new: &NodeStatus) -> Option<Value> {
    let map = |status: &NodeStatus| match status.write() {
        Value::Object(map) => map,
        _ => panic!("a node's status is not written as a map"),
    };
    let (old, new) = (map(old), map(new));
    let mut changed = Map::new();
    for (name, value) in &new {
        if old.get(name) == Some(value) {
            continue;
        }
        if name == "conditions" {
            let types = value.as_array().into_iter().flatten();
            let order: Vec<Value> = types.map(|condition| json!({ "type": condition["type"] })).collect();
            changed.insert("$setElementOrder/conditions".into(), Value::Array(order));
        }
        changed.insert(name.clone(), value.clone());
    }
    // A list that became empty is left out by Go, and so taken away.
    if old.contains_key("volumesInUse") && !new.contains_key("volumesInUse") {
        changed.insert("volumesInUse".to_owned(), Value::Null);
    }
    (!changed.is_empty()).then(|| json!({ "status": changed }))
}
