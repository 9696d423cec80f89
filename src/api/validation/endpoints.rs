//! Mirrors `ValidateEndpoints` of pkg/apis/core/validation and pkg/apis/discovery/validation.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointPort as SlicePort, EndpointSlice};

use super::containers::{port_number, protocol};
use super::equality::{immutable_text, semantically_equal};
use super::errors::Errors;
use super::ip;
use super::meta::{labels, object_meta, object_meta_update};
use super::names::{self, each, subdomain_name};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

const ADDRESS_TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
const ADDRESSES_MAX: usize = 100;
const ENDPOINTS_MAX: usize = 1000;
const HINTS_MAX: usize = 8;
const PORTS_MAX: usize = 20_000;
const TOPOLOGY_LABELS_MAX: usize = 16;

/// `ValidateEndpoints`: an update that leaves the subsets as they were is not asked about them.
pub fn endpoints(own: &Endpoints, old: Option<&Endpoints>, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    if old.is_some_and(|old| semantically_equal(&old.subsets, &own.subsets)) {
        return;
    }
    let path = Path::new("subsets");
    for (index, subset) in items(&own.subsets).iter().enumerate() {
        let path = path.index(index);
        let (ready, waiting, ports) =
            (items(&subset.addresses), items(&subset.not_ready_addresses), items(&subset.ports));
        if ready.is_empty() && waiting.is_empty() {
            errors.push(FieldError::required(&path, "must specify `addresses` or `notReadyAddresses`"));
        }
        for (field, list) in [("addresses", ready), ("notReadyAddresses", waiting)] {
            for (index, own) in list.iter().enumerate() {
                address(own, &path.child(field).index(index), errors);
            }
        }
        for (index, own) in ports.iter().enumerate() {
            port(own, ports.len() > 1, &path.child("ports").index(index), errors);
        }
    }
}

/// `ValidateEndpointsUpdate`.
pub fn endpoints_update(new: &Endpoints, old: &Endpoints, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    endpoints(new, Some(old), errors);
}

fn node_name(name: &str, path: &Path, errors: &mut Errors) {
    each(subdomain_name(name, false), name, &path.child("nodeName"), errors);
}

fn address(own: &EndpointAddress, path: &Path, errors: &mut Errors) {
    ip::valid(&own.ip, &path.child("ip"), errors);
    let hostname = text(&own.hostname);
    if !hostname.is_empty() {
        each(names::dns1123_label(hostname), hostname, &path.child("hostname"), errors);
    }
    if let Some(name) = &own.node_name {
        node_name(name, path, errors);
    }
    ip::non_special(&own.ip, &path.child("ip"), errors);
}

