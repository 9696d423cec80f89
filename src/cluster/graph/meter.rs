//! What is wanted of an object and what is there, in a few words.

use k8s_openapi::api::batch::v1::CronJob;
use serde_json::Value;

use crate::api::timezone::Civil;
use crate::api::{Kind, Object};

use super::super::muster::cronjob::next_run;
use super::super::snapshot::Phase;
use super::super::views::phase;

/// How it stands, in general: the shape and colour it is drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// There is nothing to say: a ConfigMap.
    #[default]
    Idle,
    /// It is as it should be.
    Good,
    /// It ended well.
    Ended,
    /// It is on its way there.
    Moving,
    /// It will not get there by itself.
    Bad,
}

/// What is wanted and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// `2 of 3 ready, 3 updated`.
    pub text: String,
    /// How many of how many, for a bar; of 0 draws none.
    pub done: u64,
    pub of: u64,
    pub tone: Tone,
    /// A pod's own shape.
    pub phase: Option<Phase>,
}

/// An object's meter. A Service's counts are those of its pods, which only the graph knows.
pub fn meter(object: &Object, now_unix_micros: i64) -> Meter {
    if object.kind() == Kind::Pod {
        return pod(object, now_unix_micros);
    }
    let kind = object.info().kind;
    // What holds data is not written out: only its keys are counted.
    let mut meter = match object {
        Object::ConfigMap(map) => keys(map.data.iter().flatten().count() + map.binary_data.iter().flatten().count()),
        Object::Secret(secret) => keys(secret.data.iter().flatten().count()),
        Object::CronJob(own) => cron_job(own, now_unix_micros),
        Object::Event(event) => Meter {
            text: event.reason.clone().unwrap_or_default(),
            tone: if event.type_.as_deref() == Some("Warning") { Tone::Bad } else { Tone::Idle },
            ..Meter::default()
        },
        Object::Lease(_) | Object::Service(_) | Object::ServiceAccount(_) | Object::ControllerRevision(_) => {
            Meter::default()
        }
        _ => of_fields(kind, &object.to_value()),
    };
    if object.meta().deletion_timestamp.is_some() {
        meter.text =
            if meter.text.is_empty() { "Terminating".to_owned() } else { format!("Terminating, {}", meter.text) };
        meter.tone = Tone::Moving;
    }
    meter
}

fn keys(count: usize) -> Meter {
    Meter { text: format!("{count} {}", if count == 1 { "key" } else { "keys" }), ..Meter::default() }
}

/// How many of its Jobs run, and when the next will; its schedule.
fn cron_job(own: &CronJob, now_unix_micros: i64) -> Meter {
    let active = own.status.as_ref().and_then(|status| status.active.as_ref()).map_or(0, Vec::len);
    let next = match next_run(own, now_unix_micros).map(|next| Civil::of(next.div_euclid(1_000_000))) {
        Some(next) => format!("next {:02}:{:02}, {}", next.hour, next.minute, own.spec.schedule),
        None if own.spec.suspend == Some(true) => "suspended".to_owned(),
        None => own.spec.schedule.clone(),
    };
    match active {
        0 => Meter { text: next, ..Meter::default() },
        active => Meter { text: format!("{active} active, {next}"), tone: Tone::Moving, ..Meter::default() },
    }
}

fn pod(object: &Object, now_unix_micros: i64) -> Meter {
    // The row that `kubectl get pods` prints: name, ready, status.
    let row = (Kind::Pod.info().row)(object, now_unix_micros);
    let cell = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default();
    let (done, of) = cell(1).split_once('/').unwrap_or_default();
    let (done, of) = (done.parse().unwrap_or(0), of.parse().unwrap_or(0));
    let phase = phase(cell(2), done == of);
    let tone = match phase {
        Phase::Running => Tone::Good,
        Phase::Succeeded => Tone::Ended,
        Phase::Failed | Phase::Unknown | Phase::CrashLoopBackOff => Tone::Bad,
        Phase::Pending | Phase::ContainerCreating | Phase::Unready | Phase::Terminating => Tone::Moving,
    };
    Meter { text: format!("{} {}", cell(2), cell(1)), done, of, tone, phase: Some(phase) }
}

