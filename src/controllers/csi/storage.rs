//! The storage behind the driver: what is on every disk, and which nodes use it.
//!
//! A node reads a disk when it begins to use it, and sends what it writes at once. Other nodes that use the same disk
//! are told; a node that a disk is not attached to is refused, so that a node which was given up cannot spoil it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::api::storage::v1::VolumeAttachment;

use crate::api::disk::{Content, DRIVER, DiskMessage};
use crate::api::{Message, Object};
use crate::client::Store;
use crate::sim::persistent::{OrdMap, OrdSet};
use crate::sim::{Ctx, ProcessId};

/// One disk.
#[derive(Clone, Debug, Default)]
struct Disk {
    /// By part: the disk itself under its own name, directories that are mounted for themselves under theirs.
    parts: OrdMap<Arc<str>, Content>,
    users: OrdSet<ProcessId>,
}

/// A disk, for looking inside.
#[derive(Clone, Debug)]
pub struct DiskReport {
    pub handle: Arc<str>,
    /// The processes that use it now.
    pub users: OrdSet<ProcessId>,
    /// Files and directories on it.
    pub entries: usize,
}

/// All disks, by handle.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    disks: OrdMap<Arc<str>, Disk>,
}

impl Disk {
    fn opened(&self, disk: &Arc<str>) -> Message {
        let parts = self.parts.iter().map(|(part, content)| (part.clone(), content.clone())).collect();
        Message::Disk(DiskMessage::Opened { disk: disk.clone(), parts })
    }
}

impl Storage {
    /// A node's wish.
    pub fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, from: ProcessId, message: &DiskMessage, attached: bool) {
        match message {
            DiskMessage::Open { disk, .. } | DiskMessage::Write { disk, .. } if !attached => {
                ctx.send(from, Message::Disk(DiskMessage::Refused { disk: disk.clone() }));
            }
            DiskMessage::Open { disk, .. } => {
                let found = self.disks.entry(disk.clone()).or_default();
                found.users.insert(from);
                ctx.send(from, found.opened(disk));
            }
            DiskMessage::Close { disk, .. } => {
                if let Some(found) = self.disks.get_mut(disk) {
                    found.users.remove(&from);
                }
            }
            DiskMessage::Write { disk, part, content, .. } => {
                let found = self.disks.entry(disk.clone()).or_default();
                found.parts.insert(part.clone(), content.clone());
                for user in found.users.iter().filter(|user| **user != from) {
                    let parts = vec![(part.clone(), content.clone())];
                    ctx.send(*user, Message::Disk(DiskMessage::Opened { disk: disk.clone(), parts }));
                }
            }
            DiskMessage::Opened { .. } | DiskMessage::Refused { .. } => {}
        }
    }

    /// A volume's object is gone: so is its disk, if it was to be deleted with it.
    pub fn volume_deleted(&mut self, object: &Object) {
        let spec = object.get::<PersistentVolume>().and_then(|volume| volume.spec.as_ref());
        let goes = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete");
        if let Some(handle) = handle(object).filter(|_| goes) {
            self.disks.remove(&handle);
        }
    }

    /// A node is out of reach.
    pub fn node_lost(&mut self, node: ProcessId) {
        for disk in self.disks.values_mut().filter(|disk| disk.users.contains(&node)) {
            disk.users.remove(&node);
        }
    }

    /// Nobody uses anything any more, as far as is known.
    pub fn forget_nodes(&mut self) {
        self.disks.values_mut().for_each(|disk| disk.users = OrdSet::new());
    }

    /// How many disks there are, and how many of them nodes use. Asked for every picture: nothing is gathered for it.
    pub fn counts(&self, volumes: Option<&Store>) -> (usize, usize) {
        let own = volumes.into_iter().flat_map(Store::iter).filter_map(|(_, object)| handle(&object));
        let unopened = own.filter(|handle| !self.disks.contains_key(&**handle)).count();
        (self.disks.len() + unopened, self.disks.values().filter(|disk| !disk.users.is_empty()).count())
    }

    /// The disks by handle: those of the driver's volumes, though no node may have opened them yet, and every other
    /// that a node has.
    pub fn disks(&self, volumes: Option<&Store>) -> Vec<DiskReport> {
        let own = volumes.into_iter().flat_map(Store::iter).filter_map(|(_, object)| handle(&object));
        let mut handles: OrdSet<Arc<str>> = own.collect();
        handles.extend(self.disks.keys().cloned());
        let report = |handle: &Arc<str>| {
            let disk = self.disks.get(handle).cloned().unwrap_or_default();
            let entries = disk.parts.values().map(OrdMap::len).sum();
            DiskReport { handle: handle.clone(), users: disk.users, entries }
        };
        handles.iter().map(report).collect()
    }
}

/// The disk behind a volume of the driver.
fn handle(object: &Object) -> Option<Arc<str>> {
    let csi = object.get::<PersistentVolume>()?.spec.as_ref()?.csi.as_ref()?;
    (csi.driver == DRIVER).then(|| Arc::from(csi.volume_handle.as_str()))
}

/// Whether the disk may be used by the node: the driver's own only where they are attached.
pub fn is_attached(volumes: Option<&Store>, attachments: Option<&Store>, disk: &str, node: &str) -> bool {
    let of_disk = |object: &Arc<Object>| {
        let csi = object.get::<PersistentVolume>().and_then(|volume| volume.spec.as_ref()?.csi.as_ref());
        csi.is_some_and(|csi| csi.volume_handle == disk)
    };
    let volume = volumes.and_then(|store| store.iter().map(|(_, object)| object).find(|object| of_disk(object)));
    // Shares on the network belong to no driver.
    let Some(volume) = volume else { return disk.contains("://") };
    let mut all = attachments.into_iter().flat_map(Store::iter).map(|(_, own)| own);
    all.any(|own| {
        let own: &VolumeAttachment = own.expect();
        own.spec.node_name == node
            && own.spec.source.persistent_volume_name.as_deref() == Some(volume.name())
            && own.status.as_ref().is_some_and(|status| status.attached)
    })
}
