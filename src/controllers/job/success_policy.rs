//! Whether enough indexes succeeded.
//!
//! Mirrors pkg/controller/job/success_policy.go.

use k8s_openapi::api::batch::v1::SuccessPolicy;

use super::indexes::Intervals;

/// `matchSuccessPolicy`: the message of the first rule that is met.
pub fn matched(policy: Option<&SuccessPolicy>, completions: i32, succeeded: &Intervals) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let rules = policy.map_or(&[][..], |policy| &policy.rules);
    let met = rules.iter().position(|rule| match &rule.succeeded_indexes {
        Some(indexes) => {
            let wanted = Intervals::parse(indexes, completions);
            let there = wanted.overlap(succeeded);
            !wanted.is_empty() && (there == wanted.total() || rule.succeeded_count.is_some_and(|count| there >= count))
        }
        None => rule.succeeded_count.is_some_and(|count| succeeded.total() >= count),
    });
    met.map(|index| format!("Matched rules at index {index}"))
}
