//! The verbs, one file each: add a file, its `mod` line and its entry here.

mod annotate;
mod api_resources;
mod api_versions;
mod apply;
mod cluster_info;
mod cordon;
mod create;
mod delete;
mod describe;
mod drain;
mod events;
mod expose;
mod get;
mod label;
mod logs;
mod pairs;
mod patch;
mod replace;
mod rollout;
mod run;
mod scale;
mod set;
mod taint;
mod top;
mod uncordon;
mod version;
mod wait;

use std::sync::Arc;

use super::errors::{Stop, fail};
use super::flags::{Args, Flag, GLOBAL};
use super::io::Io;
use super::words;

/// A verb: what it is called, what it takes, what it does.
#[derive(Debug)]
pub struct Verb {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// What `--help` says it does.
    pub short: &'static str,
    /// The usage line without `kubectl`.
    pub usage: &'static str,
    pub flags: &'static [&'static [Flag]],
    /// Flags without which it does nothing.
    pub required: &'static [&'static str],
    /// Its own verbs: `create deployment`.
    pub verbs: &'static [&'static Verb],
    pub run: fn(&mut Io<'_, '_>, &Args) -> Result<i32, Stop>,
}

/// A verb with nothing of its own: a base for `..`.
pub const PLAIN: Verb = Verb {
    name: "",
    aliases: &[],
    short: "",
    usage: "",
    flags: &[],
    required: &[],
    verbs: &[],
    run: |_, args| fail(format!("unknown command \"{}\"", args.command)),
};

/// Every verb, alphabetical.
pub static VERBS: &[&Verb] = &[
    &annotate::VERB,
    &api_resources::VERB,
    &api_versions::VERB,
    &apply::VERB,
    &cluster_info::VERB,
    &cordon::VERB,
    &create::VERB,
    &delete::VERB,
    &describe::VERB,
    &drain::VERB,
    &events::VERB,
    &expose::VERB,
    &get::VERB,
    &label::VERB,
    &logs::VERB,
    &patch::VERB,
    &replace::VERB,
    &rollout::VERB,
    &run::VERB,
    &scale::VERB,
    &set::VERB,
    &taint::VERB,
    &top::VERB,
    &uncordon::VERB,
    &version::VERB,
    &wait::VERB,
];

/// What upstream's kubectl has: a mistyped verb is compared with these.
const UPSTREAM: &[&str] = &[
    "annotate",
    "api-resources",
    "api-versions",
    "apply",
    "attach",
    "auth",
    "autoscale",
    "certificate",
    "cluster-info",
    "completion",
    "config",
    "cordon",
    "cp",
    "create",
    "debug",
    "delete",
    "describe",
    "diff",
    "drain",
    "edit",
    "events",
    "exec",
    "explain",
    "expose",
    "get",
    "kustomize",
    "label",
    "logs",
    "options",
    "patch",
    "plugin",
    "port-forward",
    "proxy",
    "replace",
    "rollout",
    "run",
    "scale",
    "set",
    "taint",
    "top",
    "uncordon",
    "version",
    "wait",
];

/// What a line asks for.
#[derive(Clone, Debug)]
struct Command {
    verb: &'static Verb,
    args: Args,
}

/// Runs the line of an invocation; gives the exit code.
///
/// # Errors
/// Waits, or fails with what `CheckErr` prints.
pub fn main(io: &mut Io<'_, '_>) -> Result<i32, Stop> {
    let line = io.invocation.line.clone();
    let command: Arc<Result<Option<Command>, Stop>> = io.memo(|_| parse(&line))?;
    match &*command {
        Err(stop) => Err(stop.clone()),
        Ok(None) => {
            io.out(overview());
            Ok(0)
        }
        Ok(Some(command)) if command.args.is("help") => {
            io.out(help(&command.args.command, command.verb));
            Ok(0)
        }
        Ok(Some(command)) => {
            let missing: Vec<String> = (command.verb.required.iter())
                .filter(|flag| !command.args.changed(flag))
                .map(|flag| format!("\"{flag}\""))
                .collect();
            if !missing.is_empty() {
                return fail(format!("required flag(s) {} not set", missing.join(", ")));
            }
            (command.verb.run)(io, &command.args)
        }
    }
}

fn parse(line: &str) -> Result<Option<Command>, Stop> {
    let mut words = match words::split(line) {
        Ok(words) => words,
        Err(error) => return fail(error),
    };
    if words.first().is_some_and(|word| word == "kubectl") {
        words.remove(0);
    }
    // Flags may stand before the verb: the first word that is neither a flag nor a global flag's value is the verb.
    let Some(place) = verb_place(&words, &[]) else {
        return Ok(None);
    };
    let name = words.remove(place);
    if name == "help" {
        words.push("--help".to_owned());
        return match verb_place(&words, &[]) {
            None => Ok(None),
            Some(place) => {
                let name = words.remove(place);
                command(&name, words)
            }
        };
    }
    command(&name, words)
}

