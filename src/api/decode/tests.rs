use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{
    Document, FieldValidation, Parsed, decode_body, decode_object, decode_patched, documents, json_writer, parse,
};
use crate::api::KINDS;
use crate::api::kind::KindInfo;
use crate::api::object::{Kind, Object};
use crate::api::patch::{strategic_merge, three_way_strategic};
use crate::api::status::Reason;

fn corpus() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/corpus", "../../shared/corpus"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .expect("the corpus lies beside the repository, in ../shared or ../../shared")
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn info_of(value: &Value) -> Option<&'static KindInfo> {
    let api_version = value["apiVersion"].as_str()?;
    KINDS.iter().copied().find(|info| {
        // A kind in lower case is still sent to the resource it maps to.
        info.api_version() == api_version
            && value["kind"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(info.kind))
    })
}

/// A manifest's file name and documents.
type Step = (String, Vec<Document>);

/// The cases of `bad/`: the expectation and the manifest of each step.
fn bad_cases() -> Vec<(Value, Vec<Step>)> {
    let folder = corpus().join("bad");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("bad/").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for expect in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "expect")) {
        let expected: Value = serde_json::from_str(&text_of(expect)).expect("valid JSON");
        let stem = format!("{}.", expected["case"].as_str().expect("a name"));
        let steps = files
            .iter()
            .filter(|path| path.extension() != expect.extension())
            .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
            .filter(|(name, _)| name.starts_with(&stem))
            .map(|(name, path)| (name, documents(&text_of(path))))
            .collect();
        cases.push((expected, steps));
    }
    cases
}

#[test]
fn what_kubectl_cannot_parse_is_refused_in_its_words() {
    let mut checked = 0;
    for (expected, steps) in bad_cases() {
        let (name, documents) = steps.last().expect("every case has a manifest");
        let stderr =
            expected["steps"].as_array().and_then(|s| s.last()).and_then(|s| s["stderr"].as_str()).expect("text");
        let errors: Vec<&String> = documents.iter().filter_map(|document| document.value.as_ref().err()).collect();
        match stderr.strip_prefix(&format!("error: error parsing {name}: ")) {
            Some(error) => {
                assert_eq!(errors, [error.trim_end()], "{name}");
                checked += 1;
            }
            None => assert!(errors.is_empty(), "{name}: {errors:?}"),
        }
    }
    assert_eq!(checked, 6);
}

#[test]
fn what_the_server_cannot_decode_is_refused_in_its_words() {
    let (mut refused, mut accepted) = (0, 0);
    for (expected, steps) in bad_cases() {
        let (name, documents) = steps.last().expect("every case has a manifest");
        for value in documents.iter().filter_map(|document| document.value.as_ref().ok()) {
            let Some(info) = info_of(value) else { continue };
            let decoded = decode_object(info, value, FieldValidation::Strict);
            // One case is caught by kubectl while it reads the metadata; the server says the same.
            let early = expected["case"] == "210-label-number";
            if expected["rejectedBy"] == "apiserver decode" || early {
                let status = decoded.expect_err(name);
                assert_eq!(status.message, expected["serverStatus"]["message"], "{name}");
                assert_eq!(status.reason, Reason::BadRequest, "{name}");
                refused += 1;
            } else if expected["case"] == "108-nodeaffinity-gt-two-values" {
                // Its key is the bare word `n`, which YAML 1.1 reads as false: it never reaches validation.
                assert!(decoded.is_err_and(|status| status.message.ends_with("matchExpressions.key of type string")));
            } else if expected["rejectedBy"] != "apiserver patch" {
                assert!(decoded.is_ok(), "{name}: {decoded:?}");
                accepted += 1;
            }
        }
    }
    assert_eq!(refused, 10);
    assert!(accepted > 50, "{accepted} manifests of our kinds reach the server's later stages");
}

