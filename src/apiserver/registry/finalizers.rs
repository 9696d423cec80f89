//! Finalizers: what keeps a deleted object, and when it goes after all.
//!
//! Mirrors `deletionFinalizersForGarbageCollection`, `ShouldDeleteDuringUpdate` and pkg/registry/core/namespace.

use crate::api::Object;
use crate::sim::Order;

use super::super::options::Propagation;

/// `metav1.FinalizerOrphanDependents`.
pub(super) const ORPHAN: &str = "orphan";
/// `metav1.FinalizerDeleteDependents`.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

fn of(object: &Object) -> &[String] {
    object.meta().finalizers.as_deref().unwrap_or_default()
}

/// The finalizers an object is to have when it is deleted with `propagation`; `None` for those it has.
pub(super) fn for_deletion(object: &Object, propagation: Option<Propagation>) -> Option<Vec<String>> {
    let old = of(object);
    let has = |name: &str| old.iter().any(|finalizer| finalizer == name);
    // Without a word from the client, what is there decides; the default policy is background.
    let (orphan, foreground) = match propagation {
        Some(Propagation::Orphan) => (true, false),
        Some(Propagation::Foreground) => (false, true),
        Some(Propagation::Background) => (false, false),
        None => (has(ORPHAN), has(FOREGROUND) && !has(ORPHAN)),
    };
    let mut new: Vec<String> =
        old.iter().filter(|finalizer| *finalizer != ORPHAN && *finalizer != FOREGROUND).cloned().collect();
    if orphan {
        new.push(ORPHAN.to_owned());
    }
    if foreground {
        new.push(FOREGROUND.to_owned());
    }
    let mut sorted = (old.to_vec(), new.clone());
    sorted.0.order();
    sorted.1.order();
    (sorted.0 != sorted.1).then_some(new)
}

/// Whether an object has finalizers, of its metadata or (a namespace) of its spec.
pub(super) fn pending(object: &Object) -> bool {
    !of(object).is_empty() || namespace_pending(object)
}

fn namespace_pending(object: &Object) -> bool {
    match object {
        Object::Namespace(namespace) => namespace
            .spec
            .as_ref()
            .and_then(|spec| spec.finalizers.as_ref())
            .is_some_and(|finalizers| !finalizers.is_empty()),
        _ => false,
    }
}

/// Whether an update leaves nothing that keeps a deleted object.
pub(super) fn deletes_on_update(new: &Object, current: &Object) -> bool {
    let old = current.meta();
    !pending(new)
        && old.deletion_timestamp.is_some()
        && old.deletion_grace_period_seconds.is_none_or(|grace| grace == 0)
}

/// `finalize` changes nothing of a namespace but the finalizers of its spec.
pub(super) fn prepare_finalize(new: &mut Object, current: &Object) {
    let finalizers = match &*new {
        Object::Namespace(namespace) => namespace.spec.as_ref().and_then(|spec| spec.finalizers.clone()),
        _ => return,
    };
    *new = current.clone();
    if let Object::Namespace(namespace) = new {
        namespace.spec.get_or_insert_default().finalizers = finalizers.filter(|names| !names.is_empty());
    }
}
