//! Which volumes a pod can have on a node: bound ones that may be there, others that can be bound or made there.
//!
//! Mirrors plugins/volumebinding/binder.go and component-helpers/storage/volume. Leaves out: capacity objects
//! (a driver that asks for them has none), translation of in-tree volumes.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, TopologySelectorTerm};

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::quantity::Quantity;
use crate::api::volume_match::{Seeker, find, may_be_on};
use crate::api::volumes::{BOUND_BY_CONTROLLER, SELECTED_NODE, annotate, is_bound_to, reference, volume_name};
use crate::api::{Object, Typed};
use crate::sim::Order;

use super::pod_info::PodInfo;
use super::volumes::{NO_PROVISIONER, Volumes, is_bound, selected_node};

/// `ErrReasonBindConflict`.
pub const BIND_CONFLICT: &str = "node(s) didn't find available persistent volumes to bind";
/// `ErrReasonNodeConflict`.
pub const NODE_CONFLICT: &str = "node(s) didn't match PersistentVolume's node affinity";
/// `ErrReasonNotEnoughSpace`.
pub const NOT_ENOUGH_SPACE: &str = "node(s) did not have enough free storage";
/// `ErrReasonPVNotExist`.
pub const NO_SUCH_VOLUME: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/// A pod's claims by what there is to do about them (`PodVolumeClaims`).
#[derive(Clone, Debug, Default)]
pub struct PodVolumeClaims {
    pub bound: Vec<Arc<Object>>,
    /// Bound or made once a node is chosen.
    pub delayed: Vec<Arc<Object>>,
    /// Should have been bound already.
    pub immediate: Vec<Arc<Object>>,
}

/// What a node would give a pod (`PodVolumes`).
#[derive(Clone, Debug, Default)]
pub struct PodVolumes {
    /// Volumes with the claims that get them.
    pub bindings: Vec<(Arc<Object>, Arc<Object>)>,
    /// Claims for which volumes are to be made.
    pub provisions: Vec<Arc<Object>>,
}

/// Sorts a pod's claims; the pod's claims are known to be there (`GetPodVolumeClaims`).
///
/// # Errors
/// A class says nothing of when it binds.
pub fn pod_volume_claims(pod: &PodInfo, volumes: &Volumes) -> Result<PodVolumeClaims, String> {
    let mut claims = PodVolumeClaims::default();
    for held in &pod.claims {
        let Some(object) = volumes.get(crate::api::Kind::PersistentVolumeClaim, &held.key) else {
            return Err(format!("error getting PVC \"{}\": could not find the object", held.key));
        };
        let claim: &PersistentVolumeClaim = object.expect();
        if is_bound(claim) {
            claims.bound.push(object.clone());
        } else if is_delayed(claim, volumes)? && volume_name(claim).is_empty() {
            claims.delayed.push(object.clone());
        } else {
            claims.immediate.push(object.clone());
        }
    }
    Ok(claims)
}

/// `IsDelayBindingMode`.
fn is_delayed(claim: &PersistentVolumeClaim, volumes: &Volumes) -> Result<bool, String> {
    let name = storage_class(claim);
    let Some(class) = volumes.class(name).filter(|_| !name.is_empty()) else { return Ok(false) };
    let mode = class.volume_binding_mode.as_deref();
    mode.map(|mode| mode == "WaitForFirstConsumer")
        .ok_or_else(|| format!("VolumeBindingMode not set for StorageClass {name:?}"))
}

/// What a node would give the pod, or why it cannot (`FindPodVolumes`).
///
/// # Errors
/// The outer: something is amiss. The inner: the reasons of a node that will not do.
pub fn find_pod_volumes(
    claims: &PodVolumeClaims,
    volumes: &Volumes,
    node: &Node,
) -> Result<Result<PodVolumes, Vec<Cow<'static, str>>>, String> {
    let mut found = PodVolumes::default();
    let mut reasons: Vec<Cow<'static, str>> = Vec::new();
    // Said last, after what is wrong with the claims that are not bound.
    let mut lost = None;
    for claim in &claims.bound {
        match volumes.volume(volume_name(claim.expect())) {
            None => lost = Some(Cow::Borrowed(NO_SUCH_VOLUME)),
            Some(volume) if !may_be_on(volume, node) => reasons.push(Cow::Borrowed(NODE_CONFLICT)),
            Some(_) => continue,
        }
        // The first that will not do says enough.
        break;
    }
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let mut to_match = Vec::new();
    let mut to_provision = Vec::new();
    for claim in &claims.delayed {
        match selected_node(claim.expect()) {
            Some(selected) if selected != name => {
                reasons.push(Cow::Borrowed(BIND_CONFLICT));
                reasons.extend(lost);
                return Ok(Err(reasons));
            }
            Some(_) => to_provision.push(claim.clone()),
            None => to_match.push(claim.clone()),
        }
    }
    // The smallest first, so that the large volumes are left for those that need them.
    to_match.order_by_key(|claim| size(claim.expect()));
    for claim in to_match {
        let taken = |volume: &Arc<Object>| found.bindings.iter().any(|(other, _)| other.key() == volume.key());
        let matching = {
            let own: &PersistentVolumeClaim = claim.expect();
            let mut offered = volumes.volumes_of(storage_class(own)).filter(|object| !taken(object));
            find(own, &mut offered, Seeker::Scheduler(node)).cloned()
        };
        match matching {
            Some(volume) => found.bindings.push((volume, claim)),
            None => to_provision.push(claim),
        }
    }
    if let Some(reason) = cannot_provision(&to_provision, volumes, node)? {
        reasons.push(Cow::Borrowed(reason));
    }
    reasons.extend(lost);
    found.provisions = to_provision;
    Ok(if reasons.is_empty() { Ok(found) } else { Err(reasons) })
}

