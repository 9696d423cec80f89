//! The connection to etcd: requests with what is to be done with their answers, and the one watch that
//! feeds the cache.
//!
//! Mirrors apiserver/pkg/storage/etcd3 (client, watcher, compact) and the reflector of the cacher.
//! Leaves out: one watch per resource, encryption at rest, `compact_rev_key` shared by several servers.

use std::sync::Arc;
use std::time::Duration;

use crate::api::etcd::{EtcdError, EtcdEvent, EtcdMessage, EtcdRequest, EtcdResponse, KeyValue, RangeRequest};
use crate::api::{Message, Reason, Status};
use crate::sim::persistent::OrdMap;
use crate::sim::{Ctx, ProcessId, SimTime, TimerId};

use super::cache::WatchCache;
use super::inspect::Passed;
use super::registry::{Creation, Mutation, Read, Write};
use super::route::Resource;
use super::server::{ApiServer, timer};
use super::stage::{Call, Stage};

/// Everything the server keeps lies under this.
pub(super) const PREFIX: &str = "/registry/";
/// The first key after all that.
const PREFIX_END: &str = "/registry0";
/// How long the client waits before it dials again.
const RECONNECT: Duration = Duration::from_millis(500);
/// `--etcd-compaction-interval`.
const COMPACTION_INTERVAL: Duration = Duration::from_secs(300);
/// How long a read waits for the cache to come to its revision: `blockTimeout`.
const FRESH_TIMEOUT: Duration = Duration::from_secs(3);

/// What an answer of etcd is for.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// Fills the cache.
    Relist,
    WatchCreated,
    /// The newest revision, for a consistent read from the cache.
    Revision {
        call: Call,
        read: Read,
    },
    /// One object.
    Get {
        call: Call,
        resource: Resource,
    },
    /// A collection at an older revision than the cache reaches back to.
    OldList {
        call: Call,
        read: Read,
        revision: u64,
    },
    Create {
        call: Call,
        creation: Creation,
    },
    /// The object as it is, for a change of it.
    Current {
        call: Call,
        mutation: Mutation,
    },
    Mutate {
        call: Call,
        mutation: Mutation,
        write: Write,
    },
    LeaseGranted {
        id: u64,
    },
    Compacted,
}

/// What waits for the cache.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub call: Call,
    pub read: Read,
    timer: TimerId,
}

/// The connection.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    etcd: ProcessId,
    /// What is waited for, and since when, by call.
    pending: OrdMap<u64, (SimTime, Pending)>,
    /// The watch that feeds the cache; 0 for none.
    watch_id: u64,
    connected: bool,
    /// Whether a dial is due by timer.
    redialing: bool,
    /// The revision of the last compaction's time, which the next one compacts to.
    compact_to: u64,
}

impl Storage {
    pub fn new(etcd: ProcessId) -> Self {
        Storage { etcd, pending: OrdMap::new(), watch_id: 0, connected: false, redialing: false, compact_to: 0 }
    }

    pub fn etcd(&self) -> ProcessId {
        self.etcd
    }

    pub fn connected(&self) -> bool {
        self.connected
    }

    pub fn outstanding(&self) -> usize {
        self.pending.len()
    }

    /// What it waits for, in the order it was asked.
    pub fn asked(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values().map(|(_, pending)| pending)
    }
}

/// What a client hears when etcd does not answer.
fn timed_out() -> Status {
    Status::new(Reason::InternalError, "etcdserver: request timed out")
}

impl ApiServer {
    /// Sends a request to etcd once the work on `call` has come so far.
    pub(super) fn ask_etcd(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        ahead: Duration,
        request: EtcdRequest,
        pending: Pending,
    ) {
        let call = self.number();
        self.storage.pending.insert(call, (ctx.now() + ahead, pending));
        let message = EtcdMessage::Request { call, request: Arc::new(request) };
        ctx.send_after(ahead, self.storage.etcd, Message::Etcd(message));
    }

    /// Reads one key.
    pub(super) fn read_key(&mut self, ctx: &mut Ctx<'_, Message>, ahead: Duration, key: Arc<str>, pending: Pending) {
        let range = RangeRequest { key, range_end: None, revision: 0, limit: 0, count_only: false };
        self.ask_etcd(ctx, ahead, EtcdRequest::Range(range), pending);
    }

    /// Lists everything, or watches on from where the cache is.
    pub(super) fn connect(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.storage.redialing = false;
        if self.cache.revision() == 0 {
            self.relist(ctx);
        } else {
            self.watch_etcd(ctx);
        }
    }

