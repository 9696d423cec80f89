//! The claims of ephemeral volumes: each pod has its own, which goes with it.
//!
//! Mirrors pkg/controller/volume/ephemeral.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::api::volumes::{claim_name, is_for_pod};
use crate::api::{Kind, Object, ObjectKey, ObjectMeta, Request, Typed};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::owners::controller_ref;
use super::plan::{Announce, Append, Plan, Step, Write};
use super::pods;

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct EphemeralController;

fn has_ephemeral(pod: &Pod) -> bool {
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).any(|volume| volume.ephemeral.is_some())
}

/// The claims that the pod has not got, or why it cannot have one.
fn missing(object: &Object, observed: &Observed) -> (Vec<Step>, Option<String>) {
    let pod: &Pod = object.expect();
    let (mut steps, mut error) = (Vec::new(), None);
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let template = volume.ephemeral.as_ref().and_then(|own| own.volume_claim_template.as_ref());
        let (Some(template), Some(name)) = (template, claim_name(pod, volume)) else { continue };
        let key = ObjectKey::new(object.namespace(), &name);
        if let Some(found) = observed.stores.get::<PersistentVolumeClaim>(&key) {
            if !is_for_pod(&found, pod) {
                let message = format!("PVC {key} was not created for pod {} (pod is not owner)", object.key());
                steps.push(Step::Event(Announce::warning(object, "FailedBinding", message.clone())));
                error = Some(message);
            }
            continue;
        }
        let meta = template.metadata.clone().unwrap_or_default();
        let claim = PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(object.namespace().to_owned()),
                owner_references: Some(vec![controller_ref(object)]),
                annotations: meta.annotations,
                labels: meta.labels,
                ..Default::default()
            },
            spec: Some(template.spec.clone()),
            status: None,
        };
        let failed = Announce::warning(object, "FailedBinding", "ephemeral volume: ").ending(Append::Error);
        steps.push(Write::new(Request::create(claim.into_object())).complaining(failed).step());
    }
    (steps, error)
}

impl Controller for EphemeralController {
    fn name(&self) -> &'static str {
        "ephemeral-volume-controller"
    }

    fn component(&self) -> &'static str {
        "ephemeral_volume"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolumeClaim, Kind::Pod]
    }

    fn workers(&self) -> usize {
        // --concurrent-ephemeralvolume-syncs
        5
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let wish = |object: &Object| Enqueue::now(WorkKey::new(Kind::Pod, object.key()));
        let wants = |object: &Object| {
            let pod: &Pod = object.expect();
            has_ephemeral(pod) && !pods::is_terminal(pod) && !pods::is_terminating(pod)
        };
        if change.kind == Kind::Pod {
            let new = change.new.as_ref().filter(|_| change.old.is_none()).filter(|pod| wants(pod));
            return new.map(|pod| wish(pod)).into_iter().collect();
        }
        // A claim is gone: its pod may need another.
        let Some(claim) = change.old.as_ref().filter(|_| change.new.is_none()) else { return Vec::new() };
        let claim: &PersistentVolumeClaim = claim.expect();
        let all = observed.stores.of(Kind::Pod).in_namespace(claim.metadata.namespace.as_deref().unwrap_or_default());
        all.filter(|pod| wants(pod) && is_for_pod(claim, pod.expect())).map(|pod| wish(&pod)).collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(pod) = &turn.object().filter(|pod| !pods::is_terminating(pod.expect())) else {
            return Plan::nothing("it is gone or going");
        };
        let (steps, error) = missing(pod, &turn.observed);
        Plan { error, ..Plan::steps("its claims", steps) }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
