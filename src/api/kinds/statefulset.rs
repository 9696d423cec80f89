//! StatefulSet, apps/v1.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetStatus};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{persistentvolumeclaim, strategy};
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::statefulset;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "apps",
    version: "v1",
    kind: "StatefulSet",
    plural: "statefulsets",
    singular: "statefulset",
    short_names: &["sts"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["scale", "status"],
    etcd_prefix: "statefulsets",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, statefulset::stateful_set),
    validate_update: |new, old| strategy::compare(new, old, statefulset::stateful_set_update),
    validate_status: |new, old| strategy::compare(new, old, statefulset::stateful_set_status_update),
    columns: crate::api::printers::statefulset::COLUMNS,
    row: crate::api::printers::statefulset::row,
    ..plain(Kind::StatefulSet)
};

/// `SetDefaults_StatefulSet`, with the gate MaxUnavailableStatefulSet on.
fn default(object: &mut Object) {
    let own = strategy::own::<StatefulSet>(object);
    let spec = own.spec.get_or_insert_default();
    defaults::text(&mut spec.pod_management_policy, "OrderedReady");
    let strategy = spec.update_strategy.get_or_insert_default();
    if strategy.type_.as_deref().unwrap_or_default().is_empty() {
        strategy.type_ = Some("RollingUpdate".to_owned());
        strategy.rolling_update.get_or_insert_default();
    }
    if let (Some("RollingUpdate"), Some(rolling)) = (strategy.type_.as_deref(), &mut strategy.rolling_update) {
        rolling.partition.get_or_insert(0);
        rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
    }
    let retention = spec
        .persistent_volume_claim_retention_policy
        .get_or_insert_with(StatefulSetPersistentVolumeClaimRetentionPolicy::default);
    defaults::text(&mut retention.when_deleted, "Retain");
    defaults::text(&mut retention.when_scaled, "Retain");
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    defaults::pod_template(&mut spec.template);
    for claim in spec.volume_claim_templates.iter_mut().flatten() {
        persistentvolumeclaim::default_claim(claim);
    }
    own.status.get_or_insert_default().available_replicas.get_or_insert(0);
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<StatefulSet>(object);
    own.status = Some(StatefulSetStatus { available_replicas: Some(0), ..StatefulSetStatus::default() });
    own.metadata.generation = Some(1);
}

strategy::spec_and_status!(StatefulSet);
