//! The runtime's process: requests in, answers after the time they take, and the programs' timers.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet, Vector};

use crate::api::Message;
use crate::api::cri::{ContainerState, CriError, CriMessage, CriRequest, CriResponse, Image as CriImage};
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId, Random, SimTime};

use super::container::Container;
use super::files::{Files, Volumes};
use super::images;
use super::machine::Machine;
use super::program::{Answer, ConnectError, Effects, Host, Network, Program, Signal};
use super::sandbox::{Addresses, Sandbox};

/// What a runtime is told once.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    pub node: Arc<str>,
    /// `10.244.1.0/24`: where pods get their addresses from; empty until the kubelet says so.
    pub pod_cidr: String,
    pub kubelet: ProcessId,
    /// The machine's memory.
    pub memory_bytes: u64,
}

/// What a timer is for.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// An operation is done.
    Finish { call: u64, request: Arc<CriRequest>, started: SimTime },
    /// An answer leaves.
    Answer { call: u64, response: Arc<CriResponse> },
    /// A program's own timer.
    Program { container: Arc<str>, generation: u32, token: u64 },
    /// The grace of a `StopContainer` is over.
    Kill { container: Arc<str> },
}

/// A simulated containerd.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(super) config: RuntimeConfig,
    pub(super) sandboxes: OrdMap<Arc<str>, Arc<Sandbox>>,
    pub(super) containers: OrdMap<Arc<str>, Arc<Container>>,
    /// By completed name: `docker.io/library/nginx:latest`.
    pub(super) images: OrdMap<Arc<str>, Arc<CriImage>>,
    pub(super) volumes: Volumes,
    pub(super) addresses: Addresses,
    timers: OrdMap<u64, (SimTime, Due)>,
    last_timer: u64,
    /// Whether the kubelet asked for container events.
    pub(super) subscribed: bool,
    /// The node has no power: nothing runs until the process starts again.
    powered_off: bool,
    pub(super) machine: Machine,
    /// Images that the registry no longer has, by completed name.
    pub(super) dropped: OrdSet<Arc<str>>,
}

impl Runtime {
    /// A runtime with nothing on it but the pause image.
    pub fn new(config: RuntimeConfig) -> Self {
        let addresses = Addresses::new(&config.pod_cidr);
        let mut runtime = Runtime {
            config,
            sandboxes: OrdMap::new(),
            containers: OrdMap::new(),
            images: OrdMap::new(),
            volumes: Volumes::new(),
            addresses,
            timers: OrdMap::new(),
            last_timer: 0,
            subscribed: false,
            powered_off: false,
            machine: Machine::default(),
            dropped: OrdSet::new(),
        };
        runtime.add_image("registry.k8s.io/pause:3.10");
        runtime
    }

    /// Asks for `due` after `delay`.
    pub(super) fn schedule(&mut self, ctx: &mut Ctx<'_, Message>, delay: Duration, due: Due) {
        let at = ctx.now() + delay;
        self.schedule_at(ctx, at, due);
    }

    /// Asks for `due` at a time, at once where that is past.
    fn schedule_at(&mut self, ctx: &mut Ctx<'_, Message>, at: SimTime, due: Due) {
        self.last_timer += 1;
        self.timers.insert(self.last_timer, (at, due));
        ctx.set_timer(at.since(ctx.now()), self.last_timer);
    }

    pub(super) fn answer(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, response: CriResponse) {
        let message = CriMessage::Response { call, response: Arc::new(response) };
        ctx.send(self.config.kubelet, Message::Cri(message));
    }

    pub(super) fn fail(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, code: &'static str, message: String) {
        self.answer(ctx, call, CriResponse::Failed(CriError { code, message }));
    }

    /// Tells the kubelet that a container changed.
    pub(super) fn announce(&mut self, ctx: &mut Ctx<'_, Message>, pod_uid: &Arc<str>, container_id: &Arc<str>) {
        if self.subscribed {
            let event = CriMessage::ContainerEvent { pod_uid: pod_uid.clone(), container_id: container_id.clone() };
            ctx.send(self.config.kubelet, Message::Cri(event));
        }
    }

    /// Changes a container, if it is there.
    pub(super) fn container_mut(&mut self, id: &str) -> Option<&mut Container> {
        self.containers.get_mut(id).map(Arc::make_mut)
    }

