//! The operations of the CRI: how long each takes, and what it does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::Vector;

use crate::api::Message;
use crate::api::cri::{
    ContainerConfig, ContainerState, ContainerStatus, CriRequest, CriResponse, Image as CriImage, PodSandboxConfig,
    User,
};
use crate::sim::{Ctx, SimTime, shared};

use super::container::Container;
use super::files::{FileSystem, Tree};
use super::images;
use super::program::{Launch, Signal};
use super::registry::{Reference, resolve};
use super::runtime::{Due, Runtime};
use super::sandbox::{Addresses, Sandbox};
use super::user;

/// How long operations take, in milliseconds: the shortest, and what chance adds to it.
const RUN_POD_SANDBOX_MS: (u64, u64) = (200, 200);
const CREATE_CONTAINER_MS: (u64, u64) = (50, 50);
const START_CONTAINER_MS: (u64, u64) = (50, 100);
const STOP_POD_SANDBOX_MS: (u64, u64) = (60, 60);
const STAGE_VOLUME_MS: (u64, u64) = (100, 200);
const REMOVE_MS: (u64, u64) = (20, 30);
const EXEC_SYNC_MS: (u64, u64) = (30, 30);
/// Asking the registry for a manifest.
const REGISTRY_MS: (u64, u64) = (400, 500);
/// Downloading and unpacking, in bytes per millisecond: 50 to 100 MB a second.
const PULL_BYTES_PER_MS: (u64, u64) = (50_000, 50_000);
/// Answers that need no work.
const LOOKUP_MICROS: u64 = 200;
/// An answer over the node's own bridge.
const CONNECT_MICROS: u64 = 800;

fn millis(ctx: &mut Ctx<'_, Message>, (least, jitter): (u64, u64)) -> Duration {
    Duration::from_micros(least * 1_000 + ctx.rng().below(jitter * 1_000 + 1))
}

/// A new id of 64 hexadecimal digits.
fn new_id(ctx: &mut Ctx<'_, Message>) -> Arc<str> {
    let parts: Vec<String> = (0..4).map(|_| format!("{:016x}", ctx.rng().bits())).collect();
    Arc::from(parts.concat())
}

pub(super) fn not_found(what: &str, id: &str) -> (&'static str, String) {
    ("NotFound", format!("an error occurred when try to find {what} \"{id}\": not found"))
}

impl Runtime {
    /// Takes a request: what only looks answers at once, the rest when its time is over.
    pub(super) fn begin(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, request: &Arc<CriRequest>) {
        let delay = match &**request {
            CriRequest::RunPodSandbox(_) => millis(ctx, RUN_POD_SANDBOX_MS),
            CriRequest::CreateContainer { .. } => millis(ctx, CREATE_CONTAINER_MS),
            CriRequest::StartContainer { .. } => millis(ctx, START_CONTAINER_MS),
            CriRequest::StopPodSandbox { .. } => millis(ctx, STOP_POD_SANDBOX_MS),
            CriRequest::RemoveContainer { .. }
            | CriRequest::RemovePodSandbox { .. }
            | CriRequest::RemoveImage { .. } => millis(ctx, REMOVE_MS),
            CriRequest::ExecSync { .. } => millis(ctx, EXEC_SYNC_MS),
            CriRequest::PullImage { image } => self.pull_time(ctx, image),
            CriRequest::StageVolume { .. } => millis(ctx, STAGE_VOLUME_MS),
            CriRequest::Connect { .. } => Duration::from_micros(CONNECT_MICROS),
            CriRequest::StopContainer { container_id, timeout_seconds } => {
                self.stop_container(ctx, call, container_id, *timeout_seconds);
                return;
            }
            _ => Duration::from_micros(LOOKUP_MICROS),
        };
        let started = ctx.now();
        self.schedule(ctx, delay, Due::Finish { call, request: request.clone(), started });
    }

