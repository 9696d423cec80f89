//! The scheduler's decision records, as the session has them.

use std::sync::Arc;

use crate::cluster::Session;
use crate::scheduler::DecisionRecord;

/// Records that are offered of the last attempts.
const RECORDS_MAX: usize = 20;

/// The last attempts, newest first.
pub fn records(session: &Session) -> Vec<DecisionRecord> {
    session.world().scheduler().records().iter().rev().take(RECORDS_MAX).map(|record| (**record).clone()).collect()
}

/// The last attempt at a pod.
pub fn of_pod(session: &Session, uid: &Arc<str>) -> Option<DecisionRecord> {
    session
        .world()
        .scheduler()
        .records()
        .iter()
        .rev()
        .find(|record| record.uid == *uid)
        .map(|record| (**record).clone())
}
