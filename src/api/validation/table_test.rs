//! Tables per kind: a manifest in, the findings, the stored form or the field's value out.

use serde_json::{Value, json};

use crate::api::kind::FieldError;
use crate::api::object::{Kind, Object};

fn object(kind: Kind, yaml: &str) -> Object {
    let value: Value = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    let mut object = Object::from_value(kind, &value, &mut |field| panic!("unknown field {field}: {yaml}"))
        .unwrap_or_else(|error| panic!("{error}: {yaml}"));
    let meta = object.meta_mut();
    meta.name.get_or_insert_with(|| "x".to_owned());
    if kind.info().namespaced() {
        meta.namespace.get_or_insert_with(|| "default".to_owned());
    }
    (kind.info().default)(&mut object);
    object
}

fn created(kind: Kind, yaml: &str) -> Object {
    let mut object = object(kind, yaml);
    (kind.info().prepare_create)(&mut object);
    object.meta_mut().resource_version = Some("1".to_owned());
    object
}

fn lines(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

#[track_caller]
pub(super) fn check(kind: Kind, yaml: &str, expected: &[&str]) {
    assert_eq!(lines(&(kind.info().validate)(&created(kind, yaml))), expected, "{yaml}");
}

#[track_caller]
pub(super) fn check_update(kind: Kind, old: &str, new: &str, expected: &[&str]) {
    let old = created(kind, old);
    let mut new = object(kind, new);
    new.meta_mut().resource_version = Some("1".to_owned());
    (kind.info().prepare_update)(&mut new, &old);
    let mut found = lines(&(kind.info().validate_update)(&new, &old));
    found.dedup();
    assert_eq!(found, expected);
}

#[track_caller]
pub(super) fn check_stored(kind: Kind, yaml: &str, pointer: &str, expected: Value) {
    let value = created(kind, yaml).to_value();
    assert_eq!(value.pointer(pointer), Some(&expected), "{pointer} of {yaml}");
}

#[track_caller]
fn check_field(kind: Kind, yaml: &str, label: &str, expected: &str) {
    let object = created(kind, yaml);
    assert!(kind.info().field_labels.contains(&label), "{label}");
    assert_eq!((kind.info().field)(&object, label).as_deref(), Some(expected), "{label}");
}

#[test]
fn every_field_label_has_a_value() {
    for info in crate::api::KINDS {
        let object = created(info.id, "{}");
        for label in info.field_labels {
            assert!((info.field)(&object, label).is_some(), "{} {label}", info.kind);
        }
        assert_eq!((info.field)(&object, "spec.nonsense"), None, "{}", info.kind);
    }
}

#[test]
fn defaulting_twice_changes_nothing() {
    let pod = "spec: {containers: [{name: a, image: b, resources: {limits: {cpu: 0.5}}}], volumes: [{name: v}]}";
    let template = "{metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}";
    let workload = format!("spec: {{selector: {{matchLabels: {{a: b}}}}, template: {template}}}");
    for (kind, yaml) in [
        (Kind::Pod, pod),
        (Kind::Deployment, workload.as_str()),
        (Kind::ReplicaSet, workload.as_str()),
        (Kind::Service, "spec: {type: LoadBalancer, sessionAffinity: ClientIP, ports: [{port: 80}]}"),
        (Kind::Secret, "stringData: {a: b}"),
        (Kind::Node, "status: {capacity: {cpu: 4000m, memory: 1024Ki}}"),
        (Kind::Namespace, "{}"),
    ] {
        let once = object(kind, yaml);
        let mut twice = once.clone();
        (kind.info().default)(&mut twice);
        assert_eq!(once, twice);
    }
}

#[test]
fn pods_are_stored_as_upstream_stores_them() {
    let pod = "spec: {containers: [{name: a, image: nginx, resources: {limits: {cpu: 0.5, memory: 1024Mi}}}]}";
    let stored = |pointer: &str, expected: Value| check_stored(Kind::Pod, pod, pointer, expected);
    stored("/spec/containers/0/resources/requests", json!({ "cpu": "500m", "memory": "1Gi" }));
    stored("/spec/containers/0/imagePullPolicy", json!("Always"));
    stored("/spec/containers/0/terminationMessagePath", json!("/dev/termination-log"));
    stored("/spec/terminationGracePeriodSeconds", json!(30));
    stored("/spec/enableServiceLinks", json!(true));
    stored("/spec/schedulerName", json!("default-scheduler"));
    stored("/spec/securityContext", json!({}));
    stored("/status", json!({ "phase": "Pending", "qosClass": "Guaranteed" }));
    stored("/metadata/generation", json!(1));
    let gated = "spec: {schedulingGates: [{name: a.b/c}], containers: [{name: a, image: b}]}";
    check_stored(Kind::Pod, gated, "/status/conditions/0/reason", json!("SchedulingGated"));
    let probe = "spec: {containers: [{name: a, image: b, livenessProbe: {httpGet: {port: 80}}}]}";
    let filled = json!({
        "failureThreshold": 3, "httpGet": { "path": "/", "port": 80, "scheme": "HTTP" },
        "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
    });
    check_stored(Kind::Pod, probe, "/spec/containers/0/livenessProbe", filled);
    let host = "spec: {hostNetwork: true, containers: [{name: a, image: b, ports: [{containerPort: 80}]}]}";
    let port = json!({ "containerPort": 80, "hostPort": 80, "protocol": "TCP" });
    check_stored(Kind::Pod, host, "/spec/containers/0/ports/0", port);
}

#[test]
fn pods_are_validated() {
    let pod = |spec: &str, expected: &[&str]| check(Kind::Pod, &format!("spec: {spec}"), expected);
    pod("{}", &["spec.containers: Required value"]);
    pod(
        "{restartPolicy: Maybe, dnsPolicy: None, containers: [{name: A, image: b}]}",
        &[
            "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"",
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ],
    );
    pod(
        "{containers: [{name: a, image: b, volumeMounts: [{name: v, mountPath: /v}], resources: {requests: {cpu: 2, gpu: 1, example.com/gpu: 1}, limits: {cpu: 1}}}]}",
        &[
            "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
            "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified",
            "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource for containers",
        ],
    );
    pod(
        "{containers: [{name: a, image: b}], initContainers: [{name: a, image: b, readinessProbe: {exec: {command: [x]}}}]}",
        &[
            "spec.initContainers[0].name: Duplicate value: \"a\"",
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
    pod(
        "{containers: [{name: a, image: b, env: [{name: X, valueFrom: {}}, {name: 'a=', valueFrom: {fieldRef: {fieldPath: spec.restartPolicy}}}]}]}",
        &[
            "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            "spec.containers[0].env[1].name: Invalid value: \"a=\": a valid environment variable name must consist only of printable ASCII characters other than '='",
            "spec.containers[0].env[1].valueFrom.fieldRef.fieldPath: Unsupported value: \"spec.restartPolicy\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
        ],
    );
    pod(
        "{containers: [{name: a, image: b}], volumes: [{name: v, secret: {items: [{key: k, path: ../x}]}}, {name: w, configMap: {name: c, defaultMode: 1000}}]}",
        &[
            "spec.volumes[0].secret.secretName: Required value",
            "spec.volumes[0].secret.items[0].path: Invalid value: \"../x\": must not contain '..'",
            "spec.volumes[1].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
        ],
    );
    pod(
        "{containers: [{name: a, image: b, securityContext: {runAsUser: -1, privileged: true, allowPrivilegeEscalation: false}}], tolerations: [{key: a, operator: Like}]}",
        &[
            "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            "spec.containers[0].securityContext: Invalid value: {\"AllowPrivilegeEscalation\":false,\"Privileged\":true,\"RunAsUser\":-1}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            "spec.tolerations[0].operator: Unsupported value: \"Like\": supported values: \"Equal\", \"Exists\"",
        ],
    );
}

#[test]
fn little_of_a_pod_can_change() {
    let old = "spec: {nodeName: n, containers: [{name: a, image: b}]}";
    let update = |new: &str, expected: &[&str]| check_update(Kind::Pod, old, new, expected);
    update("spec: {nodeName: n, containers: [{name: a, image: c}], tolerations: [{operator: Exists}]}", &[]);
    update("spec: {nodeName: n, containers: [{name: a, image: b}], activeDeadlineSeconds: 5}", &[]);
    update(
        "spec: {nodeName: m, containers: [{name: a, image: b}]}",
        &[
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  core.PodSpec{\n- \tNodeName: \"n\",\n+ \tNodeName: \"m\",\n  \t... // 7 identical fields\n  }\n",
        ],
    );
}

#[test]
fn generations_count_what_is_wanted() {
    let yaml = |replicas: i32, note: &str| {
        format!(
            "{{metadata: {{annotations: {{note: '{note}'}}}}, spec: {{replicas: {replicas}, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: a, image: b}}]}}}}}}}}"
        )
    };
    for (kind, replicas, note, generation) in [
        (Kind::Deployment, 1, "a", 1),
        (Kind::Deployment, 2, "a", 2),
        (Kind::Deployment, 1, "b", 2),
        (Kind::ReplicaSet, 2, "a", 2),
        (Kind::ReplicaSet, 1, "b", 1),
    ] {
        let old = created(kind, &yaml(1, "a"));
        let mut new = object(kind, &yaml(replicas, note));
        (kind.info().prepare_update)(&mut new, &old);
        assert_eq!(new.meta().generation, Some(generation), "{kind:?} {replicas} {note}");
    }
}

#[test]
fn a_status_update_changes_no_spec() {
    let old = created(Kind::Pod, "spec: {containers: [{name: a, image: b}]}");
    let mut new = object(Kind::Pod, "{spec: {containers: [{name: z, image: z}]}, status: {phase: Running}}");
    new.meta_mut().resource_version = Some("1".to_owned());
    (Kind::Pod.info().prepare_status)(&mut new, &old);
    let (value, before) = (new.to_value(), old.to_value());
    assert_eq!(value["spec"], before["spec"]);
    assert_eq!(value["status"], json!({ "phase": "Running", "qosClass": "BestEffort" }));
    assert!((Kind::Pod.info().validate_status)(&new, &old).is_empty());
}

#[test]
fn configuration_can_be_frozen() {
    check_update(
        Kind::ConfigMap,
        "{immutable: true, data: {a: b}}",
        "data: {a: c}",
        &[
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set",
        ],
    );
    check_update(Kind::ConfigMap, "data: {a: b}", "data: {a: c}", &[]);
    check_update(
        Kind::Secret,
        "{immutable: true, stringData: {a: b}}",
        "{immutable: true, stringData: {a: c}}",
        &["data: Forbidden: field is immutable when `immutable` is set"],
    );
    check_stored(Kind::Secret, "{data: {a: YQ==}, stringData: {b: b}}", "/data", json!({ "a": "YQ==", "b": "Yg==" }));
    check_stored(Kind::Secret, "{}", "/type", json!("Opaque"));
    check(Kind::Secret, "type: kubernetes.io/tls", &["data[tls.crt]: Required value", "data[tls.key]: Required value"]);
    check(
        Kind::Secret,
        "{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '[]'}}",
        &[
            "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": json: cannot unmarshal array into Go value of type map[string]interface {}",
        ],
    );
}

#[test]
fn metadata_is_validated() {
    let meta = |meta: &str, expected: &[&str]| check(Kind::ConfigMap, &format!("metadata: {meta}"), expected);
    meta(
        "{finalizers: [foo]}",
        &[
            "metadata.finalizers[0]: Invalid value: \"foo\": name is neither a standard finalizer name nor is it fully qualified",
        ],
    );
    meta("{finalizers: [example.com/foo]}", &[]);
    meta(
        "{ownerReferences: [{kind: Pod, name: p, uid: u}]}",
        &["metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty"],
    );
    meta(
        "{ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u, controller: true}, {apiVersion: v1, kind: Pod, name: q, uid: u, controller: true}]}",
        &[
            "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\",\"controller\":true},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"q\",\"uid\":\"u\",\"controller\":true}]: Only one reference can have Controller set to true. Found \"true\" in references for Pod/p and Pod/q",
        ],
    );
    let long = "x".repeat(256 * 1024);
    meta(
        &format!("{{annotations: {{a: {long}}}}}"),
        &["metadata.annotations: Too long: may not be more than 262144 bytes"],
    );
    let old = "metadata: {uid: a}";
    check_update(
        Kind::ConfigMap,
        old,
        "metadata: {uid: b}",
        &["metadata.uid: Invalid value: \"b\": field is immutable"],
    );
    check_update(Kind::ConfigMap, old, "{}", &[]);
    check(Kind::Namespace, "metadata: {namespace: a}", &["metadata.namespace: Forbidden: not allowed on this type"]);
}

#[test]
fn namespaces_and_nodes() {
    check_stored(Kind::Namespace, "{}", "/spec", json!({ "finalizers": ["kubernetes"] }));
    check_stored(Kind::Namespace, "{}", "/status", json!({ "phase": "Active" }));
    check_stored(Kind::Namespace, "{}", "/metadata/labels", json!({ "kubernetes.io/metadata.name": "x" }));
    check_field(Kind::Namespace, "{}", "status.phase", "Active");
    let node = "status: {capacity: {cpu: 4000m, memory: 8192Mi}}";
    check_stored(Kind::Node, node, "/status/allocatable", json!({ "cpu": "4", "memory": "8Gi" }));
    check_field(Kind::Node, "spec: {unschedulable: true}", "spec.unschedulable", "true");
    check_field(Kind::Node, "{}", "spec.unschedulable", "false");
    check(
        Kind::Node,
        "spec: {taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoSchedule}, {key: b}]}",
        &[
            "metadata.taints[1]: Duplicate value: {\"Key\":\"a\",\"Value\":\"\",\"Effect\":\"NoSchedule\",\"TimeAdded\":null}: taints must be unique by key and effect pair",
            "metadata.taints[2].effect: Required value",
        ],
    );
    check_update(
        Kind::Node,
        "spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24]}",
        "spec: {podCIDRs: [10.0.1.0/24]}",
        &["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"],
    );
    check_update(
        Kind::Node,
        "spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24]}",
        "spec: {podCIDR: 1.2.3.0/24, podCIDRs: [10.0.0.0/24]}",
        &["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"],
    );
    check_stored(Kind::Node, "spec: {podCIDR: 10.0.0.0/24}", "/spec/podCIDRs", json!(["10.0.0.0/24"]));
    check_stored(Kind::Node, "spec: {podCIDRs: [10.0.0.0/24]}", "/spec/podCIDR", json!("10.0.0.0/24"));
    check_update(
        Kind::Node,
        "spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24]}",
        "spec: {podCIDR: 10.0.0.0/24}",
        &[],
    );
}

#[test]
fn services() {
    let service = |spec: &str, expected: &[&str]| check(Kind::Service, &format!("spec: {spec}"), expected);
    service("{ports: [{port: 80}]}", &[]);
    service("{clusterIP: None, selector: {a: b}}", &[]);
    service(
        "{clusterIP: 10.0.0.300, ports: [{port: 80}]}",
        &[
            "spec.clusterIPs[0]: Invalid value: \"10.0.0.300\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ],
    );
    service(
        "{ports: [{port: 80}, {port: 80}]}",
        &[
            "spec.ports[0].name: Required value",
            "spec.ports[1].name: Required value",
            "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
        ],
    );
    service(
        "{type: External, externalTrafficPolicy: Local, ports: [{port: 80}]}",
        &[
            "spec.type: Unsupported value: \"External\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
        ],
    );
    let node_port = "spec: {type: NodePort, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30001}]}";
    let mut new = object(Kind::Service, "spec: {type: NodePort, ports: [{port: 81}]}");
    (Kind::Service.info().prepare_update)(&mut new, &created(Kind::Service, node_port));
    let value = new.to_value();
    assert_eq!(value["spec"]["clusterIPs"], json!(["10.0.0.1"]));
    assert_eq!(value["spec"]["ports"][0]["nodePort"], 30001);
    check_field(Kind::Service, node_port, "spec.type", "NodePort");
    check_stored(Kind::Service, node_port, "/status", json!({ "loadBalancer": {} }));
}

#[test]
fn workloads() {
    let template = "{metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}";
    let deployment =
        |rest: &str| format!("spec: {{{rest}, selector: {{matchLabels: {{a: b}}}}, template: {template}}}");
    check_stored(
        Kind::Deployment,
        &deployment("paused: true"),
        "/spec/strategy",
        json!({
            "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" }, "type": "RollingUpdate",
        }),
    );
    check_stored(Kind::Deployment, &deployment("paused: true"), "/spec/progressDeadlineSeconds", json!(600));
    check(
        Kind::Deployment,
        &deployment("replicas: -1, minReadySeconds: 700"),
        &[
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
        ],
    );
    check(
        Kind::Deployment,
        &deployment("strategy: {rollingUpdate: {maxSurge: lots, maxUnavailable: 101%}}"),
        &[
            "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"lots\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ],
    );
    check(
        Kind::Deployment,
        &deployment("strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"),
        &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    );
    check(
        Kind::ControllerRevision,
        "revision: -1",
        &["data: Required value: data is mandatory", "revision: Invalid value: -1: must be greater than or equal to 0"],
    );
}

#[test]
fn endpoints_and_slices() {
    check(
        Kind::Endpoints,
        "subsets: [{ports: [{port: 0}, {port: 70000, name: A}]}, {addresses: [{ip: 127.0.0.1, hostname: a.b, nodeName: N}]}]",
        &[
            "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
            "subsets[0].ports[0].name: Required value",
            "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "subsets[0].ports[1].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "subsets[0].ports[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "subsets[1].addresses[0].hostname: Invalid value: \"a.b\": must not contain dots",
            "subsets[1].addresses[0].nodeName: Invalid value: \"N\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            "subsets[1].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
        ],
    );
    check_stored(
        Kind::Endpoints,
        "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]",
        "/subsets/0/ports/0/protocol",
        json!("TCP"),
    );
    let slice = "{addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 80}]}";
    check(Kind::EndpointSlice, slice, &[]);
    check_stored(Kind::EndpointSlice, slice, "/ports/0", json!({ "name": "", "port": 80, "protocol": "TCP" }));
    check_stored(Kind::EndpointSlice, "addressType: IPv4", "/endpoints", Value::Null);
    check_update(
        Kind::EndpointSlice,
        slice,
        "{addressType: IPv6, endpoints: [{addresses: ['2001:db8::1']}], ports: [{port: 80}]}",
        &["addressType: Invalid value: \"IPv6\": field is immutable"],
    );
    check(
        Kind::EndpointSlice,
        "{addressType: IP, endpoints: [{addresses: []}, {addresses: [x], hints: {forZones: [{name: a}, {name: a}]}}], ports: [{name: a}, {name: a, protocol: X}]}",
        &[
            "addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
            "endpoints[0].addresses: Required value: must contain at least 1 address",
            "endpoints[1].hints.forZones[1].name: Duplicate value: \"a\"",
            "ports[1].name: Duplicate value: \"a\"",
            "ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ],
    );
    check(
        Kind::EndpointSlice,
        "{addressType: IPv6, endpoints: [{addresses: [10.0.0.1]}]}",
        &["endpoints[0].addresses[0]: Invalid value: \"10.0.0.1\": must be a valid IPv6 address"],
    );
    check(
        Kind::EndpointSlice,
        "{addressType: FQDN, endpoints: [{addresses: [a, example.com]}]}",
        &[
            "endpoints[0].addresses[0]: Invalid value: \"a\": should be a domain with at least two segments separated by dots",
        ],
    );
}

#[test]
fn small_kinds() {
    check(
        Kind::Binding,
        "target: {kind: Pod}",
        &[
            "target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"",
            "target.name: Required value",
        ],
    );
    check(
        Kind::Lease,
        "spec: {leaseDurationSeconds: 0}",
        &["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    );
    check_stored(Kind::ServiceAccount, "secrets: [{name: a, kind: Secret}]", "/secrets", json!([{ "name": "a" }]));
    check(
        Kind::Event,
        "{involvedObject: {namespace: other}}",
        &["involvedObject.namespace: Invalid value: \"other\": does not match event.namespace"],
    );
    check_field(Kind::Event, "{involvedObject: {name: p}, source: {component: c}}", "source", "c");
    check_field(Kind::Event, "{involvedObject: {name: p}, reportingComponent: r}", "source", "r");
    let event = "{regarding: {name: p, namespace: default}, reportingController: a.b/c, reportingInstance: i, action: Do, reason: R, type: Odd, eventTime: '2024-01-01T00:00:00.000000Z'}";
    check(Kind::EventsV1Event, event, &["type: Invalid value: \"\": has invalid value: Odd"]);
    check_field(Kind::EventsV1Event, event, "regarding.name", "p");
    check_update(
        Kind::EventsV1Event,
        event,
        &event.replace("reason: R", "reason: S"),
        &["reason: Invalid value: \"S\": field is immutable"],
    );
    check_field(Kind::Pod, "spec: {hostNetwork: true, nodeName: n}", "spec.hostNetwork", "true");
    check_field(Kind::Pod, "spec: {nodeName: n}", "spec.nodeName", "n");
    check_field(Kind::Pod, "{}", "status.phase", "Pending");
}

#[test]
fn quantities_that_do_not_parse_are_found() {
    for (yaml, expected) in [
        ("spec: {containers: [{name: a, resources: {limits: {memory: 1Gi}}}]}", None),
        (
            "spec: {containers: [{name: a, resources: {limits: {memory: 100MB}}}]}",
            Some("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ),
        (
            "spec: {containers: [{name: a, resources: {requests: {memory: 64MiM}}}]}",
            Some("unable to parse quantity's suffix"),
        ),
        (
            "spec: {containers: [], volumes: [{name: v, emptyDir: {sizeLimit: 1K}}]}",
            Some("unable to parse quantity's suffix"),
        ),
    ] {
        // Decoding refuses them, as upstream: no later stage meets one.
        let value: Value = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
        let found = Object::from_value(Kind::Pod, &value, &mut |_| {}).err().map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected, "{yaml}");
    }
}

#[test]
fn a_core_event_needs_a_name_that_fits_a_path() {
    let mut event = object(Kind::Event, "{}");
    event.meta_mut().name = Some("a/b".to_owned());
    let found = lines(&(Kind::Event.info().validate)(&event));
    assert_eq!(found, ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]);
}

#[test]
fn volumes_classes_and_attachments() {
    let volume = |more: &str| format!("{{spec: {{accessModes: [ReadWriteOnce], capacity: {{storage: 1Gi}}, {more}}}}}");
    check(Kind::PersistentVolume, &volume("hostPath: {path: /data}"), &[]);
    check(
        Kind::PersistentVolume,
        "{spec: {}}",
        &[
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            "spec.capacity: Unsupported value: {}: supported values: \"storage\"",
            "spec: Required value: must specify a volume type",
        ],
    );
    check(
        Kind::PersistentVolume,
        &volume("local: {path: /data}, nfs: {server: a, path: /b}"),
        &["spec.local: Forbidden: may not specify more than 1 volume type"],
    );
    check(
        Kind::PersistentVolume,
        &volume("local: {path: /data}"),
        &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    );
    check(
        Kind::PersistentVolume,
        &volume("hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle"),
        &["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    );
    check(
        Kind::PersistentVolume,
        &volume("csi: {driver: d.io}, volumeMode: Blob, persistentVolumeReclaimPolicy: Keep"),
        &[
            "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
            "spec.csi.volumeHandle: Required value",
            "spec.volumeMode: Unsupported value: \"Blob\": supported values: \"Block\", \"Filesystem\"",
        ],
    );
    check_stored(
        Kind::PersistentVolume,
        &volume("hostPath: {path: /data}"),
        "/spec/persistentVolumeReclaimPolicy",
        json!("Retain"),
    );
    check_stored(Kind::PersistentVolume, &volume("hostPath: {path: /data}"), "/spec/hostPath/type", json!(""));
    check_stored(Kind::StorageClass, "provisioner: a/b", "/volumeBindingMode", json!("Immediate"));
    check(
        Kind::StorageClass,
        "{provisioner: a b, reclaimPolicy: Recycle, volumeBindingMode: Never}",
        &[
            "provisioner: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            "volumeBindingMode: Unsupported value: \"Never\": supported values: \"Immediate\", \"WaitForFirstConsumer\"",
        ],
    );
    check(
        Kind::VolumeAttachment,
        "{spec: {attacher: \"\", nodeName: n, source: {}}}",
        &[
            "spec.attacher: Required value",
            "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            "spec.attacher: Required value",
            "spec.attacher: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ],
    );
    check(
        Kind::CSINode,
        "{spec: {drivers: [{name: d.io, nodeID: n, allocatable: {count: -1}}, {name: d.io, nodeID: \"\"}]}}",
        &[
            "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
            "spec.drivers[1].nodeID: Required value",
            "spec.drivers[1].name: Duplicate value: \"d.io\"",
        ],
    );
    check_stored(Kind::CSIDriver, "{spec: {}}", "/spec/attachRequired", json!(true));
}
