//! The palette of faults for what is selected.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::super::app::Ask;
use super::super::controls::icon;
use crate::api::roles::EDGES;
use crate::cluster::{Command, ComponentView, FaultSpec, NodeView, PodView, Stuff};

/// What may be done to a link.
const LINK_FAULTS: [(&str, u64); 7] = [
    ("Cut", 0),
    ("Slow, 200 ms more", 200_000),
    ("Slow, 2 s more", 2_000_000),
    ("Slow, 10 s more", 10_000_000),
    ("Lossy, 10 %", 100_000),
    ("Lossy, 30 %", 300_000),
    ("Lossy, 60 %", 600_000),
];

/// What a node may be filled with, and to which share.
const FILLS: [(&str, Stuff, u32); 5] = [
    ("Disk to 87 %", Stuff::Disk, 87),
    ("Disk to 95 %", Stuff::Disk, 95),
    ("Disk to 100 %", Stuff::Disk, 100),
    ("Memory to 99 %", Stuff::Memory, 99),
    ("Memory to 100 %", Stuff::Memory, 100),
];

fn link_fault(index: usize, between: &str, and: &str) -> FaultSpec {
    let (between, and) = (between.to_owned(), and.to_owned());
    match LINK_FAULTS[index] {
        ("Cut", _) => FaultSpec::Partition { between, and },
        (name, micros) if name.starts_with("Slow") => FaultSpec::Delay { between, and, micros },
        (_, ppm) => FaultSpec::Loss { between, and, ppm: ppm as u32 },
    }
}

fn act(on_ask: &Callback<Ask>, text: impl Into<AttrValue>, symbol: &'static str, command: Command) -> Html {
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Do(command.clone()));
    html! { <button class="btn" {onclick}>{ icon(symbol) }{ text.into() }</button> }
}

/// The index that was chosen.
fn chosen(event: &Event) -> usize {
    let select: HtmlSelectElement = event.target_unchecked_into();
    select.selected_index().max(0) as usize
}

/// A labelled choice of one.
fn pick<'a>(
    label: impl Into<AttrValue>,
    names: impl Iterator<Item = &'a str>,
    at: usize,
    onchange: Callback<Event>,
) -> Html {
    html! {
        <label>{ label.into() }<select {onchange}>
            { for names.enumerate().map(|(index, name)| html! { <option selected={index == at}>{ name.to_owned() }</option> }) }
        </select></label>
    }
}

/// Properties of the palette of a link.
#[derive(Properties, PartialEq)]
pub struct LinkProps {
    /// Who may stand at either end: the name a fault has it by, and what it is called.
    pub from: Vec<(String, String)>,
    pub to: Vec<(String, String)>,
    pub on_ask: Callback<Ask>,
}

