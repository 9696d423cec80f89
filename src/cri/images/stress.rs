//! polinux/stress: uses as much memory and CPU as it is told to.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

use super::server::mib;
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "stress",
    repositories: &["docker.io/polinux/stress", "docker.io/progrium/stress", "docker.io/vish/stress"],
    versions: &[(1, 0)],
    sizes: &[("", 4_041_495)],
    shell: Some("sh"),
    entrypoint: &[],
    cmd: &["stress", "--verbose"],
    env: &[],
    programs: &["stress"],
    files: no_files,
    program: |launch| Box::new(Stress { usage: usage(launch), allocated: false }),
};

/// A load on the machine.
#[derive(Clone, Debug)]
struct Stress {
    usage: Usage,
    /// Memory is touched a moment after the start.
    allocated: bool,
}

fn bytes(text: &str) -> u64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = match text[digits.len()..].chars().next().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => 1024,
        Some('M') => mib(1),
        Some('G') => mib(1024),
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or(0) * unit
}

fn usage(launch: &Launch) -> Usage {
    let count = |flags: &[&str]| launch.flag(flags).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    let workers = count(&["--vm", "-m"]);
    let each = launch.flag(&["--vm-bytes", "-mem-total"]).map_or(mib(256), bytes);
    let cpus = count(&["--cpu", "-c", "-cpus"]) + workers;
    let total = if launch.flag(&["-mem-total"]).is_some() { each } else { workers * each };
    Usage { cpu_millis: cpus * 1_000, memory_bytes: total + mib(1) }
}

impl Program for Stress {
    fn start(&mut self, host: &mut Host<'_>) {
        let workers = |flags: &[&str]| host.launch.flag(flags).unwrap_or("0").to_owned();
        let line = format!(
            "stress: info: [1] dispatching hogs: {} cpu, {} io, {} vm, 0 hdd",
            workers(&["--cpu", "-c"]),
            workers(&["--io", "-i"]),
            workers(&["--vm", "-m"])
        );
        host.log(line);
        host.wake_after(Duration::from_millis(120), 1);
        let timeout = host.launch.flag(&["--timeout", "-t"]).map(|text| text.trim_end_matches('s').to_owned());
        if let Some(seconds) = timeout.and_then(|text| text.parse().ok()) {
            host.wake_after(Duration::from_secs(seconds), 2);
        }
    }

    fn on_timer(&mut self, host: &mut Host<'_>, token: u64) {
        if token == 2 {
            host.exit(0);
        }
        self.allocated = true;
    }

    fn on_signal(&mut self, _: &mut Host<'_>, _: Signal) {}

    fn on_request(&mut self, _: &mut Host<'_>, _: u16, _: Option<&str>) -> Option<Answer> {
        None
    }

    fn usage(&self) -> Usage {
        if self.allocated { self.usage } else { Usage { memory_bytes: mib(1), ..self.usage } }
    }

    fn clone_box(&self) -> Box<dyn Program> {
        Box::new(self.clone())
    }
}
