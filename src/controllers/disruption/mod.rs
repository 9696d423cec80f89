//! The disruption controller: how many pods of a budget may be evicted now.
//!
//! Mirrors pkg/controller/disruption. Leaves out: nothing that shows; the queue of rechecks is the delay of a key.

mod scale;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Kind, Object, Reason, Request, disruption, time};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::percent::scaled;
use super::plan::{Announce, Plan, Step, Write};
use super::pods;
use scale::Scales;

/// `DeletionTimeout`: how long an evicted pod may take to be marked for deletion.
const DELETION_MICROS: i64 = 120_000_000;
/// `stalePodDisruptionTimeout`: how long a pod that is not deleted may say that it is being disrupted.
const STALE_MICROS: i64 = 120_000_000;

/// Parts of a pod's work key.
const STALE: &str = "says it is being disrupted";
const SEVERAL: &str = "several budgets";
/// The scales of owners were asked for.
const SCALES: &str = "scales";
/// The status could not be written.
const UNWRITTEN: &str = "unwritten";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisruptionController;

/// The budgets that guard a pod, by name.
fn budgets_of(observed: &Observed, pod: &Object) -> Vec<Arc<Object>> {
    let all = observed.stores.of(Kind::PodDisruptionBudget);
    let guards = |own: &Arc<Object>| disruption::guards(own.expect(), pod.meta().labels.as_ref());
    all.in_namespace(pod.namespace()).filter(guards).collect()
}

/// How long until the mark that a pod is being disrupted is stale; `None` where it cannot become so.
fn stale_in(pod: &Pod, unix_micros: i64) -> Option<Duration> {
    if pods::is_terminating(pod) || pods::is_terminal(pod) {
        return None;
    }
    let mark = pods::condition(pod, "DisruptionTarget").filter(|mark| mark.status == "True")?;
    if mark.reason.as_deref() == Some("TerminationByKubelet") {
        return None;
    }
    let since = mark.last_transition_time.as_ref().map_or(0, time::unix_micros);
    Some(Duration::from_micros(u64::try_from(since + STALE_MICROS - unix_micros).unwrap_or(0)))
}

/// What the controller counts for a budget.
#[derive(Debug)]
struct Counts {
    expected: i32,
    desired: i32,
    healthy: i32,
    disrupted: BTreeMap<String, Time>,
    /// When a pod that was evicted should be on its way at the latest, in microseconds since the Unix epoch.
    recheck: Option<i64>,
}

/// `getExpectedPodCount`: expected pods and how many must be healthy. `None` where scales must be asked for first.
fn expected(budget: &PodDisruptionBudget, pods: usize, scales: &Scales) -> Result<(i32, i32), String> {
    let spec = budget.spec.clone().unwrap_or_default();
    let total = scales.total();
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => Ok((total, (total - scaled(most, total, true)?).max(0))),
        (None, Some(IntOrString::Int(least))) => Ok((i32::try_from(pods).unwrap_or(i32::MAX), *least)),
        (None, Some(least)) => Ok((total, scaled(least, total, true)?)),
        (None, None) => Ok((0, 0)),
    }
}

/// Whether the owners' scales count.
fn by_scale(budget: &PodDisruptionBudget) -> bool {
    let spec = budget.spec.as_ref();
    let least = spec.and_then(|spec| spec.min_available.as_ref());
    spec.is_some_and(|spec| spec.max_unavailable.is_some()) || matches!(least, Some(IntOrString::String(_)))
}

/// `buildDisruptedPodMap`: the evicted pods that are not on their way yet, and events about those that never were.
fn still_disrupted(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Object>],
    unix_micros: i64,
) -> (BTreeMap<String, Time>, Option<i64>, Vec<Step>) {
    let (mut left, mut recheck, mut events) = (BTreeMap::new(), None::<i64>, Vec::new());
    let Some(known) = budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref()) else {
        return (left, recheck, events);
    };
    for pod in pods.iter().filter(|pod| pod.meta().deletion_timestamp.is_none()) {
        let Some(since) = known.get(pod.name()) else { continue };
        let due = time::unix_micros(since) + DELETION_MICROS;
        if due < unix_micros {
            // Upstream has the namespace where the name should be.
            let namespace = pod.namespace();
            let text = format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't");
            events.push(Step::Event(Announce::warning(pod, "NotDeleted", text)));
        } else {
            recheck = Some(recheck.map_or(due, |known| known.min(due)));
            left.insert(pod.name().to_owned(), since.clone());
        }
    }
    (left, recheck, events)
}

