//! Changes of what is stored: read, decide, compare and swap, and again when somebody was faster.
//!
//! Mirrors etcd3's `GuaranteedUpdate`: the first attempt is made on the cache's copy, and what comes of
//! it is only believed when etcd agrees that the copy is the newest.

use std::sync::Arc;

use serde_json::Value;

use crate::api::decode::FieldValidation;
use crate::api::etcd::{Compare, EtcdError, EtcdRequest, EtcdResponse, Op, OpResponse, RangeRequest};
use crate::api::stored::stamp;
use crate::api::{Body, Kind, Message, Object, Status};
use crate::sim::Ctx;

use super::super::admission::resource_quota;
use super::super::convert;
use super::super::options::DeleteOptions;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::super::storage::Pending;
use super::apply::Apply;
use super::binding;
use super::charge::Charge;
use super::delete;
use super::event_ttl::LeaseJob;
use super::eviction;
use super::patch::PatchFormat;
use super::scale;
use super::update;

/// What is to become of an object.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is replaced, or the part that the subresource names is. The first attempt takes the object; a
    /// later one reads the body again, so that the common case copies it once.
    Update(Option<Box<Object>>),
    Patch {
        format: PatchFormat,
        patch: Arc<Value>,
        validation: FieldValidation,
    },
    Delete(DeleteOptions),
    Apply(Apply),
    /// Its replicas are set to the `spec.replicas` of a Scale.
    Scale(Arc<Value>),
    ScalePatch {
        format: PatchFormat,
        patch: Arc<Value>,
    },
    /// A pod gets its node.
    Bind(Arc<Object>),
    /// It is read, as etcd has it.
    Look,
    /// A budget lets this pod go.
    Disrupt {
        pod: Arc<str>,
    },
    /// A pod is marked as being evicted.
    Mark(DeleteOptions),
    /// A quota is charged with an object, less what it was before.
    Charge {
        object: Arc<Object>,
        old: Option<Arc<Object>>,
    },
}

/// A change of one object, on its way.
#[derive(Clone, Debug)]
pub struct Mutation {
    pub resource: Resource,
    pub change: Change,
    pub dry_run: bool,
}

/// What was decided about an object.
pub enum Decision {
    /// It is stored anew, and deleted right after where that is so.
    Put { object: Box<Object>, then_delete: bool },
    /// Its key goes; this was its last state.
    Delete(Arc<Object>),
    /// Nothing is written.
    Keep(Arc<Object>),
}

/// What is being written.
#[derive(Clone, Debug)]
pub enum Write {
    Put { object: Arc<Object>, then_delete: bool },
    Delete(Arc<Object>),
}

impl ApiServer {
    /// Begins a change: on the cache's copy, or on etcd's where there is none.
    pub(super) fn mutate(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, mutation: Mutation) {
        call.stage(ctx, Stage::Registry);
        let key = mutation.resource.key();
        match self.cache.get(mutation.resource.info().stored_as, &key) {
            Some(current) => self.attempt(ctx, call, mutation, current, false),
            None => self.reread(ctx, call, mutation),
        }
    }

    fn reread(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, mutation: Mutation) {
        let ahead = call.ahead(ctx);
        self.read_key(ctx, ahead, mutation.resource.key(), Pending::Current { call, mutation });
    }

    /// Goes on with what etcd has; `None` when there is no such object.
    pub(in super::super) fn attempt_live(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mutation: Mutation,
        current: Option<Arc<Object>>,
    ) {
        match (current, &mutation.change) {
            (Some(current), _) => self.attempt(ctx, call, mutation, current, true),
            (None, Change::Update(_)) if creates_on_update(&mutation.resource) => {
                self.create_on_update(ctx, call, mutation.resource);
            }
            (None, Change::Apply(apply)) if mutation.resource.subresource.is_empty() => {
                self.create_applied(ctx, call, mutation.resource.clone(), apply);
            }
            (None, _) => {
                let status = Status::not_found(mutation.resource.info(), &mutation.resource.name);
                self.respond(ctx, call, Err(status));
            }
        }
    }

