//! For tests: what a controller sees, put together by hand, and a small API server.

use std::sync::Arc;

use crate::api::{Body, Method, Object, Reason, Request, Response, Status};
use crate::client::Change;
use crate::sim::{EventId, SimTime};

use super::controller::{Observed, Stores, Turn, WorkKey};
use super::plan::{Answer, Plan, Step, Write};

/// The Unix second at which tests begin: 2024-06-01T12:00:00Z.
pub const EPOCH_SECS: i64 = 1_717_243_200;

/// An empty cluster.
pub fn observed() -> Observed {
    Observed { stores: Stores::default(), now: SimTime::ZERO, unix_micros: EPOCH_SECS * 1_000_000 }
}

/// The first look at a key.
pub fn turn(observed: &Observed, key: WorkKey) -> Turn {
    Turn { key, observed: observed.clone(), phase: "", answers: Vec::new() }
}

/// A change as an informer would tell it.
pub fn change(old: Option<&Object>, new: Option<&Object>) -> Change {
    let any = new.or(old).expect("something changed");
    Change {
        kind: any.kind(),
        key: any.key(),
        old: old.cloned().map(Arc::new),
        new: new.cloned().map(Arc::new),
        cause: EventId::BOOT,
        initial: false,
    }
}

/// The writes of a plan, in order.
pub fn writes(plan: &Plan) -> Vec<&Write> {
    let mut writes = Vec::new();
    for step in &plan.steps {
        match step {
            Step::Event(_) => {}
            Step::Write(write) => writes.push(write),
            Step::Batch(batch) => writes.extend(batch),
        }
    }
    writes
}

/// The writes of a plan as `GET /path`, events left out.
pub fn lines(plan: &Plan) -> Vec<String> {
    writes(plan).iter().map(|write| format!("{} {}", write.request.method.as_str(), write.request.path)).collect()
}

/// The answer `body` to a request.
pub fn answer(request: Request, body: Body) -> Answer {
    Answer { request: Arc::new(request), result: Ok(body) }
}

/// A refusal of the plan's first write.
pub fn refused(plan: &Plan, reason: Reason) -> Answer {
    let request = writes(plan)[0].request.clone();
    Answer::of(request, Some(&Response::failure(Status::new(reason, "refused"))))
}

/// Answers to the plan's writes: reads from `server`, by path; everything else succeeds.
pub fn answers(plan: &Plan, server: &[&Object]) -> Vec<Answer> {
    writes(plan)
        .into_iter()
        .map(|write| {
            let request = write.request.clone();
            if request.method != Method::Get {
                return Answer { request, result: Ok(Body::Empty) };
            }
            let found =
                server.iter().find(|object| *object.info().path(object.namespace(), object.name()) == *request.path);
            let response = match found {
                Some(object) => Response::ok(Body::Object(Arc::new((*object).clone()))),
                None => Response::failure(Status::new(Reason::NotFound, "not found")),
            };
            Answer::of(request, Some(&response))
        })
        .collect()
}
