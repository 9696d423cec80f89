//! Scaling ReplicaSets, and clearing away old ones.
//!
//! Mirrors `scale`, `scaleReplicaSet` and `cleanupDeployment` of pkg/controller/deployment/sync.go.

use std::sync::Arc;

use crate::api::{Kind, Reason, Request, Typed};
use crate::controllers::plan::{Announce, Write};
use crate::sim::Order;

use super::{Sync, actual, annotations, available, by_creation, desired, is_rolling, limits, replicas};

impl Sync {
    /// Whether a ReplicaSet was last scaled for another number of replicas than is wanted now.
    pub fn is_scaling(&self) -> bool {
        let wanted = desired(&self.deployment);
        self.all()
            .filter(|set| replicas(set) > 0)
            .any(|set| annotations::desired_replicas(set).is_some_and(|was| was != wanted))
    }

    /// Gives a ReplicaSet so many replicas, with the event. True when that changes anything.
    pub fn scale_set(&mut self, index: usize, new_scale: i32) -> bool {
        let old_scale = replicas(self.set(index));
        let mut set = self.set(index).clone();
        let news = annotations::set_replicas(&mut set, &self.deployment);
        if old_scale == new_scale && !news {
            return false;
        }
        set.spec.get_or_insert_default().replicas = Some(new_scale);
        let object = Arc::new(set.into_object());
        self.sets[index] = object.clone();
        let write = Write::new(Request::update(object.clone())).fresh();
        if old_scale == new_scale {
            self.steps.push(write.step());
            return false;
        }
        let direction = if old_scale < new_scale { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {old_scale} to {new_scale}", object.name());
        let event = Announce::normal(&self.object(), "ScalingReplicaSet", message);
        self.steps.push(write.announcing(event).step());
        true
    }

    /// `scale_set`, but nothing at all when the number is right already.
    pub fn scale_and_record(&mut self, index: usize, new_scale: i32) -> bool {
        replicas(self.set(index)) != new_scale && self.scale_set(index, new_scale)
    }

    /// The only ReplicaSet that wants pods, or, when none does, the newest (`FindActiveOrLatest`).
    fn active_or_latest(&self) -> Option<usize> {
        let mut active = self.active_old();
        active.extend(self.new.filter(|new| replicas(self.set(*new)) > 0));
        match active.as_slice() {
            [] => self.new.or_else(|| self.old().last().copied()),
            [one] => Some(*one),
            _ => None,
        }
    }

    /// Whether the new ReplicaSet has all it should, and all of it is available (`IsSaturated`).
    fn is_saturated(&self) -> bool {
        let wanted = desired(&self.deployment);
        self.new.is_some_and(|new| {
            let set = self.set(new);
            replicas(set) == wanted && annotations::desired_replicas(set) == Some(wanted) && available(set) == wanted
        })
    }

    /// Answers a change of `spec.replicas`: in the middle of a rollout every ReplicaSet keeps its part.
    pub fn scale(&mut self) {
        let wanted = desired(&self.deployment);
        if let Some(index) = self.active_or_latest() {
            self.scale_and_record(index, wanted);
        } else if self.is_saturated() {
            for old in self.active_old() {
                self.scale_and_record(old, 0);
            }
        } else if is_rolling(&self.deployment) {
            self.scale_proportionally(wanted);
        }
    }

    fn scale_proportionally(&mut self, wanted: i32) {
        let mut active = self.active_old();
        active.extend(self.new.filter(|new| replicas(self.set(*new)) > 0));
        let total: i32 = active.iter().map(|index| replicas(self.set(*index))).sum();
        let allowed = if wanted > 0 { wanted + limits::max_surge(&self.deployment) } else { 0 };
        let to_add = allowed - total;
        // Larger ones first; of two of a size the newer grows first and the older shrinks first.
        active.order_by(|a, b| {
            let (a, b) = (self.set(*a), self.set(*b));
            let age = by_creation(a, b);
            replicas(b).cmp(&replicas(a)).then(if to_add > 0 { age.reverse() } else { age })
        });
        let mut added = 0;
        let mut sizes = Vec::with_capacity(active.len());
        for index in &active {
            let share = limits::proportion(self.set(*index), &self.deployment, to_add, added);
            added += share;
            sizes.push(replicas(self.set(*index)) + share);
        }
        if let Some(largest) = sizes.first_mut().filter(|_| to_add != 0) {
            *largest = (*largest + to_add - added).max(0);
        }
        for (index, size) in active.into_iter().zip(sizes) {
            self.scale_set(index, size);
        }
    }

    /// Deletes the oldest revisions beyond `spec.revisionHistoryLimit`.
    pub fn cleanup(&mut self) {
        let limit = self.deployment.spec.as_ref().and_then(|spec| spec.revision_history_limit);
        let Some(limit) = limit.filter(|limit| *limit != i32::MAX) else { return };
        let mut old = self.old();
        old.retain(|index| self.set(*index).metadata.deletion_timestamp.is_none());
        let surplus = old.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        old.order_by_key(|index| annotations::revision(self.set(*index)));
        for index in old.into_iter().take(surplus) {
            let set = self.set(index);
            let observed = set.status.as_ref().and_then(|status| status.observed_generation).unwrap_or(0);
            if actual(set) != 0 || replicas(set) != 0 || set.metadata.generation.unwrap_or(0) > observed {
                continue;
            }
            let object = &self.sets[index];
            let request = Request::delete(Kind::ReplicaSet.info(), object.namespace(), object.name());
            self.steps.push(Write::new(request).tolerating(&[Reason::NotFound]).step());
        }
    }
}
