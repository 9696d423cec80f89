//! Persistent volumes, storage classes and the drivers of a node. Leaves out: the sources of volumes whose plugins
//! Kubernetes no longer has.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec, Volume};
use k8s_openapi::api::storage::v1::{CSINode, StorageClass};

use crate::api::printers::persistentvolumeclaim::access_modes;
use crate::api::printers::storage::{is_default_class, volume_capacity, volume_claim, volume_class};

use super::super::errors::Stop;
use super::super::io::Io;
use super::writer::{Text, date, title_bool};
use super::{events, volumes};

/// `PersistentVolumeDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn volume(io: &mut Io<'_, '_>, volume: &PersistentVolume, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &volume.metadata;
    let spec = volume.spec.clone().unwrap_or_default();
    let status = volume.status.clone().unwrap_or_default();
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "Finalizers", format!("[{}]", meta.finalizers.as_deref().unwrap_or_default().join(" ")));
    text.field(0, "StorageClass", volume_class(volume));
    if let Some(since) = &meta.deletion_timestamp {
        let lasts = crate::api::duration::human(io.now() - crate::api::time::unix_micros(since));
        text.field(0, "Status", format!("Terminating (lasts {lasts})"));
    } else {
        text.field(0, "Status", status.phase.as_deref().unwrap_or_default());
    }
    text.field(0, "Claim", volume_claim(volume));
    text.field(0, "Reclaim Policy", spec.persistent_volume_reclaim_policy.as_deref().unwrap_or_default());
    text.field(0, "Access Modes", access_modes(spec.access_modes.as_deref().unwrap_or_default()));
    if let Some(mode) = &spec.volume_mode {
        text.field(0, "VolumeMode", mode);
    }
    text.field(0, "Capacity", volume_capacity(volume));
    node_affinity(&mut text, &spec);
    text.field(0, "Message", status.message.as_deref().unwrap_or_default());
    text.put(0, "Source:\n");
    source(&mut text, &spec);
    events::write(io, &mut text, "PersistentVolume", meta, show_events)?;
    Ok(text.aligned())
}

/// `printVolumeNodeAffinity`.
fn node_affinity(text: &mut Text, spec: &PersistentVolumeSpec) {
    text.put(0, "Node Affinity:\t");
    let Some(required) = spec.node_affinity.as_ref().and_then(|own| own.required.as_ref()) else {
        return text.put(0, "<none>\n");
    };
    text.put(0, "\n");
    text.put(1, "Required Terms:\t");
    if required.node_selector_terms.is_empty() {
        return text.put(0, "<none>\n");
    }
    text.put(0, "\n");
    for (index, term) in required.node_selector_terms.iter().enumerate() {
        let wanted = term.match_expressions.iter().flatten();
        let lines = wanted.map(|own| (own.key.as_str(), own.operator.to_lowercase(), own.values.as_deref()));
        term_lines(text, 2, index, lines.collect());
    }
}

/// `Term 0:` and what it asks for, one requirement a line.
fn term_lines(text: &mut Text, level: usize, index: usize, lines: Vec<(&str, String, Option<&[String]>)>) {
    text.put(level, format!("Term {index}:\t"));
    if lines.is_empty() {
        text.put(0, "<none>\n");
    }
    for (index, (key, operator, values)) in lines.iter().enumerate() {
        if index > 0 {
            text.put(level, "\t");
        }
        let values = values.filter(|values| !values.is_empty());
        let values = values.map(|values| format!(" [{}]", values.join(", "))).unwrap_or_default();
        text.put(0, format!("{key} {operator}{values}\n"));
    }
}

