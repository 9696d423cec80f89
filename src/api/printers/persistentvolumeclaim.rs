//! PersistentVolumeClaims: `printPersistentVolumeClaim`.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus};
use serde_json::Value;

use super::{age, column, or, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age; wide: VolumeMode.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string", "phase represents the current phase of PersistentVolumeClaim."),
    column("Volume", "string", "volumeName is the binding reference to the PersistentVolume backing this claim."),
    column("Capacity", "string", "capacity represents the actual resources of the underlying volume."),
    column(
        "Access Modes",
        "string",
        "accessModes contains the actual access modes the volume backing the PVC has. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes-1",
    ),
    column(
        "StorageClass",
        "string",
        "storageClassName is the name of the StorageClass required by the claim. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#class-1",
    ),
    column(
        "VolumeAttributesClass",
        "string",
        "volumeAttributesClassName may be used to set the VolumeAttributesClass used by this claim.",
    ),
    AGE,
    wide(
        "VolumeMode",
        "string",
        "volumeMode defines what type of volume is required by the claim. Value of Filesystem is implied when not included in claim spec.",
    ),
];

/// `GetAccessModesAsString`: each mode once, in upstream's order.
pub fn access_modes(modes: &[String]) -> String {
    let short =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let held: Vec<&str> =
        short.iter().filter(|(mode, _)| modes.iter().any(|own| own == mode)).map(|(_, short)| *short).collect();
    held.join(",")
}

/// `GetPersistentVolumeClaimClass`: the annotation of old before the field.
pub fn storage_class(claim: &PersistentVolumeClaim) -> &str {
    let annotations = claim.metadata.annotations.as_ref();
    let annotated = annotations.and_then(|all| all.get("volume.beta.kubernetes.io/storage-class"));
    let field = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotated.map(String::as_str).or(field).unwrap_or_default()
}

/// What a claim has got of its volume: capacity and access modes; both empty before it has one.
pub fn granted(claim: &PersistentVolumeClaim) -> (String, String) {
    let (empty_spec, empty_status) = (PersistentVolumeClaimSpec::default(), PersistentVolumeClaimStatus::default());
    let spec = claim.spec.as_ref().unwrap_or(&empty_spec);
    let status = claim.status.as_ref().unwrap_or(&empty_status);
    if spec.volume_name.as_deref().unwrap_or_default().is_empty() {
        return (String::new(), String::new());
    }
    let capacity = status.capacity.as_ref().and_then(|capacity| capacity.get("storage"));
    let capacity = capacity.map_or_else(|| "0".to_owned(), |quantity| quantity.0.clone());
    (capacity, access_modes(status.access_modes.as_deref().unwrap_or_default()))
}

/// The cells of a claim.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(claim) = object.get::<PersistentVolumeClaim>() else { return Vec::new() };
    let empty = PersistentVolumeClaimSpec::default();
    let spec = claim.spec.as_ref().unwrap_or(&empty);
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let leaving = claim.metadata.deletion_timestamp.is_some();
    let (capacity, modes) = granted(claim);
    vec![
        Value::from(object.name()),
        Value::from(if leaving { "Terminating" } else { phase }),
        Value::from(spec.volume_name.as_deref().unwrap_or_default()),
        Value::from(capacity),
        Value::from(modes),
        Value::from(storage_class(claim)),
        Value::from(or(spec.volume_attributes_class_name.as_deref(), "<unset>")),
        age(object, now_unix_micros),
        Value::from(or(spec.volume_mode.as_deref(), "<unset>")),
    ]
}
