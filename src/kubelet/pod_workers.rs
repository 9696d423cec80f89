//! Pod workers: what the kubelet knows and does of one pod, one thing at a time.
//!
//! Mirrors pkg/kubelet/pod_workers.go: a pod is synced until it ends or is deleted, then terminated,
//! then its resources are let go.

use std::ops::Deref;
use std::sync::Arc;

use crate::api::stored::{Lazy, Stored};
use crate::api::{Message, Object, ObjectKey};
use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet};
use crate::sim::{Ctx, EventId, SimTime};

use super::actions::Actions;
use super::backoff::Backoff;
use super::kill::Kill;
use super::pod::{self, is_deleted};
use super::process::Kubelet;
use super::resources::{Amounts, pod_requests};
use super::runtime::PodRuntime;
use super::sync::Chain;
use super::termination::Termination;
use super::volumes::Volumes;

/// Where a pod's worker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Syncing,
    Terminating(Termination),
    /// Nothing of it runs; `removed` once its resources are let go.
    Terminated,
}

/// Why a pod is Failed whatever its containers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    pub message: String,
    /// By the eviction manager, which gives its containers a second.
    pub evicted: bool,
}

/// A version of a pod: its object is at hand from when it is first read until a newer one comes, so that pods to which
/// nothing happens take little room.
#[derive(Clone, Debug)]
pub struct Version {
    object: Lazy,
    resource_version: u64,
    requests: Amounts,
}

impl Version {
    fn new(object: &Arc<Object>, kept: Option<Stored>) -> Self {
        Version {
            object: Lazy::new(kept.unwrap_or_else(|| object.clone().into())),
            resource_version: object.resource_version(),
            requests: pod_requests(pod::spec(object)),
        }
    }

    /// What the pod asks for.
    pub fn requests(&self) -> Amounts {
        self.requests
    }
}

impl Deref for Version {
    type Target = Arc<Object>;

    fn deref(&self) -> &Arc<Object> {
        &self.object
    }
}

/// What the kubelet knows of one pod.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The newest version it knows, from the watch or from its own writes.
    pub pod: Version,
    pub key: ObjectKey,
    pub uid: Arc<str>,
    pub stage: Stage,
    pub failure: Option<Box<Failure>>,
    /// What PLEG last saw.
    pub seen: Arc<PodRuntime>,
    /// The sync under way.
    pub chain: Option<Box<Chain>>,
    /// Asked for again meanwhile.
    pub resync: Option<EventId>,
    /// Why containers are waiting: the results of the last sync (`reasonCache`).
    pub reasons: OrdMap<String, (String, String)>,
    /// Restart back-off by container and its definition: a new one has its own (`GetStableKey`).
    pub backoffs: OrdMap<(String, u32), Backoff>,
    /// Pull back-off by image, with the error that led to it.
    pub pull_backoffs: OrdMap<String, (Backoff, String)>,
    /// Ends of containers that are under way, by container id.
    pub kills: OrdMap<Arc<str>, Kill>,
    /// Containers that the pod's termination already killed.
    pub ending: OrdSet<Arc<str>>,
    pub volumes: Volumes,
    /// When the kubelet took the pod on: microseconds since the Unix epoch.
    pub start_unix_micros: i64,
    /// The next sync that time alone brings.
    pub wake: Option<(SimTime, u64)>,
    /// Probe results by container: ready, started, failed.
    pub health: OrdMap<String, Health>,
    pub status: super::status_manager::StatusState,
    /// The number of the relist that the next sync needs.
    pub fresh_after: u64,
    /// The API server has it no more.
    pub gone: bool,
}

/// What the probes say of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The container it is about.
    pub container_id: Arc<str>,
    pub ready: bool,
    pub started: bool,
    /// The probe that failed for good: `failed liveness probe`.
    pub failed: Option<String>,
}

