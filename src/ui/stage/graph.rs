//! The objects as a graph: owners and references, with what is wanted of each and what is there.

use std::sync::Arc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{AddEventListenerOptions, Element, HtmlElement};
use yew::prelude::*;

use crate::scene::curves::exponential;

use super::super::app::Ask;
use super::super::controls::icon;
use super::super::driver::{Driver, thousands};
use super::super::graphing::{GraphScreen, selection_of};
use super::super::screen::{Selection, Shared};
use super::graph_cells::{bands, cells, edges};
use super::marked;

/// How far it is scaled.
const ZOOM: (f64, f64) = (0.4, 2.0);
/// A press of a button, and a turn of the wheel.
const ZOOM_STEP: f64 = 1.25;

/// Properties of the graph.
#[derive(Properties, PartialEq)]
pub struct GraphProps {
    pub driver: Driver,
    pub graph: Option<Shared<GraphScreen>>,
    pub selection: Option<Selection>,
    pub on_ask: Callback<Ask>,
}

/// The graph and its bar.
#[component(Graph)]
pub fn graph(props: &GraphProps) -> Html {
    let room = use_node_ref();
    let zoom = use_state(|| 1.0_f64);
    // The cell that is the one tab stop.
    let stop = use_state(|| Arc::<str>::from(""));
    use_wheel(room.clone(), zoom.clone());
    let Some(graph) = &props.graph else { return html! { <div class="graph"></div> } };
    let (view, layout) = (&graph.view, &graph.layout);
    let own_stop = view.cells.iter().position(|cell| cell.id == *stop);
    let picked = props
        .selection
        .as_ref()
        .and_then(|picked| view.cells.iter().position(|cell| selection_of(cell).as_ref() == Some(picked)));
    let stop_at = own_stop.or(picked).unwrap_or(0);
    let act = {
        let (driver, graph, on_ask) = (props.driver.clone(), graph.clone(), props.on_ask.clone());
        Callback::from(move |at: usize| {
            let Some(cell) = graph.view.cells.get(at).cloned() else { return };
            match selection_of(&cell) {
                Some(selection) => on_ask.emit(Ask::Pick(Some(selection))),
                None => {
                    driver.change_graph(move |graphing| graphing.iter_mut().for_each(|graphing| graphing.turn(&cell)))
                }
            }
        })
    };
    let onclick = {
        let (act, stop, graph) = (act.clone(), stop.clone(), graph.clone());
        Callback::from(move |event: MouseEvent| {
            if let Some(at) = cell_at(&event) {
                stop.set(graph.view.cells.get(at).map_or_else(|| Arc::from(""), |cell| cell.id.clone()));
                act.emit(at);
            }
        })
    };
    let onkeydown = {
        let (stop, graph) = (stop.clone(), graph.clone());
        Callback::from(move |event: KeyboardEvent| {
            let Some(at) = cell_at(&event) else { return };
            let key = event.key();
            if matches!(key.as_str(), "Enter" | " ") {
                event.prevent_default();
                act.emit(at);
            } else if let Some(next) = graph.layout.neighbour(&graph.view, at, &key) {
                event.prevent_default();
                stop.set(graph.view.cells[next].id.clone());
                focus_cell(&event, next);
            }
        })
    };
    let (width, height) = (layout.size.x * *zoom, layout.size.y * *zoom);
    html! {
        <div class="graph">
            { bar(props, graph, &room, &zoom) }
            <div class="graphroom" ref={room.clone()} onpointerdown={drag(&room)} onpointermove={dragged(&room)}>
                if view.cells.is_empty() {
                    { empty(props, graph) }
                } else {
                    <svg class="things gthings" viewBox={format!("0 0 {} {}", layout.size.x, layout.size.y)} width={width.to_string()}
                        height={height.to_string()} role="group" aria-label="Objects" data-arrows="" {onclick} {onkeydown}>
                        { bands(graph) }
                        { edges(graph, picked) }
                        { cells(graph, picked, stop_at) }
                    </svg>
                }
            </div>
        </div>
    }
}

