//! Persistent volume claims.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimTemplate, Pod};

use crate::api::printers::persistentvolumeclaim::{granted, storage_class};
use crate::api::{Method, ObjectMeta, Request};

use super::super::builder::{CHUNK, objects};
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::events;
use super::writer::{Text, date};

/// The names of the pods that use a claim or own it; a failure to list them means none.
fn users(io: &mut Io<'_, '_>, namespace: &str, meta: &ObjectMeta) -> Result<Vec<String>, Stop> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let listed = io.ask(|| Request::new(Method::Get, path.as_str()).with("limit", CHUNK));
    let pods = attempt(listed)?.map(|response| objects(&response)).unwrap_or_default();
    let uses = |pod: &Pod| {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let mut sources = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
        sources.any(|source| source.claim_name == meta.name.as_deref().unwrap_or_default())
    };
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let owns = |pod: &Pod| owners.iter().any(|own| own.kind == "Pod" && Some(&own.uid) == pod.metadata.uid.as_ref());
    let using = pods.iter().filter(|pod| pod.get::<Pod>().is_some_and(|pod| uses(pod) || owns(pod)));
    Ok(using.map(|pod| pod.name().to_owned()).collect())
}

/// What a pod's volume says of the claim that is made for it.
pub fn template(text: &mut Text, template: &PersistentVolumeClaimTemplate) {
    let metadata = template.metadata.clone().unwrap_or_default();
    let claim = PersistentVolumeClaim { metadata, spec: Some(template.spec.clone()), status: None };
    text.put(0, format!("StorageClass:\t{}\n", storage_class(&claim)));
    text.field(0, "Volume", template.spec.volume_name.as_deref().unwrap_or_default());
    text.labels("Labels", claim.metadata.labels.as_ref());
    text.annotations(claim.metadata.annotations.as_ref());
    text.field(0, "Capacity", "");
    text.field(0, "Access Modes", "");
    if let Some(mode) = &template.spec.volume_mode {
        text.field(0, "VolumeMode", mode);
    }
}

/// `PersistentVolumeClaimDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn describe(io: &mut Io<'_, '_>, claim: &PersistentVolumeClaim, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &claim.metadata;
    let (name, namespace) = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref().unwrap_or_default());
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let users = users(io, namespace, meta)?;
    text.field(0, "Name", name);
    text.field(0, "Namespace", namespace);
    text.field(0, "StorageClass", storage_class(claim));
    if let Some(since) = &meta.deletion_timestamp {
        let lasts = crate::api::duration::human(io.now() - crate::api::time::unix_micros(since));
        text.field(0, "Status", format!("Terminating (lasts {lasts})"));
    } else {
        text.field(0, "Status", status.phase.as_deref().unwrap_or_default());
    }
    text.field(0, "Volume", spec.volume_name.as_deref().unwrap_or_default());
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "Finalizers", format!("[{}]", meta.finalizers.as_deref().unwrap_or_default().join(" ")));
    let (capacity, modes) = granted(claim);
    text.field(0, "Capacity", capacity);
    text.field(0, "Access Modes", modes);
    if let Some(mode) = &spec.volume_mode {
        text.field(0, "VolumeMode", mode);
    }
    if let Some(source) = &spec.data_source {
        text.put(0, "DataSource:\n");
        if let Some(group) = &source.api_group {
            text.field(1, "APIGroup", group);
        }
        text.field(1, "Kind", &source.kind);
        text.field(1, "Name", &source.name);
    }
    if users.is_empty() {
        text.field(0, "Used By", "<none>");
    }
    for (index, user) in users.iter().enumerate() {
        text.put(0, if index == 0 { format!("Used By:\t{user}\n") } else { format!("\t{user}\n") });
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n");
        text.put(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage\n");
        text.put(1, "----\t------\t-----------------\t------------------\t------\t-------\n");
        for condition in conditions {
            let none = || "Mon, 01 Jan 0001 00:00:00 +0000".to_owned();
            let (probe, change) = (condition.last_probe_time.as_ref(), condition.last_transition_time.as_ref());
            text.put(
                1,
                format!(
                    "{} \t{} \t{} \t{} \t{} \t{}\n",
                    condition.type_,
                    condition.status,
                    probe.map_or_else(none, date),
                    change.map_or_else(none, date),
                    condition.reason.as_deref().unwrap_or_default(),
                    condition.message.as_deref().unwrap_or_default()
                ),
            );
        }
    }
    events::write(io, &mut text, "PersistentVolumeClaim", meta, show_events)?;
    Ok(text.aligned())
}
