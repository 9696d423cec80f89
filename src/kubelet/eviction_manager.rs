//! The eviction manager: looks at what is left of the machine, reclaims what nobody uses, and evicts pods.
//!
//! Mirrors pkg/kubelet/eviction/eviction_manager.go, with one difference that costs nothing: it looks at its period
//! only once the runtime announced that little is left, and until no condition stands any more. Leaves out: removing
//! dead containers, which weigh nothing here; limits of local storage.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::{ContainerStats, CriRequest, CriResponse, Image, MachineUsage};
use crate::client::EventKind;
use crate::sim::{Ctx, SimTime};

use super::eviction::{Candidate, Signal, is_critical, message, rank, thresholds_met};
use super::pod;
use super::pod_workers::{Failure, Stage as PodStage};
use super::process::{Kubelet, Timer};
use super::runtime::CriCall;

/// `evictionMonitoringPeriod`
const MONITORING_PERIOD: Duration = Duration::from_secs(10);
/// `evictionPressureTransitionPeriod`: how long a condition stands after it was last observed.
const PRESSURE_TRANSITION_PERIOD: Duration = Duration::from_secs(300);
/// `podCleanupTimeout` and `podCleanupPollFreq`
const POD_CLEANUP_TIMEOUT: Duration = Duration::from_secs(30);
const POD_CLEANUP_POLL: Duration = Duration::from_secs(1);

/// What it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// The machine is asked; `reclaimed` once images were removed for it.
    Looking { reclaimed: bool },
    /// So many images are still being removed.
    Reclaiming(usize),
    /// A pod was evicted, and is waited for until then.
    Cleaning(Arc<str>, SimTime),
}

/// Where the eviction manager stands.
#[derive(Clone, Debug, Default)]
pub struct Evictions {
    stage: Stage,
    /// The next look is asked for.
    armed: bool,
    /// The runtime said that little is left.
    low: bool,
    stats: Arc<Vec<ContainerStats>>,
    /// When memory and disk were last seen below their thresholds.
    observed: (Option<SimTime>, Option<SimTime>),
    /// MemoryPressure and DiskPressure.
    pub pressure: (bool, bool),
}

impl Evictions {
    /// The names of the conditions that stand.
    pub fn conditions(&self) -> Vec<&'static str> {
        let (memory, disk) = self.pressure;
        [(memory, "MemoryPressure"), (disk, "DiskPressure")]
            .into_iter()
            .filter(|(stands, _)| *stands)
            .map(|(_, name)| name)
            .collect()
    }

    /// `nodeConditionsLastObservedAt` and `nodeConditionsObservedSince`.
    fn observe(&mut self, met: &[Signal], now: SimTime) {
        let memory = met.contains(&Signal::Memory);
        let disk = met.iter().any(|signal| *signal != Signal::Memory);
        let at = |seen: bool, before: Option<SimTime>| if seen { Some(now) } else { before };
        self.observed = (at(memory, self.observed.0), at(disk, self.observed.1));
        let stands = |at: Option<SimTime>| at.is_some_and(|at| now.since(at) < PRESSURE_TRANSITION_PERIOD);
        self.pressure = (stands(self.observed.0), stands(self.observed.1));
    }
}

/// Whether a container, running or not, was made from an image; the sandboxes' own is pinned.
fn is_used(kubelet: &Kubelet, image: &Image) -> bool {
    let pinned = image.repo_tags.iter().any(|tag| tag.contains("/pause:"));
    let waited = kubelet.pulls.waiting();
    pinned
        || waited.iter().any(|(wanted, ..)| image.repo_tags.iter().any(|tag| tag.ends_with(&**wanted)))
        || kubelet.found.values().flat_map(|pod| &pod.containers).any(|container| {
            image.repo_tags.contains(&container.image) || image.repo_digests.contains(&container.image_ref)
        })
}

impl Kubelet {
    /// The runtime announced how much is left of the machine.
    pub(super) fn machine_changed(&mut self, ctx: &mut Ctx<'_, Message>, low: bool) {
        self.evictions.low = low;
        self.arm_eviction(ctx);
    }

    /// Looks at the end of this period.
    fn arm_eviction(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.evictions.armed || self.evictions.stage != Stage::Idle {
            return;
        }
        self.evictions.armed = true;
        let period = MONITORING_PERIOD.as_micros() as u64;
        let into = (ctx.now().as_micros() + self.phase_micros) % period;
        self.set_timer(ctx, Duration::from_micros(period - into), Timer::Evict);
    }

    /// `synchronize` begins: what is used, and what is left?
    pub(super) fn eviction_due(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.evictions.armed = false;
        match &self.evictions.stage {
            Stage::Cleaning(uid, until) => {
                let over = self.workers.get(uid).is_none_or(|worker| worker.stage == PodStage::Terminated);
                if !over && ctx.now() < *until {
                    self.set_timer(ctx, POD_CLEANUP_POLL, Timer::Evict);
                    return;
                }
            }
            Stage::Idle => {}
            Stage::Looking { .. } | Stage::Reclaiming(_) => return,
        }
        self.look_at_machine(ctx, false);
    }

