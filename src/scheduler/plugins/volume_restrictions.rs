//! Disks that only one pod may use. Mirrors plugins/volumerestrictions.

use k8s_openapi::api::core::v1::Volume;

use crate::api::ObjectKey;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::volume_binding::uses;

/// The plugin's name.
pub const NAME: &str = "VolumeRestrictions";

const DISK_CONFLICT: &str = "node(s) had no available disk";
const POD_CONFLICT: &str =
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct VolumeRestrictions;

/// The pod's claims that one pod alone may use, and how many of them another uses.
#[derive(Clone, Debug)]
struct Once {
    claims: Vec<ObjectKey>,
    conflicts: i64,
}

fn is_restricted(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.rbd.is_some()
        || volume.iscsi.is_some()
}

/// `isVolumeConflict` with one volume of the other pod.
fn conflicts(own: &Volume, other: &Volume) -> bool {
    let read_only = |one: Option<bool>, other: Option<bool>| one == Some(true) && other == Some(true);
    if let (Some(own), Some(other)) = (&own.gce_persistent_disk, &other.gce_persistent_disk)
        && own.pd_name == other.pd_name
        && !read_only(own.read_only, other.read_only)
    {
        return true;
    }
    if let (Some(own), Some(other)) = (&own.aws_elastic_block_store, &other.aws_elastic_block_store)
        && own.volume_id == other.volume_id
    {
        return true;
    }
    if let (Some(own), Some(other)) = (&own.iscsi, &other.iscsi)
        && own.iqn == other.iqn
        && !read_only(own.read_only, other.read_only)
    {
        return true;
    }
    if let (Some(own), Some(other)) = (&own.rbd, &other.rbd) {
        let pool = |pool: &Option<String>| pool.clone().unwrap_or_else(|| "rbd".to_owned());
        let shared = own.monitors.iter().any(|monitor| other.monitors.contains(monitor));
        return shared
            && pool(&own.pool) == pool(&other.pool)
            && own.image == other.image
            && !read_only(own.read_only, other.read_only);
    }
    false
}

/// Whether two pods cannot be on one node for their disks.
fn pods_conflict(pod: &PodInfo, other: &PodInfo) -> bool {
    pod.disks.iter().any(|volume| other.disks.iter().any(|held| conflicts(volume, held)))
}

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        let mut once = Once { claims: Vec::new(), conflicts: 0 };
        for held in pod.claims.iter().filter(|held| !held.ephemeral) {
            let Some(claim) = cache.volumes.claim(&held.key) else {
                let reason = format!("persistentvolumeclaim {:?} not found", held.key.name);
                return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
            };
            let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
            if modes.iter().any(|mode| mode == "ReadWriteOncePod") && !once.claims.contains(&held.key) {
                once.conflicts += i64::from(cache.volumes.is_used(&held.key));
                once.claims.push(held.key.clone());
            }
        }
        if once.conflicts == 0 && !pod.disks.iter().any(is_restricted) {
            return Ok(PreFilter::Skip);
        }
        state.write(NAME, once);
        Ok(PreFilter::AllNodes)
    }

    fn add_pod(&self, state: &mut CycleState, _pod: &PodInfo, added: &PodInfo, _node: &NodeInfo) {
        if let Some(once) = state.read_mut::<Once>(NAME) {
            once.conflicts += once.held_by(added);
        }
    }

    fn remove_pod(&self, state: &mut CycleState, _pod: &PodInfo, removed: &PodInfo, _node: &NodeInfo) {
        if let Some(once) = state.read_mut::<Once>(NAME) {
            once.conflicts -= once.held_by(removed);
        }
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        if node.pods.values().any(|other| pods_conflict(pod, other)) {
            return Err(Rejection::new(NAME, Code::Unschedulable, DISK_CONFLICT));
        }
        if state.read::<Once>(NAME).is_some_and(|once| once.conflicts > 0) {
            return Err(Rejection::new(NAME, Code::Unschedulable, POD_CONFLICT));
        }
        Ok(())
    }

    fn remedy(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let shares =
            |other: &PodInfo| pods_conflict(pod, other) || other.claims.iter().any(|claim| pod.claims.contains(claim));
        let holder = node.pods.values().find(|other| shares(other))?;
        Some(format!("its disk would have to be given up by {}", holder.key))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::AssignedPod, action::DELETE),
            (EventResource::Node, action::ADD),
            (EventResource::PersistentVolumeClaim, action::ADD),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match (event.resource, &event.old) {
            (EventResource::PersistentVolumeClaim, _) => uses(pod, event),
            (EventResource::AssignedPod, Some(object)) => {
                let gone = PodInfo::new(object);
                let shared = gone.claims.iter().any(|claim| !claim.ephemeral && pod.claims.contains(claim));
                gone.key.namespace == pod.key.namespace && (shared || pods_conflict(pod, &gone))
            }
            _ => true,
        }
    }
}

impl Once {
    fn held_by(&self, pod: &PodInfo) -> i64 {
        let held = pod.claims.iter().filter(|claim| self.claims.contains(&claim.key));
        i64::try_from(held.count()).unwrap_or(i64::MAX)
    }
}
