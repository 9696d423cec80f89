//! Bodies that kubectl 1.32 sent, and what is left of them when they are damaged.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::read_body;
use super::schema::{SCHEMA, Shape, Type};
use crate::api::decode::{FieldValidation, decode_object};
use crate::api::{Kind, find_kind};

/// Bodies of the requests of kubectl 1.32.4, as they came over the wire:
/// `create deployment web --image=nginx:1.25 --replicas=3 --port=80`
const DEPLOYMENT: &[u8] = include_bytes!("golden/deployment.pb");
/// `create deployment zero --image=nginx --replicas=0 -- sleep 1`
const DEPLOYMENT_ZERO: &[u8] = include_bytes!("golden/deployment_zero.pb");
/// `create namespace team-a`
const NAMESPACE: &[u8] = include_bytes!("golden/namespace.pb");
/// `create configmap settings --from-literal=color=blue --from-literal=size=3`
const CONFIG_MAP: &[u8] = include_bytes!("golden/configmap.pb");
/// `create secret generic db --from-literal=password=hunter2`
const SECRET: &[u8] = include_bytes!("golden/secret.pb");
/// `create service clusterip web --tcp=80:8080`
const CLUSTER_IP: &[u8] = include_bytes!("golden/service_clusterip.pb");
/// `create service nodeport np --tcp=80 --node-port=30080`
const NODE_PORT: &[u8] = include_bytes!("golden/service_nodeport.pb");
/// `create serviceaccount robot`
const SERVICE_ACCOUNT: &[u8] = include_bytes!("golden/serviceaccount.pb");
/// `create token robot`
const TOKEN_REQUEST: &[u8] = include_bytes!("golden/tokenrequest.pb");

const ALL: &[&[u8]] = &[
    CLUSTER_IP,
    CONFIG_MAP,
    DEPLOYMENT,
    DEPLOYMENT_ZERO,
    NAMESPACE,
    NODE_PORT,
    SECRET,
    SERVICE_ACCOUNT,
    TOKEN_REQUEST,
];

#[track_caller]
fn check(body: &[u8], expected: &Value) {
    let read = read_body(None, body).unwrap_or_else(|status| panic!("{}", status.message));
    assert_eq!(&read, expected);
    // What the registry has must take it as it is.
    let (api_version, kind) = (read["apiVersion"].as_str().unwrap_or(""), read["kind"].as_str().unwrap_or(""));
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    if let Some(info) = find_kind(group, version, kind) {
        let decoded = decode_object(info, &read, FieldValidation::Strict);
        assert!(decoded.is_ok_and(|(_, warnings)| warnings.is_empty()), "{kind} decodes without a warning");
    }
}

fn deployment(name: &str, replicas: u32, container: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
        "status": {},
    })
}

#[test]
fn what_kubectl_creates() {
    let ports = json!([{"containerPort": 80}]);
    check(
        DEPLOYMENT,
        &deployment("web", 3, &json!({"name": "nginx", "image": "nginx:1.25", "ports": ports, "resources": {}})),
    );
    // The zero is a pointer's, so it is meant.
    check(
        DEPLOYMENT_ZERO,
        &deployment("zero", 0, &json!({"name": "nginx", "image": "nginx", "command": ["sleep", "1"], "resources": {}})),
    );
    check(
        NAMESPACE,
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}, "spec": {}, "status": {}}),
    );
    let data = json!({"color": "blue", "size": "3"});
    check(
        CONFIG_MAP,
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}),
    );
    check(
        SECRET,
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}),
    );
    check(SERVICE_ACCOUNT, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}));
    check(
        TOKEN_REQUEST,
        &json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "metadata": {}, "spec": {}, "status": {},
        }),
    );
}

#[test]
fn services() {
    let service = |name: &str, kind: &str, port: &Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"ports": [port], "selector": {"app": name}, "type": kind},
            "status": {"loadBalancer": {}},
        })
    };
    let port = json!({"name": "80-8080", "protocol": "TCP", "port": 80, "targetPort": 8080});
    check(CLUSTER_IP, &service("web", "ClusterIP", &port));
    let port = json!({"name": "80", "protocol": "TCP", "port": 80, "targetPort": 80, "nodePort": 30080});
    check(NODE_PORT, &service("np", "NodePort", &port));
}

/// A field of wire type 2.
fn part(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(content.len()).expect("test messages are short")];
    field.extend_from_slice(content);
    field
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [part(1, api_version.as_bytes()), part(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), part(1, &meta), part(2, raw)].concat()
}

#[test]
fn messages_that_json_writes_as_values() {
    // 2023-11-14T22:13:20Z and half a second.
    let time = [0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
    let lease = part(2, &[part(1, b""), part(4, &time), vec![0x28, 0x00]].concat());
    let metadata = part(1, &part(8, &time));
    check(
        &body("coordination.k8s.io/v1", "Lease", &[metadata, lease].concat()),
        &json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"creationTimestamp": "2023-11-14T22:13:20Z"},
            "spec": {"holderIdentity": "", "renewTime": "2023-11-14T22:13:20.500000Z", "leaseTransitions": 0},
        }),
    );
    let capacity = part(1, &[part(1, b"cpu"), part(2, &part(1, b"1500m"))].concat());
    check(
        &body("v1", "Node", &part(3, &capacity)),
        &json!({"apiVersion": "v1", "kind": "Node", "status": {"capacity": {"cpu": "1500m"}}}),
    );
    let data = part(2, &part(1, br#"{"spec":{"replicas":0}}"#));
    check(
        &body("apps/v1", "ControllerRevision", &[data, vec![0x18, 0x00]].concat()),
        &json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "data": {"spec": {"replicas": 0}}, "revision": 0,
        }),
    );
    let surge = part(2, &part(4, &part(2, &part(2, &[vec![0x08, 0x01, 0x10, 0x00], part(3, b"25%")].concat()))));
    check(
        &body("apps/v1", "Deployment", &surge),
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}},
        }),
    );
}

