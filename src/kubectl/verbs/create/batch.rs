//! `kubectl create job` and `kubectl create cronjob`.

use serde_json::{Map, Value, json};

use crate::api::Request;
use crate::api::http::Method;

use super::super::super::builder::value;
use super::super::super::changes::{DRY_RUN, WRITE_FLAGS};
use super::super::super::discovery::resource;
use super::super::super::errors::{Stop, fail};
use super::super::super::flags::{Args, Flag, Takes, flag};
use super::super::super::io::Io;
use super::super::super::printing::PRINT_FLAGS;
use super::super::{PLAIN, Verb};
use super::{generated, name_of};

const JOB_FLAGS: &[Flag] = &[
    flag("from", Takes::Text, "The name of the resource to create a Job from (only cronjob is supported)."),
    flag("image", Takes::Text, "Image name to run."),
];
const CRONJOB_FLAGS: &[Flag] = &[
    flag("image", Takes::Text, "Image name to run."),
    flag("restart", Takes::Text, "job's restart policy. supported values: OnFailure, Never"),
    flag("schedule", Takes::Text, "A schedule in the Cron format the job should be run with."),
];

/// `create cronjob`.
pub const CRONJOB: Verb = Verb {
    name: "cronjob",
    aliases: &["cj"],
    short: "Create a cron job with the specified name",
    usage: "create cronjob NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [options]",
    flags: &[CRONJOB_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    required: &["image", "schedule"],
    run: cron_job,
    ..PLAIN
};
/// `create job`.
pub const JOB: Verb = Verb {
    name: "job",
    short: "Create a job with the specified name",
    usage: "create job NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...] [options]",
    flags: &[JOB_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: job,
    ..PLAIN
};

/// A pod template with one container.
fn template(name: &str, image: &str, command: &[String], restart: &str) -> Value {
    let mut container = json!({"image": image, "name": name, "resources": {}});
    if !command.is_empty() {
        container["command"] = json!(command);
    }
    json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": [container], "restartPolicy": restart}})
}

fn job(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, command) = name_of(args)?;
    let given = |flag: &str| args.text(flag).unwrap_or_default().to_owned();
    let (image, from) = (given("image"), given("from"));
    if image.is_empty() == from.is_empty() {
        return fail("either --image or --from must be specified");
    }
    if !from.is_empty() && !command.is_empty() {
        return fail("cannot specify --from and command");
    }
    let object = if from.is_empty() {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"creationTimestamp": null, "name": name},
            "spec": {"template": template(&name, &image, &command, "Never")}, "status": {},
        })
    } else {
        from_cron_job(io, args, &name, &from)?
    };
    generated(io, args, "jobs", &name, object)
}

/// `createJobFromCronJob`.
fn from_cron_job(io: &mut Io<'_, '_>, args: &Args, name: &str, from: &str) -> Result<Value, Stop> {
    let Some((kind, source)) = from.split_once('/') else { return fail("from must be an existing cronjob") };
    let path = resource(io, kind)?.path(args.namespace(), source);
    let response = io.ask(|| Request::new(Method::Get, path.as_str()))?;
    let cron_job = value(&response);
    if cron_job["kind"] != "CronJob" {
        return fail(format!("unknown object type *v1.{}", cron_job["kind"].as_str().unwrap_or_default()));
    }
    let template = &cron_job["spec"]["jobTemplate"];
    let mut annotations = Map::new();
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    for (key, value) in template["metadata"]["annotations"].as_object().into_iter().flatten() {
        annotations.insert(key.clone(), value.clone());
    }
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "annotations": annotations, "creationTimestamp": null, "name": name,
            "ownerReferences": [{
                "apiVersion": "batch/v1", "controller": true, "kind": "CronJob",
                "name": cron_job["metadata"]["name"], "uid": cron_job["metadata"]["uid"],
            }],
        },
        "spec": template["spec"], "status": {},
    });
    if template["metadata"]["labels"].is_object() {
        object["metadata"]["labels"] = template["metadata"]["labels"].clone();
    }
    Ok(object)
}

fn cron_job(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, command) = name_of(args)?;
    let given = |flag: &str| args.text(flag).unwrap_or_default().to_owned();
    let (image, schedule) = (given("image"), given("schedule"));
    if image.is_empty() {
        return fail("--image must be specified");
    }
    if schedule.is_empty() {
        return fail("--schedule must be specified");
    }
    let restart = args.text("restart").filter(|restart| !restart.is_empty()).unwrap_or("OnFailure");
    let object = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"creationTimestamp": null, "name": name},
        "spec": {
            "schedule": schedule,
            "jobTemplate": {
                "metadata": {"creationTimestamp": null, "name": name},
                "spec": {"template": template(&name, &image, &command, restart)},
            },
        },
        "status": {},
    });
    generated(io, args, "cronjobs", &name, object)
}
