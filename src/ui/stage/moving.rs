//! The focus on the stage: one tab stop, and arrows that follow wires, rows and columns.

use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, SvgElement};

use crate::api::decode::float;
use crate::scene::{Arrow, Level, Rect, Site, along_wire, beside, rect};

use super::super::screen::{Selection, Things};
use super::marked;

/// The things that can have the focus, in reading order.
fn focusable(svg: &Element) -> Vec<Element> {
    let Ok(all) = svg.query_selector_all("[data-pick]") else { return Vec::new() };
    (0..all.length()).filter_map(|index| all.item(index)?.dyn_into::<Element>().ok()).collect()
}

/// Moves the focus as an arrow, Home or End says.
pub fn move_focus(event: &KeyboardEvent, things: &Things) {
    let arrow = match event.key().as_str() {
        "ArrowUp" => Some(Arrow::Up),
        "ArrowDown" => Some(Arrow::Down),
        "ArrowLeft" => Some(Arrow::Left),
        "ArrowRight" => Some(Arrow::Right),
        "Home" | "End" => None,
        _ => return,
    };
    let Some((current, mark)) = marked(event, "data-pick") else { return };
    let Some(svg) = current.closest("svg").ok().flatten() else { return };
    let all = focusable(&svg);
    let Some(from) = all.iter().position(|thing| *thing == current) else { return };
    event.prevent_default();
    let next = match arrow {
        Some(arrow) => wired(things, &mark, arrow, &all).or_else(|| {
            let boxes: Vec<Rect> = all.iter().map(|thing| place_of(thing, things)).collect();
            beside(&boxes, from, arrow)
        }),
        None => {
            if event.key() == "Home" {
                Some(0)
            } else {
                all.len().checked_sub(1)
            }
        }
    };
    if let Some(next) = next {
        focus(&all, next);
    }
}

/// The thing at the other end of a wire.
fn wired(things: &Things, mark: &str, arrow: Arrow, all: &[Element]) -> Option<usize> {
    let Selection::Component(name) = Selection::parse(mark)? else { return None };
    let from = things.sites.of(things.component(&name)?.process)?;
    let to = match along_wire(&things.layout, from, arrow)? {
        // In racks a node is drawn as one gauge.
        Site::Kubelet(node) if things.layout.level == Level::Racks => {
            Selection::Node(things.sites.nodes().get(node)?.clone())
        }
        site => {
            let process = things.sites.process_at(site)?;
            let view = things.components.iter().find(|view| view.process == process)?;
            Selection::Component(view.name.clone())
        }
    };
    let mark = to.mark();
    all.iter().position(|thing| thing.get_attribute("data-pick").as_deref() == Some(&*mark))
}

/// Where a thing stands. A node is where its name is: its card holds other things.
fn place_of(thing: &Element, things: &Things) -> Rect {
    let number = |name: &str| thing.get_attribute(name).and_then(|text| float::parse(&text)).unwrap_or(0.0);
    let area = rect(number("x"), number("y"), number("width"), number("height"));
    let is_card = things.layout.level != Level::Racks
        && thing.get_attribute("data-pick").is_some_and(|mark| mark.starts_with("node:"));
    if is_card { Rect { w: area.w.min(70.0), h: area.h.min(50.0), ..area } } else { area }
}

/// The one tab stop of the stage moves along.
fn focus(all: &[Element], next: usize) {
    for thing in all.iter().filter(|thing| thing.get_attribute("tabindex").as_deref() == Some("0")) {
        let _ = thing.set_attribute("tabindex", "-1");
    }
    let _ = all[next].set_attribute("tabindex", "0");
    if let Some(next) = all[next].dyn_ref::<SvgElement>() {
        let _ = next.focus();
    }
}

/// Where the thing that was the tab stop has gone, the first takes its place.
pub fn keep_a_stop(plate: &Element) {
    if plate.query_selector("[data-pick][tabindex='0']").ok().flatten().is_none()
        && let Some(first) = plate.query_selector("[data-pick]").ok().flatten()
    {
        let _ = first.set_attribute("tabindex", "0");
    }
}
