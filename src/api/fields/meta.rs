//! What every group shares: metadata, selectors, statuses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::*;

use super::{dated, structs};

structs! {
    LabelSelector { match_expressions "matchExpressions", match_labels "matchLabels" }
    LabelSelectorRequirement { key "key", operator "operator", values "values" }
    ListMeta {
        continue_ "continue", remaining_item_count "remainingItemCount", resource_version "resourceVersion",
        self_link "selfLink", shard_info "shardInfo",
    }
    ManagedFieldsEntry {
        api_version "apiVersion", fields_type "fieldsType", fields_v1 "fieldsV1", manager "manager",
        operation "operation", subresource "subresource", time "time",
    }
    ObjectMeta {
        annotations "annotations", creation_timestamp "creationTimestamp",
        deletion_grace_period_seconds "deletionGracePeriodSeconds", deletion_timestamp "deletionTimestamp",
        finalizers "finalizers", generate_name "generateName", generation "generation", labels "labels",
        managed_fields "managedFields", name "name", namespace "namespace", owner_references "ownerReferences",
        resource_version "resourceVersion", self_link "selfLink", uid "uid",
    }
    OwnerReference {
        api_version "apiVersion", block_owner_deletion "blockOwnerDeletion", controller "controller", kind "kind",
        name "name", uid "uid",
    }
    ShardInfo { selector "selector" }
    Status "v1" {
        code "code", details "details", message "message", metadata "metadata", reason "reason", status "status",
    }
    StatusCause { field "field", message "message", reason "reason" }
    StatusDetails {
        causes "causes", group "group", kind "kind", name "name", retry_after_seconds "retryAfterSeconds",
        uid "uid",
    }
}

structs! { only
    Condition {
        last_transition_time "lastTransitionTime", message "message", observed_generation "observedGeneration",
        reason "reason", status "status", type_ "type",
    }
}

dated! {
    Condition,
    "lastTransitionTime",
    Condition {
        last_transition_time: Time::empty(),
        message: String::new(),
        observed_generation: None,
        reason: String::new(),
        status: String::new(),
        type_: String::new(),
    }
}
