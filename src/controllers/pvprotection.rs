//! A volume that is being deleted stays while a claim is bound to it.
//!
//! Mirrors pkg/controller/volume/pvprotection.

use crate::api::Kind;
use crate::api::volumes::volume_phase;
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::Plan;
use super::pvcprotection::{is_held, without_finalizer};

/// The finalizer that the admission plugin gives every volume.
const FINALIZER: &str = "kubernetes.io/pv-protection";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct PvProtectionController;

impl Controller for PvProtectionController {
    fn name(&self) -> &'static str {
        "persistentvolume-protection-controller"
    }

    fn service_account(&self) -> &'static str {
        "pv-protection-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolume]
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let held = change.new.as_ref().filter(|volume| is_held(volume, FINALIZER));
        held.map(|volume| Enqueue::now(WorkKey::new(Kind::PersistentVolume, volume.key()))).into_iter().collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        match &turn.object().filter(|volume| is_held(volume, FINALIZER)) {
            None => Plan::nothing("it is not being deleted"),
            Some(volume) if volume_phase(volume.expect()) == "Bound" => Plan::nothing("a claim is bound to it"),
            Some(volume) => Plan::steps("nobody uses it", vec![without_finalizer(volume, FINALIZER).step()]),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
