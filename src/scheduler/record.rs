//! Decision records: what was weighed in a scheduling cycle, kept for whoever asks why.

use std::sync::Arc;

use crate::api::ObjectKey;
use crate::sim::{EventId, SimTime};

use super::framework::Rejection;
use super::what_if::Basis;

/// One plugin's opinion of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginScore {
    pub plugin: &'static str,
    /// As the plugin scored it.
    pub raw: i64,
    /// Brought to 0 … 100.
    pub normalized: i64,
    pub weight: i64,
}

impl PluginScore {
    /// What it adds to the total.
    pub fn weighted(&self) -> i64 {
        self.normalized * self.weight
    }
}

/// What the cycle found of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    pub node: Arc<str>,
    /// The filter that said no; those before it in `DecisionRecord::filters` said yes, those after it
    /// were not asked. `None` when all said yes.
    pub rejection: Option<Rejection>,
    /// What would have made the filter say yes; empty when nobody knows.
    pub remedy: String,
    /// The opinions, in the order of the plugins; empty when the node did not get that far, or was the
    /// only one left.
    pub scores: Vec<PluginScore>,
    /// The sum of the weighted scores.
    pub total: i64,
}

/// How the API server answered the binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// No answer yet.
    Pending,
    Bound,
    Failed(Arc<str>),
}

/// How the cycle ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A node was chosen.
    Node {
        node: Arc<str>,
        /// The nodes that shared the highest total: one of them was drawn.
        tied: Vec<Arc<str>>,
        binding: Binding,
    },
    /// No node fits.
    Unschedulable {
        /// As the FailedScheduling event has it.
        message: Arc<str>,
        /// The node that preemption makes room on; empty for none.
        nominated: Arc<str>,
        /// Who has to go for that.
        victims: Vec<ObjectKey>,
    },
    /// Something went wrong.
    Error { message: Arc<str> },
}

/// The record of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRecord {
    /// Attempts are numbered from 1.
    pub id: u64,
    pub pod: ObjectKey,
    pub uid: Arc<str>,
    /// Which try of this pod it was, from 1.
    pub attempt: u32,
    pub cause: EventId,
    pub start: SimTime,
    pub end: SimTime,
    pub all_nodes: usize,
    /// How many nodes the filters looked at.
    pub evaluated: usize,
    /// How many of them fit.
    pub feasible: usize,
    /// The filters that were asked, in order.
    pub filters: Vec<&'static str>,
    /// The filters that this pod does not concern.
    pub skipped: Vec<&'static str>,
    /// The nodes: all that were looked at in a small cluster; the best and some that were rejected in a
    /// large one.
    pub nodes: Vec<NodeRecord>,
    pub outcome: Outcome,
    /// What it was made from: to see what would have been decided otherwise. `None` for what is itself such a thought.
    pub basis: Option<Arc<Basis>>,
}

impl DecisionRecord {
    /// What was found of one node.
    pub fn node(&self, name: &str) -> Option<&NodeRecord> {
        self.nodes.iter().find(|record| &*record.node == name)
    }

    /// The node that was chosen.
    pub fn chosen(&self) -> Option<&Arc<str>> {
        match &self.outcome {
            Outcome::Node { node, .. } => Some(node),
            Outcome::Unschedulable { .. } | Outcome::Error { .. } => None,
        }
    }
}
