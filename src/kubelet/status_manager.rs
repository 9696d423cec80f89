//! The status manager: reports a pod's status when it changed, one report at a time.
//!
//! Mirrors pkg/kubelet/status. Leaves out: the `GET` before each `PATCH` (the watch says as much).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::http::content_type;
use crate::api::{Kind, Message, Object, Request, Response};
use crate::client::Outcome;
use crate::sim::Ctx;

use super::pod;
use super::pod_workers::Stage;
use super::process::{Call, Kubelet};

/// Where the reports of one pod stand.
#[derive(Clone, Debug, Default)]
pub struct StatusState {
    /// A report is under way.
    sending: bool,
    /// It changed meanwhile, or the report failed.
    dirty: bool,
    /// The last report: one that changes nothing is not sent again.
    last: Option<Arc<Value>>,
    /// The last deletion was asked for.
    pub deleting: bool,
}

impl StatusState {
    /// Whether the API server does not have the last status yet.
    pub fn busy(&self) -> bool {
        self.sending || self.dirty
    }
}

/// What turns `old` into `new` as a strategic merge patch; `None` where they are the same. Fields that
/// the kubelet does not report (a nomination, claims) are left alone.
pub fn status_patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Option<Value> {
    let mut changed = Map::new();
    // Only what differs is turned into JSON: most looks find nothing new.
    macro_rules! compare {
        ($($field:ident => $name:literal),* $(,)?) => {$(
            if old.$field != new.$field {
                changed.insert($name.to_owned(), json(&new.$field));
            }
        )*};
    }
    compare! {
        container_statuses => "containerStatuses",
        host_ip => "hostIP",
        host_ips => "hostIPs",
        init_container_statuses => "initContainerStatuses",
        message => "message",
        observed_generation => "observedGeneration",
        phase => "phase",
        pod_ip => "podIP",
        qos_class => "qosClass",
        reason => "reason",
        start_time => "startTime",
    }
    if old.pod_ips != new.pod_ips {
        let ips = json(&new.pod_ips);
        changed.insert("$setElementOrder/podIPs".to_owned(), ips.clone());
        changed.insert("podIPs".to_owned(), ips);
    }
    conditions_patch(old.conditions.as_deref(), new.conditions.as_deref(), &mut changed);
    (!changed.is_empty()).then(|| json!({ "metadata": { "uid": uid }, "status": changed }))
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| panic!("a status cannot be written as JSON: {error}"))
}

/// Conditions are merged by type: only those that changed are sent, with the order of all.
fn conditions_patch(old: Option<&[PodCondition]>, new: Option<&[PodCondition]>, changed: &mut Map<String, Value>) {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let mut patch = Vec::new();
    for condition in new {
        let before = old.iter().find(|before| before.type_ == condition.type_);
        if before == Some(condition) {
            continue;
        }
        let mut merged = json(condition);
        if let (Some(before), Some(merged)) = (before, merged.as_object_mut()) {
            for (gone, name) in [(before.reason.is_some(), "reason"), (before.message.is_some(), "message")] {
                if gone {
                    merged.entry(name).or_insert(Value::Null);
                }
            }
        }
        patch.push(merged);
    }
    // An order alone is not worth a report.
    if patch.is_empty() {
        return;
    }
    let order: Vec<Value> = new.iter().map(|condition| json!({ "type": condition.type_ })).collect();
    changed.insert("$setElementOrder/conditions".into(), Value::Array(order));
    changed.insert("conditions".into(), Value::Array(patch));
}

impl Kubelet {
    /// Generates a pod's status anew, and reports it if it changed.
    pub(super) fn update_status(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let now = ctx.unix_micros();
        let host_ip = self.config.internal_ip.clone();
        let Some(worker) = self.worker_mut(uid) else { return };
        if worker.gone {
            worker.status = StatusState::default();
            return;
        }
        if worker.status.sending {
            worker.status.dirty = true;
            return;
        }
        worker.status.dirty = false;
        let none = PodStatus::default();
        let old = pod::pod(&worker.pod).status.as_ref().unwrap_or(&none);
        let new = super::status::generate(worker, &host_ip, now);
        let Some(patch) = status_patch(uid, old, &new) else { return };
        if worker.status.last.as_deref() == Some(&patch) {
            return;
        }
        worker.status.last = Some(Arc::new(patch.clone()));
        worker.status.sending = true;
        let key = worker.key.clone();
        let request = Request::patch(
            Kind::Pod.info(),
            &key.namespace,
            &key.name,
            "status",
            content_type::STRATEGIC_MERGE_PATCH,
            patch,
        );
        self.calls.send(ctx, request, Call::Status { uid: uid.clone() });
    }

    /// A report was answered, or the connection went away under it.
    pub(super) fn status_answered(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, response: Option<&Response>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.status.sending = false;
        let Some(response) = response else {
            // It is sent again when the API server is back.
            worker.status.dirty = true;
            worker.status.last = None;
            return;
        };
        let object: Option<Arc<Object>> = response.object().cloned();
        if let Some(object) = object.filter(|object| object.uid() == &**uid) {
            worker.update(&object);
        }
        let refused = !response.is_success();
        if refused {
            worker.status.last = None;
        }
        let dirty = std::mem::take(&mut worker.status.dirty);
        let terminated = worker.stage == Stage::Terminated;
        if dirty && !refused {
            self.update_status(ctx, uid);
        }
        if terminated && !refused {
            self.finish_terminated(ctx, uid);
        }
        if refused && response.code != 404 {
            self.wake_pod(ctx, uid, super::config::BACK_OFF_PERIOD);
        }
    }

    /// The API server is back: what could not be reported is.
    pub(super) fn report_again(&mut self, ctx: &mut Ctx<'_, Message>) {
        let waiting: Vec<Arc<str>> =
            self.workers.iter().filter(|(_, worker)| worker.status.dirty).map(|(uid, _)| uid.clone()).collect();
        for uid in waiting {
            self.update_status(ctx, &uid);
            if self.workers.get(&uid).is_some_and(|worker| worker.stage == Stage::Terminated) {
                self.finish_terminated(ctx, &uid);
            }
        }
    }

    /// The deletion of a terminated pod was answered.
    pub(super) fn deletion_answered(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, outcome: &Outcome<Call>) {
        let gone = outcome.response.as_ref().is_some_and(|response| response.is_success() || response.code == 404);
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.status.deleting = false;
        if !gone {
            worker.status.dirty = outcome.response.is_none();
            if outcome.response.is_some() {
                self.wake_pod(ctx, uid, super::config::BACK_OFF_PERIOD);
            }
            return;
        }
        // The watch says so too; until it does the worker stays, so that the pod is not taken for a new one.
        worker.gone = true;
    }
}
