//! Mirrors `ValidatePodSpec` and `ValidatePodTemplateSpec`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    HostAlias, PodDNSConfig, PodResourceClaim, PodSchedulingGate, PodSpec, PodTemplate, PodTemplateSpec,
};

use super::affinity::affinity;
use super::annotations;
use super::containers::{PodContext, containers};
use super::errors::{BadValue, Errors};
use super::init_containers::{ephemeral_containers, init_containers};
use super::ip;
use super::meta;
use super::names::{self, NameFn, between, each};
use super::path::Path;
use super::resources::{container_requirements, pod_resources};
use super::security::{host_users, pod_security_context};
use super::spreading::topology_spread_constraints;
use super::tolerations::tolerations;
use super::volumes::volumes;
use super::windows::{host_process_pod, operating_system};
use super::{items, text};
use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;
use crate::api::kind::FieldError;

/// `ValidatePodSpec`. `pod_name` is empty for a template.
pub fn pod_spec(spec: &PodSpec, pod_name: &str, is_pod: bool, path: &Path, errors: &mut Errors) {
    if spec.termination_grace_period_seconds.is_none() {
        errors.push(FieldError::required(&path.child("terminationGracePeriodSeconds"), ""));
    }
    let pod = PodContext {
        volumes: volumes(items(&spec.volumes), pod_name, is_pod, &path.child("volumes"), errors),
        claims: items(&spec.resource_claims)
            .iter()
            .map(|claim| claim.name.as_str())
            .filter(|name| !name.is_empty())
            .collect(),
        grace: spec.termination_grace_period_seconds,
        restart_policy: text(&spec.restart_policy),
        host_users: spec.host_users != Some(false),
    };
    resource_claims(items(&spec.resource_claims), &path.child("resourceClaims"), errors);
    containers(&spec.containers, &pod, &path.child("containers"), errors);
    init_containers(spec, &pod, &path.child("initContainers"), errors);
    ephemeral_containers(spec, &pod, &path.child("ephemeralContainers"), errors);
    pod_resources(spec, &pod.claims, &path.child("resources"), errors);
    host_network_ports(spec, is_pod, &path.child("containers"), errors);
    policies(spec, path, errors);
    meta::labels(spec.node_selector.as_ref(), &path.child("nodeSelector"), errors);
    pod_security_context(spec, &path.child("securityContext"), errors);
    affinity(spec.affinity.as_ref(), &path.child("affinity"), errors);
    dns_config(spec.dns_config.as_ref(), text(&spec.dns_policy), &path.child("dnsConfig"), errors);
    for (index, gate) in items(&spec.readiness_gates).iter().enumerate() {
        let path = path.child("readinessGates").index(index).child("conditionType");
        each(names::qualified_name(&gate.condition_type), &gate.condition_type, &path, errors);
    }
    scheduling_gates(items(&spec.scheduling_gates), &path.child("schedulingGates"), errors);
    let constraints = items(&spec.topology_spread_constraints);
    topology_spread_constraints(constraints, &path.child("topologySpreadConstraints"), errors);
    host_process_pod(spec, path, errors);
    host_users(spec, path, errors);
    scalars(spec, path, errors);
    operating_system(spec, path, errors);
}

fn policies(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let mut one_of = |value: &str, field: &str, supported: &[&str]| {
        if value.is_empty() {
            errors.push(FieldError::required(&path.child(field), ""));
        } else if !supported.contains(&value) {
            errors.push(FieldError::not_supported(&path.child(field), value, supported));
        }
    };
    one_of(text(&spec.restart_policy), "restartPolicy", &["Always", "OnFailure", "Never"]);
    let dns = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(text(&spec.dns_policy), "dnsPolicy", dns);
}

