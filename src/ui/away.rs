//! What is open over the page closes when the reader turns to something else.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, HtmlElement, KeyboardEvent, Node};
use yew::prelude::*;

/// While `open`, a press outside of `around` or Escape calls `on_away`; after Escape the focus is on the
/// button in `around`.
#[hook]
pub fn use_away(around: NodeRef, open: bool, on_away: Callback<()>) {
    use_effect_with(open, move |open| {
        let document = web_sys::window().and_then(|window| window.document()).filter(|_| *open);
        let heard: Closure<dyn FnMut(Event)> = Closure::new(move |event: Event| {
            let pressed = event.dyn_ref::<KeyboardEvent>();
            match pressed.map(KeyboardEvent::key).as_deref() {
                Some("Escape") => {
                    event.prevent_default();
                    event.stop_propagation();
                    on_away.emit(());
                    focus_button(&around);
                }
                Some(_) => {}
                None => {
                    let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
                    if !around.get().is_some_and(|around| around.contains(target.as_ref())) {
                        on_away.emit(());
                    }
                }
            }
        });
        if let Some(document) = &document {
            for name in ["pointerdown", "keydown"] {
                // Without a listener the button that opened it closes it.
                let _ = document.add_event_listener_with_callback_and_bool(name, heard.as_ref().unchecked_ref(), true);
            }
        }
        move || {
            for name in ["pointerdown", "keydown"] {
                if let Some(document) = &document {
                    let _ = document.remove_event_listener_with_callback_and_bool(
                        name,
                        heard.as_ref().unchecked_ref(),
                        true,
                    );
                }
            }
        }
    });
}

fn focus_button(around: &NodeRef) {
    let element = around.cast::<HtmlElement>();
    let button = element.and_then(|element| element.query_selector("button").ok().flatten());
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        // A button that cannot be focused leaves the focus on the page.
        let _ = button.focus();
    }
}
