//! A sync of a pod: the steps its plan needs, one after another.
//!
//! Mirrors pkg/kubelet/kuberuntime `SyncPod` and `startContainer`. Each step is a call to the runtime;
//! a container that cannot be started leaves its reason and lets the next have its turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::api::cri::{
    ContainerState, ContainerStatus, CriError, CriRequest, CriResponse, PodSandboxConfig, PodSandboxStatus, Texts,
};
use crate::api::duration::go_duration;
use crate::api::{Message, Object};
use crate::client::EventKind;
use crate::sim::{Ctx, EventId, SimTime, shared};

use super::actions::Actions;
use super::backoff::{next, remaining};
use super::config::BACK_OFF_PERIOD;
use super::hosts;
use super::pod::{self, Role, format_pod};
use super::pod_workers::{Stage, Worker};
use super::process::{Kubelet, Timer};
use super::runtime::CriCall;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    StopSandbox(Arc<str>),
    RunSandbox(u32),
    /// A container is being killed: `kills` says when it is over.
    Kill {
        container_id: Arc<str>,
        name: String,
        message: String,
    },
    Start {
        name: String,
        attempt: u32,
    },
}

/// Where the start of a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starting {
    /// Is its image here?
    Image,
    Pull {
        began: SimTime,
    },
    Create,
    Start {
        container_id: Arc<str>,
    },
    PostStart {
        container_id: Arc<str>,
    },
}

/// A sync under way.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Answers to an earlier one are nobody's.
    pub number: u64,
    pub steps: VecDeque<Step>,
    pub current: Option<Step>,
    pub starting: Option<Starting>,
    /// The sandbox it made or found.
    pub sandbox: Option<(Arc<str>, Arc<str>)>,
    /// A step failed: try again later.
    pub failed: bool,
    /// The earliest end of a back-off that was met.
    pub retry: Option<Duration>,
    pub cause: EventId,
}

impl Chain {
    /// Whether what it is doing can be left alone without leaving something behind.
    pub fn can_be_dropped(&self) -> bool {
        match (&self.current, &self.starting) {
            (Some(Step::Start { .. }), Some(Starting::Image | Starting::Pull { .. })) => true,
            (Some(Step::Start { .. } | Step::RunSandbox(_)), _) => false,
            _ => true,
        }
    }
}

impl Kubelet {
    /// Starts a sync with this plan.
    pub(super) fn begin_chain(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, actions: Actions) {
        self.last_chain += 1;
        let mut chain = Chain {
            number: self.last_chain,
            steps: VecDeque::new(),
            current: None,
            starting: None,
            sandbox: None,
            failed: false,
            retry: None,
            cause: ctx.cause(),
        };
        let Some(worker) = self.worker_mut(uid) else { return };
        if let Some(id) = actions.stop_sandbox {
            chain.steps.push_back(Step::StopSandbox(id));
        }
        if let Some(attempt) = actions.create_sandbox {
            chain.steps.push_back(Step::RunSandbox(attempt));
        } else if let Some(sandbox) = worker.seen.ready_sandbox() {
            chain.sandbox = Some((sandbox.id.clone(), sandbox.ip.clone()));
        }
        for kill in actions.kill {
            let (container_id, name, message) = (kill.container_id, kill.name, kill.message);
            chain.steps.push_back(Step::Kill { container_id, name, message });
        }
        for (name, attempt) in actions.start {
            chain.steps.push_back(Step::Start { name, attempt });
        }
        let changed = chain.steps.iter().any(|step| matches!(step, Step::StopSandbox(_)))
            && chain.steps.iter().any(|step| matches!(step, Step::RunSandbox(_)));
        let pod = worker.pod.clone();
        worker.chain = Some(Box::new(chain));
        if changed {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.pod_event(ctx, &pod, EventKind::Normal, "SandboxChanged", message);
        }
        self.advance(ctx, uid);
    }

