//! More important pods first, then those that waited longer. Mirrors plugins/queuesort.

use super::super::framework::{Plugin, Point};
use super::super::queue::{QueueKey, QueuedPod};

/// The plugin's name.
pub const NAME: &str = "PrioritySort";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct PrioritySort;

impl Plugin for PrioritySort {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::QueueSort]
    }

    fn queue_key(&self, pod: &QueuedPod) -> QueueKey {
        QueueKey { negative_priority: -i64::from(pod.pod.priority), timestamp: pod.timestamp }
    }
}
