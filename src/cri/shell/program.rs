//! The shell as a container's program: process 1 with its background jobs.

use std::sync::Arc;
use std::time::Duration;

use crate::cri::program::{Answer, Host, Program, Signal, Usage};

use super::builtins::{SHELLS, UTILITIES, base_name, literal};
use super::machine::{Frame, Machine, Step, System, Wait};
use super::parser::parse;
use super::pipes::Nested;
use super::syntax::Command;

/// How many steps a script may take before it has used up its slice.
const SLICE_STEPS: u32 = 2_000;
/// The first and the longest pause after a slice that was used up: a loop without a `sleep` in it
/// keeps its core busy, and the simulation does not have to follow every turn.
const SLICE_PAUSE_MICROS: (u64, u64) = (5_000, 1_000_000);

#[derive(Clone, Debug)]
struct Task {
    /// 0 for process 1.
    job: u64,
    machine: Machine,
    wait: Option<Wait>,
    /// The timer that ends its sleep.
    timer: u64,
    pause_micros: u64,
}

/// A shell, or one of its utilities, as process 1.
#[derive(Clone, Debug)]
pub struct Shell {
    system: System,
    tasks: Vec<Task>,
    last_timer: u64,
    /// Output that has no end of line yet.
    partial: String,
    pending: Vec<Signal>,
    busy: bool,
}

/// What a command line becomes: a script, or one utility.
fn command_of(argv: &[String]) -> Result<Arc<Command>, String> {
    let base = argv.first().map_or("", |command| base_name(command));
    if !SHELLS.contains(&base) {
        return Ok(literal(argv));
    }
    let args = &argv[1..];
    let script_at = args.iter().position(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c'));
    match script_at.and_then(|at| args.get(at + 1)) {
        // A syntax error is the shell's to report; everything else `sh` does is the utility's.
        Some(script) => match parse(script) {
            Ok(_) => Ok(literal(argv)),
            Err(error) => Err(format!("{base}: {}", error.0)),
        },
        None => Ok(literal(argv)),
    }
}

impl Shell {
    /// A shell that runs its launch's command line.
    pub fn new(system: System) -> Self {
        Shell { system, tasks: Vec::new(), last_timer: 0, partial: String::new(), pending: Vec::new(), busy: false }
    }

    /// Whether `command` is a shell or a utility that every image with a shell has.
    pub fn knows(command: &str) -> bool {
        let base = base_name(command);
        SHELLS.contains(&base) || UTILITIES.contains(&base)
    }

    fn write(&mut self, host: &mut Host<'_>, text: &str) {
        self.partial.push_str(text);
        while let Some(at) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=at).collect();
            host.log(line.trim_end_matches('\n'));
        }
    }

    fn flush(&mut self, host: &mut Host<'_>) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            host.log(line);
        }
    }

    /// Runs every task that can run until all wait.
    fn run(&mut self, host: &mut Host<'_>) {
        self.busy = false;
        while let Some(index) = self.tasks.iter().position(|task| task.wait.is_none()) {
            if self.slice(host, index) {
                return;
            }
        }
    }

    /// Runs one task until it waits. True: the program ended.
    fn slice(&mut self, host: &mut Host<'_>, index: usize) -> bool {
        for _ in 0..SLICE_STEPS {
            let step = self.tasks[index].machine.step(host);
            for (_, text) in std::mem::take(&mut self.tasks[index].machine.emitted) {
                self.write(host, &text);
            }
            for (job, machine) in std::mem::take(&mut self.tasks[index].machine.spawned) {
                self.tasks.push(Task { job, machine, wait: None, timer: 0, pause_micros: 0 });
            }
            for (job, signal) in std::mem::take(&mut self.tasks[index].machine.kills) {
                self.signal_job(job, &signal);
            }
            match step {
                Step::Go => {}
                Step::Done if self.tasks[index].job == 0 => {
                    let status = self.tasks[index].machine.status();
                    self.flush(host);
                    host.exit(status);
                    return true;
                }
                Step::Done => {
                    let job = self.tasks[index].job;
                    self.tasks.remove(index);
                    self.job_ended(job);
                    return false;
                }
                Step::Wait(wait) => {
                    self.tasks[index].pause_micros = 0;
                    return self.wait(host, index, wait);
                }
            }
        }
        self.busy = true;
        let (first, most) = SLICE_PAUSE_MICROS;
        let pause = (self.tasks[index].pause_micros * 2).clamp(first, most);
        self.tasks[index].pause_micros = pause;
        self.sleep(host, index, pause);
        false
    }

    fn sleep(&mut self, host: &mut Host<'_>, index: usize, micros: u64) {
        self.last_timer += 1;
        self.tasks[index].timer = self.last_timer;
        self.tasks[index].wait = Some(Wait::Sleep(micros));
        host.wake_after(Duration::from_micros(micros), self.last_timer);
    }

    /// Puts a task to waiting. True: the program ended.
    fn wait(&mut self, host: &mut Host<'_>, index: usize, wait: Wait) -> bool {
        match wait {
            Wait::Sleep(micros) => self.sleep(host, index, micros),
            Wait::Jobs(job) => {
                let waiting = self.tasks.iter().any(|task| task.job > 0 && job.is_none_or(|job| job == task.job));
                self.tasks[index].wait = waiting.then_some(Wait::Jobs(job));
            }
            Wait::Become(argv) => {
                let job = self.tasks[index].job;
                if job == 0 {
                    self.flush(host);
                    host.effects.become_ = Some(argv);
                    return true;
                }
                // A server in the background of a script: it stays, and the script goes on.
                self.tasks[index].wait = Some(Wait::Forever);
            }
            wait => self.tasks[index].wait = Some(wait),
        }
        false
    }

    fn job_ended(&mut self, job: u64) {
        let left = self.tasks.iter().any(|task| task.job > 0);
        for task in &mut self.tasks {
            let over = match &task.wait {
                Some(Wait::Jobs(Some(wanted))) => *wanted == job,
                Some(Wait::Jobs(None)) => !left,
                _ => false,
            };
            if over {
                task.wait = None;
            }
        }
    }

    fn signal_job(&mut self, job: u64, signal: &str) {
        if job == 0 {
            let known = match signal {
                "INT" | "2" => Some(Signal::Interrupt),
                "QUIT" | "3" => Some(Signal::Quit),
                "TERM" | "15" => Some(Signal::Terminate),
                _ => None,
            };
            if let Some(signal) = known {
                self.deliver(signal);
            }
            return;
        }
        if signal == "0" {
            return;
        }
        if let Some(index) = self.tasks.iter().position(|task| task.job == job) {
            self.tasks.remove(index);
            self.job_ended(job);
        }
    }

    /// Process 1 takes a signal: a trap runs once its foreground command is over (`wait` is cut short
    /// at once); without a trap it is ignored.
    fn deliver(&mut self, signal: Signal) {
        let Some(task) = self.tasks.iter_mut().find(|task| task.job == 0) else { return };
        let interruptible = match &task.wait {
            None | Some(Wait::Jobs(_)) => true,
            Some(Wait::Sleep(_)) => task.pause_micros > 0,
            Some(_) => false,
        };
        if !interruptible {
            if task.machine.env.traps.contains_key(signal.name()) {
                self.pending.push(signal);
            }
            return;
        }
        if task.machine.run_trap(signal.name()) {
            task.wait = None;
        }
    }
}

