//! A claim: what it is bound to, what is made for it, what it waits for.
//!
//! Mirrors `syncUnboundClaim` and `syncBoundClaim` of pv_controller.go.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::stored::Shared;
use crate::api::volumes::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, PROVISIONER, PROVISIONER_BETA, SELECTED_NODE, annotate, annotated,
    claim_phase, claims, is_bound_to, reference, volume_name, volume_phase,
};
use crate::api::{Kind, Object, ObjectKey, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::plan::{Announce, Plan, Step, Write};
use crate::controllers::pods;

use super::matching::{best, satisfies};

/// What is to be done about a claim.
pub fn sync(object: &Object, stores: &Stores) -> Plan {
    let claim: &PersistentVolumeClaim = object.expect();
    if annotated(&claim.metadata, BIND_COMPLETED) {
        bound(object, claim, stores)
    } else {
        unbound(object, claim, stores)
    }
}

fn volume_of(stores: &Stores, name: &str) -> Option<Arc<Object>> {
    stores.of(Kind::PersistentVolume).get(&ObjectKey::new("", name))
}

fn class_of(stores: &Stores, name: &str) -> Option<Shared<StorageClass>> {
    stores.get::<StorageClass>(&ObjectKey::new("", name))
}

fn unbound(object: &Object, claim: &PersistentVolumeClaim, stores: &Stores) -> Plan {
    let wanted = volume_name(claim);
    if wanted.is_empty() {
        let class = class_of(stores, storage_class(claim));
        let waits =
            class.as_ref().is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
        let delay = waits && !annotated(&claim.metadata, SELECTED_NODE);
        return match best(stores, claim, delay) {
            Some(volume) => bind(&volume, object),
            None => missing(object, claim, stores, delay),
        };
    }
    let Some(volume) = volume_of(stores, wanted) else {
        return phase(object, claim, "Pending", "the volume it names is not there", Vec::new());
    };
    let own: &PersistentVolume = volume.expect();
    let reference = own.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    match reference {
        None => match satisfies(own, claim) {
            Ok(()) => bind(&volume, object),
            Err(why) => {
                let message = format!("Cannot bind to requested volume {wanted:?}: {why}");
                let event = Step::Event(Announce::warning(object, "VolumeMismatch", message));
                phase(object, claim, "Pending", why, vec![event])
            }
        },
        Some(_) if is_bound_to(own, claim) => bind(&volume, object),
        Some(_) => {
            let message = format!("volume {wanted:?} already bound to a different claim.");
            let event = Step::Event(Announce::warning(object, "FailedBinding", message));
            phase(object, claim, "Pending", "its volume is another's", vec![event])
        }
    }
}

/// There is no volume for the claim: it waits, or one is to be made.
fn missing(object: &Object, claim: &PersistentVolumeClaim, stores: &Stores, delay: bool) -> Plan {
    let event = |reason, message: String| vec![Step::Event(Announce::normal(object, reason, message))];
    if delay {
        let (reason, message) = first_consumer(claim, stores);
        return phase(object, claim, "Pending", &message, event(reason, message.clone()));
    }
    let class = storage_class(claim);
    if class.is_empty() {
        let message = "no persistent volumes available for this claim and no storage class is set";
        return phase(object, claim, "Pending", message, event("FailedBinding", message.to_owned()));
    }
    let failed = |message: String| {
        let event = Step::Event(Announce::warning(object, "ProvisioningFailed", message.clone()));
        phase(object, claim, "Pending", &message, vec![event])
    };
    let Some(found) = class_of(stores, class) else {
        return failed(format!("storageclass.storage.k8s.io {class:?} not found"));
    };
    let provisioner = found.provisioner.as_str();
    if provisioner.starts_with("kubernetes.io/") {
        return failed(format!("no volume plugin matched name: {provisioner}"));
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
         system administrator. If volume creation is delayed, please verify that the provisioner is running and \
         correctly registered."
    );
    let mut steps = Vec::new();
    if !annotated(&claim.metadata, PROVISIONER) {
        let mut told = claim.clone();
        annotate(&mut told.metadata, PROVISIONER_BETA, provisioner);
        annotate(&mut told.metadata, PROVISIONER, provisioner);
        steps.push(Write::new(Request::update(told.into_object())).step());
    }
    steps.extend(event("ExternalProvisioning", message));
    phase(object, claim, "Pending", "its volume is being made", steps)
}

/// `emitEventForUnboundDelayBindingClaim`: whom it waits for.
fn first_consumer(claim: &PersistentVolumeClaim, stores: &Stores) -> (&'static str, String) {
    let (namespace, name) = (&claim.metadata.namespace, claim.metadata.name.clone().unwrap_or_default());
    let all = stores.of(Kind::Pod).in_namespace(namespace.as_deref().unwrap_or_default());
    let waiting: Vec<Arc<Object>> = all
        .filter(|object| {
            let pod: &Pod = object.expect();
            pods::node_name(pod).is_empty() && !pods::is_terminal(pod) && claims(pod).contains(&name)
        })
        .collect();
    let names: Vec<&str> = waiting.iter().map(|object| object.name()).collect();
    match names.as_slice() {
        [] => ("WaitForFirstConsumer", "waiting for first consumer to be created before binding".to_owned()),
        [one] => ("WaitForPodScheduled", format!("waiting for pod {one} to be scheduled")),
        several => ("WaitForPodScheduled", format!("waiting for pods {} to be scheduled", several.join(","))),
    }
}

/// These steps, after the claim is in that phase.
fn phase(object: &Object, claim: &PersistentVolumeClaim, phase: &str, summary: &str, mut steps: Vec<Step>) -> Plan {
    if claim_phase(claim) != phase {
        let mut changed = object.clone();
        if let Some(own) = PersistentVolumeClaim::of_mut(&mut changed) {
            own.status.get_or_insert_default().phase = Some(phase.to_owned());
        }
        steps.push(Write::new(Request::update_status(changed)).fresh().step());
    }
    Plan::steps(summary, steps)
}

fn bound(object: &Object, claim: &PersistentVolumeClaim, stores: &Stores) -> Plan {
    let lost = |reason, message: &str| {
        if claim_phase(claim) == "Lost" {
            return Plan::nothing("it is lost");
        }
        let event = Step::Event(Announce::warning(object, reason, message));
        let mut without = claim.clone();
        if let Some(status) = &mut without.status {
            status.access_modes = None;
            status.capacity = None;
        }
        phase(&without.into_object(), claim, "Lost", message, vec![event])
    };
    let name = volume_name(claim);
    if name.is_empty() {
        return lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
    }
    let Some(volume) = volume_of(stores, name) else {
        return lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    };
    let own: &PersistentVolume = volume.expect();
    let reference = own.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let uid = reference.map(|reference| reference.uid.as_deref().unwrap_or_default());
    match uid {
        None => bind(&volume, object),
        Some(uid) if Some(uid) == claim.metadata.uid.as_deref() => bind(&volume, object),
        Some(_) => lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly"),
    }
}

/// `bind`: the volume gets its claim and its phase, then the claim gets its volume and its phase. What is so already
/// is not written.
fn bind(volume: &Object, claim: &Object) -> Plan {
    let mut steps = Vec::new();
    let own: &PersistentVolume = volume.expect();
    let mut kept = own.clone();
    let spec = kept.spec.get_or_insert_default();
    let by_controller = spec.claim_ref.is_none();
    let whole = spec.claim_ref.as_ref().is_some_and(|reference| reference.uid.as_deref() == Some(claim.uid()));
    if !whole {
        spec.claim_ref = Some(reference(claim));
        if by_controller {
            annotate(&mut kept.metadata, BOUND_BY_CONTROLLER, "yes");
        }
        steps.push(Write::new(Request::update(kept.clone().into_object())).step());
    }
    if volume_phase(own) != "Bound" {
        kept.status.get_or_insert_default().phase = Some("Bound".to_owned());
        steps.push(Write::new(Request::update_status(kept.clone().into_object())).fresh().step());
    }
    steps.extend(bind_claim(claim, own));
    Plan::steps(format!("bound to {}", volume.name()), steps)
}

/// The claim's half of a binding.
fn bind_claim(claim: &Object, volume: &PersistentVolume) -> Vec<Step> {
    let mut steps = Vec::new();
    let before: &PersistentVolumeClaim = claim.expect();
    let mut own = before.clone();
    let name = volume.metadata.name.clone().unwrap_or_default();
    if volume_name(before) != name {
        own.spec.get_or_insert_default().volume_name = Some(name);
        annotate(&mut own.metadata, BOUND_BY_CONTROLLER, "yes");
    }
    annotate(&mut own.metadata, BIND_COMPLETED, "yes");
    if own != *before {
        steps.push(Write::new(Request::update(own.clone().into_object())).step());
    }
    let spec = volume.spec.clone().unwrap_or_default();
    let was_bound = claim_phase(before) == "Bound";
    let status = own.status.get_or_insert_default();
    let unchanged = status.clone();
    status.phase = Some("Bound".to_owned());
    status.access_modes.clone_from(&spec.access_modes);
    let size = spec.capacity.as_ref().and_then(|capacity| capacity.get("storage")).cloned();
    // What a bound claim has is changed by whoever resizes it.
    if let Some(size) = size.filter(|_| !was_bound) {
        status.capacity.get_or_insert_default().insert("storage".to_owned(), size);
    }
    if *status != unchanged {
        steps.push(Write::new(Request::update_status(own.into_object())).fresh().step());
    }
    steps
}
