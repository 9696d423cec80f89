//! A node takes no more volumes of a driver than the driver can attach. Mirrors plugins/nodevolumelimits `CSILimits`.
//!
//! A volume of a kind that Kubernetes once attached itself counts to the driver that took that kind over, where the
//! node says that it did (csi-translation-lib).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec, Volume};
use k8s_openapi::api::storage::v1::{CSINode, VolumeAttachment};

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

/// What a node says of the in-tree plugins whose volumes a driver attaches.
const MIGRATED: &str = "storage.alpha.kubernetes.io/migrated-plugins";

/// In-tree plugins, with the drivers that take their volumes over.
const TAKEN_OVER: [(&str, &str); 5] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
];

/// Volumes as driver and handle.
type Handles = BTreeSet<(String, String)>;

/// The volumes of pods, as a node attaches them.
struct Reader<'a> {
    volumes: &'a Volumes,
    node: Option<&'a CSINode>,
}

/// An in-tree plugin with the name that it gives a volume.
type InTree = (&'static str, String);

fn in_tree(volume: &Volume) -> Option<InTree> {
    let aws = volume.aws_elastic_block_store.as_ref().map(|disk| (0, disk.volume_id.clone()));
    let azure = || volume.azure_disk.as_ref().map(|disk| (1, disk.disk_uri.clone()));
    let cinder = || volume.cinder.as_ref().map(|disk| (2, disk.volume_id.clone()));
    let gce = || volume.gce_persistent_disk.as_ref().map(|disk| (3, disk.pd_name.clone()));
    let portworx = || volume.portworx_volume.as_ref().map(|disk| (4, disk.volume_id.clone()));
    let found = aws.or_else(azure).or_else(cinder).or_else(gce).or_else(portworx);
    found.map(|(index, handle)| (TAKEN_OVER[index].0, handle))
}

fn in_tree_of(spec: &PersistentVolumeSpec) -> Option<InTree> {
    let aws = spec.aws_elastic_block_store.as_ref().map(|disk| (0, disk.volume_id.clone()));
    let azure = || spec.azure_disk.as_ref().map(|disk| (1, disk.disk_uri.clone()));
    let cinder = || spec.cinder.as_ref().map(|disk| (2, disk.volume_id.clone()));
    let gce = || spec.gce_persistent_disk.as_ref().map(|disk| (3, disk.pd_name.clone()));
    let portworx = || spec.portworx_volume.as_ref().map(|disk| (4, disk.volume_id.clone()));
    let found = aws.or_else(azure).or_else(cinder).or_else(gce).or_else(portworx);
    found.map(|(index, handle)| (TAKEN_OVER[index].0, handle))
}

/// The driver that takes an in-tree plugin's volumes over.
fn successor(plugin: &str) -> Option<&'static str> {
    TAKEN_OVER.iter().find(|(name, _)| *name == plugin).map(|(_, driver)| *driver)
}

impl Reader<'_> {
    /// `isCSIMigrationOn`.
    fn is_migrated(&self, plugin: &str) -> bool {
        let annotations = self.node.and_then(|node| node.metadata.annotations.as_ref());
        let plugins = annotations.and_then(|all| all.get(MIGRATED));
        plugins.is_some_and(|plugins| plugins.split(',').any(|name| name == plugin))
    }

    /// A volume of an in-tree plugin as its driver knows it, if one attaches it on the node.
    fn translated(&self, (plugin, handle): InTree) -> Option<(String, String)> {
        let driver = successor(plugin).filter(|_| self.is_migrated(plugin))?;
        // `aws://zone/vol-1` is `vol-1`.
        let handle = handle.rsplit_once('/').filter(|_| handle.starts_with("aws://")).map_or(&*handle, |(_, id)| id);
        Some((driver.to_owned(), handle.to_owned()))
    }

    /// The driver and handle of a claim's volume (`getCSIDriverInfo`).
    fn of_volume(&self, volume: &PersistentVolume) -> Option<(String, String)> {
        let spec = volume.spec.as_ref()?;
        match &spec.csi {
            Some(source) => Some((source.driver.clone(), source.volume_handle.clone())),
            None => self.translated(in_tree_of(spec)?),
        }
    }

    /// The driver and handle of a claim; a handle of its own where it has no volume yet (`getCSIDriverInfoFromSC`).
    fn of_claim(&self, key: &ObjectKey) -> Option<(String, String)> {
        let claim = self.volumes.claim(key)?;
        if let Some(volume) = self.volumes.volume(volume_name(claim)) {
            return self.of_volume(volume);
        }
        let provisioner = self.volumes.class(storage_class(claim))?.provisioner.as_str();
        let driver = match successor(provisioner) {
            Some(driver) => self.is_migrated(provisioner).then_some(driver)?,
            None => provisioner,
        };
        Some((driver.to_owned(), format!("unbound-{key}")))
    }

    /// The volumes of a pod that is there already.
    fn of_other(&self, pod: &PodInfo) -> impl Iterator<Item = (String, String)> {
        let inline = pod.disks.iter().filter_map(|volume| self.translated(in_tree(volume)?));
        pod.claims.iter().filter_map(|held| self.of_claim(&held.key)).chain(inline)
    }

    /// The volumes of the pod that is scheduled. What is wrong with its claims matters only for this one.
    fn of_pod(&self, pod: &PodInfo) -> Result<Handles, Rejection> {
        for held in &pod.claims {
            let (namespace, name) = (&held.key.namespace, &held.key.name);
            let Some(claim) = self.volumes.claim(&held.key) else {
                let reason = format!("looking up PVC {namespace}/{name}: persistentvolumeclaim {name:?} not found");
                return Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
            };
            if held.ephemeral {
                is_for_pod(pod, claim).map_err(|error| Rejection::new(NAME, Code::Error, error))?;
            }
        }
        Ok(self.of_other(pod).collect())
    }
}

