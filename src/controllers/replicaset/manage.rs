//! Creating the pods that are missing and deleting those that are too many.
//!
//! Mirrors `manageReplicas` and `slowStartBatch` of pkg/controller/replicaset/replica_set.go.

use std::sync::Arc;

use crate::api::{Body, Kind, Method, Object, Reason, Request, Typed};
use crate::controllers::controller::{Stores, Turn};
use crate::controllers::plan::{Announce, Append, Step, Write};
use crate::controllers::{owners, pods};

use super::view::view;
use super::{replicas, victims};

/// `BurstReplicas`: how many pods one sync creates or deletes at most.
const BURST_REPLICAS: usize = 500;
/// `SlowStartInitialBatchSize`.
const INITIAL_BATCH: usize = 1;

/// The requests that bring the number of active pods to `spec.replicas`.
pub(super) fn steps(set: &Object, active: &[Arc<Object>], stores: &Stores, unix_micros: i64) -> Vec<Step> {
    let wanted = usize::try_from(replicas(&view(set))).unwrap_or(0);
    if active.len() < wanted {
        create(set, (wanted - active.len()).min(BURST_REPLICAS))
    } else if active.len() > wanted {
        delete(set, active, (active.len() - wanted).min(BURST_REPLICAS), stores, unix_micros)
    } else {
        Vec::new()
    }
}

/// One pod, then twice as many as long as all goes well: a quota that is used up, say, is met by one
/// failure, not by five hundred.
fn create(set: &Object, count: usize) -> Vec<Step> {
    let pod = Arc::new(pod_of(set));
    let mut remaining = count;
    let mut size = INITIAL_BATCH.min(remaining);
    let mut steps = Vec::new();
    while remaining > 0 {
        let write = Write::new(Request::create(pod.clone()))
            .announcing(Announce::normal(set, "SuccessfulCreate", "Created pod: ").ending(Append::Name))
            .complaining(Announce::warning(set, "FailedCreate", "Error creating: ").ending(Append::Error));
        steps.push(Step::Batch(vec![write; size]));
        remaining -= size;
        size = (2 * size).min(remaining);
    }
    steps
}

/// A pod of its template.
fn pod_of(set: &Object) -> Object {
    let template = view(set).spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
    pods::from_template(&template, set).into_object()
}

fn delete(set: &Object, active: &[Arc<Object>], count: usize, stores: &Stores, unix_micros: i64) -> Vec<Step> {
    let related = related_pods(set, stores);
    let chosen = victims::choose(active, &related, count, unix_micros);
    let writes = chosen
        .iter()
        .map(|pod| {
            let deleted = format!("Deleted pod: {}", pod.name());
            Write::new(Request::delete(Kind::Pod.info(), pod.namespace(), pod.name()))
                .tolerating(&[Reason::NotFound])
                .announcing(Announce::normal(set, "SuccessfulDelete", deleted))
                .complaining(Announce::warning(set, "FailedDelete", "Error deleting: ").ending(Append::Error))
        })
        .collect();
    vec![Step::Batch(writes)]
}

/// The pods of every ReplicaSet with the same controller (`getIndirectlyRelatedPods`).
fn related_pods(set: &Object, stores: &Stores) -> Vec<Arc<Object>> {
    let pods = stores.of(Kind::Pod);
    match owners::controller_of(set.meta()) {
        Some(owner) => stores
            .of(Kind::ReplicaSet)
            .owned_by(&owner.uid)
            .flat_map(|sibling| pods.owned_by(sibling.uid()).collect::<Vec<_>>())
            .collect(),
        None => pods.owned_by(set.uid()).collect(),
    }
}

/// The first failure to create or delete a pod. A namespace that is going away is none.
pub(super) fn failure(turn: &Turn) -> Option<String> {
    turn.failure(|answer| match (answer.request.method, &answer.request.body) {
        (Method::Post, Body::Object(object)) => object.kind() == Kind::Pod,
        (Method::Delete, _) => !answer.failed_with(Reason::NotFound),
        _ => false,
    })
}
