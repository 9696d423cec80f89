//! The etcd process: requests in, answers and watch events out.
//!
//! A request takes effect when it arrives, and is answered after the time the work takes; what a write
//! changed reaches the watchers before its writer hears that it is done.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::etcd::{EtcdError, EtcdEvent, EtcdMessage, EtcdRequest, EtcdResponse, Op, RangeRequest};
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId, TimerId};

use super::lease::Leases;
use super::store::{Changes, Ranged, Store};
use super::watch::{Watch, Watches};

/// A read from memory takes this long, and up to as much again by chance.
const RANGE_MICROS: u64 = 200;
/// A write goes through raft's log and waits for its fsync (WAL fsync p99 should stay below 10 ms).
const COMMIT_MICROS: u64 = 1_600;
const COMMIT_JITTER_MICROS: u64 = 800;
const LEASE_TIMER: u64 = 1;

/// One etcd member. The store and the leases are on disk; watches are not.
#[derive(Clone, Debug, Default)]
pub struct Etcd {
    store: Store,
    leases: Leases,
    watches: Watches,
    raft_term: u64,
    expiry_timer: Option<TimerId>,
}

impl Etcd {
    /// A member with an empty disk.
    pub fn new() -> Self {
        Etcd::default()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The open watches.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }

    fn handle(&mut self, ctx: &mut Ctx<'_, Message>, client: ProcessId, call: u64, request: &EtcdRequest) {
        let done = match request {
            EtcdRequest::Range(range) => self.range(range),
            EtcdRequest::Txn { compare, success, failure } => {
                let succeeded = self.store.compares(compare);
                self.txn(succeeded, if succeeded { success } else { failure })
            }
            EtcdRequest::Watch { .. } => return self.watch(ctx, client, call, request),
            EtcdRequest::CancelWatch { watch_id } => return self.watches.cancel(client, *watch_id),
            EtcdRequest::Compact { revision } => {
                Done::commit("Compact", format!("revision {revision}"), self.compact(*revision))
            }
            EtcdRequest::LeaseGrant { id, ttl_seconds } => {
                let granted = self.leases.grant(*id, *ttl_seconds, ctx.now());
                let response = granted.map(|()| EtcdResponse::LeaseGranted { id: *id, ttl_seconds: *ttl_seconds });
                Done::commit("LeaseGrant", format!("lease {id:x} for {ttl_seconds} s"), response)
            }
            EtcdRequest::LeaseRevoke { id } => {
                let revoked = self.leases.revoke(*id).map(|keys| self.store.delete_all(keys));
                let changes = revoked.clone().unwrap_or_default();
                let response = revoked.map(|_| EtcdResponse::LeaseRevoked);
                Done { changes, ..Done::commit("LeaseRevoke", format!("lease {id:x}"), response) }
            }
            EtcdRequest::LeaseKeepAlive { id } => {
                let kept = self.leases.keep_alive(*id, ctx.now());
                let response = kept.map(|ttl_seconds| EtcdResponse::LeaseKeptAlive { ttl_seconds });
                Done::read("LeaseKeepAlive", format!("lease {id:x}"), response)
            }
            EtcdRequest::Status => {
                let response = EtcdResponse::Status {
                    db_keys: self.store.len() as u64,
                    raft_term: self.raft_term,
                    leader: u64::from(ctx.me().0),
                    compact_revision: self.store.compact_revision(),
                };
                Done::read("Status", String::new(), Ok(response))
            }
        };
        self.finish(ctx, client, call, done);
        self.arm(ctx);
    }

    fn range(&self, range: &RangeRequest) -> Done {
        let detail = match range.revision {
            0 => range.key.to_string(),
            revision => format!("{} at revision {revision}", range.key),
        };
        let response = self.store.range(range);
        let response = response.map(|Ranged { kvs, count, more }| EtcdResponse::Range { kvs, count, more });
        Done::read("Range", detail, response)
    }

    fn txn(&mut self, succeeded: bool, ops: &[Op]) -> Done {
        let lease_missing = ops.iter().any(|op| matches!(op, Op::Put { lease, .. } if !self.leases.exists(*lease)));
        if lease_missing {
            return Done::commit("Txn put", String::new(), Err(EtcdError::LeaseNotFound));
        }
        let name = match ops.first() {
            _ if !succeeded => "Txn compare failed",
            Some(Op::Put { .. }) => "Txn put",
            Some(Op::DeleteRange { .. }) => "Txn delete",
            Some(Op::Range(_)) | None => "Txn",
        };
        let key = match ops.first() {
            Some(Op::Put { key, .. } | Op::DeleteRange { key, .. } | Op::Range(RangeRequest { key, .. })) => key,
            None => "",
        };
        match self.store.apply(ops) {
            Err(error) => Done::commit(name, key.to_owned(), Err(error)),
            Ok((responses, changes)) => {
                for event in changes.iter().flat_map(|changes| changes.iter()) {
                    self.attach(event);
                }
                let detail = format!("{key} revision {}", self.store.revision());
                Done { changes, ..Done::commit(name, detail, Ok(EtcdResponse::Txn { succeeded, responses })) }
            }
        }
    }

