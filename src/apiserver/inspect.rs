//! What the screen may know of the API server beyond its caches: the requests it has in hand, and the
//! last ones it answered, with what each stage of the pipeline took and each admission plugin said.

use std::sync::Arc;

use crate::sim::persistent::Vector;

use crate::api::{Body, Request, Status};
use crate::sim::{EventId, ProcessId, SimTime};

use super::server::ApiServer;
use super::stage::{Call, Origin, Stage};
use super::storage::Pending;

/// How many answered requests are kept.
const SERVED_MAX: usize = 120;

/// A stage that a request went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    pub stage: Stage,
    pub start: SimTime,
    pub end: SimTime,
}

/// What an admission plugin said of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The object is none of its kind.
    Ignored,
    Admitted,
    /// Admitted with changes of its own.
    Changed,
    /// What it needs is not there yet: it is asked again.
    Waits,
    Denied(Arc<str>),
}

/// An admission plugin's verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub plugin: &'static str,
    pub said: Said,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct Served {
    /// The message that brought it.
    pub cause: EventId,
    pub client: ProcessId,
    pub request: Arc<Request>,
    pub arrived: SimTime,
    pub passed: Vec<Passed>,
    pub verdicts: Vec<Admitted>,
    pub code: u16,
    /// The resource version of the object in the answer; 0 for none.
    pub revision: u64,
    /// The words of a refusal; empty for none.
    pub refusal: String,
}

/// Answers that may still be on their way through the last stages.
const LEAVING_MAX: usize = 24;

/// A request that is not answered yet.
#[derive(Clone, Debug)]
pub struct InHand<'a> {
    pub cause: EventId,
    pub client: ProcessId,
    pub request: &'a Arc<Request>,
    pub arrived: SimTime,
    pub passed: &'a [Passed],
    pub verdicts: &'a [Admitted],
    /// What it waits for.
    pub awaits: &'static str,
    /// The stage that waits.
    pub stage: Stage,
}

/// The last answered requests, oldest first. Lease renewals are left out: they would crowd out the rest.
pub(super) type Answered = Vector<Arc<Served>>;

/// Whether a request only renews a lease.
fn is_renewal(request: &Request) -> bool {
    request.path.contains("/leases")
}

impl ApiServer {
    /// The last requests it answered, oldest first, without those on leases.
    pub fn served(&self) -> impl DoubleEndedIterator<Item = &Arc<Served>> {
        self.answered.iter()
    }

    /// Takes note of an answer that is about to leave.
    pub(super) fn note_answer(&mut self, call: &mut Call, code: u16, result: Result<&Body, &Status>) {
        let Origin::Client { process, .. } = call.origin else { return };
        if is_renewal(&call.request) {
            return;
        }
        if self.answered.len() == SERVED_MAX {
            self.answered.pop_front();
        }
        let revision = match result {
            Ok(Body::Object(object)) => object.resource_version(),
            _ => 0,
        };
        self.answered.push_back(Arc::new(Served {
            cause: call.cause,
            client: process,
            request: call.request.clone(),
            arrived: call.arrived,
            passed: std::mem::take(&mut call.passed),
            verdicts: std::mem::take(&mut call.verdicts),
            code,
            revision,
            refusal: result.err().map(|status| status.message.clone()).unwrap_or_default(),
        }));
    }

    /// The requests of clients that wait for etcd, for the cache or for admission.
    pub fn in_hand(&self) -> Vec<InHand<'_>> {
        let mut calls: Vec<(&Call, Stage, &'static str)> = Vec::new();
        for pending in self.storage.asked() {
            match pending {
                Pending::Relist | Pending::WatchCreated | Pending::LeaseGranted { .. } | Pending::Compacted => {}
                Pending::Revision { call, .. }
                | Pending::Get { call, .. }
                | Pending::OldList { call, .. }
                | Pending::Create { call, .. }
                | Pending::Current { call, .. }
                | Pending::Mutate { call, .. } => calls.push((call, Stage::Etcd, "etcd")),
            }
        }
        for fresh in self.fresh.values() {
            calls.push((&fresh.call, Stage::WatchCache, "the watch cache to come to its revision"));
        }
        for parked in self.parked.values() {
            calls.push((parked.call(), Stage::MutatingAdmission, "what admission needs"));
        }
        calls.into_iter().filter_map(|(call, stage, awaits)| self.held(call, stage, awaits)).collect()
    }

    /// How many requests are in each of the five stretches of the pipeline at `now`: authentication,
    /// authorization, admission (decoding before it), validation, and from the registry to the answer.
    pub fn in_stretches(&self, now: SimTime) -> [usize; 5] {
        let within = |passed: &[Passed]| {
            passed.iter().rev().find(|passed| passed.start <= now && now < passed.end).map(|passed| passed.stage)
        };
        let hands = self.in_hand();
        let waiting = hands.iter().map(|hand| within(hand.passed).unwrap_or(hand.stage));
        let leaving = self.served().rev().take(LEAVING_MAX).filter_map(|served| within(&served.passed));
        let mut counts = [0; 5];
        for stage in waiting.chain(leaving) {
            counts[match stage {
                Stage::Authentication | Stage::Audit | Stage::PriorityAndFairness => 0,
                Stage::Authorization => 1,
                Stage::DecodingAndDefaulting | Stage::MutatingAdmission => 2,
                Stage::Validation | Stage::ValidatingAdmission => 3,
                Stage::Registry | Stage::Etcd | Stage::WatchCache | Stage::Response => 4,
            }] += 1;
        }
        counts
    }

    /// `None` for what no client asked for.
    fn held<'a>(&self, call: &'a Call, stage: Stage, awaits: &'static str) -> Option<InHand<'a>> {
        let origin = match &call.origin {
            Origin::Errand(errand) => self.errands.get(errand)?.origin(),
            origin => origin,
        };
        let Origin::Client { process, .. } = *origin else { return None };
        Some(InHand {
            cause: call.cause,
            client: process,
            request: &call.request,
            arrived: call.arrived,
            passed: &call.passed,
            verdicts: &call.verdicts,
            awaits,
            stage,
        })
    }
}
