//! Jobs: one sync, the back-off, indexes, the pod failure policy.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus, PodFailurePolicy};
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use serde_json::{Value, json};

use kubarium::api::{Body, Kind, Method, Object, ObjectKey, Request, Typed, time};
use kubarium::controllers::job::backoff::{self, Record};
use kubarium::controllers::job::indexes::{self, FAILURES, IGNORED_FAILURES, INDEX, Intervals};
use kubarium::controllers::job::{FINALIZER, JobController, failure_policy};
use kubarium::controllers::{Answer, Controller, Observed, Step, Turn, WorkKey, fake, owners};
use kubarium::sim::persistent::{OrdMap, OrdSet};

use super::read;

fn number(value: &Value) -> Option<i32> {
    value.as_i64().map(|number| i32::try_from(number).expect("not a big number"))
}

/// A text, or a number as text.
fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))
}

fn job(case: &Value) -> Job {
    let mut spec = json!({
        "selector": { "matchLabels": { "job": "foo" } }, "manualSelector": true,
        "template": {
            "metadata": { "labels": { "job": "foo" } },
            "spec": { "containers": [{ "name": "main", "image": "busybox" }], "restartPolicy": "Never" },
        },
    });
    for field in [
        "parallelism",
        "completions",
        "backoffLimit",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
        "activeDeadlineSeconds",
        "completionMode",
        "podReplacementPolicy",
        "podFailurePolicy",
        "successPolicy",
        "suspend",
    ] {
        if !case[field].is_null() {
            spec[field] = case[field].clone();
        }
    }
    let value =
        json!({ "metadata": { "name": "foo", "namespace": "default", "uid": "job", "generation": 1 }, "spec": spec });
    let read = Object::from_value(Kind::Job, &value, &mut |field| panic!("unknown field {field}"));
    let mut object = read.expect("a Job");
    (Kind::Job.info().default)(&mut object);
    let mut job = object.expect::<Job>().clone();
    // A row without completions is a work queue, whatever else it leaves out.
    job.spec.get_or_insert_default().completions = number(&case["completions"]);
    job
}

