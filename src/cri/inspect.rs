//! What the screen may know of a runtime.

use std::sync::Arc;

use crate::api::cri::{ContainerStatus, Image, LogLine, PodSandboxStatus};
use crate::sim::Order;

use super::runtime::Runtime;

impl Runtime {
    /// The sandboxes, by id, each with how many containers it holds.
    pub fn sandboxes(&self) -> impl Iterator<Item = (PodSandboxStatus, usize)> {
        self.sandboxes.values().map(|sandbox| (sandbox.status(), sandbox.containers.len()))
    }

    /// The containers, by id, each with how many lines its log holds.
    pub fn statuses(&self) -> impl Iterator<Item = (&ContainerStatus, usize)> {
        self.containers.values().map(|container| (&container.status, container.log.len()))
    }

    /// The last lines that the containers of a pod wrote, each with its container and that one's attempt, oldest
    /// first; and how many there are.
    pub fn last_lines(&self, pod_uid: &str, limit: usize) -> (Vec<(Arc<str>, u32, LogLine)>, usize) {
        let own = self.containers.values().filter(|container| *container.status.pod_uid == *pod_uid);
        let (mut lines, mut total) = (Vec::new(), 0);
        for container in own {
            let (name, attempt) = (&container.status.name, container.status.attempt);
            let from = container.log.len().saturating_sub(limit);
            total += container.log.len();
            lines.extend(container.log.iter().skip(from).map(|line| (name.clone(), attempt, line.clone())));
        }
        lines.order_by_key(|(_, _, line)| line.unix_micros);
        lines.drain(..lines.len().saturating_sub(limit));
        (lines, total)
    }

    /// The images, by name.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.values().map(|image| &**image)
    }

    /// How many sandboxes, containers and images there are.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.sandboxes.len(), self.containers.len(), self.images.len())
    }
}
