//! The scheduler's queues and decisions.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::cluster::Phase;
use crate::cluster::inside::{Look, QueueInside, Queued, SchedulerInside, Typed, WhyNot};
use crate::scheduler::{Binding, DecisionRecord, Outcome};

use super::super::app::Ask;
use super::super::controls::phase_mark;
use super::super::inspector::weighing::Weighing;
use super::super::screen::Selection;
use super::looking;
use super::sheet::{count, facts, part};
use super::what_if::what_if;

/// Places of a queue that are drawn: so many at least, taken or free, and so many at most.
const PLACES_MIN: usize = 8;
const PLACES_MAX: usize = 32;

/// The scheduler.
pub fn scheduler(inside: &SchedulerInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    html! {
        <>
        { facts(&inside.facts) }
        <div class="queues">{ for inside.queues.iter().map(|queue| lane(queue, look, on_ask)) }</div>
        {
            match &inside.decision {
                None => part("Decision", String::new(), html! { <p class="dim">{ "It has tried no pod yet." }</p> }),
                Some(record) => decision(inside, record, look, on_ask),
            }
        }
        </>
    }
}

fn lane(queue: &QueueInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let content = html! {
        <>
        <p class="dim">{ queue.holds }</p>
        <div class="places" aria-hidden="true">
            { for (0..queue.total.clamp(PLACES_MIN, PLACES_MAX)).map(|place| html! {
                <i>if place < queue.total { { phase_mark(Phase::Pending) } }</i>
            }) }
        </div>
        if queue.pods.is_empty() { <p class="empty">{ "empty" }</p> }
        <ol>{ for queue.pods.iter().map(|pod| queued(pod, look, on_ask)) }</ol>
        </>
    };
    part(queue.name, count(queue.pods.len(), queue.total), content)
}

fn queued(pod: &Queued, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let uid = pod.uid.clone();
    let pick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Pod(uid.clone()))));
    let attempts = match pod.attempts {
        0 => "not tried yet".to_owned(),
        1 => "tried once".to_owned(),
        times => format!("tried {times} times"),
    };
    let why = pod.decision.map(|id| {
        let onclick = looking(look, on_ask, move |look| {
            look.chosen = Some(id);
            look.what_if = Typed::default();
        });
        html! { <button class="link" {onclick}>{ format!("decision {id}") }</button> }
    });
    html! {
        <li key={pod.uid.to_string()}>
            <button class="link" onclick={pick}>{ pod.name.clone() }</button>
            <small>{ attempts }{ " " }{ why }</small>
            <p>{ pod.why.clone() }</p>
            if !pod.remedy.is_empty() { <p class="cf">{ format!("What would help: {}", pod.remedy) }</p> }
        </li>
    }
}

fn decision(inside: &SchedulerInside, record: &DecisionRecord, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let onchange = {
        let (look, on_ask) = (look.clone(), on_ask.clone());
        let ids: Vec<u64> = inside.decisions.iter().map(|(id, _)| *id).collect();
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let chosen = ids.get(select.selected_index().max(0) as usize).copied();
            on_ask.emit(Ask::Look(Look { chosen, what_if: Typed::default(), ..look.clone() }));
        })
    };
    let content = html! {
        <>
        <select class="pickone" aria-label="Attempt" {onchange}>
            { for inside.decisions.iter().map(|(id, name)| html! { <option selected={*id == record.id}>{ name.clone() }</option> }) }
        </select>
        <p class="asks"><code>{ record.pod.name.to_string() }</code>
            if !inside.asks.is_empty() { { format!(" asks for {}", inside.asks) } }
            { format!(", try {}", record.attempt) }</p>
        { points(record) }
        <Weighing record={record.clone()} />
        </>
    };
    html! {
        <>
        { part("Decision", record.id.to_string(), content) }
        if inside.refused > 0 {
            { part("Why not", count(inside.why_not.len(), inside.refused), html! {
                <ul class="why">{ for inside.why_not.iter().map(why_not) }</ul>
            }) }
        }
        if let Some(thought) = &inside.what_if { { what_if(thought, look, on_ask) } }
        </>
    }
}

fn why_not(why: &WhyNot) -> Html {
    html! {
        <li>
            <h4>{ why.node.to_string() }<span>{ why.plugin }</span></h4>
            <p class="msg">{ why.message.clone() }</p>
            if !why.remedy.is_empty() { <p class="cf">{ format!("What would help: {}", why.remedy) }</p> }
        </li>
    }
}

/// The extension points of the framework that the attempt came to, with what each came to.
fn points(record: &DecisionRecord) -> Html {
    let scored = record.nodes.iter().filter(|node| !node.scores.is_empty()).count();
    let filter = format!("{} → {}", record.evaluated, record.feasible);
    let skipped = format!("{} skipped", record.skipped.len());
    let mut points = vec![("PreFilter", skipped, true), ("Filter", filter, true)];
    let (tied, bound) = match &record.outcome {
        Outcome::Node { tied, binding, .. } => {
            let bound = match binding {
                Binding::Pending => ("under way", false),
                Binding::Bound => ("bound", true),
                Binding::Failed(_) => ("failed", true),
            };
            (tied.len(), bound)
        }
        Outcome::Unschedulable { nominated, .. } => {
            let made = if nominated.is_empty() { "no help".to_owned() } else { format!("makes room on {nominated}") };
            points.push(("PostFilter", made, true));
            (0, ("", false))
        }
        Outcome::Error { .. } => (0, ("", false)),
    };
    let chosen = record.chosen().is_some();
    let one = if chosen && scored == 0 { "one node" } else { "" };
    let scores = if scored > 0 { scored.to_string() } else { one.to_owned() };
    let best = match tied {
        0 => String::new(),
        1 => "one best".to_owned(),
        tied => format!("{tied} tied"),
    };
    points.extend([
        ("PreScore", one.to_owned(), scored > 0),
        ("Score", scores, scored > 0),
        ("Normalize", String::new(), scored > 0),
        ("Select", best, chosen),
        ("Reserve", String::new(), chosen),
        ("Permit", String::new(), chosen),
        ("PreBind", String::new(), chosen),
        ("Bind", bound.0.to_owned(), bound.1),
    ]);
    html! {
        <ol class="points" aria-label="Scheduling framework">
            { for points.iter().map(|(name, what, done)| html! {
                <li class={done.then_some("done")}><b>{ *name }</b><code>{ what.clone() }</code>
                    if !done { <span class="sr">{ "not run" }</span> }</li>
            }) }
        </ol>
    }
}