#[test]
fn a_patch_with_an_unknown_field_is_refused_as_invalid() {
    let (expected, steps) =
        bad_cases().into_iter().find(|(expected, _)| expected["rejectedBy"] == "apiserver patch").expect("case 006");
    let applied = |step: usize| {
        let mut value = steps[step].1[0].value.clone().expect("it parses");
        value["metadata"]["namespace"] = json!("default");
        value["metadata"]["annotations"] = json!({});
        let last_applied = json_writer::compact(&value) + "\n";
        value["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": last_applied });
        value
    };
    let (first, second) = (applied(0), applied(1));
    let patch = three_way_strategic(Kind::Deployment, &first, &second, &first).expect("a patch");
    let patched = strategic_merge(Kind::Deployment, &first, &patch).expect("it applies");
    let status = decode_patched(Kind::Deployment.info(), &patched, Some(&patch), FieldValidation::Strict)
        .expect_err("spec.replica is no field");
    assert_eq!(serde_json::to_value(status.to_meta()).expect("a status"), expected["serverStatus"]);
}

#[test]
fn manifests_have_as_many_documents_as_kubectl_sees() {
    let folder = corpus().join("manifests");
    let table = text_of(&folder.join("KUBECTL-PARSE.tsv"));
    let (mut checked, mut decoded, mut undecodable) = (0, 0, Vec::new());
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, exit, objects, ..] = fields.as_slice() else { continue };
        let documents = documents(&text_of(&folder.join(path)));
        if let Some(error) =
            fields.get(4).and_then(|stderr| stderr.strip_prefix(&format!("error: error parsing {path}: ")))
        {
            assert_eq!(documents[0].value.as_ref().err().map(String::as_str), Some(error), "{path}");
            continue;
        }
        let values: Vec<&Value> = documents
            .iter()
            .map(|document| document.value.as_ref().unwrap_or_else(|error| panic!("{path}: {error}")))
            .flat_map(|value| match value["kind"].as_str() {
                // kubectl takes lists apart.
                Some(kind) if kind.ends_with("List") => value["items"].as_array().into_iter().flatten().collect(),
                _ => vec![value],
            })
            .collect();
        if *exit == "0" {
            assert_eq!(values.len().to_string(), *objects, "{path}");
            checked += 1;
        }
        for value in values {
            let Some(info) = info_of(value) else { continue };
            match Object::from_value(info.id, value, &mut |_| {}) {
                Ok(_) => decoded += 1,
                Err(error) => undecodable.push(format!("{path}: {error}")),
            }
        }
    }
    assert_eq!((checked, decoded), (424, 459), "files, and objects of our kinds");
    // Both would be refused by a real server: a value that YAML 1.1 reads as a bool, and a number in quotes.
    assert_eq!(
        undecodable,
        [
            "ingress-nginx/docs/examples/auth/oauth-external-auth/vouch-proxy.yaml: json: cannot unmarshal bool into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
            "k8s-examples/_archived/volumes/fibre_channel/fc.yaml: json: cannot unmarshal string into Go struct field FCVolumeSource.spec.volumes.fc.lun of type int32",
        ]
    );
}

#[track_caller]
fn refused(kind: Kind, value: Value) -> String {
    let info = kind.info();
    let prefix = format!("{} in version \"{}\" cannot be handled as a {}: ", info.kind, info.version, info.kind);
    let status = decode_object(info, &value, FieldValidation::Strict).expect_err("it does not fit");
    status.message.strip_prefix(&prefix).map_or(status.message.clone(), str::to_owned)
}

