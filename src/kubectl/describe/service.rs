//! Services.

use k8s_openapi::api::core::v1::Service;

use crate::api::{Method, Request};

use super::super::builder::{items, text_at};
use super::super::discovery::discover;
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::containers::int_or_string;
use super::events;
use super::writer::Text;

/// `ServiceDescriber`. Endpoint slices are asked for where the server has them.
pub fn describe(io: &mut Io<'_, '_>, service: &Service, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let meta = &service.metadata;
    let spec = service.spec.clone().unwrap_or_default();
    let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
    text.field(0, "Name", or_empty(&meta.name));
    text.field(0, "Namespace", or_empty(&meta.namespace));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    let selector: Vec<String> = spec.selector.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    text.field(0, "Selector", if selector.is_empty() { "<none>".to_owned() } else { selector.join(",") });
    text.field(0, "Type", or_empty(&spec.type_));
    if let Some(policy) = &spec.ip_family_policy {
        text.field(0, "IP Family Policy", policy);
    }
    let families = spec.ip_families.as_deref().unwrap_or_default();
    text.field(0, "IP Families", if families.is_empty() { "<none>".to_owned() } else { families.join(",") });
    text.field(0, "IP", or_empty(&spec.cluster_ip));
    let addresses = spec.cluster_ips.as_deref().unwrap_or_default();
    text.field(0, "IPs", if addresses.is_empty() { "<none>".to_owned() } else { addresses.join(",") });
    for (title, list) in [("External IPs", &spec.external_ips)] {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            text.field(0, title, list.join(","));
        }
    }
    if let Some(address) = spec.load_balancer_ip.as_ref().filter(|address| !address.is_empty()) {
        text.field(0, "Desired LoadBalancer IP", address);
    }
    if let Some(name) = spec.external_name.as_ref().filter(|name| !name.is_empty()) {
        text.field(0, "External Name", name);
    }
    let slices = slices(io, meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())?;
    for port in spec.ports.iter().flatten() {
        let name = port.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("<unset>");
        let protocol = port.protocol.as_deref().unwrap_or_default();
        text.put(0, format!("Port:\t{name}\t{}/{protocol}\n", port.port));
        let target = port.target_port.as_ref().map(int_or_string).unwrap_or_default();
        text.field(0, "TargetPort", format!("{target}/{protocol}"));
        if let Some(node_port) = port.node_port.filter(|port| *port > 0) {
            text.put(0, format!("NodePort:\t{name}\t{node_port}/{protocol}\n"));
        }
        let endpoints = slices.iter().find(|(known, _)| known == port.name.as_deref().unwrap_or_default());
        let endpoints = endpoints.map_or_else(|| "<none>".to_owned(), |(_, addresses)| shortened(addresses));
        text.field(0, "Endpoints", endpoints);
    }
    text.field(0, "Session Affinity", or_empty(&spec.session_affinity));
    for (title, value) in [
        ("External Traffic Policy", &spec.external_traffic_policy),
        ("Internal Traffic Policy", &spec.internal_traffic_policy),
        ("TrafficDistribution", &spec.traffic_distribution),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text.field(0, title, value);
        }
    }
    events::write(io, &mut text, "Service", meta, show_events)?;
    Ok(text.aligned())
}

fn shortened(addresses: &[String]) -> String {
    match addresses {
        [] => "<none>".to_owned(),
        [a, b, c, _, ..] => format!("{a},{b},{c} + {} more...", addresses.len() - 3),
        few => few.join(","),
    }
}

/// Addresses with ports by port name, from the service's endpoint slices.
fn slices(io: &mut Io<'_, '_>, namespace: &str, name: &str) -> Result<Vec<(String, Vec<String>)>, Stop> {
    let discovery = discover(io)?;
    let Some(resource) = discovery.resource("endpointslices.discovery.k8s.io") else { return Ok(Vec::new()) };
    let path = resource.path(namespace, "");
    let selector = format!("kubernetes.io/service-name={name}");
    let listed = io.ask(|| Request::new(Method::Get, path.as_str()).with("labelSelector", selector.as_str()));
    let mut ports: Vec<(String, Vec<String>)> = Vec::new();
    for slice in attempt(listed)?.map(|response| items(&response)).unwrap_or_default() {
        for port in slice["ports"].as_array().into_iter().flatten() {
            let mut addresses = Vec::new();
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                if endpoint.pointer("/conditions/ready") == Some(&serde_json::Value::Bool(false)) {
                    continue;
                }
                for address in endpoint["addresses"].as_array().into_iter().flatten() {
                    addresses.push(format!("{}:{}", address.as_str().unwrap_or_default(), port["port"]));
                }
            }
            let name = text_at(port, "/name").to_owned();
            match ports.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(addresses),
                None => ports.push((name, addresses)),
            }
        }
    }
    Ok(ports)
}