/// `countHealthyPods`.
fn healthy(pods: &[Arc<Object>], disrupted: &BTreeMap<String, Time>, unix_micros: i64) -> i32 {
    let going = |pod: &Object| {
        let since = disrupted.get(pod.name()).map(time::unix_micros);
        pod.meta().deletion_timestamp.is_some() || since.is_some_and(|since| since + DELETION_MICROS > unix_micros)
    };
    let count = pods.iter().filter(|pod| !going(pod) && pod.get().is_some_and(pods::is_ready)).count();
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// `updatePdbStatus`: the status that the counts make, unless it is there already.
fn status_of(budget: &PodDisruptionBudget, counts: &Counts, now: &Time) -> Option<PodDisruptionBudgetStatus> {
    let spare = counts.healthy - counts.desired;
    let allowed = if counts.expected <= 0 { 0 } else { spare.max(0) };
    let old = budget.status.clone().unwrap_or_default();
    let disrupted = Some(counts.disrupted.clone()).filter(|pods| !pods.is_empty());
    let mut new = PodDisruptionBudgetStatus {
        conditions: old.conditions.clone(),
        current_healthy: Some(counts.healthy),
        desired_healthy: Some(counts.desired),
        disrupted_pods: disrupted,
        disruptions_allowed: Some(allowed),
        expected_pods: Some(counts.expected),
        observed_generation: budget.metadata.generation.filter(|generation| *generation != 0),
    };
    if disruption::is_up_to_date(budget) && same_counts(&new, &old) {
        return None;
    }
    disruption::update_condition(&mut new, now);
    Some(new)
}

fn same_counts(new: &PodDisruptionBudgetStatus, old: &PodDisruptionBudgetStatus) -> bool {
    let numbers = |own: &PodDisruptionBudgetStatus| {
        [own.current_healthy, own.desired_healthy, own.disruptions_allowed, own.expected_pods]
            .map(Option::unwrap_or_default)
    };
    numbers(new) == numbers(old)
        && new.observed_generation == old.observed_generation
        && new.disrupted_pods.iter().flatten().eq(old.disrupted_pods.iter().flatten())
}

/// The selector as Go prints a pointer to one.
fn go_selector(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else { return "nil".to_owned() };
    let labels: String =
        selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}: {value},")).collect();
    let rules = selector.match_expressions.iter().flatten().map(|own| {
        let values = own.values.as_deref().unwrap_or_default().join(" ");
        format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},", own.key, own.operator)
    });
    let rules: String = rules.collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{rules}}},}}"
    )
}

fn with_status(object: &Object, status: PodDisruptionBudgetStatus) -> Write {
    let mut object = object.clone();
    if let Object::PodDisruptionBudget(budget) = &mut object {
        budget.status = Some(status);
    }
    Write::new(Request::update_status(object))
}

/// `failSafe`: nothing may be evicted while the controller cannot count.
fn fail_safe(object: &Object, why: &str, unix_micros: i64) -> Plan {
    let mut status = object.expect::<PodDisruptionBudget>().status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    disruption::set_condition(&mut status, "False", disruption::SYNC_FAILED, why, &time::time(unix_micros));
    Plan::steps(format!("cannot count: {why}"), vec![with_status(object, status).step()])
}

/// `trySync`.
fn sync(turn: &Turn, object: &Object) -> Plan {
    let budget = object.expect::<PodDisruptionBudget>();
    let (stores, now) = (&turn.observed.stores, turn.observed.unix_micros);
    let all = stores.of(Kind::Pod).in_namespace(object.namespace());
    let picked = all.filter(|pod| disruption::guards(budget, pod.meta().labels.as_ref()));
    let pods: Vec<Arc<Object>> = picked.collect();
    let mut steps = Vec::new();
    let tell = |event: Announce, steps: &mut Vec<Step>| steps.push(Step::Event(event));
    if pods.is_empty() && turn.phase.is_empty() {
        tell(Announce::normal(object, "NoPods", "No matching pods found"), &mut steps);
    }
    let scales = if by_scale(budget) { scale::of_owners(stores, &pods, &turn.answers) } else { Ok(Scales::default()) };
    let counted = scales.and_then(|scales| Ok((expected(budget, pods.len(), &scales)?, scales)));
    let ((expected, desired), scales) = match counted {
        Ok((_, Scales { ask, .. })) if !ask.is_empty() => {
            let asks = ask.into_iter().map(|request| Write::new(request).tolerating(&[Reason::NotFound])).collect();
            steps.push(Step::Batch(asks));
            return Plan { then: Some(SCALES), ..Plan::steps("asks for the scale of owners it does not know", steps) };
        }
        Ok(counted) => counted,
        Err(why) => {
            let text = format!("Failed to calculate the number of expected pods: {why}");
            tell(Announce::warning(object, "CalculateExpectedPodCountFailed", text), &mut steps);
            let mut plan = fail_safe(object, &why, now);
            steps.append(&mut plan.steps);
            return Plan { steps, ..plan };
        }
    };
    if !scales.unmanaged.is_empty() {
        let selector = go_selector(budget.spec.as_ref().and_then(|spec| spec.selector.as_ref()));
        let text = format!(
            "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, \
             the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account \
             for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
        );
        tell(Announce::warning(object, "UnmanagedPods", text), &mut steps);
    }
    let (disrupted, recheck, mut events) = still_disrupted(budget, &pods, now);
    steps.append(&mut events);
    let healthy = healthy(&pods, &disrupted, now);
    let counts = Counts { expected, desired, healthy, disrupted, recheck };
    let summary = format!("{healthy} of {expected} pods healthy, {desired} must be");
    if let Some(status) = status_of(budget, &counts, &time::time(now)) {
        steps.push(with_status(object, status).recovering(UNWRITTEN).step());
    }
    let left = |due: i64| Duration::from_micros(u64::try_from(due - now).unwrap_or(0));
    Plan { requeue_after: counts.recheck.map(left), ..Plan::steps(summary, steps) }
}

