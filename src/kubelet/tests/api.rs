//! A small API server: objects in memory, watches, and patches merged as upstream merges them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::api::patch::strategic_merge;
use crate::api::{
    Body, CallId, Kind, Message, Method, Object, ObjectKey, Request, Response, Status, WatchEvent, WatchType, find_kind,
};
use crate::sim::{Ctx, Envelope, Process, ProcessId, SimTime};

#[derive(Clone, Debug)]
struct Watcher {
    to: ProcessId,
    call: CallId,
    kind: Kind,
    name: Option<String>,
}

/// The API server.
#[derive(Clone, Debug, Default)]
pub struct Api {
    pub objects: BTreeMap<(Kind, ObjectKey), Arc<Object>>,
    revision: u64,
    watchers: Vec<Watcher>,
    /// `PATCH …/pods/web/status` and the like, with when they came and their bodies.
    pub requests: Vec<(SimTime, String, Value)>,
    /// What kubelets answered to requests of this server: text as it came.
    pub answers: Vec<String>,
    /// Where requests to a kubelet go.
    kubelet: Option<ProcessId>,
    /// Nothing that happens is told: requests pass, watch events do not.
    quiet: bool,
}

impl Api {
    /// Reasons, messages and counts of the events about an object.
    pub fn events(&self, name: &str) -> Vec<String> {
        let mut events: Vec<(u64, String)> = self
            .objects
            .iter()
            .filter(|((kind, _), _)| *kind == Kind::Event)
            .map(|(_, object)| (object, object.to_value()))
            .filter(|(_, event)| event["involvedObject"]["name"] == name)
            .map(|(object, event)| {
                let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                let order = object.meta().generation.unwrap_or(0) as u64;
                (order, format!("{} {} x{}", text("reason"), text("message"), event["count"]))
            })
            .collect();
        events.sort();
        events.into_iter().map(|(_, text)| text).collect()
    }

    /// Requests whose line contains `text`, with their bodies.
    pub fn sent(&self, text: &str) -> Vec<(SimTime, Value)> {
        let found = self.requests.iter().filter(|(_, line, _)| line.contains(text));
        found.map(|(at, _, body)| (*at, body.clone())).collect()
    }

    fn tell(&mut self, ctx: &mut Ctx<'_, Message>, type_: WatchType, object: &Arc<Object>) {
        for watcher in self.watchers.clone().into_iter().filter(|_| !self.quiet) {
            let named = watcher.name.as_deref().is_none_or(|name| name == object.name());
            if watcher.kind == object.kind() && named {
                let event = WatchEvent::new(type_, Body::Object(object.clone()));
                ctx.send(watcher.to, Message::Watch { call: watcher.call, event });
            }
        }
    }

    fn store(&mut self, ctx: &mut Ctx<'_, Message>, mut object: Object) -> Arc<Object> {
        self.revision += 1;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        if object.kind() == Kind::Event && object.meta().generation.is_none() {
            object.meta_mut().generation = Some(self.revision as i64);
        }
        let object = Arc::new(object);
        let old = self.objects.insert((object.kind(), object.key()), object.clone());
        self.tell(ctx, if old.is_some() { WatchType::Modified } else { WatchType::Added }, &object);
        object
    }

    fn remove(&mut self, ctx: &mut Ctx<'_, Message>, kind: Kind, key: &ObjectKey) -> Option<Arc<Object>> {
        let object = self.objects.remove(&(kind, key.clone()))?;
        self.revision += 1;
        let mut last = (*object).clone();
        last.meta_mut().resource_version = Some(self.revision.to_string());
        self.tell(ctx, WatchType::Deleted, &Arc::new(last));
        Some(object)
    }

