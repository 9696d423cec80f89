//! The gateway: where clients outside the world reach the API server. The host gives it requests as
//! inputs and collects what comes back.

use std::any::Any;
use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use crate::api::{CallId, Message, Response, Status, WatchEvent};
use crate::apiserver::edge;
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId};

/// What came back for a call.
#[derive(Clone, Debug)]
pub enum GatewayEvent {
    Response(Arc<Response>),
    Watch(WatchEvent),
    Chunk(Arc<str>),
    /// The stream is over.
    End,
    /// The connection broke before or during the answer.
    Broken(Disconnect),
}

/// The process outside clients speak through.
#[derive(Clone, Debug)]
pub struct Gateway {
    apiserver: ProcessId,
    /// Open calls, and whether each is a stream that already opened.
    open: OrdMap<CallId, bool>,
    /// What the host has not collected yet, in order of arrival.
    outbox: Vec<(CallId, GatewayEvent)>,
}

impl Gateway {
    /// A gateway to `apiserver`.
    pub fn new(apiserver: ProcessId) -> Self {
        Gateway { apiserver, open: OrdMap::new(), outbox: Vec::new() }
    }

    /// Takes what came back since the last time.
    pub fn drain(&mut self) -> Vec<(CallId, GatewayEvent)> {
        std::mem::take(&mut self.outbox)
    }

    /// Answers a call that could not be read as a request.
    pub(super) fn refuse(&mut self, call: CallId, status: Status) {
        self.outbox.push((call, GatewayEvent::Response(Arc::new(Response::failure(status)))));
    }

    /// Whether anything waits to be collected.
    pub fn has_events(&self) -> bool {
        !self.outbox.is_empty()
    }
}

impl Process<Message> for Gateway {
    fn start(&mut self, _ctx: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Request { call, request } => {
                self.open.insert(*call, edge::streams(request));
                ctx.send(self.apiserver, envelope.payload.clone());
            }
            Message::Cancel { call } if self.open.remove(call).is_some() => {
                ctx.send(self.apiserver, envelope.payload.clone());
            }
            Message::Response { call, response } => {
                let Some(streams) = self.open.get(call).copied() else { return };
                self.outbox.push((*call, GatewayEvent::Response(response.clone())));
                if !streams || !response.is_success() {
                    self.open.remove(call);
                }
            }
            Message::Watch { call, event } if self.open.contains_key(call) => {
                self.outbox.push((*call, GatewayEvent::Watch(event.clone())));
            }
            Message::Chunk { call, text } if self.open.contains_key(call) => {
                self.outbox.push((*call, GatewayEvent::Chunk(text.clone())));
            }
            Message::StreamEnd { call } if self.open.remove(call).is_some() => {
                self.outbox.push((*call, GatewayEvent::End));
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, _ctx: &mut Ctx<'_, Message>, _token: u64) {}

    fn on_disconnect(&mut self, _ctx: &mut Ctx<'_, Message>, _peer: ProcessId, why: Disconnect) {
        for (call, _) in std::mem::take(&mut self.open) {
            self.outbox.push((call, GatewayEvent::Broken(why)));
        }
    }

    fn lose_memory(&mut self) {
        self.open = OrdMap::new();
        self.outbox = Vec::new();
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
