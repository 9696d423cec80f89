//! PodDisruptionBudget, policy/v1.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};

use super::strategy;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::disruption;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "policy",
    version: "v1",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    singular: "poddisruptionbudget",
    short_names: &["pdb"],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "poddisruptionbudgets",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, disruption::budget),
    validate_update: |new, old| strategy::compare(new, old, disruption::budget_update),
    validate_status: |new, old| strategy::compare(new, old, disruption::budget_status_update),
    unconditional_update: false,
    columns: crate::api::printers::quota::BUDGET_COLUMNS,
    row: crate::api::printers::quota::budget_row,
    ..plain(Kind::PodDisruptionBudget)
};

fn default(object: &mut Object) {
    let own = strategy::own::<PodDisruptionBudget>(object);
    own.spec.get_or_insert_default();
    zeros(own.status.get_or_insert_default());
}

/// The counts that are written when they are zero, too.
fn zeros(status: &mut PodDisruptionBudgetStatus) {
    for count in [
        &mut status.current_healthy,
        &mut status.desired_healthy,
        &mut status.disruptions_allowed,
        &mut status.expected_pods,
    ] {
        count.get_or_insert(0);
    }
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<PodDisruptionBudget>(object);
    zeros(own.status.insert(PodDisruptionBudgetStatus::default()));
    own.metadata.generation = Some(1);
}

strategy::spec_and_status!(PodDisruptionBudget);
