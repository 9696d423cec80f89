//! The kubelet's process: what it hears, and whom it gives it to.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet};

use crate::api::cri::{CriMessage, CriRequest, CriResponse, Image};
use crate::api::{CallId, Kind, Message, Response};
use crate::client::{Calls, Change, EventRecorder, Informer, InformerSpec, Outcome};
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId, SimTime};

use super::config::{KubeletConfig, NODE_STATUS_UPDATE_FREQUENCY, RUNTIME_RETRY, VERSION};
use super::eviction_manager::Evictions;
use super::images::Pulls;
use super::node::NodeState;
use super::pleg::Pleg;
use super::pod_workers::Worker;
use super::probe_manager::{ProbeKey, Probes};
use super::references::{RefKey, Reference};
use super::runtime::{CriCall, CriCalls, PodRuntime, RuntimeHealth};
use super::server::LogStreams;

/// What a call to the API server is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Register,
    GetNode,
    NodeStatus,
    LeaseGet,
    LeaseCreate,
    LeaseUpdate,
    Status {
        uid: Arc<str>,
    },
    Delete {
        uid: Arc<str>,
    },
    /// By volume and path.
    Token {
        uid: Arc<str>,
        volume: (String, String),
    },
    /// The volume of a claim, by the pod's name for it.
    Volume {
        uid: Arc<str>,
        volume: String,
    },
    /// What is installed on the node.
    CsiNode,
    Event,
}

/// Which informer a timer starts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    Pods,
    Node,
    Services,
    Reference(RefKey),
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    Register,
    CsiNode,
    Lease,
    NodeStatus,
    Relist,
    /// The eviction manager looks again.
    Evict,
    Runtime,
    Watch(Watch),
    Pod {
        uid: Arc<str>,
    },
    /// A step of a sync that only takes time.
    Step {
        uid: Arc<str>,
        chain: u64,
    },
    PreStop {
        uid: Arc<str>,
        container_id: Arc<str>,
    },
    TearDown {
        uid: Arc<str>,
    },
    /// Mounted ConfigMaps and Secrets are looked at again.
    Remount {
        uid: Arc<str>,
    },
    Probe {
        key: ProbeKey,
    },
    ProbeTimeout {
        key: ProbeKey,
    },
}

/// The kubelet of one node.
#[derive(Clone, Debug)]
pub struct Kubelet {
    pub(super) config: Arc<KubeletConfig>,
    pub(super) calls: Calls<Call>,
    pub(super) cri: CriCalls,
    pub(super) recorder: EventRecorder,
    pub(super) pods: Informer,
    pub(super) services: Informer,
    pub(super) node: NodeState,
    pub(super) references: OrdMap<RefKey, Reference>,
    /// By uid.
    pub(super) workers: OrdMap<Arc<str>, Arc<Worker>>,
    /// What the last relist found, by pod uid.
    pub(super) found: OrdMap<Arc<str>, Arc<PodRuntime>>,
    pub(super) pleg: Pleg,
    /// Terminations that wait for the next relist.
    pub(super) looking: OrdSet<Arc<str>>,
    pub(super) pulls: Pulls,
    pub(super) images: Arc<Vec<Image>>,
    /// An image came since they were last listed.
    pub(super) images_changed: bool,
    pub(super) evictions: Evictions,
    pub(super) probes: Probes,
    pub(super) streams: LogStreams,
    pub(super) health: RuntimeHealth,
    pub(super) phase_micros: u64,
    /// The runtime went away: every pod is looked at again after the next relist.
    pub(super) interrupted: bool,
    pub(super) last_chain: u64,
    pub(super) last_stream: u64,
    timers: OrdMap<u64, Timer>,
    last_timer: u64,
    /// Asking a runtime that is away whether it is back.
    retrying: bool,
}

