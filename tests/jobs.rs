//! Jobs and CronJobs in a cluster: what becomes of them, and what is told of it.

#[path = "common/session.rs"]
mod session;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;

use kubarium::api::{Kind, ObjectKey};
use kubarium::cluster::{Config, Session};
use session::{pass, run};

fn job(session: &Session, name: &str) -> Job {
    let jobs = session.objects(Kind::Job);
    let found = jobs.iter().find(|job| job.key() == ObjectKey::new("default", name));
    found.unwrap_or_else(|| panic!("there is no {name}")).expect::<Job>().clone()
}

fn conditions(job: &Job) -> Vec<String> {
    let status = job.status.as_ref();
    let list = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    list.iter()
        .map(|own| format!("{}={} {}", own.type_, own.status, own.reason.as_deref().unwrap_or_default()))
        .collect()
}

/// As `Running Automated Tasks with Jobs` has it.
const PI: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: { name: pi }
spec:
  template:
    spec:
      containers:
      - { name: pi, image: "perl:5.34.0", command: ["perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"] }
      restartPolicy: Never
  backoffLimit: 4
"#;

#[test]
fn pi_is_computed() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", PI);
    run(&mut session, "kubectl wait --for=condition=complete job/pi --timeout=300s", "");
    assert!(run(&mut session, "kubectl logs job/pi", "").starts_with("3.14159265"));
    let own = job(&session, "pi");
    let ended = ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"];
    assert_eq!(conditions(&own), ended);
    let status = own.status.expect("a status");
    assert_eq!((status.succeeded, status.active, status.ready, status.terminating), (Some(1), None, Some(0), Some(0)));
    assert!(status.uncounted_terminated_pods.is_some_and(|pods| pods.succeeded.is_none() && pods.failed.is_none()));
    let table = run(&mut session, "kubectl get job pi", "");
    assert!(table.starts_with("NAME   STATUS     COMPLETIONS   DURATION   AGE\npi     Complete   1/1 "), "{table}");
    let text = run(&mut session, "kubectl describe job pi", "");
    assert!(text.contains("Normal  Completed         ") && text.contains("Job completed"), "{text}");
    assert!(text.contains("Pods Statuses:    0 Active (0 Ready) / 1 Succeeded / 0 Failed"), "{text}");
    run(&mut session, "kubectl delete job pi", "");
    pass(&mut session, 60);
    assert!(session.objects(Kind::Pod).is_empty(), "its pod goes with it, finalizer and all");
}

const INDEXED: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: { name: indexed-job }
spec:
  completions: 5
  parallelism: 3
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers:
      - { name: worker, image: busybox, command: ["sh", "-c", "echo index $JOB_COMPLETION_INDEX"] }
"#;

#[test]
fn every_index_has_its_pod() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl apply -f -", INDEXED);
    run(&mut session, "kubectl wait --for=condition=complete job/indexed-job --timeout=300s", "");
    assert_eq!(job(&session, "indexed-job").status.and_then(|status| status.completed_indexes).as_deref(), Some("0-4"));
    let pods = session.objects(Kind::Pod);
    let mut hosts: Vec<String> =
        pods.iter().filter_map(|pod| pod.expect::<Pod>().spec.as_ref()?.hostname.clone()).collect();
    hosts.sort();
    let wanted: Vec<String> = (0..5).map(|index| format!("indexed-job-{index}")).collect();
    assert_eq!(hosts, wanted);
    let logs = run(&mut session, "kubectl logs -l batch.kubernetes.io/job-completion-index=3", "");
    assert_eq!(logs, "index 3\n");
}

#[test]
fn failures_back_off_and_reach_the_limit() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl create job fails --image=busybox -- sh -c 'exit 1'", "");
    run(&mut session, "kubectl patch job fails -p '{\"spec\":{\"backoffLimit\":2}}'", "");
    run(&mut session, "kubectl wait --for=condition=failed job/fails --timeout=300s", "");
    let own = job(&session, "fails");
    assert_eq!(conditions(&own), ["FailureTarget=True BackoffLimitExceeded", "Failed=True BackoffLimitExceeded"]);
    assert_eq!(own.status.and_then(|status| status.failed), Some(3));
    let mut born: Vec<i64> = session
        .objects(Kind::Pod)
        .iter()
        .filter_map(|pod| pod.meta().creation_timestamp.as_ref().map(|at| at.0.as_second()))
        .collect();
    born.sort();
    assert!(born[1] - born[0] >= 10 && born[2] - born[1] >= 20, "10 s and then 20 s: {born:?}");
    let text = run(&mut session, "kubectl describe job fails", "");
    assert!(
        text.contains("Warning  BackoffLimitExceeded") && text.contains("Job has reached the specified backoff limit"),
        "{text}"
    );
}

#[test]
fn a_job_can_be_suspended_and_expires() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl create job sleeps --image=busybox -- sleep 20", "");
    pass(&mut session, 10);
    run(&mut session, "kubectl patch job sleeps -p '{\"spec\":{\"suspend\":true,\"ttlSecondsAfterFinished\":30}}'", "");
    pass(&mut session, 60);
    assert!(session.objects(Kind::Pod).is_empty(), "a suspended Job has no pods");
    assert_eq!(conditions(&job(&session, "sleeps")), ["Suspended=True JobSuspended"]);
    let started = |session: &Session| job(session, "sleeps").status.is_some_and(|status| status.start_time.is_some());
    assert!(!started(&session), "it has not started");
    let asks =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"sleeps","resources":{"requests":{"cpu":"20m"}}}]}}}}"#;
    run(&mut session, &format!("kubectl patch job sleeps -p '{asks}'"), "");
    run(&mut session, "kubectl patch job sleeps -p '{\"spec\":{\"suspend\":false}}'", "");
    pass(&mut session, 10);
    assert_eq!(conditions(&job(&session, "sleeps")), ["Suspended=False JobResumed"]);
    assert!(started(&session));
    let pods = session.objects(Kind::Pod);
    assert_eq!(pods[0].to_value()["spec"]["containers"][0]["resources"]["requests"]["cpu"], "20m");
    run(&mut session, "kubectl wait --for=condition=complete job/sleeps --timeout=300s", "");
    pass(&mut session, 90);
    assert!(session.objects(Kind::Job).is_empty() && session.objects(Kind::Pod).is_empty(), "it went after 30 s");
}

#[test]
fn a_cron_job_runs_every_minute_and_keeps_three() {
    let mut session = Session::ready(Config::default());
    run(&mut session, "kubectl create cronjob hello --image=busybox '--schedule=* * * * *' -- date", "");
    pass(&mut session, 400);
    let jobs = session.objects(Kind::Job);
    assert!((3..=4).contains(&jobs.len()), "{} Jobs", jobs.len());
    let minutes: Vec<i64> = jobs.iter().filter_map(|job| job.name().strip_prefix("hello-")?.parse().ok()).collect();
    assert!(minutes.windows(2).all(|pair| pair[1] == pair[0] + 1), "one a minute: {minutes:?}");
    let text = run(&mut session, "kubectl describe cronjob hello", "");
    for told in ["SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete", "Schedule:                      * * * * *"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    let table = run(&mut session, "kubectl get cj", "");
    assert!(table.starts_with("NAME    SCHEDULE    TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE\nhello   * * * * *   <none>     False "), "{table}");
}
