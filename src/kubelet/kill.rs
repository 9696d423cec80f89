//! The end of a container: preStop, then a signal, then after the grace another.
//!
//! Mirrors pkg/kubelet/kuberuntime `killContainer` and pkg/kubelet/lifecycle.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::LifecycleHandler;

use crate::api::cri::{CriRequest, CriResponse};
use crate::api::{Message, Object};
use crate::client::EventKind;
use crate::sim::{Ctx, SimTime};

use super::config::MINIMUM_GRACE_PERIOD_SECONDS;
use super::pod;
use super::pod_workers::Stage;
use super::process::{Kubelet, Timer};
use super::runtime::CriCall;
use super::sync::Step;

/// A container on its way out.
#[derive(Clone, Debug)]
pub struct Kill {
    pub name: String,
    grace_seconds: u64,
    began: SimTime,
    /// The preStop hook runs; its timer ends it.
    hook: Option<u64>,
}

impl Kubelet {
    /// The request that runs a hook; `None` where it does nothing.
    pub(super) fn hook_request(
        &self,
        object: &Object,
        name: &str,
        hook: &LifecycleHandler,
        container_id: &Arc<str>,
        sandbox_id: &Arc<str>,
    ) -> Option<CriRequest> {
        if let Some(exec) = &hook.exec {
            let command = exec.command.clone().unwrap_or_default();
            return Some(CriRequest::ExecSync { container_id: container_id.clone(), command });
        }
        let http = hook.http_get.as_ref()?;
        let (_, container) = pod::container(pod::spec(object), name)?;
        let path = http.path.clone().unwrap_or_else(|| "/".to_owned());
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        Some(CriRequest::Connect {
            sandbox_id: sandbox_id.clone(),
            port: pod::port(container, &http.port)?,
            path: Some(path),
        })
    }

    /// Begins to kill a container, unless that is under way.
    pub(super) fn kill_container(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        container_id: &Arc<str>,
        name: &str,
        message: &str,
        grace_seconds: Option<u64>,
    ) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        if worker.kills.contains_key(container_id) {
            return;
        }
        let spec = pod::spec(&worker.pod);
        let grace = grace_seconds.unwrap_or_else(|| pod::grace_period_seconds(&worker.pod));
        self.container_event(ctx, &worker.pod, name, EventKind::Normal, "Killing", message);
        let mut kill = Kill { name: name.to_owned(), grace_seconds: grace, began: ctx.now(), hook: None };
        let hook = pod::container(spec, name).and_then(|(_, container)| container.lifecycle.as_ref()?.pre_stop.clone());
        let sandbox = worker.seen.sandbox().map(|sandbox| sandbox.id.clone()).unwrap_or_default();
        let Some(hook) = hook.filter(|_| grace > 0) else {
            self.keep_kill(uid, container_id, kill);
            self.stop_container(ctx, uid, container_id);
            return;
        };
        let request = self.hook_request(&worker.pod, name, &hook, container_id, &sandbox);
        let sleep = hook.sleep.as_ref().map(|sleep| u64::try_from(sleep.seconds).unwrap_or(0));
        if request.is_none() && sleep.is_none() {
            self.keep_kill(uid, container_id, kill);
            self.stop_container(ctx, uid, container_id);
            return;
        }
        // The hook has the grace period at most; a sleep ends by itself.
        let limit = Duration::from_secs(sleep.unwrap_or(grace).min(grace));
        let timer = Timer::PreStop { uid: uid.clone(), container_id: container_id.clone() };
        kill.hook = Some(self.set_timer(ctx, limit, timer));
        self.keep_kill(uid, container_id, kill);
        if let Some(request) = request {
            let call = CriCall::PreStop { uid: uid.clone(), container_id: container_id.clone() };
            self.cri.send(ctx, request, call);
        }
    }

    fn keep_kill(&mut self, uid: &Arc<str>, container_id: &Arc<str>, kill: Kill) {
        if let Some(worker) = self.worker_mut(uid) {
            worker.kills.insert(container_id.clone(), kill);
        }
    }

    /// The preStop hook ended, by itself (with a response) or because its time was over.
    pub(super) fn pre_stop_done(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        container_id: &Arc<str>,
        response: Option<&CriResponse>,
    ) {
        let Some(worker) = self.worker_mut(uid) else { return };
        let pod = worker.pod.clone();
        let Some(kill) = worker.kills.get_mut(container_id) else { return };
        let Some(timer) = kill.hook.take() else { return };
        let name = kill.name.clone();
        self.cancel(timer);
        let failed = match response {
            Some(CriResponse::ExecSync { exit_code, .. }) => *exit_code != 0,
            Some(CriResponse::Connect { code, .. }) => *code >= 400,
            Some(CriResponse::Failed(_)) => true,
            _ => false,
        };
        if failed {
            self.container_event(ctx, &pod, &name, EventKind::Warning, "FailedPreStopHook", "PreStopHook failed");
        }
        self.stop_container(ctx, uid, container_id);
    }

    fn stop_container(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, container_id: &Arc<str>) {
        let now = ctx.now();
        let Some(kill) = self.worker_mut(uid).and_then(|worker| worker.kills.get(container_id)) else { return };
        let spent = now.since(kill.began).as_secs();
        let left = kill.grace_seconds.saturating_sub(spent);
        // A container is always given a moment, unless none was wanted.
        let timeout_seconds = match (kill.grace_seconds, spent) {
            (seconds, 0) => seconds,
            _ => left.max(MINIMUM_GRACE_PERIOD_SECONDS),
        };
        let request = CriRequest::StopContainer { container_id: container_id.clone(), timeout_seconds };
        let call = CriCall::Stop { uid: uid.clone(), container_id: container_id.clone() };
        self.cri.send(ctx, request, call);
    }

    /// The runtime stopped a container.
    pub(super) fn container_stopped(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, container_id: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.kills.remove(container_id);
        if matches!(worker.stage, Stage::Terminating(_)) {
            self.terminate(ctx, uid);
            return;
        }
        let waited = worker.chain.as_ref().is_some_and(|chain| match &chain.current {
            Some(Step::Kill { container_id: waited, .. }) => waited == container_id,
            // A postStart hook that failed.
            Some(Step::Start { .. }) => true,
            _ => false,
        });
        if waited {
            self.advance(ctx, uid);
        }
    }
}
