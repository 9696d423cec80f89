//! The subsets of an Endpoints: addresses by the ports they have in common.
//!
//! Mirrors pkg/api/v1/endpoints `RepackSubsets`, and the truncation of pkg/controller/endpoint. Where upstream orders
//! subsets and ports by hashes of Go's dump, they are ordered by name and number here.

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Pod, Service};

use crate::api::Object;
use crate::api::validation::ip;
use crate::controllers::endpointslice::endpoint::{belongs, find_port, hostname, spec, target};
use crate::controllers::pods;
use crate::sim::Order;

/// `maxCapacity`: what an Endpoints may hold.
pub const CAPACITY: usize = 1000;

/// An address of a port, and whether it is ready.
#[derive(Clone, Debug, PartialEq)]
struct Address {
    own: EndpointAddress,
    ready: bool,
}

fn address_key(address: &Address) -> (&str, &str) {
    let uid = address.own.target_ref.as_ref().and_then(|target| target.uid.as_deref());
    (&address.own.ip, uid.unwrap_or_default())
}

fn port_key(port: &EndpointPort) -> (&str, i32, &str) {
    (port.name.as_deref().unwrap_or_default(), port.port, port.protocol.as_deref().unwrap_or_default())
}

/// `podToEndpointAddressForService`: the pod's address of the service's first family.
fn address(pod: &Pod, service: &Service) -> Option<EndpointAddress> {
    let families = spec(service).ip_families.as_deref().unwrap_or_default();
    let v6 = families.first().is_some_and(|family| family == "IPv6");
    let own = pod.status.as_ref()?.pod_ips.iter().flatten();
    let ip = own.map(|own| &own.ip).find(|own| ip::parse(own).is_some_and(|own| own.is_ipv6() == v6))?;
    Some(EndpointAddress {
        ip: ip.clone(),
        node_name: Some(pods::node_name(pod).to_owned()),
        target_ref: Some(target(pod)),
        hostname: hostname(pod, service),
    })
}

/// The ports that a pod has behind the service: one without a number for a headless service that has none.
fn ports(pod: &Pod, service: &Service) -> Vec<Option<EndpointPort>> {
    let spec = spec(service);
    let own = spec.ports.as_deref().unwrap_or_default();
    if own.is_empty() {
        return if spec.cluster_ip.as_deref() == Some("None") { vec![None] } else { Vec::new() };
    }
    let found = own.iter().filter_map(|port| {
        Some(Some(EndpointPort {
            name: port.name.clone().filter(|name| !name.is_empty()),
            port: find_port(pod, port)?,
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        }))
    });
    found.collect()
}

/// The subsets for a service and the pods it selects.
pub fn of(service: &Service, pods: &[impl AsRef<Object>]) -> Vec<EndpointSubset> {
    let published = spec(service).publish_not_ready_addresses == Some(true);
    let mut by_port: Vec<(Option<EndpointPort>, Vec<Address>)> = Vec::new();
    for pod in pods {
        let pod = pod.as_ref().expect::<Pod>();
        let Some(own) = address(pod, service).filter(|_| belongs(pod, published)) else { continue };
        for port in ports(pod, service) {
            let address = Address { own: own.clone(), ready: published || pods::is_ready(pod) };
            match by_port.iter_mut().find(|(known, _)| *known == port) {
                Some((_, addresses)) => addresses.push(address),
                None => by_port.push((port, vec![address])),
            }
        }
    }
    repack(by_port)
}

/// Ports that the same addresses have, in the same state, become one subset.
fn repack(by_port: Vec<(Option<EndpointPort>, Vec<Address>)>) -> Vec<EndpointSubset> {
    let mut packed: Vec<(Vec<Address>, Vec<EndpointPort>)> = Vec::new();
    for (port, mut addresses) in by_port {
        addresses.order_by(|a, b| address_key(a).cmp(&address_key(b)));
        match packed.iter_mut().find(|(known, _)| *known == addresses) {
            Some((_, ports)) => ports.extend(port),
            None => packed.push((addresses, port.into_iter().collect())),
        }
    }
    for (_, ports) in &mut packed {
        ports.order_by(|a, b| port_key(a).cmp(&port_key(b)));
    }
    packed.order_by(|(_, a), (_, b)| a.first().map(port_key).cmp(&b.first().map(port_key)));
    let some = |list: Vec<EndpointAddress>| (!list.is_empty()).then_some(list);
    packed
        .into_iter()
        .map(|(addresses, ports)| {
            let (ready, waiting): (Vec<Address>, Vec<Address>) = addresses.into_iter().partition(|own| own.ready);
            EndpointSubset {
                addresses: some(ready.into_iter().map(|own| own.own).collect()),
                not_ready_addresses: some(waiting.into_iter().map(|own| own.own).collect()),
                ports: (!ports.is_empty()).then_some(ports),
            }
        })
        .collect()
}

fn len(list: &Option<Vec<EndpointAddress>>) -> usize {
    list.as_ref().map_or(0, Vec::len)
}

