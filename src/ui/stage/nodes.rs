//! Node cards: gauges, agents, pods.

use std::sync::Arc;

use yew::prelude::*;

use crate::cluster::{NodeView, Phase, PodView};
use crate::scene::{Card, Form, Grid, Level, Rect, places_for, rect, short_cell_name};
use crate::sim::persistent::OrdMap;

use super::super::faults::{filled, spoken};
use super::super::screen::{Selection, Things, glyph};
use super::boxes::{crop, fact, frame, handle, has_agents, label, power, state_word};

/// A gauge as wide as this has room for the number of its pods.
const GAUGE_LABELLED: f64 = 24.0;
/// What is pressed is at least so high.
const TARGET_MIN: f64 = 24.0;

/// Every node, in order.
pub fn nodes(things: &Things, picked: Option<&Selection>, subject: Option<&Selection>) -> Html {
    let mut pods: OrdMap<&str, Vec<&PodView>> = OrdMap::new();
    for pod in things.pods.iter().filter(|pod| !pod.node.is_empty()) {
        pods.entry(&pod.node).or_default().push(pod);
    }
    let cards = things.sites.nodes().iter().zip(&things.layout.cards).map(|(name, card)| {
        let own = pods.get(&**name).map(Vec::as_slice).unwrap_or_default();
        if things.layout.level == Level::Racks {
            gauge(things, name, card, own.len(), picked)
        } else {
            node(things, name, card, own, picked, subject)
        }
    });
    html! {
        <>
        { for things.layout.racks.iter().map(|rack| frame("band", *rack, "3")) }
        { for things.layout.racks.iter().enumerate().map(|(index, rack)| {
            label("small s", rack.x + 4.0, rack.y + 12.0, format!("rack {}", index + 1))
        }) }
        { for cards }
        </>
    }
}

fn share((used, whole): (u64, u64)) -> f64 {
    if whole == 0 { 0.0 } else { (used as f64 / whole as f64).min(1.0) }
}

/// A node of a rack: a gauge that fills with the requested CPU.
fn gauge(things: &Things, name: &Arc<str>, card: &Card, pods: usize, picked: Option<&Selection>) -> Html {
    let view = things.node(name);
    let mark = Selection::Node(name.clone());
    let filled = view.map_or(0.0, |view| share(view.cpu_millis));
    let step = match filled {
        filled if filled < 0.3 => "u1",
        filled if filled < 0.5 => "u2",
        filled if filled < 0.7 => "u3",
        filled if filled < 0.88 => "u4",
        _ => "u5",
    };
    let area = card.rect;
    let high = (area.h - 2.0) * filled;
    let up = view.is_some_and(|view| view.ready && view.powered);
    let state = view.map_or("unknown", |view| &view.status);
    html! {
        <g key={name.to_string()} class={classes!("thing", (!up).then_some("off"))}>
            { frame(if up { "gauge" } else { "box" }, area, "1") }
            <rect class={step} x={(area.x + 1.0).to_string()} y={(area.bottom() - 1.0 - high).to_string()}
                width={(area.w - 2.0).to_string()} height={high.to_string()} />
            if area.w >= GAUGE_LABELLED {
                <g aria-hidden="true">
                    { frame("cover", rect(area.x + 3.0, area.y + 3.0, area.w - 6.0, 13.0), "1") }
                    { label("m small c", area.center().x, area.y + 13.5, if up { pods.to_string() } else { "off".to_owned() }) }
                </g>
            }
            { handle(area, &mark, format!("{name}, {state}, {pods} pods"), false) }
            if picked == Some(&mark) { { crop(area) } }
        </g>
    }
}

