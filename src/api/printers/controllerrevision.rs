//! ControllerRevisions: `printControllerRevision`.

use k8s_openapi::api::apps::v1::ControllerRevision;
use serde_json::Value;

use super::{age, column};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Controller, Revision, Age.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Controller", "string", "Controller of the object"),
    column("Revision", "string", "Revision indicates the revision of the state represented by Data."),
    AGE,
];

/// The cells of a ControllerRevision.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(revision) = object.get::<ControllerRevision>() else { return Vec::new() };
    let controller = object.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let controller = controller.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            // `schema.GroupKind` prints as `DaemonSet.apps`.
            let kind = match owner.api_version.split_once('/') {
                Some((group, _)) => format!("{}.{group}", owner.kind),
                None => owner.kind.clone(),
            };
            format!("{}/{}", kind.to_lowercase(), owner.name)
        },
    );
    vec![
        Value::from(object.name()),
        Value::from(controller),
        Value::from(revision.revision),
        age(object, now_unix_micros),
    ]
}
