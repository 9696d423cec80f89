//! The machine that runs a script: a stack of what is left to do, stepped until it waits or ends.

use std::sync::Arc;

use crate::cri::program::Host;
use crate::sim::persistent::{OrdMap, OrdSet};

use super::output::Sink;
use super::syntax::{Command, Redirect, Word};

/// Why a machine stops for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// So many microseconds.
    Sleep(u64),
    /// For ever: `sleep infinity`, `tail -f`.
    Forever,
    /// For background jobs: the one named, or all.
    Jobs(Option<u64>),
    /// Serving a port with a fixed answer: `nc -l`, `httpd -f`.
    Serve { port: u16, directory: Option<String> },
    /// Another program takes its place.
    Become(Vec<String>),
}

/// What a step came to.
pub(super) enum Step {
    Go,
    Wait(Wait),
    Done,
}

/// How a utility ended.
pub(super) enum Outcome {
    Exit(i32),
    /// It waits, and then ends with this status.
    Wait(Wait, i32),
    NotFound,
}

/// What is left to do.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Run(Arc<Command>),
    Sequence(Arc<Command>, usize),
    AndThen(Arc<Command>),
    OrElse(Arc<Command>),
    /// The condition of this arm was run.
    If(Arc<Command>, usize),
    LoopCondition(Arc<Command>),
    LoopBody(Arc<Command>),
    For(Arc<Command>, Arc<Vec<String>>, usize),
    Negate,
    RestoreIo {
        out: Sink,
        err: Sink,
        input: Option<Input>,
    },
    /// The end of a function: its caller's parameters.
    Return(Vec<String>),
    /// The end of a subshell.
    Subshell(Box<Environment>),
    /// The end of a trap: the status before it.
    Trap(i32),
}

/// Standard input that is text.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub text: Arc<str>,
    pub at: usize,
}

/// What a subshell gets a copy of.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    pub variables: std::collections::BTreeMap<String, String>,
    pub exported: OrdSet<String>,
    pub functions: OrdMap<String, Arc<Command>>,
    /// By signal name, and `EXIT`; `None` ignores it.
    pub traps: OrdMap<String, Option<Arc<Command>>>,
    pub parameters: Vec<String>,
    pub cwd: String,
}

/// What the image offers besides the shell.
#[derive(Clone, Debug)]
pub struct System {
    /// `sh`, `bash`: how error messages begin.
    pub name: &'static str,
    /// Commands that are programs of the image: they take the shell's place.
    pub programs: Arc<Vec<&'static str>>,
    /// Any command that is not known is such a program.
    pub permissive: bool,
}

/// A running script.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) frames: Vec<Frame>,
    pub(super) env: Environment,
    pub(super) system: System,
    pub(super) status: i32,
    /// The status of the last substitution in the command being expanded.
    pub(super) substituted: Option<i32>,
    /// An expansion failed: the script ends with 2.
    pub(super) aborted: bool,
    pub(super) out: Sink,
    pub(super) err: Sink,
    pub(super) input: Option<Input>,
    pub(super) errexit: bool,
    pub(super) xtrace: bool,
    pub(super) nounset: bool,
    /// What was written to stdout (1) and stderr (2) and not yet taken.
    pub(super) emitted: Vec<(u8, String)>,
    /// Microseconds spent inside substitutions and pipes that are still to be slept.
    pub(super) owed_micros: u64,
    /// Microseconds this machine is ahead of its host's clock.
    pub(super) ahead_micros: u64,
    /// Background commands to be started, by job number.
    pub(super) spawned: Vec<(u64, Machine)>,
    pub(super) last_job: u64,
    /// Signals to jobs: `kill`.
    pub(super) kills: Vec<(u64, String)>,
    pub(super) pid: u64,
}