/// So many of so many are ready.
pub fn counted(done: u64, of: u64, rest: String) -> Meter {
    let tone = match (done, of) {
        (0, 0) => Tone::Idle,
        (done, of) if done == of => Tone::Good,
        _ => Tone::Moving,
    };
    Meter { text: format!("{done} of {of} ready{rest}"), done, of, tone, phase: None }
}

/// The meter of a kind by its fields. Kinds are named by text: a kind may stand here before it is registered.
pub fn of_fields(kind: &str, value: &Value) -> Meter {
    let number = |path: &str| value.pointer(path).and_then(Value::as_u64);
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let status = |type_: &str| {
        let conditions = value.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let mut found = conditions.filter(|condition| condition.get("type").and_then(Value::as_str) == Some(type_));
        found.next().and_then(|condition| condition.get("status")?.as_str()).unwrap_or_default()
    };
    let word = |word: &str, tone: Tone| Meter { text: word.to_owned(), tone, ..Meter::default() };
    match kind {
        "DaemonSet" => {
            let wanted = number("/status/desiredNumberScheduled").unwrap_or(0);
            workload(number("/status/numberReady"), wanted, number("/status/updatedNumberScheduled"), wanted, false)
        }
        "Job" => {
            let (done, of) = (number("/status/succeeded").unwrap_or(0), number("/spec/completions").unwrap_or(1));
            let failed = number("/status/failed").filter(|failed| *failed > 0);
            let rest = failed.map_or(String::new(), |failed| format!(", {failed} failed"));
            let tone = match (status("Failed"), status("Complete")) {
                ("True", _) => Tone::Bad,
                (_, "True") => Tone::Ended,
                _ => Tone::Moving,
            };
            Meter { text: format!("{done} of {of} succeeded{rest}"), done, of, tone, phase: None }
        }
        "HorizontalPodAutoscaler" => {
            let (now, wanted) =
                (number("/status/currentReplicas").unwrap_or(0), number("/status/desiredReplicas").unwrap_or(0));
            let tone = if now == wanted { Tone::Good } else { Tone::Moving };
            Meter { text: format!("{now} of {wanted} replicas"), done: now, of: wanted, tone, phase: None }
        }
        "PodDisruptionBudget" => {
            let (now, wanted) =
                (number("/status/currentHealthy").unwrap_or(0), number("/status/desiredHealthy").unwrap_or(0));
            let tone = if now >= wanted { Tone::Good } else { Tone::Moving };
            Meter { text: format!("{now} of {wanted} healthy"), done: now.min(wanted), of: wanted, tone, phase: None }
        }
        "EndpointSlice" => {
            let all = value.get("endpoints").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let ready =
                |endpoint: &&Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false);
            counted(all.iter().filter(ready).count() as u64, all.len() as u64, String::new())
        }
        "Node" => match status("Ready") {
            "True" => word("Ready", Tone::Good),
            _ => word("NotReady", Tone::Bad),
        },
        "VolumeAttachment" => match value.pointer("/status/attached").and_then(Value::as_bool) {
            Some(true) => word("attached", Tone::Good),
            _ if value.pointer("/status/attachError").is_some() => word("cannot be attached", Tone::Bad),
            _ => word("attaching", Tone::Moving),
        },
        "PersistentVolume" | "PersistentVolumeClaim" | "Namespace" => match text("/status/phase") {
            word_ @ ("Bound" | "Active") => word(word_, Tone::Good),
            word_ @ ("Lost" | "Failed") => word(word_, Tone::Bad),
            word_ @ ("Available" | "Released") => word(word_, Tone::Idle),
            word_ => word(word_, Tone::Moving),
        },
        // Whoever has replicas: Deployment, ReplicaSet, StatefulSet, ReplicationController.
        _ => match number("/spec/replicas") {
            Some(wanted) => {
                let failed =
                    status("ReplicaFailure") == "True" || kind == "Deployment" && status("Progressing") == "False";
                let updated = number("/status/updatedReplicas");
                let updated = if matches!(kind, "Deployment" | "StatefulSet") { updated.or(Some(0)) } else { None };
                let there = number("/status/replicas").unwrap_or(0);
                workload(number("/status/readyReplicas"), wanted, updated, there, failed)
            }
            None => word(text("/status/phase"), Tone::Idle),
        },
    }
}

