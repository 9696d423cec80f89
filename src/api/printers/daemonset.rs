//! DaemonSets: `printDaemonSet`.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::{LabelSelector, format_labels};

/// Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column(
        "Desired",
        "integer",
        "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    column(
        "Current",
        "integer",
        "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    column(
        "Ready",
        "integer",
        "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and ready.",
    ),
    column("Up-to-date", "integer", "The total number of nodes that are running updated daemon pod"),
    column(
        "Available",
        "integer",
        "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)",
    ),
    column(
        "Node Selector",
        "string",
        "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "A label query over pods that are managed by the daemon set. Must match in order to be controlled. If empty, defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

/// The cells of a DaemonSet.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(set) = object.get::<DaemonSet>() else { return Vec::new() };
    let (empty_spec, empty_status) = (DaemonSetSpec::default(), DaemonSetStatus::default());
    let spec = set.spec.as_ref().unwrap_or(&empty_spec);
    let status = set.status.as_ref().unwrap_or(&empty_status);
    let pod = spec.template.spec.as_ref();
    let [names, images] = container_cells(pod.map(|pod| pod.containers.as_slice()).unwrap_or_default());
    let selector = LabelSelector::from_meta(Some(&spec.selector)).map(|selector| selector.to_string());
    vec![
        Value::from(object.name()),
        Value::from(status.desired_number_scheduled),
        Value::from(status.current_number_scheduled),
        Value::from(status.number_ready),
        Value::from(status.updated_number_scheduled.unwrap_or(0)),
        Value::from(status.number_available.unwrap_or(0)),
        Value::from(format_labels(pod.and_then(|pod| pod.node_selector.as_ref()))),
        age(object, now_unix_micros),
        names,
        images,
        Value::from(selector.unwrap_or_else(|_| "<invalid>".to_owned())),
    ]
}
