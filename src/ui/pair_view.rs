//! Two runs beside each other on the screen: what the comparison found, one clock, key figures, and for each
//! run the pods Ready over time, the lanes, and what happens at the moment.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, PointerEvent};
use yew::prelude::*;

use crate::scene::clock;
use crate::sim::SimTime;

use super::controls::{bound, icon, phase_mark};
use super::dialog::Dialog;
use super::driver::Driver;
use super::embed::SpeedPick;
use super::pair::{Figure, PairView, Pairing, SideView};
use super::pair_words::changed_lines;
use super::screen::{Shared, Tracks};
use super::timeline::{LEFT, drawing, height};

/// The height of the curve above the lanes.
const CURVE: f64 = 50.0;
/// Pods that are named at a moment.
const PODS_MAX: usize = 12;

/// Properties of the view.
#[derive(Properties, PartialEq)]
pub struct PairProps {
    pub driver: Driver,
    pub view: Shared<PairView>,
}

/// The view, over the whole page.
#[component(PairDialog)]
pub fn pair_dialog(props: &PairProps) -> Html {
    let (driver, view) = (&props.driver, &props.view);
    {
        let driver = driver.clone();
        use_effect_with((), move |()| driver.resize());
    }
    let on_close = {
        let driver = driver.clone();
        Callback::from(move |()| driver.end_compare())
    };
    let onkeydown = {
        let driver = driver.clone();
        Callback::from(move |event: KeyboardEvent| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            let on = |selector: &str| target.as_ref().is_some_and(|on| on.closest(selector).ok().flatten().is_some());
            match event.key().as_str() {
                " " if !on("button, input, select, summary") => driver.with_pair(|pair| pair.playing ^= true),
                "ArrowLeft" if !on("input, select") => driver.with_pair(|pair| pair.step(false)),
                "ArrowRight" if !on("input, select") => driver.with_pair(|pair| pair.step(true)),
                _ => return,
            }
            event.prevent_default();
        })
    };
    let title = format!("Compare: A is {}, B is {}", view.sides[0].name, view.sides[1].name);
    html! {
        <Dialog {title} class="pair" {on_close}>
            <div class="pairbody" {onkeydown}>
                { verdict(driver, view) }
                { transport(driver, view) }
                { figures(&view.figures) }
                <div class="cols">
                    { for view.sides.iter().zip(["A", "B"]).map(|(side, letter)| column(driver, view, side, letter)) }
                </div>
            </div>
        </Dialog>
    }
}

fn on(driver: &Driver, act: fn(&mut Pairing)) -> Callback<MouseEvent> {
    let driver = driver.clone();
    Callback::from(move |_: MouseEvent| driver.with_pair(act))
}

/// What the comparison found, and what was changed.
fn verdict(driver: &Driver, view: &PairView) -> Html {
    let done = view.reached >= view.until;
    html! {
        <div class="verdict">
            <div role="status">{ for view.verdict.iter().map(|told| html! { <p>{ quoted(told) }</p> }) }</div>
            if view.parting.is_some() {
                <button class="btn solid" onclick={on(driver, Pairing::go_to_difference)}>{ "Go to the first difference" }</button>
            } else if !done {
                <progress aria-label="Both are run" max="100" value={percent(view, view.reached).to_string()}></progress>
            }
            if !view.lines.is_empty() {
                <details><summary>{ "The lines that were changed" }</summary>{ changed_lines(&view.lines) }</details>
            }
        </div>
    }
}

/// A sentence with what stands between backquotes as code.
fn quoted(told: &str) -> Html {
    let piece = |(index, piece): (usize, &str)| {
        if index % 2 == 1 {
            html! { <code>{ piece.to_owned() }</code> }
        } else {
            html! { { piece.to_owned() } }
        }
    };
    html! { <>{ for told.split('`').enumerate().map(piece) }</> }
}

