//! Amounts of resources as the scheduler adds them up.
//!
//! Mirrors pkg/scheduler/framework `Resource`.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::quantity::Quantity;
use crate::api::resources;
use crate::sim::Gather;

/// What a container without a CPU request is taken to use when nodes are scored.
pub const DEFAULT_MILLI_CPU_REQUEST: i64 = 100;
/// What a container without a memory request is taken to use when nodes are scored.
pub const DEFAULT_MEMORY_REQUEST: i64 = 200 * 1024 * 1024;

/// Amounts by resource name: CPU in millicores, everything else in its unit.
pub type Amounts = BTreeMap<String, i64>;

/// A collection of amounts, the common ones in fields of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    pub allowed_pod_number: i64,
    /// Extended resources, huge pages and the like.
    pub scalar: BTreeMap<Arc<str>, i64>,
}

impl Resource {
    /// From amounts by name.
    pub fn of(amounts: &Amounts) -> Self {
        let mut resource = Resource::default();
        for (name, amount) in amounts {
            match name.as_str() {
                "cpu" => resource.milli_cpu += amount,
                "memory" => resource.memory += amount,
                "ephemeral-storage" => resource.ephemeral_storage += amount,
                "pods" => resource.allowed_pod_number += amount,
                name if is_scalar(name) => *resource.scalar.entry(Arc::from(name)).or_default() += amount,
                _ => {}
            }
        }
        resource
    }

    /// Adds another's amounts.
    pub fn add(&mut self, other: &Resource) {
        self.milli_cpu += other.milli_cpu;
        self.memory += other.memory;
        self.ephemeral_storage += other.ephemeral_storage;
        for (name, amount) in &other.scalar {
            *self.scalar.entry(name.clone()).or_default() += amount;
        }
    }

    /// Takes another's amounts away.
    pub fn subtract(&mut self, other: &Resource) {
        self.milli_cpu -= other.milli_cpu;
        self.memory -= other.memory;
        self.ephemeral_storage -= other.ephemeral_storage;
        for (name, amount) in &other.scalar {
            *self.scalar.entry(name.clone()).or_default() -= amount;
        }
    }

    /// The amount of a resource by name.
    pub fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.milli_cpu,
            "memory" => self.memory,
            "ephemeral-storage" => self.ephemeral_storage,
            "pods" => self.allowed_pod_number,
            name => self.scalar.get(name).copied().unwrap_or(0),
        }
    }
}

/// `schedutil.IsScalarResourceName`: extended resources, huge pages, `kubernetes.io/…`, attachable volumes.
pub fn is_scalar(name: &str) -> bool {
    is_extended(name)
        || name.starts_with("hugepages-")
        || name.contains("kubernetes.io/")
        || name.starts_with("attachable-volumes-")
}

/// `v1helper.IsExtendedResourceName`: somebody else's domain, and not a quota's name.
pub fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

/// Amounts of a resource list.
pub fn amounts(list: Option<&BTreeMap<String, Text>>) -> Amounts {
    list.into_iter().flatten().map(|(name, text)| (name.clone(), amount(name, Quantity::of(text)))).gather()
}

fn amount(name: &str, quantity: Quantity) -> i64 {
    if name == "cpu" { quantity.milli_value() } else { quantity.value() }
}

/// What a pod requests: `resourcehelper.PodRequests`.
pub fn pod_requests(pod: &Pod) -> Amounts {
    pod.spec.as_ref().map(requests).unwrap_or_default()
}

fn requests(spec: &PodSpec) -> Amounts {
    resources::pod_requests(spec).into_iter().map(|(name, quantity)| (name.clone(), amount(&name, quantity))).gather()
}

/// What a pod is taken to use when nodes are scored: CPU in millicores and memory in bytes, with a
/// default for every container that does not say.
pub fn non_zero_requests(pod: &Pod, requested: &Amounts) -> (i64, i64) {
    let Some(spec) = &pod.spec else { return (0, 0) };
    let pod_level = spec.resources.as_ref().is_some_and(|resources| resources.requests.is_some());
    // A pod that says it for all its containers has said it for each.
    let said = |name: &str| pod_level && requested.contains_key(name);
    let cpu = Text(format!("{DEFAULT_MILLI_CPU_REQUEST}m"));
    let memory = Text(DEFAULT_MEMORY_REQUEST.to_string());
    let defaults = [("cpu", cpu), ("memory", memory)].into_iter().filter(|(name, _)| !said(name));
    let defaults: Vec<(&str, Text)> = defaults.collect();
    let filled = |container: &Container| {
        let mut requests = container.resources.as_ref().and_then(|own| own.requests.clone()).unwrap_or_default();
        for (name, amount) in &defaults {
            requests.entry((*name).to_owned()).or_insert_with(|| amount.clone());
        }
        Container {
            restart_policy: container.restart_policy.clone(),
            resources: Some(ResourceRequirements { requests: Some(requests), ..ResourceRequirements::default() }),
            ..Container::default()
        }
    };
    let filled = PodSpec {
        containers: spec.containers.iter().map(filled).collect(),
        init_containers: spec.init_containers.as_ref().map(|containers| containers.iter().map(filled).collect()),
        resources: spec.resources.clone(),
        overhead: spec.overhead.clone(),
        ..PodSpec::default()
    };
    let requests = requests(&filled);
    let get = |name: &str| requests.get(name).copied().unwrap_or(0);
    (get("cpu"), get("memory"))
}
