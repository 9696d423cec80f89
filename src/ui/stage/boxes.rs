//! The control plane's boxes, the wires, the legend.

use std::sync::Arc;

use yew::prelude::*;

use crate::cluster::{Command, ComponentView, LEADERSHIP, Phase, PodView};
use crate::scene::{Form, Level, RULE_OFFSET, Rect, Site, short_cell_name};
use crate::sim::Order;

use super::super::faults::spoken;
use super::super::screen::{Selection, Things, glyph};

/// Pods that are drawn in the scheduler's queue.
const QUEUE_PLACES: usize = 6;

/// How wide a standby's strip must be for two words.
const STRIP_MIN: f64 = 80.0;

/// What a `data-act` attribute asks for.
pub fn command(act: &str) -> Option<Command> {
    let (verb, rest) = act.split_once(' ')?;
    Some(match verb {
        "stop" => Command::StopProcess { name: rest.to_owned() },
        "start" => Command::StartProcess { name: rest.to_owned() },
        "off" => Command::PowerOff { node: rest.to_owned() },
        "on" => Command::PowerOn { node: rest.to_owned() },
        "delete" => Command::Kubectl { line: format!("kubectl delete {rest}"), stdin: String::new() },
        _ => return None,
    })
}

/// Every wire as its two rules.
pub fn wires(things: &Things) -> Html {
    let wires = things.layout.wires.iter().filter(|wire| wire.drawn && (things.client || wire.a != Site::Client));
    html! {
        <g aria-hidden="true">
            { for wires.map(|wire| {
                let right = wire.path.beside(RULE_OFFSET).svg();
                let left = wire.path.beside(-RULE_OFFSET).svg();
                html! { <path class="w" d={format!("{right}{left}")} /> }
            }) }
            { for broken_wires(things) }
        </g>
    }
}

/// The wires with a fault on them, over the others: once each, with what is wrong.
fn broken_wires(things: &Things) -> Vec<Html> {
    let mut drawn: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    for link in things.broken.iter() {
        let ends = (things.sites.of(link.pair.0), things.sites.of(link.pair.1));
        let (Some(a), Some(b)) = ends else { continue };
        let Some((index, _)) = things.layout.wire(a, b).filter(|(index, _)| !drawn.contains(index)) else { continue };
        drawn.push(index);
        let wire = &things.layout.wires[index];
        let (at, _) = wire.path.at(wire.path.length() / 2.0);
        let width = 10.0 + 6.4 * link.text.chars().count() as f64;
        let area = crate::scene::rect(at.x - width / 2.0, at.y - 8.0, width, 16.0);
        out.push(html! {
            <g key={index} class={if link.cut { "cut" } else { "weak" }}>
                <path class="wb" d={format!("{}{}", wire.path.beside(RULE_OFFSET).svg(), wire.path.beside(-RULE_OFFSET).svg())} />
                if wire.drawn && things.form() == Form::Wide {
                    { frame("wbtag", area, "2") }
                    { label("small down c", at.x, at.y + 4.0, link.text.clone()) }
                }
            </g>
        });
    }
    out
}

/// The rectangle as SVG attributes.
pub fn frame(class: &'static str, rect: Rect, radius: &'static str) -> Html {
    html! {
        <rect {class} x={rect.x.to_string()} y={rect.y.to_string()} width={rect.w.to_string()}
            height={rect.h.to_string()} rx={radius} />
    }
}

/// What is clicked and focused of a thing, over everything that is drawn of it, and its focus ring.
pub fn handle(rect: Rect, mark: &Selection, name: String, first: bool) -> Html {
    html! {
        <>
        <rect class="handle" x={rect.x.to_string()} y={rect.y.to_string()} width={rect.w.to_string()} height={rect.h.to_string()}
            role="button" tabindex={if first { "0" } else { "-1" }} aria-label={name} data-pick={mark.mark()} />
        { frame("ring", rect.grown(3.0), "5") }
        </>
    }
}

/// The crop marks around what is selected.
pub fn crop(rect: Rect) -> Html {
    html! { <path class="crop" d={rect.grown(4.0).crop_marks(6.0)} /> }
}

