//! CronJobs: schedules, and one sync.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use kubarium::api::cron::{NEVER, Schedule};
use kubarium::api::timezone::TimeZone;
use kubarium::api::{Body, Kind, Method, Object, Reason, Request, Response, Status, Typed, time};
use kubarium::client::EventKind;
use kubarium::controllers::cronjob::schedule::{self, Missed, Recent};
use kubarium::controllers::cronjob::{CronJobController, sync};
use kubarium::controllers::{Announce, Answer, Append, Controller, Observed, Step, Turn, WorkKey, fake, owners};

use super::read;

fn date(value: &Value) -> Option<Time> {
    (!value.is_null()).then(|| serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}")))
}

fn micros(value: &Value) -> i64 {
    time::unix_micros(&date(value).expect("a date"))
}

fn cron_job(case: &Value) -> CronJob {
    let mut spec = json!({ "jobTemplate": { "spec": { "template": { "spec": { "containers": [] } } } } });
    for field in [
        "schedule",
        "timeZone",
        "concurrencyPolicy",
        "suspend",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ] {
        if !case[field].is_null() {
            spec[field] = case[field].clone();
        }
    }
    let value = json!({ "metadata": { "name": "mycronjob", "namespace": "default", "uid": "cron" }, "spec": spec });
    let read = Object::from_value(Kind::CronJob, &value, &mut |field| panic!("unknown field {field}"));
    let mut own = read.expect("a CronJob").expect::<CronJob>().clone();
    own.metadata.creation_timestamp = date(&case["creationTimestamp"]);
    own.status.get_or_insert_default().last_schedule_time = date(&case["lastScheduleTime"]);
    own
}

fn check_next(name: &str, case: &Value, expect: &Value) {
    let parsed = Schedule::parse(case["schedule"].as_str().expect("a schedule"), TimeZone::UTC).expect("it is valid");
    let mut at = micros(&case["after"]);
    let wanted = expect["next"].as_array().expect("times");
    for next in wanted {
        at = parsed.next(at);
        assert_eq!(at, micros(next), "{name}");
    }
    if wanted.is_empty() {
        assert_eq!(parsed.next(at), NEVER, "{name}");
    }
}

#[test]
fn cronjob_schedule() {
    let table = read("cronjob-schedule");
    table.run(&["a"], |_, name, case, expect| {
        let own = cron_job(case);
        let parsed = schedule::parse(&own).expect("it is valid");
        let got = schedule::most_recent(&own, micros(&case["now"]), &parsed, case["applyStartingDeadline"] == true);
        if expect["error"] == true {
            assert!(got.is_err(), "{name}: {got:?}");
            return;
        }
        let missed = match expect["missed"].as_str() {
            Some("few") => Missed::Few,
            Some("many") => Missed::Many,
            _ => Missed::None,
        };
        let time = date(&expect["mostRecentMissed"]).as_ref().map(time::unix_micros);
        assert_eq!(got, Ok(Recent { earliest: micros(&expect["earliestTime"]), time, missed }), "{name}");
    });
    table.run(&["b"], |_, name, case, expect| {
        let own = cron_job(case);
        let view = sync::View { object: &own.into_object(), jobs: Vec::new(), missing: &[], now: micros(&case["now"]) };
        let decision = view.decide();
        let due = decision.create.as_ref().map(|(_, due)| *due);
        let reasons: Vec<&str> = decision.events.iter().map(|event| event.reason).collect();
        if expect["error"] == true {
            assert!(reasons.contains(&"InvalidSchedule"), "{name}: {reasons:?}");
            return;
        }
        assert_eq!(due, date(&expect["scheduledTime"]).as_ref().map(time::unix_micros), "{name}");
        if let Some(warning) = expect["warning"].as_str() {
            assert!(reasons.contains(&warning), "{name}: {reasons:?}");
        }
    });
    table.run(&["c"], |_, name, case, expect| {
        let own = cron_job(case);
        let parsed = schedule::parse(&own).expect("it is valid");
        let got = schedule::until_next(&own, micros(&case["now"]), &parsed);
        assert_eq!(got, seconds(&expect["requeueAfterSeconds"]), "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let of = |row: &Value| {
            let mut job = Job::default();
            job.metadata.name = row["name"].as_str().map(str::to_owned);
            job.status.get_or_insert_default().start_time = date(&row["startTime"]);
            job
        };
        let jobs: Vec<Job> = case.as_array().expect("jobs").iter().map(of).collect();
        let mut sorted: Vec<&Job> = jobs.iter().collect();
        schedule::by_start(&mut sorted);
        let names: Vec<&Option<String>> = sorted.iter().map(|job| &job.metadata.name).collect();
        assert_eq!(json!(names), *expect, "{name}");
    });
    table.run(&["e", "f"], |_, name, case, expect| check_next(name, case, expect));
    table.run(&["g", "h"], |_, name, case, expect| {
        let got = Schedule::parse(case["schedule"].as_str().expect("a schedule"), TimeZone::UTC);
        assert_eq!(json!(got.is_ok()), expect["valid"], "{name}: {got:?}");
    });
    table.done();
}

