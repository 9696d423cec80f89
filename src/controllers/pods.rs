//! What controllers ask of a pod.
//!
//! Mirrors pkg/api/v1/pod and pkg/controller `controller_utils.go`.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};

use crate::api::{Object, time};

use super::owners;

/// `GetPodFromTemplate`: a pod of the template, whose name the API server will complete.
pub fn from_template(template: &PodTemplateSpec, owner: &Object) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    let mut pod = Pod { spec: template.spec.clone(), ..Pod::default() };
    pod.metadata.generate_name = Some(format!("{}-", owner.name()));
    pod.metadata.namespace = Some(owner.namespace().to_owned());
    pod.metadata.labels = meta.labels;
    pod.metadata.annotations = meta.annotations;
    pod.metadata.finalizers = meta.finalizers;
    pod.metadata.owner_references = Some(vec![owners::controller_ref(owner)]);
    pod
}

/// The phase; empty before it has one.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The node it is assigned to; empty for none.
pub fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// Whether it is being deleted.
pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether it has run to its end.
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// `controller.IsPodActive`: neither at its end nor being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && !is_terminating(pod)
}

/// The condition of a type.
pub fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition Ready is True.
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

/// When it became ready, in microseconds since the Unix epoch; `None` when it is not, or says not since when.
pub fn ready_since(pod: &Pod) -> Option<i64> {
    let ready = condition(pod, "Ready").filter(|ready| ready.status == "True")?;
    ready.last_transition_time.as_ref().map(time::unix_micros)
}

/// `podutil.IsPodAvailable`: ready for at least `min_ready_seconds`.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, unix_micros: i64) -> bool {
    is_ready(pod)
        && (min_ready_seconds <= 0
            || ready_since(pod).is_some_and(|since| since + i64::from(min_ready_seconds) * 1_000_000 <= unix_micros))
}

/// How long until a ready pod becomes available; `None` when it is already, or is not ready.
pub fn until_available(pod: &Pod, min_ready_seconds: i32, unix_micros: i64) -> Option<Duration> {
    let since = ready_since(pod)?;
    let left = since + i64::from(min_ready_seconds) * 1_000_000 - unix_micros;
    u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_micros)
}

/// The restarts of the container that was restarted most.
pub fn restarts_max(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).max().unwrap_or(0)
}
