//! Taints and tolerations.
//!
//! Mirrors `ToleratesTaint` of k8s.io/api and `TolerationsTolerateTaint` of component-helpers.

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// `Toleration.ToleratesTaint`.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let field = |field: &Option<String>| field.clone().unwrap_or_default();
    let (effect, key) = (field(&toleration.effect), field(&toleration.key));
    if !effect.is_empty() && effect != taint.effect || !key.is_empty() && key != taint.key {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => field(&toleration.value) == field(&taint.value),
        "Exists" => true,
        _ => false,
    }
}

/// Whether one of the tolerations tolerates the taint.
pub fn tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| tolerates(toleration, taint))
}
