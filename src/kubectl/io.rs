//! What a verb may do: send requests, follow streams, sleep, print.
//!
//! A verb is a plain sequential function that is run again from its beginning each time something it
//! waits for has come. What came before is replayed from a log, so the function must do the same
//! things in the same order given the same log; output is told apart from its repetition by position.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, Vector};

use crate::api::http::content_type;
use crate::api::{Body, CallId, Message, Request, Response, WatchEvent};
use crate::sim::{Ctx, Disconnect, ProcessId, TimerId};

use super::discovery::Discovery;
use super::errors::{Failure, Stop};
use super::invocation::{Diagnostic, Invocation, Made, Stream};

/// A stream an invocation opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(CallId);

/// What comes along a stream.
#[derive(Clone, Debug)]
pub enum Event {
    Watch(WatchEvent),
    Chunk(Arc<str>),
    /// The server ended it.
    End,
    /// The connection is gone.
    Lost(Disconnect),
    /// Nothing came before the deadline.
    Deadline,
}

/// A value a verb keeps across its repetitions.
#[derive(Clone)]
struct Kept(Arc<dyn Any>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[derive(Clone, Debug)]
enum Entry {
    /// A request without an answer.
    Pending,
    Answer(Result<Arc<Response>, Disconnect>),
    /// Waiting for an event, a deadline or the end of a sleep.
    Waiting(Option<TimerId>),
    Event(StreamId, Event),
    Now(i64),
    Memo(Kept),
    /// Where a loop begins anew: its state, and how much was printed by then.
    Loop {
        state: Kept,
        printed: usize,
    },
}

/// A running verb: its log. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    log: Vector<Entry>,
    /// Events that came and were not yet taken.
    queue: Vector<(StreamId, Event)>,
    /// Streams that are open at the server.
    open: Vector<StreamId>,
    printed: usize,
}

/// Where an answer belongs.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub invocation: u64,
    entry: usize,
    /// The request's place among the invocation's requests.
    made: usize,
}

/// What all invocations share.
#[derive(Clone, Debug)]
pub struct Shared {
    pub apiserver: ProcessId,
    pub next_call: u64,
    pub next_token: u64,
    pub calls: OrdMap<CallId, Ticket>,
    pub timers: OrdMap<u64, Ticket>,
    /// What discovery said when it was last asked.
    pub discovery: Option<Arc<Discovery>>,
    /// Paths of `/openapi/v3` that were read.
    pub schemas: Vector<Arc<str>>,
    pub user_agent: Arc<str>,
    pub user: Arc<str>,
}

impl Run {
    /// An answer came for `ticket`.
    pub fn answer(&mut self, ticket: Ticket, answer: Result<Arc<Response>, Disconnect>) {
        if let Some(entry @ Entry::Pending) = self.log.get_mut(ticket.entry) {
            *entry = Entry::Answer(answer);
        }
    }

    /// Something came along a stream.
    pub fn event(&mut self, call: CallId, event: Event) {
        let id = StreamId(call);
        if matches!(event, Event::End | Event::Lost(_)) {
            self.open.retain(|open| *open != id);
        }
        self.queue.push_back((id, event));
    }

    /// The timer of `ticket` fired.
    pub fn wake(&mut self, ticket: Ticket) {
        if let Some(entry @ Entry::Waiting(_)) = self.log.get_mut(ticket.entry) {
            *entry = Entry::Event(StreamId(CallId(u64::MAX)), Event::Deadline);
        }
    }

    /// The connection to the API server is gone: nothing outstanding will be answered.
    pub fn lose(&mut self, why: Disconnect) {
        for entry in self.log.iter_mut() {
            if matches!(entry, Entry::Pending) {
                *entry = Entry::Answer(Err(why));
            }
        }
        for id in std::mem::take(&mut self.open) {
            self.queue.push_back((id, Event::Lost(why)));
        }
    }

    /// The streams still open at the server.
    pub fn open_calls(&self) -> impl Iterator<Item = CallId> {
        self.open.iter().map(|stream| stream.0)
    }
}

/// What a verb is given.
pub struct Io<'a, 'b> {
    pub(super) id: u64,
    pub(super) run: &'a mut Run,
    pub(super) invocation: &'a mut Invocation,
    pub(super) shared: &'a mut Shared,
    pub(super) ctx: &'a mut Ctx<'b, Message>,
    pub(super) cursor: usize,
    pub(super) printed: usize,
    pub(super) loop_at: usize,
}

