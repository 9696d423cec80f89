//! The gallery of examples: a dialog over the page.

use std::rc::Rc;

use web_sys::HtmlDialogElement;
use yew::prelude::*;

use super::controls::icon;
use super::examples::{EXAMPLES, Example, GROUPS, is_own};

/// Properties of the gallery.
#[derive(Properties, PartialEq)]
pub struct GalleryProps {
    /// The editor's text, which an example takes the place of.
    pub text: Rc<str>,
    /// Whether the editor's undo brings the old text back.
    pub undo: bool,
    pub on_choose: Callback<Rc<str>>,
    pub on_close: Callback<()>,
}

/// The dialog: open as long as it is there. Escape closes it.
#[component(Gallery)]
pub fn gallery(props: &GalleryProps) -> Html {
    let dialog = use_node_ref();
    // An example that waits for the word that the old text may go.
    let asked = use_state(|| None::<Example>);
    {
        let dialog = dialog.clone();
        use_effect_with((), move |()| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                // A dialog that cannot be modal is still there, in its place.
                let _ = dialog.show_modal();
            }
        });
    }
    let choose = {
        let (on_choose, on_close) = (props.on_choose.clone(), props.on_close.clone());
        Callback::from(move |example: Example| {
            on_choose.emit(Rc::from(example.manifest()));
            on_close.emit(());
        })
    };
    // Undo brings a text back; without it somebody is asked first.
    let asks = is_own(&props.text) && !props.undo;
    let pick = {
        let (asked, choose) = (asked.clone(), choose.clone());
        Callback::from(move |example: Example| if asks { asked.set(Some(example)) } else { choose.emit(example) })
    };
    let onclose = props.on_close.reform(|_: Event| ());
    let close = props.on_close.reform(|_: MouseEvent| ());
    let question = (*asked).map(|example| {
        let (choose, asked) = (choose.clone(), asked.clone());
        html! {
            <div class="ask" role="alert">
                <p>{ format!("“{}” takes the place of what you wrote, which is lost.", example.title()) }</p>
                <button class="btn solid" onclick={move |_: MouseEvent| choose.emit(example)}>{ "Replace it" }</button>
                <button class="btn" onclick={move |_: MouseEvent| asked.set(None)}>{ "Keep mine" }</button>
            </div>
        }
    });
    html! {
        <dialog class="gallery" ref={dialog} aria-labelledby="gallery-title" {onclose}>
            <header>
                <h2 id="gallery-title">{ "Examples" }</h2>
                <p>{ "Each opens in the editor. Apply sends it to the API server." }</p>
                <button class="iconbtn" aria-label="Close" onclick={close}>{ icon("#i-close") }</button>
            </header>
            { for question }
            <div class="groups">{ for GROUPS.into_iter().map(|name| group(name, &pick)) }</div>
        </dialog>
    }
}

fn group(name: &'static str, pick: &Callback<Example>) -> Html {
    let card = |example: &Example| {
        let (pick, example) = (pick.clone(), *example);
        html! {
            <li>
                <button onclick={move |_: MouseEvent| pick.emit(example)}>
                    <strong>{ example.title() }</strong>
                    <span>{ example.look() }</span>
                    if let Some(line) = example.then() { <code>{ line }</code> }
                </button>
            </li>
        }
    };
    html! {
        <section>
            <h3>{ name }</h3>
            <ul>{ for EXAMPLES.iter().filter(|example| example.group() == name).map(card) }</ul>
        </section>
    }
}
