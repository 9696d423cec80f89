//! Services.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::api::printers::endpoints::join;
use crate::api::{Method, Object, Request};

use super::super::builder::objects;
use super::super::discovery::discover;
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::containers::int_or_string;
use super::events;
use super::writer::Text;

/// Endpoints that a port's line shows.
const SHOWN_MAX: usize = 3;

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
        text.field(0, "Endpoints", formatted(&slices, port.name.as_deref().unwrap_or_default()));
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
    if let Some(port) = spec.health_check_node_port.filter(|port| *port != 0) {
        text.field(0, "HealthCheck NodePort", port.to_string());
    }
    if let Some(ranges) = spec.load_balancer_source_ranges.as_ref().filter(|ranges| !ranges.is_empty()) {
        text.field(0, "LoadBalancer Source Ranges", ranges.join(","));
    }
    events::write(io, &mut text, "Service", meta, show_events)?;
    Ok(text.aligned())
}

/// `formatEndpointSlices`: the ready addresses of a port, three at most; nothing where there are slices but none.
fn formatted(slices: &[Arc<Object>], port_name: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let (mut list, mut more, mut count): (Vec<String>, bool, usize) = (Vec::new(), false, 0);
    for slice in slices.iter().filter_map(|object| object.get::<EndpointSlice>()) {
        let ports = slice.ports.as_deref().unwrap_or_default();
        let fitting = ports.iter().filter(|port| port.name.as_deref().unwrap_or_default() == port_name);
        let fitting: Vec<Option<i32>> =
            if ports.is_empty() { vec![None] } else { fitting.map(|port| Some(port.port.unwrap_or(0))).collect() };
        for port in fitting {
            for endpoint in slice.endpoints.iter().flatten() {
                // As upstream has it, one that is not ready counts here too.
                more |= list.len() == SHOWN_MAX;
                let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready);
                if ready == Some(false) {
                    continue;
                }
                if !more {
                    let address = endpoint.addresses.first().map(String::as_str).unwrap_or_default();
                    list.push(port.map_or_else(|| address.to_owned(), |port| join(address, port)));
                }
                count += 1;
            }
        }
    }
    let shown = list.join(",");
    if more { format!("{shown} + {} more...", count - SHOWN_MAX) } else { shown }
}

/// The service's endpoint slices; none where the server has no such kind.
fn slices(io: &mut Io<'_, '_>, namespace: &str, name: &str) -> Result<Vec<Arc<Object>>, Stop> {
    let discovery = discover(io)?;
    let Some(resource) = discovery.resource("endpointslices.discovery.k8s.io") else { return Ok(Vec::new()) };
    let path = resource.path(namespace, "");
    let selector = format!("kubernetes.io/service-name={name}");
    let listed = io.ask(|| Request::new(Method::Get, path.as_str()).with("labelSelector", selector.as_str()));
    Ok(attempt(listed)?.map(|response| objects(&response)).unwrap_or_default())
}
