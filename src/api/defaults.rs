//! Mirrors pkg/apis/core/v1/defaults.go and the declarative defaults for what pods are made of.
//! Quantities are brought into the canonical form that Go's decoder and encoder give them.
//! Leaves out: huge pages of pod-level resources.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, ObjectFieldSelector, Pod, PodSpec, PodTemplateSpec,
    Probe, ResourceFieldSelector, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::quantity::Quantity;
use super::resources::{container_requests, is_pod_level_resource};

mod image;
mod quantities;
mod volume;

pub use quantities::bad_quantity;
pub use volume::persistent_volume;

/// `SetDefaults_Container`, for the two types that have a container's fields.
macro_rules! container_fields {
    ($container:expr) => {{
        let own = $container;
        if own.image_pull_policy.as_deref().unwrap_or_default().is_empty() {
            own.image_pull_policy = Some(image::pull_policy(own.image.as_deref().unwrap_or_default()).to_owned());
        }
        text(&mut own.termination_message_path, "/dev/termination-log");
        text(&mut own.termination_message_policy, "File");
        requirements(own.resources.get_or_insert_default());
        own.ports.iter_mut().flatten().for_each(port);
        own.env.iter_mut().flatten().for_each(env);
        for own in [&mut own.liveness_probe, &mut own.readiness_probe, &mut own.startup_probe].into_iter().flatten() {
            probe(own);
        }
        if let Some(own) = &mut own.lifecycle {
            lifecycle(own);
        }
    }};
}
/// Sets a string a client left out or empty.
pub(crate) fn text(value: &mut Option<String>, default: &str) {
    if value.as_deref().unwrap_or_default().is_empty() {
        *value = Some(default.to_owned());
    }
}

/// A quantity in its canonical form. What does not parse stays as it is: decoding has refused it before.
pub fn quantity(value: &mut Text) {
    if let Ok(parsed) = Quantity::parse(&value.0) {
        *value = parsed.to_text();
    }
}

/// `SetDefaults_ResourceList`: canonical, rounded up to thousandths.
pub fn resource_list(list: &mut Option<BTreeMap<String, Text>>) {
    for value in list.iter_mut().flat_map(BTreeMap::values_mut) {
        if let Ok(parsed) = Quantity::parse(&value.0) {
            *value = parsed.round_up_to_milli().to_text();
        }
    }
}

fn requirements(own: &mut ResourceRequirements) {
    resource_list(&mut own.limits);
    resource_list(&mut own.requests);
}

/// `SetDefaults_Pod` and all that follows for its spec.
pub fn pod(pod: &mut Pod) {
    let spec = pod.spec.get_or_insert_default();
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        requests_from_limits(container);
    }
    pod_level_requests(spec);
    spec.enable_service_links.get_or_insert(true);
    if spec.host_network == Some(true) {
        for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
            for port in container.ports.iter_mut().flatten().filter(|port| port.host_port.unwrap_or(0) == 0) {
                port.host_port = Some(port.container_port);
            }
        }
    }
    pod_spec(spec);
    let status = pod.status.get_or_insert_default();
    resource_list(&mut status.allocated_resources);
}

/// A container that names a limit and no request requests its limit.
fn requests_from_limits(container: &mut Container) {
    let Some(own) = &mut container.resources else { return };
    let Some(limits) = &own.limits else { return };
    let requests = own.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
}

/// `defaultPodRequests`: where the pod as a whole has limits, what it requests as a whole.
fn pod_level_requests(spec: &mut PodSpec) {
    let aggregate = container_requests(spec);
    let Some(own) = &mut spec.resources else { return };
    let Some(limits) = own.limits.clone().filter(|limits| !limits.is_empty()) else { return };
    let mut requests = own.requests.clone().unwrap_or_default();
    for (name, quantity) in aggregate {
        if is_pod_level_resource(&name) && !name.starts_with("hugepages-") {
            requests.entry(name).or_insert_with(|| quantity.to_text());
        }
    }
    for (name, limit) in limits {
        if is_pod_level_resource(&name) {
            requests.entry(name).or_insert(limit);
        }
    }
    if !requests.is_empty() {
        own.requests = Some(requests);
    }
}

/// The spec of a template. Unlike a pod's, its requests are not filled in from limits.
pub fn pod_template(template: &mut PodTemplateSpec) {
    template.metadata.get_or_insert_default();
    pod_spec(template.spec.get_or_insert_default());
}

/// `SetDefaults_PodSpec`, and the defaults of volumes and containers.
pub fn pod_spec(spec: &mut PodSpec) {
    text(&mut spec.dns_policy, "ClusterFirst");
    text(&mut spec.restart_policy, "Always");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(30);
    text(&mut spec.scheduler_name, "default-scheduler");
    service_account(spec);
    for own in spec.volumes.iter_mut().flatten() {
        volume::volume(own);
    }
    for own in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container(own);
    }
    for own in spec.ephemeral_containers.iter_mut().flatten() {
        container_fields!(own);
    }
    resource_list(&mut spec.overhead);
    if let Some(resources) = &mut spec.resources {
        requirements(resources);
    }
}

/// The deprecated `serviceAccount` always says what `serviceAccountName` says.
pub fn service_account(spec: &mut PodSpec) {
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    if !named(&spec.service_account_name) {
        spec.service_account_name = spec.service_account.clone();
    }
    spec.service_account = spec.service_account_name.clone();
}

fn container(own: &mut Container) {
    container_fields!(own);
}

fn port(port: &mut ContainerPort) {
    text(&mut port.protocol, "TCP");
}

fn env(variable: &mut EnvVar) {
    let Some(source) = &mut variable.value_from else { return };
    if let Some(field) = &mut source.field_ref {
        object_field(field);
    }
    if let Some(field) = &mut source.resource_field_ref {
        resource_field(field);
    }
}

fn object_field(field: &mut ObjectFieldSelector) {
    text(&mut field.api_version, "v1");
}

fn resource_field(field: &mut ResourceFieldSelector) {
    quantity(field.divisor.get_or_insert_with(|| Text("0".to_owned())));
}

fn http_get(action: &mut HTTPGetAction) {
    text(&mut action.path, "/");
    text(&mut action.scheme, "HTTP");
}

/// `SetDefaults_Probe`.
fn probe(probe: &mut Probe) {
    let fill = |value: &mut Option<i32>, default: i32| {
        if value.unwrap_or(0) == 0 {
            *value = Some(default);
        }
    };
    fill(&mut probe.timeout_seconds, 1);
    fill(&mut probe.period_seconds, 10);
    fill(&mut probe.success_threshold, 1);
    fill(&mut probe.failure_threshold, 3);
    if let Some(action) = &mut probe.http_get {
        http_get(action);
    }
    if let Some(action) = &mut probe.grpc {
        action.service.get_or_insert_default();
    }
}

fn lifecycle(lifecycle: &mut Lifecycle) {
    for hook in [&mut lifecycle.post_start, &mut lifecycle.pre_stop].into_iter().flatten() {
        if let Some(action) = &mut hook.http_get {
            http_get(action);
        }
    }
}
