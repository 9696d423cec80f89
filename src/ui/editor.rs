//! The left pane: the YAML editor and the terminal.

use std::cell::RefCell;
use std::rc::Rc;

use yew::prelude::*;

use super::app::Ask;
use super::controls::{Tabs, icon};
use super::driver::thousands;
use super::examples::EXAMPLES;
use super::screen::{Entry, Marks, Shared};
use super::terminal::{Names, Terminal, desk};
use super::writing::Writing;

/// More than this is refused.
pub const BYTES_MAX: usize = 5 * 1024 * 1024;
/// Where the text is kept.
const TEXT_KEY: &str = "kubarium.editor";

/// Properties of the left pane.
#[derive(Properties, PartialEq)]
pub struct LeftProps {
    pub open: bool,
    pub tab: usize,
    /// On the phone: whether the sheet shows this pane.
    pub sheet: bool,
    pub on_tab: Callback<usize>,
    /// A tab of the other pane was chosen, on the phone.
    pub on_other: Callback<usize>,
    pub on_close: Callback<()>,
    pub marks: Shared<Marks>,
    pub terminal: Shared<Vec<Entry>>,
    pub on_ask: Callback<Ask>,
    /// The names of the cluster's objects, by kind and namespace.
    pub names: Names,
}

/// The left pane.
#[component(LeftPane)]
pub fn left_pane(props: &LeftProps) -> Html {
    let text = use_state(kept_text);
    let refusal = use_state(|| None::<String>);
    let desk = (*use_state(|| Shared::new(RefCell::new(desk())))).clone();
    let on_text = {
        let (text, refusal) = (text.clone(), refusal.clone());
        Callback::from(move |new: Rc<str>| {
            if new.len() > BYTES_MAX {
                refusal.set(Some(too_large(new.len())));
                return;
            }
            refusal.set(None);
            keep_text(&new);
            text.set(new);
        })
    };
    let on_refused = {
        let refusal = refusal.clone();
        Callback::from(move |why: String| refusal.set(Some(why)))
    };
    let close = props.on_close.reform(|_: MouseEvent| ());
    let other = props.on_other.reform(|_: MouseEvent| 0);
    html! {
        <section class={classes!("pane", "left", props.open.then_some("open"))} aria-label="Editor and terminal">
            <Tabs label="Editor and terminal" names={vec![AttrValue::from("YAML"), AttrValue::from("kubectl")]}
                chosen={props.tab} on_choose={props.on_tab.clone()} panel="left-panel">
                <button class="phonetab" onclick={other}>{ "Inspector" }</button>
                <button class="iconbtn closebtn" aria-label="Close" onclick={close}>{ icon("#i-close") }</button>
            </Tabs>
            <div id="left-panel" class="body" role="tabpanel" aria-labelledby={format!("left-panel-tab-{}", props.tab)}>
                if props.tab == 0 {
                    <Writing text={(*text).clone()} {on_text} {on_refused} refusal={(*refusal).clone()}
                        marks={props.marks.clone()} on_ask={props.on_ask.clone()} names={props.names.clone()} />
                } else {
                    <Terminal {desk} entries={props.terminal.clone()} text={(*text).clone()} on_ask={props.on_ask.clone()}
                        names={props.names.clone()} />
                }
            </div>
        </section>
    }
}

thread_local! {
    /// The text as it was last written, for where the browser keeps nothing.
    static WRITTEN: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
}

/// The editor's text.
pub fn current_text() -> Rc<str> {
    WRITTEN.with_borrow(Clone::clone).unwrap_or_else(kept_text)
}

fn kept_text() -> Rc<str> {
    let storage = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
    let kept = storage.and_then(|storage| storage.get_item(TEXT_KEY).ok().flatten());
    Rc::from(kept.as_deref().unwrap_or(EXAMPLES[0].manifest()))
}

/// The text of the first example.
pub fn first_example() -> &'static str {
    EXAMPLES[0].manifest()
}

/// Begins with `text` where the reader has not written anything yet.
pub fn offer_text(text: &str) {
    let storage = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
    let written = storage.and_then(|storage| storage.get_item(TEXT_KEY).ok().flatten());
    if written.is_none() {
        keep_text(text);
    }
}

fn keep_text(text: &str) {
    WRITTEN.set(Some(Rc::from(text)));
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.session_storage()) {
        // A full storage only costs the text its survival.
        let _ = storage.set_item(TEXT_KEY, text);
    }
}

/// What is said of a text that is not taken.
pub fn too_large(bytes: usize) -> String {
    format!(
        "The text has {} bytes. The editor takes at most 5 MiB, as much as the API server would never accept.",
        thousands(bytes as u64)
    )
}
