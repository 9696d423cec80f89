//! Objects read and written by the table of fields against the same by serde.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Field;
use crate::api::decode::Findings;
use crate::api::object::{Kind, Object, Typed};
use crate::api::time;
use crate::sim::Random;

/// Runs the check for every kind.
macro_rules! of_every_kind {
    ($check:ident) => {
        of_every_kind! { $check:
            k8s_openapi::api::core::v1::Binding,
            k8s_openapi::api::core::v1::ConfigMap,
            k8s_openapi::api::apps::v1::ControllerRevision,
            k8s_openapi::api::batch::v1::CronJob,
            k8s_openapi::api::storage::v1::CSIDriver,
            k8s_openapi::api::storage::v1::CSINode,
            k8s_openapi::api::apps::v1::DaemonSet,
            k8s_openapi::api::apps::v1::Deployment,
            k8s_openapi::api::core::v1::Endpoints,
            k8s_openapi::api::discovery::v1::EndpointSlice,
            k8s_openapi::api::core::v1::Event,
            k8s_openapi::api::events::v1::Event,
            k8s_openapi::api::batch::v1::Job,
            k8s_openapi::api::coordination::v1::Lease,
            k8s_openapi::api::core::v1::LimitRange,
            k8s_openapi::api::core::v1::Namespace,
            k8s_openapi::api::core::v1::Node,
            k8s_openapi::api::core::v1::PersistentVolume,
            k8s_openapi::api::core::v1::PersistentVolumeClaim,
            k8s_openapi::api::core::v1::Pod,
            k8s_openapi::api::policy::v1::PodDisruptionBudget,
            k8s_openapi::api::core::v1::PodTemplate,
            k8s_openapi::api::scheduling::v1::PriorityClass,
            k8s_openapi::api::apps::v1::ReplicaSet,
            k8s_openapi::api::core::v1::ReplicationController,
            k8s_openapi::api::core::v1::ResourceQuota,
            k8s_openapi::api::core::v1::Secret,
            k8s_openapi::api::core::v1::Service,
            k8s_openapi::api::core::v1::ServiceAccount,
            k8s_openapi::api::apps::v1::StatefulSet,
            k8s_openapi::api::storage::v1::StorageClass,
            k8s_openapi::api::storage::v1::VolumeAttachment,
        }
    };
    ($check:ident: $($path:ty,)*) => { $($check::<$path>();)* };
}

/// A value of a message of the protobuf table, most of its fields set and none of them zero.
#[cfg(feature = "native")]
mod sample {
    use super::*;
    use crate::api::protobuf::schema::{Message, SCHEMA, Shape, Type};

    pub fn message(message: &Message, random: &mut Random, depth: usize) -> Map<String, Value> {
        let mut map = Map::new();
        for (_, field) in message.fields.iter() {
            if random.below(8) == 0 {
                continue;
            }
            match field.shape {
                Shape::Embedded => map.extend(value(field.of, random, depth).as_object().cloned().unwrap_or_default()),
                Shape::One { .. } => drop(map.insert(field.name.to_owned(), value(field.of, random, depth))),
                Shape::Repeated => {
                    let list = (0..=random.below(2)).map(|_| value(field.of, random, depth)).collect();
                    map.insert(field.name.to_owned(), Value::Array(list));
                }
                Shape::Map => {
                    let mut inner = Map::new();
                    for index in 0..=random.below(2) {
                        inner.insert(format!("key-{index}"), value(field.of, random, depth));
                    }
                    map.insert(field.name.to_owned(), Value::Object(inner));
                }
            }
        }
        map
    }

    fn value(of: Type, random: &mut Random, depth: usize) -> Value {
        let number = random.below(1_000) + 1;
        match of {
            Type::Bool => json!(true),
            Type::Bytes => json!("aGVsbG8="),
            Type::Int => json!(number),
            Type::IntOrString if number.is_multiple_of(2) => json!(number),
            Type::IntOrString => json!(format!("{number}%")),
            Type::Message(name) => {
                Value::Object(message(SCHEMA.message(name).expect("it is in the table"), random, depth + 1))
            }
            Type::MicroTime => json!(format!("2026-02-{:02}T03:04:05.{number:06}Z", number % 28 + 1)),
            Type::Quantity => json!(format!("{number}Mi")),
            Type::Raw => json!({ "number": number }),
            Type::Str => json!(format!("text-{number}")),
            Type::Time => {
                json!(format!("19{:02}-{:02}-{:02}T23:59:59Z", number % 100, number % 12 + 1, number % 28 + 1))
            }
        }
    }

    /// As many objects of a kind as show every field of it.
    pub fn objects(kind: Kind) -> Vec<Value> {
        let info = kind.info();
        let message = SCHEMA.kind(&info.api_version(), info.kind).expect("every kind is in the table");
        (0..40)
            .map(|seed| {
                let mut object = self::message(message, &mut Random::fork(seed, info.kind), 0);
                object.insert("apiVersion".to_owned(), json!(info.api_version()));
                object.insert("kind".to_owned(), json!(info.kind));
                Value::Object(object)
            })
            .collect()
    }
}

#[cfg(feature = "native")]
#[test]
fn what_serde_reads_and_writes_is_read_and_written() {
    fn check<T: Typed + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>() {
        for value in sample::objects(T::KIND) {
            let mut findings = Findings::default();
            let ours = Object::read(T::KIND, &value, &mut findings).map_err(|error| error.to_string());
            // A date that its type needs may be missing: then both refuse it.
            let theirs = serde_json::from_value::<T>(value.clone()).map_err(|error| error.to_string());
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    assert_eq!(findings.unknown, [""; 0], "{:?}", T::KIND);
                    assert_eq!(T::of(&ours), Some(&theirs), "{:?}", T::KIND);
                    let mut written = serde_json::to_value(&theirs).expect("it is JSON");
                    for (kind, field) in crate::api::decode::NEVER_OMITTED {
                        if *kind == T::KIND && written.get(field).is_none() {
                            written[*field] = Value::Null;
                        }
                    }
                    assert_eq!(ours.to_value(), written, "{:?}", T::KIND);
                }
                (ours, theirs) => assert_eq!(ours.err(), theirs.err(), "{:?}: {value}", T::KIND),
            }
        }
    }
    of_every_kind!(check);
}

#[test]
fn an_empty_object_is_as_serde_writes_it() {
    fn check<T: Typed + Serialize + Field>() {
        assert_eq!(T::default().write(), serde_json::to_value(T::default()).expect("it is JSON"), "{:?}", T::KIND);
    }
    of_every_kind!(check);
}

#[test]
fn dates_are_written_as_serde_writes_them() {
    let mut random = Random::fork(7, "dates");
    // From the year 1 to 9999, with the days around leap days.
    let days: Vec<i64> = (0..2_000).map(|_| random.below(3_652_000) as i64 - 719_162).collect();
    for day in days.into_iter().chain([-719_162, -1, 0, 59, 60, 11_015, 11_016, 11_017, 47_540, 2_932_000]) {
        let micros = day * 86_400_000_000 + random.below(86_400_000_000) as i64;
        let (date, micro) = (time::time(micros), time::micro_time(micros));
        assert_eq!(json!(time::rfc3339(&date)), serde_json::to_value(&date).expect("a date"));
        assert_eq!(json!(time::rfc3339_micro(&micro)), serde_json::to_value(&micro).expect("a date"));
    }
}
