//! The objects of the cluster as manifests that `kubectl apply` takes, there or on a real cluster: what
//! somebody made, without what the cluster made of it.

use serde_json::{Map, Value};

use crate::api::decode::yaml_writer;
use crate::api::disk::DRIVER;
use crate::api::volumes::{PROVISIONED_BY, annotated};
use crate::api::{KINDS, KindInfo, Object};
use crate::sim::Order;

use super::session::Session;

/// Kinds that the cluster keeps for itself.
const OWN_KINDS: [&str; 9] = [
    "Binding",
    "CSINode",
    "ControllerRevision",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "Lease",
    "Node",
    "VolumeAttachment",
];
/// What others refer to comes first; every kind that is not named comes last.
const ORDER: [&str; 10] = [
    "Namespace",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
];
/// Metadata that an author writes.
const META: [&str; 4] = ["name", "namespace", "labels", "annotations"];
/// Annotations that controllers and kubectl write.
const OWN_ANNOTATIONS: [&str; 4] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "kubernetes.io/service-account.uid",
];
/// Prefixes of labels and annotations that the volume and job controllers write.
const OWN_PREFIXES: [&str; 4] = [
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
    "batch.kubernetes.io/",
];

/// All of them as one YAML stream, and how many there are.
pub fn export_objects(session: &Session) -> (String, usize) {
    let mut documents: Vec<(usize, Value)> = Vec::new();
    let exported = |info: &&&KindInfo| info.stored_as == info.id && !OWN_KINDS.contains(&info.kind);
    for info in KINDS.iter().filter(exported) {
        let rank = ORDER.iter().position(|name| *name == info.kind).unwrap_or(ORDER.len());
        for object in session.objects(info.id).iter().filter(|object| is_authored(info.kind, object)) {
            documents.push((rank, manifest(info.kind, object.to_value())));
        }
    }
    documents.order_by_key(|(rank, _)| *rank);
    let texts: Vec<String> = documents.iter().map(|(_, value)| yaml_writer::write(value)).collect();
    (texts.join("---\n"), texts.len())
}

/// Whether somebody made it, and not the cluster for itself or for another object.
fn is_authored(kind: &str, object: &Object) -> bool {
    let meta = object.meta();
    let controlled = meta.owner_references.iter().flatten().any(|owner| owner.controller == Some(true));
    let of_system = object.namespace().starts_with("kube-");
    let given = match kind {
        "Namespace" => object.name() == "default" || object.name().starts_with("kube-"),
        "ServiceAccount" => object.name() == "default",
        "ConfigMap" => object.name() == "kube-root-ca.crt",
        "CSIDriver" => object.name() == DRIVER,
        "StorageClass" => object.name() == "standard",
        // A claim gets another.
        "PersistentVolume" => annotated(meta, PROVISIONED_BY),
        "Service" => object.name() == "kubernetes" && object.namespace() == "default",
        "PriorityClass" | "FlowSchema" | "PriorityLevelConfiguration" => {
            object.name().starts_with("system-")
                || meta.annotations.iter().flatten().any(|(name, _)| name.starts_with("apf."))
        }
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => {
            meta.labels.iter().flatten().any(|(name, _)| name == "kubernetes.io/bootstrapping")
        }
        _ => false,
    };
    !(controlled || of_system || given || meta.deletion_timestamp.is_some())
}

fn manifest(kind: &str, value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    object.remove("status");
    if let Some(Value::Object(meta)) = object.get_mut("metadata") {
        meta.retain(|name, _| META.contains(&name.as_str()));
        for part in ["annotations", "labels"] {
            drop_own(meta, part);
        }
    }
    if let Some(Value::Object(spec)) = object.get_mut("spec") {
        match kind {
            "Service" => service(spec),
            "Pod" => pod(spec),
            "Job" => job(spec),
            "Namespace" => spec.clear(),
            "PersistentVolumeClaim" => {
                spec.remove("volumeName");
            }
            "PersistentVolume" => {
                spec.remove("claimRef");
            }
            _ => {}
        }
    }
    if kind == "ServiceAccount" {
        object.remove("secrets");
    }
    let bare = object.get("spec").and_then(Value::as_object).is_some_and(Map::is_empty);
    if bare {
        object.remove("spec");
    }
    clean(&mut object);
    Value::Object(object)
}