    /// Lets a container's program act, as of `unix_micros`.
    pub(super) fn with_program(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        id: &Arc<str>,
        unix_micros: i64,
        act: impl FnOnce(&mut dyn Program, &mut Host<'_>),
    ) {
        let Some(mut container) = self.containers.remove(id) else { return };
        let inner = Arc::make_mut(&mut container);
        let Some(mut program) = inner.program.take() else {
            self.containers.insert(id.clone(), container);
            return;
        };
        let launch = inner.launch.clone();
        let mut network = self.network(unix_micros);
        let mut volumes = std::mem::take(&mut self.volumes);
        let mut host = Host {
            unix_micros,
            rng: ctx.rng(),
            files: Files { fs: &mut inner.files, volumes: &mut volumes },
            launch: &launch,
            network: &mut network,
            effects: Effects::default(),
        };
        act(&mut *program, &mut host);
        let effects = host.effects;
        let (containers, served) = (network.containers, network.served);
        self.containers = containers;
        self.volumes = volumes;
        inner.program = Some(program);
        self.containers.insert(id.clone(), container);
        for (served, effects) in served {
            self.apply(ctx, &served, unix_micros, effects);
        }
        self.apply(ctx, id, unix_micros, effects);
    }

    /// The pod network, to be given back its containers afterwards.
    pub(super) fn network(&mut self, unix_micros: i64) -> NodeNetwork {
        NodeNetwork {
            unix_micros,
            sandboxes: self.sandboxes.clone(),
            containers: std::mem::take(&mut self.containers),
            volumes: self.volumes.clone(),
            served: Vec::new(),
        }
    }

    /// Does what a program's handler asked for.
    pub(super) fn apply(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>, unix_micros: i64, effects: Effects) {
        let kubelet = self.config.kubelet;
        let Some(container) = self.container_mut(id) else { return };
        if !effects.lines.is_empty() {
            let lines = container.write(unix_micros, effects.lines);
            for call in container.followers.clone() {
                let lines = lines.clone();
                ctx.send(kubelet, Message::Cri(CriMessage::LogLines { call, lines, end: false }));
            }
        }
        let generation = container.generation;
        // A program that catches up after the daemon was away is late, and goes on from where it is.
        let late = (ctx.unix_micros() - unix_micros).max(0) as u64;
        let base = SimTime(ctx.now().as_micros().saturating_sub(late));
        for (delay, token) in effects.timers {
            let due = Due::Program { container: id.clone(), generation, token };
            self.schedule_at(ctx, base + delay, due);
        }
        if let Some(code) = effects.exit {
            let reason = if code == 0 { "Completed" } else { "Error" };
            self.finish(ctx, id, unix_micros, code, reason);
        } else if let Some(argv) = effects.become_ {
            self.become_program(ctx, id, unix_micros, argv);
        } else {
            self.check_memory(ctx, id, unix_micros);
        }
    }

    /// A shell gave way to another command.
    fn become_program(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>, unix_micros: i64, argv: Vec<String>) {
        let Some(container) = self.container_mut(id) else { return };
        let mut launch = (*container.launch).clone();
        launch.argv = argv;
        match images::program(container.image, &launch) {
            Ok(program) => {
                container.launch = Arc::new(launch);
                container.program = Some(program);
                container.generation += 1;
                self.with_program(ctx, id, unix_micros, |program, host| program.start(host));
            }
            Err(_) => {
                let name = launch.argv.first().cloned().unwrap_or_default();
                container.write(unix_micros, vec![Arc::from(format!("sh: exec: {name}: not found"))]);
                self.finish(ctx, id, unix_micros, 127, "Error");
            }
        }
    }

    fn check_memory(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>, unix_micros: i64) {
        let Some(container) = self.containers.get(id) else { return };
        let limit = container.launch.memory_limit_bytes;
        let used = container.program.as_ref().map_or(0, |program| program.usage().memory_bytes);
        if limit > 0 && used > limit {
            self.finish(ctx, id, unix_micros, 137, "OOMKilled");
        } else if used != container.memory_bytes {
            self.count_memory(id, used);
            self.look_at_machine(ctx);
        }
    }

    /// A container's process ended.
    pub(super) fn finish(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        id: &Arc<str>,
        unix_micros: i64,
        exit_code: i32,
        reason: &str,
    ) {
        let kubelet = self.config.kubelet;
        let mut volumes = std::mem::take(&mut self.volumes);
        let Some(container) = self.container_mut(id).filter(|container| container.running()) else {
            self.volumes = volumes;
            return;
        };
        let message =
            Files { fs: &mut container.files, volumes: &mut volumes }.read("/dev/termination-log").unwrap_or_default();
        container.program = None;
        container.generation += 1;
        let freed = std::mem::take(&mut container.memory_bytes);
        container.status.state = ContainerState::Exited;
        container.status.exit_code = exit_code;
        container.status.reason = Arc::from(reason);
        container.status.message = message;
        container.status.finished_unix_micros = unix_micros;
        let pod_uid = container.status.pod_uid.clone();
        for call in std::mem::take(&mut container.followers) {
            ctx.send(kubelet, Message::Cri(CriMessage::LogLines { call, lines: Vec::new(), end: true }));
        }
        let stopping = std::mem::take(&mut container.stopping);
        self.volumes = volumes;
        self.machine.containers_memory_bytes -= freed;
        self.look_at_machine(ctx);
        for call in stopping {
            self.answer(ctx, call, CriResponse::Done);
        }
        self.announce(ctx, &pod_uid, id);
    }

    /// Sends a signal to a container's process 1.
    pub(super) fn signal(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>, signal: Signal) {
        let now = ctx.unix_micros();
        self.with_program(ctx, id, now, |program, host| program.on_signal(host, signal));
    }

    /// The node loses its power: everything that ran is gone, and nobody is told.
    fn power_off(&mut self, unix_micros: i64) {
        self.powered_off = true;
        self.subscribed = false;
        self.timers = OrdMap::new();
        self.machine.lose_memory();
        let ids: Vec<Arc<str>> = self.containers.keys().cloned().collect();
        for id in ids {
            let Some(container) = self.container_mut(&id) else { continue };
            container.followers.clear();
            container.stopping.clear();
            if container.running() {
                container.program = None;
                container.generation += 1;
                container.memory_bytes = 0;
                container.status.state = ContainerState::Exited;
                container.status.exit_code = 255;
                container.status.reason = Arc::from("Unknown");
                container.status.finished_unix_micros = unix_micros;
            }
        }
        let ids: Vec<Arc<str>> = self.sandboxes.keys().cloned().collect();
        for id in ids {
            if let Some(sandbox) = self.sandboxes.get_mut(&id).map(Arc::make_mut) {
                sandbox.ready = false;
                self.addresses.release(&sandbox.ip);
            }
        }
    }

    fn control(&mut self, ctx: &mut Ctx<'_, Message>, text: &str) {
        let now = ctx.unix_micros();
        if text == "power-off" {
            self.power_off(now);
            return;
        }
        if self.control_machine(ctx, text) {
            return;
        }
        if let Some(uid) = text.strip_prefix("kill-pod ") {
            let of_pod = self.containers.values().filter(|container| &*container.status.pod_uid == uid);
            for id in of_pod.map(|container| container.status.id.clone()).collect::<Vec<_>>() {
                self.finish(ctx, &id, now, 137, "Error");
            }
            return;
        }
        let Some(wanted) = text.strip_prefix("kill ") else { return };
        let wanted = wanted.trim().trim_start_matches("containerd://");
        let id = self.containers.keys().find(|id| !wanted.is_empty() && id.starts_with(wanted)).cloned();
        if let Some(id) = id {
            self.finish(ctx, &id, now, 137, "Error");
        }
    }

    /// The containers there are, for looking inside: id, pod uid, name, image and whether it runs.
    pub fn containers(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Arc<str>, &Arc<str>, bool)> {
        self.containers.iter().map(|(id, container)| {
            let status = &container.status;
            (id, &status.pod_uid, &status.name, &status.image, container.running())
        })
    }

    /// The names of the images on the node.
    pub fn image_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.images.keys()
    }