/// `syncStalePodDisruption`.
fn sync_stale(turn: &Turn, object: &Object) -> Plan {
    let now = turn.observed.unix_micros;
    let Some(left) = stale_in(object.expect(), now) else {
        return Plan::nothing("it does not say that it is being disrupted, or goes");
    };
    if !left.is_zero() {
        return Plan { requeue_after: Some(left), ..Plan::nothing("its mark is not stale yet") };
    }
    let mut object = object.clone();
    if let Object::Pod(pod) = &mut object {
        let observed_generation = pod.metadata.generation;
        let conditions = pod.status.get_or_insert_default().conditions.iter_mut().flatten();
        for mark in conditions.filter(|condition| condition.type_ == "DisruptionTarget") {
            *mark = PodCondition {
                type_: mark.type_.clone(),
                status: "False".to_owned(),
                last_transition_time: Some(time::time(now)),
                observed_generation,
                ..PodCondition::default()
            };
        }
    }
    let write = Write::new(Request::update_status(object)).step();
    Plan::steps("it was to be disrupted and was not", vec![write])
}

fn several(turn: &Turn, pod: &Object) -> Plan {
    let budgets = budgets_of(&turn.observed, pod);
    let [first, _, ..] = budgets.as_slice() else { return Plan::nothing("one budget guards it, or none") };
    let text = format!(
        "Pod {:?}/{:?} matches multiple PodDisruptionBudgets.  Chose {:?} arbitrarily.",
        pod.namespace(),
        pod.name(),
        first.name()
    );
    let event = Announce::warning(pod, "MultiplePodDisruptionBudgets", text);
    Plan::steps("several budgets guard it", vec![Step::Event(event)])
}

impl Controller for DisruptionController {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn component(&self) -> &'static str {
        "controllermanager"
    }

    fn watches(&self) -> &'static [Kind] {
        const WATCHED: [Kind; 6] = {
            let [deployment, set, controller, stateful] = scale::OWNERS;
            [deployment, Kind::Pod, Kind::PodDisruptionBudget, set, controller, stateful]
        };
        &WATCHED
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::PodDisruptionBudget => vec![Enqueue::now(WorkKey::new(change.kind, change.key.clone()))],
            Kind::Pod => {
                let Some(pod) = change.new.as_ref().or(change.old.as_ref()) else { return Vec::new() };
                let budgets = budgets_of(observed, pod);
                let first = budgets.first().map(|own| WorkKey::new(own.kind(), own.key()));
                let mut wishes: Vec<Enqueue> = first.map(Enqueue::now).into_iter().collect();
                if budgets.len() > 1 {
                    wishes.push(Enqueue::now(WorkKey::part(Kind::Pod, pod.key(), SEVERAL)));
                }
                let stale = change.new.as_ref().and_then(|pod| stale_in(pod.get()?, observed.unix_micros));
                let later = |left| Enqueue::after(WorkKey::part(Kind::Pod, change.key.clone(), STALE), left);
                wishes.extend(stale.map(later));
                wishes
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        match (&*turn.key.detail, turn.phase) {
            (SEVERAL, _) => several(turn, object),
            (STALE, _) => sync_stale(turn, object),
            (_, UNWRITTEN) => {
                let failure = turn.answers.last().and_then(|answer| answer.failure());
                let why = failure.map_or_else(String::new, |failure| failure.message.clone());
                // Somebody was faster: it is looked at again, and nothing is unsafe.
                if failure.is_some_and(|failure| failure.reason == Some(Reason::Conflict)) {
                    return Plan { error: Some(why), ..Plan::nothing("the budget changed meanwhile") };
                }
                fail_safe(object, &why, turn.observed.unix_micros)
            }
            _ => sync(turn, object),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