impl Io<'_, '_> {
    /// Sends a request and gives its answer, whatever its code.
    ///
    /// # Errors
    /// Waits for the answer; fails when the connection does.
    pub fn send(&mut self, request: impl FnOnce() -> Request) -> Result<Arc<Response>, Stop> {
        match self.run.log.get(self.cursor).cloned() {
            Some(Entry::Answer(answer)) => {
                if let Ok(response) = &answer {
                    for warning in response.warnings.iter().filter(|warning| self.is_news(warning)).collect::<Vec<_>>()
                    {
                        self.err(format!("Warning: {warning}\n"));
                    }
                }
                self.cursor += 1;
                answer.map_err(|why| Stop::Failed(Failure::Connection(why)))
            }
            Some(Entry::Pending) => Err(Stop::Waiting),
            Some(_) => panic!("a verb sends where it did something else before"),
            None => {
                self.post(request());
                Err(Stop::Waiting)
            }
        }
    }

    /// Whether no earlier answer brought this warning: kubectl tells each once (`Deduplicate`).
    fn is_news(&self, warning: &Arc<str>) -> bool {
        let mut earlier = self.run.log.iter().take(self.cursor);
        !earlier.any(|entry| matches!(entry, Entry::Answer(Ok(answer)) if answer.warnings.contains(warning)))
    }

    /// Sends a request and gives its successful answer.
    ///
    /// # Errors
    /// As `send`, and with the server's `Status`.
    pub fn ask(&mut self, request: impl FnOnce() -> Request) -> Result<Arc<Response>, Stop> {
        let response = self.send(request)?;
        check(&response)?;
        Ok(response)
    }

    /// Opens a watch or a followed log.
    ///
    /// # Errors
    /// As `ask`.
    pub fn open(&mut self, request: impl FnOnce() -> Request) -> Result<StreamId, Stop> {
        let call = self.memo(|io| CallId(io.shared.next_call))?;
        let response = self.send(request)?;
        check(&response)?;
        Ok(StreamId(*call))
    }

    fn post(&mut self, request: Request) -> CallId {
        let call = CallId(self.shared.next_call);
        self.shared.next_call += 1;
        let request = request.as_user(&self.shared.user_agent, &self.shared.user);
        let ticket = Ticket { invocation: self.id, entry: self.cursor, made: self.invocation.requests.len() };
        self.invocation.requests.push_back(Made { method: request.method, url: url(&request), code: None });
        self.shared.calls.insert(call, ticket);
        self.run.log.push_back(Entry::Pending);
        if request.is_watch() || request.param("follow") == Some("true") {
            self.run.open.push_back(StreamId(call));
        }
        self.ctx.send(self.shared.apiserver, Message::Request { call, request: Arc::new(request) });
        call
    }

    /// The next event of any of `streams`, or `Deadline` when none came before `deadline` (microseconds
    /// since the Unix epoch).
    ///
    /// # Errors
    /// Waits for it.
    pub fn next_event(&mut self, streams: &[StreamId], deadline: Option<i64>) -> Result<(StreamId, Event), Stop> {
        let timer = match self.run.log.get(self.cursor).cloned() {
            Some(Entry::Event(id, event)) => {
                self.cursor += 1;
                return Ok((id, event));
            }
            Some(Entry::Waiting(timer)) => Some(timer),
            Some(_) => panic!("a verb waits where it did something else before"),
            None => None,
        };
        if let Some(index) = self.run.queue.iter().position(|(id, _)| streams.contains(id)) {
            let (id, event) = self.run.queue.remove(index);
            self.put(Entry::Event(id, event.clone()));
            if let Some(Some(timer)) = timer {
                self.ctx.cancel_timer(timer);
            }
            return Ok((id, event));
        }
        if timer.is_none() {
            let timer = deadline.map(|deadline| {
                let micros = u64::try_from(deadline - self.ctx.unix_micros()).unwrap_or(0);
                self.timer(Duration::from_micros(micros))
            });
            self.run.log.push_back(Entry::Waiting(timer));
        }
        Err(Stop::Waiting)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Waits for it.
    pub fn sleep(&mut self, time: Duration) -> Result<(), Stop> {
        let deadline = self.ctx.unix_micros() + i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2);
        self.next_event(&[], Some(deadline)).map(|_| ())
    }

    fn timer(&mut self, delay: Duration) -> TimerId {
        let token = self.shared.next_token;
        self.shared.next_token += 1;
        self.shared.timers.insert(token, Ticket { invocation: self.id, entry: self.cursor, made: usize::MAX });
        self.ctx.set_timer(delay, token)
    }

    fn put(&mut self, entry: Entry) {
        if self.cursor == self.run.log.len() {
            self.run.log.push_back(entry);
        } else {
            self.run.log.set(self.cursor, entry);
        }
        self.cursor += 1;
    }

    /// Ends a stream the verb needs no more.
    pub fn close(&mut self, stream: StreamId) {
        if self.run.open.contains(&stream) {
            self.run.open.retain(|open| *open != stream);
            self.shared.calls.remove(&stream.0);
            self.ctx.send(self.shared.apiserver, Message::Cancel { call: stream.0 });
        }
        self.run.queue.retain(|(id, _)| *id != stream);
    }

