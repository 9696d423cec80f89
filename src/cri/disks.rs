//! Disks on the network that the node uses: opening and closing them, and sending what is written to them.
//!
//! In a real node the storage driver's own pod does this (`NodeStageVolume`, `NodeUnstageVolume`), and the kernel
//! writes to the device; here the machine that containers run on does both.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::CriResponse;
use crate::api::disk::{Content, DiskMessage};
use crate::sim::persistent::OrdMap;
use crate::sim::{Ctx, ProcessId};

use super::files::Tree;
use super::runtime::{Due, Runtime};

/// What every volume that is a disk is called, before its handle.
const PREFIX: &str = "disk/";
/// How soon what could not be sent is sent again.
const RETRY: Duration = Duration::from_secs(1);

/// The disks of a node.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    /// Those in use: what was last sent or received of each part, by the volume's name.
    open: OrdMap<Arc<str>, OrdMap<Arc<str>, Content>>,
    /// Calls that wait until a disk is open.
    opening: OrdMap<Arc<str>, Vec<u64>>,
    /// The storage does not answer, and is asked again.
    away: bool,
}

impl Disks {
    /// The disks in use, by handle.
    pub fn open(&self) -> impl Iterator<Item = &Arc<str>> {
        self.open.keys()
    }
}

impl Runtime {
    /// Begins to use a disk; the answer comes with what is on it.
    pub(super) fn stage_volume(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, disk: &Arc<str>) {
        self.disks.opening.entry(disk.clone()).or_default().push(call);
        self.ask_storage(ctx, disk);
    }

    fn ask_storage(&mut self, ctx: &mut Ctx<'_, Message>, disk: &Arc<str>) {
        let open = DiskMessage::Open { disk: disk.clone(), node: self.config.node.clone() };
        ctx.send(self.config.storage, Message::Disk(open));
    }

    /// Uses a disk no more.
    pub(super) fn unstage_volume(&mut self, ctx: &mut Ctx<'_, Message>, disk: &Arc<str>) {
        self.send_writes(ctx);
        if self.disks.open.remove(disk).is_none() {
            return;
        }
        for (name, _) in self.parts_of(disk) {
            self.volumes.remove(&name);
        }
        let close = DiskMessage::Close { disk: disk.clone(), node: self.config.node.clone() };
        ctx.send(self.config.storage, Message::Disk(close));
    }

    /// The volumes that are the disk, or a directory of it.
    fn parts_of(&self, disk: &str) -> Vec<(Arc<str>, Content)> {
        let name = format!("{PREFIX}{disk}");
        let below = format!("{name}/");
        let all = self.volumes.range(Arc::<str>::from(name.as_str())..);
        all.take_while(|(own, _)| own.starts_with(&name))
            .filter(|(own, _)| own.as_ref() == name || own.starts_with(&below))
            .map(|(own, tree)| (own.clone(), tree.content().clone()))
            .collect()
    }

    /// What the storage says.
    pub(super) fn disk_message(&mut self, ctx: &mut Ctx<'_, Message>, message: &DiskMessage) {
        let disk = message.disk();
        let calls = self.disks.opening.remove(disk).unwrap_or_default();
        match message {
            DiskMessage::Opened { parts, .. } => {
                self.disks.away = false;
                let known = self.disks.open.entry(disk.clone()).or_default();
                for (name, content) in parts {
                    known.insert(name.clone(), content.clone());
                    self.volumes.insert(name.clone(), Tree::on_disk(content.clone()));
                }
                for call in calls {
                    self.answer(ctx, call, CriResponse::Done);
                }
            }
            DiskMessage::Refused { .. } => {
                self.disks.open.remove(disk);
                for call in calls {
                    self.fail(ctx, call, "NotFound", format!("volume {disk} is not attached to this node"));
                }
            }
            _ => {}
        }
    }

    /// Sends what was written to disks since it was last sent.
    pub(super) fn send_writes(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.disks.open.is_empty() || self.disks.away {
            return;
        }
        let names: Vec<Arc<str>> = self.disks.open.keys().cloned().collect();
        for disk in names {
            for (part, content) in self.parts_of(&disk) {
                let Some(known) = self.disks.open.get_mut(&disk) else { continue };
                if known.get(&part).is_some_and(|sent| sent.is_same(&content)) {
                    continue;
                }
                known.insert(part.clone(), content.clone());
                let node = self.config.node.clone();
                let write = DiskMessage::Write { disk: disk.clone(), node, part, content };
                ctx.send(self.config.storage, Message::Disk(write));
            }
        }
    }

    /// The storage is out of reach: what waits has failed, what is open is written again later.
    pub(super) fn storage_lost(&mut self, ctx: &mut Ctx<'_, Message>) {
        for (disk, calls) in std::mem::take(&mut self.disks.opening) {
            for call in calls {
                let why = format!("volume {disk}: connection to the storage is lost");
                self.fail(ctx, call, "Unavailable", why);
            }
        }
        if !self.disks.open.is_empty() && !std::mem::replace(&mut self.disks.away, true) {
            self.schedule(ctx, RETRY, Due::Storage);
        }
    }

    /// Asks the storage again: everything is sent anew, since what was under way may not have arrived.
    pub(super) fn retry_storage(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !std::mem::take(&mut self.disks.away) {
            return;
        }
        self.disks.open.values_mut().for_each(OrdMap::clear);
        self.send_writes(ctx);
        let disks: Vec<Arc<str>> = self.disks.open.keys().cloned().collect();
        for disk in disks {
            self.ask_storage(ctx, &disk);
        }
    }

    /// The machine starts anew, or its driver does: nothing is open.
    pub(super) fn close_disks(&mut self) {
        self.disks.opening = OrdMap::new();
        self.disks.away = false;
    }

    /// The disks the node uses.
    pub fn disks(&self) -> impl Iterator<Item = &Arc<str>> {
        self.disks.open()
    }

    /// Whether that process is the storage.
    pub(super) fn is_storage(&self, process: ProcessId) -> bool {
        process == self.config.storage
    }
}
