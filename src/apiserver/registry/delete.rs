//! Delete: gracefully, with finalizers, or at once.
//!
//! Mirrors `Store.Delete`, `rest.BeforeDelete`, `updateForGracefulDeletionAndFinalizers`, the pod's
//! `CheckGracefulDelete` and the namespace's storage. Leaves out: `IgnoreStoreReadError`.

use std::sync::Arc;

use serde_json::json;

use crate::api::{Body, Kind, KindInfo, Message, Object, Status, time};
use crate::sim::Ctx;

use super::super::options::{DeleteOptions, Propagation};
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::finalizers;
use super::mutation::{Change, Decision, Mutation};

impl ApiServer {
    /// Deletes one object.
    pub(super) fn delete(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let options = body::value(&call.request)
            .and_then(|body| DeleteOptions::read(&call.request, body.as_deref()))
            .and_then(|options| self.admit_delete(&resource, &mut call.verdicts).map(|()| options));
        match options {
            Ok(options) => {
                call.stage(ctx, Stage::ValidatingAdmission);
                let dry_run = options.dry_run;
                self.mutate(ctx, call, Mutation { resource, change: Change::Delete(options), dry_run });
            }
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }
}

/// What becomes of `current` when it is deleted.
pub(super) fn decide(
    resource: &Resource,
    options: &DeleteOptions,
    current: &Arc<Object>,
    now_unix_micros: i64,
) -> Result<Decision, Status> {
    preconditions(resource.info(), options, current)?;
    if current.kind() == Kind::Namespace {
        return Ok(delete_namespace(options, current, now_unix_micros));
    }
    match grace(options, current) {
        Grace::Pending => Ok(Decision::Keep(current.clone())),
        Grace::Seconds { period, shortens } => {
            let mut object = (**current).clone();
            let names = finalizers::for_deletion(&object, options.propagation);
            let meta = object.meta_mut();
            let begun = match (&meta.deletion_timestamp, meta.deletion_grace_period_seconds) {
                // A shorter grace counts from when the deletion began.
                (Some(end), Some(old)) if shortens => time::unix_micros(end) - old * 1_000_000,
                _ => now_unix_micros,
            };
            meta.deletion_timestamp = Some(time::time(begun + period * 1_000_000));
            meta.deletion_grace_period_seconds = Some(period);
            if !shortens && let Some(generation) = meta.generation.filter(|generation| *generation > 0) {
                meta.generation = Some(generation + 1);
            }
            if let Some(names) = names {
                meta.finalizers = Some(names).filter(|names| !names.is_empty());
            }
            let then_delete = period == 0 && !finalizers::pending(&object);
            Ok(Decision::Put { object: Box::new(object), then_delete })
        }
        Grace::None => {
            let names = finalizers::for_deletion(current, options.propagation);
            if names.is_none() && !finalizers::pending(current) {
                return Ok(Decision::Delete(current.clone()));
            }
            let mut object = (**current).clone();
            if let Some(names) = names {
                object.meta_mut().finalizers = Some(names).filter(|names| !names.is_empty());
            }
            if !finalizers::pending(&object) {
                return Ok(Decision::Delete(Arc::new(object)));
            }
            mark_deleted(&mut object, now_unix_micros);
            if object == **current {
                return Ok(Decision::Keep(current.clone()));
            }
            Ok(Decision::Put { object: Box::new(object), then_delete: false })
        }
    }
}

/// `markAsDeleting`: finalizers keep an object that has no grace of its own.
fn mark_deleted(object: &mut Object, now_unix_micros: i64) {
    let meta = object.meta_mut();
    if meta.deletion_timestamp.is_none() {
        meta.deletion_timestamp = Some(time::time(now_unix_micros));
        if let Some(generation) = meta.generation.filter(|generation| *generation > 0) {
            meta.generation = Some(generation + 1);
        }
    }
    meta.deletion_grace_period_seconds = Some(0);
}

enum Grace {
    /// The kind has none, or the time is up.
    None,
    /// The deletion runs already, and this one does not shorten it.
    Pending,
    Seconds {
        period: i64,
        shortens: bool,
    },
}

fn grace(options: &DeleteOptions, current: &Object) -> Grace {
    let Object::Pod(pod) = current else { return Grace::None };
    if pod.metadata.deletion_timestamp.is_some() {
        return match (pod.metadata.deletion_grace_period_seconds, options.grace_period_seconds) {
            (None | Some(0), _) => Grace::None,
            (Some(old), Some(period)) if period.max(0) < old => {
                Grace::Seconds { period: if period < 0 { 1 } else { period }, shortens: true }
            }
            _ => Grace::Pending,
        };
    }
    let spec = pod.spec.as_ref();
    let mut period = options.grace_period_seconds.or_else(|| spec?.termination_grace_period_seconds).unwrap_or(0);
    // A pod that no node runs, or that has ended, need not end.
    let unscheduled = spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default().is_empty();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if unscheduled || matches!(phase, Some("Failed" | "Succeeded")) {
        period = 0;
    }
    Grace::Seconds { period: if period < 0 { 1 } else { period }, shortens: false }
}

/// A namespace goes in phases: it is terminating until its finalizers are gone.
fn delete_namespace(options: &DeleteOptions, current: &Arc<Object>, now_unix_micros: i64) -> Decision {
    let mut object = (**current).clone();
    if current.meta().deletion_timestamp.is_some() {
        return if finalizers::pending(current) {
            Decision::Keep(current.clone())
        } else {
            Decision::Delete(current.clone())
        };
    }
    if let Some(names) = finalizers::for_deletion(&object, options.propagation) {
        object.meta_mut().finalizers = Some(names).filter(|names| !names.is_empty());
    }
    if !finalizers::pending(&object) {
        return Decision::Delete(Arc::new(object));
    }
    object.meta_mut().deletion_timestamp = Some(time::time(now_unix_micros));
    if let Object::Namespace(namespace) = &mut object {
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }
    Decision::Put { object: Box::new(object), then_delete: false }
}

pub(super) fn preconditions(info: &'static KindInfo, options: &DeleteOptions, current: &Object) -> Result<(), Status> {
    if let Some(uid) = &options.uid
        && uid != current.uid()
    {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            current.uid()
        );
        return Err(Status::conflict(info, current.name(), &why));
    }
    if let Some(version) = &options.resource_version
        && Some(version) != current.meta().resource_version.as_ref()
    {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The object might have been modified",
            current.resource_version()
        );
        return Err(Status::conflict(info, current.name(), &why));
    }
    Ok(())
}

/// A `Success` status, about an object where it names one.
pub(super) fn success(about: Option<(&KindInfo, &Object)>) -> Body {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    match about {
        None => status["code"] = json!(201),
        Some((info, object)) => {
            let mut details = serde_json::Map::new();
            details.insert("name".to_owned(), json!(object.name()));
            if !info.group.is_empty() {
                details.insert("group".to_owned(), json!(info.group));
            }
            details.insert("kind".to_owned(), json!(info.plural));
            details.insert("uid".to_owned(), json!(object.uid()));
            status["details"] = serde_json::Value::Object(details);
        }
    }
    Body::Json(Arc::new(status))
}

/// The code and body of the answer to a deletion.
pub(super) fn answer(resource: &Resource, options: &DeleteOptions, object: &Arc<Object>, gone: bool) -> (u16, Body) {
    let accepted = !gone && options.propagation == Some(Propagation::Foreground);
    let code = if accepted { 202 } else { 200 };
    // `ReturnDeletedObject` of the kind's storage; what is not gone yet is always shown.
    if !gone || matches!(resource.kind, Kind::Pod | Kind::ServiceAccount) {
        return (code, Body::Object(super::super::convert::served(resource.kind, object)));
    }
    (code, success(Some((resource.info(), object))))
}
