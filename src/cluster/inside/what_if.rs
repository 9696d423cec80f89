//! What a decision of the scheduler would have been with other weights or another request: made again from what
//! the decision keeps, and set beside it. Nothing here touches the run.

use std::sync::Arc;

use crate::api::quantity::Quantity;
use crate::scheduler::{Basis, Change, DecisionRecord, Outcome};

use super::super::command::Command;

/// Nodes that are set beside each other.
const AGAINST_MAX: usize = 24;
/// Steps of the curve of nodes that fit.
const ROOM_MAX: usize = 40;
/// The largest weight that is offered.
pub const WEIGHT_MAX: i64 = 100;

/// What the reader typed, by what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// By plugin.
    pub weights: Vec<(String, String)>,
    pub cpu: Option<String>,
    pub memory: Option<String>,
}

/// A node before and under the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    pub node: Arc<str>,
    /// `741`, `Insufficient cpu`, `fits`.
    pub before: String,
    pub after: String,
    /// Whether it was chosen, and would be.
    pub was_chosen: bool,
    pub would_be: bool,
}

/// How many nodes the pod would fit on, by what it asks for of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// `cpu`, `memory`.
    pub resource: &'static str,
    /// What it asks for now, under the change.
    pub asked: i64,
    /// Amounts, largest first, up to each of which one more node takes it.
    pub steps: Vec<i64>,
    /// The same as a sentence.
    pub said: String,
}

/// A decision made again.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIfInside {
    /// The record it is about.
    pub decision: u64,
    /// The plugins that score, with the weights they had.
    pub weights: Vec<(&'static str, i64)>,
    /// What the pod asked for: `500m`, `512Mi`.
    pub cpu: String,
    pub memory: String,
    /// What came of the change, in a sentence; empty where nothing is changed.
    pub said: String,
    /// What was typed that means nothing; empty for none.
    pub wrong: String,
    pub against: Vec<Against>,
    pub room: Vec<Room>,
    /// What makes the weights those of the run.
    pub apply: Option<Command>,
}

/// What is typed, read.
fn read(typed: &Typed, basis: &Basis) -> Result<Change, String> {
    let mut change = Change::default();
    for (name, weight) in basis.weights() {
        let Some((_, text)) = typed.weights.iter().find(|(plugin, _)| plugin == name) else { continue };
        let given = text.trim().parse::<i64>().ok().filter(|given| (0..=WEIGHT_MAX).contains(given));
        let given = given.ok_or_else(|| format!("A weight is a whole number from 0 to {WEIGHT_MAX}, not {text:?}."))?;
        if given != weight {
            change.weights.push((name.to_owned(), given));
        }
    }
    let quantity = |text: &Option<String>| -> Result<Option<Quantity>, String> {
        let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        let wrong = || format!("{text:?} is no quantity: write it like 500m or 512Mi.");
        Quantity::parse(text).map(Some).map_err(|_| wrong())
    };
    let (cpu, memory) = basis.requests();
    change.milli_cpu = quantity(&typed.cpu)?.map(|given| given.milli_value()).filter(|given| *given != cpu);
    change.memory = quantity(&typed.memory)?.map(|given| given.value()).filter(|given| *given != memory);
    Ok(change)
}

/// The thought about a decision; `None` for one that keeps nothing to think with.
pub(super) fn inside(record: &DecisionRecord, typed: &Typed) -> Option<WhatIfInside> {
    let basis = record.basis.as_ref()?;
    let (cpu, memory) = basis.requests();
    let mut inside = WhatIfInside {
        decision: record.id,
        weights: basis.weights(),
        cpu: amount("cpu", cpu),
        memory: amount("memory", memory),
        said: String::new(),
        wrong: String::new(),
        against: Vec::new(),
        room: Vec::new(),
        apply: None,
    };
    let change = match read(typed, basis) {
        Ok(change) => change,
        Err(wrong) => {
            inside.wrong = wrong;
            return Some(inside);
        }
    };
    let asked = [("cpu", change.milli_cpu.unwrap_or(cpu)), ("memory", change.memory.unwrap_or(memory))];
    inside.room = asked.map(|(resource, asked)| room(basis, resource, asked)).into();
    if change.is_empty() {
        return Some(inside);
    }
    match basis.decide(&change) {
        Ok(other) => {
            inside.said = sentence(record, &other);
            inside.against = against(record, &other);
        }
        Err(wrong) => inside.wrong = wrong,
    }
    if !change.weights.is_empty() {
        let configuration = basis.configuration(&change.weights);
        inside.apply = Some(Command::ConfigureScheduler { configuration });
    }
    Some(inside)
}