/// Cut, slow or lossy: a link, or those of a group.
#[component(LinkBreaker)]
pub fn link_breaker(props: &LinkProps) -> Html {
    let state = use_state(|| (0usize, 0usize, 0usize));
    let (from, to, what) = *state;
    let change = |set: fn((usize, usize, usize), usize) -> (usize, usize, usize)| {
        let state = state.clone();
        Callback::from(move |event: Event| state.set(set(*state, chosen(&event))))
    };
    // Another selection may have fewer ends.
    let end = |ends: &[(String, String)], at: usize| ends.get(at).or(ends.first()).cloned().unwrap_or_default();
    let (between, and) = (end(&props.from, from), end(&props.to, to));
    let link_label = if props.to.len() > 1 { "Link".to_owned() } else { format!("Link to {}", and.1) };
    let fault = link_fault(what, &between.0, &and.0);
    let onclick = props.on_ask.reform(move |_: MouseEvent| Ask::Do(Command::Inject { fault: fault.clone() }));
    html! {
        <div class="breaker">
            if props.from.len() > 1 { { pick("Between", props.from.iter().map(|(_, name)| name.as_str()), from, change(|old, index| (index, old.1, old.2))) } }
            if props.to.len() > 1 {
                { pick("and", props.to.iter().map(|(_, name)| name.as_str()), to, change(|old, index| (old.0, index, old.2))) }
            }
            { pick(link_label, LINK_FAULTS.iter().map(|(name, _)| *name), what, change(|old, index| (old.0, old.1, index))) }
            <button class="btn" {onclick} disabled={between.0 == and.0} aria-label={format!("Break the link between {} and {}", between.1, and.1)}>
                { icon("#i-power") }{ "Break the link" }</button>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct FillProps {
    node: String,
    on_ask: Callback<Ask>,
}

/// A node's disk or memory.
#[component(Filler)]
fn filler(props: &FillProps) -> Html {
    let state = use_state(|| 1usize);
    let onchange = {
        let state = state.clone();
        Callback::from(move |event: Event| state.set(chosen(&event)))
    };
    let (_, what, percent) = FILLS[*state];
    let command = Command::Fill { node: props.node.clone(), what, percent };
    html! {
        <div class="breaker">
            { pick("Fill", FILLS.iter().map(|(name, ..)| *name), *state, onchange) }
            { act(&props.on_ask, "Fill", "#i-power", command) }
        </div>
    }
}

fn palette(content: Html) -> Html {
    html! { <section class="break" aria-label="Break it"><h3>{ "Break it" }</h3>{ content }</section> }
}

fn named(name: &str) -> (String, String) {
    (name.to_owned(), name.to_owned())
}

/// Whom a component has wires to, and everybody together.
fn peers(view: &ComponentView) -> Vec<(String, String)> {
    let own = view.role;
    let mut peers = Vec::new();
    for edge in EDGES {
        let other = match (edge.from == own, edge.to == own) {
            (true, _) => edge.to,
            (_, true) => edge.from,
            _ => continue,
        };
        match (other.as_str(), view.node.is_empty()) {
            ("client", _) => {}
            (name @ ("kubelet" | "containerd"), false) => peers.push(named(&format!("{name}/{}", view.node))),
            ("kubelet", true) => peers.push(("nodes".to_owned(), "all nodes".to_owned())),
            (name, _) => peers.push(named(name)),
        }
    }
    if peers.len() > 1 {
        peers.push(("*".to_owned(), "everything else".to_owned()));
    }
    peers
}

/// Frozen or not.
fn freeze(on_ask: &Callback<Ask>, frozen: bool, name: String) -> Html {
    match frozen {
        true => act(on_ask, "Thaw", "#i-play", Command::Thaw { name }),
        false => act(on_ask, "Freeze", "#i-pause", Command::Freeze { name }),
    }
}

/// What can be done to a component, besides stopping it.
pub fn of_component(view: &ComponentView, on_ask: &Callback<Ask>) -> Html {
    let name = view.name.to_string();
    palette(html! {
        <>
        <div class="acts">
            if view.running { { act(on_ask, "Restart", "#i-live", Command::Restart { name: name.clone() }) }{ freeze(on_ask, view.frozen, name.clone()) } }
        </div>
        <LinkBreaker key={name.clone()} from={vec![named(&name)]} to={peers(view)} on_ask={on_ask.clone()} />
        </>
    })
}

/// What can be done to a node, besides cutting its power.
pub fn of_node(view: &NodeView, frozen: bool, on_ask: &Callback<Ask>) -> Html {
    let name = view.name.to_string();
    let to = vec![("*".to_owned(), "everything else".to_owned())];
    palette(html! {
        <>
        <div class="acts">
            if view.powered { { act(on_ask, "Restart", "#i-live", Command::Restart { name: name.clone() }) }{ freeze(on_ask, frozen, name.clone()) } }
        </div>
        <Filler key={format!("fill {name}")} node={name.clone()} on_ask={on_ask.clone()} />
        <LinkBreaker key={name.clone()} from={vec![named(&name)]} {to} on_ask={on_ask.clone()} />
        </>
    })
}

/// What can be done to a pod, besides deleting it.
pub fn of_pod(view: &PodView, images: &[String], on_ask: &Callback<Ask>) -> Html {
    let (node, uid, name) = (view.node.to_string(), view.uid.to_string(), view.name.to_string());
    palette(html! {
        <div class="acts">
            if !node.is_empty() { { act(on_ask, "Kill pod", "#i-power", Command::KillPod { node, uid, name }) } }
            { for images.iter().map(|image| {
                act(on_ask, format!("Drop {image} from its registry"), "#i-minus", Command::DropImage { image: image.clone() })
            }) }
        </div>
    })
}

/// What can be done to the link a message travels on.
pub fn of_link(from: &str, to: &str, on_ask: &Callback<Ask>) -> Html {
    palette(html! {
        <LinkBreaker key={format!("{from} {to}")} from={vec![named(from)]} to={vec![named(to)]} on_ask={on_ask.clone()} />
    })
}
