//! Flags and arguments of a command line.
//!
//! Mirrors spf13/pflag and spf13/cobra in what they accept and how they word errors.

use super::errors::{Stop, fail};
pub use crate::api::duration::parse as duration_micros;
use crate::sim::persistent::OrdMap;

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Bool,
    Text,
    Int,
    Duration,
    /// Values separated by commas, and again.
    Slice,
    /// Each occurrence one value.
    Array,
    /// Text, or this where nothing follows an equals sign.
    Optional(&'static str),
}

/// A flag a verb knows.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub long: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    /// What `--help` says of it.
    pub usage: &'static str,
}

/// A flag without a shorthand.
pub const fn flag(long: &'static str, takes: Takes, usage: &'static str) -> Flag {
    Flag { long, short: None, takes, usage }
}

/// A flag with a shorthand.
pub const fn short(long: &'static str, short: char, takes: Takes, usage: &'static str) -> Flag {
    Flag { long, short: Some(short), takes, usage }
}

/// Flags every verb knows. Those about how to reach the server are accepted and have no effect here.
pub const GLOBAL: &[Flag] = &[
    flag("as", Takes::Text, "Username to impersonate for the operation"),
    flag("cluster", Takes::Text, "The name of the kubeconfig cluster to use"),
    flag("context", Takes::Text, "The name of the kubeconfig context to use"),
    short("help", 'h', Takes::Bool, "help for the command"),
    flag("kubeconfig", Takes::Text, "Path to the kubeconfig file to use for CLI requests."),
    short("namespace", 'n', Takes::Text, "If present, the namespace scope for this CLI request"),
    flag("request-timeout", Takes::Text, "The length of time to wait before giving up on a single server request."),
    short("server", 's', Takes::Text, "The address and port of the Kubernetes API server"),
    flag("user", Takes::Text, "The name of the kubeconfig user to use"),
    short("v", 'v', Takes::Int, "number for the log level verbosity"),
    flag("warnings-as-errors", Takes::Bool, "Treat warnings received from the server as errors"),
];

/// A parsed command line.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// `kubectl get`, as usage errors name it.
    pub command: String,
    pub args: Vec<String>,
    /// How many of `args` stand before `--`, when it was given.
    pub dash: Option<usize>,
    values: OrdMap<&'static str, Vec<String>>,
    /// The flags the verb has.
    known: Vec<&'static str>,
}

impl Args {
    /// Parses `words` with the flags of `tables`.
    ///
    /// # Errors
    /// pflag's error with the hint to `--help`.
    pub fn parse(command: &str, words: &[String], tables: &[&[Flag]]) -> Result<Args, Stop> {
        let known = tables.iter().flat_map(|table| table.iter()).map(|flag| flag.long).collect();
        let mut args = Args { command: command.to_owned(), known, ..Args::default() };
        match args.fill(words, tables) {
            Ok(()) => Ok(args),
            Err(error) => fail(format!("{error}\nSee '{command} --help' for usage.")),
        }
    }