impl Program for Shell {
    fn start(&mut self, host: &mut Host<'_>) {
        let launch = host.launch;
        match command_of(&launch.argv) {
            Ok(command) => {
                let mut machine = Machine::new(self.system.clone(), command, &launch.envs, &launch.working_dir);
                machine.env.variables.insert("HOSTNAME".into(), launch.hostname.to_string());
                self.tasks.push(Task { job: 0, machine, wait: None, timer: 0, pause_micros: 0 });
                self.run(host);
            }
            Err(error) => {
                host.log(error);
                host.exit(2);
            }
        }
    }

    fn on_timer(&mut self, host: &mut Host<'_>, token: u64) {
        let Some(task) = self.tasks.iter_mut().find(|task| task.timer == token) else { return };
        if matches!(task.wait, Some(Wait::Sleep(_))) {
            task.wait = None;
            if task.job == 0 {
                for signal in std::mem::take(&mut self.pending) {
                    task.machine.run_trap(signal.name());
                }
            }
        }
        self.run(host);
    }

    fn on_signal(&mut self, host: &mut Host<'_>, signal: Signal) {
        self.deliver(signal);
        self.run(host);
    }

    fn on_request(&mut self, host: &mut Host<'_>, port: u16, path: Option<&str>) -> Option<Answer> {
        let serving = self.tasks.iter().find_map(|task| match &task.wait {
            Some(Wait::Serve { port: served, directory }) if *served == port => Some(directory.clone()),
            _ => None,
        })?;
        let (Some(directory), Some(path)) = (serving, path) else { return Some(Answer::Tcp) };
        let file = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
        let file = crate::cri::files::absolute(&directory, file.trim_start_matches('/'));
        Some(match host.files.read(&file) {
            Ok(body) => Answer::Http { code: 200, body: body.to_string() },
            Err(_) => Answer::Http { code: 404, body: "404 Not Found\n".into() },
        })
    }

    fn usage(&self) -> Usage {
        Usage { cpu_millis: if self.busy { 1_000 } else { 0 }, memory_bytes: 700 * 1024 }
    }

    fn clone_box(&self) -> Box<dyn Program> {
        Box::new(self.clone())
    }
}

/// What a command gave that was run in a container beside its program.
pub struct ExecResult {
    pub stdout: String,
    pub stderr: String,
    pub exit_code: i32,
    /// How long it took; `None` when it would never end.
    pub micros: Option<u64>,
}

/// Runs a command in a container to its end, at once: what `ExecSync` does.
pub fn exec_sync(host: &mut Host<'_>, system: &System, argv: &[String]) -> ExecResult {
    let command = match command_of(argv) {
        Ok(command) => command,
        Err(error) => {
            return ExecResult { stdout: String::new(), stderr: format!("{error}\n"), exit_code: 2, micros: Some(0) };
        }
    };
    let launch = host.launch;
    let mut machine = Machine::new(system.clone(), command.clone(), &launch.envs, &launch.working_dir);
    machine.frames = Vec::<Frame>::new();
    let Nested { stdout, status, stuck } = machine.nested(host, &command, None);
    let stderr = machine.emitted.iter().map(|(_, text)| text.as_str()).collect();
    let micros = stuck.is_none().then_some(machine.owed_micros);
    ExecResult { stdout, stderr, exit_code: status, micros }
}
