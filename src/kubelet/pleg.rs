//! PLEG: sees what the runtime did, by looking.
//!
//! Mirrors pkg/kubelet/pleg/generic.go, with one difference that costs nothing: a relist happens at its
//! period only when the runtime announced that something changed.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::{ContainerState, ContainerStatus, CriRequest, PodSandboxStatus};
use crate::sim::persistent::{OrdMap, OrdSet, Vector};
use crate::sim::{Ctx, SimTime};

use super::config::PLEG_RELIST_PERIOD;
use super::process::{Kubelet, Timer};
use super::runtime::{CriCall, PodRuntime};

/// Changes that are kept for whoever looks inside.
const CHANGES_MAX: usize = 24;

/// What one relist found changed of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlegChange {
    pub at: SimTime,
    pub uid: Arc<str>,
    pub name: Arc<str>,
    /// `ContainerStarted`, `ContainerDied`, `ContainerRemoved`, `ContainerChanged`, with the container or
    /// sandbox it is about.
    pub events: Vec<(&'static str, Arc<str>)>,
}

/// Where PLEG stands.
#[derive(Clone, Debug, Default)]
pub struct Pleg {
    /// The relist at the end of this period is asked for.
    armed: bool,
    /// A relist is under way.
    listing: bool,
    /// Somebody wants another, right after it.
    again: bool,
    sandboxes: Option<Vec<PodSandboxStatus>>,
    /// Counts the relists begun.
    begun: u64,
    /// The last that ended.
    done: u64,
    /// Pods whose next sync waits for a relist.
    waiting: OrdSet<Arc<str>>,
    /// The first relist is done: what runs on the node is known.
    pub complete: bool,
    /// When the last relist ended.
    last: Option<SimTime>,
    /// The last changes found, oldest first.
    changes: Vector<Arc<PlegChange>>,
}

impl Pleg {
    /// How many relists ended, and when the last did.
    pub fn relists(&self) -> (u64, Option<SimTime>) {
        (self.done, self.last)
    }

    /// Whether a relist is under way, and whether one is asked for at the end of this period.
    pub fn under_way(&self) -> (bool, bool) {
        (self.listing, self.armed)
    }

    /// The last changes found, newest first.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<PlegChange>> {
        self.changes.iter().rev()
    }

    fn note(&mut self, at: SimTime, uid: &Arc<str>, before: Option<&PodRuntime>, after: &PodRuntime) {
        let events = events(before.unwrap_or(&PodRuntime::default()), after);
        if events.is_empty() {
            return;
        }
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        let sandbox = after.sandbox().or_else(|| before.and_then(PodRuntime::sandbox));
        let name = sandbox.map_or_else(|| uid.clone(), |sandbox| sandbox.name.clone());
        self.changes.push_back(Arc::new(PlegChange { at, uid: uid.clone(), name, events }));
    }
}

/// `generateEvents`: by how the state of each container, and of each sandbox, moved.
fn events(before: &PodRuntime, after: &PodRuntime) -> Vec<(&'static str, Arc<str>)> {
    let sandbox: Arc<str> = Arc::from("sandbox");
    let states = |pod: &PodRuntime| -> OrdMap<Arc<str>, (Arc<str>, ContainerState)> {
        let containers = pod.containers.iter().map(|status| (status.id.clone(), (status.name.clone(), status.state)));
        let sandboxes = pod.sandboxes.iter().map(|status| {
            let state = if status.ready { ContainerState::Running } else { ContainerState::Exited };
            (status.id.clone(), (sandbox.clone(), state))
        });
        containers.chain(sandboxes).collect()
    };
    let (old, new) = (states(before), states(after));
    let mut found = Vec::new();
    for (id, (name, state)) in &new {
        match (old.get(id).map(|(_, state)| *state), state) {
            (Some(before), now) if before == *now => {}
            (_, ContainerState::Running) => found.push(("ContainerStarted", name.clone())),
            (_, ContainerState::Exited) => found.push(("ContainerDied", name.clone())),
            _ => found.push(("ContainerChanged", name.clone())),
        }
    }
    for (id, (name, state)) in &old {
        if !new.contains_key(id) {
            if *state == ContainerState::Running {
                found.push(("ContainerDied", name.clone()));
            }
            found.push(("ContainerRemoved", name.clone()));
        }
    }
    found
}

impl Kubelet {
    /// Something changed: look at the end of this period.
    pub(super) fn arm_relist(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.pleg.armed {
            return;
        }
        self.pleg.armed = true;
        let period = PLEG_RELIST_PERIOD.as_micros() as u64;
        let into = (ctx.now().as_micros() + self.phase_micros) % period;
        self.set_timer(ctx, Duration::from_micros(period - into), Timer::Relist);
    }

    /// Looks now.
    pub(super) fn relist(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.pleg.listing {
            self.pleg.again = true;
            return;
        }
        self.pleg.listing = true;
        self.pleg.begun += 1;
        self.cri.send(ctx, CriRequest::ListPodSandbox, CriCall::Sandboxes);
        self.cri.send(ctx, CriRequest::ListContainers, CriCall::Containers);
    }

    /// The period is over.
    pub(super) fn relist_due(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.pleg.armed = false;
        self.relist(ctx);
    }

