//! What the controller wrote and has not yet seen: so that it waits for its cache and does not answer itself.
//!
//! Mirrors staging endpointslice `util/endpointslice_tracker.go`. Slices are known by name where upstream has their
//! uid: the answer to a deletion does not say which uid went.

use std::sync::Arc;

use crate::api::{Body, Method, Object, ObjectKey};
use crate::controllers::plan::{Answer, Write};
use crate::sim::persistent::OrdMap;

use super::endpoint::SERVICE_NAME;

/// The generation of a slice that is expected to go.
const GOING: i64 = -1;

#[derive(Clone, Debug, Default)]
struct Tracked {
    /// Of the service.
    uid: Arc<str>,
    generations: OrdMap<Arc<str>, i64>,
}

/// Generations by service and slice.
#[derive(Clone, Debug, Default)]
pub struct Tracker(OrdMap<ObjectKey, Tracked>);

/// The service that a slice is labelled with.
pub fn service_of(slice: &Object) -> Option<ObjectKey> {
    let name = slice.meta().labels.as_ref()?.get(SERVICE_NAME).filter(|name| !name.is_empty())?;
    Some(ObjectKey::new(slice.namespace(), name))
}

fn generation(slice: &Object) -> i64 {
    slice.meta().generation.unwrap_or(0)
}

impl Tracker {
    fn known(&self, slice: &Object) -> Option<i64> {
        self.0.get(&service_of(slice)?)?.generations.get(slice.name()).copied()
    }

    /// Whether the slice is not as it was written last.
    pub fn should_sync(&self, slice: &Object) -> bool {
        self.known(slice).is_none_or(|known| generation(slice) > known)
    }

    /// Whether these slices are older than what was written.
    pub fn is_stale(&mut self, service: &ObjectKey, uid: &str, slices: &[Arc<Object>]) -> bool {
        let tracked = self.0.entry(service.clone()).or_default();
        if *tracked.uid != *uid {
            *tracked = Tracked { uid: Arc::from(uid), generations: OrdMap::new() };
        }
        let older = |slice: &Arc<Object>| {
            tracked.generations.get(slice.name()).is_some_and(|known| *known == GOING || *known > generation(slice))
        };
        let missing = |name: &Arc<str>| slices.iter().all(|slice| *slice.name() != **name);
        slices.iter().any(older) || tracked.generations.iter().any(|(name, known)| *known != GOING && missing(name))
    }

    /// A write was answered.
    pub fn answered(&mut self, service: &ObjectKey, write: &Write, answer: &Answer) {
        let Ok(body) = &answer.result else { return };
        let generations = &mut self.0.entry(service.clone()).or_default().generations;
        match (write.request.method, body) {
            (Method::Delete, _) => {
                let name = write.request.path.rsplit('/').next().unwrap_or_default();
                generations.insert(Arc::from(name), GOING);
            }
            (_, Body::Object(slice)) => {
                generations.insert(Arc::from(slice.name()), generation(slice));
            }
            _ => {}
        }
    }

    /// A slice is gone. Whether that comes as a surprise.
    pub fn surprised(&mut self, slice: &Object) -> bool {
        let Some(tracked) = service_of(slice).and_then(|service| self.0.get_mut(&service)) else { return false };
        tracked.generations.remove(slice.name()).is_some_and(|known| known != GOING)
    }

    /// A service is gone.
    pub fn forget(&mut self, service: &ObjectKey) {
        self.0.remove(service);
    }
}
