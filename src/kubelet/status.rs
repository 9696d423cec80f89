//! A pod's status from what is seen of it.
//!
//! Mirrors pkg/kubelet `generateAPIPodStatus`, `convertToAPIContainerStatuses`, `getPhase` and
//! pkg/kubelet/status/generate.go. Leaves out: status of ephemeral containers and of resizes.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    ContainerUser, HostIP, LinuxContainerUser, PodCondition, PodIP, PodSpec, PodStatus, VolumeMountStatus,
};

use crate::api::cri::{ContainerState as RuntimeState, ContainerStatus as RuntimeStatus};
use crate::api::resources::qos_class;
use crate::api::time::time;

use super::pod::{self, Role, restarts};
use super::pod_workers::{Stage, Worker};

/// The status of the containers of one list.
fn container_statuses(worker: &Worker, list: &[Container], init: bool) -> Vec<ContainerStatus> {
    list.iter()
        .map(|container| {
            let role = match (init, pod::is_sidecar(container)) {
                (false, _) => Role::Regular,
                (true, true) => Role::Sidecar,
                (true, false) => Role::Init,
            };
            container_status(worker, role, container)
        })
        .collect()
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message: message.filter(|m| !m.is_empty()) };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn terminated(status: &RuntimeStatus) -> ContainerState {
    let terminated = ContainerStateTerminated {
        container_id: Some(format!("containerd://{}", status.id)),
        exit_code: status.exit_code,
        finished_at: Some(time(status.finished_unix_micros)),
        started_at: Some(time(status.started_unix_micros)),
        reason: Some(status.reason.to_string()).filter(|reason| !reason.is_empty()),
        message: Some(status.message.to_string()).filter(|message| !message.is_empty()),
        signal: None,
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn state(status: &RuntimeStatus) -> ContainerState {
    match status.state {
        RuntimeState::Running => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(time(status.started_unix_micros)) }),
            ..ContainerState::default()
        },
        RuntimeState::Exited => terminated(status),
        RuntimeState::Created | RuntimeState::Unknown => {
            ContainerState { waiting: Some(ContainerStateWaiting::default()), ..ContainerState::default() }
        }
    }
}

fn container_status(worker: &Worker, role: Role, container: &Container) -> ContainerStatus {
    let spec = pod::spec(&worker.pod);
    let name = container.name.as_str();
    let latest = worker.seen.latest(name);
    let mut status = ContainerStatus {
        name: name.to_owned(),
        image: container.image.clone().unwrap_or_default(),
        started: Some(false),
        ..ContainerStatus::default()
    };
    let resources = container.resources.as_ref();
    if let Some(resources) = resources.filter(|given| given.requests.is_some() || given.limits.is_some()) {
        status.allocated_resources = resources.requests.clone();
        status.resources = Some(resources.clone());
    }
    status.volume_mounts = volume_mounts(container);
    let Some(latest) = latest else {
        let has_init = spec.init_containers.as_ref().is_some_and(|list| !list.is_empty());
        let default = if has_init { "PodInitializing" } else { "ContainerCreating" };
        status.state = Some(waiting(default, None));
        status.last_state = Some(ContainerState::default());
        if let (Some((reason, message)), Stage::Syncing) = (worker.reasons.get(name), &worker.stage) {
            status.state = Some(waiting(reason, Some(message.clone())));
        }
        return status;
    };
    status.image = latest.image.to_string();
    status.image_id = latest.image_ref.to_string();
    let linux = LinuxContainerUser {
        uid: latest.user.uid,
        gid: latest.user.gid,
        supplemental_groups: Some(latest.user.supplemental_groups.clone()),
    };
    status.user = Some(ContainerUser { linux: Some(linux) });
    status.container_id = Some(format!("containerd://{}", latest.id));
    status.restart_count = i32::try_from(latest.attempt).unwrap_or(i32::MAX);
    status.state = Some(state(latest));
    status.last_state = Some(worker.seen.previous(name).map(terminated).unwrap_or_default());
    let running = latest.state == RuntimeState::Running;
    let health = worker.health(&latest.id, name);
    status.started = Some(running && health.is_none_or(|health| health.started));
    status.ready = match role {
        Role::Init => latest.state == RuntimeState::Exited && latest.exit_code == 0,
        _ => running && health.is_some_and(|health| health.ready),
    };
    // One that is to be started again, and has a reason why it is not, is waiting.
    let again = latest.state == RuntimeState::Exited && restarts(spec, role, container, latest.exit_code);
    if let (true, Some((reason, message)), Stage::Syncing) = (again, worker.reasons.get(name), &worker.stage) {
        status.last_state = status.state.take();
        status.state = Some(waiting(reason, Some(message.clone())));
    }
    status
}

