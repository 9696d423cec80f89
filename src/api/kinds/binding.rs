//! Binding, v1.

use k8s_openapi::api::core::v1::Binding;

use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::pod;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Binding",
    plural: "bindings",
    singular: "binding",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "bindings",
    verbs: &["create"],
    validate,
    ..plain(Kind::Binding)
};

/// `ValidatePodBinding`: the target is a node that has a name.
fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    pod::binding(object.expect::<Binding>(), &mut errors);
    errors
}
