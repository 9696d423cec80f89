//! Letting the dependents of an object stay when it goes.
//!
//! Mirrors `attemptToOrphanWorker` of pkg/controller/garbagecollector/garbagecollector.go.

use serde_json::json;

use crate::api::{Reason, Request, http::content_type};
use crate::controllers::controller::Turn;
use crate::controllers::plan::{Plan, Step, Write};

use super::graph::Graph;
use super::{ORPHAN, has_finalizer, live, read, remove_finalizer};

/// The owner was struck out of its dependents, and read.
const READ: &str = "read";

/// Strikes the owner out of every dependent, then lets it go.
pub(super) fn plan(graph: &Graph, turn: &Turn, uid: &str) -> Plan {
    let Some(node) = graph.get(uid) else { return Plan::nothing("it is gone") };
    if turn.phase != READ {
        let patches: Vec<Write> = node
            .dependents
            .iter()
            .filter_map(|dependent| Some((dependent, graph.get(dependent)?)))
            .map(|(dependent, object)| {
                let patch = json!({
                    "metadata": { "ownerReferences": [{ "$patch": "delete", "uid": uid }], "uid": &**dependent },
                });
                let kind = content_type::STRATEGIC_MERGE_PATCH;
                let request =
                    Request::patch(object.kind.info(), &object.key.namespace, &object.key.name, "", kind, patch);
                Write::new(request).tolerating(&[Reason::NotFound, Reason::Invalid])
            })
            .collect();
        let count = patches.len();
        let mut steps = Vec::new();
        if !patches.is_empty() {
            steps.push(Step::Batch(patches));
        }
        steps.push(read(node.kind, &node.key).step());
        return Plan { then: Some(READ), ..Plan::steps(format!("{count} dependents stay"), steps) };
    }
    let failure = turn.answers.iter().filter_map(|answer| answer.failure());
    let failure =
        failure.into_iter().find(|failure| !matches!(failure.reason, Some(Reason::NotFound | Reason::Invalid)));
    if let Some(failure) = failure {
        return Plan { error: Some(failure.message.clone()), ..Plan::nothing("its dependents could not be freed") };
    }
    match live(turn, node.kind, &node.key, uid) {
        Some(owner) if has_finalizer(owner, ORPHAN) => {
            Plan::steps("its dependents are free", vec![remove_finalizer(owner, ORPHAN).step()])
        }
        _ => Plan::nothing("it has no such finalizer any longer"),
    }
}
