//! The Recreate strategy.
//!
//! Mirrors pkg/controller/deployment/recreate.go.

use super::{Sync, actual, desired};

impl Sync {
    /// All old pods go before any new one comes. `pods_run` says whether one of the ReplicaSets with
    /// these uids has a pod that has not come to its end.
    pub fn rollout_recreate(&mut self, pods_run: impl Fn(&[&str]) -> bool) {
        self.sync_revision(false);
        let mut scaled = false;
        for old in self.active_old() {
            scaled |= self.scale_and_record(old, 0);
        }
        if scaled || self.old_pods_run(pods_run) {
            self.sync_rollout_status();
            return;
        }
        if self.new.is_none() {
            self.sync_revision(true);
        }
        if let Some(new) = self.new {
            self.scale_and_record(new, desired(&self.deployment));
        }
        if self.is_complete_now() {
            self.cleanup();
        }
        self.sync_rollout_status();
    }

    fn old_pods_run(&self, pods_run: impl Fn(&[&str]) -> bool) -> bool {
        let old = self.old();
        if old.iter().map(|index| actual(self.set(*index))).sum::<i32>() > 0 {
            return true;
        }
        let uids: Vec<&str> = old.iter().map(|index| self.sets[*index].uid()).collect();
        pods_run(&uids)
    }
}
