//! The rolling update of a DaemonSet.
//!
//! Mirrors `rollingUpdate` and `updatedDesiredNodeCounts` of pkg/controller/daemon/update.go. Nodes are taken by
//! name, where Go takes them in random order.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Kind, Object, ObjectKey};
use crate::controllers::percent::scaled;
use crate::controllers::pods;

use super::manage::{Changes, View};
use super::nodes;

fn rolling(set: &DaemonSet) -> Option<&RollingUpdateDaemonSet> {
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref())?;
    strategy.rolling_update.as_ref().filter(|_| strategy.type_.as_deref() == Some("RollingUpdate"))
}

/// Whether the strategy is RollingUpdate.
pub fn is_rolling(set: &DaemonSet) -> bool {
    rolling(set).is_some()
}

/// Whether a new pod may stand beside an old one (`AllowsSurge`).
pub fn allows_surge(set: &DaemonSet) -> bool {
    let surge = rolling(set).and_then(|rolling| rolling.max_surge.as_ref());
    surge.is_some_and(|surge| scaled(surge, 1, true).unwrap_or(0) > 0)
}

/// `maxSurge` and `maxUnavailable` on so many nodes: both rounded up; one may be unavailable where both come to
/// none.
pub fn limits(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    nodes: i32,
) -> Result<(i32, i32), String> {
    let zero = IntOrString::Int(0);
    let surge = scaled(max_surge.unwrap_or(&zero), nodes, true)?;
    let unavailable = scaled(max_unavailable.unwrap_or(&zero), nodes, true)?;
    // "Ensure forward progress": on no nodes there is none to make.
    Ok(if nodes > 0 && surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

/// The new and the old pod on a node; `None` where there are more.
type Pair<'a> = Option<(Option<&'a Arc<Object>>, Option<&'a Arc<Object>>)>;

impl View<'_> {
    /// `findUpdatedPodsOnNode`.
    fn pair<'a>(&self, all: &'a [Arc<Object>]) -> Pair<'a> {
        let (mut new, mut old) = (None, None);
        for pod in all.iter().filter(|pod| !pods::is_terminating(pod.expect())) {
            let place = if self.is_updated(pod) { &mut new } else { &mut old };
            if place.replace(pod).is_some() {
                return None;
            }
        }
        Some((new, old))
    }

    /// `rollingUpdate`.
    ///
    /// # Errors
    /// A limit is no number and no percentage.
    pub fn roll(&self) -> Result<Changes, String> {
        let strategy = rolling(self.typed());
        let (surge, unavailable) = match strategy {
            Some(rolling) => (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref()),
            None => return Ok(Changes::default()),
        };
        let desired = self.nodes().filter(|node| nodes::fit(self.typed(), node).should_run).count();
        let (surge, unavailable) = limits(surge, unavailable, i32::try_from(desired).unwrap_or(i32::MAX))?;
        Ok(if surge == 0 { self.replace(unavailable) } else { self.surge(surge) })
    }

    /// Deletes as many old pods as may be unavailable; those that are unavailable anyway come first.
    fn replace(&self, max_unavailable: i32) -> Changes {
        let mut by_node = self.by_node();
        // A node that is to run a pod and has none counts as unavailable.
        for node in self.nodes().filter(|node| nodes::fit(self.typed(), node).should_run) {
            by_node.entry(Arc::from(node.metadata.name.as_deref().unwrap_or_default())).or_default();
        }
        let (mut count, mut replaced, mut candidates) = (0, Vec::new(), Vec::new());
        for all in by_node.values() {
            match self.pair(all) {
                None | Some((None, None) | (Some(_), Some(_))) => count += 1,
                Some((Some(new), None)) => count += i32::from(!self.is_available(new)),
                Some((None, Some(old))) if !self.is_available(old) => replaced.push(Arc::from(old.name())),
                Some((None, Some(old))) => candidates.push(Arc::from(old.name())),
            }
        }
        let left = usize::try_from(max_unavailable - count).unwrap_or(0);
        replaced.extend(candidates.into_iter().take(left));
        Changes { delete: replaced, ..Changes::default() }
    }

    /// Creates new pods beside old ones, and deletes old ones whose new one is available.
    fn surge(&self, max_surge: i32) -> Changes {
        let (mut count, mut changes, mut candidates) = (0, Changes::default(), Vec::new());
        for (name, all) in &self.by_node() {
            let Some((new, old)) = self.pair(all) else {
                count += 1;
                continue;
            };
            let Some(old) = old else { continue };
            let old_name: Arc<str> = Arc::from(old.name());
            match new {
                None => {
                    let node = self.stores.of(Kind::Node).get(&ObjectKey::new("", name));
                    let runs = |node: Arc<Object>| nodes::fit(self.typed(), node.expect::<Node>()).should_run;
                    if !node.is_some_and(runs) {
                        changes.delete.push(old_name);
                    } else if self.is_available(old) {
                        candidates.push(name.clone());
                    } else {
                        changes.create_on.push(name.clone());
                    }
                }
                Some(_) if !self.is_available(old) => changes.delete.push(old_name),
                Some(new) if self.is_available(new) => changes.delete.push(old_name),
                Some(_) => count += 1,
            }
        }
        let left = usize::try_from(max_surge - count).unwrap_or(0);
        changes.create_on.extend(candidates.into_iter().take(left));
        changes
    }
}
