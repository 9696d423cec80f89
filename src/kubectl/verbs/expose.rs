//! `kubectl expose`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/expose. Leaves out: `--overrides`, ports of several protocols.

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Body, Method};
use crate::sim::Gather;

use super::super::builder::{Choice, FILE_FLAGS, Info, infos, value};
use super::super::changes::{DRY_RUN, WRITE_FLAGS, dry_run, pod_spec_pointer};
use super::super::discovery::resource;
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("cluster-ip", Takes::Text, "ClusterIP to be assigned to the service."),
    flag(
        "external-ip",
        Takes::Text,
        "Additional external IP address (not managed by Kubernetes) to accept for the service.",
    ),
    short("labels", 'l', Takes::Text, "Labels to apply to the service created by this call."),
    flag("name", Takes::Text, "The name for the newly created object."),
    flag("port", Takes::Text, "The port that the service should serve on."),
    flag("protocol", Takes::Text, "The network protocol for the service to be created. Default is 'TCP'."),
    flag("selector", Takes::Text, "A label selector to use for this service."),
    flag(
        "session-affinity",
        Takes::Text,
        "If non-empty, set the session affinity for the service to this; legal values: 'None', 'ClientIP'",
    ),
    flag(
        "target-port",
        Takes::Text,
        "Name or number for the port on the container that the service should direct traffic to.",
    ),
    flag(
        "type",
        Takes::Text,
        "Type for this service: ClusterIP, NodePort, LoadBalancer, or ExternalName. Default is 'ClusterIP'.",
    ),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "expose",
    short: "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    usage: "expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type] [options]",
    flags: &[FLAGS, FILE_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    let (infos, mut failures) = infos(io, args, &args.args, Choice::default())?;
    for info in &infos {
        let object = service(args, info)?;
        let made = Info {
            resource: resource(io, "services")?,
            namespace: info.namespace.clone(),
            name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            value: object.into(),
            source: String::new(),
        };
        if dry.client {
            print_result(io, args, &made, &made.value, "exposed")?;
            continue;
        }
        let path = made.resource.path(&made.namespace, "");
        let manager = args.text("field-manager").unwrap_or("kubectl-expose");
        let sent = io.ask(|| {
            let request = Request::new(Method::Post, path.as_str()).body(Body::Json(made.value.clone()));
            dry.mark(request.with("fieldManager", manager))
        });
        match attempt(sent)? {
            Ok(response) => print_result(io, args, &made, &value(&response), "exposed")?,
            Err(failure) => failures.push(failure),
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// Labels the service selects its pods by.
fn selector(args: &Args, info: &Info) -> Result<Value, Stop> {
    if let Some(given) = args.text("selector").filter(|given| !given.is_empty()) {
        let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
        return Ok(Value::Object(pairs.map(|(key, value)| (key.to_owned(), json!(value))).gather()));
    }
    let pointer = match info.resource.kind.as_str() {
        "Pod" => "/metadata/labels",
        "Service" => "/spec/selector",
        "Deployment" | "ReplicaSet" => "/spec/selector/matchLabels",
        "ReplicationController" => "/spec/selector",
        _ => return fail(format!("cannot expose a {}", info.resource.group_kind())),
    };
    match info.value.pointer(pointer) {
        Some(labels) if labels.as_object().is_some_and(|labels| !labels.is_empty()) => Ok(labels.clone()),
        _ if info.resource.kind == "Service" => fail(
            "couldn't retrieve selectors via --selector flag or introspection: the service has no pod selector set",
        ),
        _ => fail(
            "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed",
        ),
    }
}

/// The ports of all containers.
fn introspected(info: &Info) -> Vec<i64> {
    let pointer = pod_spec_pointer(&info.resource.kind).map(|pointer| format!("{pointer}/containers"));
    let containers = pointer.and_then(|pointer| info.value.pointer(&pointer)).and_then(Value::as_array);
    let ports = containers.into_iter().flatten().flat_map(|one| one["ports"].as_array().into_iter().flatten());
    ports.filter_map(|port| port["containerPort"].as_i64()).collect()
}

fn service(args: &Args, info: &Info) -> Result<Value, Stop> {
    let selector = selector(args, info)?;
    let given: Vec<String> =
        args.text_or_empty("port").split(',').filter(|port| !port.is_empty()).map(str::to_owned).collect();
    let given = match given.is_empty() {
        true => introspected(info).iter().map(ToString::to_string).collect(),
        false => given,
    };
    if given.is_empty() {
        return fail("couldn't find port via --port flag or introspection");
    }
    let mut ports = Vec::new();
    for (index, port) in given.iter().enumerate() {
        let Ok(number) = port.parse::<u16>() else {
            return fail(format!("strconv.Atoi: parsing \"{port}\": invalid syntax"));
        };
        let target = match args.text("target-port") {
            Some(target) => target.parse::<u16>().map_or_else(|_| json!(target), |number| json!(number)),
            None => json!(number),
        };
        let mut entry =
            json!({"port": number, "protocol": args.text("protocol").unwrap_or("TCP"), "targetPort": target});
        if given.len() > 1 {
            entry["name"] = json!(format!("port-{}", index + 1));
        }
        ports.push(entry);
    }
    let labels = match args.text("labels").filter(|labels| !labels.is_empty()) {
        Some(given) => {
            let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
            Value::Object(pairs.map(|(key, value)| (key.to_owned(), json!(value))).gather())
        }
        None => info.value["metadata"]["labels"].clone(),
    };
    let name = args.text("name").filter(|name| !name.is_empty()).unwrap_or(&info.name);
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"creationTimestamp": null, "name": name},
        "spec": {"ports": ports, "selector": selector},
        "status": {"loadBalancer": {}},
    });
    if !labels.is_null() {
        object["metadata"]["labels"] = labels;
    }
    if args.namespace_given() {
        object["metadata"]["namespace"] = json!(info.namespace);
    }
    for (flag, field) in [("type", "type"), ("cluster-ip", "clusterIP"), ("session-affinity", "sessionAffinity")] {
        if let Some(value) = args.text(flag).filter(|value| !value.is_empty()) {
            object["spec"][field] = json!(value);
        }
    }
    if let Some(address) = args.text("external-ip").filter(|address| !address.is_empty()) {
        object["spec"]["externalIPs"] = json!([address]);
    }
    Ok(object)
}
