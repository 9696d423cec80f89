//! What `label` and `annotate` share: pairs of keys and values on objects.

use serde_json::{Map, Value, json};

use crate::api::decode::json_writer::Json;
use crate::api::patch::create_merge_patch;

use super::super::builder::{Choice, Info, infos, value};
use super::super::changes::{dry_run, patch_request};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::Io;
use super::super::printing::print_result;
use crate::api::http::content_type;

/// The flags both have.
pub const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all resources, in the namespace of the specified resource types"),
    flag("field-manager", Takes::Text, "Name of the manager used to track field ownership."),
    flag("list", Takes::Bool, "If true, display the labels or annotations for a given resource."),
    flag("local", Takes::Bool, "If true, the change will NOT contact api-server but run locally."),
    flag("overwrite", Takes::Bool, "If true, allow labels or annotations to be overwritten."),
    flag(
        "resource-version",
        Takes::Text,
        "If non-empty, the update will only succeed if this is the current resource-version.",
    ),
];

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    Annotations,
    Labels,
}

impl Marks {
    fn one(self) -> &'static str {
        if self == Marks::Labels { "label" } else { "annotation" }
    }

    fn field(self) -> &'static str {
        if self == Marks::Labels { "labels" } else { "annotations" }
    }

    fn verb(self) -> &'static str {
        if self == Marks::Labels { "label" } else { "annotate" }
    }
}

