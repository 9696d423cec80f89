//! `pods/eviction`: deletes a pod, if its disruption budget allows.
//!
//! Mirrors pkg/registry/core/pod/storage/eviction.go. Leaves out: budgets, as there is no such kind yet.

use crate::api::{Message, Reason, Status};
use crate::sim::Ctx;

use super::super::options::DeleteOptions;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::mutation::{Change, Mutation};

impl ApiServer {
    /// `POST` of an Eviction.
    pub(super) fn evict(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let options = body::value(&call.request).and_then(|body| {
            let eviction = body.as_deref();
            let name = eviction.and_then(|eviction| eviction.pointer("/metadata/name")?.as_str()).unwrap_or_default();
            if !name.is_empty() && *name != *resource.name {
                return Err(Status::new(Reason::BadRequest, "name in URL does not match name in Eviction object"));
            }
            DeleteOptions::read(&call.request, eviction.and_then(|eviction| eviction.get("deleteOptions")))
        });
        call.stage(ctx, Stage::Validation);
        match options {
            Ok(options) => {
                let dry_run = options.dry_run;
                self.mutate(ctx, call, Mutation { resource, change: Change::Evict(options), dry_run });
            }
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }
}
