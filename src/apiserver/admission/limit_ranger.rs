//! What a namespace's limit ranges give to pods, and what they do not let in.
//!
//! Mirrors plugin/pkg/admission/limitranger. Leaves out: the live look-up for what the cache has not seen yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, LimitRange, LimitRangeItem, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::quantity::Quantity;
use crate::api::quota::read;
use crate::api::resources::{ResourceList, pod_limits, pod_requests};
use crate::api::validation::limit_range::six_places;
use crate::api::{Kind, Object, Status};
use crate::sim::Gather;

use super::super::cache::WatchCache;
use super::forbidden;

/// `limitRangerAnnotation`.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

type List = Option<BTreeMap<String, Text>>;

/// Fills in what a pod's containers leave open.
pub(super) fn create(cache: &WatchCache, object: &mut Object) {
    let ranges = ranges_of(cache, object.namespace());
    if let Object::Pod(pod) = object {
        ranges.into_iter().for_each(|range| fill_in(pod, range.expect()));
    }
}

/// Refuses what is out of bounds.
pub(super) fn validate(cache: &WatchCache, object: &Object) -> Result<(), Status> {
    let info = object.info();
    for range in ranges_of(cache, object.namespace()) {
        let mut findings = findings(object, range.expect());
        // `utilerrors.NewAggregate` says each thing once.
        let mut seen = BTreeSet::new();
        findings.retain(|finding| seen.insert(finding.clone()));
        let why = match findings.as_slice() {
            [] => continue,
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        return Err(forbidden(info, object, &why));
    }
    Ok(())
}

/// Objects, each a LimitRange.
fn ranges_of(cache: &WatchCache, namespace: &str) -> Vec<Arc<Object>> {
    let prefix = Kind::LimitRange.info().etcd_key(namespace, "");
    cache.objects(Kind::LimitRange, &prefix, &prefix).map(|(_, stored)| stored.object()).collect()
}

fn items(range: &LimitRange) -> &[LimitRangeItem] {
    range.spec.as_ref().map_or(&[], |spec| &spec.limits)
}

/// `mergePodResourceRequirements`: the defaults, and an annotation that says which.
fn fill_in(pod: &mut Pod, range: &LimitRange) {
    let of = |pick: fn(&LimitRangeItem) -> &List| -> BTreeMap<String, Text> {
        let containers = items(range).iter().filter(|item| item.type_ == "Container");
        containers.flat_map(|item| pick(item).clone().unwrap_or_default()).gather()
    };
    let (requests, limits) = (of(|item| &item.default_request), of(|item| &item.default));
    let spec = pod.spec.get_or_insert_default();
    let mut told = Vec::new();
    for container in &mut spec.containers {
        merge(container, "container", (&requests, &limits), &mut told);
    }
    for container in spec.init_containers.iter_mut().flatten() {
        merge(container, "init container", (&requests, &limits), &mut told);
    }
    if !told.is_empty() {
        let text = format!("LimitRanger plugin set: {}", told.join("; "));
        pod.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), text);
    }
}

fn merge(
    container: &mut Container,
    what: &str,
    (requests, limits): (&BTreeMap<String, Text>, &BTreeMap<String, Text>),
    told: &mut Vec<String>,
) {
    if requests.is_empty() && limits.is_empty() {
        return;
    }
    let name = container.name.clone();
    let own = container.resources.get_or_insert_default();
    let mut add = |list: &mut List, defaults: &BTreeMap<String, Text>, side: &str| {
        let had = list.clone().unwrap_or_default();
        let missing: Vec<(&String, &Text)> = defaults.iter().filter(|(name, _)| !had.contains_key(*name)).collect();
        if missing.is_empty() {
            return;
        }
        let names: Vec<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
        told.push(format!("{} {side} for {what} {name}", names.join(", ")));
        let pairs = missing.into_iter().map(|(name, amount)| (name.clone(), amount.clone()));
        list.get_or_insert_default().extend(pairs);
    };
    add(&mut own.requests, requests, "request");
    add(&mut own.limits, limits, "limit");
}

/// Who is measured: a sentence names it by its type.
struct Measured {
    requests: ResourceList,
    limits: ResourceList,
}

