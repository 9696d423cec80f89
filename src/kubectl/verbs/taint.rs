//! `kubectl taint`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/taint.

use serde_json::{Value, json};

use super::super::builder::{Choice, Info, SELECT_FLAGS, infos};
use super::super::changes::{DRY_RUN, dry_run, send_changes};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag};
use super::super::io::Io;
use super::super::printing::{Output, PRINT_FLAGS, print_result};
use super::{PLAIN, Verb};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all nodes in the cluster"),
    flag("field-manager", Takes::Text, "Name of the manager used to track field ownership."),
    flag("overwrite", Takes::Bool, "If true, allow taints to be overwritten."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "taint",
    short: "Update the taints on one or more nodes",
    usage: "taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N [options]",
    flags: &[FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run,
    ..PLAIN
};

const NAME_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

#[derive(Clone, Debug)]
struct Taint {
    key: String,
    value: String,
    /// Empty: whatever effect, for removals.
    effect: String,
}

impl Taint {
    fn json(&self) -> Value {
        let mut taint = json!({"effect": self.effect, "key": self.key});
        if !self.value.is_empty() {
            taint["value"] = json!(self.value);
        }
        taint
    }

    fn text(&self) -> String {
        if self.effect.is_empty() { self.key.clone() } else { format!("{}:{}", self.key, self.effect) }
    }
}

fn run(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let is_taint =
        |word: &String| (word.contains('=') && !word.starts_with('=')) || word.contains(':') || word.ends_with('-');
    let first = args.args.iter().position(is_taint).unwrap_or(args.args.len());
    let (words, specs) = args.args.split_at(first);
    let Some(kind) = words.first() else {
        return args.usage("one or more resources must be specified as <resource> <name>");
    };
    let kind = kind.split('/').next().unwrap_or_default().to_lowercase();
    if !matches!(kind.as_str(), "no" | "node" | "nodes") {
        return fail(format!("invalid resource type {kind}, only node types are supported"));
    }
    if specs.is_empty() {
        return fail("at least one taint update is required");
    }
    let mut add = Vec::new();
    let mut remove = Vec::new();
    for spec in specs {
        match spec.strip_suffix('-') {
            Some(spec) => remove.push(parse(args, spec, true)?),
            None => {
                let taint = parse(args, spec, false)?;
                if add.iter().any(|own: &Taint| (&own.key, &own.effect) == (&taint.key, &taint.effect)) {
                    let Taint { key, value, effect } = taint;
                    let shown = format!("{{{key} {value} {effect} <nil>}}");
                    return args.usage(format!("duplicated taints with the same key and effect: {shown}"));
                }
                add.push(taint);
            }
        }
    }
    let both = |gone: &&Taint| {
        add.iter().any(|own| own.key == gone.key && (gone.effect.is_empty() || own.effect == gone.effect))
    };
    let both: Vec<String> = remove.iter().filter(both).map(|gone| format!("{}={}", gone.key, gone.effect)).collect();
    if !both.is_empty() {
        return fail(format!(
            "can not both modify and remove the following taint(s) in the same command: {}",
            both.join(", ")
        ));
    }
    let all = args.is("all");
    if all && !args.text_or_empty("selector").is_empty() {
        return fail("setting 'all' parameter with a non-empty selector is prohibited");
    }
    let dry = dry_run(args)?;
    let (nodes, mut failures) = infos(io, args, words, Choice { all, lazy: false })?;
    for node in &nodes {
        let one = |io: &mut Io<'_, '_>| {
            let (taints, operation) = change(args, node, &add, &remove)?;
            let mut new = (*node.value).clone();
            match taints.is_empty() {
                true => new["spec"]["taints"] = Value::Null,
                false => new["spec"]["taints"] = Value::Array(taints),
            }
            if let (true, Some(spec)) = (new["spec"]["taints"].is_null(), new["spec"].as_object_mut()) {
                spec.remove("taints");
            }
            let sent = send_changes(io, args, dry, "kubectl-taint", node, &new)?;
            let result = sent.unwrap_or_else(|| new.into());
            if matches!(Output::of(args, false)?, Output::Default | Output::Wide) {
                // Upstream says of no taint that it is for show.
                io.out(format!("{} {operation}\n", node.label()));
                return Ok(());
            }
            print_result(io, args, node, &result, operation)
        };
        if let Err(failure) = attempt(one(io))? {
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

fn parse(args: &Args, spec: &str, removing: bool) -> Result<Taint, Stop> {
    let parts: Vec<&str> = spec.split(':').collect();
    let (pair, effect) = match parts.as_slice() {
        [pair] => (*pair, ""),
        [pair, effect] => (*pair, *effect),
        _ => return args.usage(format!("invalid taint spec: {spec}")),
    };
    if parts.len() == 2 && !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        return args.usage(format!("invalid taint effect: {effect}, unsupported taint effect"));
    }
    if parts.len() == 1 && !removing {
        let why = if pair.contains('=') { format!(", {NAME_RULE}") } else { String::new() };
        return args.usage(format!("invalid taint spec: {spec}{why}"));
    }
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    Ok(Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
}

/// `reorganizeTaints`: the taints the node shall have, and what was done to it.
fn change(args: &Args, node: &Info, add: &[Taint], remove: &[Taint]) -> Result<(Vec<Value>, &'static str), Stop> {
    let old: Vec<Value> = node.value.pointer("/spec/taints").and_then(Value::as_array).cloned().unwrap_or_default();
    let same =
        |taint: &Taint, found: &Value| found["key"] == taint.key.as_str() && found["effect"] == taint.effect.as_str();
    let taken = add.iter().any(|taint| old.iter().any(|found| same(taint, found)));
    if taken && !args.is("overwrite") {
        return fail(format!(
            "node {} already has {} taint(s) with same effect(s) and --overwrite is false",
            node.name,
            taken_list(&old, add)
        ));
    }
    let mut taints: Vec<Value> = add.iter().map(Taint::json).collect();
    taints.extend(old.iter().filter(|found| !add.iter().any(|taint| same(taint, found))).cloned());
    let mut missing = Vec::new();
    for taint in remove {
        let before = taints.len();
        let fits =
            |found: &Value| found["key"] == taint.key.as_str() && (taint.effect.is_empty() || same(taint, found));
        taints.retain(|found| !fits(found));
        if taints.len() == before {
            missing.push(Failure::Text(format!("taint \"{}\" not found", taint.text())));
        }
    }
    if !missing.is_empty() {
        return Err(Failure::Many(missing).into());
    }
    let operation = match (add.is_empty(), remove.is_empty()) {
        (false, true) if taken => "modified",
        (false, true) => "tainted",
        (true, false) => "untainted",
        _ => "modified",
    };
    Ok((taints, operation))
}

fn taken_list(old: &[Value], add: &[Taint]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for taint in add {
        let found =
            old.iter().any(|found| found["key"] == taint.key.as_str() && found["effect"] == taint.effect.as_str());
        if found && !keys.contains(&taint.key.as_str()) {
            keys.push(&taint.key);
        }
    }
    keys.join(",")
}
