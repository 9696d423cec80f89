//! The object model and the wire: the registry of kinds, objects, requests and responses, and the
//! messages of etcd's and the container runtime's interfaces.

pub mod cri;
pub mod cron;
pub mod decode;
pub mod defaults;
pub mod disk;
pub mod disruption;
pub mod duration;
pub mod etcd;
pub mod events_conversion;
pub mod fields;
pub mod http;
pub mod kind;
pub mod kinds;
pub mod message;
pub mod node_selector;
pub mod object;
pub mod patch;
pub mod printers;
#[cfg(feature = "native")]
pub mod protobuf;
pub mod quantity;
pub mod quota;
pub mod resources;
pub mod roles;
pub mod selectors;
pub mod status;
pub mod stored;
pub mod taints;
pub mod time;
pub mod timezone;
pub mod validation;
pub mod volume_match;
pub mod volumes;

pub use http::{Body, CallId, Method, Request, Response, WatchEvent, WatchType};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
pub use kind::{FieldError, KindInfo, Scope, find_kind, find_resource};
pub use kinds::KINDS;
pub use message::Message;
pub use object::{Kind, Object, ObjectKey, Typed};
pub use roles::{EDGES, Role};
pub use status::{Reason, Status};