/// A text.
pub fn label(class: &'static str, x: f64, y: f64, text: impl Into<AttrValue>) -> Html {
    html! { <text {class} x={x.to_string()} y={y.to_string()}>{ text.into() }</text> }
}

/// A power button in a thing's corner: `act` is what it does, `name` what it is called.
pub fn power(x: f64, y: f64, act: String, name: String, symbol: &'static str, stay: bool) -> Html {
    html! {
        <g class={classes!("act", stay.then_some("stay"))} role="button" tabindex="-1" aria-label={name.clone()} data-act={act}
            transform={format!("translate({x},{y})")}>
            <title>{ name }</title>
            <rect x="-2" y="-2" width="24" height="24" rx="3" />
            <svg x="3" y="3" width="14" height="14" viewBox="0 0 16 16"><use href={symbol} /></svg>
        </g>
    }
}

/// A value among a component's facts.
pub fn fact<'a>(component: &'a ComponentView, name: &str) -> Option<&'a Arc<str>> {
    component.facts.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
}

/// A component: its box, what stands in it, its power button.
fn component(things: &Things, name: &str, rect: Rect, content: Html, picked: Option<&Selection>, first: bool) -> Html {
    let Some(view) = things.component(name) else { return Html::default() };
    let mark = Selection::Component(view.name.clone());
    let selected = picked == Some(&mark);
    let hub = name == "kube-apiserver";
    let phone = things.form().is_small();
    let facts: String = view.facts.iter().map(|(name, value)| format!(", {name} {value}")).collect();
    let state = format!("{}{}", if view.running { facts.as_str() } else { "" }, spoken(things, name));
    let (verb, act) = if view.running { ("Stop", "stop") } else { ("Start", "start") };
    html! {
        <g key={name.to_owned()} class={classes!("group", selected.then_some("sel"))}>
            if hub { <rect x={(rect.x + 4.5).to_string()} y={(rect.y + 4.5).to_string()} width={rect.w.to_string()}
                height={rect.h.to_string()} rx="3" fill="url(#hatch-s)" /> }
            <g class={classes!("thing", (!view.running).then_some("off"), view.frozen.then_some("frozen"))}>
                { frame(if hub { "hub" } else { "box" }, rect, "3") }
                <g aria-hidden="true">
                    { content }
                    if !view.running { { state_word(rect, "stopped") } } else if view.frozen { { state_word(rect, "frozen") } }
                </g>
                { handle(rect, &mark, format!("{name}{state}"), first) }
            </g>
            if name == "kube-scheduler" && !phone { { queue_handles(things) } }
            if !phone { { power(rect.right() - 24.0, rect.y - 10.0, format!("{act} {name}"), format!("{verb} {name}"), "#i-power", !view.running) } }
            if selected { { crop(rect) } }
        </g>
    }
}

/// The word over a box's lower right corner.
pub fn state_word(rect: Rect, word: &'static str) -> Html {
    let area = crate::scene::rect(rect.right() - 60.0, rect.bottom() - 20.0, 56.0, 16.0);
    html! {
        <>
        { frame("cover", area, "2") }
        { label("small down e", rect.right() - 9.0, rect.bottom() - 8.0, word) }
        </>
    }
}

/// The control plane and the clients, in reading order.
pub fn boxes(things: &Things, picked: Option<&Selection>) -> Html {
    let layout = &things.layout;
    let wide = things.form() == Form::Wide;
    html! {
        <>
        { component(things, "kubectl", layout.kubectl, kubectl(things, wide), picked, true) }
        if things.client { { component(things, "client", layout.client, client(layout.client), picked, false) } }
        { component(things, "kube-scheduler", layout.scheduler, scheduler(things, wide), picked, false) }
        { standbys(things, "kube-scheduler", layout.scheduler, picked) }
        { component(things, "kube-controller-manager", layout.controllers, controllers(things, wide), picked, false) }
        { standbys(things, "kube-controller-manager", layout.controllers, picked) }
        { component(things, "kube-apiserver", layout.api_server, api_server(things, wide), picked, false) }
        { component(things, "etcd", layout.etcd, etcd(things, wide), picked, false) }
        if let Some(area) = layout.driver { { component(things, "csi-driver", area, driver(things, area, wide), picked, false) } }
        </>
    }
}

