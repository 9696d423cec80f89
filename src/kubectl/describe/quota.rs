//! Kinds that bound what others may do: disruption budgets, priority classes, quotas and limit ranges.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text_;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::quantity::Quantity;
use crate::api::{Object, ObjectMeta, selectors};
use crate::sim::Order;

use super::super::errors::Stop;
use super::super::io::Io;
use super::events;
use super::writer::Text;

type List = Option<BTreeMap<String, Text_>>;

fn name_and_namespace(text: &mut Text, meta: &ObjectMeta) {
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Namespace", meta.namespace.as_deref().unwrap_or_default());
}

fn amount(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

/// `PodDisruptionBudgetDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn budget(io: &mut Io<'_, '_>, budget: &PodDisruptionBudget, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let spec = budget.spec.clone().unwrap_or_default();
    let status = budget.status.clone().unwrap_or_default();
    name_and_namespace(&mut text, &budget.metadata);
    if let Some(least) = &spec.min_available {
        text.field(0, "Min available", amount(least));
    } else if let Some(most) = &spec.max_unavailable {
        text.field(0, "Max unavailable", amount(most));
    }
    let selector = spec.selector.as_ref().map(|selector| selectors::format_meta(Some(selector)));
    text.field(0, "Selector", selector.as_deref().unwrap_or("<unset>"));
    text.put(0, "Status:\n");
    text.field(2, "Allowed disruptions", status.disruptions_allowed.unwrap_or(0));
    text.field(2, "Current", status.current_healthy.unwrap_or(0));
    text.field(2, "Desired", status.desired_healthy.unwrap_or(0));
    text.field(2, "Total", status.expected_pods.unwrap_or(0));
    events::write(io, &mut text, "PodDisruptionBudget", &budget.metadata, show_events)?;
    Ok(text.aligned())
}

/// `PriorityClassDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn priority_class(io: &mut Io<'_, '_>, class: &PriorityClass, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &class.metadata;
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    text.field(0, "Value", class.value.unwrap_or(0));
    text.field(0, "GlobalDefault", class.global_default.unwrap_or(false));
    text.field(0, "PreemptionPolicy", class.preemption_policy.as_deref().unwrap_or_default());
    text.field(0, "Description", class.description.as_deref().unwrap_or_default());
    let pairs = meta.annotations.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let pairs: Vec<String> = pairs.collect();
    text.field(0, "Annotations", if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") });
    events::write(io, &mut text, "PriorityClass", meta, show_events)?;
    Ok(text.aligned())
}

/// `helpTextForResourceQuotaScope`.
fn scope_help(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "Terminating" => {
            "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system."
        }
        "NotTerminating" => {
            "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate."
        }
        "BestEffort" => {
            "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service."
        }
        "NotBestEffort" => {
            "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service."
        }
        _ => return None,
    })
}

/// Scopes and amounts; `star` stands before the help of a scope, `rule` under the second column's head.
fn quota_body(text: &mut Text, level: usize, quota: &ResourceQuota, star: &str, rule: &str) {
    let mut scopes = quota.spec.as_ref().and_then(|spec| spec.scopes.clone()).unwrap_or_default();
    if !scopes.is_empty() {
        scopes.order();
        text.field(level, "Scopes", scopes.join(", "));
        for help in scopes.iter().filter_map(|scope| scope_help(scope)) {
            text.put(level, format!("{star}{help}\n"));
        }
    }
    text.put(level, "Resource\tUsed\tHard\n");
    text.put(level, format!("--------\t{rule}\t{rule}\n"));
    let status = quota.status.clone().unwrap_or_default();
    for (name, hard) in status.hard.iter().flatten() {
        let hard = Quantity::of(hard);
        let used = status.used.as_ref().and_then(|used| used.get(name)).map(Quantity::of).unwrap_or_default();
        // A description of the quota itself shows both in one unit.
        let alike = level == 0 && hard.format() != used.format();
        let used = if alike { Quantity::new(used.value(), hard.format()) } else { used };
        text.put(level, format!("{name}\t{used}\t{hard}\n"));
    }
}

/// `ResourceQuotaDescriber`.
pub fn resource_quota(quota: &ResourceQuota) -> String {
    let mut text = Text::default();
    name_and_namespace(&mut text, &quota.metadata);
    quota_body(&mut text, 0, quota, " * ", "----");
    text.aligned()
}

const LIMIT_HEAD: &str = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio";
const LIMIT_RULE: &str = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------";

/// `describeLimitRangeSpec`. Resources are told by name, where Go walks a map.
fn limits(text: &mut Text, own: &LimitRange, prefix: &str) {
    for item in own.spec.iter().flat_map(|spec| &spec.limits) {
        let LimitRangeItem { max, min, default, default_request, max_limit_request_ratio, type_ } = item;
        let lists = [min, max, default_request, default, max_limit_request_ratio];
        let names: std::collections::BTreeSet<&String> =
            lists.iter().flat_map(|list| list.iter().flat_map(BTreeMap::keys)).collect();
        for name in names {
            let cell = |list: &List| {
                let found = list.as_ref().and_then(|list| list.get(name));
                found.map_or_else(|| "-".to_owned(), |found| Quantity::of(found).to_string())
            };
            let cells: Vec<String> = lists.iter().map(|list| cell(list)).collect();
            text.put(0, format!("{prefix}{type_}\t{name}\t{}\n", cells.join("\t")));
        }
    }
}

/// `LimitRangeDescriber`.
pub fn limit_range(own: &LimitRange) -> String {
    let mut text = Text::default();
    name_and_namespace(&mut text, &own.metadata);
    text.put(0, format!("{LIMIT_HEAD}\n{LIMIT_RULE}\n"));
    limits(&mut text, own, "");
    text.aligned()
}

/// `DescribeResourceQuotas`, for a namespace.
pub fn quotas(text: &mut Text, quotas: &[Arc<Object>]) {
    let quotas: Vec<&ResourceQuota> = quotas.iter().filter_map(|object| object.get()).collect();
    if quotas.is_empty() {
        return text.put(0, "No resource quota.\n");
    }
    text.put(0, "Resource Quotas\n");
    for quota in quotas {
        text.field(1, "Name", quota.metadata.name.as_deref().unwrap_or_default());
        quota_body(text, 1, quota, "* ", "---");
    }
}

/// `DescribeLimitRanges`, for a namespace.
pub fn limit_ranges(text: &mut Text, ranges: &[Arc<Object>]) {
    if ranges.is_empty() {
        return text.put(0, "No LimitRange resource.\n");
    }
    text.put(0, format!("Resource Limits\n {LIMIT_HEAD}\n {LIMIT_RULE}\n"));
    ranges.iter().filter_map(|object| object.get()).for_each(|own| limits(text, own, " "));
}