    /// How many containers run.
    pub fn running(&self) -> usize {
        self.containers.values().filter(|container| container.running()).count()
    }
}

impl Process<Message> for Runtime {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.powered_off = false;
        // What ran on while the daemon was away goes on from when it was due.
        let timers: Vec<(u64, SimTime)> = self.timers.iter().map(|(token, (due, _))| (*token, *due)).collect();
        for (token, due) in timers {
            ctx.set_timer(due.since(ctx.now()), token);
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if self.powered_off {
            return;
        }
        match &envelope.payload {
            Message::Cri(CriMessage::Request { call, request }) => self.begin(ctx, *call, request),
            Message::Control(text) => {
                let text = text.clone();
                self.control(ctx, &text);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        let Some((due_at, due)) = self.timers.remove(&token) else { return };
        match due {
            Due::Finish { call, request, started } => self.complete(ctx, call, &request, started),
            Due::Answer { call, response } => {
                ctx.send(self.config.kubelet, Message::Cri(CriMessage::Response { call, response }));
            }
            Due::Program { container, generation, token } => {
                let current = self.containers.get(&container).map(|container| container.generation);
                if current == Some(generation) {
                    let late = ctx.now().since(due_at).as_micros() as i64;
                    let at = ctx.unix_micros() - late;
                    self.with_program(ctx, &container, at, |program, host| program.on_timer(host, token));
                }
            }
            Due::Kill { container } => {
                let now = ctx.unix_micros();
                self.finish(ctx, &container, now, 137, "Error");
            }
        }
    }

    fn on_disconnect(&mut self, _: &mut Ctx<'_, Message>, peer: ProcessId, _: Disconnect) {
        if peer == self.config.kubelet {
            self.forget_callers();
        }
    }

    fn lose_memory(&mut self) {
        self.forget_callers();
        // What somebody did to the machine or the registry is found again at the start.
        self.machine.give_back();
        self.dropped = OrdSet::new();
        let kept: OrdMap<u64, (SimTime, Due)> = self
            .timers
            .iter()
            .filter(|(_, (_, due))| matches!(due, Due::Program { .. } | Due::Kill { .. }))
            .map(|(token, timer)| (*token, timer.clone()))
            .collect();
        self.timers = kept;
    }

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

impl Runtime {
    /// Nobody waits for an answer any more.
    fn forget_callers(&mut self) {
        self.subscribed = false;
        let waited: Vector<Arc<str>> = self
            .containers
            .iter()
            .filter(|(_, container)| !container.followers.is_empty() || !container.stopping.is_empty())
            .map(|(id, _)| id.clone())
            .collect();
        for id in waited {
            if let Some(container) = self.container_mut(&id) {
                container.followers.clear();
                container.stopping.clear();
            }
        }
    }
}

/// The pod network while one container acts: it reaches every other container of the node.
pub(super) struct NodeNetwork {
    pub unix_micros: i64,
    sandboxes: OrdMap<Arc<str>, Arc<Sandbox>>,
    pub containers: OrdMap<Arc<str>, Arc<Container>>,
    volumes: Volumes,
    /// What the programs that answered asked for.
    pub served: Vec<(Arc<str>, Effects)>,
}

/// A network that reaches nobody: for a program that answers.
struct NoNetwork;

impl Network for NoNetwork {
    fn connect(&mut self, _: &str, _: &str, _: u16, _: Option<&str>) -> Result<Answer, ConnectError> {
        Err(ConnectError::Unreachable)
    }
}

impl NodeNetwork {
    /// Asks every container of a sandbox until one answers.
    pub fn ask(&mut self, sandbox: &Sandbox, port: u16, path: Option<&str>) -> Option<Answer> {
        for id in &sandbox.containers {
            let Some(container) = self.containers.get_mut(id).map(Arc::make_mut) else { continue };
            let Some(mut program) = container.program.take() else { continue };
            let mut rng = Random::fork(self.unix_micros as u64, id);
            let launch = container.launch.clone();
            let mut host = Host {
                unix_micros: self.unix_micros,
                rng: &mut rng,
                files: Files { fs: &mut container.files, volumes: &mut self.volumes },
                launch: &launch,
                network: &mut NoNetwork,
                effects: Effects::default(),
            };
            let answer = program.on_request(&mut host, port, path);
            let effects = host.effects;
            container.program = Some(program);
            if answer.is_some() {
                self.served.push((id.clone(), effects));
                return answer;
            }
        }
        None
    }
}

impl Network for NodeNetwork {
    fn connect(&mut self, from: &str, host: &str, port: u16, path: Option<&str>) -> Result<Answer, ConnectError> {
        let ip = match host {
            "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]" | "::1" => from,
            host if host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok()) => host,
            _ => return Err(ConnectError::UnknownHost),
        };
        let sandbox = self.sandboxes.values().find(|sandbox| sandbox.ready && &*sandbox.ip == ip).cloned();
        match sandbox {
            Some(sandbox) => self.ask(&sandbox, port, path).ok_or(ConnectError::Refused),
            None => Err(ConnectError::Unreachable),
        }
    }
}
