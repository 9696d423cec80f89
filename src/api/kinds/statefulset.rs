//! StatefulSet, apps/v1.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetStatus,
};

use super::{persistentvolumeclaim, strategy};
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::{equality::semantically_equal, statefulset};

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

/// `SetDefaults_StatefulSet`.
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
    drop_max_unavailable(own, None);
}

/// A new generation where the spec changed.
fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    let (own, old) = (strategy::own::<StatefulSet>(new), old.expect::<StatefulSet>());
    own.status.clone_from(&old.status);
    drop_max_unavailable(own, Some(old));
    let unchanged = semantically_equal(&own.spec, &old.spec);
    strategy::bump_generation(&mut own.metadata, unchanged);
}

fn rolling(set: &StatefulSet) -> Option<&RollingUpdateStatefulSetStrategy> {
    set.spec.as_ref()?.update_strategy.as_ref()?.rolling_update.as_ref()
}

/// `dropStatefulSetDisabledFields`: the gate MaxUnavailableStatefulSet, on in 1.35, is off again.
fn drop_max_unavailable(new: &mut StatefulSet, old: Option<&StatefulSet>) {
    if old.and_then(rolling).is_some_and(|rolling| rolling.max_unavailable.is_some()) {
        return;
    }
    let strategy = new.spec.as_mut().and_then(|spec| spec.update_strategy.as_mut());
    if let Some(rolling) = strategy.and_then(|strategy| strategy.rolling_update.as_mut()) {
        rolling.max_unavailable = None;
    }
}

strategy::status_keeps_spec!(StatefulSet);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(rolling: &Value) -> Object {
        let value = json!({
            "metadata": { "name": "web", "namespace": "default" },
            "spec": { "serviceName": "web", "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": rolling } },
        });
        let mut set = Object::from_value(Kind::StatefulSet, &value, &mut |_| {}).expect("a set");
        default(&mut set);
        set
    }

    fn rolling(set: &Object) -> Value {
        set.to_value()["spec"]["updateStrategy"]["rollingUpdate"].clone()
    }

    #[test]
    fn how_many_may_be_unavailable_is_not_kept() {
        assert_eq!(rolling(&set(&json!({}))), json!({ "partition": 0 }));
        let mut created = set(&json!({ "maxUnavailable": 2, "partition": 1 }));
        let asked = created.clone();
        prepare_create(&mut created);
        assert_eq!(rolling(&created), json!({ "partition": 1 }));
        let mut updated = asked.clone();
        prepare_update(&mut updated, &created);
        assert_eq!(rolling(&updated), json!({ "partition": 1 }));
        // A set from when it was may keep and change it.
        let mut updated = set(&json!({ "maxUnavailable": 3 }));
        prepare_update(&mut updated, &asked);
        assert_eq!(rolling(&updated), json!({ "partition": 0, "maxUnavailable": 3 }));
    }
}
