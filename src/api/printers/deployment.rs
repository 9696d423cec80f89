//! Deployments: `printDeployment`.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::LabelSelector;

/// Name, Ready, Up-to-date, Available, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Ready", "string", "Number of the pod with ready state"),
    column(
        "Up-to-date",
        "string",
        "Total number of non-terminating pods targeted by this deployment that have the desired template spec.",
    ),
    column(
        "Available",
        "string",
        "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment.",
    ),
];

/// The cells of a deployment.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(deployment) = object.get::<Deployment>() else { return Vec::new() };
    let (empty_spec, empty_status) = (DeploymentSpec::default(), DeploymentStatus::default());
    let spec = deployment.spec.as_ref().unwrap_or(&empty_spec);
    let status = deployment.status.as_ref().unwrap_or(&empty_status);
    let containers = spec.template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let [names, images] = container_cells(containers);
    let selector = LabelSelector::from_meta(Some(&spec.selector)).map(|selector| selector.to_string());
    vec![
        Value::from(object.name()),
        Value::from(format!("{}/{}", status.ready_replicas.unwrap_or(0), spec.replicas.unwrap_or(0))),
        Value::from(status.updated_replicas.unwrap_or(0)),
        Value::from(status.available_replicas.unwrap_or(0)),
        age(object, now_unix_micros),
        names,
        images,
        Value::from(selector.unwrap_or_else(|_| "<invalid>".to_owned())),
    ]
}