fn node(
    things: &Things,
    name: &Arc<str>,
    card: &Card,
    pods: &[&PodView],
    picked: Option<&Selection>,
    subject: Option<&Selection>,
) -> Html {
    let view = things.node(name);
    let mark = Selection::Node(name.clone());
    let powered = view.is_none_or(|view| view.powered);
    let selected = picked == Some(&mark);
    let phone = things.form().is_small();
    let status = view.map_or("not registered", |view| &view.status);
    let (act, verb) = if powered { ("off", "Power off") } else { ("on", "Power on") };
    let corner = card.rect.right();
    let off = if powered { "" } else { ", powered off" };
    let filled = filled(things, name);
    let full = if filled.is_empty() { String::new() } else { format!(", filled: {filled}") };
    let spoken = format!("{name}, {status}, {} pods{off}{full}", pods.len());
    html! {
        <g key={name.to_string()} class={classes!("group", selected.then_some("sel"))}>
            <g class={classes!("thing", (!powered).then_some("off"))}>
                { frame("band", card.rect, "4") }
                <g aria-hidden="true">{ title(things, name, card, view, powered) }</g>
                { handle(card.rect, &mark, spoken, false) }
            </g>
            if has_agents(things.layout.level) { { agents(things, name, card, picked) } }
            { cells(things, card, pods, picked, subject) }
            if !phone { { power(corner - 24.0, card.rect.y - 10.0, format!("{act} {name}"), format!("{verb} {name}"), "#i-power", !powered) } }
            if selected { { crop(card.rect) } }
        </g>
    }
}

/// The name, the gauges, and the state where it is not Ready.
fn title(things: &Things, name: &Arc<str>, card: &Card, view: Option<&NodeView>, powered: bool) -> Html {
    let area = card.rect;
    let phone = things.form().is_small();
    let short = if things.form() == Form::Phone { name.trim_start_matches("node-") } else { name };
    let (x, y) = if phone { (area.x + 8.0, area.y + 20.0) } else { (area.x + 12.0, area.y + 19.0) };
    let filled = filled(things, name);
    let state = match view {
        Some(_) if !powered => Some(("off", true)),
        Some(view) if !view.ready => Some((&*view.status, true)),
        Some(_) if !filled.is_empty() => Some((&*filled, true)),
        Some(view) if view.unschedulable => Some(("cordoned", false)),
        _ => None,
    };
    let compact = things.layout.level == Level::Compact;
    let (state_x, state_y) =
        if phone { (area.right() - 6.0, area.y + 20.0) } else { (area.right() - 12.0, area.y + 19.0) };
    html! {
        <>
        { label("t", x, if compact && phone { area.y + 12.0 } else { y }, short.to_owned()) }
        if let Some((state, bad)) = state {
            { label(if bad { "small down e" } else { "small s e" }, state_x, state_y, state.to_owned()) }
        }
        if let Some(view) = view.filter(|_| !phone && !compact) {
            { meter(area.x + 12.0, area.y + 30.0, "cpu", share(view.cpu_millis)) }
            { meter(area.x + 12.0, area.y + 43.0, "mem", share(view.memory_bytes)) }
        }
        </>
    }
}

fn meter(x: f64, y: f64, name: &'static str, share: f64) -> Html {
    html! {
        <>
        { label("s small", x, y + 6.5, name) }
        { frame("track", rect(x + 30.0, y, 34.0, 6.0), "1") }
        <rect class="fillg" x={(x + 30.0).to_string()} y={y.to_string()} width={format!("{:.2}", 34.0 * share)} height="6" rx="1" />
        </>
    }
}

/// The area that takes a press where what is drawn is lower.
fn target(area: Rect) -> Rect {
    let more = (TARGET_MIN - area.h).max(0.0) / 2.0;
    rect(area.x, area.y - more, area.w, area.h + 2.0 * more)
}

