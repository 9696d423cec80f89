//! Mirrors `ValidateService` and its update.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::containers::{port_number, protocol};
use super::errors::{BadValue, Errors};
use super::handlers::port_number_or_name;
use super::ip;
use super::meta::{self, object_meta, object_meta_update};
use super::names::{self, each, label_name};
use super::path::Path;
use super::service_ips::{cluster_ips, cluster_ips_update, ip_families_update, is_headless};
use super::{items, text};
use crate::api::decode::json_writer::Json;
use crate::api::kind::FieldError;

const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// Whether traffic can come from outside the cluster.
pub fn externally_accessible(spec: &ServiceSpec) -> bool {
    match text(&spec.type_) {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !items(&spec.external_ips).is_empty(),
        _ => false,
    }
}

/// Whether a health check port is due.
pub fn needs_health_check(spec: &ServiceSpec) -> bool {
    text(&spec.type_) == "LoadBalancer" && text(&spec.external_traffic_policy) == "Local"
}

/// `ValidateService`.
pub fn service(own: &Service, errors: &mut Errors) {
    let (meta_path, path) = (Path::new("metadata"), Path::new("spec"));
    let empty = ServiceSpec::default();
    let spec = own.spec.as_ref().unwrap_or(&empty);
    object_meta(&own.metadata, true, label_name, &meta_path, errors);
    let annotation = |key: &str| own.metadata.annotations.as_ref().and_then(|annotations| annotations.get(key));
    if let (Some(mode), Some(hints)) = (annotation(MODE), annotation(HINTS))
        && mode != hints
    {
        let detail = format!("must match annotations[{HINTS}] when both are specified");
        errors.push(FieldError::invalid(&meta_path.child("annotations").key(MODE), mode, &detail));
    }
    let ports = items(&spec.ports);
    if ports.is_empty() && !is_headless(spec) && text(&spec.type_) != "ExternalName" {
        errors.push(FieldError::required(&path.child("ports"), ""));
    }
    by_type(spec, &path, errors);
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        service_port(port, ports.len() > 1, &mut names, &path.child("ports").index(index), errors);
    }
    meta::labels(spec.selector.as_ref(), &path.child("selector"), errors);
    session_affinity(spec, &path, errors);
    cluster_ips(spec, &path, errors);
    for (index, address) in items(&spec.external_ips).iter().enumerate() {
        let path = path.child("externalIPs").index(index);
        if ip::valid(address, &path, errors) {
            ip::non_special(address, &path, errors);
        }
    }
    service_type(spec, &path, errors);
    unique_ports(ports, &path.child("ports"), errors);
    source_ranges(spec, annotation(SOURCE_RANGES), &path, errors);
    load_balancer(spec, &path, errors);
    load_balancer_class(spec, &path, errors);
    traffic_policies(spec, &path, errors);
}

fn by_type(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    match text(&spec.type_) {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(spec) => {
            let detail = format!("may not be set to 'None' for {kind} services");
            errors.push(FieldError::invalid(&path.child("clusterIPs").index(0), "None", &detail));
        }
        "ExternalName" => {
            let detail = "may not be set for ExternalName services";
            for (field, set) in [
                ("clusterIPs", !items(&spec.cluster_ips).is_empty()),
                ("ipFamilies", !items(&spec.ip_families).is_empty()),
                ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
            ] {
                if set {
                    errors.push(FieldError::forbidden(&path.child(field), detail));
                }
            }
            let name = text(&spec.external_name);
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                errors.push(FieldError::required(&path.child("externalName"), ""));
            } else {
                each(names::dns1123_subdomain(name), name, &path.child("externalName"), errors);
            }
        }
        _ => {}
    }
}

