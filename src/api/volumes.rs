//! Reading claims and volumes: what the controllers and the kubelet both ask of them.
//!
//! Mirrors component-helpers/storage/volume and ephemeral, and pkg/volume/util.

use k8s_openapi::api::core::v1::{
    ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Pod, Volume,
};

use super::quantity::Quantity;
use super::{Object, ObjectMeta};

/// The claim's binding is done: what it is bound to is not looked for again.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The controller bound it, so that the controller may undo it.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Who made the volume.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Who is to make the volume, in two spellings.
pub const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
pub const PROVISIONER_BETA: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// The node that the scheduler chose for the claim's first consumer.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Who is to make the volume larger.
pub const RESIZER: &str = "volume.kubernetes.io/storage-resizer";

/// Whether an object has that annotation.
pub fn annotated(meta: &ObjectMeta, key: &str) -> bool {
    annotation(meta, key).is_some()
}

/// The value of an annotation.
pub fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Sets an annotation.
pub fn annotate(meta: &mut ObjectMeta, key: &str, value: &str) {
    meta.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
}

/// The reference by which a volume knows its claim (`GetReference`).
pub fn reference(claim: &Object) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        name: Some(claim.name().to_owned()),
        namespace: Some(claim.namespace().to_owned()),
        uid: Some(claim.uid().to_owned()),
        resource_version: claim.meta().resource_version.clone(),
        field_path: None,
    }
}

/// `IsVolumeBoundToClaim`: whether the volume is kept for this claim.
pub fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(reference) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else { return false };
    let uid = reference.uid.as_deref().unwrap_or_default();
    reference.name == claim.metadata.name
        && reference.namespace == claim.metadata.namespace
        && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
}

/// How much a claim asks for.
pub fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    let requests = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    requests.and_then(|requests| requests.get("storage")).map(Quantity::of).unwrap_or_default()
}

/// How much a volume holds.
pub fn capacity(volume: &PersistentVolume) -> Quantity {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref()?.get("storage"));
    capacity.map(Quantity::of).unwrap_or_default()
}

/// The volume a claim names; empty for none.
pub fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
}

/// `Pending`, `Bound`, `Lost`.
pub fn claim_phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// `Pending`, `Available`, `Bound`, `Released`, `Failed`.
pub fn volume_phase(volume: &PersistentVolume) -> &str {
    volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The claim a pod's volume stands for: the one it names, or the one that is made for it.
pub fn claim_name(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some(source.claim_name.clone());
    }
    volume.ephemeral.as_ref()?;
    Some(format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name))
}

/// The claims of a pod.
pub fn claims(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| claim_name(pod, volume)).collect()
}

/// `VolumeIsForPod`: whether a claim was made for this pod.
pub fn is_for_pod(claim: &PersistentVolumeClaim, pod: &Pod) -> bool {
    let mut owners = claim.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && Some(&owner.uid) == pod.metadata.uid.as_ref())
}

/// `GetUniqueVolumeName` of a volume that is attached to nodes; `None` for one that need not be.
pub fn attachable_name(volume: &PersistentVolume) -> Option<String> {
    let csi = volume.spec.as_ref()?.csi.as_ref()?;
    Some(format!("kubernetes.io/csi/{}^{}", csi.driver, csi.volume_handle))
}

/// Whether only one node may use the volume at a time.
pub fn is_exclusive(spec: &PersistentVolumeSpec) -> bool {
    let shared = |mode: &String| matches!(mode.as_str(), "ReadWriteMany" | "ReadOnlyMany");
    !spec.access_modes.iter().flatten().any(shared)
}
