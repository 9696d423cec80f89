//! The new ReplicaSet: finding it, numbering it, creating it.
//!
//! Mirrors `getAllReplicaSetsAndSyncRevision` and `getNewReplicaSet` of pkg/controller/deployment/sync.go.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec};

use crate::api::{Kind, ObjectKey, Reason, Request, Typed};
use crate::controllers::controller::Turn;
use crate::controllers::plan::{Announce, Plan, Write};
use crate::controllers::{hash, owners};

use super::status::{self, HasDeadline, PROGRESSING};
use super::{CREATE_FAILED, Sync, annotations, by_creation, controls, limits, replicas};

impl Sync {
    /// The oldest ReplicaSet with the Deployment's template (`FindNewReplicaSet`).
    pub fn find_new(&self) -> Option<usize> {
        (0..self.sets.len())
            .filter(|index| self.has_template_of(self.set(*index)))
            .min_by(|a, b| by_creation(self.set(*a), self.set(*b)))
    }

    fn has_template_of(&self, set: &ReplicaSet) -> bool {
        let theirs = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
        let ours = self.deployment.spec.as_ref().map(|spec| &spec.template);
        matches!((theirs, ours), (Some(theirs), Some(ours)) if hash::equal_ignoring_hash(theirs, ours))
    }

    /// Gives the new ReplicaSet the next revision, and the Deployment the same; makes it if asked.
    pub fn sync_revision(&mut self, create: bool) {
        let revision = annotations::max_revision(self.old().into_iter().map(|index| self.set(index))) + 1;
        match self.new {
            Some(new) => self.adjust_new(new, revision),
            None if create => self.create_new(revision),
            None => {}
        }
    }

    fn adjust_new(&mut self, new: usize, revision: i64) {
        let mut set = self.set(new).clone();
        let min_ready = self.deployment.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
        let mut changed = annotations::set_new(&self.deployment, &mut set, revision, true);
        let spec = set.spec.get_or_insert_default();
        if spec.min_ready_seconds.unwrap_or(0) != min_ready.unwrap_or(0) {
            spec.min_ready_seconds = min_ready;
            changed = true;
        }
        if changed {
            let object = Arc::new(set.into_object());
            self.sets[new] = object.clone();
            self.steps.push(Write::new(Request::update(object)).step());
            return;
        }
        let number = set.metadata.annotations.as_ref().and_then(|all| all.get(annotations::REVISION)).cloned();
        let mut changed = self.set_revision(number.unwrap_or_default());
        if self.deployment.has_deadline() && status::condition(&self.deployment, PROGRESSING).is_none() {
            let message = format!("Found new replica set \"{}\"", self.sets[new].name());
            self.set_progressing("True", "FoundNewReplicaSet", message);
            changed = true;
        }
        if changed {
            self.put_status();
        }
    }

    /// Gives the Deployment the revision of its new ReplicaSet. True when that is news.
    fn set_revision(&mut self, revision: String) -> bool {
        let annotations = self.deployment.metadata.annotations.get_or_insert_default();
        annotations.insert(annotations::REVISION.to_owned(), revision.clone()) != Some(revision)
    }

    /// The ReplicaSet to create, with the replicas it may have at once.
    fn new_set(&self, revision: i64) -> ReplicaSet {
        let owner = self.object();
        let spec = self.deployment.spec.clone().unwrap_or_default();
        let collisions = self.deployment.status.as_ref().and_then(|status| status.collision_count);
        let hash = hash::compute(&spec.template, collisions);
        let mut template = spec.template;
        let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
        labels.insert(hash::LABEL.to_owned(), hash.clone());
        let labels = labels.clone();
        let mut selector = spec.selector;
        selector.match_labels.get_or_insert_default().insert(hash::LABEL.to_owned(), hash.clone());
        let all: i32 = self.all().map(replicas).sum();
        let mut set = ReplicaSet {
            spec: Some(ReplicaSetSpec {
                replicas: Some(limits::new_replicas(&self.deployment, all, 0)),
                min_ready_seconds: spec.min_ready_seconds,
                selector,
                template: Some(template),
            }),
            ..ReplicaSet::default()
        };
        set.metadata.name = Some(format!("{}-{hash}", owner.name()));
        set.metadata.namespace = self.deployment.metadata.namespace.clone();
        set.metadata.owner_references = Some(vec![owners::controller_ref(&owner)]);
        set.metadata.labels = Some(labels);
        annotations::set_new(&self.deployment, &mut set, revision, false);
        set
    }

    fn create_new(&mut self, revision: i64) {
        let set = self.new_set(revision);
        let count = replicas(&set);
        let set = Arc::new(set.into_object());
        let name = set.name().to_owned();
        self.steps.push(Write::new(Request::create(set.clone())).recovering(CREATE_FAILED).step());
        self.sets.push(set);
        self.new = Some(self.sets.len() - 1);
        if count > 0 {
            let message = format!("Scaled up replica set {name} from 0 to {count}");
            self.say(Announce::normal(&self.object(), "ScalingReplicaSet", message));
        }
        let mut changed = self.set_revision(revision.to_string());
        if self.deployment.has_deadline() {
            self.set_progressing("True", "NewReplicaSetCreated", format!("Created new replica set \"{name}\""));
            changed = true;
        }
        if changed {
            self.put_status();
        }
    }

    /// The create of the new ReplicaSet failed: a name that is taken by another template is a
    /// collision, and the next hash will be another.
    pub fn create_failed(&mut self, turn: &Turn) -> Plan {
        let Some((answer, failure)) = turn.answers.last().and_then(|answer| Some((answer, answer.failure()?))) else {
            return Plan::nothing("the create was answered after all");
        };
        let revision = annotations::max_revision(self.all()) + 1;
        let name = self.new_set(revision).metadata.name.unwrap_or_default();
        let mut summary = format!("{name} could not be created");
        if answer.failed_with(Reason::AlreadyExists) {
            let key = ObjectKey::new(self.deployment.metadata.namespace.as_deref().unwrap_or_default(), &name);
            match turn.observed.stores.of(Kind::ReplicaSet).get(&key) {
                // The cache is behind: the next look finds it.
                None => {}
                Some(set) if controls(&self.object(), &set) && self.has_template_of(set.expect()) => {}
                Some(_) => {
                    let status = self.deployment.status.get_or_insert_default();
                    status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
                    self.put_status();
                    summary = format!("the name {name} is taken by another template");
                }
            }
        } else if !failure.namespace_terminating {
            let message = format!("Failed to create new replica set \"{name}\": {}", failure.message);
            if self.deployment.has_deadline() {
                self.set_progressing("False", "ReplicaSetCreateError", message.clone());
                self.put_status();
            }
            self.say(Announce::warning(&self.object(), "ReplicaSetCreateError", message));
        }
        let steps = std::mem::take(&mut self.steps);
        Plan { error: Some(failure.message.clone()), ..Plan::steps(summary, steps) }
    }
}
