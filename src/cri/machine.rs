//! The machine under the runtime: what is left of its memory and disk, and what somebody outside of the
//! cluster does to them.

use std::sync::Arc;

use crate::api::Message;
use crate::api::cri::{ContainerStats, CriError, CriMessage, MachineUsage, NODE_DISK_BYTES};
use crate::sim::Ctx;

use super::container::Container;
use super::images;
use super::registry::{self, Manifest, Reference};
use super::runtime::Runtime;

/// What the operating system, the kubelet and the runtime use of the disk.
const SYSTEM_DISK_BYTES: u64 = 4 << 30;
/// What they use of the memory, at most an eighth of it.
const SYSTEM_MEMORY_BYTES: u64 = 256 << 20;

const PAGE_BYTES: u64 = 4_096;

/// What is taken of the machine besides images.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine {
    /// A file of somebody's, and a process of theirs.
    filled_disk_bytes: u64,
    filled_memory_bytes: u64,
    /// What the containers use of the memory.
    pub containers_memory_bytes: u64,
    /// The kubelet was told that little is left.
    pub announced_low: bool,
}

impl Machine {
    /// Nothing is taken by somebody outside.
    pub fn give_back(&mut self) {
        self.filled_disk_bytes = 0;
        self.filled_memory_bytes = 0;
        self.announced_low = false;
    }

    /// The power is gone, and every process with it.
    pub fn lose_memory(&mut self) {
        self.give_back();
        self.containers_memory_bytes = 0;
    }
}

impl Container {
    fn layer_bytes(&self) -> u64 {
        self.files.bytes().saturating_sub(images::root(self.image).bytes())
    }

    fn log_bytes(&self) -> u64 {
        self.log.iter().map(|line| line.text.len() as u64 + 1).sum()
    }
}

impl Runtime {
    /// What is left of the machine.
    pub(super) fn machine_usage(&self) -> MachineUsage {
        let layers: u64 =
            self.containers.values().map(|container| container.layer_bytes() + container.log_bytes()).sum();
        let usage = self.rough_usage();
        MachineUsage { disk_available_bytes: usage.disk_available_bytes.saturating_sub(layers), ..usage }
    }

    /// The same without what containers wrote, which is little and takes long to count.
    fn rough_usage(&self) -> MachineUsage {
        let images_bytes: u64 = self.images.values().map(|image| image.size_bytes).sum();
        let disk_used = SYSTEM_DISK_BYTES + images_bytes + self.machine.filled_disk_bytes;
        let memory = self.config.memory_bytes;
        let memory_used = SYSTEM_MEMORY_BYTES.min(memory / 8)
            + self.machine.containers_memory_bytes
            + self.machine.filled_memory_bytes;
        MachineUsage {
            images_bytes,
            disk_capacity_bytes: NODE_DISK_BYTES,
            disk_available_bytes: NODE_DISK_BYTES.saturating_sub(disk_used),
            memory_capacity_bytes: memory,
            memory_available_bytes: memory.saturating_sub(memory_used),
        }
    }

    /// What each container that runs uses.
    pub(super) fn container_stats(&self) -> Vec<ContainerStats> {
        let stats = |container: &Arc<Container>| {
            let usage = container.program.as_ref()?.usage();
            let status = &container.status;
            Some(ContainerStats {
                container_id: status.id.clone(),
                pod_uid: status.pod_uid.clone(),
                name: status.name.clone(),
                cpu_millis: usage.cpu_millis,
                memory_bytes: usage.memory_bytes,
                writable_layer_bytes: container.layer_bytes(),
                log_bytes: container.log_bytes(),
            })
        };
        self.containers.values().filter_map(stats).collect()
    }

    /// A container uses another amount of memory than it did.
    pub(super) fn count_memory(&mut self, id: &Arc<str>, bytes: u64) {
        let Some(container) = self.container_mut(id) else { return };
        let before = std::mem::replace(&mut container.memory_bytes, bytes);
        self.machine.containers_memory_bytes = self.machine.containers_memory_bytes + bytes - before;
    }

    /// Tells the kubelet when little is left, and when that is over: less than an eighth of the memory or a quarter
    /// of the disk, well above what any eviction threshold is by default.
    pub(super) fn look_at_machine(&mut self, ctx: &mut Ctx<'_, Message>) {
        let usage = self.rough_usage();
        let low = usage.memory_available_bytes < usage.memory_capacity_bytes / 8
            || usage.disk_available_bytes < usage.disk_capacity_bytes / 4;
        if low != self.machine.announced_low && self.subscribed {
            self.machine.announced_low = low;
            ctx.send(self.config.kubelet, Message::Cri(CriMessage::MachineEvent { low }));
        }
    }

    /// Looks an image up in its registry.
    pub(super) fn find_in_registry(&self, name: &str) -> Result<Manifest, CriError> {
        match Reference::parse(name).map(|reference| reference.full()) {
            Some(full) if self.dropped.contains(full.as_str()) => Err(registry::gone(&full)),
            _ => registry::resolve(name),
        }
    }

    /// What somebody does to the machine, or to the registry it pulls from. False for anything else.
    pub(super) fn control_machine(&mut self, ctx: &mut Ctx<'_, Message>, text: &str) -> bool {
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["fill", what, percent] => self.fill(what, percent.parse().unwrap_or(0)),
            ["free", what] => self.fill(what, 0),
            ["drop", image] => {
                self.dropped.extend(Reference::parse(image).map(|reference| Arc::from(reference.full())));
            }
            ["restore", image] => {
                if let Some(reference) = Reference::parse(image) {
                    self.dropped.remove(reference.full().as_str());
                }
            }
            _ => return false,
        }
        self.look_at_machine(ctx);
        true
    }

    /// Takes so much of the disk or the memory that `percent` of it are in use.
    fn fill(&mut self, what: &str, percent: u64) {
        let disk = what == "disk";
        self.take(disk, 0);
        let usage = self.machine_usage();
        let (capacity, available) = match disk {
            true => (usage.disk_capacity_bytes, usage.disk_available_bytes),
            false => (usage.memory_capacity_bytes, usage.memory_available_bytes),
        };
        let rest = capacity / 100 * (100 - percent.min(100));
        // In whole pages.
        let taken = available.saturating_sub(rest) / PAGE_BYTES * PAGE_BYTES;
        self.take(disk, if percent == 0 { 0 } else { taken });
    }

    fn take(&mut self, disk: bool, bytes: u64) {
        match disk {
            true => self.machine.filled_disk_bytes = bytes,
            false => self.machine.filled_memory_bytes = bytes,
        }
    }
}
