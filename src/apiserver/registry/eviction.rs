//! `pods/eviction`: deletes a pod, if its disruption budget allows.
//!
//! Mirrors pkg/registry/core/pod/storage/eviction.go. Leaves out: the pauses between its tries (a lost race is tried
//! again at once, on what etcd has).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{StatusCause, StatusDetails};
use serde_json::json;

use crate::api::{Body, Kind, Message, Object, Reason, Status, disruption, time};
use crate::sim::Ctx;

use super::super::options::DeleteOptions;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::errand::Work;
use super::mutation::{Change, Decision, Mutation};
use super::{body, delete};

/// `MaxDisruptedPodSize`.
const DISRUPTED_MAX: usize = 2000;
/// The steps of `EvictionsRetry`.
const ATTEMPTS_MAX: u32 = 20;

/// How far an eviction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The pod is read.
    Look,
    /// Its budget gives one disruption away.
    Disrupt,
    /// The pod is marked as `DisruptionTarget`.
    Mark,
    Delete,
}

/// An eviction under way.
#[derive(Clone, Debug)]
pub struct Eviction {
    resource: Resource,
    step: Step,
    /// What the client asked for.
    options: DeleteOptions,
    /// The version that the pod must still have, because what was decided hangs on it.
    version: Option<String>,
    /// The budget; empty for none.
    budget: String,
    /// Whether the pod's phase put it beyond any budget.
    beyond: bool,
    attempts: u32,
}

fn success() -> Result<(u16, Body), Status> {
    Ok((201, delete::success(None)))
}

/// `NewTooManyRequests` with the budget's cause.
fn too_many(cause: String, retry_seconds: i32) -> Status {
    let mut status = Status::new(Reason::TooManyRequests, disruption::REFUSED);
    status.details = Some(StatusDetails {
        causes: Some(vec![StatusCause {
            field: None,
            message: Some(cause),
            reason: Some("DisruptionBudget".to_owned()),
        }]),
        retry_after_seconds: Some(retry_seconds).filter(|seconds| *seconds > 0),
        ..StatusDetails::default()
    });
    status
}

/// `createTooManyRequestsError`.
fn still_processed(budget: &str) -> Status {
    too_many(format!("The disruption budget {budget} is still being processed by the server."), 10)
}

/// `canIgnorePDB`: its phase has disrupted it already, or it never served.
fn is_beyond(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed" | "Pending")) || pod.metadata.deletion_timestamp.is_some()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether the pod, not being healthy, may go whatever its budget has left.
fn goes_unhealthy(pod: &Pod, budget: &PodDisruptionBudget) -> bool {
    if is_ready(pod) {
        return false;
    }
    let policy = budget.spec.as_ref().and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref());
    let status = budget.status.clone().unwrap_or_default();
    let (healthy, desired) = (status.current_healthy.unwrap_or(0), status.desired_healthy.unwrap_or(0));
    policy == Some("AlwaysAllow") || healthy >= desired && desired > 0
}

