//! Stateful sets, daemon sets and replication controllers.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ReplicationController};

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::{Object, ObjectMeta, selectors};

use super::super::errors::Stop;
use super::super::io::Io;
use super::containers::int_or_string;
use super::workload::{pods_status, selected_by};
use super::writer::{Text, date};
use super::{events, template};

fn pods_of(io: &mut Io<'_, '_>, meta: &ObjectMeta, selector: &str) -> Result<Vec<Arc<Object>>, Stop> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    selected_by(io, &format!("/api/v1/namespaces/{namespace}/pods"), selector)
}

fn named(text: &mut Text, meta: &ObjectMeta) {
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", meta.namespace.as_deref().unwrap_or_default());
}

/// `StatefulSetDescriber`.
pub fn stateful_set(io: &mut Io<'_, '_>, set: &StatefulSet, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &set.metadata;
    let spec = set.spec.clone().unwrap_or_default();
    let selector = selectors::format_meta(Some(&spec.selector));
    let pods = pods_of(io, meta, &selector)?;
    named(&mut text, meta);
    let created = meta.creation_timestamp.as_ref().map(date);
    text.field(0, "CreationTimestamp", created.unwrap_or_else(|| "Mon, 01 Jan 0001 00:00:00 +0000".to_owned()));
    text.field(0, "Selector", &selector);
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    let total = set.status.as_ref().map_or(0, |status| status.replicas);
    text.field(0, "Replicas", format!("{} desired | {total} total", spec.replicas.unwrap_or(0)));
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    text.field(0, "Update Strategy", strategy.type_.as_deref().unwrap_or_default());
    if let Some(rolling) = &strategy.rolling_update
        && let Some(partition) = rolling.partition
    {
        text.field(1, "Partition", partition);
        if let Some(unavailable) = &rolling.max_unavailable {
            text.field(1, "MaxUnavailable", int_or_string(unavailable));
        }
    }
    text.field(0, "Pods Status", pods_status(&pods, meta));
    template::write(&mut text, Some(&spec.template));
    claim_templates(&mut text, spec.volume_claim_templates.as_deref().unwrap_or_default());
    events::write(io, &mut text, "StatefulSet", meta, show_events)?;
    Ok(text.aligned())
}

/// `describeVolumeClaimTemplates`.
fn claim_templates(text: &mut Text, templates: &[PersistentVolumeClaim]) {
    if templates.is_empty() {
        text.field(0, "Volume Claims", "<none>");
        return;
    }
    text.put(0, "Volume Claims:\n");
    for claim in templates {
        let spec = claim.spec.as_ref();
        text.field(1, "Name", claim.metadata.name.as_deref().unwrap_or_default());
        text.field(1, "StorageClass", storage_class(claim));
        text.labels_indented("  ", "Labels", "\t", claim.metadata.labels.as_ref(), &[]);
        text.labels_indented("  ", "Annotations", "\t", claim.metadata.annotations.as_ref(), &[]);
        let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
        let capacity = requests.and_then(|requests| requests.get("storage"));
        text.field(1, "Capacity", capacity.map_or("<default>", |capacity| capacity.0.as_str()));
        let modes = spec.and_then(|spec| spec.access_modes.clone()).unwrap_or_default();
        text.field(1, "Access Modes", format!("[{}]", modes.join(" ")));
    }
}

/// `DaemonSetDescriber`.
pub fn daemon_set(io: &mut Io<'_, '_>, set: &DaemonSet, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &set.metadata;
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let selector = selectors::format_meta(Some(&spec.selector));
    let pods = pods_of(io, meta, &selector)?;
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Selector", &selector);
    let nodes = spec.template.spec.as_ref().and_then(|pod| pod.node_selector.as_ref());
    text.field(0, "Node-Selector", selectors::format_labels(nodes));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    for (what, count) in [
        ("Desired Number of Nodes Scheduled", status.desired_number_scheduled),
        ("Current Number of Nodes Scheduled", status.current_number_scheduled),
        ("Number of Nodes Scheduled with Up-to-date Pods", status.updated_number_scheduled.unwrap_or(0)),
        ("Number of Nodes Scheduled with Available Pods", status.number_available.unwrap_or(0)),
        ("Number of Nodes Misscheduled", status.number_misscheduled),
    ] {
        text.put(0, format!("{what}: {count}\n"));
    }
    text.field(0, "Pods Status", pods_status(&pods, meta));
    template::write(&mut text, Some(&spec.template));
    events::write(io, &mut text, "DaemonSet", meta, show_events)?;
    Ok(text.aligned())
}

/// `ReplicationControllerDescriber`.
pub fn replication_controller(
    io: &mut Io<'_, '_>,
    own: &ReplicationController,
    show_events: bool,
) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &own.metadata;
    let spec = own.spec.clone().unwrap_or_default();
    let status = own.status.clone().unwrap_or_default();
    let selector = selectors::format_labels(spec.selector.as_ref());
    let pods = pods_of(io, meta, &selector)?;
    named(&mut text, meta);
    text.field(0, "Selector", &selector);
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "Replicas", format!("{} current / {} desired", status.replicas, spec.replicas.unwrap_or(0)));
    text.field(0, "Pods Status", pods_status(&pods, meta));
    template::write(&mut text, spec.template.as_ref());
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\tReason\n");
        text.put(1, "----\t------\t------\n");
        for condition in conditions {
            let reason = condition.reason.as_deref().unwrap_or_default();
            text.put(1, format!("{} \t{}\t{reason}\n", condition.type_, condition.status));
        }
    }
    events::write(io, &mut text, "ReplicationController", meta, show_events)?;
    Ok(text.aligned())
}
