//! What a decision would have been otherwise: fields for weights and requests, and what would come of them.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::cluster::inside::{Against, Look, Room, Typed, WhatIfInside, amount};

use super::super::app::Ask;
use super::sheet::{head, part, wide};

/// The curve's width and height, and where its axes lie.
const WIDE: i64 = 304;
const HIGH: i64 = 104;
const LEFT: i64 = 28;
const RIGHT: i64 = 296;
const TOP: i64 = 14;
const FLOOR: i64 = 76;

#[derive(Properties, PartialEq)]
struct FieldProps {
    value: String,
    /// Whether it takes whole numbers only.
    #[prop_or_default]
    number: bool,
    on_text: Callback<String>,
}

/// A field that shows what is typed at once: the answer comes with a later frame, and must not take back what was
/// typed meanwhile. What is set from outside counts once the reader is elsewhere.
#[component(Field)]
fn field(props: &FieldProps) -> Html {
    let (text, node) = (use_state(|| props.value.clone()), use_node_ref());
    {
        let (text, node) = (text.clone(), node.clone());
        use_effect_with(props.value.clone(), move |value| {
            let focused = web_sys::window().and_then(|window| window.document()?.active_element());
            let own = node.cast::<web_sys::Element>();
            if own.is_none() || focused != own {
                text.set(value.clone());
            }
        });
    }
    let oninput = {
        let (text, on_text) = (text.clone(), props.on_text.clone());
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            text.set(input.value());
            on_text.emit(input.value());
        })
    };
    let value = (*text).clone();
    match props.number {
        true => html! { <input ref={node} type="number" min="0" max="100" step="1" {value} {oninput} /> },
        false => html! { <input ref={node} type="text" {value} {oninput} autocomplete="off" spellcheck="false" /> },
    }
}

/// The part of the level.
pub fn what_if(inside: &WhatIfInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let edited = look.what_if != Typed::default();
    let id = inside.decision;
    // The decision stays the one that is thought about, whatever the scheduler decides meanwhile.
    let typed = |change: fn(&mut Typed, &str, String), name: &'static str| {
        let (look, on_ask) = (look.clone(), on_ask.clone());
        Callback::from(move |text: String| {
            let mut look = Look { chosen: Some(id), ..look.clone() };
            change(&mut look.what_if, name, text);
            on_ask.emit(Ask::Look(look));
        })
    };
    let weight = |(name, weight): &(&'static str, i64)| {
        let value = look.what_if.weights.iter().find(|(plugin, _)| plugin == name);
        let value = value.map_or_else(|| weight.to_string(), |(_, text)| text.clone());
        html! {
            <label key={*name}>{ *name }<Field number=true {value} on_text={typed(set_weight, name)} /></label>
        }
    };
    let cpu = look.what_if.cpu.clone().unwrap_or_else(|| inside.cpu.clone());
    let memory = look.what_if.memory.clone().unwrap_or_else(|| inside.memory.clone());
    let reset = {
        let look = look.clone();
        on_ask.reform(move |_: MouseEvent| Ask::Look(Look { what_if: Typed::default(), ..look.clone() }))
    };
    let apply = inside.apply.clone().map(|command| {
        let onclick = on_ask.reform(move |_: MouseEvent| Ask::Do(command.clone()));
        html! { <button class="btn" {onclick}>{ "Schedule with these weights from now on" }</button> }
    });
    let content = html! {
        <>
        <p class="dim">{ "The decision made again from what it was made from. The run goes on as it was." }</p>
        // With keys: a curve that goes must not take the field that is being typed into with it.
        <div class="whatif">
            <fieldset key="weights"><legend>{ "Weights" }</legend>{ for inside.weights.iter().map(weight) }</fieldset>
            <fieldset key="asks"><legend>{ "The pod asks for" }</legend>
                <label>{ "cpu" }<Field value={cpu} on_text={typed(set_cpu, "")} /></label>
                <label>{ "memory" }<Field value={memory} on_text={typed(set_memory, "")} /></label>
            </fieldset>
            { for inside.room.iter().map(curve) }
        </div>
        <div role="status">
            if !inside.wrong.is_empty() { <p class="msg">{ inside.wrong.clone() }</p> }
            if !inside.said.is_empty() { <p class="cf">{ inside.said.clone() }</p> }
        </div>
        if !inside.against.is_empty() { { beside(&inside.against) } }
        if edited {
            <p class="acts"><button class="btn" onclick={reset}>{ "As it was" }</button>{ apply }</p>
            if inside.apply.is_some() {
                <p class="dim">{ "kube-scheduler starts again with them, and waits until the lease of its earlier life is over." }</p>
            }
        }
        </>
    };
    part("What if", String::new(), content)
}

