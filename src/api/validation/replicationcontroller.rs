//! Mirrors pkg/apis/core/validation for ReplicationController.

use k8s_openapi::api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerSpec, ReplicationControllerStatus,
};

use super::errors::{BadValue, Errors};
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::subdomain_name;
use super::path::Path;
use super::pod_spec::pod_template;
use super::text;
use super::workloads::counts;
use crate::api::kind::FieldError;

/// `ValidateReplicationController`.
pub fn replication_controller(own: &ReplicationController, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    spec(own, errors);
}

/// The strategy's update: `ValidateReplicationController` and `ValidateReplicationControllerUpdate`.
pub fn replication_controller_update(new: &ReplicationController, old: &ReplicationController, errors: &mut Errors) {
    replication_controller(new, errors);
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    spec(new, errors);
}

fn spec(own: &ReplicationController, errors: &mut Errors) {
    let empty = ReplicationControllerSpec::default();
    let (spec, path) = (own.spec.as_ref().unwrap_or(&empty), Path::new("spec"));
    nonnegative(i64::from(spec.min_ready_seconds.unwrap_or(0)), &path.child("minReadySeconds"), errors);
    if spec.selector.as_ref().is_none_or(|selector| selector.is_empty()) {
        errors.push(FieldError::required(&path.child("selector"), ""));
    }
    match spec.replicas {
        None => errors.push(FieldError::required(&path.child("replicas"), "")),
        Some(replicas) => nonnegative(i64::from(replicas), &path.child("replicas"), errors),
    }
    match &spec.template {
        None => errors.push(FieldError::required(&path.child("template"), "")),
        Some(template) => template_for(spec, template, &path.child("template"), errors),
    }
}

/// `ValidatePodTemplateSpecForRC`.
fn template_for(spec: &ReplicationControllerSpec, template: &PodTemplateSpec, path: &Path, errors: &mut Errors) {
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let has = |name: &String, value: &String| labels.and_then(|labels| labels.get(name)) == Some(value);
    if !spec.selector.iter().flatten().all(|(name, value)| has(name, value)) {
        let shown = labels.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(&path.child("metadata").child("labels"), shown, detail));
    }
    pod_template(template, path, errors);
    let pod = template.spec.as_ref();
    let restart_policy = pod.map_or("", |pod| text(&pod.restart_policy));
    let path = path.child("spec");
    if restart_policy != "Always" {
        errors.push(FieldError::not_supported(&path.child("restartPolicy"), restart_policy, &["Always"]));
    }
    if pod.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        let detail = "activeDeadlineSeconds in ReplicationController is not Supported";
        errors.push(FieldError::forbidden(&path.child("activeDeadlineSeconds"), detail));
    }
}

/// `ValidateReplicationControllerStatusUpdate`.
pub fn replication_controller_status_update(
    new: &ReplicationController,
    old: &ReplicationController,
    errors: &mut Errors,
) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let path = Path::new("status");
    let empty = ReplicationControllerStatus::default();
    let status = new.status.as_ref().unwrap_or(&empty);
    let labeled = status.fully_labeled_replicas.unwrap_or(0);
    let (ready, available) = (status.ready_replicas.unwrap_or(0), status.available_replicas.unwrap_or(0));
    for (field, value) in [
        ("replicas", i64::from(status.replicas)),
        ("fullyLabeledReplicas", i64::from(labeled)),
        ("readyReplicas", i64::from(ready)),
        ("availableReplicas", i64::from(available)),
        ("observedGeneration", status.observed_generation.unwrap_or(0)),
    ] {
        nonnegative(value, &path.child(field), errors);
    }
    let list = [("fullyLabeledReplicas", labeled), ("readyReplicas", ready), ("availableReplicas", available)];
    counts(&list, status.replicas, (ready, available), &path, errors);
}
