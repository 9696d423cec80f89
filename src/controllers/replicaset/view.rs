//! A ReplicationController as the ReplicaSet that it is but for its name and its selector.
//!
//! Mirrors pkg/controller/replication/conversion.go.

use std::borrow::Cow;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    ReplicationController, ReplicationControllerCondition, ReplicationControllerSpec, ReplicationControllerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::{Object, Typed};

/// The object as a ReplicaSet.
pub fn view(object: &Object) -> Cow<'_, ReplicaSet> {
    match object {
        Object::ReplicationController(own) => Cow::Owned(ReplicaSet {
            metadata: own.metadata.clone(),
            spec: own.spec.as_ref().map(spec),
            status: own.status.as_ref().map(status),
        }),
        other => Cow::Borrowed(other.expect()),
    }
}

fn spec(own: &ReplicationControllerSpec) -> ReplicaSetSpec {
    ReplicaSetSpec {
        min_ready_seconds: own.min_ready_seconds,
        replicas: own.replicas,
        selector: LabelSelector { match_labels: own.selector.clone(), match_expressions: None },
        template: own.template.clone(),
    }
}

fn status(own: &ReplicationControllerStatus) -> ReplicaSetStatus {
    let condition = |own: &ReplicationControllerCondition| ReplicaSetCondition {
        last_transition_time: own.last_transition_time.clone(),
        message: own.message.clone(),
        reason: own.reason.clone(),
        status: own.status.clone(),
        type_: own.type_.clone(),
    };
    ReplicaSetStatus {
        available_replicas: own.available_replicas,
        conditions: own.conditions.as_ref().map(|all| all.iter().map(condition).collect()),
        fully_labeled_replicas: own.fully_labeled_replicas,
        observed_generation: own.observed_generation,
        ready_replicas: own.ready_replicas,
        replicas: own.replicas,
        terminating_replicas: None,
    }
}

/// The object with this status.
pub fn with_status(object: &Object, status: ReplicaSetStatus) -> Object {
    let Object::ReplicationController(own) = object else {
        let mut set = object.expect::<ReplicaSet>().clone();
        set.status = Some(status);
        return set.into_object();
    };
    let condition = |own: ReplicaSetCondition| ReplicationControllerCondition {
        last_transition_time: own.last_transition_time,
        message: own.message,
        reason: own.reason,
        status: own.status,
        type_: own.type_,
    };
    let status = ReplicationControllerStatus {
        available_replicas: status.available_replicas,
        conditions: status.conditions.map(|all| all.into_iter().map(condition).collect()),
        fully_labeled_replicas: status.fully_labeled_replicas,
        observed_generation: status.observed_generation,
        ready_replicas: status.ready_replicas,
        replicas: status.replicas,
    };
    ReplicationController { status: Some(status), ..(**own).clone() }.into_object()
}
