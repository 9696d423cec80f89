//! `kubectl version`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/version.

use serde_json::json;

use crate::api::Request;
use crate::api::http::Method;

use super::super::builder::{text_at, value};
use super::super::errors::{Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::{Output, text};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("client", Takes::Bool, "If true, shows client version only (no server required)."),
    short("output", 'o', Takes::Text, "One of 'yaml' or 'json'."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "version",
    short: "Print the client and server version information",
    usage: "version [options]",
    flags: &[FLAGS],
    run,
    ..PLAIN
};

/// What this kubectl says it is.
const CLIENT: &str = "v1.36.0";
const KUSTOMIZE: &str = "v5.7.1";

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let output = match args.text_or_empty("output") {
        "" => Output::Default,
        "yaml" => Output::Yaml,
        "json" => Output::Json,
        _ => return fail("--output must be 'yaml' or 'json'"),
    };
    let mut versions = json!({
        "clientVersion": {
            "major": "1", "minor": "36", "gitVersion": CLIENT, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "linux/amd64",
        },
        "kustomizeVersion": KUSTOMIZE,
    });
    let mut failure = None;
    if !args.is("client") {
        match attempt(io.ask(|| Request::new(Method::Get, "/version").with("timeout", "32s")))? {
            Ok(response) => versions["serverVersion"] = (*value(&response)).clone(),
            Err(failed) => failure = Some(failed),
        }
    }
    match output {
        Output::Default => {
            let mut lines = format!("Client Version: {CLIENT}\nKustomize Version: {KUSTOMIZE}\n");
            if let Some(server) = versions.get("serverVersion") {
                lines.push_str(&format!("Server Version: {}\n", text_at(server, "/gitVersion")));
            }
            io.out(lines);
        }
        output => io.out(text(&output, &versions, true)),
    }
    match failure {
        Some(failure) => Err(failure.into()),
        None => Ok(0),
    }
}
