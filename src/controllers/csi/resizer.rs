//! Makes the driver's volumes larger where their claims ask for more.
//!
//! Mirrors kubernetes-csi/external-resizer `controller.go`. Leaves out: the recovery from a resize that failed, and
//! `allocatedResources`.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimCondition};

use crate::api::disk::DRIVER;
use crate::api::stored::Shared;
use crate::api::volumes::{capacity, requested, volume_name};
use crate::api::{Kind, Object, ObjectKey, Request, Typed, time};
use crate::client::Change;
use crate::controllers::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use crate::controllers::expand::wants_more;
use crate::controllers::plan::{Announce, Plan, Step, Write};

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resizer;

fn has_condition(claim: &PersistentVolumeClaim, type_: &str) -> bool {
    claim.status.iter().flat_map(|status| status.conditions.iter().flatten()).any(|own| own.type_ == type_)
}

/// The claim with this as its only condition of a resize.
fn with_condition(claim: &PersistentVolumeClaim, type_: &str, message: &str, unix_micros: i64) -> Object {
    let mut own = claim.clone();
    let conditions = own.status.get_or_insert_default().conditions.get_or_insert_default();
    conditions.retain(|own| !matches!(own.type_.as_str(), "Resizing" | "FileSystemResizePending"));
    conditions.push(PersistentVolumeClaimCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        message: Some(message.to_owned()).filter(|message| !message.is_empty()),
        last_transition_time: Some(time::time(unix_micros)),
        ..Default::default()
    });
    own.into_object()
}

fn resize(object: &Object, claim: &PersistentVolumeClaim, volume: &PersistentVolume, unix_micros: i64) -> Plan {
    let name = volume.metadata.name.clone().unwrap_or_default();
    let mut steps = Vec::new();
    if requested(claim) > capacity(volume) {
        let begun = format!("External resizer is resizing volume {name}");
        let resizing = with_condition(claim, "Resizing", "", unix_micros);
        steps.push(Write::new(Request::update_status(resizing)).fresh().step());
        steps.push(Step::Event(Announce::normal(object, "Resizing", begun)));
        let mut larger = volume.clone();
        let sizes = larger.spec.get_or_insert_default().capacity.get_or_insert_default();
        sizes.insert("storage".to_owned(), requested(claim).to_text());
        steps.push(Write::new(Request::update(larger.into_object())).step());
    } else if has_condition(claim, "FileSystemResizePending") {
        return Plan::nothing("the node makes its file system larger");
    }
    let message = "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";
    let pending = with_condition(claim, "FileSystemResizePending", message, unix_micros);
    let required = Announce::normal(object, "FileSystemResizeRequired", "Require file system resize of volume on node");
    steps.push(Write::new(Request::update_status(pending)).fresh().announcing(required).step());
    Plan::steps(format!("make {name} larger"), steps)
}

impl Controller for Resizer {
    fn name(&self) -> &'static str {
        "csi-resizer"
    }

    fn component(&self) -> &'static str {
        "external-resizer disk.csi.kubarium.io"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolume, Kind::PersistentVolumeClaim]
    }

    fn workers(&self) -> usize {
        10
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let claim = change.new.as_ref().filter(|_| change.kind == Kind::PersistentVolumeClaim);
        let wants = claim.filter(|claim| wants_more(claim.expect()));
        wants.map(|claim| Enqueue::now(WorkKey::new(Kind::PersistentVolumeClaim, claim.key()))).into_iter().collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        let claim: &PersistentVolumeClaim = object.expect();
        let volume = turn.observed.stores.get::<PersistentVolume>(&ObjectKey::new("", volume_name(claim)));
        let ours = |volume: &Shared<PersistentVolume>| {
            let csi = volume.spec.as_ref().and_then(|spec| spec.csi.as_ref());
            csi.is_some_and(|csi| csi.driver == DRIVER)
        };
        match volume.filter(ours) {
            Some(volume) if wants_more(claim) => resize(object, claim, &volume, turn.observed.unix_micros),
            _ => Plan::nothing("it has what it asks for"),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
