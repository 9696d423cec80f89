//! A small API server for tests.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use serde_json::{Value, json};

use crate::api::{
    Body, CallId, Kind, Message, Method, Object, ObjectKey, Reason, Response, Status, Typed, WatchEvent, WatchType,
    find_resource, time,
};
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId};

/// A small API server: objects by kind and key, revisions, watches. Its pods are ready at once.
#[derive(Clone, Debug, Default)]
pub struct FakeServer {
    pub objects: BTreeMap<(Kind, ObjectKey), Arc<Object>>,
    revision: u64,
    watches: Vec<(ProcessId, CallId, Kind)>,
    /// `POST /path 201`, in the order of handling.
    pub log: Vec<String>,
    /// Objects to create when it starts.
    pub seeds: Vec<Arc<Object>>,
}

fn path_parts(path: &str) -> (Kind, ObjectKey, String) {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, version, mut rest) =
        if parts[0] == "api" { ("", parts[1], &parts[2..]) } else { (parts[1], parts[2], &parts[3..]) };
    let mut namespace = "";
    if rest[0] == "namespaces" && rest.len() > 2 && find_resource(group, version, rest[2]).is_some() {
        namespace = rest[1];
        rest = &rest[2..];
    }
    let info = find_resource(group, version, rest[0]).unwrap_or_else(|| panic!("no resource at {path}"));
    let at = |index: usize| rest.get(index).copied().unwrap_or_default();
    (info.id, ObjectKey::new(namespace, at(1)), at(2).to_owned())
}

fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(into), Value::Object(patch)) = (&mut *into, patch) else {
        *into = patch.clone();
        return;
    };
    for (key, value) in patch {
        merge(into.entry(key.clone()).or_insert(Value::Null), value);
    }
}

impl FakeServer {
    /// A server that will hold these objects.
    pub fn new(seeds: Vec<Arc<Object>>) -> Self {
        FakeServer { seeds, ..FakeServer::default() }
    }

    /// The object of that name in `default`.
    pub fn get<T: Typed>(&self, name: &str) -> Option<&T> {
        self.objects.get(&(T::KIND, ObjectKey::new("default", name))).and_then(|object| object.get())
    }

    /// Every object of a kind.
    pub fn all<T: Typed>(&self) -> impl Iterator<Item = &T> {
        self.objects.values().filter_map(|object| object.get::<T>())
    }

    fn tell(&self, ctx: &mut Ctx<'_, Message>, kind: Kind, type_: WatchType, object: &Arc<Object>) {
        for (who, call, _) in self.watches.iter().filter(|(_, _, watched)| *watched == kind) {
            let event = WatchEvent::new(type_, Body::Object(object.clone()));
            ctx.send(*who, Message::Watch { call: *call, event });
        }
    }

    fn store(&mut self, ctx: &mut Ctx<'_, Message>, mut object: Object) -> Arc<Object> {
        self.revision += 1;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        let (kind, key) = (object.kind(), object.key());
        let old = self.objects.get(&(kind, key.clone())).cloned();
        if let Some(old) = &old
            && old.to_value()["spec"] != object.to_value()["spec"]
        {
            object.meta_mut().generation = Some(old.meta().generation.unwrap_or(0) + 1);
        }
        let object = Arc::new(object);
        self.objects.insert((kind, key), object.clone());
        let type_ = if old.is_some() { WatchType::Modified } else { WatchType::Added };
        self.tell(ctx, kind, type_, &object);
        object
    }

    fn create(&mut self, ctx: &mut Ctx<'_, Message>, object: &Object) -> Response {
        let mut object = object.clone();
        let suffix = ctx.rng().suffix(5);
        let uid = ctx.rng().uuid();
        let created = time::time(ctx.unix_micros());
        let meta = object.meta_mut();
        if meta.name.is_none() {
            meta.name = Some(format!("{}{suffix}", meta.generate_name.clone().unwrap_or_default()));
        }
        meta.uid = Some(uid);
        meta.generation = Some(1);
        meta.creation_timestamp = Some(created.clone());
        if self.objects.contains_key(&(object.kind(), object.key())) {
            return Response::failure(Status::already_exists(object.info(), object.name()));
        }
        if let Some(pod) = Pod::of_mut(&mut object) {
            let status = pod.status.get_or_insert_default();
            status.phase = Some("Running".to_owned());
            status.conditions = Some(vec![PodCondition {
                type_: "Ready".to_owned(),
                status: "True".to_owned(),
                last_transition_time: Some(created),
                ..PodCondition::default()
            }]);
        }
        Response { code: 201, ..Response::ok(Body::Object(self.store(ctx, object))) }
    }

