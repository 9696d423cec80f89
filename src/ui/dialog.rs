//! A dialog of the browser's own: it traps the focus, closes on Escape and gives the focus back.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::HtmlDialogElement;
use yew::prelude::*;

use super::controls::icon;

/// Properties of a dialog.
#[derive(Properties, PartialEq)]
pub struct DialogProps {
    pub title: AttrValue,
    pub on_close: Callback<()>,
    #[prop_or_default]
    pub class: &'static str,
    pub children: Html,
}

/// A dialog that is open as long as it is there.
#[component(Dialog)]
pub fn dialog(props: &DialogProps) -> Html {
    let node = use_node_ref();
    {
        let (node, on_close) = (node.clone(), props.on_close.clone());
        use_effect_with((), move |()| {
            let closed: Closure<dyn FnMut()> = Closure::new(move || on_close.emit(()));
            let dialog = node.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                // Without the event the close button alone ends it.
                let _ = dialog.add_event_listener_with_callback("close", closed.as_ref().unchecked_ref());
                let _ = dialog.show_modal();
            }
            move || {
                if let Some(dialog) = dialog {
                    let _ = dialog.remove_event_listener_with_callback("close", closed.as_ref().unchecked_ref());
                    dialog.close();
                }
            }
        });
    }
    let onclick = {
        let node = node.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(dialog) = node.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        })
    };
    html! {
        <dialog class={classes!("state", "ask", props.class)} ref={node} aria-label={props.title.clone()}>
            <div class="askhead"><h1>{ props.title.clone() }</h1>
                <button class="iconbtn" aria-label="Close" {onclick}>{ icon("#i-close") }</button></div>
            { props.children.clone() }
        </dialog>
    }
}
