//! Links to the session: sharing one, and the frame that embeds it.

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::cluster::fragment;

use super::dialog::Dialog;
use super::driver::{Driver, thousands};
use super::host;

/// Some programs cut links that are longer.
const LINK_CHARS_SAFE: usize = 2_000;

/// The address of the page, without query and fragment.
pub fn page_address() -> String {
    let location = web_sys::window().map(|window| window.location());
    let part = |read: fn(&web_sys::Location) -> Result<String, wasm_bindgen::JsValue>| {
        location.as_ref().and_then(|location| read(location).ok()).unwrap_or_default()
    };
    // The origin of a sandboxed frame is "null": its parts say where it came from.
    format!(
        "{}//{}{}",
        part(web_sys::Location::protocol),
        part(web_sys::Location::host),
        part(web_sys::Location::pathname)
    )
}

/// The fragment that carries the session as it stands now.
pub async fn session_fragment(driver: &Driver) -> Option<String> {
    let text = driver.session_file().write();
    let deflated = host::deflate(&text).await.ok()?;
    Some(fragment(&deflated.to_vec()))
}

/// Takes the fragment once, when the dialog opens.
#[hook]
fn use_fragment(driver: &Driver) -> Option<AttrValue> {
    let found = use_state(|| None::<AttrValue>);
    let (driver, set) = (driver.clone(), found.clone());
    use_effect_with((), move |()| {
        wasm_bindgen_futures::spawn_local(async move {
            set.set(session_fragment(&driver).await.map(AttrValue::from));
        });
    });
    (*found).clone()
}

/// Properties of the dialogs.
#[derive(Properties, PartialEq)]
pub struct ShareProps {
    pub driver: Driver,
    pub on_close: Callback<()>,
}

#[derive(Properties, PartialEq)]
struct CopyProps {
    /// The id of the field that shows it.
    field: AttrValue,
    text: AttrValue,
    label: AttrValue,
    /// Whether it is copied as soon as it is there.
    #[prop_or_default]
    at_once: bool,
}

/// A text in a field, and the button that copies it.
#[component(CopyField)]
fn copy_field(props: &CopyProps) -> Html {
    let said = use_state(|| "");
    let act = {
        let (text, field, said) = (props.text.clone(), props.field.clone(), said.clone());
        Callback::from(move |()| {
            let (text, field, said) = (text.clone(), field.clone(), said.clone());
            wasm_bindgen_futures::spawn_local(async move {
                let done = host::copy(&text, &field).await.ok().and_then(|done| done.as_bool()).unwrap_or(false);
                said.set(if done {
                    "Copied to the clipboard."
                } else {
                    "This browser does not let the page copy: the text is selected."
                });
            });
        })
    };
    {
        let (act, at_once) = (act.clone(), props.at_once);
        use_effect_with(props.text.clone(), move |text| {
            if at_once && !text.is_empty() {
                act.emit(());
            }
        });
    }
    let onclick = act.reform(|_: MouseEvent| ());
    html! {
        <>
        <textarea id={props.field.clone()} readonly={true} aria-label={props.label.clone()} value={props.text.to_string()} rows="4" />
        <div class="row"><button class="btn solid" {onclick}>{ "Copy" }</button><p role="status">{ *said }</p></div>
        </>
    }
}

/// The link to this session.
#[component(ShareDialog)]
pub fn share_dialog(props: &ShareProps) -> Html {
    let fragment = use_fragment(&props.driver);
    let link = AttrValue::from(fragment.map(|fragment| format!("{}{fragment}", page_address())).unwrap_or_default());
    let length = link.len();
    html! {
        <Dialog title="Share this session" on_close={props.on_close.clone()}>
            <p>{ "The link holds the cluster, every act with its time, and what the page shows. Whoever opens it sees the same run at the same moment." }</p>
            if link.is_empty() { <p>{ "The session is being compressed." }</p> } else {
                <CopyField field="share-link" text={link} label="Link" at_once={true} />
                <p class="length">{ format!("{} characters.", thousands(length as u64)) }
                    if length > LINK_CHARS_SAFE { { " Some programs cut links this long." } }</p>
            }
        </Dialog>
    }
}

/// What the frame is asked for.
#[derive(Clone, PartialEq)]
struct Frame {
    width: String,
    height: u32,
    theme: &'static str,
    autoplay: bool,
    here: bool,
    hide: Vec<&'static str>,
}

const THEMES: [(&str, &str); 3] = [("", "The reader's"), ("light", "Light"), ("dark", "Dark")];
const PARTS: [(&str, &str); 5] = [
    ("caption", "Caption"),
    ("transport", "Transport"),
    ("timeline", "Scrubber"),
    ("legend", "Legend"),
    ("open", "Open in Kubarium"),
];

