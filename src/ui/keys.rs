//! The keys of the page, and the list of them.

use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};
use yew::prelude::*;

use super::app::Ask;
use super::dialog::Dialog;
use super::driver::Driver;

/// How much a press of plus or minus zooms.
pub const ZOOM_STEP: f64 = 1.4;

/// Every key, by where it acts.
const KEYS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Anywhere but in a text or on a button",
        &[
            ("Space", "play or pause"),
            ("← →", "step back, step forward: to a message"),
            ("Shift+← Shift+→", "to the event before, the event after"),
            ("Esc", "close what is open, stop following, select nothing"),
        ],
    ),
    (
        "On the stage",
        &[
            ("↑ ↓ ← →", "from a component along its wires, then along rows and columns"),
            ("Home End", "the first thing, the last"),
            ("Enter", "select; once more to open what is inside"),
            (", .", "the packet before, the packet after"),
            ("F", "follow what is selected, or the line typed last; leave"),
            ("[ ]", "slower, faster"),
            ("B", "a bookmark at this moment"),
            ("+ − 0", "closer, farther, the whole stage"),
            ("?", "this list"),
        ],
    ),
    (
        "On the timeline",
        &[
            ("← →", "a hundredth of what is shown"),
            ("PageUp PageDown", "a tenth"),
            ("Home End", "the start of the act, the end of the run"),
        ],
    ),
    (
        "In the editor and at the prompt",
        &[
            ("Ctrl+Enter", "apply"),
            ("Esc Tab", "one after the other: leave the editor"),
            ("↑ ↓", "earlier lines of the prompt; the rows of its output"),
            ("Tab", "complete"),
        ],
    ),
];

/// The list of keys.
pub fn list(on_close: Callback<()>) -> Html {
    html! {
        <Dialog title="Keys" {on_close}>
            { for KEYS.iter().map(|(place, keys)| html! {
                <section class="keys"><h2>{ *place }</h2><dl>
                    { for keys.iter().map(|(key, what)| html! {
                        <div><dt>{ for key.split(' ').map(|one| html! { <kbd>{ one }</kbd> }) }</dt><dd>{ *what }</dd></div>
                    }) }
                </dl></section>
            }) }
            <p>{ "With the pointer: drag or two fingers move and zoom the stage, Ctrl and the wheel zoom it, a double click on its ground fits it." }</p>
        </Dialog>
    }
}

/// What a key does. Letters and signs belong to the stage and act only where the focus is in it.
pub fn pressed(driver: &Driver, on_ask: &Callback<Ask>, event: &KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
        return;
    }
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let on = |selector: &str| target.as_ref().is_some_and(|element| element.closest(selector).ok().flatten().is_some());
    if on("input, textarea, select, dialog, [contenteditable]") {
        return;
    }
    match event.key().as_str() {
        " " if !on("button, [role=button], [role=radio], [role=tab], a") => driver.toggle(),
        "ArrowRight" if event.shift_key() && !on("[data-arrows]:not(.slider)") => driver.step_event(true),
        "ArrowLeft" if event.shift_key() && !on("[data-arrows]:not(.slider)") => driver.step_event(false),
        "ArrowRight" if !on("[data-arrows]") => driver.step(),
        "ArrowLeft" if !on("[data-arrows]") => driver.step_back(),
        "Escape" if driver.is_inside() => driver.open(None),
        "Escape" if driver.leave() => {}
        "Escape" => driver.select(None),
        sign if on("main") && on_stage(driver, on_ask, sign) => {}
        _ => return,
    }
    event.prevent_default();
}

/// What a letter or a sign does on the stage. False where it does nothing.
fn on_stage(driver: &Driver, on_ask: &Callback<Ask>, sign: &str) -> bool {
    match sign {
        "," => driver.select_packet(false),
        "." => driver.select_packet(true),
        "[" => driver.change_speed(-1),
        "]" => driver.change_speed(1),
        "+" | "=" => driver.zoom_stage(ZOOM_STEP, None),
        "-" | "−" => driver.zoom_stage(1.0 / ZOOM_STEP, None),
        "0" => driver.fit_stage(),
        "b" | "B" => driver.bookmark(None, ""),
        "?" => on_ask.emit(Ask::Keys(true)),
        "f" | "F" => {
            driver.toggle_follow();
        }
        _ => return false,
    }
    true
}