    fn pull_time(&mut self, ctx: &mut Ctx<'_, Message>, image: &str) -> Duration {
        let registry = millis(ctx, REGISTRY_MS);
        match self.find_in_registry(image) {
            Ok(manifest) if !self.has_image(image) => {
                let rate = PULL_BYTES_PER_MS.0 + ctx.rng().below(PULL_BYTES_PER_MS.1 + 1);
                registry + Duration::from_micros(manifest.size_bytes * 1_000 / rate)
            }
            _ => registry,
        }
    }

    fn has_image(&self, name: &str) -> bool {
        Reference::parse(name).is_some_and(|reference| self.images.contains_key(reference.full().as_str()))
    }

    /// Does a request whose time is over, and answers.
    pub(super) fn complete(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, request: &CriRequest, started: SimTime) {
        let now = ctx.now();
        ctx.span(request.method(), started, now, detail(request));
        let outcome = match request {
            CriRequest::UpdateRuntimeConfig { pod_cidr } => {
                self.set_pod_cidr(pod_cidr);
                Ok(CriResponse::Done)
            }
            CriRequest::RunPodSandbox(config) => self.run_pod_sandbox(ctx, config),
            CriRequest::StopPodSandbox { sandbox_id } => self.stop_pod_sandbox(ctx, sandbox_id),
            CriRequest::RemovePodSandbox { sandbox_id } => self.remove_pod_sandbox(ctx, sandbox_id),
            CriRequest::CreateContainer { sandbox_id, config } => self.create_container(ctx, sandbox_id, config),
            CriRequest::StartContainer { container_id } => self.start_container(ctx, container_id),
            CriRequest::StopContainer { .. } => return,
            CriRequest::RemoveContainer { container_id } => {
                self.remove_container(ctx, container_id);
                Ok(CriResponse::Done)
            }
            CriRequest::ExecSync { container_id, command } => {
                self.exec(ctx, call, container_id, command);
                return;
            }
            CriRequest::PullImage { image } => self.pull_image(ctx, image),
            CriRequest::RemoveImage { image } => {
                if let Some(reference) = Reference::parse(image) {
                    self.images.remove(reference.full().as_str());
                    self.look_at_machine(ctx);
                }
                Ok(CriResponse::Done)
            }
            CriRequest::Connect { sandbox_id, port, path } => {
                self.connect(ctx, call, sandbox_id, *port, path.as_deref());
                return;
            }
            CriRequest::ReadLog { container_id, options } => self.read_log(call, container_id, options),
            CriRequest::CloseLog { call } => {
                self.close_log(*call);
                Ok(CriResponse::Done)
            }
            CriRequest::WriteVolume { host_path, files } => {
                self.volumes.insert(host_path.clone(), Tree::of(files));
                Ok(CriResponse::Done)
            }
            CriRequest::StageVolume { disk } => return self.stage_volume(ctx, call, disk),
            CriRequest::UnstageVolume { disk } => {
                self.unstage_volume(ctx, disk);
                Ok(CriResponse::Done)
            }
            CriRequest::GetContainerEvents => {
                self.subscribed = true;
                self.machine.announced_low = false;
                self.look_at_machine(ctx);
                Ok(CriResponse::Done)
            }
            other => self.look_up(other),
        };
        match outcome {
            Ok(response) => self.answer(ctx, call, response),
            Err((code, message)) => self.fail(ctx, call, code, message),
        }
        if let CriRequest::StartContainer { container_id } = request {
            self.run_program(ctx, container_id);
        }
    }

