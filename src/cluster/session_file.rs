//! A session written down: version, configuration, inputs, how far it ran, and the view. Repeating it
//! gives the same run, to the last event. The page's storage, its links and the report of a stop are
//! all this.
//!
//! As JSON its parts have short names, because a link carries them, and the inputs stand last, so that
//! a link cut in half still says everything else: `v`ersion, `c`onfiguration where it is not the
//! default, `t`ime as [now, events handled, horizon], `h`ash of the trace, vie`w`, `i`nputs as
//! [at, events handled, command]. Times are microseconds.

use serde_json::{Map, Value, json};

use crate::api::decode::json_writer::Json;
use crate::scheduler::SchedulerConfig;
use crate::sim::{Gather, Logged, SimTime};

use super::command::Command;
use super::config::{CONTROL_PLANES_MAX, Config};
use super::session::Session;

/// The version this program writes.
pub const VERSION: u64 = 1;
/// A session holds at most this much text.
pub const BYTES_MAX: usize = 5 << 20;
/// More nodes than this no session may ask for.
pub const NODES_MAX: u32 = 1_000;
/// Later than this nothing of a session lies: thirty days.
const MICROS_MAX: u64 = 30 * 86_400 * 1_000_000;
/// Virtual time begins before this date at the latest: the year 2200.
const EPOCH_MICROS_MAX: i64 = 7_258_118_400_000_000;

/// A session, written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionFile {
    pub config: Config,
    pub inputs: Vec<Logged<Command>>,
    /// How far it ran.
    pub now: SimTime,
    pub handled: u64,
    /// The end of what was known of it: later than `now` after seeking back.
    pub horizon: SimTime,
    /// The digest of the trace at `now`; `None` where nobody took it.
    pub hash: Option<u64>,
    /// What the page showed. The page knows its parts.
    pub view: Map<String, Value>,
}

impl SessionFile {
    /// The session as it stands.
    pub fn of(session: &Session) -> SessionFile {
        SessionFile {
            config: session.config().clone(),
            inputs: session.inputs().to_vec(),
            now: session.now(),
            handled: session.world().kernel().handled(),
            horizon: session.now(),
            hash: Some(session.trace_hash()),
            view: Map::new(),
        }
    }

    /// Has a fresh session of its configuration expect its inputs.
    pub fn plan(&self, session: &mut Session) {
        session.plan(self.inputs.clone());
    }

    /// Runs towards the end of the file for at most `events` events. True when it got there, or as near
    /// as this version of the world comes.
    pub fn repeat(&self, session: &mut Session, events: u64) -> bool {
        if !session.run_budget(SimTime(self.now.0.saturating_sub(1)), events) {
            return false;
        }
        let left = self.handled.saturating_sub(session.world().kernel().handled());
        if left == 0 && session.now() < self.now {
            // Nothing falls on the last microsecond, or this version of the world counts otherwise.
            return session.run_budget(self.now, events);
        }
        session.run_budget(self.now, left.min(events)) || left <= events
    }

