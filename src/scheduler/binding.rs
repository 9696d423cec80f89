//! After the scheduling cycle: binding cycles, and what is done about failures.
//!
//! Mirrors pkg/scheduler/schedule_one.go `bindingCycle` and `handleSchedulingFailure`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use serde_json::json;

use crate::api::fields::Field;
use crate::api::{Kind, Message, ObjectKey, Request, Response, Typed, http::content_type, time};
use crate::client::EventKind;
use crate::sim::{Ctx, SimTime};

use super::cluster_event::{ClusterEvent, EventResource, action};
use super::fit_error::FitError;
use super::framework::{PostFilterResult, Rejection};
use super::pod_info::{PodInfo, node_name};
use super::process::{BindingCycle, InCycle, Purpose, Scheduler};
use super::profile::Rules;
use super::queue::QueuedPod;
use super::record::{Binding, DecisionRecord, Outcome};
use super::recorder::Note;
use super::schedule_one::{Decision, NO_NODES, Verdict};

/// `v1.PodReasonUnschedulable`.
const UNSCHEDULABLE: &str = "Unschedulable";
/// `v1.PodReasonSchedulerError`.
const SCHEDULER_ERROR: &str = "SchedulerError";

impl DecisionRecord {
    /// The record of a decision. Takes the nodes' records out of it.
    pub(super) fn of(id: u64, queued: &QueuedPod, decision: &mut Decision, start: SimTime, end: SimTime) -> Self {
        let outcome = match &decision.verdict {
            Verdict::Node { node, tied } => {
                Outcome::Node { node: node.clone(), tied: tied.clone(), binding: Binding::Pending }
            }
            Verdict::NoNodes => {
                Outcome::Unschedulable { message: Arc::from(NO_NODES), nominated: Arc::from(""), victims: Vec::new() }
            }
            Verdict::Unfit { error, post_filter } => Outcome::Unschedulable {
                message: Arc::from(error.to_string()),
                nominated: post_filter.nominated_node.clone().unwrap_or_default(),
                victims: post_filter.victims.iter().map(|victim| victim.key.clone()).collect(),
            },
        };
        DecisionRecord {
            id,
            pod: queued.pod.key.clone(),
            uid: queued.pod.uid.clone(),
            attempt: queued.attempts,
            cause: queued.cause,
            start,
            end,
            all_nodes: decision.all_nodes,
            evaluated: decision.evaluated,
            feasible: decision.feasible,
            filters: std::mem::take(&mut decision.filters),
            skipped: std::mem::take(&mut decision.skipped),
            nodes: std::mem::take(&mut decision.nodes),
            outcome,
            basis: None,
        }
    }
}

impl Scheduler {
    /// The cycle's time is over: what was decided is done.
    pub(super) fn end_cycle(&mut self, ctx: &mut Ctx<'_, Message>) {
        let Some(InCycle { queued, decision, record }) = self.in_cycle.take() else { return };
        match &decision.verdict {
            Verdict::Node { node, .. } => self.begin_binding(ctx, queued, &decision, node, record),
            Verdict::NoNodes => {
                let result = PostFilterResult { nominated_node: Some(Arc::from("")), ..PostFilterResult::default() };
                // No plugin rejected it, so that upstream tries it again after a backoff.
                self.fail(ctx, queued, Vec::new(), UNSCHEDULABLE, NO_NODES.into_owned(), &result);
            }
            Verdict::Unfit { error, post_filter } => self.unfit(ctx, queued, error, post_filter),
        }
    }

    fn unfit(&mut self, ctx: &mut Ctx<'_, Message>, queued: QueuedPod, error: &FitError, result: &PostFilterResult) {
        let pod = queued.pod.clone();
        let plugins = error.diagnosis.unschedulable_plugins.clone();
        self.fail(ctx, queued, plugins, UNSCHEDULABLE, error.to_string(), result);
        let node = result.nominated_node.clone().unwrap_or_default();
        for victim in &result.victims {
            self.preempt(ctx, &pod, victim, &node);
        }
    }

