//! Mirrors `ValidatePodUpdate`. Leaves out: the exact layout of go-cmp's diff, of which only the
//! changed fields are shown.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelectorTerm, Pod, PodSchedulingGate, PodSpec, Toleration,
};
use serde_json::Value;

use super::annotations::pod_specific_update;
use super::containers::image_whitespace;
use super::equality::semantically_equal;
use super::errors::{BadValue, Errors};
use super::items;
use super::meta::object_meta_update;
use super::names::between;
use super::path::Path;
use super::pod::metadata_and_spec;
use super::text;
use super::tolerations::tolerations;
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;
use crate::sim::Order;

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// `ValidatePodUpdate`.
pub fn pod_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    let meta_path = Path::new("metadata");
    let empty = PodSpec::default();
    let (new_spec, old_spec) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    object_meta_update(&new.metadata, &old.metadata, &meta_path, errors);
    metadata_and_spec(new, errors);
    pod_specific_update(
        new.metadata.annotations.as_ref(),
        old.metadata.annotations.as_ref(),
        new_spec,
        &meta_path.child("annotations"),
        errors,
    );
    let path = Path::new("spec");
    let (inits, old_inits) = (items(&new_spec.init_containers), items(&old_spec.init_containers));
    if !container_updates(&new_spec.containers, &old_spec.containers, &path.child("containers"), errors)
        || !container_updates(inits, old_inits, &path.child("initContainers"), errors)
        || !active_deadline(new_spec, old_spec, &path.child("activeDeadlineSeconds"), errors)
    {
        return;
    }
    let (wanted, present) = (items(&new_spec.tolerations), items(&old_spec.tolerations));
    only_added_tolerations(wanted, present, &path.child("tolerations"), errors);
    let (gates, old_gates) = (items(&new_spec.scheduling_gates), items(&old_spec.scheduling_gates));
    only_deleted_gates(gates, old_gates, &path.child("schedulingGates"), errors);
    if semantically_equal(new_spec, old_spec) {
        return;
    }
    let mut munged = munge(new_spec, old_spec);
    if !old_gates.is_empty() {
        gated(&mut munged, old_spec, &path, errors);
    }
    if !semantically_equal(&munged, old_spec) {
        let diff = diff(old_spec, &munged);
        let detail = format!("pod updates may not change fields other than {UPDATABLE}\n{diff}");
        errors.push(FieldError::forbidden(&path, &detail));
    }
}

/// The new spec with everything that may change set back to what it was.
fn munge(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut munged = new.clone();
    for (container, before) in munged.containers.iter_mut().zip(&old.containers) {
        container.image = before.image.clone();
    }
    for (container, before) in munged.init_containers.iter_mut().flatten().zip(items(&old.init_containers)) {
        container.image = before.image.clone();
    }
    munged.active_deadline_seconds = old.active_deadline_seconds;
    munged.scheduling_gates = old.scheduling_gates.clone();
    munged.tolerations = old.tolerations.clone();
    if old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0)
        && munged.termination_grace_period_seconds == Some(1)
    {
        munged.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    munged
}

/// `ValidateContainerUpdates`. False when nothing more can be compared.
fn container_updates(new: &[Container], old: &[Container], path: &Path, errors: &mut Errors) -> bool {
    if new.len() != old.len() {
        errors.push(FieldError::forbidden(path, "pod updates may not add or remove containers"));
        return false;
    }
    for (index, container) in new.iter().enumerate() {
        let (path, image) = (path.index(index).child("image"), text(&container.image));
        if image.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        image_whitespace(image, &path, errors);
    }
    true
}

/// May be set, or lowered. False when upstream stops here.
fn active_deadline(new: &PodSpec, old: &PodSpec, path: &Path, errors: &mut Errors) -> bool {
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            errors.push(FieldError::invalid(path, seconds, &between(0, i64::from(i32::MAX))));
            false
        }
        (Some(seconds), Some(before)) if before < seconds => {
            errors.push(FieldError::invalid(path, seconds, "must be less than or equal to previous value"));
            false
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            errors.push(FieldError::invalid(path, BadValue::null(), detail));
            true
        }
        _ => true,
    }
}

