//! Events go after an hour: they are stored with a lease that many share.
//!
//! Mirrors etcd3's `leaseManager` and `--event-ttl`.

use std::time::Duration;

use crate::api::etcd::{EtcdRequest, EtcdResponse};
use crate::api::{Message, Reason, Status};
use crate::sim::{Ctx, SimTime};

use super::super::server::ApiServer;
use super::super::stage::Call;
use super::super::storage::Pending;
use super::create::Creation;
use super::mutation::{Mutation, Write};

/// `--event-ttl`.
const EVENT_TTL_SECONDS: u64 = 3_600;
/// `--lease-reuse-duration-seconds`: so long a lease is shared; its own time is longer by as much.
const LEASE_REUSE_SECONDS: u64 = 60;
/// `DefaultLeaseManagerConfig.MaxObjectCount`.
const LEASE_OBJECTS_MAX: u32 = 1_000;

/// A write that needs a lease.
#[derive(Clone, Debug)]
pub enum LeaseJob {
    Create { call: Call, creation: Creation },
    Mutate { call: Call, mutation: Mutation, write: Write, revision: u64 },
}

/// The lease that new events get.
#[derive(Clone, Debug, Default)]
pub struct EventLease {
    /// 0 for none.
    id: u64,
    granted: SimTime,
    objects: u32,
    granting: bool,
    waiting: Vec<LeaseJob>,
}

impl ApiServer {
    /// Does a write with the events' lease, once there is one.
    pub(super) fn with_event_lease(&mut self, ctx: &mut Ctx<'_, Message>, job: LeaseJob) {
        let lease = &mut self.event_lease;
        let fresh = ctx.now().since(lease.granted) < Duration::from_secs(LEASE_REUSE_SECONDS);
        if lease.id != 0 && fresh && lease.objects < LEASE_OBJECTS_MAX {
            lease.objects += 1;
            let id = lease.id;
            return self.write_with_lease(ctx, job, id);
        }
        lease.waiting.push(job);
        if !lease.granting {
            lease.granting = true;
            let ahead = match lease.waiting.last() {
                Some(LeaseJob::Create { call, .. } | LeaseJob::Mutate { call, .. }) => call.ahead(ctx),
                None => Duration::ZERO,
            };
            let id = self.number();
            let request = EtcdRequest::LeaseGrant { id, ttl_seconds: EVENT_TTL_SECONDS + LEASE_REUSE_SECONDS };
            self.ask_etcd(ctx, ahead, request, Pending::LeaseGranted { id });
        }
    }

    fn write_with_lease(&mut self, ctx: &mut Ctx<'_, Message>, job: LeaseJob, lease: u64) {
        match job {
            LeaseJob::Create { call, mut creation } => {
                creation.lease = lease;
                self.put_new(ctx, call, creation);
            }
            LeaseJob::Mutate { call, mutation, write, revision } => {
                self.write_leased(ctx, call, mutation, write, revision, lease);
            }
        }
    }

    /// Etcd gave a lease: what waited for it is written.
    pub(in super::super) fn lease_granted(&mut self, ctx: &mut Ctx<'_, Message>, id: u64, response: &EtcdResponse) {
        if !matches!(response, EtcdResponse::LeaseGranted { .. }) {
            let status = Status::new(Reason::InternalError, "etcdserver: lease already exists");
            return self.lease_failed(ctx, &status);
        }
        let waiting = std::mem::take(&mut self.event_lease.waiting);
        let objects = waiting.len() as u32;
        self.event_lease = EventLease { id, granted: ctx.now(), objects, granting: false, waiting: Vec::new() };
        let cause = ctx.cause();
        for mut job in waiting {
            let (LeaseJob::Create { call, .. } | LeaseJob::Mutate { call, .. }) = &mut job;
            call.resume(ctx);
            ctx.set_cause(call.cause);
            self.write_with_lease(ctx, job, id);
        }
        ctx.set_cause(cause);
    }

    /// There will be no lease.
    pub(in super::super) fn lease_failed(&mut self, ctx: &mut Ctx<'_, Message>, status: &Status) {
        self.event_lease.granting = false;
        for job in std::mem::take(&mut self.event_lease.waiting) {
            let (LeaseJob::Create { mut call, .. } | LeaseJob::Mutate { mut call, .. }) = job;
            call.resume(ctx);
            self.respond(ctx, call, Err(status.clone()));
        }
    }

    /// Etcd does not know the lease any more.
    pub(super) fn forget_event_lease(&mut self) {
        self.event_lease.id = 0;
    }
}