    fn watch(&mut self, ctx: &mut Ctx<'_, Message>, to: ProcessId, call: CallId, request: &Request, kind: Kind) {
        let field = request.param("fieldSelector").unwrap_or_default();
        let name = field.strip_prefix("metadata.name=").map(str::to_owned);
        ctx.send(to, Message::Response { call, response: Arc::new(Response::ok(Body::Empty)) });
        if self.quiet {
            ctx.send(to, Message::StreamEnd { call });
            return;
        }
        if request.param("sendInitialEvents").is_some() {
            for ((stored, _), object) in &self.objects {
                if *stored == kind && name.as_deref().is_none_or(|name| name == object.name()) {
                    let event = WatchEvent::new(WatchType::Added, Body::Object(object.clone()));
                    ctx.send(to, Message::Watch { call, event });
                }
            }
            let mut empty = serde_json::json!({ "metadata": { "resourceVersion": self.revision.to_string() } });
            empty["spec"] = serde_json::json!({ "containers": [] });
            let bookmark = Object::from_value(kind, &empty, &mut |_| {}).expect("a bookmark is an object");
            let event = WatchEvent::new(WatchType::Bookmark, Body::Object(Arc::new(bookmark)));
            ctx.send(to, Message::Watch { call, event });
        } else {
            let from = request.param("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(u64::MAX);
            for ((stored, _), object) in &self.objects {
                let named = name.as_deref().is_none_or(|name| name == object.name());
                if *stored == kind && named && object.resource_version() > from {
                    let event = WatchEvent::new(WatchType::Modified, Body::Object(object.clone()));
                    ctx.send(to, Message::Watch { call, event });
                }
            }
        }
        self.watchers.push(Watcher { to, call, kind, name });
    }

    fn handle(&mut self, ctx: &mut Ctx<'_, Message>, from: ProcessId, call: CallId, request: &Request) {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            other => panic!("a request for {other:?}"),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest[0];
        let kind = crate::api::KINDS
            .iter()
            .find(|info| info.plural == plural && info.group == group)
            .expect("a kind that is known")
            .id;
        if request.is_watch() {
            self.watch(ctx, from, call, request, kind);
            return;
        }
        let body = match &request.body {
            Body::Object(object) => object.to_value(),
            Body::Json(value) => (**value).clone(),
            _ => Value::Null,
        };
        self.requests.push((ctx.now(), format!("{} {}", request.method.as_str(), request.path), body.clone()));
        let key = ObjectKey::new(namespace, rest.get(1).copied().unwrap_or_default());
        let stored = self.objects.get(&(kind, key.clone())).cloned();
        let missing = || Response::failure(Status::not_found(kind.info(), &key.name));
        let response = match (request.method, stored) {
            (Method::Post, _) if rest.get(2) == Some(&"token") => {
                Response::ok(Body::Json(Arc::new(serde_json::json!({ "status": { "token": "ey.token" } }))))
            }
            (Method::Post, _) => match &request.body {
                Body::Object(object) if self.objects.contains_key(&(kind, object.key())) => {
                    Response::failure(Status::already_exists(kind.info(), object.name()))
                }
                Body::Object(object) => Response::new(201, Body::Object(self.store(ctx, (**object).clone()))),
                other => panic!("a POST of {other:?}"),
            },
            (_, None) => missing(),
            (Method::Get, Some(object)) => Response::ok(Body::Object(object)),
            (Method::Put, Some(_)) => match &request.body {
                Body::Object(object) => Response::ok(Body::Object(self.store(ctx, (**object).clone()))),
                other => panic!("a PUT of {other:?}"),
            },
            (Method::Delete, Some(object)) => {
                self.remove(ctx, kind, &key);
                Response::ok(Body::Object(object))
            }
            (Method::Patch, Some(object)) => {
                let value = strategic_merge(kind, &object.to_value(), &body).expect("a patch that fits");
                let object =
                    Object::from_value(kind, &value, &mut |path| panic!("a patch has the unknown field {path}"));
                Response::ok(Body::Object(self.store(ctx, object.expect("a patch keeps the types"))))
            }
        };
        ctx.send(from, Message::Response { call, response: Arc::new(response) });
    }

    fn control(&mut self, ctx: &mut Ctx<'_, Message>, text: &str) {
        let (what, rest) = text.split_once(' ').expect("a verb and a value");
        if what == "logs" {
            let kubelet = ctx.resolve("kubelet/node-a").expect("the kubelet is there");
            self.kubelet = Some(kubelet);
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let mut request = Request::new(Method::Get, path);
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                request = request.with(name, value);
            }
            let call = CallId(1_000_000 + self.answers.len() as u64);
            ctx.send(kubelet, Message::Request { call, request: Arc::new(request) });
            return;
        }
        let value: Value = serde_json::from_str(rest).expect("a value");
        if what == "quiet" {
            self.quiet = value == true;
            // Whoever missed something has to list again.
            for watcher in std::mem::take(&mut self.watchers) {
                ctx.send(watcher.to, Message::StreamEnd { call: watcher.call });
            }
            return;
        }
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        if what == "put" {
            let version = text(&value["apiVersion"]);
            let (group, version) = version.split_once('/').unwrap_or(("", &version));
            let info = find_kind(group, version, &text(&value["kind"])).expect("a kind that is known");
            let object = Object::from_value(info.id, &value, &mut |path| panic!("an unknown field {path}"));
            self.store(ctx, object.expect("an object"));
            return;
        }
        let kind = find_kind("", "v1", &text(&value["kind"])).expect("a kind that is known").id;
        let key = ObjectKey::new("default", &text(&value["name"]));
        let Some(object) = self.objects.get(&(kind, key.clone())).cloned() else { return };
        if kind != Kind::Pod || what == "remove" {
            self.remove(ctx, kind, &key);
            return;
        }
        let mut object = (*object).clone();
        let grace = super::super::pod::spec(&object).termination_grace_period_seconds.unwrap_or(30);
        object.meta_mut().deletion_timestamp = Some(crate::api::time::time(ctx.unix_micros() + grace * 1_000_000));
        object.meta_mut().deletion_grace_period_seconds = Some(grace);
        object.meta_mut().generation = object.meta().generation.map(|generation| generation + 1);
        self.store(ctx, object);
    }
}

impl Process<Message> for Api {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Request { call, request } => self.handle(ctx, envelope.from, *call, request),
            Message::Cancel { call } => self.watchers.retain(|watcher| watcher.call != *call),
            Message::Control(text) => self.control(ctx, text),
            Message::Response { response, .. } => self.answers.push(match &response.body {
                Body::Text(text) => text.to_string(),
                Body::Status(status) => format!("{}: {}", response.code, status.message),
                _ => String::new(),
            }),
            Message::Chunk { text, .. } => self.answers.push(text.to_string()),
            Message::StreamEnd { .. } => self.answers.push("END".to_owned()),
            _ => {}
        }
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn lose_memory(&mut self) {
        self.watchers.clear();
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
