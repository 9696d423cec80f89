//! Expectations: what a controller has asked for and not yet seen, so that a cache that lags does not
//! make it ask twice.
//!
//! Mirrors pkg/controller `UIDTrackingControllerExpectations`.

use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet};

use crate::api::{Body, Kind, Method, ObjectKey, Request};
use crate::sim::SimTime;

use super::plan::{Answer, Step, Write};

/// `ExpectationsTimeout`: what was not seen by then is not waited for any longer.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

#[derive(Clone, Debug)]
struct Expected {
    creations: i32,
    deletions: OrdSet<ObjectKey>,
    since: SimTime,
}

fn creates_pod(request: &Request) -> bool {
    request.method == Method::Post && matches!(&request.body, Body::Object(object) if object.kind() == Kind::Pod)
}

/// The object that a request's path names.
fn named(request: &Request) -> ObjectKey {
    let mut parts = request.path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    ObjectKey::new(parts.nth(1).unwrap_or_default(), name)
}

/// The expectations of every owner.
#[derive(Clone, Debug, Default)]
pub struct Expectations(OrdMap<ObjectKey, Expected>);

impl Expectations {
    /// Waits for the pods that these steps create to appear, and for those that they delete to go.
    pub fn expect(&mut self, owner: &ObjectKey, steps: &[Step], now: SimTime) {
        let (mut creations, mut deletions) = (0, OrdSet::new());
        for step in steps {
            let Step::Batch(writes) = step else { continue };
            for request in writes.iter().map(|write| &write.request) {
                if creates_pod(request) {
                    creations += 1;
                } else if request.method == Method::Delete {
                    deletions.insert(named(request));
                }
            }
        }
        if creations > 0 || !deletions.is_empty() {
            self.0.insert(owner.clone(), Expected { creations, deletions, since: now });
        }
    }

    /// A pod that was not created, or not deleted, is not to be waited for.
    pub fn answered(&mut self, owner: &ObjectKey, write: &Write, answer: Option<&Answer>) {
        if answer.is_some_and(|answer| answer.result.is_ok()) {
            return;
        }
        if creates_pod(&write.request) {
            self.creation_observed(owner);
        } else if write.request.method == Method::Delete {
            self.deletion_observed(owner, &named(&write.request));
        }
    }

    /// A pod appeared, or will not.
    pub fn creation_observed(&mut self, owner: &ObjectKey) {
        if self.0.get(owner).is_some_and(|expected| expected.creations > 0)
            && let Some(expected) = self.0.get_mut(owner)
        {
            expected.creations -= 1;
        }
    }

    /// A pod went, or will not.
    pub fn deletion_observed(&mut self, owner: &ObjectKey, pod: &ObjectKey) {
        if self.0.get(owner).is_some_and(|expected| expected.deletions.contains(pod))
            && let Some(expected) = self.0.get_mut(owner)
        {
            expected.deletions.remove(pod);
        }
    }

    /// Whether everything was seen, or was waited for long enough.
    pub fn satisfied(&self, owner: &ObjectKey, now: SimTime) -> bool {
        self.0.get(owner).is_none_or(|expected| {
            (expected.creations <= 0 && expected.deletions.is_empty()) || now.since(expected.since) > TIMEOUT
        })
    }

    /// The owner is gone.
    pub fn forget(&mut self, owner: &ObjectKey) {
        self.0.remove(owner);
    }
}
