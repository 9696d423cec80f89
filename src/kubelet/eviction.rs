//! What is low on a node, which pod has to go for it, and in which words.
//!
//! Mirrors pkg/kubelet/eviction/helpers.go with the default hard thresholds, images and containers on the node's own
//! file system. Leaves out: inodes, process ids, soft thresholds, minimum reclaim, limits of local storage.

use std::cmp::Reverse;
use std::fmt::Write;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::cri::{ContainerStats, MachineUsage};
use crate::api::quantity::{Format, Quantity};
use crate::api::resources::pod_requests;
use crate::sim::Order;

/// `evictionHard` of memory: 100 MiB are kept back.
pub const EVICTION_HARD_MEMORY_BYTES: u64 = 100 << 20;
/// `evictionHard` of the node's file system, and of the images': the shares that are kept back.
const EVICTION_HARD_NODEFS: f32 = 0.10;
const EVICTION_HARD_IMAGEFS: f32 = 0.15;
/// `SystemCriticalPriority`: from here on a pod is never evicted.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// A signal (`memory.available`, `nodefs.available`, `imagefs.available`), in the order in which they are acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Memory,
    NodeFs,
    ImageFs,
}

impl Signal {
    const ALL: [Signal; 3] = [Signal::Memory, Signal::NodeFs, Signal::ImageFs];

    /// `memory` or `ephemeral-storage`.
    pub fn resource(self) -> &'static str {
        match self {
            Signal::Memory => "memory",
            Signal::NodeFs | Signal::ImageFs => "ephemeral-storage",
        }
    }

    fn available(self, usage: &MachineUsage) -> u64 {
        match self {
            Signal::Memory => usage.memory_available_bytes,
            Signal::NodeFs | Signal::ImageFs => usage.disk_available_bytes,
        }
    }

    /// What has to be available at least. A share is a `float32` that upstream multiplies as a `float64`.
    fn threshold(self, usage: &MachineUsage) -> u64 {
        let share = |share: f32| (usage.disk_capacity_bytes as f64 * f64::from(share)) as u64;
        match self {
            Signal::Memory => EVICTION_HARD_MEMORY_BYTES,
            Signal::NodeFs => share(EVICTION_HARD_NODEFS),
            Signal::ImageFs => share(EVICTION_HARD_IMAGEFS),
        }
    }
}

/// `thresholdsMet`: the signals that are below their threshold.
pub fn thresholds_met(usage: &MachineUsage) -> Vec<Signal> {
    Signal::ALL.into_iter().filter(|signal| signal.available(usage) < signal.threshold(usage)).collect()
}

/// What a pod that might be evicted uses, and what it asked for.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub pod: &'a Pod,
    pub stats: Vec<&'a ContainerStats>,
}

/// What a container uses of a resource.
fn usage(stats: &ContainerStats, resource: &str) -> u64 {
    match resource {
        "memory" => stats.memory_bytes,
        _ => stats.writable_layer_bytes + stats.log_bytes,
    }
}

fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
}

/// `IsCriticalPod`.
pub fn is_critical(pod: &Pod) -> bool {
    priority(pod) >= SYSTEM_CRITICAL_PRIORITY
}