    /// Takes the next step of a sync.
    pub(super) fn advance(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        loop {
            let node = self.config.node.clone();
            let Some(worker) = self.worker_mut(uid) else { return };
            let Some(chain) = &mut worker.chain else { return };
            if worker.stage != Stage::Syncing {
                worker.chain = None;
                self.sync_pod(ctx, uid);
                return;
            }
            chain.starting = None;
            chain.current = chain.steps.pop_front();
            let number = chain.number;
            let Some(step) = chain.current.clone() else {
                self.end_chain(ctx, uid);
                return;
            };
            let call = CriCall::Sync { uid: uid.clone(), chain: number };
            match step {
                Step::StopSandbox(sandbox_id) => {
                    self.cri.send(ctx, CriRequest::StopPodSandbox { sandbox_id }, call);
                    return;
                }
                Step::RunSandbox(attempt) => {
                    let config = sandbox_config(&worker.pod, attempt, &node);
                    self.cri.send(ctx, CriRequest::RunPodSandbox(config), call);
                    return;
                }
                Step::Kill { container_id, name, message } => {
                    self.kill_container(ctx, uid, &container_id, &name, &message, None);
                    return;
                }
                Step::Start { name, .. } => {
                    if self.begin_start(ctx, uid, &name) {
                        return;
                    }
                }
            }
        }
    }

    /// Begins to start a container. False when it has to wait: the next may have its turn.
    fn begin_start(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str) -> bool {
        let now = ctx.now();
        let epoch = ctx.unix_micros() - now.as_micros() as i64;
        let Some(worker) = self.worker_mut(uid) else { return false };
        let ended = |status: &&ContainerStatus| &*status.name == name && status.state == ContainerState::Exited;
        let exited = worker.seen.containers.iter().find(ended);
        if let Some(ended) = exited.map(|status| SimTime((status.finished_unix_micros - epoch).max(0) as u64)) {
            let hash = pod::container(pod::spec(&worker.pod), name).map_or(0, |(_, container)| pod::hash(container));
            let stable_key = (name.to_owned(), hash);
            let backoff = worker.backoffs.get(&stable_key).copied();
            if let Some(left) = remaining(backoff.as_ref(), ended, now) {
                let pod = worker.pod.clone();
                let full = format_pod(&worker.key, uid);
                let delay = go_duration(backoff.map_or(left, |backoff| backoff.delay));
                let message = format!("back-off {delay} restarting failed container={name} pod={full}");
                worker.reasons.insert(name.to_owned(), ("CrashLoopBackOff".into(), message));
                if let Some(chain) = &mut worker.chain {
                    chain.retry = Some(chain.retry.map_or(left, |retry| retry.min(left)));
                }
                let text = format!("Back-off restarting failed container {name} in pod {full}");
                self.container_event(ctx, &pod, name, EventKind::Warning, "BackOff", text);
                return false;
            }
            worker.backoffs.insert(stable_key, next(backoff.as_ref(), ended, now));
        }
        self.ensure_image(ctx, uid, name)
    }

