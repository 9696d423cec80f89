//! The stage in a frame of another page: caption and transport only. It takes no focus, scrolls nothing,
//! and stands still as a poster until the reader starts it.

use web_sys::PointerEvent;
use yew::prelude::*;

use crate::scene::clock;
use crate::sim::SimTime;

use super::app::Ask;
use super::controls::{bound, icon};
use super::driver::Driver;
use super::pace::{SPEEDS, Speed};
use super::query::Embed;
use super::screen::Screen;
use super::share::{page_address, session_fragment};
use super::stage::{CaptionText, Plate};

/// Properties of the embedded page.
#[derive(Properties, PartialEq)]
pub struct EmbedProps {
    pub driver: Driver,
    pub screen: Screen,
    pub asked: Embed,
    pub notices: Vec<String>,
    pub on_ask: Callback<Ask>,
}

/// The page of an embed.
#[component(EmbedPage)]
pub fn embed_page(props: &EmbedProps) -> Html {
    let screen = &props.screen;
    let hide = props.asked.hide;
    // A poster until it has played once.
    let started = use_state(|| false);
    {
        let started = started.clone();
        use_effect_with(screen.playback.playing, move |playing| {
            if *playing {
                started.set(true);
            }
        });
    }
    let class = classes!("page", "embed", (!*started).then_some("poster"), hide.legend.then_some("nolegend"));
    let act = |act: fn(&Driver)| {
        let driver = props.driver.clone();
        Callback::from(move |_: MouseEvent| act(&driver))
    };
    let playing = screen.playback.playing;
    let (word, symbol) = if playing { ("Pause", "#i-pause") } else { ("Play", "#i-play") };
    html! {
        <main {class} aria-label="Kubernetes cluster">
            <Plate driver={props.driver.clone()} things={screen.things.clone()} selection={screen.selection.clone()}
                subject={None::<super::screen::Selection>} filter={screen.filter.clone()} on_ask={props.on_ask.clone()} />
            if *started {
                <h1 class="sr">{ "Kubarium" }</h1>
                if !hide.caption { <div class="cap"><CaptionText caption={screen.caption.clone()} things={screen.things.clone()} /></div> }
                if !hide.transport {
                    <div class="bar">
                        <button class="playbtn" aria-label={word} title={word} onclick={act(Driver::toggle)}>{ icon(symbol) }</button>
                        <button class="iconbtn" aria-label="Step back" title="Step back" onclick={act(Driver::step_back)}>{ icon("#i-back") }</button>
                        <button class="iconbtn" aria-label="Step forward" title="Step forward" onclick={act(Driver::step)}>{ icon("#i-fwd") }</button>
                        if !hide.timeline { <Scrub driver={props.driver.clone()} screen={screen.clone()} /> } else { <span class="sp"></span> }
                        <SpeedPick driver={props.driver.clone()} speed={screen.playback.speed} />
                        if !hide.open { <OpenFull driver={props.driver.clone()} /> }
                    </div>
                }
            } else {
                <Poster driver={props.driver.clone()} title={props.asked.title.clone()} notices={props.notices.clone()}
                    nodes={screen.things.nodes.len()} />
            }
        </main>
    }
}

#[derive(Properties, PartialEq)]
struct PosterProps {
    driver: Driver,
    title: String,
    notices: Vec<String>,
    nodes: usize,
}