fn seconds(value: &Value) -> Duration {
    let tenths = (value.as_f64().expect("seconds") * 10.0).round();
    Duration::from_millis(tenths as u64 * 100)
}

/// A CronJob, its controller, and a small API server.
struct Bench {
    observed: Observed,
    /// What the server has of it.
    live: CronJob,
    /// A Job that the CronJob takes to be active, and that the server does not know.
    lost: bool,
    created: Vec<Job>,
    deleted: Vec<String>,
    events: Vec<Announce>,
    /// The status as it was written.
    written: Option<CronJob>,
    requeue_after: Option<Duration>,
}

impl Bench {
    fn new(case: &Value) -> Bench {
        let mut observed = fake::observed();
        observed.unix_micros = micros(&case["now"]);
        let mut own = cron_job(case);
        let mut live = own.clone();
        let before = &case["previousJob"];
        if !before.is_null() {
            let mut job = Job::default();
            let created = date(&before["creationTimestamp"]).expect("a date");
            let name = schedule::job_name("mycronjob", time::unix_micros(&created));
            job.metadata.name = Some(name.clone());
            job.metadata.namespace = Some("default".to_owned());
            job.metadata.uid = Some("previous".to_owned());
            job.metadata.owner_references = Some(vec![owners::controller_ref(&own.clone().into_object())]);
            let state = before["state"].as_str().unwrap_or_default();
            let ending = match state {
                "complete" => Some("Complete"),
                "failed" => Some("Failed"),
                _ => None,
            };
            if let Some(ending) = ending {
                let conditions = json!([{ "type": ending, "status": "True" }]);
                job.status.get_or_insert_default().conditions = serde_json::from_value(conditions).ok();
            }
            job.metadata.creation_timestamp = Some(created);
            let object = job.into_object();
            let reference: ObjectReference = sync::reference(&object);
            if before["inStatusActive"] == true {
                own.status.get_or_insert_default().active = Some(vec![reference.clone()]);
            }
            if ending.is_none() && before["inLiveActive"] != false {
                live.status.get_or_insert_default().active = Some(vec![reference]);
            }
            if before["inLister"] != false && before["notInLister"] != true {
                observed.stores.insert(object);
            }
        }
        observed.stores.insert(own.into_object());
        Bench {
            observed,
            live,
            lost: before["onServer"] == false,
            created: Vec::new(),
            deleted: Vec::new(),
            events: Vec::new(),
            written: None,
            requeue_after: None,
        }
    }