/// What is to be set and what removed.
struct Changes {
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

/// Runs either verb.
///
/// # Errors
/// What upstream prints.
pub fn run(io: &mut Io<'_, '_>, args: &Args, marks: Marks) -> Result<i32, Stop> {
    let (resources, changes) = split(args, marks)?;
    let list = args.is("list");
    if args.is("all") && !args.text_or_empty("selector").is_empty() {
        return fail("cannot set --all and --selector at the same time");
    }
    if resources.is_empty() && args.list("filename").is_empty() {
        return fail("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    if changes.set.is_empty() && changes.remove.is_empty() && !list {
        return fail(format!("at least one {} update is required", marks.one()));
    }
    let dry = dry_run(args)?;
    let (infos, mut failures) = infos(io, args, &resources, Choice { all: args.is("all"), lazy: false })?;
    let several = infos.len() > 1;
    for info in &infos {
        if list {
            show(io, marks, info, several);
            continue;
        }
        if let Err(failure) = attempt(change(io, args, marks, &changes, info, dry))? {
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// `GetResourcesAndPairs` and `ParsePairs`.
fn split(args: &Args, marks: Marks) -> Result<(Vec<String>, Changes), Stop> {
    let mut resources = Vec::new();
    let mut changes = Changes { set: Vec::new(), remove: Vec::new() };
    let mut pairs = false;
    for word in &args.args {
        let is_pair = (word.contains('=') && !word.starts_with('=')) || (word.ends_with('-') && word != "-");
        match (pairs, is_pair) {
            (_, true) => pairs = true,
            (false, false) => {
                resources.push(word.clone());
                continue;
            }
            (true, false) => {
                return fail(format!("all resources must be specified before {} changes: {word}", marks.one()));
            }
        }
        match word.split_once('=') {
            Some((key, value)) => {
                if marks == Marks::Labels {
                    check_label(word, value)?;
                }
                changes.set.push((key.to_owned(), value.to_owned()));
            }
            None => changes.remove.push(word[..word.len() - 1].to_owned()),
        }
    }
    let both: Vec<&str> = (changes.remove.iter().map(String::as_str))
        .filter(|key| changes.set.iter().any(|(set, _)| set == key))
        .collect();
    if !both.is_empty() {
        let what = match marks {
            Marks::Labels => "a label in the same command".to_owned(),
            Marks::Annotations => {
                format!("the following annotation(s) in the same command: {}", both.join(", "))
            }
        };
        return fail(format!("can not both modify and remove {what}"));
    }
    Ok((resources, changes))
}

fn check_label(word: &str, value: &str) -> Result<(), Stop> {
    if value.contains('=') {
        return fail(format!("invalid label spec: {word}"));
    }
    let mut problems = Vec::new();
    if value.len() > 63 {
        problems.push("must be no more than 63 characters");
    }
    let inner = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    let bytes = value.as_bytes();
    let fits = bytes.iter().all(|letter| inner(*letter))
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric);
    if !fits {
        problems.push("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
    }
    if problems.is_empty() {
        return Ok(());
    }
    fail(format!("invalid label value: \"{word}\": {}", problems.join(";")))
}

fn show(io: &mut Io<'_, '_>, marks: Marks, info: &Info, several: bool) {
    let mut indent = "";
    if several {
        indent = " ";
        let resource = &info.resource;
        io.out(format!("Listing {} for {}.{}/{}:\n", marks.field(), resource.kind, resource.group, info.name));
    }
    let pairs = info.value["metadata"][marks.field()].as_object().cloned().unwrap_or_default();
    for (key, value) in pairs {
        io.out(format!("{indent}{key}={}\n", value.as_str().unwrap_or_default()));
    }
}

fn change(
    io: &mut Io<'_, '_>,
    args: &Args,
    marks: Marks,
    changes: &Changes,
    info: &Info,
    dry: super::super::changes::DryRun,
) -> Result<(), Stop> {
    let current = info.value["metadata"][marks.field()].as_object().cloned().unwrap_or_default();
    let local = dry.client || args.is("local");
    if marks == Marks::Labels && !local {
        for key in changes.remove.iter().filter(|key| !current.contains_key(*key)) {
            io.out(format!("label \"{key}\" not found.\n"));
        }
    }
    if !args.is("overwrite") {
        no_overwrites(marks, changes, &current)?;
    }
    let mut pairs = current.clone();
    for key in &changes.remove {
        pairs.remove(key);
    }
    for (key, value) in &changes.set {
        pairs.insert(key.clone(), Value::from(value.as_str()));
    }
    let mut new = (*info.value).clone();
    if pairs.is_empty() {
        if let Some(metadata) = new["metadata"].as_object_mut() {
            metadata.remove(marks.field());
        }
    } else {
        new["metadata"][marks.field()] = Value::Object(pairs.clone());
    }
    if let Some(version) = args.text("resource-version") {
        new["metadata"]["resourceVersion"] = json!(version);
    }
    let operation = match marks {
        Marks::Annotations => "annotated",
        Marks::Labels if new == *info.value => "not labeled",
        Marks::Labels if !args.is("overwrite") && new.json().len() < info.value.json().len() => "unlabeled",
        Marks::Labels => "labeled",
    };
    let mut result = new.clone();
    if !local {
        let patch = create_merge_patch(&info.value, &new);
        let path = info.path();
        let manager = format!("kubectl-{}", marks.verb());
        let response = io.ask(|| patch_request(args, dry, &manager, &path, content_type::MERGE_PATCH, patch))?;
        result = (*value(&response)).clone();
    }
    print_result(io, args, info, &result, operation)
}

fn no_overwrites(marks: Marks, changes: &Changes, current: &Map<String, Value>) -> Result<(), Stop> {
    let taken: Vec<(&String, &str)> = (changes.set.iter())
        .filter(|(key, _)| marks == Marks::Labels || key != "kubernetes.io/change-cause")
        .filter_map(|(key, value)| {
            let found = current.get(key).and_then(Value::as_str)?;
            (found != value).then_some((key, found))
        })
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    if marks == Marks::Labels {
        let each = taken.iter().map(|(key, found)| {
            Failure::Text(format!("'{key}' already has a value ({found}), and --overwrite is false"))
        });
        return Err(Failure::Many(each.collect()).into());
    }
    let each: Vec<String> = taken.iter().map(|(key, found)| format!("'{key}' already has a value ({found})")).collect();
    fail(format!("--overwrite is false but found the following declared annotation(s): {}", each.join("; ")))
}
