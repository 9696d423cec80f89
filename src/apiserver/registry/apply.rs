//! Apply patches: server-side apply.
//!
//! Mirrors `applyPatcher` and apimachinery/pkg/util/managedfields. Leaves out: ownership of those who
//! update instead of apply, `resetFields`, the upgrade from client-side apply.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, StatusCause, StatusDetails};
use serde_json::Value;

use crate::api::decode::{FieldValidation, decode_object};
use crate::api::{FieldError, KindInfo, Message, Object, Reason, Status, time};
use crate::sim::Ctx;
use crate::sim::Order;

use super::super::convert;
use super::super::options::{dry_run, field_validation, invalid_options};
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::create::in_namespace;
use super::field_set::{self, FieldSet};
use super::mutation::{Change, Mutation};
use super::update::named;

/// What somebody wants an object to be.
#[derive(Clone, Debug)]
pub struct Apply {
    manager: String,
    /// Whether fields are taken from those who have them.
    force: bool,
    configuration: Arc<Value>,
    validation: FieldValidation,
}

impl ApiServer {
    /// Applies the body.
    pub(super) fn apply(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let mutation = read(&call).and_then(|apply| {
            Ok(Mutation { dry_run: dry_run(&call.request)?, resource, change: Change::Apply(apply) })
        });
        match mutation {
            Ok(mutation) => self.mutate(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// There is no such object: what is applied is created.
    pub(super) fn create_applied(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        resource: Resource,
        apply: &Apply,
    ) {
        let mut configuration = (*apply.configuration).clone();
        let own = FieldSet::of(resource.kind, &configuration);
        strip_managed(&mut configuration);
        let object = decode(&mut call, &resource, &configuration, apply.validation);
        match object {
            Ok(mut object) => {
                let entry = entry(resource.info(), &resource, apply, &own, ctx.unix_micros());
                object.meta_mut().managed_fields = Some(vec![entry]);
                (resource.info().default)(&mut object);
                self.admit_and_store(ctx, call, resource, object, 0);
            }
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// The object that applying makes of `current`.
    pub(super) fn applied(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: &mut Call,
        resource: &Resource,
        apply: &Apply,
        current: &Arc<Object>,
    ) -> Result<Object, Status> {
        let served = convert::served(resource.kind, current);
        let mut live = served.to_value();
        let wanted = FieldSet::of(resource.kind, &apply.configuration);
        let mut others = Vec::new();
        let mut own = None;
        for entry in served.meta().managed_fields.clone().unwrap_or_default() {
            let fields = entry.fields_v1.as_ref().map(|fields| FieldSet::from_fields_v1(&fields.0)).unwrap_or_default();
            if is_own(&entry, resource, apply) {
                own = Some((entry, fields));
            } else {
                others.push((entry, fields));
            }
        }
        let conflicts = conflicts(&others, &wanted, &live, &apply.configuration);
        if !conflicts.is_empty() && !apply.force {
            return Err(conflict(&conflicts));
        }
        for (at, path) in conflicts.iter().map(|conflict| (conflict.at, conflict.path.clone())) {
            others[at].1.remove(&path);
        }
        if let Some((_, before)) = &own {
            let mut keep: Vec<&FieldSet> = others.iter().map(|(_, fields)| fields).collect();
            keep.push(&wanted);
            for path in before.without(&keep) {
                field_set::take_out(&mut live, path);
            }
        }
        let mut configuration = (*apply.configuration).clone();
        strip_managed(&mut configuration);
        field_set::merge(resource.kind, &mut live, &configuration);
        let mut object = decode(call, resource, &live, apply.validation)?;
        (resource.info().default)(&mut object);
        let mut entries: Vec<ManagedFieldsEntry> = Vec::new();
        for (mut entry, fields) in others {
            if !fields.is_empty() {
                entry.fields_v1 = Some(FieldsV1(fields.to_fields_v1()));
                entries.push(entry);
            }
        }
        entries.push(match own {
            // The date is of the last change of what is owned.
            Some((entry, before)) if before == wanted => entry,
            _ => entry(resource.info(), resource, apply, &wanted, ctx.unix_micros()),
        });
        object.meta_mut().managed_fields = Some(entries);
        Ok(object)
    }
}

fn read(call: &Call) -> Result<Apply, Status> {
    let request = &call.request;
    let manager = request.param("fieldManager").unwrap_or_default().to_owned();
    if manager.is_empty() {
        let error = FieldError {
            field: "fieldManager".to_owned(),
            reason: "FieldValueRequired",
            message: "Required value: is required for apply patch".to_owned(),
        };
        return Err(invalid_options("PatchOptions", error));
    }
    let configuration = body::value(request)?
        .ok_or_else(|| Status::new(Reason::BadRequest, "error decoding YAML: unexpected end of input"))?;
    let managed = configuration.pointer("/metadata/managedFields").and_then(Value::as_array);
    if managed.is_some_and(|managed| !managed.is_empty()) {
        return Err(Status::new(Reason::BadRequest, "metadata.managedFields must be nil"));
    }
    Ok(Apply {
        manager,
        force: matches!(request.param("force"), Some("true" | "1")),
        configuration,
        validation: field_validation(request)?,
    })
}

fn strip_managed(configuration: &mut Value) {
    if let Some(metadata) = configuration.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn decode(call: &mut Call, resource: &Resource, value: &Value, validation: FieldValidation) -> Result<Object, Status> {
    let (object, warnings) = decode_object(resource.info(), value, validation)?;
    call.warnings.extend(warnings.into_iter().map(Arc::from));
    named(in_namespace(object, resource)?, resource)
}

fn is_own(entry: &ManagedFieldsEntry, resource: &Resource, apply: &Apply) -> bool {
    entry.manager.as_deref() == Some(&apply.manager)
        && entry.operation.as_deref() == Some("Apply")
        && entry.subresource.as_deref().unwrap_or_default() == &*resource.subresource
}

fn entry(
    info: &KindInfo,
    resource: &Resource,
    apply: &Apply,
    fields: &FieldSet,
    now_unix_micros: i64,
) -> ManagedFieldsEntry {
    ManagedFieldsEntry {
        api_version: Some(info.api_version()),
        fields_type: Some("FieldsV1".to_owned()),
        fields_v1: Some(FieldsV1(fields.to_fields_v1())),
        manager: Some(apply.manager.clone()),
        operation: Some("Apply".to_owned()),
        subresource: Some(resource.subresource.to_string()).filter(|name| !name.is_empty()),
        time: Some(time::time(now_unix_micros)),
    }
}

struct Conflict {
    /// The place of the other manager's entry.
    at: usize,
    manager: String,
    path: Vec<String>,
}

/// What somebody else owns and is wanted otherwise.
fn conflicts(
    others: &[(ManagedFieldsEntry, FieldSet)],
    wanted: &FieldSet,
    live: &Value,
    configuration: &Value,
) -> Vec<Conflict> {
    let mut found = Vec::new();
    for (at, (entry, fields)) in others.iter().enumerate() {
        for path in fields.both(wanted) {
            // That an element is there is no matter of dispute.
            let element = path.last().is_some_and(|step| !step.starts_with("f:"));
            if !element && field_set::at(live, path) != field_set::at(configuration, path) {
                let manager = format!("{:?}", entry.manager.as_deref().unwrap_or_default());
                found.push(Conflict { at, manager, path: path.clone() });
            }
        }
    }
    found
}

/// `NewConflictError`.
fn conflict(conflicts: &[Conflict]) -> Status {
    let message = match conflicts {
        [one] => {
            format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, field_set::path_text(&one.path))
        }
        many => {
            let mut managers: Vec<&str> = many.iter().map(|conflict| conflict.manager.as_str()).collect();
            managers.order();
            managers.dedup();
            let mut lines = Vec::new();
            for manager in managers {
                lines.push(format!("conflicts with {manager}:"));
                let paths = many.iter().filter(|conflict| conflict.manager == manager);
                lines.extend(paths.map(|conflict| format!("- {}", field_set::path_text(&conflict.path))));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    let causes = conflicts
        .iter()
        .map(|conflict| StatusCause {
            field: Some(field_set::path_text(&conflict.path)),
            message: Some(format!("conflict with {}", conflict.manager)),
            reason: Some("FieldManagerConflict".to_owned()),
        })
        .collect();
    let details = StatusDetails { causes: Some(causes), ..StatusDetails::default() };
    Status { reason: Reason::Conflict, message, details: Some(details) }
}
