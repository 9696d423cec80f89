//! Mirrors `ValidatePodStatusUpdate`. Leaves out: resource claims, container users and the health of
//! allocated devices.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec, PodStatus};

use super::annotations::pod_specific_update;
use super::equality::immutable_text;
use super::errors::{BadValue, Errors};
use super::ip;
use super::meta::object_meta_update;
use super::names::{self, each};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;
use crate::api::resources::is_sidecar;

/// `ValidatePodStatusUpdate`.
pub fn pod_status_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    let meta_path = Path::new("metadata");
    let (no_spec, no_status) = (PodSpec::default(), PodStatus::default());
    let (new_spec, old_spec) = (new.spec.as_ref().unwrap_or(&no_spec), old.spec.as_ref().unwrap_or(&no_spec));
    let (new_status, old_status) =
        (new.status.as_ref().unwrap_or(&no_status), old.status.as_ref().unwrap_or(&no_status));
    object_meta_update(&new.metadata, &old.metadata, &meta_path, errors);
    let (annotations, before) = (new.metadata.annotations.as_ref(), old.metadata.annotations.as_ref());
    pod_specific_update(annotations, before, new_spec, &meta_path.child("annotations"), errors);
    for (index, condition) in items(&new_status.conditions).iter().enumerate() {
        if !matches!(condition.type_.as_str(), "PodScheduled" | "Ready" | "Initialized") {
            // Upstream's path: under the metadata.
            let path = meta_path.child("conditions").index(index).child("Type");
            each(names::qualified_name(&condition.type_), &condition.type_, &path, errors);
        }
    }
    let path = Path::new("status");
    if new_spec.node_name != old_spec.node_name {
        errors.push(FieldError::forbidden(&path.child("nodeName"), "may not be changed directly"));
    }
    let nominated = text(&new_status.nominated_node_name);
    if nominated != text(&old_status.nominated_node_name) && !nominated.is_empty() {
        each(names::subdomain_name(nominated, false), nominated, &path.child("nominatedNodeName"), errors);
    }
    immutable_text(text(&new_status.qos_class), text(&old_status.qos_class), &path.child("qosClass"), errors);
    let policy = text(&old_spec.restart_policy);
    let sidecars: BTreeSet<&str> = items(&old_spec.init_containers)
        .iter()
        .filter(|container| is_sidecar(container))
        .map(|container| container.name.as_str())
        .collect();
    let none = BTreeSet::new();
    for (field, new, old, policy, free) in [
        ("containerStatuses", &new_status.container_statuses, &old_status.container_statuses, policy, &none),
        (
            "initContainerStatuses",
            &new_status.init_container_statuses,
            &old_status.init_container_statuses,
            policy,
            &sidecars,
        ),
        (
            "ephemeralContainerStatuses",
            &new_status.ephemeral_container_statuses,
            &old_status.ephemeral_container_statuses,
            "Never",
            &none,
        ),
    ] {
        transitions(items(new), items(old), policy, free, &path.child(field), errors);
    }
    pod_ips(new_status, &path.child("podIPs"), errors);
    host_ips(new_status, &path.child("hostIPs"), errors);
}

/// `ValidateContainerStateTransition`: what will not be restarted stays terminated.
fn transitions(
    new: &[ContainerStatus],
    old: &[ContainerStatus],
    policy: &str,
    sidecars: &BTreeSet<&str>,
    path: &Path,
    errors: &mut Errors,
) {
    if policy == "Always" {
        return;
    }
    for (index, before) in old.iter().enumerate() {
        let Some(terminated) = before.state.as_ref().and_then(|state| state.terminated.as_ref()) else { continue };
        let restarts = terminated.exit_code != 0 && policy == "OnFailure" || sidecars.contains(before.name.as_str());
        if restarts {
            continue;
        }
        for after in new.iter().filter(|after| after.name == before.name) {
            if after.state.as_ref().is_none_or(|state| state.terminated.is_none()) {
                let detail = "may not be transitioned to non-terminated state";
                errors.push(FieldError::forbidden(&path.index(index).child("state"), detail));
            }
        }
    }
}

/// Addresses are valid, at most one of each family, and none twice.
fn addresses(list: &[&str], path: &Path, errors: &mut Errors) {
    for (index, address) in list.iter().enumerate() {
        ip::valid(address, &path.index(index), errors);
    }
    if list.len() < 2 {
        return;
    }
    let shown = |address: &str| serde_json::json!({ "IP": address });
    let parsed: Vec<_> = list.iter().filter_map(|address| ip::parse(address)).collect();
    if !ip::dual_stack(parsed.iter().copied()) || list.len() > 2 {
        let shown: Vec<_> = list.iter().map(|address| shown(address)).collect();
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(path, BadValue::value(&serde_json::Value::Array(shown)), detail));
    }
    let mut seen = BTreeSet::new();
    for (index, address) in list.iter().enumerate() {
        if !seen.insert(address) {
            errors.push(FieldError::duplicate(&path.index(index), BadValue::value(&shown(address))));
        }
    }
}

fn pod_ips(status: &PodStatus, path: &Path, errors: &mut Errors) {
    let list: Vec<&str> = items(&status.pod_ips).iter().map(|own| own.ip.as_str()).collect();
    addresses(&list, path, errors);
}

fn host_ips(status: &PodStatus, path: &Path, errors: &mut Errors) {
    let list: Vec<&str> = items(&status.host_ips).iter().map(|own| own.ip.as_str()).collect();
    let Some(first) = list.first() else { return };
    if text(&status.host_ip) != *first {
        errors.push(FieldError::invalid(&path.index(0).child("ip"), *first, "must be equal to `hostIP`"));
    }
    addresses(&list, path, errors);
}
