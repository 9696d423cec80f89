//! The `scale` subresource of every kind that has one, as `autoscaling/v1` Scale.
//!
//! Mirrors pkg/registry/apps/*/storage (`ScaleREST`).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::fields::Field;
use crate::api::selectors::{format_labels, format_meta};
use crate::api::{FieldError, Message, Object, Reason, Status};
use crate::sim::Ctx;

use super::super::options::dry_run;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::mutation::{Change, Mutation};
use super::patch::read_patch;

impl ApiServer {
    /// `PUT` of a Scale.
    pub(super) fn update_scale(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let change = body::value(&call.request).and_then(|body| {
            let scale = body.ok_or_else(|| Status::new(Reason::BadRequest, "unexpected end of JSON input"))?;
            Ok(Change::Scale(scale))
        });
        self.change_scale(ctx, call, resource, change);
    }

    /// `PATCH` of a Scale.
    pub(super) fn patch_scale(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let change = read_patch(&call).map(|(format, patch)| Change::ScalePatch { format, patch });
        self.change_scale(ctx, call, resource, change);
    }

    fn change_scale(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        resource: Resource,
        change: Result<Change, Status>,
    ) {
        let mutation = change.and_then(|change| Ok(Mutation { dry_run: dry_run(&call.request)?, resource, change }));
        match mutation {
            Ok(mutation) => self.mutate(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }
}

/// The object that a Scale is a view of.
pub(super) fn parent(resource: &Resource) -> Resource {
    Resource { subresource: Arc::from(""), ..resource.clone() }
}

/// An object's Scale.
pub(super) fn scale_of(object: &Object) -> Value {
    let (wanted, current, selector) = match object {
        Object::Deployment(it) => (
            it.spec.as_ref().and_then(|spec| spec.replicas),
            it.status.as_ref().and_then(|status| status.replicas),
            it.spec.as_ref().map(|spec| format_meta(Some(&spec.selector))),
        ),
        Object::ReplicaSet(it) => (
            it.spec.as_ref().and_then(|spec| spec.replicas),
            it.status.as_ref().map(|status| status.replicas),
            it.spec.as_ref().map(|spec| format_meta(Some(&spec.selector))),
        ),
        Object::ReplicationController(it) => (
            it.spec.as_ref().and_then(|spec| spec.replicas),
            it.status.as_ref().map(|status| status.replicas),
            it.spec.as_ref().map(|spec| format_labels(spec.selector.as_ref())),
        ),
        Object::StatefulSet(it) => (
            it.spec.as_ref().and_then(|spec| spec.replicas),
            it.status.as_ref().map(|status| status.replicas),
            it.spec.as_ref().map(|spec| format_meta(Some(&spec.selector))),
        ),
        other => unreachable!("a {:?} has no scale: the registry lists the subresources", other.kind()),
    };
    let meta = object.meta();
    let mut spec = serde_json::Map::new();
    if let Some(wanted) = wanted.filter(|wanted| *wanted != 0) {
        spec.insert("replicas".to_owned(), json!(wanted));
    }
    let mut status = json!({"replicas": current.unwrap_or(0)});
    if let Some(selector) = selector {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "creationTimestamp": meta.creation_timestamp.write(),
        },
        "spec": spec,
        "status": status,
    })
}

/// The object with the replicas, and on condition of the version, of a Scale.
pub(super) fn scaled(resource: &Resource, current: &Object, scale: &Value) -> Result<Object, Status> {
    let replicas = match scale.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().and_then(|count| i32::try_from(count).ok()).ok_or_else(|| {
            let why = "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32";
            Status::new(Reason::BadRequest, why)
        })?,
    };
    if replicas < 0 {
        let finding = FieldError {
            field: "spec.replicas".to_owned(),
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
        };
        return Err(Status::invalid_as("autoscaling", "Scale", &resource.name, &[finding]));
    }
    let mut object = current.clone();
    match &mut object {
        Object::Deployment(it) => it.spec.get_or_insert_default().replicas = Some(replicas),
        Object::ReplicaSet(it) => it.spec.get_or_insert_default().replicas = Some(replicas),
        Object::ReplicationController(it) => it.spec.get_or_insert_default().replicas = Some(replicas),
        Object::StatefulSet(it) => it.spec.get_or_insert_default().replicas = Some(replicas),
        other => unreachable!("a {:?} has no scale: the registry lists the subresources", other.kind()),
    }
    let text = |path: &str| scale.pointer(path).and_then(Value::as_str).map(str::to_owned);
    object.meta_mut().resource_version = text("/metadata/resourceVersion");
    if let Some(uid) = text("/metadata/uid") {
        object.meta_mut().uid = Some(uid);
    }
    Ok(object)
}
