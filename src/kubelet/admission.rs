//! Admission: whether the node can take a pod that was bound to it.
//!
//! Mirrors pkg/kubelet/lifecycle `predicateAdmitHandler`. Leaves out: OS selection, extended resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec};

use crate::api::resources::qos_class;
use crate::api::{Object, ObjectKey};

use super::eviction::is_critical;
use super::pod;
use super::pod_workers::Stage;
use super::process::Kubelet;
use super::resources::pod_requests;

/// Why a pod is not taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `OutOfcpu`, `NodeAffinity` …
    pub reason: &'static str,
    pub message: String,
}

type Labels = BTreeMap<String, String>;

/// Whether labels meet a requirement.
fn meets(labels: &Labels, requirement: &NodeSelectorRequirement) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let compare = |holds: fn(i64, i64) -> bool| {
        let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
        matches!((number(value), number(values.first())), (Some(a), Some(b)) if holds(a, b))
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|a, b| a > b),
        "Lt" => compare(|a, b| a < b),
        _ => false,
    }
}

fn term_matches(labels: &Labels, name: &str, term: &NodeSelectorTerm) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let name = Labels::from([("metadata.name".to_owned(), name.to_owned())]);
    let any = !expressions.is_empty() || !fields.is_empty();
    any && expressions.iter().all(|requirement| meets(labels, requirement))
        && fields.iter().all(|requirement| meets(&name, requirement))
}

/// Whether a node suits a pod's selector and required affinity.
fn node_matches(spec: &PodSpec, name: &str, labels: &Labels) -> bool {
    let selected = spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    selected
        && required
            .is_none_or(|required| required.node_selector_terms.iter().any(|term| term_matches(labels, name, term)))
}

/// Whether a pod tolerates being scheduled to a node that is short of memory.
fn tolerates_memory_pressure(spec: &PodSpec) -> bool {
    spec.tolerations.iter().flatten().any(|toleration| {
        let of = |field: &Option<String>, value: &str| {
            field.as_deref().is_none_or(|field| field.is_empty() || field == value)
        };
        let exists = toleration.operator.as_deref() == Some("Exists");
        of(&toleration.effect, "NoSchedule")
            && of(&toleration.key, "node.kubernetes.io/memory-pressure")
            && (exists || toleration.key.is_some() && of(&toleration.value, ""))
    })
}

impl Kubelet {
    /// `Admit` of pkg/kubelet/eviction: what the node takes on while it is under pressure.
    fn admit_under_pressure(&self, pod: &Pod) -> Result<(), Rejection> {
        let conditions = self.evictions.conditions();
        let only_memory = conditions == ["MemoryPressure"];
        let spared =
            only_memory && (qos_class(pod) != "BestEffort" || pod.spec.as_ref().is_some_and(tolerates_memory_pressure));
        if conditions.is_empty() || spared || is_critical(pod) {
            return Ok(());
        }
        let message = format!("The node had condition: [{}]. ", conditions.join(" "));
        Err(Rejection { reason: "Evicted", message })
    }

    /// Whether the node can take the pod.
    ///
    /// # Errors
    /// The reason and message its status and event get.
    pub(super) fn admit(&self, pod: &Arc<Object>) -> Result<(), Rejection> {
        let spec = pod::spec(pod);
        self.admit_under_pressure(pod::pod(pod))?;
        let name = &*self.config.node;
        let stored = self.node.informer.store().typed::<Node>(&ObjectKey::new("", name));
        let labels = match stored {
            Some(node) => node.metadata.labels.clone().unwrap_or_default(),
            None => self.node_labels(),
        };
        if !node_matches(spec, name, &labels) {
            let message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
            return Err(Rejection { reason: "NodeAffinity", message: message.to_owned() });
        }
        let active = self.workers.values().filter(|worker| {
            worker.uid.as_ref() != pod.uid() && worker.stage != Stage::Terminated && worker.failure.is_none()
        });
        let (mut count, mut cpu, mut memory) = (0u64, 0, 0);
        for worker in active {
            let requests = worker.pod.requests();
            count += 1;
            cpu += requests.cpu_millis;
            memory += requests.memory_bytes;
        }
        let wanted = pod_requests(spec);
        let short = |reason, resource: &str, requested: u64, used: u64, capacity: u64| {
            if requested > 0 && used + requested > capacity {
                let message = format!(
                    "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
                );
                return Err(Rejection { reason, message });
            }
            Ok(())
        };
        short("OutOfpods", "pods", 1, count, u64::from(self.config.pods))?;
        short("OutOfcpu", "cpu", wanted.cpu_millis, cpu, self.config.cpu_millis)?;
        short(
            "OutOfmemory",
            "memory",
            wanted.memory_bytes,
            memory,
            super::node_status::allocatable_memory(&self.config),
        )
    }
}