fn percent(view: &PairView, at: SimTime) -> f64 {
    let whole = view.until.since(view.origin).as_micros().max(1) as f64;
    (at.since(view.origin).as_micros() as f64 / whole * 100.0).min(100.0)
}

/// One clock for both.
fn transport(driver: &Driver, view: &PairView) -> Html {
    let oninput = {
        let driver = driver.clone();
        Callback::from(move |event: InputEvent| {
            let value = event.target_unchecked_into::<HtmlInputElement>().value_as_number();
            if value.is_finite() {
                driver.with_pair(|pair| {
                    pair.playing = false;
                    pair.seek(SimTime(value as u64));
                });
            }
        })
    };
    let since = clock(view.at.0 as i64 - view.origin.0 as i64);
    let (word, symbol) = if view.playing { ("Pause", "#i-pause") } else { ("Play", "#i-play") };
    let mark = view.parting.map(|at| format!("{:.2}%", percent(view, at)));
    html! {
        <div class="pairbar">
            <button class="iconbtn" aria-label="Step back" title="Step back (Left)" onclick={on(driver, |pair| pair.step(false))}>{ icon("#i-back") }</button>
            <button class="playbtn" aria-label={word} title={word} onclick={on(driver, |pair| pair.playing ^= true)}>{ icon(symbol) }</button>
            <button class="iconbtn" aria-label="Step forward" title="Step forward (Right)" onclick={on(driver, |pair| pair.step(true))}>{ icon("#i-fwd") }</button>
            <output class="mono">{ since.clone() }</output>
            <div class="scrubber">
                <input type="range" aria-label="Simulated time of both runs" min={view.origin.0.to_string()} max={view.until.0.to_string()} step="1"
                    value={view.at.0.to_string()} aria-valuetext={since} {oninput} />
                if let Some(x) = mark { <svg aria-hidden="true"><svg {x} y="0" overflow="visible"><path class="parting" d="M-5,0h10l-5,8z" /></svg></svg> }
            </div>
            <SpeedPick driver={driver.clone()} speed={view.speed} />
            <button class="iconbtn" aria-label="Show a longer stretch of time" title="Longer" onclick={on(driver, |pair| pair.zoom(0.25))}>{ icon("#i-minus") }</button>
            <button class="iconbtn" aria-label="Show a shorter stretch of time" title="Shorter" onclick={on(driver, |pair| pair.zoom(4.0))}>{ icon("#i-plus") }</button>
            <button class="btn" disabled={view.reached < view.until} onclick={on(driver, Pairing::extend)}>{ "Run both on for 20 s" }</button>
        </div>
    }
}

fn figures(figures: &[Figure]) -> Html {
    let row = |index: usize| {
        let letter = ["A", "B"][index];
        html! {
            <tr><th scope="row">{ letter }</th>
                { for figures.iter().map(|figure| {
                    let differs = figure.values[0] != figure.values[1];
                    html! { <td class={differs.then_some("differs")}>{ figure.values[index].clone() }
                        if differs { <span class="sr">{ ", differs" }</span> }</td> }
                }) }
            </tr>
        }
    };
    html! {
        <div class="figures" tabindex="0" role="region" aria-label="Key figures"><table>
            <thead><tr><td></td>{ for figures.iter().map(|figure| html! { <th scope="col">{ figure.name }</th> }) }</tr></thead>
            <tbody>{ row(0) }{ row(1) }</tbody>
        </table></div>
    }
}

#[derive(Properties, PartialEq)]
struct LanesProps {
    tracks: Shared<Tracks>,
}

/// The lanes: drawn anew only when they change.
#[component(PairLanes)]
fn pair_lanes(props: &LanesProps) -> Html {
    drawing(&props.tracks)
}

