//! The RollingUpdate strategy.
//!
//! Mirrors pkg/controller/deployment/rolling.go.

use super::{Sync, available, desired, limits, replicas};

impl Sync {
    /// One step of a rolling update: the new ReplicaSet up if that is possible, else the old ones down.
    pub fn rollout_rolling(&mut self) {
        self.sync_revision(true);
        if !self.reconcile_new() && !self.reconcile_old() && self.is_complete_now() {
            self.cleanup();
        }
        self.sync_rollout_status();
    }

    /// `reconcileNewReplicaSet`. True when it was scaled.
    pub fn reconcile_new(&mut self) -> bool {
        let Some(new) = self.new else { return false };
        let wanted = desired(&self.deployment);
        let has = replicas(self.set(new));
        if has == wanted {
            return false;
        }
        if has > wanted {
            return self.scale_and_record(new, wanted);
        }
        let all = self.all().map(replicas).sum();
        let count = limits::new_replicas(&self.deployment, all, has);
        self.scale_and_record(new, count)
    }

    /// `reconcileOldReplicaSets`. True when one was scaled.
    pub fn reconcile_old(&mut self) -> bool {
        if self.active_old().is_empty() {
            return false;
        }
        let all: i32 = self.all().map(replicas).sum();
        let min_available = desired(&self.deployment) - limits::max_unavailable(&self.deployment);
        // New pods that are not available yet must not let more old ones go.
        let new_unavailable = self.new.map_or(0, |new| replicas(self.set(new)) - available(self.set(new)));
        let max_scaled_down = all - min_available - new_unavailable;
        if max_scaled_down <= 0 {
            return false;
        }
        // Unhealthy ones first: they would only hold the rollout up.
        let cleaned = self.cleanup_unhealthy(max_scaled_down);
        let scaled = self.scale_down_old();
        cleaned + scaled > 0
    }

    /// Takes away up to `max` old replicas that are not available, and says how many.
    pub fn cleanup_unhealthy(&mut self, max: i32) -> i32 {
        let mut total = 0;
        for old in self.active_old() {
            if total >= max {
                break;
            }
            let (has, healthy) = (replicas(self.set(old)), available(self.set(old)));
            if has == healthy {
                continue;
            }
            let count = (max - total).min(has - healthy);
            if count < 0 {
                // More are available than wanted: the cache is behind. The next look will see.
                break;
            }
            self.scale_and_record(old, has - count);
            total += count;
        }
        total
    }

    /// `scaleDownOldReplicaSetsForRollingUpdate`: takes away old replicas that the available ones allow
    /// to go, and says how many.
    pub fn scale_down_old(&mut self) -> i32 {
        let min_available = desired(&self.deployment) - limits::max_unavailable(&self.deployment);
        let now_available: i32 = self.all().map(available).sum();
        let surplus = now_available - min_available;
        let mut total = 0;
        for old in self.active_old() {
            if total >= surplus {
                break;
            }
            let has = replicas(self.set(old));
            let count = has.min(surplus - total);
            self.scale_and_record(old, has - count);
            total += count;
        }
        total
    }
}
