//! Service, v1.

use k8s_openapi::api::core::v1::{ClientIPConfig, Service, ServiceSpec, ServiceStatus, SessionAffinityConfig};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::service;
use crate::sim::persistent::{OrdMap, OrdSet};

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Service",
    plural: "services",
    singular: "service",
    short_names: &["svc"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "services/specs",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, service::service),
    validate_update: |new, old| strategy::compare(new, old, service::service_update),
    validate_status: |new, old| strategy::compare(new, old, service::service_status_update),
    field_labels: &["spec.clusterIP", "spec.type"],
    field,
    creates_on_update: true,
    columns: crate::api::printers::service::COLUMNS,
    row: crate::api::printers::service::row,
    ..plain(Kind::Service)
};

fn kind(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or_default()
}

fn given(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|value| !value.is_empty())
}

/// `SetDefaults_Service`.
fn default(object: &mut Object) {
    let own = strategy::own::<Service>(object);
    let spec = own.spec.get_or_insert_default();
    defaults::text(&mut spec.session_affinity, "None");
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
            if config.is_none_or(|config| config.timeout_seconds.is_none()) {
                let client_ip = Some(ClientIPConfig { timeout_seconds: Some(10_800) });
                spec.session_affinity_config = Some(SessionAffinityConfig { client_ip });
            }
        }
        _ => {}
    }
    defaults::text(&mut spec.type_, "ClusterIP");
    for port in spec.ports.iter_mut().flatten() {
        defaults::text(&mut port.protocol, "TCP");
        let unset = match &port.target_port {
            None | Some(IntOrString::Int(0)) => true,
            Some(IntOrString::String(name)) => name.is_empty(),
            Some(IntOrString::Int(_)) => false,
        };
        if unset {
            port.target_port = Some(IntOrString::Int(port.port));
        }
    }
    if service::externally_accessible(spec) {
        defaults::text(&mut spec.external_traffic_policy, "Cluster");
    }
    let balanced = kind(spec) == "LoadBalancer";
    if balanced || matches!(kind(spec), "ClusterIP" | "NodePort") {
        spec.internal_traffic_policy.get_or_insert_with(|| "Cluster".to_owned());
    }
    if balanced {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    let balancer = own.status.get_or_insert_default().load_balancer.get_or_insert_default();
    for ingress in balancer.ingress.iter_mut().flatten().filter(|ingress| balanced && given(&ingress.ip)) {
        ingress.ip_mode.get_or_insert_with(|| "VIP".to_owned());
    }
}

fn empty_status() -> Option<ServiceStatus> {
    Some(ServiceStatus { load_balancer: Some(Default::default()), conditions: None })
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<Service>(object);
    own.status = empty_status();
    let spec = own.spec.get_or_insert_default();
    // A client that knows of one address only.
    if given(&spec.cluster_ip) && spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) {
        spec.cluster_ips = spec.cluster_ip.clone().map(|address| vec![address]);
    }
}

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Service>(new), old.expect::<Service>());
    own.status.clone_from(&old.status);
    let before = old.spec.clone().unwrap_or_default();
    let spec = own.spec.get_or_insert_default();
    drop_type_dependent(spec, &before);
    keep_allocated(spec, &before);
    normalize_cluster_ips(spec, &before);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<Service>(new).spec.clone_from(&old.expect::<Service>().spec);
}

fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    matches!(kind(spec), "ClusterIP" | "LoadBalancer" | "NodePort")
}

fn needs_node_port(spec: &ServiceSpec) -> bool {
    kind(spec) == "NodePort" || kind(spec) == "LoadBalancer" && spec.allocate_load_balancer_node_ports.unwrap_or(true)
}

fn node_ports(spec: &ServiceSpec) -> OrdSet<i32> {
    spec.ports.iter().flatten().filter_map(|port| port.node_port).filter(|port| *port != 0).collect()
}

/// `dropTypeDependentFields`: what the old type needed and the new one does not, unless the client changed it.
fn drop_type_dependent(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(spec) {
        if spec.cluster_ip == old.cluster_ip && spec.cluster_ips == old.cluster_ips {
            spec.cluster_ip = None;
            spec.cluster_ips = None;
        }
        if spec.ip_families == old.ip_families {
            spec.ip_families = None;
        }
        if spec.ip_family_policy == old.ip_family_policy {
            spec.ip_family_policy = None;
        }
    }
    if needs_node_port(old) && !needs_node_port(spec) && node_ports(spec) == node_ports(old) {
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = None;
        }
    }
    if service::needs_health_check(old)
        && !service::needs_health_check(spec)
        && spec.health_check_node_port == old.health_check_node_port
    {
        spec.health_check_node_port = None;
    }
    if kind(old) == "LoadBalancer" && kind(spec) != "LoadBalancer" {
        if spec.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports {
            spec.allocate_load_balancer_node_ports = None;
        }
        if spec.load_balancer_class == old.load_balancer_class {
            spec.load_balancer_class = None;
        }
    }
    if service::externally_accessible(old)
        && !service::externally_accessible(spec)
        && spec.external_traffic_policy == old.external_traffic_policy
    {
        spec.external_traffic_policy = None;
    }
}

/// `patchAllocatedValues`: what was allocated stays where a client left it out.
fn keep_allocated(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && needs_cluster_ip(spec) {
        if !given(&spec.cluster_ip) {
            spec.cluster_ip.clone_from(&old.cluster_ip);
        }
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) && spec.cluster_ip == old.cluster_ip {
            spec.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if needs_node_port(old) && needs_node_port(spec) {
        let mut used: OrdSet<i32> = node_ports(old).intersection(&node_ports(spec)).copied().collect();
        let ports = old.ports.iter().flatten();
        let by_name: OrdMap<&str, i32> =
            ports.map(|port| (port.name.as_deref().unwrap_or_default(), port.node_port.unwrap_or(0))).collect();
        for port in spec.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or(0) == 0) {
            let known = by_name.get(port.name.as_deref().unwrap_or_default()).copied().unwrap_or(0);
            if known != 0 && used.insert(known).is_none() {
                port.node_port = Some(known);
            }
        }
    }
    if service::needs_health_check(old)
        && service::needs_health_check(spec)
        && spec.health_check_node_port.unwrap_or(0) == 0
    {
        spec.health_check_node_port = old.health_check_node_port;
    }
}

/// `normalizeClusterIPs` on an update: a client that knows of one address only changed or cleared it.
fn normalize_cluster_ips(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if spec.cluster_ips != old.cluster_ips {
        return;
    }
    if given(&old.cluster_ip) && !given(&spec.cluster_ip) {
        spec.cluster_ips = None;
    } else if spec.cluster_ip != old.cluster_ip {
        spec.cluster_ips = spec.cluster_ip.clone().map(|address| vec![address]);
    }
}

fn field(object: &Object, label: &str) -> Option<String> {
    let spec = object.expect::<Service>().spec.as_ref();
    let value = match label {
        "spec.clusterIP" => spec.and_then(|spec| spec.cluster_ip.clone()),
        "spec.type" => spec.and_then(|spec| spec.type_.clone()),
        _ => return None,
    };
    Some(value.unwrap_or_default())
}
