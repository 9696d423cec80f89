//! Attaches the driver's volumes to nodes, and says when it is done.
//!
//! Mirrors kubernetes-csi/external-attacher `csi_handler.go`. Leaves out: secrets, the finalizer on volumes, the
//! reconciliation with what the driver itself lists.

use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::api::storage::v1::{CSINode, VolumeAttachment, VolumeError};

use crate::api::disk::DRIVER;
use crate::api::{Kind, ObjectKey, Request, Typed, time};
use crate::client::Change;
use crate::controllers::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use crate::controllers::plan::{Plan, Write};
use crate::controllers::pvcprotection::{is_held, without_finalizer};

/// Keeps an attachment until the volume is detached.
const FINALIZER: &str = "external-attacher/disk-csi-kubarium-io";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attacher;

/// What keeps the driver from attaching it; `None` if it can.
fn obstacle(attachment: &VolumeAttachment, observed: &Observed) -> Option<String> {
    let node = attachment.spec.node_name.as_str();
    let Some(found) = observed.stores.get::<CSINode>(&ObjectKey::new("", node)) else {
        return Some(format!("csinode.storage.k8s.io {node:?} not found"));
    };
    if !found.spec.drivers.iter().any(|driver| driver.name == DRIVER) {
        return Some(format!("CSINode {node} does not contain driver {DRIVER}"));
    }
    let name = attachment.spec.source.persistent_volume_name.as_deref().unwrap_or_default();
    match observed.stores.get::<PersistentVolume>(&ObjectKey::new("", name)) {
        None => Some(format!("could not get PV: persistentvolume {name:?} not found")),
        Some(volume) if volume.metadata.deletion_timestamp.is_some() => {
            Some(format!("PersistentVolume {name:?} is marked for deletion"))
        }
        Some(_) => None,
    }
}

impl Controller for Attacher {
    fn name(&self) -> &'static str {
        "csi-attacher"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::CSINode, Kind::PersistentVolume, Kind::VolumeAttachment]
    }

    fn workers(&self) -> usize {
        10
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let Some(object) = change.new.as_ref().filter(|_| change.kind == Kind::VolumeAttachment) else {
            return Vec::new();
        };
        let own: &VolumeAttachment = object.expect();
        let ours = own.spec.attacher == DRIVER;
        ours.then(|| Enqueue::now(WorkKey::new(Kind::VolumeAttachment, object.key()))).into_iter().collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        let own: &VolumeAttachment = object.expect();
        if own.metadata.deletion_timestamp.is_some() {
            // ControllerUnpublishVolume: from now on the disk knows the node no more.
            return match is_held(object, FINALIZER) {
                true => Plan::steps("detached", vec![without_finalizer(object, FINALIZER).step()]),
                false => Plan::nothing("it is about to go"),
            };
        }
        let attached = own.status.as_ref().is_some_and(|status| status.attached);
        if attached {
            return Plan::nothing("attached");
        }
        let mut held = own.clone();
        let mut steps = Vec::new();
        let finalizers = held.metadata.finalizers.get_or_insert_default();
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
            steps.push(Write::new(Request::update(held.clone().into_object())).step());
        }
        let obstacle = obstacle(own, &turn.observed);
        let status = held.status.get_or_insert_default();
        match &obstacle {
            None => {
                status.attached = true;
                status.attach_error = None;
            }
            Some(why) => {
                let known = status.attach_error.as_ref().and_then(|error| error.message.as_ref());
                if known == Some(why) {
                    return Plan { error: Some(why.clone()), ..Plan::steps(why.clone(), steps) };
                }
                let time = Some(time::time(turn.observed.unix_micros));
                status.attach_error = Some(VolumeError { message: Some(why.clone()), time, error_code: None });
            }
        }
        steps.push(Write::new(Request::update_status(held.into_object())).fresh().step());
        Plan { error: obstacle.clone(), ..Plan::steps(obstacle.unwrap_or_else(|| "attach it".to_owned()), steps) }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
