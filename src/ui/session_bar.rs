//! The top bar's acts on the whole session: new cluster, share, embed, export.

use web_sys::{FormData, HtmlFormElement, SubmitEvent};
use yew::prelude::*;

use crate::cluster::{CONTROL_PLANES_MAX, NODES_MAX, export_objects, trace_lines};

use super::away::use_away;
use super::bookmarks_view::BookmarksDialog;
use super::controls::icon;
use super::dialog::Dialog;
use super::driver::Driver;
use super::pair_ask::CompareDialog;
use super::share::{EmbedDialog, ShareDialog};
use super::{host, keep};

/// Properties of the bar.
#[derive(Properties, PartialEq)]
pub struct BarProps {
    pub driver: Driver,
    /// A sentence for the reader.
    pub on_notice: Callback<String>,
    /// The list of keys is asked for.
    pub on_keys: Callback<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Menu,
    New,
    Share,
    Embed,
    Compare,
    Bookmarks,
}

/// The buttons, and what they open.
#[component(SessionBar)]
pub fn session_bar(props: &BarProps) -> Html {
    let open = use_state(|| Open::Nothing);
    let menu = use_node_ref();
    let show = |what: Open| {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(what))
    };
    let close = {
        let open = open.clone();
        Callback::from(move |()| open.set(Open::Nothing))
    };
    let is_menu = *open == Open::Menu;
    let toggle = show(if is_menu { Open::Nothing } else { Open::Menu });
    use_away(menu.clone(), is_menu, close.clone());
    let item = |name: &'static str, act: fn(Driver, Callback<String>)| {
        let (driver, on_notice, close) = (props.driver.clone(), props.on_notice.clone(), close.clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            close.emit(());
            act(driver.clone(), on_notice.clone());
        });
        html! { <li><button {onclick}>{ name }</button></li> }
    };
    let show_keys = {
        let (close, on_keys) = (close.clone(), props.on_keys.clone());
        Callback::from(move |_: MouseEvent| {
            close.emit(());
            on_keys.emit(());
        })
    };
    let dialog = match *open {
        Open::New => html! { <NewDialog driver={props.driver.clone()} on_close={close.clone()} /> },
        Open::Share => html! { <ShareDialog driver={props.driver.clone()} on_close={close.clone()} /> },
        Open::Embed => html! { <EmbedDialog driver={props.driver.clone()} on_close={close.clone()} /> },
        Open::Compare => html! { <CompareDialog driver={props.driver.clone()} on_close={close.clone()} /> },
        Open::Bookmarks => html! { <BookmarksDialog driver={props.driver.clone()} on_close={close.clone()} /> },
        Open::Nothing | Open::Menu => Html::default(),
    };
    html! {
        <>
        <button class="btn quiet far" onclick={show(Open::New)} aria-label="New cluster">{ icon("#i-plus") }<span>{ "New cluster" }</span></button>
        <button class="btn quiet roomy" onclick={show(Open::Compare)} aria-label="Compare" title="This run beside another">{ icon("#i-pair") }<span>{ "Compare" }</span></button>
        <button class="btn quiet" onclick={show(Open::Share)} aria-label="Share" title="A link to this run, at this moment">{ icon("#i-share") }<span>{ "Share" }</span></button>
        <button class="btn quiet far" onclick={show(Open::Embed)} aria-label="Embed">{ icon("#i-embed") }<span>{ "Embed" }</span></button>
        <div class="menu" ref={menu}>
            <button class="btn quiet" aria-label="Export" aria-expanded={is_menu.to_string()} aria-controls={is_menu.then_some("export")} onclick={toggle}>
                { icon("#i-export") }<span>{ "Export" }</span></button>
            if is_menu {
                <ul id="export" class="menulist" aria-label="Export">
                    { item("Picture, SVG", |driver, say| picture(driver, say, false)) }
                    { item("Picture, PNG", |driver, say| picture(driver, say, true)) }
                    { item("Trace, JSON lines", |driver, _| trace(&driver)) }
                    { item("Objects, YAML", |driver, say| objects(&driver, &say)) }
                    <li class="near"><button onclick={show(Open::New)}>{ "New cluster" }</button></li>
                    <li class="onphone"><button onclick={show(Open::Compare)}>{ "Compare" }</button></li>
                    <li class="onphone"><button onclick={show(Open::Bookmarks)}>{ "Bookmarks" }</button></li>
                    <li class="near"><button onclick={show(Open::Embed)}>{ "Embed" }</button></li>
                    <li class="small"><button onclick={show_keys}>{ "Keys" }</button></li>
                </ul>
            }
        </div>
        { dialog }
        </>
    }
}

