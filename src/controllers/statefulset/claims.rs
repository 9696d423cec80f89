//! The claims of a pod: creating them, and who they go with.
//!
//! Mirrors `createPersistentVolumeClaims` of stateful_pod_control.go, and `claimOwnerMatchesSetAndPod`,
//! `updateClaimOwnerRefForSetAndPod` and `hasStaleOwnerRef` of stateful_set_utils.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;

use crate::api::{Kind, Object, ObjectKey, OwnerReference, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::owners::{controller_of, controller_ref};
use crate::controllers::plan::{Announce, Append, Write};

use super::identity;

/// What `spec.persistentVolumeClaimRetentionPolicy` says: delete with the set, delete when scaled down.
fn policy(set: &StatefulSet) -> (bool, bool) {
    let policy = set.spec.as_ref().and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    let deletes = |value: Option<&String>| value.is_some_and(|value| value == "Delete");
    policy
        .map_or((false, false), |policy| (deletes(policy.when_deleted.as_ref()), deletes(policy.when_scaled.as_ref())))
}

fn stored(stores: &Stores, set: &Object, name: &str) -> Option<Arc<Object>> {
    stores.of(Kind::PersistentVolumeClaim).get(&ObjectKey::new(set.namespace(), name))
}

/// The claims of the pod that are stored.
fn existing(set: &Object, pod_name: &str, stores: &Stores) -> Vec<Arc<Object>> {
    let claims = identity::claims(set.expect(), pod_name);
    claims.iter().filter_map(|claim| stored(stores, set, claim.metadata.name.as_deref()?)).collect()
}

/// The requests that create the claims which the pod has not got. Upstream refuses to go on when one is being
/// deleted: the pod would lose it.
pub fn create(set: &Object, pod_name: &str, stores: &Stores) -> Result<Vec<Write>, String> {
    let mut writes = Vec::new();
    for claim in identity::claims(set.expect(), pod_name) {
        let name = claim.metadata.name.clone().unwrap_or_default();
        match stored(stores, set, &name) {
            Some(claim) if claim.meta().deletion_timestamp.is_some() => {
                return Err(format!("pvc {name} is being deleted"));
            }
            Some(_) => {}
            None => {
                let set_name = set.name();
                let done = format!("create Claim {name} Pod {pod_name} in StatefulSet {set_name} success");
                let failed = format!("create Claim {name} for Pod {pod_name} in StatefulSet {set_name} failed error: ");
                let write = Write::new(Request::create(Arc::new(claim.into_object())))
                    .announcing(Announce::normal(set, "SuccessfulCreate", done))
                    .complaining(Announce::warning(set, "FailedCreate", failed).ending(Append::Error));
                writes.push(write);
            }
        }
    }
    Ok(writes)
}

/// Whether a claim of the pod that is to be created still goes with an earlier pod of the name.
pub fn are_stale(set: &Object, pod: &Object, stores: &Stores) -> bool {
    let (_, when_scaled) = policy(set.expect());
    when_scaled
        && existing(set, pod.name(), stores).iter().any(|claim| {
            let owners = claim.meta().owner_references.iter().flatten();
            owners.into_iter().any(|owner| owner.kind == "Pod" && owner.name == pod.name() && owner.uid != pod.uid())
        })
}

/// The references a claim should have, by policy. What others refer to stays.
fn wanted(set: &Object, pod: &Object, claim: &Object) -> Vec<OwnerReference> {
    let (when_deleted, when_scaled) = policy(set.expect());
    let condemned = identity::ordinal(pod).is_some_and(|ordinal| !identity::in_range(set.expect(), ordinal));
    let with_pod = when_scaled && condemned && !pod.uid().is_empty();
    let with_set = when_deleted && !(when_scaled && condemned);
    let mut references: Vec<OwnerReference> = claim.meta().owner_references.clone().unwrap_or_default();
    for (owner, wanted) in [(set, with_set), (pod, with_pod)] {
        let has = references.iter().any(|reference| reference.uid == owner.uid());
        if !wanted {
            references.retain(|reference| reference.uid != owner.uid());
        } else if !has {
            references.push(controller_ref(owner));
        }
    }
    references
}

/// The updates that bring the claims of a stored pod in line with the retention policy.
pub fn retain(set: &Object, pod: &Object, stores: &Stores) -> Vec<Write> {
    let mut writes = Vec::new();
    for claim in existing(set, pod.name(), stores) {
        // One that somebody else controls is left alone.
        let foreign = controller_of(claim.meta()).is_some_and(|owner| owner.uid != set.uid() && owner.uid != pod.uid());
        let references = wanted(set, pod, &claim);
        if foreign || references.as_slice() == claim.meta().owner_references.as_deref().unwrap_or_default() {
            continue;
        }
        let mut updated = (*claim).clone();
        updated.meta_mut().owner_references = Some(references).filter(|references| !references.is_empty());
        let (set_name, pod_name) = (set.name(), pod.name());
        let failed = format!("update Pod {pod_name} in StatefulSet {set_name} failed error: ");
        let complaint = Announce::warning(set, "FailedUpdate", failed).ending(Append::Error);
        writes.push(Write::new(Request::update(Arc::new(updated))).complaining(complaint));
    }
    writes
}