#[test]
fn wrong_types_are_named_as_in_go() {
    let unmarshal = |kind: Kind, value: Value| {
        let message = refused(kind, value);
        message.strip_prefix("json: cannot unmarshal ").map_or(message.clone(), str::to_owned)
    };
    for (kind, value, message) in [
        (Kind::Pod, json!({"spec": "x"}), "string into Go struct field Pod.spec of type v1.PodSpec"),
        (Kind::Pod, json!({"metadata": 5}), "number into Go struct field Pod.metadata of type v1.ObjectMeta"),
        (
            Kind::Pod,
            json!({"spec": {"containers": ["x"]}}),
            "string into Go struct field PodSpec.spec.containers of type v1.Container",
        ),
        (
            Kind::Pod,
            json!({"spec": {"containers": [{"args": [1]}]}}),
            "number into Go struct field Container.spec.containers.args of type string",
        ),
        (
            Kind::Pod,
            json!({"spec": {"containers": [{"args": "x"}]}}),
            "string into Go struct field Container.spec.containers.args of type []string",
        ),
        (
            Kind::Pod,
            json!({"spec": {"containers": [{"imagePullPolicy": true}]}}),
            "bool into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy",
        ),
        (
            Kind::Pod,
            json!({"spec": {"containers": [{"resources": {"limits": "x"}}]}}),
            "string into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
        ),
        (
            Kind::Pod,
            json!({"metadata": {"labels": []}}),
            "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            Kind::Pod,
            json!({"spec": {"hostNetwork": "true"}}),
            "string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            Kind::Deployment,
            json!({"spec": {"replicas": "3"}}),
            "string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            Kind::Deployment,
            json!({"spec": {"replicas": 1.5}}),
            "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            Kind::Service,
            json!({"spec": {"ports": [{"targetPort": []}]}}),
            "array into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
        (
            Kind::Deployment,
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}}),
            "number 1.5 into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
        ),
        (
            Kind::Pod,
            json!({"metadata": {"creationTimestamp": 5}}),
            "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
        ),
        (Kind::Secret, json!({"data": {"a": 1}}), "number into Go struct field Secret.data of type []uint8"),
        (Kind::Secret, json!({"data": []}), "array into Go struct field Secret.data of type map[string][]uint8"),
        (Kind::Secret, json!({"data": {"a": "hello"}}), "illegal base64 data at input byte 4"),
        (
            Kind::Lease,
            json!({"spec": {"renewTime": "soon"}}),
            "parsing time \"soon\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"soon\" as \"2006\"",
        ),
    ] {
        assert_eq!(unmarshal(kind, value.clone()), message, "{value}");
    }
}