fn volume_mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.as_ref().filter(|mounts| !mounts.is_empty())?;
    let status = |mount: &k8s_openapi::api::core::v1::VolumeMount| VolumeMountStatus {
        mount_path: mount.mount_path.clone(),
        name: mount.name.clone(),
        read_only: mount.read_only.filter(|read_only| *read_only),
        recursive_read_only: mount.read_only.filter(|read_only| *read_only).map(|_| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    };
    Some(mounts.iter().map(status).collect())
}

/// Whether the end of a failed pod is not told yet: containers of it still run (`mergePodStatus`).
fn is_held_back(worker: &Worker) -> bool {
    worker.stage != Stage::Terminated
        && worker.seen.containers.iter().any(|container| container.state == RuntimeState::Running)
}

/// `getPhase`, with a failure of the whole pod above it.
pub fn phase(worker: &Worker) -> &'static str {
    if worker.failure.is_some() && !is_held_back(worker) {
        return "Failed";
    }
    match pod::phase(&worker.pod) {
        // A phase that is an end is never left.
        "Failed" => return "Failed",
        "Succeeded" => return "Succeeded",
        _ => {}
    }
    let spec = pod::spec(&worker.pod);
    match init_phase(worker, spec) {
        Some(phase) => phase,
        None => main_phase(worker, spec),
    }
}

/// What the init containers make of the phase, while they do.
fn init_phase(worker: &Worker, spec: &PodSpec) -> Option<&'static str> {
    let initialized = spec.containers.iter().any(|container| worker.seen.latest(&container.name).is_some());
    let mut pending = false;
    for container in spec.init_containers.iter().flatten() {
        let latest = worker.seen.latest(&container.name);
        if pod::is_sidecar(container) {
            let started = latest.is_some_and(|status| {
                status.state == RuntimeState::Running
                    && worker.health(&status.id, &container.name).is_none_or(|health| health.started)
            });
            pending |= !started;
            continue;
        }
        match latest.map(|status| (status.state, status.exit_code)) {
            Some((RuntimeState::Exited, 0)) => {}
            Some((RuntimeState::Exited, code)) if !restarts(spec, Role::Init, container, code) => {
                return Some("Failed");
            }
            _ => pending = true,
        }
    }
    (pending && !initialized).then_some("Pending")
}

/// The phase by the regular containers.
fn main_phase(worker: &Worker, spec: &PodSpec) -> &'static str {
    let (mut unknown, mut running, mut stopped, mut succeeded) = (0, 0, 0, 0);
    for container in &spec.containers {
        match worker.seen.latest(&container.name).map(|status| (status.state, status.exit_code)) {
            Some((RuntimeState::Running, _)) => running += 1,
            Some((RuntimeState::Exited, code)) => {
                stopped += 1;
                succeeded += usize::from(code == 0);
            }
            _ => unknown += 1,
        }
    }
    if unknown > 0 {
        return "Pending";
    }
    if running > 0 {
        return "Running";
    }
    // A pod whose deletion ended its containers has ended with them.
    let over = worker.stage == Stage::Terminated;
    match pod::restart_policy(spec) {
        _ if stopped == 0 => "Pending",
        "Always" if !over => "Running",
        _ if succeeded == stopped => "Succeeded",
        "OnFailure" if !over => "Running",
        _ => "Failed",
    }
}

