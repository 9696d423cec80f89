//! Reading pods.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Object, ObjectKey};

/// The pod in an object that a pod informer brought.
pub fn pod(object: &Object) -> &Pod {
    object.expect::<Pod>()
}

/// A pod's spec. The API server stores none without.
pub fn spec(object: &Object) -> &PodSpec {
    pod(object).spec.as_ref().expect("a pod from the API server has a spec")
}

/// `kubernetes.io` names pods `name_namespace(uid)` in messages: `format.Pod`.
pub fn format_pod(key: &ObjectKey, uid: &str) -> String {
    format!("{}_{}({uid})", key.name, key.namespace)
}

pub use crate::api::resources::is_sidecar;

/// What a container is in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Init,
    Sidecar,
    Regular,
}

/// Every container with what it is, init containers first.
pub fn containers(spec: &PodSpec) -> impl Iterator<Item = (Role, &Container)> {
    let init = spec.init_containers.iter().flatten();
    let init = init.map(|container| (if is_sidecar(container) { Role::Sidecar } else { Role::Init }, container));
    init.chain(spec.containers.iter().map(|container| (Role::Regular, container)))
}

/// The container of that name.
pub fn container<'a>(spec: &'a PodSpec, name: &str) -> Option<(Role, &'a Container)> {
    containers(spec).find(|(_, container)| container.name == name)
}

/// `Always`, `OnFailure` or `Never`.
pub fn restart_policy(spec: &PodSpec) -> &str {
    spec.restart_policy.as_deref().unwrap_or("Always")
}

/// Whether a container of the pod is started again after it ended with `exit_code`.
pub fn restarts(spec: &PodSpec, role: Role, container: &Container, exit_code: i32) -> bool {
    if role == Role::Sidecar {
        return true;
    }
    let policy = container.restart_policy.as_deref().unwrap_or_else(|| restart_policy(spec));
    match (role, policy) {
        (_, "Never") => false,
        (Role::Init, _) | (_, "OnFailure") => exit_code != 0,
        _ => true,
    }
}

/// Which definition a container is made from: the fields that may change while it runs. `HashContainer`.
pub fn hash(container: &Container) -> u32 {
    let image = container.image.as_deref().unwrap_or_default();
    let bytes = container.name.bytes().chain([0]).chain(image.bytes());
    // FNV-1a, as upstream; its text is JSON there.
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The path of a container within its pod: `spec.containers{nginx}`.
pub fn field_path(role: Role, name: &str) -> String {
    match role {
        Role::Regular => format!("spec.containers{{{name}}}"),
        Role::Init | Role::Sidecar => format!("spec.initContainers{{{name}}}"),
    }
}

/// The grace period of a pod that is being deleted, or the one it asks for, in seconds.
pub fn grace_period_seconds(object: &Object) -> u64 {
    let deletion = object.meta().deletion_grace_period_seconds;
    let seconds = deletion.or(spec(object).termination_grace_period_seconds).unwrap_or(30);
    u64::try_from(seconds).unwrap_or(0)
}

/// Whether somebody asked for the pod's deletion.
pub fn is_deleted(object: &Object) -> bool {
    object.meta().deletion_timestamp.is_some()
}

/// The pod's phase as the API server has it.
pub fn phase(object: &Object) -> &str {
    pod(object).status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// A port by number or by the name a container gives it.
pub fn port(container: &Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_deref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok())
            .and_then(|number| u16::try_from(number).ok()),
    }
}
