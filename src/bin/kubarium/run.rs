//! `run`: apply a manifest, run for a while, print the events and the final state.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kubarium::cluster::{CONTROL_PLANES_MAX, Config, InvocationView, Session, trace_lines};
use kubarium::sim::SimTime;

use crate::{duration, scheduler_config};

/// A manifest larger than this is refused, as the page refuses it.
const MANIFEST_BYTES_MAX: u64 = 5 << 20;
/// What a command may take of simulated time before it is given up.
const COMMAND_SECS_MAX: u64 = 60;

#[derive(Args)]
pub struct Options {
    /// The manifest to apply; `-` reads standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    file: PathBuf,
    /// How long to run after applying, in simulated time.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration, allow_hyphen_values = true)]
    length: Duration,
    /// The seed of the run.
    #[arg(long, default_value_t = 1, allow_hyphen_values = true)]
    seed: u64,
    /// Worker nodes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5000), allow_hyphen_values = true)]
    nodes: u32,
    /// Machines that run a scheduler and a controller manager: one of each leads, the others stand by.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONTROL_PLANES_MAX)), allow_hyphen_values = true)]
    control_planes: u32,
    /// A KubeSchedulerConfiguration for kube-scheduler, as YAML or JSON.
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<std::path::PathBuf>,
    /// Where to write the message trace, as JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), String> {
    let manifest = read(&options.file)?;
    // Opened first: a path that cannot be written should not cost a whole run.
    let trace_file = match &options.trace {
        Some(path) => Some(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => None,
    };
    let capacity = if trace_file.is_some() { 5_000_000 } else { 200_000 };
    let config = Config {
        seed: options.seed,
        nodes: options.nodes,
        trace_capacity: capacity,
        control_planes: options.control_planes,
        scheduler: scheduler_config(options.scheduler_config.as_deref())?,
        ..Config::default()
    };
    let mut session = Session::ready(config);
    let began = session.now();
    let limit = Duration::from_secs(COMMAND_SECS_MAX);
    let mut out = Out::default();
    let applied = session.kubectl("apply -f -", &manifest, limit);
    if applied.code != Some(0) {
        return Err(not_applied(&options.file, &applied));
    }
    out.show(&applied);
    session.run_until(began + options.length);
    out.print("\n# events\n");
    out.show(&session.kubectl("get events -A --sort-by=.metadata.creationTimestamp", "", limit));
    out.print(&format!("\n# state after {}\n", began_to(began, session.now())));
    out.show(&session.kubectl("get all -A -o wide", "", limit));
    out.print("\n");
    out.show(&session.kubectl("get nodes", "", limit));
    out.print(&format!("\n# trace hash {:016x}\n", session.trace_hash()));
    if let Some(file) = trace_file {
        let mut out = BufWriter::new(file);
        trace_lines(session.world().kernel())
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush())
            .map_err(|error| format!("the trace could not be written: {error}"))?;
    }
    out.end()
}

/// Why nothing was run: what kubectl said, of the file instead of the standard input it was given.
fn not_applied(file: &Path, applied: &InvocationView) -> String {
    let name = file.display().to_string();
    let said: String = applied.output.iter().filter(|(is_error, _)| *is_error).map(|(_, text)| &**text).collect();
    let said = if name == "-" { said } else { said.replace("STDIN", &name) };
    let said = said.trim_end().trim_start_matches("error: ");
    match said {
        "" => format!("{name}: apply did not end"),
        said if said.contains(&name) => said.to_owned(),
        said => format!("{name}: {said}"),
    }
}

fn began_to(began: SimTime, now: SimTime) -> String {
    format!("{} s", now.since(began).as_secs())
}

/// Standard output, until it cannot be written any more: the run goes on for the trace's sake.
#[derive(Default)]
struct Out {
    failed: Option<std::io::Error>,
}

impl Out {
    fn print(&mut self, text: &str) {
        if self.failed.is_none() {
            let mut out = std::io::stdout();
            self.failed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).err();
        }
    }

    fn show(&mut self, view: &InvocationView) {
        for (is_error, text) in &view.output {
            if *is_error {
                // Where standard error is closed there is nobody to tell.
                let _ = std::io::stderr().write_all(text.as_bytes());
            } else {
                self.print(text);
            }
        }
    }

    /// A reader that closed the pipe, as `head` does, has seen what it wanted.
    fn end(self) -> Result<(), String> {
        match self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
            _ => Ok(()),
        }
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(named)?;
    } else {
        File::open(path).map_err(named)?.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(named)?;
    }
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(format!("{}: larger than {} MiB", path.display(), MANIFEST_BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8 text", path.display()))
}
