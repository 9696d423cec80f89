//! The stages of the pipeline, each a span.
//!
//! Mirrors the handler chain of apiserver/pkg/server (`DefaultBuildHandlerChain`) and the endpoint
//! handlers behind it. Decoding comes before mutating admission, as upstream has it: what admission
//! changes is the decoded object.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{CallId, Message, Request};
use crate::sim::{Ctx, EventId, ProcessId, SimTime};

use super::inspect::{Admitted, Passed};

/// One stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Authentication,
    Audit,
    PriorityAndFairness,
    Authorization,
    DecodingAndDefaulting,
    MutatingAdmission,
    Validation,
    ValidatingAdmission,
    Registry,
    Etcd,
    WatchCache,
    Response,
}

impl Stage {
    /// All of them, in upstream's order.
    pub const ALL: [Stage; 12] = [
        Stage::Authentication,
        Stage::Audit,
        Stage::PriorityAndFairness,
        Stage::Authorization,
        Stage::DecodingAndDefaulting,
        Stage::MutatingAdmission,
        Stage::Validation,
        Stage::ValidatingAdmission,
        Stage::Registry,
        Stage::Etcd,
        Stage::WatchCache,
        Stage::Response,
    ];

    /// The name of its span.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Authentication => "authentication",
            Stage::Audit => "audit",
            Stage::PriorityAndFairness => "priority and fairness",
            Stage::Authorization => "authorization",
            Stage::DecodingAndDefaulting => "decoding and defaulting",
            Stage::MutatingAdmission => "mutating admission",
            Stage::Validation => "validation",
            Stage::ValidatingAdmission => "validating admission",
            Stage::Registry => "registry",
            Stage::Etcd => "etcd",
            Stage::WatchCache => "watch cache",
            Stage::Response => "response",
        }
    }

    /// How long it takes, in microseconds: a round figure for a small object on a quiet server. The
    /// etcd stage takes as long as etcd does.
    pub const fn cost_micros(self) -> u64 {
        match self {
            Stage::Authentication => 30,
            Stage::Audit => 15,
            Stage::PriorityAndFairness => 15,
            Stage::Authorization => 25,
            Stage::DecodingAndDefaulting => 60,
            Stage::MutatingAdmission => 50,
            Stage::Validation => 40,
            Stage::ValidatingAdmission => 20,
            Stage::Registry => 30,
            Stage::Etcd => 0,
            Stage::WatchCache => 20,
            Stage::Response => 40,
        }
    }
}

/// Who hears the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Another process.
    Client { process: ProcessId, call: CallId },
    /// The server itself, making sure that what a cluster begins with is there.
    Bootstrap,
    /// One deletion of a `deletecollection`.
    Batch(u64),
    /// A change that another request needs.
    Errand(u64),
}

/// One request on its way through the pipeline.
#[derive(Clone, Debug)]
pub struct Call {
    pub origin: Origin,
    pub request: Arc<Request>,
    /// What it is laid to: the message that brought it.
    pub cause: EventId,
    /// How far the work on it has come: the next stage begins here.
    pub at: SimTime,
    /// What the `Warning` headers of the answer will say.
    pub warnings: Vec<Arc<str>>,
    pub arrived: SimTime,
    /// The stages behind it, for whoever looks inside.
    pub passed: Vec<Passed>,
    /// What admission said of it.
    pub verdicts: Vec<Admitted>,
}

impl Call {
    /// A request that just arrived.
    pub fn new(ctx: &Ctx<'_, Message>, origin: Origin, request: Arc<Request>) -> Self {
        let now = ctx.now();
        Call {
            origin,
            request,
            cause: ctx.cause(),
            at: now,
            warnings: Vec::new(),
            arrived: now,
            passed: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    /// Goes through a stage.
    pub fn stage(&mut self, ctx: &mut Ctx<'_, Message>, stage: Stage) {
        let start = self.at;
        self.at = start + Duration::from_micros(stage.cost_micros());
        self.passed.push(Passed { stage, start, end: self.at });
        ctx.span(stage.name(), start, self.at, self.request.path.clone());
    }

    /// The work goes on now, after something was waited for; never earlier than it had come.
    pub fn resume(&mut self, ctx: &Ctx<'_, Message>) {
        self.at = self.at.max(ctx.now());
    }

    /// How far the work lies ahead of now: what is sent leaves after this.
    pub fn ahead(&self, ctx: &Ctx<'_, Message>) -> Duration {
        self.at.since(ctx.now())
    }
}
