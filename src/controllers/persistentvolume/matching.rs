//! Which volume a claim gets of all there are.
//!
//! Mirrors pkg/controller/volume/persistentvolume/index.go. Leaves out: the affinity of volumes to nodes, which is the
//! scheduler's to mind.

use std::sync::Arc;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::printers::storage::volume_class;
use crate::api::volume_match::{Seeker, find, has_modes, same_attributes, same_mode};
use crate::api::volumes::{capacity, requested};
use crate::api::{Kind, Object};
use crate::controllers::controller::Stores;

/// There are four access modes.
const MODES_MAX: usize = 4;

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
    if !same_attributes(volume, claim) {
        return Err("volumeAttributesClassName does not match");
    }
    if !same_mode(volume, claim) {
        return Err("incompatible volumeMode");
    }
    if !has_modes(volume, claim) {
        return Err("incompatible accessMode");
    }
    Ok(())
}

/// How many access modes a volume has.
fn modes(volume: &PersistentVolume) -> usize {
    let modes = volume.spec.iter().flat_map(|spec| spec.access_modes.iter().flatten());
    modes.collect::<BTreeSet<_>>().len()
}

/// `findByClaim`: of the volumes with the fewest access modes that will do, the best. `delay`: the claim waits for its
/// first consumer, and only a volume that is kept for it counts.
pub fn best(stores: &Stores, claim: &PersistentVolumeClaim, delay: bool) -> Option<Arc<Object>> {
    let all: Vec<Arc<Object>> = stores.of(Kind::PersistentVolume).iter().map(|(_, object)| object).collect();
    (0..=MODES_MAX).find_map(|count| {
        let with_modes = |object: &&Arc<Object>| {
            object.get::<PersistentVolume>().is_some_and(|volume| modes(volume) == count && has_modes(volume, claim))
        };
        find(claim, &mut all.iter().filter(with_modes), Seeker::Controller { delay }).cloned()
    })
}
