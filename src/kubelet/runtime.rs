//! Calls to the runtime, and what the kubelet knows of it.

use std::sync::Arc;

use crate::sim::Order;
use crate::sim::persistent::{OrdMap, Vector};

use crate::api::Message;
use crate::api::cri::{ContainerStatus, CriMessage, CriRequest, CriResponse, PodSandboxStatus};
use crate::sim::{Ctx, ProcessId, SimTime};

use super::probe_manager::ProbeKey;

/// What a call to the runtime is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CriCall {
    /// Is it there?
    Version,
    /// Can it run pods?
    Status,
    Subscribe,
    /// A relist of PLEG.
    Sandboxes,
    Containers,
    /// A step of a pod's sync.
    Sync {
        uid: Arc<str>,
        chain: u64,
    },
    /// An image for a pod's sync.
    Pull {
        image: Arc<str>,
    },
    /// A container's preStop hook.
    PreStop {
        uid: Arc<str>,
        container_id: Arc<str>,
    },
    /// A container's end.
    Stop {
        uid: Arc<str>,
        container_id: Arc<str>,
    },
    /// A terminated pod's sandbox.
    StopSandbox {
        uid: Arc<str>,
    },
    Probe {
        key: ProbeKey,
    },
    /// A volume of a pod is made ready.
    Stage {
        uid: Arc<str>,
        volume: Arc<str>,
    },
    /// What is left of the machine.
    Usage,
    /// The images, to find those that nobody uses; the end of one of them.
    Unused,
    Reclaimed,
    /// A log that the API server asked for.
    Log {
        stream: u64,
    },
    /// Nobody waits for it.
    Forget,
}

/// A call whose answer is still to come.
#[derive(Clone, Debug)]
pub struct CriPending {
    pub what: CriCall,
    pub request: Arc<CriRequest>,
    pub sent: SimTime,
}

/// Answered calls that are kept for whoever looks inside.
const ANSWERED_MAX: usize = 24;

/// A call that was answered.
#[derive(Clone, Debug)]
pub struct CriAnswered {
    pub request: Arc<CriRequest>,
    pub sent: SimTime,
    pub answered: SimTime,
    /// The failure's words; empty for none.
    pub failure: String,
}

/// The calls under way to the runtime.
#[derive(Clone, Debug)]
pub struct CriCalls {
    runtime: ProcessId,
    last: u64,
    pending: OrdMap<u64, CriPending>,
    /// The last answered calls, oldest first.
    answered: Vector<Arc<CriAnswered>>,
}

impl CriCalls {
    /// No calls yet.
    pub fn new(runtime: ProcessId) -> Self {
        CriCalls { runtime, last: 0, pending: OrdMap::new(), answered: Vector::new() }
    }

    /// Sends a request and remembers what it is for.
    pub fn send(&mut self, ctx: &mut Ctx<'_, Message>, request: CriRequest, what: CriCall) -> u64 {
        self.last += 1;
        let request = Arc::new(request);
        let sent = ctx.now();
        self.pending.insert(self.last, CriPending { what, request: request.clone(), sent });
        ctx.send(self.runtime, Message::Cri(CriMessage::Request { call: self.last, request }));
        self.last
    }

    /// Takes the answer to one of these calls.
    pub fn answered(&mut self, call: u64, now: SimTime, response: &CriResponse) -> Option<CriPending> {
        let pending = self.pending.remove(&call)?;
        if self.answered.len() == ANSWERED_MAX {
            self.answered.pop_front();
        }
        let failure = match response {
            CriResponse::Failed(error) => error.message.clone(),
            _ => String::new(),
        };
        let (request, sent) = (pending.request.clone(), pending.sent);
        self.answered.push_back(Arc::new(CriAnswered { request, sent, answered: now, failure }));
        Some(pending)
    }

    /// The last answered calls, newest first.
    pub fn last_answered(&self) -> impl Iterator<Item = &Arc<CriAnswered>> {
        self.answered.iter().rev()
    }

    /// The calls under way, oldest first.
    pub fn under_way(&self) -> impl Iterator<Item = &CriPending> {
        self.pending.values()
    }

    /// Gives a call up: its answer will be nobody's.
    pub fn forget_call(&mut self, call: u64) {
        self.pending.remove(&call);
    }

    /// The connection ended: every call under way has failed.
    pub fn disconnected(&mut self) -> Vec<CriPending> {
        std::mem::take(&mut self.pending).into_iter().map(|(_, pending)| pending).collect()
    }

    /// Forgets everything, as a restart does; numbers go on growing.
    pub fn forget(&mut self) {
        self.pending = OrdMap::new();
        self.answered = Vector::new();
    }
}

/// What PLEG last saw of a pod in the runtime.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodRuntime {
    /// Newest first.
    pub sandboxes: Vec<PodSandboxStatus>,
    /// By name, newest first within one.
    pub containers: Vec<ContainerStatus>,
}

impl PodRuntime {
    /// The newest sandbox.
    pub fn sandbox(&self) -> Option<&PodSandboxStatus> {
        self.sandboxes.first()
    }

    /// The newest sandbox if it is ready.
    pub fn ready_sandbox(&self) -> Option<&PodSandboxStatus> {
        self.sandbox().filter(|sandbox| sandbox.ready)
    }

    /// The newest container of that name.
    pub fn latest(&self, name: &str) -> Option<&ContainerStatus> {
        self.containers.iter().find(|status| &*status.name == name)
    }

    /// The newest container of that name, if it is in the newest sandbox.
    pub fn active(&self, name: &str) -> Option<&ContainerStatus> {
        let sandbox = self.sandbox()?;
        self.latest(name).filter(|status| status.sandbox_id == sandbox.id)
    }

    /// The container of that name before the newest.
    pub fn previous(&self, name: &str) -> Option<&ContainerStatus> {
        self.containers.iter().filter(|status| &*status.name == name).nth(1)
    }

    /// Puts what a relist brought in order.
    pub fn sort(&mut self) {
        self.sandboxes
            .order_by(|a, b| b.attempt.cmp(&a.attempt).then(b.created_unix_micros.cmp(&a.created_unix_micros)));
        self.containers.order_by(|a, b| a.name.cmp(&b.name).then(b.attempt.cmp(&a.attempt)));
        // There is mostly one of each, and they are kept as long as nothing changes.
        self.sandboxes.shrink_to_fit();
        self.containers.shrink_to_fit();
    }
}

/// Whether the runtime answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeHealth {
    pub up: bool,
    /// When it last answered or was last there.
    pub seen: SimTime,
}
