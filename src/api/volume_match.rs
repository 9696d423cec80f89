//! Which volume a claim gets: the one that is kept for it, else the smallest that will do.
//!
//! Mirrors component-helpers/storage/volume `FindMatchingVolume`, which the volume controller and the scheduler share.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};

use super::Object;
use super::node_selector::Selector;
use super::printers::persistentvolumeclaim::storage_class;
use super::printers::storage::volume_class;
use super::quantity::Quantity;
use super::selectors::LabelSelector;
use super::volumes::{capacity, is_bound_to, requested, volume_phase};

/// Who looks for a volume.
#[derive(Clone, Copy, Debug)]
pub enum Seeker<'a> {
    /// The volume controller. `delay`: the claim waits for its first consumer, and only what is kept for it counts.
    Controller { delay: bool },
    /// The scheduler, for a pod on this node.
    Scheduler(&'a Node),
}

/// Something that is `Filesystem` unless it says otherwise.
fn mode(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("Filesystem")
}

/// Whether claim and volume are of one mode (`CheckVolumeModeMismatches`).
pub fn same_mode(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let own = volume.spec.as_ref().map_or("Filesystem", |spec| mode(&spec.volume_mode));
    own == claim.spec.as_ref().map_or("Filesystem", |spec| mode(&spec.volume_mode))
}

/// Whether claim and volume name the same attributes class.
pub fn same_attributes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let own = volume.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    let wanted = claim.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    own.unwrap_or_default() == wanted.unwrap_or_default()
}

/// `CheckAccessModes`: whether the volume has all the modes that the claim asks for.
pub fn has_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let offered = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let wanted = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    wanted.iter().all(|mode| offered.contains(mode))
}

/// `CheckNodeAffinity`.
pub fn may_be_on(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|selector| Selector::new(selector).matches(node) == Ok(true))
}

/// `FindMatchingVolume`.
pub fn find<'a>(
    claim: &PersistentVolumeClaim,
    volumes: &mut dyn Iterator<Item = &'a Arc<Object>>,
    seeker: Seeker<'_>,
) -> Option<&'a Arc<Object>> {
    let selector = match claim.spec.as_ref().and_then(|spec| spec.selector.as_ref()) {
        Some(selector) => Some(LabelSelector::from_meta(Some(selector)).ok()?),
        None => None,
    };
    let (class, least, none) = (storage_class(claim), requested(claim), BTreeMap::new());
    let mut smallest: Option<(Quantity, &Arc<Object>)> = None;
    for object in volumes {
        let Some(volume) = object.get::<PersistentVolume>() else { continue };
        let kept = is_bound_to(volume, claim);
        let is_of_another = volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_some()) && !kept;
        let size = capacity(volume);
        if is_of_another
            || size < least
            || !same_mode(volume, claim)
            || !same_attributes(volume, claim)
            || volume.metadata.deletion_timestamp.is_some()
        {
            continue;
        }
        let here = match seeker {
            Seeker::Scheduler(node) => may_be_on(volume, node),
            Seeker::Controller { .. } => true,
        };
        if kept {
            // The claim's own volume cannot be there, and so the claim cannot.
            return here.then_some(object);
        }
        let labels = volume.metadata.labels.as_ref().unwrap_or(&none);
        let fits = !matches!(seeker, Seeker::Controller { delay: true })
            && volume_phase(volume) == "Available"
            && selector.as_ref().is_none_or(|selector| selector.matches(labels))
            && volume_class(volume) == class
            && here
            && (matches!(seeker, Seeker::Controller { .. }) || has_modes(volume, claim));
        if fits && smallest.as_ref().is_none_or(|(held, _)| size < *held) {
            smallest = Some((size, object));
        }
    }
    smallest.map(|(_, object)| object)
}
