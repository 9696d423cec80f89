//! What the screen may know of a kubelet.

use std::sync::Arc;

use crate::api::ObjectKey;
use crate::api::cri::{CriRequest, Image};
use crate::client::Informer;
use crate::sim::SimTime;

use super::pleg::Pleg;
use super::pod;
use super::pod_workers::{Stage, Worker};
use super::process::Kubelet;
use super::sync::{Starting, Step};
use super::termination::Termination;

/// A pod's worker as the inspector shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerReport {
    pub key: ObjectKey,
    pub uid: Arc<str>,
    /// `SyncPod`, `SyncTerminatingPod`, `SyncTerminatedPod`: upstream's names of the three stages.
    pub stage: &'static str,
    /// What it is doing, or waits for.
    pub doing: String,
    /// When time alone brings the next sync.
    pub wake: Option<SimTime>,
    /// Why containers wait: name, reason, message.
    pub reasons: Vec<(String, String, String)>,
    /// Restart back-offs: container, until when.
    pub backoffs: Vec<(String, SimTime)>,
    /// Whether the API server has its last status.
    pub reported: bool,
}

/// A probe as the inspector shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeReport {
    pub uid: Arc<str>,
    pub pod: Arc<str>,
    pub container: Arc<str>,
    /// `Startup`, `Liveness`, `Readiness`.
    pub kind: &'static str,
    /// The last answer.
    pub last: Option<bool>,
    /// How often in a row it was so, and how often it has to be to count.
    pub run: (i32, i32),
    /// How often it succeeded and failed.
    pub counts: (u32, u32),
    pub next: Option<SimTime>,
    pub asking: bool,
    /// It failed for good: nothing more is asked of this container.
    pub on_hold: bool,
}

/// PLEG as the inspector shows it.
#[derive(Clone, Copy, Debug)]
pub struct PlegReport<'a> {
    pub pleg: &'a Pleg,
    /// The pods that the last relist found in the runtime.
    pub pods: usize,
}

/// A call to the runtime as the inspector shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeCallReport {
    pub request: Arc<CriRequest>,
    pub sent: SimTime,
    /// `None` while it is under way.
    pub answered: Option<SimTime>,
    /// The failure's words; empty for none.
    pub failure: String,
}

impl Kubelet {
    /// The pods' workers, by uid; at most `limit`.
    pub fn worker_reports(&self, limit: usize) -> Vec<WorkerReport> {
        self.workers.values().take(limit).map(|worker| report(worker)).collect()
    }

    /// The worker of one pod.
    pub fn worker_report(&self, uid: &str) -> Option<WorkerReport> {
        self.workers.get(uid).map(|worker| report(worker))
    }

    /// How many pods have a worker.
    pub fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// The probes whose containers run, of one pod or (without a uid) of all; at most `limit`.
    pub fn probe_reports(&self, uid: Option<&str>, limit: usize) -> Vec<ProbeReport> {
        let wanted = self.probes.iter().filter(|(key, _)| uid.is_none_or(|uid| *key.uid == *uid));
        let report = |(key, state): (&super::probe_manager::ProbeKey, &super::probe_manager::ProbeState)| {
            let worker = self.workers.get(&key.uid)?;
            let (_, container) = pod::container(pod::spec(&worker.pod), &key.container)?;
            let probe = key.kind.of(container)?;
            let threshold = match state.last {
                Some(true) => probe.success_threshold.unwrap_or(1),
                _ => probe.failure_threshold.unwrap_or(3),
            };
            Some(ProbeReport {
                uid: key.uid.clone(),
                pod: worker.key.name.clone(),
                container: key.container.clone(),
                kind: key.kind.as_str(),
                last: state.last,
                run: (state.run, threshold),
                counts: state.counts,
                next: state.due,
                asking: state.asking.is_some(),
                on_hold: state.on_hold,
            })
        };
        wanted.filter_map(report).take(limit).collect()
    }

    /// How many probes there are.
    pub fn probe_count(&self) -> usize {
        self.probes.len()
    }

