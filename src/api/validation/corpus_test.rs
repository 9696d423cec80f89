//! Every manifest of the corpus that server-side validation of a registered kind rejects, against the
//! message it is rejected with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Service;
use serde_json::Value;

use crate::api::kind::{FieldError, KindInfo, find_kind};
use crate::api::object::{Object, Typed};
use crate::api::status::Status;
use crate::api::validation::service::needs_health_check;

/// Cases in which Kubernetes 1.36 says something else than the corpus, which was made for 1.32.
const NEWER: &[(&str, &str)] = &[
    // Bad values print as JSON since 1.34 (`newerVersions` in the corpus).
    (
        "018-deploy-no-selector",
        "Deployment.apps \"web\" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`]",
    ),
    (
        "020-rs-selector-mismatch",
        "ReplicaSet.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`",
    ),
    (
        "030-deploy-surge-and-unavailable-zero",
        "Deployment.apps \"web\" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ),
    (
        "036-immutable-deploy-selector",
        "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web2\"}}: field is immutable",
    ),
    (
        "048-service-clusterip-change",
        "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.51\"]: may not change once set",
    ),
    (
        "022-ds-selector-mismatch",
        "DaemonSet.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`",
    ),
    // `revisionHistoryLimit` may change since 1.33.
    (
        "038-immutable-sts-servicename",
        "StatefulSet.apps \"web\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
    // Upstream goes on with what Go's cmp.Diff prints of the two specs, which changes with its version.
    (
        "046-pvc-change-storageclass",
        "PersistentVolumeClaim \"c\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    ),
    // `ValidateDeploymentStrategy` passes the whole strategy to `field.NotSupported`, and always has;
    // the corpus marks this text as written from memory.
    (
        "032-deploy-unknown-strategy",
        "Deployment.apps \"web\" is invalid: spec.strategy: Unsupported value: {\"Type\":\"BlueGreen\",\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"",
    ),
    // `IsDNS1123Label` has said this of a valid subdomain since 1.27.
    (
        "056-name-namespace-dot",
        "Namespace \"my.ns\" is invalid: metadata.name: Invalid value: \"my.ns\": must not contain dots",
    ),
    // `content.IsLabelValue` counts bytes since 1.33 (`newerVersions` in the corpus).
    (
        "064-label-value-too-long",
        "Pod \"p\" is invalid: metadata.labels: Invalid value: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": must be no more than 63 bytes",
    ),
    // The gate RelaxedServiceNameValidation is on since 1.36.
    ("054-name-service-digit", "accepted"),
    // A value that is no string or number is shown as JSON since 1.34, which of a quantity is its text.
    (
        "162-limitrange-min-over-max",
        "LimitRange \"l\" is invalid: spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
    ),
];

/// How many cases of the corpus are ours. Fewer would mean that some were skipped silently.
const CASES: usize = 62;

fn corpus() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = ["../shared", "../../shared"].map(|place| root.join(place).join("corpus/bad"));
    let found = places.iter().find(|place| place.join("INDEX.tsv").is_file());
    found.unwrap_or_else(|| panic!("the corpus is at none of {places:?}")).clone()
}

fn read(path: &PathBuf) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn info_of(manifest: &Value) -> Option<&'static KindInfo> {
    let (version, kind) = (manifest["apiVersion"].as_str()?, manifest["kind"].as_str()?);
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    find_kind(group, version, kind)
}

fn decode(info: &'static KindInfo, manifest: &Value) -> Object {
    let mut object = Object::from_value(info.id, manifest, &mut |field| panic!("unknown field {field}"))
        .unwrap_or_else(|error| panic!("{}: {error}", info.kind));
    if info.namespaced() {
        object.meta_mut().namespace.get_or_insert_with(|| "default".to_owned());
    }
    (info.default)(&mut object);
    object
}

/// What the server answers: `accepted`, or the message and the causes of the refusal.
fn answer(info: &KindInfo, object: &Object, errors: &[FieldError]) -> (String, Value) {
    if errors.is_empty() {
        return ("accepted".to_owned(), Value::Null);
    }
    let status = Status::invalid(info, object.name(), errors);
    let causes = status.details.and_then(|details| details.causes);
    (status.message, serde_json::to_value(causes).expect("causes are plain"))
}

/// A create, as the registry does it up to the write.
fn create(info: &'static KindInfo, manifest: &Value) -> (Object, (String, Value)) {
    let mut object = decode(info, manifest);
    // The allocator of services comes before validation (`Store.BeginCreate`).
    if let Some(spec) = Service::of_mut(&mut object).and_then(|service| service.spec.as_mut())
        && needs_health_check(spec)
    {
        spec.health_check_node_port.get_or_insert(30_000);
    }
    object.meta_mut().uid.get_or_insert_with(|| "0b7c6d4e-0000-4000-8000-000000000000".to_owned());
    (info.prepare_create)(&mut object);
    let errors = (info.validate)(&object);
    let answer = answer(info, &object, &errors);
    (object, answer)
}

/// An update of the stored object by what changed between two manifests, as `kubectl apply` patches it.
fn update(info: &'static KindInfo, old: &Object, manifest: &Value) -> (String, Value) {
    let mut merged = old.to_value();
    merged = crate::api::patch::merge_patch(info.id, &merged, manifest).expect("a manifest is a map");
    let mut new = decode(info, &merged);
    (info.prepare_update)(&mut new, old);
    answer(info, &new, &(info.validate_update)(&new, old))
}

#[test]
fn the_corpus_is_rejected_word_for_word() {
    let corpus = corpus();
    let newer: BTreeMap<&str, &str> = NEWER.iter().copied().collect();
    let mut names: Vec<String> = fs::read_dir(&corpus)
        .expect("the corpus can be listed")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".expect").map(str::to_owned))
        .collect();
    names.sort();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for name in names {
        let expect = read(&corpus.join(format!("{name}.expect")));
        if expect["rejectedBy"] != "apiserver validation" {
            continue;
        }
        let single = corpus.join(format!("{name}.yaml"));
        let (first, second) = (corpus.join(format!("{name}.1.yaml")), corpus.join(format!("{name}.2.yaml")));
        let is_single = single.is_file();
        let manifest = read(if is_single { &single } else { &first });
        let Some(info) = info_of(&manifest) else { continue };
        seen += 1;
        let (got, causes) = if is_single {
            create(info, &manifest).1
        } else {
            let (mut old, (accepted, _)) = create(info, &manifest);
            assert_eq!(accepted, "accepted", "{name}: the first step");
            old.meta_mut().resource_version = Some("1".to_owned());
            update(info, &old, &read(&second))
        };
        let status = &expect["serverStatus"];
        let wanted = newer.get(name.as_str()).copied().or_else(|| status["message"].as_str());
        let wanted = wanted.unwrap_or_else(|| panic!("{name} expects no message"));
        if got == wanted && !newer.contains_key(name.as_str()) {
            assert_eq!(causes, status["details"]["causes"], "{name}");
        }
        if got != wanted {
            wrong.push(format!("{name}\n  want {wanted}\n  got  {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(seen, CASES);
}

/// Every manifest of a registered kind in the corpus, by file and its place in the file.
fn manifests(folder: &Path, found: &mut Vec<(String, Value)>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("the corpus can be listed").filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).expect("the corpus can be read");
            for (place, document) in serde_yaml::Deserializer::from_str(&text).enumerate() {
                let Ok(value) = <Value as serde::Deserialize>::deserialize(document) else { break };
                found.push((format!("{}#{place}", path.display()), value));
            }
        }
    }
}

#[test]
fn what_people_write_is_accepted() {
    let mut found = Vec::new();
    manifests(&corpus().join("../manifests"), &mut found);
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (place, manifest) in found {
        let Some(info) = info_of(&manifest) else { continue };
        let mut unknown = false;
        let Ok(object) = Object::from_value(info.id, &manifest, &mut |_| unknown = true) else { continue };
        if unknown || object.name().is_empty() {
            continue;
        }
        seen += 1;
        let (_, (got, _)) = create(info, &manifest);
        // Written for 1.1: its template has no labels to select by, and no server takes it since.
        if got != "accepted" && !place.ends_with("sysdig-rc.yaml#0") {
            wrong.push(format!("{place}\n  {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} manifests:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen >= 300, "only {seen} manifests were found");
}
