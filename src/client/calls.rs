//! Calls to the API server, with what the caller wants to remember until the answer comes.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use crate::api::{CallId, Message, Request, Response};
use crate::sim::{Ctx, EventId, ProcessId};

/// The requests a process has under way. `T` says what each is for.
#[derive(Clone, Debug)]
pub struct Calls<T: Clone> {
    server: ProcessId,
    user_agent: Arc<str>,
    user: Arc<str>,
    last: u64,
    pending: OrdMap<CallId, Pending<T>>,
}

#[derive(Clone, Debug)]
struct Pending<T> {
    token: T,
    cause: EventId,
    request: Arc<Request>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    pub token: T,
    pub request: Arc<Request>,
    /// What the handling of the call was caused by, for work that goes on with its result.
    pub cause: EventId,
    /// `None` when the connection ended before the answer came.
    pub response: Option<Arc<Response>>,
}

impl<T: Clone> Calls<T> {
    /// A client of `server`, as this user agent (`kubelet/v1.36.0`) and user (`system:node:node-a`).
    pub fn new(server: ProcessId, user_agent: &str, user: &str) -> Self {
        Calls { server, user_agent: Arc::from(user_agent), user: Arc::from(user), last: 0, pending: OrdMap::new() }
    }

    /// The API server.
    pub fn server(&self) -> ProcessId {
        self.server
    }

    /// A new number for a call that is kept elsewhere (a watch).
    pub fn next_call(&mut self) -> CallId {
        self.last += 1;
        CallId(self.last)
    }

    /// Sends a request and remembers `token` until its answer.
    pub fn send(&mut self, ctx: &mut Ctx<'_, Message>, request: Request, token: T) -> CallId {
        let call = self.next_call();
        let request = self.post(ctx, call, request);
        self.pending.insert(call, Pending { token, cause: ctx.cause(), request });
        call
    }

    /// Sends a request under a number from `next_call`, without remembering it.
    pub fn post(&self, ctx: &mut Ctx<'_, Message>, call: CallId, request: Request) -> Arc<Request> {
        let request = Arc::new(request.as_user(&self.user_agent, &self.user));
        ctx.send(self.server, Message::Request { call, request: request.clone() });
        request
    }

    /// Takes the answer to one of these calls; `None` if `call` is not (or no longer) one of them.
    pub fn answered(&mut self, call: CallId, response: &Arc<Response>) -> Option<Outcome<T>> {
        let pending = self.pending.remove(&call)?;
        Some(Outcome {
            token: pending.token,
            request: pending.request,
            cause: pending.cause,
            response: Some(response.clone()),
        })
    }

    /// The connection ended: every call under way has failed, in the order they were made.
    pub fn disconnected(&mut self) -> Vec<Outcome<T>> {
        std::mem::take(&mut self.pending)
            .into_iter()
            .map(|(_, pending)| Outcome {
                token: pending.token,
                request: pending.request,
                cause: pending.cause,
                response: None,
            })
            .collect()
    }

    /// How many calls are under way.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Forgets everything, as a restart does. Numbers go on growing, so that an answer to an earlier
    /// life is not taken for one to this.
    pub fn forget(&mut self) {
        self.pending = OrdMap::new();
    }
}