    fn look_at_machine(&mut self, ctx: &mut Ctx<'_, Message>, reclaimed: bool) {
        self.evictions.stage = Stage::Looking { reclaimed };
        self.cri.send(ctx, CriRequest::ListContainerStats, CriCall::Usage);
        self.cri.send(ctx, CriRequest::ImageFsInfo, CriCall::Usage);
    }

    /// The runtime is away: what it was asked is not answered.
    pub(super) fn evictions_lost(&mut self) {
        self.evictions.stage = Stage::Idle;
    }

    /// One of the two answers.
    pub(super) fn usage_answered(&mut self, ctx: &mut Ctx<'_, Message>, response: &CriResponse) {
        match response {
            CriResponse::ContainerStats(stats) => self.evictions.stats = Arc::new(stats.clone()),
            CriResponse::ImageFsInfo(machine) => self.synchronize(ctx, machine),
            _ => {}
        }
    }

    fn synchronize(&mut self, ctx: &mut Ctx<'_, Message>, machine: &MachineUsage) {
        let Stage::Looking { reclaimed } = self.evictions.stage else { return };
        let met = thresholds_met(machine);
        self.evictions.observe(&met, ctx.now());
        let Some(signal) = met.first().copied() else {
            self.rest_from_eviction(ctx);
            return;
        };
        if !reclaimed {
            let text = format!("Attempting to reclaim {}", signal.resource());
            self.node_event(ctx, EventKind::Warning, "EvictionThresholdMet", text);
            if signal != Signal::Memory {
                self.evictions.stage = Stage::Reclaiming(0);
                self.cri.send(ctx, CriRequest::ListImages, CriCall::Unused);
                return;
            }
        }
        self.evict_one(ctx, &met, machine);
    }

    fn rest_from_eviction(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.evictions.stage = Stage::Idle;
        self.evictions.stats = Arc::default();
        if self.evictions.low || self.evictions.pressure != (false, false) {
            self.arm_eviction(ctx);
        }
    }

    /// `DeleteUnusedImages`.
    pub(super) fn reclaim_images(&mut self, ctx: &mut Ctx<'_, Message>, response: &CriResponse) {
        let CriResponse::ListImages(images) = response else { return };
        let unused: Vec<Arc<str>> = images
            .iter()
            .filter(|image| !is_used(self, image))
            .filter_map(|image| image.repo_tags.first().or(image.repo_digests.first()).cloned())
            .collect();
        self.evictions.stage = Stage::Reclaiming(unused.len());
        if unused.is_empty() {
            self.look_at_machine(ctx, true);
            return;
        }
        self.images_changed = true;
        for image in unused {
            self.cri.send(ctx, CriRequest::RemoveImage { image }, CriCall::Reclaimed);
        }
    }

    /// An image was removed.
    pub(super) fn image_reclaimed(&mut self, ctx: &mut Ctx<'_, Message>) {
        let Stage::Reclaiming(left) = &mut self.evictions.stage else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.look_at_machine(ctx, true);
        }
    }

    /// Evicts the pod that ranks first; at most one per look.
    fn evict_one(&mut self, ctx: &mut Ctx<'_, Message>, met: &[Signal], machine: &MachineUsage) {
        let resource = met[0].resource();
        let active: Vec<_> = self
            .workers
            .values()
            .filter(|worker| worker.stage == PodStage::Syncing && worker.failure.is_none())
            .cloned()
            .collect();
        let all = self.evictions.stats.clone();
        let candidates: Vec<Candidate<'_>> = active
            .iter()
            .map(|worker| Candidate {
                pod: pod::pod(&worker.pod),
                stats: all.iter().filter(|stats| stats.pod_uid == worker.uid).collect(),
            })
            .collect();
        let chosen = rank(&candidates, resource).into_iter().find(|index| !is_critical(candidates[*index].pod));
        let Some(index) = chosen else {
            self.rest_from_eviction(ctx);
            return;
        };
        let text = message(met, machine, &candidates[index]);
        let (uid, pod) = (active[index].uid.clone(), active[index].pod.clone());
        self.pod_event(ctx, &pod, EventKind::Warning, "Evicted", text.clone());
        if let Some(worker) = self.worker_mut(&uid) {
            worker.failure = Some(Box::new(Failure { reason: "Evicted".to_owned(), message: text, evicted: true }));
        }
        self.evictions.stage = Stage::Cleaning(uid.clone(), ctx.now() + POD_CLEANUP_TIMEOUT);
        self.set_timer(ctx, POD_CLEANUP_POLL, Timer::Evict);
        self.begin_termination(ctx, &uid);
    }
}
