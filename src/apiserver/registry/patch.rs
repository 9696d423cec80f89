//! Patch.
//!
//! Mirrors endpoints/handlers/patch.go. Without a resource version in the patch, losing to another
//! writer only means to patch what that one wrote.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::api::decode::{FieldValidation, decode_patched};
use crate::api::http::content_type;
use crate::api::patch::{json_patch, merge_patch, strategic_merge};
use crate::api::{Kind, Message, Object, Reason, Status, Typed};
use crate::sim::Ctx;

use super::super::convert;
use super::super::options::{dry_run, field_validation};
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::mutation::{Change, Mutation};

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFormat {
    Json,
    Merge,
    StrategicMerge,
}

impl PatchFormat {
    /// By the content type of the body.
    ///
    /// # Errors
    /// `UnsupportedMediaType` for any other.
    pub fn of(content_type: &str) -> Result<Self, Status> {
        match content_type {
            content_type::JSON_PATCH => Ok(PatchFormat::Json),
            content_type::MERGE_PATCH => Ok(PatchFormat::Merge),
            content_type::STRATEGIC_MERGE_PATCH => Ok(PatchFormat::StrategicMerge),
            _ => {
                let accepted = [
                    content_type::JSON_PATCH,
                    content_type::MERGE_PATCH,
                    content_type::STRATEGIC_MERGE_PATCH,
                    content_type::APPLY_PATCH,
                ];
                let accepted = accepted.join(", ");
                let why = format!(
                    "the body of the request was in an unknown format - accepted media types include: {accepted}"
                );
                Err(Status::new(Reason::UnsupportedMediaType, why))
            }
        }
    }

    /// Applies a patch.
    ///
    /// # Errors
    /// What the patch cannot do.
    pub fn apply(self, kind: Kind, current: &Value, patch: &Value) -> Result<Value, Status> {
        match self {
            PatchFormat::Json => json_patch(kind, current, patch),
            PatchFormat::Merge => merge_patch(kind, current, patch),
            PatchFormat::StrategicMerge => strategic_merge(kind, current, patch),
        }
    }
}

impl ApiServer {
    /// Patches an object, or its `status`.
    pub(super) fn patch(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        if call.request.content_type == content_type::APPLY_PATCH {
            return self.apply(ctx, call, resource);
        }
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let mutation = read_patch(&call).and_then(|(format, patch)| {
            let validation = field_validation(&call.request)?;
            let change = Change::Patch { format, patch, validation };
            Ok(Mutation { dry_run: dry_run(&call.request)?, resource, change })
        });
        match mutation {
            Ok(mutation) => self.mutate(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// The object that a patch makes of `current`.
    pub(super) fn patched(
        &mut self,
        _ctx: &mut Ctx<'_, Message>,
        call: &mut Call,
        resource: &Resource,
        (format, patch, validation): (PatchFormat, &Arc<Value>, FieldValidation),
        current: &Arc<Object>,
    ) -> Result<Object, Status> {
        let info = resource.info();
        let slim = slim(resource, current, patch);
        let value = slim.as_ref().unwrap_or(&convert::served(resource.kind, current)).to_value();
        let patched = format.apply(resource.kind, &value, patch)?;
        let strategic = (format == PatchFormat::StrategicMerge).then_some(&**patch);
        let (mut object, warnings) = decode_patched(info, &patched, strategic, validation)?;
        call.warnings.extend(warnings.into_iter().map(Arc::from));
        if slim.is_some() {
            restore(&mut object, current);
        }
        (info.default)(&mut object);
        if *object.name() != *resource.name {
            let why = format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                object.name(),
                resource.name
            );
            return Err(Status::new(Reason::BadRequest, why));
        }
        if *object.namespace() != *resource.namespace {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Status::new(Reason::BadRequest, why));
        }
        Ok(object)
    }
}

/// A pod without its spec, for a patch of its status that does not speak of the spec: what kubelets send
/// most, and the spec is most of the work of writing and reading JSON.
fn slim(resource: &Resource, current: &Object, patch: &Value) -> Option<Object> {
    let spared = &*resource.subresource == "status"
        && patch.as_object().is_some_and(|patch| {
            patch.keys().all(|key| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status"))
        });
    match current {
        Object::Pod(pod) if spared => {
            Some(Pod { metadata: pod.metadata.clone(), spec: None, status: pod.status.clone() }.into_object())
        }
        _ => None,
    }
}

/// Gives a patched pod back the spec that it was spared.
fn restore(object: &mut Object, current: &Object) {
    if let (Object::Pod(pod), Object::Pod(current)) = (object, current) {
        pod.spec.clone_from(&current.spec);
    }
}

/// The format and the patch of a request.
pub(super) fn read_patch(call: &Call) -> Result<(PatchFormat, Arc<Value>), Status> {
    let format = PatchFormat::of(call.request.content_type)?;
    // A patch has no kind that it could be read as.
    let read = body::value(&call.request).map_err(|mut status| {
        if let Some(why) = status.message.strip_prefix("couldn't get version/kind; json parse error: ") {
            status.message = why.to_owned();
        }
        status
    });
    let patch =
        read?.ok_or_else(|| Status::new(Reason::BadRequest, "error decoding patch: unexpected end of JSON input"))?;
    Ok((format, patch))
}
