//! Endpoints and EndpointSlices.

use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::super::errors::Stop;
use super::super::io::Io;
use super::events;
use super::writer::Text;

const UNSET: &str = "<unset>";

fn or<'a>(text: Option<&'a String>, stand_in: &'a str) -> &'a str {
    text.map(String::as_str).filter(|text| !text.is_empty()).unwrap_or(stand_in)
}

/// `EndpointsDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn endpoints(io: &mut Io<'_, '_>, own: &Endpoints, show_events: bool) -> Result<String, Stop> {
    let (mut text, meta) = (Text::default(), &own.metadata);
    head(&mut text, meta);
    text.put(0, "Subsets:\n");
    for subset in own.subsets.iter().flatten() {
        let joined = |list: &Option<Vec<EndpointAddress>>| {
            let ips: Vec<&str> = list.iter().flatten().map(|address| address.ip.as_str()).collect();
            if ips.is_empty() { "<none>".to_owned() } else { ips.join(",") }
        };
        text.field(1, "Addresses", joined(&subset.addresses));
        text.field(1, "NotReadyAddresses", joined(&subset.not_ready_addresses));
        let ports = subset.ports.as_deref().unwrap_or_default();
        if !ports.is_empty() {
            text.put(1, "Ports:\n");
            text.put(2, "Name\tPort\tProtocol\n");
            text.put(2, "----\t----\t--------\n");
        }
        for port in ports {
            let protocol = port.protocol.as_deref().unwrap_or_default();
            text.put(2, format!("{}\t{}\t{protocol}\n", or(port.name.as_ref(), UNSET), port.port));
        }
        text.put(0, "\n");
    }
    events::write(io, &mut text, "Endpoints", meta, show_events)?;
    Ok(text.aligned())
}

/// `EndpointSliceDescriber`.
///
/// # Errors
/// Those of its requests.
pub fn slice(io: &mut Io<'_, '_>, own: &EndpointSlice, show_events: bool) -> Result<String, Stop> {
    let (mut text, meta) = (Text::default(), &own.metadata);
    head(&mut text, meta);
    text.field(0, "AddressType", &own.address_type);
    let ports = own.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        text.put(0, "Ports: <unset>\n");
    } else {
        text.put(0, "Ports:\n");
        text.put(1, "Name\tPort\tProtocol\n");
        text.put(1, "----\t----\t--------\n");
    }
    for port in ports {
        let number = port.port.map_or_else(|| UNSET.to_owned(), |number| number.to_string());
        let protocol = port.protocol.as_deref().unwrap_or_default();
        text.put(1, format!("{}\t{number}\t{protocol}\n", or(port.name.as_ref(), UNSET)));
    }
    let endpoints = own.endpoints.as_deref().unwrap_or_default();
    text.put(0, if endpoints.is_empty() { "Endpoints: <none>\n" } else { "Endpoints:\n" });
    for endpoint in endpoints {
        let addresses = endpoint.addresses.join(", ");
        text.put(1, format!("- Addresses:\t{}\n", or(Some(&addresses), "<none>")));
        text.put(2, "Conditions:\n");
        let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready);
        text.field(3, "Ready", ready.map_or(UNSET, |ready| if ready { "true" } else { "false" }));
        text.field(2, "Hostname", endpoint.hostname.as_deref().unwrap_or(UNSET));
        if let Some(target) = &endpoint.target_ref {
            let (kind, name) = (or(target.kind.as_ref(), ""), or(target.name.as_ref(), ""));
            text.field(2, "TargetRef", format!("{kind}/{name}"));
        }
        text.field(2, "NodeName", endpoint.node_name.as_deref().unwrap_or(UNSET));
        text.field(2, "Zone", endpoint.zone.as_deref().unwrap_or(UNSET));
    }
    events::write(io, &mut text, "EndpointSlice", meta, show_events)?;
    Ok(text.aligned())
}

fn head(text: &mut Text, meta: &crate::api::ObjectMeta) {
    text.field(0, "Name", or(meta.name.as_ref(), ""));
    text.field(0, "Namespace", or(meta.namespace.as_ref(), ""));
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
}
