//! What objects use of a quota, and whether a quota has room: for admission and for the controller.
//!
//! Mirrors pkg/quota/v1/evaluator/core, apiserver/pkg/quota/v1 and `CheckRequest` of the admission plugin. Leaves out:
//! resources limited by configuration, resource claims, in-place resize.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement, Service,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::kind::KindInfo;
use super::object::{Kind, Object};
use super::printers::persistentvolumeclaim::storage_class;
use super::quantity::{Format, Quantity};
use super::resources::{self, ResourceList, pod_limits, pod_requests, qos_class};
use super::time;
use super::validation::resource_names::{is_extended, is_huge_page, is_native};
use crate::sim::{Gather, Order};

/// What a pod must say when a quota counts it: `validationSet`.
const MUST_SAY: &[&str] = &["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
const OF_PODS: &[&str] = &[
    "count/pods",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "pods",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const OF_SERVICES: &[&str] = &["count/services", "services", "services.loadbalancers", "services.nodeports"];
const OF_CLAIMS: &[&str] = &["persistentvolumeclaims", "requests.storage"];
/// Between a storage class and the resource counted for it.
const BY_CLASS: &str = ".storageclass.storage.k8s.io/";

/// Amounts by resource name, as the API has them.
pub type List = Option<BTreeMap<String, Text>>;

/// A list as the API has it.
pub fn read(list: &List) -> ResourceList {
    resources::list(list.as_ref())
}

/// A list for the API.
pub fn write(list: &ResourceList) -> List {
    Some(list.iter().map(|(name, quantity)| (name.clone(), quantity.to_text())).gather())
}

/// `deployments.apps` as a quota counts it.
fn count_name(info: &KindInfo) -> String {
    format!("count/{}", info.group_resource())
}

/// Kinds that were counted before every kind was.
fn is_legacy(kind: Kind) -> bool {
    matches!(kind, Kind::ConfigMap | Kind::ReplicationController | Kind::ResourceQuota | Kind::Secret)
}

/// Whether a quota can count objects of a kind: all in namespaces but events and what is not stored.
pub fn is_counted(info: &KindInfo) -> bool {
    info.namespaced() && info.verbs.contains(&"watch") && !matches!(info.id, Kind::Event | Kind::EventsV1Event)
}

/// `MatchingResources`: whether objects of a kind use a resource.
pub fn concerns(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Pod => {
            let huge = is_huge_page(name) || name.starts_with("requests.hugepages-");
            OF_PODS.contains(&name) || huge || !is_native(name) && name.starts_with("requests.")
        }
        Kind::Service => OF_SERVICES.contains(&name),
        Kind::PersistentVolumeClaim => {
            let of_class = |own: &&str| name.strip_suffix(*own).is_some_and(|rest| rest.ends_with(BY_CLASS));
            name == "count/persistentvolumeclaims" || OF_CLAIMS.contains(&name) || OF_CLAIMS.iter().any(of_class)
        }
        other => {
            let info = other.info();
            is_counted(info) && name == count_name(info) || is_legacy(other) && name == info.plural
        }
    }
}

fn one() -> Quantity {
    Quantity::new(1, Format::DecimalSi)
}

/// `QuotaV1Pod`: whether a pod still uses anything.
pub fn lives(pod: &Pod, unix_micros: i64) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return false;
    }
    match (&pod.metadata.deletion_timestamp, pod.metadata.deletion_grace_period_seconds) {
        (Some(end), Some(grace)) => unix_micros <= time::unix_micros(end) + grace * 1_000_000,
        _ => true,
    }
}

/// `podComputeUsageHelper`.
fn compute(requests: &ResourceList, limits: &ResourceList) -> ResourceList {
    let mut usage = ResourceList::from([("pods".to_owned(), one())]);
    for name in ["cpu", "ephemeral-storage", "memory"] {
        if let Some(request) = requests.get(name) {
            usage.insert(name.to_owned(), *request);
            usage.insert(format!("requests.{name}"), *request);
        }
        if let Some(limit) = limits.get(name) {
            usage.insert(format!("limits.{name}"), *limit);
        }
    }
    for (name, request) in requests {
        if is_huge_page(name) {
            usage.insert(name.clone(), *request);
        }
        if is_huge_page(name) || is_extended(name) {
            usage.insert(format!("requests.{name}"), *request);
        }
    }
    usage
}

/// What an object uses.
pub fn usage(object: &Object, unix_micros: i64) -> ResourceList {
    let mut usage = ResourceList::from([(count_name(object.info()), one())]);
    match object {
        Object::Pod(pod) => {
            if let Some(spec) = pod.spec.as_ref().filter(|_| lives(pod, unix_micros)) {
                usage.extend(compute(&pod_requests(spec), &pod_limits(spec)));
            }
        }
        Object::Service(service) => usage.extend(of_service(service)),
        Object::PersistentVolumeClaim(claim) => usage.extend(of_claim(claim)),
        other if is_legacy(other.kind()) => {
            usage.insert(other.info().plural.to_owned(), one());
        }
        _ => {}
    }
    usage
}