fn column(driver: &Driver, view: &PairView, side: &SideView, letter: &'static str) -> Html {
    let seek = {
        let driver = driver.clone();
        Callback::from(move |event: PointerEvent| {
            let area = bound(&event, ".pairtracks");
            let Some(area) = area.filter(|_| event.buttons() & 1 == 1).map(|area| area.get_bounding_client_rect())
            else {
                return;
            };
            if let Some(at) = driver.pair_time_at(f64::from(event.client_x()) - area.left() - LEFT) {
                driver.with_pair(|pair| {
                    pair.playing = false;
                    pair.seek(at);
                });
            }
        })
    };
    let more = side.pods.len().saturating_sub(PODS_MAX);
    let high = CURVE + height(side.tracks.lanes.len());
    html! {
        <section class="col" aria-label={format!("{letter}: {}", side.name)}>
            <h2><b>{ letter }</b>{ side.name.clone() }</h2>
            <p class="now">{ for side.told.0.iter().map(|(bold, run)| if *bold { html! { <b>{ run }</b> } } else { html! { run } }) }</p>
            <div class="pairtracks" id={(letter == "A").then_some("pair-a")} onpointerdown={seek.clone()} onpointermove={seek}>
                <svg class="curve" height={CURVE.to_string()} aria-hidden="true">{ curve(view, side) }</svg>
                <svg class="body" height={height(side.tracks.lanes.len()).to_string()} aria-hidden="true"><PairLanes tracks={side.tracks.clone()} /></svg>
                <svg class="over" height={high.to_string()} aria-hidden="true">
                    if let Some(x) = view.mark { <path class="partline" d={format!("M{:.2},0V{high}", LEFT + x)} /> }
                    <path class="headline" d={format!("M{:.2},0V{high}", LEFT + view.head)} />
                </svg>
            </div>
            <ol class="recent" aria-label={format!("Last messages of {letter}")}>
                { for side.recent.iter().map(|row| html! {
                    <li class={row.first.then_some("first")}><span>{ row.at.clone() }</span><span class="what">{ row.text.clone() }
                        if row.first { { " (the first difference)" } }</span><span class="to">{ row.ends.clone() }</span></li> }) }
            </ol>
            <ul class="podrow" aria-label={format!("Pods of {letter} at this moment")}>
                { for side.pods.iter().take(PODS_MAX).map(|(name, phase, word)| html! {
                    <li key={name.to_string()}>{ phase_mark(*phase) }<code>{ name.to_string() }</code><span>{ word.to_string() }</span></li> }) }
                if more > 0 { <li>{ format!("and {more} more") }</li> }
                if side.pods.is_empty() { <li>{ "No pods at this moment." }</li> }
            </ul>
        </section>
    }
}

/// Pods Ready, as steps.
fn curve(view: &PairView, side: &SideView) -> Html {
    let y = |ready: usize| CURVE - 8.0 - ready as f64 / view.most.max(1) as f64 * (CURVE - 20.0);
    let mut d = String::new();
    for (index, (x, ready)) in side.curve.iter().enumerate() {
        let step = if index == 0 {
            format!("M{:.1},{:.1}", LEFT + x, y(*ready))
        } else {
            format!("H{:.1}V{:.1}", LEFT + x, y(*ready))
        };
        d.push_str(&step);
    }
    let window = side.tracks.window;
    d.push_str(&format!("H{:.1}", LEFT + window.x(view.reached, side.tracks.width).clamp(0.0, side.tracks.width)));
    let full = LEFT + side.tracks.width;
    html! {
        <>
        <text x="14" y="29">{ "Pods Ready" }</text>
        <text class="ax" x={(LEFT - 8.0).to_string()} y={(y(view.most) + 4.0).to_string()} text-anchor="end">{ view.most }</text>
        <text class="ax" x={(LEFT - 8.0).to_string()} y={(y(0) + 4.0).to_string()} text-anchor="end">{ "0" }</text>
        <path class="hairl" d={format!("M{LEFT},{:.1}H{full}M{LEFT},{:.1}H{full}", y(0), y(view.most))} />
        if !side.curve.is_empty() { <path class="ready" {d} /> }
        </>
    }
}