/// A pod with what a row gives of it.
fn pod(name: &str, row: &Value) -> Pod {
    let mut pod = Pod::default();
    pod.metadata.name = Some(name.to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    pod.metadata.uid = Some(text(&row["uid"]).unwrap_or_else(|| name.to_owned()));
    pod.metadata.labels = Some([("job".to_owned(), "foo".to_owned())].into());
    if row["trackingFinalizer"] != false {
        pod.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    }
    let annotations = pod.metadata.annotations.get_or_insert_default();
    for (field, key) in
        [("index", INDEX), ("indexFailureCount", FAILURES), ("indexIgnoredFailureCount", IGNORED_FAILURES)]
    {
        if let Some(value) = text(&row[field]) {
            annotations.insert(key.to_owned(), value);
        }
    }
    pod.status.get_or_insert_default().phase = row["phase"].as_str().map(str::to_owned);
    if row["deleted"] == true || row["terminating"] == true {
        pod.metadata.deletion_timestamp = Some(time::time(fake::EPOCH_SECS * 1_000_000));
    }
    pod
}

fn pods(rows: &Value) -> Vec<Arc<Object>> {
    let rows = rows.as_array().into_iter().flatten().enumerate();
    rows.map(|(place, row)| Arc::new(pod(&format!("pod-{place}"), row).into_object())).collect()
}

/// A Job, its controller, and a small API server.
struct Bench {
    controller: JobController,
    observed: Observed,
    key: ObjectKey,
    created: Vec<Pod>,
    deleted: usize,
    status: Option<JobStatus>,
}

impl Bench {
    fn new(case: &Value) -> Bench {
        let mut own = job(case);
        let mut observed = fake::observed();
        if case["jobBeingDeleted"] == true {
            own.metadata.deletion_timestamp = Some(time::time(observed.unix_micros));
        }
        let status = own.status.get_or_insert_default();
        let before = &case["previousStatus"];
        if !before.is_null() {
            *status = serde_json::from_value(before.clone()).expect("a status");
        }
        if case["wasSuspended"] == true {
            let suspended = json!([{ "type": "Suspended", "status": "True", "reason": "JobSuspended" }]);
            status.conditions = serde_json::from_value(suspended).ok();
        }
        if let Some(ago) = case["startedAgoSeconds"].as_i64().or(case["startTimeAgoSeconds"].as_i64()) {
            status.start_time = Some(time::time(observed.unix_micros - ago * 1_000_000));
        }
        let object = own.into_object();
        let mut controller = JobController::default();
        let backoff = &case["backoff"];
        if let Some(failures) = number(&backoff["failuresAfterLastSuccess"]) {
            let ago = backoff["lastFailureAgoSeconds"].as_i64().unwrap_or(0);
            let last_failure = Some(observed.unix_micros - ago * 1_000_000);
            let record = Record { failures_after_last_success: failures, last_failure };
            controller.records.insert(object.key(), record);
        }
        let key = object.key();
        let mut add = |mut pod: Pod| {
            pod.metadata.owner_references = Some(vec![owners::controller_ref(&object)]);
            observed.stores.insert(pod.into_object());
        };
        let counts = &case["pods"];
        for (kind, phase) in [
            ("pending", "Pending"),
            ("active", "Running"),
            ("succeeded", "Succeeded"),
            ("failed", "Failed"),
            ("terminating", "Running"),
        ] {
            for place in 0..counts[kind].as_i64().unwrap_or(0) {
                let row = json!({ "phase": phase, "deleted": kind == "terminating" });
                let mut own = pod(&format!("{kind}-{place}"), &row);
                if kind == "active" && place < counts["ready"].as_i64().unwrap_or(0) {
                    own.status.get_or_insert_default().conditions = Some(vec![PodCondition {
                        type_: "Ready".to_owned(),
                        status: "True".to_owned(),
                        ..PodCondition::default()
                    }]);
                }
                add(own);
            }
        }
        for (place, row) in case["podsWithIndex"].as_array().into_iter().flatten().enumerate() {
            add(pod(&format!("index-{place:02}"), row));
        }
        observed.stores.insert(object);
        Bench { controller, observed, key, created: Vec::new(), deleted: 0, status: None }
    }

    fn serve(&mut self, request: &Arc<Request>) -> Answer {
        let mut body = Body::Empty;
        match (request.method, &request.body) {
            (Method::Post, Body::Object(object)) => {
                self.created.push(object.expect::<Pod>().clone());
                body = Body::Object(object.clone());
            }
            (Method::Put, Body::Object(object)) => {
                self.status.clone_from(&object.expect::<Job>().status);
                body = Body::Object(object.clone());
            }
            (Method::Delete, _) => self.deleted += 1,
            _ => {}
        }
        Answer { request: request.clone(), result: Ok(body) }
    }

    /// One sync, to its end.
    fn sync(&mut self) {
        let key = WorkKey::new(Kind::Job, self.key.clone());
        let mut turn = Turn { key, observed: self.observed.clone(), phase: "", answers: Vec::new() };
        loop {
            let plan = self.controller.reconcile(&turn);
            assert_eq!(plan.error, None, "{plan}");
            for step in &plan.steps {
                let writes = match step {
                    Step::Event(_) => continue,
                    Step::Write(write) => std::slice::from_ref(write),
                    Step::Batch(writes) => writes,
                };
                for write in writes {
                    let answer = self.serve(&write.request);
                    turn.answers.push(answer);
                }
            }
            match plan.then {
                Some(phase) => turn.phase = phase,
                None => return,
            }
        }
    }
}

/// What a row expects of the conditions. Where it was written for gates that are on now, the condition that comes
/// before the last one is there too, and the last one waits until no pod is left.
fn check_conditions(case: &Value, expect: &Value, status: &JobStatus, name: &str) {
    let own: Vec<Value> = status
        .conditions
        .iter()
        .flatten()
        .map(|condition| json!({ "type": condition.type_, "status": condition.status, "reason": condition.reason, "message": condition.message }))
        .collect();
    let has = |wanted: &Value| {
        own.iter().any(|own| wanted.as_object().expect("a condition").iter().all(|(key, value)| own[key] == *value))
    };
    let old_gates = case["gates"]["JobPodReplacementPolicy"] == false && case["gates"]["JobManagedBy"] == false;
    let wanted = expect["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    for condition in wanted {
        let mut before = condition.clone();
        let interim = match condition["type"].as_str() {
            Some("Failed") => Some("FailureTarget"),
            Some("Complete") => Some("SuccessCriteriaMet"),
            _ => None,
        };
        if let Some(interim) = interim.filter(|_| old_gates) {
            before["type"] = json!(interim);
            for key in ["reason", "message"] {
                if before[key] == "" || before[key].is_null() {
                    before.as_object_mut().expect("a condition").remove(key);
                }
            }
            assert!(has(&before), "{name}: {before} is not among {own:?}");
            if status.terminating.unwrap_or(0) > 0 {
                continue;
            }
            before["type"] = condition["type"].clone();
        }
        assert!(has(&before), "{name}: {before} is not among {own:?}");
    }
    if wanted.is_empty() {
        assert!(own.is_empty(), "{name}: {own:?}");
    }
}

#[test]
fn job_sync() {
    let table = read("job-sync");
    table.run(&["a"], |_, name, case, expect| {
        let mut bench = Bench::new(case);
        bench.sync();
        assert_eq!(bench.created.len(), expect["creations"].as_u64().unwrap_or(0) as usize, "{name}: creations");
        assert_eq!(bench.deleted, expect["deletions"].as_u64().unwrap_or(0) as usize, "{name}: deletions");
        let status = bench.status.clone().unwrap_or_else(|| {
            bench.observed.stores.get::<Job>(&bench.key).and_then(|job| job.status.clone()).unwrap_or_default()
        });
        let wanted = &expect["status"];
        for (field, own) in [
            ("active", status.active),
            ("ready", status.ready),
            ("succeeded", status.succeeded),
            ("failed", status.failed),
            ("terminating", status.terminating),
        ] {
            if let Some(count) = number(&wanted[field]) {
                assert_eq!(own.unwrap_or(0), count, "{name}: {field}");
            }
        }
        for (field, own) in [("completedIndexes", &status.completed_indexes), ("failedIndexes", &status.failed_indexes)]
        {
            if let Some(list) = wanted[field].as_str() {
                assert_eq!(own.as_deref().unwrap_or_default(), list, "{name}: {field}");
            }
        }
        if let Some(created) = expect.get("createdIndexes") {
            let own: Vec<Option<i32>> = bench.created.iter().map(indexes::of_pod).collect();
            assert_eq!(json!(own), *created, "{name}");
        }
        check_conditions(case, expect, &status, name);
    });
    table.done();
}

fn ended(now: i64, times: &Value) -> Vec<Arc<Object>> {
    let times = times.as_array().into_iter().flatten().filter_map(Value::as_i64);
    // Dates of objects have whole seconds: a millisecond of the table is a second here.
    times
        .map(|millis| {
            let mut pod = Pod::default();
            pod.metadata.creation_timestamp = Some(time::time(now + millis * 1_000_000));
            Arc::new(pod.into_object())
        })
        .collect()
}

#[test]
fn job_backoff() {
    let table = read("job-backoff");
    let now = fake::EPOCH_SECS * 1_000_000;
    let seconds = |value: &Value| value.as_u64().map(Duration::from_secs);
    let since = |value: &Value| now - value.as_i64().unwrap_or(0) * 1_000_000;
    table.run(&["a"], |_, name, case, expect| {
        let stored = number(&case["storedFailures"]).expect("a number");
        let before = Record { failures_after_last_success: stored, last_failure: None };
        let got = before.with(&ended(now, &case["newSucceededAtMs"]), &ended(now, &case["newFailedAtMs"]));
        assert_eq!(json!(got.failures_after_last_success), expect["failuresAfterLastSuccess"], "{name}");
        let last = got.last_failure.map(|last| (last - now) / 1_000_000);
        assert_eq!(json!(last), expect["lastFailureAtMs"], "{name}");
    });
    table.run(&["b"], |_, name, case, expect| {
        let mut value = case["pod"].clone();
        for list in ["containerStatuses", "initContainerStatuses"] {
            for status in value["status"][list].as_array_mut().into_iter().flatten() {
                for (field, own) in [
                    ("name", json!("a")),
                    ("image", json!("")),
                    ("imageID", json!("")),
                    ("ready", json!(false)),
                    ("restartCount", json!(0)),
                ] {
                    if status[field].is_null() {
                        status[field] = own;
                    }
                }
                if status["state"]["terminated"].is_object() && status["state"]["terminated"]["exitCode"].is_null() {
                    status["state"]["terminated"]["exitCode"] = json!(0);
                }
            }
        }
        let read = Object::from_value(Kind::Pod, &value, &mut |field| panic!("{name}: unknown field {field}"));
        let pod = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        let at = serde_json::to_value(time::time(backoff::finished_at(pod.expect()))).expect("a date");
        assert_eq!(at, expect["finishedAt"], "{name}");
    });
    table.run(&["c", "e"], |_, name, case, expect| {
        let record = Record {
            failures_after_last_success: number(&case["failures"]).expect("a number"),
            last_failure: Some(since(&case["secondsSinceLastFailure"])),
        };
        let base = seconds(&case["baseSeconds"]).unwrap_or(backoff::BASE);
        let max = seconds(&case["maxSeconds"]).unwrap_or(backoff::MAX);
        assert_eq!(Some(record.remaining(base, max, now)), seconds(&expect["remainingSeconds"]), "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let mut failed = pod("a", case);
        failed.metadata.creation_timestamp = Some(time::time(since(&case["secondsSinceLastFailure"])));
        let is_there = !case["indexFailureCount"].is_null() || !case["indexIgnoredFailureCount"].is_null();
        let base = seconds(&case["baseSeconds"]).unwrap_or(backoff::BASE);
        let max = seconds(&case["maxSeconds"]).unwrap_or(backoff::MAX);
        let got = backoff::remaining_for_index(Some(&failed).filter(|_| is_there), base, max, now);
        assert_eq!(Some(got), seconds(&expect["remainingSeconds"]), "{name}");
    });
    table.done();
}

fn indexed(case: &Value) -> (Job, JobSpec, i32) {
    let mut own = job(case);
    let spec = own.spec.get_or_insert_default();
    spec.completion_mode = Some("Indexed".to_owned());
    let (spec, completions) = (spec.clone(), spec.completions.unwrap_or(0));
    let status = own.status.get_or_insert_default();
    status.completed_indexes = case["previousCompletedIndexes"].as_str().map(str::to_owned);
    status.failed_indexes = case["previousFailedIndexes"].as_str().map(str::to_owned);
    (own, spec, completions)
}

/// What a row says of a pod, to compare.
fn rows(pods: &[Arc<Object>]) -> Vec<(Option<String>, Option<String>)> {
    let of = |pod: &Arc<Object>| {
        let pod = pod.expect::<Pod>();
        let index = pod.metadata.annotations.as_ref().and_then(|own| own.get(INDEX).cloned());
        (index, pod.status.as_ref().and_then(|status| status.phase.clone()))
    };
    let mut rows: Vec<_> = pods.iter().map(of).collect();
    rows.sort();
    rows
}

#[test]
fn job_indexed() {
    let table = read("job-indexed");
    table.run(&["a"], |_, name, case, expect| {
        let (own, _, completions) = indexed(case);
        let (before, now) = indexes::succeeded(&own, completions, &pods(&case["pods"]));
        assert_eq!(json!(before.to_string()), expect["fromStatus"], "{name}");
        assert_eq!(json!(now.to_string()), expect["completedIndexes"], "{name}");
        assert_eq!(json!(now.total()), expect["succeeded"], "{name}");
    });
    table.run(&["b"], |_, name, case, expect| {
        let (own, _, completions) = indexed(case);
        let got = indexes::failed(&own, completions, &pods(&case["pods"]));
        assert_eq!(json!(got.to_string()), expect["failedIndexes"], "{name}");
    });
    table.run(&["c"], |_, name, case, expect| {
        let completions = number(&case["completions"]).expect("completions");
        let list = |field: &str| Intervals::parse(case[field].as_str().unwrap_or_default(), completions);
        let active = pods(&case["activePods"]);
        let taken = list("completedIndexes").merged(&list("failedIndexes")).with(indexes::of_pods(&active));
        let got = indexes::first_pending(&taken, case["count"].as_u64().expect("a count") as usize, completions);
        assert_eq!(json!(got), expect["indexesToCreate"], "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let completions = number(&case["completions"]).expect("completions");
        let (remove, keep) = indexes::without_duplicates(&pods(&case["activePods"]), completions);
        assert_eq!(rows(&remove), rows(&pods(&expect["remove"])), "{name}");
        assert_eq!(rows(&keep), rows(&pods(&expect["keep"])), "{name}");
    });
    table.run(&["e"], |_, name, case, expect| {
        let (own, spec, completions) = indexed(case);
        let all = pods(&case["pods"]);
        let is_active = |pod: &&Arc<Object>| kubarium::controllers::pods::is_active(pod.expect());
        let active: Vec<Arc<Object>> = all.iter().filter(is_active).cloned().collect();
        let gone: OrdSet<Arc<str>> = case["expectedRmFinalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Arc::from)
            .collect();
        let (_, succeeded) = indexes::succeeded(&own, completions, &all);
        let taken = succeeded.merged(&indexes::failed(&own, completions, &all));
        let kept: OrdMap<i32, Arc<Object>> = indexes::delayed(&spec, completions, &active, &all, &taken, &gone);
        let kept: Vec<&str> = kept.values().map(|pod| pod.uid()).collect();
        assert_eq!(json!(kept), expect["keptUntilReplaced"], "{name}");
    });
    table.run(&["f"], |_, name, case, expect| {
        let (_, mut spec, _) = indexed(case);
        if !case["rules"].is_null() {
            spec.pod_failure_policy = serde_json::from_value(json!({ "rules": case["rules"] })).ok();
        }
        let mut replaced = (!case["replacing"].is_null()).then(|| pod("old", &case["replacing"]));
        if let Some(own) = replaced.as_mut().filter(|_| !case["replacing"]["conditions"].is_null()) {
            let conditions = serde_json::from_value(case["replacing"]["conditions"].clone()).expect("conditions");
            own.status.get_or_insert_default().conditions = Some(conditions);
        }
        if let Some(code) = number(&case["replacing"]["exitCode"]) {
            let status = json!({ "containerStatuses": [{ "name": "main", "image": "", "imageID": "", "ready": false,
                "restartCount": 0, "state": { "terminated": { "exitCode": code } } }] });
            replaced.as_mut().expect("it is there").status = serde_json::from_value(status).ok();
        }
        let got = indexes::failures_of_replacement(&spec, replaced.as_ref());
        let wanted = (number(&expect["indexFailureCount"]), number(&expect["indexIgnoredFailureCount"]));
        assert_eq!((Some(got.0), Some(got.1)), wanted, "{name}");
    });
    table.run(&["g"], |_, name, case, expect| {
        let got =
            indexes::generate_name(case["job"].as_str().expect("a name"), number(&case["index"]).expect("an index"));
        assert_eq!(json!(got), expect["generateName"], "{name}");
    });
    table.done();
}

/// A pod whose containers ended, as the policy's table gives it.
fn failed_pod(own: &Value) -> Pod {
    let statuses = |list: &Value| -> Vec<Value> {
        let of = |row: &Value| {
            let state = match number(&row["exitCode"]) {
                Some(code) => json!({ "terminated": { "exitCode": code } }),
                None => json!({ "running": {} }),
            };
            json!({ "name": row["name"], "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state })
        };
        list.as_array().into_iter().flatten().map(of).collect()
    };
    let conditions: Vec<Value> = own["conditions"].as_array().cloned().unwrap_or_default();
    let value = json!({
        "metadata": { "name": own["name"], "namespace": own["namespace"] },
        "status": {
            "phase": "Failed", "conditions": conditions,
            "containerStatuses": statuses(&own["containers"]),
            "initContainerStatuses": statuses(&own["initContainers"]),
        },
    });
    let read = Object::from_value(Kind::Pod, &value, &mut |_| {});
    read.unwrap_or_else(|error| panic!("{own}: {error}")).expect::<Pod>().clone()
}

#[test]
fn job_pod_failure_policy() {
    let table = read("job-pod-failure-policy");
    table.run(&["a"], |_, name, case, expect| {
        let mut rules = case["rules"].clone();
        if case["gates"]["JobBackoffLimitPerIndex"] == false {
            // The API server drops them then; the gate is locked on since.
            rules.as_array_mut().expect("rules").retain(|rule| rule["action"] != "FailIndex");
        }
        let policy: Option<PodFailurePolicy> =
            serde_json::from_value(json!({ "rules": rules })).ok().filter(|_| !rules.is_null());
        let got = failure_policy::matched(policy.as_ref(), &failed_pod(&case["failedPod"]));
        assert_eq!(json!(got.message), expect["jobFailureMessage"], "{name}");
        assert_eq!(json!(got.counts), expect["countsAsFailed"], "{name}");
        assert_eq!(json!(got.action), expect["action"], "{name}");
    });
    table.done();
}
