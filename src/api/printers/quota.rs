//! Kinds that bound what others may do: `printPodDisruptionBudget`, `printPriorityClass`, `printResourceQuota`,
//! `printPodTemplate`, and LimitRange, which has the default table.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodTemplate, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::quantity::Quantity;
use crate::api::time;

/// Name, Min Available, Max Unavailable, Allowed Disruptions, Age.
pub const BUDGET_COLUMNS: &[Column] = &[
    NAME,
    column("Min Available", "string", "The minimum number of pods that must be available."),
    column("Max Unavailable", "string", "The maximum number of pods that may be unavailable."),
    column("Allowed Disruptions", "integer", "Calculated number of pods that may be disrupted at this time."),
    AGE,
];

/// Name, Value, Global-Default, Age, PreemptionPolicy.
pub const PRIORITY_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Value",
        "integer",
        "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
    ),
    column(
        "Global-Default",
        "boolean",
        "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
    ),
    AGE,
    column(
        "PreemptionPolicy",
        "string",
        "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
    ),
];

/// Name, Request, Limit, Age.
pub const QUOTA_COLUMNS: &[Column] = &[
    NAME,
    column("Request", "string", "Request represents a minimum amount of cpu/memory that a container may consume."),
    column(
        "Limit",
        "string",
        "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    ),
    AGE,
];

/// Name, Created At.
pub const LIMIT_RANGE_COLUMNS: &[Column] = &[NAME, Column { name: "Created At", type_: "date", ..AGE }];

/// Name, Containers, Images, Pod Labels.
pub const TEMPLATE_COLUMNS: &[Column] = &[
    NAME,
    Column { priority: 0, ..CONTAINERS },
    Column { priority: 0, ..IMAGES },
    column("Pod Labels", "string", "The labels for the pod template."),
];

/// The cells of a PodDisruptionBudget.
pub fn budget_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(budget) = object.get::<PodDisruptionBudget>() else { return Vec::new() };
    let spec = budget.spec.as_ref();
    let amount = |value: Option<&IntOrString>| match value {
        None => "N/A".to_owned(),
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(text)) => text.clone(),
    };
    vec![
        Value::from(object.name()),
        Value::from(amount(spec.and_then(|spec| spec.min_available.as_ref()))),
        Value::from(amount(spec.and_then(|spec| spec.max_unavailable.as_ref()))),
        Value::from(budget.status.as_ref().and_then(|status| status.disruptions_allowed).unwrap_or(0)),
        age(object, now_unix_micros),
    ]
}

/// The cells of a PriorityClass.
pub fn priority_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(class) = object.get::<PriorityClass>() else { return Vec::new() };
    vec![
        Value::from(object.name()),
        Value::from(class.value.unwrap_or(0)),
        Value::from(class.global_default.unwrap_or(false)),
        age(object, now_unix_micros),
        Value::from(class.preemption_policy.as_deref().unwrap_or_default()),
    ]
}

/// The cells of a ResourceQuota: what is used of what, requests and limits apart.
pub fn quota_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(quota) = object.get::<ResourceQuota>() else { return Vec::new() };
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    if let Some(status) = &quota.status {
        for (name, hard) in status.hard.iter().flatten() {
            let used = status.used.as_ref().and_then(|used| used.get(name)).map(Quantity::of).unwrap_or_default();
            let cell = format!("{name}: {used}/{}", Quantity::of(hard));
            if name.starts_with("limits.") { limits.push(cell) } else { requests.push(cell) }
        }
    }
    vec![
        Value::from(object.name()),
        Value::from(requests.join(", ")),
        Value::from(limits.join(", ")),
        age(object, now_unix_micros),
    ]
}

/// The cells of a LimitRange: the default table, which says when and not how long ago.
pub fn limit_range_row(object: &Object, _: i64) -> Vec<Value> {
    let created = object.meta().creation_timestamp.as_ref().map(time::rfc3339);
    vec![Value::from(object.name()), Value::from(created.unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned()))]
}

/// The cells of a PodTemplate.
pub fn template_row(object: &Object, _: i64) -> Vec<Value> {
    let Some(own) = object.get::<PodTemplate>() else { return Vec::new() };
    let template = own.template.as_ref();
    let containers = template.and_then(|own| own.spec.as_ref()).map_or(&[][..], |spec| &spec.containers);
    let [names, images] = container_cells(containers);
    let labels = template.and_then(|own| own.metadata.as_ref()).and_then(|meta| meta.labels.as_ref());
    vec![Value::from(object.name()), names, images, Value::from(label_text(labels))]
}

/// `labels.FormatLabels`.
fn label_text(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}
