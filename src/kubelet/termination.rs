//! The end of a pod: its containers, its sandbox, its volumes, its last status, its object.
//!
//! Mirrors pkg/kubelet `SyncTerminatingPod`, `SyncTerminatedPod` and the status manager's deletion.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::api::cri::{ContainerState, CriRequest};
use crate::api::{Body, Kind, Message, Request};
use crate::sim::Ctx;
use crate::sim::persistent::OrdSet;

use super::pod::{self, Role, is_deleted};
use super::pod_workers::{Stage, Worker};
use super::process::{Call, Kubelet, Timer};
use super::runtime::CriCall;

/// How far a termination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// A step of the last sync is still under way.
    Settling,
    /// Waiting for a fresh look at what runs.
    Looking,
    Killing,
    StoppingSandbox,
    /// Waiting for a look at how everything ended.
    Ending,
}

/// How long the volumes of a pod take to be torn down.
const TEAR_DOWN: Duration = Duration::from_millis(100);

impl Kubelet {
    /// The pod is to end: nothing new is started.
    pub(super) fn begin_termination(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.stage = Stage::Terminating(Termination::Settling);
        if let Some((_, timer)) = worker.wake.take() {
            self.cancel(timer);
        }
        if let Some(worker) = self.worker_mut(uid)
            && worker.chain.as_ref().is_some_and(|chain| chain.can_be_dropped())
        {
            worker.chain = None;
        }
        self.next_pull(ctx);
        self.update_status(ctx, uid);
        self.terminate(ctx, uid);
    }

    fn set_termination(&mut self, uid: &Arc<str>, termination: Termination) {
        if let Some(worker) = self.worker_mut(uid) {
            worker.stage = Stage::Terminating(termination);
        }
    }

    /// Does what is next of a termination.
    pub(super) fn terminate(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Stage::Terminating(termination) = &worker.stage else { return };
        match termination {
            Termination::Settling if worker.chain.is_some() => {}
            Termination::Settling => {
                self.set_termination(uid, Termination::Looking);
                self.looking.insert(uid.clone());
                self.relist(ctx);
            }
            Termination::Killing => {
                let running = self.kill_pod(ctx, uid, &worker);
                if !running {
                    self.stop_sandbox(ctx, uid, &worker);
                }
            }
            Termination::Looking | Termination::StoppingSandbox | Termination::Ending => {}
        }
    }

    /// A relist is done: those who waited for one go on.
    pub(super) fn relisted(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.pleg_wanted_again() {
            return;
        }
        for uid in std::mem::take(&mut self.looking) {
            let Some(worker) = self.workers.get(&uid).cloned() else { continue };
            match worker.stage {
                Stage::Terminating(Termination::Looking) => {
                    self.set_termination(&uid, Termination::Killing);
                    self.terminate(ctx, &uid);
                }
                Stage::Terminating(Termination::Ending) => {
                    self.stop_probes(ctx, &uid);
                    self.update_status(ctx, &uid);
                    self.set_timer(ctx, TEAR_DOWN, Timer::TearDown { uid: uid.clone() });
                }
                _ => {}
            }
        }
    }

    /// Kills what runs, sidecars last and in reverse order. False when nothing runs any more.
    fn kill_pod(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, worker: &Worker) -> bool {
        let spec = pod::spec(&worker.pod);
        let running: OrdSet<&str> = worker
            .seen
            .containers
            .iter()
            .filter(|status| status.state == ContainerState::Running && !worker.killed(&status.id))
            .map(|status| &*status.name)
            .collect();
        if running.is_empty() {
            return !worker.kills.is_empty();
        }
        let roles: Vec<(Role, &str)> =
            pod::containers(spec).map(|(role, container)| (role, container.name.as_str())).collect();
        let main: Vec<&str> = roles
            .iter()
            .filter(|(role, name)| *role != Role::Sidecar && running.contains(name))
            .map(|(_, name)| *name)
            .collect();
        let busy = |name: &str| worker.kills.values().any(|kill| kill.name == name);
        let next: Vec<&str> = if main.is_empty() {
            let under_way = roles.iter().any(|(role, name)| *role != Role::Sidecar && busy(name));
            let sidecar = roles.iter().rev().find(|(role, name)| *role == Role::Sidecar && running.contains(name));
            sidecar.filter(|_| !under_way).map(|(_, name)| *name).into_iter().collect()
        } else {
            main
        };
        let grace = worker.pod.meta().deletion_grace_period_seconds.map(|grace| u64::try_from(grace).unwrap_or(0));
        // A pod that is gone from the API was deleted with no grace: containers get a second;
        // those of an evicted one too (`immediateEvictionGracePeriodSeconds`).
        let evicted = worker.failure.as_ref().is_some_and(|failure| failure.evicted);
        let grace = if worker.gone || evicted { Some(1) } else { grace.map(|grace| grace.max(1)) };
        for name in next {
            let Some(status) = worker.seen.latest(name).filter(|status| status.state == ContainerState::Running) else {
                continue;
            };
            let id = status.id.clone();
            if let Some(worker) = self.worker_mut(uid) {
                worker.ending.insert(id.clone());
            }
            self.kill_container(ctx, uid, &id, name, &format!("Stopping container {name}"), grace);
        }
        true
    }

    fn stop_sandbox(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, worker: &Worker) {
        match worker.seen.ready_sandbox() {
            Some(sandbox) => {
                let sandbox_id = sandbox.id.clone();
                self.set_termination(uid, Termination::StoppingSandbox);
                self.cri.send(
                    ctx,
                    CriRequest::StopPodSandbox { sandbox_id },
                    CriCall::StopSandbox { uid: uid.clone() },
                );
            }
            None => self.sandbox_stopped(ctx, uid),
        }
    }

    /// The pod's network is gone: one more look says how everything ended.
    pub(super) fn sandbox_stopped(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        self.set_termination(uid, Termination::Ending);
        self.looking.insert(uid.clone());
        self.relist(ctx);
    }

    /// The volumes are torn down: nothing of the pod is left on the node but its dead containers.
    pub(super) fn torn_down(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        self.unmount_claims(ctx, uid);
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.stage = Stage::Terminated;
        worker.volumes = super::volumes::Volumes::default();
        let gone = worker.gone;
        self.update_status(ctx, uid);
        if gone {
            self.forget_pod(ctx, uid);
        } else {
            self.finish_terminated(ctx, uid);
        }
    }

    /// A terminated pod: once its last status is with the API server, a deleted one is deleted for good.
    pub(super) fn finish_terminated(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        self.update_status(ctx, uid);
        let Some(worker) = self.worker_mut(uid) else { return };
        if !is_deleted(&worker.pod) || worker.status.busy() || worker.status.deleting || worker.gone {
            return;
        }
        worker.status.deleting = true;
        let (key, id) = (worker.key.clone(), worker.uid.clone());
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": 0,
            "preconditions": { "uid": &*id },
        });
        let request = Request::delete(Kind::Pod.info(), &key.namespace, &key.name).body(Body::Json(Arc::new(options)));
        self.calls.send(ctx, request, Call::Delete { uid: uid.clone() });
    }
}

impl Worker {
    /// Whether a container was already asked to end.
    fn killed(&self, id: &str) -> bool {
        self.ending.contains(id) && !self.kills.contains_key(id)
    }
}