/// What stands there before the start: the first moment at half strength, and Play.
#[component(Poster)]
fn poster(props: &PosterProps) -> Html {
    let driver = props.driver.clone();
    let onclick = Callback::from(move |_: MouseEvent| driver.play());
    let (acts, micros) = props.driver.with(|engine| {
        let inputs = engine.session.inputs();
        let first = inputs.first().map_or(engine.now(), |logged| logged.at);
        (inputs.len(), engine.log.horizon.since(first).as_micros() as i64)
    });
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let facts = format!(
        "{}, {}, {} of simulated time. Runs in this page.",
        plural(props.nodes, "node"),
        plural(acts, "act"),
        clock(micros)
    );
    let title = if props.title.is_empty() { "A Kubernetes cluster" } else { &props.title };
    html! {
        <>
        <div class="pcard"><button aria-label="Play" {onclick}>{ icon("#i-play") }</button></div>
        <div class="pfoot">
            <div><h1>{ title.to_owned() }</h1><p>{ facts }</p>
                { for props.notices.iter().map(|notice| html! { <p class="bad">{ notice.clone() }</p> }) }</div>
            <div class="brand"><svg aria-hidden="true"><use href="#mark" /></svg><span>{ "Kubarium" }</span></div>
        </div>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ScrubProps {
    driver: Driver,
    screen: Screen,
}

/// The run from its first act to its end as one line, with a tick for every act.
#[component(Scrub)]
fn scrub(props: &ScrubProps) -> Html {
    let (from, to, now, acts) = props.driver.with_quietly(|engine| {
        let acts: Vec<u64> = engine.session.inputs().iter().map(|logged| logged.at.0).collect();
        (engine.ready_at.0, engine.log.horizon.0, engine.now().0, acts)
    });
    let length = to.saturating_sub(from).max(1) as f64;
    let percent = move |at: u64| (at.saturating_sub(from) as f64 / length * 100.0).clamp(0.0, 100.0);
    let at = {
        let driver = props.driver.clone();
        move |event: &PointerEvent| {
            if let Some(area) = bound(event, ".scrub").map(|bar| bar.get_bounding_client_rect()) {
                let share = ((f64::from(event.client_x()) - area.left()) / area.width().max(1.0)).clamp(0.0, 1.0);
                driver.seek(SimTime(from + (length * share) as u64));
            }
        }
    };
    let onpointerdown = {
        let at = at.clone();
        Callback::from(move |event: PointerEvent| {
            if let Some(bar) = bound(&event, ".scrub") {
                // Without capture a drag ends at the edge.
                let _ = bar.set_pointer_capture(event.pointer_id());
            }
            at(&event);
        })
    };
    let onpointermove = Callback::from(move |event: PointerEvent| {
        if event.buttons() & 1 == 1 {
            at(&event);
        }
    });
    let onkeydown = {
        let driver = props.driver.clone();
        Callback::from(move |event: KeyboardEvent| {
            let tenth = (length / 20.0) as u64;
            match event.key().as_str() {
                "ArrowRight" | "ArrowUp" => driver.seek(SimTime(now + tenth)),
                "ArrowLeft" | "ArrowDown" => driver.seek(SimTime(now.saturating_sub(tenth))),
                "Home" => driver.seek(SimTime(from)),
                "End" => driver.seek(SimTime(to)),
                _ => return,
            }
            event.prevent_default();
            event.stop_propagation();
        })
    };
    html! {
        <div class="scrub" role="slider" tabindex="0" aria-label="Simulated time" aria-valuemin="0" aria-valuemax={(length as u64 / 1_000).to_string()}
            aria-valuenow={(now.saturating_sub(from) / 1_000).to_string()} aria-valuetext={clock(now as i64 - from as i64)} data-arrows=""
            {onpointerdown} {onpointermove} {onkeydown}>
            <svg aria-hidden="true">
                <rect class="way" x="0" y="15.5" height="1" width="100%" />
                { for acts.iter().map(|at| html! { <rect class="tick" x={format!("{:.2}%", percent(*at))} y="11" width="1.25" height="10" /> }) }
                <rect class="gone" x="0" y="15" height="2" width={format!("{:.2}%", percent(now))} />
                <circle cx={format!("{:.2}%", percent(now))} cy="16" r="7" />
            </svg>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct SpeedProps {
    pub driver: Driver,
    pub speed: Speed,
}

/// The speeds as a list.
#[component(SpeedPick)]
pub fn speed_pick(props: &SpeedProps) -> Html {
    let driver = props.driver.clone();
    let onchange = Callback::from(move |event: Event| {
        let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index().max(0) as usize;
        driver.set_speed(SPEEDS[index.min(SPEEDS.len() - 1)].0);
    });
    let chosen = SPEEDS.iter().position(|(speed, _)| *speed == props.speed);
    html! {
        <select class="spd" aria-label="Speed" {onchange}>
            { for SPEEDS.iter().enumerate().map(|(index, (_, name))| html! { <option selected={chosen == Some(index)}>{ *name }</option> }) }
        </select>
    }
}

#[derive(Properties, PartialEq)]
struct OpenProps {
    driver: Driver,
}

/// The same session in the whole page. The link is made when it is about to be followed.
#[component(OpenFull)]
fn open_full(props: &OpenProps) -> Html {
    let href = use_state(|| AttrValue::from(page_address()));
    let refresh = {
        let (driver, href) = (props.driver.clone(), href.clone());
        Callback::from(move |()| {
            let (driver, href) = (driver.clone(), href.clone());
            wasm_bindgen_futures::spawn_local(async move {
                if let Some(fragment) = session_fragment(&driver).await {
                    href.set(AttrValue::from(format!("{}{fragment}", page_address())));
                }
            });
        })
    };
    {
        let refresh = refresh.clone();
        use_effect_with((), move |()| refresh.emit(()));
    }
    html! {
        <a class="btn" href={(*href).clone()} target="_blank" rel="noopener" aria-label="Open in Kubarium"
            onpointerenter={refresh.reform(|_: PointerEvent| ())} onfocus={refresh.reform(|_: FocusEvent| ())}>
            <span>{ "Open in Kubarium" }</span>{ icon("#i-out") }
        </a>
    }
}
