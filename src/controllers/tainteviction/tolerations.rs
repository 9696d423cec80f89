//! How long a pod may stay with these taints.
//!
//! Mirrors `getMinTolerationTime` of pkg/controller/tainteviction/taint_eviction.go.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::api::taints::tolerates;

/// What the taints of a node mean for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may stay for ever.
    Never,
    /// It has to go at once.
    Now,
    /// It may stay for so many seconds.
    After(u64),
}

/// The least of the times that these tolerations give; `None` for ever.
pub fn min_toleration_seconds<'a>(used: impl Iterator<Item = &'a Toleration>) -> Option<i64> {
    used.filter_map(|toleration| toleration.toleration_seconds).map(|seconds| seconds.max(0)).min()
}

/// Whether, and when, a pod with these tolerations has to go. For each taint the first toleration that
/// matches counts.
pub fn judge(taints: &[Taint], tolerations: &[Toleration]) -> Verdict {
    let mut used = Vec::new();
    for taint in taints {
        match tolerations.iter().find(|toleration| tolerates(toleration, taint)) {
            Some(toleration) => used.push(toleration),
            None => return Verdict::Now,
        }
    }
    match min_toleration_seconds(used.into_iter()) {
        None => Verdict::Never,
        Some(0) => Verdict::Now,
        Some(seconds) => Verdict::After(seconds.unsigned_abs()),
    }
}
