//! Job, batch/v1.

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::job::{self, LABELS};

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "batch",
    version: "v1",
    kind: "Job",
    plural: "jobs",
    singular: "job",
    categories: &["all"],
    scope: Scope::Namespaced,
    subresources: &["status"],
    etcd_prefix: "jobs",
    default,
    prepare_create,
    prepare_update,
    prepare_status,
    validate: |object| strategy::check(object, job::job),
    validate_update: |new, old| strategy::compare(new, old, job::job_update),
    validate_status: |new, old| strategy::compare(new, old, crate::api::validation::job_status::update),
    field_labels: &["status.successful"],
    field,
    columns: crate::api::printers::job::COLUMNS,
    row: crate::api::printers::job::row,
    ..plain(Kind::Job)
};

/// What the defaults of a Job and of a CronJob's template have in common.
pub(super) fn default_template(spec: &mut JobSpec) {
    for rule in spec.pod_failure_policy.iter_mut().flat_map(|policy| &mut policy.rules) {
        for pattern in rule.on_pod_conditions.iter_mut().flatten() {
            defaults::text(&mut pattern.status, "True");
        }
    }
    defaults::pod_template(&mut spec.template);
}

/// `SetDefaults_Job`.
fn default(object: &mut Object) {
    let own = strategy::own::<Job>(object);
    let spec = own.spec.get_or_insert_default();
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    spec.backoff_limit.get_or_insert(if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 });
    let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    if let Some(labels) = labels.filter(|labels| !labels.is_empty())
        && own.metadata.labels.as_ref().is_none_or(|own| own.is_empty())
    {
        own.metadata.labels = Some(labels.clone());
    }
    defaults::text(&mut spec.completion_mode, "NonIndexed");
    spec.suspend.get_or_insert(false);
    spec.manual_selector.get_or_insert(false);
    let replacement = if spec.pod_failure_policy.is_some() { "Failed" } else { "TerminatingOrFailed" };
    defaults::text(&mut spec.pod_replacement_policy, replacement);
    default_template(spec);
    own.status.get_or_insert_default();
}

/// `generateSelector`: the labels by which a Job knows its pods, and the selector that picks them.
fn prepare_create(object: &mut Object) {
    let own = strategy::own::<Job>(object);
    own.status = Some(JobStatus::default());
    own.metadata.generation = Some(1);
    let spec = own.spec.get_or_insert_default();
    if spec.manual_selector == Some(true) {
        return;
    }
    let (name, uid) = (own.metadata.name.clone().unwrap_or_default(), own.metadata.uid.clone().unwrap_or_default());
    let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (label, is_name) in LABELS {
        labels.entry((*label).to_owned()).or_insert_with(|| if *is_name { name.clone() } else { uid.clone() });
    }
    // Whoever reads the Job back decodes it anew, and the defaults then find the labels of the template.
    if own.metadata.labels.as_ref().is_none_or(|own| own.is_empty()) {
        own.metadata.labels = Some(labels.clone());
    }
    let selected = spec.selector.get_or_insert_default().match_labels.get_or_insert_default();
    selected.entry("batch.kubernetes.io/controller-uid".to_owned()).or_insert(uid);
}

strategy::spec_and_status!(Job);

fn field(object: &Object, label: &str) -> Option<String> {
    let status = object.expect::<Job>().status.as_ref();
    (label == "status.successful").then(|| status.and_then(|status| status.succeeded).unwrap_or(0).to_string())
}
