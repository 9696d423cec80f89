//! The transport, and the tracks with their scrubber.

use web_sys::{HtmlElement, PointerEvent};
use yew::prelude::*;

use crate::scene::Tone;
use crate::sim::SimTime;

use super::bookmarks_view::{BookmarksDialog, RIBBON};
use super::controls::{Choice, bound, icon};
use super::driver::Driver;
use super::flags::Flag;
use super::pace::SPEEDS;
use super::screen::{Playback, Shared, Tracks};

/// The y of the first lane's middle, and the distance between lanes.
const FIRST_LANE: f64 = 33.5;
const LANE: f64 = 15.0;
/// Where the lanes begin: after their labels.
pub const LEFT: f64 = 112.0;
/// The axis ends here: above are ticks, acts and bookmarks, below the lanes.
const AXIS: f64 = 24.0;
/// Where bookmarks stand.
const RIBBON_Y: f64 = 16.5;
/// The reach of a mark.
const REACH: f64 = 6.0;

/// Properties of the timeline.
#[derive(Properties, PartialEq)]
pub struct TimelineProps {
    pub driver: Driver,
    pub playback: Playback,
    pub tracks: Shared<Tracks>,
}

/// The bottom of the page.
#[component(Timeline)]
pub fn timeline(props: &TimelineProps) -> Html {
    html! {
        <footer class="tl" aria-label="Timeline">
            <Transport driver={props.driver.clone()} playback={props.playback.clone()} />
            <Scrubber driver={props.driver.clone()} tracks={props.tracks.clone()} />
        </footer>
    }
}

#[derive(Properties, PartialEq)]
struct TransportProps {
    driver: Driver,
    playback: Playback,
}