fn picture(driver: Driver, say: Callback<String>, png: bool) {
    let (overlay, title) = driver.picture();
    wasm_bindgen_futures::spawn_local(async move {
        let said = host::picture(&overlay, &title, png).await.ok().and_then(|said| said.as_string());
        match said.as_deref() {
            Some("") => {}
            Some(sentence) => say.emit(sentence.to_owned()),
            None => say.emit("The picture could not be taken.".to_owned()),
        }
    });
}

fn trace(driver: &Driver) {
    let text = driver.with(|engine| {
        trace_lines(engine.session.world().kernel()).fold(String::new(), |mut text, line| {
            text.push_str(&line);
            text.push('\n');
            text
        })
    });
    host::save("kubarium-trace.jsonl", "application/x-ndjson", &text);
}

fn objects(driver: &Driver, say: &Callback<String>) {
    let (text, count) = driver.with(|engine| export_objects(&engine.session));
    if count == 0 {
        say.emit("Nobody has made an object yet: there is nothing to export.".to_owned());
        return;
    }
    host::save("kubarium.yaml", "application/yaml", &text);
}

#[derive(Properties, PartialEq)]
struct NewProps {
    driver: Driver,
    on_close: Callback<()>,
}

/// What an address says of machines that stand by; nothing where there are none.
fn standbys(planes: u32) -> String {
    if planes > 1 { format!("&controlPlanes={planes}") } else { String::new() }
}

/// A new cluster: it forgets the session and begins with the nodes and the seed chosen.
#[component(NewDialog)]
fn new_dialog(props: &NewProps) -> Html {
    let (nodes, seed, planes) = props.driver.with(|engine| {
        let config = engine.session.config();
        (config.nodes, config.seed, config.control_planes)
    });
    let onsubmit = Callback::from(|event: SubmitEvent| {
        event.prevent_default();
        let Some(form) = event.target_dyn_into::<HtmlFormElement>() else { return };
        let data = FormData::new_with_form(&form).ok();
        let field = |name: &str| data.as_ref().and_then(|data| data.get(name).as_string()).unwrap_or_default();
        let nodes = field("nodes").trim().parse().unwrap_or(3_u32).clamp(1, NODES_MAX);
        let seed = field("seed").trim().parse().unwrap_or(1_u64);
        let planes = field("planes").trim().parse().unwrap_or(1_u32).clamp(1, CONTROL_PLANES_MAX);
        keep::forget();
        if let Some(location) = web_sys::window().map(|window| window.location()) {
            // Without the address's old fragment, which would open its session again.
            let path = location.pathname().unwrap_or_default();
            let _ = location.assign(&format!("{path}?nodes={nodes}&seed={seed}{}", standbys(planes)));
        }
    });
    html! {
        <Dialog title="New cluster" on_close={props.on_close.clone()}>
            <p>{ "The session is forgotten: its objects, its acts and its timeline. The text of the editor stays." }</p>
            <form {onsubmit}>
                <div class="fields">
                    <label>{ "Nodes" }<input name="nodes" type="number" min="1" max={NODES_MAX.to_string()} value={nodes.to_string()} /></label>
                    <label>{ "Schedulers and controller managers" }<input name="planes" type="number" min="1" max={CONTROL_PLANES_MAX.to_string()} value={planes.to_string()} /></label>
                    <label>{ "Seed" }<input name="seed" type="text" inputmode="numeric" value={seed.to_string()} /></label>
                </div>
                <p class="length">{ "The same seed and the same acts give the same run, to the last message." }</p>
                <div class="row"><button class="btn solid" type="submit">{ "Start" }</button></div>
            </form>
        </Dialog>
    }
}
