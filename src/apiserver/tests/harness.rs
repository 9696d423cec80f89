//! The world of the tests.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::http::content_type;
use crate::api::{Body, CallId, Message, Method, Request, Response, WatchEvent, roles};
use crate::etcd::Etcd;
use crate::sim::{Ctx, Disconnect, Envelope, Kernel, KernelConfig, Process, ProcessId};

use super::super::ApiServer;

/// Sends what it is told to the API server, and keeps what it hears.
#[derive(Clone, Debug)]
struct Client {
    apiserver: ProcessId,
    responses: Vec<(CallId, Arc<Response>)>,
    events: Vec<(CallId, WatchEvent)>,
    ended: Vec<CallId>,
    chunks: Vec<Arc<str>>,
    disconnects: Vec<Disconnect>,
}

impl Process<Message> for Client {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            message @ (Message::Request { .. } | Message::Cancel { .. }) => {
                ctx.send(self.apiserver, message.clone());
            }
            Message::Response { call, response } => self.responses.push((*call, response.clone())),
            Message::Watch { call, event } => self.events.push((*call, event.clone())),
            Message::Chunk { text, .. } => self.chunks.push(text.clone()),
            Message::StreamEnd { call } => self.ended.push(*call),
            other => panic!("a client hears no {other:?}"),
        }
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn on_disconnect(&mut self, _: &mut Ctx<'_, Message>, _: ProcessId, why: Disconnect) {
        self.disconnects.push(why);
    }

    fn lose_memory(&mut self) {}

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

/// Etcd, an API server and a client.
pub struct World {
    pub kernel: Kernel<Message>,
    pub etcd: ProcessId,
    pub apiserver: ProcessId,
    pub client: ProcessId,
    last_call: u64,
}

impl World {
    /// A world whose API server is ready, with the service account `default` in the namespace `default`.
    pub fn new() -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 1,
            epoch_unix_micros: 1_767_225_600_000_000,
            trace_capacity: 10_000,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let etcd = kernel.add("etcd", "etcd", Box::new(Etcd::new()));
        let apiserver = kernel.add("kube-apiserver", "kube-apiserver", Box::new(ApiServer::new(etcd)));
        let client =
            Client { apiserver, responses: vec![], events: vec![], ended: vec![], chunks: vec![], disconnects: vec![] };
        let client = kernel.add("client", "client", Box::new(client));
        let mut world = World { kernel, etcd, apiserver, client, last_call: 0 };
        world.run(1_000);
        let account = json!({"metadata": {"name": "default"}});
        assert_eq!(world.post("/api/v1/namespaces/default/serviceaccounts", account).code, 201);
        world
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        self.kernel.run_until(self.kernel.now() + Duration::from_millis(ms));
    }

    fn client(&mut self) -> &mut Client {
        self.kernel.edge_mut(self.client).expect("the client is a Client")
    }

    /// Sends a request.
    pub fn send(&mut self, request: Request) -> CallId {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.kernel.input(self.client, "request", Message::Request { call, request: Arc::new(request) });
        call
    }

    /// The answer to a request, if it has come.
    pub fn answer(&mut self, call: CallId) -> Option<Arc<Response>> {
        let responses = &mut self.client().responses;
        let at = responses.iter().position(|(id, _)| *id == call)?;
        Some(responses.remove(at).1)
    }

    /// Sends a request and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, request: Request) -> Arc<Response> {
        let text = format!("{} {}", request.method.as_str(), request.path);
        let call = self.send(request);
        for _ in 0..200 {
            self.run(50);
            if let Some(response) = self.answer(call) {
                return response;
            }
        }
        panic!("no answer to {text} in ten seconds");
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Arc<Response> {
        self.ask(request(Method::Get, path))
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: Value) -> Arc<Response> {
        self.ask(request(Method::Post, path).body(Body::Json(Arc::new(body))))
    }

    #[track_caller]
    pub fn put(&mut self, path: &str, body: Value) -> Arc<Response> {
        self.ask(request(Method::Put, path).body(Body::Json(Arc::new(body))))
    }

    #[track_caller]
    pub fn merge(&mut self, path: &str, patch: Value) -> Arc<Response> {
        self.patch(path, content_type::MERGE_PATCH, patch)
    }

    #[track_caller]
    pub fn patch(&mut self, path: &str, content_type: &'static str, patch: Value) -> Arc<Response> {
        let mut request = request(Method::Patch, path).body(Body::Json(Arc::new(patch)));
        request.content_type = content_type;
        self.ask(request)
    }

    #[track_caller]
    pub fn delete(&mut self, path: &str, options: Value) -> Arc<Response> {
        self.ask(request(Method::Delete, path).body(Body::Json(Arc::new(options))))
    }

    /// What the watch `call` was told since the last look: `ADDED web@7`.
    pub fn heard(&mut self, call: CallId) -> Vec<String> {
        self.run(20);
        let events = &mut self.client().events;
        let mine = events.iter().filter(|(id, _)| *id == call).map(|(_, event)| show(event)).collect();
        events.retain(|(id, _)| *id != call);
        mine
    }

    /// Whether the stream `call` was ended.
    pub fn ended(&mut self, call: CallId) -> bool {
        self.client().ended.contains(&call)
    }

    /// Opens a watch.
    pub fn watch(&mut self, path: &str) -> CallId {
        let separator = if path.contains('?') { "&" } else { "?" };
        let call = self.send(request(Method::Get, &format!("{path}{separator}watch=true")));
        self.run(50);
        let opened = self.answer(call).expect("a watch opens at once");
        assert_eq!((opened.code, &opened.body), (200, &Body::Empty), "{path}");
        call
    }

    /// The API server's insides.
    pub fn server(&self) -> &ApiServer {
        self.kernel.inspect(self.apiserver).expect("the API server is an ApiServer")
    }
}

/// A request by a path with its query.
pub fn request(method: Method, path: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request::new(method, path);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request = request.with(name, value);
    }
    request
}

/// An event in one line.
fn show(event: &WatchEvent) -> String {
    let about = match &event.body {
        Body::Object(object) => format!("{}@{}", object.name(), object.resource_version()),
        Body::Status(status) => format!("{}: {}", status.reason.as_str(), status.message),
        other => format!("{other:?}"),
    };
    format!("{} {about}", event.type_.as_str())
}

/// The code and the failure's message, or the object as JSON without what changes from run to run.
pub fn said(response: &Response) -> String {
    match response.status() {
        Some(status) => format!("{} {}: {}", response.code, status.reason.as_str(), status.message),
        None => format!("{}", response.code),
    }
}

/// The body as JSON.
pub fn value(response: &Response) -> Value {
    match &response.body {
        Body::Object(object) => object.to_value(),
        Body::Json(value) => (**value).clone(),
        other => panic!("no JSON in {other:?}"),
    }
}

/// The names of the items of a list.
pub fn names(response: &Response) -> Vec<String> {
    match &response.body {
        Body::List(list) => list.items.iter().map(|object| object.name().to_owned()).collect(),
        other => panic!("no list in {other:?}"),
    }
}

/// A ConfigMap with one key.
pub fn config_map(name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}})
}

/// A pod with one container.
pub fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    })
}

/// A deployment of three.
pub fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx"}]},
            },
        },
    })
}

pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