#[component(Transport)]
fn transport(props: &TransportProps) -> Html {
    let on = |act: fn(&Driver)| {
        let driver = props.driver.clone();
        Callback::from(move |_: MouseEvent| act(&driver))
    };
    let playing = props.playback.playing;
    let chosen = SPEEDS.iter().position(|(speed, _)| *speed == props.playback.speed).unwrap_or(SPEEDS.len() - 1);
    let driver = props.driver.clone();
    let on_choose = Callback::from(move |index: usize| driver.set_speed(SPEEDS[index].0));
    let picked = on_choose.clone();
    let onchange = Callback::from(move |event: Event| {
        let select: web_sys::HtmlSelectElement = event.target_unchecked_into();
        picked.emit(select.selected_index().max(0) as usize);
    });
    let names: Vec<AttrValue> = SPEEDS.iter().map(|(_, name)| AttrValue::from(*name)).collect();
    let marking = use_state(|| false);
    let mark = {
        let marking = marking.clone();
        Callback::from(move |_: MouseEvent| marking.set(true))
    };
    let marked = {
        let marking = marking.clone();
        Callback::from(move |()| marking.set(false))
    };
    let run = props.playback.run;
    html! {
        <div class="trans">
            <div class="clock"><span id="clock"></span><small id="since"></small><span class="sp"></span>
                if props.playback.kept > 0 { <span class="run" role="status" title="Other runs are kept: see Compare">{ format!("Run {run}") }</span> }
                <button class="iconbtn" aria-label="Bookmarks" title="Bookmarks (B sets one)" onclick={mark}>{ icon("#i-mark") }</button>
            </div>
            if *marking { <BookmarksDialog driver={props.driver.clone()} on_close={marked} /> }
            <div class="ctl">
                <button class="iconbtn far" aria-label="To the start" title="To the start" onclick={on(Driver::to_start)}>{ icon("#i-start") }</button>
                <button class="iconbtn far" aria-label="Previous event" title="Previous event, act or fault (Shift+Left)" onclick={on(|driver| driver.step_event(false))}>{ icon("#i-evback") }</button>
                <button class="iconbtn" aria-label="Step back" title="Step back (Left)" onclick={on(Driver::step_back)}>{ icon("#i-back") }</button>
                <button class="playbtn" aria-label={if playing { "Pause" } else { "Play" }} title="Space" onclick={on(Driver::toggle)}>
                    { icon(if playing { "#i-pause" } else { "#i-play" }) }</button>
                <button class="iconbtn" aria-label="Step forward" title="Step forward (Right)" onclick={on(Driver::step)}>{ icon("#i-fwd") }</button>
                <button class="iconbtn far" aria-label="Next event" title="Next event, act or fault (Shift+Right)" onclick={on(|driver| driver.step_event(true))}>{ icon("#i-evfwd") }</button>
                <button class="iconbtn far" aria-label="To now" title="To now" onclick={on(Driver::to_horizon)}>{ icon("#i-live") }</button>
                if let Some(slowed) = props.playback.slowed {
                    <span class="note">{ format!("at 1/{slowed} of that") }</span>
                } else {
                    <span class="note"><span id="factor"></span>{ " " }<span id="event"></span></span>
                }
            </div>
            <div class="speed" data-arrows="">
                <Choice label="Speed" names={names.clone()} {chosen} {on_choose} />
                <select class="speedpick" aria-label="Speed" {onchange}>
                    { for names.iter().enumerate().map(|(index, name)| html! { <option selected={index == chosen}>{ name.clone() }</option> }) }
                </select>
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ScrubberProps {
    driver: Driver,
    tracks: Shared<Tracks>,
}

#[component(Scrubber)]
fn scrubber(props: &ScrubberProps) -> Html {
    let dragging = use_state(|| false);
    let at = {
        let driver = props.driver.clone();
        move |event: &PointerEvent| {
            if let Some((_, x, _)) = place(event) {
                driver.seek(driver.time_at(x));
            }
        }
    };
    let onpointerdown = {
        let (dragging, at) = (dragging.clone(), at.clone());
        let (driver, tracks) = (props.driver.clone(), props.tracks.clone());
        Callback::from(move |event: PointerEvent| {
            if let Some((at, told)) = place(&event).and_then(|(_, x, y)| near(&tracks, x, y)) {
                driver.seek_to_mark(at, &told);
                return;
            }
            if let Some(target) = bound(&event, ".slider") {
                // Without capture a drag ends at the edge.
                let _ = target.set_pointer_capture(event.pointer_id());
            }
            dragging.set(true);
            at(&event);
        })
    };
    let onpointermove = {
        let (dragging, tracks) = (dragging.clone(), props.tracks.clone());
        Callback::from(move |event: PointerEvent| {
            if *dragging {
                at(&event);
            } else if let Some((slider, x, y)) = place(&event) {
                let told = near(&tracks, x, y).map_or_else(String::new, |(_, told)| told);
                // Without the attribute the mark is read where it is gone to.
                let _ = slider.set_attribute("title", &told);
            }
        })
    };
    let onpointerup = {
        let dragging = dragging.clone();
        Callback::from(move |_: PointerEvent| dragging.set(false))
    };
    let onkeydown = slider_keys(&props.driver);
    let zoom = |factor: f64| {
        let driver = props.driver.clone();
        Callback::from(move |_: MouseEvent| driver.zoom(factor))
    };
    let tracks = &props.tracks;
    let micros = |at: SimTime| at.as_millis().to_string();
    html! {
        <div class="tracks">
            { drawing(tracks) }
            <div id="slider" class="slider" role="slider" tabindex="0" aria-label="Simulated time" data-arrows=""
                aria-valuemin={micros(tracks.window.from)} aria-valuemax={micros(tracks.window.to)}
                {onpointerdown} {onpointermove} onpointerup={onpointerup.clone()} onpointercancel={onpointerup} {onkeydown}>
                <div id="future" class="future"></div>
                <div id="head" class="head"><span id="headtext"></span></div>
            </div>
            <div class="zoom">
                <button aria-label="Show a longer stretch of time" title="Longer" onclick={zoom(0.25)}>{ icon("#i-minus") }</button>
                <button aria-label="Show a shorter stretch of time" title="Shorter" onclick={zoom(4.0)}>{ icon("#i-plus") }</button>
            </div>
        </div>
    }
}

/// The slider of an event, and the place of the pointer on it.
fn place(event: &PointerEvent) -> Option<(HtmlElement, f64, f64)> {
    let slider = bound(event, ".slider")?;
    let area = slider.get_bounding_client_rect();
    let (x, y) = (f64::from(event.client_x()) - area.left(), f64::from(event.client_y()) - area.top());
    Some((slider, x, y))
}

/// Everything marked: place, moment, and what is said of it.
fn marks(tracks: &Tracks) -> impl Iterator<Item = (f64, f64, SimTime, String)> + '_ {
    let flags = tracks.flags.iter().map(|(x, flag)| (*x, flag_y(flag), flag.at, flag.told()));
    let bookmarks = tracks.bookmarks.iter().map(|(x, mark)| (*x, RIBBON_Y, mark.at, mark.told()));
    flags.chain(bookmarks)
}

/// The mark under the pointer.
fn near(tracks: &Tracks, x: f64, y: f64) -> Option<(SimTime, String)> {
    let reach = |(mark_x, mark_y, _, _): &(f64, f64, SimTime, String)| {
        let same_row = if *mark_y < AXIS { y < AXIS } else { (y - mark_y).abs() < LANE / 2.0 };
        let distance = (x - mark_x).abs();
        (same_row && distance < REACH).then_some(distance)
    };
    let found = marks(tracks).filter_map(|mark| Some((reach(&mark)?, mark)));
    found.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, (_, _, at, told))| (at, told))
}

