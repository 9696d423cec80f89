//! Create.
//!
//! Mirrors `createHandler`, `rest.BeforeCreate` and `Store.Create`.

use std::sync::Arc;
use std::time::Duration;

use crate::api::etcd::{Compare, EtcdError, EtcdRequest, EtcdResponse, Op};
use crate::api::http::content_type;
use crate::api::stored::stamp;
use crate::api::validation::warnings;
use crate::api::{Body, Kind, Message, Object, Reason, Status, time};
use crate::sim::{Ctx, Random};

use super::super::admission::Denied;
use super::super::convert;
use super::super::options::dry_run;
use super::super::route::Resource;
use super::super::server::{ApiServer, timer};
use super::super::stage::{Call, Stage};
use super::super::storage::Pending;
use super::body;
use super::charge::Charge;
use super::event_ttl::LeaseJob;

/// The longest name that may be made longer: `MaxGeneratedNameLength`.
const GENERATED_NAME_MAX: usize = 58;
/// How often a generated name that is taken is drawn again: `maxNameGenerationCreateAttempts`.
const NAME_ATTEMPTS_MAX: u32 = 8;

/// An object that is ready to be stored.
#[derive(Clone, Debug)]
pub struct Creation {
    pub resource: Resource,
    pub object: Arc<Object>,
    pub lease: u64,
    /// The `generateName` its name was made from.
    pub generated: Option<String>,
    pub attempts: u32,
}

/// A creation that waits for what admission needs.
#[derive(Clone, Debug)]
pub struct Parked {
    call: Call,
    resource: Resource,
    object: Object,
    attempts: u32,
}

impl Parked {
    /// The request that waits.
    pub fn call(&self) -> &Call {
        &self.call
    }
}

/// A name that nobody has, with luck: `names.SimpleNameGenerator`.
fn generate_name(random: &mut Random, base: &str) -> String {
    let cut: String = base.chars().take(GENERATED_NAME_MAX).collect();
    format!("{cut}{}", random.suffix(5))
}