/// How many volumes of each driver a node takes.
fn limits(node: &NodeInfo, of_drivers: Option<&CSINode>) -> BTreeMap<String, i64> {
    let of_node = node.allocatable.scalar.iter();
    let of_node = of_node.filter_map(|(name, most)| Some((name.strip_prefix(LIMIT_PREFIX)?.to_owned(), *most)));
    let mut limits: BTreeMap<String, i64> = of_node.gather();
    for driver in of_drivers.iter().flat_map(|node| &node.spec.drivers) {
        if let Some(count) = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count) {
            limits.insert(driver.name.clone(), i64::from(count));
        }
    }
    limits
}

/// The driver that would have too many volumes on the node, with how many it takes.
fn exceeded(pod: &PodInfo, node: &NodeInfo, volumes: &Volumes) -> Result<Option<(String, i64)>, Rejection> {
    let reader = Reader { volumes, node: volumes.csi_node(&node.name) };
    let mut wanted = reader.of_pod(pod)?;
    let limits = limits(node, reader.node);
    if wanted.is_empty() || limits.is_empty() {
        return Ok(None);
    }
    let mut attached: Handles = node.pods.values().flat_map(|other| reader.of_other(other)).collect();
    wanted.retain(|volume| !attached.contains(volume));
    // What no pod uses any more, or not yet, takes its place all the same, even if it is a volume of this pod.
    for attachment in volumes.attachments(&node.name) {
        let name = attachment.spec.source.persistent_volume_name.as_deref().unwrap_or_default();
        let source = volumes.volume(name).and_then(|volume| volume.spec.as_ref()?.csi.as_ref());
        attached.extend(source.map(|source| (attachment.spec.attacher.clone(), source.volume_handle.clone())));
    }
    let count = |volumes: &Handles, driver: &str| volumes.iter().filter(|(of, _)| of == driver).count() as i64;
    let over = limits.into_iter().find(|(driver, most)| {
        let new = count(&wanted, driver);
        new > 0 && count(&attached, driver) + new > *most
    });
    Ok(over)
}

/// The pod's volumes of in-tree plugins that a driver may attach.
fn inline(pod: &PodInfo) -> impl Iterator<Item = InTree> {
    pod.disks.iter().filter_map(in_tree)
}

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        if pod.claims.is_empty() && inline(pod).next().is_none() {
            return Ok(PreFilter::Skip);
        }
        state.write(NAME, cache.volumes.clone());
        Ok(PreFilter::AllNodes)
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(volumes) = state.read::<Volumes>(NAME) else { return Ok(()) };
        match exceeded(pod, node, volumes)? {
            None => Ok(()),
            Some(_) => Err(Rejection::new(NAME, Code::Unschedulable, EXCEEDED)),
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
                !gone.node_name().is_empty() && (!gone.claims.is_empty() || inline(&gone).next().is_some())
            }
            (EventResource::VolumeAttachment, Some(object)) => {
                let attacher = &object.expect::<VolumeAttachment>().spec.attacher;
                pod.claims.iter().any(|held| !held.ephemeral)
                    || inline(pod).any(|(plugin, _)| successor(plugin) == Some(attacher))
            }
            _ => true,
        }
    }
}
