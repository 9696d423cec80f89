//! What an object refers to: owners, selectors, names in its fields.
//!
//! A kind that refers by fields of its own is a line in `FIELDS`; kinds are named by text, so that a line
//! may stand here before its kind is registered.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Event, Pod, PodSpec, Volume};
use serde_json::Value;

use crate::api::Object;
use crate::api::selectors::LabelSelector;

/// What an edge of the graph says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    Owns,
    Selects,
    /// A Service's slice.
    Slices,
    /// A pod of a slice.
    Endpoint,
    Routes,
    Mounts,
    Env,
    Pulls,
    RunsAs,
    Bound,
    /// A volume is attached: the attachment has it, and has a node.
    Attaches,
    AttachedTo,
    Class,
    Scales,
    Guards,
    RunsOn,
    About,
}

impl Nature {
    /// As the edge's label, read from where it begins.
    pub const fn word(self) -> &'static str {
        match self {
            Nature::Owns => "owns",
            Nature::Selects => "selects",
            Nature::Slices => "slice",
            Nature::Endpoint => "endpoint",
            Nature::Routes => "routes to",
            Nature::Mounts => "mounts",
            Nature::Env => "env",
            Nature::Pulls => "pulls with",
            Nature::RunsAs => "runs as",
            Nature::Bound => "bound to",
            Nature::Attaches => "attaches",
            Nature::AttachedTo => "to",
            Nature::Class => "class",
            Nature::Scales => "scales",
            Nature::Guards => "guards",
            Nature::RunsOn => "runs on",
            Nature::About => "about",
        }
    }

    /// Read from where it ends, as part of a sentence.
    pub const fn passive(self) -> &'static str {
        match self {
            Nature::Owns => "owned by",
            Nature::Selects => "selected by",
            Nature::Slices => "slice of",
            Nature::Endpoint => "endpoint of",
            Nature::Routes => "routed to by",
            Nature::Mounts => "mounted by",
            Nature::Env => "env of",
            Nature::Pulls => "pull secret of",
            Nature::RunsAs => "account of",
            Nature::Bound => "bound by",
            Nature::Attaches => "attached by",
            Nature::AttachedTo => "has",
            Nature::Class => "class of",
            Nature::Scales => "scaled by",
            Nature::Guards => "guarded by",
            Nature::RunsOn => "runs",
            Nature::About => "told of by",
        }
    }
}

/// What it means that the object referred to is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It is looked for and waited for.
    Must,
    /// The reference is marked optional.
    May,
    /// Nobody minds.
    Never,
}

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An object by kind and name, and by uid where the reference gives one.
    Named { kind: Arc<str>, name: Arc<str>, uid: Option<Arc<str>> },
    /// The pods of the namespace with these labels.
    Pods(LabelSelector),
}

/// A reference of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub nature: Nature,
    pub target: Target,
    pub need: Need,
    /// The edge begins at the target: an owner owns what names it.
    pub backward: bool,
}

/// How a field refers.
#[derive(Clone, Copy)]
enum By {
    /// The field is the name of an object of this kind.
    Name(&'static str),
    /// The field is an object with `kind` and `name`.
    Ref,
    /// The field is a `metav1.LabelSelector`; an empty one selects every pod.
    Selector,
    /// The field is a map of labels; an empty one selects none.
    Map,
}

/// Kind, path (`*` for every element), what the edge says, how the field refers, what is missed.
type Field = (&'static str, &'static str, Nature, By, Need);

static FIELDS: &[Field] = &[
    ("EndpointSlice", "endpoints/*/targetRef", Nature::Endpoint, By::Ref, Need::Never),
    ("HorizontalPodAutoscaler", "spec/scaleTargetRef", Nature::Scales, By::Ref, Need::Must),
    ("Ingress", "spec/defaultBackend/service/name", Nature::Routes, By::Name("Service"), Need::Must),
    ("Ingress", "spec/rules/*/http/paths/*/backend/service/name", Nature::Routes, By::Name("Service"), Need::Must),
    ("Ingress", "spec/tls/*/secretName", Nature::Mounts, By::Name("Secret"), Need::Must),
    ("NetworkPolicy", "spec/podSelector", Nature::Selects, By::Selector, Need::Never),
    ("PersistentVolume", "spec/storageClassName", Nature::Class, By::Name("StorageClass"), Need::Never),
    ("PersistentVolumeClaim", "spec/storageClassName", Nature::Class, By::Name("StorageClass"), Need::Never),
    ("PersistentVolumeClaim", "spec/volumeName", Nature::Bound, By::Name("PersistentVolume"), Need::Must),
    ("PodDisruptionBudget", "spec/selector", Nature::Guards, By::Selector, Need::Never),
    ("Service", "spec/selector", Nature::Selects, By::Map, Need::Never),
    ("VolumeAttachment", "spec/nodeName", Nature::AttachedTo, By::Name("Node"), Need::Never),
    (
        "VolumeAttachment",
        "spec/source/persistentVolumeName",
        Nature::Attaches,
        By::Name("PersistentVolume"),
        Need::Must,
    ),
    ("ServiceAccount", "imagePullSecrets/*/name", Nature::Pulls, By::Name("Secret"), Need::May),
];

/// The label that names a slice's Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Whether a kind's own fields refer to anything.
fn has_fields(kind: &str) -> bool {
    FIELDS.iter().any(|field| field.0 == kind)
}

/// Everything an object refers to.
pub fn references(object: &Object) -> Vec<Reference> {
    let mut out = Vec::new();
    let meta = object.meta();
    for owner in meta.owner_references.iter().flatten() {
        let uid = Some(Arc::from(owner.uid.as_str()));
        let target = Target::Named { kind: Arc::from(owner.kind.as_str()), name: Arc::from(owner.name.as_str()), uid };
        out.push(Reference { nature: Nature::Owns, target, need: Need::Must, backward: true });
    }
    if let Some(service) = meta.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME)) {
        out.extend(named(Nature::Slices, "Service", service, Need::Never, true));
    }
    let kind = object.info().kind;
    if let Some(pod) = object.get::<Pod>() {
        out.extend(pod.spec.iter().flat_map(pod_references));
    } else if let Some(event) = object.get::<Event>() {
        // There are more events than anything else: they are not written out to be read.
        let (kind, name) = (&event.involved_object.kind, &event.involved_object.name);
        let about = kind.as_deref().zip(name.as_deref());
        out.extend(about.and_then(|(kind, name)| named(Nature::About, kind, name, Need::Never, false)));
    } else if has_fields(kind) {
        by_fields(kind, &object.to_value(), &mut out);
    }
    out
}

