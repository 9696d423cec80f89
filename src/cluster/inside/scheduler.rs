//! Inside the scheduler: the three queues, and what was weighed in a decision.

use std::sync::Arc;

use crate::scheduler::{DecisionRecord, Outcome, QueuedPod, Scheduler};

use super::what_if::{self, WhatIfInside};
use super::{Fact, Look, Within, named, span, until, yes};

/// Pods that are listed of a queue.
const QUEUED_MAX: usize = 12;
/// Decisions that are offered.
const DECISIONS_MAX: usize = 30;
/// Nodes whose no is explained.
const WHY_NOT_MAX: usize = 12;
/// Nodes that are drawn of a decision.
const NODES_MAX: usize = 24;

/// A pod in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    pub uid: Arc<str>,
    pub name: String,
    pub attempts: u32,
    /// Why it waits, and for how long where that is known.
    pub why: String,
    /// What would have made it fit, where the last attempt knows.
    pub remedy: String,
    /// The last attempt at it.
    pub decision: Option<u64>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInside {
    /// `activeQ`, `backoffQ`, `unschedulablePods`.
    pub name: &'static str,
    /// What it holds.
    pub holds: &'static str,
    pub pods: Vec<Queued>,
    pub total: usize,
}

/// Why a node was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyNot {
    pub node: Arc<str>,
    pub plugin: &'static str,
    pub message: String,
    pub remedy: String,
}

/// The scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerInside {
    pub facts: Vec<Fact>,
    pub queues: [QueueInside; 3],
    /// The last attempts, newest first: number and name.
    pub decisions: Vec<(u64, String)>,
    pub decision: Option<DecisionRecord>,
    /// What the pod of the decision asks for.
    pub asks: String,
    pub why_not: Vec<WhyNot>,
    /// How many nodes said no.
    pub refused: usize,
    /// What would have been decided otherwise.
    pub what_if: Option<WhatIfInside>,
}

pub(super) fn inside(within: &Within<'_>, look: &Look) -> SchedulerInside {
    let scheduler = within.world.scheduler();
    let queue = scheduler.queue();
    let (active, backoff, unschedulable) = queue.lengths();
    let records = scheduler.records();
    let chosen = look.chosen.and_then(|id| records.iter().find(|record| record.id == id)).or(records.back());
    let refused = chosen.map_or(0, |record| record.nodes.iter().filter(|node| node.rejection.is_some()).count());
    let in_cycle = queue.in_flight().map_or("no pod".to_owned(), |key| named(&key.namespace, &key.name));
    let decision = chosen.map(|record| {
        let mut record = (**record).clone();
        record.nodes.truncate(NODES_MAX);
        record
    });
    let queued = |pods: &mut dyn Iterator<Item = &QueuedPod>| -> Vec<Queued> {
        pods.take(QUEUED_MAX).map(|pod| waiting(within, scheduler, pod)).collect()
    };
    SchedulerInside {
        facts: vec![
            ("leads", yes(scheduler.leads())),
            ("identity", scheduler.leader().identity().to_string()),
            ("lease renewed at", within.clock(scheduler.leader().renewed_at())),
            ("attempts", scheduler.attempts().to_string()),
            ("in its cycle", in_cycle),
            ("nodes in its cache", scheduler.cache().len().to_string()),
        ],
        queues: [
            QueueInside {
                name: "activeQ",
                holds: "to be tried now, by priority and then by age",
                pods: queued(&mut queue.active()),
                total: active,
            },
            QueueInside {
                name: "backoffQ",
                holds: "may fit now, and wait out their back-off",
                pods: queued(&mut queue.backoff()),
                total: backoff,
            },
            QueueInside {
                name: "unschedulablePods",
                holds: "wait for something to change",
                pods: queued(&mut queue.unschedulable()),
                total: unschedulable,
            },
        ],
        decisions: records
            .iter()
            .rev()
            .take(DECISIONS_MAX)
            .map(|record| (record.id, format!("{} {}", record.id, named(&record.pod.namespace, &record.pod.name))))
            .collect(),
        asks: chosen.map(|record| asks(within, record)).unwrap_or_default(),
        why_not: chosen.map(|record| why_not(record)).unwrap_or_default(),
        what_if: chosen.and_then(|record| what_if::inside(record, &look.what_if)),
        decision,
        refused,
    }
}

fn waiting(within: &Within<'_>, scheduler: &Scheduler, queued: &QueuedPod) -> Queued {
    let now = within.now();
    let record = scheduler.records().iter().rev().find(|record| record.uid == queued.pod.uid);
    let outcome = record.map(|record| &record.outcome);
    let mut why = match (&queued.gated, outcome) {
        (Some(gate), _) => format!("{} keeps it out: {}", gate.plugin, gate.message()),
        (None, _) if queued.unschedulable_plugins.is_empty() && queued.consecutive_errors_count == 0 => {
            format!("has waited {}", span(now.since(queued.timestamp)))
        }
        (None, Some(Outcome::Unschedulable { message, .. } | Outcome::Error { message })) => message.to_string(),
        (None, _) => format!("refused by {}", queued.unschedulable_plugins.join(", ")),
    };
    if queued.backoff_expiration > now {
        why = format!("back-off ends {}. {why}", until(now, queued.backoff_expiration));
    }
    let remedy = record.and_then(|record| record.nodes.iter().map(|node| &node.remedy).find(|text| !text.is_empty()));
    Queued {
        uid: queued.pod.uid.clone(),
        name: named(&queued.pod.key.namespace, &queued.pod.key.name),
        attempts: queued.attempts,
        why,
        remedy: remedy.cloned().unwrap_or_default(),
        decision: record.map(|record| record.id),
    }
}

fn why_not(record: &DecisionRecord) -> Vec<WhyNot> {
    let refused = record.nodes.iter().filter_map(|node| {
        let rejection = node.rejection.as_ref()?;
        Some(WhyNot {
            node: node.node.clone(),
            plugin: rejection.plugin,
            message: rejection.message(),
            remedy: node.remedy.clone(),
        })
    });
    refused.take(WHY_NOT_MAX).collect()
}

/// `cpu 500m, memory 512Mi`: what the pod of a decision asks for; empty once it is gone.
fn asks(within: &Within<'_>, record: &DecisionRecord) -> String {
    let Some(object) = within.world.object(crate::api::Kind::Pod, &record.pod) else { return String::new() };
    let Some(spec) = object.get::<k8s_openapi::api::core::v1::Pod>().and_then(|pod| pod.spec.as_ref()) else {
        return String::new();
    };
    let requests = crate::api::resources::pod_requests(spec);
    let list: Vec<String> = requests.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
    if list.is_empty() { "no resources".to_owned() } else { list.join(", ") }
}
