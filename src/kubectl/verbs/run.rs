//! `kubectl run`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/run. Leaves out: attaching, `--overrides`.

use serde_json::{Value, json};

use crate::api::Request;
use crate::api::http::{Body, Method};
use crate::sim::Gather;

use super::super::builder::{Info, value};
use super::super::changes::{DRY_RUN, WRITE_FLAGS, annotated, dry_run};
use super::super::discovery::resource;
use super::super::errors::{Stop, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("annotations", Takes::Array, "Annotations to apply to the pod."),
    flag("attach", Takes::Bool, "If true, wait for the Pod to start running, and then attach to the Pod."),
    flag(
        "command",
        Takes::Bool,
        "If true and extra arguments are present, use them as the 'command' field in the container.",
    ),
    flag("env", Takes::Array, "Environment variables to set in the container."),
    flag("expose", Takes::Bool, "If true, create a ClusterIP service associated with the pod. Requires `--port`."),
    flag("image", Takes::Text, "The image for the container to run."),
    flag("image-pull-policy", Takes::Text, "The image pull policy for the container."),
    short("labels", 'l', Takes::Text, "Comma separated labels to apply to the pod. Will override previous values."),
    flag("port", Takes::Text, "The port that this container exposes."),
    flag("privileged", Takes::Bool, "If true, run the container in privileged mode."),
    short("quiet", 'q', Takes::Bool, "If true, suppress prompt messages."),
    flag("restart", Takes::Text, "The restart policy for this Pod. Legal values [Always, OnFailure, Never]."),
    flag("rm", Takes::Bool, "If true, delete the pod after it exits."),
    short("stdin", 'i', Takes::Bool, "Keep stdin open on the container in the pod, even if nothing is attached."),
    short("tty", 't', Takes::Bool, "Allocate a TTY for the container in the pod."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "run",
    short: "Run a particular image on the cluster",
    usage: "run NAME --image=image [--env=\"key=value\"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...] [options]",
    flags: &[FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run,
    ..PLAIN
};

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let named = args.dash.unwrap_or(args.args.len());
    let Some(name) = args.args.first().filter(|_| named > 0) else {
        return args.usage("NAME is required for run");
    };
    let image = args.text_or_empty("image");
    if image.is_empty() {
        return fail("required flag(s) \"image\" not set");
    }
    let policy = args.text("restart").unwrap_or("Always");
    if !matches!(policy, "Always" | "OnFailure" | "Never") {
        return args.usage(format!("invalid restart policy: {policy}"));
    }
    if args.is("attach") || args.is("stdin") || args.is("tty") || args.is("rm") {
        return fail("attaching to a container is not available in this kubectl");
    }
    if args.is("expose") && !args.changed("port") {
        return args.usage("--port must be set when exposing a service");
    }
    if let Some(bad) = args.text_or_empty("labels").split(',').find(|pair| !pair.is_empty() && !pair.contains('=')) {
        return fail(format!("unexpected label spec: {bad}"));
    }
    let dry = dry_run(args)?;
    let pod = pod(args, name, image, policy)?;
    create(io, args, dry, "pods", name, pod)?;
    if args.is("expose") {
        let port: i64 = args.text_or_empty("port").parse().unwrap_or(0);
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"creationTimestamp": null, "name": name},
            "spec": {
                "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
                "selector": labels(args, name),
            },
            "status": {"loadBalancer": {}},
        });
        create(io, args, dry, "services", name, service)?;
    }
    Ok(0)
}

fn labels(args: &Args, name: &str) -> Value {
    let Some(given) = args.text("labels").filter(|given| !given.is_empty()) else { return json!({"run": name}) };
    let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
    Value::Object(pairs.map(|(key, value)| (key.to_owned(), json!(value))).gather())
}

fn pod(args: &Args, name: &str, image: &str, policy: &str) -> Result<Value, Stop> {
    let words = &args.args[1..];
    let mut container = json!({"image": image, "name": name, "resources": {}});
    if !words.is_empty() {
        container[if args.is("command") { "command" } else { "args" }] = json!(words);
    }
    let mut variables = Vec::new();
    for pair in args.list("env") {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return fail(format!("invalid env: {pair}"));
        };
        variables.push(json!({"name": key, "value": value}));
    }
    if !variables.is_empty() {
        container["env"] = Value::Array(variables);
    }
    if let Some(port) = args.text("port").filter(|port| !port.is_empty()) {
        let Ok(port) = port.parse::<i32>() else {
            return fail(format!("strconv.ParseInt: parsing \"{port}\": invalid syntax"));
        };
        container["ports"] = json!([{"containerPort": port}]);
    }
    if let Some(policy) = args.text("image-pull-policy") {
        container["imagePullPolicy"] = json!(policy);
    }
    if args.is("privileged") {
        container["securityContext"] = json!({"privileged": true});
    }
    let mut metadata = json!({"creationTimestamp": null, "labels": labels(args, name), "name": name});
    let annotations = args.list("annotations").iter().filter_map(|pair| pair.split_once('='));
    for (key, value) in annotations {
        metadata["annotations"][key] = json!(value);
    }
    Ok(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": policy},
        "status": {},
    }))
}

fn create(
    io: &mut Io<'_, '_>,
    args: &Args,
    dry: super::super::changes::DryRun,
    plural: &str,
    name: &str,
    mut object: Value,
) -> Result<(), Stop> {
    let resource = resource(io, plural)?;
    let namespace = args.namespace().to_owned();
    if args.namespace_given() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    if args.is("save-config") {
        object = annotated(&object).0;
    }
    let info = Info { resource, namespace, name: name.to_owned(), value: object.into(), source: String::new() };
    if dry.client {
        return print_result(io, args, &info, &info.value, "created");
    }
    let path = info.resource.path(&info.namespace, "");
    let manager = args.text("field-manager").unwrap_or("kubectl-run");
    let response = io.ask(|| {
        let request = Request::new(Method::Post, path.as_str()).body(Body::Json(info.value.clone()));
        dry.mark(request.with("fieldManager", manager))
    })?;
    print_result(io, args, &info, &value(&response), "created")
}