/// Whether a member leads; empty where it is the only one.
fn leadership(view: &ComponentView) -> &str {
    view.facts.iter().find(|(name, _)| &**name == LEADERSHIP).map_or("", |(_, value)| value)
}

/// The others of a component of which one leads: a strip each on top of its box.
fn standbys(things: &Things, name: &str, rect: Rect, picked: Option<&Selection>) -> Html {
    let others: Vec<&ComponentView> = things.members(name).filter(|view| &*view.name != name).collect();
    if others.is_empty() || things.form().is_small() {
        return Html::default();
    }
    // The switch of the box stands at its right.
    let width = (rect.w - 30.0) / others.len() as f64;
    let strips = others.iter().enumerate().map(|(at, view)| {
        let place = crate::scene::rect(rect.x + width * at as f64, rect.y - 17.0, width - 4.0, 17.0);
        let host = view.name.rsplit('/').next().unwrap_or_default().trim_start_matches("control-plane-");
        let word = if !view.running {
            "stopped"
        } else if view.frozen {
            "frozen"
        } else {
            leadership(view)
        };
        // Two strips of the scheduler have room for no more.
        let shown = if word == "stands by" && width < STRIP_MIN { "standby" } else { word };
        let mark = Selection::Component(view.name.clone());
        let selected = picked == Some(&mark);
        html! {
            <g key={view.name.to_string()} class={classes!("group", selected.then_some("sel"))}>
                <g class={classes!("thing", (!view.running).then_some("off"), view.frozen.then_some("frozen"))}>
                    { frame("box", place, "3") }
                    <g aria-hidden="true">{ label("s", place.x + 7.0, place.y + 12.5, format!("{host} {shown}")) }</g>
                    { handle(place, &mark, format!("{}, {word}", view.name), false) }
                </g>
                if selected { { crop(place) } }
            </g>
        }
    });
    html! { <>{ for strips }</> }
}

fn client(rect: Rect) -> Html {
    label("t c", rect.center().x, rect.center().y + 4.0, "client")
}

/// The driver of the claims' volumes, with its disks.
fn driver(things: &Things, rect: Rect, wide: bool) -> Html {
    if !wide {
        return label("b small c", rect.center().x, rect.center().y + 4.0, "csi-driver");
    }
    let of = |name| things.component("csi-driver").and_then(|view| fact(view, name)).map_or("0", |value| &**value);
    let told = match of("disks") {
        "0" => "no disk yet".to_owned(),
        disks => format!("{} of {disks} in use", of("in use")),
    };
    html! {
        <>
        { label("t", rect.x + 10.0, rect.y + 16.0, "csi-driver") }
        { label("s small", rect.x + 10.0, rect.y + 31.0, told) }
        </>
    }
}

fn kubectl(things: &Things, wide: bool) -> Html {
    let rect = things.layout.kubectl;
    if !wide {
        return label("t c", rect.center().x, rect.center().y + 4.0, "kubectl");
    }
    let line = things.line.strip_prefix("kubectl ").unwrap_or(&things.line);
    let mut line: String = line.to_owned();
    if line.chars().count() > 10 {
        line = line.chars().take(9).chain(['…']).collect();
    }
    html! {
        <>
        <path class="rulel" d={format!("M{},{}H{}", rect.x, rect.y + 23.5, rect.right())} />
        { label("t", rect.x + 10.0, rect.y + 16.0, "kubectl") }
        <text class="m" x={(rect.x + 10.0).to_string()} y={(rect.y + 43.0).to_string()}>
            <tspan class="s">{ "$ " }</tspan>{ line }
        </text>
        </>
    }
}

/// The pods that wait to be placed, in the order of their names.
fn waiting(things: &Things) -> Vec<&PodView> {
    things.pods.iter().filter(|pod| pod.node.is_empty() && pod.phase == Phase::Pending).collect()
}

/// The place of the `index`-th pod that waits.
fn queue_place(rect: Rect, index: usize) -> Rect {
    crate::scene::rect(rect.x + 67.0 + 15.0 * index as f64, rect.y + 55.0, 13.0, 14.0)
}