fn drop_own(meta: &mut Map<String, Value>, part: &str) {
    let Some(Value::Object(entries)) = meta.get_mut(part) else { return };
    entries.retain(|name, _| {
        !OWN_ANNOTATIONS.contains(&name.as_str())
            && !OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !matches!(name.as_str(), "controller-uid" | "kubernetes.io/metadata.name")
    });
    if entries.is_empty() {
        meta.remove(part);
    }
}

/// Addresses and node ports are the other cluster's to give; a headless service stays one.
fn service(spec: &mut Map<String, Value>) {
    if spec.get("clusterIP").and_then(Value::as_str) != Some("None") {
        spec.remove("clusterIP");
    }
    for given in ["clusterIPs", "healthCheckNodePort", "ipFamilies"] {
        spec.remove(given);
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(port) = port {
            port.remove("nodePort");
        }
    }
}

/// A pod is placed anew, and gets its account's token anew.
fn pod(spec: &mut Map<String, Value>) {
    for given in ["nodeName", "serviceAccount", "preemptionPolicy", "priority"] {
        spec.remove(given);
    }
    let is_token = |value: &Value| {
        value.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("kube-api-access-"))
    };
    let drop_tokens = |map: &mut Map<String, Value>, part: &str| {
        if let Some(list) = map.get_mut(part).and_then(Value::as_array_mut) {
            list.retain(|value| !is_token(value));
            if list.is_empty() {
                map.remove(part);
            }
        }
    };
    drop_tokens(spec, "volumes");
    for containers in ["containers", "initContainers"] {
        for container in spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(container) = container {
                drop_tokens(container, "volumeMounts");
            }
        }
    }
    if let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) {
        // Those that admission adds to every pod.
        tolerations.retain(|toleration| {
            let key = toleration.get("key").and_then(Value::as_str).unwrap_or_default();
            !(matches!(key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
                && toleration.get("tolerationSeconds").and_then(Value::as_i64) == Some(300))
        });
        if tolerations.is_empty() {
            spec.remove("tolerations");
        }
    }
}

/// The job controller makes selector and labels of it; written out they would be refused.
fn job(spec: &mut Map<String, Value>) {
    if spec.get("manualSelector").and_then(Value::as_bool) == Some(true) {
        return;
    }
    spec.remove("selector");
    let meta = spec.get_mut("template").and_then(|template| template.get_mut("metadata"));
    if let Some(Value::Object(meta)) = meta {
        if let Some(Value::Object(labels)) = meta.get_mut("labels") {
            labels.remove("job-name");
        }
        drop_own(meta, "labels");
    }
}

/// Nothing that says nothing: `creationTimestamp: null` of templates.
fn clean(object: &mut Map<String, Value>) {
    object.retain(|name, value| !(value.is_null() && name == "creationTimestamp"));
    for value in object.values_mut() {
        if let Value::Object(inner) = value {
            clean(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::Config;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_applied_comes_out_and_applies_again() {
        let mut session = Session::ready(Config::default());
        let applied = session.kubectl("apply -f -", include_str!("../../examples/gallery/four.yaml"), LIMIT);
        assert_eq!(applied.code, Some(0), "{}", applied.stderr);
        session.kubectl("create namespace team", "", LIMIT);
        session.kubectl("run single --image=nginx -n team", "", LIMIT);
        session.run_until(session.now() + Duration::from_secs(20));
        let (text, count) = export_objects(&session);
        assert_eq!(count, 6, "{text}");
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
        assert_eq!(kinds, ["Namespace", "Secret", "ConfigMap", "Service", "Deployment", "Pod"]);
        for never in [
            "uid:",
            "resourceVersion:",
            "status:",
            "managedFields:",
            "creationTimestamp:",
            "nodeName:",
            "clusterIP:",
            "last-applied",
            "kube-api-access",
        ] {
            assert!(!text.contains(never), "{never} is in\n{text}");
        }
        let mut other = Session::ready(Config { seed: 9, ..Config::default() });
        let applied = other.kubectl("apply -f -", &text, LIMIT);
        assert_eq!(applied.code, Some(0), "{}\n{text}", applied.stderr);
        assert_eq!(applied.stdout.matches(" created").count(), 6, "{}", applied.stdout);
        other.run_until(other.now() + Duration::from_secs(20));
        assert_eq!(export_objects(&other).0, text, "the way there and back changes nothing");
    }

    #[test]
    fn an_empty_cluster_has_nothing_to_export() {
        assert_eq!(export_objects(&Session::ready(Config::default())), (String::new(), 0));
    }
}
