//! Storage: `printPersistentVolume`, `printStorageClass`, `printVolumeAttachment`, `printCSINode`, `printCSIDriver`.

use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, StorageClass, VolumeAttachment};
use serde_json::Value;

use super::persistentvolumeclaim::access_modes;
use super::{age, column, or, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age;
/// wide: VolumeMode.
pub const VOLUME_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Capacity",
        "string",
        "capacity is the description of the persistent volume's resources and capacity. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#capacity",
    ),
    column(
        "Access Modes",
        "string",
        "accessModes contains all ways the volume can be mounted. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes",
    ),
    column(
        "Reclaim Policy",
        "string",
        "persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim. Valid options are Retain (default for manually created PersistentVolumes), Delete (default for dynamically provisioned PersistentVolumes), and Recycle (deprecated). Recycle must be supported by the volume plugin underlying this PersistentVolume. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#reclaiming",
    ),
    column(
        "Status",
        "string",
        "status represents the current information/status for the persistent volume. Populated by the system. Read-only. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#persistent-volumes",
    ),
    column(
        "Claim",
        "string",
        "claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim. Expected to be non-nil when bound. claim.VolumeName is the authoritative bind between PV and PVC. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#binding",
    ),
    column("StorageClass", "string", "StorageClass of the pv"),
    column(
        "VolumeAttributesClass",
        "string",
        "Name of VolumeAttributesClass to which this persistent volume belongs. Empty value is not allowed. When this field is not set, it indicates that this volume does not belong to any VolumeAttributesClass. This field is mutable and can be changed by the CSI driver after a volume has been updated successfully to a new class. For an unbound PersistentVolume, the volumeAttributesClassName will be matched with unbound PersistentVolumeClaims during the binding process.",
    ),
    column(
        "Reason",
        "string",
        "reason is a brief CamelCase string that describes any failure and is meant for machine parsing and tidy display in the CLI.",
    ),
    AGE,
    wide(
        "VolumeMode",
        "string",
        "volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state. Value of Filesystem is implied when not included in spec.",
    ),
];

/// `GetPersistentVolumeClass`: the annotation of old before the field.
pub fn volume_class(volume: &PersistentVolume) -> &str {
    let annotations = volume.metadata.annotations.as_ref();
    let annotated = annotations.and_then(|all| all.get("volume.beta.kubernetes.io/storage-class"));
    let field = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotated.map(String::as_str).or(field).unwrap_or_default()
}

/// How much a volume holds, as it is written.
pub fn volume_capacity(volume: &PersistentVolume) -> &str {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref()?.get("storage"));
    capacity.map_or("0", |amount| amount.0.as_str())
}

/// `namespace/name` of the claim a volume is bound to; empty without one.
pub fn volume_claim(volume: &PersistentVolume) -> String {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    claim.map(|claim| format!("{}/{}", text(&claim.namespace), text(&claim.name))).unwrap_or_default()
}

/// The cells of a volume.
pub fn volume_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(volume) = object.get::<PersistentVolume>() else { return Vec::new() };
    let spec = volume.spec.as_ref();
    let field = |value: Option<&String>| Value::from(value.map(String::as_str).unwrap_or_default());
    let status = volume.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_ref());
    let leaving = volume.metadata.deletion_timestamp.is_some();
    let modes = spec.and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    vec![
        Value::from(object.name()),
        Value::from(volume_capacity(volume)),
        Value::from(access_modes(modes)),
        field(spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_ref())),
        if leaving { Value::from("Terminating") } else { field(phase) },
        Value::from(volume_claim(volume)),
        Value::from(volume_class(volume)),
        Value::from(or(spec.and_then(|spec| spec.volume_attributes_class_name.as_deref()), "<unset>")),
        field(status.and_then(|status| status.reason.as_ref())),
        age(object, now_unix_micros),
        Value::from(or(spec.and_then(|spec| spec.volume_mode.as_deref()), "<unset>")),
    ]
}

/// Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age.
pub const CLASS_COLUMNS: &[Column] = &[
    NAME,
    column("Provisioner", "string", "provisioner indicates the type of the provisioner."),
    column(
        "ReclaimPolicy",
        "string",
        "reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class. Defaults to Delete.",
    ),
    column(
        "VolumeBindingMode",
        "string",
        "volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.  When unset, VolumeBindingImmediate is used. This field is only honored by servers that enable the VolumeScheduling feature.",
    ),
    column(
        "AllowVolumeExpansion",
        "string",
        "allowVolumeExpansion shows whether the storage class allow volume expand.",
    ),
    AGE,
];

