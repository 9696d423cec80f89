//! Objects made from flags.

use base64::Engine;
use serde_json::{Map, Value, json};

use super::super::super::changes::{DRY_RUN, WRITE_FLAGS};
use super::super::super::errors::{Stop, fail};
use super::super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::super::io::Io;
use super::super::super::printing::PRINT_FLAGS;
use super::super::{PLAIN, Verb};
use super::{generated, name_of};

const DEPLOYMENT_FLAGS: &[Flag] = &[
    flag(
        "image",
        Takes::Slice,
        "Image names to run. A deployment can have multiple images set for multi-container pod.",
    ),
    flag("port", Takes::Int, "The containerPort that this deployment exposes."),
    short("replicas", 'r', Takes::Int, "Number of replicas to create. Default is 1."),
];
const DATA_FLAGS: &[Flag] = &[
    flag("append-hash", Takes::Bool, "Append a hash of the object to its name."),
    flag("from-env-file", Takes::Array, "Specify the path to a file to read lines of key=val pairs."),
    flag("from-file", Takes::Array, "Key file can be specified using its file path."),
    flag("from-literal", Takes::Array, "Specify a key and literal value to insert (i.e. mykey=somevalue)"),
];
const SECRET_FLAGS: &[Flag] = &[flag("type", Takes::Text, "The type of secret to create")];

/// `create deployment`.
pub const DEPLOYMENT: Verb = Verb {
    name: "deployment",
    aliases: &["deploy"],
    short: "Create a deployment with the specified name",
    usage: "create deployment NAME --image=image -- [COMMAND] [args...] [options]",
    flags: &[DEPLOYMENT_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    required: &["image"],
    run: deployment,
    ..PLAIN
};
/// `create namespace`.
pub const NAMESPACE: Verb = Verb {
    name: "namespace",
    aliases: &["ns"],
    short: "Create a namespace with the specified name",
    usage: "create namespace NAME [--dry-run=server|client|none] [options]",
    flags: &[PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: |io, args| {
        let (name, _) = name_of(args)?;
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"creationTimestamp": null, "name": name}, "spec": {}, "status": {},
        });
        generated(io, args, "namespaces", &name, object)
    },
    ..PLAIN
};
/// `create configmap`.
pub const CONFIGMAP: Verb = Verb {
    name: "configmap",
    aliases: &["cm"],
    short: "Create a config map from a local file, directory or literal value",
    usage: "create configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none] [options]",
    flags: &[DATA_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: config_map,
    ..PLAIN
};
/// `create secret`.
pub const SECRET: Verb = Verb {
    name: "secret",
    short: "Create a secret using a specified subcommand",
    usage: "create secret (docker-registry | generic | tls) [options]",
    verbs: &[&GENERIC],
    run: |io, args| {
        if let Some(word) = args.args.first() {
            return fail(format!("unknown command \"{word} {}\"", args.args[1..].join(" ")));
        }
        io.err(SECRET_HELP);
        Ok(1)
    },
    ..PLAIN
};
const GENERIC: Verb = Verb {
    name: "generic",
    short: "Create a secret from a local file, directory, or literal value",
    usage: "create secret generic NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none] [options]",
    flags: &[DATA_FLAGS, SECRET_FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: secret,
    ..PLAIN
};
/// `create serviceaccount`.
pub const SERVICE_ACCOUNT: Verb = Verb {
    name: "serviceaccount",
    aliases: &["sa"],
    short: "Create a service account with the specified name",
    usage: "create serviceaccount NAME [--dry-run=server|client|none] [options]",
    flags: &[PRINT_FLAGS, DRY_RUN, WRITE_FLAGS],
    run: |io, args| {
        let (name, _) = name_of(args)?;
        let object = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"creationTimestamp": null, "name": name},
        });
        generated(io, args, "serviceaccounts", &name, object)
    },
    ..PLAIN
};

const SECRET_HELP: &str = "Create a secret with specified type.

 A docker-registry type secret is for accessing a container registry.

 A generic type secret indicate an Opaque secret type.

 A tls type secret holds TLS certificate and its associated key.

Available Commands:
  docker-registry   Create a secret for use with a Docker registry
  generic           Create a secret from a local file, directory, or literal value
  tls               Create a TLS secret

Usage:
  kubectl create secret (docker-registry | generic | tls) [options]

Use \"kubectl create secret <command> --help\" for more information about a given command.
Use \"kubectl options\" for a list of global command-line options (applies to all commands).
";

/// The name of a container, from its image: `library/nginx:1.27` becomes `nginx`.
fn container_name(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    let clean: String =
        name.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    clean.trim_matches('-').to_owned()
}

fn deployment(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, command) = name_of(args)?;
    let images = args.list("image");
    if images.len() > 1 && !command.is_empty() {
        return fail("cannot specify multiple --image options and command");
    }
    let replicas = args.int("replicas").unwrap_or(1);
    let mut containers: Vec<Value> =
        images.iter().map(|image| json!({"image": image, "name": container_name(image), "resources": {}})).collect();
    if let Some(first) = containers.first_mut() {
        if let Some(port) = args.int("port").filter(|port| *port >= 0) {
            first["ports"] = json!([{"containerPort": port}]);
        }
        if !command.is_empty() {
            first["command"] = json!(command);
        }
    }
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"creationTimestamp": null, "labels": {"app": name}, "name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {},
            "template": {
                "metadata": {"creationTimestamp": null, "labels": {"app": name}},
                "spec": {"containers": containers},
            },
        },
        "status": {},
    });
    generated(io, args, "deployments", &name, object)
}

/// The pairs of `--from-literal`. Files are refused: there are none here.
fn literals(args: &Args, kind: &str, name: &str) -> Result<Map<String, Value>, Stop> {
    if let Some(file) = args.list("from-file").iter().chain(args.list("from-env-file")).next() {
        let file = file.split_once('=').map_or(file.as_str(), |(_, file)| file);
        return fail(format!("error reading {file}: no such file or directory"));
    }
    let mut data = Map::new();
    for pair in args.list("from-literal") {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return fail(format!("invalid literal source {pair}, expected key=value"));
        };
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if data.insert(key.to_owned(), json!(value)).is_some() {
            return fail(format!(
                "cannot add key \"{key}\", another key by that name already exists in Data for {kind} \"{name}\""
            ));
        }
    }
    Ok(data)
}

fn config_map(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let data = literals(args, "ConfigMap", &name)?;
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"creationTimestamp": null, "name": name},
    });
    if !data.is_empty() {
        object["data"] = Value::Object(data);
    }
    generated(io, args, "configmaps", &name, object)
}

fn secret(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let mut data = literals(args, "Secret", &name)?;
    for value in data.values_mut() {
        *value = json!(base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap_or_default()));
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"creationTimestamp": null, "name": name},
    });
    if !data.is_empty() {
        object["data"] = Value::Object(data);
    }
    if let Some(type_) = args.text("type").filter(|type_| !type_.is_empty()) {
        object["type"] = json!(type_);
    }
    generated(io, args, "secrets", &name, object)
}