fn of_service(service: &Service) -> ResourceList {
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    let named = ports.iter().filter(|port| port.node_port.unwrap_or(0) != 0).count();
    let (balancers, node_ports) = match spec.type_.as_deref() {
        Some("NodePort") => (0, ports.len()),
        Some("LoadBalancer") if spec.allocate_load_balancer_node_ports == Some(false) => (1, named),
        Some("LoadBalancer") => (1, ports.len()),
        _ => (0, 0),
    };
    let amount = |count: usize| Quantity::new(count as i64, Format::DecimalSi);
    ResourceList::from([
        ("services".to_owned(), one()),
        ("services.loadbalancers".to_owned(), amount(balancers)),
        ("services.nodeports".to_owned(), amount(node_ports)),
    ])
}

fn of_claim(claim: &PersistentVolumeClaim) -> ResourceList {
    let class = storage_class(claim);
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let asked = resources.and_then(|own| own.requests.as_ref()?.get("storage")).map(Quantity::of);
    let allocated = claim.status.as_ref().and_then(|status| status.allocated_resources.as_ref()?.get("storage"));
    let asked = asked.map(|asked| allocated.map_or(asked, |own| asked.max(Quantity::of(own))));
    // Storage is counted in whole bytes.
    let asked =
        asked.map(
            |asked| {
                if asked.milli_value() % 1000 == 0 { asked } else { Quantity::new(asked.value(), asked.format()) }
            },
        );
    let mut usage = ResourceList::new();
    for (name, amount) in [("persistentvolumeclaims", Some(one())), ("requests.storage", asked)] {
        let Some(amount) = amount else { continue };
        usage.insert(name.to_owned(), amount);
        if !class.is_empty() {
            usage.insert(format!("{class}{BY_CLASS}{name}"), amount);
        }
    }
    usage
}

/// The scopes of a quota, whichever way they are written.
fn scopes(quota: &ResourceQuota) -> Vec<ScopedResourceSelectorRequirement> {
    let Some(spec) = &quota.spec else { return Vec::new() };
    let exists = |scope: &String| ScopedResourceSelectorRequirement {
        scope_name: scope.clone(),
        operator: "Exists".to_owned(),
        values: None,
    };
    let selector = spec.scope_selector.iter().flat_map(|own| own.match_expressions.iter().flatten());
    spec.scopes.iter().flatten().map(exists).chain(selector.cloned()).collect()
}

fn in_scope(scope: &ScopedResourceSelectorRequirement, object: &Object) -> bool {
    match object {
        Object::Pod(pod) => pod_in_scope(scope, pod),
        Object::PersistentVolumeClaim(claim) if scope.scope_name == "VolumeAttributesClass" => {
            match attributes_classes(claim).as_slice() {
                [] => selects(scope, ""),
                classes => classes.iter().any(|class| selects(scope, class)),
            }
        }
        _ => false,
    }
}

/// `getReferencedVolumeAttributesClassNames`: the class that is asked for, the one there is, and the one on the way.
pub fn attributes_classes(claim: &PersistentVolumeClaim) -> Vec<&str> {
    let asked = claim.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    let status = claim.status.as_ref();
    let own = status.and_then(|status| status.current_volume_attributes_class_name.as_deref());
    let modifying = status.and_then(|status| status.modify_volume_status.as_ref());
    let coming = modifying.and_then(|modifying| modifying.target_volume_attributes_class_name.as_deref());
    let mut classes: Vec<&str> = [asked, own, coming].into_iter().flatten().filter(|class| !class.is_empty()).collect();
    classes.order();
    classes.dedup();
    classes
}

/// Whether a requirement picks a value; an empty one is none.
fn selects(scope: &ScopedResourceSelectorRequirement, value: &str) -> bool {
    let listed = scope.values.iter().flatten().any(|own| own == value);
    match scope.operator.as_str() {
        "Exists" => !value.is_empty(),
        "DoesNotExist" => value.is_empty(),
        "In" => !value.is_empty() && listed,
        "NotIn" => value.is_empty() || !listed,
        _ => false,
    }
}