    /// Answers a request that changes nothing.
    fn look_up(&self, request: &CriRequest) -> Outcome {
        match request {
            CriRequest::Version => Ok(CriResponse::Version { runtime_name: "containerd", runtime_version: "2.1.4" }),
            CriRequest::Status => Ok(CriResponse::Status { network_ready: !self.config.pod_cidr.is_empty() }),
            CriRequest::ListPodSandbox => {
                Ok(CriResponse::ListPodSandbox(self.sandboxes.values().map(|sandbox| sandbox.status()).collect()))
            }
            CriRequest::ListContainers => Ok(CriResponse::ListContainers(
                self.containers.values().map(|container| container.status.clone()).collect(),
            )),
            CriRequest::ContainerStatus { container_id } => match self.containers.get(container_id) {
                Some(container) => Ok(CriResponse::ContainerStatus(Box::new(container.status.clone()))),
                None => Err(not_found("container", container_id)),
            },
            CriRequest::ImageStatus { image } => {
                let full = Reference::parse(image).map(|reference| reference.full());
                let found = full.and_then(|full| self.images.get(full.as_str()));
                Ok(CriResponse::ImageStatus(found.map(|image| (**image).clone())))
            }
            CriRequest::ListImages => {
                Ok(CriResponse::ListImages(self.images.values().map(|image| (**image).clone()).collect()))
            }
            CriRequest::ListContainerStats => Ok(CriResponse::ContainerStats(self.container_stats())),
            CriRequest::ImageFsInfo => Ok(CriResponse::ImageFsInfo(self.machine_usage())),
            other => unreachable!("{} changes something", other.method()),
        }
    }

    /// What the network plugin's configuration is written from. It lies on the disk and outlives the process.
    fn set_pod_cidr(&mut self, pod_cidr: &str) {
        if self.config.pod_cidr != pod_cidr {
            self.config.pod_cidr = pod_cidr.to_owned();
            self.addresses = Addresses::new(pod_cidr);
        }
    }

    fn run_pod_sandbox(&mut self, ctx: &mut Ctx<'_, Message>, config: &PodSandboxConfig) -> Outcome {
        let ip = if config.host_network {
            Arc::from("")
        } else if self.config.pod_cidr.is_empty() {
            let why = "failed to setup network for sandbox: cni plugin not initialized".to_owned();
            return Err(("Unknown", why));
        } else {
            self.addresses.take().ok_or_else(|| {
                let range = &self.config.pod_cidr;
                (
                    "Unknown",
                    format!(
                        "failed to setup network for sandbox: plugin type=\"ptp\" failed (add): failed to allocate for range 0: no IP addresses available in range set: {range}"
                    ),
                )
            })?
        };
        let id = new_id(ctx);
        let sandbox = Sandbox {
            id: id.clone(),
            config: Arc::new(config.clone()),
            ready: true,
            ip: ip.clone(),
            created_unix_micros: ctx.unix_micros(),
            containers: Vector::new(),
        };
        self.sandboxes.insert(id.clone(), Arc::new(sandbox));
        self.announce(ctx, &config.uid, &id);
        Ok(CriResponse::RunPodSandbox { sandbox_id: id, ip })
    }

    fn stop_pod_sandbox(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>) -> Outcome {
        let Some(sandbox) = self.sandboxes.get_mut(id).map(Arc::make_mut) else { return Ok(CriResponse::Done) };
        let was_ready = std::mem::replace(&mut sandbox.ready, false);
        let (ip, uid, containers) = (sandbox.ip.clone(), sandbox.config.uid.clone(), sandbox.containers.clone());
        let now = ctx.unix_micros();
        for container in &containers {
            self.finish(ctx, container, now, 137, "Error");
        }
        if was_ready {
            self.addresses.release(&ip);
            self.announce(ctx, &uid, id);
        }
        Ok(CriResponse::Done)
    }

    fn remove_pod_sandbox(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>) -> Outcome {
        self.stop_pod_sandbox(ctx, id)?;
        let Some(sandbox) = self.sandboxes.remove(id) else { return Ok(CriResponse::Done) };
        for container in &sandbox.containers {
            self.containers.remove(container);
        }
        let uid = sandbox.config.uid.clone();
        if !self.sandboxes.values().any(|other| other.config.uid == uid) {
            let prefix = format!("{uid}/");
            let volumes: Vec<Arc<str>> = self
                .volumes
                .range(Arc::<str>::from(prefix.as_str())..)
                .map(|(name, _)| name.clone())
                .take_while(|name| name.starts_with(&prefix))
                .collect();
            for name in volumes {
                self.volumes.remove(&name);
            }
        }
        Ok(CriResponse::Done)
    }