    /// PLEG.
    pub fn pleg_report(&self) -> PlegReport<'_> {
        PlegReport { pleg: &self.pleg, pods: self.found.len() }
    }

    /// The calls to the runtime: those under way, then the last answered, newest first.
    pub fn runtime_calls(&self) -> Vec<RuntimeCallReport> {
        let under_way = self.cri.under_way().map(|pending| RuntimeCallReport {
            request: pending.request.clone(),
            sent: pending.sent,
            answered: None,
            failure: String::new(),
        });
        let answered = self.cri.last_answered().map(|call| RuntimeCallReport {
            request: call.request.clone(),
            sent: call.sent,
            answered: Some(call.answered),
            failure: call.failure.clone(),
        });
        under_way.chain(answered).collect()
    }

    /// The images it knows of on its node.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The images that are pulled or wait for it, the one under way first: image, pod's uid, when asked.
    pub fn pulls(&self) -> Vec<(Arc<str>, Arc<str>, SimTime)> {
        self.pulls.waiting()
    }

    /// Whether the runtime answers, and since when it does or does not.
    pub fn runtime_health(&self) -> (bool, SimTime) {
        (self.health.up, self.health.seen)
    }

    /// Its watches of the API server: its pods, its node, services, and what its pods refer to.
    pub fn watches(&self) -> impl Iterator<Item = &Informer> {
        let references = self.references.values().map(|reference| &reference.informer);
        [&self.pods, &self.node.informer, &self.services].into_iter().chain(references)
    }
}

fn report(worker: &Worker) -> WorkerReport {
    let (stage, doing) = match &worker.stage {
        Stage::Syncing => ("SyncPod", syncing(worker)),
        Stage::Terminating(how) => ("SyncTerminatingPod", terminating(*how).to_owned()),
        Stage::Terminated => ("SyncTerminatedPod", "lets go of volumes and the rest".to_owned()),
    };
    WorkerReport {
        key: worker.key.clone(),
        uid: worker.uid.clone(),
        stage,
        doing,
        wake: worker.wake.as_ref().map(|(at, _)| *at),
        reasons: worker
            .reasons
            .iter()
            .map(|(name, (reason, message))| (name.clone(), reason.clone(), message.clone()))
            .collect(),
        backoffs: worker
            .backoffs
            .iter()
            .map(|((name, _definition), backoff)| (name.clone(), backoff.last_update + backoff.delay))
            .collect(),
        reported: !worker.status.busy(),
    }
}

fn syncing(worker: &Worker) -> String {
    if worker.failure.is_some() {
        return "failed: nothing is started".to_owned();
    }
    let Some(chain) = &worker.chain else {
        return if worker.volumes.ready.is_none() { "waits for its volumes" } else { "idle" }.to_owned();
    };
    match (&chain.current, &chain.starting) {
        (Some(Step::StopSandbox(_)), _) => "stops the old sandbox".to_owned(),
        (Some(Step::RunSandbox(_)), _) => "runs a sandbox".to_owned(),
        (Some(Step::Kill { name, .. }), _) => format!("kills {name}"),
        (Some(Step::Start { name, .. }), Some(Starting::Image)) => format!("looks for the image of {name}"),
        (Some(Step::Start { name, .. }), Some(Starting::Pull { .. })) => format!("pulls the image of {name}"),
        (Some(Step::Start { name, .. }), Some(Starting::Create)) => format!("creates {name}"),
        (Some(Step::Start { name, .. }), Some(Starting::PostStart { .. })) => format!("runs postStart of {name}"),
        (Some(Step::Start { name, .. }), _) => format!("starts {name}"),
        (None, _) => "between two steps".to_owned(),
    }
}

fn terminating(how: Termination) -> &'static str {
    match how {
        Termination::Settling => "ends the step under way",
        Termination::Looking => "waits for PLEG to look at what runs",
        Termination::Killing => "kills its containers",
        Termination::StoppingSandbox => "stops its sandbox",
        Termination::Ending => "waits for PLEG to see the end",
    }
}