    /// It as JSON.
    pub fn write(&self) -> String {
        let mut out = Map::new();
        out.insert("v".to_owned(), json!(VERSION));
        let config = changed(&self.config);
        if !config.is_empty() {
            out.insert("c".to_owned(), Value::Object(config));
        }
        out.insert("t".to_owned(), json!([self.now.0, self.handled, self.horizon.0]));
        if let Some(hash) = self.hash {
            out.insert("h".to_owned(), json!(format!("{hash:016x}")));
        }
        if !self.view.is_empty() {
            out.insert("w".to_owned(), Value::Object(self.view.clone()));
        }
        let mut text = Value::Object(out).json();
        // The inputs last, whatever the order of a map is.
        text.pop();
        text.push_str(",\"i\":[");
        for (index, logged) in self.inputs.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let command = logged.input.to_json();
            text.push_str(&json!([logged.at.0, logged.handled, command]).json());
        }
        text.push_str("]}");
        text
    }

    /// Reads JSON. What cannot be read is left out, and each fault is a sentence. `None` where nothing
    /// could be read.
    pub fn read(text: &str) -> (Option<SessionFile>, Vec<String>) {
        let mut faults = Vec::new();
        if text.len() > BYTES_MAX {
            return (None, vec![format!("It holds more than the {} MiB a session may have.", BYTES_MAX >> 20)]);
        }
        let whole = serde_json::from_slice::<Value>(text.as_bytes()).ok();
        let value = whole.or_else(|| {
            let value = serde_json::from_slice(closed(text)?.as_bytes()).ok()?;
            faults.push("It is cut short.".to_owned());
            Some(value)
        });
        let Some(Value::Object(parts)) = value else {
            faults.push("It holds no session.".to_owned());
            return (None, faults);
        };
        match parts.get("v").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => faults.push(format!(
                "It was made by a newer Kubarium: its version is {newer}, this page reads up to {VERSION}."
            )),
            _ => faults.push("It does not say its version.".to_owned()),
        }
        let mut file = SessionFile { config: read_config(parts.get("c"), &mut faults), ..SessionFile::default() };
        if let Some(Value::Object(view)) = parts.get("w") {
            file.view = view.clone();
        }
        file.hash = parts.get("h").and_then(Value::as_str).and_then(|hash| u64::from_str_radix(hash, 16).ok());
        file.read_inputs(parts.get("i"), &mut faults);
        let last = file.inputs.last().map_or(SimTime::ZERO, |logged| logged.at);
        let time = |index: usize| parts.get("t").and_then(|times| times.get(index)).and_then(Value::as_u64);
        match time(0) {
            Some(now) => file.now = SimTime(now.min(MICROS_MAX)),
            // Without a time the run goes as far as its inputs.
            None => file.now = last,
        }
        file.handled = time(1).unwrap_or(u64::MAX);
        file.horizon = SimTime(time(2).unwrap_or(0).min(MICROS_MAX)).max(file.now).max(last);
        if !faults.is_empty() {
            // What was left out is missing from the trace as well.
            file.hash = None;
        }
        (Some(file), faults)
    }

    fn read_inputs(&mut self, inputs: Option<&Value>, faults: &mut Vec<String>) {
        let inputs = inputs.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut earliest = 0;
        for (index, input) in inputs.iter().enumerate() {
            match read_input(input) {
                Ok(logged) if logged.at.0 < earliest || logged.at.0 > MICROS_MAX => {
                    faults.push(format!("Act {} of {} lies at no time it could.", index + 1, inputs.len()));
                    break;
                }
                Ok(logged) => {
                    earliest = logged.at.0;
                    self.inputs.push(logged);
                }
                // What comes later happened in a world where this one did: it is left out as well.
                Err(why) => {
                    faults.push(format!(
                        "Act {} of {} cannot be read ({why}). The run is kept up to there.",
                        index + 1,
                        inputs.len()
                    ));
                    break;
                }
            }
        }
    }
}

fn read_input(input: &Value) -> Result<Logged<Command>, String> {
    let number = |index: usize| input.get(index).and_then(Value::as_u64).ok_or("it has no time");
    let command = input.get(2).cloned().ok_or("it has no command")?;
    let input = Command::from_json(command).map_err(|error| {
        let why: String = error.to_string().chars().take(120).collect();
        why.split(", expected").next().unwrap_or_default().to_owned()
    })?;
    Ok(Logged { at: SimTime(number(0)?), handled: number(1)?, input })
}

/// The parts of a configuration that are not the default.
fn changed(config: &Config) -> Map<String, Value> {
    let default = Config::default().to_json();
    config.to_json().into_iter().filter(|(name, value)| default.get(name) != Some(value)).gather()
}

fn read_config(value: Option<&Value>, faults: &mut Vec<String>) -> Config {
    let Some(value) = value else { return Config::default() };
    let mut config = Config::from_json(value).unwrap_or_else(|_| {
        faults.push("Its configuration cannot be read: the cluster is the usual one.".to_owned());
        Config::default()
    });
    if !(1..=NODES_MAX).contains(&config.nodes) {
        faults.push(format!("It asks for {} nodes: a cluster has 1 to {NODES_MAX}.", config.nodes));
        config.nodes = config.nodes.clamp(1, NODES_MAX);
    }
    if let Err(why) = SchedulerConfig::read(&config.scheduler) {
        faults.push(format!("Its scheduler's configuration cannot be used: {why}. The scheduler is the usual one."));
        config.scheduler = Value::Null;
    }
    let usual = Config::default();
    config.epoch_unix_micros = config.epoch_unix_micros.clamp(0, EPOCH_MICROS_MAX);
    config.trace_capacity = config.trace_capacity.min(usual.trace_capacity);
    config.node_cpu_millis = config.node_cpu_millis.min(1_000_000);
    config.node_memory_bytes = config.node_memory_bytes.min(1 << 50);
    config.node_pods = config.node_pods.min(1_000);
    config.control_planes = config.control_planes.clamp(1, CONTROL_PLANES_MAX);
    config
}

/// JSON that was cut, ended after its last whole member or input.
fn closed(text: &str) -> Option<String> {
    let mut open: Vec<char> = Vec::new();
    let mut kept = None;
    let (mut in_string, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        if in_string {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match character {
            '"' => in_string = true,
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                open.pop();
            }
            _ => {}
        }
        let whole = match character {
            ',' => Some(at),
            '}' | ']' => Some(at + 1),
            _ => None,
        };
        // Only a member of the session or an input of the list: half an input is none.
        if let Some(end) = whole.filter(|_| (1..=2).contains(&open.len())) {
            kept = Some((end, open.clone()));
        }
    }
    let (end, open) = kept?;
    Some(text[..end].chars().chain(open.into_iter().rev()).collect())
}

#[cfg(test)]
#[path = "session_file_tests.rs"]
mod tests;