/// The pods that wait, to be picked.
fn queue_handles(things: &Things) -> Html {
    let waiting = waiting(things);
    let handles = waiting.iter().take(QUEUE_PLACES).enumerate().map(|(index, pod)| {
        let place = queue_place(things.layout.scheduler, index);
        html! {
            <g key={pod.uid.to_string()} class="thing">
                { handle(place, &Selection::Pod(pod.uid.clone()), format!("{}, {}", pod.name, pod.status), false) }
            </g>
        }
    });
    html! { <>{ for handles }</> }
}

/// Queue lengths, and the pods that wait to be placed.
fn scheduler(things: &Things, wide: bool) -> Html {
    let rect = things.layout.scheduler;
    let waiting = waiting(things);
    if !wide {
        return html! {
            <>
            { label("b", rect.x + 8.0, rect.y + 20.0, "scheduler") }
            { label("m e", rect.right() - 7.0, rect.y + 20.0, waiting.len().to_string()) }
            </>
        };
    }
    let x = rect.x + 12.0;
    // Both words have room only for the short name.
    let leads = things.component("kube-scheduler").map_or("", leadership);
    let cycle = waiting.first().map(|pod| {
        let (symbol, colour) = glyph(pod.phase);
        html! {
            <>
            <use href={symbol} class={colour} transform={format!("translate({},{}) scale(.85)", x + 46.0, rect.y + 39.0)} />
            { label("m", x + 58.0, rect.y + 43.0, short_cell_name(&pod.name)) }
            </>
        }
    });
    let square = |index: usize| {
        let place = queue_place(rect, index);
        let taken = waiting.get(index).map(|pod| {
            let (symbol, colour) = glyph(pod.phase);
            let at = format!("translate({},{}) scale(.7)", place.center().x, place.center().y);
            html! { <use href={symbol} class={colour} transform={at} /> }
        });
        html! { <>{ frame("track", place, "1.5") }{ taken }</> }
    };
    html! {
        <>
        { label("t", x, rect.y + 19.0, if leads.is_empty() { "kube-scheduler" } else { "scheduler" }) }
        { label("s e", rect.right() - 10.0, rect.y + 19.0, leads.to_owned()) }
        { label("s", x, rect.y + 43.0, "next") }
        { cycle }
        if waiting.is_empty() { { label("s", x + 37.0, rect.y + 43.0, "nothing to place") } }
        { label("s", x, rect.y + 66.0, "queue") }
        { label("m b e", x + 51.0, rect.y + 66.5, waiting.len().to_string()) }
        { for (0..QUEUE_PLACES).map(square) }
        </>
    }
}

/// Between a chip's edge and its words.
const CHIP_PAD: f64 = 8.0;
/// What the chip of the controllers that have none of their own may take.
const REST_CHIP: f64 = 54.0;

