//! Whether an object should go.
//!
//! Mirrors `attemptToDeleteItem` of pkg/controller/garbagecollector/garbagecollector.go.

use crate::api::{Kind, Object, ObjectKey, OwnerReference, Request};
use crate::controllers::controller::Turn;
use crate::controllers::owners;
use crate::controllers::plan::{Plan, Step, Write};

use super::graph::{Graph, Node};
use super::{FOREGROUND, ORPHAN, delete, has_finalizer, kind_of, live, owner_key, read, remove_finalizer};

/// The item was read.
const READ: &str = "read";
/// Its owners were read.
const OWNERS: &str = "owners";

/// An object's owners, by what became of them.
#[derive(Debug, Default)]
struct Owners<'a> {
    solid: Vec<&'a OwnerReference>,
    dangling: Vec<&'a OwnerReference>,
    /// Those that wait for this object to go first.
    waiting: Vec<&'a OwnerReference>,
}

/// Looks at an item; `absent` when it is an owner that nobody has seen.
pub(super) fn plan(graph: &mut Graph, turn: &Turn, uid: &str, absent: bool) -> Plan {
    let Some(node) = graph.get(uid).cloned() else { return Plan::nothing("it is gone") };
    if absent && !node.is_virtual {
        return Plan::nothing("it has been seen by now");
    }
    if node.being_deleted && !node.deleting_dependents {
        return Plan::nothing("it is being deleted already");
    }
    match turn.phase {
        "" => {
            let steps = vec![read(node.kind, &node.key).step()];
            Plan { then: Some(READ), ..Plan::steps("reads it as it is now", steps) }
        }
        READ => after_read(graph, turn, uid, &node),
        OWNERS => after_owners(graph, turn, uid, &node),
        phase => panic!("an item has no phase {phase}"),
    }
}

fn failed(turn: &Turn) -> Option<Plan> {
    let failure = turn.answers.iter().filter(|answer| !answer.failed_with(crate::api::Reason::NotFound));
    let failure = failure.into_iter().find_map(|answer| answer.failure())?;
    Some(Plan { error: Some(failure.message.clone()), ..Plan::nothing("it could not be looked at") })
}

fn after_read(graph: &mut Graph, turn: &Turn, uid: &str, node: &Node) -> Plan {
    if let Some(plan) = failed(turn) {
        return plan;
    }
    let Some(live) = live(turn, node.kind, &node.key, uid) else {
        // It is gone, or another has its name: what depended on it is looked at (`enqueueVirtualDeleteEvent`).
        let enqueue = graph.remove(uid);
        return Plan { enqueue, ..Plan::nothing("it is gone from the server") };
    };
    if node.deleting_dependents {
        return delete_dependents(graph, live, uid);
    }
    let references = live.meta().owner_references.as_deref().unwrap_or_default();
    if references.is_empty() {
        return Plan::nothing("it has no owners");
    }
    let mut steps = Vec::new();
    for reference in references {
        if let Some(kind) = kind_of(reference) {
            steps.push(read(kind, &owner_key(kind, live.namespace(), reference)).step());
        }
    }
    Plan { then: Some(OWNERS), ..Plan::steps("do its owners exist?", steps) }
}

/// `processDeletingDependentsItem`: it goes once nothing that blocks it is left.
fn delete_dependents(graph: &Graph, live: &Object, uid: &str) -> Plan {
    let blocking: Vec<_> = graph.blocking(uid).collect();
    if blocking.is_empty() {
        if !has_finalizer(live, FOREGROUND) {
            return Plan::nothing("nothing blocks it any longer");
        }
        return Plan::steps("its dependents are gone", vec![remove_finalizer(live, FOREGROUND).step()]);
    }
    let waiting = blocking.iter().filter(|(_, node)| !node.deleting_dependents && !node.being_deleted);
    let enqueue = waiting.filter_map(|(dependent, _)| graph.look_at(dependent)).collect();
    Plan { enqueue, ..Plan::nothing(format!("waits for {} dependents", blocking.len())) }
}

/// `classifyReferences`.
fn classify<'a>(turn: &Turn, object: &'a Object) -> Owners<'a> {
    let mut owners = Owners::default();
    for reference in object.meta().owner_references.iter().flatten() {
        let Some(kind) = kind_of(reference) else {
            // A kind nobody knows cannot be shown to be gone.
            owners.solid.push(reference);
            continue;
        };
        let key = owner_key(kind, object.namespace(), reference);
        match live(turn, kind, &key, &reference.uid) {
            None => owners.dangling.push(reference),
            Some(owner) if owner.meta().deletion_timestamp.is_some() && has_finalizer(owner, FOREGROUND) => {
                owners.waiting.push(reference);
            }
            Some(_) => owners.solid.push(reference),
        }
    }
    owners
}

fn after_owners(graph: &Graph, turn: &Turn, uid: &str, node: &Node) -> Plan {
    if let Some(plan) = failed(turn) {
        return plan;
    }
    let Some(object) = live(turn, node.kind, &node.key, uid) else { return Plan::nothing("it is gone") };
    let owners = classify(turn, object);
    if !owners.solid.is_empty() {
        if owners.dangling.is_empty() && owners.waiting.is_empty() {
            return Plan::nothing("its owners exist");
        }
        let gone: Vec<&str> =
            owners.dangling.iter().chain(&owners.waiting).map(|reference| reference.uid.as_str()).collect();
        let patch = Write::new(owners::release(object, &gone));
        return Plan::steps("one owner remains; the others are struck out", vec![patch.step()]);
    }
    if !owners.waiting.is_empty() && !node.dependents.is_empty() {
        return foreground(graph, object, uid, node);
    }
    let policy = if has_finalizer(object, ORPHAN) {
        "Orphan"
    } else if has_finalizer(object, FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    };
    Plan::steps("none of its owners is left", vec![delete_item(node.kind, &node.key, uid, policy)])
}

/// An owner waits for it, and it has dependents of its own: they go before it. A circle is broken.
fn foreground(graph: &Graph, object: &Object, uid: &str, node: &Node) -> Plan {
    let mut steps = Vec::new();
    let circular = |dependent: &&std::sync::Arc<str>| graph.get(dependent).is_some_and(|node| node.deleting_dependents);
    if node.dependents.iter().any(|dependent| circular(&dependent)) {
        steps.push(unblock(object).step());
    }
    steps.push(delete_item(node.kind, &node.key, uid, "Foreground"));
    Plan::steps("its owner waits for it, and its dependents go first", steps)
}

/// Lets no reference of the object block its owner.
fn unblock(object: &Object) -> Write {
    let references: Vec<_> = object
        .meta()
        .owner_references
        .iter()
        .flatten()
        .filter(|reference| reference.block_owner_deletion == Some(true))
        .map(|reference| serde_json::json!({ "uid": reference.uid, "blockOwnerDeletion": false }))
        .collect();
    let patch = serde_json::json!({ "metadata": { "ownerReferences": references, "uid": object.uid() } });
    Write::new(Request::patch(
        object.info(),
        object.namespace(),
        object.name(),
        "",
        crate::api::http::content_type::STRATEGIC_MERGE_PATCH,
        patch,
    ))
}

fn delete_item(kind: Kind, key: &ObjectKey, uid: &str, policy: &str) -> Step {
    delete(kind, key, uid, policy).step()
}
