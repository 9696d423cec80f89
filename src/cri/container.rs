//! Containers: their state, program, file system and log.

use std::sync::Arc;

use crate::sim::persistent::Vector;

use crate::api::cri::{ContainerState, ContainerStatus, LogLine, LogOptions};

use super::files::FileSystem;
use super::images::Image;
use super::program::{Launch, Program};

/// How many lines of a log are kept: what the kubelet's rotation of files leaves.
const LOG_LINES_MAX: usize = 5_000;

/// A container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub status: ContainerStatus,
    pub image: Option<&'static Image>,
    pub launch: Arc<Launch>,
    /// Process 1 while it runs.
    pub program: Option<Box<dyn Program>>,
    /// Counts the programs that were process 1, so that a timer of an earlier one finds nobody.
    pub generation: u32,
    /// What it used of memory when that was last counted.
    pub memory_bytes: u64,
    pub files: FileSystem,
    pub log: Vector<LogLine>,
    /// Calls that follow the log.
    pub followers: Vec<u64>,
    /// Calls that wait for its end.
    pub stopping: Vec<u64>,
}

impl Container {
    pub fn running(&self) -> bool {
        self.status.state == ContainerState::Running
    }

    /// Adds lines to the log.
    pub fn write(&mut self, unix_micros: i64, lines: Vec<Arc<str>>) -> Vec<LogLine> {
        let lines: Vec<LogLine> = lines.into_iter().map(|text| LogLine { unix_micros, text }).collect();
        for line in &lines {
            if self.log.len() == LOG_LINES_MAX {
                self.log.pop_front();
            }
            self.log.push_back(line.clone());
        }
        lines
    }

    /// The part of the log that is asked for.
    pub fn read_log(&self, options: &LogOptions) -> Vec<LogLine> {
        let since = options.since_unix_micros.unwrap_or(i64::MIN);
        let from = match options.tail_lines {
            Some(tail) => self.log.len().saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX)),
            None => 0,
        };
        self.log.iter().skip(from).filter(|line| line.unix_micros >= since).cloned().collect()
    }
}