/// `IsDefaultAnnotation`: whether claims without a class get this one.
pub fn is_default_class(class: &StorageClass) -> bool {
    let marked =
        |key: &str| class.metadata.annotations.as_ref().and_then(|all| all.get(key)).is_some_and(|v| v == "true");
    marked("storageclass.kubernetes.io/is-default-class") || marked("storageclass.beta.kubernetes.io/is-default-class")
}

/// The cells of a class.
pub fn class_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(class) = object.get::<StorageClass>() else { return Vec::new() };
    let default = if is_default_class(class) { " (default)" } else { "" };
    vec![
        Value::from(format!("{}{default}", object.name())),
        Value::from(class.provisioner.as_str()),
        Value::from(class.reclaim_policy.as_deref().unwrap_or("Delete")),
        Value::from(class.volume_binding_mode.as_deref().unwrap_or("Immediate")),
        Value::from(class.allow_volume_expansion.unwrap_or(false)),
        age(object, now_unix_micros),
    ]
}

/// Name, Attacher, PV, Node, Attached, Age.
pub const ATTACHMENT_COLUMNS: &[Column] = &[
    NAME,
    Column {
        name: "Attacher",
        type_: "string",
        format: "name",
        description: "attacher indicates the name of the volume driver that MUST handle this request. This is the name returned by GetPluginName().",
        priority: 0,
    },
    column("PV", "string", "persistentVolumeName represents the name of the persistent volume to attach."),
    column("Node", "string", "nodeName represents the node that the volume should be attached to."),
    column(
        "Attached",
        "boolean",
        "attached indicates the volume is successfully attached. This field must only be set by the entity completing the attach operation, i.e. the external-attacher.",
    ),
    AGE,
];

/// The cells of an attachment.
pub fn attachment_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<VolumeAttachment>() else { return Vec::new() };
    vec![
        Value::from(object.name()),
        Value::from(own.spec.attacher.as_str()),
        Value::from(own.spec.source.persistent_volume_name.as_deref().unwrap_or_default()),
        Value::from(own.spec.node_name.as_str()),
        Value::from(own.status.as_ref().is_some_and(|status| status.attached)),
        age(object, now_unix_micros),
    ]
}

/// Name, Drivers, Age.
pub const CSI_NODE_COLUMNS: &[Column] =
    &[NAME, column("Drivers", "integer", "Drivers indicates the number of CSI drivers registered on the node"), AGE];

/// The cells of a node's drivers.
pub fn csi_node_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<CSINode>() else { return Vec::new() };
    vec![Value::from(object.name()), Value::from(own.spec.drivers.len()), age(object, now_unix_micros)]
}

/// Name, AttachRequired, PodInfoOnMount, StorageCapacity, TokenRequests, RequiresRepublish, Modes, Age. The
/// descriptions are the first sentences of upstream's.
pub const CSI_DRIVER_COLUMNS: &[Column] = &[
    NAME,
    column(
        "AttachRequired",
        "boolean",
        "attachRequired indicates this CSI volume driver requires an attach operation.",
    ),
    column(
        "PodInfoOnMount",
        "boolean",
        "podInfoOnMount indicates this CSI volume driver requires additional pod information.",
    ),
    column(
        "StorageCapacity",
        "boolean",
        "storageCapacity indicates that the CSI volume driver wants pod scheduling to consider the storage capacity that the driver deployment will report.",
    ),
    column(
        "TokenRequests",
        "string",
        "tokenRequests indicates the CSI driver needs pods' service account tokens it is mounting volume for to do necessary authentication.",
    ),
    column(
        "RequiresRepublish",
        "boolean",
        "requiresRepublish indicates the CSI driver wants `NodePublishVolume` being periodically called to reflect any possible change in the mounted volume.",
    ),
    column("Modes", "string", "volumeLifecycleModes defines what kind of volumes this CSI volume driver supports."),
    AGE,
];

/// The cells of a driver.
pub fn csi_driver_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<CSIDriver>() else { return Vec::new() };
    let spec = &own.spec;
    let modes = spec.volume_lifecycle_modes.as_deref().unwrap_or_default().join(",");
    let tokens = spec.token_requests.as_deref().unwrap_or_default();
    let audiences: Vec<&str> = tokens.iter().map(|request| request.audience.as_str()).collect();
    vec![
        Value::from(object.name()),
        Value::from(spec.attach_required.unwrap_or(true)),
        Value::from(spec.pod_info_on_mount.unwrap_or(false)),
        Value::from(spec.storage_capacity.unwrap_or(false)),
        Value::from(or(Some(&audiences.join(",")), "<unset>")),
        Value::from(spec.requires_republish.unwrap_or(false)),
        Value::from(or(Some(&modes), "<none>")),
        age(object, now_unix_micros),
    ]
}