    fn relist(&mut self, ctx: &mut Ctx<'_, Message>) {
        let range = RangeRequest {
            key: Arc::from(PREFIX),
            range_end: Some(Arc::from(PREFIX_END)),
            revision: 0,
            limit: 0,
            count_only: false,
        };
        self.ask_etcd(ctx, Duration::ZERO, EtcdRequest::Range(range), Pending::Relist);
    }

    fn watch_etcd(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.storage.watch_id != 0 {
            let cancel = EtcdRequest::CancelWatch { watch_id: self.storage.watch_id };
            let message = EtcdMessage::Request { call: 0, request: Arc::new(cancel) };
            ctx.send(self.storage.etcd, Message::Etcd(message));
        }
        let watch_id = self.number();
        self.storage.watch_id = watch_id;
        let watch = EtcdRequest::Watch {
            watch_id,
            key: Arc::from(PREFIX),
            range_end: Some(Arc::from(PREFIX_END)),
            start_revision: self.cache.revision() + 1,
            prev_kv: true,
        };
        self.ask_etcd(ctx, Duration::ZERO, watch, Pending::WatchCreated);
    }

    /// The connection is gone: nobody will answer what was asked, and the watch is over.
    pub(super) fn etcd_gone(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.storage.connected = false;
        if !self.storage.redialing {
            self.storage.redialing = true;
            ctx.set_timer(RECONNECT, timer::RECONNECT);
        }
        let cause = ctx.cause();
        let pending = std::mem::take(&mut self.storage.pending);
        for (_, (sent, pending)) in pending {
            match pending {
                Pending::Relist | Pending::WatchCreated | Pending::Compacted => {}
                Pending::LeaseGranted { .. } => self.lease_failed(ctx, &timed_out()),
                Pending::Revision { call, .. }
                | Pending::Get { call, .. }
                | Pending::OldList { call, .. }
                | Pending::Create { call, .. }
                | Pending::Current { call, .. }
                | Pending::Mutate { call, .. } => {
                    ctx.set_cause(call.cause);
                    let call = self.back_from_etcd(ctx, call, sent);
                    self.respond(ctx, call, Err(timed_out()));
                }
            }
        }
        ctx.set_cause(cause);
    }

    fn back_from_etcd(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, sent: SimTime) -> Call {
        ctx.span(Stage::Etcd.name(), sent, ctx.now(), call.request.path.clone());
        call.passed.push(Passed { stage: Stage::Etcd, start: sent, end: ctx.now() });
        call.resume(ctx);
        call
    }

    pub(super) fn etcd_message(&mut self, ctx: &mut Ctx<'_, Message>, message: &EtcdMessage) {
        match message {
            EtcdMessage::Request { .. } => {}
            EtcdMessage::Response { call, revision, response } => {
                if let Some((sent, pending)) = self.storage.pending.remove(call) {
                    self.etcd_response(ctx, sent, *revision, response, pending);
                }
            }
            EtcdMessage::WatchEvents { watch_id, revision, events } => {
                if *watch_id == self.storage.watch_id {
                    self.etcd_events(ctx, *revision, events);
                }
            }
            EtcdMessage::WatchCanceled { watch_id, .. } => {
                if *watch_id == self.storage.watch_id {
                    // What the cache has not seen is gone: it begins anew, and so do its watchers.
                    self.storage.watch_id = 0;
                    self.storage.connected = false;
                    self.relist(ctx);
                }
            }
        }
    }

    fn etcd_response(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        sent: SimTime,
        revision: u64,
        response: &EtcdResponse,
        pending: Pending,
    ) {
        match pending {
            Pending::Relist => match response {
                EtcdResponse::Range { kvs, .. } => self.listed(ctx, kvs, revision),
                _ => unreachable!("etcd answered a range of the newest revision with something else"),
            },
            Pending::WatchCreated => {
                self.storage.connected = true;
                self.begin(ctx);
            }
            Pending::Compacted => {}
            Pending::LeaseGranted { id } => self.lease_granted(ctx, id, response),
            Pending::Revision { call, read } => {
                let call = self.back_from_etcd(ctx, call, sent);
                self.when_fresh(ctx, call, revision, read);
            }
            Pending::Get { call, resource } => {
                let call = self.back_from_etcd(ctx, call, sent);
                let result = self.got(&resource, found(response));
                self.respond(ctx, call, result);
            }
            Pending::OldList { call, read, revision } => {
                let call = self.back_from_etcd(ctx, call, sent);
                self.old_list(ctx, call, read, revision, response);
            }
            Pending::Create { call, creation } => {
                let call = self.back_from_etcd(ctx, call, sent);
                self.created(ctx, call, creation, revision, response);
            }
            Pending::Current { call, mutation } => {
                let call = self.back_from_etcd(ctx, call, sent);
                let current = found(response).map(|kv| kv.value.object());
                self.attempt_live(ctx, call, mutation, current);
            }
            Pending::Mutate { call, mutation, write } => {
                let call = self.back_from_etcd(ctx, call, sent);
                self.mutated(ctx, call, mutation, write, revision, response);
            }
        }
    }

