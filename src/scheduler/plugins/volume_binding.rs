//! A pod goes where its volumes are, or can be bound or made. Mirrors plugins/volumebinding.
//!
//! What has to be written and waited for before the pod is bound is done by `pre_bind.rs`. Leaves out: scoring
//! by capacity (off by default).

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, StorageClass};

use crate::api::Object;

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use super::super::volume_match::{PodVolumeClaims, are_bound, assumed, find_pod_volumes, pod_volume_claims};
use super::super::volumes::{Volumes, is_for_pod};
use crate::api::volumes::volume_name;

/// The plugin's name.
pub const NAME: &str = "VolumeBinding";

/// `VolumeBindingArgs`.
#[derive(Clone, Copy, Debug)]
pub struct VolumeBindingArgs {
    /// How long is waited for volumes before the pod is tried again.
    pub bind_timeout_seconds: u64,
}

impl Default for VolumeBindingArgs {
    fn default() -> Self {
        VolumeBindingArgs { bind_timeout_seconds: 600 }
    }
}

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct VolumeBinding;

/// What Filter needs: the pod's claims, and the volumes as they are.
#[derive(Clone, Debug)]
struct Needs {
    claims: PodVolumeClaims,
    volumes: Volumes,
}

fn no(reason: String) -> Rejection {
    Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason)
}

/// Whether the claims are there and sound (`podHasPVCs`).
fn check_claims(pod: &PodInfo, volumes: &Volumes) -> Result<(), String> {
    for held in &pod.claims {
        let name = &held.key.name;
        let Some(claim) = volumes.claim(&held.key) else {
            return Err(if held.ephemeral {
                format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")
            } else {
                format!("persistentvolumeclaim {name:?} not found")
            });
        };
        if claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost") {
            let volume = volume_name(claim);
            return Err(format!("persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"));
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        if held.ephemeral {
            is_for_pod(pod, claim)?;
        }
    }
    Ok(())
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter, Point::Reserve, Point::PreBind]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, cache: &Cache) -> Result<PreFilter, Rejection> {
        if pod.claims.is_empty() {
            return Ok(PreFilter::Skip);
        }
        check_claims(pod, &cache.volumes).map_err(no)?;
        let claims = pod_volume_claims(pod, &cache.volumes);
        let claims = claims.map_err(|error| Rejection::new(NAME, Code::Error, error))?;
        if !claims.immediate.is_empty() {
            return Err(no("pod has unbound immediate PersistentVolumeClaims".to_owned()));
        }
        state.write(NAME, Needs { claims, volumes: cache.volumes.clone() });
        Ok(PreFilter::AllNodes)
    }

    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let Some(needs) = state.read::<Needs>(NAME) else { return Ok(()) };
        match find_pod_volumes(&needs.claims, &needs.volumes, node.node()) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(reasons)) => Err(Rejection { plugin: NAME, code: Code::UnschedulableAndUnresolvable, reasons }),
            Err(error) => Err(Rejection::new(NAME, Code::Error, error)),
        }
    }

    fn remedy(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let needs = state.read::<Needs>(NAME)?;
        let claims = needs.claims.delayed.iter().map(|claim| claim.key().name.to_string());
        let claims: Vec<String> = claims.collect();
        (!claims.is_empty()).then(|| format!("a volume for {} that may be on {}", claims.join(", "), node.name))
    }

    fn reserve(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Result<Vec<Arc<Object>>, Rejection> {
        let Some(needs) = state.read::<Needs>(NAME) else { return Ok(Vec::new()) };
        match find_pod_volumes(&needs.claims, &needs.volumes, node.node()) {
            Ok(Ok(found)) => Ok(assumed(&found, &node.name)),
            Ok(Err(reasons)) => Err(Rejection { plugin: NAME, code: Code::UnschedulableAndUnresolvable, reasons }),
            Err(error) => Err(Rejection::new(NAME, Code::Error, error)),
        }
    }

    fn pre_bind(&self, reserved: &[Arc<Object>], node: &NodeInfo, cache: &Cache) -> Result<bool, Rejection> {
        are_bound(reserved, &cache.volumes, node.node())
            .map_err(|error| Rejection::new(NAME, Code::Error, format!("binding volumes: {error}")))
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[
            (EventResource::StorageClass, action::ADD | action::UPDATE),
            (EventResource::PersistentVolumeClaim, action::ADD | action::UPDATE),
            (EventResource::PersistentVolume, action::ADD | action::UPDATE),
            (EventResource::Node, action::ADD | action::UPDATE_NODE_LABEL),
            (EventResource::CsiNode, action::ADD | action::UPDATE),
            (EventResource::CsiDriver, action::UPDATE),
        ]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        match event.resource {
            EventResource::PersistentVolumeClaim => uses(pod, event),
            EventResource::StorageClass => {
                let allowed = |object: &Arc<Object>| object.expect::<StorageClass>().allowed_topologies.clone();
                event.old.as_ref().map(allowed) != event.new.as_ref().map(allowed)
            }
            EventResource::CsiNode => {
                const MIGRATED: &str = "storage.alpha.kubernetes.io/migrated-plugins";
                let migrated = |object: &Arc<Object>| {
                    object.expect::<CSINode>().metadata.annotations.as_ref().and_then(|all| all.get(MIGRATED)).cloned()
                };
                event.old.is_none() || event.old.as_ref().map(migrated) != event.new.as_ref().map(migrated)
            }
            EventResource::CsiDriver => {
                let tracked = |object: &Arc<Object>| object.expect::<CSIDriver>().spec.storage_capacity == Some(true);
                let inline = pod.spec().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
                let name = event.new.as_ref().map(|object| object.key().name).unwrap_or_default();
                let used = inline.iter().any(|volume| volume.csi.as_ref().is_some_and(|csi| csi.driver == *name));
                used && event.old.as_ref().is_some_and(tracked) && !event.new.as_ref().is_some_and(tracked)
            }
            _ => true,
        }
    }
}

/// Whether the claim that came or changed is one of the pod's.
pub fn uses(pod: &PodInfo, event: &ClusterEvent) -> bool {
    let claim = event.new.as_ref().or(event.old.as_ref());
    claim.is_some_and(|object| {
        object.get::<PersistentVolumeClaim>().is_some() && pod.claims.iter().any(|held| held.key == object.key())
    })
}