fn service_port<'a>(
    port: &'a ServicePort,
    need_name: bool,
    seen: &mut BTreeSet<&'a str>,
    path: &Path,
    errors: &mut Errors,
) {
    let name = text(&port.name);
    if !name.is_empty() {
        each(names::dns1123_label(name), name, &path.child("name"), errors);
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
    } else if need_name {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    port_number(port.port, &path.child("port"), errors);
    protocol(text(&port.protocol), &path.child("protocol"), errors);
    let target = port.target_port.clone().unwrap_or(IntOrString::Int(0));
    port_number_or_name(&target, &path.child("targetPort"), errors);
    if let Some(name) = &port.app_protocol {
        each(names::qualified_name(name), name, &path.child("appProtocol"), errors);
    }
}

fn session_affinity(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    let (own, config_path) = (path.child("sessionAffinity"), path.child("sessionAffinityConfig"));
    let config = spec.session_affinity_config.as_ref();
    match text(&spec.session_affinity) {
        "" => errors.push(FieldError::required(&own, "")),
        "ClientIP" => {
            let client = config.and_then(|config| config.client_ip.as_ref());
            let seconds = client.and_then(|client| client.timeout_seconds);
            let client_path = config_path.child("clientIP");
            let missing = "when session affinity type is ClientIP";
            match (config, client, seconds) {
                (None, _, _) => errors.push(FieldError::required(&config_path, missing)),
                (_, None, _) => errors.push(FieldError::required(&client_path, missing)),
                (_, _, None) => errors.push(FieldError::required(&client_path.child("timeoutSeconds"), missing)),
                (_, _, Some(seconds)) if !(1..=86_400).contains(&seconds) => {
                    let detail = "must be greater than 0 and less than 86400";
                    errors.push(FieldError::invalid(&client_path.child("timeoutSeconds"), seconds, detail));
                }
                _ => {}
            }
        }
        "None" => {
            if config.is_some() {
                let detail = "must not be set when session affinity is None";
                errors.push(FieldError::forbidden(&config_path, detail));
            }
        }
        other => errors.push(FieldError::not_supported(&own, other, &["ClientIP", "None"])),
    }
}

fn service_type(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    match text(&spec.type_) {
        "" => errors.push(FieldError::required(&path.child("type"), "")),
        "ClusterIP" => {
            for (index, port) in items(&spec.ports).iter().enumerate() {
                if port.node_port.unwrap_or(0) != 0 {
                    let path = path.child("ports").index(index).child("nodePort");
                    errors.push(FieldError::forbidden(&path, "may not be used when `type` is 'ClusterIP'"));
                }
            }
        }
        "ExternalName" | "LoadBalancer" | "NodePort" => {}
        other => {
            let supported = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
            errors.push(FieldError::not_supported(&path.child("type"), other, supported));
        }
    }
}

fn unique_ports(ports: &[ServicePort], path: &Path, errors: &mut Errors) {
    let mut node_ports = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let Some(number) = port.node_port.filter(|number| *number != 0) else { continue };
        if !node_ports.insert((text(&port.protocol), number)) {
            errors.push(FieldError::duplicate(&path.index(index).child("nodePort"), number));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let protocol = text(&port.protocol);
        if !seen.insert((protocol, port.port)) {
            // The key upstream builds, as Go prints its internal type.
            let shown = BadValue::raw(format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                json!(protocol).json(),
                port.port
            ));
            errors.push(FieldError::duplicate(&path.index(index), shown));
        }
    }
}

fn source_ranges(spec: &ServiceSpec, annotation: Option<&String>, path: &Path, errors: &mut Errors) {
    let balanced = text(&spec.type_) == "LoadBalancer";
    let detail = "may only be used when `type` is 'LoadBalancer'";
    let ranges = items(&spec.load_balancer_source_ranges);
    if !ranges.is_empty() {
        let path = path.child("LoadBalancerSourceRanges");
        if !balanced {
            errors.push(FieldError::forbidden(&path, detail));
        }
        for (index, range) in ranges.iter().enumerate() {
            ip::valid_cidr(range.trim(), &path.index(index), errors);
        }
    } else if let Some(list) = annotation {
        let path = Path::new("metadata.annotations").key(SOURCE_RANGES);
        if !balanced {
            errors.push(FieldError::forbidden(&path, detail));
        }
        for range in list.trim().split(',').filter(|_| !list.trim().is_empty()) {
            ip::valid_cidr(range.trim(), &path, errors);
        }
    }
}

fn load_balancer(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    let balanced = text(&spec.type_) == "LoadBalancer";
    match spec.allocate_load_balancer_node_ports {
        Some(_) if !balanced => {
            let detail = "may only be used when `type` is 'LoadBalancer'";
            errors.push(FieldError::forbidden(&path.child("allocateLoadBalancerNodePorts"), detail));
        }
        // Upstream leaves `spec` out of this path.
        None if balanced => errors.push(FieldError::required(&Path::new("allocateLoadBalancerNodePorts"), "")),
        _ => {}
    }
}

fn load_balancer_class(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    let Some(class) = &spec.load_balancer_class else { return };
    let path = path.child("loadBalancerClass");
    if text(&spec.type_) == "LoadBalancer" {
        each(names::qualified_name(class), class, &path, errors);
    } else {
        errors.push(FieldError::forbidden(&path, "may only be used when `type` is 'LoadBalancer'"));
    }
}