fn named(nature: Nature, kind: &str, name: &str, need: Need, backward: bool) -> Option<Reference> {
    let target = Target::Named { kind: Arc::from(kind), name: Arc::from(name), uid: None };
    (!name.is_empty()).then_some(Reference { nature, target, need, backward })
}

/// What the fields of an object of `kind` refer to.
pub fn by_fields(kind: &str, value: &Value, out: &mut Vec<Reference>) {
    for (_, path, nature, by, need) in FIELDS.iter().filter(|field| field.0 == kind) {
        each(value, path, &mut |found| {
            let reference = match by {
                By::Name(kind) => found.as_str().and_then(|name| named(*nature, kind, name, *need, false)),
                By::Ref => {
                    let text = |field: &str| found.get(field).and_then(Value::as_str).unwrap_or_default();
                    named(*nature, text("kind"), text("name"), *need, false)
                }
                By::Selector => Some(selector(found)).flatten().map(|pods| pods_of(*nature, pods)),
                By::Map => pairs(found)
                    .filter(|text| !text.is_empty())
                    .and_then(|text| LabelSelector::parse(&text).ok())
                    .map(|pods| pods_of(*nature, pods)),
            };
            out.extend(reference);
        });
    }
}

fn pods_of(nature: Nature, selector: LabelSelector) -> Reference {
    Reference { nature, target: Target::Pods(selector), need: Need::Never, backward: false }
}

/// Lets `act` see every value at `path`.
fn each(value: &Value, path: &str, act: &mut dyn FnMut(&Value)) {
    let (step, rest) = path.split_once('/').unwrap_or((path, ""));
    let go =
        |next: &Value, act: &mut dyn FnMut(&Value)| if rest.is_empty() { act(next) } else { each(next, rest, act) };
    match (step, value) {
        ("*", Value::Array(all)) => all.iter().for_each(|next| go(next, act)),
        (_, Value::Object(fields)) => fields.get(step).into_iter().for_each(|next| go(next, act)),
        _ => {}
    }
}

/// `{app: web}` as `app=web`.
fn pairs(map: &Value) -> Option<String> {
    let pairs = map.as_object()?.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    Some(pairs.collect::<Vec<_>>().join(","))
}

