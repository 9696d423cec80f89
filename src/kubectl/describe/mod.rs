//! The texts of `kubectl describe`.
//!
//! Mirrors k8s.io/kubectl/pkg/describe/describe.go, one file per family of kinds. Leaves out: kinds this
//! cluster does not have; they and those without a describer of their own get the generic text.

mod batch;
mod claim;
mod containers;
mod endpoints;
mod events;
mod generic;
mod node;
mod plain;
mod pod;
mod quota;
mod service;
mod sets;
mod storage;
mod template;
mod volumes;
mod workload;
mod writer;

use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::api::{Method, Object, Request};

use super::builder::{Info, value};
use super::errors::Stop;
use super::io::Io;

/// The text for one object.
///
/// # Errors
/// Those of its requests.
pub fn describe(io: &mut Io<'_, '_>, info: &Info, show_events: bool) -> Result<String, Stop> {
    let path = info.path();
    let response = io.ask(|| Request::new(Method::Get, path.as_str()))?;
    match response.object().map(|object| &**object) {
        Some(Object::ConfigMap(map)) => plain::config_map(io, map, show_events),
        Some(Object::CSINode(node)) => storage::csi_node(io, node, show_events),
        Some(Object::CronJob(own)) => batch::cron_job(io, own, show_events),
        Some(Object::DaemonSet(set)) => sets::daemon_set(io, set, show_events),
        Some(Object::Deployment(deployment)) => workload::deployment(io, deployment, show_events),
        Some(Object::Endpoints(own)) => endpoints::endpoints(io, own, show_events),
        Some(Object::EndpointSlice(own)) => endpoints::slice(io, own, show_events),
        Some(Object::Job(job)) => batch::job(io, job, show_events),
        Some(Object::LimitRange(own)) => Ok(quota::limit_range(own)),
        Some(Object::Namespace(namespace)) => plain::namespace(io, namespace),
        Some(Object::Node(node)) => node::describe(io, node, show_events),
        Some(Object::PersistentVolume(volume)) => storage::volume(io, volume, show_events),
        Some(Object::PersistentVolumeClaim(claim)) => claim::describe(io, claim, show_events),
        Some(Object::Pod(pod)) => pod::describe(io, pod, show_events),
        Some(Object::PodDisruptionBudget(own)) => quota::budget(io, own, show_events),
        Some(Object::PriorityClass(own)) => quota::priority_class(io, own, show_events),
        Some(Object::ReplicaSet(set)) => workload::replica_set(io, set, show_events),
        Some(Object::ReplicationController(own)) => sets::replication_controller(io, own, show_events),
        Some(Object::ResourceQuota(own)) => Ok(quota::resource_quota(own)),
        Some(Object::Secret(secret)) => Ok(plain::secret(secret)),
        Some(Object::Service(service)) => service::describe(io, service, show_events),
        Some(Object::ServiceAccount(account)) => plain::service_account(io, account, show_events),
        Some(Object::StatefulSet(set)) => sets::stateful_set(io, set, show_events),
        Some(Object::StorageClass(class)) => storage::class(io, class, show_events),
        _ => generic::describe(io, info, &value(&response), show_events),
    }
}

/// A pod template with its tabs, as `rollout history --revision` and `rollout undo --dry-run` print it.
pub fn template_text(template: Option<&PodTemplateSpec>) -> String {
    let mut text = writer::Text::default();
    template::write(&mut text, template);
    text.raw().to_owned()
}
