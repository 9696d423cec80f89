//! Pods: `printPod`.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodSpec, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::{column, or, since, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Ready, Status, Restarts, Age; wide: IP, Node, Nominated Node, Readiness Gates.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Ready", "string", "The aggregate readiness state of this pod for accepting traffic."),
    column("Status", "string", "The aggregate status of the containers in this pod."),
    column(
        "Restarts",
        "string",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    AGE,
    wide(
        "IP",
        "string",
        "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
    ),
    wide(
        "Node",
        "string",
        "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
    ),
    wide(
        "Nominated Node",
        "string",
        "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
    ),
    wide(
        "Readiness Gates",
        "string",
        "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
    ),
];

/// The cells of a pod.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(pod) = object.get::<Pod>() else { return Vec::new() };
    let summary = summarize(pod);
    let empty_status = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&empty_status);
    let restarts = match &summary.last_restart {
        Some(date) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, since(Some(date), now_unix_micros))
        }
        _ => summary.restarts.to_string(),
    };
    let ip = status.pod_ips.iter().flatten().next().map(|ip| ip.ip.as_str());
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    vec![
        Value::from(object.name()),
        Value::from(format!("{}/{}", summary.ready, summary.total)),
        Value::from(summary.reason),
        Value::from(restarts),
        super::age(object, now_unix_micros),
        Value::from(or(ip, "<none>")),
        Value::from(or(node, "<none>")),
        Value::from(or(status.nominated_node_name.as_deref(), "<none>")),
        Value::from(readiness_gates(pod)),
    ]
}

/// The condition of a row whose pod has ended.
pub(super) fn row_condition(object: &Object) -> Option<Value> {
    let (reason, message) = match phase(object.get::<Pod>()?) {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({ "type": "Completed", "status": "True", "reason": reason, "message": message }))
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// What the Ready, Status and Restarts columns say.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub ready: usize,
    pub total: usize,
    /// The Status column: `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating` …
    pub reason: String,
    pub restarts: i64,
    /// When a container last ended and was started again.
    pub last_restart: Option<Time>,
}

/// The state of a pod in the words of `kubectl get pods`.
pub fn summarize(pod: &Pod) -> Summary {
    let (empty_spec, empty_status) = (PodSpec::default(), PodStatus::default());
    let spec = pod.spec.as_ref().unwrap_or(&empty_spec);
    let status = pod.status.as_ref().unwrap_or(&empty_status);
    let mut summary = Summary {
        ready: 0,
        total: spec.containers.len(),
        reason: or(status.reason.as_deref(), phase(pod)),
        restarts: 0,
        last_restart: None,
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if conditions.iter().any(|c| c.type_ == "PodScheduled" && c.reason.as_deref() == Some("SchedulingGated")) {
        summary.reason = "SchedulingGated".to_owned();
    }
    let init_containers = spec.init_containers.as_deref().unwrap_or_default();
    let sidecar =
        |name: &str| init_containers.iter().any(|c| c.name == name && c.restart_policy.as_deref() == Some("Always"));
    summary.total += init_containers.iter().filter(|container| sidecar(&container.name)).count();
    let init_statuses = status.init_container_statuses.as_deref().unwrap_or_default();
    let initializing = add_init_containers(&mut summary, init_statuses, init_containers.len(), &sidecar);
    if !initializing || is_true(conditions, "Initialized") {
        summary.restarts = 0;
        summary.last_restart = None;
        for container in init_statuses.iter().filter(|container| sidecar(&container.name)) {
            summary.add_restarts(container);
            // Upstream counts the sidecars up to the one that is still initializing; that one ends the loop.
            if !passes(container, true) {
                break;
            }
        }
        add_containers(&mut summary, status, conditions);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason.as_deref() == Some("NodeLost") {
            summary.reason = "Unknown".to_owned();
        } else if !matches!(phase(pod), "Succeeded" | "Failed") {
            summary.reason = "Terminating".to_owned();
        }
    }
    summary
}

impl Summary {
    fn add_restarts(&mut self, container: &ContainerStatus) {
        self.restarts += i64::from(container.restart_count);
        let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        if let Some(date) = ended.and_then(|ended| ended.finished_at.as_ref())
            && self.last_restart.as_ref().is_none_or(|last| last < date)
        {
            self.last_restart = Some(date.clone());
        }
    }
}

fn state(container: &ContainerStatus) -> ContainerState {
    container.state.clone().unwrap_or_default()
}

/// Whether initialization goes on past this init container.
fn passes(container: &ContainerStatus, is_sidecar: bool) -> bool {
    state(container).terminated.is_some_and(|ended| ended.exit_code == 0)
        || is_sidecar && container.started == Some(true)
}

/// Goes through the init containers up to the one that is not done; whether there is one.
fn add_init_containers(
    summary: &mut Summary,
    statuses: &[ContainerStatus],
    count: usize,
    sidecar: &dyn Fn(&str) -> bool,
) -> bool {
    for (index, container) in statuses.iter().enumerate() {
        summary.add_restarts(container);
        let is_sidecar = sidecar(&container.name);
        let state = state(container);
        let succeeded = state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0);
        if passes(container, is_sidecar) {
            summary.ready += usize::from(!succeeded && container.ready);
            continue;
        }
        let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
        summary.reason = match &state.terminated {
            Some(ended) => format!("Init:{}", ending(ended)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{count}"),
        };
        return true;
    }
    false
}

/// Why a container ended: its reason, signal or exit code.
fn ending(ended: &ContainerStateTerminated) -> String {
    match (ended.reason.as_deref(), ended.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code),
    }
}

/// Goes through the containers from the last to the first, so that the first has the last word.
fn add_containers(summary: &mut Summary, status: &PodStatus, conditions: &[PodCondition]) {
    let mut has_running = false;
    for container in status.container_statuses.iter().flatten().rev() {
        summary.add_restarts(container);
        let state = state(container);
        let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
        if !waiting.is_empty() {
            summary.reason = waiting.to_owned();
        } else if let Some(ended) = &state.terminated {
            summary.reason = ending(ended);
        } else if container.ready && state.running.is_some() {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && has_running {
        let ready = is_true(conditions, "Ready");
        summary.reason = if ready { "Running" } else { "NotReady" }.to_owned();
    }
}

fn is_true(conditions: &[PodCondition], type_: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

fn readiness_gates(pod: &Pod) -> String {
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let (mut met, mut total) = (0, 0);
    for gate in gates {
        total += 1;
        let condition = conditions.iter().find(|condition| condition.type_ == gate.condition_type);
        met += usize::from(condition.is_some_and(|condition| condition.status == "True"));
    }
    if total == 0 { "<none>".to_owned() } else { format!("{met}/{total}") }
}
