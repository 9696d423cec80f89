//! The status manager: reports a pod's status when it changed, one report at a time.
//!
//! Mirrors pkg/kubelet/status. Leaves out: the `GET` before each `PATCH` (the watch says as much).

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodStatus;
use serde_json::{Map, Value, json};

use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::http::content_type;
use crate::api::{Kind, Message, Object, Request, Response, patch};
use crate::client::Outcome;
use crate::sim::{Ctx, TraceHash};

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
    /// The digest of the last report: one that changes nothing is not sent again.
    last: Option<u64>,
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
    let (mut before, mut after) = (Map::new(), Map::new());
    // Only what differs is turned into JSON: most looks find nothing new.
    macro_rules! compare {
        ($($field:ident => $name:literal),* $(,)?) => {$(
            if old.$field != new.$field {
                note(&mut before, $name, &old.$field);
                note(&mut after, $name, &new.$field);
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
        pod_ips => "podIPs",
        qos_class => "qosClass",
        reason => "reason",
        start_time => "startTime",
    }
    let (known, own) = (old.conditions.as_deref().unwrap_or_default(), new.conditions.as_deref().unwrap_or_default());
    // An order alone is not worth a report.
    if own.iter().any(|condition| !known.contains(condition)) {
        note(&mut before, "conditions", &old.conditions);
        note(&mut after, "conditions", &new.conditions);
    }
    if before.is_empty() && after.is_empty() {
        return None;
    }
    // Addresses merge by their text, so that one that is gone has to be taken out by name.
    let (before, after) = (json!({ "status": before }), json!({ "metadata": { "uid": uid }, "status": after }));
    let patch = patch::two_way_strategic(Kind::Pod, &before, &after);
    Some(patch.unwrap_or_else(|error| panic!("two statuses of a pod cannot be compared: {error}")))
}

/// Puts a field where it is set, as `omitempty` does.
fn note(map: &mut Map<String, Value>, name: &str, field: &dyn Field) {
    let value = field.write();
    if !value.is_null() {
        map.insert(name.to_owned(), value);
    }
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
        let digest = Some(TraceHash::of(&patch.json()));
        if worker.status.last == digest {
            return;
        }
        worker.status.last = digest;
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
            worker.update(&object, None);
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
