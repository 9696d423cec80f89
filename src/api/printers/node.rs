//! Nodes: `printNode`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, NodeStatus};
use serde_json::Value;

use super::{age, column, or, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

const ADDRESSES: &str = "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).";

/// Name, Status, Roles, Age, Version; wide: Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string", "The status of the node"),
    column("Roles", "string", "The roles of the node"),
    AGE,
    column("Version", "string", "Kubelet Version reported by the node."),
    wide("Internal-IP", "string", ADDRESSES),
    wide("External-IP", "string", ADDRESSES),
    wide(
        "OS-Image",
        "string",
        "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).",
    ),
    wide(
        "Kernel-Version",
        "string",
        "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).",
    ),
    wide(
        "Container-Runtime",
        "string",
        "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).",
    ),
];

/// The cells of a node.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(node) = object.get::<Node>() else { return Vec::new() };
    let empty = NodeStatus::default();
    let status = node.status.as_ref().unwrap_or(&empty);
    let info = status.node_info.clone().unwrap_or_default();
    vec![
        Value::from(object.name()),
        Value::from(status_of(node)),
        Value::from(roles(node)),
        age(object, now_unix_micros),
        Value::from(info.kubelet_version),
        Value::from(address(status, "InternalIP")),
        Value::from(address(status, "ExternalIP")),
        Value::from(or(Some(&info.os_image), "<unknown>")),
        Value::from(or(Some(&info.kernel_version), "<unknown>")),
        Value::from(or(Some(&info.container_runtime_version), "<unknown>")),
    ]
}

/// `Ready`, `NotReady`, `Unknown` without the condition, and `SchedulingDisabled` when cordoned.
pub fn status_of(node: &Node) -> String {
    // The last condition of a type counts: upstream puts them in a map.
    let mut conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.rfind(|condition| condition.type_ == "Ready");
    let mut status = match ready {
        Some(condition) if condition.status == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true)) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

/// The roles that the node's labels give it: `findNodeRoles`.
pub fn roles(node: &Node) -> String {
    let mut roles: BTreeSet<&str> = BTreeSet::new();
    for (key, value) in node.metadata.labels.iter().flatten() {
        match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => {
                roles.insert(role);
            }
            _ if key == "kubernetes.io/role" && !value.is_empty() => {
                roles.insert(value);
            }
            _ => {}
        }
    }
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

fn address(status: &NodeStatus, type_: &str) -> String {
    let address = status.addresses.iter().flatten().find(|address| address.type_ == type_);
    address.map_or_else(|| "<none>".to_owned(), |address| address.address.clone())
}
