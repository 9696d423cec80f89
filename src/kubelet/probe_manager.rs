//! Probes: whether a container is started, ready and alive.
//!
//! Mirrors pkg/kubelet/prober. A probe's timer runs only while its container does.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::OrdMap;
use k8s_openapi::api::core::v1::{Container, Probe};

use crate::api::cri::{ContainerState, CriRequest, CriResponse};
use crate::api::{Message, Object};
use crate::client::EventKind;
use crate::sim::{Ctx, SimTime};

use super::pod::{self, Role};
use super::pod_workers::{Health, Stage};
use super::process::{Kubelet, Timer};
use super::runtime::CriCall;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    /// As events name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ProbeKind::Startup => "Startup",
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
        }
    }

    pub(super) fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            ProbeKind::Startup => container.startup_probe.as_ref(),
            ProbeKind::Liveness => container.liveness_probe.as_ref(),
            ProbeKind::Readiness => container.readiness_probe.as_ref(),
        }
    }

    const ALL: [ProbeKind; 3] = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];
}

/// One probe of one container of one pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeKey {
    pub uid: Arc<str>,
    pub container: Arc<str>,
    pub kind: ProbeKind,
}

/// Where a probe stands.
#[derive(Clone, Debug)]
pub struct ProbeState {
    container_id: Arc<str>,
    timer: Option<u64>,
    /// When it is asked next.
    pub(super) due: Option<SimTime>,
    /// The question under way, and the timer of its time limit.
    pub(super) asking: Option<(u64, u64)>,
    pub(super) last: Option<bool>,
    /// How often in a row it was so.
    pub(super) run: i32,
    /// It failed for good: nothing more is asked of this container.
    pub(super) on_hold: bool,
    /// How often it was answered well, and how often not.
    pub(super) counts: (u32, u32),
}

/// The probes whose containers run.
pub type Probes = OrdMap<ProbeKey, ProbeState>;

fn seconds(value: Option<i32>, default: i32) -> Duration {
    Duration::from_secs(u64::try_from(value.unwrap_or(default)).unwrap_or(0))
}

impl Kubelet {
    /// Begins to probe the pod's running containers, and takes note of those without probes.
    pub(super) fn watch_probes(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        for (role, container) in pod::containers(pod::spec(&worker.pod)) {
            if role == Role::Init {
                continue;
            }
            let running = worker.seen.latest(&container.name).filter(|status| status.state == ContainerState::Running);
            let Some(status) = running else { continue };
            if worker.health(&status.id, &container.name).is_some() {
                continue;
            }
            // A kubelet that restarted goes on from what it had reported of this very container.
            let reported = reported(&worker.pod, &container.name, &status.id);
            let (was_ready, was_started) = reported.unwrap_or_default();
            let started = container.startup_probe.is_none() || was_started;
            let health = Health {
                container_id: status.id.clone(),
                ready: (container.readiness_probe.is_none() && started) || was_ready,
                started,
                failed: None,
            };
            if let Some(worker) = self.worker_mut(uid) {
                worker.health.insert(container.name.clone(), health);
            }
            for kind in ProbeKind::ALL {
                if kind.of(container).is_none() {
                    continue;
                }
                let key = ProbeKey { uid: uid.clone(), container: Arc::from(container.name.as_str()), kind };
                self.stop_probe(&key);
                let state = ProbeState {
                    container_id: status.id.clone(),
                    timer: None,
                    due: None,
                    asking: None,
                    last: None,
                    run: 0,
                    on_hold: false,
                    counts: (0, 0),
                };
                self.probes.insert(key.clone(), state);
                if (kind == ProbeKind::Startup) != started {
                    self.first_probe(ctx, &key);
                }
            }
        }
        self.update_status(ctx, uid);
    }