impl ApiServer {
    /// `POST` of an Eviction.
    pub(super) fn evict(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let options = body::value(&call.request).and_then(|body| {
            let eviction = body.as_deref();
            let name = eviction.and_then(|eviction| eviction.pointer("/metadata/name")?.as_str()).unwrap_or_default();
            if *name != *resource.name {
                return Err(Status::new(Reason::BadRequest, "name in URL does not match name in Eviction object"));
            }
            DeleteOptions::read(&call.request, eviction.and_then(|eviction| eviction.get("deleteOptions")))
        });
        call.stage(ctx, Stage::Validation);
        match options {
            Ok(options) => {
                let resource = Resource { subresource: Arc::from(""), ..resource };
                let (version, budget) = (options.resource_version.clone(), String::new());
                let eviction =
                    Eviction { resource, step: Step::Look, options, version, budget, beyond: false, attempts: 0 };
                self.take_step(ctx, call, eviction);
            }
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    fn take_step(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, eviction: Eviction) {
        let (resource, dry_run) = (eviction.resource.clone(), eviction.options.dry_run);
        let pinned = DeleteOptions { resource_version: eviction.version.clone(), ..eviction.options.clone() };
        let (resource, change) = match eviction.step {
            Step::Look => (resource, Change::Look),
            Step::Disrupt => {
                let pod = resource.name.clone();
                let name = Arc::from(eviction.budget.as_str());
                (Resource { kind: Kind::PodDisruptionBudget, name, ..resource }, Change::Disrupt { pod })
            }
            Step::Mark => (resource, Change::Mark(pinned)),
            Step::Delete => (resource, Change::Delete(pinned)),
        };
        let work = Work::Evict(Box::new(eviction));
        self.send_on_errand(ctx, call, work, Mutation { resource, change, dry_run });
    }

    /// A step is answered.
    pub(super) fn eviction_went_on(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mut eviction: Eviction,
        result: Result<(u16, Body), Status>,
    ) {
        let next = match (eviction.step, result) {
            (Step::Look, Ok((_, Body::Object(pod)))) => self.judge(&mut eviction, &pod),
            (Step::Disrupt, Ok(_)) => Ok(eviction.first_write()),
            (Step::Mark, Ok((_, body))) => {
                // The mark is this server's own: what comes hangs on the version it gave.
                if let (Some(version), Body::Object(pod)) = (&mut eviction.version, &body) {
                    *version = pod.meta().resource_version.clone().unwrap_or_default();
                }
                Ok(Step::Delete)
            }
            (Step::Delete, Ok(_)) => return self.respond(ctx, call, success()),
            (Step::Mark | Step::Delete, Err(status))
                if status.reason == Reason::Conflict && eviction.options.resource_version.is_none() =>
            {
                eviction.lost_race(status)
            }
            (_, Err(status)) => Err(Some(status)),
            (_, Ok(_)) => unreachable!("a pod is read as an object"),
        };
        match next {
            Ok(step) => {
                eviction.step = step;
                self.take_step(ctx, call, eviction);
            }
            Err(Some(status)) => self.respond(ctx, call, Err(status)),
            Err(None) => self.respond(ctx, call, Ok((500, several_budgets()))),
        }
    }

    /// What the pod and its budgets make of an eviction: the next step, or why there is none (`None` where more than
    /// one budget guards it).
    fn judge(&self, eviction: &mut Eviction, pod: &Object) -> Result<Step, Option<Status>> {
        let own = pod.expect::<Pod>();
        let asked = &eviction.options.resource_version;
        if is_beyond(own) {
            eviction.beyond = true;
            let phase = own.status.as_ref().and_then(|status| status.phase.as_deref());
            let ended = matches!(phase, Some("Succeeded" | "Failed")) || own.metadata.deletion_timestamp.is_some();
            // A pending one may become ready meanwhile, and then it counts.
            let seen = own.metadata.resource_version.clone();
            eviction.version = asked.clone().or(if ended { None } else { seen });
            return Ok(eviction.first_write());
        }
        eviction.version.clone_from(asked);
        let budgets = self.budgets_of(pod);
        let [budget] = budgets.as_slice() else {
            return if budgets.is_empty() { Ok(eviction.first_write()) } else { Err(None) };
        };
        eviction.budget = budget.name().to_owned();
        if goes_unhealthy(own, budget.expect()) {
            eviction.version.clone_from(&own.metadata.resource_version);
            return Ok(eviction.first_write());
        }
        Ok(Step::Disrupt)
    }

    /// `getPodDisruptionBudgets`.
    fn budgets_of(&self, pod: &Object) -> Vec<Arc<Object>> {
        let prefix = Kind::PodDisruptionBudget.info().etcd_key(pod.namespace(), "");
        let all = self.cache.objects(Kind::PodDisruptionBudget, &prefix, &prefix);
        let budgets = all.map(|(_, stored)| stored.object());
        budgets.filter(|budget| disruption::guards(budget.expect(), pod.meta().labels.as_ref())).collect()
    }
}

impl Eviction {
    /// A dry run marks nothing.
    fn first_write(&self) -> Step {
        if self.options.dry_run { Step::Delete } else { Step::Mark }
    }

    /// Somebody changed the pod meanwhile.
    fn lost_race(&mut self, status: Status) -> Result<Step, Option<Status>> {
        self.attempts += 1;
        match (self.beyond, self.version.is_some()) {
            (true, _) if self.attempts < ATTEMPTS_MAX => Ok(Step::Look),
            (false, true) => Err(Some(still_processed(&self.budget))),
            _ => Err(Some(status)),
        }
    }
}

/// What is said of a pod with more than one budget: a Status without a reason.
fn several_budgets() -> Body {
    Body::Json(Arc::new(json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": disruption::SEVERAL,
        "code": 500,
    })))
}

