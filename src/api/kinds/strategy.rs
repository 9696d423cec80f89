//! What the strategies of several kinds share: mirrors registry/rest.BeforeUpdate where it guards metadata.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::kind::FieldError;
use crate::api::object::{Object, Typed};

/// The object as its kind's type. Panics if it is another: an entry of the registry was called with a stranger.
pub fn own<T: Typed>(object: &mut Object) -> &mut T {
    let kind = object.kind();
    T::of_mut(object).unwrap_or_else(|| panic!("a {kind:?} was given to the strategy of {:?}", T::KIND))
}

/// The findings of a kind's rule on an object.
pub fn check<T: Typed>(object: &Object, rule: fn(&T, &mut Vec<FieldError>)) -> Vec<FieldError> {
    let mut errors = Vec::new();
    rule(object.expect(), &mut errors);
    errors
}

/// The findings of a kind's rule on an object and what it replaces.
pub fn compare<T: Typed>(new: &Object, old: &Object, rule: fn(&T, &T, &mut Vec<FieldError>)) -> Vec<FieldError> {
    let mut errors = Vec::new();
    rule(new.expect(), old.expect(), &mut errors);
    errors
}

/// What a client cannot change by an update: generation, uid, creation and deletion.
pub fn keep_metadata(new: &mut Object, old: &Object) {
    let (new, old) = (new.meta_mut(), old.meta());
    new.generation = old.generation;
    if new.uid.as_deref().unwrap_or_default().is_empty() {
        new.uid.clone_from(&old.uid);
    }
    if old.creation_timestamp.is_some() {
        new.creation_timestamp.clone_from(&old.creation_timestamp);
    }
    // An object never loses its deletion timestamp.
    if old.deletion_timestamp.is_some() {
        new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    }
    new.deletion_grace_period_seconds = new.deletion_grace_period_seconds.or(old.deletion_grace_period_seconds);
}

/// Counts the generation up unless nothing that counts has changed.
pub fn bump_generation(meta: &mut ObjectMeta, unchanged: bool) {
    if !unchanged {
        meta.generation = Some(meta.generation.unwrap_or(0) + 1);
    }
}

/// Whether two maps are the same, an absent one being empty.
pub fn same_map(a: &Option<BTreeMap<String, String>>, b: &Option<BTreeMap<String, String>>) -> bool {
    a.iter().flatten().eq(b.iter().flatten())
}

/// `prepare_status` of a kind with a spec: a write of the status keeps it.
macro_rules! status_keeps_spec {
    ($kind:ty) => {
        fn prepare_status(new: &mut Object, old: &Object) {
            strategy::keep_metadata(new, old);
            strategy::own::<$kind>(new).spec.clone_from(&old.expect::<$kind>().spec);
        }
    };
}
pub(super) use status_keeps_spec;

/// `prepare_update` of a kind with a status and no generation: an update keeps the status.
macro_rules! update_keeps_status {
    ($kind:ty) => {
        fn prepare_update(new: &mut Object, old: &Object) {
            strategy::keep_metadata(new, old);
            strategy::own::<$kind>(new).status.clone_from(&old.expect::<$kind>().status);
        }
    };
}
pub(super) use update_keeps_status;

/// Both of a kind with a spec and a status: an update keeps the status and counts the generation up where the spec
/// changed.
macro_rules! spec_and_status {
    ($kind:ty) => {
        /// A new generation where the spec changed.
        fn prepare_update(new: &mut Object, old: &Object) {
            strategy::keep_metadata(new, old);
            let (own, old) = (strategy::own::<$kind>(new), old.expect::<$kind>());
            own.status.clone_from(&old.status);
            let unchanged = $crate::api::validation::equality::semantically_equal(&own.spec, &old.spec);
            strategy::bump_generation(&mut own.metadata, unchanged);
        }

        strategy::status_keeps_spec!($kind);
    };
}
pub(super) use spec_and_status;
