//! Mirrors pkg/apis/apps/validation for StatefulSet.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetStatus, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume,
};
use serde_json::json;

use super::claims::claim_spec;
use super::equality::semantically_equal;
use super::errors::{BadValue, Errors};
use super::meta::{nonnegative, object_meta, object_meta_update};
use super::names::{self, each, label_name};
use super::path::Path;
use super::pod_spec::{pod_template, pod_template_metadata};
use super::workloads::{amount, at_most_100_percent, decremented, int_or_percent};
use super::{items, selectors, text};
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// `ValidateStatefulSet`.
pub fn stateful_set(own: &StatefulSet, errors: &mut Errors) {
    object_meta(&own.metadata, true, label_name, &Path::new("metadata"), errors);
    let empty = StatefulSetSpec::default();
    let spec = own.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    let name = text(&spec.service_name);
    if !name.is_empty() {
        each(names::dns1123_label(name), name, &path.child("serviceName"), errors);
    }
    stateful_set_spec(spec, Options::default(), &path, errors);
}

/// Templates that were stored before they were checked at all are let alone: `StatefulSetValidationOptions`.
#[derive(Clone, Copy, Default)]
struct Options {
    skip_pod_template: bool,
    skip_claim_templates: bool,
}

/// `ValidateStatefulSetUpdate`.
pub fn stateful_set_update(new: &StatefulSet, old: &StatefulSet, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = StatefulSetSpec::default();
    let path = Path::new("spec");
    let (new, old) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    let is_wrong = |check: fn(&StatefulSetSpec, &Path, &mut Errors)| {
        let mut before = Errors::default();
        check(old, &path, &mut before);
        !before.is_empty()
    };
    let options = Options { skip_pod_template: is_wrong(template), skip_claim_templates: is_wrong(claim_templates) };
    stateful_set_spec(new, options, &path, errors);
    // What may change is taken from the old one; the rest must be the same.
    let kept = StatefulSetSpec {
        replicas: old.replicas,
        template: old.template.clone(),
        update_strategy: old.update_strategy.clone(),
        min_ready_seconds: old.min_ready_seconds,
        ordinals: old.ordinals.clone(),
        revision_history_limit: old.revision_history_limit,
        persistent_volume_claim_retention_policy: old.persistent_volume_claim_retention_policy.clone(),
        ..new.clone()
    };
    if !semantically_equal(&kept, old) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        errors.push(FieldError::forbidden(&path, detail));
    }
}

fn stateful_set_spec(spec: &StatefulSetSpec, options: Options, path: &Path, errors: &mut Errors) {
    let policy_path = path.child("podManagementPolicy");
    match text(&spec.pod_management_policy) {
        "" => errors.push(FieldError::required(&policy_path, "")),
        "OrderedReady" | "Parallel" => {}
        other => errors.push(FieldError::invalid(&policy_path, other, "must be 'OrderedReady' or 'Parallel'")),
    }
    update_strategy(spec.update_strategy.as_ref(), &path.child("updateStrategy"), errors);
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let path = path.child("persistentVolumeClaimRetentionPolicy");
        for (field, value) in [("whenDeleted", text(&policy.when_deleted)), ("whenScaled", text(&policy.when_scaled))] {
            if !matches!(value, "Retain" | "Delete") {
                errors.push(FieldError::not_supported(&path.child(field), value, &["Retain", "Delete"]));
            }
        }
    }
    if !options.skip_claim_templates {
        claim_templates(spec, path, errors);
    }
    nonnegative(i64::from(spec.replicas.unwrap_or(0)), &path.child("replicas"), errors);
    nonnegative(i64::from(spec.min_ready_seconds.unwrap_or(0)), &path.child("minReadySeconds"), errors);
    if let Some(ordinals) = &spec.ordinals {
        nonnegative(i64::from(ordinals.start.unwrap_or(0)), &path.child("ordinals.start"), errors);
    }
    if let Some(limit) = spec.revision_history_limit {
        nonnegative(i64::from(limit), &path.child("revisionHistoryLimit"), errors);
    }
    // Where the selector is none, nothing is said of the template.
    if selector_and_labels(spec, path, errors) {
        if options.skip_pod_template {
            pod_template_metadata(&spec.template, &path.child("template"), errors);
        } else {
            template(spec, path, errors);
        }
    }
    let pod = spec.template.spec.as_ref();
    let restart_policy = pod.map_or("", |pod| text(&pod.restart_policy));
    let pod_path = path.child("template").child("spec");
    if restart_policy != "Always" {
        errors.push(FieldError::not_supported(&pod_path.child("restartPolicy"), restart_policy, &["Always"]));
    }
    if pod.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        let detail = "activeDeadlineSeconds in StatefulSet is not Supported";
        errors.push(FieldError::forbidden(&pod_path.child("activeDeadlineSeconds"), detail));
    }
}

/// Whether the selector is one.
fn selector_and_labels(spec: &StatefulSetSpec, path: &Path, errors: &mut Errors) -> bool {
    let (selector, own) = (&spec.selector, path.child("selector"));
    if selectors::is_unset(selector) {
        errors.push(FieldError::required(&own, ""));
    } else {
        selectors::label_selector(Some(selector), &own, errors);
        if selectors::is_empty(selector) {
            let detail = "empty selector is invalid for statefulset";
            errors.push(FieldError::invalid(&own, selectors::shown(selector), detail));
        }
    }
    if !selectors::converts(selector) {
        errors.push(FieldError::invalid(&own, selectors::shown(selector), ""));
        return false;
    }
    let path = path.child("template");
    let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    // A selector left out selects nothing; an empty one everything.
    let matched = !selectors::is_unset(selector) && selectors::matches(selector, labels);
    if !matched {
        let shown = labels.map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json);
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(&path.child("metadata").child("labels"), shown, detail));
    }
    true
}