impl Kubelet {
    /// A kubelet that has not started.
    pub fn new(config: KubeletConfig) -> Self {
        let node = config.node.clone();
        let pods = Informer::new(InformerSpec::fields(Kind::Pod, format!("spec.nodeName={node}")));
        let own = Informer::new(InformerSpec::fields(Kind::Node, format!("metadata.name={node}")));
        Kubelet {
            calls: Calls::new(config.apiserver, &format!("kubelet/{VERSION}"), &format!("system:node:{node}")),
            cri: CriCalls::new(config.runtime),
            recorder: EventRecorder::new("kubelet", &node),
            pods,
            services: Informer::new(InformerSpec::all(Kind::Service)),
            node: NodeState::new(own),
            references: OrdMap::new(),
            workers: OrdMap::new(),
            found: OrdMap::new(),
            pleg: Pleg::default(),
            looking: OrdSet::new(),
            pulls: Pulls::default(),
            images: Arc::default(),
            images_changed: false,
            evictions: Evictions::default(),
            probes: Probes::new(),
            streams: LogStreams::new(),
            health: RuntimeHealth { up: false, seen: SimTime::ZERO },
            phase_micros: 0,
            interrupted: false,
            last_chain: 0,
            last_stream: 0,
            timers: OrdMap::new(),
            last_timer: 0,
            retrying: false,
            config: Arc::new(config),
        }
    }

    /// Asks for `timer` after `delay`.
    pub(super) fn set_timer(&mut self, ctx: &mut Ctx<'_, Message>, delay: Duration, timer: Timer) -> u64 {
        self.last_timer += 1;
        self.timers.insert(self.last_timer, timer);
        ctx.set_timer(delay, self.last_timer);
        self.last_timer
    }

    /// Takes a timer back.
    pub(super) fn cancel(&mut self, timer: u64) {
        self.timers.remove(&timer);
    }

    /// Whether pods may be taken on: the watches are in step, and what runs on the node is known.
    pub(super) fn ready_for_pods(&self) -> bool {
        self.pods.has_synced() && self.services.has_synced() && self.pleg.complete
    }

