//! DaemonSet, apps/v1.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::daemonset;
use crate::api::validation::equality::semantically_equal;

/// Where apps/v1 keeps the number of the template, which its spec no longer has.
pub const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "apps",
    version: "v1",
    kind: "DaemonSet",
    plural: "daemonsets",
    singular: "daemonset",
    short_names: &["ds"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "daemonsets",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, daemonset::daemon_set),
    validate_update: |new, old| strategy::compare(new, old, daemonset::daemon_set_update),
    validate_status: |new, old| strategy::compare(new, old, daemonset::daemon_set_status_update),
    columns: crate::api::printers::daemonset::COLUMNS,
    row: crate::api::printers::daemonset::row,
    ..plain(Kind::DaemonSet)
};

/// `SetDefaults_DaemonSet`.
fn default(object: &mut Object) {
    let own = strategy::own::<DaemonSet>(object);
    let spec = own.spec.get_or_insert_default();
    defaults::pod_template(&mut spec.template);
    let strategy = spec.update_strategy.get_or_insert_default();
    defaults::text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
        rolling.max_surge.get_or_insert(IntOrString::Int(0));
    }
    spec.revision_history_limit.get_or_insert(10);
    own.status.get_or_insert_default();
}

/// The number of the template; 0 for none.
pub fn template_generation(own: &DaemonSet) -> i64 {
    let annotations = own.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(TEMPLATE_GENERATION)).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn number_template(own: &mut DaemonSet, number: i64) {
    let annotations = own.metadata.annotations.get_or_insert_default();
    annotations.insert(TEMPLATE_GENERATION.to_owned(), number.to_string());
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<DaemonSet>(object);
    own.status = Some(DaemonSetStatus::default());
    own.metadata.generation = Some(1);
    let number = template_generation(own).max(1);
    number_template(own, number);
}

/// A new generation where the spec changed; a new number of the template where that did.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<DaemonSet>(new), old.expect::<DaemonSet>());
    own.status.clone_from(&old.status);
    let template = |of: &DaemonSet| of.spec.as_ref().map(|spec| spec.template.clone());
    let same_template = semantically_equal(&template(own), &template(old));
    let number = template_generation(old);
    number_template(own, if same_template { number } else { number + 1 });
    let unchanged = same_template && semantically_equal(&own.spec, &old.spec);
    strategy::bump_generation(&mut own.metadata, unchanged);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<DaemonSet>(new), old.expect::<DaemonSet>());
    own.spec.clone_from(&old.spec);
    number_template(own, template_generation(old));
}