    /// The date, in microseconds since the Unix epoch; the same on every repetition.
    pub fn now(&mut self) -> i64 {
        match self.run.log.get(self.cursor) {
            Some(Entry::Now(now)) => {
                let now = *now;
                self.cursor += 1;
                now
            }
            Some(_) => panic!("a verb asks for the time where it did something else before"),
            None => {
                let now = self.ctx.unix_micros();
                self.put(Entry::Now(now));
                now
            }
        }
    }

    /// What `compute` gave the first time.
    ///
    /// # Errors
    /// None of its own: a `Result` so that it reads like the other steps.
    pub fn memo<T: 'static>(&mut self, compute: impl FnOnce(&mut Self) -> T) -> Result<Arc<T>, Stop> {
        if let Some(entry) = self.run.log.get(self.cursor) {
            let Entry::Memo(kept) = entry else { panic!("a verb computes where it did something else before") };
            // `Arc<dyn Any>` is only taken apart when it is also `Send`; so an `Arc` is kept inside it.
            let value = kept.0.downcast_ref::<Arc<T>>().expect("a memo keeps its type").clone();
            self.cursor += 1;
            return Ok(value);
        }
        let value = Arc::new(compute(self));
        self.put(Entry::Memo(Kept(Arc::new(value.clone()))));
        Ok(value)
    }

    /// Begins a loop that may run long: gives its state as last saved. Loops do not nest.
    pub fn enter<T: Clone + 'static>(&mut self, initial: T) -> T {
        self.loop_at = self.cursor;
        if let Some(entry) = self.run.log.get(self.cursor) {
            let Entry::Loop { state, printed } = entry else {
                panic!("a verb loops where it did something else before")
            };
            let state = state.0.downcast_ref::<T>().expect("a loop keeps the type of its state").clone();
            self.printed = *printed;
            self.cursor += 1;
            return state;
        }
        let entry = Entry::Loop { state: Kept(Arc::new(initial.clone())), printed: self.printed };
        self.put(entry);
        initial
    }

    /// At the end of a loop's body: what came since `enter` is forgotten, and the next repetition
    /// begins from `state`.
    pub fn save<T: Clone + 'static>(&mut self, state: &T) {
        assert!(self.cursor >= self.run.log.len(), "a loop saves what it has just seen");
        self.run.log.truncate(self.loop_at + 1);
        let entry = Entry::Loop { state: Kept(Arc::new(state.clone())), printed: self.printed };
        self.run.log.set(self.loop_at, entry);
        self.cursor = self.loop_at + 1;
    }

    /// Writes to standard output.
    pub fn out(&mut self, text: impl AsRef<str>) {
        self.print(Stream::Stdout, text.as_ref());
    }

    /// Writes to standard error.
    pub fn err(&mut self, text: impl AsRef<str>) {
        self.print(Stream::Stderr, text.as_ref());
    }

    fn print(&mut self, to: Stream, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.printed == self.run.printed {
            self.invocation.output.push_back((to, Arc::from(text)));
            self.run.printed += 1;
        }
        self.printed += 1;
    }

    /// Tells the editor what is wrong with a document.
    pub fn diagnose(&mut self, diagnostic: Diagnostic) {
        if !self.invocation.diagnostics.contains(&diagnostic) {
            self.invocation.diagnostics.push_back(diagnostic);
        }
    }

    /// What stands on standard input.
    pub fn stdin(&self) -> Arc<str> {
        self.invocation.stdin.clone()
    }
}

/// Fails with the server's `Status` unless the response is a success.
///
/// # Errors
/// The `Status` of the response.
pub fn check(response: &Response) -> Result<(), Stop> {
    if response.is_success() {
        return Ok(());
    }
    // What the server says without giving a reason: more budgets than one guard a pod.
    let said = match &response.body {
        Body::Json(value) if value["kind"] == "Status" => value["message"].as_str(),
        _ => None,
    };
    match (response.status(), said) {
        (Some(status), _) => Err(Stop::Failed(Failure::Status(Arc::new(status.clone())))),
        (None, Some(said)) => Err(Stop::Failed(Failure::Text(said.to_owned()))),
        (None, None) => Err(Stop::Failed(Failure::Text(format!(
            "the server responded with the status code {} but did not return more information",
            response.code
        )))),
    }
}

/// Notes the code of an answer on the invocation it belongs to.
pub fn note_code(invocation: &mut Invocation, ticket: Ticket, code: u16) {
    if let Some(made) = invocation.requests.get_mut(ticket.made) {
        made.code = Some(code);
    }
}

fn url(request: &Request) -> Arc<str> {
    let mut url = request.path.to_string();
    for (index, (name, value)) in request.query.iter().enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(value);
    }
    Arc::from(url)
}

/// A request that asks for a table.
pub fn as_table(mut request: Request) -> Request {
    request.accept = Arc::from(content_type::TABLE);
    request
}
