//! Pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::duration;
use crate::api::time::unix_micros;
use crate::sim::Gather;

use super::super::errors::Stop;
use super::super::io::Io;
use super::writer::{Text, controller, date};
use super::{containers, events, template, volumes};

/// `PodDescriber`.
pub fn describe(io: &mut Io<'_, '_>, pod: &Pod, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let now = io.now();
    head(&mut text, pod, now);
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if !init.is_empty() {
        let statuses = status.init_container_statuses.as_deref().unwrap_or_default();
        containers::write(&mut text, "Init Containers", init, statuses, Some(pod), "");
    }
    let statuses = status.container_statuses.as_deref().unwrap_or_default();
    containers::write(&mut text, "Containers", &spec.containers, statuses, Some(pod), "");
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let gates = spec.readiness_gates.as_deref().unwrap_or_default();
    if !gates.is_empty() {
        text.put(0, "Readiness Gates:\n  Type\tStatus\n");
        for gate in gates {
            let found = conditions.iter().find(|condition| condition.type_ == gate.condition_type);
            let status = found.map_or("<none>", |condition| condition.status.as_str());
            text.put(1, format!("{} \t{status} \n", gate.condition_type));
        }
    }
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\n");
        for condition in conditions {
            text.put(1, format!("{} \t{} \n", condition.type_, condition.status));
        }
    }
    volumes::write(&mut text, spec.volumes.as_deref().unwrap_or_default(), "");
    let class = status.qos_class.clone().filter(|class| !class.is_empty());
    text.field(0, "QoS Class", class.unwrap_or_else(|| qos_class(pod).to_owned()));
    text.labels("Node-Selectors", spec.node_selector.as_ref());
    template::tolerations(&mut text, "Tolerations", spec.tolerations.as_deref().unwrap_or_default());
    template::spread(&mut text, spec.topology_spread_constraints.as_deref().unwrap_or_default(), "");
    events::write(io, &mut text, "Pod", &pod.metadata, show_events)?;
    Ok(text.aligned())
}

fn head(text: &mut Text, pod: &Pod, now: i64) {
    let meta = &pod.metadata;
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", meta.namespace.as_deref().unwrap_or_default());
    if let Some(priority) = spec.priority {
        text.field(0, "Priority", priority);
    }
    for (name, value) in [
        ("Priority Class Name", &spec.priority_class_name),
        ("Runtime Class Name", &spec.runtime_class_name),
        ("Service Account", &spec.service_account_name),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text.field(0, name, value);
        }
    }
    match spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        None => text.field(0, "Node", "<none>"),
        Some(node) => text.field(0, "Node", format!("{node}/{}", status.host_ip.as_deref().unwrap_or_default())),
    }
    if let Some(start) = &status.start_time {
        text.field(0, "Start Time", date(start));
    }
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    let phase = status.phase.as_deref().unwrap_or_default();
    match &meta.deletion_timestamp {
        Some(deleted) if !matches!(phase, "Failed" | "Succeeded") => {
            text.field(0, "Status", format!("Terminating (lasts {})", duration::human(now - unix_micros(deleted))));
            let grace = meta.deletion_grace_period_seconds.unwrap_or(0);
            text.field(0, "Termination Grace Period", format!("{grace}s"));
        }
        _ => text.field(0, "Status", phase),
    }
    for (name, value) in [("Reason", &status.reason), ("Message", &status.message)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text.field(0, name, value);
        }
    }
    if let Some(profile) = spec.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref()) {
        text.field(0, "SeccompProfile", &profile.type_);
        if profile.type_ == "Localhost" {
            text.field(0, "LocalhostProfile", profile.localhost_profile.as_deref().unwrap_or_default());
        }
    }
    text.field(0, "IP", status.pod_ip.as_deref().unwrap_or_default());
    let addresses = status.pod_ips.as_deref().unwrap_or_default();
    if addresses.is_empty() {
        text.field(0, "IPs", "<none>");
    } else {
        text.put(0, "IPs:\n");
        for address in addresses {
            text.field(1, "IP", address.ip.as_str());
        }
    }
    if let Some(owner) = controller(meta) {
        text.field(0, "Controlled By", owner);
    }
    if let Some(node) = status.nominated_node_name.as_deref().filter(|node| !node.is_empty()) {
        text.field(0, "NominatedNodeName", node);
    }
}

/// The class the kubelet would give: `qos.ComputePodQOS`.
pub fn qos_class(pod: &Pod) -> &'static str {
    let Some(spec) = &pod.spec else { return "BestEffort" };
    let all: Vec<&Container> = spec.containers.iter().chain(spec.init_containers.iter().flatten()).collect();
    let map = |map: Option<&BTreeMap<String, Quantity>>| -> BTreeMap<String, String> {
        let entries = map.into_iter().flatten();
        entries
            .filter(|(name, quantity)| matches!(name.as_str(), "cpu" | "memory") && quantity.0 != "0")
            .map(|(name, quantity)| (name.clone(), quantity.0.clone()))
            .gather()
    };
    let mut guaranteed = true;
    let mut any = false;
    for container in all {
        let resources = container.resources.as_ref();
        let limits = map(resources.and_then(|resources| resources.limits.as_ref()));
        let requests = map(resources.and_then(|resources| resources.requests.as_ref()));
        any |= !limits.is_empty() || !requests.is_empty();
        guaranteed &= limits.len() == 2 && requests == limits;
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
