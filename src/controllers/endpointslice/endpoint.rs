//! What a slice says of a pod and of its service: addresses, conditions, ports, labels.
//!
//! Mirrors staging endpointslice `utils.go` and `util/controller_utils.go`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod, PodSpec, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::validation::{ip, names};
use crate::api::{Object, ObjectMeta};
use crate::controllers::{owners, pods};
use crate::sim::{Gather, Order};

pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub const HEADLESS: &str = "service.kubernetes.io/headless";
const ZONE: &str = "topology.kubernetes.io/zone";

type Labels = BTreeMap<String, String>;

/// The spec of a service, which every stored one has.
pub fn spec(service: &Service) -> &ServiceSpec {
    service.spec.as_ref().expect("the API server gives every service a spec")
}

fn cluster_ip(service: &Service) -> &str {
    spec(service).cluster_ip.as_deref().unwrap_or_default()
}

/// `isServiceIPSet`: it has an address of its own.
pub fn has_cluster_ip(service: &Service) -> bool {
    !matches!(cluster_ip(service), "" | "None")
}

fn addresses_of(pod: &Pod) -> impl Iterator<Item = &str> {
    let status = pod.status.as_ref();
    status.into_iter().flat_map(|status| status.pod_ips.iter().flatten()).map(|own| own.ip.as_str())
}

/// The pod's addresses of one family, in their usual form.
fn of_family(pod: &Pod, address_type: &str) -> Vec<String> {
    let parsed = addresses_of(pod).filter_map(ip::parse);
    parsed.filter(|address| address.is_ipv4() == (address_type == "IPv4")).map(|address| address.to_string()).collect()
}

/// `ShouldPodBeInEndpoints`: it has an address and has not run to its end.
pub fn belongs(pod: &Pod, include_terminating: bool) -> bool {
    let has_address = pod.status.as_ref().is_some_and(|status| {
        status.pod_ip.as_ref().is_some_and(|own| !own.is_empty())
            || status.pod_ips.as_ref().is_some_and(|own| !own.is_empty())
    });
    !pods::is_terminal(pod) && has_address && (include_terminating || !pods::is_terminating(pod))
}

/// `ShouldSetHostname`: the hostname of a pod whose subdomain is the service.
pub fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let own = spec.hostname.as_ref().filter(|own| !own.is_empty())?;
    let fits = spec.subdomain == service.metadata.name && pod.metadata.namespace == service.metadata.namespace;
    fits.then(|| own.clone())
}

/// The reference to a pod that its endpoints carry.
pub fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// `podToEndpoint`.
pub fn from_pod(pod: &Pod, node: Option<&Node>, service: &Service, address_type: &str) -> Endpoint {
    let (serving, terminating) = (pods::is_ready(pod), pods::is_terminating(pod));
    let published = spec(service).publish_not_ready_addresses == Some(true);
    let node_name = Some(pods::node_name(pod)).filter(|name| !name.is_empty());
    let labels = node.and_then(|node| node.metadata.labels.as_ref());
    Endpoint {
        addresses: of_family(pod, address_type),
        conditions: Some(EndpointConditions {
            ready: Some(published || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        target_ref: Some(target(pod)),
        node_name: node_name.map(str::to_owned),
        zone: labels.and_then(|labels| labels.get(ZONE)).filter(|zone| !zone.is_empty()).cloned(),
        hostname: hostname(pod, service),
        ..Endpoint::default()
    }
}

/// The number of a named port among the containers of a pod, sidecars last.
fn named_port(pod: &PodSpec, name: &str, protocol: &str) -> Option<i32> {
    let sidecars = pod.init_containers.iter().flatten().filter(|own| own.restart_policy.as_deref() == Some("Always"));
    let ports = pod.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let mut fitting = ports
        .filter(|port| port.name.as_deref() == Some(name) && port.protocol.as_deref().unwrap_or_default() == protocol);
    fitting.next().map(|port| port.container_port)
}

/// `FindPort`: the port of a pod that a port of the service leads to.
pub fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    match port.target_port.as_ref() {
        Some(IntOrString::String(name)) => {
            named_port(pod.spec.as_ref()?, name, port.protocol.as_deref().unwrap_or_default())
        }
        Some(IntOrString::Int(number)) => Some(*number),
        None => Some(0),
    }
}

/// `getEndpointPorts`: a named port that the pod does not have is left out.
pub fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let own = spec(service).ports.iter().flatten();
    own.filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(find_port(pod, port)?),
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
    })
    .collect()
}