/// The status to be reported.
pub fn generate(worker: &Worker, host_ip: &str, unix_micros: i64) -> PodStatus {
    let spec = pod::spec(&worker.pod);
    let generation = worker.pod.meta().generation;
    let old = pod::pod(&worker.pod).status.clone().unwrap_or_default();
    let phase = phase(worker);
    let mut status = PodStatus {
        observed_generation: generation,
        phase: Some(phase.to_owned()),
        host_ip: Some(host_ip.to_owned()),
        host_ips: Some(vec![HostIP { ip: host_ip.to_owned() }]),
        qos_class: Some(qos_class(pod::pod(&worker.pod)).to_owned()),
        start_time: Some(old.start_time.clone().unwrap_or_else(|| time(worker.start_unix_micros))),
        ..PodStatus::default()
    };
    if let Some(failure) = worker.failure.as_ref().filter(|_| !is_held_back(worker)) {
        status.reason = Some(failure.reason.clone());
        status.message = Some(failure.message.clone());
    }
    let admitted = worker.failure.is_none() || worker.seen.sandbox().is_some() || old.container_statuses.is_some();
    if admitted {
        status.container_statuses = Some(container_statuses(worker, &spec.containers, false));
        if let Some(init) = spec.init_containers.as_ref().filter(|init| !init.is_empty()) {
            status.init_container_statuses = Some(container_statuses(worker, init, true));
        }
    }
    let ip = match spec.host_network {
        Some(true) => Some(host_ip.to_owned()),
        _ => worker.seen.sandbox().map(|sandbox| sandbox.ip.to_string()).filter(|ip| !ip.is_empty()),
    };
    let ip = ip.or(old.pod_ip.clone());
    status.pod_ips = ip.clone().map(|ip| vec![PodIP { ip }]);
    status.pod_ip = ip;
    let old_conditions = old.conditions.as_deref().unwrap_or_default();
    status.conditions = Some(conditions(worker, spec, &status, old_conditions, generation, unix_micros));
    status
}

struct Verdict {
    type_: &'static str,
    status: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

fn verdict(type_: &'static str, status: bool) -> Verdict {
    Verdict { type_, status, reason: None, message: None }
}

fn conditions(
    worker: &Worker,
    spec: &PodSpec,
    status: &PodStatus,
    old: &[PodCondition],
    generation: Option<i64>,
    unix_micros: i64,
) -> Vec<PodCondition> {
    let phase = status.phase.as_deref().unwrap_or_default();
    let containers_ready = containers_ready(spec, status, phase);
    let ready = pod_ready(spec, &containers_ready, old);
    let sandbox = worker.seen.ready_sandbox().is_some();
    let verdicts = [
        verdict("PodReadyToStartContainers", sandbox),
        initialized(spec, status, phase),
        ready,
        containers_ready,
        verdict("PodScheduled", true),
    ];
    let mut conditions: Vec<PodCondition> = Vec::with_capacity(verdicts.len() + old.len());
    for verdict in verdicts {
        let before = old.iter().find(|condition| condition.type_ == verdict.type_);
        let value = if verdict.status { "True" } else { "False" };
        let unchanged = before.filter(|condition| condition.status == value);
        let since = unchanged.and_then(|condition| condition.last_transition_time.clone());
        conditions.push(PodCondition {
            type_: verdict.type_.to_owned(),
            status: value.to_owned(),
            reason: verdict.reason.map(str::to_owned),
            message: verdict.message,
            observed_generation: generation,
            last_probe_time: None,
            last_transition_time: Some(since.unwrap_or_else(|| time(unix_micros))),
        });
    }
    // What others put there stays.
    let others = old.iter().filter(|condition| conditions.iter().all(|mine| mine.type_ != condition.type_));
    let others: Vec<PodCondition> = others.cloned().collect();
    conditions.extend(others);
    let evicted = worker.failure.as_ref().filter(|failure| failure.evicted && !is_held_back(worker));
    if let Some(failure) = evicted.filter(|_| old.iter().all(|condition| condition.type_ != "DisruptionTarget")) {
        conditions.push(PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some("TerminationByKubelet".to_owned()),
            message: Some(failure.message.clone()),
            observed_generation: generation,
            last_probe_time: None,
            last_transition_time: Some(time(unix_micros)),
        });
    }
    conditions
}