/// The single fields, from the service account to the overhead.
fn scalars(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let named = |value: &str, field: &str, check: NameFn, errors: &mut Errors| {
        if !value.is_empty() {
            each(check(value, false), value, &path.child(field), errors);
        }
    };
    let label: NameFn = |name, _| names::dns1123_label(name);
    named(text(&spec.service_account_name), "serviceAccountName", names::subdomain_name, errors);
    named(text(&spec.node_name), "nodeName", names::subdomain_name, errors);
    if let Some(seconds) = spec.active_deadline_seconds
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let detail = between(1, i64::from(i32::MAX));
        errors.push(FieldError::invalid(&path.child("activeDeadlineSeconds"), seconds, &detail));
    }
    named(text(&spec.hostname), "hostname", label, errors);
    named(text(&spec.subdomain), "subdomain", label, errors);
    tolerations(items(&spec.tolerations), &path.child("tolerations"), errors);
    host_aliases(items(&spec.host_aliases), &path.child("hostAliases"), errors);
    named(text(&spec.priority_class_name), "priorityClassName", names::subdomain_name, errors);
    if let Some(name) = &spec.runtime_class_name {
        each(names::subdomain_name(name, false), name, &path.child("runtimeClassName"), errors);
    }
    let preemption = path.child("preemptionPolicy");
    match spec.preemption_policy.as_deref() {
        None | Some("PreemptLowerPriority" | "Never") => {}
        Some("") => errors.push(FieldError::required(&preemption, "")),
        Some(other) => {
            errors.push(FieldError::not_supported(&preemption, other, &["PreemptLowerPriority", "Never"]));
        }
    }
    if let Some(overhead) = &spec.overhead {
        let requirements =
            k8s_openapi::api::core::v1::ResourceRequirements { limits: Some(overhead.clone()), ..Default::default() };
        container_requirements(Some(&requirements), &BTreeSet::new(), &path.child("overhead"), errors);
    }
}

fn resource_claims(claims: &[PodResourceClaim], path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let (path, name) = (path.index(index), claim.name.as_str());
        if name.is_empty() {
            errors.push(FieldError::required(&path.child("name"), ""));
        } else if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        } else {
            each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        let (own, template) = (&claim.resource_claim_name, &claim.resource_claim_template_name);
        let shown = || {
            // Go prints its internal type by its fields' own names.
            let json = |value: &Option<String>| value.write().json();
            BadValue::raw(format!(
                "{{\"Name\":{},\"ResourceClaimName\":{},\"ResourceClaimTemplateName\":{}}}",
                json(&Some(name.to_owned())),
                json(own),
                json(template)
            ))
        };
        if own.is_some() && template.is_some() {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
            errors.push(FieldError::invalid(&path, shown(), detail));
        }
        if own.is_none() && template.is_none() {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            errors.push(FieldError::invalid(&path, shown(), detail));
        }
        for (field, value) in [("resourceClaimName", own), ("resourceClaimTemplateName", template)] {
            if let Some(value) = value {
                each(names::subdomain_name(value, false), value, &path.child(field), errors);
            }
        }
    }
}

/// `validatePodHostNetworkDeps`.
fn host_network_ports(spec: &PodSpec, is_pod: bool, path: &Path, errors: &mut Errors) {
    if spec.host_network != Some(true) {
        return;
    }
    for (index, container) in spec.containers.iter().enumerate() {
        for (port_index, port) in items(&container.ports).iter().enumerate() {
            let host_port = port.host_port.unwrap_or(0);
            if (is_pod || host_port != 0) && host_port != port.container_port {
                let path = path.index(index).child("ports").index(port_index).child("hostPort");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(FieldError::invalid(&path, host_port, detail));
            }
        }
    }
}

