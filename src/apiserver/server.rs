//! The API server process: what arrives, and to which part of the pipeline it goes.

use std::any::Any;
use std::sync::Arc;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::{Body, CallId, Message, Reason, Request, Response, Status};
use crate::sim::{Ctx, Disconnect, Envelope, EventId, Process, ProcessId};

use super::cache::WatchCache;
use super::inspect::Answered;
use super::registry::{Allocations, Batch, Errand, EventLease, Forward, Parked, value};
use super::route::{Route, route};
use super::stage::{Call, Origin, Stage};
use super::storage::{Fresh, Storage};
use super::view::View;
use super::watch::BookmarkTimer;
use super::watchers::Watchers;
use super::{discovery, health, openapi};

/// What a timer is for, in the low byte of its token; the rest says which.
pub(super) mod timer {
    pub const RECONNECT: u64 = 1;
    pub const COMPACT: u64 = 2;
    pub const WATCHERS: u64 = 3;
    pub const FRESH: u64 = 4;
    pub const PARKED: u64 = 5;
    pub const BOOTSTRAP: u64 = 6;
}

/// One API server.
#[derive(Clone, Debug)]
pub struct ApiServer {
    pub(super) storage: Storage,
    pub(super) cache: WatchCache,
    pub(super) watchers: Watchers,
    pub(super) bookmark_timer: BookmarkTimer,
    /// Whether the cache has been filled since the start, and what a cluster begins with is there.
    pub(super) ready: bool,
    /// Whether it has begun to make what a cluster begins with.
    pub(super) bootstrapping: bool,
    /// Requests that came before.
    waiting: Vector<(ProcessId, CallId, Arc<Request>, EventId)>,
    /// What waits for the cache to come to a revision, by that revision and a number.
    pub(super) fresh: OrdMap<(u64, u64), Fresh>,
    /// Requests that wait for what admission needs.
    pub(super) parked: OrdMap<u64, Parked>,
    pub(super) batches: OrdMap<u64, Batch>,
    /// Requests that wait for changes made on their behalf.
    pub(super) errands: OrdMap<u64, Errand>,
    /// Log requests passed on to kubelets, by the number given them.
    pub(super) forwards: OrdMap<CallId, Forward>,
    pub(super) event_lease: EventLease,
    pub(super) allocations: Allocations,
    /// Numbers parked requests, batches and the like; grows over restarts too.
    pub(super) last_number: u64,
    pub(super) answered: Answered,
}

impl ApiServer {
    /// A server that keeps everything in `etcd`.
    pub fn new(etcd: ProcessId) -> Self {
        ApiServer {
            storage: Storage::new(etcd),
            cache: WatchCache::default(),
            watchers: Watchers::default(),
            bookmark_timer: BookmarkTimer::default(),
            ready: false,
            bootstrapping: false,
            waiting: Vector::new(),
            fresh: OrdMap::new(),
            parked: OrdMap::new(),
            batches: OrdMap::new(),
            errands: OrdMap::new(),
            forwards: OrdMap::new(),
            event_lease: EventLease::default(),
            allocations: Allocations::default(),
            last_number: 0,
            answered: Vector::new(),
        }
    }

    /// Whether it has filled its cache and serves requests.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The watch cache.
    pub fn cache(&self) -> &WatchCache {
        &self.cache
    }

