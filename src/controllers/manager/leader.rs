//! The leader lease: who of several controller managers acts. Informers and controllers begin once it leads.

use std::sync::Arc;

use crate::api::{Message, Object, Request, Response};
use crate::client::{Election, EventKind, Involved};
use crate::sim::{Ctx, EventId};

use super::{ControllerManager, Purpose, Timer, USER, USER_AGENT};

/// The name of its lease.
pub(super) const LEASE: &str = "kube-controller-manager";

impl ControllerManager {
    /// Acquires or renews.
    pub(super) fn try_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        ctx.set_cause(EventId::BOOT);
        if let Some((request, number)) = self.leader.tick(ctx.now(), ctx.unix_micros()) {
            self.post_lease(ctx, &request, Some(Purpose::Lease(number)));
        }
        let delay = self.leader.delay(ctx);
        self.set_timer(ctx, delay, Timer::Lease);
    }

    /// Takes the answer to a call about the lease.
    pub(super) fn lease_answered(&mut self, ctx: &mut Ctx<'_, Message>, number: u32, response: Option<&Response>) {
        match self.leader.answered(ctx.now(), ctx.unix_micros(), number, response) {
            Election::Ask(request, number) => self.post_lease(ctx, &request, Some(Purpose::Lease(number))),
            // A controller manager that ends gives nothing back.
            Election::Wait | Election::Released => {}
            Election::Elected(lease) => {
                self.announce_leader(ctx, &lease);
                self.lead(ctx);
            }
        }
    }

    /// The event of a component that is no controller.
    fn announce_leader(&mut self, ctx: &mut Ctx<'_, Message>, lease: &Object) {
        let message = format!("{} became leader", self.leader.identity());
        let (now, unix_micros) = (ctx.now(), ctx.unix_micros());
        let involved = Involved::object(lease);
        let request = self.recorder.record(now, unix_micros, &involved, EventKind::Normal, "LeaderElection", message);
        if let Some(request) = request {
            self.post_lease(ctx, &request, None);
        }
    }

    /// Sends a request as the leader election's client.
    fn post_lease(&mut self, ctx: &mut Ctx<'_, Message>, request: &Request, purpose: Option<Purpose>) {
        let user_agent = Arc::from(format!("{USER_AGENT}/leader-election"));
        self.post_as(ctx, request, &user_agent, &Arc::from(USER), purpose);
    }
}
