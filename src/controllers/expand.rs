//! Claims that ask for more than they have: whoever can make their volumes larger is told.
//!
//! Mirrors pkg/controller/volume/expand. Leaves out: plugins that expand in the tree, of which none is left.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::api::quantity::Quantity;
use crate::api::volumes::{claim_phase, requested, volume_name};
use crate::api::{Kind, ObjectKey};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Announce, Plan, Step};

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpandController;

/// Whether a bound claim asks for more than it has.
pub(super) fn wants_more(claim: &PersistentVolumeClaim) -> bool {
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage"));
    claim_phase(claim) == "Bound" && requested(claim) > capacity.map(Quantity::of).unwrap_or_default()
}

impl Controller for ExpandController {
    fn name(&self) -> &'static str {
        "persistentvolume-expander-controller"
    }

    fn service_account(&self) -> &'static str {
        "expand-controller"
    }

    fn component(&self) -> &'static str {
        "volume_expand"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolume, Kind::PersistentVolumeClaim]
    }

    fn workers(&self) -> usize {
        10
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let (Kind::PersistentVolumeClaim, Some(new), Some(old)) = (change.kind, &change.new, &change.old) else {
            return Vec::new();
        };
        if requested(new.expect()) <= requested(old.expect()) {
            return Vec::new();
        }
        vec![Enqueue::now(WorkKey::new(Kind::PersistentVolumeClaim, new.key()))]
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        let claim: &PersistentVolumeClaim = object.expect();
        let volume = turn.observed.stores.get::<PersistentVolume>(&ObjectKey::new("", volume_name(claim)));
        if volume.is_none() || !wants_more(claim) {
            return Plan::nothing("it has what it asks for");
        }
        let message = "waiting for an external controller to expand this PVC";
        Plan::steps(message, vec![Step::Event(Announce::normal(object, "ExternalExpanding", message))])
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