fn plural(count: usize, one: &str) -> String {
    format!("{} {one}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

fn bar(props: &GraphProps, graph: &GraphScreen, room: &NodeRef, zoom: &UseStateHandle<f64>) -> Html {
    let system = graph.system;
    let hidden = match graph.view.hidden {
        0 => String::new(),
        count => format!(", {} of the cluster’s own hidden", thousands(count as u64)),
    };
    let button = |name: &'static str, symbol: &'static str, factor: f64| {
        let zoom = zoom.clone();
        let onclick = Callback::from(move |_: MouseEvent| zoom.set((*zoom * factor).clamp(ZOOM.0, ZOOM.1)));
        html! { <button class="iconbtn" aria-label={name} title={name} {onclick}>{ icon(symbol) }</button> }
    };
    let fit = {
        let (zoom, room, size) = (zoom.clone(), room.clone(), graph.layout.size);
        Callback::from(move |_: MouseEvent| {
            if let Some(room) = room.cast::<Element>() {
                let share = f64::from(room.client_width()) / size.x.max(1.0);
                let share = share.min(f64::from(room.client_height()) / size.y.max(1.0));
                zoom.set(share.clamp(ZOOM.0, 1.0));
            }
        })
    };
    html! {
        <div class="graphbar">
            <span class="dim">{ format!("{}{hidden}", plural(graph.view.objects, "object")) }</span>
            <span class="sp"></span>
            <button class="btn" aria-pressed={system.to_string()} onclick={show_system(props, !system)}
                title="Nodes, leases, events, kube-system, and what every namespace is given">{ "System objects" }</button>
            <span class="zooms">
                { button("Smaller", "#i-minus", 1.0 / ZOOM_STEP) }
                <button class="btn quiet" onclick={fit} title="As large as fits, at most its own size">
                    { format!("Fit {} %", (**zoom * 100.0).round()) }</button>
                { button("Larger", "#i-plus", ZOOM_STEP) }
            </span>
        </div>
    }
}

fn show_system(props: &GraphProps, system: bool) -> Callback<MouseEvent> {
    let driver = props.driver.clone();
    Callback::from(move |_: MouseEvent| {
        driver.change_graph(|graphing| graphing.iter_mut().for_each(|graphing| graphing.look.system = system));
    })
}

fn empty(props: &GraphProps, graph: &GraphScreen) -> Html {
    let hidden = graph.view.hidden;
    html! {
        <div class="state">
            <h2>{ if graph.filtered { "The filter leaves no objects." } else { "Nobody has made any objects yet." } }</h2>
            <p>{ "What is applied appears here: who owns whom, what refers to what, what is wanted and what is there." }</p>
            if hidden > 0 {
                <div class="row"><button class="btn" onclick={show_system(props, true)}>
                    { format!("Show {} of the cluster’s own", plural(hidden, "object")) }</button></div>
            }
        </div>
    }
}

/// The cell that an event happened on.
fn cell_at(event: &Event) -> Option<usize> {
    marked(event, "data-cell").and_then(|(_, at)| at.parse().ok())
}

fn focus_cell(event: &Event, at: usize) {
    let drawing = event.current_target().and_then(|target| target.dyn_into::<Element>().ok());
    let cell = drawing.and_then(|drawing| drawing.query_selector(&format!("[data-cell='{at}']")).ok().flatten());
    if let Some(cell) = cell.and_then(|cell| cell.dyn_into::<web_sys::SvgElement>().ok()) {
        // A cell that cannot be focused leaves the focus where it was.
        let _ = cell.focus();
    }
}

/// The wheel zooms while Ctrl is held, as a pinch on a touchpad does, about the point under the pointer.
#[hook]
fn use_wheel(room: NodeRef, zoom: UseStateHandle<f64>) {
    let anchor = use_mut_ref(|| None::<(f64, f64, f64)>);
    {
        let (room, anchor) = (room.clone(), anchor.clone());
        use_effect_with(*zoom, move |zoom| {
            let Some(room) = room.cast::<Element>() else { return };
            if let Some((x, y, before)) = anchor.take() {
                let share = zoom / before;
                room.set_scroll_left(((f64::from(room.scroll_left()) + x) * share - x) as i32);
                room.set_scroll_top(((f64::from(room.scroll_top()) + y) * share - y) as i32);
            }
        });
    }
    use_effect(move || {
        let element = room.cast::<Element>();
        let own = element.clone();
        let turned: Closure<dyn FnMut(WheelEvent)> = Closure::new(move |event: WheelEvent| {
            let Some(room) = own.as_ref().filter(|_| event.ctrl_key()) else { return };
            event.prevent_default();
            let area = room.get_bounding_client_rect();
            let at = (f64::from(event.client_x()) - area.left(), f64::from(event.client_y()) - area.top());
            *anchor.borrow_mut() = Some((at.0, at.1, *zoom));
            zoom.set((*zoom * exponential(-event.delta_y() / 400.0)).clamp(ZOOM.0, ZOOM.1));
        });
        let options = AddEventListenerOptions::new();
        options.set_passive(false);
        if let Some(room) = &element {
            // Without the listener the wheel scrolls, and the buttons zoom.
            let _ = room.add_event_listener_with_callback_and_add_event_listener_options(
                "wheel",
                turned.as_ref().unchecked_ref(),
                &options,
            );
        }
        move || {
            if let Some(room) = element {
                let _ = room.remove_event_listener_with_callback("wheel", turned.as_ref().unchecked_ref());
            }
        }
    });
}

/// A mouse takes hold of the paper between the cells.
fn drag(room: &NodeRef) -> Callback<PointerEvent> {
    let room = room.clone();
    Callback::from(move |event: PointerEvent| {
        let Some(room) = room.cast::<HtmlElement>() else { return };
        let paper = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let on_paper = paper.is_some_and(|paper| paper.closest("svg").ok().flatten().is_some());
        if event.pointer_type() == "mouse" && event.button() == 0 && on_paper && cell_at(&event).is_none() {
            // A pointer that is gone already drags nothing.
            let _ = room.set_pointer_capture(event.pointer_id());
        }
    })
}

fn dragged(room: &NodeRef) -> Callback<PointerEvent> {
    let room = room.clone();
    Callback::from(move |event: PointerEvent| {
        let Some(room) = room.cast::<HtmlElement>() else { return };
        if room.has_pointer_capture(event.pointer_id()) {
            room.set_scroll_left(room.scroll_left() - event.movement_x());
            room.set_scroll_top(room.scroll_top() - event.movement_y());
        }
    })
}