    fn attempt(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        mut mutation: Mutation,
        current: Arc<Object>,
        live: bool,
    ) {
        let decision = self.decide(ctx, &mut call, &mut mutation, &current);
        match decision {
            // The cache may have been behind: only what etcd has counts.
            Err(_) | Ok(Decision::Keep(_)) if !live => self.reread(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
            Ok(Decision::Keep(object)) => self.answer(ctx, call, &mutation, object, false),
            Ok(Decision::Put { object, .. }) if mutation.dry_run => {
                self.answer(ctx, call, &mutation, Arc::new(*object), false);
            }
            Ok(Decision::Delete(last)) if mutation.dry_run => self.answer(ctx, call, &mutation, last, true),
            Ok(Decision::Put { object, then_delete }) if self.uses_more(&mutation, &object, &current) => {
                let charge = Charge::of_change(mutation, (object, then_delete), current);
                self.charge(ctx, call, charge);
            }
            Ok(Decision::Put { mut object, then_delete }) => {
                object.meta_mut().resource_version = None;
                let write = Write::Put { object: Arc::new(*object), then_delete };
                self.write(ctx, call, mutation, write, current.resource_version());
            }
            Ok(Decision::Delete(last)) => {
                self.write(ctx, call, mutation, Write::Delete(last), current.resource_version());
            }
        }
    }

    fn decide(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: &mut Call,
        mutation: &mut Mutation,
        current: &Arc<Object>,
    ) -> Result<Decision, Status> {
        let resource = &mutation.resource;
        match &mut mutation.change {
            Change::Update(object) => {
                let object = match object.take() {
                    Some(object) => *object,
                    None => update::replacement(call, resource)?,
                };
                self.decide_update(ctx, call, resource, object, current)
            }
            Change::Patch { format, patch, validation } => {
                let patched = self.patched(ctx, call, resource, (*format, patch, *validation), current)?;
                self.decide_update(ctx, call, resource, patched, current)
            }
            Change::Apply(apply) => {
                let object = self.applied(ctx, call, resource, apply, current)?;
                self.decide_update(ctx, call, resource, object, current)
            }
            Change::Scale(scale) => {
                let object = scale::scaled(resource, current, scale)?;
                self.decide_update(ctx, call, &scale::parent(resource), object, current)
            }
            Change::ScalePatch { format, patch } => {
                let patched = format.apply(resource.kind, &scale::scale_of(current), patch)?;
                let object = scale::scaled(resource, current, &patched)?;
                self.decide_update(ctx, call, &scale::parent(resource), object, current)
            }
            Change::Bind(binding) => binding::bound(binding, current, ctx.unix_micros()),
            Change::Delete(options) => delete::decide(resource, options, current, ctx.unix_micros()),
            Change::Look => Ok(Decision::Keep(current.clone())),
            Change::Disrupt { pod } => eviction::disrupted(current, pod, ctx.unix_micros()),
            Change::Mark(options) => eviction::marked(current, options, ctx.unix_micros()),
            Change::Charge { object, old } => {
                resource_quota::charged(current, object, old.as_deref(), ctx.unix_micros())
            }
        }
    }

    /// Puts or deletes, if the object is still the one that was decided on.
    pub(super) fn write(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mutation: Mutation,
        write: Write,
        revision: u64,
    ) {
        if let Write::Put { object, .. } = &write
            && object.kind() == Kind::Event
        {
            return self.with_event_lease(ctx, LeaseJob::Mutate { call, mutation, write, revision });
        }
        self.write_leased(ctx, call, mutation, write, revision, 0);
    }

    pub(super) fn write_leased(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mutation: Mutation,
        write: Write,
        revision: u64,
        lease: u64,
    ) {
        let key = mutation.resource.key();
        let op = match &write {
            Write::Put { object, .. } => Op::Put { key: key.clone(), value: object.clone(), lease },
            Write::Delete(_) => Op::DeleteRange { key: key.clone(), range_end: None },
        };
        let current = RangeRequest { key: key.clone(), range_end: None, revision: 0, limit: 0, count_only: false };
        let request = EtcdRequest::Txn {
            compare: vec![Compare::ModRevision { key, revision }],
            success: vec![op],
            failure: vec![Op::Range(current)],
        };
        let ahead = call.ahead(ctx);
        self.ask_etcd(ctx, ahead, request, Pending::Mutate { call, mutation, write });
    }

    /// Etcd's answer to that.
    pub(in super::super) fn mutated(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        mutation: Mutation,
        write: Write,
        revision: u64,
        response: &EtcdResponse,
    ) {
        match response {
            EtcdResponse::Txn { succeeded: true, .. } => match write {
                Write::Put { object, then_delete } => {
                    let object = self.written(&mutation.resource, &object, revision);
                    if then_delete {
                        return self.write(ctx, call, mutation, Write::Delete(object), revision);
                    }
                    self.answer(ctx, call, &mutation, object, false);
                }
                Write::Delete(last) => {
                    let last = stamp(&last, revision);
                    self.answer(ctx, call, &mutation, last, true);
                }
            },
            EtcdResponse::Txn { responses, .. } => {
                let current = match responses.first() {
                    Some(OpResponse::Range { kvs, .. }) => kvs.first().map(|kv| kv.value.object()),
                    _ => None,
                };
                self.attempt_live(ctx, call, mutation, current);
            }
            EtcdResponse::Failed(EtcdError::LeaseNotFound) => {
                self.forget_event_lease();
                self.reread(ctx, call, mutation);
            }
            _ => unreachable!("etcd answered a transaction with something else"),
        }
    }

    /// The answer to a change that is done.
    fn answer(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, mutation: &Mutation, object: Arc<Object>, gone: bool) {
        let resource = &mutation.resource;
        let (code, body) = match &mutation.change {
            Change::Update(_)
            | Change::Patch { .. }
            | Change::Apply(_)
            | Change::Look
            | Change::Charge { .. }
            | Change::Disrupt { .. }
            | Change::Mark(_) => (200, Body::Object(convert::served(resource.kind, &object))),
            Change::Scale(_) | Change::ScalePatch { .. } => (200, Body::Json(Arc::new(scale::scale_of(&object)))),
            Change::Bind(_) => (201, delete::success(None)),
            Change::Delete(options) => delete::answer(resource, options, &object, gone),
        };
        self.respond(ctx, call, Ok((code, body)));
    }
}

fn creates_on_update(resource: &Resource) -> bool {
    resource.subresource.is_empty() && resource.info().creates_on_update
}