    /// The workers of pods, for looking inside.
    pub fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.workers.values()
    }

    fn open_runtime(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.cri.send(ctx, CriRequest::Version, CriCall::Version);
    }

    fn on_changes(&mut self, ctx: &mut Ctx<'_, Message>, changes: Vec<Change>) {
        for change in changes {
            match change.kind {
                Kind::Pod => self.pod_changed(ctx, change.old.as_ref(), change.new.as_ref()),
                Kind::Node => {
                    self.node_changed(ctx, change.new.as_ref());
                    self.attachments_changed(ctx);
                }
                Kind::ConfigMap | Kind::Secret | Kind::PersistentVolumeClaim => {
                    self.reference_changed(ctx, &(change.kind, change.key));
                }
                _ => {}
            }
        }
    }

    /// The informer whose stream `call` is.
    fn watch_of(&self, call: CallId) -> Option<Watch> {
        if self.pods.owns(call) {
            return Some(Watch::Pods);
        }
        if self.node.informer.owns(call) {
            return Some(Watch::Node);
        }
        if self.services.owns(call) {
            return Some(Watch::Services);
        }
        let found = self.references.iter().find(|(_, reference)| reference.informer.owns(call));
        found.map(|(key, _)| Watch::Reference(key.clone()))
    }

    fn informer(&mut self, watch: &Watch) -> Option<&mut Informer> {
        match watch {
            Watch::Pods => Some(&mut self.pods),
            Watch::Node => Some(&mut self.node.informer),
            Watch::Services => Some(&mut self.services),
            Watch::Reference(key) => self.references.get_mut(key).map(|reference| &mut reference.informer),
        }
    }

    fn restart_watch(&mut self, ctx: &mut Ctx<'_, Message>, watch: &Watch) {
        let mut calls = self.calls.clone();
        if let Some(informer) = self.informer(watch) {
            informer.start(ctx, &mut calls);
        }
        self.calls = calls;
    }

    fn on_api_response(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, response: &Arc<Response>) {
        if let Some(outcome) = self.calls.answered(call, response) {
            self.on_outcome(ctx, &outcome);
            return;
        }
        let Some(watch) = self.watch_of(call) else { return };
        let retry = self.informer(&watch).and_then(|informer| informer.on_response(ctx, call, response));
        match retry {
            Some(delay) => {
                self.set_timer(ctx, delay, Timer::Watch(watch));
            }
            None if watch == Watch::Pods => self.report_again(ctx),
            None => {}
        }
    }

    fn on_outcome(&mut self, ctx: &mut Ctx<'_, Message>, outcome: &Outcome<Call>) {
        let response = outcome.response.as_deref();
        match &outcome.token {
            Call::Register => self.register_answered(ctx, response),
            Call::GetNode => self.node_got(ctx, response),
            Call::NodeStatus => self.node_reported(ctx, response),
            Call::LeaseGet | Call::LeaseCreate | Call::LeaseUpdate => {
                self.lease_answered(ctx, &outcome.token, response);
            }
            Call::Status { uid } => self.status_answered(ctx, uid, response),
            Call::Delete { uid } => self.deletion_answered(ctx, uid, outcome),
            Call::Token { uid, volume } => self.token_answered(ctx, uid, volume.clone(), response),
            Call::Volume { uid, volume } => self.volume_answered(ctx, uid, volume, response),
            Call::CsiNode => self.csi_node_answered(ctx, response),
            Call::Event => {}
        }
    }

    fn on_cri(&mut self, ctx: &mut Ctx<'_, Message>, message: &CriMessage) {
        match message {
            CriMessage::Response { call, response } => {
                let Some(pending) = self.cri.answered(*call, ctx.now(), response) else { return };
                self.on_cri_response(ctx, &pending.what, response);
            }
            CriMessage::ContainerEvent { .. } => self.arm_relist(ctx),
            CriMessage::MachineEvent { low } => self.machine_changed(ctx, *low),
            CriMessage::LogLines { call, lines, end } => self.log_lines(ctx, *call, lines, *end),
            CriMessage::Request { .. } => {}
        }
    }

    fn on_cri_response(&mut self, ctx: &mut Ctx<'_, Message>, what: &CriCall, response: &CriResponse) {
        match what {
            CriCall::Version => self.runtime_is_up(ctx),
            CriCall::Status => {
                if let CriResponse::Status { network_ready } = response {
                    self.runtime_status(ctx, *network_ready);
                }
            }
            CriCall::Subscribe | CriCall::Forget => {
                if let CriResponse::ListImages(images) = response {
                    self.images = Arc::new(images.clone());
                }
            }
            CriCall::Sandboxes => {
                if let CriResponse::ListPodSandbox(sandboxes) = response {
                    self.sandboxes_listed(sandboxes);
                }
            }
            CriCall::Containers => {
                if let CriResponse::ListContainers(containers) = response {
                    self.containers_listed(ctx, containers);
                }
            }
            CriCall::Sync { uid, chain } => self.step_answered(ctx, uid, *chain, response),
            CriCall::Pull { .. } => self.pulled(ctx, response),
            CriCall::PreStop { uid, container_id } => self.pre_stop_done(ctx, uid, container_id, Some(response)),
            CriCall::Stop { uid, container_id } => self.container_stopped(ctx, uid, container_id),
            CriCall::StopSandbox { uid } => self.sandbox_stopped(ctx, uid),
            CriCall::Probe { key } => self.probe_answered(ctx, key, Some(response)),
            CriCall::Stage { uid, volume } => self.staged(ctx, uid, volume, response),
            CriCall::Usage => self.usage_answered(ctx, response),
            CriCall::Unused => self.reclaim_images(ctx, response),
            CriCall::Reclaimed => self.image_reclaimed(ctx),
            CriCall::Log { stream } => self.log_read(ctx, *stream, response),
        }
    }

    /// The runtime answers: listen to it, and look at what runs.
    fn runtime_is_up(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.health = RuntimeHealth { up: true, seen: ctx.now() };
        self.retrying = false;
        self.cri.send(ctx, CriRequest::Status, CriCall::Status);
        self.cri.send(ctx, CriRequest::GetContainerEvents, CriCall::Subscribe);
        self.cri.send(ctx, CriRequest::ListImages, CriCall::Forget);
        self.relist(ctx);
    }

    /// The runtime is away: what was under way has failed, what runs goes on.
    fn runtime_lost(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.health.up {
            self.health = RuntimeHealth { up: false, seen: ctx.now() };
        }
        self.relist_lost();
        self.interrupted = true;
        self.pulls_lost();
        self.evictions_lost();
        self.cri.disconnected();
        let uids: Vec<Arc<str>> = self.workers.keys().cloned().collect();
        for uid in uids {
            let Some(worker) = self.worker_mut(&uid) else { continue };
            worker.chain = None;
            worker.kills.clear();
            worker.ending.clear();
            if let super::pod_workers::Stage::Terminating(_) = worker.stage {
                // It begins again with a look once the runtime is back.
                worker.stage = super::pod_workers::Stage::Terminating(super::termination::Termination::Looking);
                self.looking.insert(uid.clone());
            }
        }
        self.forget_questions();
        if !self.retrying {
            self.retrying = true;
            self.set_timer(ctx, RUNTIME_RETRY, Timer::Runtime);
        }
    }

    /// The API server is away.
    fn apiserver_lost(&mut self, ctx: &mut Ctx<'_, Message>) {
        for outcome in self.calls.disconnected() {
            self.on_outcome(ctx, &outcome);
        }
        let mut watches = vec![Watch::Pods, Watch::Node, Watch::Services];
        watches.extend(self.references.keys().cloned().map(Watch::Reference));
        for watch in watches {
            let Some(informer) = self.informer(&watch).filter(|informer| informer.call().is_some()) else { continue };
            let delay = informer.on_disconnect(ctx);
            self.set_timer(ctx, delay, Timer::Watch(watch));
        }
    }
}