    fn serve(&mut self, request: &Arc<Request>) -> Answer {
        let name = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let body = match (request.method, &request.body) {
            (Method::Post, Body::Object(object)) => {
                let jobs = self.observed.stores.of(Kind::Job);
                if jobs.get(&object.key()).is_some() {
                    let response = Response::failure(Status::new(Reason::AlreadyExists, "it is there"));
                    return Answer::of(request.clone(), Some(&response));
                }
                let mut object = (**object).clone();
                object.meta_mut().uid = Some("new".to_owned());
                self.created.push(object.expect::<Job>().clone());
                Body::Object(Arc::new(object))
            }
            (Method::Put, Body::Object(object)) => {
                self.written = Some(object.expect::<CronJob>().clone());
                Body::Object(object.clone())
            }
            (Method::Delete, _) => {
                self.deleted.push(name);
                Body::Empty
            }
            (Method::Get, _) if request.path.contains("/cronjobs/") => {
                Body::Object(Arc::new(self.live.clone().into_object()))
            }
            (Method::Get, _) if self.lost => {
                let response = Response::failure(Status::new(Reason::NotFound, "it is gone"));
                return Answer::of(request.clone(), Some(&response));
            }
            _ => Body::Empty,
        };
        Answer { request: request.clone(), result: Ok(body) }
    }

    fn note(&mut self, event: &Announce, answer: &Answer) {
        let mut event = event.clone();
        match (event.append, answer.object(), answer.failure()) {
            (Append::Name, Some(object), _) => event.message.push_str(object.name()),
            (Append::Error, _, Some(failure)) => event.message.push_str(&failure.message),
            _ => {}
        }
        self.events.push(event);
    }

    fn sync(&mut self) {
        let (key, _) = self.observed.stores.of(Kind::CronJob).iter().next().expect("a CronJob");
        let key = WorkKey::new(Kind::CronJob, key.clone());
        let mut turn = Turn { key, observed: self.observed.clone(), phase: "", answers: Vec::new() };
        loop {
            let plan = CronJobController.reconcile(&turn);
            assert_eq!(plan.error, None, "{plan}");
            for step in &plan.steps {
                match step {
                    Step::Event(event) => self.events.push(event.clone()),
                    Step::Write(write) => {
                        let answer = self.serve(&write.request);
                        let event = if answer.result.is_ok() { &write.announce } else { &None };
                        if let Some(event) = event {
                            self.note(event, &answer);
                        }
                        turn.answers.push(answer);
                    }
                    Step::Batch(_) => panic!("it writes one by one"),
                }
            }
            match plan.then {
                Some(phase) => turn.phase = phase,
                None => {
                    self.requeue_after = plan.requeue_after;
                    return;
                }
            }
        }
    }

    fn warnings(&self) -> usize {
        self.events.iter().filter(|event| event.kind == EventKind::Warning).count()
    }

    /// How many Jobs it knows to be active in the end.
    fn active(&self) -> usize {
        let seen = self.observed.stores.of(Kind::CronJob).iter().next().map(|(_, own)| own.expect::<CronJob>().clone());
        let unknown =
            self.observed.stores.of(Kind::Job).iter().any(|(_, job)| {
                !kubarium::controllers::job::conditions::is_finished(job.expect::<Job>().status.as_ref())
            });
        // What was read live counts where nothing was written.
        let last = self.written.as_ref().or(Some(&self.live).filter(|_| unknown)).or(seen.as_ref());
        last.and_then(|own| own.status.as_ref()?.active.as_ref()).map_or(0, Vec::len)
    }
}

/// The events of a story, as `Normal SuccessfulCreate Created job hello-1`.
fn told(case: &Value, wanted: &Value, name: &str) {
    let mut bench = Bench::new(case);
    bench.sync();
    // What is due is never before the deadline, so that the event cannot come of a sync.
    let object =
        bench.observed.stores.of(Kind::CronJob).iter().next().map(|(_, own)| own.clone()).expect("it is there");
    let view = sync::View { object: &object, jobs: Vec::new(), missing: &[], now: bench.observed.unix_micros };
    bench.events.extend(view.too_late(bench.observed.unix_micros - 60_000_000));
    let events: Vec<String> = bench
        .events
        .iter()
        .map(|event| format!("{} {} {}", event.kind.as_str(), event.reason, event.message))
        .collect();
    let message = wanted["message"].as_str().expect("a message");
    let start = message.split('<').next().unwrap_or_default();
    let start = format!(
        "{} {} {start}",
        wanted["type"].as_str().unwrap_or_default(),
        wanted["reason"].as_str().unwrap_or_default()
    );
    let start = start.replace(" hello-", " mycronjob-");
    assert!(events.iter().any(|event| event.starts_with(start.trim_end())), "{name}: {start} is not among {events:?}");
}

