//! ReplicationControllers: `printReplicationController`.

use k8s_openapi::api::core::v1::{ReplicationController, ReplicationControllerSpec, ReplicationControllerStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::format_labels;

/// Name, Desired, Current, Ready, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column(
        "Desired",
        "integer",
        "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    column(
        "Current",
        "integer",
        "Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    column("Ready", "integer", "The number of ready replicas for this replication controller."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

/// The cells of a ReplicationController.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<ReplicationController>() else { return Vec::new() };
    let (empty_spec, empty_status) = (ReplicationControllerSpec::default(), ReplicationControllerStatus::default());
    let spec = own.spec.as_ref().unwrap_or(&empty_spec);
    let status = own.status.as_ref().unwrap_or(&empty_status);
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
        Value::from(format_labels(spec.selector.as_ref())),
    ]
}
