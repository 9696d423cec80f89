//! Node, v1.

use k8s_openapi::api::core::v1::{Node, NodeSpec};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::node;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Node",
    plural: "nodes",
    singular: "node",
    short_names: &["no"],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &["status"],
    etcd_prefix: "minions",
    default,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, node::node),
    validate_update: |new, old| strategy::compare(new, old, node::node_update),
    validate_status: |new, old| strategy::compare(new, old, node::node_update),
    field_labels: &["spec.unschedulable"],
    field,
    columns: crate::api::printers::node::COLUMNS,
    row: crate::api::printers::node::row,
    ..plain(Kind::Node)
};

/// What can be allocated is the capacity unless said; quantities are canonical.
fn default(object: &mut Object) {
    let own = strategy::own::<Node>(object);
    pod_cidrs(own.spec.get_or_insert_default());
    let status = own.status.get_or_insert_default();
    defaults::resource_list(&mut status.capacity);
    defaults::resource_list(&mut status.allocatable);
    if status.allocatable.is_none() {
        status.allocatable.clone_from(&status.capacity);
    }
}

/// One of the two fields says what the other is, the single one first: `Convert_v1_NodeSpec_To_core_NodeSpec` and back.
fn pod_cidrs(spec: &mut NodeSpec) {
    let first = spec.pod_cidrs.iter().flatten().next();
    match &spec.pod_cidr {
        Some(cidr) if first != Some(cidr) => spec.pod_cidrs = Some(vec![cidr.clone()]),
        None => spec.pod_cidr = first.cloned(),
        Some(_) => {}
    }
}

fn prepare_update(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<Node>(new).status.clone_from(&old.expect::<Node>().status);
}

fn prepare_status(new: &mut Object, old: &Object) {
    strategy::keep_metadata(new, old);
    strategy::own::<Node>(new).spec.clone_from(&old.expect::<Node>().spec);
}

fn field(object: &Object, label: &str) -> Option<String> {
    let spec = object.expect::<Node>().spec.as_ref();
    (label == "spec.unschedulable").then(|| spec.and_then(|spec| spec.unschedulable).unwrap_or(false).to_string())
}
