//! Deployment, apps/v1.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::equality::semantically_equal;
use crate::api::validation::workloads;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short_names: &["deploy"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["scale", "status"],
    etcd_prefix: "deployments",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, workloads::deployment),
    validate_update: |new, old| strategy::compare(new, old, workloads::deployment_update),
    validate_status: |new, old| strategy::compare(new, old, workloads::deployment_status_update),
    columns: crate::api::printers::deployment::COLUMNS,
    row: crate::api::printers::deployment::row,
    ..plain(Kind::Deployment)
};

/// `SetDefaults_Deployment`.
fn default(object: &mut Object) {
    let own = strategy::own::<Deployment>(object);
    let spec = own.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    let strategy = spec.strategy.get_or_insert_default();
    defaults::text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        rolling.max_unavailable.get_or_insert_with(|| IntOrString::String("25%".to_owned()));
        rolling.max_surge.get_or_insert_with(|| IntOrString::String("25%".to_owned()));
    }
    spec.revision_history_limit.get_or_insert(10);
    spec.progress_deadline_seconds.get_or_insert(600);
    defaults::pod_template(&mut spec.template);
    own.status.get_or_insert_default();
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<Deployment>(object);
    own.status = Some(DeploymentStatus::default());
    own.metadata.generation = Some(1);
}

/// A new generation where the spec or the annotations changed.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Deployment>(new), old.expect::<Deployment>());
    own.status.clone_from(&old.status);
    let unchanged = semantically_equal(&own.spec, &old.spec)
        && strategy::same_map(&own.metadata.annotations, &old.metadata.annotations);
    strategy::bump_generation(&mut own.metadata, unchanged);
}

/// Labels and spec stay; annotations may come along.
fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<Deployment>(new), old.expect::<Deployment>());
    own.spec.clone_from(&old.spec);
    own.metadata.labels.clone_from(&old.metadata.labels);
}
