//! Which pods are a ReplicaSet's: adopting orphans, releasing what its selector no longer picks.
//!
//! Mirrors `PodControllerRefManager` of pkg/controller/controller_ref_manager.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Object};
use crate::controllers::adoption::{Claims, adopted};
use crate::controllers::controller::Turn;
use crate::controllers::pod_owners::Orphans;
use crate::controllers::{pods, selector};

use super::view::view;

fn picks(set: &ReplicaSet, pod: &Object) -> bool {
    set.spec.as_ref().is_some_and(|spec| selector::matches(&spec.selector, pod.meta().labels.as_ref()))
}

fn is_active(pod: &Object) -> bool {
    pod.get::<Pod>().is_some_and(pods::is_active)
}

/// What makes the active pods which the selector picks, and only those, the ReplicaSet's.
pub(super) fn claims(turn: &Turn, set: &Object, orphans: &Orphans) -> Claims {
    let typed = &*view(set);
    let mut claims = Claims::default();
    if typed.metadata.deletion_timestamp.is_some() {
        return claims;
    }
    let store = turn.observed.stores.of(Kind::Pod);
    let orphans = orphans.of(set.namespace(), store).filter(|pod| is_active(pod) && picks(typed, pod));
    orphans.for_each(|pod| claims.adopt(set, &pod));
    let strangers = store.owned_by(set.uid()).filter(|pod| is_active(pod) && !picks(typed, pod));
    strangers.for_each(|pod| claims.release(set, &pod));
    claims
}

/// The active pods of the ReplicaSet, by name, those just adopted included.
pub(super) fn active_pods(turn: &Turn, set: &Object) -> Vec<Arc<Object>> {
    let typed = &*view(set);
    let store = turn.observed.stores.of(Kind::Pod);
    let owned = store.owned_by(set.uid()).filter(|pod| picks(typed, pod));
    owned.chain(adopted(turn, set, Kind::Pod).cloned()).filter(|pod| is_active(pod)).collect()
}