fn dns_config(config: Option<&PodDNSConfig>, policy: &str, path: &Path, errors: &mut Errors) {
    let nameservers = config.map(|config| items(&config.nameservers)).unwrap_or_default();
    let servers_path = path.child("nameservers");
    if policy == "None" && config.is_none() {
        errors.push(FieldError::required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
        return;
    }
    if policy == "None" && nameservers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        errors.push(FieldError::required(&servers_path, detail));
        return;
    }
    let Some(config) = config else { return };
    if nameservers.len() > 3 {
        let detail = "must not have more than 3 nameservers";
        errors.push(FieldError::invalid(&servers_path, BadValue::list(nameservers), detail));
    }
    for (index, server) in nameservers.iter().enumerate() {
        ip::valid(server, &servers_path.index(index), errors);
    }
    let (searches, searches_path) = (items(&config.searches), path.child("searches"));
    if searches.len() > 32 {
        let detail = "must not have more than 32 search paths";
        errors.push(FieldError::invalid(&searches_path, BadValue::list(searches), detail));
    }
    if searches.join(" ").len() > 2048 {
        let detail = "must not have more than 2048 characters (including spaces) in the search list";
        errors.push(FieldError::invalid(&searches_path, BadValue::list(searches), detail));
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        each(names::dns1123_subdomain_with_underscore(search), search, &searches_path.index(index), errors);
    }
    for (index, option) in items(&config.options).iter().enumerate() {
        if text(&option.name).is_empty() {
            errors.push(FieldError::required(&path.child("options").index(index), "must not be empty"));
        }
    }
}

fn scheduling_gates(gates: &[PodSchedulingGate], path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, gate) in gates.iter().enumerate() {
        let (path, name) = (path.index(index), gate.name.as_str());
        each(names::qualified_name(name), name, &path, errors);
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
    }
}

fn host_aliases(aliases: &[HostAlias], path: &Path, errors: &mut Errors) {
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        ip::valid(&alias.ip, &path.child("ip"), errors);
        for (index, name) in items(&alias.hostnames).iter().enumerate() {
            each(names::dns1123_subdomain(name), name, &path.child("hostnames").index(index), errors);
        }
    }
}

/// `ValidatePodTemplateSpec`.
pub fn pod_template(template: &PodTemplateSpec, path: &Path, errors: &mut Errors) {
    let own = template.metadata.as_ref();
    let empty = PodSpec::default();
    let spec = template.spec.as_ref().unwrap_or(&empty);
    pod_template_metadata(template, path, errors);
    pod_spec(spec, "", false, &path.child("spec"), errors);
    annotations::match_fields(own, spec, &path.child("spec"), errors);
    if !items(&spec.ephemeral_containers).is_empty() {
        let path = path.child("spec.ephemeralContainers");
        errors.push(FieldError::forbidden(&path, "ephemeral containers not allowed in pod template"));
    }
}

/// The part of `ValidatePodTemplateSpec` that is about labels and annotations.
pub fn pod_template_metadata(template: &PodTemplateSpec, path: &Path, errors: &mut Errors) {
    let own = template.metadata.as_ref();
    let empty = PodSpec::default();
    let spec = template.spec.as_ref().unwrap_or(&empty);
    let annotations = own.and_then(|meta| meta.annotations.as_ref());
    meta::labels(own.and_then(|meta| meta.labels.as_ref()), &path.child("labels"), errors);
    meta::annotations(annotations, &path.child("annotations"), errors);
    annotations::pod_specific(annotations, spec, &path.child("annotations"), errors);
}

/// `ValidatePodTemplate`: a template that is an object of its own.
pub fn standalone_template(own: &PodTemplate, errors: &mut Errors) {
    meta::object_meta(&own.metadata, true, names::subdomain_name, &Path::new("metadata"), errors);
    template_of(own, errors);
}

/// `ValidatePodTemplateUpdate`.
pub fn standalone_template_update(new: &PodTemplate, old: &PodTemplate, errors: &mut Errors) {
    meta::object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    template_of(new, errors);
}

fn template_of(own: &PodTemplate, errors: &mut Errors) {
    let empty = PodTemplateSpec::default();
    pod_template(own.template.as_ref().unwrap_or(&empty), &Path::new("template"), errors);
}