/// A chip for each controller with the depth of its queue. The deepest is inked.
fn controllers(things: &Things, wide: bool) -> Html {
    let rect = things.layout.controllers;
    let own = things.component("kube-controller-manager");
    let leading = things.members("kube-controller-manager").find(|view| leadership(view) == "leads");
    let view = leading.or(own);
    let leads = own.map_or("", leadership);
    let title = if leads.is_empty() { "workqueue depth per controller" } else { leads };
    let mut facts: Vec<((usize, String), u64)> = view
        .into_iter()
        .flat_map(|view| &view.facts)
        .filter(|(name, _)| &**name != LEADERSHIP)
        .map(|(name, value)| (chip_name(name.trim_end_matches("-controller")), value.parse().unwrap_or(0)))
        .collect();
    facts.order();
    let deepest = facts.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
    if !wide {
        // The phone's is as wide as its box lets it be.
        let (width, pad) = if rect.w > 300.0 { (116.0, CHIP_PAD) } else { (96.0, 4.0) };
        let busiest = facts.iter().find(|(_, depth)| *depth == deepest && deepest > 0);
        return html! {
            <>
            { label("b", rect.x + 8.0, rect.y + 20.0, "controllers") }
            if let Some(((_, name), depth)) = busiest { { chip(crate::scene::rect(rect.x + 79.0, rect.y + 5.0, width, 22.0), pad, name, *depth, true) } }
            </>
        };
    }
    let (mut x, mut y) = (rect.x + 12.0, rect.y + 27.0);
    let mut chips = Vec::new();
    // Room for the widest of the system's sans and mono.
    let width_of = |name: &str, depth: u64| {
        (22.0 + name.chars().count() as f64 * 7.1 + depth.to_string().len() as f64 * 6.8).round()
    };
    let mut shown = 0;
    for ((_, name), depth) in &facts {
        let width = width_of(name, *depth);
        let last_row = y > rect.y + 40.0;
        // The last place is for those that do not fit.
        let room = if last_row && shown + 1 < facts.len() { REST_CHIP } else { 0.0 };
        if x + width + room > rect.right() - 10.0 {
            if last_row {
                break;
            }
            (x, y) = (rect.x + 12.0, y + 25.0);
        }
        chips.push(chip(crate::scene::rect(x, y, width, 21.0), CHIP_PAD, name, *depth, *depth == deepest));
        x += width + 4.0;
        shown += 1;
    }
    let rest = &facts[shown..];
    if !rest.is_empty() {
        let depth = rest.iter().map(|(_, depth)| *depth).sum();
        let name = format!("+{}", rest.len());
        let area = crate::scene::rect(x, y, width_of(&name, depth), 21.0);
        chips.push(chip(area, CHIP_PAD, &name, depth, depth > 0 && depth >= deepest));
    }
    html! {
        <>
        { label("t", rect.x + 12.0, rect.y + 19.0, "kube-controller-manager") }
        { label("s e", rect.right() - 12.0, rect.y + 19.0, title.to_owned()) }
        { for chips }
        </>
    }
}

fn chip(area: Rect, pad: f64, name: &str, depth: u64, deepest: bool) -> Html {
    let state = match (depth, deepest) {
        (0, _) => "",
        (_, true) => "top",
        _ => "on",
    };
    html! {
        <g class={state}>
            <rect class={classes!("chip", state)} x={area.x.to_string()} y={area.y.to_string()} width={area.w.to_string()} height={area.h.to_string()} rx="3" />
            <text class="chipname" x={(area.x + pad).to_string()} y={(area.y + 14.5).to_string()}>{ name.to_owned() }</text>
            <text class="chipnum e" x={(area.right() - pad + 1.0).to_string()} y={(area.y + 14.5).to_string()}>{ depth.to_string() }</text>
        </g>
    }
}