fn sentence(before: &DecisionRecord, after: &DecisionRecord) -> String {
    let total = |record: &DecisionRecord, node: &str| record.node(node).map_or(0, |node| node.total);
    match (&before.outcome, &after.outcome) {
        (Outcome::Node { node: old, .. }, Outcome::Node { node: new, .. }) if old == new => {
            format!("{new} would still be chosen, with {} instead of {}.", total(after, new), total(before, old))
        }
        (Outcome::Node { node: old, .. }, Outcome::Node { node: new, .. }) => {
            format!("{new} would be chosen with {}, and not {old}.", total(after, new))
        }
        (_, Outcome::Node { node, .. }) => {
            let nodes = if after.feasible == 1 { "one node".to_owned() } else { format!("{} nodes", after.feasible) };
            format!("It would fit on {nodes}, and {node} would be chosen.")
        }
        (_, Outcome::Unschedulable { message, .. } | Outcome::Error { message }) => {
            format!("It would fit nowhere: {message}")
        }
    }
}

/// What a record says of a node.
fn verdict(record: &DecisionRecord, node: &str) -> String {
    match record.node(node) {
        None => "not looked at".to_owned(),
        Some(node) => match &node.rejection {
            Some(rejection) => rejection.message(),
            None if node.scores.is_empty() => "fits".to_owned(),
            None => node.total.to_string(),
        },
    }
}

fn against(before: &DecisionRecord, after: &DecisionRecord) -> Vec<Against> {
    let mut nodes: Vec<&Arc<str>> = after.nodes.iter().map(|node| &node.node).collect();
    for node in &before.nodes {
        if !nodes.contains(&&node.node) {
            nodes.push(&node.node);
        }
    }
    let row = |node: &Arc<str>| Against {
        before: verdict(before, node),
        after: verdict(after, node),
        was_chosen: before.chosen() == Some(node),
        would_be: after.chosen() == Some(node),
        node: node.clone(),
    };
    nodes.into_iter().take(AGAINST_MAX).map(row).collect()
}

fn room(basis: &Basis, resource: &'static str, asked: i64) -> Room {
    let steps: Vec<i64> = basis.room(resource).into_iter().map(|(amount, _)| amount).collect();
    let fits = steps.iter().filter(|step| **step >= asked).count();
    let said = match steps.first() {
        None => format!("No request for {resource} would make it fit."),
        Some(most) if fits == 0 => format!("It fits if it asks for at most {} {resource}.", amount(resource, *most)),
        Some(most) => {
            let now = amount(resource, asked);
            let nodes = if fits == 1 { "one node has".to_owned() } else { format!("{fits} nodes have") };
            format!("For {now} {resource} {nodes} room; up to {} one has.", amount(resource, *most))
        }
    };
    Room { resource, asked, steps: steps.into_iter().take(ROOM_MAX).collect(), said }
}

/// `500m`, `512Mi`: an amount as it is written in a manifest.
pub fn amount(resource: &str, amount: i64) -> String {
    match resource {
        "cpu" if amount % 1_000 == 0 => (amount / 1_000).to_string(),
        "cpu" => format!("{amount}m"),
        _ => {
            let units = [("Gi", 1_i64 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
            let unit = units.iter().find(|(_, size)| amount != 0 && amount % size == 0);
            unit.map_or_else(|| amount.to_string(), |(unit, size)| format!("{}{unit}", amount / size))
        }
    }
}
