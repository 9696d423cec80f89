//! When what an endpoint object shows changed last: the annotation `endpoints.kubernetes.io/last-change-trigger-time`.
//!
//! Mirrors staging endpointslice `util/trigger_time_tracker.go`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::api::{Object, ObjectKey, ObjectMeta, time};
use crate::sim::persistent::OrdMap;

use super::pods;

const ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

#[derive(Clone, Debug, Default)]
struct Seen {
    service: i64,
    pods: OrdMap<Arc<str>, i64>,
}

/// The times seen at the last look, by service, in microseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct TriggerTimes(OrdMap<ObjectKey, Seen>);

fn created(object: &Object) -> i64 {
    object.meta().creation_timestamp.as_ref().map_or(0, time::unix_micros)
}

impl TriggerTimes {
    /// `ComputeEndpointLastChangeTriggerTime`: the earliest time that is newer than at the last look.
    pub fn compute(&mut self, service: &Object, selected: &[Arc<Object>]) -> Option<i64> {
        let key = service.key();
        let known = self.0.get(&key);
        let mut seen = Seen { service: created(service), pods: OrdMap::new() };
        let mut earliest: Option<i64> = None;
        let mut note = |at: i64, before: i64| {
            if at > before {
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
        };
        for pod in selected {
            let ready = pods::condition(pod.expect::<Pod>(), "Ready");
            if let Some(at) = ready.and_then(|ready| ready.last_transition_time.as_ref()).map(time::unix_micros) {
                note(at, known.and_then(|known| known.pods.get(pod.name()).copied()).unwrap_or(0));
                seen.pods.insert(Arc::from(pod.name()), at);
            }
        }
        note(seen.service, known.map_or(0, |known| known.service));
        let is_new = known.is_none();
        let result = if is_new { Some(seen.service) } else { earliest };
        self.0.insert(key, seen);
        result
    }

    /// A service is gone.
    pub fn forget(&mut self, service: &ObjectKey) {
        self.0.remove(service);
    }
}

/// `addTriggerTimeAnnotation`: sets it, or takes away what an earlier change left.
pub fn annotate(meta: &mut ObjectMeta, at: Option<i64>) {
    match at {
        Some(at) => {
            // Kubernetes keeps times to the second.
            let text = time::rfc3339(&time::time(at));
            meta.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), text);
        }
        None => {
            if let Some(annotations) = &mut meta.annotations {
                annotations.remove(ANNOTATION);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;
    use serde_json::json;

    fn object(kind: Kind, value: &serde_json::Value) -> Object {
        Object::from_value(kind, value, &mut |_| {}).expect("it decodes")
    }

    #[test]
    fn the_annotation_tells_the_first_change_since_the_last_look() {
        let at = "2026-01-01T00:00:00Z";
        let service = object(Kind::Service, &json!({ "metadata": { "name": "web", "creationTimestamp": at } }));
        let pod = |name: &str, second: u32| {
            let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": format!("2026-01-01T00:00:{second:02}Z") });
            let value = json!({ "metadata": { "name": name }, "spec": { "containers": [] }, "status": { "conditions": [ready] } });
            Arc::new(object(Kind::Pod, &value))
        };
        let text = |at: Option<i64>| {
            let mut meta = ObjectMeta::default();
            annotate(&mut meta, at);
            meta.annotations.and_then(|mut all| all.remove(ANNOTATION)).unwrap_or_default()
        };
        let mut times = TriggerTimes::default();
        assert_eq!(text(times.compute(&service, &[pod("a", 5)])), at, "a new service: since it was made");
        assert_eq!(times.compute(&service, &[pod("a", 5)]), None, "nothing new");
        let two = [pod("a", 9), pod("b", 7)];
        assert_eq!(text(times.compute(&service, &two)), "2026-01-01T00:00:07Z");
    }
}
