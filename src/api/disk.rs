//! Disks on the network, as the nodes read and write them: what travels between a node's storage driver and the
//! driver's storage.
//!
//! Nothing of the kind is in Kubernetes: there it is iSCSI, NFS or a cloud's own protocol.

use std::sync::Arc;

use crate::sim::TraceHash;
use crate::sim::persistent::OrdMap;

/// The CSI driver of the cluster, and the class that its volumes have.
pub const DRIVER: &str = "disk.csi.kubarium.io";
/// How many of its volumes fit on a node: `allocatable.count` of each CSINode.
pub const VOLUMES_MAX: i32 = 25;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Directory,
    File(Arc<str>),
}

/// Directories and files by path, without a leading slash; the root is implied.
pub type Content = OrdMap<Arc<str>, Entry>;

/// A message between a node and the storage.
#[derive(Clone, Debug)]
pub enum DiskMessage {
    /// The node wants to use the disk: `NodeStageVolume`.
    Open { disk: Arc<str>, node: Arc<str> },
    /// It no longer does: `NodeUnstageVolume`.
    Close { disk: Arc<str>, node: Arc<str> },
    /// The disk is open. What is on it follows by part: the disk itself, and the directories of it that are mounted
    /// for themselves. Also sent when another node has written.
    Opened { disk: Arc<str>, parts: Vec<(Arc<str>, Content)> },
    /// The disk is not attached to the node.
    Refused { disk: Arc<str> },
    /// What is on a part of it from now on.
    Write { disk: Arc<str>, node: Arc<str>, part: Arc<str>, content: Content },
}

impl DiskMessage {
    /// What it is, in a word.
    pub fn method(&self) -> &'static str {
        match self {
            DiskMessage::Open { .. } => "Open",
            DiskMessage::Close { .. } => "Close",
            DiskMessage::Opened { .. } => "Opened",
            DiskMessage::Refused { .. } => "Refused",
            DiskMessage::Write { .. } => "Write",
        }
    }

    /// The disk it is about.
    pub fn disk(&self) -> &Arc<str> {
        match self {
            DiskMessage::Open { disk, .. }
            | DiskMessage::Close { disk, .. }
            | DiskMessage::Opened { disk, .. }
            | DiskMessage::Refused { disk }
            | DiskMessage::Write { disk, .. } => disk,
        }
    }

    /// How many files it carries.
    pub fn files(&self) -> usize {
        match self {
            DiskMessage::Opened { parts, .. } => parts.iter().map(|(_, content)| content.len()).sum(),
            DiskMessage::Write { content, .. } => content.len(),
            _ => 0,
        }
    }

    /// Digests it.
    pub fn fold(&self, hash: &mut TraceHash) {
        hash.text(self.method());
        hash.text(self.disk());
        hash.number(self.files() as u64);
    }
}