/// The kubelet and the runtime.
fn agents(things: &Things, node: &Arc<str>, card: &Card, picked: Option<&Selection>) -> Html {
    let phone = things.form().is_small();
    let compact = things.layout.level == Level::Compact;
    let agent = |prefix: &str, area: Rect, content: Html| {
        let name = format!("{prefix}/{node}");
        let running = things.component(&name).is_none_or(|view| view.running);
        let mark = Selection::Component(Arc::from(name.as_str()));
        let frozen = things.component(&name).is_some_and(|view| view.frozen);
        let state = spoken(things, &name);
        html! {
            <g class={classes!("thing", (!running).then_some("off"), frozen.then_some("frozen"))}>
                { frame("box", area, "3") }
                <g aria-hidden="true">{ content }
                    if frozen && !phone { { state_word(area, "frozen") } }
                </g>
                { handle(target(area), &mark, format!("{name}{state}"), false) }
                if picked == Some(&mark) { { crop(area) } }
            </g>
        }
    };
    let runtime = card.runtime;
    let sandboxes = things
        .component(&format!("containerd/{node}"))
        .and_then(|view| fact(view, "sandboxes").cloned())
        .map(|count| if &*count == "1" { "1 sandbox".to_owned() } else { format!("{count} sandboxes") });
    let middle = |area: Rect| area.center().y + 4.0;
    let shelf = match (phone, compact) {
        (true, _) => Html::default(),
        (_, true) => label("c small", runtime.center().x, middle(runtime), "containerd"),
        _ => html! {
            <>
            { label("", runtime.x + 10.0, middle(runtime), "containerd") }
            { label("s e", runtime.right() - 10.0, middle(runtime), sandboxes.unwrap_or_default()) }
            </>
        },
    };
    let kubelet = if phone && compact {
        Html::default()
    } else {
        label("b c", card.kubelet.center().x, middle(card.kubelet), "kubelet")
    };
    html! {
        <>
        { agent("kubelet", card.kubelet, kubelet) }
        { agent("containerd", runtime, shelf) }
        </>
    }
}

/// The pods in their places, or a count per phase where there are too many.
fn cells(
    things: &Things,
    card: &Card,
    pods: &[&PodView],
    picked: Option<&Selection>,
    subject: Option<&Selection>,
) -> Html {
    let highest = pods.iter().filter_map(|pod| things.places.of(&pod.uid)).max().map_or(0, |place| place + 1);
    let (grid, places) = places_for(things.form(), things.layout.level, card, highest.max(pods.len()));
    if grid == Grid::Counts {
        return counts(card, pods, things.form());
    }
    let taken: OrdMap<usize, &PodView> =
        pods.iter().filter_map(|pod| Some((things.places.of(&pod.uid)?, *pod))).collect();
    let place = |(index, area): (usize, &Rect)| match taken.get(&index) {
        Some(pod) => cell(pod, *area, grid, things.form(), picked, subject),
        None if matches!(grid, Grid::Glyphs { .. }) => Html::default(),
        None => {
            let inner = rect(area.x + 0.5, area.y + 0.5, area.w - 1.0, area.h - 1.0);
            html! { <g key={index}>{ frame("slot", inner, "2.5") }</g> }
        }
    };
    html! { <>{ for places.iter().enumerate().map(place) }</> }
}

