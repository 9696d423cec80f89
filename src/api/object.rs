//! Objects: one enum over the registered kinds, held as `Arc<Object>` from etcd to the screen.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::sim::shared;

use super::decode::{self, Findings};
use super::fields::Field;
use super::kind::KindInfo;
use super::kinds::KINDS;

/// A typed object of a registered kind.
pub trait Typed: Sized + Clone + Default + 'static {
    /// Its kind.
    const KIND: Kind;
    /// The object as this type, if it is one.
    fn of(object: &Object) -> Option<&Self>;
    /// The object as this type, to change.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// Wraps it.
    fn into_object(self) -> Object;
    /// Its metadata.
    fn meta(&self) -> &ObjectMeta;
    /// Its metadata, to change.
    fn meta_mut(&mut self) -> &mut ObjectMeta;
}

macro_rules! objects {
    ($($variant:ident => $path:ty),* $(,)?) => {
        /// A registered kind. The order is that of `KINDS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($variant),* }

        /// An object of any registered kind. Boxed, so that it takes the room of its own kind: an Event would else be as
        /// large as a PersistentVolume, three and a half times its size.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object { $($variant(Box<$path>)),* }

        impl Object {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(Object::$variant(_) => Kind::$variant),* }
            }

            /// Its metadata.
            pub fn meta(&self) -> &ObjectMeta {
                match self { $(Object::$variant(object) => &object.metadata),* }
            }

            /// Its metadata, to change.
            pub fn meta_mut(&mut self) -> &mut ObjectMeta {
                match self { $(Object::$variant(object) => &mut object.metadata),* }
            }

            /// Its JSON, with `apiVersion` and `kind`.
            pub fn to_value(&self) -> Value {
                let mut value = match self { $(Object::$variant(object) => object.write()),* };
                for (kind, field) in decode::NEVER_OMITTED {
                    if *kind == self.kind() && value.get(field).is_none() {
                        value[*field] = Value::Null;
                    }
                }
                value
            }

            /// Reads an object of `kind` from JSON. `unknown` hears the path of every field that the
            /// kind does not have.
            ///
            /// # Errors
            /// The sentence of Go's decoder where a field has the wrong type.
            pub fn from_value(
                kind: Kind,
                value: &Value,
                unknown: &mut dyn FnMut(String),
            ) -> Result<Object, serde_json::Error> {
                let mut findings = Findings::default();
                let object = Object::read(kind, value, &mut findings);
                findings.unknown.into_iter().for_each(unknown);
                object
            }

            /// Reads an object of `kind` from JSON, with all findings.
            ///
            /// # Errors
            /// As `from_value`; `findings` has the details.
            pub fn read(kind: Kind, value: &Value, findings: &mut Findings) -> Result<Object, serde_json::Error> {
                let object = Object::read_exactly(kind, value, findings)?;
                match findings.without_zeros() {
                    Some(mut again) => Object::read_exactly(kind, value, &mut again),
                    None => Ok(object),
                }
            }

            /// Reads an object of `kind` from JSON as it stands: zeros that Go would omit stay.
            ///
            /// # Errors
            /// As `from_value`.
            pub fn read_exactly(kind: Kind, value: &Value, findings: &mut Findings) -> Result<Object, serde_json::Error> {
                match kind {
                    $(Kind::$variant => {
                        let mut object = Box::<$path>::default();
                        object.read(value, findings)?;
                        Ok(Object::$variant(object))
                    })*
                }
            }
        }

        $(impl Typed for $path {
            const KIND: Kind = Kind::$variant;

            fn of(object: &Object) -> Option<&Self> {
                match object { Object::$variant(object) => Some(object), _ => None }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object { Object::$variant(object) => Some(object), _ => None }
            }

            fn into_object(self) -> Object {
                Object::$variant(Box::new(self))
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        })*
    };
}

objects! {
    Binding => k8s_openapi::api::core::v1::Binding,
    ConfigMap => k8s_openapi::api::core::v1::ConfigMap,
    ControllerRevision => k8s_openapi::api::apps::v1::ControllerRevision,
    CronJob => k8s_openapi::api::batch::v1::CronJob,
    CSIDriver => k8s_openapi::api::storage::v1::CSIDriver,
    CSINode => k8s_openapi::api::storage::v1::CSINode,
    DaemonSet => k8s_openapi::api::apps::v1::DaemonSet,
    Deployment => k8s_openapi::api::apps::v1::Deployment,
    Endpoints => k8s_openapi::api::core::v1::Endpoints,
    EndpointSlice => k8s_openapi::api::discovery::v1::EndpointSlice,
    Event => k8s_openapi::api::core::v1::Event,
    EventsV1Event => k8s_openapi::api::events::v1::Event,
    Job => k8s_openapi::api::batch::v1::Job,
    Lease => k8s_openapi::api::coordination::v1::Lease,
    LimitRange => k8s_openapi::api::core::v1::LimitRange,
    Namespace => k8s_openapi::api::core::v1::Namespace,
    Node => k8s_openapi::api::core::v1::Node,
    PersistentVolume => k8s_openapi::api::core::v1::PersistentVolume,
    PersistentVolumeClaim => k8s_openapi::api::core::v1::PersistentVolumeClaim,
    Pod => k8s_openapi::api::core::v1::Pod,
    PodDisruptionBudget => k8s_openapi::api::policy::v1::PodDisruptionBudget,
    PodTemplate => k8s_openapi::api::core::v1::PodTemplate,
    PriorityClass => k8s_openapi::api::scheduling::v1::PriorityClass,
    ReplicaSet => k8s_openapi::api::apps::v1::ReplicaSet,
    ReplicationController => k8s_openapi::api::core::v1::ReplicationController,
    ResourceQuota => k8s_openapi::api::core::v1::ResourceQuota,
    Secret => k8s_openapi::api::core::v1::Secret,
    Service => k8s_openapi::api::core::v1::Service,
    ServiceAccount => k8s_openapi::api::core::v1::ServiceAccount,
    StatefulSet => k8s_openapi::api::apps::v1::StatefulSet,
    StorageClass => k8s_openapi::api::storage::v1::StorageClass,
    VolumeAttachment => k8s_openapi::api::storage::v1::VolumeAttachment,
}

impl Kind {
    /// What the registry says of it.
    pub fn info(self) -> &'static KindInfo {
        let info = &KINDS[self as usize];
        debug_assert_eq!(info.id, self, "KINDS is in the order of the enum");
        info
    }
}

impl Object {
    /// What the registry says of its kind.
    pub fn info(&self) -> &'static KindInfo {
        self.kind().info()
    }

    /// Its name; empty before one is generated.
    pub fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Its namespace; empty for a cluster-scoped object.
    pub fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    /// Its unique id; empty before it is stored.
    pub fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    /// Its resource version as a number; 0 before it is stored.
    pub fn resource_version(&self) -> u64 {
        self.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
    }

    /// Its namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace(), self.name())
    }

    /// It as a `T`, if it is one.
    pub fn get<T: Typed>(&self) -> Option<&T> {
        T::of(self)
    }

    /// It as a `T`. Panics if it is something else: for where the kind was already chosen by type.
    pub fn expect<T: Typed>(&self) -> &T {
        T::of(self).unwrap_or_else(|| panic!("a {:?} where a {:?} was looked up", self.kind(), T::KIND))
    }
}

/// A namespace and a name: the key of an object within its resource. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of `name` in `namespace` (empty: cluster-scoped).
    pub fn new(namespace: &str, name: &str) -> Self {
        // Every process makes the keys of what it is told of: those of one object are one.
        ObjectKey { namespace: shared(namespace), name: shared(name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
