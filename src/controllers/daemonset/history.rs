//! The revisions of a DaemonSet.
//!
//! Mirrors `constructHistory`, `snapshot`, `dedupCurHistories` and `cleanupHistory` of
//! pkg/controller/daemon/update.go. Leaves out: labels for revisions of old that have none.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;

use crate::api::{Kind, Object, ObjectKey, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::hash;
use crate::controllers::history::{self, HASH_LABEL};
use crate::controllers::owners::is_controlled_by;
use crate::controllers::plan::{Answer, Write};

/// The revisions of a set.
#[derive(Debug)]
pub struct Revisions {
    /// The hash that pods of the current template bear.
    pub hash: String,
    pub old: Vec<Arc<Object>>,
    pub collisions: Option<i32>,
}

/// What stands between a set and its revisions.
#[derive(Debug)]
pub enum Found {
    Here(Revisions),
    /// To create the current one, to give it the highest number, or to delete one of the same template.
    Write(Vec<Write>),
}

fn hash_of(revision: &Object) -> &str {
    revision.meta().labels.as_ref().and_then(|labels| labels.get(HASH_LABEL)).map(String::as_str).unwrap_or_default()
}

/// The revision of the template as it is now, whose name nobody else has.
fn snapshot(
    set: &Object,
    template: &PodTemplateSpec,
    data: Value,
    number: i64,
    stores: &Stores,
    collisions: &mut Option<i32>,
) -> ControllerRevision {
    loop {
        let hash = hash::compute(template, *collisions);
        let name = format!("{}-{hash}", set.name());
        let taken = stores.of(Kind::ControllerRevision).get(&ObjectKey::new(set.namespace(), &name));
        if taken.is_some_and(|other| history::data(&other) != Some(&data)) {
            *collisions = Some(collisions.unwrap_or(0) + 1);
            continue;
        }
        let mut revision = history::revision_of(set, template, data, number);
        revision.metadata.name = Some(name);
        revision.metadata.labels.get_or_insert_default().insert(HASH_LABEL.to_owned(), hash);
        return revision;
    }
}

/// The revisions, or the requests that put them in order. `answers` may bring what was written.
pub fn find(set: &Object, mut all: Vec<Arc<Object>>, stores: &Stores, answers: &[Answer]) -> Found {
    let typed = set.expect::<DaemonSet>();
    let mut collisions = typed.status.as_ref().and_then(|status| status.collision_count);
    let written = answers.iter().filter_map(|answer| answer.object());
    // Those that it let go are not its own any more.
    let own = |object: &&Arc<Object>| object.kind() == Kind::ControllerRevision && is_controlled_by(object.meta(), set);
    for revision in written.filter(own) {
        all.retain(|other| other.uid() != revision.uid());
        all.push(revision.clone());
    }
    history::sort(&mut all);
    let template = typed.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let data = history::data_of(&template);
    let (mut same, old): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|revision| history::data(revision) == Some(&data));
    let next = old.iter().map(|revision| history::number(revision)).max().unwrap_or(0) + 1;
    let Some(current) = same.pop() else {
        let revision = snapshot(set, &template, data, next, stores, &mut collisions);
        return Found::Write(vec![Write::new(Request::create(Arc::new(revision.into_object())))]);
    };
    if !same.is_empty() {
        let delete = |one: &Arc<Object>| {
            Write::new(Request::delete(Kind::ControllerRevision.info(), one.namespace(), one.name()))
        };
        return Found::Write(same.iter().map(delete).collect());
    }
    if history::number(&current) < next {
        return Found::Write(vec![history::renumber(&current, next)]);
    }
    Found::Here(Revisions { hash: hash_of(&current).to_owned(), old, collisions })
}

/// The requests that delete revisions beyond `spec.revisionHistoryLimit` which no pod is of, oldest first.
pub fn clean_up(set: &Object, revisions: &Revisions, pods: &[Arc<Object>]) -> Vec<Write> {
    let limit = set.expect::<DaemonSet>().spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    let surplus = revisions.old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    if surplus == 0 {
        return Vec::new();
    }
    let live = |hash: &str| pods.iter().any(|pod| hash_of(pod) == hash);
    let dead = revisions.old.iter().filter(|revision| !live(hash_of(revision))).take(surplus);
    dead.map(|old| Write::new(Request::delete(Kind::ControllerRevision.info(), old.namespace(), old.name()))).collect()
}