fn cell(
    pod: &PodView,
    area: Rect,
    grid: Grid,
    form: Form,
    picked: Option<&Selection>,
    subject: Option<&Selection>,
) -> Html {
    let (symbol, colour) = glyph(pod.phase);
    let mark = Selection::Pod(pod.uid.clone());
    let selected = picked == Some(&mark) || subject == Some(&mark);
    let restarts = if pod.restarts > 0 { format!(", {} restarts", pod.restarts) } else { String::new() };
    let name = format!("{}, {}{restarts}", pod.name, pod.status);
    let status_class: &'static str = match colour {
        "p-run" => "pt p-run",
        "p-pend" => "pt p-pend",
        "p-ok" => "pt p-ok",
        "p-fail" => "pt p-fail",
        "p-unk" => "pt p-unk",
        _ => "pt p-term",
    };
    let tail = pod.name.rsplit('-').next().unwrap_or(&pod.name);
    let content = match (grid, form) {
        (Grid::Named, Form::Embed | Form::Wide) => html! {
            <>
            { mark_at(symbol, colour, area.x + 14.0, area.y + 15.0, 1.0, pod) }
            { label("m", area.x + 26.0, area.y + 19.0, short_cell_name(&pod.name)) }
            { status_text(status_class, area.x + 8.0, area.y + 34.0, &pod.status) }
            </>
        },
        (Grid::Named, Form::Phone) => html! {
            <>
            { mark_at(symbol, colour, area.x + 9.0, area.center().y, 0.75, pod) }
            { label("m", area.x + 17.5, area.center().y + 4.0, tail.chars().take(5).collect::<String>()) }
            <text class={classes!(status_class, "e")} x={(area.right() - 5.0).to_string()} y={(area.center().y + 4.0).to_string()}>
                { short_status(&pod.status) }</text>
            </>
        },
        (Grid::Short, _) => {
            let last: String = tail.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
            let scale = if form.is_small() { 0.7 } else { 1.0 };
            html! {
                <>
                { mark_at(symbol, colour, area.x + 14.0 * scale, area.center().y, scale, pod) }
                { label("m", area.x + 26.0 * scale, area.center().y + 4.0, last) }
                </>
            }
        }
        _ => mark_at(symbol, colour, area.center().x, area.center().y, (area.w / 20.0).min(1.0), pod),
    };
    let framed = matches!(grid, Grid::Named | Grid::Short);
    let resource = format!("delete pod {} -n {}", pod.name, pod.namespace);
    html! {
        <g key={pod.uid.to_string()} class={classes!("group", selected.then_some("sel"))}>
            <g class="thing">
                <title>{ name.clone() }</title>
                { frame(if framed { "cell" } else { "hit" }, area, "2.5") }
                <g aria-hidden="true">{ content }</g>
                { handle(area, &mark, name, false) }
            </g>
            if grid == Grid::Named && form == Form::Wide {
                { power(area.right() - 20.0, area.bottom() - 20.0, resource, format!("Delete {}", pod.name), "#i-close", false) }
            }
            if selected { { crop(area) } }
        </g>
    }
}

/// The word that kubectl prints; a long one is drawn as narrow as the cell is.
fn status_text(class: &'static str, x: f64, y: f64, status: &str) -> Html {
    let length = (status.chars().count() > 15).then_some("88");
    html! {
        <text {class} x={x.to_string()} y={y.to_string()} textLength={length} lengthAdjust="spacingAndGlyphs">{ status.to_owned() }</text>
    }
}

/// The glyph; a pod in back-off has its restarts in the ring.
fn mark_at(symbol: &'static str, colour: &'static str, x: f64, y: f64, scale: f64, pod: &PodView) -> Html {
    let restarts = (pod.phase == Phase::CrashLoopBackOff)
        .then(|| html! { <text class="restarts c" y="3.4">{ pod.restarts.min(99) }</text> });
    html! {
        <g transform={format!("translate({x},{y}) scale({scale})")}><use href={symbol} class={colour} />{ restarts }</g>
    }
}

/// The word as the phone has room for it.
fn short_status(status: &str) -> String {
    match status {
        "ContainerCreating" => "Creating".to_owned(),
        "CrashLoopBackOff" => "CrashLoop".to_owned(),
        "ImagePullBackOff" => "PullBackOff".to_owned(),
        other => other.chars().take(11).collect(),
    }
}

/// One row per phase with a count.
fn counts(card: &Card, pods: &[&PodView], form: Form) -> Html {
    let mut by_status: OrdMap<(&str, Phase), usize> = OrdMap::new();
    for pod in pods {
        *by_status.entry((&pod.status, pod.phase)).or_default() += 1;
    }
    let pitch = if form.is_small() { 15.0 } else { 22.0 };
    let rows = (card.pods.h / pitch).floor().max(1.0) as usize;
    let row = |(index, ((status, phase), count)): (usize, (&(&str, Phase), &usize))| {
        let (symbol, colour) = glyph(*phase);
        let y = card.pods.y + pitch * (index as f64 + 0.5);
        html! {
            <>
            <use href={symbol} class={colour} transform={format!("translate({},{y}) scale(.85)", card.pods.x + 10.0)} />
            { label("m b", card.pods.x + 24.0, y + 4.0, count.to_string()) }
            { label("small s2", card.pods.x + 52.0, y + 4.0, (*status).to_owned()) }
            </>
        }
    };
    html! { <>{ for by_status.iter().take(rows).enumerate().map(row) }</> }
}