/// Where a flag stands.
fn flag_y(flag: &Flag) -> f64 {
    flag.lane.map_or(19.0, |lane| lane_y(lane) - 3.5)
}

/// Arrows step by a hundredth of the window, page keys by a tenth of the window, Home and End go to the ends.
fn slider_keys(driver: &Driver) -> Callback<KeyboardEvent> {
    let driver = driver.clone();
    Callback::from(move |event: KeyboardEvent| {
        let tenth = driver.window_micros() / 10;
        let now = driver.now().0;
        if event.shift_key() {
            return;
        }
        match event.key().as_str() {
            "ArrowRight" | "ArrowUp" => driver.seek(SimTime(now + tenth / 10)),
            "ArrowLeft" | "ArrowDown" => driver.seek(SimTime(now.saturating_sub(tenth / 10))),
            "PageUp" => driver.seek(SimTime(now + tenth)),
            "PageDown" => driver.seek(SimTime(now.saturating_sub(tenth))),
            "Home" => driver.to_start(),
            "End" => driver.to_horizon(),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    })
}

/// How high so many lanes are.
pub fn height(lanes: usize) -> f64 {
    lane_y(lanes) - 4.0
}

fn lane_y(lane: usize) -> f64 {
    FIRST_LANE + LANE * lane as f64
}

/// The lanes with everything that is marked.
pub fn drawing(tracks: &Tracks) -> Html {
    let full = LEFT + tracks.width;
    let lane = |(index, lane): (usize, &super::screen::Lane)| {
        let y = lane_y(index);
        html! {
            <g key={index}>
                <text x="14" y={(y + 3.5).to_string()}>{ lane.name.to_string() }</text>
                <path class="hairl" d={format!("M{LEFT},{}H{full}", y + 7.5)} />
                { for lane.bars.iter().map(|bar| draw_bar(bar, y)) }
            </g>
        }
    };
    let tick = |tick: &crate::scene::Tick| {
        let x = LEFT + tick.x;
        let high = if tick.label.is_some() { 6.0 } else { 2.5 };
        html! {
            <>
            <path d={format!("M{x:.2},22v-{high}")} class="rulel" />
            if let Some(label) = &tick.label { <text class="ax" x={format!("{:.2}", x + 3.0)} y="12">{ label.clone() }</text> }
            </>
        }
    };
    let flag = |(x, flag): &(f64, Flag)| {
        let (d, class) = flag.kind.shape();
        let place = format!("translate({:.2},{:.1})", LEFT + x, flag_y(flag));
        html! { <path {class} {d} transform={place} data-flag={flag.kind.name()} /> }
    };
    let ribbon = |(x, _): &(f64, super::bookmarks::Bookmark)| {
        html! { <path class="flag" d={RIBBON} transform={format!("translate({:.2},{RIBBON_Y})", LEFT + x)} data-flag="Bookmark" /> }
    };
    let fault = |(x, w, text): &(f64, f64, String)| {
        let d = format!("M{:.2},22h{w:.2}", LEFT + x);
        html! { <path class="faultl" {d}><title>{ text.clone() }</title></path> }
    };
    let thread = |((x, from), (end, to), dotted): &((f64, usize), (f64, usize), bool)| {
        let d = format!("M{:.2},{}L{:.2},{}", LEFT + x, lane_y(*from), LEFT + end, lane_y(*to));
        html! { <path class={classes!("thread", dotted.then_some("dots"))} {d} /> }
    };
    html! {
        <svg class="lanes" aria-hidden="true">
            { for tracks.lanes.iter().enumerate().map(lane) }
            { for tracks.ticks.iter().map(tick) }
            <path d={format!("M{LEFT},22H{full}")} class="rulel" />
            { for tracks.faults.iter().map(fault) }
            { for tracks.thread.iter().map(thread) }
            { for tracks.flags.iter().map(flag) }
            { for tracks.bookmarks.iter().map(ribbon) }
        </svg>
    }
}

fn draw_bar(bar: &crate::scene::Bar, y: f64) -> Html {
    let (class, height) = match bar.tone {
        Tone::Waiting => ("tb-wait", 8.0),
        Tone::Plain => ("tb-plain", 5.0),
        Tone::Grpc => ("tb-grpc", 5.0),
        Tone::Chain => ("tb-chain", 8.0),
        Tone::Failed => ("tb-fail", 8.0),
    };
    html! {
        <rect {class} x={format!("{:.2}", LEFT + bar.x)} y={(y - height / 2.0).to_string()}
            width={format!("{:.2}", bar.w)} height={height.to_string()} rx="1" />
    }
}
