//! What a world is told before it begins.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scheduler::SchedulerConfig;

/// The configuration of a world. Together with the seed and the inputs it determines the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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
    /// The scheduler's KubeSchedulerConfiguration, as its file says it; null for upstream's own.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub scheduler: Value,
}

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
            scheduler: Value::Null,
        }
    }
}

impl Config {
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

    /// The pod network of the node with this index: a /24 of 10.244.0.0/16, and on into 10.245.0.0/16 …
    pub fn pod_cidr(&self, index: u32) -> String {
        let block = index + 1;
        format!("10.{}.{}.0/24", (244 + block / 256) % 256, block % 256)
    }

    /// The address of the node with this index.
    pub fn node_ip(&self, index: u32) -> String {
        let host = index + 10;
        format!("172.18.{}.{}", host / 256, host % 256)
    }
}