impl Process<Message> for Kubelet {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.phase_micros = ctx.rng().below(1_000_000);
        self.open_runtime(ctx);
        self.register(ctx);
        for watch in [Watch::Services, Watch::Node, Watch::Pods] {
            self.restart_watch(ctx, &watch);
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Response { call, response } => self.on_api_response(ctx, *call, response),
            Message::Watch { call, event } => {
                let Some(watch) = self.watch_of(*call) else { return };
                let Some(informer) = self.informer(&watch) else { return };
                let synced = informer.has_synced();
                let (changes, retry) = informer.on_watch(ctx, *call, event);
                let now_synced = informer.has_synced() && !synced;
                self.on_changes(ctx, changes);
                if let Some(delay) = retry {
                    self.set_timer(ctx, delay, Timer::Watch(watch.clone()));
                }
                if now_synced {
                    match &watch {
                        Watch::Reference(key) => self.reference_changed(ctx, &key.clone()),
                        _ => self.take_pods_on(ctx),
                    }
                }
            }
            Message::StreamEnd { call } => {
                let Some(watch) = self.watch_of(*call) else { return };
                let retry = self.informer(&watch).and_then(|informer| informer.on_stream_end(ctx, *call));
                if let Some(delay) = retry {
                    self.set_timer(ctx, delay, Timer::Watch(watch));
                }
            }
            Message::Request { call, request } => self.serve(ctx, envelope.from, *call, request),
            Message::Cancel { call } => self.cancel_log(ctx, envelope.from, Some(*call)),
            Message::Cri(message) => self.on_cri(ctx, message),
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        let Some(timer) = self.timers.remove(&token) else { return };
        match timer {
            Timer::Register => self.register(ctx),
            Timer::CsiNode => self.register_driver(ctx),
            Timer::Lease => self.renew_lease(ctx),
            Timer::NodeStatus => {
                self.set_timer(ctx, NODE_STATUS_UPDATE_FREQUENCY, Timer::NodeStatus);
                if std::mem::take(&mut self.images_changed) {
                    self.cri.send(ctx, CriRequest::ListImages, CriCall::Forget);
                }
                self.report_node(ctx);
            }
            Timer::Relist => self.relist_due(ctx),
            Timer::Evict => self.eviction_due(ctx),
            Timer::Runtime => {
                self.retrying = false;
                self.open_runtime(ctx);
            }
            Timer::Watch(watch) => self.restart_watch(ctx, &watch),
            Timer::Pod { uid } => {
                if let Some(worker) = self.worker_mut(&uid) {
                    worker.wake = None;
                }
                self.sync_pod(ctx, &uid);
            }
            Timer::Step { uid, chain } => self.step_answered(ctx, &uid, chain, &CriResponse::Done),
            Timer::PreStop { uid, container_id } => self.pre_stop_done(ctx, &uid, &container_id, None),
            Timer::TearDown { uid } => self.torn_down(ctx, &uid),
            Timer::Remount { uid } => self.remount(ctx, &uid),
            Timer::Probe { key } => self.probe_due(ctx, &key),
            Timer::ProbeTimeout { key } => self.probe_answered(ctx, &key, None),
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, _: Disconnect) {
        if peer == self.config.apiserver {
            self.cancel_log(ctx, peer, None);
            self.apiserver_lost(ctx);
        } else if peer == self.config.runtime {
            self.runtime_lost(ctx);
        }
    }

    fn lose_memory(&mut self) {
        let (last_timer, last_chain, last_stream) = (self.last_timer, self.last_chain, self.last_stream);
        let (mut calls, mut cri, mut recorder) = (self.calls.clone(), self.cri.clone(), self.recorder.clone());
        calls.forget();
        cri.forget();
        recorder.forget();
        *self = Kubelet {
            calls,
            cri,
            recorder,
            last_timer,
            last_chain,
            last_stream,
            ..Kubelet::new((*self.config).clone())
        };
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