    /// Asks for the first question: once the initial delay since the container's start is over.
    fn first_probe(&mut self, ctx: &mut Ctx<'_, Message>, key: &ProbeKey) {
        let now = ctx.unix_micros();
        let Some(worker) = self.workers.get(&key.uid).cloned() else { return };
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), &key.container) else { return };
        let Some(probe) = key.kind.of(container) else { return };
        let started = worker.seen.latest(&key.container).map_or(now, |status| status.started_unix_micros);
        let due = started + seconds(probe.initial_delay_seconds, 0).as_micros() as i64;
        let delay = Duration::from_micros((due - now).max(0) as u64);
        self.schedule_probe(ctx, key, delay);
    }

    fn schedule_probe(&mut self, ctx: &mut Ctx<'_, Message>, key: &ProbeKey, delay: Duration) {
        let due = ctx.now() + delay;
        let timer = self.set_timer(ctx, delay, Timer::Probe { key: key.clone() });
        if let Some(state) = self.probes.get_mut(key) {
            state.timer = Some(timer);
            state.due = Some(due);
        }
    }

    /// A probe's time has come.
    pub(super) fn probe_due(&mut self, ctx: &mut Ctx<'_, Message>, key: &ProbeKey) {
        let Some(worker) = self.workers.get(&key.uid).cloned() else { return };
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), &key.container) else { return };
        let Some(probe) = key.kind.of(container).cloned() else { return };
        let Some(state) = self.probes.get(key).cloned() else { return };
        let status = worker.seen.latest(&key.container);
        let running =
            status.is_some_and(|status| status.id == state.container_id && status.state == ContainerState::Running);
        let ending = !matches!(worker.stage, Stage::Syncing) && key.kind != ProbeKind::Readiness;
        if !running || state.on_hold || ending {
            self.stop_probe(key);
            return;
        }
        self.schedule_probe(ctx, key, seconds(probe.period_seconds, 10).max(Duration::from_secs(1)));
        if state.asking.is_some() {
            return;
        }
        let sandbox = worker.seen.sandbox().map(|sandbox| sandbox.id.clone()).unwrap_or_default();
        let Some(request) = probe_request(&probe, container, &state.container_id, &sandbox) else { return };
        let call = self.cri.send(ctx, request, CriCall::Probe { key: key.clone() });
        let limit = seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1));
        let timer = self.set_timer(ctx, limit, Timer::ProbeTimeout { key: key.clone() });
        if let Some(state) = self.probes.get_mut(key) {
            state.asking = Some((call, timer));
        }
    }

    /// A question was answered, or (without a response) its time was over.
    pub(super) fn probe_answered(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        key: &ProbeKey,
        response: Option<&CriResponse>,
    ) {
        let Some(worker) = self.workers.get(&key.uid).cloned() else { return };
        let Some((call, timer)) = self.probes.get_mut(key).and_then(|state| state.asking.take()) else { return };
        self.cancel(timer);
        self.cri.forget_call(call);
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), &key.container) else { return };
        let Some(probe) = key.kind.of(container).cloned() else { return };
        let ip = match pod::spec(&worker.pod).host_network {
            Some(true) => self.config.internal_ip.clone(),
            _ => worker.seen.sandbox().map(|sandbox| sandbox.ip.to_string()).unwrap_or_default(),
        };
        let outcome = judge(&probe, container, &ip, response);
        if let Err(output) = &outcome {
            let text = format!("{} probe failed: {output}", key.kind.as_str());
            self.container_event(ctx, &worker.pod, &key.container, EventKind::Warning, "Unhealthy", text);
        }
        let good = outcome.is_ok();
        let Some(state) = self.probes.get_mut(key) else { return };
        if good {
            state.counts.0 += 1;
        } else {
            state.counts.1 += 1;
        }
        if state.last == Some(good) {
            state.run += 1;
        } else {
            state.last = Some(good);
            state.run = 1;
        }
        let threshold = if good { probe.success_threshold.unwrap_or(1) } else { probe.failure_threshold.unwrap_or(3) };
        if state.run < threshold {
            return;
        }
        let container_id = state.container_id.clone();
        if !good && key.kind != ProbeKind::Readiness {
            state.on_hold = true;
            state.run = 0;
        }
        self.probe_result(ctx, key, &container_id, good);
    }

    /// A result that counts.
    fn probe_result(&mut self, ctx: &mut Ctx<'_, Message>, key: &ProbeKey, container_id: &Arc<str>, good: bool) {
        let uid = key.uid.clone();
        let Some(worker) = self.worker_mut(&uid) else { return };
        let pod = worker.pod.clone();
        let Some(health) = worker.health.get_mut(&*key.container).filter(|health| health.container_id == *container_id)
        else {
            return;
        };
        let before = health.clone();
        let readiness = pod::container(pod::spec(&pod), &key.container)
            .is_some_and(|(_, container)| container.readiness_probe.is_some());
        match (key.kind, good) {
            (ProbeKind::Readiness, good) => health.ready = good,
            (ProbeKind::Startup, true) => {
                health.started = true;
                health.ready |= !readiness;
            }
            (ProbeKind::Liveness, true) => {}
            (kind, false) => {
                health.failed = Some(format!("failed {} probe", kind.as_str().to_lowercase()));
            }
        }
        if *health == before {
            return;
        }
        let (started, failed) = (health.started && !before.started, health.failed.is_some());
        if started {
            self.stop_probe(key);
            for kind in [ProbeKind::Liveness, ProbeKind::Readiness] {
                let key = ProbeKey { kind, ..key.clone() };
                if self.probes.contains_key(&key) {
                    self.first_probe(ctx, &key);
                }
            }
        }
        self.update_status(ctx, &uid);
        if failed || started {
            self.sync_pod(ctx, &uid);
        }
    }

    /// The runtime is away: no question under way will be answered, and none counts as failed.
    pub(super) fn forget_questions(&mut self) {
        let keys: Vec<ProbeKey> =
            self.probes.iter().filter(|(_, state)| state.asking.is_some()).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some((_, timer)) = self.probes.get_mut(&key).and_then(|state| state.asking.take()) {
                self.cancel(timer);
            }
        }
    }

    fn stop_probe(&mut self, key: &ProbeKey) {
        let Some(state) = self.probes.remove(key) else { return };
        if let Some(timer) = state.timer {
            self.cancel(timer);
        }
        if let Some((call, timer)) = state.asking {
            self.cancel(timer);
            self.cri.forget_call(call);
        }
    }

    /// Ends all probes of a pod.
    pub(super) fn stop_probes(&mut self, _: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let from = ProbeKey { uid: uid.clone(), container: Arc::from(""), kind: ProbeKind::Startup };
        let keys: Vec<ProbeKey> =
            self.probes.range(from..).map(|(key, _)| key.clone()).take_while(|key| key.uid == *uid).collect();
        for key in keys {
            self.stop_probe(&key);
        }
    }
}