    fn listed(&mut self, ctx: &mut Ctx<'_, Message>, kvs: &[KeyValue], revision: u64) {
        self.cache = WatchCache::listed(kvs, revision);
        self.storage.compact_to = 0;
        self.end_all_watches(ctx);
        self.watch_etcd(ctx);
        self.serve_fresh(ctx);
    }

    fn etcd_events(&mut self, ctx: &mut Ctx<'_, Message>, revision: u64, events: &[EtcdEvent]) {
        for event in events {
            let now = ctx.now();
            let told = self.cache.apply(event, now);
            let end = now + Duration::from_micros(Stage::WatchCache.cost_micros());
            ctx.span(Stage::WatchCache.name(), now, end, event.kv.key.clone());
            self.dispatch(ctx, event.kv.value.kind(), &told);
            self.after_change(&told);
        }
        self.cache.advance(revision);
        self.serve_fresh(ctx);
    }

    /// Does `read` once the cache has come to `revision`.
    pub(super) fn when_fresh(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, revision: u64, read: Read) {
        if self.cache.revision() >= revision {
            return self.read(ctx, call, read);
        }
        let number = self.number();
        let timer = ctx.set_timer(FRESH_TIMEOUT, number << 8 | timer::FRESH);
        self.fresh.insert((revision, number), Fresh { call, read, timer });
    }

    fn serve_fresh(&mut self, ctx: &mut Ctx<'_, Message>) {
        let cause = ctx.cause();
        while let Some((key, _)) = self.fresh.get_min() {
            let key = *key;
            if key.0 > self.cache.revision() {
                break;
            }
            let Some(Fresh { mut call, read, timer }) = self.fresh.remove(&key) else { break };
            ctx.cancel_timer(timer);
            ctx.set_cause(call.cause);
            call.resume(ctx);
            self.read(ctx, call, read);
        }
        ctx.set_cause(cause);
    }

    pub(super) fn fresh_timed_out(&mut self, ctx: &mut Ctx<'_, Message>, number: u64) {
        // The number is in the key's second place; the list is short.
        let mask = (1 << 56) - 1;
        let Some(key) = self.fresh.keys().find(|(_, at)| at & mask == number & mask).copied() else { return };
        let Fresh { mut call, .. } = self.fresh.remove(&key).expect("the key was just found");
        call.resume(ctx);
        let status = too_large(key.0, self.cache.revision());
        self.respond(ctx, call, Err(status));
    }

    pub(super) fn arm_compaction(&mut self, ctx: &mut Ctx<'_, Message>) {
        ctx.set_timer(COMPACTION_INTERVAL, timer::COMPACT);
    }

    /// Compacts to where etcd was at the last compaction: watchers and pages have one interval's time.
    pub(super) fn compact(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.arm_compaction(ctx);
        let to = std::mem::replace(&mut self.storage.compact_to, self.cache.revision());
        if to > 0 && self.storage.connected {
            self.ask_etcd(ctx, Duration::ZERO, EtcdRequest::Compact { revision: to }, Pending::Compacted);
        }
    }
}

/// `NewTooLargeResourceVersionError`.
fn too_large(wanted: u64, current: u64) -> Status {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{StatusCause, StatusDetails};
    let cause = StatusCause {
        field: None,
        message: Some("Too large resource version".to_owned()),
        reason: Some("ResourceVersionTooLarge".to_owned()),
    };
    Status {
        reason: Reason::Timeout,
        message: format!("Timeout: Too large resource version: {wanted}, current: {current}"),
        details: Some(StatusDetails {
            causes: Some(vec![cause]),
            retry_after_seconds: Some(1),
            ..StatusDetails::default()
        }),
    }
}

/// The one key of a range's answer.
fn found(response: &EtcdResponse) -> Option<&KeyValue> {
    match response {
        EtcdResponse::Range { kvs, .. } => kvs.first(),
        _ => None,
    }
}

/// Whether a failure of etcd is that the history is gone.
pub(super) fn compacted(response: &EtcdResponse) -> bool {
    matches!(response, EtcdResponse::Failed(EtcdError::Compacted { .. }))
}
