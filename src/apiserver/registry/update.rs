//! Update.
//!
//! Mirrors `updateHandler`, `rest.BeforeUpdate`, `Store.Update` and `ValidateObjectMetaUpdate` as far as
//! it concerns every kind.

use std::sync::Arc;

use crate::api::validation::warnings;
use crate::api::{FieldError, KindInfo, Message, Object, Reason, Status, time};
use crate::sim::Ctx;

use super::super::convert;
use super::super::options::dry_run;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::create::in_namespace;
use super::finalizers;
use super::mutation::{Change, Decision, Mutation};

/// `registry.OptimisticLockErrorMsg`.
const OPTIMISTIC_LOCK: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

impl ApiServer {
    /// Replaces an object, or its `status`, by the body.
    pub(super) fn update(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let mutation = replacement(&mut call, &resource).and_then(|object| {
            let change = Change::Update(Some(Box::new(object)));
            Ok(Mutation { dry_run: dry_run(&call.request)?, resource, change })
        });
        match mutation {
            Ok(mutation) => self.mutate(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// There is no such object, and the kind may be created by an update.
    pub(super) fn create_on_update(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        match replacement(&mut call, &resource) {
            Ok(mut object) => {
                object.meta_mut().resource_version = None;
                self.admit_and_store(ctx, call, resource, object, 0);
            }
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// What becomes of `current` when it is to become `new`.
    pub(super) fn decide_update(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: &mut Call,
        resource: &Resource,
        mut new: Object,
        current: &Arc<Object>,
    ) -> Result<Decision, Status> {
        let info = resource.info();
        let served = convert::served(resource.kind, current);
        check_preconditions(info, resource, &new, &served)?;
        carry_over(&mut new, &served);
        match &*resource.subresource {
            "status" => {
                (info.prepare_status)(&mut new, &served);
                phase_transition(&mut new, &served, ctx.unix_micros());
            }
            "finalize" => finalizers::prepare_finalize(&mut new, &served),
            _ => (info.prepare_update)(&mut new, &served),
        }
        call.stage(ctx, Stage::MutatingAdmission);
        if resource.subresource.is_empty() {
            self.admit_update(&mut new, &served)?;
        }
        call.stage(ctx, Stage::Validation);
        let status = &*resource.subresource == "status";
        let validate = if status { info.validate_status } else { info.validate_update };
        let findings = validate(&new, &served);
        if !findings.is_empty() {
            return Err(Status::invalid(info, new.name(), &findings));
        }
        if resource.subresource.is_empty() {
            call.warnings.extend(warnings::on_update(&new, &served).into_iter().map(Arc::from));
        }
        call.stage(ctx, Stage::ValidatingAdmission);
        self.validate_update(&new, &served, !resource.subresource.is_empty())?;
        self.allocate(ctx.rng(), &mut new, Some(&served))?;
        let new = convert::stored(new);
        if finalizers::deletes_on_update(&new, current) {
            return Ok(Decision::Delete(Arc::new(new)));
        }
        if new == **current {
            return Ok(Decision::Keep(current.clone()));
        }
        Ok(Decision::Put { object: Box::new(new), then_delete: false })
    }
}

/// A volume in a new phase is in it since now, unless its writer says since when.
fn phase_transition(new: &mut Object, old: &Object, now_unix_micros: i64) {
    let (Object::PersistentVolume(new), Object::PersistentVolume(old)) = (new, old) else { return };
    let (Some(new), Some(old)) = (&mut new.status, &old.status) else { return };
    if new.phase != old.phase && new.last_phase_transition_time == old.last_phase_transition_time {
        new.last_phase_transition_time = Some(time::time(now_unix_micros));
    }
}

/// The object that the body of an update is.
pub(super) fn replacement(call: &mut Call, resource: &Resource) -> Result<Object, Status> {
    let object = body::object(call, resource.info())?;
    named(in_namespace(object, resource)?, resource)
}

pub(super) fn named(mut object: Object, resource: &Resource) -> Result<Object, Status> {
    if object.name().is_empty() {
        object.meta_mut().name = Some(resource.name.to_string());
    } else if *object.name() != *resource.name {
        let why = format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            object.name(),
            resource.name
        );
        return Err(Status::new(Reason::BadRequest, why));
    }
    Ok(object)
}

/// The uid and the resource version, where the client gave them, are those of the stored object.
fn check_preconditions(
    info: &'static KindInfo,
    resource: &Resource,
    new: &Object,
    current: &Object,
) -> Result<(), Status> {
    let uid = new.uid();
    if !uid.is_empty() && uid != current.uid() {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            resource.key(),
            current.uid()
        );
        return Err(Status::conflict(info, &resource.name, &why));
    }
    match new.meta().resource_version.as_deref() {
        None | Some("" | "0") => {
            if !info.unconditional_update {
                let finding = FieldError {
                    field: "metadata.resourceVersion".to_owned(),
                    reason: "FieldValueInvalid",
                    message: "Invalid value: 0x0: must be specified for an update".to_owned(),
                };
                let mut status = Status::invalid(info, &resource.name, std::slice::from_ref(&finding));
                // Upstream has the resource where the kind should be.
                status.message = format!(
                    "{} \"{}\" is invalid: {}: {}",
                    info.group_resource(),
                    resource.name,
                    finding.field,
                    finding.message
                );
                return Err(status);
            }
            Ok(())
        }
        Some(version) if Some(version) == current.meta().resource_version.as_deref() => Ok(()),
        Some(_) => Err(Status::conflict(info, &resource.name, OPTIMISTIC_LOCK)),
    }
}

/// What the system keeps of an object whatever a client sends.
fn carry_over(new: &mut Object, current: &Object) {
    let old = current.meta();
    let meta = new.meta_mut();
    meta.uid.clone_from(&old.uid);
    meta.resource_version.clone_from(&old.resource_version);
    meta.generation = old.generation;
    if meta.creation_timestamp.is_none() {
        meta.creation_timestamp.clone_from(&old.creation_timestamp);
    }
    if meta.deletion_timestamp.is_none() {
        meta.deletion_timestamp.clone_from(&old.deletion_timestamp);
    }
    if meta.deletion_grace_period_seconds.is_none() {
        meta.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    }
    if meta.managed_fields.is_none() {
        meta.managed_fields.clone_from(&old.managed_fields);
    }
    meta.generate_name.clone_from(&old.generate_name);
    meta.self_link = None;
}
