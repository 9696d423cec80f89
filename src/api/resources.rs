//! Mirrors component-helpers/resource (`PodRequests`, `PodLimits`) and pkg/apis/core/helper/qos.
//! Leaves out: in-place resize, where the status says more than the spec.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::quantity::Quantity;
use crate::sim::Gather;

/// Amounts by resource name.
pub type ResourceList = BTreeMap<String, Quantity>;

/// Requested amounts of a pod by resource name, as `resourcehelper.PodRequests`: the sum over the app
/// containers and sidecars, at least the largest init container's, with pod-level requests in their
/// place where given, and the overhead.
pub fn pod_requests(spec: &PodSpec) -> ResourceList {
    let mut requests = aggregate(spec, |resources| resources.requests.as_ref());
    overlay_pod_level(&mut requests, spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()));
    add(&mut requests, &list(spec.overhead.as_ref()));
    requests
}

/// Limits of a pod by resource name, as `resourcehelper.PodLimits`. The overhead is added only where there is a limit.
pub fn pod_limits(spec: &PodSpec) -> ResourceList {
    let mut limits = aggregate(spec, |resources| resources.limits.as_ref());
    overlay_pod_level(&mut limits, spec.resources.as_ref().and_then(|resources| resources.limits.as_ref()));
    for (name, quantity) in list(spec.overhead.as_ref()) {
        if let Some(limit) = limits.get_mut(&name) {
            *limit += quantity;
        }
    }
    limits
}

/// What the containers request together, without pod-level requests and overhead.
pub fn container_requests(spec: &PodSpec) -> ResourceList {
    aggregate(spec, |resources| resources.requests.as_ref())
}

/// Whether an init container is a sidecar: restarted always, and running beside the app containers.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Whether pod-level resources may name it: cpu, memory and huge pages.
pub fn is_pod_level_resource(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// `IsPodLevelResourcesSet`: whether the pod itself requests or limits anything that it may.
pub fn is_pod_level_set(spec: &PodSpec) -> bool {
    let own = spec.resources.iter().flat_map(|own| own.requests.iter().chain(&own.limits));
    own.flat_map(BTreeMap::keys).any(|name| is_pod_level_resource(name))
}

type Side = fn(&ResourceRequirements) -> Option<&BTreeMap<String, Text>>;

/// Amounts by name, as the API writes them.
pub fn list(texts: Option<&BTreeMap<String, Text>>) -> ResourceList {
    texts.into_iter().flatten().map(|(name, text)| (name.clone(), Quantity::of(text))).gather()
}

fn of_container(container: &Container, side: Side) -> ResourceList {
    list(container.resources.as_ref().and_then(side))
}

fn add(sum: &mut ResourceList, more: &ResourceList) {
    for (name, quantity) in more {
        match sum.get_mut(name) {
            Some(total) => *total += *quantity,
            None => {
                sum.insert(name.clone(), *quantity);
            }
        }
    }
}

fn raise(largest: &mut ResourceList, other: &ResourceList) {
    for (name, quantity) in other {
        match largest.get(name) {
            Some(present) if present >= quantity => {}
            _ => {
                largest.insert(name.clone(), *quantity);
            }
        }
    }
}

fn aggregate(spec: &PodSpec, side: Side) -> ResourceList {
    let mut total = ResourceList::new();
    for container in &spec.containers {
        add(&mut total, &of_container(container, side));
    }
    let mut sidecars = ResourceList::new();
    let mut largest_init = ResourceList::new();
    for container in spec.init_containers.iter().flatten() {
        let mut needed = of_container(container, side);
        if is_sidecar(container) {
            add(&mut total, &needed);
            add(&mut sidecars, &needed);
            needed = sidecars.clone();
        } else {
            // The sidecars started before it run beside it.
            add(&mut needed, &sidecars);
        }
        raise(&mut largest_init, &needed);
    }
    raise(&mut total, &largest_init);
    total
}

fn overlay_pod_level(total: &mut ResourceList, pod_level: Option<&BTreeMap<String, Text>>) {
    for (name, quantity) in list(pod_level) {
        if is_pod_level_resource(&name) {
            total.insert(name, quantity);
        }
    }
}

/// The quality of service a pod gets: the class in its status, or else the one computed from its spec
/// as `qos.ComputePodQOS` does.
pub fn qos_class(pod: &Pod) -> &'static str {
    match pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) {
        Some("Guaranteed") => "Guaranteed",
        Some("Burstable") => "Burstable",
        Some("BestEffort") => "BestEffort",
        _ => pod.spec.as_ref().map_or("BestEffort", compute_qos_class),
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn compute_qos_class(spec: &PodSpec) -> &'static str {
    let pod_level =
        spec.resources.as_ref().filter(|resources| resources.requests.is_some() || resources.limits.is_some());
    let mut requests = ResourceList::new();
    let mut limits = ResourceList::new();
    let mut guaranteed = true;
    let mut count = |resources: Option<&ResourceRequirements>| {
        let positive = |texts: Option<&BTreeMap<String, Text>>| -> ResourceList {
            list(texts).into_iter().filter(|(name, q)| (name == "cpu" || name == "memory") && q.sign() > 0).gather()
        };
        let own = positive(resources.and_then(|resources| resources.limits.as_ref()));
        add(&mut requests, &positive(resources.and_then(|resources| resources.requests.as_ref())));
        add(&mut limits, &own);
        guaranteed &= own.len() == 2;
    };
    if let Some(resources) = pod_level {
        count(Some(resources));
    } else {
        for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
            count(container.resources.as_ref());
        }
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if guaranteed
        && requests.iter().all(|(name, q)| limits.get(name) == Some(q))
        && requests.len() == limits.len()
    {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> PodSpec {
        let value: serde_json::Value = serde_yaml::from_str(yaml).expect("a constant");
        serde_json::from_value(value).expect("a constant")
    }

    #[track_caller]
    fn check(yaml: &str, requests: &str, limits: &str, qos: &str) {
        let spec = spec(yaml);
        let print = |list: ResourceList| {
            list.iter().map(|(name, quantity)| format!("{name}={quantity}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(print(pod_requests(&spec)), requests);
        assert_eq!(print(pod_limits(&spec)), limits);
        assert_eq!(compute_qos_class(&spec), qos);
    }

    #[test]
    fn requests_add_up_as_upstream() {
        check("containers: [{name: a}]", "", "", "BestEffort");
        check(
            "containers: [{name: a, resources: {requests: {cpu: 100m}}}, {name: b, resources: {requests: {cpu: 200m, memory: 1Gi}}}]",
            "cpu=300m memory=1Gi",
            "",
            "Burstable",
        );
        check(
            "{containers: [{name: a, resources: {requests: {cpu: 100m}}}], initContainers: [{name: i, resources: {requests: {cpu: 1}}}]}",
            "cpu=1",
            "",
            "Burstable",
        );
        // A sidecar counts with the app containers and with the init containers that come after it.
        check(
            "{containers: [{name: a, resources: {requests: {cpu: 100m}}}], initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 200m}}}, {name: i, resources: {requests: {cpu: 1}}}]}",
            "cpu=1200m",
            "",
            "Burstable",
        );
        check(
            "{overhead: {cpu: 10m}, containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}}]}",
            "cpu=1010m memory=1Gi",
            "cpu=1010m memory=1Gi",
            "Guaranteed",
        );
        check(
            "{resources: {requests: {cpu: 3}}, containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Gi}}}]}",
            "cpu=3 memory=1Gi",
            "",
            "Burstable",
        );
    }
}