#[test]
fn embedded_messages_and_numbers() {
    // An emptyDir is a pointer: empty, and there.
    let volumes = part(1, &[part(1, b"scratch"), part(2, &part(2, &part(1, b"")))].concat());
    // Two alone, two packed.
    let groups = part(14, &[vec![0x20, 0x05, 0x20, 0x06], part(4, &[0x07, 0x08])].concat());
    check(
        &body("v1", "Pod", &part(2, &[volumes, groups].concat())),
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "spec": {
                "volumes": [{"name": "scratch", "emptyDir": {}}],
                "securityContext": {"supplementalGroups": [5, 6, 7, 8]},
            },
        }),
    );
    check(
        &body("v1", "DeleteOptions", &[vec![0x08, 0x00], part(4, b"Foreground")].concat()),
        &json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "gracePeriodSeconds": 0, "propagationPolicy": "Foreground",
        }),
    );
}

#[track_caller]
fn refused(body: &[u8], expected: &str) {
    let status = read_body(Some(Kind::Deployment.info()), body).expect_err("it is no body");
    assert_eq!((status.reason.code(), status.message.as_str()), (400, expected));
}

#[test]
fn malformed_bodies() {
    let unrecognized = "the object provided is unrecognized (must be of type Deployment)";
    refused(b"", &format!("{unrecognized}: empty data (<empty>)"));
    refused(
        b"{}",
        &format!(
            "{unrecognized}: provided data does not appear to be a protobuf message, expected prefix \
             [107 56 115 0] (7b7d)"
        ),
    );
    refused(b"k8s\0", &format!("{unrecognized}: empty body (6b387300)"));
    refused(b"k8s\0\x0a\x05", &format!("{unrecognized}: unexpected EOF (6b3873000a05)"));
    refused(
        &DEPLOYMENT[..DEPLOYMENT.len() - 20],
        &format!("{unrecognized}: unexpected EOF (6b3873000a150a07617070732f7631120a4465706c6f796d656e7412bd01 ...)"),
    );
    let cannot = "Deployment in version \"v1\" cannot be handled as a Deployment";
    refused(&body("apps/v1", "Deployment", &[0x12, 0x05]), &format!("{cannot}: unexpected EOF"));
    refused(
        &body("apps/v1", "Deployment", &[0x10, 0x05]),
        &format!("{cannot}: proto: wrong wireType = 0 for field Spec"),
    );
    refused(
        &body("apps/v1", "Deployment", &[0x02, 0x00]),
        &format!("{cannot}: proto: Deployment: illegal tag 0 (wire type 2)"),
    );
    refused(
        &body("apps/v1", "Deployment", &[0x0c]),
        &format!("{cannot}: proto: Deployment: wiretype end group for non-group"),
    );
    refused(&body("apps/v1", "Deployment", &[0xff; 12]), &format!("{cannot}: proto: integer overflow"));
    refused(
        &body("example.com/v1", "Cat", &[]),
        "Cat in version \"v1\" cannot be handled as a Deployment: no kind \"Cat\" is registered for version \
         \"example.com/v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
    );
    // A part is no kind.
    assert!(SCHEMA.kind("apps/v1", "DeploymentSpec").is_none());
}

/// A body of 3 MiB that only opens groups takes no stack.
#[test]
fn deep_groups() {
    let raw = vec![0x7b; 1 << 20];
    let status = read_body(None, &[b"k8s\0".to_vec(), raw].concat()).expect_err("no group is closed");
    assert_eq!(status.message, "unexpected EOF");
}

/// Damaged bodies are read or refused, and never more.
#[test]
fn damaged_bodies() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    println!("reproduce: SEED={seed} cargo test --lib --features native protobuf");
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    for golden in ALL {
        for end in 0..golden.len() {
            drop(read_body(None, &golden[..end]));
        }
        for _ in 0..2_000 {
            let mut damaged = golden.to_vec();
            for _ in 0..rng.random_range(1..=4_u32) {
                let at = rng.random_range(0..damaged.len());
                damaged[at] = rng.random();
            }
            damaged.truncate(rng.random_range(damaged.len() / 2..=damaged.len()));
            match read_body(None, &damaged) {
                Ok(value) => assert!(value.is_object()),
                Err(status) => assert!(status.reason.code() == 400 && !status.message.is_empty()),
            }
        }
    }
}

/// Every name in the table is one of its rows, and no message holds itself: the depth of the stack is bounded.
#[test]
fn the_table_is_closed_and_has_no_cycles() {
    fn visit(name: &'static str, path: &mut Vec<&'static str>, done: &mut BTreeSet<&'static str>) {
        assert!(!path.contains(&name), "a cycle: {path:?} {name}");
        if done.contains(name) {
            return;
        }
        let message = SCHEMA.message(name).unwrap_or_else(|| panic!("{path:?} names {name}, which is no row"));
        path.push(name);
        for field in message.fields.values() {
            match (field.shape, field.of) {
                (_, Type::Message(part)) => visit(part, path, done),
                (shape, of) => assert!(shape != Shape::Embedded, "{name} embeds {of:?}"),
            }
        }
        path.pop();
        done.insert(name);
    }
    let mut done = BTreeSet::new();
    for (name, _) in SCHEMA.messages() {
        visit(name, &mut Vec::new(), &mut done);
    }
    for info in crate::api::KINDS {
        let api_version = info.api_version();
        assert!(SCHEMA.kind(&api_version, info.kind).is_some(), "{api_version} {} is in the table", info.kind);
    }
}
