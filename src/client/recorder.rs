//! The event recorder: says what happened to an object, as an Event written through the API server.
//!
//! Mirrors client-go tools/record with its correlator: the same event again within the cache raises
//! `count` by a patch; an object may have a burst of 25, then one per 5 minutes. Leaves out:
//! aggregation of similar events into "(combined from similar events)".

use std::sync::Arc;

use crate::api::fields::Field;
use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use serde_json::json;

use crate::api::{Kind, Object, ObjectKey, Request, Typed, http::content_type, time};
use crate::sim::{SimTime, TraceHash};

/// `Normal` or `Warning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    Normal,
    Warning,
}

impl EventKind {
    /// The type's name.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        }
    }
}

/// The object an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Involved {
    pub api_version: Arc<str>,
    pub kind: &'static str,
    pub key: ObjectKey,
    pub uid: Arc<str>,
    pub resource_version: u64,
    /// `spec.containers{nginx}`; empty for the object itself.
    pub field_path: Arc<str>,
}

impl Involved {
    /// The object itself.
    pub fn object(object: &Object) -> Self {
        let info = object.info();
        Involved {
            api_version: Arc::from(info.api_version()),
            kind: info.kind,
            key: object.key(),
            uid: Arc::from(object.uid()),
            resource_version: object.resource_version(),
            field_path: Arc::from(""),
        }
    }

    /// A part of it: `spec.containers{nginx}`.
    pub fn part(object: &Object, field_path: &str) -> Self {
        Involved { field_path: Arc::from(field_path), ..Involved::object(object) }
    }
}

impl Involved {
    /// A digest of whom it names, whatever its version.
    fn digest(&self) -> TraceHash {
        let mut hash = TraceHash::default();
        let key = &self.key;
        [&*self.api_version, self.kind, &key.namespace, &key.name, &self.uid].iter().for_each(|text| hash.text(text));
        hash
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// What its name ends with.
    ending: i64,
    count: i32,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u32,
    refilled: SimTime,
}

const SPAM_BURST: u32 = 25;
const SPAM_REFILL_SECS: u64 = 300;

/// A recorder of one component.
#[derive(Clone, Debug)]
pub struct EventRecorder {
    component: Arc<str>,
    host: Arc<str>,
    /// By a digest of what was said of whom: there are several for every pod.
    seen: OrdMap<u64, Seen>,
    /// By a digest of the object.
    buckets: OrdMap<u64, Bucket>,
}

impl EventRecorder {
    /// A recorder for `component` on `host` (empty off the nodes).
    pub fn new(component: &str, host: &str) -> Self {
        EventRecorder {
            component: Arc::from(component),
            host: Arc::from(host),
            seen: OrdMap::new(),
            buckets: OrdMap::new(),
        }
    }

    /// The request that records the event: a `POST`, or a `PATCH` of the count if it was seen before.
    /// `None` when the object already has its share of events. Send it and ignore its answer.
    pub fn record(
        &mut self,
        now: SimTime,
        unix_micros: i64,
        involved: &Involved,
        kind: EventKind,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Option<Request> {
        let message: String = message.into();
        if !self.take_token(now, involved) {
            return None;
        }
        // The same happening on a newer version of the object is the same event.
        let mut id = involved.digest();
        [&*involved.field_path, reason, &message, kind.as_str()].iter().for_each(|text| id.text(text));
        let id = id.value();
        let name = |ending: i64| format!("{}.{ending:x}", involved.key.name);
        let stamp = time::time(unix_micros);
        let namespace = if involved.key.namespace.is_empty() { "default" } else { &*involved.key.namespace };
        if let Some(seen) = self.seen.get_mut(&id) {
            seen.count += 1;
            let patch = json!({ "count": seen.count, "lastTimestamp": stamp.write() });
            let info = Kind::Event.info();
            return Some(Request::patch(
                info,
                namespace,
                &name(seen.ending),
                "",
                content_type::STRATEGIC_MERGE_PATCH,
                patch,
            ));
        }
        // client-go names an event after its object and the nanosecond.
        let ending = unix_micros * 1_000 + self.seen.len() as i64 % 1_000;
        self.seen.insert(id, Seen { ending, count: 1 });
        let event = Event {
            metadata: crate::api::ObjectMeta {
                name: Some(name(ending)),
                namespace: Some(namespace.to_owned()),
                ..Default::default()
            },
            involved_object: ObjectReference {
                api_version: Some(involved.api_version.to_string()),
                kind: Some(involved.kind.to_owned()),
                name: Some(involved.key.name.to_string()),
                namespace: Some(involved.key.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
                uid: Some(involved.uid.to_string()),
                resource_version: (involved.resource_version > 0).then(|| involved.resource_version.to_string()),
                field_path: Some(involved.field_path.to_string()).filter(|path| !path.is_empty()),
            },
            type_: Some(kind.as_str().to_owned()),
            reason: Some(reason.to_owned()),
            message: Some(message),
            source: Some(EventSource {
                component: Some(self.component.to_string()),
                host: Some(self.host.to_string()).filter(|host| !host.is_empty()),
            }),
            first_timestamp: Some(stamp.clone()),
            last_timestamp: Some(stamp),
            count: Some(1),
            reporting_component: Some(self.component.to_string()),
            reporting_instance: Some(self.host.to_string()),
            ..Event::default()
        };
        Some(Request::create(event.into_object()))
    }

    fn take_token(&mut self, now: SimTime, involved: &Involved) -> bool {
        let bucket =
            self.buckets.entry(involved.digest().value()).or_insert(Bucket { tokens: SPAM_BURST, refilled: now });
        let refills = now.since(bucket.refilled).as_secs() / SPAM_REFILL_SECS;
        if refills > 0 {
            bucket.tokens = SPAM_BURST.min(bucket.tokens.saturating_add(refills as u32));
            bucket.refilled += std::time::Duration::from_secs(refills * SPAM_REFILL_SECS);
        }
        if bucket.tokens == 0 {
            return false;
        }
        bucket.tokens -= 1;
        true
    }

    /// Forgets what it has seen, as a restart does.
    pub fn forget(&mut self) {
        self.seen = OrdMap::new();
        self.buckets = OrdMap::new();
    }
}
