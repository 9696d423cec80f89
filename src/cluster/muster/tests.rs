use std::time::Duration;

use super::super::{Config, Session};
use super::*;
use crate::sim::SimTime;

const MINUTE: Duration = Duration::from_secs(60);

fn session(yaml: &str) -> Session {
    let mut session = Session::ready(Config::default());
    let done = session.kubectl("kubectl apply -f -", yaml, MINUTE);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    session
}

fn wait(session: &mut Session, seconds: u64) {
    let until = SimTime(session.now().0 + seconds * 1_000_000);
    session.run_until(until);
}

fn muster(session: &Session, kind: Kind, name: &str) -> Muster {
    let object = session.object(kind, &ObjectKey::new("default", name)).expect("it is stored");
    Muster::of(session.world(), &object).expect("it has members")
}

fn fact<'a>(muster: &'a Muster, name: &str) -> &'a str {
    &muster.facts.iter().find(|fact| fact.0 == name).unwrap_or_else(|| panic!("no {name}: {:?}", muster.facts)).1
}

fn seats(muster: &Muster) -> Vec<String> {
    muster.seats.iter().map(|seat| format!("{} {}", seat.title, seat.state)).collect()
}

const SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: nginx
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx:1.27}]}
";

#[test]
fn ordinals_stand_in_order_before_they_are_there() {
    let mut session = session(SET);
    let mut seen = Vec::new();
    for _ in 0..300 {
        session.run_until(SimTime(session.now().0 + 200_000));
        let now = muster(&session, Kind::StatefulSet, "web");
        assert_eq!(now.seats.len(), 3, "every ordinal has its seat from the beginning");
        let there = now.seats.iter().filter(|seat| seat.taken.is_some()).count();
        if there == 2 && now.seats[1].state.starts_with("ContainerCreating") {
            assert_eq!(now.doing, "wants 3, sees 2 pods; waits for web-1 to be Running and Ready; 1 ready, 2 updated");
        }
        let ready = now.seats.iter().filter(|seat| seat.phase == Some(Phase::Running)).count();
        assert!(there <= ready + 1, "one at a time: {:?}", now.seats);
        seen.push((there, ready));
        if ready == 3 {
            break;
        }
    }
    assert!(seen.contains(&(1, 0)) && seen.contains(&(3, 3)), "{seen:?}");
    let now = muster(&session, Kind::StatefulSet, "web");
    assert_eq!(seats(&now), ["web-0 Running 1/1", "web-1 Running 1/1", "web-2 Running 1/1"]);
    assert_eq!(fact(&now, "names"), "web-N.nginx.default.svc");
    assert!(now.seats.iter().all(|seat| seat.note.starts_with("on ")), "{:?}", now.seats);
}

#[test]
fn an_update_tells_old_from_new_and_a_scale_down_who_is_too_many() {
    let mut session = session(SET);
    wait(&mut session, 60);
    session.kubectl("kubectl set image statefulset/web nginx=nginx:1.28", "", MINUTE);
    let mut mixed = false;
    for _ in 0..200 {
        session.run_until(SimTime(session.now().0 + 200_000));
        let now = muster(&session, Kind::StatefulSet, "web");
        let of = |at: usize| now.seats[at].note.rsplit(", ").next().unwrap_or_default().to_owned();
        if of(0) == "old revision" && of(2) == "new revision" {
            assert!(fact(&now, "revision").contains(" → "), "{:?}", now.facts);
            mixed = true;
        }
    }
    assert!(mixed, "the last was new while the first was old");
    session.kubectl("kubectl scale statefulset/web --replicas=1", "", MINUTE);
    let mut too_many = Vec::new();
    for _ in 0..100 {
        session.run_until(SimTime(session.now().0 + 20_000));
        let now = muster(&session, Kind::StatefulSet, "web");
        too_many.push(now.seats.iter().filter(|seat| seat.note.ends_with("one too many")).count());
        assert_eq!(too_many.last(), Some(&(now.seats.len() - 1)), "{now:?}");
    }
    too_many.dedup();
    assert_eq!(too_many, [2, 1, 0], "the last goes first");
}

#[test]
fn a_job_counts_its_indexes_and_says_when_it_goes() {
    let mut session = session(
        "apiVersion: batch/v1
kind: Job
metadata: {name: sums}
spec:
  completions: 3
  parallelism: 1
  completionMode: Indexed
  ttlSecondsAfterFinished: 100
  template:
    spec:
      restartPolicy: Never
      containers: [{name: sum, image: busybox, command: [sh, -c, sleep 3]}]
",
    );
    wait(&mut session, 3);
    let begun = muster(&session, Kind::Job, "sums");
    assert_eq!((begun.title, begun.seats.len(), begun.more), ("Indexes", 3, 0));
    assert_eq!(begun.seats[2].state, "not begun");
    assert_eq!(fact(&begun, "active"), "1, at most 1 at a time");
    wait(&mut session, 40);
    let done = muster(&session, Kind::Job, "sums");
    assert_eq!(seats(&done), ["index 0 succeeded", "index 1 succeeded", "index 2 succeeded"]);
    assert_eq!(fact(&done, "succeeded"), "3 of 3");
    assert!(fact(&done, "deleted").contains(" UTC, in "), "{:?}", done.facts);
}

#[test]
fn a_cron_job_says_when_it_runs_next_and_lists_its_jobs() {
    let mut session = session(
        "apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: '*/2 * * * *'
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: tick, image: busybox, command: [echo, tick]}]
",
    );
    wait(&mut session, 1);
    let fresh = muster(&session, Kind::CronJob, "tick");
    assert_eq!((fact(&fresh, "last run"), fresh.seats.len()), ("none yet", 0));
    assert!(fact(&fresh, "next run").contains(":00 UTC, in "), "{:?}", fresh.facts);
    assert_eq!(fact(&fresh, "while one runs"), "the next is skipped (Forbid)");
    wait(&mut session, 300);
    let later = muster(&session, Kind::CronJob, "tick");
    assert!(later.seats.len() >= 2, "{later:?}");
    assert!(later.seats[0].title > later.seats[1].title, "the newest first: {:?}", later.seats);
    assert_eq!(later.seats[1].state, "succeeded");
    assert!(fact(&later, "last run").ends_with(" ago"), "{:?}", later.facts);
    session.kubectl(r#"kubectl patch cronjob/tick -p '{"spec":{"suspend":true}}'"#, "", MINUTE);
    wait(&mut session, 1);
    let stopped = muster(&session, Kind::CronJob, "tick");
    assert_eq!(fact(&stopped, "next run"), "none while it is suspended");
}

#[test]
fn moments_are_told_beside_now() {
    let now = 1_767_225_600_000_000; // 2026-01-01T00:00:00Z
    assert_eq!(ahead(now + 192_000_000, now), "00:03:12 UTC, in 3m12s");
    assert_eq!(ahead(now, now), "00:00:00 UTC, now");
    assert_eq!(ahead(now - 20_000_000, now), "2025-12-31 23:59:40 UTC, 20s ago");
}