    fn fill(&mut self, words: &[String], tables: &[&[Flag]]) -> Result<(), String> {
        let flags = || tables.iter().flat_map(|table| table.iter()).chain(GLOBAL);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                self.dash = Some(self.args.len());
                self.args.extend(words.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                if name.is_empty() || name.starts_with('-') {
                    return Err(format!("bad flag syntax: {word}"));
                }
                let flag = flags().find(|flag| flag.long == name).ok_or(format!("unknown flag: --{name}"))?;
                let value = match (value, flag.takes) {
                    (Some(value), _) => value,
                    (None, Takes::Bool) => "true".to_owned(),
                    (None, Takes::Optional(default)) => default.to_owned(),
                    (None, _) => words.next().cloned().ok_or(format!("flag needs an argument: --{name}"))?,
                };
                self.set(flag, value)?;
            } else if word.len() > 1 && word.starts_with('-') {
                self.shorts(word, &mut words, &mut || flags())?;
            } else {
                self.args.push(word.clone());
            }
        }
        Ok(())
    }

    fn shorts<'f, I: Iterator<Item = &'f Flag>>(
        &mut self,
        word: &str,
        words: &mut std::slice::Iter<'_, String>,
        flags: &mut dyn FnMut() -> I,
    ) -> Result<(), String> {
        let group = &word[1..];
        let mut rest = group;
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            let flag = flags()
                .find(|flag| flag.short == Some(letter))
                .ok_or(format!("unknown shorthand flag: '{letter}' in -{rest}"))?;
            if let Some(value) = after.strip_prefix('=') {
                return self.set(flag, value.to_owned());
            }
            match flag.takes {
                Takes::Bool => self.set(flag, "true".to_owned())?,
                Takes::Optional(default) => self.set(flag, default.to_owned())?,
                _ if !after.is_empty() => return self.set(flag, after.to_owned()),
                _ => {
                    let value = words.next().ok_or(format!("flag needs an argument: '{letter}' in -{rest}"))?.clone();
                    return self.set(flag, value);
                }
            }
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, value: String) -> Result<(), String> {
        let problem = match flag.takes {
            Takes::Bool if parse_bool(&value).is_none() => {
                Some(format!("strconv.ParseBool: parsing \"{value}\": invalid syntax"))
            }
            Takes::Int if value.parse::<i64>().is_err() => {
                Some(format!("strconv.ParseInt: parsing \"{value}\": invalid syntax"))
            }
            Takes::Duration => duration_micros(&value).err(),
            _ => None,
        };
        if let Some(problem) = problem {
            let name = match flag.short {
                Some(letter) => format!("-{letter}, --{}", flag.long),
                None => format!("--{}", flag.long),
            };
            return Err(format!("invalid argument \"{value}\" for \"{name}\" flag: {problem}"));
        }
        let values = self.values.entry(flag.long).or_default();
        match flag.takes {
            Takes::Slice => values.extend(value.split(',').filter(|part| !part.is_empty()).map(str::to_owned)),
            Takes::Array => values.push(value),
            _ => *values = vec![value],
        }
        Ok(())
    }

    /// Whether the verb has such a flag.
    pub fn knows(&self, flag: &str) -> bool {
        self.known.contains(&flag)
    }

    /// Whether the flag was given.
    pub fn changed(&self, flag: &str) -> bool {
        self.values.contains_key(flag)
    }

    /// The flag's value.
    pub fn text(&self, flag: &str) -> Option<&str> {
        self.values.get(flag).and_then(|values| values.last()).map(String::as_str)
    }

    /// The flag's value, or empty.
    pub fn text_or_empty(&self, flag: &str) -> &str {
        self.text(flag).unwrap_or_default()
    }

    /// All values of the flag.
    pub fn list(&self, flag: &str) -> &[String] {
        self.values.get(flag).map_or(&[], Vec::as_slice)
    }

    /// Whether the flag is true; false when it was not given.
    pub fn is(&self, flag: &str) -> bool {
        self.text(flag).and_then(parse_bool).unwrap_or(false)
    }

    /// Whether the flag is true; true when it was not given.
    pub fn unless_false(&self, flag: &str) -> bool {
        self.text(flag).and_then(parse_bool).unwrap_or(true)
    }

    /// The flag's number.
    pub fn int(&self, flag: &str) -> Option<i64> {
        self.text(flag).and_then(|value| value.parse().ok())
    }

    /// The flag's duration in microseconds; `None` when it is zero or was not given.
    pub fn micros(&self, flag: &str) -> Option<i64> {
        self.text(flag).and_then(|value| duration_micros(value).ok()).filter(|micros| *micros != 0)
    }

    /// The namespace that requests go to.
    pub fn namespace(&self) -> &str {
        self.text("namespace").filter(|name| !name.is_empty()).unwrap_or("default")
    }

    /// Whether the namespace was chosen on the command line.
    pub fn namespace_given(&self) -> bool {
        self.text("namespace").is_some_and(|name| !name.is_empty())
    }

    /// A usage error: the message and where help is.
    ///
    /// # Errors
    /// Always.
    pub fn usage<T>(&self, message: impl std::fmt::Display) -> Result<T, Stop> {
        fail(format!("{message}\nSee '{} -h' for help and examples", self.command))
    }
}

fn parse_bool(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
