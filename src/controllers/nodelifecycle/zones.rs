//! Zones: when many nodes fall silent at once it is not likely that all of them died.
//!
//! Mirrors `ComputeZoneState` and `handleDisruption` of
//! pkg/controller/nodelifecycle/node_lifecycle_controller.go.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::Node;

use super::readiness;

/// `--node-eviction-rate` 0.1 per second.
const INTERVAL: Duration = Duration::from_secs(10);
/// `--secondary-node-eviction-rate` 0.01 per second.
const SECONDARY_INTERVAL: Duration = Duration::from_secs(100);
/// `--large-cluster-size-threshold`.
const LARGE_ZONE: usize = 50;
/// `--unhealthy-zone-threshold`, in percent.
const UNHEALTHY_PERCENT: usize = 55;

/// How a zone fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    Normal,
    FullDisruption,
    PartialDisruption,
}

/// `ComputeZoneState`.
pub fn state(ready: usize, not_ready: usize) -> ZoneState {
    if ready == 0 && not_ready > 0 {
        ZoneState::FullDisruption
    } else if not_ready > 2 && not_ready * 100 >= UNHEALTHY_PERCENT * (ready + not_ready) {
        ZoneState::PartialDisruption
    } else {
        ZoneState::Normal
    }
}

/// The zones and how they fare.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    /// The state and the size, by zone.
    zones: OrdMap<Arc<str>, (ZoneState, usize)>,
}

/// `utilnode.GetZoneKey`.
pub fn zone_of(node: &Node) -> Arc<str> {
    let label = |name: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
    let region = label("topology.kubernetes.io/region").unwrap_or_default();
    let zone = label("topology.kubernetes.io/zone").unwrap_or_default();
    if region.is_empty() && zone.is_empty() { Arc::from("") } else { Arc::from(format!("{region}:\0:{zone}")) }
}

impl Zones {
    /// Counts again.
    pub fn update(&mut self, nodes: impl Iterator<Item = impl Deref<Target = Node>>) {
        let mut counts: OrdMap<Arc<str>, (usize, usize)> = OrdMap::new();
        for node in nodes {
            let count = counts.entry(zone_of(&node)).or_insert((0, 0));
            match readiness(&node) {
                Some("True") => count.0 += 1,
                Some(_) => count.1 += 1,
                None => {}
            }
        }
        self.zones = counts
            .into_iter()
            .map(|(zone, (ready, not_ready))| (zone, (state(ready, not_ready), ready + not_ready)))
            .collect();
    }

    /// Whether every zone is fully disrupted.
    pub fn all_disrupted(&self) -> bool {
        !self.zones.is_empty() && self.zones.values().all(|(state, _)| *state == ZoneState::FullDisruption)
    }

    /// How long after one node of the zone the next may be tainted; `None` for not at all.
    pub fn taint_interval(&self, zone: &str) -> Option<Duration> {
        match self.zones.get(zone) {
            Some((ZoneState::PartialDisruption, size)) => (*size > LARGE_ZONE).then_some(SECONDARY_INTERVAL),
            // One whole zone is down while others are not: full rate, its nodes are gone.
            _ if self.all_disrupted() => None,
            _ => Some(INTERVAL),
        }
    }
}
