//! Mirrors `ValidateNode` and `ValidateNodeUpdate`. Leaves out: taints in annotations, dynamic kubelet
//! configuration.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, NodeAddress, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::json;

use super::errors::{BadValue, Errors};
use super::ip;
use super::items;
use super::meta::{label_key, object_meta, object_meta_update};
use super::names::{self, subdomain_name};
use super::path::Path;
use super::resource_names::quantity_value;
use super::text;
use super::tolerations::taint_effect;
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;
use crate::api::quantity::Quantity;

/// `validateNodeTaints`.
pub fn taints(list: &[Taint], path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, taint) in list.iter().enumerate() {
        let path = path.index(index);
        label_key(&taint.key, &path.child("key"), errors);
        let value = text(&taint.value);
        let wrong = names::label_value(value);
        if !wrong.is_empty() {
            errors.push(FieldError::invalid(&path.child("value"), value, &wrong.join(";")));
        }
        if taint.effect.is_empty() {
            errors.push(FieldError::required(&path.child("effect"), ""));
        } else {
            taint_effect(&taint.effect, &path.child("effect"), errors);
        }
        if !seen.insert((&taint.effect, &taint.key)) {
            let shown = BadValue::raw(format!(
                "{{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":{}}}",
                taint.key.write().json(),
                json!(value).json(),
                taint.effect.write().json(),
                taint.time_added.write().json()
            ));
            let detail = "taints must be unique by key and effect pair";
            errors.push(FieldError::duplicate_because(&path, shown, detail));
        }
    }
}

fn quantities(list: Option<&BTreeMap<String, Text>>, field: &str, errors: &mut Errors) {
    for (name, quantity) in list.into_iter().flatten() {
        let path = Path::new("status").child(field).child(name);
        quantity_value(name, &Quantity::of(quantity), &path, errors);
    }
}

fn resources(node: &Node, errors: &mut Errors) {
    if let Some(status) = &node.status {
        quantities(status.capacity.as_ref(), "capacity", errors);
        quantities(status.allocatable.as_ref(), "allocatable", errors);
    }
}

fn pod_cidrs(node: &Node) -> &[String] {
    node.spec.as_ref().map(|spec| items(&spec.pod_cidrs)).unwrap_or_default()
}

/// `ValidateNode`.
pub fn node(own: &Node, errors: &mut Errors) {
    let path = Path::new("metadata");
    object_meta(&own.metadata, false, subdomain_name, &path, errors);
    if let Some(spec) = &own.spec {
        // Upstream reports taints under the metadata.
        taints(items(&spec.taints), &path.child("taints"), errors);
    }
    resources(own, errors);
    let (cidrs, path) = (pod_cidrs(own), Path::new("spec.podCIDRs"));
    for (index, cidr) in cidrs.iter().enumerate() {
        ip::valid_cidr(cidr, &path.index(index), errors);
    }
    if cidrs.len() > 1 {
        let parsed: Vec<_> = cidrs.iter().filter_map(|cidr| ip::parse_cidr(cidr)).map(|(address, _)| address).collect();
        if !ip::dual_stack(parsed.iter().copied()) || cidrs.len() > 2 {
            let detail = "may specify no more than one CIDR for each IP family";
            errors.push(FieldError::invalid(&path, BadValue::list(cidrs), detail));
        }
        let mut seen = BTreeSet::new();
        for (index, cidr) in cidrs.iter().enumerate() {
            if !seen.insert(cidr) {
                errors.push(FieldError::duplicate(&path.index(index), cidr));
            }
        }
    }
}

fn addresses(list: &[NodeAddress], errors: &mut Errors) {
    for (index, address) in list.iter().enumerate() {
        if list[..index].contains(address) {
            let shown = BadValue::raw(format!(
                "{{\"Type\":{},\"Address\":{}}}",
                address.type_.write().json(),
                address.address.write().json()
            ));
            errors.push(FieldError::duplicate(&Path::new("status.addresses").index(index), shown));
        }
    }
}

/// The strategy's update: `ValidateNode` and `ValidateNodeUpdate`.
pub fn node_update(new: &Node, old: &Node, errors: &mut Errors) {
    node(new, errors);
    let path = Path::new("metadata");
    object_meta_update(&new.metadata, &old.metadata, &path, errors);
    resources(new, errors);
    addresses(new.status.as_ref().map(|status| items(&status.addresses)).unwrap_or_default(), errors);
    let (cidrs, old_cidrs) = (pod_cidrs(new), pod_cidrs(old));
    if !old_cidrs.is_empty() {
        let changes = if cidrs.len() == old_cidrs.len() {
            cidrs.iter().zip(old_cidrs).filter(|(new, old)| new != old).count()
        } else {
            1
        };
        for _ in 0..changes {
            let detail = "node updates may not change podCIDR except from \"\" to valid";
            errors.push(FieldError::forbidden(&Path::new("spec.podCIDRs"), detail));
        }
    }
    fn provider(node: &Node) -> &str {
        node.spec.as_ref().map_or("", |spec| text(&spec.provider_id))
    }
    if !provider(old).is_empty() && provider(old) != provider(new) {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(FieldError::forbidden(&Path::new("spec.providerID"), detail));
    }
    if let Some(spec) = &new.spec {
        taints(items(&spec.taints), &path.child("taints"), errors);
    }
    let external = |node: &Node| node.spec.as_ref().and_then(|spec| spec.external_id.clone());
    if external(new) != external(old) {
        errors.push(FieldError::forbidden(&Path::new("spec.externalID"), "may not be updated"));
    }
}
