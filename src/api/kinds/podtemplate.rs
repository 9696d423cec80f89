//! PodTemplate, v1.

use k8s_openapi::api::core::v1::PodTemplate;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::equality::semantically_equal;
use crate::api::validation::pod_spec;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "PodTemplate",
    plural: "podtemplates",
    singular: "podtemplate",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "podtemplates",
    default: |object| {
        let own = strategy::own::<PodTemplate>(object);
        defaults::pod_template(own.template.get_or_insert_default());
    },
    prepare_create: |object| object.meta_mut().generation = Some(1),
    prepare_update,
    validate: |object| strategy::check(object, pod_spec::standalone_template),
    validate_update: |new, old| strategy::compare(new, old, pod_spec::standalone_template_update),
    columns: crate::api::printers::quota::TEMPLATE_COLUMNS,
    row: crate::api::printers::quota::template_row,
    ..plain(Kind::PodTemplate)
};

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<PodTemplate>(new), old.expect::<PodTemplate>());
    let unchanged = semantically_equal(&own.template, &old.template);
    strategy::bump_generation(&mut own.metadata, unchanged);
}
