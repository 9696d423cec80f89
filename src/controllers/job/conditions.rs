//! The conditions of a Job.

use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};

use crate::api::time;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn of(type_: &str, status: &str, reason: &str, message: &str, now: i64) -> JobCondition {
    JobCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        last_probe_time: Some(time::time(now)),
        last_transition_time: Some(time::time(now)),
        reason: text(reason),
        message: text(message),
    }
}

/// One that is True since now.
pub(super) fn new(type_: &str, reason: &str, message: &str, now: i64) -> JobCondition {
    of(type_, "True", reason, message, now)
}

/// The condition of a type, if it is True.
pub(super) fn is_true<'a>(status: &'a JobStatus, type_: &str) -> Option<&'a JobCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == type_ && condition.status == "True")
}

/// Whether it has ended.
pub fn is_finished(status: Option<&JobStatus>) -> bool {
    finished(status).is_some()
}

/// The condition it has ended with.
pub fn finished(status: Option<&JobStatus>) -> Option<&JobCondition> {
    let ended = |condition: &&JobCondition| {
        matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True"
    };
    status?.conditions.iter().flatten().find(ended)
}

/// `ensureJobConditionStatus`: whether the list has changed. One that was never there does not become False.
pub(super) fn ensure(status: &mut JobStatus, type_: &str, value: &str, reason: &str, message: &str, now: i64) -> bool {
    let wanted = of(type_, value, reason, message, now);
    let list = status.conditions.get_or_insert_default();
    let changed = match list.iter_mut().find(|condition| condition.type_ == type_) {
        Some(own) => {
            let same = own.status == wanted.status && own.reason == wanted.reason && own.message == wanted.message;
            if !same {
                *own = wanted;
            }
            !same
        }
        None if value != "False" => {
            list.push(wanted);
            true
        }
        None => false,
    };
    if list.is_empty() {
        status.conditions = None;
    }
    changed
}