#[test]
fn other_kinds_are_refused() {
    for (value, message) in [
        (
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet"}),
            "ReplicaSet in version \"v1\" cannot be handled as a Pod: converting (v1.ReplicaSet) to (core.Pod): unknown conversion",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pot"}),
            "Pot in version \"v1\" cannot be handled as a Pod: no kind \"Pot\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
    ] {
        assert_eq!(refused(Kind::Pod, value), message);
    }
    let whole = refused(Kind::Pod, json!([]));
    assert!(whole.starts_with(
        "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct"
    ));
}

#[test]
fn nulls_and_unquoted_quantities_are_accepted() {
    let value = json!({
        "metadata": {"name": "web", "labels": {"a": null}, "creationTimestamp": null, "annotations": null},
        "spec": {"containers": [
            {"name": "c", "args": null, "env": [null], "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}
        ], "hostNetwork": null, "nodeSelector": null},
    });
    let (object, warnings) = decode_object(Kind::Pod.info(), &value, FieldValidation::Strict).expect("a pod");
    assert!(warnings.is_empty());
    let read = object.to_value();
    assert_eq!(read["spec"]["containers"][0]["resources"]["limits"], json!({"cpu": "500m", "memory": "1Gi"}));
    assert_eq!(read["metadata"]["labels"], json!({"a": ""}));
}

#[test]
fn bodies_are_validated_as_asked() {
    let info = Kind::ConfigMap.info();
    let json = "application/json";
    let body = br#"{"data":{"a":"1","a":"2"},"dta":{"x":1,"x":2},"metadata":{"name":"c","nme":"d"}}"#;
    let findings = [r#"duplicate field "data.a""#, r#"unknown field "dta""#, r#"unknown field "metadata.nme""#];
    let (_, warnings) = decode_body(info, body, json, FieldValidation::Warn).expect("only warnings");
    assert_eq!(warnings, findings);
    let (_, warnings) = decode_body(info, body, json, FieldValidation::Ignore).expect("no warnings");
    assert!(warnings.is_empty());
    let status = decode_body(info, body, json, FieldValidation::Strict).expect_err("strict");
    assert_eq!(
        status.message,
        format!(
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: {}",
            findings.join(", ")
        )
    );
    let yaml = b"metadata:\n  name: c\ndata:\n  a: x\n  a: z\n";
    let status = decode_body(info, yaml, "application/yaml", FieldValidation::Strict).expect_err("strict");
    assert_eq!(
        status.message.split_once("strict decoding error: ").map(|(_, error)| error),
        Some("yaml: unmarshal errors:\n  line 5: key \"a\" already set in map")
    );
    let status = decode_body(info, b"{\"a\"", json, FieldValidation::Warn).expect_err("no JSON");
    assert_eq!(
        status.message,
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({\"a\")"
    );
    let status = decode_body(info, &vec![b' '; 3 * 1024 * 1024 + 1], json, FieldValidation::Warn).expect_err("large");
    assert_eq!(
        (status.reason, status.message.as_str()),
        (Reason::RequestEntityTooLarge, "Request entity too large: limit is 3145728")
    );
}

#[test]
fn documents_know_their_lines() {
    let text = "# first\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    image: i\n---\n# none\n---\n- a\n- b: {}\n--- \nx: [\n";
    let read = documents(text);
    let starts: Vec<usize> = read.iter().map(|document| document.first_line).collect();
    assert_eq!(starts, [1, 11, 14]);
    assert_eq!(read[0].line_of("spec.containers[0].image"), 7);
    assert_eq!(read[0].line_of("spec.containers[0].imagee"), 6);
    assert_eq!(read[0].line_of("spec.template"), 4);
    assert_eq!(read[1].line_of("[1].b"), 12);
    assert_eq!(
        read[2].value,
        Err("error converting YAML to JSON: yaml: line 1: did not find expected node content".to_owned())
    );
    assert_eq!(read[2].error_line, Some(14));
    let duplicated = documents("a: 1\n---\nb: 1\nb: 2\n");
    assert_eq!((duplicated[1].duplicates[0].path.as_str(), duplicated[1].duplicates[0].line), ("b", 4));
    let json = documents("{\"a\":1}\n{\"b\":\n x}");
    assert_eq!(json[1].value, Err("json: offset 16: invalid character 'x' looking for beginning of value".to_owned()));
    assert_eq!((json[1].first_line, json[1].error_line), (2, Some(3)));
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let value = |text: &str| parse(text.as_bytes(), "application/yaml");
    assert_eq!(
        value("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  l: 3\nc: *x"),
        Ok(json!({"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}, "c": {"k": 1, "l": 2}}))
    );
    assert_eq!(value("<<: [{a: 1}, {a: 2, b: 2}]"), Ok(json!({"a": 1, "b": 2})));
    assert_eq!(value("1: a\ntrue: b\n1.5: c"), Ok(json!({"1": "a", "true": "b", "1.5": "c"})));
    let error = |text: &str| value(text).expect_err(text).replace("error converting YAML to JSON: ", "");
    assert_eq!(error("a: &x [*x]"), "yaml: anchor 'x' value contains itself");
    assert_eq!(error("<<: 1"), "yaml: map merge requires map or sequence of maps as the value");
    assert_eq!(error("a: .inf"), "json: unsupported value: +Inf");
    assert_eq!(error("? [a]\n: b"), "yaml: invalid map key: []interface {}{\"a\"}");
    assert_eq!(error(&"[".repeat(300)), "yaml: exceeded max depth of 200");
    assert_eq!(error("a: \u{1}"), "yaml: control characters are not allowed");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
    }
    assert_eq!(
        parse(bomb.as_bytes(), "application/yaml"),
        Err("error converting YAML to JSON: yaml: document contains excessive aliasing".to_owned())
    );
    let large = documents(&" ".repeat(5 * 1024 * 1024 + 1));
    assert_eq!(large[0].value, Err("the file is 5.0 MiB large; Kubarium reads files of up to 5 MiB".to_owned()));
}

#[test]
fn patched_objects_fail_in_the_converters_words() {
    let info = Kind::Deployment.info();
    let fails = |value: Value| {
        let status = decode_patched(info, &value, Some(&value), FieldValidation::Strict).expect_err("it does not fit");
        status.message.split_once("\": ").map(|(_, error)| error.to_owned()).expect("an error")
    };
    assert_eq!(fails(json!({"spec": {"replicas": "3"}})), "unrecognized type: int32");
    assert_eq!(fails(json!({"metadata": {"labels": {"a": 1}}})), "cannot convert int64 to string");
    assert_eq!(fails(json!({"metadata": {"labels": {"a": true}}})), "unrecognized type: string");
    assert_eq!(fails(json!({"spec": {"template": "x"}})), "cannot restore struct from: string");
    assert_eq!(fails(json!({"metadata": {"labels": "x"}})), "cannot restore map from string");
    assert_eq!(fails(json!({"spec": {"template": {"spec": {"containers": {}}}}})), "cannot restore slice from map");
    let parsed = Parsed { value: json!({}), duplicates: Vec::new() };
    assert!(super::decode_parsed(info, &parsed, FieldValidation::Strict).is_ok());
}
