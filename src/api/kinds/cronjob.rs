//! CronJob, batch/v1.

use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus};

use super::{job, strategy};
use crate::api::defaults;
use crate::api::kind::{FieldError, KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::cronjob;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "batch",
    version: "v1",
    kind: "CronJob",
    plural: "cronjobs",
    singular: "cronjob",
    short_names: &["cj"],
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "cronjobs",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, cronjob::cron_job),
    validate_update: |new, old| strategy::compare(new, old, cronjob::cron_job_update),
    validate_status,
    columns: crate::api::printers::cronjob::COLUMNS,
    row: crate::api::printers::cronjob::row,
    ..plain(Kind::CronJob)
};

/// `SetDefaults_CronJob`. The Job of the template gets its own defaults when it is created.
fn default(object: &mut Object) {
    let own = strategy::own::<CronJob>(object);
    let spec = &mut own.spec;
    defaults::text(&mut spec.concurrency_policy, "Allow");
    spec.suspend.get_or_insert(false);
    spec.successful_jobs_history_limit.get_or_insert(3);
    spec.failed_jobs_history_limit.get_or_insert(1);
    job::default_template(spec.job_template.spec.get_or_insert_default());
    own.status.get_or_insert_default();
}

fn prepare_create(object: &mut Object) {
    let own = strategy::own::<CronJob>(object);
    own.status = Some(CronJobStatus::default());
    own.metadata.generation = Some(1);
}

strategy::spec_and_status!(CronJob);

/// The status strategy has no rules of its own.
fn validate_status(_new: &Object, _old: &Object) -> Vec<FieldError> {
    Vec::new()
}
