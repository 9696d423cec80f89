//! StatefulSets: `printStatefulSet`.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Ready, Age; wide: Containers, Images.
pub const COLUMNS: &[Column] =
    &[NAME, column("Ready", "string", "Number of the pod with ready state"), AGE, CONTAINERS, IMAGES];

/// The cells of a StatefulSet.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(set) = object.get::<StatefulSet>() else { return Vec::new() };
    let empty = StatefulSetSpec::default();
    let spec = set.spec.as_ref().unwrap_or(&empty);
    let ready = set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let containers = spec.template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let [names, images] = container_cells(containers);
    vec![
        Value::from(object.name()),
        Value::from(format!("{ready}/{}", spec.replicas.unwrap_or(0))),
        age(object, now_unix_micros),
        names,
        images,
    ]
}