/// `podMatchesScopeFunc`.
fn pod_in_scope(scope: &ScopedResourceSelectorRequirement, pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let terminating = spec.and_then(|spec| spec.active_deadline_seconds).is_some_and(|seconds| seconds >= 0);
    let best_effort = || qos_class(pod) == "BestEffort";
    match scope.scope_name.as_str() {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => best_effort(),
        "NotBestEffort" => !best_effort(),
        "PriorityClass" => {
            selects(scope, spec.and_then(|spec| spec.priority_class_name.as_deref()).unwrap_or_default())
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

/// `usesCrossNamespacePodAffinity`.
fn crosses_namespaces(pod: &Pod) -> bool {
    let crosses = |term: &PodAffinityTerm| {
        term.namespaces.as_ref().is_some_and(|names| !names.is_empty()) || term.namespace_selector.is_some()
    };
    let Some(affinity) = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()) else { return false };
    let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
    let needed = near.iter().flat_map(|own| own.required_during_scheduling_ignored_during_execution.iter().flatten());
    let avoided = far.iter().flat_map(|own| own.required_during_scheduling_ignored_during_execution.iter().flatten());
    let wished = near.iter().flat_map(|own| own.preferred_during_scheduling_ignored_during_execution.iter().flatten());
    let shunned = far.iter().flat_map(|own| own.preferred_during_scheduling_ignored_during_execution.iter().flatten());
    needed.chain(avoided).any(crosses) || wished.chain(shunned).any(|term| crosses(&term.pod_affinity_term))
}

/// Whether a quota counts an object at all.
fn matches(quota: &ResourceQuota, hard: &ResourceList, object: &Object) -> bool {
    let kind = object.kind();
    hard.keys().any(|name| concerns(kind, name)) && scopes(quota).iter().all(|scope| in_scope(scope, object))
}

/// `Constraints`: what a pod must say because a quota counts it.
fn must_say(pod: &Pod, hard: &ResourceList) -> Option<String> {
    let required: Vec<&str> = MUST_SAY.iter().copied().filter(|name| hard.contains_key(*name)).collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let spec = pod.spec.as_ref()?;
    if resources::is_pod_level_set(spec) {
        return None;
    }
    let list = |container: &Container| {
        let own = container.resources.clone().unwrap_or_default();
        compute(&read(&own.requests), &read(&own.limits))
    };
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let says = list(container);
        for name in required.iter().filter(|name| !says.contains_key(**name)) {
            missing.entry(name).or_default().insert(&container.name);
        }
    }
    if missing.is_empty() {
        return None;
    }
    let texts: Vec<String> = missing
        .into_iter()
        .map(|(name, containers)| format!("{name} for: {}", containers.into_iter().collect::<Vec<_>>().join(",")))
        .collect();
    Some(format!("must specify {}", texts.join("; ")))
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(",")
}

/// `prettyPrint`, of some of the amounts.
fn amounts(list: &ResourceList, of: &[&String]) -> String {
    let cell = |name: &&&String| format!("{name}={}", list.get(**name).copied().unwrap_or_default());
    of.iter().filter(|name| list.contains_key(**name)).map(|name| cell(&name)).collect::<Vec<_>>().join(",")
}

/// `CheckRequest` for one quota: what is used of it once `object` is stored in the place of `old`, or nothing where
/// that changes nothing.
///
/// # Errors
/// Why the object is not let in.
pub fn check(
    quota: &ResourceQuota,
    object: &Object,
    old: Option<&Object>,
    unix_micros: i64,
) -> Result<Option<ResourceList>, String> {
    let status = quota.status.clone().unwrap_or_default();
    let (hard, used) = (read(&status.hard), read(&status.used));
    if !matches(quota, &hard, object) {
        return Ok(None);
    }
    let quota_name = quota.metadata.name.as_deref().unwrap_or_default();
    let kind = object.kind();
    let concerned: Vec<&String> = hard.keys().filter(|name| concerns(kind, name)).collect();
    if let Object::Pod(pod) = object
        && let Some(why) = must_say(pod, &hard)
    {
        return Err(format!("failed quota: {quota_name}: {why}"));
    }
    if concerned.iter().any(|name| !used.contains_key(*name)) {
        let list = names(concerned.into_iter());
        return Err(format!("status unknown for quota: {quota_name}, resources: {list}"));
    }
    let mut delta = usage(object, unix_micros);
    let negative: Vec<&String> = delta.iter().filter(|(_, own)| own.sign() < 0).map(|(name, _)| name).collect();
    if !negative.is_empty() {
        return Err(format!("quota usage is negative for resource(s): {}", names(negative.into_iter())));
    }
    if let Some(old) = old.filter(|old| matches(quota, &hard, old)) {
        for (name, before) in usage(old, unix_micros) {
            if let Some(own) = delta.get_mut(&name) {
                *own = (*own - before).max(Quantity::ZERO);
            }
        }
    }
    delta.retain(|name, own| !own.is_zero() && hard.contains_key(name));
    if delta.is_empty() {
        return Ok(None);
    }
    let mut new = used.clone();
    for (name, amount) in &delta {
        *new.entry(name.clone()).or_default() += *amount;
    }
    let exceeded: Vec<&String> = delta.keys().filter(|name| new.get(*name) > hard.get(*name)).collect();
    if !exceeded.is_empty() {
        return Err(format!(
            "exceeded quota: {quota_name}, requested: {}, used: {}, limited: {}",
            amounts(&delta, &exceeded),
            amounts(&used, &exceeded),
            amounts(&hard, &exceeded),
        ));
    }
    Ok(Some(new))
}

/// `CalculateUsage`: what is used of a quota by these objects of its namespace, for the resources that any kind of
/// object uses.
pub fn calculate<'a>(
    quota: &ResourceQuota,
    objects: impl Iterator<Item = &'a Object>,
    unix_micros: i64,
) -> ResourceList {
    let hard = read(&quota.spec.as_ref().and_then(|spec| spec.hard.clone()));
    let scopes = scopes(quota);
    let known = |name: &&String| super::KINDS.iter().any(|info| concerns(info.id, name));
    let mut used: ResourceList = hard.keys().filter(known).map(|name| (name.clone(), Quantity::ZERO)).gather();
    for object in objects {
        let kind = object.kind();
        if !used.keys().any(|name| concerns(kind, name)) || !scopes.iter().all(|scope| in_scope(scope, object)) {
            continue;
        }
        for (name, amount) in usage(object, unix_micros) {
            if let Some(sum) = used.get_mut(&name) {
                *sum += amount;
            }
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(kind: Kind, value: Value) -> Object {
        Object::from_value(kind, &value, &mut |field| panic!("unknown field {field}")).expect("an object")
    }

    fn quota(spec: Value, status: Value) -> ResourceQuota {
        let value = json!({ "metadata": { "name": "q", "namespace": "default" }, "spec": spec, "status": status });
        object(Kind::ResourceQuota, value).get::<ResourceQuota>().expect("a quota").clone()
    }

    #[test]
    fn what_a_pod_says_for_all_its_containers_need_not_be_said_by_each() {
        let status =
            json!({ "hard": { "limits.cpu": "4", "memory": "1Gi" }, "used": { "limits.cpu": "0", "memory": "0" } });
        let quota = quota(json!({ "hard": status["hard"] }), status);
        let pod = |resources: Value| {
            object(
                Kind::Pod,
                json!({
                    "metadata": { "name": "web", "namespace": "default" },
                    "spec": { "containers": [{ "name": "b" }, { "name": "a" }], "resources": resources },
                }),
            )
        };
        let said = |resources: Value| check(&quota, &pod(resources), None, 0);
        let why = "failed quota: q: must specify limits.cpu for: a,b; memory for: a,b";
        assert_eq!(said(Value::Null), Err(why.to_owned()));
        assert_eq!(said(json!({ "requests": {} })), Err(why.to_owned()));
        let used = said(json!({ "limits": { "cpu": "2" } })).expect("it may").expect("it uses something");
        assert_eq!(write(&used).expect("a list")["limits.cpu"].0, "2");
    }

    #[test]
    fn a_claim_counts_for_every_class_that_it_has_or_will_have() {
        let claim = |spec: &str, own: &str, coming: &str| {
            object(
                Kind::PersistentVolumeClaim,
                json!({
                    "metadata": { "name": "data", "namespace": "default" },
                    "spec": { "volumeAttributesClassName": spec },
                    "status": {
                        "currentVolumeAttributesClassName": own,
                        "modifyVolumeStatus": { "targetVolumeAttributesClassName": coming, "status": "Pending" },
                    },
                }),
            )
        };
        let counted = |operator: &str, values: Value, claim: &Object| {
            let scope = json!({ "scopeName": "VolumeAttributesClass", "operator": operator, "values": values });
            let spec = json!({
                "hard": { "persistentvolumeclaims": "5" }, "scopeSelector": { "matchExpressions": [scope] },
            });
            let used = calculate(&quota(spec, json!({})), [claim].into_iter(), 0);
            used["persistentvolumeclaims"].value() == 1
        };
        for (classes, operator, values, expected) in [
            (["", "", ""], "Exists", Value::Null, false),
            (["", "gold", ""], "Exists", Value::Null, true),
            (["silver", "gold", ""], "In", json!(["gold"]), true),
            (["silver", "silver", "gold"], "In", json!(["gold"]), true),
            (["silver", "silver", ""], "In", json!(["gold"]), false),
            (["", "", ""], "NotIn", json!(["gold"]), true),
            (["gold", "silver", ""], "NotIn", json!(["gold"]), true),
            (["gold", "gold", "gold"], "NotIn", json!(["gold"]), false),
            (["", "", ""], "DoesNotExist", Value::Null, true),
            (["", "", "gold"], "DoesNotExist", Value::Null, false),
        ] {
            let [spec, own, coming] = classes;
            assert_eq!(
                counted(operator, values.clone(), &claim(spec, own, coming)),
                expected,
                "{classes:?} {operator}"
            );
        }
    }
}