fn traffic_policies(spec: &ServiceSpec, path: &Path, errors: &mut Errors) {
    let (external, external_path) = (text(&spec.external_traffic_policy), path.child("externalTrafficPolicy"));
    if !externally_accessible(spec) {
        if !external.is_empty() {
            let detail = "may only be set for externally-accessible services";
            errors.push(FieldError::invalid(&external_path, external, detail));
        }
    } else if external.is_empty() {
        errors.push(FieldError::required(&external_path, ""));
    } else if !matches!(external, "Cluster" | "Local") {
        errors.push(FieldError::not_supported(&external_path, external, &["Cluster", "Local"]));
    }
    let (port, port_path) = (spec.health_check_node_port.unwrap_or(0), path.child("healthCheckNodePort"));
    if !needs_health_check(spec) {
        if port != 0 {
            let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(FieldError::invalid(&port_path, port, detail));
        }
    } else if port != 0 {
        // One that is not asked for is given after this: upstream gives it before.
        port_number(port, &port_path, errors);
    }
    let internal_path = path.child("internalTrafficPolicy");
    match spec.internal_traffic_policy.as_deref() {
        None if matches!(text(&spec.type_), "ClusterIP" | "LoadBalancer" | "NodePort") => {
            errors.push(FieldError::required(&internal_path, ""));
        }
        None | Some("Cluster" | "Local") => {}
        Some(other) => errors.push(FieldError::not_supported(&internal_path, other, &["Cluster", "Local"])),
    }
    if let Some(distribution) = spec.traffic_distribution.as_deref() {
        let supported = &["PreferClose", "PreferSameZone", "PreferSameNode"];
        if !supported.contains(&distribution) {
            errors.push(FieldError::not_supported(&path.child("trafficDistribution"), distribution, supported));
        }
    }
}

/// `ValidateServiceUpdate`.
pub fn service_update(new: &Service, old: &Service, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let empty = ServiceSpec::default();
    let (spec, before) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    let path = Path::new("spec");
    cluster_ips_update(spec, before, &path, errors);
    ip_families_update(spec, before, &path, errors);
    let balanced = text(&spec.type_) == "LoadBalancer" && text(&before.type_) == "LoadBalancer";
    if balanced && spec.load_balancer_class != before.load_balancer_class {
        let shown = spec.load_balancer_class.as_ref().map_or_else(BadValue::null, BadValue::from);
        errors.push(FieldError::invalid(&path.child("loadBalancerClass"), shown, "may not change once set"));
    }
    load_balancer_class(spec, &path, errors);
    let checked = needs_health_check(spec) && needs_health_check(before);
    if checked && spec.health_check_node_port.unwrap_or(0) != before.health_check_node_port.unwrap_or(0) {
        errors.push(FieldError::forbidden(&path.child("healthCheckNodePort"), "field is immutable"));
    }
    service(new, errors);
}

/// `ValidateServiceStatusUpdate`.
pub fn service_status_update(new: &Service, old: &Service, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    let balancer = new.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.map(|balancer| items(&balancer.ingress)).unwrap_or_default();
    let path = Path::new("status.loadBalancer.ingress");
    if new.spec.as_ref().map_or("", |spec| text(&spec.type_)) != "LoadBalancer" && !ingress.is_empty() {
        errors.push(FieldError::forbidden(&path, "may only be used when `spec.type` is 'LoadBalancer'"));
        return;
    }
    for (index, own) in ingress.iter().enumerate() {
        let (path, address) = (path.index(index), text(&own.ip));
        if !address.is_empty() {
            ip::valid(address, &path.child("ip"), errors);
        }
        match own.ip_mode.as_deref() {
            None if !address.is_empty() => {
                errors.push(FieldError::required(&path.child("ipMode"), "must be specified when `ip` is set"));
            }
            Some(_) if address.is_empty() => {
                let detail = "may not be specified when `ip` is not set";
                errors.push(FieldError::forbidden(&path.child("ipMode"), detail));
            }
            None | Some("Proxy" | "VIP") => {}
            Some(other) => errors.push(FieldError::not_supported(&path.child("ipMode"), other, &["Proxy", "VIP"])),
        }
        let name = text(&own.hostname);
        if !name.is_empty() {
            each(names::dns1123_subdomain(name), name, &path.child("hostname"), errors);
            if ip::parse(name).is_some() {
                let detail = "must be a DNS name, not an IP address";
                errors.push(FieldError::invalid(&path.child("hostname"), name, detail));
            }
        }
    }
}
