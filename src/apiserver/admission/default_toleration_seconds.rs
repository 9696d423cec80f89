//! Pods stay five minutes on a node that is not ready or cannot be reached.
//!
//! Mirrors plugin/pkg/admission/defaulttolerationseconds.

use k8s_openapi::api::core::v1::Toleration;

use crate::api::Object;

/// `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`.
const TOLERATION_SECONDS: i64 = 300;
const TAINTS: &[&str] = &["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Adds the two tolerations to a pod that has none of their kind.
pub fn admit(object: &mut Object) {
    let Object::Pod(pod) = object else { return };
    let tolerations = pod.spec.get_or_insert_default().tolerations.get_or_insert_default();
    let empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    let missing: Vec<&str> = TAINTS
        .iter()
        .copied()
        .filter(|taint| {
            !tolerations.iter().any(|toleration| {
                (toleration.key.as_deref() == Some(taint) || empty(&toleration.key))
                    && (toleration.effect.as_deref() == Some("NoExecute") || empty(&toleration.effect))
            })
        })
        .collect();
    tolerations.extend(missing.into_iter().map(|taint| Toleration {
        key: Some(taint.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoExecute".to_owned()),
        toleration_seconds: Some(TOLERATION_SECONDS),
        value: None,
    }));
    if tolerations.is_empty() {
        pod.spec.get_or_insert_default().tolerations = None;
    }
}