impl Worker {
    /// A worker for a pod seen for the first time.
    pub fn new(pod: &Arc<Object>, kept: Option<Stored>, unix_micros: i64) -> Self {
        let start = pod::pod(pod).status.as_ref().and_then(|status| status.start_time.as_ref());
        let start_unix_micros = start.map_or(unix_micros, crate::api::time::unix_micros);
        Worker {
            key: pod.key(),
            uid: Arc::from(pod.uid()),
            pod: Version::new(pod, kept),
            stage: Stage::Syncing,
            failure: None,
            seen: Arc::default(),
            chain: None,
            resync: None,
            reasons: OrdMap::new(),
            backoffs: OrdMap::new(),
            pull_backoffs: OrdMap::new(),
            kills: OrdMap::new(),
            ending: OrdSet::new(),
            volumes: Volumes::default(),
            start_unix_micros,
            wake: None,
            health: OrdMap::new(),
            status: super::status_manager::StatusState::default(),
            fresh_after: 0,
            gone: false,
        }
    }

    /// Takes a newer version of the pod.
    pub fn update(&mut self, pod: &Arc<Object>, kept: Option<Stored>) {
        if pod.resource_version() >= self.pod.resource_version {
            self.pod = Version::new(pod, kept);
        }
    }

    /// Whether a container, by what its probes say, is started and ready.
    pub fn health(&self, id: &str, name: &str) -> Option<&Health> {
        self.health.get(name).filter(|health| &*health.container_id == id)
    }
}

impl Kubelet {
    /// Changes a worker, if it is there.
    pub(super) fn worker_mut(&mut self, uid: &str) -> Option<&mut Worker> {
        self.workers.get_mut(uid).map(Arc::make_mut)
    }

    /// A pod appeared, changed or is gone.
    pub(super) fn pod_changed(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        old: Option<&Arc<Object>>,
        new: Option<&Arc<Object>>,
    ) {
        if let Some(old) = old.filter(|old| new.is_none_or(|new| new.uid() != old.uid())) {
            self.pod_removed(ctx, &Arc::from(old.uid()));
        }
        let Some(pod) = new else { return };
        let uid: Arc<str> = Arc::from(pod.uid());
        let kept = self.pods.store().kept(&pod.key()).cloned();
        if let Some(worker) = self.worker_mut(&uid) {
            // What the watch said last, and not what an answer to a report has brought since: nobody has acted on that.
            let before = old.filter(|old| old.uid() == pod.uid()).unwrap_or(&worker.pod).clone();
            worker.update(pod, kept);
            let spec_changed = before.meta().generation != pod.meta().generation
                || before.meta().labels != pod.meta().labels
                || before.meta().annotations != pod.meta().annotations;
            let deleted = is_deleted(pod) != is_deleted(&before)
                || pod.meta().deletion_grace_period_seconds != before.meta().deletion_grace_period_seconds;
            if spec_changed || deleted {
                self.sync_pod(ctx, &uid);
            }
            return;
        }
        if !self.ready_for_pods() {
            return;
        }
        self.pod_added(ctx, pod);
    }

    /// `HandlePodAdditions`: admission, then the first sync.
    fn pod_added(&mut self, ctx: &mut Ctx<'_, Message>, pod: &Arc<Object>) {
        let mut worker = Worker::new(pod, self.pods.store().kept(&pod.key()).cloned(), ctx.unix_micros());
        if let Some(seen) = self.found.get(&worker.uid) {
            worker.seen = seen.clone();
        }
        let uid = worker.uid.clone();
        let terminal = matches!(pod::phase(pod), "Failed" | "Succeeded");
        if terminal && *worker.seen == PodRuntime::default() {
            // It ended before this kubelet knew it: only its deletion is left to be confirmed.
            worker.stage = Stage::Terminated;
        } else if !terminal
            && !is_deleted(pod)
            && *worker.seen == PodRuntime::default()
            && let Err(rejection) = self.admit(pod)
        {
            let (reason, message) = (rejection.reason, rejection.message);
            let told = format!("Pod was rejected: {message}");
            worker.failure = Some(Box::new(Failure { reason: reason.to_owned(), message: told, evicted: false }));
            worker.stage = Stage::Terminated;
            self.pod_event(ctx, pod, crate::client::EventKind::Warning, reason, message);
        }
        self.workers.insert(uid.clone(), Arc::new(worker));
        self.watch_references(ctx, &uid);
        self.sync_pod(ctx, &uid);
    }