fn port(own: &EndpointPort, need_name: bool, path: &Path, errors: &mut Errors) {
    let name = text(&own.name);
    if !name.is_empty() {
        each(names::dns1123_label(name), name, &path.child("name"), errors);
    } else if need_name {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    port_number(own.port, &path.child("port"), errors);
    protocol(text(&own.protocol), &path.child("protocol"), errors);
    app_protocol(&own.app_protocol, path, errors);
}

fn app_protocol(own: &Option<String>, path: &Path, errors: &mut Errors) {
    if let Some(name) = own {
        each(names::qualified_name(name), name, &path.child("appProtocol"), errors);
    }
}

/// `ValidateEndpointSlice`.
pub fn slice(own: &EndpointSlice, errors: &mut Errors) {
    object_meta(&own.metadata, true, subdomain_name, &Path::new("metadata"), errors);
    let path = Path::new("addressType");
    let address_type = own.address_type.as_str();
    if address_type.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else if !ADDRESS_TYPES.contains(&address_type) {
        errors.push(FieldError::not_supported(&path, address_type, ADDRESS_TYPES));
    }
    let path = Path::new("endpoints");
    match items(&own.endpoints) {
        list if list.len() > ENDPOINTS_MAX => errors.push(FieldError::too_many(&path, list.len(), ENDPOINTS_MAX)),
        list => {
            for (index, own) in list.iter().enumerate() {
                endpoint(own, address_type, &path.index(index), errors);
            }
        }
    }
    slice_ports(items(&own.ports), &Path::new("ports"), errors);
}

/// `ValidateEndpointSliceUpdate`. The metadata's update is checked by `rest.BeforeUpdate`.
pub fn slice_update(new: &EndpointSlice, old: &EndpointSlice, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    slice(new, errors);
    immutable_text(&new.address_type, &old.address_type, &Path::new("addressType"), errors);
}

fn endpoint(own: &Endpoint, address_type: &str, path: &Path, errors: &mut Errors) {
    let addresses = path.child("addresses");
    match own.addresses.len() {
        0 => errors.push(FieldError::required(&addresses, "must contain at least 1 address")),
        count if count > ADDRESSES_MAX => errors.push(FieldError::too_many(&addresses, count, ADDRESSES_MAX)),
        _ => {}
    }
    for (index, address) in own.addresses.iter().enumerate() {
        slice_address(address, address_type, &addresses.index(index), errors);
    }
    if let Some(name) = &own.node_name {
        node_name(name, path, errors);
    }
    let topology = path.child("deprecatedTopology");
    let count = own.deprecated_topology.iter().flatten().count();
    if count > TOPOLOGY_LABELS_MAX {
        errors.push(FieldError::too_many(&topology, count, TOPOLOGY_LABELS_MAX));
    }
    labels(own.deprecated_topology.as_ref(), &topology, errors);
    if let Some(hostname) = &own.hostname {
        each(names::dns1123_label(hostname), hostname, &path.child("hostname"), errors);
    }
    if let Some(own) = &own.hints {
        hints(own, &path.child("hints"), errors);
    }
}

fn slice_address(address: &str, address_type: &str, path: &Path, errors: &mut Errors) {
    let parsed = ip::parse(address);
    match address_type {
        "IPv4" | "IPv6" => {
            // An IPv4 address within an IPv6 one is To4() to Go.
            let v4 = parsed.map(|parsed| parsed.to_canonical().is_ipv4());
            if v4 != Some(address_type == "IPv4") {
                let detail = format!("must be a valid {address_type} address");
                errors.push(FieldError::invalid(path, address, &detail));
            }
            ip::non_special(address, path, errors);
        }
        "FQDN" => fully_qualified(address, path, errors),
        _ => {}
    }
}

/// `IsFullyQualifiedDomainName`.
fn fully_qualified(name: &str, path: &Path, errors: &mut Errors) {
    if name.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let wrong = names::dns1123_subdomain(name);
    if !wrong.is_empty() {
        let detail = wrong.join(",");
        errors.push(FieldError::invalid(path, name, &detail));
        return;
    }
    if name.split('.').count() < 2 {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(FieldError::invalid(path, name, detail));
        return;
    }
    for label in name.split('.') {
        each(names::dns1123_label(label), label, path, errors);
    }
}

fn hints(own: &EndpointHints, path: &Path, errors: &mut Errors) {
    let zones: Vec<&str> = items(&own.for_zones).iter().map(|zone| zone.name.as_str()).collect();
    let nodes: Vec<&str> = items(&own.for_nodes).iter().map(|node| node.name.as_str()).collect();
    hinted(&zones, names::label_value, &path.child("forZones"), errors);
    hinted(&nodes, |name| subdomain_name(name, false), &path.child("forNodes"), errors);
}

fn hinted(list: &[&str], wrong: fn(&str) -> Vec<String>, path: &Path, errors: &mut Errors) {
    if list.len() > HINTS_MAX {
        errors.push(FieldError::too_many(path, list.len(), HINTS_MAX));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, name) in list.iter().enumerate() {
        let path = path.index(index).child("name");
        if !seen.insert(*name) {
            errors.push(FieldError::duplicate(&path, *name));
        }
        each(wrong(name), name, &path, errors);
    }
}

fn slice_ports(ports: &[SlicePort], path: &Path, errors: &mut Errors) {
    if ports.len() > PORTS_MAX {
        errors.push(FieldError::too_many(path, ports.len(), PORTS_MAX));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        if !name.is_empty() {
            each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
        protocol(text(&port.protocol), &path.child("protocol"), errors);
        app_protocol(&port.app_protocol, &path, errors);
    }
}