/// What slices with the same ports have in common (`NewPortMapKey`).
pub fn port_key(ports: Option<&Vec<EndpointPort>>) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut keys: Vec<String> = ports
        .into_iter()
        .flatten()
        .map(|own| {
            let number = own.port.map_or_else(String::new, |port| port.to_string());
            format!("{} {} {number} {}", or(&own.name), or(&own.protocol), or(&own.app_protocol))
        })
        .collect();
    keys.order();
    keys.join("\n")
}

fn is_reserved(label: &str) -> bool {
    matches!(label, SERVICE_NAME | MANAGED_BY | HEADLESS)
}

/// `setEndpointSliceLabels`: the labels a slice should have, and whether any but the reserved differ from its own.
pub fn labels(own: Option<&Labels>, service: &Service, managed_by: &str) -> (Labels, bool) {
    let free = |labels: Option<&Labels>| -> Labels {
        let all = labels.into_iter().flatten().filter(|(key, _)| !is_reserved(key));
        all.map(|(key, value)| (key.clone(), value.clone())).gather()
    };
    let mut wanted = free(service.metadata.labels.as_ref());
    let changed = wanted != free(own);
    if !has_cluster_ip(service) {
        wanted.insert(HEADLESS.to_owned(), String::new());
    }
    wanted.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone().unwrap_or_default());
    wanted.insert(MANAGED_BY.to_owned(), managed_by.to_owned());
    (wanted, changed)
}

/// `getAddressTypesForService`, in the order of their names.
pub fn address_types(service: &Service) -> Vec<&'static str> {
    let families = spec(service).ip_families.as_deref().unwrap_or_default();
    let mut types: Vec<&str> =
        ["IPv4", "IPv6"].into_iter().filter(|own| families.iter().any(|family| family == own)).collect();
    if types.is_empty() && has_cluster_ip(service) {
        types = vec![if cluster_ip(service).contains(':') { "IPv6" } else { "IPv4" }];
    } else if types.is_empty() {
        types = vec!["IPv4", "IPv6"];
    }
    types
}

/// `getEndpointSlicePrefix`: the name with a dash, where that is not too long.
pub fn prefix(owner: &str) -> String {
    let dashed = format!("{owner}-");
    if names::subdomain_name(&dashed, true).is_empty() { dashed } else { owner.to_owned() }
}

/// A slice of `owner` that has no endpoints yet.
pub fn empty_slice(
    owner: &Object,
    labels: Labels,
    address_type: &str,
    ports: &[EndpointPort],
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(prefix(owner.name())),
            namespace: Some(owner.namespace().to_owned()),
            labels: Some(labels),
            owner_references: Some(vec![owners::controller_ref(owner)]),
            ..ObjectMeta::default()
        },
        address_type: address_type.to_owned(),
        ports: Some(ports.to_vec()),
        endpoints: Some(endpoints),
    }
}

/// What makes an endpoint the same (`hashEndpoint`): its addresses, its hostname and the object behind it.
pub fn identity(endpoint: &Endpoint) -> String {
    let target = |text: fn(&ObjectReference) -> &Option<String>| {
        endpoint.target_ref.as_ref().and_then(|own| text(own).as_deref()).unwrap_or_default()
    };
    let mut addresses = endpoint.addresses.clone();
    addresses.order();
    let hostname = endpoint.hostname.as_deref().unwrap_or_default();
    format!("{} {} {hostname} {}", target(|own| &own.namespace), target(|own| &own.name), addresses.join(","))
}

/// `EndpointsEqualBeyondHash`: also the same node, zone, conditions and target.
pub fn equal_beyond_identity(a: &Endpoint, b: &Endpoint) -> bool {
    let target = |endpoint: &Endpoint| {
        let mut target = endpoint.target_ref.clone();
        if let Some(target) = &mut target {
            target.resource_version = None;
        }
        target
    };
    let conditions = |endpoint: &Endpoint| endpoint.conditions.clone().unwrap_or_default();
    a.node_name == b.node_name && a.zone == b.zone && conditions(a) == conditions(b) && target(a) == target(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_ports_does_not_make_other_ports() {
        let port = |name: &str, port: i32| EndpointPort {
            name: Some(name.to_owned()),
            port: Some(port),
            ..EndpointPort::default()
        };
        let key = |ports: &[EndpointPort]| port_key(Some(&ports.to_vec()));
        assert_eq!(key(&[port("a", 1), port("b", 2)]), key(&[port("b", 2), port("a", 1)]));
        assert_ne!(key(&[port("a", 1)]), key(&[port("a", 2)]));
        assert_eq!(port_key(None), key(&[]));
    }
}
