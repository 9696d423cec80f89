//! What verbs that change objects share: dry runs, field managers, the annotation `apply` works with.
//!
//! Mirrors k8s.io/kubectl/pkg/util/apply.go and cmd/util/helpers.go (`GetDryRunStrategy`).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::decode::json_writer;
use crate::api::http::{Body, Method, content_type};
use crate::api::{Request, patch};

use super::builder::{Info, value};
use super::errors::{Stop, fail};
use super::flags::{Args, Flag, Takes, flag};
use super::io::Io;

/// Where `apply` keeps what it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The flags of dry runs.
pub const DRY_RUN: &[Flag] =
    &[flag("dry-run", Takes::Optional("unchanged"), "Must be \"none\", \"server\", or \"client\".")];

/// The flags of verbs that write.
pub const WRITE_FLAGS: &[Flag] = &[
    flag("field-manager", Takes::Text, "Name of the manager used to track field ownership."),
    flag("save-config", Takes::Bool, "If true, the configuration of current object will be saved in its annotation."),
    flag("validate", Takes::Optional("strict"), "Must be one of: strict (or true), warn, ignore (or false)."),
];

/// Whether and where a change is only tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DryRun {
    /// Nothing is sent.
    pub client: bool,
    /// The server is asked to store nothing.
    pub server: bool,
}

impl DryRun {
    /// The request, told to the server as a dry run where it is one.
    pub fn mark(self, request: Request) -> Request {
        if self.server { request.with("dryRun", "All") } else { request }
    }
}

/// What `--dry-run` asks for.
///
/// # Errors
/// Where its value is none of the known ones.
pub fn dry_run(args: &Args) -> Result<DryRun, Stop> {
    match args.text("dry-run") {
        None | Some("none" | "false") => Ok(DryRun::default()),
        Some("client" | "unchanged" | "true") => Ok(DryRun { client: true, server: false }),
        Some("server") => Ok(DryRun { client: false, server: true }),
        Some(other) => fail(format!("Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\".")),
    }
}

/// The request with field manager and field validation, as the command line has them.
///
/// # Errors
/// Where `--validate` has an unknown value.
pub fn managed(args: &Args, manager: &str, request: Request) -> Result<Request, Stop> {
    let manager = args.text("field-manager").unwrap_or(manager);
    let validation = match args.text("validate") {
        None | Some("strict" | "true") => "Strict",
        Some("warn") => "Warn",
        Some("ignore" | "false") => "Ignore",
        Some(other) => {
            return fail(format!(
                "invalid - validate value '{other}'; must be one of strict (or true), warn, ignore (or false)"
            ));
        }
    };
    Ok(request.with("fieldManager", manager).with("fieldValidation", validation))
}

/// An object with the annotation of what is applied, and that annotation.
pub fn annotated(value: &Value) -> (Value, String) {
    let mut value = value.clone();
    if !value["metadata"].is_object() {
        value["metadata"] = json!({});
    }
    if !value["metadata"]["annotations"].is_object() {
        value["metadata"]["annotations"] = json!({});
    }
    if let Some(annotations) = value["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    let text = json_writer::compact(&value) + "\n";
    value["metadata"]["annotations"][LAST_APPLIED] = Value::from(text.as_str());
    (value, text)
}

/// Sends what turns `info`'s object into `new`: a strategic merge patch for registered kinds, a merge patch
/// for others. Gives `None` when nothing differs.
///
/// # Errors
/// Those of the request.
pub fn send_changes(
    io: &mut Io<'_, '_>,
    args: &Args,
    dry: DryRun,
    manager: &str,
    info: &Info,
    new: &Value,
) -> Result<Option<Arc<Value>>, Stop> {
    let patch = match info.resource.info() {
        Some(kind) => match patch::two_way_strategic(kind.id, &info.value, new) {
            Ok(patch) => patch,
            Err(error) => return fail(error.to_string()),
        },
        None => patch::create_merge_patch(&info.value, new),
    };
    if patch.as_object().is_none_or(Map::is_empty) {
        return Ok(None);
    }
    if dry.client {
        return Ok(Some(Arc::new(new.clone())));
    }
    let path = info.path();
    let content = match info.resource.info() {
        Some(_) => content_type::STRATEGIC_MERGE_PATCH,
        None => content_type::MERGE_PATCH,
    };
    let response = io.ask(|| patch_request(args, dry, manager, &path, content, patch))?;
    Ok(Some(value(&response)))
}

/// A `PATCH` with a field manager.
pub fn patch_request(
    args: &Args,
    dry: DryRun,
    manager: &str,
    path: &str,
    content: &'static str,
    patch: Value,
) -> Request {
    let manager = args.text("field-manager").unwrap_or(manager);
    let mut request = Request::new(Method::Patch, path).body(Body::Json(patch.into()));
    if !manager.is_empty() {
        request = request.with("fieldManager", manager);
    }
    request.content_type = content;
    dry.mark(request)
}

/// The JSON pointer of the pod specification within an object of this kind.
pub fn pod_spec_pointer(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some("/spec"),
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            Some("/spec/template/spec")
        }
        "CronJob" => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}
