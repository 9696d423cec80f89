//! Which revisions a StatefulSet has: the one its pods come from, and the one they go to.
//!
//! Mirrors `getStatefulSetRevisions` and `truncateHistory` of stateful_set_control.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use serde_json::Value;

use crate::api::{Kind, Object, ObjectKey, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::plan::{Answer, Write};
use crate::controllers::{hash, history, owners};

use super::control::Revision;
use super::identity;

/// The label of a revision that bears the hash of its data.
const DATA_HASH_LABEL: &str = "controller.kubernetes.io/hash";

/// The revisions of a set.
#[derive(Debug)]
pub struct Revisions {
    /// All of them, by number.
    pub all: Vec<Arc<Object>>,
    pub current: Revision,
    pub update: Revision,
    pub collisions: i32,
}

/// What stands between a set and its revisions.
#[derive(Debug)]
pub enum Found {
    Here(Box<Revisions>),
    /// The update revision is to be created, or given a new number.
    Write(Box<Write>),
}

fn named(revision: &Object) -> Revision {
    Revision { name: revision.name().to_owned(), template: history::template_of(revision).unwrap_or_default() }
}

/// The revision with this data, whose name nobody else has: each name that is taken is a collision.
fn new_revision(set: &Object, data: Value, number: i64, stores: &Stores, collisions: &mut i32) -> ControllerRevision {
    let template = set.expect::<StatefulSet>().spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    loop {
        let hash = hash::of_data(&data, *collisions);
        let name = format!("{}-{hash}", set.name());
        let taken = stores.of(Kind::ControllerRevision).get(&ObjectKey::new(set.namespace(), &name));
        if taken.is_some_and(|other| history::data(&other) != Some(&data)) {
            *collisions += 1;
            continue;
        }
        let mut revision = history::revision_of(set, &template, data, number);
        revision.metadata.name = Some(name);
        revision.metadata.labels.get_or_insert_default().insert(DATA_HASH_LABEL.to_owned(), hash);
        return revision;
    }
}

/// The revisions, or the request that makes the update revision. `answers` may bring it.
pub fn find(set: &Object, mut all: Vec<Arc<Object>>, stores: &Stores, answers: &[Answer]) -> Found {
    let status = set.expect::<StatefulSet>().status.as_ref();
    let mut collisions = status.and_then(|status| status.collision_count).unwrap_or(0);
    let written = answers.iter().filter_map(|answer| answer.object());
    // Those that it let go are not its own any more.
    let own = |object: &&Arc<Object>| {
        object.kind() == Kind::ControllerRevision && owners::is_controlled_by(object.meta(), set)
    };
    for revision in written.filter(own) {
        all.retain(|other| other.uid() != revision.uid());
        all.push(revision.clone());
    }
    history::sort(&mut all);
    let template = set.expect::<StatefulSet>().spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let data = history::data_of(&template);
    let next = all.last().map_or(0, |last| history::number(last)) + 1;
    let equal = all.iter().rposition(|revision| history::data(revision) == Some(&data));
    let update = match equal {
        Some(index) if index + 1 == all.len() => &all[index],
        // It was here before: a rollback.
        Some(index) => return Found::Write(Box::new(history::renumber(&all[index], next))),
        None => {
            let revision = new_revision(set, data, next, stores, &mut collisions);
            return Found::Write(Box::new(Write::new(Request::create(Arc::new(revision.into_object())))));
        }
    };
    let current = status.and_then(|status| status.current_revision.as_deref()).unwrap_or_default();
    let current = all.iter().find(|revision| revision.name() == current).unwrap_or(update);
    let (current, update) = (named(current), named(update));
    Found::Here(Box::new(Revisions { all, current, update, collisions }))
}

/// The requests that delete revisions beyond `spec.revisionHistoryLimit` which no pod is of, oldest first.
pub fn truncate(set: &Object, revisions: &Revisions, pods: &[Arc<Object>]) -> Vec<Write> {
    let limit = set.expect::<StatefulSet>().spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    let live = |name: &str| {
        name == revisions.current.name
            || name == revisions.update.name
            || pods.iter().any(|pod| identity::revision(pod.expect()) == name)
    };
    let old: Vec<&Arc<Object>> = revisions.all.iter().filter(|revision| !live(revision.name())).collect();
    let surplus = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    old.into_iter()
        .take(surplus)
        .map(|old| Write::new(Request::delete(Kind::ControllerRevision.info(), old.namespace(), old.name())))
        .collect()
}
