//! Which volume a claim gets: the smallest that will do.
//!
//! Mirrors pkg/controller/volume/persistentvolume/index.go and component-helpers `FindMatchingVolume`. Leaves out:
//! the affinity of volumes to nodes, which is the scheduler's to mind.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::printers::storage::volume_class;
use crate::api::selectors::LabelSelector;
use crate::api::volumes::{capacity, is_bound_to, requested, volume_phase};
use crate::api::{Kind, Object};
use crate::controllers::controller::Stores;

/// `CheckVolumeSatisfyClaim`.
///
/// # Errors
/// What the volume lacks, in upstream's words.
pub fn satisfies(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Result<(), &'static str> {
    if capacity(volume) < requested(claim) {
        return Err("requested PV is too small");
    }
    if volume_class(volume) != storage_class(claim) {
        return Err("storageClassName does not match");
    }
    let (spec, wanted) = (volume.spec.clone().unwrap_or_default(), claim.spec.clone().unwrap_or_default());
    if text(&spec.volume_attributes_class_name) != text(&wanted.volume_attributes_class_name) {
        return Err("volumeAttributesClassName does not match");
    }
    if mode(&spec.volume_mode) != mode(&wanted.volume_mode) {
        return Err("incompatible volumeMode");
    }
    if !has_modes(volume, claim) {
        return Err("incompatible accessMode");
    }
    Ok(())
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn mode(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("Filesystem")
}

fn has_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let offered = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let wanted = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    wanted.iter().all(|mode| offered.contains(mode))
}

/// `findBestMatchForClaim`: a volume that is kept for the claim, else the smallest of those that will do, the first
/// by name. `delay`: the claim waits for its first consumer, and only a volume that is kept for it counts.
pub fn best<'a>(stores: &'a Stores, claim: &PersistentVolumeClaim, delay: bool) -> Option<&'a Object> {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let labels = selector.and_then(|selector| LabelSelector::from_meta(Some(selector)).ok());
    let mut smallest: Option<(&Object, crate::api::quantity::Quantity)> = None;
    for (_, object) in stores.of(Kind::PersistentVolume).iter() {
        let Some(volume) = object.get::<PersistentVolume>() else { continue };
        let spec = volume.spec.clone().unwrap_or_default();
        let wanted = claim.spec.as_ref();
        let size = capacity(volume);
        if mode(&spec.volume_mode) != wanted.map_or("Filesystem", |spec| mode(&spec.volume_mode))
            || volume.metadata.deletion_timestamp.is_some()
            || !has_modes(volume, claim)
        {
            continue;
        }
        if is_bound_to(volume, claim) {
            if size >= requested(claim) {
                return Some(object);
            }
            continue;
        }
        let unwanted = delay
            || spec.claim_ref.is_some()
            || volume_phase(volume) != "Available"
            || selector.is_some() && !labels.as_ref().is_some_and(|labels| labels.matches_object(object))
            || volume_class(volume) != storage_class(claim)
            || text(&spec.volume_attributes_class_name)
                != wanted.map_or("", |spec| text(&spec.volume_attributes_class_name))
            || size < requested(claim);
        if !unwanted && smallest.as_ref().is_none_or(|(_, least)| size < *least) {
            smallest = Some((object, size));
        }
    }
    smallest.map(|(object, _)| object)
}
