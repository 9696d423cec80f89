//! What runs in a container: a program, and the host it runs on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::api::cri::User;
use crate::api::time;
use crate::sim::{Random, shared};

use super::files::Files;

/// A signal to process 1 of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Interrupt,
    Quit,
    Terminate,
}

impl Signal {
    /// The signal's number.
    pub fn number(self) -> i32 {
        match self {
            Signal::Interrupt => 2,
            Signal::Quit => 3,
            Signal::Terminate => 15,
        }
    }

    /// `TERM`, as `trap` names it.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "INT",
            Signal::Quit => "QUIT",
            Signal::Terminate => "TERM",
        }
    }
}

/// What answers on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP response.
    Http { code: u16, body: String },
    /// Something listens that does not speak HTTP.
    Tcp,
    /// It was asked, but takes so long to answer.
    Slow(Duration),
}

/// What a program was started with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The image as the pod names it.
    pub image: Arc<str>,
    /// The whole command line, entrypoint first.
    pub argv: Vec<String>,
    pub envs: Vec<(Arc<str>, Arc<str>)>,
    pub working_dir: String,
    pub hostname: Arc<str>,
    /// The pod's address.
    pub ip: Arc<str>,
    /// The ports it says it serves.
    pub ports: Vec<u16>,
    /// 0 for no limit.
    pub memory_limit_bytes: u64,
    /// Millicores; 0 for no limit.
    pub cpu_limit_millis: u64,
    pub user: User,
}

impl Launch {
    /// The value of an environment variable.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.envs.iter().rev().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// The arguments after the command itself.
    pub fn args(&self) -> &[String] {
        self.argv.get(1..).unwrap_or_default()
    }

    /// The value after one of `flags`: `-p 80`, `-p=80`.
    pub fn flag(&self, flags: &[&str]) -> Option<&str> {
        for (index, arg) in self.args().iter().enumerate() {
            for flag in flags {
                if arg == flag {
                    return self.args().get(index + 1).map(String::as_str);
                }
                if let Some(value) = arg.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
                    return Some(value);
                }
            }
        }
        None
    }
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The name has no address.
    UnknownHost,
    Refused,
    /// No answer came from there.
    Unreachable,
}

/// The pod network as far as this node reaches.
pub trait Network {
    /// Connects to `host` (a name or an address) from the pod with the address `from`.
    ///
    /// # Errors
    /// Where nobody answers.
    fn connect(&mut self, from: &str, host: &str, port: u16, path: Option<&str>) -> Result<Answer, ConnectError>;
}

/// What a handler of a program asked for.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Complete lines of its log, in order.
    pub lines: Vec<Arc<str>>,
    /// `on_timer(token)` after a delay.
    pub timers: Vec<(Duration, u64)>,
    /// The exit code, when it ended.
    pub exit: Option<i32>,
    /// The command line that replaces it, as `exec` does.
    pub become_: Option<Vec<String>>,
}

/// The machine as a program sees it during one handler.
pub struct Host<'a> {
    /// Now.
    pub unix_micros: i64,
    pub rng: &'a mut Random,
    pub files: Files<'a>,
    pub launch: &'a Launch,
    pub network: &'a mut dyn Network,
    pub effects: Effects,
}

impl Host<'_> {
    /// Writes a line to the log.
    pub fn log(&mut self, line: impl AsRef<str>) {
        // What one says others mostly say too.
        self.effects.lines.push(shared(line.as_ref()));
    }

    /// Asks for `on_timer(token)` after `delay`.
    pub fn wake_after(&mut self, delay: Duration, token: u64) {
        self.effects.timers.push((delay, token));
    }

    /// Ends the program.
    pub fn exit(&mut self, code: i32) {
        self.effects.exit.get_or_insert(code);
    }

    /// The date by a `strftime` pattern, in UTC.
    pub fn date(&self, pattern: &str) -> String {
        time::format(self.unix_micros, pattern)
    }
}

/// What a program uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_millis: u64,
    /// The working set.
    pub memory_bytes: u64,
}

/// A program: process 1 of a container. Handlers run to completion.
pub trait Program: Send + Sync {
    /// It was started.
    fn start(&mut self, host: &mut Host<'_>);
    /// A timer it asked for is due.
    fn on_timer(&mut self, host: &mut Host<'_>, token: u64);
    /// A signal came. Process 1 has no default action: one that does nothing here ignores it.
    fn on_signal(&mut self, host: &mut Host<'_>, signal: Signal);
    /// Somebody connects to `port`, and asks for `path` if it is HTTP. `None`: nobody listens there.
    fn on_request(&mut self, host: &mut Host<'_>, port: u16, path: Option<&str>) -> Option<Answer>;
    /// What it uses now.
    fn usage(&self) -> Usage;
    /// A copy for a checkpoint.
    fn clone_box(&self) -> Box<dyn Program>;
}

impl fmt::Debug for dyn Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

impl Clone for Box<dyn Program> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}
