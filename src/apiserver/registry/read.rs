//! Get and list.
//!
//! Mirrors `Store.Get`, `Store.ListPredicate` and the cacher's `GetList`. A list of the newest state is
//! served from the cache once it has come to etcd's revision (ConsistentListFromCache); pages and exact
//! revisions from the cache's events where they reach back so far (ListFromCacheSnapshot).

use std::sync::Arc;

use crate::sim::persistent::OrdMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;

use crate::api::etcd::{EtcdRequest, EtcdResponse, KeyValue, RangeRequest};
use crate::api::http::List;
use crate::api::selectors::{FieldSelector, LabelSelector};
use crate::api::stored::Stored;
use crate::api::{Body, Kind, Message, Object, Reason, Status};
use crate::sim::Ctx;

use super::super::continue_token::{self, Token};
use super::super::convert;
use super::super::options::{DeleteOptions, ListOptions, VersionMatch};
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::super::storage::{Pending, compacted};
use super::scale;

/// A read that may have to wait for the cache.
#[derive(Clone, Debug)]
pub enum Read {
    Get { resource: Resource },
    List { resource: Resource, options: ListOptions },
    Watch { resource: Resource, options: ListOptions },
    DeleteCollection { resource: Resource, list: ListOptions, options: DeleteOptions },
}

const EXPIRED_CONTINUE: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// `/registry/pods/` or `/registry/pods/default/`.
fn prefix(kind: Kind, namespace: &str) -> String {
    let stored = kind.info().stored_as.info();
    if namespace.is_empty() {
        format!("/registry/{}/", stored.etcd_prefix)
    } else {
        format!("/registry/{}/{namespace}/", stored.etcd_prefix)
    }
}

impl ApiServer {
    /// One object: from etcd, or from the cache where the client said how old it may be.
    pub(super) fn get(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::Registry);
        match call.request.param("resourceVersion") {
            None | Some("") => {
                let ahead = call.ahead(ctx);
                self.read_key(ctx, ahead, resource.key(), Pending::Get { call, resource });
            }
            Some(version) => match version.parse() {
                Ok(revision) => self.when_fresh(ctx, call, revision, Read::Get { resource }),
                Err(_) => {
                    let why = format!("invalid resource version \"{version}\"");
                    self.respond(ctx, call, Err(Status::new(Reason::BadRequest, why)));
                }
            },
        }
    }

    /// The answer to a get.
    pub(in super::super) fn got(&self, resource: &Resource, found: Option<&KeyValue>) -> Result<(u16, Body), Status> {
        answer(resource, found.map(|kv| kv.value.object()).as_ref())
    }

    /// A list or a watch: by the revision it asks for.
    pub(super) fn list_or_watch(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, resource: Resource) {
        let options = match ListOptions::read(&call.request, resource.info()) {
            Ok(options) => options,
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        if call.request.is_watch() {
            return self.watch(ctx, call, resource, options);
        }
        let wanted = options.token.as_ref().map_or(options.resource_version, |token| token.revision);
        let read = Read::List { resource, options };
        match wanted {
            None => self.consistent(ctx, call, read),
            Some(revision) => self.when_fresh(ctx, call, revision, read),
        }
    }

    /// Reads from the cache as it is: whoever calls has waited for it.
    pub(in super::super) fn read(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, read: Read) {
        match read {
            Read::Get { resource } => {
                call.stage(ctx, Stage::WatchCache);
                let object = self.cache.get(resource.info().stored_as, &resource.key());
                let result = answer(&resource, object.as_ref());
                self.respond(ctx, call, result);
            }
            Read::Watch { resource, options } => self.open_watch(ctx, call, &resource, options),
            Read::DeleteCollection { resource, list, options } => {
                let objects = self.select(resource.kind, &resource.namespace, &list.labels, &list.fields);
                self.delete_all(ctx, call, &resource, objects, options);
            }
            Read::List { resource, options } => self.list(ctx, call, resource, options),
        }
    }

    fn list(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource, options: ListOptions) {
        call.stage(ctx, Stage::WatchCache);
        let exact = options.version_match == Some(VersionMatch::Exact)
            || (options.version_match.is_none() && options.limit > 0 && options.token.is_none());
        let revision = match (&options.token, options.resource_version) {
            (Some(token), _) => token.revision,
            (None, Some(version)) if exact && version != 0 => Some(version),
            _ => None,
        };
        let stored = resource.info().stored_as;
        let list = match revision {
            None if options.limit == 0 && options.token.is_none() => {
                let items = self.select(resource.kind, &resource.namespace, &options.labels, &options.fields);
                list_of(resource.kind, self.cache.revision(), items)
            }
            None => {
                let prefix = prefix(resource.kind, &resource.namespace);
                let start = start_key(&prefix, &options);
                page(&resource, &options, self.cache.objects(stored, &prefix, &start), self.cache.revision())
            }
            Some(revision) => match self.cache.at(stored, revision) {
                Some(objects) => page_of(&resource, &options, &objects, revision),
                None => return self.ask_old(ctx, call, resource, options, revision),
            },
        };
        self.respond(ctx, call, Ok((200, Body::List(Arc::new(list)))));
    }

    /// Lists from etcd at a revision that the cache no longer knows.
    fn ask_old(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        resource: Resource,
        options: ListOptions,
        revision: u64,
    ) {
        let prefix = prefix(resource.kind, &resource.namespace);
        let end = crate::etcd::prefix_end(&prefix);
        let range = RangeRequest {
            key: Arc::from(prefix),
            range_end: Some(Arc::from(end)),
            revision,
            limit: 0,
            count_only: false,
        };
        let ahead = call.ahead(ctx);
        let read = Read::List { resource, options };
        self.ask_etcd(ctx, ahead, EtcdRequest::Range(range), Pending::OldList { call, read, revision });
    }

    /// The answer to that.
    pub(in super::super) fn old_list(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        read: Read,
        revision: u64,
        response: &EtcdResponse,
    ) {
        let Read::List { resource, options } = read else { unreachable!("only lists ask for older revisions") };
        let result = match response {
            EtcdResponse::Range { kvs, .. } => {
                let objects = kvs.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect();
                Ok((200, Body::List(Arc::new(page_of(&resource, &options, &objects, revision)))))
            }
            response if compacted(response) && options.token.is_some() => {
                Err(Status::new(Reason::Expired, EXPIRED_CONTINUE))
            }
            _ => {
                let why = "The resourceVersion for the provided list is too old.";
                Err(Status::new(Reason::Expired, why))
            }
        };
        self.respond(ctx, call, result);
    }

    /// The objects of a kind in a namespace (empty: all) that match.
    pub(in super::super) fn select(
        &self,
        kind: Kind,
        namespace: &str,
        labels: &LabelSelector,
        fields: &FieldSelector,
    ) -> Vec<Arc<Object>> {
        let stored = kind.info().stored_as;
        let matches = |object: &Arc<Object>| {
            (labels.is_everything() || labels.matches_object(object))
                && (fields.is_everything() || fields.matches(&convert::served(kind, object)))
        };
        if let Some(name) = fields.requires("metadata.name")
            && (!namespace.is_empty() || !kind.info().namespaced())
        {
            let one = self.cache.find(stored, namespace, name).filter(|object| matches(object));
            return one.map(|object| convert::served(kind, &object)).into_iter().collect();
        }
        if kind == Kind::Pod
            && let Some(node) = fields.requires("spec.nodeName")
        {
            let own = self.cache.on_node(node).filter(|pod| namespace.is_empty() || pod.namespace() == namespace);
            return own.filter(matches).collect();
        }
        let prefix = prefix(kind, namespace);
        let all = self.cache.objects(stored, &prefix, &prefix).map(|(_, stored)| stored.object());
        all.filter(matches).map(|object| convert::served(kind, &object)).collect()
    }
}

