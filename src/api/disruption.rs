//! What a disruption budget guards and allows: for the API server, the controller, the scheduler and the screen.
//!
//! Mirrors component-helpers/apps/poddisruptionbudget, and the words of pkg/registry/core/pod/storage/eviction.go.

use std::collections::BTreeMap;

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::validation::selectors;

/// `DisruptionAllowedCondition`.
const ALLOWED: &str = "DisruptionAllowed";
/// `SyncFailedReason`.
pub const SYNC_FAILED: &str = "SyncFailed";
/// What an eviction that a budget forbids is answered.
pub const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// What is said of a pod with more than one budget.
pub const SEVERAL: &str =
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";

/// Whether a budget's selector picks a pod. An empty one picks every pod of the namespace; one that is absent or
/// malformed picks none.
pub fn guards(budget: &PodDisruptionBudget, labels: Option<&BTreeMap<String, String>>) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| selectors::converts(selector) && selectors::matches(selector, labels))
}

fn condition(status: &PodDisruptionBudgetStatus) -> Option<&Condition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == ALLOWED)
}

/// What keeps a budget from allowing a disruption; nothing when it allows one.
pub fn refusal(budget: &PodDisruptionBudget) -> Option<String> {
    let status = budget.status.clone().unwrap_or_default();
    if status.disruptions_allowed.unwrap_or(0) != 0 {
        return None;
    }
    let (desired, healthy) = (status.desired_healthy.unwrap_or(0), status.current_healthy.unwrap_or(0));
    let head = format!("The disruption budget {}", budget.metadata.name.as_deref().unwrap_or_default());
    let failed = condition(&status).filter(|own| own.status == "False" && !own.message.is_empty());
    Some(match failed {
        // The counts are not to be trusted when the controller could not count.
        Some(own) if own.reason == SYNC_FAILED => {
            format!("{head} does not allow evicting pods currently because it failed sync: {}", own.message)
        }
        _ if healthy <= desired => format!("{head} needs {desired} healthy pods and has {healthy} currently"),
        Some(own) => format!("{head} does not allow evicting pods currently ({}): {}", own.reason, own.message),
        None => format!("{head} does not allow evicting pods currently"),
    })
}

/// Status, reason: what the condition says of so many allowed disruptions.
fn words(status: &PodDisruptionBudgetStatus) -> (&'static str, &'static str) {
    if status.disruptions_allowed.unwrap_or(0) > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") }
}

/// `ConditionsAreUpToDate`.
pub fn is_up_to_date(budget: &PodDisruptionBudget) -> bool {
    let Some(status) = &budget.status else { return false };
    let observed = status.observed_generation.unwrap_or(0) == budget.metadata.generation.unwrap_or(0);
    observed && condition(status).is_some_and(|own| (own.status.as_str(), own.reason.as_str()) == words(status))
}

/// `UpdateDisruptionAllowedCondition`.
pub fn update_condition(status: &mut PodDisruptionBudgetStatus, now: &Time) {
    let (value, reason) = words(status);
    set_condition(status, value, reason, "", now);
}

/// `SetStatusCondition`: the time of a change is kept while the status stays what it was.
pub fn set_condition(status: &mut PodDisruptionBudgetStatus, value: &str, reason: &str, message: &str, now: &Time) {
    let observed_generation = status.observed_generation.filter(|generation| *generation != 0);
    let conditions = status.conditions.get_or_insert_default();
    let at = conditions.iter().position(|own| own.type_ == ALLOWED);
    let since = at.map(|at| &conditions[at]).filter(|own| own.status == value).map(|own| &own.last_transition_time);
    let new = Condition {
        type_: ALLOWED.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation,
        last_transition_time: since.unwrap_or(now).clone(),
    };
    match at {
        Some(at) => conditions[at] = new,
        None => conditions.push(new),
    }
}