    fn create_container(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        sandbox_id: &Arc<str>,
        config: &ContainerConfig,
    ) -> Outcome {
        let Some(sandbox) = self.sandboxes.get(sandbox_id).cloned() else {
            let message = format!(
                "failed to find sandbox id \"{sandbox_id}\": an error occurred when try to find sandbox: not found"
            );
            return Err(("NotFound", message));
        };
        let reference = Reference::parse(&config.image).map(|reference| reference.full()).unwrap_or_default();
        let Some(stored) = self.images.get(reference.as_str()).cloned() else {
            return Err(("NotFound", format!("failed to get image from containerd \"{}\": not found", config.image)));
        };
        let known = Reference::parse(&config.image).and_then(|reference| images::find(&reference.name()));
        let id = new_id(ctx);
        let user = user::of(known, &config.image, &config.run_as);
        let launch = launch(known, config, &sandbox, user.clone());
        let status = ContainerStatus {
            id: id.clone(),
            sandbox_id: sandbox_id.clone(),
            pod_uid: sandbox.config.uid.clone(),
            name: config.name.clone(),
            attempt: config.attempt,
            state: ContainerState::Created,
            created_unix_micros: ctx.unix_micros(),
            started_unix_micros: 0,
            finished_unix_micros: 0,
            exit_code: 0,
            reason: Arc::from(""),
            message: Arc::from(""),
            image: Arc::from(reference),
            hash: config.hash,
            image_ref: stored.repo_digests.first().cloned().unwrap_or_else(|| stored.id.clone()),
            user,
        };
        let files = FileSystem::new(images::root(known), &config.mounts, &mut self.volumes);
        let container = Container {
            status,
            image: known,
            launch: Arc::new(launch),
            program: None,
            generation: 0,
            memory_bytes: 0,
            files,
            log: Vector::new(),
            followers: Vec::new(),
            stopping: Vec::new(),
        };
        self.containers.insert(id.clone(), Arc::new(container));
        if let Some(sandbox) = self.sandboxes.get_mut(sandbox_id).map(Arc::make_mut) {
            sandbox.containers.push_back(id.clone());
        }
        let uid = sandbox.config.uid.clone();
        self.announce(ctx, &uid, &id);
        Ok(CriResponse::CreateContainer { container_id: id })
    }

    fn start_container(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>) -> Outcome {
        let now = ctx.unix_micros();
        let Some(container) = self.container_mut(id) else { return Err(not_found("container", id)) };
        if container.status.state != ContainerState::Created {
            return Err(("Unknown", format!("container \"{id}\" is in CONTAINER_EXITED state")));
        }
        let uid = container.status.pod_uid.clone();
        let outcome = match images::program(container.image, &container.launch) {
            Ok(program) => {
                container.program = Some(program);
                container.status.state = ContainerState::Running;
                container.status.started_unix_micros = now;
                Ok(CriResponse::Done)
            }
            Err(why) => {
                let message = format!(
                    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: {why}"
                );
                container.status.state = ContainerState::Exited;
                container.status.finished_unix_micros = now;
                container.status.exit_code = 128;
                container.status.reason = Arc::from("StartError");
                container.status.message = Arc::from(message.as_str());
                Err(("Unknown", message))
            }
        };
        self.announce(ctx, &uid, id);
        outcome
    }

    fn run_program(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>) {
        let now = ctx.unix_micros();
        self.with_program(ctx, id, now, |program, host| program.start(host));
    }

    fn stop_container(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, id: &Arc<str>, timeout_seconds: u64) {
        let now = ctx.unix_micros();
        let Some(container) = self.container_mut(id).filter(|container| container.running()) else {
            let response = Arc::new(CriResponse::Done);
            self.schedule(ctx, Duration::from_micros(LOOKUP_MICROS), Due::Answer { call, response });
            return;
        };
        container.stopping.push(call);
        let signal = container.image.map_or(Signal::Terminate, images::Image::stop_signal);
        if timeout_seconds == 0 {
            self.finish(ctx, id, now, 137, "Error");
            return;
        }
        let due = Due::Kill { container: id.clone() };
        self.schedule(ctx, Duration::from_secs(timeout_seconds), due);
        self.signal(ctx, id, signal);
    }

