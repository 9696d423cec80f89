//! What the server does for a request besides the request's own write: changes of other objects, one after another,
//! as upstream's server calls itself through its loopback client.

use crate::api::{Body, Message, Status};
use crate::sim::Ctx;

use super::super::server::ApiServer;
use super::super::stage::{Call, Origin};
use super::charge::Charge;
use super::eviction::Eviction;
use super::mutation::Mutation;

/// What goes on when such a change is answered.
#[derive(Clone, Debug)]
pub enum Work {
    Evict(Box<Eviction>),
    Charge(Box<Charge>),
}

/// A request that waits for a change made on its behalf.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Who hears the answer in the end.
    origin: Origin,
    work: Work,
}

impl Errand {
    /// Who hears the answer in the end.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl ApiServer {
    /// Makes a change on behalf of `call`; its answer goes to `work`.
    pub(super) fn send_on_errand(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        work: Work,
        mutation: Mutation,
    ) {
        let number = self.number();
        let origin = std::mem::replace(&mut call.origin, Origin::Errand(number));
        self.errands.insert(number, Errand { origin, work });
        self.mutate(ctx, call, mutation);
    }

    /// Such a change is answered.
    pub(in super::super) fn errand_done(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        number: u64,
        mut call: Call,
        result: Result<(u16, Body), Status>,
    ) {
        let Some(Errand { origin, work }) = self.errands.remove(&number) else { return };
        call.origin = origin;
        match work {
            Work::Evict(eviction) => self.eviction_went_on(ctx, call, *eviction, result),
            Work::Charge(charge) => self.charged(ctx, call, *charge, result),
        }
    }
}