    /// The API server has the pod no more: what still runs of it ends, and it is forgotten.
    fn pod_removed(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.gone = true;
        if worker.stage == Stage::Terminated {
            self.forget_pod(ctx, uid);
        } else {
            self.sync_pod(ctx, uid);
        }
    }

    /// Lets go of everything of a pod that ended: its containers, its sandbox, its watches.
    pub(super) fn forget_pod(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.remove(uid) else { return };
        self.unwatch_references(ctx, uid);
        self.stop_probes(ctx, uid);
        if let Some((_, timer)) = worker.wake {
            self.cancel(timer);
        }
        self.remove_from_runtime(ctx, &worker.seen);
        self.found.remove(uid);
    }

    /// Pods that came before the kubelet was ready for them.
    pub(super) fn take_pods_on(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !self.ready_for_pods() {
            return;
        }
        let mut pods: Vec<Arc<Object>> = self
            .pods
            .store()
            .iter()
            .map(|(_, pod)| pod.clone())
            .filter(|pod| !self.workers.contains_key(pod.uid()))
            .collect();
        // `HandlePodAdditions` takes the oldest first, so that they are admitted before newer ones.
        pods.order_by_key(|pod| (pod.meta().creation_timestamp.clone(), pod.resource_version()));
        for pod in &pods {
            self.pod_added(ctx, pod);
        }
        self.remove_orphans(ctx);
    }

    /// Asks for a sync of a pod at a time; an earlier wish stands.
    pub(super) fn wake_pod(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, delay: std::time::Duration) {
        let at = ctx.now() + delay;
        let Some(worker) = self.workers.get(uid) else { return };
        if let Some((earlier, timer)) = worker.wake {
            if earlier <= at {
                return;
            }
            self.cancel(timer);
        }
        let timer = self.set_timer(ctx, delay, super::process::Timer::Pod { uid: uid.clone() });
        if let Some(worker) = self.worker_mut(uid) {
            worker.wake = Some((at, timer));
        }
    }

    /// Looks at a pod again and does what is next: level-triggered, whatever woke it.
    pub(super) fn sync_pod(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let cause = ctx.cause();
        let Some(worker) = self.worker_mut(uid) else { return };
        let must_end = is_deleted(&worker.pod) || worker.gone;
        match &worker.stage {
            Stage::Terminated => self.finish_terminated(ctx, uid),
            Stage::Terminating(_) => self.terminate(ctx, uid),
            Stage::Syncing if must_end => self.begin_termination(ctx, uid),
            Stage::Syncing if worker.chain.is_some() => worker.resync = Some(cause),
            Stage::Syncing => self.sync_running_pod(ctx, uid),
        }
    }

    /// `syncPod`: status first, then what the runtime should do.
    fn sync_running_pod(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        if let Some((_, timer)) = self.worker_mut(uid).and_then(|worker| worker.wake.take()) {
            self.cancel(timer);
        }
        if !self.is_fresh(ctx, uid) {
            return;
        }
        self.check_deadline(ctx, uid);
        self.watch_probes(ctx, uid);
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        if worker.failure.is_some() || matches!(super::status::phase(&worker), "Failed" | "Succeeded") {
            self.begin_termination(ctx, uid);
            return;
        }
        if !self.prepare_volumes(ctx, uid) {
            return;
        }
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let actions = super::actions::compute(&worker);
        if actions != Actions::default() {
            self.begin_chain(ctx, uid, actions);
        }
    }

    /// `activeDeadlineSeconds`: the pod has so long from its start.
    fn check_deadline(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let now = ctx.unix_micros();
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some(seconds) = pod::spec(&worker.pod).active_deadline_seconds else { return };
        let left = worker.start_unix_micros + seconds * 1_000_000 - now;
        if left > 0 {
            self.wake_pod(ctx, uid, std::time::Duration::from_micros(left as u64));
            return;
        }
        if worker.failure.is_none() {
            let message = "Pod was active on the node longer than the specified deadline";
            self.pod_event(ctx, &worker.pod, crate::client::EventKind::Normal, "DeadlineExceeded", message);
            if let Some(worker) = self.worker_mut(uid) {
                worker.failure = Some(Box::new(Failure {
                    reason: "DeadlineExceeded".into(),
                    message: message.into(),
                    evicted: false,
                }));
            }
        }
    }
}
