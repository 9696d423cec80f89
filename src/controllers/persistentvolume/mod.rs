//! Claims and volumes are brought together.
//!
//! Mirrors pkg/controller/volume/persistentvolume. Leaves out: plugins that provision in the tree (there are none
//! any more), the default class for claims that are older than it.

mod claim;
mod matching;
mod recycle;
mod volume;

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};

use crate::api::volumes::{claim_phase, claims, volume_name};
use crate::api::{Kind, Object, ObjectKey};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::Plan;

/// `--pvclaimbinder-sync-period`: how soon what waits is looked at again.
const SYNC_PERIOD: Duration = Duration::from_secs(15);

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct PersistentVolumeController;

fn wish(object: &Object) -> Enqueue {
    Enqueue::now(WorkKey::new(object.kind(), object.key()))
}

/// The claim that a volume is kept for.
fn claim_of(volume: &Object) -> Option<WorkKey> {
    let volume: &PersistentVolume = volume.expect();
    let reference = volume.spec.as_ref()?.claim_ref.as_ref()?;
    let key = ObjectKey::new(reference.namespace.as_deref()?, reference.name.as_deref()?);
    Some(WorkKey::new(Kind::PersistentVolumeClaim, key))
}

/// The claims that wait for a volume.
fn waiting(observed: &Observed) -> impl Iterator<Item = Enqueue> {
    let all = observed.stores.of(Kind::PersistentVolumeClaim).iter();
    all.filter(|(_, object)| claim_phase(object.expect()) == "Pending").map(|(_, object)| wish(&object))
}

impl Controller for PersistentVolumeController {
    fn name(&self) -> &'static str {
        "persistentvolume-binder-controller"
    }

    fn service_account(&self) -> &'static str {
        "persistent-volume-binder"
    }

    fn component(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolume, Kind::PersistentVolumeClaim, Kind::Pod, Kind::StorageClass]
    }

    fn workers(&self) -> usize {
        // Two workers upstream, one for each kind, with locks between them: one does the same here.
        1
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let mut wishes = Vec::new();
        match change.kind {
            Kind::PersistentVolume => {
                wishes.extend(change.new.iter().map(|object| wish(object)));
                let either = change.new.iter().chain(change.old.iter());
                wishes.extend(either.filter_map(|volume| claim_of(volume)).map(Enqueue::now));
                // A volume that is free may be what somebody waits for.
                if change.new.as_ref().is_some_and(|volume| claim_of(volume).is_none()) {
                    wishes.extend(waiting(observed));
                }
            }
            Kind::PersistentVolumeClaim => {
                wishes.extend(change.new.iter().map(|object| wish(object)));
                let volume = change.new.as_ref().or(change.old.as_ref()).map(|claim| volume_name(claim.expect()));
                if let Some(name) = volume.filter(|name| !name.is_empty()) {
                    wishes.push(Enqueue::now(WorkKey::new(Kind::PersistentVolume, ObjectKey::new("", name))));
                }
            }
            Kind::StorageClass => wishes.extend(waiting(observed)),
            _ => {
                let recycled = change.new.as_ref().or(change.old.as_ref()).and_then(|pod| recycle::of_pod(pod));
                wishes.extend(recycled.map(|key| Enqueue::now(WorkKey::new(Kind::PersistentVolume, key))));
                // Somebody wants to use a claim that waits for its first consumer.
                let Some(object) = change.new.as_ref().filter(|_| change.old.is_none()) else { return wishes };
                let pod: &Pod = object.expect();
                let keys = claims(pod).into_iter().map(|name| ObjectKey::new(object.namespace(), &name));
                wishes.extend(keys.map(|key| Enqueue::now(WorkKey::new(Kind::PersistentVolumeClaim, key))));
            }
        }
        wishes
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        let mut plan = match object.kind() {
            Kind::PersistentVolumeClaim => claim::sync(object, &turn.observed.stores),
            _ => volume::sync(object, &turn.observed.stores),
        };
        let waits = object.kind() == Kind::PersistentVolumeClaim
            && claim_phase(object.expect()) == "Pending"
            && volume_name(object.expect()).is_empty();
        let recycles = object.get::<PersistentVolume>().is_some_and(recycle::is_tried_again);
        // Upstream's informers tell everything anew every 15 s; only what waits is worth it.
        if waits || recycles {
            plan.requeue_after = Some(SYNC_PERIOD);
        }
        plan
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
