//! Kubarium on the command line: `serve` a cluster to the real kubectl, or `run` a manifest and print
//! what happened.

mod run;
mod serve;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use kubarium::api::decode;
use kubarium::scheduler::SchedulerConfig;
use serde_json::Value;

/// A whole Kubernetes cluster, simulated.
#[derive(Parser)]
#[command(name = "kubarium", version)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run a cluster against the wall clock and serve its API over HTTP.
    Serve(serve::Options),
    /// Apply a manifest, run for a while, print the events and the final state.
    Run(run::Options),
}

/// What a wrong command line ends with.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand || !error.use_stderr() => {
            // Help that cannot be printed helps nobody.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", first_paragraph(&error.to_string()));
            return ExitCode::from(USAGE);
        }
    };
    let outcome = match arguments.chore {
        Chore::Serve(options) => serve::serve(&options),
        Chore::Run(options) => run::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong, on one line: the usage that follows is for `--help`.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    lines.join(" ")
}

/// A length of time as Go writes it: `90s`, `1m30s`, `500ms`, `1h`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is no length of time: write it like 60s, 1m30s or 500ms");
    let mut rest = text;
    let mut micros: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = &rest[digits..];
        let letters = unit.find(|letter: char| letter.is_ascii_digit()).unwrap_or(unit.len());
        let scale: u64 = match &unit[..letters] {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return Err(wrong()),
        };
        micros = number.checked_mul(scale).and_then(|part| micros.checked_add(part)).ok_or_else(wrong)?;
        rest = &unit[letters..];
    }
    Ok(std::time::Duration::from_micros(micros))
}

/// The configuration of kube-scheduler in a file, checked as kube-scheduler checks it; null without a file.
fn scheduler_config(file: Option<&Path>) -> Result<Value, String> {
    let Some(file) = file else { return Ok(Value::Null) };
    let of_file = |why: String| format!("{}: {why}", file.display());
    let text = std::fs::read(file).map_err(|error| of_file(error.to_string()))?;
    let value = decode::parse(&text, "application/yaml").map_err(of_file)?;
    if value.is_null() {
        return Err(of_file("it holds no configuration".to_owned()));
    }
    SchedulerConfig::read(&value).map_err(of_file)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let micros = |text| duration(text).map(|duration| duration.as_micros() as u64);
        assert_eq!(micros("60s"), Ok(60_000_000));
        assert_eq!(micros("1m30s"), Ok(90_000_000));
        assert_eq!(micros("500ms"), Ok(500_000));
        for wrong in ["", "60", "s", "1x", "-1s", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
