//! Mirrors `validateContainers` and what is common to all sorts of containers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort, ContainerResizePolicy};

use super::environment::{env, env_from};
use super::errors::Errors;
use super::handlers;
use super::mounts::{Volumes, volume_devices, volume_mounts};
use super::names::{self, each};
use super::path::Path;
use super::resources::container_requirements;
use super::security::security_context;
use super::{items, text};
use crate::api::kind::FieldError;

/// What the checks of a container need to know of its pod.
pub struct PodContext<'a> {
    /// The valid volumes.
    pub volumes: Volumes<'a>,
    /// The names of the resource claims.
    pub claims: BTreeSet<&'a str>,
    /// `terminationGracePeriodSeconds`.
    pub grace: Option<i64>,
    /// The pod's restart policy.
    pub restart_policy: &'a str,
    /// Whether the containers share the node's user namespace.
    pub host_users: bool,
}

/// `validateContainers`: the app containers.
pub fn containers(list: &[Container], pod: &PodContext<'_>, path: &Path, errors: &mut Errors) {
    if list.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    let mut names = BTreeSet::new();
    for (index, container) in list.iter().enumerate() {
        let path = path.index(index);
        container_common(container, pod, &path, errors);
        if !names.insert(container.name.as_str()) {
            errors.push(FieldError::duplicate(&path.child("name"), container.name.as_str()));
        }
        lifecycle_and_probes(container, pod.grace, &path, errors);
        // The feature gate ContainerRestartRules is off.
        if container.restart_policy.is_some() {
            let detail = "may not be set for non-init containers";
            errors.push(FieldError::forbidden(&path.child("restartPolicy"), detail));
        }
    }
    host_port_conflicts(list, path, errors);
}

/// Lifecycle hooks and probes, of app containers and sidecars.
pub fn lifecycle_and_probes(container: &Container, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    if let Some(lifecycle) = &container.lifecycle {
        handlers::lifecycle(lifecycle, grace, &path.child("lifecycle"), errors);
    }
    handlers::liveness_or_startup(container.liveness_probe.as_ref(), grace, &path.child("livenessProbe"), errors);
    handlers::readiness(container.readiness_probe.as_ref(), grace, &path.child("readinessProbe"), errors);
    handlers::liveness_or_startup(container.startup_probe.as_ref(), grace, &path.child("startupProbe"), errors);
}

/// `validateContainerCommon`.
pub fn container_common(container: &Container, pod: &PodContext<'_>, path: &Path, errors: &mut Errors) {
    if container.name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    } else {
        each(names::dns1123_label(&container.name), &container.name, &path.child("name"), errors);
    }
    if text(&container.image).is_empty() {
        errors.push(FieldError::required(&path.child("image"), ""));
    }
    let policy_path = path.child("terminationMessagePolicy");
    match text(&container.termination_message_policy) {
        "File" | "FallbackToLogsOnError" => {}
        "" => errors.push(FieldError::required(&policy_path, "")),
        other => errors.push(FieldError::not_supported(&policy_path, other, &["File", "FallbackToLogsOnError"])),
    }
    container_ports(items(&container.ports), &path.child("ports"), errors);
    env(items(&container.env), &path.child("env"), errors);
    env_from(items(&container.env_from), &path.child("envFrom"), errors);
    volume_mounts(container, &pod.volumes, &path.child("volumeMounts"), errors);
    let (devices, mounts) = (items(&container.volume_devices), items(&container.volume_mounts));
    volume_devices(devices, mounts, &pod.volumes, &path.child("volumeDevices"), errors);
    pull_policy(text(&container.image_pull_policy), &path.child("imagePullPolicy"), errors);
    container_requirements(container.resources.as_ref(), &pod.claims, &path.child("resources"), errors);
    resize_policy(items(&container.resize_policy), pod.restart_policy, &path.child("resizePolicy"), errors);
    security_context(container.security_context.as_ref(), pod.host_users, &path.child("securityContext"), errors);
}

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// A protocol of a port, here or of a service.
pub fn protocol(value: &str, path: &Path, errors: &mut Errors) {
    if value.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else if !PROTOCOLS.contains(&value) {
        errors.push(FieldError::not_supported(path, value, PROTOCOLS));
    }
}

fn container_ports(ports: &[ContainerPort], path: &Path, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        if !name.is_empty() {
            let wrong = names::port_name(name);
            if wrong.is_empty() && !names.insert(name) {
                errors.push(FieldError::duplicate(&path.child("name"), name));
            }
            each(wrong, name, &path.child("name"), errors);
        }
        if port.container_port == 0 {
            errors.push(FieldError::required(&path.child("containerPort"), ""));
        } else {
            port_number(port.container_port, &path.child("containerPort"), errors);
        }
        if let Some(host_port) = port.host_port.filter(|port| *port != 0) {
            port_number(host_port, &path.child("hostPort"), errors);
        }
        protocol(text(&port.protocol), &path.child("protocol"), errors);
    }
}

/// A port number between 1 and 65535.
pub fn port_number(port: i32, path: &Path, errors: &mut Errors) {
    errors.extend(names::port_number(port).iter().map(|what| FieldError::invalid(path, port, what)));
}

/// `validatePullPolicy`.
pub fn pull_policy(policy: &str, path: &Path, errors: &mut Errors) {
    match policy {
        "Always" | "IfNotPresent" | "Never" => {}
        "" => errors.push(FieldError::required(path, "")),
        other => errors.push(FieldError::not_supported(path, other, &["Always", "IfNotPresent", "Never"])),
    }
}

fn resize_policy(policies: &[ContainerResizePolicy], restart_policy: &str, path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, policy) in policies.iter().enumerate() {
        let (resource, restart) = (policy.resource_name.as_str(), policy.restart_policy.as_str());
        if !seen.insert(resource) {
            errors.push(FieldError::duplicate(&path.index(index), resource));
        }
        match resource {
            "cpu" | "memory" => {}
            "" => errors.push(FieldError::required(path, "")),
            other => errors.push(FieldError::not_supported(path, other, &["cpu", "memory"])),
        }
        match restart {
            "NotRequired" | "RestartContainer" => {}
            "" => errors.push(FieldError::required(path, "")),
            other => errors.push(FieldError::not_supported(path, other, &["NotRequired", "RestartContainer"])),
        }
        if restart_policy == "Never" && restart != "NotRequired" {
            let detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.push(FieldError::invalid(path, restart, detail));
        }
    }
}

/// `checkHostPortConflicts`.
pub fn host_port_conflicts(list: &[Container], path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, container) in list.iter().enumerate() {
        for (port_index, port) in items(&container.ports).iter().enumerate() {
            let Some(host_port) = port.host_port.filter(|port| *port != 0) else { continue };
            let key = format!("{}/{}/{host_port}", text(&port.protocol), text(&port.host_ip));
            if seen.contains(&key) {
                let path = path.index(index).child("ports").index(port_index).child("hostPort");
                errors.push(FieldError::duplicate(&path, key));
            } else {
                seen.insert(key);
            }
        }
    }
}

/// `validateContainersOnlyForPod`: what a pod refuses and a template does not.
pub fn only_for_pod(list: &[Container], path: &Path, errors: &mut Errors) {
    for (index, container) in list.iter().enumerate() {
        image_whitespace(text(&container.image), &path.index(index).child("image"), errors);
    }
}

/// No space before or after an image's name.
pub fn image_whitespace(image: &str, path: &Path, errors: &mut Errors) {
    if image.trim() != image {
        errors.push(FieldError::invalid(path, image, "must not have leading or trailing whitespace"));
    }
}
