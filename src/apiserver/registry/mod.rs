//! The generic registry: what each verb does with any kind.
//!
//! Mirrors apiserver/pkg/registry/generic/registry (`Store`), endpoints/handlers and pkg/registry.

mod apply;
mod batch;
mod binding;
mod body;
mod bootstrap;
mod charge;
mod create;
mod delete;
mod errand;
mod event_ttl;
mod eviction;
mod field_set;
mod finalizers;
mod log;
mod mutation;
mod patch;
mod read;
mod scale;
mod service;
mod token;
mod update;

pub(super) use batch::Batch;
pub(super) use body::value;
pub(super) use create::{Creation, Parked};
pub(super) use errand::Errand;
pub(super) use event_ttl::EventLease;
pub(super) use log::Forward;
pub(super) use mutation::{Decision, Mutation, Write};
pub(super) use read::Read;
pub(super) use service::Allocations;

use std::sync::Arc;

use crate::api::{Message, Method};
use crate::sim::Ctx;

use super::route::Resource;
use super::server::{ApiServer, method_not_allowed};
use super::stage::Call;

impl ApiServer {
    /// A request about a resource, by its verb.
    pub(super) fn resource(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        let method = call.request.method;
        let deprecation = resource.info().deprecation;
        if !deprecation.is_empty() {
            call.warnings.push(Arc::from(deprecation));
        }
        let named = !resource.name.is_empty();
        if !resource.subresource.is_empty() {
            return self.subresource(ctx, call, resource);
        }
        let verb = match (method, named) {
            (Method::Get, true) => "get",
            (Method::Get, false) if call.request.is_watch() => "watch",
            (Method::Get, false) => "list",
            (Method::Post, false) => "create",
            (Method::Put, true) => "update",
            (Method::Patch, true) => "patch",
            (Method::Delete, true) => "delete",
            (Method::Delete, false) => "deletecollection",
            (Method::Post, true) | (Method::Put | Method::Patch, false) => "",
        };
        if !resource.info().verbs.contains(&verb) {
            return self.respond(ctx, call, Err(method_not_allowed()));
        }
        // What is written lies in one namespace; only reading spans them.
        let everywhere = resource.info().namespaced() && resource.namespace.is_empty();
        if everywhere && matches!(verb, "create" | "deletecollection") {
            return self.respond(ctx, call, Err(method_not_allowed()));
        }
        match verb {
            "get" => self.get(ctx, call, resource),
            "watch" | "list" => self.list_or_watch(ctx, call, resource),
            "create" if resource.kind == crate::api::Kind::Binding => self.bind(ctx, call, resource),
            "create" => self.create(ctx, call, resource),
            "update" => self.update(ctx, call, resource),
            "patch" => self.patch(ctx, call, resource),
            "delete" => self.delete(ctx, call, resource),
            _ => self.delete_collection(ctx, call, resource),
        }
    }

    fn subresource(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, resource: Resource) {
        let subresource = resource.subresource.clone();
        match (&*subresource, call.request.method) {
            ("status" | "finalize", Method::Get) => self.get(ctx, call, resource),
            ("status" | "finalize", Method::Put) => self.update(ctx, call, resource),
            ("status", Method::Patch) => self.patch(ctx, call, resource),
            ("scale", Method::Get) => self.get(ctx, call, resource),
            ("scale", Method::Put) => self.update_scale(ctx, call, resource),
            ("scale", Method::Patch) => self.patch_scale(ctx, call, resource),
            ("binding", Method::Post) => self.bind(ctx, call, resource),
            ("eviction", Method::Post) => self.evict(ctx, call, resource),
            ("log", Method::Get) => self.log(ctx, call, resource),
            ("token", Method::Post) => self.token(ctx, call, resource),
            _ => self.respond(ctx, call, Err(method_not_allowed())),
        }
    }
}
