//! Mirrors `validateResourceRequirements` and the checks of pod-level resources.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, ResourceClaim, ResourceRequirements};

use super::errors::Errors;
use super::names::{self, each};
use super::path::Path;
use super::resource_names::{
    container_resource_name, is_huge_page, is_overcommit_allowed, pod_resource_name, quantity_value,
};
use super::{items, text};
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;
use crate::api::resources::container_requests;

type NameCheck = fn(&str, &Path, &mut Errors);

/// `ValidateContainerResourceRequirements`. `claims` are the names of the pod's resource claims.
pub fn container_requirements(
    requirements: Option<&ResourceRequirements>,
    claims: &BTreeSet<&str>,
    path: &Path,
    errors: &mut Errors,
) {
    if let Some(requirements) = requirements {
        requirements_with(requirements, container_resource_name, claims, path, errors);
    }
}

fn huge_page_value(name: &str, quantity: &Quantity, path: &Path, errors: &mut Errors) {
    let page = name.strip_prefix("hugepages-").and_then(|size| Quantity::parse(size).ok()).unwrap_or_default();
    let divisible = page.sign() > 0 && page.milli_value() % 1000 == 0 && quantity.value() % page.value() == 0;
    if !divisible {
        let detail = format!("{quantity} is not positive integer multiple of {name}");
        errors.push(FieldError::invalid(path, quantity.to_string(), &detail));
    }
}

fn requirements_with(
    requirements: &ResourceRequirements,
    name_check: NameCheck,
    claims: &BTreeSet<&str>,
    path: &Path,
    errors: &mut Errors,
) {
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let mut compute = false;
    let mut huge = false;
    let mut one = |name: &str, quantity: &Quantity, path: &Path, errors: &mut Errors| {
        name_check(name, path, errors);
        quantity_value(name, quantity, path, errors);
        compute |= matches!(name, "cpu" | "memory");
        huge |= is_huge_page(name);
    };
    for (name, quantity) in requirements.limits.iter().flatten() {
        let (path, quantity) = (limits_path.key(name), Quantity::of(quantity));
        one(name, &quantity, &path, errors);
        if is_huge_page(name) {
            huge_page_value(name, &quantity, &path, errors);
        }
    }
    for (name, quantity) in requirements.requests.iter().flatten() {
        let (path, quantity) = (requests_path.key(name), Quantity::of(quantity));
        one(name, &quantity, &path, errors);
        let limit = requirements.limits.as_ref().and_then(|limits| limits.get(name)).map(Quantity::of);
        request_against_limit(name, quantity, limit, (&requests_path, &limits_path), errors);
        if is_huge_page(name) {
            huge_page_value(name, &quantity, &path, errors);
        }
    }
    if huge && !compute {
        errors.push(FieldError::forbidden(path, "HugePages require cpu or memory"));
    }
    claim_names(items(&requirements.claims), claims, &path.child("claims"), errors);
}

fn request_against_limit(
    name: &str,
    request: Quantity,
    limit: Option<Quantity>,
    (requests_path, limits_path): (&Path, &Path),
    errors: &mut Errors,
) {
    let strict = !is_overcommit_allowed(name);
    match limit {
        Some(limit) if strict && request != limit => {
            let detail = format!("must be equal to {name} limit of {limit}");
            errors.push(FieldError::invalid(requests_path, request.to_string(), &detail));
        }
        Some(limit) if request > limit => {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            errors.push(FieldError::invalid(requests_path, request.to_string(), &detail));
        }
        None if strict => {
            errors.push(FieldError::required(limits_path, "Limit must be set for non overcommitable resources"));
        }
        _ => {}
    }
}

fn claim_names(claims: &[ResourceClaim], known: &BTreeSet<&str>, path: &Path, errors: &mut Errors) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let (path, name, request) = (path.index(index), claim.name.as_str(), text(&claim.request));
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        if seen.contains(name) {
            errors.push(FieldError::duplicate(&path, name));
        } else {
            let mut key = name.to_owned();
            if !request.is_empty() {
                each(names::dns1123_label(request), request, &path.child("request"), errors);
                key = format!("{name}/{request}");
            }
            if seen.contains(&key) {
                errors.push(FieldError::duplicate(&path, key.as_str()));
            } else if request.is_empty() {
                let overlapping = seen.iter().filter(|key| key.split_once('/').is_some_and(|(claim, _)| claim == name));
                errors.extend(overlapping.map(|_| FieldError::duplicate(&path, name)));
            }
            seen.insert(key);
        }
        if !known.contains(name) {
            let names: Vec<&str> = known.iter().copied().collect();
            let tail = if names.is_empty() { " which is empty".to_owned() } else { format!(": {}", names.join(", ")) };
            let detail = format!("must be one of the names in pod.spec.resourceClaims{tail}");
            errors.push(FieldError::not_found(&path, name, &detail));
        }
    }
}

/// `validatePodResources`: resources of the pod as a whole.
pub fn pod_resources(spec: &PodSpec, claims: &BTreeSet<&str>, path: &Path, errors: &mut Errors) {
    let Some(resources) = &spec.resources else { return };
    if resources.claims.is_some() {
        errors.push(FieldError::forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level"));
    }
    requirements_with(resources, pod_resource_name, claims, path, errors);
    for (name, aggregate) in container_requests(spec) {
        let own = resources.requests.as_ref().and_then(|requests| requests.get(&name)).map(Quantity::of);
        let own = own.unwrap_or_default();
        if aggregate > own {
            let detail = format!("must be greater than or equal to aggregate container requests of {aggregate}");
            errors.push(FieldError::invalid(&path.child("requests").key(&name), own.to_string(), &detail));
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
        for (name, limit) in limits.into_iter().flatten() {
            let Some(most) = resources.limits.as_ref().and_then(|limits| limits.get(name)).map(Quantity::of) else {
                continue;
            };
            let limit = Quantity::of(limit);
            if limit > most {
                let path = path.child("containers").index(index).key(name).child("limits");
                let detail = format!("must be less than or equal to pod limits of {most}");
                errors.push(FieldError::invalid(&path, limit.to_string(), &detail));
            }
        }
    }
}
