//! Running counts of the pods that each owner controls, so that a sync that finds nothing to create or
//! delete need not look at every pod: with a thousand pods there are thousands of such syncs.
//!
//! Upstream counts anew each time; the counts are the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::Pod;

use crate::api::Object;
use crate::client::Change;
use crate::controllers::owners::controller_of;
use crate::controllers::{pods, selector};

use super::min_ready_seconds;
use super::status::Counts;
use super::view::view;

type Labels = BTreeMap<String, String>;

/// What one owner's pods come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    ready: i32,
    terminating: i32,
    /// How many active pods bear the same labels: mostly there is one entry.
    active: OrdMap<Labels, i32>,
}

/// The counts of every owner, by uid.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(OrdMap<Arc<str>, Tally>);

impl Tallies {
    /// Takes a change of a pod in.
    pub fn change(&mut self, change: &Change) {
        for (pod, by) in [(&change.old, -1), (&change.new, 1)] {
            if let Some(pod) = pod {
                self.count(pod, by);
            }
        }
    }

    fn count(&mut self, object: &Object, by: i32) {
        let (Some(owner), Some(pod)) = (controller_of(object.meta()), object.get::<Pod>()) else { return };
        if !self.0.contains_key(owner.uid.as_str()) {
            self.0.insert(Arc::from(owner.uid.as_str()), Tally::default());
        }
        let Some(tally) = self.0.get_mut(owner.uid.as_str()) else { return };
        if pods::is_active(pod) {
            let labels = pod.metadata.labels.clone().unwrap_or_default();
            let same = tally.active.entry(labels.clone()).or_insert(0);
            *same += by;
            if *same == 0 {
                tally.active.remove(&labels);
            }
            tally.ready += by * i32::from(pods::is_ready(pod));
        } else if !pods::is_terminal(pod) {
            tally.terminating += by;
        }
        if *tally == Tally::default() {
            self.0.remove(owner.uid.as_str());
        }
    }

    /// The counts of a ReplicaSet's pods; `None` where they have to be looked at one by one: some
    /// are to be released, or availability is a matter of time.
    pub fn counts(&self, object: &Object) -> Option<Counts> {
        let set = &*view(object);
        let spec = set.spec.as_ref()?;
        if min_ready_seconds(set) > 0 {
            return None;
        }
        let nothing = Tally::default();
        let tally = self.0.get(object.uid()).unwrap_or(&nothing);
        let template = spec.template.as_ref().and_then(|template| template.metadata.as_ref()?.labels.as_ref());
        let mut counts =
            Counts { ready: tally.ready, available: tally.ready, terminating: tally.terminating, ..Counts::default() };
        for (labels, count) in &tally.active {
            if !selector::matches(&spec.selector, Some(labels)) {
                return None;
            }
            counts.total += count;
            let full = template.into_iter().flatten().all(|(name, value)| labels.get(name) == Some(value));
            counts.labeled += if full { *count } else { 0 };
        }
        Some(counts)
    }
}
