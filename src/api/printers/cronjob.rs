//! CronJobs: `printCronJob`.

use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, age, column, container_cells, or, since, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::api::selectors::format_meta;

/// Name, Schedule, Timezone, Suspend, Active, Last Schedule, Age; wide: Containers, Images, Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Schedule", "string", "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron."),
    column(
        "Timezone",
        "string",
        "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones",
    ),
    column(
        "Suspend",
        "boolean",
        "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.",
    ),
    column("Active", "integer", "A list of pointers to currently running jobs."),
    column("Last Schedule", "string", "Information when was the last time the job was successfully scheduled."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "string",
        "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

/// The cells of a CronJob.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<CronJob>() else { return Vec::new() };
    let (spec, empty_status) = (&own.spec, CronJobStatus::default());
    let status = own.status.as_ref().unwrap_or(&empty_status);
    let template = spec.job_template.spec.as_ref();
    let pod = template.and_then(|template| template.template.spec.as_ref());
    let [names, images] = container_cells(pod.map(|pod| pod.containers.as_slice()).unwrap_or_default());
    let suspend = match spec.suspend {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = status.last_schedule_time.as_ref();
    vec![
        Value::from(object.name()),
        Value::from(spec.schedule.as_str()),
        Value::from(or(spec.time_zone.as_deref(), "<none>")),
        Value::from(suspend),
        Value::from(status.active.as_ref().map_or(0, Vec::len)),
        Value::from(last.map_or_else(|| "<none>".to_owned(), |last| since(Some(last), now_unix_micros))),
        age(object, now_unix_micros),
        names,
        images,
        Value::from(format_meta(template.and_then(|template| template.selector.as_ref()))),
    ]
}