/// A CronJob with which the event of that reason comes about.
fn story(reason: &str) -> Value {
    let at = |now: &str, more: Value| {
        let mut case = json!({
            "schedule": "0 * * * ?", "concurrencyPolicy": "Allow", "now": now,
            "creationTimestamp": "2016-05-19T08:59:00Z",
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            case[field] = value.clone();
        }
        case
    };
    let previous = |state: &str, listed: bool| json!({ "creationTimestamp": "2016-05-19T09:01:00Z", "state": state, "inStatusActive": listed });
    let (on_time, before) = ("2016-05-19T10:01:00Z", "2016-05-19T09:01:00Z");
    match reason {
        "SuccessfulCreate" => at(on_time, json!({})),
        "JobAlreadyActive" => at(
            on_time,
            json!({ "concurrencyPolicy": "Forbid", "lastScheduleTime": before, "previousJob": previous("active", true) }),
        ),
        "SuccessfulDelete" => at(
            on_time,
            json!({ "concurrencyPolicy": "Replace", "lastScheduleTime": before, "previousJob": previous("active", true) }),
        ),
        "SawCompletedJob" => {
            at(on_time, json!({ "lastScheduleTime": before, "previousJob": previous("complete", true) }))
        }
        "MissingJob" => {
            let mut case = at(before, json!({ "lastScheduleTime": before, "previousJob": previous("active", true) }));
            case["previousJob"]["inLister"] = json!(false);
            case["previousJob"]["onServer"] = json!(false);
            case
        }
        "UnsupportedSchedule" => at(on_time, json!({ "schedule": "TZ=UTC 0 * * * ?" })),
        "UnexpectedJob" => {
            let mut case = at(on_time, json!({ "lastScheduleTime": before, "previousJob": previous("active", false) }));
            case["previousJob"]["inLiveActive"] = json!(false);
            case
        }
        "MissSchedule" => at("2016-05-19T10:12:00Z", json!({ "startingDeadlineSeconds": 10 })),
        "TooManyMissedTimes" => at("2016-05-26T10:00:00Z", json!({})),
        "UnparseableSchedule" => at(on_time, json!({ "schedule": "no schedule" })),
        "UnknownTimeZone" => at(on_time, json!({ "timeZone": "Mars/Olympus" })),
        "InvalidSchedule" => at(on_time, json!({ "schedule": "59 23 31 2 *" })),
        other => panic!("no story ends in {other}"),
    }
}

#[test]
fn cronjob_sync() {
    let table = read("cronjob-sync");
    table.run(&["a"], |_, name, case, expect| {
        let mut bench = Bench::new(case);
        bench.sync();
        assert_eq!(json!(!bench.created.is_empty()), expect["create"], "{name}: create");
        assert_eq!(json!(!bench.deleted.is_empty()), expect["deletePrevious"], "{name}: delete");
        assert_eq!(json!(bench.written.is_some()), expect["statusUpdate"], "{name}: status");
        assert_eq!(json!(bench.active()), expect["activeAfter"], "{name}: active");
        if let Some(count) = expect["warningEvents"].as_u64() {
            assert_eq!(bench.warnings() as u64, count, "{name}: {:?}", bench.events);
        }
        if let Some(after) = expect.get("requeueAfterSeconds") {
            assert_eq!(bench.requeue_after, Some(seconds(after)), "{name}");
        }
    });
    table.run(&["b"], |_, name, case, expect| {
        let got = schedule::job_name(case["cronjob"].as_str().expect("a name"), micros(&case["scheduledTime"]));
        assert_eq!(json!(got), expect["jobName"], "{name}");
    });
    table.run(&["c"], |_, name, _, expect| told(&story(expect["reason"].as_str().expect("a reason")), expect, name));
    table.done();
}
