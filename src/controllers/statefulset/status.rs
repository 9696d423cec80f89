//! The status of a StatefulSet.
//!
//! Mirrors `computeReplicaStatus`, `completeRollingUpdate` and `inconsistentStatus`.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Object, Request, Typed};
use crate::controllers::plan::Write;
use crate::controllers::pods;

use super::control::{is_created, is_running_and_available, is_running_and_ready};
use super::identity;
use super::revisions::Revisions;

fn min_ready_seconds(set: &StatefulSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
}

/// The status that these pods come to, `outdated_deleted` of the current revision having just been deleted.
pub fn calculate(
    set: &StatefulSet,
    revisions: &Revisions,
    all: &[Arc<Object>],
    outdated_deleted: i32,
    unix_micros: i64,
) -> StatefulSetStatus {
    let (mut replicas, mut ready, mut available, mut current, mut updated) = (0, 0, 0, -outdated_deleted, 0);
    for pod in all.iter().filter(|pod| identity::ordinal(pod).is_some()).map(|pod| pod.expect::<Pod>()) {
        let created = is_created(pod);
        replicas += i32::from(created);
        ready += i32::from(is_running_and_ready(pod));
        available += i32::from(is_running_and_available(pod, min_ready_seconds(set), unix_micros));
        if created && !pods::is_terminating(pod) {
            let revision = identity::revision(pod);
            current += i32::from(revision == revisions.current.name);
            updated += i32::from(revision == revisions.update.name);
        }
    }
    let mut current_revision = &revisions.current.name;
    let wanted = identity::replicas(set);
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()?.type_.as_deref());
    // The rolling update is complete: the update revision becomes the current one.
    if strategy == Some("RollingUpdate") && updated == wanted && ready == wanted && replicas == wanted {
        (current, current_revision) = (updated, &revisions.update.name);
    }
    let count = |number: i32| Some(number).filter(|number| *number != 0);
    StatefulSetStatus {
        observed_generation: set.metadata.generation,
        replicas,
        ready_replicas: count(ready),
        available_replicas: Some(available),
        current_replicas: count(current.max(0)),
        updated_replicas: count(updated),
        current_revision: Some(current_revision.clone()),
        update_revision: Some(revisions.update.name.clone()),
        collision_count: Some(revisions.collisions),
        conditions: set.status.as_ref().and_then(|status| status.conditions.clone()),
    }
}

/// The request that writes the status, if it differs from the one that is there.
pub fn write(set: &Object, status: StatefulSetStatus) -> Option<Write> {
    let typed = set.expect::<StatefulSet>();
    let old = typed.status.clone().unwrap_or_default();
    let zero = |count: Option<i32>| count.filter(|number| *number != 0);
    let normal = |status: &StatefulSetStatus| StatefulSetStatus {
        ready_replicas: zero(status.ready_replicas),
        available_replicas: zero(status.available_replicas),
        current_replicas: zero(status.current_replicas),
        updated_replicas: zero(status.updated_replicas),
        collision_count: zero(status.collision_count),
        ..status.clone()
    };
    // What was seen of a later generation is not taken back.
    if normal(&old) == normal(&status) || old.observed_generation > status.observed_generation {
        return None;
    }
    let mut written = typed.clone();
    written.status = Some(status);
    Some(Write::new(Request::update_status(written.into_object())))
}

/// When to look again at pods that are ready but not yet for long enough.
pub fn next_look(set: &StatefulSet, all: &[Arc<Object>], unix_micros: i64) -> Option<std::time::Duration> {
    let min_ready = min_ready_seconds(set);
    if min_ready <= 0 {
        return None;
    }
    all.iter().filter_map(|pod| pods::until_available(pod.expect(), min_ready, unix_micros)).min()
}