    fn remove_container(&mut self, ctx: &mut Ctx<'_, Message>, id: &Arc<str>) {
        let now = ctx.unix_micros();
        self.finish(ctx, id, now, 137, "Error");
        let Some(container) = self.containers.remove(id) else { return };
        if let Some(sandbox) = self.sandboxes.get_mut(&container.status.sandbox_id).map(Arc::make_mut) {
            sandbox.containers.retain(|other| other != id);
        }
    }

    /// Puts an image on the node.
    pub(super) fn add_image(&mut self, name: &str) -> Option<Arc<CriImage>> {
        let manifest = resolve(name).ok()?;
        let reference = Reference::parse(name)?;
        let repo_tags = if reference.tag.is_empty() {
            Vec::new()
        } else {
            vec![Arc::from(format!("{}:{}", reference.name(), reference.tag))]
        };
        let image = Arc::new(CriImage {
            id: Arc::from(manifest.config_digest),
            repo_tags,
            repo_digests: vec![Arc::from(format!("{}@{}", reference.name(), manifest.digest))],
            size_bytes: manifest.size_bytes,
        });
        self.images.insert(Arc::from(reference.full()), image.clone());
        Some(image)
    }

    fn pull_image(&mut self, ctx: &mut Ctx<'_, Message>, name: &str) -> Outcome {
        if let Err(error) = self.find_in_registry(name) {
            return Err((error.code, error.message));
        }
        let image = self.add_image(name).ok_or_else(|| not_found("image", name))?;
        self.look_at_machine(ctx);
        Ok(CriResponse::PullImage { image_ref: image.id.clone(), size_bytes: image.size_bytes })
    }
}

pub(super) type Outcome = Result<CriResponse, (&'static str, String)>;

/// The program's view of its container.
fn launch(known: Option<&'static images::Image>, config: &ContainerConfig, sandbox: &Sandbox, user: User) -> Launch {
    let mut envs: BTreeMap<String, String> = BTreeMap::new();
    envs.insert("HOSTNAME".into(), sandbox.config.hostname.to_string());
    envs.extend(images::environment(known, &config.image));
    envs.extend(config.envs.iter().cloned());
    Launch {
        image: config.image.clone(),
        argv: images::command_line(known, &config.command, &config.args),
        envs: envs.iter().map(|(name, value)| (shared(name), shared(value))).collect(),
        working_dir: config.working_dir.clone(),
        hostname: sandbox.config.hostname.clone(),
        ip: sandbox.ip.clone(),
        ports: config.ports.clone(),
        memory_limit_bytes: config.memory_limit_bytes,
        cpu_limit_millis: config.cpu_limit_millis,
        user,
    }
}

/// What a span says of a request.
fn detail(request: &CriRequest) -> Arc<str> {
    match request {
        CriRequest::RunPodSandbox(config) => Arc::from(format!("{}/{}", config.namespace, config.name)),
        CriRequest::CreateContainer { config, .. } => config.name.clone(),
        CriRequest::PullImage { image } | CriRequest::ImageStatus { image } | CriRequest::RemoveImage { image } => {
            image.clone()
        }
        CriRequest::StartContainer { container_id }
        | CriRequest::RemoveContainer { container_id }
        | CriRequest::ContainerStatus { container_id }
        | CriRequest::StopContainer { container_id, .. } => {
            container_id.get(..12).map_or_else(|| container_id.clone(), Arc::from)
        }
        CriRequest::ExecSync { command, .. } => Arc::from(command.join(" ")),
        CriRequest::Connect { port, path, .. } => Arc::from(format!(":{port}{}", path.as_deref().unwrap_or_default())),
        _ => Arc::from(""),
    }
}

/// A message of the CRI, for tests and for whoever stands in for a kubelet.
#[cfg(test)]
pub(super) fn request(call: u64, request: CriRequest) -> Message {
    Message::Cri(crate::api::cri::CriMessage::Request { call, request: Arc::new(request) })
}