impl Frame {
    fn snippet(&self, page: &str, fragment: &str) -> String {
        let mut query = String::from("?embed");
        if !self.theme.is_empty() {
            query.push_str("&amp;theme=");
            query.push_str(self.theme);
        }
        if self.autoplay {
            query.push_str("&amp;autoplay=visible");
        }
        if self.here {
            query.push_str("&amp;start=here");
        }
        if !self.hide.is_empty() {
            query.push_str("&amp;hide=");
            query.push_str(&self.hide.join(","));
        }
        format!(
            "<iframe src=\"{page}{query}{fragment}\" width=\"{}\" height=\"{}\" title=\"A Kubernetes cluster, simulated\" \
             sandbox=\"allow-scripts allow-popups allow-popups-to-escape-sandbox\" loading=\"lazy\"></iframe>",
            self.width, self.height
        )
    }
}

/// The frame to paste into another page.
#[component(EmbedDialog)]
pub fn embed_dialog(props: &ShareProps) -> Html {
    let fragment = use_fragment(&props.driver);
    let frame = use_state(|| Frame {
        width: "720".to_owned(),
        height: 420,
        theme: "",
        autoplay: true,
        here: false,
        hide: Vec::new(),
    });
    let text = fragment.map(|fragment| frame.snippet(&page_address(), &fragment)).unwrap_or_default();
    let change = |act: fn(&mut Frame, String)| {
        let frame = frame.clone();
        Callback::from(move |event: Event| {
            let mut next = (*frame).clone();
            act(&mut next, event.target_unchecked_into::<HtmlInputElement>().value());
            frame.set(next);
        })
    };
    let toggle = |act: fn(&mut Frame)| {
        let frame = frame.clone();
        Callback::from(move |_: Event| {
            let mut next = (*frame).clone();
            act(&mut next);
            frame.set(next);
        })
    };
    let width = change(|frame, value| {
        frame.width =
            value.parse::<u32>().map_or_else(|_| "100%".to_owned(), |width| width.clamp(280, 4_000).to_string());
    });
    let height = change(|frame, value| frame.height = value.parse().unwrap_or(420).clamp(200, 4_000));
    let themed = {
        let frame = frame.clone();
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<HtmlSelectElement>().selected_index().max(0) as usize;
            frame.set(Frame { theme: THEMES[index.min(2)].0, ..(*frame).clone() });
        })
    };
    let part = |(part, name): &(&'static str, &'static str)| {
        let (frame, part) = (frame.clone(), *part);
        let shown = !frame.hide.contains(&part);
        let onchange = Callback::from(move |_: Event| {
            let mut next = (*frame).clone();
            if next.hide.contains(&part) {
                next.hide.retain(|hidden| *hidden != part);
            } else {
                next.hide.push(part);
            }
            frame.set(next);
        });
        html! { <label class="tick"><input type="checkbox" checked={shown} {onchange} />{ *name }</label> }
    };
    html! {
        <Dialog title="Embed this session" on_close={props.on_close.clone()}>
            <p>{ "A frame for another page: the stage, which plays this session's acts when the reader starts it." }</p>
            <div class="fields">
                <label>{ "Width" }<input type="text" inputmode="numeric" value={frame.width.clone()} onchange={width} /></label>
                <label>{ "Height" }<input type="text" inputmode="numeric" value={frame.height.to_string()} onchange={height} /></label>
                <label>{ "Theme" }<select onchange={themed}>
                    { for THEMES.iter().map(|(value, name)| html! { <option selected={frame.theme == *value}>{ *name }</option> }) }
                </select></label>
            </div>
            <fieldset class="ticks"><legend>{ "Start" }</legend>
                <label class="tick"><input type="checkbox" checked={frame.autoplay} onchange={toggle(|frame| frame.autoplay ^= true)} />{ "When it scrolls into view" }</label>
                <label class="tick"><input type="checkbox" checked={frame.here} onchange={toggle(|frame| frame.here ^= true)} />{ "At this moment, not at the first act" }</label>
            </fieldset>
            <fieldset class="ticks"><legend>{ "Shown" }</legend>{ for PARTS.iter().map(part) }</fieldset>
            if text.is_empty() { <p>{ "The session is being compressed." }</p> } else {
                <CopyField field="embed-snippet" text={text} label="HTML of the frame" />
            }
            <p class="length">{ "The site Kubarium comes from has to send the header Access-Control-Allow-Origin: * with its files: a sandboxed frame belongs to no site." }</p>
        </Dialog>
    }
}
