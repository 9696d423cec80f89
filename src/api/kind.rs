//! What the registry knows of a kind.

use serde_json::Value;

use super::kinds::KINDS;
use super::object::{Kind, Object};

/// Whether objects live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// One finding of validation, as `field.Error` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path: `spec.containers[0].image`.
    pub field: String,
    /// `FieldValueRequired`, `FieldValueInvalid`, `FieldValueDuplicate`, `FieldValueForbidden`,
    /// `FieldValueNotSupported`, `FieldValueTooLong` …: the reason a `StatusCause` gives.
    pub reason: &'static str,
    /// What follows the path: `Required value: …`, `Invalid value: "…": …`.
    pub message: String,
}

/// A column of a server-side table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    /// `string`, `integer`.
    pub type_: &'static str,
    /// `name` for the name column, else empty.
    pub format: &'static str,
    pub description: &'static str,
    /// 0 is shown always, 1 only with `-o wide`.
    pub priority: i32,
}

/// The registry's entry for a kind.
pub struct KindInfo {
    pub id: Kind,
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    /// The resource: `pods`.
    pub plural: &'static str,
    pub singular: &'static str,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub scope: Scope,
    /// `status`, `scale`, `binding`, `log`, `eviction` …
    pub subresources: &'static [&'static str],
    /// The verbs discovery lists, in upstream's order.
    pub verbs: &'static [&'static str],
    /// The kind whose storage it shares, when not its own: `events.k8s.io` events are stored as core events.
    pub stored_as: Kind,
    /// The part of the etcd key after `/registry/`: `pods`, `services/specs`, `leases`.
    pub etcd_prefix: &'static str,
    /// Fills in what a client may leave out (`SetDefaults_*`).
    pub default: fn(&mut Object),
    /// What the strategy does before a create: clears status, sets generation 1.
    pub prepare_create: fn(&mut Object),
    /// What the strategy does before an update of the main resource: keeps status, bumps the generation when the spec changed.
    pub prepare_update: fn(new: &mut Object, old: &Object),
    /// What the strategy does before an update of `status`: keeps everything else.
    pub prepare_status: fn(new: &mut Object, old: &Object),
    /// All findings on a new object, in upstream's order.
    pub validate: fn(&Object) -> Vec<FieldError>,
    /// All findings on an update.
    pub validate_update: fn(new: &Object, old: &Object) -> Vec<FieldError>,
    /// All findings on an update of `status`.
    pub validate_status: fn(new: &Object, old: &Object) -> Vec<FieldError>,
    /// `AllowUnconditionalUpdate` of the strategy: an update need not say which version it replaces.
    pub unconditional_update: bool,
    /// `AllowCreateOnUpdate` of the strategy: an update of what is not there creates it.
    pub creates_on_update: bool,
    /// What a `Warning` header says with every answer; empty unless the kind is deprecated.
    pub deprecation: &'static str,
    /// Table columns as the server prints them.
    pub columns: &'static [Column],
    /// The cells of a row, one per column; `now` is in microseconds since the Unix epoch.
    pub row: fn(&Object, now_unix_micros: i64) -> Vec<Value>,
    /// Field labels a field selector may name besides `metadata.name` and `metadata.namespace`.
    pub field_labels: &'static [&'static str],
    /// The value of a field label.
    pub field: fn(&Object, label: &str) -> Option<String>,
}

impl KindInfo {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods` for the core group: as `schema.GroupResource` prints.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether objects live in a namespace.
    pub fn namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The path of the collection, or of the object when `name` is not empty.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if self.namespaced() && !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(self.plural);
        if !name.is_empty() {
            path.push('/');
            path.push_str(name);
        }
        path
    }

    /// The etcd key of an object: `/registry/pods/default/web`.
    pub fn etcd_key(&self, namespace: &str, name: &str) -> String {
        if self.namespaced() {
            format!("/registry/{}/{namespace}/{name}", self.etcd_prefix)
        } else {
            format!("/registry/{}/{name}", self.etcd_prefix)
        }
    }
}

/// The kind with this group, version and kind name.
pub fn find_kind(group: &str, version: &str, kind: &str) -> Option<&'static KindInfo> {
    KINDS.iter().copied().find(|info| info.group == group && info.version == version && info.kind == kind)
}

/// The kind with this group, version and plural.
pub fn find_resource(group: &str, version: &str, plural: &str) -> Option<&'static KindInfo> {
    KINDS.iter().copied().find(|info| info.group == group && info.version == version && info.plural == plural)
}

pub(super) fn no_default(_: &mut Object) {}
pub(super) fn no_prepare(_: &mut Object) {}
pub(super) fn no_prepare_update(_: &mut Object, _: &Object) {}
pub(super) fn no_findings(_: &Object) -> Vec<FieldError> {
    Vec::new()
}
pub(super) fn no_findings_update(_: &Object, _: &Object) -> Vec<FieldError> {
    Vec::new()
}
pub(super) fn name_row(object: &Object, _: i64) -> Vec<Value> {
    vec![Value::from(object.name()), Value::from("<unknown>")]
}
pub(super) fn no_fields(_: &Object, _: &str) -> Option<String> {
    None
}

/// The name column every table begins with.
pub const NAME: Column = Column {
    name: "Name",
    type_: "string",
    format: "name",
    description: "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
    priority: 0,
};

/// The age column.
pub const AGE: Column = Column {
    name: "Age",
    type_: "string",
    format: "",
    description: "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    priority: 0,
};

/// The verbs of a resource that can do everything.
pub const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// An entry with nothing of its own yet: a base for `..` in the kinds' files.
pub(super) const fn plain(id: Kind) -> KindInfo {
    KindInfo {
        id,
        group: "",
        version: "v1",
        kind: "",
        plural: "",
        singular: "",
        short_names: &[],
        categories: &[],
        scope: Scope::Namespaced,
        subresources: &[],
        verbs: ALL_VERBS,
        stored_as: id,
        etcd_prefix: "",
        default: no_default,
        prepare_create: no_prepare,
        prepare_update: no_prepare_update,
        prepare_status: no_prepare_update,
        validate: no_findings,
        validate_update: no_findings_update,
        validate_status: no_findings_update,
        unconditional_update: true,
        creates_on_update: false,
        deprecation: "",
        columns: &[NAME, AGE],
        row: name_row,
        field_labels: &[],
        field: no_fields,
    }
}
