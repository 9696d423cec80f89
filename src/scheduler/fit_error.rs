//! Why a pod fits nowhere, in the words that `kubectl describe` shows.
//!
//! Mirrors pkg/scheduler/framework `Diagnosis` and `FitError`.

use std::borrow::Cow;
use std::fmt;

use super::framework::{NodeToStatus, Rejection};
use crate::sim::persistent::OrdMap;

use crate::sim::Order;

/// What a failed cycle found out.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    pub statuses: NodeToStatus,
    pub unschedulable_plugins: Vec<&'static str>,
    /// What PreFilter said for every node; empty when it said nothing.
    pub pre_filter_message: String,
    /// What PostFilter said.
    pub post_filter_message: String,
}

impl Diagnosis {
    /// Remembers who rejected.
    pub fn add_plugin(&mut self, rejection: &Rejection) {
        if !rejection.plugin.is_empty() && !self.unschedulable_plugins.contains(&rejection.plugin) {
            self.unschedulable_plugins.push(rejection.plugin);
        }
    }
}

/// The pod fits on no node.
#[derive(Clone, Debug)]
pub struct FitError {
    pub all_nodes: usize,
    pub diagnosis: Diagnosis,
}

impl FitError {
    /// How many nodes gave each reason.
    pub fn reasons(&self) -> OrdMap<&str, usize> {
        let statuses = &self.diagnosis.statuses;
        let mut reasons: OrdMap<&str, usize> = OrdMap::new();
        for reason in statuses.nodes.values().flat_map(|rejection| &rejection.reasons) {
            *reasons.entry(reason).or_default() += 1;
        }
        let absent = self.all_nodes.saturating_sub(statuses.nodes.len());
        if absent > 0 {
            let said: &[Cow<'static, str>] = statuses.absent.as_ref().map_or(&[], |rejection| &rejection.reasons);
            for reason in said {
                *reasons.entry(reason).or_default() += absent;
            }
        }
        reasons
    }
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0/{} nodes are available:", self.all_nodes)?;
        if self.diagnosis.pre_filter_message.is_empty() {
            let mut lines: Vec<String> =
                self.reasons().iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            lines.order();
            if !lines.is_empty() {
                write!(f, " {}.", lines.join(", "))?;
            }
        } else {
            write!(f, " {}.", self.diagnosis.pre_filter_message)?;
        }
        if !self.diagnosis.post_filter_message.is_empty() {
            write!(f, " {}", self.diagnosis.post_filter_message)?;
        }
        Ok(())
    }
}
