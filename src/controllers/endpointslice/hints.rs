//! Hints for `spec.trafficDistribution`: which zone, or which node, an endpoint is for.
//!
//! Mirrors staging endpointslice `trafficdist`.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice, ForNode, ForZone};

use super::endpoint::spec;

/// The annotations that ask for topology hints of the other kind.
const MODES: [&str; 2] = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];

/// What the service asks for, if it is not the other kind of hints.
fn distribution(service: &Service) -> Option<&str> {
    let annotation = |key: &&str| service.metadata.annotations.as_ref().and_then(|all| all.get(*key));
    let mode = MODES.iter().find_map(annotation);
    let own = spec(service).traffic_distribution.as_deref()?;
    let known = matches!(own, "PreferClose" | "PreferSameNode" | "PreferSameZone");
    (known && !mode.is_some_and(|mode| mode == "Auto" || mode == "auto")).then_some(own)
}

/// The hints that an endpoint should have; `None` where those it has may stay.
fn wanted(distribution: Option<&str>, endpoint: &Endpoint) -> Option<Option<EndpointHints>> {
    let Some(distribution) = distribution else { return Some(None) };
    if endpoint.conditions.as_ref().and_then(|own| own.ready) != Some(true) {
        return None;
    }
    let zones = endpoint.zone.as_ref().map(|name| vec![ForZone { name: name.clone() }]);
    let by_node = endpoint.node_name.as_ref().filter(|_| distribution == "PreferSameNode");
    let nodes = by_node.map(|name| vec![ForNode { name: name.clone() }]);
    let any = zones.is_some() || nodes.is_some();
    Some(any.then_some(EndpointHints { for_zones: zones, for_nodes: nodes }))
}

/// Gives the endpoints of a slice their hints.
pub fn set(service: &Service, slice: &mut EndpointSlice) {
    let distribution = distribution(service);
    for endpoint in slice.endpoints.iter_mut().flatten() {
        if let Some(hints) = wanted(distribution, endpoint) {
            endpoint.hints = hints;
        }
    }
}

/// Copies of the slices whose hints are not what they should be.
pub fn stale(service: &Service, slices: &[&EndpointSlice]) -> Vec<EndpointSlice> {
    let distribution = distribution(service);
    let is_wrong = |endpoint: &Endpoint| wanted(distribution, endpoint).is_some_and(|wanted| wanted != endpoint.hints);
    let stale = slices.iter().filter(|slice| slice.endpoints.iter().flatten().any(is_wrong));
    stale.map(|slice| (*slice).clone()).collect()
}
