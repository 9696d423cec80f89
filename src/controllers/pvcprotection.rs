//! A claim that is being deleted stays until no pod uses it.
//!
//! Mirrors pkg/controller/volume/pvcprotection. Leaves out: the live list of pods after the local copy says that
//! nobody uses it (the copy hears of a pod before whoever made it).

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::api::volumes::{claim_name, is_for_pod};
use crate::api::{Kind, Object, ObjectKey, Request};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Stores, Turn, WorkKey};
use super::plan::{Plan, Write};
use super::pods;

/// The finalizer that the admission plugin gives every claim.
const FINALIZER: &str = "kubernetes.io/pvc-protection";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct PvcProtectionController;

/// Whether the pod keeps the claim: it has a node, and its volumes are not torn down.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let mut named = volumes.filter(|volume| claim_name(pod, volume).as_deref() == Some(name));
    !pods::node_name(pod).is_empty()
        && named.any(|volume| volume.persistent_volume_claim.is_some() || is_for_pod(claim, pod))
}

fn user(stores: &Stores, claim: &Object) -> Option<String> {
    let mut pods = stores.of(Kind::Pod).in_namespace(claim.namespace());
    pods.find(|pod| uses(pod.expect(), claim.expect())).map(|pod| pod.name().to_owned())
}

/// The object without a finalizer.
pub(super) fn without_finalizer(object: &Object, finalizer: &str) -> Write {
    let mut changed = object.clone();
    let meta = changed.meta_mut();
    let mut kept = meta.finalizers.take().unwrap_or_default();
    kept.retain(|own| own != finalizer);
    meta.finalizers = Some(kept).filter(|kept| !kept.is_empty());
    Write::new(Request::update(changed))
}

/// Whether it is being deleted and has the finalizer.
pub(super) fn is_held(object: &Object, finalizer: &str) -> bool {
    let meta = object.meta();
    meta.deletion_timestamp.is_some() && meta.finalizers.iter().flatten().any(|own| own == finalizer)
}

impl Controller for PvcProtectionController {
    fn name(&self) -> &'static str {
        "persistentvolumeclaim-protection-controller"
    }

    fn service_account(&self) -> &'static str {
        "pvc-protection-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolumeClaim, Kind::Pod]
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let claims = observed.stores.of(Kind::PersistentVolumeClaim);
        let held = |key: ObjectKey| {
            let claim = claims.get(&key).filter(|claim| is_held(claim, FINALIZER))?;
            Some(Enqueue::now(WorkKey::new(Kind::PersistentVolumeClaim, claim.key())))
        };
        if change.kind == Kind::PersistentVolumeClaim {
            return held(change.key.clone()).into_iter().collect();
        }
        let Some(pod) = change.new.as_ref().or(change.old.as_ref()) else { return Vec::new() };
        let names = crate::api::volumes::claims(pod.expect());
        names.into_iter().filter_map(|name| held(ObjectKey::new(pod.namespace(), &name))).collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(claim) = &turn.object().filter(|claim| is_held(claim, FINALIZER)) else {
            return Plan::nothing("it is not being deleted");
        };
        match user(&turn.observed.stores, claim) {
            Some(pod) => Plan::nothing(format!("pod {pod} uses it")),
            None => Plan::steps("nobody uses it", vec![without_finalizer(claim, FINALIZER).step()]),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
