//! A node takes no more volumes of a driver than the driver can attach. Mirrors plugins/nodevolumelimits `CSILimits`.
//!
//! Leaves out: translation of in-tree volumes.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::ObjectKey;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::volumes::{Volumes, is_for_pod};
use super::volume_binding::uses;
use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::volumes::volume_name;
use crate::sim::Gather;

/// The plugin's name.
pub const NAME: &str = "NodeVolumeLimits";

const EXCEEDED: &str = "node(s) exceed max volume count";
/// The prefix of a driver's limit where the node's allocatable says it.
const LIMIT_PREFIX: &str = "attachable-volumes-csi-";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct NodeVolumeLimits;

/// Volumes as driver and handle.
type Handles = BTreeSet<(String, String)>;

/// The driver and handle of a claim's volume; a handle of its own where it has none yet (`getCSIDriverInfo`).
fn handle(key: &ObjectKey, volumes: &Volumes) -> Option<(String, String)> {
    let claim = volumes.claim(key)?;
    if let Some(volume) = volumes.volume(volume_name(claim)) {
        let source = volume.spec.as_ref()?.csi.as_ref()?;
        return Some((source.driver.clone(), source.volume_handle.clone()));
    }
    let class = volumes.class(storage_class(claim))?;
    Some((class.provisioner.clone(), format!("unbound-{key}")))
}

/// The volumes of a pod; what is wrong with its claims matters only for the pod that is scheduled.
fn handles(pod: &PodInfo, volumes: &Volumes) -> Result<Handles, String> {
    let mut found = Handles::new();
    for held in &pod.claims {
        let (namespace, name) = (&held.key.namespace, &held.key.name);
        let missing = || format!("looking up PVC {namespace}/{name}: persistentvolumeclaim {name:?} not found");
        let claim = volumes.claim(&held.key).ok_or_else(missing)?;
        if held.ephemeral {
            is_for_pod(pod, claim)?;
        }
        found.extend(handle(&held.key, volumes));
    }
    Ok(found)
}

/// How many volumes of each driver a node takes.
fn limits(node: &NodeInfo, volumes: &Volumes) -> BTreeMap<String, i64> {
    let of_node = node.allocatable.scalar.iter();
    let of_node = of_node.filter_map(|(name, most)| Some((name.strip_prefix(LIMIT_PREFIX)?.to_owned(), *most)));
    let mut limits: BTreeMap<String, i64> = of_node.gather();
    for driver in volumes.csi_node(&node.name).iter().flat_map(|node| &node.spec.drivers) {
        if let Some(count) = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count) {
            limits.insert(driver.name.clone(), i64::from(count));
        }
    }
    limits
}

/// The driver that would have too many volumes on the node, with how many it takes.
fn exceeded(pod: &PodInfo, node: &NodeInfo, volumes: &Volumes) -> Result<Option<(String, i64)>, String> {
    let mut wanted = handles(pod, volumes)?;
    let limits = limits(node, volumes);
    if wanted.is_empty() || limits.is_empty() {
        return Ok(None);
    }
    let mut attached = Handles::new();
    for other in node.pods.values() {
        attached.extend(other.claims.iter().filter_map(|held| handle(&held.key, volumes)));
    }
    for attachment in volumes.attachments(&node.name) {
        let name = attachment.spec.source.persistent_volume_name.as_deref().unwrap_or_default();
        let source = volumes.volume(name).and_then(|volume| volume.spec.as_ref()?.csi.as_ref());
        attached.extend(source.map(|source| (source.driver.clone(), source.volume_handle.clone())));
    }
    wanted.retain(|volume| !attached.contains(volume));
    let count = |volumes: &Handles, driver: &str| volumes.iter().filter(|(of, _)| of == driver).count() as i64;
    let over = limits.into_iter().find(|(driver, most)| {
        let new = count(&wanted, driver);
        new > 0 && count(&attached, driver) + new > *most
    });
    Ok(over)
}

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        if pod.claims.is_empty() {
            return Ok(PreFilter::Skip);
        }
        state.write(NAME, cache.volumes.clone());
        Ok(PreFilter::AllNodes)
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(volumes) = state.read::<Volumes>(NAME) else { return Ok(()) };
        match exceeded(pod, node, volumes) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Rejection::new(NAME, Code::Unschedulable, EXCEEDED)),
            Err(error) => Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, error)),
        }
    }

    fn remedy(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let (driver, most) = exceeded(pod, node, state.read::<Volumes>(NAME)?).ok()??;
        Some(format!("one volume of {driver} less on {}, which takes {most}", node.name))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::CsiNode, action::ADD | action::UPDATE),
            (EventResource::AssignedPod, action::DELETE),
            (EventResource::PersistentVolumeClaim, action::ADD),
            (EventResource::VolumeAttachment, action::DELETE),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match (event.resource, &event.old) {
            (EventResource::PersistentVolumeClaim, _) => uses(pod, event),
            (EventResource::AssignedPod, Some(object)) => {
                let gone = PodInfo::new(object);
                !gone.node_name().is_empty() && !gone.claims.is_empty()
            }
            _ => true,
        }
    }
}
