//! ReplicaSets: `printReplicaSet`.

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::format_meta;

/// Name, Desired, Current, Ready, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column(
        "Desired",
        "integer",
        "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    column(
        "Current",
        "integer",
        "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    column(
        "Ready",
        "integer",
        "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

/// The cells of a ReplicaSet.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(set) = object.get::<ReplicaSet>() else { return Vec::new() };
    let (empty_spec, empty_status) = (ReplicaSetSpec::default(), ReplicaSetStatus::default());
    let spec = set.spec.as_ref().unwrap_or(&empty_spec);
    let status = set.status.as_ref().unwrap_or(&empty_status);
    let template = spec.template.as_ref().and_then(|template| template.spec.as_ref());
    let [names, images] = container_cells(template.map(|spec| spec.containers.as_slice()).unwrap_or_default());
    vec![
        Value::from(object.name()),
        Value::from(spec.replicas.unwrap_or(0)),
        Value::from(status.replicas),
        Value::from(status.ready_replicas.unwrap_or(0)),
        age(object, now_unix_micros),
        names,
        images,
        Value::from(format_meta(Some(&spec.selector))),
    ]
}