impl ApiServer {
    /// Creates an object from the body.
    pub(super) fn create(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let object = body::object(&mut call, resource.info()).and_then(|object| in_namespace(object, &resource));
        match object {
            Ok(object) => self.admit_and_store(ctx, call, resource, object, 0),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    pub(super) fn admit_and_store(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        mut resource: Resource,
        mut object: Object,
        attempts: u32,
    ) {
        call.stage(ctx, Stage::MutatingAdmission);
        match self.admit_create(ctx.rng(), &mut object, attempts, &mut call.verdicts) {
            Ok(()) => {}
            Err(Denied::Status(status)) => return self.respond(ctx, call, Err(*status)),
            Err(Denied::Later(after)) => return self.park(ctx, call, resource, object, attempts, after),
        }
        let generated = match self.before_create(ctx, &mut call, &mut object) {
            Ok(generated) => generated,
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        resource.name = Arc::from(object.name());
        call.stage(ctx, Stage::ValidatingAdmission);
        let now = ctx.unix_micros();
        let charges = match self.validate_create(&object, now, &mut call.verdicts) {
            Ok(charges) => charges,
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        let charge = Charge::of_new(resource, object, generated, charges);
        self.charge(ctx, call, charge);
    }

    /// Admission is through with a new object.
    pub(super) fn admitted(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        resource: Resource,
        mut object: Object,
        generated: Option<String>,
    ) {
        call.stage(ctx, Stage::Registry);
        if let Err(status) = self.allocate(ctx.rng(), &mut object, None) {
            return self.respond(ctx, call, Err(status));
        }
        match dry_run(&call.request) {
            Err(status) => self.respond(ctx, call, Err(status)),
            Ok(true) => self.respond(ctx, call, Ok((201, Body::Object(Arc::new(object))))),
            Ok(false) => {
                let object = Arc::new(convert::stored(object));
                let creation = Creation { resource, object, lease: 0, generated, attempts: 0 };
                self.store_new(ctx, call, creation);
            }
        }
    }

    /// `rest.BeforeCreate`: the system's fields, the name, the strategy, validation. The `generateName`
    /// that the name was made from.
    fn before_create(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: &mut Call,
        object: &mut Object,
    ) -> Result<Option<String>, Status> {
        let info = object.info();
        if object.meta().resource_version.as_deref().is_some_and(|version| !version.is_empty()) {
            let why = "resourceVersion should not be set on objects to be created";
            return Err(Status::new(Reason::InternalError, why));
        }
        let now = time::time(ctx.unix_micros());
        let meta = object.meta_mut();
        meta.creation_timestamp = Some(now);
        meta.uid = Some(ctx.rng().uuid());
        meta.deletion_timestamp = None;
        meta.deletion_grace_period_seconds = None;
        meta.self_link = None;
        meta.resource_version = None;
        // Only an apply patch brings an owner along.
        if call.request.content_type != content_type::APPLY_PATCH {
            meta.managed_fields = None;
        }
        let base = meta.generate_name.clone().filter(|base| !base.is_empty());
        let nameless = meta.name.as_deref().unwrap_or_default().is_empty();
        let generated = base.filter(|_| nameless);
        if let Some(base) = &generated {
            meta.name = Some(generate_name(ctx.rng(), base));
        }
        (info.prepare_create)(object);
        call.stage(ctx, Stage::Validation);
        let findings = (info.validate)(object);
        if !findings.is_empty() {
            return Err(Status::invalid(info, object.name(), &findings));
        }
        call.warnings.extend(warnings::on_create(object).into_iter().map(Arc::from));
        Ok(generated)
    }

    fn park(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        resource: Resource,
        object: Object,
        attempts: u32,
        after: Duration,
    ) {
        let number = self.number() & ((1 << 56) - 1);
        self.parked.insert(number, Parked { call, resource, object, attempts: attempts + 1 });
        ctx.set_timer(after, number << 8 | timer::PARKED);
    }

    /// Looks again whether admission has what it needs.
    pub(in super::super) fn unpark(&mut self, ctx: &mut Ctx<'_, Message>, number: u64) {
        let Some(Parked { mut call, resource, object, attempts }) = self.parked.remove(&number) else { return };
        ctx.set_cause(call.cause);
        call.resume(ctx);
        self.admit_and_store(ctx, call, resource, object, attempts);
    }

    /// Puts a new object into etcd, unless its key is taken.
    fn store_new(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, creation: Creation) {
        if creation.object.kind() == Kind::Event && creation.lease == 0 {
            return self.with_event_lease(ctx, LeaseJob::Create { call, creation });
        }
        self.put_new(ctx, call, creation);
    }

    pub(super) fn put_new(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, creation: Creation) {
        let key = creation.resource.key();
        let request = EtcdRequest::Txn {
            compare: vec![Compare::ModRevision { key: key.clone(), revision: 0 }],
            success: vec![Op::Put { key, value: creation.object.clone(), lease: creation.lease }],
            failure: vec![],
        };
        let ahead = call.ahead(ctx);
        self.ask_etcd(ctx, ahead, request, Pending::Create { call, creation });
    }

    /// Etcd's answer to that.
    pub(in super::super) fn created(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mut creation: Creation,
        revision: u64,
        response: &EtcdResponse,
    ) {
        let info = creation.resource.info();
        match response {
            EtcdResponse::Txn { succeeded: true, .. } => {
                let object = self.written(&creation.resource, &creation.object, revision);
                self.respond(ctx, call, Ok((201, Body::Object(convert::served(info.id, &object)))));
            }
            EtcdResponse::Failed(EtcdError::LeaseNotFound) => {
                creation.lease = 0;
                self.forget_event_lease();
                self.store_new(ctx, call, creation);
            }
            _ => match &creation.generated {
                Some(base) if creation.attempts < NAME_ATTEMPTS_MAX => {
                    let name = generate_name(ctx.rng(), base);
                    let mut object = (*creation.object).clone();
                    object.meta_mut().name = Some(name.clone());
                    creation.object = Arc::new(object);
                    creation.resource.name = Arc::from(name);
                    creation.attempts += 1;
                    self.store_new(ctx, call, creation);
                }
                _ => {
                    self.release(&creation.object);
                    let status = Status::already_exists(info, &creation.resource.name);
                    self.respond(ctx, call, Err(status));
                }
            },
        }
    }

    /// What was written at `revision`: the cache's own copy where it has it already.
    pub(super) fn written(&self, resource: &Resource, object: &Object, revision: u64) -> Arc<Object> {
        match self.cache.get(resource.info().stored_as, &resource.key()) {
            Some(cached) if cached.resource_version() == revision => cached,
            _ => stamp(object, revision),
        }
    }
}

/// The object in the namespace of the path.
pub(super) fn in_namespace(mut object: Object, resource: &Resource) -> Result<Object, Status> {
    if !resource.info().namespaced() {
        object.meta_mut().namespace = None;
        return Ok(object);
    }
    if object.namespace().is_empty() {
        object.meta_mut().namespace = Some(resource.namespace.to_string());
    } else if *object.namespace() != *resource.namespace {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::new(Reason::BadRequest, why));
    }
    Ok(object)
}
