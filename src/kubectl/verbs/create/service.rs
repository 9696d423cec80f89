//! `kubectl create service`.

use serde_json::{Value, json};

use crate::api::validation::errors::go_quote;
use crate::api::validation::names::port_name;

use super::super::super::changes::{DRY_RUN, WRITE_FLAGS};
use super::super::super::errors::{Stop, fail};
use super::super::super::flags::{Args, Flag, Takes, flag};
use super::super::super::io::Io;
use super::super::super::printing::PRINT_FLAGS;
use super::super::{PLAIN, Verb, help};
use super::{generated, name_of};

const FLAGS: &[Flag] = &[
    flag(
        "clusterip",
        Takes::Text,
        "Assign your own ClusterIP or set to 'None' for a 'headless' service (no loadbalancing).",
    ),
    flag("external-name", Takes::Text, "External name of service"),
    flag("node-port", Takes::Int, "Port used to expose the service on each node in a cluster."),
    flag("tcp", Takes::Slice, "Port pairs can be specified as '<port>:<targetPort>'."),
];

/// `create service`.
pub const SERVICE: Verb = Verb {
    name: "service",
    aliases: &["svc"],
    short: "Create a service using a specified subcommand",
    usage: "create service [flags] [options]",
    verbs: &[&CLUSTER_IP, &EXTERNAL_NAME, &LOAD_BALANCER, &NODE_PORT],
    run: |io, args| {
        io.err(help(&args.command, &SERVICE));
        Ok(1)
    },
    ..PLAIN
};

const fn kind(name: &'static str, short: &'static str, usage: &'static str) -> Verb {
    Verb { name, short, usage, flags: &[FLAGS, PRINT_FLAGS, DRY_RUN, WRITE_FLAGS], ..PLAIN }
}

const CLUSTER_IP: Verb = Verb {
    run: |io, args| run(io, args, "ClusterIP"),
    ..kind(
        "clusterip",
        "Create a ClusterIP service",
        "create service clusterip NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none] [options]",
    )
};
const EXTERNAL_NAME: Verb = Verb {
    required: &["external-name"],
    run: |io, args| run(io, args, "ExternalName"),
    ..kind(
        "externalname",
        "Create an ExternalName service",
        "create service externalname NAME --external-name external.name [--dry-run=server|client|none] [options]",
    )
};
const LOAD_BALANCER: Verb = Verb {
    run: |io, args| run(io, args, "LoadBalancer"),
    ..kind(
        "loadbalancer",
        "Create a LoadBalancer service",
        "create service loadbalancer NAME [--tcp=port:targetPort] [--dry-run=server|client|none] [options]",
    )
};
const NODE_PORT: Verb = Verb {
    run: |io, args| run(io, args, "NodePort"),
    ..kind(
        "nodeport",
        "Create a NodePort service",
        "create service nodeport NAME [--tcp=port:targetPort] [--dry-run=server|client|none] [options]",
    )
};

fn port(spec: &str) -> Result<Value, Stop> {
    let (port, target) = spec.split_once(':').unwrap_or((spec, spec));
    let number = |text: &str| match text.parse::<u16>() {
        Ok(number) => Ok(number),
        Err(error) => {
            let why = match error.kind() {
                std::num::IntErrorKind::PosOverflow => "value out of range",
                _ => "invalid syntax",
            };
            fail(format!("strconv.ParseUint: parsing {}: {why}", go_quote(text)))
        }
    };
    let parsed = number(port)?;
    let target_port = match target.parse::<i64>() {
        Ok(_) if !spec.contains(':') => json!(parsed),
        Ok(number @ 1..=65535) => json!(number),
        Ok(_) => return fail("must be between 1 and 65535, inclusive"),
        Err(_) => match port_name(target).join(",") {
            wrong if wrong.is_empty() => json!(target),
            wrong => return fail(wrong),
        },
    };
    let name = if spec.contains(':') { format!("{port}-{target}") } else { port.to_owned() };
    Ok(json!({"name": name, "port": parsed, "protocol": "TCP", "targetPort": target_port}))
}

fn run(io: &mut Io<'_, '_>, args: &Args, type_: &str) -> Result<i32, Stop> {
    let (name, _) = name_of(args)?;
    let headless = args.text("clusterip") == Some("None");
    if args.list("tcp").is_empty() && type_ != "ExternalName" && !headless {
        return fail("at least one tcp port specifier must be provided");
    }
    let mut ports = Vec::new();
    for spec in args.list("tcp") {
        let mut port = port(spec)?;
        if let (Some(node_port), "NodePort") = (args.int("node-port").filter(|port| *port > 0), type_) {
            port["nodePort"] = json!(node_port);
        }
        ports.push(port);
    }
    let mut spec = json!({"selector": {"app": name}, "type": type_});
    if !ports.is_empty() {
        spec["ports"] = Value::Array(ports);
    }
    if let Some(address) = args.text("clusterip").filter(|address| !address.is_empty()) {
        spec["clusterIP"] = json!(address);
    }
    if let Some(external) = args.text("external-name") {
        spec["externalName"] = json!(external);
    }
    let object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"creationTimestamp": null, "labels": {"app": name}, "name": name},
        "spec": spec,
        "status": {"loadBalancer": {}},
    });
    generated(io, args, "services", &name, object)
}
