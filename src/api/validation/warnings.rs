//! What the server accepts and warns of: pods and templates of pods.
//!
//! Mirrors pkg/api/pod/warnings.go and the `WarningsOnCreate` of strategies. Leaves out: volume plugins that are gone,
//! virtual paths that overlap, terms of node affinity, and what services and volumes are warned of.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::path::Path;
use super::{items, names, text};
use crate::api::object::Object;
use crate::api::quantity::Quantity;

/// The warnings of a new object.
pub fn on_create(object: &Object) -> Vec<String> {
    let mut found = of_pods(object);
    let used = match object {
        Object::Pod(_) => "the Pod's hostname",
        Object::CronJob(_)
        | Object::Deployment(_)
        | Object::Job(_)
        | Object::ReplicaSet(_)
        | Object::ReplicationController(_) => "Pod names and hostnames",
        _ => return found,
    };
    let problems = names::dns1123_label(object.name());
    if !problems.is_empty() {
        let own = format!(
            "metadata.name: this is used in {used}, which can result in surprising behavior; a DNS label is recommended: [{}]",
            problems.join(" ")
        );
        found.insert(0, own);
    }
    found
}

/// The warnings of a changed object: nobody is told twice of what is as it was, or of a pod.
pub fn on_update(object: &Object, old: &Object) -> Vec<String> {
    let changed = object.meta().generation != old.meta().generation;
    if matches!(object, Object::Pod(_)) || !changed { Vec::new() } else { of_pods(object) }
}

fn of_pods(object: &Object) -> Vec<String> {
    let mut found = Vec::new();
    let top = Path::new("");
    let mut of = |path: &Path, template: Option<&PodTemplateSpec>| {
        let Some(PodTemplateSpec { metadata, spec: Some(spec) }) = template else { return };
        pod(path, spec, metadata.as_ref(), &mut found);
    };
    let template = Path::new("spec.template");
    match object {
        Object::CronJob(own) => of(
            &Path::new("spec.jobTemplate.spec.template"),
            own.spec.job_template.spec.as_ref().map(|job| &job.template),
        ),
        Object::DaemonSet(own) => of(&template, own.spec.as_ref().map(|spec| &spec.template)),
        Object::Deployment(own) => of(&template, own.spec.as_ref().map(|spec| &spec.template)),
        Object::Job(own) => of(&template, own.spec.as_ref().map(|spec| &spec.template)),
        Object::Pod(own) => {
            if let Some(spec) = &own.spec {
                pod(&top, spec, Some(&own.metadata), &mut found);
            }
        }
        Object::PodTemplate(own) => of(&Path::new("template"), own.template.as_ref()),
        Object::ReplicaSet(own) => of(&template, own.spec.as_ref().and_then(|spec| spec.template.as_ref())),
        Object::ReplicationController(own) => of(&template, own.spec.as_ref().and_then(|spec| spec.template.as_ref())),
        Object::StatefulSet(own) => of(&template, own.spec.as_ref().map(|spec| &spec.template)),
        _ => {}
    }
    found
}

/// `GetNodeLabelDeprecatedMessage`.
fn deprecated_label(key: &str) -> Option<String> {
    let (since, instead) = match key {
        "beta.kubernetes.io/arch" => ("14", "kubernetes.io/arch"),
        "beta.kubernetes.io/os" => ("14", "kubernetes.io/os"),
        "failure-domain.beta.kubernetes.io/region" => ("17", "topology.kubernetes.io/region"),
        "failure-domain.beta.kubernetes.io/zone" => ("17", "topology.kubernetes.io/zone"),
        "beta.kubernetes.io/instance-type" => ("17", "node.kubernetes.io/instance-type"),
        _ => return None,
    };
    Some(format!("deprecated since v1.{since}; use \"{instead}\" instead"))
}

const DEPRECATED_ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("seccomp.security.alpha.kubernetes.io/pod", "non-functional in v1.27+; use the \"seccompProfile\" field instead"),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];

/// `warningsForPodSpecAndMeta`.
fn pod(path: &Path, spec: &PodSpec, meta: Option<&ObjectMeta>, found: &mut Vec<String>) {
    let own = path.child("spec");
    for key in spec.node_selector.iter().flatten().map(|(key, _)| key) {
        if let Some(message) = deprecated_label(key) {
            found.push(format!("{}: {message}", own.child("nodeSelector").key(key)));
        }
    }
    for (index, constraint) in items(&spec.topology_spread_constraints).iter().enumerate() {
        let at = own.child("topologySpreadConstraints").index(index);
        if let Some(message) = deprecated_label(&constraint.topology_key) {
            found.push(format!("{}: {} is {message}", at.child("topologyKey"), constraint.topology_key));
        }
        if constraint.label_selector.is_none() {
            let at = at.child("labelSelector");
            found.push(format!("{at}: a null labelSelector results in matching no pod"));
        }
    }
    let annotations = meta.and_then(|meta| meta.annotations.as_ref());
    for (key, message) in DEPRECATED_ANNOTATIONS {
        if annotations.is_some_and(|all| all.contains_key(*key)) {
            found.push(format!("{}: {message}", path.child("metadata.annotations").key(key)));
        }
    }
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        if volume.git_repo.is_some() {
            found.push(format!("{}: deprecated in v1.11", own.child("volumes").index(index).child("gitRepo")));
        }
    }
    repeated(items(&spec.host_aliases).iter().map(|alias| alias.ip.as_str()), &own.child("hostAliases"), "ip", found);
    let secrets = || items(&spec.image_pull_secrets).iter().map(|secret| secret.name.as_str());
    let at = own.child("imagePullSecrets");
    repeated(secrets(), &at, "name", found);
    for (index, _) in secrets().enumerate().filter(|(_, name)| name.is_empty()) {
        found.push(format!("{}: invalid empty name \"\"", at.index(index).child("name")));
    }
    let lists = [("initContainers", items(&spec.init_containers)), ("containers", &spec.containers)];
    let all = || {
        let of = |(list, containers): (&str, _)| {
            let at = own.child(list);
            let containers: &[Container] = containers;
            containers
                .iter()
                .enumerate()
                .map(move |(index, container)| (at.index(index), container))
                .collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(of)
    };
    for (at, container) in all() {
        fractions(container, &at, found);
        variables(items(&container.env), &at.child("env"), found);
    }
    let mut ports = BTreeMap::new();
    for (at, container) in all() {
        for (index, port) in items(&container.ports).iter().enumerate() {
            let at = at.child("ports").index(index);
            let of = ports.entry((port.container_port, text(&port.protocol))).or_insert_with(Vec::new);
            overlaps(port, &at, of, found);
            of.push((at, port));
        }
    }
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let at = own.child("terminationGracePeriodSeconds");
        found.push(format!("{at}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
}

fn repeated<'a>(values: impl Iterator<Item = &'a str>, path: &Path, field: &str, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if !seen.insert(value) {
            found.push(format!("{}: duplicate {field} \"{value}\"", path.index(index).child(field)));
        }
    }
}