    fn begin_binding(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        queued: QueuedPod,
        decision: &Decision,
        node: &Arc<str>,
        record: u64,
    ) {
        let profile = self.profiles.of(&queued.pod);
        let reserved = match self.cache.node(node) {
            Some(info) => profile.reserve_and_permit(&decision.state, &queued.pod, info),
            // It went while the pod was in its cycle: the binding will say so.
            None => Ok(Vec::new()),
        };
        let reserved = match reserved {
            Ok(reserved) => reserved,
            Err(rejection) => {
                self.rejected(ctx, queued, node, rejection);
                return;
            }
        };
        reserved.iter().for_each(|object| self.cache.volumes.assume(object));
        self.queue.done(&queued.pod.key);
        let cycle = Arc::new(BindingCycle { queued, node: node.clone(), record, start: ctx.now(), reserved });
        if cycle.reserved.is_empty() {
            self.bind(ctx, cycle);
        } else {
            self.write_volumes(ctx, cycle);
        }
    }

    /// Reserve or Permit said no to a node that had been chosen.
    fn rejected(&mut self, ctx: &mut Ctx<'_, Message>, queued: QueuedPod, node: &Arc<str>, rejection: Rejection) {
        self.cache.forget(&queued.pod.key);
        let mut error = FitError { all_nodes: 1, diagnosis: Default::default() };
        error.diagnosis.add_plugin(&rejection);
        error.diagnosis.statuses.nodes.insert(node.clone(), rejection);
        let message = error.to_string();
        let plugins = error.diagnosis.unschedulable_plugins;
        self.fail(ctx, queued, plugins, UNSCHEDULABLE, message, &PostFilterResult::default());
    }

    /// Sends the binding.
    pub(super) fn bind(&mut self, ctx: &mut Ctx<'_, Message>, cycle: Arc<BindingCycle>) {
        match self.profiles.of(&cycle.queued.pod).bind(&cycle.queued.pod, &cycle.node) {
            Ok(request) => {
                self.calls.send(ctx, request, Purpose::Bind(cycle));
            }
            Err(rejection) => self.binding_failed(ctx, &cycle, format!("binding rejected: {}", rejection.message())),
        }
    }

    /// The API server answered the binding, or will not any more.
    pub(super) fn on_bound(&mut self, ctx: &mut Ctx<'_, Message>, cycle: &BindingCycle, response: Option<&Response>) {
        let pod = &cycle.queued.pod;
        ctx.span("binding cycle", cycle.start, ctx.now(), format!("{} → {}", pod.key, cycle.node));
        match response {
            Some(response) if response.is_success() => {
                self.set_binding(cycle.record, Binding::Bound);
                self.profiles.of(pod).post_bind(pod, &cycle.node);
                let text = format!("Successfully assigned {} to {}", pod.key, cycle.node);
                let note = Note { kind: EventKind::Normal, reason: "Scheduled", action: "Binding", text };
                self.event(ctx, pod, None, note);
            }
            Some(response) => {
                let message =
                    response.status().map_or_else(|| format!("code {}", response.code), |s| s.message.clone());
                self.binding_failed(ctx, cycle, format!("binding rejected: {message}"));
            }
            None => {
                let message = "binding rejected: the connection to the API server was lost";
                self.binding_failed(ctx, cycle, message.to_owned());
            }
        }
    }

    /// The binding cycle failed: what was set aside is free again, and the pod is tried again.
    pub(super) fn binding_failed(&mut self, ctx: &mut Ctx<'_, Message>, cycle: &BindingCycle, message: String) {
        self.set_binding(cycle.record, Binding::Failed(Arc::from(message.trim_start_matches("binding rejected: "))));
        cycle.reserved.iter().for_each(|object| self.cache.volumes.restore(object));
        if self.cache.forget(&cycle.queued.pod.key) {
            // Room that was taken for it is free again: like a pod that was deleted.
            let event = ClusterEvent {
                resource: EventResource::AssignedPod,
                action: action::DELETE,
                old: Some(cycle.queued.pod.object().clone()),
                new: None,
                priority_max: None,
            };
            let rules = Rules { profiles: &self.profiles, cache: &self.cache };
            self.queue.on_event(rules, &event, ctx.now(), ctx.cause());
        }
        let result = PostFilterResult { nominated_node: Some(Arc::from("")), ..PostFilterResult::default() };
        self.fail(ctx, cycle.queued.clone(), Vec::new(), SCHEDULER_ERROR, message, &result);
    }

