//! Small parts that the panes share: icons, packet glyphs, tabs, choices of one.

use web_sys::{HtmlElement, KeyboardEvent};
use yew::prelude::*;

use wasm_bindgen::JsCast;

use crate::cluster::{FlightKind, Phase};

use super::screen::glyph;

/// An icon of the sprite.
pub fn icon(id: &'static str) -> Html {
    html! { <svg class="ico" aria-hidden="true"><use href={id} /></svg> }
}

/// The symbol and colour of a packet.
pub const fn packet_symbol(kind: FlightKind) -> (&'static str, &'static str) {
    match kind {
        FlightKind::Request => ("#pk-req", "k-req"),
        FlightKind::Response => ("#pk-res", "k-res"),
        FlightKind::ErrorResponse => ("#pk-err", "k-err"),
        FlightKind::Watch => ("#pk-watch", "k-watch"),
        FlightKind::Grpc => ("#pk-grpc", "k-grpc"),
        FlightKind::Log => ("#pk-log", "k-log"),
    }
}

/// What a packet of this kind is called.
pub const fn packet_name(kind: FlightKind) -> &'static str {
    match kind {
        FlightKind::Request => "Request",
        FlightKind::Response => "Response",
        FlightKind::ErrorResponse => "Error response",
        FlightKind::Watch => "Watch event",
        FlightKind::Grpc => "gRPC",
        FlightKind::Log => "Log",
    }
}

/// A packet without its tail, for lists.
pub fn packet_mark(kind: Option<FlightKind>) -> Html {
    match kind {
        Some(kind) => {
            let (symbol, colour) = packet_symbol(kind);
            html! { <svg viewBox="-8 -6 18 12" aria-hidden="true"><use href={symbol} class={colour} /></svg> }
        }
        None => html! {
            <svg viewBox="-8 -6 18 12" aria-hidden="true">
                <path d="M-5,-4L0,0L-5,4M1,4H6" fill="none" stroke="var(--ink)" stroke-width="1.5" />
            </svg>
        },
    }
}

/// A phase's glyph, for lists.
pub fn phase_mark(phase: Phase) -> Html {
    let (symbol, colour) = glyph(phase);
    html! { <svg class="ph" viewBox="-8 -8 16 16" aria-hidden="true"><use href={symbol} class={colour} /></svg> }
}

/// The index that an arrow key moves to, among `count`.
pub fn moved(event: &KeyboardEvent, index: usize, count: usize) -> Option<usize> {
    match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => Some((index + 1) % count),
        "ArrowLeft" | "ArrowUp" => Some((index + count - 1) % count),
        "Home" => Some(0),
        "End" => Some(count - 1),
        _ => None,
    }
}

/// The element a handler was bound to, by its selector. Yew listens at the root of the page: that, and not
/// the element, is the event's `currentTarget`.
pub fn bound(event: &web_sys::Event, selector: &str) -> Option<HtmlElement> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    target.closest(selector).ok().flatten()?.dyn_into().ok()
}

/// Puts the focus on the `index`-th of the tabs or radios among which a key was pressed.
pub fn focus_child(event: &KeyboardEvent, index: usize) {
    let child = bound(event, "[role=radiogroup], [role=tablist]").and_then(|list| list.children().item(index as u32));
    if let Some(child) = child.and_then(|child| child.dyn_into::<HtmlElement>().ok()) {
        // An element that cannot be focused leaves the focus where it was.
        let _ = child.focus();
    }
}

/// Properties of `Choice` and `Tabs`.
#[derive(Properties, PartialEq)]
pub struct ChoiceProps {
    pub label: AttrValue,
    /// The names, in order.
    pub names: Vec<AttrValue>,
    pub chosen: usize,
    pub on_choose: Callback<usize>,
    /// For tabs: the id of the panel they control.
    #[prop_or_default]
    pub panel: AttrValue,
    #[prop_or_default]
    pub children: Html,
}

/// A choice of one: a radio group drawn as segments.
#[component(Choice)]
pub fn choice(props: &ChoiceProps) -> Html {
    let (chosen, count) = (props.chosen, props.names.len());
    let on_choose = props.on_choose.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if let Some(next) = moved(&event, chosen, count) {
            event.prevent_default();
            event.stop_propagation();
            on_choose.emit(next);
            focus_child(&event, next);
        }
    });
    let button = |(index, name): (usize, &AttrValue)| {
        let on = index == chosen;
        let onclick = props.on_choose.reform(move |_: MouseEvent| index);
        html! {
            <button role="radio" aria-checked={on.to_string()} tabindex={if on { "0" } else { "-1" }} {onclick}>
                { name.clone() }
            </button>
        }
    };
    html! {
        <div class="seg" role="radiogroup" aria-label={props.label.clone()} {onkeydown}>
            { for props.names.iter().enumerate().map(button) }
        </div>
    }
}

/// Tabs over one panel.
#[component(Tabs)]
pub fn tabs(props: &ChoiceProps) -> Html {
    let (chosen, count) = (props.chosen, props.names.len());
    let on_choose = props.on_choose.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if let Some(next) = moved(&event, chosen, count) {
            event.prevent_default();
            event.stop_propagation();
            on_choose.emit(next);
            focus_child(&event, next);
        }
    });
    let tab = |(index, name): (usize, &AttrValue)| {
        let on = index == chosen;
        let onclick = props.on_choose.reform(move |_: MouseEvent| index);
        let id = format!("{}-tab-{index}", props.panel);
        html! {
            <button role="tab" {id} aria-selected={on.to_string()} aria-controls={on.then(|| props.panel.clone())}
                tabindex={if on { "0" } else { "-1" }} {onclick}>{ name.clone() }</button>
        }
    };
    html! {
        <div class="tabs">
            <div role="tablist" class="tablist" aria-label={props.label.clone()} {onkeydown}>
                { for props.names.iter().enumerate().map(tab) }
            </div>
            { props.children.clone() }
        </div>
    }
}