    pub(super) fn sandboxes_listed(&mut self, sandboxes: &[PodSandboxStatus]) {
        self.pleg.sandboxes = Some(sandboxes.to_vec());
    }

    /// The second half of a relist: what changed since the last, pod by pod.
    pub(super) fn containers_listed(&mut self, ctx: &mut Ctx<'_, Message>, containers: &[ContainerStatus]) {
        self.pleg.listing = false;
        self.pleg.done = self.pleg.begun;
        let mut found: OrdMap<Arc<str>, PodRuntime> = OrdMap::new();
        for sandbox in self.pleg.sandboxes.take().unwrap_or_default() {
            found.entry(sandbox.pod_uid.clone()).or_default().sandboxes.push(sandbox);
        }
        for container in containers {
            found.entry(container.pod_uid.clone()).or_default().containers.push(container.clone());
        }
        found.values_mut().for_each(PodRuntime::sort);
        let mut changed = Vec::new();
        let known: Vec<Arc<str>> = self.found.keys().filter(|uid| !found.contains_key(*uid)).cloned().collect();
        let now = ctx.now();
        self.pleg.last = Some(now);
        for uid in known {
            let before = self.found.remove(&uid);
            self.pleg.note(now, &uid, before.as_deref(), &PodRuntime::default());
            changed.push((uid, Arc::default()));
        }
        for (uid, pod) in found {
            if self.found.get(&uid).is_none_or(|known| **known != pod) {
                let pod = Arc::new(pod);
                let before = self.found.insert(uid.clone(), pod.clone());
                self.pleg.note(now, &uid, before.as_deref(), &pod);
                changed.push((uid, pod));
            }
        }
        let first = !std::mem::replace(&mut self.pleg.complete, true);
        let mut wanted: OrdSet<Arc<str>> = std::mem::take(&mut self.pleg.waiting);
        for (uid, pod) in changed {
            let Some(worker) = self.worker_mut(&uid) else { continue };
            worker.seen = pod;
            self.note_started(&uid);
            wanted.insert(uid);
        }
        if std::mem::take(&mut self.interrupted) {
            wanted.extend(self.workers.keys().cloned());
        }
        for uid in wanted {
            self.sync_pod(ctx, &uid);
        }
        self.relisted(ctx);
        if first {
            self.take_pods_on(ctx);
        } else {
            self.remove_orphans(ctx);
        }
        if std::mem::take(&mut self.pleg.again) {
            self.relist(ctx);
        }
    }

    /// A container that now runs is no longer waiting for anything.
    fn note_started(&mut self, uid: &str) {
        let Some(worker) = self.worker_mut(uid) else { return };
        let running: Vec<String> = worker
            .seen
            .containers
            .iter()
            .filter(|status| status.state == ContainerState::Running)
            .map(|status| status.name.to_string())
            .collect();
        for name in running {
            worker.reasons.remove(&name);
        }
    }

    /// Lets go of pods in the runtime that nobody knows.
    pub(super) fn remove_orphans(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !self.ready_for_pods() {
            return;
        }
        let orphans: Vec<Arc<PodRuntime>> = self
            .found
            .iter()
            .filter(|(uid, pod)| !self.workers.contains_key(*uid) && pod.sandboxes.iter().any(|sandbox| sandbox.ready))
            .map(|(_, pod)| pod.clone())
            .collect();
        for orphan in orphans {
            self.remove_from_runtime(ctx, &orphan);
        }
    }

    /// Removes a pod's containers and sandboxes.
    pub(super) fn remove_from_runtime(&mut self, ctx: &mut Ctx<'_, Message>, pod: &PodRuntime) {
        for container in &pod.containers {
            let container_id = container.id.clone();
            self.cri.send(ctx, CriRequest::RemoveContainer { container_id }, CriCall::Forget);
        }
        for sandbox in &pod.sandboxes {
            let sandbox_id = sandbox.id.clone();
            self.cri.send(ctx, CriRequest::RemovePodSandbox { sandbox_id }, CriCall::Forget);
        }
    }

    /// The next sync of the pod waits for a relist that begins from now on: what the last one did is
    /// not in what was seen (`podCache.GetNewerThan`).
    pub(super) fn wait_for_relist(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let after = self.pleg.begun + 1;
        if let Some(worker) = self.worker_mut(uid) {
            worker.fresh_after = after;
        }
        self.arm_relist(ctx);
    }

    /// Whether what was seen of the pod is newer than its last sync; else it is synced when it is.
    pub(super) fn is_fresh(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) -> bool {
        let fresh = self.workers.get(uid).is_none_or(|worker| self.pleg.done >= worker.fresh_after);
        if !fresh {
            self.pleg.waiting.insert(uid.clone());
            self.arm_relist(ctx);
        }
        fresh
    }

    /// Whether another relist follows at once.
    pub(super) fn pleg_wanted_again(&self) -> bool {
        self.pleg.again
    }

    /// Forgets the relist under way: its answers will not come.
    pub(super) fn relist_lost(&mut self) {
        self.pleg.listing = false;
        self.pleg.again = false;
        self.pleg.sandboxes = None;
    }
}