    fn attach(&mut self, event: &EtcdEvent) {
        let before = event.prev.as_ref().map_or(0, |prev| prev.lease);
        let after = if event.deleted { 0 } else { event.kv.lease };
        self.leases.attach(&event.kv.key, before, after);
    }

    fn compact(&mut self, revision: u64) -> Result<EtcdResponse, EtcdError> {
        self.store.compact(revision).map(|()| EtcdResponse::Compacted)
    }

    /// Opens a watch: what it missed first, then what comes.
    fn watch(&mut self, ctx: &mut Ctx<'_, Message>, client: ProcessId, call: u64, request: &EtcdRequest) {
        let EtcdRequest::Watch { watch_id, key, range_end, start_revision, prev_kv } = request else {
            unreachable!("the caller matched a watch");
        };
        let watch_id = *watch_id;
        let start = if *start_revision == 0 { self.store.revision() + 1 } else { *start_revision };
        let mut watch =
            Watch { key: key.clone(), range_end: range_end.clone(), prev_kv: *prev_kv, next_revision: start };
        let created = Done::read("Watch", format!("{key} from {start}"), Ok(EtcdResponse::WatchCreated { watch_id }));
        let latency = self.finish(ctx, client, call, created);
        match self.store.changes_since(start) {
            Err(_) => {
                let compact_revision = self.store.compact_revision();
                let canceled = EtcdMessage::WatchCanceled { watch_id, compact_revision };
                ctx.send_after(latency, client, Message::Etcd(canceled));
            }
            Ok(missed) => {
                for (revision, changes) in missed {
                    if let Some(events) = watch.select(changes) {
                        let message = EtcdMessage::WatchEvents { watch_id, revision, events };
                        ctx.send_after(latency, client, Message::Etcd(message));
                    }
                }
                watch.next_revision = start.max(self.store.revision() + 1);
                self.watches.open(client, watch_id, watch);
            }
        }
    }

    /// Tells the watchers, then the client; how long that took.
    fn finish(&mut self, ctx: &mut Ctx<'_, Message>, client: ProcessId, call: u64, done: Done) -> Duration {
        let micros = if done.commits {
            COMMIT_MICROS + ctx.rng().below(COMMIT_JITTER_MICROS)
        } else {
            RANGE_MICROS + ctx.rng().below(RANGE_MICROS)
        };
        let latency = Duration::from_micros(micros);
        let now = ctx.now();
        ctx.span(done.name, now, now + latency, done.detail);
        if let Some(changes) = &done.changes {
            self.tell(ctx, latency, changes);
        }
        let response = Arc::new(done.response.unwrap_or_else(EtcdResponse::Failed));
        let response = EtcdMessage::Response { call, revision: self.store.revision(), response };
        ctx.send_after(latency, client, Message::Etcd(response));
        latency
    }

    fn tell(&mut self, ctx: &mut Ctx<'_, Message>, latency: Duration, changes: &Changes) {
        let revision = self.store.revision();
        for (client, watch_id, events) in self.watches.notify(revision, changes) {
            ctx.send_after(latency, client, Message::Etcd(EtcdMessage::WatchEvents { watch_id, revision, events }));
        }
    }

    /// Sets the timer for the soonest expiry of a lease.
    fn arm(&mut self, ctx: &mut Ctx<'_, Message>) {
        if self.expiry_timer.is_none()
            && let Some((expires, _)) = self.leases.next_expiry()
        {
            self.expiry_timer = Some(ctx.set_timer(expires.since(ctx.now()), LEASE_TIMER));
        }
    }
}

/// A request that took effect.
struct Done {
    name: &'static str,
    detail: String,
    /// Whether it had to wait for the disk.
    commits: bool,
    changes: Option<Changes>,
    response: Result<EtcdResponse, EtcdError>,
}

impl Done {
    fn read(name: &'static str, detail: String, response: Result<EtcdResponse, EtcdError>) -> Self {
        Done { name, detail, commits: false, changes: None, response }
    }

    fn commit(name: &'static str, detail: String, response: Result<EtcdResponse, EtcdError>) -> Self {
        Done { name, detail, commits: true, changes: None, response }
    }
}

impl Process<Message> for Etcd {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.raft_term += 1;
        self.leases.promote(ctx.now());
        self.arm(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        if let Message::Etcd(EtcdMessage::Request { call, request }) = &envelope.payload {
            self.handle(ctx, envelope.from, *call, request);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, _token: u64) {
        self.expiry_timer = None;
        while let Some((expires, id)) = self.leases.next_expiry() {
            if expires > ctx.now() {
                break;
            }
            let keys = self.leases.revoke(id).expect("the expiry index only names leases that exist");
            if let Some(changes) = self.store.delete_all(keys) {
                let now = ctx.now();
                let latency = Duration::from_micros(COMMIT_MICROS + ctx.rng().below(COMMIT_JITTER_MICROS));
                ctx.span("Lease expired", now, now + latency, format!("lease {id:x}, {} keys", changes.len()));
                self.tell(ctx, latency, &changes);
            }
        }
        self.arm(ctx);
    }

    fn on_disconnect(&mut self, _ctx: &mut Ctx<'_, Message>, peer: ProcessId, _why: Disconnect) {
        self.watches.drop_client(peer);
    }

    fn lose_memory(&mut self) {
        self.watches.clear();
        self.expiry_timer = None;
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
