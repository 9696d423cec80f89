//! Deployments and replica sets.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::api::time::unix_micros;
use crate::api::{Method, Object, Request, selectors};
use crate::sim::Order;

use super::super::builder::{CHUNK, objects};
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::containers::int_or_string;
use super::writer::{Text, controller, date};
use super::{events, template};

/// Lists what a selector fits in a namespace; a failure means none.
fn selected(io: &mut Io<'_, '_>, path: &str, selector: &LabelSelector) -> Result<Vec<Arc<Object>>, Stop> {
    selected_by(io, path, &selectors::format_meta(Some(selector)))
}

/// Lists what a selector, as text, fits in a namespace; a failure means none.
pub fn selected_by(io: &mut Io<'_, '_>, path: &str, selector: &str) -> Result<Vec<Arc<Object>>, Stop> {
    let listed = io.ask(|| Request::new(Method::Get, path).with("labelSelector", selector).with("limit", CHUNK));
    Ok(attempt(listed)?.map(|response| objects(&response)).unwrap_or_default())
}

fn controlled_by(meta: &ObjectMeta, uid: Option<&String>) -> bool {
    meta.owner_references.iter().flatten().any(|owner| owner.controller == Some(true) && Some(&owner.uid) == uid)
}

/// `getPodStatusForController`: how many of its pods are in which phase.
pub fn pods_status(pods: &[Arc<Object>], meta: &ObjectMeta) -> String {
    let mut counts = [0; 4];
    for pod in pods.iter().filter_map(|object| object.get::<Pod>()) {
        if !controlled_by(&pod.metadata, meta.uid.as_ref()) {
            continue;
        }
        match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
            Some("Running") => counts[0] += 1,
            Some("Pending") => counts[1] += 1,
            Some("Succeeded") => counts[2] += 1,
            Some("Failed") => counts[3] += 1,
            _ => {}
        }
    }
    let [running, waiting, succeeded, failed] = counts;
    format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed")
}

/// `ReplicaSetDescriber`.
pub fn replica_set(io: &mut Io<'_, '_>, set: &ReplicaSet, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &set.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let pods = selected(io, &format!("/api/v1/namespaces/{namespace}/pods"), &spec.selector)?;
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", namespace);
    text.field(0, "Selector", selectors::format_meta(Some(&spec.selector)));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    if let Some(owner) = controller(meta) {
        text.field(0, "Controlled By", owner);
    }
    text.field(0, "Replicas", format!("{} current / {} desired", status.replicas, spec.replicas.unwrap_or(0)));
    text.field(0, "Pods Status", pods_status(&pods, meta));
    template::write(&mut text, Some(&spec.template.clone().unwrap_or_default()));
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\tReason\n");
        text.put(1, "----\t------\t------\n");
        for condition in conditions {
            let reason = condition.reason.as_deref().unwrap_or_default();
            text.put(1, format!("{} \t{}\t{reason}\n", condition.type_, condition.status));
        }
    }
    events::write(io, &mut text, "ReplicaSet", meta, show_events)?;
    Ok(text.aligned())
}

/// `DeploymentDescriber`.
pub fn deployment(io: &mut Io<'_, '_>, deployment: &Deployment, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &deployment.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", namespace);
    let created = meta.creation_timestamp.as_ref().map(date);
    text.field(0, "CreationTimestamp", created.unwrap_or_else(|| "Mon, 01 Jan 0001 00:00:00 +0000".to_owned()));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "Selector", selectors::format_meta(Some(&spec.selector)));
    text.field(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            spec.replicas.unwrap_or(0),
            status.updated_replicas.unwrap_or(0),
            status.replicas.unwrap_or(0),
            status.available_replicas.unwrap_or(0),
            status.unavailable_replicas.unwrap_or(0)
        ),
    );
    let strategy = spec.strategy.clone().unwrap_or_default();
    text.field(0, "StrategyType", strategy.type_.as_deref().unwrap_or_default());
    text.field(0, "MinReadySeconds", spec.min_ready_seconds.unwrap_or(0));
    if let Some(rolling) = &strategy.rolling_update {
        let or_empty = |value: Option<String>| value.unwrap_or_default();
        text.field(
            0,
            "RollingUpdateStrategy",
            format!(
                "{} max unavailable, {} max surge",
                or_empty(rolling.max_unavailable.as_ref().map(int_or_string)),
                or_empty(rolling.max_surge.as_ref().map(int_or_string))
            ),
        );
    }
    template::write(&mut text, Some(&spec.template));
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\tReason\n");
        text.put(1, "----\t------\t------\n");
        for condition in conditions {
            let reason = condition.reason.as_deref().unwrap_or_default();
            text.put(1, format!("{} \t{}\t{reason}\n", condition.type_, condition.status));
        }
    }
    replica_sets(io, &mut text, deployment)?;
    events::write(io, &mut text, "Deployment", meta, show_events)?;
    Ok(text.aligned())
}

/// `OldReplicaSets:` and `NewReplicaSet:`.
fn replica_sets(io: &mut Io<'_, '_>, text: &mut Text, deployment: &Deployment) -> Result<(), Stop> {
    let meta = &deployment.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let Some(spec) = &deployment.spec else { return Ok(()) };
    let listed = selected(io, &format!("/apis/apps/v1/namespaces/{namespace}/replicasets"), &spec.selector)?;
    let mut sets: Vec<&ReplicaSet> = listed.iter().filter_map(|object| object.get::<ReplicaSet>()).collect();
    sets.retain(|set| controlled_by(&set.metadata, meta.uid.as_ref()));
    // `FindNewReplicaSet`: the oldest whose template is the deployment's.
    sets.order_by_key(|set| (set.metadata.creation_timestamp.as_ref().map(unix_micros), set.metadata.name.clone()));
    let new = sets.iter().position(|set| {
        let template = set.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
        without_hash(template) == without_hash(spec.template.clone())
    });
    let line = |set: &ReplicaSet| {
        let current = set.status.as_ref().map_or(0, |status| status.replicas);
        let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
        format!("{} ({current}/{wanted} replicas created)", set.metadata.name.as_deref().unwrap_or_default())
    };
    let old: Vec<String> =
        sets.iter().enumerate().filter(|(index, _)| Some(*index) != new).map(|(_, set)| line(set)).collect();
    text.field(0, "OldReplicaSets", if old.is_empty() { "<none>".to_owned() } else { old.join(", ") });
    text.field(0, "NewReplicaSet", new.map_or_else(|| "<none>".to_owned(), |index| line(sets[index])));
    Ok(())
}

fn without_hash(mut template: PodTemplateSpec) -> PodTemplateSpec {
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove("pod-template-hash");
    }
    template
}