    /// The open watches.
    pub fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// How many requests wait for etcd, for the cache or for admission.
    pub fn in_flight(&self) -> usize {
        self.storage.outstanding() + self.fresh.len() + self.parked.len() + self.waiting.len()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn request(&mut self, ctx: &mut Ctx<'_, Message>, process: ProcessId, id: CallId, request: Arc<Request>) {
        let health = matches!(&*request.path, "/livez" | "/readyz" | "/healthz");
        if !self.ready && !health {
            self.waiting.push_back((process, id, request, ctx.cause()));
            return;
        }
        let call = Call::new(ctx, Origin::Client { process, call: id }, request);
        self.handle(ctx, call);
    }

    /// Everything is there: what came before is served now.
    pub(super) fn serve_waiting(&mut self, ctx: &mut Ctx<'_, Message>) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        let cause = ctx.cause();
        for (process, id, request, laid_to) in std::mem::take(&mut self.waiting) {
            ctx.set_cause(laid_to);
            self.request(ctx, process, id, request);
        }
        ctx.set_cause(cause);
    }

    /// The handler chain, up to the endpoint's own handler.
    pub(super) fn handle(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call) {
        call.stage(ctx, Stage::Authentication);
        call.stage(ctx, Stage::Audit);
        call.stage(ctx, Stage::PriorityAndFairness);
        call.stage(ctx, Stage::Authorization);
        let request = call.request.clone();
        let Some(route) = route(&request.path) else {
            return self.respond(ctx, call, Err(no_such_path()));
        };
        let get = request.method == crate::api::Method::Get;
        match route {
            Route::Resource(resource) => self.resource(ctx, call, resource),
            Route::Review(review) if request.method == crate::api::Method::Post => {
                let result = value(&request)
                    .and_then(|body| review.answer(&request.user, &body.unwrap_or_default()))
                    .map(|answer| (201, Body::Json(Arc::new(answer))));
                self.respond(ctx, call, result);
            }
            Route::Review(_) => self.respond(ctx, call, Err(method_not_allowed())),
            _ if !get => self.respond(ctx, call, Err(method_not_allowed())),
            Route::Health { endpoint, check } => {
                let (code, text) = health::report(endpoint, &check, &request, self.ready, self.storage.connected());
                self.respond(ctx, call, Ok((code, Body::Text(Arc::from(text)))));
            }
            Route::Version => self.document(ctx, call, Some(discovery::version())),
            Route::Root => self.document(ctx, call, Some(discovery::paths())),
            Route::Groups { core } => {
                let document = discovery::groups(core, &request.accept);
                self.document(ctx, call, Some(document));
            }
            Route::Group(group) => self.document(ctx, call, Some(discovery::group(&group))),
            Route::GroupVersion(group, version) => {
                self.document(ctx, call, Some(discovery::resources(&group, &version)));
            }
            Route::OpenApiV2 => self.document(ctx, call, Some(openapi::v2())),
            Route::OpenApi(rest) => self.document(ctx, call, openapi::v3(&rest)),
        }
    }

    fn document(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, document: Option<serde_json::Value>) {
        let result = document.map(|value| (200, Body::Json(Arc::new(value)))).ok_or_else(no_such_path);
        self.respond(ctx, call, result);
    }

    /// Answers a call, in the view its sender accepts.
    pub(super) fn respond(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, result: Result<(u16, Body), Status>) {
        match call.origin.clone() {
            Origin::Client { process, call: id } => {
                call.stage(ctx, Stage::Response);
                let code = result.as_ref().map_or_else(|status| status.reason.code(), |(code, _)| *code);
                self.note_answer(&mut call, code, result.as_ref().map(|(_, body)| body));
                let viewed = match result {
                    // Only what is an object or a list has views; text and documents are what they are.
                    Ok((code, body @ (Body::Object(_) | Body::List(_)))) => {
                        View::negotiate(&call.request).map(|view| (code, view.body(body, ctx.unix_micros())))
                    }
                    other => other,
                };
                let mut response = match viewed {
                    Ok((code, body)) => Response::new(code, body),
                    Err(status) => Response::failure(status),
                };
                // Each is said once, however often it was found.
                for warning in std::mem::take(&mut call.warnings) {
                    if !response.warnings.contains(&warning) {
                        response.warnings.push(warning);
                    }
                }
                let message = Message::Response { call: id, response: Arc::new(response) };
                ctx.send_after(call.ahead(ctx), process, message);
            }
            Origin::Bootstrap => self.bootstrapped(ctx, result),
            Origin::Batch(batch) => self.batch_done(ctx, batch, result),
            Origin::Errand(errand) => self.errand_done(ctx, errand, call, result),
        }
    }

    fn cancel(&mut self, ctx: &mut Ctx<'_, Message>, process: ProcessId, id: CallId) {
        self.watchers.close((process, id));
        self.cancel_forward(ctx, process, id);
    }
}

/// A path nobody serves.
pub(super) fn no_such_path() -> Status {
    Status::new(Reason::NotFound, "the server could not find the requested resource")
}

/// A verb that a path does not have.
pub(super) fn method_not_allowed() -> Status {
    Status::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource")
}

impl Process<Message> for ApiServer {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        // Numbers of an earlier life are never used again: a late answer to one finds nobody.
        self.last_number = ctx.now().as_micros() << 16;
        self.connect(ctx);
        self.arm_compaction(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        let from = envelope.from;
        match &envelope.payload {
            Message::Request { call, request } => self.request(ctx, from, *call, request.clone()),
            Message::Cancel { call } => self.cancel(ctx, from, *call),
            Message::Etcd(message) if from == self.storage.etcd() => self.etcd_message(ctx, message),
            Message::Response { call, response } => self.forward_response(ctx, *call, response),
            Message::Chunk { call, text } => self.forward_chunk(ctx, *call, text),
            Message::StreamEnd { call } => self.forward_end(ctx, *call),
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        match token & 0xff {
            timer::RECONNECT => self.connect(ctx),
            timer::COMPACT => self.compact(ctx),
            timer::WATCHERS => self.watchers_due(ctx),
            timer::FRESH => self.fresh_timed_out(ctx, token >> 8),
            timer::PARKED => self.unpark(ctx, token >> 8),
            timer::BOOTSTRAP => self.bootstrap(ctx),
            other => unreachable!("no timer is set for {other}"),
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, _why: Disconnect) {
        if peer == self.storage.etcd() {
            self.etcd_gone(ctx);
            return;
        }
        self.watchers.drop_client(peer);
        self.waiting.retain(|(process, ..)| *process != peer);
        self.forward_peer_gone(ctx, peer);
    }

    fn lose_memory(&mut self) {
        *self = ApiServer::new(self.storage.etcd());
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
