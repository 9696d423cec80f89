//! The groups of a kind or two.

use k8s_openapi::api::events::v1::EventSeries;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{dated, structs};

structs! { only
    EventSeries { count "count", last_observed_time "lastObservedTime" }
}

dated! { EventSeries, "lastObservedTime", EventSeries { count: 0, last_observed_time: MicroTime::empty() } }

mod coordination {
    use super::structs;
    use k8s_openapi::api::coordination::v1::*;

    structs! {
        Lease "coordination.k8s.io/v1" { metadata "metadata", spec "spec" }
        LeaseSpec {
            acquire_time "acquireTime", holder_identity "holderIdentity", lease_duration_seconds "leaseDurationSeconds",
            lease_transitions "leaseTransitions", preferred_holder "preferredHolder", renew_time "renewTime",
            strategy "strategy",
        }
    }
}

mod discovery {
    use super::structs;
    use k8s_openapi::api::discovery::v1::*;

    structs! {
        Endpoint {
            addresses "addresses", conditions "conditions", deprecated_topology "deprecatedTopology", hints "hints",
            hostname "hostname", node_name "nodeName", target_ref "targetRef", zone "zone",
        }
        EndpointConditions { ready "ready", serving "serving", terminating "terminating" }
        EndpointHints { for_nodes "forNodes", for_zones "forZones" }
        EndpointPort { app_protocol "appProtocol", name "name", port "port", protocol "protocol" }
        EndpointSlice "discovery.k8s.io/v1" {
            address_type "addressType", endpoints "endpoints", metadata "metadata", ports "ports",
        }
        ForNode { name "name" }
        ForZone { name "name" }
    }
}

mod events {
    use super::structs;
    use k8s_openapi::api::events::v1::*;

    structs! {
        Event "events.k8s.io/v1" {
            action "action", deprecated_count "deprecatedCount", deprecated_first_timestamp "deprecatedFirstTimestamp",
            deprecated_last_timestamp "deprecatedLastTimestamp", deprecated_source "deprecatedSource",
            event_time "eventTime", metadata "metadata", note "note", reason "reason", regarding "regarding",
            related "related", reporting_controller "reportingController", reporting_instance "reportingInstance",
            series "series", type_ "type",
        }
    }
}

mod policy {
    use super::structs;
    use k8s_openapi::api::policy::v1::*;

    structs! {
        PodDisruptionBudget "policy/v1" { metadata "metadata", spec "spec", status "status" }
        PodDisruptionBudgetSpec {
            max_unavailable "maxUnavailable", min_available "minAvailable", selector "selector",
            unhealthy_pod_eviction_policy "unhealthyPodEvictionPolicy",
        }
        PodDisruptionBudgetStatus {
            conditions "conditions", current_healthy "currentHealthy", desired_healthy "desiredHealthy",
            disrupted_pods "disruptedPods", disruptions_allowed "disruptionsAllowed", expected_pods "expectedPods",
            observed_generation "observedGeneration",
        }
    }
}

mod scheduling {
    use super::structs;
    use k8s_openapi::api::scheduling::v1::*;

    structs! {
        PriorityClass "scheduling.k8s.io/v1" {
            description "description", global_default "globalDefault", metadata "metadata",
            preemption_policy "preemptionPolicy", value "value",
        }
    }
}