fn template(spec: &StatefulSetSpec, path: &Path, errors: &mut Errors) {
    pod_template(&with_claims(spec), &path.child("template"), errors);
}

/// `ValidateVolumeClaimTemplates`.
fn claim_templates(spec: &StatefulSetSpec, path: &Path, errors: &mut Errors) {
    let path = path.child("volumeClaimTemplates");
    for (index, claim) in items(&spec.volume_claim_templates).iter().enumerate() {
        let empty = PersistentVolumeClaimSpec::default();
        claim_spec(claim.spec.as_ref().unwrap_or(&empty), &path.index(index).child("spec"), errors);
    }
}

/// The template with a volume for each claim template, as its pods will have them: `volumesToAddForTemplates`. Claims
/// come first, and in the place of volumes that have their names.
fn with_claims(spec: &StatefulSetSpec) -> PodTemplateSpec {
    let mut template = spec.template.clone();
    let mut volumes: Vec<Volume> = Vec::new();
    for claim in items(&spec.volume_claim_templates) {
        let name = claim.metadata.name.clone().unwrap_or_default();
        if !volumes.iter().any(|volume| volume.name == name) {
            let source = PersistentVolumeClaimVolumeSource { claim_name: name.clone(), read_only: None };
            volumes.push(Volume { name, persistent_volume_claim: Some(source), ..Volume::default() });
        }
    }
    let claimed = volumes.len();
    for volume in template.spec.iter().flat_map(|spec| items(&spec.volumes)) {
        if volumes[..claimed].iter().all(|own| own.name != volume.name) {
            volumes.push(volume.clone());
        }
    }
    template.spec.get_or_insert_default().volumes = Some(volumes);
    template
}

fn update_strategy(strategy: Option<&StatefulSetUpdateStrategy>, path: &Path, errors: &mut Errors) {
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    match strategy.map_or("", |strategy| text(&strategy.type_)) {
        "" => errors.push(FieldError::required(path, "")),
        "OnDelete" => {
            if let Some(rolling) = rolling {
                let detail = "only allowed for updateStrategy 'RollingUpdate'";
                errors.push(FieldError::invalid(&path.child("rollingUpdate"), shown_rolling(rolling), detail));
            }
        }
        "RollingUpdate" => {
            if let Some(rolling) = rolling {
                rolling_update(rolling, &path.child("rollingUpdate"), errors);
            }
        }
        other => {
            let rolling = rolling.map_or_else(|| "null".to_owned(), go_rolling);
            let shown = format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", json!(other).json());
            errors.push(FieldError::invalid(path, BadValue::raw(shown), "must be 'RollingUpdate' or 'OnDelete'"));
        }
    }
}

/// With the names of Go's fields, in their order.
fn go_rolling(rolling: &RollingUpdateStatefulSetStrategy) -> String {
    let partition = rolling.partition.unwrap_or(0);
    format!("{{\"Partition\":{partition},\"MaxUnavailable\":{}}}", rolling.max_unavailable.write().json())
}

fn shown_rolling(rolling: &RollingUpdateStatefulSetStrategy) -> BadValue {
    BadValue::raw(go_rolling(rolling))
}

fn rolling_update(rolling: &RollingUpdateStatefulSetStrategy, path: &Path, errors: &mut Errors) {
    nonnegative(i64::from(rolling.partition.unwrap_or(0)), &path.child("partition"), errors);
    if let Some(unavailable) = &rolling.max_unavailable {
        let path = path.child("maxUnavailable");
        int_or_percent(unavailable, &path, errors);
        if amount(unavailable) == 0 {
            errors.push(FieldError::invalid(&path, BadValue::json(unavailable), "cannot be 0"));
        }
        at_most_100_percent(unavailable, &path, errors);
    }
}

/// `ValidateStatefulSetStatusUpdate`.
pub fn stateful_set_status_update(new: &StatefulSet, old: &StatefulSet, errors: &mut Errors) {
    let path = Path::new("status");
    let empty = StatefulSetStatus::default();
    let (status, before) = (new.status.as_ref().unwrap_or(&empty), old.status.as_ref().unwrap_or(&empty));
    let ready = status.ready_replicas.unwrap_or(0);
    let available = status.available_replicas.unwrap_or(0);
    let counts = [
        ("readyReplicas", ready),
        ("currentReplicas", status.current_replicas.unwrap_or(0)),
        ("updatedReplicas", status.updated_replicas.unwrap_or(0)),
        ("availableReplicas", available),
    ];
    nonnegative(i64::from(status.replicas), &path.child("replicas"), errors);
    for (field, count) in counts {
        nonnegative(i64::from(count), &path.child(field), errors);
    }
    nonnegative(status.observed_generation.unwrap_or(0), &path.child("observedGeneration"), errors);
    nonnegative(i64::from(status.collision_count.unwrap_or(0)), &path.child("collisionCount"), errors);
    for (field, count) in counts {
        if count > status.replicas {
            errors.push(FieldError::invalid(&path.child(field), count, "cannot be greater than status.replicas"));
        }
    }
    if available > ready {
        let detail = "cannot be greater than status.readyReplicas";
        errors.push(FieldError::invalid(&path.child("availableReplicas"), available, detail));
    }
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    decremented(status.collision_count, before.collision_count, &path, errors);
}
