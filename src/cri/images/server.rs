//! What servers have in common: they log that they start, answer on their ports after a while, and
//! end when asked to.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

/// What makes one server differ from another.
#[derive(Debug)]
pub struct ServerSpec {
    /// Logs its start. `Err` ends it with that code.
    pub start: fn(&mut Host<'_>) -> Result<(), i32>,
    /// How long it takes until it answers.
    pub ready_after: Duration,
    /// Logs that it is ready.
    pub ready: fn(&mut Host<'_>),
    /// The ports it listens on.
    pub ports: fn(&Launch) -> Vec<u16>,
    /// Answers on one of them: `path` for HTTP, nothing for a bare connection.
    pub respond: fn(&mut Host<'_>, port: u16, path: Option<&str>) -> Answer,
    /// A signal came: how long until it ends, and with what code; `None` ignores it.
    pub signal: fn(&mut Host<'_>, Signal) -> Option<(Duration, i32)>,
    /// Logs its end.
    pub stopped: fn(&mut Host<'_>),
    /// What it uses at rest.
    pub usage: Usage,
}

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    spec: &'static ServerSpec,
    ready: bool,
    /// The code it will end with.
    ending: Option<i32>,
}

const READY: u64 = 1;
const END: u64 = 2;

impl Server {
    /// A server that was not started yet.
    pub fn new(spec: &'static ServerSpec) -> Self {
        Server { spec, ready: false, ending: None }
    }

    /// The same, boxed.
    pub fn boxed(spec: &'static ServerSpec) -> Box<dyn Program> {
        Box::new(Server::new(spec))
    }
}

impl Program for Server {
    fn start(&mut self, host: &mut Host<'_>) {
        match (self.spec.start)(host) {
            Ok(()) => host.wake_after(self.spec.ready_after, READY),
            Err(code) => host.exit(code),
        }
    }

    fn on_timer(&mut self, host: &mut Host<'_>, token: u64) {
        match (token, self.ending) {
            (READY, None) => {
                self.ready = true;
                (self.spec.ready)(host);
            }
            (END, Some(code)) => {
                (self.spec.stopped)(host);
                host.exit(code);
            }
            _ => {}
        }
    }

    fn on_signal(&mut self, host: &mut Host<'_>, signal: Signal) {
        if self.ending.is_some() {
            return;
        }
        if let Some((delay, code)) = (self.spec.signal)(host, signal) {
            self.ending = Some(code);
            self.ready = false;
            host.wake_after(delay, END);
        }
    }

    fn on_request(&mut self, host: &mut Host<'_>, port: u16, path: Option<&str>) -> Option<Answer> {
        let listens = self.ready && (self.spec.ports)(host.launch).contains(&port);
        listens.then(|| (self.spec.respond)(host, port, path))
    }

    fn usage(&self) -> Usage {
        self.spec.usage
    }

    fn clone_box(&self) -> Box<dyn Program> {
        Box::new(self.clone())
    }
}

/// Nothing to log.
pub fn quiet(_: &mut Host<'_>) {}

/// Nothing to log at the start.
pub fn starts(_: &mut Host<'_>) -> Result<(), i32> {
    Ok(())
}

/// Ends at once with 0 on SIGTERM, SIGINT and SIGQUIT.
pub fn ends(_: &mut Host<'_>, _: Signal) -> Option<(Duration, i32)> {
    Some((Duration::from_millis(20), 0))
}

/// Accepts a connection, and speaks something else than HTTP.
pub fn not_http(_: &mut Host<'_>, _: u16, _: Option<&str>) -> Answer {
    Answer::Tcp
}

/// Bytes of so many MiB.
pub const fn mib(count: u64) -> u64 {
    count * 1024 * 1024
}