fn set_weight(typed: &mut Typed, name: &str, text: String) {
    typed.weights.retain(|(plugin, _)| plugin != name);
    typed.weights.push((name.to_owned(), text));
}

fn set_cpu(typed: &mut Typed, _: &str, text: String) {
    typed.cpu = Some(text);
}

fn set_memory(typed: &mut Typed, _: &str, text: String) {
    typed.memory = Some(text);
}

/// Every node as it was beside what it would be.
fn beside(against: &[Against]) -> Html {
    let chosen = |yes: bool| yes.then(|| html! { <small>{ "chosen" }</small> });
    let row = |row: &Against| {
        html! {
            <tr key={row.node.to_string()} class={row.would_be.then_some("chosen")}>
                <th scope="row">{ row.node.to_string() }</th>
                <td>{ row.before.clone() }{ chosen(row.was_chosen) }</td>
                <td>{ row.after.clone() }{ chosen(row.would_be) }</td>
            </tr>
        }
    };
    wide(
        "What if",
        html! { <table class="beside">{ head(&["node", "was", "would be"]) }<tbody>{ for against.iter().map(row) }</tbody></table> },
    )
}

/// Nodes that fit by what is asked for: a step down wherever one has no room any more.
fn curve(room: &Room) -> Html {
    let most = room.steps.first().copied().unwrap_or(0).max(room.asked).max(1);
    let x = |amount: i64| LEFT + amount.max(0) * (RIGHT - LEFT) * 9 / 10 / most;
    let count = room.steps.len().max(1) as i64;
    let y = |nodes: i64| FLOOR - nodes * (FLOOR - TOP) / count;
    let mut path = format!("M{LEFT},{}", y(room.steps.len() as i64));
    for (fewer, step) in room.steps.iter().rev().enumerate() {
        let left = room.steps.len() as i64 - fewer as i64;
        path.push_str(&format!("H{}V{}", x(*step), y(left - 1)));
    }
    path.push_str(&format!("H{RIGHT}"));
    let asked = x(room.asked);
    html! {
        <figure key={room.resource} class="room">
            <figcaption>{ "Nodes that fit, by " }<code>{ format!("requests.{}", room.resource) }</code></figcaption>
            <svg width={WIDE.to_string()} height={HIGH.to_string()} viewBox={format!("0 0 {WIDE} {HIGH}")} aria-hidden="true">
                <path class="axis" d={format!("M{LEFT},{FLOOR}H{RIGHT}")} />
                <path class="steps" d={path} />
                <path class="asked" d={format!("M{asked},6V{FLOOR}")} />
                <text x={(LEFT - 6).to_string()} y={(FLOOR + 4).to_string()} class="end">{ "0" }</text>
                <text x={(LEFT - 6).to_string()} y={(TOP + 4).to_string()} class="end">{ room.steps.len() }</text>
                <text x={asked.to_string()} y={(FLOOR + 16).to_string()} class="now">{ amount(room.resource, room.asked) }</text>
            </svg>
            <p>{ room.said.clone() }</p>
        </figure>
    }
}
