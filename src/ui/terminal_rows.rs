//! Lines of kubectl's output as rows that can be picked: an object, or the message that brought the line.
//! Text stays text: a row is no form control, so that it can be marked and copied.

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, NodeList};
use yew::prelude::*;

use super::app::Ask;
use super::controls::bound;

/// The lines of a piece of output.
pub fn rows(invocation: u64, text: &str, on_ask: &Callback<Ask>) -> Html {
    let row = |line: &str| {
        if line.trim().is_empty() {
            return html! { { "\n" } };
        }
        let onclick = {
            let (on_ask, line) = (on_ask.clone(), line.to_owned());
            Callback::from(move |_: MouseEvent| on_ask.emit(Ask::Row(invocation, line.clone())))
        };
        html! { <><span class="row" role="button" tabindex="-1" {onclick}>{ line.to_owned() }</span>{ "\n" }</> }
    };
    html! { { for text.trim_end_matches('\n').lines().map(row) } }
}

/// The line that was typed: it can be picked, and followed.
pub fn typed(invocation: u64, line: &str, on_ask: &Callback<Ask>) -> Html {
    let pick = on_ask.reform(move |_: MouseEvent| Ask::Line(invocation, false));
    let follow = on_ask.reform(move |_: MouseEvent| Ask::Line(invocation, true));
    html! {
        <p class="line"><span class="row" role="button" tabindex="-1" onclick={pick}>{ line.to_owned() }</span>
            <button class="followline" onclick={follow} aria-label={format!("Follow {line}")}>{ "Follow" }</button></p>
    }
}

/// Up and Down go from row to row inside the log, Enter picks.
pub fn row_keys(event: &KeyboardEvent) {
    let Some(log) = bound(event, ".log") else { return };
    let here = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    match event.key().as_str() {
        "ArrowUp" | "ArrowDown" => {
            let Ok(all) = log.query_selector_all(".row") else { return };
            let down = event.key() == "ArrowDown";
            let at = here.as_ref().and_then(|here| place_of(&all, here));
            let next = match (at, down) {
                (Some(at), true) => at + 1,
                (Some(at), false) => at.wrapping_sub(1),
                (None, _) => all.length().wrapping_sub(1),
            };
            if let Some(next) = all.item(next).and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
                event.prevent_default();
                // A row that cannot be focused leaves the focus where it was.
                let _ = next.focus();
            }
        }
        "Enter" | " " if here.as_ref().is_some_and(|here| here.class_list().contains("row")) => {
            event.prevent_default();
            if let Some(here) = here {
                here.click();
            }
        }
        _ => {}
    }
}

fn place_of(all: &NodeList, here: &HtmlElement) -> Option<u32> {
    (0..all.length()).find(|index| all.item(*index).is_some_and(|node| node.is_same_node(Some(here))))
}
