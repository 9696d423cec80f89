//! What the runtime should do for a pod: a plan from what is seen.
//!
//! Mirrors pkg/kubelet/kuberuntime `computePodActions`.

use k8s_openapi::api::core::v1::Container;

use std::sync::Arc;

use crate::api::cri::{ContainerState, ContainerStatus};

use super::pod::{self, Role, is_sidecar, restart_policy, restarts};
use super::pod_workers::Worker;
use super::runtime::PodRuntime;

/// A container to be killed before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToKill {
    pub container_id: Arc<str>,
    pub name: String,
    /// What the event says.
    pub message: String,
}

/// The plan of one sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// The sandbox that is no longer good.
    pub stop_sandbox: Option<Arc<str>>,
    /// The number of the sandbox to be made.
    pub create_sandbox: Option<u32>,
    pub kill: Vec<ToKill>,
    /// Names of containers to be started, in order, with the number each start gets.
    pub start: Vec<(String, u32)>,
}

/// The number of the next start of a container.
fn next_attempt(seen: &PodRuntime, name: &str) -> u32 {
    seen.latest(name).map_or(0, |status| status.attempt + 1)
}

/// What a sync of the pod should do.
pub fn compute(worker: &Worker) -> Actions {
    let spec = pod::spec(&worker.pod);
    let seen = &worker.seen;
    let mut actions = Actions::default();
    if seen.ready_sandbox().is_none() {
        return with_new_sandbox(worker);
    }
    if !init_containers(worker, &mut actions) {
        return actions;
    }
    for container in &spec.containers {
        regular_container(worker, container, &mut actions);
    }
    actions
}

/// No sandbox is ready: a new one, and the pod from its beginning.
fn with_new_sandbox(worker: &Worker) -> Actions {
    let spec = pod::spec(&worker.pod);
    let seen = &worker.seen;
    let mut actions = Actions::default();
    let attempt = seen.sandbox().map_or(0, |sandbox| sandbox.attempt + 1);
    let to_run = |container: &&Container| {
        seen.latest(&container.name).is_none_or(|status| match status.state {
            ContainerState::Exited => restarts(spec, Role::Regular, container, status.exit_code),
            _ => true,
        })
    };
    let regular: Vec<&Container> = spec.containers.iter().filter(to_run).collect();
    actions.stop_sandbox = seen.sandbox().map(|sandbox| sandbox.id.clone());
    let began = attempt > 0 && !seen.containers.is_empty();
    if regular.is_empty() || (began && restart_policy(spec) == "Never") {
        // It has run, and is not to run again.
        actions.stop_sandbox = None;
        return actions;
    }
    actions.create_sandbox = Some(attempt);
    match spec.init_containers.iter().flatten().next() {
        Some(first) => actions.start.push((first.name.clone(), next_attempt(seen, &first.name))),
        None => {
            for container in regular {
                actions.start.push((container.name.clone(), next_attempt(seen, &container.name)));
            }
        }
    }
    actions
}

/// The init containers' turn. True when the regular ones may run.
fn init_containers(worker: &Worker, actions: &mut Actions) -> bool {
    let spec = pod::spec(&worker.pod);
    let seen = &worker.seen;
    let initialized = spec.containers.iter().any(|container| seen.active(&container.name).is_some());
    for container in spec.init_containers.iter().flatten() {
        let sidecar = is_sidecar(container);
        let role = if sidecar { Role::Sidecar } else { Role::Init };
        if initialized && !sidecar {
            continue;
        }
        let start = (container.name.clone(), next_attempt(seen, &container.name));
        let Some(status) = seen.active(&container.name) else {
            actions.start.push(start);
            if initialized {
                continue;
            }
            return false;
        };
        match status.state {
            ContainerState::Running if sidecar => {
                let started = worker.health(&status.id, &container.name).is_none_or(|health| health.started);
                let why = failed_probe(worker, container, status);
                let why = if started && pod::hash(container) != status.hash {
                    Some("definition changed".into())
                } else {
                    why
                };
                if let Some(why) = why {
                    actions.kill.push(to_kill(status, format!("Init container {} {why}", container.name)));
                    actions.start.push(start);
                }
                if !started && !initialized {
                    return false;
                }
            }
            ContainerState::Running => return false,
            ContainerState::Exited if !sidecar && status.exit_code == 0 => {}
            ContainerState::Exited | ContainerState::Created | ContainerState::Unknown => {
                if restarts(spec, role, container, status.exit_code) {
                    actions.start.push(start);
                }
                if !initialized {
                    return false;
                }
            }
        }
    }
    true
}

fn regular_container(worker: &Worker, container: &Container, actions: &mut Actions) {
    let spec = pod::spec(&worker.pod);
    let seen = &worker.seen;
    let start = (container.name.clone(), next_attempt(seen, &container.name));
    let Some(status) = seen.active(&container.name) else {
        // One of an earlier sandbox that is not to run again stays as it is.
        let over = seen.latest(&container.name).is_some_and(|status| {
            status.state == ContainerState::Exited && !restarts(spec, Role::Regular, container, status.exit_code)
        });
        if !over {
            actions.start.push(start);
        }
        return;
    };
    match status.state {
        ContainerState::Running => {
            // A new definition is started whatever the restart policy is.
            let changed = pod::hash(container) != status.hash;
            let why = if changed { Some("definition changed".into()) } else { failed_probe(worker, container, status) };
            let Some(why) = why else { return };
            let mut message = format!("Container {} {why}", container.name);
            if changed || restart_policy(spec) != "Never" {
                message.push_str(", will be restarted");
                actions.start.push(start);
            }
            actions.kill.push(to_kill(status, message));
        }
        ContainerState::Exited => {
            if restarts(spec, Role::Regular, container, status.exit_code) {
                actions.start.push(start);
            }
        }
        ContainerState::Created | ContainerState::Unknown => actions.start.push(start),
    }
}

/// `failed liveness probe`
fn failed_probe(worker: &Worker, container: &Container, status: &ContainerStatus) -> Option<String> {
    worker.health(&status.id, &container.name)?.failed.clone()
}

fn to_kill(status: &ContainerStatus, message: String) -> ToKill {
    ToKill { container_id: status.id.clone(), name: status.name.to_string(), message }
}
