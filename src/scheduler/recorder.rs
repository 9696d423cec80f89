//! Events as the scheduler writes them: through `events.k8s.io/v1`.
//!
//! Mirrors client-go tools/events: the same event again becomes a series. Leaves out: refreshing a
//! series every 30 minutes, and its closing patch.

use std::sync::Arc;
use std::time::Duration;

use crate::api::fields::Field;
use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use serde_json::json;

use crate::api::{Kind, ObjectKey, ObjectMeta, Request, Typed, http::content_type, time};
use crate::client::EventKind;
use crate::sim::SimTime;

use super::pod_info::PodInfo;

/// How long a series goes on after its last event.
const FINISH_TIME: Duration = Duration::from_secs(360);
/// `NoteLengthLimit`.
const NOTE_MAX: usize = 1024;

/// What makes two events one series.
type SeriesKey = (EventKind, &'static str, &'static str, ObjectKey, Arc<str>);

#[derive(Clone, Debug)]
struct Series {
    name: Arc<str>,
    count: i32,
    last: SimTime,
}

/// The recorder.
#[derive(Clone, Debug)]
pub struct Recorder {
    host: &'static str,
    series: OrdMap<SeriesKey, Series>,
}

/// What to say about a pod.
#[derive(Clone, Debug)]
pub struct Note {
    pub kind: EventKind,
    /// `Scheduled`, `FailedScheduling`, `Preempted`.
    pub reason: &'static str,
    /// `Binding`, `Scheduling`, `Preempting`.
    pub action: &'static str,
    pub text: String,
}

fn reference(pod: &PodInfo) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(pod.key.name.to_string()),
        namespace: Some(pod.key.namespace.to_string()),
        uid: Some(pod.uid.to_string()),
        resource_version: Some(pod.resource_version).filter(|rv| *rv > 0).map(|rv| rv.to_string()),
        field_path: None,
    }
}

/// `truncateMessage`.
fn truncated(text: String) -> String {
    const SUFFIX: &str = " ...";
    if text.len() <= NOTE_MAX {
        return text;
    }
    let mut end = NOTE_MAX - SUFFIX.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{SUFFIX}", &text[..end])
}

impl Recorder {
    /// A recorder for the process on `host`.
    pub fn new(host: &'static str) -> Self {
        Recorder { host, series: OrdMap::new() }
    }

    /// The request that records `note` on `pod`, in the name of the profile of the pod
    /// that is scheduled (the related one, where there is one): a new event, or the start of a series. `None` when a
    /// series under way only counts it.
    pub fn record(
        &mut self,
        now: SimTime,
        unix_micros: i64,
        pod: &PodInfo,
        related: Option<&PodInfo>,
        note: Note,
    ) -> Option<Request> {
        let key = (note.kind, note.reason, note.action, pod.key.clone(), pod.uid.clone());
        let stamp = time::micro_time(unix_micros);
        let profile = related.unwrap_or(pod).scheduler_name();
        if let Some(series) = self.series.get_mut(&key).filter(|series| now.since(series.last) <= FINISH_TIME) {
            series.count += 1;
            series.last = now;
            if series.count > 2 {
                return None;
            }
            let patch = json!({ "series": { "count": series.count, "lastObservedTime": stamp.write() } });
            let info = Kind::EventsV1Event.info();
            let (namespace, name) = (&pod.key.namespace, &series.name);
            return Some(Request::patch(info, namespace, name, "", content_type::STRATEGIC_MERGE_PATCH, patch));
        }
        self.forget_finished(now);
        let name = format!("{}.{:x}", pod.key.name, unix_micros * 1_000 + self.series.len() as i64 % 1_000);
        self.series.insert(key, Series { name: Arc::from(name.as_str()), count: 1, last: now });
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(pod.key.namespace.to_string()),
                ..ObjectMeta::default()
            },
            event_time: Some(stamp),
            reporting_controller: Some(profile.to_owned()),
            reporting_instance: Some(format!("{profile}-{}", self.host)),
            action: Some(note.action.to_owned()),
            reason: Some(note.reason.to_owned()),
            regarding: Some(reference(pod)),
            related: related.map(reference),
            note: Some(truncated(note.text)),
            type_: Some(note.kind.as_str().to_owned()),
            ..Event::default()
        };
        Some(Request::create(event.into_object()))
    }

    /// Series are looked through only when they are many: what is finished then goes.
    fn forget_finished(&mut self, now: SimTime) {
        const MANY: usize = 4096;
        if self.series.len() >= MANY {
            let live = self.series.iter().filter(|(_, series)| now.since(series.last) <= FINISH_TIME);
            let live = live.map(|(key, series)| (key.clone(), series.clone())).collect();
            self.series = live;
            if self.series.len() >= MANY {
                self.series = OrdMap::new();
            }
        }
    }
}