    fn update(&mut self, ctx: &mut Ctx<'_, Message>, object: &Object, subresource: &str) -> Response {
        let Some(old) = self.objects.get(&(object.kind(), object.key())).cloned() else {
            return Response::failure(Status::not_found(object.info(), object.name()));
        };
        if object.resource_version() != old.resource_version() {
            return Response::failure(Status::conflict(object.info(), object.name(), "the object has been modified"));
        }
        let mut value = object.to_value();
        if subresource == "status" {
            value["spec"] = old.to_value()["spec"].clone();
        } else {
            value["status"] = old.to_value()["status"].clone();
        }
        let object = Object::from_value(object.kind(), &value, &mut |_| {}).expect("it was an object of its kind");
        Response::ok(Body::Object(self.store(ctx, object)))
    }

    fn patch(&mut self, ctx: &mut Ctx<'_, Message>, kind: Kind, key: &ObjectKey, patch: &Value) -> Response {
        let Some(old) = self.objects.get(&(kind, key.clone())).cloned() else {
            return Response::failure(Status::not_found(kind.info(), &key.name));
        };
        let mut value = old.to_value();
        merge(&mut value, patch);
        let object = Object::from_value(kind, &value, &mut |_| {}).expect("a patch keeps the kind");
        Response::ok(Body::Object(self.store(ctx, object)))
    }

    fn delete(&mut self, ctx: &mut Ctx<'_, Message>, kind: Kind, key: &ObjectKey) -> Response {
        match self.objects.remove(&(kind, key.clone())) {
            None => Response::failure(Status::not_found(kind.info(), &key.name)),
            Some(object) => {
                self.revision += 1;
                self.tell(ctx, kind, WatchType::Deleted, &object);
                Response::ok(Body::Object(object))
            }
        }
    }

    fn watch(&mut self, ctx: &mut Ctx<'_, Message>, who: ProcessId, call: CallId, kind: Kind) {
        ctx.send(who, Message::Response { call, response: Arc::new(Response::ok(Body::Empty)) });
        for object in self.objects.iter().filter(|((stored, _), _)| *stored == kind).map(|(_, object)| object) {
            let event = WatchEvent::new(WatchType::Added, Body::Object(object.clone()));
            ctx.send(who, Message::Watch { call, event });
        }
        let bookmark = json!({ "metadata": { "resourceVersion": self.revision.to_string(), "name": "bookmark" } });
        let bookmark = Object::from_value(kind, &bookmark, &mut |_| {}).unwrap_or_else(|_| {
            let mut pod = Pod::default();
            pod.metadata.resource_version = Some(self.revision.to_string());
            pod.into_object()
        });
        let event = WatchEvent::new(WatchType::Bookmark, Body::Object(Arc::new(bookmark)));
        ctx.send(who, Message::Watch { call, event });
        self.watches.push((who, call, kind));
    }
}

impl Process<Message> for FakeServer {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        for seed in std::mem::take(&mut self.seeds) {
            self.create(ctx, &seed);
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        let Message::Request { call, request } = &envelope.payload else { return };
        let (kind, key, subresource) = path_parts(&request.path);
        if request.is_watch() {
            self.watch(ctx, envelope.from, *call, kind);
            return;
        }
        let response = match (request.method, &request.body) {
            (Method::Get, _) => match self.objects.get(&(kind, key.clone())) {
                Some(object) => Response::ok(Body::Object(object.clone())),
                None => Response::failure(Status::not_found(kind.info(), &key.name)),
            },
            (Method::Post, Body::Object(object)) => self.create(ctx, object),
            (Method::Put, Body::Object(object)) => self.update(ctx, object, &subresource),
            (Method::Patch, Body::Json(patch)) => self.patch(ctx, kind, &key, patch),
            (Method::Delete, _) => self.delete(ctx, kind, &key),
            _ => Response::failure(Status::new(Reason::BadRequest, "not this server")),
        };
        if kind != Kind::Lease {
            self.log.push(format!("{} {} {}", request.method.as_str(), request.path, response.code));
        }
        ctx.send(envelope.from, Message::Response { call: *call, response: Arc::new(response) });
    }

    fn on_timer(&mut self, _ctx: &mut Ctx<'_, Message>, _token: u64) {}

    fn on_disconnect(&mut self, _ctx: &mut Ctx<'_, Message>, peer: ProcessId, _why: Disconnect) {
        self.watches.retain(|(who, _, _)| *who != peer);
    }

    fn lose_memory(&mut self) {
        self.watches.clear();
    }

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
