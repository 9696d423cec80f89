//! A pod goes to the zone that its bound volumes' labels name. Mirrors plugins/volumezone.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::Object;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::volumes::Volumes;
use super::volume_binding::uses;
use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::volumes::volume_name;

/// The plugin's name.
pub const NAME: &str = "VolumeZone";

const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const LABELS: [&str; 4] = [BETA_ZONE, BETA_REGION, ZONE, REGION];

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct VolumeZone;

/// A label that a node must have, with one of these values.
type Topology = (&'static str, BTreeSet<String>);

/// `getPVTopologies`: several zones are joined by two underscores.
fn topologies(volume: &PersistentVolume) -> Vec<Topology> {
    let label = |key: &&'static str| {
        let value = volume.metadata.labels.as_ref()?.get(*key)?;
        let values: BTreeSet<String> = value.split("__").map(|zone| zone.trim().to_owned()).collect();
        (!values.contains("")).then_some((*key, values))
    };
    LABELS.iter().filter_map(label).collect()
}

fn of_pod(pod: &PodInfo, volumes: &Volumes) -> Result<Vec<Topology>, String> {
    let mut all = Vec::new();
    for held in pod.claims.iter().filter(|held| !held.ephemeral) {
        let missing = || format!("persistentvolumeclaim {:?} not found", held.key.name);
        let claim = volumes.claim(&held.key).ok_or_else(missing)?;
        let name = volume_name(claim);
        if !name.is_empty() {
            let volume = volumes.volume(name).ok_or_else(|| format!("persistentvolume {name:?} not found"))?;
            all.extend(topologies(volume));
            continue;
        }
        let class = storage_class(claim);
        if class.is_empty() {
            return Err("PersistentVolumeClaim had no pv name and storageClass name".to_owned());
        }
        let missing = || format!("storageclass.storage.k8s.io {class:?} not found");
        match volumes.class(class).ok_or_else(missing)?.volume_binding_mode.as_deref() {
            None => return Err(format!("VolumeBindingMode not set for StorageClass {class:?}")),
            // It is bound once a node is chosen.
            Some("WaitForFirstConsumer") => {}
            Some(_) => return Err("PersistentVolume had no name".to_owned()),
        }
    }
    Ok(all)
}

fn fits(node: &NodeInfo, (key, values): &Topology) -> bool {
    let stable = match *key {
        BETA_ZONE => ZONE,
        BETA_REGION => REGION,
        key => key,
    };
    node.label(key).or_else(|| node.label(stable)).is_some_and(|value| values.contains(value))
}

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        let no = |reason| Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason);
        let topologies = of_pod(pod, &cache.volumes).map_err(no)?;
        if topologies.is_empty() {
            return Ok(PreFilter::Skip);
        }
        state.write(NAME, topologies);
        Ok(PreFilter::AllNodes)
    }

    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(wanted) = state.read::<Vec<Topology>>(NAME) else { return Ok(()) };
        // A node without any such label stands in a cluster of one zone.
        let zoned = LABELS.iter().any(|key| node.label(key).is_some());
        if !zoned || wanted.iter().all(|topology| fits(node, topology)) {
            return Ok(());
        }
        Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, "node(s) had no available volume zone"))
    }

    fn remedy(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let wanted = state.read::<Vec<Topology>>(NAME)?;
        let (key, values) = wanted.iter().find(|topology| !fits(node, topology))?;
        Some(format!("a node whose {key} is {}", values.iter().cloned().collect::<Vec<_>>().join(" or ")))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::StorageClass, action::ADD),
            (EventResource::Node, action::ADD | action::UPDATE_NODE_LABEL),
            (EventResource::PersistentVolumeClaim, action::ADD | action::UPDATE),
            (EventResource::PersistentVolume, action::ADD | action::UPDATE),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match event.resource {
            EventResource::PersistentVolumeClaim => uses(pod, event),
            EventResource::StorageClass => event.new.as_ref().is_some_and(|object| {
                object.expect::<StorageClass>().volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
            }),
            EventResource::PersistentVolume => {
                let of = |object: &Arc<Object>| topologies(object.expect());
                event.old.as_ref().map(of) != event.new.as_ref().map(of)
            }
            _ => true,
        }
    }
}
