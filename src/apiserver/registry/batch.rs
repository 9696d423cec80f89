//! `deletecollection`: one deletion after another, as one worker does it.
//!
//! Mirrors `Store.DeleteCollection` with `--delete-collection-workers=1`.

use std::collections::VecDeque;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;

use crate::api::http::List;
use crate::api::{Body, Message, Object, Reason, Status};
use crate::sim::Ctx;

use super::super::options::{DeleteOptions, ListOptions};
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Origin, Stage};
use super::body;
use super::mutation::{Change, Mutation};
use super::read::Read;

/// A `deletecollection` under way.
#[derive(Clone, Debug)]
pub struct Batch {
    call: Call,
    resource: Resource,
    options: DeleteOptions,
    left: VecDeque<Arc<Object>>,
    /// What the answer lists: the objects as they were found.
    items: Vec<Arc<Object>>,
}

impl ApiServer {
    /// Lists what is to go, consistently.
    pub(super) fn delete_collection(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let read = body::value(&call.request)
            .and_then(|body| DeleteOptions::read(&call.request, body.as_deref()))
            .and_then(|options| {
                let list = ListOptions::read(&call.request, resource.info())?;
                Ok(Read::DeleteCollection { resource, list, options })
            });
        match read {
            Ok(read) => self.consistent(ctx, call, read),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }

    /// Deletes what was listed.
    pub(super) fn delete_all(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        resource: &Resource,
        objects: Vec<Arc<Object>>,
        options: DeleteOptions,
    ) {
        let number = self.number();
        let batch = Batch {
            call,
            resource: resource.clone(),
            options,
            left: objects.iter().cloned().collect(),
            items: objects,
        };
        self.batches.insert(number, batch);
        self.batch_next(ctx, number);
    }

    fn batch_next(&mut self, ctx: &mut Ctx<'_, Message>, number: u64) {
        let Some(batch) = self.batches.get_mut(&number) else { return };
        batch.call.resume(ctx);
        let Some(object) = batch.left.pop_front() else {
            let Batch { call, resource, items, .. } = self.batches.remove(&number).expect("it was just there");
            let metadata =
                ListMeta { resource_version: Some(self.cache.revision().to_string()), ..ListMeta::default() };
            let list = List { kind: resource.kind, metadata, items };
            return self.respond(ctx, call, Ok((200, Body::List(Arc::new(list)))));
        };
        let mut call = batch.call.clone();
        call.origin = Origin::Batch(number);
        let resource = Resource {
            namespace: Arc::from(object.namespace()),
            name: Arc::from(object.name()),
            ..batch.resource.clone()
        };
        let change = Change::Delete(batch.options.clone());
        let dry_run = batch.options.dry_run;
        self.mutate(ctx, call, Mutation { resource, change, dry_run });
    }

    /// One deletion is done.
    pub(in super::super) fn batch_done(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        number: u64,
        result: Result<(u16, Body), Status>,
    ) {
        match result {
            // Somebody else was faster: that is as good.
            Ok(_) => self.batch_next(ctx, number),
            Err(status) if status.reason == Reason::NotFound => self.batch_next(ctx, number),
            Err(status) => {
                if let Some(Batch { mut call, .. }) = self.batches.remove(&number) {
                    call.resume(ctx);
                    self.respond(ctx, call, Err(status));
                }
            }
        }
    }
}
