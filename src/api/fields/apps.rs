//! The group apps.

use k8s_openapi::api::apps::v1::*;

use super::structs;

structs! {
    ControllerRevision "apps/v1" { data "data", metadata "metadata", revision "revision" }
    DaemonSet "apps/v1" { metadata "metadata", spec "spec", status "status" }
    DaemonSetCondition {
        last_transition_time "lastTransitionTime", message "message", reason "reason", status "status",
        type_ "type",
    }
    DaemonSetSpec {
        min_ready_seconds "minReadySeconds", revision_history_limit "revisionHistoryLimit", selector "selector",
        template "template", update_strategy "updateStrategy",
    }
    DaemonSetStatus {
        collision_count "collisionCount", conditions "conditions",
        current_number_scheduled "currentNumberScheduled", desired_number_scheduled "desiredNumberScheduled",
        number_available "numberAvailable", number_misscheduled "numberMisscheduled", number_ready "numberReady",
        number_unavailable "numberUnavailable", observed_generation "observedGeneration",
        updated_number_scheduled "updatedNumberScheduled",
    }
    DaemonSetUpdateStrategy { rolling_update "rollingUpdate", type_ "type" }
    Deployment "apps/v1" { metadata "metadata", spec "spec", status "status" }
    DeploymentCondition {
        last_transition_time "lastTransitionTime", last_update_time "lastUpdateTime", message "message",
        reason "reason", status "status", type_ "type",
    }
    DeploymentSpec {
        min_ready_seconds "minReadySeconds", paused "paused", progress_deadline_seconds "progressDeadlineSeconds",
        replicas "replicas", revision_history_limit "revisionHistoryLimit", selector "selector",
        strategy "strategy", template "template",
    }
    DeploymentStatus {
        available_replicas "availableReplicas", collision_count "collisionCount", conditions "conditions",
        observed_generation "observedGeneration", ready_replicas "readyReplicas", replicas "replicas",
        terminating_replicas "terminatingReplicas", unavailable_replicas "unavailableReplicas",
        updated_replicas "updatedReplicas",
    }
    DeploymentStrategy { rolling_update "rollingUpdate", type_ "type" }
    ReplicaSet "apps/v1" { metadata "metadata", spec "spec", status "status" }
    ReplicaSetCondition {
        last_transition_time "lastTransitionTime", message "message", reason "reason", status "status",
        type_ "type",
    }
    ReplicaSetSpec {
        min_ready_seconds "minReadySeconds", replicas "replicas", selector "selector", template "template",
    }
    ReplicaSetStatus {
        available_replicas "availableReplicas", conditions "conditions",
        fully_labeled_replicas "fullyLabeledReplicas", observed_generation "observedGeneration",
        ready_replicas "readyReplicas", replicas "replicas", terminating_replicas "terminatingReplicas",
    }
    RollingUpdateDaemonSet { max_surge "maxSurge", max_unavailable "maxUnavailable" }
    RollingUpdateDeployment { max_surge "maxSurge", max_unavailable "maxUnavailable" }
    RollingUpdateStatefulSetStrategy { max_unavailable "maxUnavailable", partition "partition" }
    StatefulSet "apps/v1" { metadata "metadata", spec "spec", status "status" }
    StatefulSetCondition {
        last_transition_time "lastTransitionTime", message "message", reason "reason", status "status",
        type_ "type",
    }
    StatefulSetOrdinals { start "start" }
    StatefulSetPersistentVolumeClaimRetentionPolicy { when_deleted "whenDeleted", when_scaled "whenScaled" }
    StatefulSetSpec {
        min_ready_seconds "minReadySeconds", ordinals "ordinals",
        persistent_volume_claim_retention_policy "persistentVolumeClaimRetentionPolicy",
        pod_management_policy "podManagementPolicy", replicas "replicas",
        revision_history_limit "revisionHistoryLimit", selector "selector", service_name "serviceName",
        template "template", update_strategy "updateStrategy", volume_claim_templates "volumeClaimTemplates",
    }
    StatefulSetStatus {
        available_replicas "availableReplicas", collision_count "collisionCount", conditions "conditions",
        current_replicas "currentReplicas", current_revision "currentRevision",
        observed_generation "observedGeneration", ready_replicas "readyReplicas", replicas "replicas",
        update_revision "updateRevision", updated_replicas "updatedReplicas",
    }
    StatefulSetUpdateStrategy { rolling_update "rollingUpdate", type_ "type" }
}
