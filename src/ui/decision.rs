//! The scheduler's decision records, as the session has them.

use std::sync::Arc;

use crate::cluster::Session;
use crate::scheduler::{DecisionRecord, Scheduler};

/// Records that are offered of the last attempts.
const RECORDS_MAX: usize = 20;

fn scheduler(session: &Session) -> Option<&Scheduler> {
    let kernel = session.world().kernel();
    kernel.inspect::<Scheduler>(kernel.resolve("kube-scheduler")?)
}

/// The last attempts, newest first.
pub fn records(session: &Session) -> Vec<DecisionRecord> {
    let Some(scheduler) = scheduler(session) else { return Vec::new() };
    scheduler.records().iter().rev().take(RECORDS_MAX).map(|record| (**record).clone()).collect()
}

/// The last attempt at a pod.
pub fn of_pod(session: &Session, uid: &Arc<str>) -> Option<DecisionRecord> {
    scheduler(session)?.records().iter().rev().find(|record| record.uid == *uid).map(|record| (**record).clone())
}
