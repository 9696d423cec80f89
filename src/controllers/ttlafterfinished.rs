//! Deletes Jobs a while after they ended.
//!
//! Mirrors pkg/controller/ttlafterfinished. Leaves out: the metric of how late it is.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use serde_json::json;

use crate::api::{Body, Kind, Object, Reason, Request, time};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::job::conditions::finished;
use super::plan::{Plan, Write};

/// The Job was read live.
const READ: &str = "read";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct TtlAfterFinishedController;

/// When the Job is to go, in microseconds since the Unix epoch; `None` for never.
fn expires(job: &Job) -> Option<i64> {
    let ttl = job.spec.as_ref()?.ttl_seconds_after_finished?;
    if job.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let ended = finished(job.status.as_ref())?.last_transition_time.as_ref()?;
    Some(time::unix_micros(ended) + i64::from(ttl) * 1_000_000)
}

/// What is left of its time; `None` for ever.
fn left(job: &Object, unix_micros: i64) -> Option<Duration> {
    expires(job.get()?).map(|expires| Duration::from_micros(u64::try_from(expires - unix_micros).unwrap_or(0)))
}

fn wait(left: Duration) -> Plan {
    Plan { requeue_after: Some(left), ..Plan::nothing("its time has not come") }
}

impl Controller for TtlAfterFinishedController {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Job]
    }

    fn workers(&self) -> usize {
        // --concurrent-ttl-after-finished-syncs
        5
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let expiring = change.new.as_ref().filter(|job| job.get().is_some_and(|job| expires(job).is_some()));
        expiring.map(|job| Enqueue::now(WorkKey::new(Kind::Job, job.key()))).into_iter().collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let now = turn.observed.unix_micros;
        let Some(job) = &turn.object() else { return Plan::nothing("it is gone") };
        if turn.phase.is_empty() {
            return match left(job, now) {
                None => Plan::nothing("it stays"),
                Some(Duration::ZERO) => {
                    // The cache may be behind: the time to live may have been taken away or prolonged.
                    let read = Write::new(Request::get(job.info(), job.namespace(), job.name()));
                    let read = read.tolerating(&[Reason::NotFound]).step();
                    Plan { then: Some(READ), ..Plan::steps("its time has come", vec![read]) }
                }
                Some(left) => wait(left),
            };
        }
        let live: Option<&Arc<Object>> = turn.answers.last().and_then(|answer| answer.object());
        match live.and_then(|live| left(live, now).map(|left| (live, left))) {
            None => Plan::nothing("it is gone, or stays"),
            Some((live, Duration::ZERO)) => {
                // Of the Job that was just read, not of one that has its name by now.
                let options = json!({
                    "kind": "DeleteOptions",
                    "apiVersion": "v1",
                    "preconditions": { "uid": live.uid() },
                    "propagationPolicy": "Foreground",
                });
                let request = Request::delete(live.info(), live.namespace(), live.name());
                let write = Write::new(request.body(Body::Json(Arc::new(options)))).tolerating(&[Reason::NotFound]);
                Plan::steps("its time has come", vec![write.step()])
            }
            Some((_, left)) => wait(left),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::fake;

    #[test]
    fn the_job_that_was_read_is_deleted_and_no_other() {
        let job = |uid: &str, ttl: i32| {
            let value = json!({
                "metadata": { "name": "pi", "namespace": "default", "uid": uid },
                "spec": { "ttlSecondsAfterFinished": ttl, "template": { "spec": { "containers": [] } } },
                "status": { "conditions": [
                    { "type": "Complete", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z" },
                ] },
            });
            Object::from_value(Kind::Job, &value, &mut |_| {}).expect("a Job")
        };
        let mut observed = fake::observed();
        observed.stores.insert(job("old", 0));
        let mut controller = TtlAfterFinishedController;
        let mut turn = fake::turn(&observed, WorkKey::new(Kind::Job, job("old", 0).key()));
        let read = controller.reconcile(&turn);
        assert_eq!(fake::lines(&read), ["GET /apis/batch/v1/namespaces/default/jobs/pi"]);
        turn.phase = read.then.expect("it goes on");
        let mut after = |live: &Object| {
            turn.answers = fake::answers(&read, &[live]);
            controller.reconcile(&turn)
        };
        let plan = after(&job("new", 0));
        assert_eq!(fake::lines(&plan), ["DELETE /apis/batch/v1/namespaces/default/jobs/pi"]);
        let Body::Json(options) = &fake::writes(&plan)[0].request.body else { panic!("it has options") };
        assert_eq!(options["preconditions"], json!({ "uid": "new" }));
        assert_eq!(options["propagationPolicy"], "Foreground");
        // Its time was prolonged meanwhile.
        assert!(after(&job("old", i32::MAX)).steps.is_empty());
    }
}
