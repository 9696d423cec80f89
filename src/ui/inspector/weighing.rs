//! A decision of the scheduler: nodes by plugins, with totals.

use std::sync::Arc;

use yew::prelude::*;

use crate::scheduler::{Binding, DecisionRecord, NodeRecord, Outcome};

/// Properties of a decision.
#[derive(Properties, PartialEq)]
pub struct WeighingProps {
    pub record: DecisionRecord,
}

/// A plugin's name in two lines: `NodeResources` `Fit`.
fn split_name(name: &str) -> (String, String) {
    let capitals: Vec<usize> =
        name.char_indices().filter(|(at, c)| *at > 0 && c.is_uppercase()).map(|(at, _)| at).collect();
    match capitals.last() {
        Some(at) => (name[..*at].to_owned(), name[*at..].to_owned()),
        None => (name.to_owned(), String::new()),
    }
}

fn head(name: &str, weight: Option<i64>) -> Html {
    let (first, second) = split_name(name);
    html! {
        <th scope="col" title={name.to_owned()}>{ first }<br />{ second }
            if let Some(weight) = weight { { format!(" ×{weight}") } }</th>
    }
}

/// A decision.
#[component(Weighing)]
pub fn weighing(props: &WeighingProps) -> Html {
    let record = &props.record;
    let scored: Vec<&NodeRecord> = record.nodes.iter().filter(|node| !node.scores.is_empty()).collect();
    html! {
        <>
        <p class="said">{ sentence(record) }</p>
        <div class="sub"><h3>{ "Filter" }</h3><span class="dim">{ format!("{} in, {} out", record.evaluated, record.feasible) }</span></div>
        { filters(record) }
        if !scored.is_empty() {
            <div class="sub"><h3>{ "Score" }</h3><span class="dim">{ "weighted; below it raw → normalized" }</span></div>
            { scores(record, &scored) }
        }
        { remedies(record) }
        </>
    }
}

fn sentence(record: &DecisionRecord) -> String {
    match &record.outcome {
        Outcome::Node { node, tied, binding } => {
            let bound = match binding {
                Binding::Pending => "The binding is under way.".to_owned(),
                Binding::Bound => "It is bound.".to_owned(),
                Binding::Failed(message) => format!("The binding failed: {message}"),
            };
            if tied.len() > 1 {
                format!("{} tie. The draw keeps {node}. {bound}", listed(tied))
            } else {
                format!("{node} is chosen. {bound}")
            }
        }
        Outcome::Unschedulable { message, nominated, victims } if !nominated.is_empty() => {
            format!("{message} {} go to make room on {nominated}.", victims.len())
        }
        Outcome::Unschedulable { message, .. } | Outcome::Error { message } => message.to_string(),
    }
}

/// `a`, `a and b`, `a, b and c`; more than four are counted.
fn listed(names: &[Arc<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [most @ .., last] if names.len() <= 4 => {
            format!("{} and {last}", most.iter().map(|name| &**name).collect::<Vec<_>>().join(", "))
        }
        _ => format!("{} nodes", names.len()),
    }
}

/// A tick for each filter that said yes, the reason of the one that said no, hatching after it.
fn filters(record: &DecisionRecord) -> Html {
    let chosen = record.chosen();
    let row = |node: &NodeRecord| {
        let refused = node.rejection.as_ref().map(|rejection| rejection.plugin);
        let at = refused.and_then(|plugin| record.filters.iter().position(|filter| *filter == plugin));
        let cell = |(index, _): (usize, &&'static str)| match at {
            Some(at) if index == at => {
                let reasons = node.rejection.as_ref().map(|rejection| rejection.reasons.join(", ")).unwrap_or_default();
                html! { <td><span class="no">{ "✕ " }{ reasons }</span></td> }
            }
            Some(at) if index > at => html! { <td class="hatch"><span class="sr">{ "not asked" }</span></td> },
            _ => html! { <td>{ "✓" }<span class="sr">{ " passes" }</span></td> },
        };
        html! {
            <tr key={node.node.to_string()} class={(chosen == Some(&node.node)).then_some("chosen")}>
                <th scope="row">{ node.node.to_string() }</th>
                { for record.filters.iter().enumerate().map(cell) }
            </tr>
        }
    };
    html! {
        <div class="matrix" tabindex="0" role="group" aria-label="Filter">
            <table>
                <thead><tr><th scope="col">{ "node" }</th>{ for record.filters.iter().map(|name| head(name, None)) }</tr></thead>
                <tbody>{ for record.nodes.iter().map(row) }</tbody>
            </table>
            if !record.skipped.is_empty() {
                <p class="dim">{ format!("{} skipped in PreFilter: {}", record.skipped.len(), record.skipped.join(", ")) }</p>
            }
        </div>
    }
}

fn scores(record: &DecisionRecord, scored: &[&NodeRecord]) -> Html {
    let chosen = record.chosen();
    let best = scored.iter().map(|node| node.total).max().unwrap_or(0);
    let standing = |node: &NodeRecord| match best - node.total {
        _ if chosen == Some(&node.node) => "chosen".to_owned(),
        0 => "tied".to_owned(),
        behind => format!("{behind} behind"),
    };
    let row = |node: &&NodeRecord| {
        html! {
            <tr key={node.node.to_string()} class={(chosen == Some(&node.node)).then_some("chosen")}>
                <th scope="row">{ node.node.to_string() }</th>
                <td class="total">{ node.total }<small>{ standing(node) }</small></td>
                { for node.scores.iter().map(|score| html! {
                    <td>{ score.weighted() }<small>{ format!("{} → {} ×{}", score.raw, score.normalized, score.weight) }</small>{ bar(score.normalized) }</td>
                }) }
            </tr>
        }
    };
    html! {
        <div class="matrix" tabindex="0" role="group" aria-label="Score">
            <table>
                <thead><tr><th scope="col">{ "node" }</th><th scope="col">{ "total" }</th>
                    { for scored[0].scores.iter().map(|score| head(score.plugin, Some(score.weight))) }</tr></thead>
                <tbody>{ for scored.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

/// A normalized score as a bar, where there is room for one.
fn bar(normalized: i64) -> Html {
    html! {
        <svg class="scorebar" aria-hidden="true" viewBox="0 0 100 3" preserveAspectRatio="none">
            <rect width={normalized.to_string()} height="3" />
        </svg>
    }
}

/// What would have made the refusing filters say yes.
fn remedies(record: &DecisionRecord) -> Html {
    let remedies: Vec<&NodeRecord> = record.nodes.iter().filter(|node| !node.remedy.is_empty()).collect();
    if remedies.is_empty() {
        return Html::default();
    }
    html! {
        <dl>{ for remedies.iter().map(|node| html! { <><dt>{ node.node.to_string() }</dt><dd>{ node.remedy.clone() }</dd></> }) }</dl>
    }
}