fn only_added_tolerations(new: &[Toleration], old: &[Toleration], path: &Path, errors: &mut Errors) {
    let kept = |old: &Toleration| {
        new.iter().any(|new| Toleration { toleration_seconds: new.toleration_seconds, ..old.clone() } == *new)
    };
    if old.iter().all(kept) {
        tolerations(new, path, errors);
    } else {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden(path, detail));
    }
}

fn only_deleted_gates(new: &[PodSchedulingGate], old: &[PodSchedulingGate], path: &Path, errors: &mut Errors) {
    for (index, gate) in new.iter().enumerate().filter(|(_, gate)| !old.contains(gate)) {
        let detail = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
        errors.push(FieldError::forbidden(&path.index(index).child("name"), &detail));
    }
}

/// What a gated pod may change besides: node selector and node affinity, by additions only.
fn gated(munged: &mut PodSpec, old: &PodSpec, path: &Path, errors: &mut Errors) {
    if !semantically_equal(&munged.node_selector, &old.node_selector) {
        let empty = BTreeMap::new();
        let new = munged.node_selector.as_ref().unwrap_or(&empty);
        let kept = old.node_selector.iter().flatten().all(|(key, value)| new.get(key) == Some(value));
        if !kept {
            let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            errors.push(FieldError::invalid(&path.child("nodeSelector"), BadValue::json(new), detail));
        }
        munged.node_selector = old.node_selector.clone();
    }
    let node_affinity = |spec: &PodSpec| spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    let (new_affinity, old_affinity) = (node_affinity(munged), node_affinity(old));
    if semantically_equal(&new_affinity, &old_affinity) {
        return;
    }
    let affinity_path = path.child("affinity").child("nodeAffinity");
    node_affinity_mutation(new_affinity.as_ref(), old_affinity.as_ref(), &affinity_path, errors);
    match &mut munged.affinity {
        None => munged.affinity = old_affinity.map(|own| Affinity { node_affinity: Some(own), ..Default::default() }),
        Some(own) if old.affinity.is_none() && own.pod_affinity.is_none() && own.pod_anti_affinity.is_none() => {
            munged.affinity = None;
        }
        Some(own) => own.node_affinity = old_affinity,
    }
}

fn node_affinity_mutation(new: Option<&NodeAffinity>, old: Option<&NodeAffinity>, path: &Path, errors: &mut Errors) {
    fn terms(affinity: Option<&NodeAffinity>) -> &[NodeSelectorTerm] {
        affinity
            .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref())
            .map(|selector| selector.node_selector_terms.as_slice())
            .unwrap_or_default()
    }
    let (new, old) = (terms(new), terms(old));
    let path = path.child("requiredDuringSchedulingIgnoredDuringExecution").child("nodeSelectorTerms");
    if !old.is_empty() && old.len() != new.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(FieldError::invalid(&path, BadValue::list(new), detail));
        return;
    }
    for (index, (new, old)) in new.iter().zip(old).enumerate() {
        let starts = |new: &Option<Vec<_>>, old: &Option<Vec<_>>| items(new).starts_with(items(old));
        let was_empty = items(&old.match_expressions).is_empty() && items(&old.match_fields).is_empty();
        let is_empty = items(&new.match_expressions).is_empty() && items(&new.match_fields).is_empty();
        let only_additions = (!was_empty || is_empty)
            && starts(&new.match_expressions, &old.match_expressions)
            && starts(&new.match_fields, &old.match_fields);
        if !only_additions {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(FieldError::invalid(&path.index(index), BadValue::json(new), detail));
        }
    }
}

/// The changed fields, in the manner of go-cmp.
fn diff(old: &PodSpec, new: &PodSpec) -> String {
    let fields = |spec: &PodSpec| match spec.write() {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.order();
    names.dedup();
    let mut text = "  core.PodSpec{\n".to_owned();
    let mut identical = 0;
    for name in names {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            identical += 1;
            continue;
        }
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        for (sign, value) in [('-', before), ('+', after)] {
            let value = value.map_or_else(|| "nil".to_owned(), Value::json);
            text.push_str(&format!("{sign} \t{title}: {value},\n"));
        }
    }
    if identical > 0 {
        text.push_str(&format!("  \t... // {identical} identical fields\n"));
    }
    text.push_str("  }\n");
    text
}
