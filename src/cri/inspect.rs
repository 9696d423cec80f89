//! What the screen may know of a runtime.

use crate::api::cri::{ContainerStatus, Image, PodSandboxStatus};

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

    /// The images, by name.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.values().map(|image| &**image)
    }

    /// How many sandboxes, containers and images there are.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.sandboxes.len(), self.containers.len(), self.images.len())
    }
}
