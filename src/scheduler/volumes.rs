//! What the volume plugins read: claims, volumes, classes, nodes' drivers and attachments, with what is assumed.
//!
//! Mirrors the listers of the plugins and pkg/scheduler/util/assumecache. Leaves out: translation of in-tree volumes
//! to CSI.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Volume};
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, StorageClass, VolumeAttachment};

use crate::api::printers::storage::volume_class;
use crate::api::volumes::{self, BIND_COMPLETED, SELECTED_NODE, annotated, annotation, claim_name, volume_name};
use crate::api::{Kind, Object, ObjectKey};
use crate::sim::persistent::OrdMap;

use super::pod_info::PodInfo;

/// `storagehelpers.NotSupportedProvisioner`.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Objects about volumes. Cloning is O(1).
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    objects: OrdMap<(Kind, ObjectKey), Arc<Object>>,
    /// Claims and volumes as they will be once the API server has what was decided.
    assumed: OrdMap<(Kind, ObjectKey), Arc<Object>>,
    /// How many pods on nodes use a claim.
    used: OrdMap<ObjectKey, u32>,
}

impl Volumes {
    /// An object came, changed or, with `None`, went. A newer one ends what was assumed of it.
    pub fn set(&mut self, kind: Kind, key: ObjectKey, object: Option<Arc<Object>>) {
        self.assumed.remove(&(kind, key.clone()));
        match object {
            Some(object) => self.objects.insert((kind, key), object),
            None => self.objects.remove(&(kind, key)),
        };
    }

    /// Takes an object to be what it will be.
    pub fn assume(&mut self, object: &Arc<Object>) {
        self.assumed.insert((object.kind(), object.key()), object.clone());
    }

    /// Takes that back.
    pub fn restore(&mut self, object: &Object) {
        self.assumed.remove(&(object.kind(), object.key()));
    }

    /// An object as the API server has it.
    pub fn stored(&self, kind: Kind, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(&(kind, key.clone()))
    }

    /// An object as it will be.
    pub fn get(&self, kind: Kind, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.assumed.get(&(kind, key.clone())).or_else(|| self.stored(kind, key))
    }

    /// A claim.
    pub fn claim(&self, key: &ObjectKey) -> Option<&PersistentVolumeClaim> {
        self.get(Kind::PersistentVolumeClaim, key)?.get()
    }

    /// A volume.
    pub fn volume(&self, name: &str) -> Option<&PersistentVolume> {
        self.get(Kind::PersistentVolume, &ObjectKey::new("", name))?.get()
    }

    /// A class.
    pub fn class(&self, name: &str) -> Option<&StorageClass> {
        self.get(Kind::StorageClass, &ObjectKey::new("", name))?.get()
    }

    /// What a node's drivers can do.
    pub fn csi_node(&self, name: &str) -> Option<&CSINode> {
        self.get(Kind::CSINode, &ObjectKey::new("", name))?.get()
    }

    /// A driver.
    pub fn csi_driver(&self, name: &str) -> Option<&CSIDriver> {
        self.get(Kind::CSIDriver, &ObjectKey::new("", name))?.get()
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Object>> {
        let all = self.objects.range((kind, ObjectKey::new("", ""))..);
        all.take_while(move |((of, _), _)| *of == kind).map(|(key, object)| self.assumed.get(key).unwrap_or(object))
    }

    /// The volumes of a class, by name.
    pub fn volumes_of<'a>(&'a self, class: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        let of_class = move |object: &&Arc<Object>| object.get().is_some_and(|volume| volume_class(volume) == class);
        self.of_kind(Kind::PersistentVolume).filter(of_class)
    }

    /// What is attached to a node.
    pub fn attachments<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a VolumeAttachment> {
        let all = self.of_kind(Kind::VolumeAttachment).filter_map(|object| object.get::<VolumeAttachment>());
        all.filter(move |attachment| attachment.spec.node_name == node)
    }

    /// Whether a pod on a node uses a claim.
    pub fn is_used(&self, claim: &ObjectKey) -> bool {
        self.used.contains_key(claim)
    }

    /// Counts the claims of a pod on a node in, or out.
    pub fn count(&mut self, pod: &PodInfo, more: bool) {
        for claim in pod.claims.iter().map(|claim| &claim.key) {
            let count = self.used.get(claim).copied().unwrap_or(0);
            match if more { count + 1 } else { count.saturating_sub(1) } {
                0 => self.used.remove(claim),
                count => self.used.insert(claim.clone(), count),
            };
        }
    }
}

/// A claim that a pod uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodClaim {
    pub key: ObjectKey,
    /// Made for the pod, and named after it and the volume.
    pub ephemeral: bool,
}

/// The claims of a pod, in the order of its volumes.
pub fn claims_of(namespace: &str, pod: &Pod) -> Vec<PodClaim> {
    let claim = |volume: &Volume| {
        let name = claim_name(pod, volume)?;
        Some(PodClaim { key: ObjectKey::new(namespace, &name), ephemeral: volume.persistent_volume_claim.is_none() })
    };
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).filter_map(claim).collect()
}

/// `isPVCFullyBound`.
pub fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume_name(claim).is_empty() && annotated(&claim.metadata, BIND_COMPLETED)
}

/// The node a provisioner was told; `None` before.
pub fn selected_node(claim: &PersistentVolumeClaim) -> Option<&str> {
    annotation(&claim.metadata, SELECTED_NODE)
}

/// `ephemeral.VolumeIsForPod`.
///
/// # Errors
/// The claim was there before, and belongs to somebody else.
pub fn is_for_pod(pod: &PodInfo, claim: &PersistentVolumeClaim) -> Result<(), String> {
    if volumes::is_for_pod(claim, pod.pod()) {
        return Ok(());
    }
    let (namespace, name) = (&pod.key.namespace, claim.metadata.name.as_deref().unwrap_or_default());
    Err(format!("PVC {namespace}/{name} was not created for pod {} (pod is not owner)", pod.key))
}
