//! The real `kube` client, and its `watcher`, against the in-process API server as a `tower` service.
//!
//! The world is not `Send`, so a thread owns it; requests come to it over a channel, and each look at the
//! channel moves virtual time a little.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;

use kubarium::api::{CallId, Message, Request, Response, roles};
use kubarium::apiserver::{ApiServer, http as edge};
use kubarium::etcd::Etcd;
use kubarium::sim::{Ctx, Disconnect, Envelope, Kernel, KernelConfig, Process, ProcessId};

/// What each look at the channel moves virtual time by.
const TICK: Duration = Duration::from_millis(5);

/// The process at the edge of the world: passes on what comes from outside, keeps what comes back.
#[derive(Clone, Debug)]
struct Edge {
    apiserver: ProcessId,
    heard: Vec<Heard>,
}

#[derive(Clone, Debug)]
enum Heard {
    Message(Message),
    Disconnected,
}

impl Process<Message> for Edge {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if envelope.from == ProcessId::OUTSIDE {
            ctx.send(self.apiserver, envelope.payload.clone());
        } else {
            self.heard.push(Heard::Message(envelope.payload.clone()));
        }
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn on_disconnect(&mut self, _: &mut Ctx<'_, Message>, _: ProcessId, _: Disconnect) {
        self.heard.push(Heard::Disconnected);
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

type HttpBody = UnsyncBoxBody<Bytes, std::io::Error>;
type HttpResponse = http::Response<HttpBody>;
type Frames = mpsc::UnboundedSender<Result<http_body::Frame<Bytes>, std::io::Error>>;

/// What the world's thread is told.
enum Ask {
    Request(Box<http::Request<Bytes>>, oneshot::Sender<HttpResponse>),
    RestartApiServer,
}

/// The server as kube sees it.
#[derive(Clone)]
struct Server(Sender<Ask>);

impl tower::Service<http::Request<kube::client::Body>> for Server {
    type Response = HttpResponse;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<kube::client::Body>) -> Self::Future {
        let asks = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
            let (answer, answered) = oneshot::channel();
            let ask = Ask::Request(Box::new(http::Request::from_parts(parts, body)), answer);
            asks.send(ask).map_err(|_| std::io::Error::other("the world has ended"))?;
            answered.await.map_err(|_| std::io::Error::other("connection reset by peer"))
        })
    }
}

/// The thread that owns the world.
struct World {
    kernel: Kernel<Message>,
    apiserver: ProcessId,
    edge: ProcessId,
    last_call: u64,
    waiting: BTreeMap<CallId, (Arc<Request>, oneshot::Sender<HttpResponse>)>,
    streams: BTreeMap<CallId, Frames>,
}

