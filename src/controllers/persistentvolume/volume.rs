//! A volume: whose it is, and what becomes of it when nobody's.
//!
//! Mirrors `syncVolume` and `reclaimVolume` of pv_controller.go. Leaves out: the deletion of volumes by plugins in the
//! tree, of which none is left.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::api::volumes::{PROVISIONED_BY, annotation, volume_name, volume_phase};
use crate::api::{Kind, Object, ObjectKey, Request, Typed};
use crate::controllers::controller::{Enqueue, Stores, WorkKey};
use crate::controllers::plan::{Announce, Plan, Step, Write};

use super::recycle;

/// What is to be done about a volume.
pub fn sync(object: &Object, stores: &Stores) -> Plan {
    let volume: &PersistentVolume = object.expect();
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let Some(reference) = reference.filter(|reference| reference.uid.as_deref().is_some_and(|uid| !uid.is_empty()))
    else {
        return phase(object, "Available", "", Vec::new());
    };
    let key = ObjectKey::new(
        reference.namespace.as_deref().unwrap_or_default(),
        reference.name.as_deref().unwrap_or_default(),
    );
    let claim = stores.of(Kind::PersistentVolumeClaim).get(&key);
    match claim.filter(|claim| Some(claim.uid()) == reference.uid.as_deref()) {
        None => released(object, volume, stores),
        Some(claim) => {
            let own: &PersistentVolumeClaim = claim.expect();
            if volume_name(own).is_empty() {
                // The claim's own look completes the binding.
                let wish = Enqueue::now(WorkKey::new(Kind::PersistentVolumeClaim, key));
                return Plan { enqueue: vec![wish], ..Plan::nothing("its claim is about to be bound") };
            }
            if volume_name(own) == object.name() {
                return phase(object, "Bound", "", Vec::new());
            }
            released(object, volume, stores)
        }
    }
}

/// Its claim is gone, or has another volume.
fn released(object: &Object, volume: &PersistentVolume, stores: &Stores) -> Plan {
    if !matches!(volume_phase(volume), "Released" | "Failed") {
        return phase(object, "Released", "", Vec::new());
    }
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    match policy {
        Some("Recycle") => recycle::plan(object, volume, stores),
        // Whoever made it deletes it.
        Some("Delete") if annotation(&volume.metadata, PROVISIONED_BY).is_some() => {
            Plan::nothing("whoever made it deletes it")
        }
        Some("Delete") => {
            let name = object.name();
            let message =
                format!("error getting deleter volume plugin for volume {name:?}: no deletable volume plugin matched");
            failed(object, "VolumeFailedDelete", &message)
        }
        _ => Plan::nothing("it is kept for whoever looks after it"),
    }
}

/// It could not be reclaimed, which is said once (`updateVolumePhaseWithEvent`).
pub(super) fn failed(object: &Object, reason: &'static str, message: &str) -> Plan {
    if volume_phase(object.expect()) == "Failed" {
        return Plan::nothing("it could not be reclaimed");
    }
    phase(object, "Failed", message, vec![Step::Event(Announce::warning(object, reason, message))])
}

/// These steps, before the volume is in that phase.
fn phase(object: &Object, phase: &str, message: &str, mut steps: Vec<Step>) -> Plan {
    let volume: &PersistentVolume = object.expect();
    if volume_phase(volume) != phase {
        let mut changed = volume.clone();
        let status = changed.status.get_or_insert_default();
        status.phase = Some(phase.to_owned());
        status.message = Some(message.to_owned()).filter(|message| !message.is_empty());
        steps.push(Write::new(Request::update_status(changed.into_object())).step());
    }
    Plan::steps(phase.to_owned(), steps)
}
