//! Mirrors `validateInitContainers` and `validateEphemeralContainers`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec};

use super::containers::{PodContext, container_common, host_port_conflicts, image_whitespace, lifecycle_and_probes};
use super::errors::Errors;
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;
use crate::api::resources::is_sidecar;

/// `validateInitContainers`.
pub fn init_containers(spec: &PodSpec, pod: &PodContext<'_>, path: &Path, errors: &mut Errors) {
    let mut names: BTreeSet<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    for (index, container) in items(&spec.init_containers).iter().enumerate() {
        let own = path.index(index);
        container_common(container, pod, &own, errors);
        if let Some(policy) = container.restart_policy.as_deref()
            && policy != "Always"
        {
            errors.push(FieldError::not_supported(&own.child("restartPolicy"), policy, &["Always"]));
        }
        if names.contains(container.name.as_str()) {
            errors.push(FieldError::duplicate(&own.child("name"), container.name.as_str()));
        } else if !container.name.is_empty() {
            names.insert(&container.name);
        }
        // One by one: init containers run one after another.
        host_port_conflicts(std::slice::from_ref(container), path, errors);
        if is_sidecar(container) {
            lifecycle_and_probes(container, pod.grace, &own, errors);
            continue;
        }
        for (field, set) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if set {
                let detail = "may not be set for init containers without restartPolicy=Always";
                errors.push(FieldError::forbidden(&own.child(field), detail));
            }
        }
    }
}

/// An ephemeral container as the container it is like.
fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let from = ephemeral.clone();
    Container {
        args: from.args,
        command: from.command,
        env: from.env,
        env_from: from.env_from,
        image: from.image,
        image_pull_policy: from.image_pull_policy,
        lifecycle: from.lifecycle,
        liveness_probe: from.liveness_probe,
        name: from.name,
        ports: from.ports,
        readiness_probe: from.readiness_probe,
        resize_policy: from.resize_policy,
        resources: from.resources,
        restart_policy: from.restart_policy,
        restart_policy_rules: from.restart_policy_rules,
        security_context: from.security_context,
        startup_probe: from.startup_probe,
        stdin: from.stdin,
        stdin_once: from.stdin_once,
        termination_message_path: from.termination_message_path,
        termination_message_policy: from.termination_message_policy,
        tty: from.tty,
        volume_devices: from.volume_devices,
        volume_mounts: from.volume_mounts,
        working_dir: from.working_dir,
    }
}

/// `validateEphemeralContainers`.
pub fn ephemeral_containers(spec: &PodSpec, pod: &PodContext<'_>, path: &Path, errors: &mut Errors) {
    let ephemeral = items(&spec.ephemeral_containers);
    let others: BTreeSet<&str> =
        spec.containers.iter().chain(items(&spec.init_containers)).map(|container| container.name.as_str()).collect();
    let mut names = others.clone();
    for (index, own) in ephemeral.iter().enumerate() {
        let path = path.index(index);
        container_common(&as_container(own), pod, &path, errors);
        image_whitespace(text(&own.image), &path.child("image"), errors);
        if !names.insert(&own.name) {
            errors.push(FieldError::duplicate(&path.child("name"), own.name.as_str()));
        }
        let target = text(&own.target_container_name);
        if !target.is_empty() && !others.contains(target) {
            errors.push(FieldError::not_found(&path.child("targetContainerName"), target, ""));
        }
        not_for_ephemeral(own, &path, errors);
    }
}

fn not_for_ephemeral(own: &EphemeralContainer, path: &Path, errors: &mut Errors) {
    let detail = "cannot be set for an Ephemeral Container";
    let has_resources = own.resources.as_ref().is_some_and(|resources| *resources != Default::default());
    for (field, set) in [
        ("ports", own.ports.is_some()),
        ("resources", has_resources),
        ("resizePolicy", own.resize_policy.is_some()),
        ("restartPolicy", own.restart_policy.is_some()),
        ("restartPolicyRules", own.restart_policy_rules.is_some()),
        ("livenessProbe", own.liveness_probe.is_some()),
        ("readinessProbe", own.readiness_probe.is_some()),
        ("startupProbe", own.startup_probe.is_some()),
        ("lifecycle", own.lifecycle.is_some()),
    ] {
        if set {
            errors.push(FieldError::forbidden(&path.child(field), detail));
        }
    }
    for (index, mount) in items(&own.volume_mounts).iter().enumerate() {
        let path = path.child("volumeMounts").index(index);
        for (field, value) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
            if !text(value).is_empty() {
                errors.push(FieldError::forbidden(&path.child(field), detail));
            }
        }
    }
}