fn selector(value: &Value) -> Option<LabelSelector> {
    let mut terms: Vec<String> =
        value.get("matchLabels").and_then(pairs).filter(|text| !text.is_empty()).into_iter().collect();
    for expression in value.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.get("key").and_then(Value::as_str)?;
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let list = values.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match expression.get("operator").and_then(Value::as_str)? {
            "In" => format!("{key} in ({list})"),
            "NotIn" => format!("{key} notin ({list})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    if terms.is_empty() { Some(LabelSelector::everything()) } else { LabelSelector::parse(&terms.join(",")).ok() }
}

/// A name with whether the reference is optional.
type Name<'a> = (&'a str, Option<bool>);

fn pod_references(spec: &PodSpec) -> Vec<Reference> {
    let mut out = Vec::new();
    let mut add = |nature: Nature, kind: &str, (name, optional): Name<'_>| {
        let need = if optional == Some(true) { Need::May } else { Need::Must };
        let found = named(nature, kind, name, need, false);
        out.extend(found.filter(|found| !out.contains(found)));
    };
    for volume in spec.volumes.iter().flatten() {
        mounted(volume, &mut add);
    }
    let all = [&spec.init_containers].into_iter().flatten().flatten().chain(&spec.containers);
    for Container { env, env_from, .. } in all {
        environment(env.as_deref(), env_from.as_deref(), &mut add);
    }
    for EphemeralContainer { env, env_from, .. } in spec.ephemeral_containers.iter().flatten() {
        environment(env.as_deref(), env_from.as_deref(), &mut add);
    }
    for secret in spec.image_pull_secrets.iter().flatten() {
        // A pull secret that is not there is passed over: the pull goes on without it.
        add(Nature::Pulls, "Secret", (&secret.name, Some(true)));
    }
    add(Nature::RunsAs, "ServiceAccount", (spec.service_account_name.as_deref().unwrap_or_default(), None));
    add(Nature::RunsOn, "Node", (spec.node_name.as_deref().unwrap_or_default(), None));
    out
}

fn mounted(volume: &Volume, add: &mut dyn FnMut(Nature, &str, Name<'_>)) {
    if let Some(source) = &volume.config_map {
        add(Nature::Mounts, "ConfigMap", (&source.name, source.optional));
    }
    if let Some(source) = &volume.secret {
        add(Nature::Mounts, "Secret", (source.secret_name.as_deref().unwrap_or_default(), source.optional));
    }
    if let Some(source) = &volume.persistent_volume_claim {
        add(Nature::Mounts, "PersistentVolumeClaim", (&source.claim_name, None));
    }
    for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
        if let Some(source) = &source.config_map {
            add(Nature::Mounts, "ConfigMap", (&source.name, source.optional));
        }
        if let Some(source) = &source.secret {
            add(Nature::Mounts, "Secret", (&source.name, source.optional));
        }
    }
}

fn environment(
    env: Option<&[k8s_openapi::api::core::v1::EnvVar]>,
    env_from: Option<&[k8s_openapi::api::core::v1::EnvFromSource]>,
    add: &mut dyn FnMut(Nature, &str, Name<'_>),
) {
    for source in env_from.into_iter().flatten() {
        if let Some(source) = &source.config_map_ref {
            add(Nature::Env, "ConfigMap", (&source.name, source.optional));
        }
        if let Some(source) = &source.secret_ref {
            add(Nature::Env, "Secret", (&source.name, source.optional));
        }
    }
    for source in env.into_iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        if let Some(source) = &source.config_map_key_ref {
            add(Nature::Env, "ConfigMap", (&source.name, source.optional));
        }
        if let Some(source) = &source.secret_key_ref {
            add(Nature::Env, "Secret", (&source.name, source.optional));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: &str, value: &Value, expected: &[&str]) {
        let mut found = Vec::new();
        by_fields(kind, value, &mut found);
        let told: Vec<String> = found
            .iter()
            .map(|reference| match &reference.target {
                Target::Named { kind, name, .. } => format!("{} {kind} {name}", reference.nature.word()),
                Target::Pods(selector) => format!("{} pods {selector}", reference.nature.word()),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn fields_of_every_kind_refer() {
        check(
            "EndpointSlice",
            &json!({ "endpoints": [{ "targetRef": { "kind": "Pod", "name": "a" } }, {}] }),
            &["endpoint Pod a"],
        );
        check(
            "HorizontalPodAutoscaler",
            &json!({ "spec": { "scaleTargetRef": { "kind": "Deployment", "name": "web" } } }),
            &["scales Deployment web"],
        );
        check(
            "PersistentVolumeClaim",
            &json!({ "spec": { "volumeName": "pv-1", "storageClassName": "fast" } }),
            &["class StorageClass fast", "bound to PersistentVolume pv-1"],
        );
        check("PersistentVolume", &json!({ "spec": { "storageClassName": "" } }), &[]);
        check("Service", &json!({ "spec": { "selector": { "app": "web" } } }), &["selects pods app=web"]);
        check("Service", &json!({ "spec": { "selector": {} } }), &[]);
        check("NetworkPolicy", &json!({ "spec": { "podSelector": {} } }), &["selects pods "]);
        let budget = json!({ "spec": { "selector": { "matchLabels": { "app": "web" },
            "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["a", "b"] }, { "key": "old", "operator": "DoesNotExist" }] } } });
        check("PodDisruptionBudget", &budget, &["guards pods app=web,!old,tier in (a,b)"]);
        let ingress = json!({ "spec": { "rules": [{ "http": { "paths": [{ "backend": { "service": { "name": "web" } } }] } }], "tls": [{ "secretName": "cert" }] } });
        check("Ingress", &ingress, &["routes to Service web", "mounts Secret cert"]);
        check("Deployment", &json!({ "spec": { "selector": { "matchLabels": { "app": "web" } } } }), &[]);
    }
}