/// A list of names as Go prints a slice.
fn names(list: &[&str]) -> String {
    format!("[{}]", list.join(" "))
}

fn find<'a>(list: Option<&'a Vec<ContainerStatus>>, name: &str) -> Option<&'a ContainerStatus> {
    list.and_then(|list| list.iter().find(|status| status.name == name))
}

fn containers_ready(spec: &PodSpec, status: &PodStatus, phase: &str) -> Verdict {
    let mut verdict = verdict("ContainersReady", false);
    match phase {
        "Succeeded" => {
            verdict.reason = Some("PodCompleted");
            return verdict;
        }
        "Failed" => {
            verdict.reason = Some("PodFailed");
            return verdict;
        }
        _ => {}
    }
    let sidecars = spec.init_containers.iter().flatten().filter(|container| pod::is_sidecar(container));
    let sidecars =
        sidecars.map(|container| (find(status.init_container_statuses.as_ref(), &container.name), container));
    let regular = spec.containers.iter();
    let regular = regular.map(|container| (find(status.container_statuses.as_ref(), &container.name), container));
    let unready: Vec<&str> = sidecars
        .chain(regular)
        .filter(|(status, _)| !status.is_some_and(|status| status.ready))
        .map(|(_, container)| container.name.as_str())
        .collect();
    if unready.is_empty() {
        verdict.status = true;
    } else {
        verdict.reason = Some("ContainersNotReady");
        verdict.message = Some(format!("containers with unready status: {}", names(&unready)));
    }
    verdict
}

fn pod_ready(spec: &PodSpec, containers: &Verdict, old: &[PodCondition]) -> Verdict {
    let mut verdict = Verdict { message: containers.message.clone(), ..verdict("Ready", containers.status) };
    verdict.reason = containers.reason;
    if !containers.status {
        return verdict;
    }
    let mut unmet = Vec::new();
    for gate in spec.readiness_gates.iter().flatten() {
        let name = &gate.condition_type;
        match old.iter().find(|condition| condition.type_ == *name) {
            None => unmet.push(format!("corresponding condition of pod readiness gate \"{name}\" does not exist.")),
            Some(condition) if condition.status != "True" => unmet
                .push(format!("the status of pod readiness gate \"{name}\" is not \"True\", but {}", condition.status)),
            Some(_) => {}
        }
    }
    if !unmet.is_empty() {
        verdict.status = false;
        verdict.reason = Some("ReadinessGatesNotReady");
        verdict.message = Some(unmet.join(", "));
    }
    verdict
}

fn initialized(spec: &PodSpec, status: &PodStatus, phase: &str) -> Verdict {
    let mut verdict = verdict("Initialized", true);
    if phase == "Succeeded" {
        verdict.reason = Some("PodCompleted");
        return verdict;
    }
    let regular = status.container_statuses.iter().flatten();
    let started = regular.into_iter().any(|status| status.container_id.is_some());
    if started {
        return verdict;
    }
    let incomplete: Vec<&str> = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| {
            let status = find(status.init_container_statuses.as_ref(), &container.name);
            let done = |status: &ContainerStatus| match pod::is_sidecar(container) {
                true => status.started == Some(true),
                false => status.ready,
            };
            !status.is_some_and(done)
        })
        .map(|container| container.name.as_str())
        .collect();
    if !incomplete.is_empty() {
        verdict.status = false;
        verdict.reason = Some("ContainersNotInitialized");
        verdict.message = Some(format!("containers with incomplete status: {}", names(&incomplete)));
    }
    verdict
}
