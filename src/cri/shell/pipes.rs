//! Commands run beside or inside others: pipes, substitutions, background jobs.

use std::sync::Arc;

use crate::cri::program::Host;
use crate::sim::persistent::OrdMap;

use super::machine::{Frame, Input, Machine, Step, Wait};
use super::output::Sink;
use super::syntax::Command;

/// How many steps nested commands may take.
const NESTED_STEPS_MAX: u32 = 20_000;
/// How much output nested commands may give.
const NESTED_OUTPUT_MAX: usize = 1 << 20;

/// What a nested run gave.
pub(super) struct Nested {
    pub stdout: String,
    pub status: i32,
    /// Its wait, where it did not end.
    pub stuck: Option<Wait>,
}

impl Machine {
    pub(super) fn background(&mut self, command: &Arc<Command>) {
        self.last_job += 1;
        let mut job = self.clone();
        job.frames = vec![Frame::Run(command.clone())];
        job.env.traps = OrdMap::new();
        job.emitted = Vec::new();
        job.spawned = Vec::new();
        job.pid = self.last_job + 5;
        let number = self.last_job;
        self.spawned.push((number, job));
        self.status = 0;
    }

    /// Runs the commands of a pipe one after another, each on what the one before wrote.
    pub(super) fn pipeline(&mut self, host: &mut Host<'_>, commands: &[Arc<Command>]) -> Step {
        if let [source, last] = commands {
            // `… | tee file`: the left side may run for ever, and must be seen while it does.
            if let Some(file) = self.tee_target(host, last) {
                let restore =
                    Frame::RestoreIo { out: self.out.clone(), err: self.err.clone(), input: self.input.clone() };
                self.frames.push(restore);
                self.out = Sink::Tee { file, also: Box::new(self.out.clone()) };
                self.frames.push(Frame::Run(source.clone()));
                return Step::Go;
            }
        }
        let Some((last, sources)) = commands.split_last() else { return Step::Go };
        if sources.is_empty() {
            self.frames.push(Frame::Run(last.clone()));
            return Step::Go;
        }
        let mut input = self.input.clone();
        let mut stuck = None;
        for source in sources {
            let nested = self.nested(host, source, input.take());
            stuck = stuck.or(nested.stuck);
            input = Some(Input { text: Arc::from(nested.stdout), at: 0 });
        }
        let nested = self.nested(host, last, input);
        self.status = nested.status;
        self.write(host, 1, &nested.stdout);
        match stuck.or(nested.stuck) {
            Some(wait) => Step::Wait(wait),
            None => {
                if self.errexit && self.status != 0 && !self.in_condition() {
                    self.exit(self.status);
                }
                Step::Go
            }
        }
    }

    fn tee_target(&mut self, host: &mut Host<'_>, command: &Command) -> Option<String> {
        let Command::Simple { assignments, words, redirects } = command else { return None };
        if !assignments.is_empty() || !redirects.is_empty() {
            return None;
        }
        let words = self.expand_words(host, words);
        let (file, append) = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["tee", "-a", file] => ((*file).to_owned(), true),
            ["tee", file] => ((*file).to_owned(), false),
            _ => return None,
        };
        let path = crate::cri::files::absolute(&self.env.cwd, &file);
        host.files.write(&path, "", append).ok()?;
        Some(path)
    }

    /// Runs a command to its end at once, on a copy of this machine.
    pub(super) fn nested(&mut self, host: &mut Host<'_>, command: &Arc<Command>, input: Option<Input>) -> Nested {
        let mut machine = self.clone();
        machine.frames = vec![Frame::Run(command.clone())];
        machine.env.traps = OrdMap::new();
        machine.emitted = Vec::new();
        machine.spawned = Vec::new();
        machine.out = Sink::Stdout;
        machine.input = input;
        machine.owed_micros = 0;
        let began = machine.ahead_micros;
        let mut stuck = None;
        let mut stdout = String::new();
        for _ in 0..NESTED_STEPS_MAX {
            match machine.step(host) {
                Step::Go => {}
                Step::Done => break,
                Step::Wait(Wait::Sleep(micros)) => machine.ahead_micros += micros,
                Step::Wait(Wait::Jobs(_)) => {}
                Step::Wait(wait) => {
                    stuck = Some(wait);
                    break;
                }
            }
            // A background command inside runs before what follows it.
            for (_, mut job) in std::mem::take(&mut machine.spawned) {
                if let Some(Frame::Run(command)) = job.frames.pop() {
                    let nested = job.nested(host, &command, None);
                    machine.write(host, 1, &nested.stdout);
                }
            }
            for (stream, text) in std::mem::take(&mut machine.emitted) {
                match stream {
                    1 => stdout.push_str(&text),
                    _ => self.write(host, 2, &text),
                }
            }
            if stdout.len() > NESTED_OUTPUT_MAX {
                break;
            }
        }
        for (stream, text) in std::mem::take(&mut machine.emitted) {
            match stream {
                1 => stdout.push_str(&text),
                _ => self.write(host, 2, &text),
            }
        }
        self.owed_micros += machine.ahead_micros - began;
        Nested { stdout, status: machine.status, stuck }
    }
}
