//! Which rule of the pod failure policy a failed pod meets.
//!
//! Mirrors pkg/controller/job/pod_failure_policy.go.

use k8s_openapi::api::batch::v1::{PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// What a policy makes of a pod that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Why the Job fails with it.
    pub message: Option<String>,
    /// Whether it counts towards the back-off limit.
    pub counts: bool,
    /// `Count`, `FailIndex`, `FailJob` or `Ignore`.
    pub action: Option<&'static str>,
}

/// `matchPodFailurePolicy`: the first rule that fits decides; without one the failure counts.
pub fn matched(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Match {
    let rules = policy.map_or(&[][..], |policy| &policy.rules);
    for (index, rule) in rules.iter().enumerate() {
        let Some(why) = fits(rule, pod) else { continue };
        let known = ["Count", "FailIndex", "FailJob", "Ignore"].into_iter().find(|action| *action == rule.action);
        let Some(action) = known else { continue };
        let message = (action == "FailJob").then(|| format!("{why} matching {action} rule at index {index}"));
        return Match { message, counts: action != "Ignore", action: Some(action) };
    }
    Match { message: None, counts: true, action: None }
}

/// What of the pod a rule fits.
fn fits(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    if let Some(codes) = &rule.on_exit_codes {
        let statuses = [&status.container_statuses, &status.init_container_statuses];
        let (container, code) = statuses.into_iter().flatten().flatten().find_map(|own| exit_code(own, codes))?;
        return Some(format!("Container {container} for pod {namespace}/{name} failed with exit code {code}"));
    }
    let patterns = rule.on_pod_conditions.as_deref()?;
    let fitting = status.conditions.iter().flatten().find(|condition| {
        let fits = |status: Option<&str>| status.unwrap_or("True") == condition.status;
        patterns.iter().any(|pattern| pattern.type_ == condition.type_ && fits(pattern.status.as_deref()))
    })?;
    Some(format!("Pod {namespace}/{name} has condition {}", fitting.type_))
}

/// The container and its exit code, if the requirement fits it. One that succeeded never does.
fn exit_code<'a>(
    status: &'a ContainerStatus,
    codes: &PodFailurePolicyOnExitCodesRequirement,
) -> Option<(&'a str, i32)> {
    let code = status.state.as_ref()?.terminated.as_ref()?.exit_code;
    if code == 0 || codes.container_name.as_ref().is_some_and(|name| *name != status.name) {
        return None;
    }
    let fits = match codes.operator.as_str() {
        "In" => codes.values.contains(&code),
        "NotIn" => !codes.values.contains(&code),
        _ => false,
    };
    fits.then_some((status.name.as_str(), code))
}