fn workload(ready: Option<u64>, wanted: u64, updated: Option<u64>, there: u64, failed: bool) -> Meter {
    let ready = ready.unwrap_or(0);
    let rest = updated.map_or(String::new(), |updated| format!(", {updated} updated"));
    let mut meter = counted(ready, wanted, rest);
    let settled = ready == wanted && there == wanted && updated.is_none_or(|updated| updated == wanted);
    meter.tone = match (failed, settled, wanted) {
        (true, ..) => Tone::Bad,
        (_, true, 0) => Tone::Idle,
        (_, true, _) => Tone::Good,
        _ => Tone::Moving,
    };
    meter
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: &str, value: Value, text: &str, tone: Tone) {
        let meter = of_fields(kind, &value);
        assert_eq!((meter.text.as_str(), meter.tone), (text, tone), "{kind}");
    }

    #[test]
    fn wanted_and_there_are_told_for_every_kind() {
        let deployment = |ready: u64, updated: u64, there: u64| json!({ "spec": { "replicas": 3 }, "status": { "readyReplicas": ready, "updatedReplicas": updated, "replicas": there } });
        check("Deployment", deployment(2, 2, 3), "2 of 3 ready, 2 updated", Tone::Moving);
        check("Deployment", deployment(3, 3, 4), "3 of 3 ready, 3 updated", Tone::Moving);
        check("Deployment", deployment(3, 3, 3), "3 of 3 ready, 3 updated", Tone::Good);
        let stuck = json!({ "spec": { "replicas": 1 }, "status": { "conditions": [{ "type": "Progressing", "status": "False" }] } });
        check("Deployment", stuck, "0 of 1 ready, 0 updated", Tone::Bad);
        check("ReplicaSet", json!({ "spec": { "replicas": 0 } }), "0 of 0 ready", Tone::Idle);
        check(
            "ReplicaSet",
            json!({ "spec": { "replicas": 2 }, "status": { "replicas": 2, "readyReplicas": 2 } }),
            "2 of 2 ready",
            Tone::Good,
        );
        let daemon =
            json!({ "status": { "desiredNumberScheduled": 3, "numberReady": 1, "updatedNumberScheduled": 3 } });
        check("DaemonSet", daemon, "1 of 3 ready, 3 updated", Tone::Moving);
        check(
            "Job",
            json!({ "spec": { "completions": 5 }, "status": { "succeeded": 2, "failed": 1 } }),
            "2 of 5 succeeded, 1 failed",
            Tone::Moving,
        );
        check("PersistentVolumeClaim", json!({ "status": { "phase": "Pending" } }), "Pending", Tone::Moving);
        check(
            "PodDisruptionBudget",
            json!({ "status": { "currentHealthy": 3, "desiredHealthy": 2 } }),
            "3 of 2 healthy",
            Tone::Good,
        );
        check(
            "HorizontalPodAutoscaler",
            json!({ "status": { "currentReplicas": 2, "desiredReplicas": 4 } }),
            "2 of 4 replicas",
            Tone::Moving,
        );
        check(
            "EndpointSlice",
            json!({ "endpoints": [{}, { "conditions": { "ready": false } }] }),
            "1 of 2 ready",
            Tone::Moving,
        );
        check("StorageClass", json!({}), "", Tone::Idle);
    }

    #[test]
    fn a_cron_job_says_when_it_runs_next() {
        let now = 1_767_225_600_000_000; // 2026-01-01T00:00:00Z
        let told = |value: Value| cron_job(&serde_json::from_value(value).expect("a CronJob"), now);
        let own = |more: Value| {
            let mut value = json!({ "spec": { "schedule": "*/5 * * * *", "jobTemplate": {} } });
            value["spec"].as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            value
        };
        assert_eq!(told(own(json!({}))).text, "next 00:05, */5 * * * *");
        assert_eq!(
            told(own(json!({ "timeZone": "Asia/Kolkata", "schedule": "0 6 * * *" }))).text,
            "next 00:30, 0 6 * * *"
        );
        assert_eq!(told(own(json!({ "suspend": true }))).text, "suspended");
        assert_eq!(told(own(json!({ "schedule": "0 0 31 2 *" }))).text, "0 0 31 2 *", "a day that never comes");
        let mut busy = own(json!({}));
        busy["status"] = json!({ "active": [{}] });
        assert_eq!(told(busy).text, "1 active, next 00:05, */5 * * * *");
    }
}