fn command(name: &str, mut words: Vec<String>) -> Result<Option<Command>, Stop> {
    let Some(mut verb) = find(VERBS, name) else { return fail(unknown(name)) };
    let mut path = format!("kubectl {}", verb.name);
    while !verb.verbs.is_empty() {
        let Some(place) = verb_place(&words, verb.flags) else { break };
        let Some(found) = find(verb.verbs, &words[place]) else { break };
        words.remove(place);
        verb = found;
        path = format!("{path} {}", verb.name);
    }
    let args = Args::parse(&path, &words, verb.flags)?;
    Ok(Some(Command { verb, args }))
}

/// The verb of that name or alias.
pub fn find(verbs: &'static [&'static Verb], name: &str) -> Option<&'static Verb> {
    verbs.iter().copied().find(|verb| verb.name == name || verb.aliases.contains(&name))
}

/// The place of the first word that is not a flag or the value of one.
pub fn verb_place(words: &[String], tables: &[&[Flag]]) -> Option<usize> {
    use super::flags::Takes;
    let mut place = 0;
    while let Some(word) = words.get(place) {
        if !word.starts_with('-') || word == "-" {
            return Some(place);
        }
        if word == "--" {
            return None;
        }
        let mut flags = tables.iter().flat_map(|table| table.iter()).chain(GLOBAL);
        let known = if let Some(long) = word.strip_prefix("--") {
            flags.find(|flag| flag.long == long)
        } else if word.len() == 2 {
            flags.find(|flag| flag.short == word.chars().nth(1))
        } else {
            None
        };
        let has_value = known.is_some_and(|flag| !matches!(flag.takes, Takes::Bool | Takes::Optional(_)));
        place += if has_value { 2 } else { 1 };
    }
    None
}

fn unknown(name: &str) -> String {
    let mut text = format!("unknown command \"{name}\" for \"kubectl\"");
    let near: Vec<&str> = (UPSTREAM.iter().copied())
        .filter(|known| distance(name, known) <= 2 || known.to_lowercase().starts_with(&name.to_lowercase()))
        .collect();
    if UPSTREAM.contains(&name) {
        return format!("kubectl {name} is not available in this kubectl");
    }
    if !near.is_empty() {
        text.push_str("\n\nDid you mean this?\n");
        for known in near {
            text.push_str(&format!("\t{known}\n"));
        }
        text.push('\n');
    }
    text
}

/// Cobra's Levenshtein distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = index + 1;
        for (column, other) in b.iter().enumerate() {
            let next = if letter == *other { corner } else { 1 + corner.min(row[column]).min(row[column + 1]) };
            corner = row[column + 1];
            row[column + 1] = next;
        }
    }
    row[b.len()]
}

fn overview() -> String {
    let mut text = "kubectl controls the Kubernetes cluster manager.\n\nAvailable Commands:\n".to_owned();
    for verb in VERBS {
        text.push_str(&format!("  {:<14}{}\n", verb.name, verb.short));
    }
    text.push_str("\nUsage:\n  kubectl [flags] [options]\n\nUse \"kubectl <command> --help\" for more information about a given command.\n");
    text
}

/// The help of a verb in short form.
pub fn help(command: &str, verb: &Verb) -> String {
    let mut text = format!("{}\n", verb.short);
    if !verb.verbs.is_empty() {
        text.push_str("\nAvailable Commands:\n");
        for sub in verb.verbs {
            text.push_str(&format!("  {:<16}{}\n", sub.name, sub.short));
        }
    }
    let flags: Vec<&Flag> = verb.flags.iter().flat_map(|table| table.iter()).collect();
    if !flags.is_empty() {
        text.push_str("\nOptions:\n");
        for flag in flags {
            let short = flag.short.map(|letter| format!("-{letter}, ")).unwrap_or_else(|| "    ".to_owned());
            text.push_str(&format!("    {short}--{}:\n\t{}\n\n", flag.long, flag.usage));
        }
    }
    text.push_str(&format!("\nUsage:\n  kubectl {}\n", verb.usage));
    text.push_str("\nUse \"kubectl options\" for a list of global command-line options (applies to all commands).\n");
    debug_assert!(command.starts_with("kubectl"), "help is of a kubectl command");
    text
}

#[cfg(test)]
mod tests {
    use super::{UPSTREAM, VERBS};

    #[test]
    fn verbs_are_alphabetical_and_described() {
        for pair in VERBS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} stands before {}", pair[0].name, pair[1].name);
        }
        for verb in VERBS {
            assert!(UPSTREAM.contains(&verb.name), "{} is upstream's", verb.name);
            assert!(!verb.short.is_empty() && verb.usage.starts_with(verb.name), "{} says what it does", verb.name);
        }
    }
}