/// The controllers as a chip has them, by their names without `-controller`: first what a reader waits for.
const CONTROLLERS: [(&str, &str); 19] = [
    ("deployment", "Deployment"),
    ("replicaset", "ReplicaSet"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("job", "Job"),
    ("cronjob", "CronJob"),
    ("endpointslice", "Slices"),
    ("endpoints", "Endpoints"),
    ("garbage-collector", "GC"),
    ("node-lifecycle", "Node"),
    ("taint-eviction", "Taint"),
    ("namespace", "Namespace"),
    ("replicationcontroller", "RC"),
    ("pod-garbage-collector", "PodGC"),
    ("serviceaccount", "Account"),
    ("ttl-after-finished", "TTL"),
    ("root-ca-certificate-publisher", "RootCA"),
    ("endpointslice-mirroring", "Mirror"),
    ("node-ipam", "IPAM"),
];

/// A controller's place among the chips and its name there.
fn chip_name(name: &str) -> (usize, String) {
    let place = CONTROLLERS.iter().position(|(known, _)| *known == name);
    (place.unwrap_or(CONTROLLERS.len()), place.map_or(name, |place| CONTROLLERS[place].1).to_owned())
}

/// The stages every request passes, and what it keeps.
fn api_server(things: &Things, wide: bool) -> Html {
    let rect = things.layout.api_server;
    let Some(view) = things.component("kube-apiserver") else { return Html::default() };
    let watches = fact(view, "watches").map(|count| format!("{count} watches"));
    let process =
        fact(view, "in process").or_else(|| fact(view, "requests")).map(|count| format!("{count} in process"));
    if !wide {
        return html! {
            <>
            { label("hubname", rect.x + 10.0, rect.y + 21.0, "kube-apiserver") }
            { label("s", rect.x + 10.0, rect.y + 40.0, process.or(watches).unwrap_or_default()) }
            </>
        };
    }
    let (left, width) = (rect.x + 14.0, 38.4);
    let pipeline = fact(view, "pipeline").map_or("", |stages| stages);
    let stage = |(index, stage): (usize, &str)| {
        let (name, count) = stage.split_once(' ').unwrap_or((stage, "0"));
        let x = left + width * index as f64;
        let middle = x + width / 2.0;
        let busy = count != "0";
        html! {
            <>
            <rect class={if busy { "stretch busy" } else { "stretch" }} x={x.to_string()} y={(rect.y + 29.0).to_string()} width={width.to_string()} height="32" />
            { label("m c small s2", middle, rect.y + 42.0, name.to_owned()) }
            if busy {
                <use href="#pk-body" class="k-req" transform={format!("translate({},{}) scale(.62)", middle - if count == "1" { 0.0 } else { 5.0 }, rect.y + 52.5)} />
                if count != "1" { { label("m small", middle + 3.0, rect.y + 56.0, count.to_owned()) } }
            }
            </>
        }
    };
    let cache = fact(view, "watch cache")
        .or_else(|| fact(view, "rev"))
        .map_or_else(|| things.revision.to_string(), ToString::to_string);
    html! {
        <>
        { label("hubname", left, rect.y + 21.0, "kube-apiserver") }
        { label("s e", rect.right() - 14.0, rect.y + 21.0, watches.unwrap_or_default()) }
        { for pipeline.split(", ").enumerate().map(stage) }
        { label("s", left, rect.y + 78.0, process.unwrap_or_default()) }
        if view.running {
            <text class="s e" x={(rect.right() - 14.0).to_string()} y={(rect.y + 78.0).to_string()}>
                { "watch cache " }<tspan class="m s2">{ cache }</tspan>
            </text>
        }
        </>
    }
}

/// One member: a drum with the leader's flag.
fn etcd(things: &Things, wide: bool) -> Html {
    let rect = things.layout.etcd;
    let keys = things.component("etcd").and_then(|view| fact(view, "keys").cloned());
    let revision = things.revision.to_string();
    let (x, y, rx, ry, high) = if wide {
        (rect.center().x, rect.y + 62.0, 26.0, 7.0, 34.0)
    } else {
        (rect.center().x, rect.y + 45.0, 12.0, 4.0, 16.0)
    };
    let ring = |at: f64| format!("M{},{at}a{rx},{ry} 0 0 0 {},0", x - rx, rx * 2.0);
    html! {
        <>
        { label("t", rect.x + if wide { 12.0 } else { 8.0 }, rect.y + 19.0, "etcd") }
        <text class="s e" x={(rect.right() - if wide { 12.0 } else { 7.0 }).to_string()} y={(rect.y + 19.0).to_string()}>
            if wide { { "rev " } }<tspan class="m b" fill="var(--ink)">{ revision }</tspan>
        </text>
        <path d={format!("M{},{y}v{high}a{rx},{ry} 0 0 0 {},0v-{high}", x - rx, rx * 2.0)} fill="var(--panel)" stroke="var(--line)" stroke-width="1.25" />
        <ellipse cx={x.to_string()} cy={y.to_string()} rx={rx.to_string()} ry={ry.to_string()} fill="var(--raised)" stroke="var(--line)" stroke-width="1.25" />
        <path d={format!("{}{}", ring(y + high / 3.0), ring(y + high * 2.0 / 3.0))} fill="none" stroke="var(--rule)" stroke-width=".6" />
        <path d={format!("M{x},{}v-{}h11l-3,3.5l3,3.5h-11", y - 2.0, ry + if wide { 14.0 } else { 10.0 })} fill="var(--ink)" stroke="var(--ink)" />
        if wide {
            if let Some(keys) = keys { { label("s c", x, rect.bottom() - 10.0, format!("{keys} keys")) } }
        }
        </>
    }
}

/// Whether the agents of nodes are drawn as boxes of their own.
pub fn has_agents(level: Level) -> bool {
    level != Level::Racks
}
