//! Pod, v1.

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;
use std::collections::BTreeMap;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::resources::compute_qos_class;
use crate::api::validation::equality::semantically_equal;
use crate::api::validation::{pod, pod_status, pod_update};

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    short_names: &["po"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["binding", "eviction", "log", "status"],
    etcd_prefix: "pods",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, pod::pod_create),
    validate_update: |new, old| strategy::compare(new, old, pod_update::pod_update),
    validate_status: |new, old| strategy::compare(new, old, pod_status::pod_status_update),
    field_labels: FIELDS,
    field,
    columns: crate::api::printers::pod::COLUMNS,
    row: crate::api::printers::pod::row,
    ..plain(Kind::Pod)
};

const FIELDS: &[&str] = &[
    "spec.host",
    "spec.hostNetwork",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.nominatedNodeName",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];

fn default(object: &mut Object) {
    defaults::pod(strategy::own::<Pod>(object));
}

/// Pending, with its quality of service; gated pods say so.
fn prepare_create(object: &mut Object) {
    let own = strategy::own::<Pod>(object);
    own.metadata.generation = Some(1);
    let spec = own.spec.get_or_insert_default();
    defaults::service_account(spec);
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    let condition = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some("SchedulingGated".to_owned()),
        message: Some("Scheduling is blocked due to non-empty scheduling gates".to_owned()),
        ..PodCondition::default()
    };
    own.status = Some(PodStatus {
        phase: Some("Pending".to_owned()),
        qos_class: Some(compute_qos_class(spec).to_owned()),
        conditions: gated.then(|| vec![condition]),
        ..PodStatus::default()
    });
    merge_label_keys(own);
}

/// `mutatePodAffinity`: `matchLabelKeys` and `mismatchLabelKeys` become requirements on this pod's own values.
fn merge_label_keys(own: &mut Pod) {
    let labels = own.metadata.labels.clone().unwrap_or_default();
    let Some(affinity) = own.spec.as_mut().and_then(|spec| spec.affinity.as_mut()) else { return };
    let (near, far) = (affinity.pod_affinity.as_mut(), affinity.pod_anti_affinity.as_mut());
    let (near_needed, near_wished) = near.map_or((None, None), |own| {
        let needed = own.required_during_scheduling_ignored_during_execution.as_mut();
        (needed, own.preferred_during_scheduling_ignored_during_execution.as_mut())
    });
    let (far_needed, far_wished) = far.map_or((None, None), |own| {
        let needed = own.required_during_scheduling_ignored_during_execution.as_mut();
        (needed, own.preferred_during_scheduling_ignored_during_execution.as_mut())
    });
    for term in [near_needed, far_needed].into_iter().flatten().flatten() {
        merge_into_selector(term, &labels);
    }
    for term in [near_wished, far_wished].into_iter().flatten().flatten() {
        merge_into_selector(&mut term.pod_affinity_term, &labels);
    }
}

fn merge_into_selector(term: &mut PodAffinityTerm, labels: &BTreeMap<String, String>) {
    let Some(selector) = &mut term.label_selector else { return };
    for (keys, operator) in [(&term.match_label_keys, "In"), (&term.mismatch_label_keys, "NotIn")] {
        for key in keys.iter().flatten() {
            let Some(value) = labels.get(key) else { continue };
            selector.match_expressions.get_or_insert_default().push(LabelSelectorRequirement {
                key: key.clone(),
                operator: operator.to_owned(),
                values: Some(vec![value.clone()]),
            });
        }
    }
}

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Pod>(new), old.expect::<Pod>());
    own.status.clone_from(&old.status);
    let unchanged = semantically_equal(&own.spec, &old.spec);
    strategy::bump_generation(&mut own.metadata, unchanged);
}

/// Spec and owners stay; the quality of service and the observed generation are not lost.
fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Pod>(new), old.expect::<Pod>());
    own.spec.clone_from(&old.spec);
    own.metadata.owner_references.clone_from(&old.metadata.owner_references);
    let (status, before) = (own.status.get_or_insert_default(), old.status.clone().unwrap_or_default());
    if status.qos_class.as_deref().unwrap_or_default().is_empty() {
        status.qos_class = before.qos_class;
    }
    if status.observed_generation.unwrap_or(0) == 0 {
        status.observed_generation = before.observed_generation;
    }
    let mut known = before.conditions.unwrap_or_default();
    for condition in status.conditions.iter_mut().flatten() {
        let found = known.iter().position(|before| before.type_ == condition.type_).map(|index| known.remove(index));
        if condition.observed_generation.unwrap_or(0) == 0 {
            condition.observed_generation = found.and_then(|before| before.observed_generation);
        }
    }
}

fn field(object: &Object, label: &str) -> Option<String> {
    let own = object.expect::<Pod>();
    let (spec, status) = (own.spec.as_ref(), own.status.as_ref());
    let ips = || status.and_then(|status| status.pod_ips.as_ref()).into_iter().flatten().map(|ip| ip.ip.as_str());
    let value = match label {
        "spec.host" | "spec.nodeName" => spec?.node_name.clone(),
        "spec.hostNetwork" => Some(spec?.host_network.unwrap_or(false).to_string()),
        "spec.restartPolicy" => spec?.restart_policy.clone(),
        "spec.schedulerName" => spec?.scheduler_name.clone(),
        "spec.serviceAccountName" => spec?.service_account_name.clone(),
        "status.nominatedNodeName" => status.and_then(|status| status.nominated_node_name.clone()),
        "status.phase" => status.and_then(|status| status.phase.clone()),
        "status.podIP" => ips().next().map(str::to_owned).or_else(|| status.and_then(|status| status.pod_ip.clone())),
        "status.podIPs" => Some(ips().collect::<Vec<_>>().join(",")),
        _ => return None,
    };
    Some(value.unwrap_or_default())
}