/// `checkAndDecrement`: a budget gives one disruption away, and waits for the pod to go.
pub(super) fn disrupted(current: &Arc<Object>, pod: &str, now_unix_micros: i64) -> Result<Decision, Status> {
    let mut object = (**current).clone();
    let (info, name) = (current.info(), current.name());
    let Object::PodDisruptionBudget(budget) = &mut object else { unreachable!("only budgets are disrupted") };
    let status = budget.status.get_or_insert_default();
    // Upstream has the resource in the singular here.
    let forbidden = |why: &str| {
        let mut status = Status::forbidden(info, name, why);
        status.message = format!("poddisruptionbudget.policy \"{name}\" is forbidden: {why}");
        if let Some(details) = &mut status.details {
            details.kind = Some("poddisruptionbudget".to_owned());
        }
        status
    };
    if status.observed_generation.unwrap_or(0) < budget.metadata.generation.unwrap_or(0) {
        return Err(still_processed(name));
    }
    let allowed = status.disruptions_allowed.unwrap_or(0);
    if allowed < 0 {
        return Err(forbidden("pdb disruptions allowed is negative"));
    }
    if status.disrupted_pods.as_ref().map_or(0, |pods| pods.len()) > DISRUPTED_MAX {
        return Err(forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller"));
    }
    if let Some(cause) = disruption::refusal(current.expect()) {
        return Err(too_many(cause, 0));
    }
    let now = time::time(now_unix_micros);
    status.disruptions_allowed = Some(allowed - 1);
    if allowed == 1 {
        disruption::update_condition(status, &now);
    }
    status.disrupted_pods.get_or_insert_default().insert(pod.to_owned(), now);
    Ok(Decision::Put { object: Box::new(object), then_delete: false })
}

/// The pod with the condition that says it is being evicted, if it is still the one that was meant.
pub(super) fn marked(current: &Arc<Object>, options: &DeleteOptions, now_unix_micros: i64) -> Result<Decision, Status> {
    // Upstream has the kind where the resource should be.
    delete::preconditions(current.info(), options, current).map_err(|mut status| {
        status.message = status.message.replacen("on pods ", "on Pod ", 1);
        if let Some(details) = &mut status.details {
            details.kind = Some("Pod".to_owned());
        }
        status
    })?;
    let mut object = (**current).clone();
    let Object::Pod(pod) = &mut object else { unreachable!("only pods are evicted") };
    let observed_generation = pod.metadata.generation;
    let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
    let at = conditions.iter().position(|condition| condition.type_ == "DisruptionTarget");
    let since = at.map(|at| &conditions[at]).filter(|own| own.status == "True");
    let since = since.and_then(|own| own.last_transition_time.clone());
    let condition = PodCondition {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: Some("EvictionByEvictionAPI".to_owned()),
        message: Some("Eviction API: evicting".to_owned()),
        last_transition_time: Some(since.unwrap_or_else(|| time::time(now_unix_micros))),
        observed_generation,
        ..PodCondition::default()
    };
    match at {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    if object == **current {
        return Ok(Decision::Keep(current.clone()));
    }
    Ok(Decision::Put { object: Box::new(object), then_delete: false })
}
