//! PriorityClass, scheduling.k8s.io/v1.

use k8s_openapi::api::scheduling::v1::PriorityClass;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::Kind;
use crate::api::validation::priority;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "scheduling.k8s.io",
    version: "v1",
    kind: "PriorityClass",
    plural: "priorityclasses",
    singular: "priorityclass",
    short_names: &["pc"],
    categories: &[],
    scope: Scope::Cluster,
    subresources: &[],
    etcd_prefix: "priorityclasses",
    default: |object| {
        let own = strategy::own::<PriorityClass>(object);
        own.value.get_or_insert(0);
        defaults::text(&mut own.preemption_policy, "PreemptLowerPriority");
    },
    prepare_create: |object| object.meta_mut().generation = Some(1),
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, priority::class),
    validate_update: |new, old| strategy::compare(new, old, priority::class_update),
    columns: crate::api::printers::quota::PRIORITY_COLUMNS,
    row: crate::api::printers::quota::priority_row,
    ..plain(Kind::PriorityClass)
};

/// `SystemCriticalPriority`, which user-defined classes stay below: `HighestUserDefinablePriority` is half of it.
pub const SYSTEM_CRITICAL: i32 = 2_000_000_000;

/// `SystemPriorityClasses`: name, value, what upstream says of it.
pub const SYSTEM: &[(&str, i32, &str)] = &[
    (
        "system-node-critical",
        SYSTEM_CRITICAL + 1_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        SYSTEM_CRITICAL,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
];
