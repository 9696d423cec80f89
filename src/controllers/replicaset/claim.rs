//! Which pods are a ReplicaSet's: adopting orphans, releasing what its selector no longer picks.
//!
//! Mirrors `PodControllerRefManager` of pkg/controller/controller_ref_manager.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Method, Object, Reason, Request};
use crate::controllers::controller::Turn;
use crate::controllers::owners;
use crate::controllers::plan::{Step, Write};
use crate::controllers::pod_owners::Orphans;
use crate::controllers::{pods, selector};

use super::view::view;

fn picks(set: &ReplicaSet, pod: &Object) -> bool {
    set.spec.as_ref().is_some_and(|spec| selector::matches(&spec.selector, pod.meta().labels.as_ref()))
}

fn is_active(pod: &Object) -> bool {
    pod.get::<Pod>().is_some_and(pods::is_active)
}

/// The requests that make the active pods which the selector picks, and only those, the ReplicaSet's.
/// Before it adopts, it makes sure that it is not itself being deleted.
pub(super) fn steps(turn: &Turn, set: &Object, orphans: &Orphans) -> Vec<Step> {
    let typed = &*view(set);
    if typed.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let store = turn.observed.stores.of(Kind::Pod);
    let mut writes: Vec<Write> = orphans
        .of(set.namespace(), store)
        .filter(|pod| is_active(pod) && picks(typed, pod))
        .map(|pod| Write::new(owners::adopt(set, pod)).tolerating(&[Reason::NotFound]))
        .collect();
    let mut steps = Vec::new();
    if !writes.is_empty() {
        steps.push(Write::new(Request::get(set.info(), set.namespace(), set.name())).step());
    }
    writes.extend(
        store
            .owned_by(set.uid())
            .filter(|pod| is_active(pod) && !picks(typed, pod))
            // It is gone, or is another one by now: released either way.
            .map(|pod| Write::new(owners::release(pod, &[set.uid()])).tolerating(&[Reason::NotFound, Reason::Invalid])),
    );
    if !writes.is_empty() {
        steps.push(Step::Batch(writes));
    }
    steps
}

/// Why the claims failed, if they did.
pub(super) fn failure(turn: &Turn) -> Option<String> {
    for answer in &turn.answers {
        if let Some(failure) = answer.failure() {
            let harmless = matches!(failure.reason, Some(Reason::NotFound | Reason::Invalid));
            if answer.request.method == Method::Get || !harmless {
                return Some(failure.message.clone());
            }
        } else if answer.request.method == Method::Get
            && let Some(live) = answer.object()
            && (live.meta().deletion_timestamp.is_some() || Some(live.uid()) != turn.object().map(|set| set.uid()))
        {
            return Some(format!("{} has just been deleted", turn.key.key));
        }
    }
    None
}

/// The active pods of the ReplicaSet, by name, those just adopted included.
pub(super) fn active_pods(turn: &Turn, set: &Object) -> Vec<Arc<Object>> {
    let typed = &*view(set);
    let store = turn.observed.stores.of(Kind::Pod);
    let mut active: Vec<Arc<Object>> =
        store.owned_by(set.uid()).filter(|pod| is_active(pod) && picks(typed, pod)).cloned().collect();
    let adopted = turn
        .answers
        .iter()
        .filter(|answer| answer.request.method == Method::Patch)
        .filter_map(|answer| answer.object())
        .filter(|object| object.kind() == Kind::Pod && owners::is_controlled_by(object.meta(), set));
    active.extend(adopted.filter(|pod| is_active(pod)).cloned());
    active
}
