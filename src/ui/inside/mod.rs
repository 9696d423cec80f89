//! The zoom level inside a component or a pod: what it holds, read live, as text and tables with headings.

mod apiserver;
mod controller_manager;
mod etcd;
mod level;
mod scheduler;
mod sheet;
mod what_if;
mod workers;

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, SvgElement};
use yew::prelude::*;

use crate::cluster::inside::{Inside, Look, Plain, Sheet};

use super::app::Ask;
use super::controls::{icon, packet_mark};
use super::screen::{Selection, Shared};
pub use level::{Crossing, Level, level, place_of, thing_of};

/// Properties of a level.
#[derive(Properties, PartialEq)]
pub struct LevelProps {
    pub level: Shared<Level>,
    pub on_ask: Callback<Ask>,
}

/// The level.
#[component(Inner)]
pub fn inner(props: &LevelProps) -> Html {
    let (level, on_ask) = (&props.level, &props.on_ask);
    use_effect_with(level.place.clone(), |place| {
        focus("#inside-title");
        let mark = thing_of(place).mark();
        // Back on the cluster, the thing that was open has the focus again.
        move || {
            let again = move || focus(&format!("[data-pick='{mark}'][role=button]"));
            gloo_timers::callback::Timeout::new(0, again).forget();
        }
    });
    let close = on_ask.reform(|_: MouseEvent| Ask::Open(None));
    let onkeydown = {
        let on_ask = on_ask.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                event.prevent_default();
                on_ask.emit(Ask::Open(None));
            }
        })
    };
    let body = match &level.inside {
        Inside::ApiServer(inside) => apiserver::apiserver(inside, &level.look, on_ask),
        Inside::Etcd(inside) => etcd::etcd(inside, &level.look, on_ask),
        Inside::Scheduler(inside) => scheduler::scheduler(inside, &level.look, on_ask),
        Inside::ControllerManager(inside) => controller_manager::controller_manager(inside, &level.look, on_ask),
        Inside::Plain(inside) => plain(inside, on_ask),
        Inside::Gone => html! { <p class="part">{ "It does not exist at this time." }</p> },
    };
    html! {
        <section class="inside" aria-labelledby="inside-title" data-arrows="" {onkeydown}>
            <header>
                <button class="btn" onclick={close}>{ icon("#i-back") }{ "Back to the cluster" }</button>
                <h2 id="inside-title" tabindex="-1">{ format!("Inside {}", level.name) }</h2>
                if level.stopped { <span class="st bad">{ "stopped" }</span> }
            </header>
            if !level.place.process().is_empty() {
                <div class="edge">
                    { side("Coming in", "from", &level.entering, on_ask) }
                    { side("Going out", "to", &level.leaving, on_ask) }
                </div>
            }
            { body }
        </section>
    }
}

/// Puts the focus on the element that a selector names, if it is there.
fn focus(selector: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(element) = document.and_then(|document| document.query_selector(selector).ok().flatten()) else { return };
    // An element that cannot take the focus leaves it where it was.
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    } else if let Some(element) = element.dyn_ref::<SvgElement>() {
        let _ = element.focus();
    }
}

/// The packets at one side of the edge.
fn side(title: &str, word: &'static str, (packets, total): &(Vec<Crossing>, usize), on_ask: &Callback<Ask>) -> Html {
    let packet = |packet: &Crossing| {
        let id = packet.id;
        let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
        html! {
            <li key={id.0}><button {onclick}>
                { packet_mark(Some(packet.kind)) }<code>{ packet.text.clone() }</code><span>{ format!("{word} {}", packet.other) }</span>
                <svg class="way" aria-hidden="true" viewBox="0 0 100 4" preserveAspectRatio="none">
                    <rect width={packet.percent.to_string()} height="4" />
                </svg>
            </button></li>
        }
    };
    html! {
        <div>
            <h3>{ title.to_owned() }<small>{ sheet::count(packets.len(), *total) }</small></h3>
            <ul>{ for packets.iter().map(packet) }</ul>
        </div>
    }
}

/// Facts and tables.
fn plain(inside: &Plain, on_ask: &Callback<Ask>) -> Html {
    let sheet = |sheet: &Sheet| match sheet.title.as_str() {
        workers::WORKERS => workers::workers(sheet),
        _ => sheet::sheet(sheet, on_ask),
    };
    html! { <>{ sheet::facts(&inside.facts) }{ for inside.sheets.iter().map(sheet) }</> }
}

/// Asks for another look: `change` says in what it differs.
fn looking<E: 'static>(look: &Look, on_ask: &Callback<Ask>, change: impl Fn(&mut Look) + 'static) -> Callback<E> {
    let look = look.clone();
    on_ask.reform(move |_: E| {
        let mut look = look.clone();
        change(&mut look);
        Ask::Look(look)
    })
}
