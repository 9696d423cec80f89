//! The graph of who owns whom, by uid.
//!
//! Mirrors pkg/controller/garbagecollector/graph_builder.go.

use std::sync::Arc;

use crate::sim::persistent::{OrdMap, OrdSet};

use crate::api::{Kind, Object, ObjectKey, OwnerReference};
use crate::client::Change;
use crate::controllers::controller::Enqueue;

use super::{ABSENT, DELETE, DISOWN, FOREGROUND, ORPHAN, has_finalizer, kind_of, owner_key, work};

/// One object of the graph.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub key: ObjectKey,
    pub owners: Arc<[OwnerReference]>,
    pub dependents: OrdSet<Arc<str>>,
    pub being_deleted: bool,
    /// It waits for its dependents to go first.
    pub deleting_dependents: bool,
    /// Known only from a dependent's reference.
    pub is_virtual: bool,
}

/// The graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: OrdMap<Arc<str>, Node>,
}

fn owners_of(object: &Object) -> &[OwnerReference] {
    object.meta().owner_references.as_deref().unwrap_or_default()
}

/// Whether deletion with this finalizer began between the two.
fn deletion_starts(old: Option<&Object>, new: &Object, finalizer: &str) -> bool {
    let deleting = |object: &Object| object.meta().deletion_timestamp.is_some() && has_finalizer(object, finalizer);
    deleting(new) && old.is_none_or(|old| !deleting(old))
}

/// Whether nothing the graph is about differs.
fn same_for_the_graph(old: &Object, new: &Object) -> bool {
    old.uid() == new.uid()
        && owners_of(old) == owners_of(new)
        && old.meta().deletion_timestamp.is_some() == new.meta().deletion_timestamp.is_some()
        && old.meta().finalizers == new.meta().finalizers
}

impl Graph {
    /// The object with this uid.
    pub fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    fn wish(&self, what: &str, uid: &str) -> Option<Enqueue> {
        self.nodes.get(uid).map(|node| work(what, node.kind, &node.key, uid))
    }

    /// Takes a change in (`processGraphChanges`) and says what to look at.
    pub fn change(&mut self, change: &Change) -> Vec<Enqueue> {
        match (&change.old, &change.new) {
            (Some(old), Some(new)) if same_for_the_graph(old, new) => Vec::new(),
            (Some(old), Some(new)) if old.uid() != new.uid() => {
                let mut wishes = self.remove(old.uid());
                wishes.extend(self.put(None, new));
                wishes
            }
            (old, Some(new)) => self.put(old.as_deref(), new),
            (Some(old), None) => self.remove(old.uid()),
            (None, None) => Vec::new(),
        }
    }

    fn put(&mut self, old: Option<&Object>, new: &Object) -> Vec<Enqueue> {
        let uid: Arc<str> = Arc::from(new.uid());
        let owners: Arc<[OwnerReference]> = Arc::from(owners_of(new));
        let before = self.nodes.get(&uid).cloned();
        let old_owners: Arc<[OwnerReference]> =
            before.as_ref().map_or_else(|| Arc::from([]), |node| node.owners.clone());
        let mut node = before.unwrap_or_else(|| Node {
            kind: new.kind(),
            key: new.key(),
            owners: owners.clone(),
            dependents: OrdSet::new(),
            being_deleted: false,
            deleting_dependents: false,
            is_virtual: false,
        });
        node.kind = new.kind();
        node.key = new.key();
        node.owners = owners.clone();
        node.is_virtual = false;
        node.being_deleted |= new.meta().deletion_timestamp.is_some();
        self.nodes.insert(uid.clone(), node);
        let mut wishes = self.relink(&uid, &old_owners, &owners);
        wishes.extend(self.transitions(old, new, &uid));
        wishes
    }

    /// Tells owners of a dependent they gained or lost. An owner that waited for it is looked at again.
    fn relink(&mut self, uid: &Arc<str>, old: &[OwnerReference], new: &[OwnerReference]) -> Vec<Enqueue> {
        let mut wishes = Vec::new();
        for owner in old {
            let now = new.iter().find(|other| other.uid == owner.uid);
            let unblocked = owner.block_owner_deletion == Some(true)
                && now.is_none_or(|now| now.block_owner_deletion != Some(true));
            if now.is_none()
                && let Some(node) = self.nodes.get_mut(owner.uid.as_str())
            {
                node.dependents.remove(uid);
            }
            if unblocked && self.get(&owner.uid).is_some_and(|node| node.deleting_dependents) {
                wishes.extend(self.wish(DELETE, &owner.uid));
            }
        }
        let namespace = self.get(uid).map(|node| node.key.namespace.clone()).unwrap_or_default();
        for owner in new.iter().filter(|owner| !old.iter().any(|other| other.uid == owner.uid)) {
            if let Some(node) = self.nodes.get_mut(owner.uid.as_str()) {
                node.dependents.insert(uid.clone());
            } else if let Some(kind) = kind_of(owner) {
                let node = Node {
                    kind,
                    key: owner_key(kind, &namespace, owner),
                    owners: Arc::from([]),
                    dependents: OrdSet::unit(uid.clone()),
                    being_deleted: false,
                    deleting_dependents: false,
                    is_virtual: true,
                };
                self.nodes.insert(Arc::from(owner.uid.as_str()), node);
                wishes.extend(self.wish(ABSENT, &owner.uid));
            }
        }
        wishes
    }

    /// `processTransitions`.
    fn transitions(&mut self, old: Option<&Object>, new: &Object, uid: &str) -> Vec<Enqueue> {
        if deletion_starts(old, new, ORPHAN) {
            return self.wish(DISOWN, uid).into_iter().collect();
        }
        if !deletion_starts(old, new, FOREGROUND) {
            return Vec::new();
        }
        let Some(node) = self.nodes.get_mut(uid) else { return Vec::new() };
        node.deleting_dependents = true;
        let dependents = node.dependents.clone();
        let mut wishes: Vec<Enqueue> = dependents.iter().filter_map(|dependent| self.wish(DELETE, dependent)).collect();
        wishes.extend(self.wish(DELETE, uid));
        wishes
    }

    /// An object is gone: its dependents may have to follow, an owner may have waited for it.
    pub fn remove(&mut self, uid: &str) -> Vec<Enqueue> {
        let Some(node) = self.nodes.remove(uid) else { return Vec::new() };
        let mut wishes: Vec<Enqueue> =
            node.dependents.iter().filter_map(|dependent| self.wish(DELETE, dependent)).collect();
        for owner in node.owners.iter() {
            if let Some(owner) = self.nodes.get_mut(owner.uid.as_str()) {
                owner.dependents.remove(uid);
            }
            if self.get(&owner.uid).is_some_and(|node| node.deleting_dependents) {
                wishes.extend(self.wish(DELETE, &owner.uid));
            }
        }
        wishes
    }

    /// The dependents that an owner must outlive (`blockingDependents`).
    pub fn blocking<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = (&'a Arc<str>, &'a Node)> {
        let dependents = self.get(uid).into_iter().flat_map(|node| node.dependents.iter());
        dependents.filter_map(|dependent| Some((dependent, self.nodes.get(dependent)?))).filter(move |(_, node)| {
            node.owners.iter().any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true))
        })
    }

    /// Asks to look at an object.
    pub fn look_at(&self, uid: &str) -> Option<Enqueue> {
        self.wish(DELETE, uid)
    }
}