/// Whether the API server was told that a container is ready, and that it is started.
fn reported(object: &Object, name: &str, id: &str) -> Option<(bool, bool)> {
    let status = pod::pod(object).status.as_ref()?;
    let lists = [status.container_statuses.as_ref(), status.init_container_statuses.as_ref()];
    let found = lists.into_iter().flatten().flatten().find(|status| status.name == name)?;
    let same = found.container_id.as_deref().and_then(|full| full.strip_prefix("containerd://")) == Some(id);
    same.then(|| (found.ready, found.started == Some(true)))
}

fn probe_request(
    probe: &Probe,
    container: &Container,
    container_id: &Arc<str>,
    sandbox_id: &Arc<str>,
) -> Option<CriRequest> {
    if let Some(exec) = &probe.exec {
        let command = exec.command.clone().unwrap_or_default();
        return Some(CriRequest::ExecSync { container_id: container_id.clone(), command });
    }
    let connect = |port, path| Some(CriRequest::Connect { sandbox_id: sandbox_id.clone(), port, path });
    if let Some(http) = &probe.http_get {
        return connect(pod::port(container, &http.port)?, Some(http_path(http.path.as_deref())));
    }
    if let Some(tcp) = &probe.tcp_socket {
        return connect(pod::port(container, &tcp.port)?, None);
    }
    let grpc = probe.grpc.as_ref()?;
    connect(u16::try_from(grpc.port).ok()?, None)
}

fn http_path(path: Option<&str>) -> String {
    match path {
        None | Some("") => "/".to_owned(),
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => format!("/{path}"),
    }
}

/// Whether an answer is good; else what the event says of it.
fn judge(probe: &Probe, container: &Container, ip: &str, response: Option<&CriResponse>) -> Result<(), String> {
    let port = |port| pod::port(container, port).unwrap_or(0);
    if let Some(exec) = &probe.exec {
        let command = exec.command.clone().unwrap_or_default();
        return match response {
            Some(CriResponse::ExecSync { exit_code: 0, .. }) => Ok(()),
            Some(CriResponse::ExecSync { stdout, stderr, .. }) => Err(format!("{stdout}{stderr}")),
            Some(CriResponse::Failed(error)) => Err(super::sync::rpc_error(error)),
            _ => {
                let seconds = probe.timeout_seconds.unwrap_or(1);
                Err(format!("command timed out: \"{}\" timed out after {seconds}s", command.join(" ")))
            }
        };
    }
    if let Some(http) = &probe.http_get {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let host = http.host.as_deref().unwrap_or(ip);
        let number = port(&http.port);
        let url = format!("{scheme}://{host}:{number}{}", http_path(http.path.as_deref()));
        return match response {
            Some(CriResponse::Connect { code, .. }) if (200..400).contains(code) => Ok(()),
            Some(CriResponse::Connect { code, .. }) => Err(format!("HTTP probe failed with statuscode: {code}")),
            Some(CriResponse::Failed(error)) if error.message == "EOF" => Err(format!("Get \"{url}\": EOF")),
            Some(CriResponse::Failed(error)) => {
                Err(format!("Get \"{url}\": dial tcp {host}:{number}: {}", error.message))
            }
            _ => Err(format!(
                "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            )),
        };
    }
    let number = match (&probe.tcp_socket, &probe.grpc) {
        (Some(tcp), _) => port(&tcp.port),
        (None, Some(grpc)) => u16::try_from(grpc.port).unwrap_or(0),
        (None, None) => return Ok(()),
    };
    match response {
        Some(CriResponse::Connect { .. }) => Ok(()),
        Some(CriResponse::Failed(error)) if probe.grpc.is_some() => {
            Err(format!("timeout: failed to connect service \"{ip}:{number}\" within 1s: {}", error.message))
        }
        Some(CriResponse::Failed(error)) => Err(format!("dial tcp {ip}:{number}: {}", error.message)),
        _ => Err(format!("dial tcp {ip}:{number}: i/o timeout")),
    }
}