/// Why volumes cannot be made for these claims on a node (`checkVolumeProvisions`).
fn cannot_provision(claims: &[Arc<Object>], volumes: &Volumes, node: &Node) -> Result<Option<&'static str>, String> {
    for object in claims {
        let claim: &PersistentVolumeClaim = object.expect();
        let name = storage_class(claim);
        if name.is_empty() {
            return Err(format!("no class for claim \"{}\"", object.key()));
        }
        let class = volumes.class(name).ok_or_else(|| format!("failed to find storage class {name:?}"))?;
        let provisioner = class.provisioner.as_str();
        let none = provisioner.is_empty() || provisioner == NO_PROVISIONER;
        if none || !topology_matches(class.allowed_topologies.as_deref().unwrap_or_default(), node) {
            return Ok(Some(BIND_CONFLICT));
        }
        let tracked = volumes.csi_driver(provisioner).is_some_and(|driver| driver.spec.storage_capacity == Some(true));
        if tracked && size(claim).is_some() {
            return Ok(Some(NOT_ENOUGH_SPACE));
        }
    }
    Ok(None)
}

fn label<'a>(node: &'a Node, key: &str) -> Option<&'a String> {
    node.metadata.labels.as_ref()?.get(key)
}

/// `MatchTopologySelectorTerms`: no terms match everything.
fn topology_matches(terms: &[TopologySelectorTerm], node: &Node) -> bool {
    let matches = |term: &TopologySelectorTerm| {
        let mut expressions = term.match_label_expressions.iter().flatten().peekable();
        expressions.peek().is_some()
            && expressions.all(|one| label(node, &one.key).is_some_and(|value| one.values.contains(value)))
    };
    terms.is_empty() || terms.iter().any(matches)
}

/// How much a claim asks for.
fn size(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let resources = claim.spec.as_ref()?.resources.as_ref()?;
    resources.requests.as_ref()?.get("storage").map(Quantity::of)
}

/// The objects as they have to be for the pod to come to a node (`AssumePodVolumes`).
pub fn assumed(found: &PodVolumes, node: &str) -> Vec<Arc<Object>> {
    let mut objects = Vec::new();
    for (volume, claim) in &found.bindings {
        let mut bound: PersistentVolume = volume.expect::<PersistentVolume>().clone();
        let own: &PersistentVolumeClaim = claim.expect();
        let by_user = is_bound_to(&bound, own);
        let spec = bound.spec.get_or_insert_default();
        if spec.claim_ref.as_ref().and_then(|held| held.uid.as_ref()) != own.metadata.uid.as_ref() {
            spec.claim_ref = Some(reference(claim));
        }
        if !by_user {
            annotate(&mut bound.metadata, BOUND_BY_CONTROLLER, "yes");
        }
        objects.push(Arc::new(bound.into_object()));
    }
    for claim in &found.provisions {
        let mut told: PersistentVolumeClaim = claim.expect::<PersistentVolumeClaim>().clone();
        annotate(&mut told.metadata, SELECTED_NODE, node);
        objects.push(Arc::new(told.into_object()));
    }
    objects
}

/// Whether everything that was set aside is bound by now (`checkBindings`). `reserved` is as the API server answered.
///
/// # Errors
/// Why it never will be.
pub fn are_bound(reserved: &[Arc<Object>], volumes: &Volumes, node: &Node) -> Result<bool, String> {
    let node_name = node.metadata.name.as_deref().unwrap_or_default();
    let mismatch = |volume: &PersistentVolume| {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        format!("pv {name:?} node affinity doesn't match node {node_name:?}: no matching NodeSelectorTerms")
    };
    for object in reserved {
        let Some(stored) = volumes.stored(object.kind(), &object.key()) else {
            let what = if object.get::<PersistentVolume>().is_some() { "binding" } else { "provisioning pvc" };
            return Err(format!("failed to check {what}: could not find the object"));
        };
        // What was written has not come back yet.
        if stored.resource_version() < object.resource_version() {
            return Ok(false);
        }
        if let Some(volume) = stored.get::<PersistentVolume>() {
            if !may_be_on(volume, node) {
                return Err(mismatch(volume));
            }
            let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
            let Some(reference) = reference.filter(|held| held.uid.as_ref().is_some_and(|uid| !uid.is_empty())) else {
                return Err(format!("ClaimRef got reset for pv {:?}", object.key().name));
            };
            let name = |text: &Option<String>| text.clone().unwrap_or_default();
            let key = crate::api::ObjectKey::new(&name(&reference.namespace), &name(&reference.name));
            let claim = volumes.stored(crate::api::Kind::PersistentVolumeClaim, &key);
            let Some(claim) = claim.and_then(|claim| claim.get::<PersistentVolumeClaim>()) else {
                return Err("failed to check binding: could not find the object".to_owned());
            };
            if !is_bound(claim) {
                return Ok(false);
            }
        } else if let Some(claim) = stored.get::<PersistentVolumeClaim>() {
            let name = &object.key().name;
            if selected_node(claim) != Some(node_name) {
                return Err(match &claim.metadata.annotations {
                    None => format!("selectedNode annotation reset for PVC {name:?}"),
                    Some(_) => format!("provisioning failed for PVC {name:?}"),
                });
            }
            if !volume_name(claim).is_empty() {
                match volumes.volume(volume_name(claim)) {
                    None => return Ok(false),
                    Some(volume) if !may_be_on(volume, node) => return Err(mismatch(volume)),
                    Some(_) => {}
                }
            }
            if !is_bound(claim) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