/// An object, or a view of it by its subresource.
fn answer(resource: &Resource, object: Option<&Arc<Object>>) -> Result<(u16, Body), Status> {
    let Some(object) = object else { return Err(Status::not_found(resource.info(), &resource.name)) };
    if &*resource.subresource == "scale" {
        return Ok((200, Body::Json(Arc::new(scale::scale_of(object)))));
    }
    Ok((200, Body::Object(convert::served(resource.kind, object))))
}

fn list_of(kind: Kind, revision: u64, items: Vec<Arc<Object>>) -> List {
    let metadata = ListMeta { resource_version: Some(revision.to_string()), ..ListMeta::default() };
    List { kind, metadata, items }
}

fn start_key(prefix: &str, options: &ListOptions) -> String {
    format!("{prefix}{}", options.token.as_ref().map_or("", |token| &token.start))
}

fn page_of(resource: &Resource, options: &ListOptions, objects: &OrdMap<Arc<str>, Stored>, revision: u64) -> List {
    let prefix = prefix(resource.kind, &resource.namespace);
    let start = start_key(&prefix, options);
    let from = objects.range::<_, str>((std::ops::Bound::Included(&*start), std::ops::Bound::Unbounded));
    page(resource, options, from.take_while(|(key, _)| key.starts_with(&*prefix)), revision)
}

/// One page of a list, with the token for the next.
fn page<'a>(
    resource: &Resource,
    options: &ListOptions,
    objects: impl Iterator<Item = (&'a Arc<str>, &'a Stored)>,
    revision: u64,
) -> List {
    let everything = options.labels.is_everything() && options.fields.is_everything();
    let limit = if options.limit == 0 { usize::MAX } else { options.limit };
    let mut list = list_of(resource.kind, revision, Vec::new());
    let mut last: &str = "";
    let mut remaining = 0;
    for (key, stored) in objects {
        if list.items.len() == limit {
            remaining += 1;
            if everything {
                continue;
            }
            break;
        }
        last = key;
        let object = convert::served(resource.kind, &stored.object());
        if options.labels.matches_object(&object) && options.fields.matches(&object) {
            list.items.push(object);
        }
    }
    if remaining > 0 {
        let prefix = prefix(resource.kind, &resource.namespace);
        let start = format!("{}\0", last.strip_prefix(&*prefix).unwrap_or(last));
        list.metadata.continue_ = Some(continue_token::encode(&Token { revision: Some(revision), start }));
        list.metadata.remaining_item_count = everything.then_some(remaining);
    }
    list
}