/// How many addresses there are, ready or not.
pub fn count(subsets: &[EndpointSubset]) -> usize {
    subsets.iter().map(|subset| len(&subset.addresses) + len(&subset.not_ready_addresses)).sum()
}

/// `truncateEndpoints`: at most a thousand, the ready ones first, in proportion. Whether anything was left out.
pub fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let ready: usize = subsets.iter().map(|subset| len(&subset.addresses)).sum();
    let waiting = count(subsets) - ready;
    if ready + waiting <= CAPACITY {
        return false;
    }
    let cut_ready = ready > CAPACITY;
    let (max, total) = if cut_ready { (CAPACITY, ready) } else { (CAPACITY - ready, waiting) };
    let mut left = max;
    for subset in subsets {
        let list = if cut_ready {
            subset.not_ready_addresses = None;
            &mut subset.addresses
        } else {
            &mut subset.not_ready_addresses
        };
        let share = (len(list) * max).div_ceil(total).min(left);
        if let Some(list) = list {
            list.truncate(share);
            left -= list.len();
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn object(kind: Kind, value: &Value) -> Object {
        Object::from_value(kind, value, &mut |_| {}).expect("it decodes")
    }

    fn service(spec: &Value) -> Service {
        let object =
            object(Kind::Service, &json!({ "metadata": { "name": "web", "namespace": "default" }, "spec": spec }));
        object.expect::<Service>().clone()
    }

    fn pod(name: &str, ip: &str, ready: bool, ports: &Value) -> Arc<Object> {
        let status = if ready { "True" } else { "False" };
        Arc::new(object(
            Kind::Pod,
            &json!({
                "metadata": { "name": name, "namespace": "default", "uid": name },
                "spec": { "nodeName": "node-a", "containers": [{ "name": "c", "ports": ports }] },
                "status": {
                    "podIP": ip, "podIPs": [{ "ip": ip }],
                    "conditions": [{ "type": "Ready", "status": status }],
                },
            }),
        ))
    }

    fn shown(subsets: &[EndpointSubset]) -> Vec<String> {
        let ips = |list: &Option<Vec<EndpointAddress>>| {
            list.iter().flatten().map(|own| own.ip.clone()).collect::<Vec<_>>().join(",")
        };
        let line = |subset: &EndpointSubset| {
            let ports: Vec<String> = subset.ports.iter().flatten().map(|port| port.port.to_string()).collect();
            format!("{} | {} | {}", ips(&subset.addresses), ips(&subset.not_ready_addresses), ports.join(","))
        };
        subsets.iter().map(line).collect()
    }

    #[test]
    fn addresses_with_the_same_ports_share_a_subset() {
        let two = service(&json!({ "ports": [
            { "name": "a", "port": 80, "targetPort": 8080, "protocol": "TCP" },
            { "name": "b", "port": 81, "targetPort": "metrics", "protocol": "TCP" },
        ]}));
        let metrics = json!([{ "name": "metrics", "containerPort": 9090, "protocol": "TCP" }]);
        let pods = [pod("p2", "10.0.0.2", true, &metrics), pod("p1", "10.0.0.1", false, &metrics)];
        assert_eq!(shown(&of(&two, &pods)), ["10.0.0.2 | 10.0.0.1 | 8080,9090"]);
        // One that has no port of that name stands behind the other only.
        let pods = [pod("p2", "10.0.0.2", true, &metrics), pod("p1", "10.0.0.1", true, &json!([]))];
        assert_eq!(shown(&of(&two, &pods)), ["10.0.0.1,10.0.0.2 |  | 8080", "10.0.0.2 |  | 9090"]);
    }

    #[test]
    fn a_headless_service_needs_no_ports() {
        let pods = [pod("p1", "10.0.0.1", true, &json!([]))];
        assert_eq!(shown(&of(&service(&json!({ "clusterIP": "None" })), &pods)), ["10.0.0.1 |  | "]);
        assert!(of(&service(&json!({ "clusterIP": "10.96.0.9" })), &pods).is_empty());
    }

    #[test]
    fn more_than_a_thousand_are_cut_in_proportion() {
        let list = |count: usize| Some(vec![EndpointAddress::default(); count]);
        let subset = |ready: usize, waiting: usize| EndpointSubset {
            addresses: list(ready),
            not_ready_addresses: list(waiting),
            ports: None,
        };
        let check = |mut subsets: Vec<EndpointSubset>, expected: &[(usize, usize)]| {
            let cut = truncate(&mut subsets);
            let lens: Vec<_> = subsets.iter().map(|own| (len(&own.addresses), len(&own.not_ready_addresses))).collect();
            assert_eq!(lens, expected);
            cut
        };
        assert!(!check(vec![subset(600, 400)], &[(600, 400)]));
        assert!(check(vec![subset(500, 1000), subset(400, 1000)], &[(500, 50), (400, 50)]));
        assert!(check(vec![subset(1500, 10), subset(500, 10)], &[(750, 0), (250, 0)]));
    }
}
