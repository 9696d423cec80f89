//! The schema that the editor completes from is what k8s-openapi describes: `cargo xtask schema` writes it.
//!
//! k8s-openapi carries the API's schema in its source, for its `schemars` feature. It is read from there, so
//! that neither the page nor the tests have to compile it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubarium::api::{KINDS, KindInfo};
use serde_json::{Map, Value, json};

/// Fields that only the system writes: nobody is offered them.
const NOT_WRITTEN: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The values that validation takes, where the schema only tells of them in prose.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("Container", "imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
    ("Container", "terminationMessagePolicy", &["FallbackToLogsOnError", "File"]),
    ("ContainerPort", "protocol", &["SCTP", "TCP", "UDP"]),
    ("DeploymentStrategy", "type", &["Recreate", "RollingUpdate"]),
    ("EmptyDirVolumeSource", "medium", &["Memory"]),
    ("HTTPGetAction", "scheme", &["HTTP", "HTTPS"]),
    (
        "HostPathVolumeSource",
        "type",
        &["BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
    ),
    ("LabelSelectorRequirement", "operator", &["DoesNotExist", "Exists", "In", "NotIn"]),
    ("NodeSelectorRequirement", "operator", &["DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"]),
    ("PodSpec", "dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ("PodSpec", "preemptionPolicy", &["Never", "PreemptLowerPriority"]),
    ("PodSpec", "restartPolicy", &["Always", "Never", "OnFailure"]),
    (
        "Secret",
        "type",
        &[
            "Opaque",
            "kubernetes.io/basic-auth",
            "kubernetes.io/dockerconfigjson",
            "kubernetes.io/ssh-auth",
            "kubernetes.io/tls",
        ],
    ),
    ("ServicePort", "protocol", &["SCTP", "TCP", "UDP"]),
    ("ServiceSpec", "externalTrafficPolicy", &["Cluster", "Local"]),
    ("ServiceSpec", "internalTrafficPolicy", &["Cluster", "Local"]),
    ("ServiceSpec", "ipFamilyPolicy", &["PreferDualStack", "RequireDualStack", "SingleStack"]),
    ("ServiceSpec", "sessionAffinity", &["ClientIP", "None"]),
    ("ServiceSpec", "type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]),
    ("Taint", "effect", &["NoExecute", "NoSchedule", "PreferNoSchedule"]),
    ("Toleration", "effect", &["NoExecute", "NoSchedule", "PreferNoSchedule"]),
    ("Toleration", "operator", &["Equal", "Exists"]),
    ("TopologySpreadConstraint", "whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
];

/// Where cargo put the source of k8s-openapi.
fn source() -> PathBuf {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc is there");
    let about = String::from_utf8_lossy(&rustc.stdout).into_owned();
    // Other platforms' packages need not have been fetched.
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs this test");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let package = packages.iter().find(|package| package["name"] == "k8s-openapi").expect("it is a dependency");
    Path::new(package["manifest_path"].as_str().expect("it has a manifest")).with_file_name("src").join("v1_36")
}

/// Every schema by its full name: `io.k8s.api.core.v1.Pod`.
fn schemas(folder: &Path, found: &mut BTreeMap<String, Value>) {
    for path in fs::read_dir(folder).expect("the source is there").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            schemas(&path, found);
        } else if let Some((name, schema)) = fs::read_to_string(&path).ok().as_deref().and_then(schema) {
            found.insert(name, schema);
        }
    }
}

/// The schema that a file gives, made readable: the macro takes JSON with calls in it and commas at the end.
fn schema(text: &str) -> Option<(String, Value)> {
    let name = text.split("fn schema_name()").nth(1)?.split('"').nth(1)?.to_owned();
    let body = text.split("json_schema!({\n").nth(1)?.split("\n        })").next()?;
    let mut json = "{".to_owned();
    for line in body.lines().map(str::trim) {
        let target = line.split("subschema_for::<crate::").nth(1).and_then(|rest| rest.split('>').next());
        let target = target.map(|path| json!(format!("io.k8s.{}", path.replace("::", "."))).to_string());
        match (line, target) {
            ("schema_obj", _) => {}
            ("}),", _) => json.push_str("},"),
            (_, Some(target)) if line.starts_with("let ") => json.push_str(&format!("\"$ref\": {target},")),
            (_, Some(target)) => {
                json.push_str(&format!("{} {{\"$ref\": {target}}},", line.split("__gen").next()?.trim_end_matches('(')))
            }
            _ if line.starts_with("schema_obj.") => {
                let words = line.split_once(".into(), ")?.1.strip_suffix(".into());")?;
                json.push_str(&format!("\"description\": {words},"));
            }
            _ => json.push_str(&line.replace("({", "{")),
        }
    }
    json.push('}');
    let value = serde_yaml::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}\n{json}"));
    Some((name, value))
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().expect("a name has a last part")
}

/// A type as the editor reads it: `PodSpec`, `Container[]`, `string{}`; what it names is noted.
fn type_of(field: &Value, named: &mut BTreeSet<String>) -> String {
    if let Some(name) = field["$ref"].as_str() {
        named.insert(name.to_owned());
        return short(name).to_owned();
    }
    match field["type"].as_str() {
        Some("array") => format!("{}[]", type_of(&field["items"], named)),
        Some("object") if field["additionalProperties"].is_object() => {
            format!("{}{{}}", type_of(&field["additionalProperties"], named))
        }
        Some("string") if field["format"] == "byte" => "bytes".to_owned(),
        Some(plain) => plain.to_owned(),
        None => "any".to_owned(),
    }
}

fn full_name(info: &KindInfo) -> String {
    let group = match info.group.split('.').next() {
        None | Some("") => "core",
        Some(group) => group,
    };
    format!("io.k8s.api.{group}.{}.{}", info.version, info.kind)
}

fn built() -> Value {
    let mut all = BTreeMap::new();
    schemas(&source(), &mut all);
    let (mut kinds, mut types) = (Map::new(), Map::new());
    let mut wanted: Vec<String> = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    // Events are the system's to write, bindings the scheduler's; who still writes Endpoints is told to write slices.
    let written = |info: &&&KindInfo| !matches!(info.kind, "Binding" | "ControllerRevision" | "Endpoints" | "Event");
    for info in KINDS.iter().filter(written) {
        let name = full_name(info);
        kinds.insert(format!("{}/{}", info.api_version(), info.kind), json!(info.kind));
        wanted.push(name);
    }
    let roots: BTreeSet<String> = wanted.iter().cloned().collect();
    while let Some(name) = wanted.pop() {
        if let Some(other) = seen.insert(short(&name).to_owned(), name.clone()) {
            assert_eq!(other, name, "two types have one short name");
            continue;
        }
        let schema = all.get(&name).unwrap_or_else(|| panic!("k8s-openapi has no {name}"));
        let Some(properties) = schema["properties"].as_object() else { continue };
        let mut named = BTreeSet::new();
        let mut fields = Map::new();
        for (field, value) in properties {
            let skipped = short(&name) == "ObjectMeta" && NOT_WRITTEN.contains(&field.as_str());
            if skipped || (roots.contains(&name) && field == "status") {
                continue;
            }
            let words = value["description"].as_str().unwrap_or_default();
            let mut entry = vec![json!(type_of(value, &mut named)), json!(words)];
            let values = VALUES.iter().find(|(of, called, _)| *of == short(&name) && called == field);
            entry.extend(values.map(|(_, _, values)| json!(values)));
            fields.insert(field.clone(), Value::Array(entry));
        }
        let mut entry = json!({ "d": schema["description"], "f": fields });
        if schema["required"].is_array() {
            entry["r"] = schema["required"].clone();
        }
        types.insert(short(&name).to_owned(), entry);
        wanted.extend(named);
    }
    for (of, field, _) in VALUES {
        assert!(!types[*of]["f"][*field].is_null(), "no {of} has a {field}");
    }
    json!({ "kinds": kinds, "types": types })
}

#[test]
fn the_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/schema.json");
    let text = built().to_string() + "\n";
    if std::env::var_os("KUBARIUM_WRITE").is_some() {
        fs::write(&path, text).expect("static/ can be written");
        return;
    }
    let kept = fs::read_to_string(&path).expect("static/schema.json is checked in");
    assert!(kept == text, "static/schema.json is old: run `cargo xtask schema`");
}

#[test]
fn every_kind_that_is_written_by_hand_is_described() {
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("static/schema.json"));
    let schema: Value = serde_json::from_str(&kept.expect("it is checked in")).expect("it is JSON");
    assert_eq!(schema["kinds"]["apps/v1/Deployment"], "Deployment");
    assert_eq!(schema["types"]["PodSpec"]["f"]["containers"][0], "Container[]");
    assert_eq!(schema["types"]["ConfigMap"]["f"]["data"][0], "string{}");
    assert_eq!(schema["types"]["ResourceRequirements"]["f"]["limits"][0], "Quantity{}");
    assert!(schema["types"]["PodSpec"]["r"].as_array().is_some_and(|all| all.contains(&json!("containers"))));
    let words = schema["types"]["DeploymentSpec"]["f"]["replicas"][1].as_str().unwrap_or_default();
    assert!(words.contains("Number of desired pods"), "{words}");
}