/// `rankMemoryPressure`, `rankDiskPressureFunc`: first those that use more than they asked for, then those of lower
/// priority, then those that use most beyond what they asked for. Gives places in `candidates`.
pub fn rank(candidates: &[Candidate<'_>], resource: &str) -> Vec<usize> {
    let mut ranked: Vec<(bool, i32, Reverse<i64>, usize)> = candidates
        .iter()
        .enumerate()
        .map(|(index, candidate)| {
            let used: u64 = candidate.stats.iter().map(|stats| usage(stats, resource)).sum();
            let requests = candidate.pod.spec.as_ref().map(pod_requests).unwrap_or_default();
            let requested = requests.get(resource).map_or(0, Quantity::value);
            let beyond = used as i64 - requested;
            (beyond <= 0, priority(candidate.pod), Reverse(beyond), index)
        })
        .collect();
    ranked.order();
    ranked.into_iter().map(|(.., index)| index).collect()
}

fn quantity(bytes: u64) -> Quantity {
    Quantity::new(bytes as i64, Format::BinarySi)
}

/// `evictionMessage`.
pub fn message(met: &[Signal], machine: &MachineUsage, candidate: &Candidate<'_>) -> String {
    let Some(signal) = met.first() else { return String::new() };
    let resource = signal.resource();
    let mut message = format!(
        "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
        quantity(signal.threshold(machine)),
        quantity(signal.available(machine)),
    );
    let spec = candidate.pod.spec.as_ref();
    let containers: Vec<&Container> =
        spec.into_iter().flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten())).collect();
    for stats in &candidate.stats {
        let Some(container) = containers.iter().find(|container| *container.name == *stats.name) else { continue };
        let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        let zero = Text("0".to_owned());
        let request = Quantity::of(requests.and_then(|requests| requests.get(resource)).unwrap_or(&zero));
        let used = quantity(usage(stats, resource));
        if used > request {
            let name = &container.name;
            // A string takes everything.
            let _ = write!(
                message,
                "Container {name} was using {used}, request is {request}, has larger consumption of {resource}. "
            );
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn machine(memory_available_bytes: u64, disk_available_bytes: u64) -> MachineUsage {
        MachineUsage {
            images_bytes: 0,
            disk_capacity_bytes: crate::api::cri::NODE_DISK_BYTES,
            disk_available_bytes,
            memory_capacity_bytes: 8 << 30,
            memory_available_bytes,
        }
    }

    #[test]
    fn thresholds_are_upstreams() {
        let gib = 1 << 30;
        assert_eq!(thresholds_met(&machine(gib, 20 * gib)), []);
        assert_eq!(thresholds_met(&machine((100 << 20) - 1, 20 * gib)), [Signal::Memory]);
        assert_eq!(thresholds_met(&machine(100 << 20, 8 * gib)), [Signal::ImageFs]);
        assert_eq!(thresholds_met(&machine(gib, 5 * gib)), [Signal::NodeFs, Signal::ImageFs]);
    }

    fn pod(priority: i32, request: &str) -> Pod {
        let requests = if request.is_empty() { json!({}) } else { json!({ "memory": request }) };
        let container = json!({ "name": "main", "resources": { "requests": requests } });
        serde_json::from_value(json!({ "spec": { "priority": priority, "containers": [container] } }))
            .expect("it is a pod")
    }

    fn stats(memory_bytes: u64) -> ContainerStats {
        let text: Arc<str> = Arc::from("main");
        ContainerStats {
            container_id: text.clone(),
            pod_uid: text.clone(),
            name: text,
            cpu_millis: 0,
            memory_bytes,
            writable_layer_bytes: 36 << 10,
            log_bytes: 0,
        }
    }

    #[test]
    fn who_uses_more_than_asked_goes_first_then_who_matters_least() {
        let pods = [pod(0, "64Mi"), pod(0, "1Mi"), pod(1_000, ""), pod(0, "")];
        let used = [stats(32 << 20), stats(20 << 20), stats(500 << 20), stats(30 << 20)];
        let candidates: Vec<Candidate<'_>> =
            pods.iter().zip(&used).map(|(pod, stats)| Candidate { pod, stats: vec![stats] }).collect();
        assert_eq!(rank(&candidates, "memory"), [3, 1, 2, 0]);
        let words = message(&[Signal::Memory], &machine(54_001_664, 0), &candidates[1]);
        assert_eq!(
            words,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52736Ki. Container main was using 20Mi, request is 1Mi, has larger consumption of memory. "
        );
        let words = message(&[Signal::NodeFs], &machine(0, 3 << 30), &candidates[0]);
        assert_eq!(
            words,
            "The node was low on resource: ephemeral-storage. Threshold quantity: 6267109878, available: 3Gi. Container main was using 36Ki, request is 0, has larger consumption of ephemeral-storage. "
        );
    }
}
