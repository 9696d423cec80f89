//! Jobs: `printJob`.

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, since, wide};
use crate::api::duration;
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::format_meta;
use crate::api::time::unix_micros;

/// Name, Status, Completions, Duration, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string", "Status of the job."),
    column(
        "Completions",
        "string",
        "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs.",
    ),
    column("Duration", "string", "Time required to complete the job."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

fn completions(spec: &JobSpec, succeeded: i32) -> String {
    let parallelism = spec.parallelism.unwrap_or(0);
    match spec.completions {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn state(job: &Job, status: &JobStatus) -> &'static str {
    let is = |wanted: &str| {
        status.conditions.iter().flatten().any(|condition| condition.type_ == wanted && condition.status == "True")
    };
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if job.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else {
        let interim = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
        interim.into_iter().find(|wanted| is(wanted)).unwrap_or("Running")
    }
}

/// The cells of a Job.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(job) = object.get::<Job>() else { return Vec::new() };
    let (empty_spec, empty_status) = (JobSpec::default(), JobStatus::default());
    let spec = job.spec.as_ref().unwrap_or(&empty_spec);
    let status = job.status.as_ref().unwrap_or(&empty_status);
    let took = match (&status.start_time, &status.completion_time) {
        (None, _) => String::new(),
        (started, None) => since(started.as_ref(), now_unix_micros),
        (Some(started), Some(ended)) => duration::human(unix_micros(ended) - unix_micros(started)),
    };
    let pod = spec.template.spec.as_ref();
    let [names, images] = container_cells(pod.map(|pod| pod.containers.as_slice()).unwrap_or_default());
    vec![
        Value::from(object.name()),
        Value::from(state(job, status)),
        Value::from(completions(spec, status.succeeded.unwrap_or(0))),
        Value::from(took),
        age(object, now_unix_micros),
        names,
        images,
        Value::from(format_meta(spec.selector.as_ref())),
    ]
}
