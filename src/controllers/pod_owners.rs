//! What every controller of pods does when a pod changes: it finds what controls the pod, and who may adopt it.
//!
//! Mirrors `addPod` and `updatePod` of pkg/controller's replicaset, statefulset and daemon.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Object, ObjectKey};
use crate::client::{Change, Store};
use crate::sim::persistent::OrdSet;

use super::adoption::Claims;
use super::controller::{Enqueue, Observed, Turn, WorkKey};
use super::owners::controller_of;
use super::pods;

/// The pods that nobody controls: those that may be adopted.
#[derive(Clone, Debug, Default)]
pub(super) struct Orphans(OrdSet<ObjectKey>);

impl Orphans {
    /// Keeps up with a pod.
    pub(super) fn note(&mut self, change: &Change) {
        let is_orphan =
            |pod: &Arc<Object>| controller_of(pod.meta()).is_none() && pod.meta().deletion_timestamp.is_none();
        if change.new.as_ref().is_some_and(is_orphan) {
            self.0.insert(change.key.clone());
        } else {
            self.0.remove(&change.key);
        }
    }

    fn keys<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a ObjectKey> {
        self.0.range(ObjectKey::new(namespace, "")..).take_while(move |key| *key.namespace == *namespace)
    }

    /// Whether there is one in a namespace.
    pub(super) fn any(&self, namespace: &str) -> bool {
        self.keys(namespace).next().is_some()
    }

    /// Those of a namespace, as `store` has them.
    pub(super) fn of<'a>(&'a self, namespace: &'a str, store: &'a Store) -> impl Iterator<Item = Arc<Object>> + 'a {
        self.keys(namespace).filter_map(|key| store.get(key))
    }

    /// `set` adopts the pods that `fits` takes, and releases those of its own that it does not.
    pub(super) fn claims(&self, turn: &Turn, set: &Object, fits: impl Fn(&Object) -> bool) -> Claims {
        let store = turn.observed.stores.of(Kind::Pod);
        let mut claims = Claims::default();
        self.of(set.namespace(), store).filter(|pod| fits(pod)).for_each(|pod| claims.adopt(set, &pod));
        store.owned_by(set.uid()).filter(|pod| !fits(pod)).for_each(|pod| claims.release(set, &pod));
        claims
    }
}

/// The object of `kind` that controls a pod, if it still is that one.
pub(super) fn owner(kind: Kind, pod: &Object, observed: &Observed) -> Option<Arc<Object>> {
    let reference = controller_of(pod.meta()).filter(|reference| reference.kind == kind.info().kind)?;
    let key = ObjectKey::new(pod.namespace(), &reference.name);
    observed.stores.of(kind).get(&key).filter(|set| set.uid() == reference.uid)
}

/// A kind that controls pods, as its controller looks from a pod to the keys to look at.
pub(super) struct PodOwners {
    pub(super) kind: Kind,
    /// Whether the selector of the first picks the second.
    pub(super) picks: fn(&Object, &Object) -> bool,
    /// `spec.minReadySeconds`.
    pub(super) min_ready_seconds: fn(&Object) -> i32,
}

impl PodOwners {
    /// What controls a pod, if it still is that one.
    pub(super) fn of(&self, pod: &Object, observed: &Observed) -> Option<Arc<Object>> {
        owner(self.kind, pod, observed)
    }

    /// An object's key, to be looked at.
    pub(super) fn work(&self, set: &Object) -> Enqueue {
        Enqueue::now(WorkKey::new(self.kind, set.key()))
    }

    /// Every one whose selector picks an orphan.
    pub(super) fn picking(&self, pod: &Object, observed: &Observed) -> Vec<Enqueue> {
        let sets = observed.stores.of(self.kind).in_namespace(pod.namespace());
        sets.filter(|set| (self.picks)(set, pod)).map(|set| self.work(&set)).collect()
    }

    /// `updatePod`.
    pub(super) fn updated(&self, old: &Object, new: &Object, observed: &Observed) -> Vec<Enqueue> {
        let mut wishes = Vec::new();
        let owner_changed = controller_of(old.meta()) != controller_of(new.meta());
        if owner_changed && let Some(set) = self.of(old, observed) {
            wishes.push(self.work(&set));
        }
        if controller_of(new.meta()).is_none() {
            if owner_changed || old.meta().labels != new.meta().labels {
                wishes.extend(self.picking(new, observed));
            }
            return wishes;
        }
        let Some(set) = self.of(new, observed) else { return wishes };
        wishes.push(self.work(&set));
        let min_ready = (self.min_ready_seconds)(&set);
        let ready = |pod: &Object| pod.get::<Pod>().is_some_and(pods::is_ready);
        if min_ready > 0 && !ready(old) && ready(new) {
            // A second more: the transition is written in whole seconds.
            let key = WorkKey::new(self.kind, set.key());
            wishes.push(Enqueue::after(key, Duration::from_secs(min_ready as u64 + 1)));
        }
        wishes
    }
}