    /// `handleSchedulingFailure`: back into the queue, an event, and the pod's condition.
    fn fail(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut queued: QueuedPod,
        plugins: Vec<&'static str>,
        reason: &'static str,
        message: String,
        result: &PostFilterResult,
    ) {
        let key = queued.pod.key.clone();
        let current = self.pods.store().get(&key);
        let current = current.filter(|object| object.uid() == &*queued.pod.uid);
        // A pod that is gone, or was bound after all, has nothing to try again.
        match &current {
            Some(object) if node_name(object.expect()).is_empty() => {
                queued.pod = Arc::new(PodInfo::new(object));
                queued.unschedulable_plugins = plugins;
                let rules = Rules { profiles: &self.profiles, cache: &self.cache };
                self.queue.add_unschedulable(rules, queued.clone(), ctx.now());
                if let Some(node) = &result.nominated_node {
                    self.cache.nominate(&queued.pod, node);
                }
            }
            _ => self.queue.done(&key),
        }
        let note =
            Note { kind: EventKind::Warning, reason: "FailedScheduling", action: "Scheduling", text: message.clone() };
        self.event(ctx, &queued.pod, None, note);
        let nominated = result.nominated_node.as_deref();
        if let Some(patch) = condition_patch(&queued.pod, reason, &message, nominated, ctx.unix_micros()) {
            self.tell(ctx, patch);
        }
    }

    /// `PreemptPod`: a condition that says why, the deletion, and an event.
    fn preempt(&mut self, ctx: &mut Ctx<'_, Message>, pod: &PodInfo, victim: &PodInfo, node: &str) {
        if victim.leaving {
            return;
        }
        let scheduler = pod.scheduler_name();
        let message = format!("{scheduler}: preempting to accommodate a higher priority pod");
        let condition = PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some("PreemptionByScheduler".to_owned()),
            message: Some(message),
            observed_generation: victim.generation,
            last_transition_time: Some(time::time(ctx.unix_micros())),
            ..PodCondition::default()
        };
        self.tell(ctx, status_patch(&victim.key, json!({ "conditions": [condition.write()] })));
        self.tell(ctx, Request::delete(Kind::Pod.info(), &victim.key.namespace, &victim.key.name));
        let text = format!("Preempted by pod {} on node {node}", pod.uid);
        let note = Note { kind: EventKind::Normal, reason: "Preempted", action: "Preempting", text };
        self.event(ctx, victim, Some(pod), note);
    }
}

/// A write of a part of a pod's status.
pub(super) fn status_patch(key: &ObjectKey, status: serde_json::Value) -> Request {
    let patch = json!({ "status": status });
    let info = Kind::Pod.info();
    Request::patch(info, &key.namespace, &key.name, "status", content_type::STRATEGIC_MERGE_PATCH, patch)
}

/// The patch that says in the pod's status why it is not scheduled; `None` when it says so already.
fn condition_patch(
    pod: &PodInfo,
    reason: &str,
    message: &str,
    nominated: Option<&str>,
    unix_micros: i64,
) -> Option<Request> {
    let object: &Pod = Pod::of(pod.object())?;
    let conditions = object.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let old = conditions.iter().find(|condition| condition.type_ == "PodScheduled");
    let unchanged = old.is_some_and(|old| {
        old.status == "False" && old.reason.as_deref() == Some(reason) && old.message.as_deref() == Some(message)
    });
    let renominated = nominated.filter(|node| *node != pod.nominated_node());
    if unchanged && renominated.is_none() {
        return None;
    }
    let since = old.filter(|old| old.status == "False").and_then(|old| old.last_transition_time.clone());
    let condition = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        observed_generation: object.metadata.generation,
        last_transition_time: Some(since.unwrap_or_else(|| time::time(unix_micros))),
        ..PodCondition::default()
    };
    let mut status = json!({ "conditions": [condition.write()] });
    if let Some(node) = renominated {
        let node = if node.is_empty() { serde_json::Value::Null } else { node.into() };
        status["nominatedNodeName"] = node;
    }
    Some(status_patch(&pod.key, status))
}