    /// The start of a container failed for `reason`.
    pub(super) fn start_failed(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        name: &str,
        reason: &str,
        message: String,
    ) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.reasons.insert(name.to_owned(), (reason.to_owned(), message));
        let init = pod::container(pod::spec(&worker.pod), name).is_some_and(|(role, _)| role != Role::Regular);
        if let Some(chain) = &mut worker.chain {
            chain.failed = true;
            if init {
                chain.steps.clear();
            }
        }
        self.advance(ctx, uid);
    }

    /// The image is here: make the container.
    pub(super) fn image_ready(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some(chain) = &worker.chain else { return };
        let Some(Step::Start { attempt, .. }) = &chain.current else { return };
        let (sandbox_id, ip) = chain.sandbox.clone().unwrap_or_default();
        match self.container_config(&worker, name, *attempt, &ip) {
            Ok(config) => {
                let call = CriCall::Sync { uid: uid.clone(), chain: chain.number };
                self.set_starting(uid, Starting::Create);
                self.cri.send(ctx, CriRequest::CreateContainer { sandbox_id, config }, call);
            }
            Err(message) => {
                let text = format!("Error: {message}");
                self.container_event(ctx, &worker.pod, name, EventKind::Warning, "Failed", text);
                self.start_failed(ctx, uid, name, "CreateContainerConfigError", message);
            }
        }
    }

    pub(super) fn set_starting(&mut self, uid: &Arc<str>, starting: Starting) {
        if let Some(chain) = self.worker_mut(uid).and_then(|worker| worker.chain.as_mut()) {
            chain.starting = Some(starting);
        }
    }

    /// The runtime answered a step.
    pub(super) fn step_answered(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        number: u64,
        response: &CriResponse,
    ) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some(chain) = worker.chain.as_ref().filter(|chain| chain.number == number) else { return };
        let Some(step) = chain.current.clone() else { return };
        match (step, chain.starting.clone(), response) {
            (Step::RunSandbox(_), _, CriResponse::RunPodSandbox { sandbox_id, ip }) => {
                self.sandbox_ready(ctx, uid, sandbox_id, ip);
                self.advance(ctx, uid);
            }
            (Step::RunSandbox(_), _, CriResponse::Failed(error)) => {
                let message = format!("Failed to create pod sandbox: {}", rpc_error(error));
                self.pod_event(ctx, &worker.pod, EventKind::Warning, "FailedCreatePodSandBox", message);
                if let Some(chain) = self.worker_mut(uid).and_then(|worker| worker.chain.as_mut()) {
                    chain.failed = true;
                    chain.steps.clear();
                }
                self.advance(ctx, uid);
            }
            (Step::Start { name, .. }, Some(Starting::Image), CriResponse::ImageStatus(image)) => {
                let present = image.is_some();
                self.image_status(ctx, uid, &name, present);
            }
            (Step::Start { name, .. }, Some(Starting::Create), CriResponse::CreateContainer { container_id }) => {
                self.container_event(ctx, &worker.pod, &name, EventKind::Normal, "Created", "Container created");
                let container_id = container_id.clone();
                self.set_starting(uid, Starting::Start { container_id: container_id.clone() });
                let call = CriCall::Sync { uid: uid.clone(), chain: number };
                self.cri.send(ctx, CriRequest::StartContainer { container_id }, call);
            }
            (Step::Start { name, .. }, Some(Starting::Create), CriResponse::Failed(error)) => {
                let text = format!("Error: {}", error.message);
                self.container_event(ctx, &worker.pod, &name, EventKind::Warning, "Failed", text);
                self.start_failed(ctx, uid, &name, "CreateContainerError", error.message.clone());
            }
            (Step::Start { name, .. }, Some(Starting::Start { .. }), CriResponse::Failed(error)) => {
                let text = format!("Error: {}", error.message);
                self.container_event(ctx, &worker.pod, &name, EventKind::Warning, "Failed", text);
                self.start_failed(ctx, uid, &name, "RunContainerError", error.message.clone());
            }
            (Step::Start { name, .. }, Some(Starting::Start { container_id }), _) => {
                self.container_event(ctx, &worker.pod, &name, EventKind::Normal, "Started", "Container started");
                if let Some(worker) = self.worker_mut(uid) {
                    worker.reasons.remove(&name);
                }
                self.remove_dead(ctx, &worker, &name);
                self.post_start(ctx, uid, &name, container_id);
            }
            (Step::Start { name, .. }, Some(Starting::PostStart { container_id }), response) => {
                self.post_start_done(ctx, uid, &name, &container_id, response);
            }
            _ => self.advance(ctx, uid),
        }
    }

    /// `OnPodSandboxReady`: the pod has its address, and that is said before its images are pulled.
    fn sandbox_ready(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, id: &Arc<str>, ip: &Arc<str>) {
        let now = ctx.unix_micros();
        let Some(worker) = self.worker_mut(uid) else { return };
        let Some(chain) = &mut worker.chain else { return };
        let Some(Step::RunSandbox(attempt)) = chain.current else { return };
        chain.sandbox = Some((id.clone(), ip.clone()));
        let sandbox = PodSandboxStatus {
            id: id.clone(),
            pod_uid: uid.clone(),
            name: worker.key.name.clone(),
            namespace: worker.key.namespace.clone(),
            attempt,
            ready: true,
            ip: ip.clone(),
            created_unix_micros: now,
        };
        Arc::make_mut(&mut worker.seen).sandboxes.insert(0, sandbox);
        self.update_status(ctx, uid);
    }

    /// Of a container's earlier runs only the last is kept: `maxPerPodContainerCount`.
    fn remove_dead(&mut self, ctx: &mut Ctx<'_, Message>, worker: &Worker, name: &str) {
        let dead: Vec<Arc<str>> = worker
            .seen
            .containers
            .iter()
            .filter(|status| &*status.name == name && status.state == ContainerState::Exited)
            .skip(1)
            .map(|status| status.id.clone())
            .collect();
        for container_id in dead {
            self.cri.send(ctx, CriRequest::RemoveContainer { container_id }, CriCall::Forget);
        }
    }

    /// Runs the postStart hook, if the container has one.
    fn post_start(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str, container_id: Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let hook = pod::container(pod::spec(&worker.pod), name)
            .and_then(|(_, container)| container.lifecycle.as_ref()?.post_start.clone());
        let Some(hook) = hook else {
            self.advance(ctx, uid);
            return;
        };
        let Some(chain) = &worker.chain else { return };
        let number = chain.number;
        self.set_starting(uid, Starting::PostStart { container_id: container_id.clone() });
        if let Some(sleep) = &hook.sleep {
            let delay = Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0));
            self.set_timer(ctx, delay, Timer::Step { uid: uid.clone(), chain: number });
            return;
        }
        let sandbox = chain.sandbox.as_ref().map(|(id, _)| id.clone()).unwrap_or_default();
        match self.hook_request(&worker.pod, name, &hook, &container_id, &sandbox) {
            Some(request) => {
                let call = CriCall::Sync { uid: uid.clone(), chain: number };
                self.cri.send(ctx, request, call);
            }
            None => self.advance(ctx, uid),
        }
    }

    fn post_start_done(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        name: &str,
        container_id: &Arc<str>,
        response: &CriResponse,
    ) {
        let failure = match response {
            CriResponse::ExecSync { exit_code: 0, .. } => None,
            CriResponse::ExecSync { exit_code, stderr, stdout } => {
                Some(format!("PostStartHook failed: command exited with {exit_code}: {stdout}{stderr}"))
            }
            CriResponse::Connect { code, .. } if *code >= 400 => {
                Some(format!("PostStartHook failed: HTTP status {code}"))
            }
            CriResponse::Failed(error) => Some(format!("PostStartHook failed: {}", error.message)),
            _ => None,
        };
        let Some(_) = failure else {
            self.advance(ctx, uid);
            return;
        };
        let Some(worker) = self.worker_mut(uid) else { return };
        let pod = worker.pod.clone();
        worker.reasons.insert(name.to_owned(), ("PostStartHookError".into(), "PostStartHook failed".into()));
        if let Some(chain) = &mut worker.chain {
            chain.failed = true;
        }
        self.container_event(ctx, &pod, name, EventKind::Warning, "FailedPostStartHook", "PostStartHook failed");
        let message = "FailedPostStartHook";
        self.kill_container(ctx, uid, container_id, name, message, None);
    }

    /// The plan is done: what comes next is PLEG's to see, or a matter of time.
    fn end_chain(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        let Some(chain) = worker.chain.take() else { return };
        let resync = worker.resync.take();
        self.wait_for_relist(ctx, uid);
        if chain.failed {
            let jitter = Duration::from_micros(ctx.rng().below(BACK_OFF_PERIOD.as_micros() as u64 / 2));
            self.wake_pod(ctx, uid, BACK_OFF_PERIOD + jitter);
        }
        if let Some(retry) = chain.retry {
            self.wake_pod(ctx, uid, retry);
        }
        if chain.failed || chain.retry.is_some() {
            self.update_status(ctx, uid);
        }
        if let Some(cause) = resync {
            ctx.set_cause(cause);
            self.sync_pod(ctx, uid);
        }
    }
}

/// An error of the runtime as gRPC prints it.
pub fn rpc_error(error: &CriError) -> String {
    format!("rpc error: code = {} desc = {}", error.code, error.message)
}

/// A pod in the network of the node has the node's name.
fn texts(map: Option<&BTreeMap<String, String>>) -> Texts {
    map.into_iter().flatten().map(|(key, value)| (shared(key), shared(value))).collect()
}

fn sandbox_config(object: &Object, attempt: u32, node: &Arc<str>) -> PodSandboxConfig {
    let meta = object.meta();
    let in_nodes_network = pod::spec(object).host_network == Some(true);
    PodSandboxConfig {
        name: Arc::from(object.name()),
        namespace: Arc::from(object.namespace()),
        uid: Arc::from(object.uid()),
        attempt,
        hostname: if in_nodes_network { node.clone() } else { Arc::from(hosts::hostname(object)) },
        host_network: in_nodes_network,
        labels: texts(meta.labels.as_ref()),
        annotations: texts(meta.annotations.as_ref()),
    }
}