/// Bytes that are no whole ones: `100m` of memory.
fn fractions(container: &Container, path: &Path, found: &mut Vec<String>) {
    let Some(resources) = &container.resources else { return };
    for resource in ["memory", "ephemeral-storage"] {
        for (list, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
            let Some(amount) = amounts.as_ref().and_then(|all| all.get(resource)).map(Quantity::of) else { continue };
            if amount.milli_value() % 1000 != 0 {
                let at = path.child("resources").child(list).key(resource);
                found.push(format!("{at}: fractional byte value \"{amount}\" is invalid, must be an integer"));
            }
        }
    }
}

/// A variable that is there before and is not made use of.
fn variables(variables: &[EnvVar], path: &Path, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, variable) in variables.iter().enumerate() {
        if seen.insert(variable.name.as_str()) {
            continue;
        }
        let (own, value) = (format!("$({})", variable.name), text(&variable.value));
        if variable.value_from.is_some() || value == own || !value.contains(&own) {
            found.push(format!(
                "{}: hides previous definition of \"{}\", which may be dropped when using apply",
                path.index(index),
                variable.name
            ));
        }
    }
}

/// What is odd of a port beside those of the same number and protocol.
fn overlaps(port: &ContainerPort, path: &Path, others: &[(Path, &ContainerPort)], found: &mut Vec<String>) {
    let host = |port: &ContainerPort| port.host_port.unwrap_or(0);
    for (at, other) in others {
        let (own_ip, ip) = (text(&port.host_ip), text(&other.host_ip));
        let what = if own_ip == ip && host(port) == host(other) {
            "duplicate"
        } else if host(port) == 0 || host(other) == 0 {
            "overlapping"
        } else if host(port) == host(other) && own_ip.is_empty() != ip.is_empty() {
            "dangerously ambiguous"
        } else {
            continue;
        };
        found.push(format!("{path}: {what} port definition with {at}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{on_create, on_update};
    use crate::api::object::{Kind, Object};

    fn object(kind: Kind, value: &Value) -> Object {
        let mut object = Object::from_value(kind, value, &mut |_| {}).expect("an object");
        (kind.info().default)(&mut object);
        object
    }

    #[test]
    fn pods_are_warned_of() {
        let pod = object(
            Kind::Pod,
            &json!({"metadata": {"name": "a.b"}, "spec": {
                "nodeSelector": {"beta.kubernetes.io/os": "linux"},
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}],
                "imagePullSecrets": [{}, {"name": "a"}, {"name": "a"}],
                "terminationGracePeriodSeconds": -1,
                "containers": [
                    {
                        "name": "c", "image": "i",
                        "resources": {"limits": {"memory": "1500m"}},
                        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2$(A)"}, {"name": "A", "value": "3"}],
                        "ports": [{"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}],
                    },
                    {"name": "d", "image": "i", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]},
                ],
            }}),
        );
        assert_eq!(
            on_create(&pod),
            [
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
                "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
                "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
                "spec.imagePullSecrets[2].name: duplicate name \"a\"",
                "spec.imagePullSecrets[0].name: invalid empty name \"\"",
                "spec.containers[0].resources.limits[memory]: fractional byte value \"1500m\" is invalid, must be an integer",
                "spec.containers[0].resources.requests[memory]: fractional byte value \"1500m\" is invalid, must be an integer",
                "spec.containers[0].env[2]: hides previous definition of \"A\", which may be dropped when using apply",
                "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
                "spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]",
                "spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[1]",
                "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
            ]
        );
        assert!(on_update(&pod, &pod).is_empty());
    }

    #[test]
    fn a_template_is_warned_of_when_it_is_changed() {
        let of = |generation: i64| {
            let container = json!({"name": "c", "env": [{"name": "A"}, {"name": "A"}]});
            let template = json!({"spec": {"containers": [container]}});
            let meta = json!({"name": "x", "generation": generation});
            object(Kind::Deployment, &json!({"metadata": meta, "spec": {"template": template}}))
        };
        let expected = [
            "spec.template.spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
        ];
        assert_eq!(on_create(&of(1)), expected);
        assert_eq!(on_update(&of(2), &of(1)), expected);
        assert!(on_update(&of(1), &of(1)).is_empty());
    }
}