impl World {
    fn new() -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 1,
            epoch_unix_micros: 1_767_225_600_000_000,
            trace_capacity: 0,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let etcd = kernel.add("etcd", "etcd", Box::new(Etcd::new()));
        let apiserver = kernel.add("kube-apiserver", "kube-apiserver", Box::new(ApiServer::new(etcd)));
        let edge = kernel.add("client", "client", Box::new(Edge { apiserver, heard: Vec::new() }));
        World { kernel, apiserver, edge, last_call: 0, waiting: BTreeMap::new(), streams: BTreeMap::new() }
    }

    fn run(mut self, asks: &Receiver<Ask>) {
        loop {
            match asks.recv_timeout(Duration::from_millis(1)) {
                Ok(Ask::Request(request, answer)) => self.request(*request, answer),
                Ok(Ask::RestartApiServer) => {
                    self.kernel.stop(self.apiserver);
                    self.kernel.run_until(self.kernel.now() + Duration::from_secs(1));
                    self.kernel.restart(self.apiserver);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.kernel.run_until(self.kernel.now() + TICK);
            let edge: &mut Edge = self.kernel.edge_mut(self.edge).expect("the edge is an Edge");
            for heard in std::mem::take(&mut edge.heard) {
                self.hear(heard);
            }
        }
    }

    fn request(&mut self, request: http::Request<Bytes>, answer: oneshot::Sender<HttpResponse>) {
        match edge::read_request(request) {
            Ok(request) => {
                self.last_call += 1;
                let call = CallId(self.last_call);
                let request = Arc::new(request);
                self.waiting.insert(call, (request.clone(), answer));
                self.kernel.input(self.edge, "request", Message::Request { call, request });
            }
            Err(status) => {
                let _ = answer.send(edge::status_response(status, "").map(full));
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Disconnected => {
                // Whoever waits learns it by the end of the channel.
                self.waiting.clear();
                self.streams.clear();
            }
            Heard::Message(Message::Response { call, response }) => self.respond(call, &response),
            Heard::Message(Message::Watch { call, event }) => {
                let frame = http_body::Frame::data(edge::watch_frame(&event));
                let open = self.streams.get(&call).is_some_and(|stream| stream.unbounded_send(Ok(frame)).is_ok());
                if !open && self.streams.remove(&call).is_some() {
                    self.kernel.input(self.edge, "cancel", Message::Cancel { call });
                }
            }
            Heard::Message(Message::StreamEnd { call }) => {
                self.streams.remove(&call);
            }
            Heard::Message(other) => panic!("an edge hears no {other:?}"),
        }
    }

    fn respond(&mut self, call: CallId, response: &Response) {
        let Some((request, answer)) = self.waiting.remove(&call) else { return };
        let response = if response.is_success() && edge::streams(&request) {
            let (frames, body) = mpsc::unbounded();
            self.streams.insert(call, frames);
            edge::stream_head(&request, response, "audit").map(|()| StreamBody::new(body).boxed_unsync())
        } else {
            edge::write_response(&request, response, "audit").map(full)
        };
        let _ = answer.send(response);
    }
}

fn full(bytes: Bytes) -> HttpBody {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A world with a client of it.
fn world() -> (Client, Sender<Ask>) {
    let (asks, asked) = channel();
    std::thread::spawn(move || World::new().run(&asked));
    (Client::new(Server(asks.clone()), "default"), asks)
}

fn config_map(name: &str, text: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some([("text".to_owned(), text.to_owned())].into()),
        ..ConfigMap::default()
    }
}

#[tokio::test]
async fn the_client_reads_and_writes() {
    let (client, _asks) = world();
    assert_eq!(client.apiserver_version().await.expect("a version").git_version, "v1.36.0");
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let created = maps.create(&PostParams::default(), &config_map("a", "one")).await.expect("created");
    assert!(created.uid().is_some() && created.resource_version().is_some());

    let patch = json!({"data": {"text": "two"}});
    let patched = maps.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patched");
    assert_eq!(patched.data.as_ref().and_then(|data| data.get("text")).map(String::as_str), Some("two"));

    let stale = maps.replace("a", &PostParams::default(), &created).await.expect_err("it has changed since");
    assert!(
        matches!(&stale, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"),
        "{stale:?}"
    );

    for at in 0..5 {
        maps.create(&PostParams::default(), &config_map(&format!("b-{at}"), "x")).await.expect("created");
    }
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(2);
    loop {
        let page = maps.list(&params).await.expect("a page");
        names.extend(page.items.iter().map(ResourceExt::name_any));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b-0", "b-1", "b-2", "b-3", "b-4"]);

    maps.delete("a", &DeleteParams::default()).await.expect("deleted");
    let gone = maps.get("a").await.expect_err("it is gone");
    assert!(
        matches!(&gone, kube::Error::Api(status) if status.code == 404 && status.message == "configmaps \"a\" not found"),
        "{gone:?}"
    );
    let metadata = maps.list_metadata(&ListParams::default()).await.expect("metadata alone");
    assert_eq!(metadata.items.len(), 5);
    let namespaces: Api<Namespace> = Api::all(client);
    let found = namespaces.list(&ListParams::default()).await.expect("namespaces");
    assert_eq!(found.items.len(), 4);
}

#[tokio::test]
async fn a_deployment_is_scaled() {
    let (client, _asks) = world();
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "nginx"}]},
            },
        },
    }))
    .expect("a deployment");
    deployments.create(&PostParams::default(), &deployment).await.expect("created");
    let scale = deployments.get_scale("web").await.expect("a scale");
    assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(3));
    let patch = json!({"spec": {"replicas": 7}});
    deployments.patch_scale("web", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("scaled");
    let seen = deployments.get("web").await.expect("the deployment");
    assert_eq!(seen.spec.and_then(|spec| spec.replicas), Some(7));
}

#[tokio::test]
async fn a_watch_streams() {
    let (client, _asks) = world();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let mut events = maps.watch(&WatchParams::default(), "0").await.expect("a watch").boxed();
    maps.create(&PostParams::default(), &config_map("a", "one")).await.expect("created");
    match events.try_next().await.expect("an event") {
        Some(WatchEvent::Added(object)) => assert_eq!(object.name_any(), "a"),
        other => panic!("not an addition: {other:?}"),
    }
}

/// The watcher's events in one word each, until the stream is quiet about what was asked.
async fn take(
    events: &mut (impl futures::Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin),
    count: usize,
) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await.expect("an event in time");
        seen.push(match event.expect("a watcher does not end") {
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(object)) => format!("has {}", object.name_any()),
            Ok(Event::InitDone) => "done".to_owned(),
            Ok(Event::Apply(object)) => format!("apply {}", object.name_any()),
            Ok(Event::Delete(object)) => format!("delete {}", object.name_any()),
            // What a restart looks like from outside differs: it is only counted as trouble.
            Err(_) => continue,
        });
    }
    seen
}

#[tokio::test]
async fn the_watcher_follows() {
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let (client, _asks) = world();
        let maps: Api<ConfigMap> = Api::default_namespaced(client);
        maps.create(&PostParams::default(), &config_map("a", "one")).await.expect("created");
        let mut events = watcher(maps.clone(), config).boxed();
        assert_eq!(take(&mut events, 3).await, ["init", "has a", "done"]);
        maps.create(&PostParams::default(), &config_map("b", "one")).await.expect("created");
        maps.delete("a", &DeleteParams::default()).await.expect("deleted");
        assert_eq!(take(&mut events, 2).await, ["apply b", "delete a"]);
    }
}

#[tokio::test]
async fn the_watcher_survives_a_restart() {
    let (client, asks) = world();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    maps.create(&PostParams::default(), &config_map("a", "one")).await.expect("created");
    let mut events = watcher(maps.clone(), watcher::Config::default()).boxed();
    assert_eq!(take(&mut events, 3).await, ["init", "has a", "done"]);
    asks.send(Ask::RestartApiServer).expect("the world is there");
    // The watch is resumed from the last version, which the new server has not forgotten: nothing happened.
    while maps.create(&PostParams::default(), &config_map("b", "one")).await.is_err() {}
    assert_eq!(take(&mut events, 1).await, ["apply b"]);
}
