//! The garbage collector: what nobody owns any longer goes, in the order that was asked for.
//!
//! Mirrors pkg/controller/garbagecollector. Leaves out: kinds that come and go with discovery, owners
//! of another namespace's objects, and the JSON-merge patches for kinds without strategic ones.

mod graph;
mod item;
mod orphan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::api::{Body, Kind, Method, Object, ObjectKey, OwnerReference, Reason, Request, find_kind};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Plan, Write};
use graph::Graph;

/// The finalizer of an object whose dependents go before it.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object whose dependents stay.
const ORPHAN: &str = "orphan";

/// The parts of a work key before the uid: look whether an item should go, let an owner's dependents
/// stay, see whether an owner nobody has seen exists.
const DELETE: &str = "delete";
const DISOWN: &str = "orphan";
const ABSENT: &str = "absent";

/// The kinds the graph is made of: all that can be watched, but for events (`DefaultIgnoredResources`).
const KINDS_WATCHED: &[Kind] = &[
    Kind::ConfigMap,
    Kind::ControllerRevision,
    Kind::CronJob,
    Kind::DaemonSet,
    Kind::Deployment,
    Kind::Endpoints,
    Kind::EndpointSlice,
    Kind::Job,
    Kind::Lease,
    Kind::LimitRange,
    Kind::Namespace,
    Kind::Node,
    Kind::PersistentVolumeClaim,
    Kind::Pod,
    Kind::PodDisruptionBudget,
    Kind::PodTemplate,
    Kind::PriorityClass,
    Kind::ReplicaSet,
    Kind::ReplicationController,
    Kind::ResourceQuota,
    Kind::Secret,
    Kind::Service,
    Kind::ServiceAccount,
    Kind::StatefulSet,
];

/// The controller: its graph, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct GarbageCollector {
    graph: Graph,
}

fn work(what: &str, kind: Kind, key: &ObjectKey, uid: &str) -> Enqueue {
    Enqueue::now(WorkKey::part(kind, key.clone(), format!("{what} {uid}")))
}

/// What a work key asks for, and the uid it is about.
fn parse(key: &WorkKey) -> (&str, &str) {
    key.detail.split_once(' ').unwrap_or((&key.detail, ""))
}

fn has_finalizer(object: &Object, finalizer: &str) -> bool {
    object.meta().finalizers.iter().flatten().any(|name| name == finalizer)
}

/// The kind a reference names; `None` for one this cluster does not know.
fn kind_of(reference: &OwnerReference) -> Option<Kind> {
    let (group, version) = reference.api_version.split_once('/').unwrap_or(("", &reference.api_version));
    find_kind(group, version, &reference.kind).map(|info| info.id)
}

/// Where the owner that `reference` names would be, seen from a dependent in `namespace`.
fn owner_key(kind: Kind, namespace: &str, reference: &OwnerReference) -> ObjectKey {
    ObjectKey::new(if kind.info().namespaced() { namespace } else { "" }, &reference.name)
}

fn read(kind: Kind, key: &ObjectKey) -> Write {
    Write::new(Request::get(kind.info(), &key.namespace, &key.name)).tolerating(&[Reason::NotFound])
}

/// `DELETE` of this very object, if its uid is still the same.
fn delete(kind: Kind, key: &ObjectKey, uid: &str, policy: &str) -> Write {
    let options = serde_json::json!({
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "preconditions": { "uid": uid },
        "propagationPolicy": policy,
    });
    let request = Request::delete(kind.info(), &key.namespace, &key.name).body(Body::Json(Arc::new(options)));
    Write::new(request).tolerating(&[Reason::NotFound])
}

/// The patch that takes a finalizer away from an object as it was just read.
fn remove_finalizer(live: &Object, finalizer: &str) -> Write {
    let left: Vec<&String> = live.meta().finalizers.iter().flatten().filter(|name| *name != finalizer).collect();
    let patch = serde_json::json!({
        "metadata": { "resourceVersion": live.meta().resource_version, "finalizers": left },
    });
    Write::new(Request::patch(
        live.info(),
        live.namespace(),
        live.name(),
        "",
        crate::api::http::content_type::MERGE_PATCH,
        patch,
    ))
    .tolerating(&[Reason::NotFound])
}

/// The object that the last `GET` of this key brought; `None` when it is gone or is another by now.
fn live<'a>(turn: &'a Turn, kind: Kind, key: &ObjectKey, uid: &str) -> Option<&'a Arc<Object>> {
    let path = kind.info().path(&key.namespace, &key.name);
    let reads = turn.answers.iter().rev().filter(|answer| answer.request.method == Method::Get);
    let found = reads.into_iter().find(|answer| *answer.request.path == *path)?;
    found.object().filter(|object| object.uid() == uid)
}

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbage-collector-controller"
    }

    fn service_account(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn watches(&self) -> &'static [Kind] {
        KINDS_WATCHED
    }

    fn workers(&self) -> usize {
        // --concurrent-gc-syncs
        20
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        self.graph.change(change)
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        match parse(&turn.key) {
            (DISOWN, uid) => orphan::plan(&self.graph, turn, uid),
            (what, uid) => item::plan(&mut self.graph, turn, uid, what == ABSENT),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
