//! Claiming: a controller takes what nobody has and its selector picks, and lets go of what it does not pick.
//!
//! Mirrors `claimObject`, `AdoptPod`, `ReleasePod` and `RecheckDeletionTimestamp` of
//! pkg/controller/controller_ref_manager.go. Pods and revisions share one look at the owner, where upstream has two.

use std::sync::Arc;

use crate::api::{Body, Kind, Method, Object, Reason, Request};

use super::controller::Turn;
use super::owners::{self, is_controlled_by};
use super::plan::{Answer, Plan, Step, Write};

/// The owner was read live, before it adopts.
pub(super) const RECHECKED: &str = "rechecked";
/// The claims were answered: on to what is owned.
pub(super) const CLAIMED: &str = "claimed";

/// What an owner is to take and to let go.
#[derive(Debug, Default)]
pub(super) struct Claims {
    adopts: bool,
    writes: Vec<Write>,
}

impl Claims {
    /// Takes `object`; one that is gone is none to take.
    pub(super) fn adopt(&mut self, owner: &Object, object: &Object) {
        self.adopt_by(owners::adopt(owner, object));
    }

    /// The same by a patch of the owner's own.
    pub(super) fn adopt_by(&mut self, patch: Request) {
        self.adopts = true;
        self.writes.push(Write::new(patch).tolerating(&[Reason::NotFound]));
    }

    /// Lets `object` go. It is gone, or is another one by now: released either way.
    pub(super) fn release(&mut self, owner: &Object, object: &Object) {
        self.release_by(owners::release(object, &[owner.uid()]));
    }

    /// The same by a patch of the owner's own.
    pub(super) fn release_by(&mut self, patch: Request) {
        self.writes.push(Write::new(patch).tolerating(&[Reason::NotFound, Reason::Invalid]));
    }

    pub(super) fn extend(&mut self, other: Claims) {
        self.adopts |= other.adopts;
        self.writes.extend(other.writes);
    }
}

/// What has to be done or said before the sync goes on to what the owner has; `None` once it can.
pub(super) fn plan(turn: &Turn, owner: &Object, claims: impl FnOnce() -> Claims) -> Option<Plan> {
    let failed = |error: String| Plan { error: Some(error), ..Plan::nothing("nothing could be claimed") };
    let batch = |claims: Claims| {
        let steps = vec![Step::Batch(claims.writes)];
        Plan { then: Some(CLAIMED), ..Plan::steps("pods or revisions to adopt or release", steps) }
    };
    match turn.phase {
        "" => {
            let claims = claims();
            if claims.adopts {
                let read = Write::new(Request::get(owner.info(), owner.namespace(), owner.name())).step();
                return Some(Plan {
                    then: Some(RECHECKED),
                    ..Plan::steps("looks at itself before it adopts", vec![read])
                });
            }
            (!claims.writes.is_empty()).then(|| batch(claims))
        }
        RECHECKED => match leaving(turn, owner) {
            Some(error) => Some(failed(error)),
            None => Some(claims()).filter(|claims| !claims.writes.is_empty()).map(batch),
        },
        CLAIMED => turn.failure(counts).map(failed),
        _ => None,
    }
}

/// Why the owner may not adopt: what was read of it says that it is going, or was never this one.
fn leaving(turn: &Turn, owner: &Object) -> Option<String> {
    let answer = turn.answers.iter().rev().find(|answer| answer.request.method == Method::Get)?;
    if let Some(failure) = answer.failure() {
        return Some(format!("can't recheck DeletionTimestamp: {}", failure.message));
    }
    let live = answer.object()?;
    if live.uid() != owner.uid() {
        let (kind, key) = (owner.info().kind, &turn.key.key);
        let (got, wanted) = (live.uid(), owner.uid());
        return Some(format!(
            "can't recheck DeletionTimestamp: original {kind} {key} is gone: got uid {got}, wanted {wanted}"
        ));
    }
    live.meta().deletion_timestamp.as_ref().map(|_| format!("{} has just been deleted", turn.key.key))
}

/// Whether the failure of a claim counts.
fn counts(answer: &Answer) -> bool {
    let releases = matches!(&answer.request.body, Body::Json(patch) if patch.pointer("/metadata/ownerReferences/0/$patch").is_some());
    answer.request.method == Method::Patch
        && !answer.failed_with(Reason::NotFound)
        && !(releases && answer.failed_with(Reason::Invalid))
}

/// What was just adopted and is not seen in the store yet.
pub(super) fn adopted<'a>(turn: &'a Turn, owner: &'a Object, kind: Kind) -> impl Iterator<Item = &'a Arc<Object>> {
    let store = turn.observed.stores.of(kind);
    let patched = turn.answers.iter().filter(|answer| answer.request.method == Method::Patch);
    patched.filter_map(|answer| answer.object()).filter(move |object| {
        let seen = store.get(&object.key()).is_some_and(|stored| is_controlled_by(stored.meta(), owner));
        object.kind() == kind && is_controlled_by(object.meta(), owner) && !seen
    })
}
