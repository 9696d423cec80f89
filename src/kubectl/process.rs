//! The process: lines in, requests out, output kept per invocation.

use std::any::Any;
use std::sync::Arc;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::http::Body;
use crate::api::{CallId, Message, Response};
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId};

use super::errors::{Failure, Stop};
use super::invocation::{Invocation, Stream};
use super::io::{Event, Io, Run, Shared, note_code};
use super::verbs;

/// The exit code of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// kubectl. Each line it is given is an invocation with a number; several may run at once.
#[derive(Clone, Debug)]
pub struct Kubectl {
    shared: Shared,
    last: u64,
    invocations: OrdMap<u64, Arc<Invocation>>,
    running: OrdMap<u64, Run>,
}

impl Kubectl {
    /// A kubectl that talks to the API server `apiserver`.
    pub fn new(apiserver: ProcessId) -> Self {
        Kubectl {
            shared: Shared {
                apiserver,
                next_call: 1,
                next_token: 1,
                calls: OrdMap::new(),
                timers: OrdMap::new(),
                discovery: None,
                schemas: Vector::new(),
                user_agent: Arc::from("kubectl/v1.36.0 (linux/amd64)"),
                user: Arc::from("kubernetes-admin"),
            },
            last: 0,
            invocations: OrdMap::new(),
            running: OrdMap::new(),
        }
    }

    /// The invocation of that number.
    pub fn invocation(&self, id: u64) -> Option<&Invocation> {
        self.invocations.get(&id).map(|invocation| &**invocation)
    }

    /// All invocations by number, oldest first.
    pub fn invocations(&self) -> &OrdMap<u64, Arc<Invocation>> {
        &self.invocations
    }

    /// The number of the newest invocation; 0 before the first.
    pub fn last_id(&self) -> u64 {
        self.last
    }

    /// The numbers of those that still run.
    pub fn running(&self) -> impl Iterator<Item = u64> {
        self.running.keys().copied()
    }

    fn begin(&mut self, ctx: &mut Ctx<'_, Message>, line: &Arc<str>, stdin: &Arc<str>) {
        self.last += 1;
        let invocation = Invocation {
            line: line.clone(),
            stdin: stdin.clone(),
            started: ctx.now(),
            ended: None,
            cause: ctx.cause(),
            output: Vector::new(),
            code: None,
            requests: Vector::new(),
            diagnostics: Vector::new(),
        };
        self.invocations.insert(self.last, Arc::new(invocation));
        self.running.insert(self.last, Run::default());
        self.resume(ctx, self.last);
    }

    /// Runs an invocation from its beginning, as far as its log leads and one step on.
    fn resume(&mut self, ctx: &mut Ctx<'_, Message>, id: u64) {
        let (Some(mut run), Some(kept)) = (self.running.remove(&id), self.invocations.get_mut(&id)) else { return };
        let invocation = Arc::make_mut(kept);
        let mut io =
            Io { id, run: &mut run, invocation, shared: &mut self.shared, ctx, cursor: 0, printed: 0, loop_at: 0 };
        let code = match verbs::main(&mut io) {
            Ok(code) => code,
            Err(Stop::Failed(failure)) => {
                if failure != Failure::Silent {
                    io.err(failure.report());
                }
                1
            }
            Err(Stop::Waiting) => {
                self.running.insert(id, run);
                return;
            }
        };
        self.finish(ctx, id, &run, code);
    }

    fn finish(&mut self, ctx: &mut Ctx<'_, Message>, id: u64, run: &Run, code: i32) {
        for call in run.open_calls() {
            ctx.send(self.shared.apiserver, Message::Cancel { call });
        }
        self.shared.calls.retain(|_, ticket| ticket.invocation != id);
        self.shared.timers.retain(|_, ticket| ticket.invocation != id);
        if let Some(kept) = self.invocations.get_mut(&id) {
            let invocation = Arc::make_mut(kept);
            invocation.code = Some(code);
            invocation.ended = Some(ctx.now());
        }
    }

    fn control(&mut self, ctx: &mut Ctx<'_, Message>, text: &str) {
        let Some(id) = text.strip_prefix("interrupt ").and_then(|id| id.trim().parse::<u64>().ok()) else { return };
        let Some(run) = self.running.remove(&id) else { return };
        if let Some(kept) = self.invocations.get_mut(&id) {
            Arc::make_mut(kept).output.push_back((Stream::Stderr, Arc::from("^C\n")));
        }
        self.finish(ctx, id, &run, INTERRUPTED);
    }

    fn response(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, response: &Arc<Response>) {
        let Some(ticket) = self.shared.calls.get(&call).copied() else { return };
        let Some(run) = self.running.get_mut(&ticket.invocation) else { return };
        if let Some(kept) = self.invocations.get_mut(&ticket.invocation) {
            note_code(Arc::make_mut(kept), ticket, response.code);
        }
        let streaming = run.open_calls().any(|open| open == call);
        if !streaming {
            self.shared.calls.remove(&call);
        } else if !response.is_success() {
            run.event(call, Event::End);
            self.shared.calls.remove(&call);
        } else if let Body::Text(text) = &response.body {
            // A followed log may begin in the response itself.
            run.event(call, Event::Chunk(text.clone()));
        }
        run.answer(ticket, Ok(response.clone()));
        self.resume(ctx, ticket.invocation);
    }

    fn event(&mut self, ctx: &mut Ctx<'_, Message>, call: CallId, event: Event) {
        let Some(ticket) = self.shared.calls.get(&call).copied() else { return };
        if matches!(event, Event::End) {
            self.shared.calls.remove(&call);
        }
        let Some(run) = self.running.get_mut(&ticket.invocation) else { return };
        run.event(call, event);
        self.resume(ctx, ticket.invocation);
    }
}

impl Process<Message> for Kubectl {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Line { line, stdin } => self.begin(ctx, line, stdin),
            Message::Control(text) => self.control(ctx, text),
            Message::Response { call, response } => self.response(ctx, *call, response),
            Message::Watch { call, event } => self.event(ctx, *call, Event::Watch(event.clone())),
            Message::Chunk { call, text } => self.event(ctx, *call, Event::Chunk(text.clone())),
            Message::StreamEnd { call } => self.event(ctx, *call, Event::End),
            Message::Request { .. }
            | Message::Cancel { .. }
            | Message::Etcd(_)
            | Message::Cri(_)
            | Message::Disk(_) => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        let Some(ticket) = self.shared.timers.remove(&token) else { return };
        let Some(run) = self.running.get_mut(&ticket.invocation) else { return };
        run.wake(ticket);
        self.resume(ctx, ticket.invocation);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, why: Disconnect) {
        if peer != self.shared.apiserver {
            return;
        }
        self.shared.calls.clear();
        let running: Vec<u64> = self.running.keys().copied().collect();
        for id in running {
            if let Some(run) = self.running.get_mut(&id) {
                run.lose(why);
            }
            self.resume(ctx, id);
        }
    }

    fn lose_memory(&mut self) {
        let ids: Vec<u64> = self.running.keys().copied().collect();
        for id in ids {
            if let Some(kept) = self.invocations.get_mut(&id) {
                Arc::make_mut(kept).code = Some(INTERRUPTED);
            }
        }
        self.running.clear();
        self.shared.calls.clear();
        self.shared.timers.clear();
        self.shared.discovery = None;
        self.shared.schemas.clear();
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
