//! What controllers ask of a node.

use k8s_openapi::api::core::v1::Node;

/// The taint by which somebody says that a node is off.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// `IsNodeReady`: whether it is Ready, as far as is known.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().find(|condition| condition.type_ == "Ready").is_some_and(|ready| ready.status == "True")
}

/// Whether somebody says that it is off.
pub fn is_out_of_service(node: &Node) -> bool {
    node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).any(|taint| taint.key == OUT_OF_SERVICE)
}
