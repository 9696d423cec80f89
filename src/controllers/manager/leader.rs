//! The leader lease: who of several controller managers acts.
//!
//! Mirrors client-go tools/leaderelection with kube-controller-manager's defaults.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use crate::api::{Kind, Message, Object, Reason, Request, Response, Typed, time};
use crate::client::Involved;
use crate::sim::{Ctx, EventId, SimTime};

use super::{ControllerManager, Purpose, Timer, USER, USER_AGENT};

/// `--leader-elect-lease-duration`.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// `--leader-elect-renew-deadline`.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// `--leader-elect-retry-period`.
const RETRY_PERIOD: Duration = Duration::from_secs(2);
/// `leaderelection.JitterFactor`, in percent, of the retry period while acquiring.
const JITTER_PERCENT: u64 = 120;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-controller-manager";

/// What was asked about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseCall {
    Get,
    Create,
    Update,
}

/// Where this candidate stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Leader {
    pub identity: Arc<str>,
    /// The lease as last seen, and since when it has looked like that.
    observed: Option<Arc<Object>>,
    observed_at: SimTime,
    leading: bool,
    pub renewed_at: SimTime,
    /// A call about the lease is under way.
    busy: bool,
    /// The timer for the next attempt is set.
    scheduled: bool,
}

impl Leader {
    /// A candidate that knows nothing yet.
    pub fn new(identity: &str) -> Self {
        Leader { identity: Arc::from(identity), ..Leader::default() }
    }

    /// Whether the lease is ours.
    pub fn is_leading(&self) -> bool {
        self.leading
    }

    /// Who holds the lease as far as is known; empty for nobody.
    pub fn holder(&self) -> &str {
        let lease = self.observed.as_ref().and_then(|object| object.get::<Lease>());
        lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref()).unwrap_or_default()
    }

    fn observe(&mut self, now: SimTime, lease: &Arc<Object>) {
        if self.observed.as_ref().is_none_or(|seen| seen.resource_version() != lease.resource_version()) {
            self.observed = Some(lease.clone());
            self.observed_at = now;
        }
    }

    /// Whether the lease may be taken: it is ours, nobody's, or its holder has been silent too long.
    fn may_take(&self, now: SimTime) -> bool {
        self.holder().is_empty() || *self.holder() == *self.identity || now >= self.observed_at + LEASE_DURATION
    }

    /// The lease as we would have it.
    fn claim(&self, unix_micros: i64) -> Lease {
        let mut lease = self.observed.as_ref().and_then(|object| object.get::<Lease>()).cloned().unwrap_or_else(|| {
            let mut lease = Lease::default();
            lease.metadata.namespace = Some(NAMESPACE.to_owned());
            lease.metadata.name = Some(NAME.to_owned());
            lease
        });
        let old = lease.spec.take().unwrap_or_default();
        let ours = old.holder_identity.as_deref() == Some(&*self.identity);
        let now = time::micro_time(unix_micros);
        let transitions = old.lease_transitions.unwrap_or(0);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.to_string()),
            lease_duration_seconds: Some(LEASE_DURATION.as_secs() as i32),
            acquire_time: if ours { old.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours || self.observed.is_none() { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        });
        lease
    }
}

impl ControllerManager {
    /// Acquires or renews: a leader writes at once what it last saw renewed, a candidate looks first.
    pub(super) fn try_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        ctx.set_cause(EventId::BOOT);
        self.leader.scheduled = false;
        if self.leader.leading && ctx.now() >= self.leader.renewed_at + RENEW_DEADLINE {
            self.exit(ctx);
            return;
        }
        if self.leader.leading {
            // Not after the answer: the deadline passes whether or not there is one.
            self.schedule_lease(ctx, RETRY_PERIOD);
        }
        match (self.leader.busy, self.leader.leading) {
            (true, _) => {}
            (false, true) => self.write_lease(ctx),
            (false, false) => self.get_lease(ctx),
        }
    }

    fn schedule_lease(&mut self, ctx: &mut Ctx<'_, Message>, delay: Duration) {
        if !self.leader.scheduled {
            self.leader.scheduled = true;
            self.set_timer(ctx, delay, Timer::Lease);
        }
    }

    fn get_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        let request = Request::get(Kind::Lease.info(), NAMESPACE, NAME);
        self.leader.busy = true;
        self.post_lease(ctx, &request, Some(Purpose::Lease(LeaseCall::Get)));
    }

    fn write_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        let lease = self.leader.claim(ctx.unix_micros()).into_object();
        let (request, call) = match &self.leader.observed {
            Some(_) => (Request::update(lease), LeaseCall::Update),
            None => (Request::create(lease), LeaseCall::Create),
        };
        self.leader.busy = true;
        self.post_lease(ctx, &request, Some(Purpose::Lease(call)));
    }

    /// Sends a request as the leader election's client.
    pub(super) fn post_lease(&mut self, ctx: &mut Ctx<'_, Message>, request: &Request, purpose: Option<Purpose>) {
        let user_agent = Arc::from(format!("{USER_AGENT}/leader-election"));
        self.post_as(ctx, request, &user_agent, &Arc::from(USER), purpose);
    }

    /// Takes the answer to a call about the lease.
    pub(super) fn lease_answered(&mut self, ctx: &mut Ctx<'_, Message>, call: LeaseCall, response: Option<&Response>) {
        self.leader.busy = false;
        let now = ctx.now();
        let lease = response.filter(|response| response.is_success()).and_then(Response::object);
        let reason = response.and_then(Response::status).map(|status| status.reason);
        match (call, lease) {
            (LeaseCall::Get, Some(lease)) => {
                self.leader.observe(now, lease);
                if self.leader.may_take(now) {
                    self.write_lease(ctx);
                    return;
                }
            }
            (LeaseCall::Get, None) if reason == Some(Reason::NotFound) => {
                self.leader.observed = None;
                self.write_lease(ctx);
                return;
            }
            (LeaseCall::Create | LeaseCall::Update, Some(lease)) => {
                self.leader.observe(now, lease);
                self.leader.renewed_at = now;
                if !self.leader.leading {
                    self.leader.leading = true;
                    let message = format!("{} became leader", self.leader.identity);
                    self.announce_leader(ctx, &Involved::object(lease), message);
                    self.lead(ctx);
                }
            }
            // Somebody wrote in between: the slow path looks first.
            (LeaseCall::Update, None) if self.leader.leading && reason == Some(Reason::Conflict) => {
                self.get_lease(ctx);
                return;
            }
            _ => {}
        }
        let spread = if self.leader.leading { 0 } else { RETRY_PERIOD.as_millis() as u64 * JITTER_PERCENT / 100 };
        let delay = RETRY_PERIOD + Duration::from_millis(ctx.rng().below(spread + 1));
        self.schedule_lease(ctx, delay);
    }
}
