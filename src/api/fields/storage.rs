//! The group storage.k8s.io.

use k8s_openapi::api::storage::v1::*;

use super::structs;

structs! {
    CSIDriver "storage.k8s.io/v1" { metadata "metadata", spec "spec" }
    CSIDriverSpec {
        attach_required "attachRequired", fs_group_policy "fsGroupPolicy",
        node_allocatable_update_period_seconds "nodeAllocatableUpdatePeriodSeconds",
        pod_info_on_mount "podInfoOnMount", prevent_pod_scheduling_if_missing "preventPodSchedulingIfMissing",
        requires_republish "requiresRepublish", se_linux_mount "seLinuxMount",
        service_account_token_in_secrets "serviceAccountTokenInSecrets", storage_capacity "storageCapacity",
        token_requests "tokenRequests", volume_lifecycle_modes "volumeLifecycleModes",
    }
    CSINode "storage.k8s.io/v1" { metadata "metadata", spec "spec" }
    CSINodeDriver { allocatable "allocatable", name "name", node_id "nodeID", topology_keys "topologyKeys" }
    CSINodeSpec { drivers "drivers" }
    StorageClass "storage.k8s.io/v1" {
        allow_volume_expansion "allowVolumeExpansion", allowed_topologies "allowedTopologies", metadata "metadata",
        mount_options "mountOptions", parameters "parameters", provisioner "provisioner",
        reclaim_policy "reclaimPolicy", volume_binding_mode "volumeBindingMode",
    }
    TokenRequest { audience "audience", expiration_seconds "expirationSeconds" }
    VolumeAttachment "storage.k8s.io/v1" { metadata "metadata", spec "spec", status "status" }
    VolumeAttachmentSource { inline_volume_spec "inlineVolumeSpec", persistent_volume_name "persistentVolumeName" }
    VolumeAttachmentSpec { attacher "attacher", node_name "nodeName", source "source" }
    VolumeAttachmentStatus {
        attach_error "attachError", attached "attached", attachment_metadata "attachmentMetadata",
        detach_error "detachError",
    }
    VolumeError { error_code "errorCode", message "message", time "time" }
    VolumeNodeResources { count "count" }
}