/// What a limit range says against an object: `PodValidateLimitFunc`, `PersistentVolumeClaimValidateLimitFunc`.
fn findings(object: &Object, range: &LimitRange) -> Vec<String> {
    let mut findings = Vec::new();
    for item in items(range) {
        let measured: Vec<Measured> = match (object, item.type_.as_str()) {
            (Object::Pod(pod), "Container") => {
                let spec = pod.spec.iter();
                let all = spec.flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
                let lists = all.map(|container| container.resources.clone().unwrap_or_default());
                lists.map(|own| Measured { requests: read(&own.requests), limits: read(&own.limits) }).collect()
            }
            (Object::Pod(pod), "Pod") => {
                let spec = pod.spec.clone().unwrap_or_default();
                vec![Measured { requests: pod_requests(&spec), limits: pod_limits(&spec) }]
            }
            (Object::PersistentVolumeClaim(claim), "PersistentVolumeClaim") => {
                let own = claim.spec.as_ref().and_then(|spec| spec.resources.clone()).unwrap_or_default();
                vec![Measured { requests: read(&own.requests), limits: ResourceList::new() }]
            }
            _ => continue,
        };
        let claim = item.type_ == "PersistentVolumeClaim";
        for own in &measured {
            let check = |list: &List, rule: Rule| -> Vec<String> {
                read(list).iter().filter_map(|(name, bound)| rule(&item.type_, name, *bound, own)).collect()
            };
            findings.extend(check(&item.min, min_rule));
            findings.extend(check(&item.max, if claim { max_request_rule } else { max_rule }));
            if !claim {
                findings.extend(check(&item.max_limit_request_ratio, ratio_rule));
            }
        }
    }
    findings
}

type Rule = fn(type_: &str, name: &str, bound: Quantity, own: &Measured) -> Option<String>;

/// `minConstraint`.
fn min_rule(type_: &str, name: &str, bound: Quantity, own: &Measured) -> Option<String> {
    let head = format!("minimum {name} usage per {type_} is {bound}");
    match (own.requests.get(name), own.limits.get(name)) {
        (None, _) => Some(format!("{head}.  No request is specified")),
        (Some(request), _) if *request < bound => Some(format!("{head}, but request is {request}")),
        (_, Some(limit)) if *limit < bound => Some(format!("{head}, but limit is {limit}")),
        _ => None,
    }
}

/// `maxRequestConstraint`.
fn max_request_rule(type_: &str, name: &str, bound: Quantity, own: &Measured) -> Option<String> {
    let head = format!("maximum {name} usage per {type_} is {bound}");
    match own.requests.get(name) {
        None => Some(format!("{head}.  No request is specified")),
        Some(request) if *request > bound => Some(format!("{head}, but request is {request}")),
        _ => None,
    }
}

/// `maxConstraint`.
fn max_rule(type_: &str, name: &str, bound: Quantity, own: &Measured) -> Option<String> {
    let head = format!("maximum {name} usage per {type_} is {bound}");
    match (own.requests.get(name), own.limits.get(name)) {
        (_, None) => Some(format!("{head}.  No limit is specified")),
        (_, Some(limit)) if *limit > bound => Some(format!("{head}, but limit is {limit}")),
        (Some(request), _) if *request > bound => Some(format!("{head}, but request is {request}")),
        _ => None,
    }
}

/// `limitRequestRatioConstraint`.
fn ratio_rule(type_: &str, name: &str, bound: Quantity, own: &Measured) -> Option<String> {
    let head = format!("{name} max limit to request ratio per {type_} is {bound}");
    let request = own.requests.get(name).filter(|request| !request.is_zero());
    let Some(request) = request else { return Some(format!("{head}, but no request is specified or request is 0")) };
    let limit = own.limits.get(name).filter(|limit| !limit.is_zero());
    let Some(limit) = limit else { return Some(format!("{head}, but no limit is specified or limit is 0")) };
    let (request, limit) = (request.milli_value(), limit.milli_value());
    let over = i128::from(limit) * 1000 > i128::from(bound.milli_value()) * i128::from(request);
    over.then(|| format!("{head}, but provided ratio is {}", six_places(limit, request)))
}
