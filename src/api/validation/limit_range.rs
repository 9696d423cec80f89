//! Mirrors pkg/apis/core/validation for LimitRange.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::errors::Errors;
use super::meta::{object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::resource_names::{container_resource_name, is_overcommit_allowed, resource_name};
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

type List = Option<BTreeMap<String, Text>>;

/// `ValidateLimitRange`.
pub fn limit_range(own: &LimitRange, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let path = Path::new("spec").child("limits");
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (index, item) in own.spec.iter().flat_map(|spec| &spec.limits).enumerate() {
        let path = path.index(index);
        type_name(&item.type_, &path.child("type"), errors);
        if !seen.insert(&item.type_) {
            errors.push(FieldError::duplicate(&path.child("type"), &item.type_));
        }
        resource_list_names(item, &path, errors);
        for name in names_of(item) {
            amounts(item, name, &path, errors);
        }
    }
}

/// The strategy's update.
pub fn limit_range_update(new: &LimitRange, old: &LimitRange, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    limit_range(new, errors);
}

/// `validateLimitRangeTypeName`.
fn type_name(name: &str, path: &Path, errors: &mut Errors) {
    let wrong = names::qualified_name(name);
    if !wrong.is_empty() {
        each(wrong, name, path, errors);
    } else if !name.contains('/') && !matches!(name, "Container" | "PersistentVolumeClaim" | "Pod") {
        errors.push(FieldError::invalid(path, name, "must be a standard limit type or fully qualified"));
    }
}

/// `validateLimitRangeResourceName` for every list, and the lists that a type may not have or must have.
fn resource_list_names(item: &LimitRangeItem, path: &Path, errors: &mut Errors) {
    let named = |list: &List, field: &str, errors: &mut Errors| {
        for name in list.iter().flat_map(BTreeMap::keys) {
            let path = path.child(field).key(name);
            match item.type_.as_str() {
                "Container" | "Pod" => container_resource_name(name, &path, errors),
                _ => {
                    resource_name(name, &path, errors);
                }
            }
        }
    };
    let filled = |list: &List| list.as_ref().is_some_and(|list| !list.is_empty());
    named(&item.max, "max", errors);
    named(&item.min, "min", errors);
    for (list, field) in [(&item.default, "default"), (&item.default_request, "defaultRequest")] {
        if item.type_ != "Pod" {
            named(list, field, errors);
        } else if filled(list) {
            errors.push(FieldError::forbidden(&path.child(field), "may not be specified when `type` is 'Pod'"));
        }
    }
    let storage = |list: &List| list.as_ref().is_some_and(|list| list.contains_key("storage"));
    if item.type_ == "PersistentVolumeClaim" && !storage(&item.min) && !storage(&item.max) {
        let detail = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(FieldError::required(&path.child("limits"), detail));
    }
    named(&item.max_limit_request_ratio, "maxLimitRequestRatio", errors);
}

/// Every resource an item speaks of. A pod's defaults do not count.
fn names_of(item: &LimitRangeItem) -> BTreeSet<&String> {
    let defaults = [&item.default, &item.default_request].into_iter().filter(|_| item.type_ != "Pod");
    let lists = [&item.max, &item.min, &item.max_limit_request_ratio].into_iter().chain(defaults);
    lists.flatten().flat_map(BTreeMap::keys).collect()
}

/// The limits of one resource among themselves.
fn amounts(item: &LimitRangeItem, name: &str, path: &Path, errors: &mut Errors) {
    let of = |list: &List| list.as_ref().and_then(|list| list.get(name)).map(Quantity::of);
    let (min, max, ratio) = (of(&item.min), of(&item.max), of(&item.max_limit_request_ratio));
    let pod = item.type_ == "Pod";
    let default = of(&item.default).filter(|_| !pod);
    let request = of(&item.default_request).filter(|_| !pod);
    // What is to be no more than what, with the name each has in the sentence; the field and value it is said of.
    let rules = [
        (min, "min value", max, "max value", "min", min),
        (min, "min value", request, "default request value", "defaultRequest", request),
        (request, "default request value", max, "max value", "defaultRequest", request),
        (request, "default request value", default, "default limit value", "defaultRequest", request),
        (min, "min value", default, "default value", "default", min),
        (default, "default value", max, "max value", "default", max),
    ];
    for (low, low_name, high, high_name, field, shown) in rules {
        if let (Some(low), Some(high), Some(shown)) = (low, high, shown)
            && low > high
        {
            let detail = format!("{low_name} {low} is greater than {high_name} {high}");
            errors.push(FieldError::invalid(&path.child(field).key(name), shown.to_string(), &detail));
        }
    }
    if let Some(ratio) = ratio {
        let path = path.child("maxLimitRequestRatio").key(name);
        if ratio.milli_value() < 1000 {
            let detail = format!("ratio {ratio} is less than 1");
            errors.push(FieldError::invalid(&path, ratio.to_string(), &detail));
        }
        if let (Some(min), Some(max)) = (min, max)
            && i128::from(ratio.milli_value()) * i128::from(min.milli_value()) > i128::from(max.milli_value()) * 1000
        {
            let most = six_places(max.milli_value(), min.milli_value());
            let detail = format!("ratio {ratio} is greater than max/min = {most}");
            errors.push(FieldError::invalid(&path, ratio.to_string(), &detail));
        }
    }
    if let (Some(default), Some(request)) = (default, request)
        && !is_overcommit_allowed(name)
        && default != request
    {
        let detail = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        errors.push(FieldError::invalid(&path.child("defaultRequest").key(name), request.to_string(), &detail));
    }
}

/// A quotient as Go's `%f` prints it: six places.
pub fn six_places(value: i64, by: i64) -> String {
    if by == 0 {
        return "+Inf".to_owned();
    }
    let millionths = (i128::from(value) * 1_000_000 + i128::from(by) / 2) / i128::from(by);
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}
