//! Mirrors `ValidateServiceClusterIPsRelatedFields` and what of a service's addresses may change.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceSpec;

use super::errors::{BadValue, Errors};
use super::ip;
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

/// A service without a cluster IP by its own wish.
pub fn is_headless(spec: &ServiceSpec) -> bool {
    matches!(items(&spec.cluster_ips), [only] if only == "None")
}

fn is_external_name(spec: &ServiceSpec) -> bool {
    text(&spec.type_) == "ExternalName"
}

fn shown(list: &Option<Vec<String>>) -> BadValue {
    list.as_ref().map_or_else(|| BadValue::raw("null".to_owned()), BadValue::json)
}

/// `ValidateServiceClusterIPsRelatedFields`.
pub fn cluster_ips(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    if is_external_name(spec) {
        return;
    }
    let (own, list) = (text(&spec.cluster_ip), items(&spec.cluster_ips));
    let ips_path = path.child("clusterIPs");
    match list.first() {
        None if !own.is_empty() => errors.push(FieldError::required(&ips_path, "")),
        Some(first) if !own.is_empty() && first != own => {
            let detail = "first value must match `clusterIP`";
            errors.push(FieldError::invalid(&ips_path, shown(&spec.cluster_ips), detail));
        }
        Some(_) if own.is_empty() => {
            let detail = "must be empty when `clusterIP` is not specified";
            errors.push(FieldError::invalid(&ips_path, shown(&spec.cluster_ips), detail));
        }
        _ => {}
    }
    let families = items(&spec.ip_families);
    let mut seen = BTreeSet::new();
    for (index, family) in families.iter().enumerate() {
        let path = path.child("ipFamilies").index(index);
        if !matches!(family.as_str(), "IPv4" | "IPv6") {
            errors.push(FieldError::not_supported(&path, family, &["IPv4", "IPv6"]));
        }
        if !seen.insert(family) {
            errors.push(FieldError::duplicate(&path, family));
        }
    }
    const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];
    if let Some(policy) = spec.ip_family_policy.as_deref()
        && !POLICIES.contains(&policy)
    {
        errors.push(FieldError::not_supported(&path.child("ipFamilyPolicy"), policy, POLICIES));
    }
    if addresses(spec, list, &ips_path, errors) {
        of_their_families(spec, list, families, &ips_path, errors);
    }
}

/// Each address by itself. False when one is invalid, so that nothing more can be said of them together.
fn addresses(spec: &ServiceSpec, list: &[String], path: &Path, errors: &mut Errors) -> bool {
    let mut valid = true;
    for (index, address) in list.iter().enumerate() {
        if index == 0 && address == "None" {
            if list.len() > 1 {
                valid = false;
                let detail = "'None' must be the first and only value";
                errors.push(FieldError::invalid(path, shown(&spec.cluster_ips), detail));
            }
            continue;
        }
        valid &= ip::valid(address, &path.index(index), errors);
    }
    if list.len() > 2 {
        errors.push(FieldError::invalid(path, shown(&spec.cluster_ips), "may only hold up to 2 values"));
    }
    valid
}

fn of_their_families(spec: &ServiceSpec, list: &[String], families: &[String], path: &Path, errors: &mut Errors) {
    let parsed: Vec<_> = list.iter().filter_map(|address| ip::parse(address)).collect();
    if list.len() > 1 && !ip::dual_stack(parsed.iter().copied()) {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(path, shown(&spec.cluster_ips), detail));
    }
    if is_headless(spec) {
        return;
    }
    for (index, (address, family)) in list.iter().zip(families).enumerate() {
        let is_v6 = ip::parse(address).is_some_and(|address| address.is_ipv6());
        let expected = match family.as_str() {
            "IPv4" if is_v6 => "IPv4",
            "IPv6" if !is_v6 => "IPv6",
            _ => continue,
        };
        let detail = format!("expected an {expected} value as indicated by `ipFamilies[{index}]`");
        errors.push(FieldError::invalid(&path.index(index), address, &detail));
    }
}

/// Adds or removes a second address or family is all an update may do.
fn single_stack(spec: &ServiceSpec, what: &str, path: &Path, errors: &mut Errors) {
    if spec.ip_family_policy.as_deref() != Some("SingleStack") {
        let shown = spec.ip_family_policy.as_ref().map_or_else(BadValue::null, BadValue::from);
        let detail = format!("must be set to 'SingleStack' when releasing the secondary {what}");
        errors.push(FieldError::invalid(&path.child("ipFamilyPolicy"), shown, &detail));
    }
}

/// `validateUpgradeDowngradeClusterIPs`.
pub fn cluster_ips_update(new: &ServiceSpec, old: &ServiceSpec, path: &Path, errors: &mut Errors) {
    if is_external_name(new) || is_external_name(old) || is_headless(new) && is_headless(old) {
        return;
    }
    let (list, before) = (items(&new.cluster_ips), items(&old.cluster_ips));
    let ips_path = path.child("clusterIPs");
    let mut changed = |index: usize| {
        let error = FieldError::invalid(&ips_path.index(index), shown(&new.cluster_ips), "may not change once set");
        errors.push(error);
    };
    if list.len() == before.len() {
        for index in (0..list.len()).filter(|index| list[*index] != before[*index]) {
            changed(index);
        }
        return;
    }
    if let (Some(first), Some(old)) = (list.first(), before.first())
        && first != old
    {
        changed(0);
    }
    if list.len() < before.len() {
        if list.is_empty() {
            let detail = "primary clusterIP can not be unset";
            errors.push(FieldError::invalid(&ips_path.index(0), shown(&new.cluster_ips), detail));
        }
        if list.len() == 1 {
            single_stack(new, "clusterIP", path, errors);
        }
    }
}

/// `validateUpgradeDowngradeIPFamilies`.
pub fn ip_families_update(new: &ServiceSpec, old: &ServiceSpec, path: &Path, errors: &mut Errors) {
    if is_external_name(new) || is_external_name(old) || is_headless(new) || is_headless(old) {
        return;
    }
    let (list, before) = (items(&new.ip_families), items(&old.ip_families));
    let first_path = path.child("ipFamilies").index(0);
    let detail = "may not change once set";
    if list.len() == before.len() {
        for _ in list.iter().zip(before).filter(|(new, old)| new != old) {
            errors.push(FieldError::invalid(&first_path, shown(&new.ip_families), detail));
        }
        return;
    }
    let released = list.len() < before.len();
    if released && items(&new.cluster_ips).is_empty() {
        let detail = "primary ipFamily can not be unset";
        errors.push(FieldError::invalid(&first_path, shown(&new.ip_families), detail));
    }
    if let (Some(first), Some(old)) = (list.first(), before.first())
        && first != old
    {
        // Upstream prints the addresses here.
        errors.push(FieldError::invalid(&first_path, shown(&new.cluster_ips), detail));
    }
    if released && list.len() == 1 {
        single_stack(new, "ipFamily", path, errors);
    }
}