impl Machine {
    /// A machine that runs `command` with these variables, all exported.
    pub fn new(system: System, command: Arc<Command>, envs: &[(Arc<str>, Arc<str>)], cwd: &str) -> Self {
        let mut variables: std::collections::BTreeMap<String, String> =
            envs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        variables
            .entry("PATH".into())
            .or_insert_with(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        variables.entry("HOME".into()).or_insert_with(|| "/root".to_owned());
        let exported = variables.keys().cloned().collect();
        variables.insert("IFS".into(), " \t\n".into());
        Machine {
            frames: vec![Frame::Run(command)],
            env: Environment {
                variables,
                exported,
                functions: OrdMap::new(),
                traps: OrdMap::new(),
                parameters: Vec::new(),
                cwd: if cwd.is_empty() { "/".to_owned() } else { cwd.to_owned() },
            },
            system,
            status: 0,
            substituted: None,
            aborted: false,
            out: Sink::Stdout,
            err: Sink::Stderr,
            input: None,
            errexit: false,
            xtrace: false,
            nounset: false,
            emitted: Vec::new(),
            owed_micros: 0,
            ahead_micros: 0,
            spawned: Vec::new(),
            last_job: 0,
            kills: Vec::new(),
            pid: 1,
        }
    }

    /// The exit status.
    pub fn status(&self) -> i32 {
        self.status
    }

    /// Now, as this machine has it.
    pub(super) fn unix_micros(&self, host: &Host<'_>) -> i64 {
        host.unix_micros + self.ahead_micros as i64
    }

    /// Whether a failure now is being asked about, so that `set -e` does not end the script.
    pub(super) fn in_condition(&self) -> bool {
        self.frames.iter().any(|frame| {
            matches!(
                frame,
                Frame::AndThen(_) | Frame::OrElse(_) | Frame::If(..) | Frame::LoopCondition(_) | Frame::Negate
            )
        })
    }

    /// Ends the script or the subshell it is in.
    pub(super) fn exit(&mut self, status: i32) {
        self.status = status;
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Subshell(_) => {
                    self.frames.push(frame);
                    return;
                }
                Frame::RestoreIo { out, err, input } => self.restore_io(out, err, input),
                _ => {}
            }
        }
    }

    /// Leaves `levels` loops; with `again` the last of them goes on.
    pub(super) fn leave_loops(&mut self, mut levels: u32, again: bool) {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::LoopBody(_) | Frame::For(..) => {
                    levels = levels.saturating_sub(1);
                    if levels == 0 {
                        if again {
                            self.frames.push(frame);
                        }
                        return;
                    }
                }
                Frame::RestoreIo { out, err, input } => self.restore_io(out, err, input),
                _ => {}
            }
        }
    }

    /// Returns from a function.
    pub(super) fn return_(&mut self, status: i32) {
        self.status = status;
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Return(parameters) => {
                    self.env.parameters = parameters;
                    return;
                }
                Frame::RestoreIo { out, err, input } => self.restore_io(out, err, input),
                _ => {}
            }
        }
    }

    fn restore_io(&mut self, out: Sink, err: Sink, input: Option<Input>) {
        self.out = out;
        self.err = err;
        self.input = input;
    }

    /// Runs the trap for a signal or `EXIT` next, if there is one. False: no trap is set.
    pub(super) fn run_trap(&mut self, name: &str) -> bool {
        match self.env.traps.get(name) {
            None => false,
            Some(None) => true,
            Some(Some(command)) => {
                let command = command.clone();
                self.frames.push(Frame::Trap(self.status));
                self.frames.push(Frame::Run(command));
                true
            }
        }
    }

    /// Does the next thing.
    pub(super) fn step(&mut self, host: &mut Host<'_>) -> Step {
        if self.owed_micros > 0 {
            let owed = std::mem::take(&mut self.owed_micros);
            return Step::Wait(Wait::Sleep(owed));
        }
        let Some(frame) = self.frames.pop() else {
            if let Some(Some(command)) = self.env.traps.remove("EXIT") {
                self.frames.push(Frame::Trap(self.status));
                self.frames.push(Frame::Run(command));
                return Step::Go;
            }
            return Step::Done;
        };
        match frame {
            Frame::Run(command) => return self.run(host, &command),
            Frame::Sequence(command, index) => self.sequence(&command, index),
            Frame::AndThen(command) if self.status == 0 => self.frames.push(Frame::Run(command)),
            Frame::OrElse(command) if self.status != 0 => self.frames.push(Frame::Run(command)),
            Frame::AndThen(_) | Frame::OrElse(_) => {}
            Frame::If(command, index) => self.after_if(command, index),
            Frame::LoopCondition(command) => {
                let Command::Loop { until, body, .. } = &*command else { unreachable!("only loops loop") };
                if (self.status == 0) != *until {
                    let body = body.clone();
                    self.frames.push(Frame::LoopBody(command));
                    self.frames.push(Frame::Run(body));
                } else {
                    self.status = 0;
                }
            }
            Frame::LoopBody(command) => self.frames.push(Frame::Run(command)),
            Frame::For(command, words, index) => {
                let Command::For { name, body, .. } = &*command else { unreachable!("only for is for") };
                if let Some(word) = words.get(index) {
                    self.env.variables.insert(name.clone(), word.clone());
                    let body = body.clone();
                    self.frames.push(Frame::For(command, words, index + 1));
                    self.frames.push(Frame::Run(body));
                }
            }
            Frame::Negate => self.status = i32::from(self.status == 0),
            Frame::RestoreIo { out, err, input } => self.restore_io(out, err, input),
            Frame::Return(parameters) => self.env.parameters = parameters,
            Frame::Subshell(environment) => {
                if let Some(Some(command)) = self.env.traps.remove("EXIT") {
                    self.frames.push(Frame::Subshell(environment));
                    self.frames.push(Frame::Trap(self.status));
                    self.frames.push(Frame::Run(command));
                } else {
                    self.env = *environment;
                }
            }
            Frame::Trap(status) => self.status = status,
        }
        Step::Go
    }

    fn sequence(&mut self, command: &Arc<Command>, index: usize) {
        let Command::Sequence(commands) = &**command else { unreachable!("only sequences go on") };
        let Some(next) = commands.get(index) else { return };
        let next = next.clone();
        if index + 1 < commands.len() {
            self.frames.push(Frame::Sequence(command.clone(), index + 1));
        }
        self.frames.push(Frame::Run(next));
    }

    fn after_if(&mut self, command: Arc<Command>, index: usize) {
        let Command::If { arms, otherwise } = &*command else { unreachable!("only if is if") };
        if self.status == 0 {
            self.frames.push(Frame::Run(arms[index].1.clone()));
        } else if let Some((condition, _)) = arms.get(index + 1) {
            let condition = condition.clone();
            self.frames.push(Frame::If(command.clone(), index + 1));
            self.frames.push(Frame::Run(condition));
        } else {
            self.status = 0;
            if let Some(otherwise) = otherwise {
                self.frames.push(Frame::Run(otherwise.clone()));
            }
        }
    }

    fn run(&mut self, host: &mut Host<'_>, command: &Arc<Command>) -> Step {
        match &**command {
            Command::Simple { assignments, words, redirects } => {
                let step = self.simple(host, assignments, words, redirects);
                if matches!(step, Step::Go) && self.errexit && self.status != 0 {
                    let entered = matches!(self.frames.last(), Some(Frame::Run(_)));
                    if !entered && !self.in_condition() {
                        self.exit(self.status);
                    }
                }
                return step;
            }
            Command::Pipeline { negated, commands } => {
                if *negated {
                    self.frames.push(Frame::Negate);
                }
                return self.pipeline(host, commands);
            }
            Command::And(left, right) => {
                self.frames.push(Frame::AndThen(right.clone()));
                self.frames.push(Frame::Run(left.clone()));
            }
            Command::Or(left, right) => {
                self.frames.push(Frame::OrElse(right.clone()));
                self.frames.push(Frame::Run(left.clone()));
            }
            Command::Sequence(_) => self.sequence(command, 0),
            Command::Background(inner) => self.background(inner),
            Command::If { arms, .. } => {
                self.frames.push(Frame::If(command.clone(), 0));
                self.frames.push(Frame::Run(arms[0].0.clone()));
            }
            Command::Loop { condition, .. } => {
                self.frames.push(Frame::LoopCondition(command.clone()));
                self.frames.push(Frame::Run(condition.clone()));
            }
            Command::For { words, .. } => {
                let words = match words {
                    Some(words) => self.expand_words(host, words),
                    None => self.env.parameters.clone(),
                };
                self.frames.push(Frame::For(command.clone(), Arc::new(words), 0));
            }
            Command::Case { word, arms } => self.case(host, word, arms),
            Command::Subshell(inner) => {
                self.frames.push(Frame::Subshell(Box::new(self.env.clone())));
                self.env.traps.clear();
                self.frames.push(Frame::Run(inner.clone()));
            }
            Command::Function { name, body } => {
                self.env.functions.insert(name.clone(), body.clone());
                self.status = 0;
            }
            Command::Redirected { command, redirects } => {
                let restore =
                    Frame::RestoreIo { out: self.out.clone(), err: self.err.clone(), input: self.input.clone() };
                self.frames.push(restore);
                if self.redirect(host, redirects) {
                    self.frames.push(Frame::Run(command.clone()));
                }
            }
        }
        Step::Go
    }

    fn case(&mut self, host: &mut Host<'_>, word: &Word, arms: &[(Vec<Word>, Arc<Command>)]) {
        let text: Vec<char> = self.expand_text(host, word).chars().collect();
        self.status = 0;
        for (patterns, body) in arms {
            let matched = patterns.iter().any(|pattern| {
                let pattern = self.expand_pattern(host, pattern);
                super::pattern::matches(&pattern, &text)
            });
            if matched {
                self.frames.push(Frame::Run(body.clone()));
                return;
            }
        }
    }

    fn simple(
        &mut self,
        host: &mut Host<'_>,
        assignments: &[(String, Word)],
        words: &[Word],
        redirects: &[Redirect],
    ) -> Step {
        self.substituted = None;
        let argv = self.expand_words(host, words);
        let mut saved = Vec::new();
        for (name, word) in assignments {
            let value = self.expand_text(host, word);
            if !argv.is_empty() {
                saved.push((name.clone(), self.env.variables.get(name).cloned()));
            }
            self.env.variables.insert(name.clone(), value);
        }
        if std::mem::take(&mut self.aborted) {
            self.exit(2);
            return Step::Go;
        }
        if self.xtrace && !argv.is_empty() {
            let line = format!("+ {}\n", argv.join(" "));
            self.write(host, 2, &line);
        }
        let (out, err, input) = (self.out.clone(), self.err.clone(), self.input.clone());
        if !self.redirect(host, redirects) {
            self.restore_io(out, err, input);
            return Step::Go;
        }
        let Some(name) = argv.first().cloned() else {
            self.status = self.substituted.unwrap_or(0);
            self.restore_io(out, err, input);
            return Step::Go;
        };
        if let Some(body) = self.env.functions.get(&name).cloned() {
            self.frames.push(Frame::RestoreIo { out, err, input });
            let parameters = std::mem::replace(&mut self.env.parameters, argv[1..].to_vec());
            self.frames.push(Frame::Return(parameters));
            self.frames.push(Frame::Run(body));
            return Step::Go;
        }
        let outcome = self.utility(host, &name, &argv);
        // `exec` keeps its redirections; whatever read the input has moved it on.
        if name != "exec" {
            let read = if redirects.is_empty() { self.input.clone() } else { input };
            self.restore_io(out, err, read);
        }
        for (name, value) in saved {
            match value {
                Some(value) => self.env.variables.insert(name, value),
                None => self.env.variables.remove(&name),
            };
        }
        match outcome {
            Outcome::Exit(status) => {
                self.status = status;
                Step::Go
            }
            Outcome::Wait(wait, status) => {
                self.status = status;
                Step::Wait(wait)
            }
            Outcome::NotFound => {
                self.complain(host, &format!("{name}: not found"));
                self.status = 127;
                Step::Go
            }
        }
    }
}
