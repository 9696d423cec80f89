//! The annotations by which a Deployment numbers its ReplicaSets and remembers how large they were to be.
//!
//! Mirrors pkg/controller/deployment/util `SetNewReplicaSetAnnotations` and its neighbours.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::{desired, limits};

pub const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// What is a Deployment's own and is not copied to its ReplicaSets.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];
/// How long the history of revisions may grow, in characters.
const HISTORY_MAX: usize = 2000;

fn number<T: std::str::FromStr>(set: &ReplicaSet, name: &str) -> Option<T> {
    set.metadata.annotations.as_ref()?.get(name)?.parse().ok()
}

/// How many replicas its Deployment wanted when this ReplicaSet was last scaled.
pub fn desired_replicas(set: &ReplicaSet) -> Option<i32> {
    number(set, DESIRED_REPLICAS)
}

/// How many replicas its Deployment allowed, surge included, when this ReplicaSet was last scaled.
pub fn max_replicas(set: &ReplicaSet) -> Option<i32> {
    number(set, MAX_REPLICAS)
}

/// The revision of a ReplicaSet; 0 for none.
pub fn revision(set: &ReplicaSet) -> i64 {
    number(set, REVISION).unwrap_or(0)
}

/// The greatest revision among these.
pub fn max_revision<'a>(sets: impl Iterator<Item = &'a ReplicaSet>) -> i64 {
    sets.map(revision).max().unwrap_or(0)
}

fn put(annotations: &mut BTreeMap<String, String>, name: &str, value: String) -> bool {
    annotations.insert(name.to_owned(), value.clone()).as_ref() != Some(&value)
}

/// Writes down what the Deployment wants now. True when that is news.
pub fn set_replicas(set: &mut ReplicaSet, deployment: &Deployment) -> bool {
    let wanted = desired(deployment);
    let annotations = set.metadata.annotations.get_or_insert_default();
    let news = put(annotations, DESIRED_REPLICAS, wanted.to_string());
    put(annotations, MAX_REPLICAS, (wanted + limits::max_surge(deployment)).to_string()) || news
}

/// Brings the annotations of the new ReplicaSet up to date. True when something changed.
pub fn set_new(deployment: &Deployment, set: &mut ReplicaSet, new_revision: i64, exists: bool) -> bool {
    let annotations = set.metadata.annotations.get_or_insert_default();
    let mut changed = false;
    for (name, value) in deployment.metadata.annotations.iter().flatten() {
        if !NOT_COPIED.contains(&name.as_str()) {
            changed |= put(annotations, name, value.clone());
        }
    }
    let old = annotations.get(REVISION).cloned();
    let old_number = match old.as_deref() {
        None | Some("") => 0,
        Some(text) => match text.parse::<i64>() {
            Ok(number) => number,
            Err(_) => return false,
        },
    };
    if old_number < new_revision {
        changed |= put(annotations, REVISION, new_revision.to_string());
        // It had a number before: a rollback. The number it had is kept for the history.
        if let Some(old) = old {
            remember(annotations, &old);
        }
    }
    if !exists && set_replicas(set, deployment) {
        changed = true;
    }
    changed
}

fn remember(annotations: &mut BTreeMap<String, String>, revision: &str) {
    let history = annotations.get(REVISION_HISTORY).map(String::as_str).unwrap_or_default();
    let mut revisions: Vec<&str> = history.split(',').filter(|entry| !entry.is_empty()).collect();
    revisions.push(revision);
    while revisions.len() > 1 && revisions.iter().map(|entry| entry.len() + 1).sum::<usize>() - 1 > HISTORY_MAX {
        revisions.remove(0);
    }
    let joined = revisions.join(",");
    annotations.insert(REVISION_HISTORY.to_owned(), joined);
}
