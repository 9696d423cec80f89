//! What a world is told before it begins.

use serde_json::Value;

use crate::scheduler::SchedulerConfig;

use crate::controllers::Flags;
use crate::controllers::nodeipam::Range;

/// The configuration of a world. Together with the seed and the inputs it determines the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub seed: u64,
    /// Worker nodes.
    pub nodes: u32,
    /// The date at which virtual time begins: microseconds since the Unix epoch.
    pub epoch_unix_micros: i64,
    /// Records the trace keeps.
    pub trace_capacity: usize,
    /// Of each node: millicores, bytes, pods.
    pub node_cpu_millis: u64,
    pub node_memory_bytes: u64,
    pub node_pods: u32,
    /// Machines that run a scheduler and a controller manager: one of each leads, the others stand by.
    pub control_planes: u32,
    /// The scheduler's KubeSchedulerConfiguration, as its file says it; null for upstream's own.
    pub scheduler: Value,
}

/// The machines of the control plane, by the names their leaders go by.
const HOSTS: [&str; 3] = ["control-plane", "control-plane-2", "control-plane-3"];
/// How many there may be.
pub const CONTROL_PLANES_MAX: u32 = HOSTS.len() as u32;

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 1,
            nodes: 3,
            // 2026-01-01T00:00:00Z
            epoch_unix_micros: 1_767_225_600_000_000,
            trace_capacity: 200_000,
            node_cpu_millis: 4_000,
            node_memory_bytes: 8 << 30,
            node_pods: 110,
            control_planes: 1,
            scheduler: Value::Null,
        }
    }
}

impl Config {
    /// The machines of the control plane: the first runs everything, the others stand by.
    pub fn hosts(&self) -> &'static [&'static str] {
        &HOSTS[..self.control_planes.clamp(1, CONTROL_PLANES_MAX) as usize]
    }

    /// What the scheduler is started with. A configuration that cannot be read leaves upstream's own: whoever
    /// takes one from outside checks it first.
    pub fn scheduler(&self) -> SchedulerConfig {
        SchedulerConfig::read(&self.scheduler).unwrap_or_default()
    }

    /// The name of the node with this index: letters while they last, then numbers.
    pub fn node_name(&self, index: u32) -> String {
        match u8::try_from(index) {
            Ok(letter) if self.nodes <= 26 && letter < 26 => format!("node-{}", char::from(b'a' + letter)),
            _ => format!("node-{:04}", index + 1),
        }
    }

    /// What the controller managers are told: where nodes get the ranges of their pods from.
    pub fn flags(&self) -> Flags {
        let cluster_cidr = match self.nodes {
            0..=256 => Range::new([10, 244, 0, 0], 16),
            257..=1024 => Range::new([10, 244, 0, 0], 14),
            _ => Range::new([10, 224, 0, 0], 11),
        };
        Flags { cluster_cidr }
    }

    /// The address of the node with this index.
    pub fn node_ip(&self, index: u32) -> String {
        let host = index + 10;
        format!("172.18.{}.{}", host / 256, host % 256)
    }
}