fn source(text: &mut Text, spec: &PersistentVolumeSpec) {
    if let Some(local) = &spec.local {
        text.field(2, "Type", "LocalVolume (a persistent volume backed by local storage on a node)");
        text.field(2, "Path", &local.path);
    } else if let Some(csi) = &spec.csi {
        text.field(2, "Type", "CSI (a Container Storage Interface (CSI) volume source)");
        text.field(2, "Driver", &csi.driver);
        text.field(2, "FSType", csi.fs_type.as_deref().unwrap_or_default());
        text.field(2, "VolumeHandle", &csi.volume_handle);
        text.field(2, "ReadOnly", csi.read_only.unwrap_or(false));
        attributes(text, csi.volume_attributes.as_ref());
    } else {
        let volume = Volume { host_path: spec.host_path.clone(), nfs: spec.nfs.clone(), ..Default::default() };
        volumes::source(text, &volume);
    }
}

/// `printCSIPersistentVolumeAttributesMultiline`.
pub fn attributes(text: &mut Text, own: Option<&BTreeMap<String, String>>) {
    text.put(2, "VolumeAttributes:\t");
    if own.is_none_or(BTreeMap::is_empty) {
        return text.put(0, "<none>\n");
    }
    for (index, (key, value)) in own.into_iter().flatten().enumerate() {
        if index > 0 {
            text.put(2, "\t");
        }
        text.put(
            0,
            if value.len() > 140 { format!("{key}={}...\n", &value[..140]) } else { format!("    {key}={value}\n") },
        );
    }
}

fn pairs(map: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// `StorageClassDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn class(io: &mut Io<'_, '_>, class: &StorageClass, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    text.field(0, "Name", class.metadata.name.as_deref().unwrap_or_default());
    text.field(0, "IsDefaultClass", if is_default_class(class) { "Yes" } else { "No" });
    text.field(0, "Annotations", pairs(class.metadata.annotations.as_ref()));
    text.field(0, "Provisioner", &class.provisioner);
    text.field(0, "Parameters", pairs(class.parameters.as_ref()));
    text.field(0, "AllowVolumeExpansion", class.allow_volume_expansion.map_or("<unset>", title_bool));
    let options = class.mount_options.as_deref().unwrap_or_default();
    text.put(0, if options.is_empty() { "MountOptions:\t<none>\n" } else { "MountOptions:\n" });
    for option in options {
        text.put(1, format!("{option}\n"));
    }
    text.field(0, "ReclaimPolicy", class.reclaim_policy.as_deref().unwrap_or_default());
    text.field(0, "VolumeBindingMode", class.volume_binding_mode.as_deref().unwrap_or_default());
    if let Some(topologies) = &class.allowed_topologies {
        text.put(0, if topologies.is_empty() { "AllowedTopologies:\t<none>\n" } else { "AllowedTopologies:\t\n" });
        for (index, term) in topologies.iter().enumerate() {
            let wanted = term.match_label_expressions.iter().flatten();
            let lines = wanted.map(|own| (own.key.as_str(), "in".to_owned(), Some(own.values.as_slice())));
            term_lines(&mut text, 1, index, lines.collect());
        }
    }
    events::write(io, &mut text, "StorageClass", &class.metadata, show_events)?;
    Ok(text.aligned())
}

/// `CSINodeDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn csi_node(io: &mut Io<'_, '_>, node: &CSINode, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &node.metadata;
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "CreationTimestamp", meta.creation_timestamp.as_ref().map(date).unwrap_or_default());
    text.put(0, "Spec:\n");
    if !node.spec.drivers.is_empty() {
        text.put(1, "Drivers:\n");
    }
    for driver in &node.spec.drivers {
        text.put(2, format!("{}:\n", driver.name));
        text.field(3, "Node ID", &driver.node_id);
        if let Some(count) = driver.allocatable.as_ref().and_then(|own| own.count) {
            text.put(3, "Allocatables:\n");
            text.field(4, "Count", count);
        }
        if let Some(keys) = &driver.topology_keys {
            text.field(3, "Topology Keys", format!("[{}]", keys.join(" ")));
        }
    }
    events::write(io, &mut text, "CSINode", meta, show_events)?;
    Ok(text.aligned())
}
