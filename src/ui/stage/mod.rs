//! The stage: caption bar, the plate with its things, the canvas of the packets, and the tables.

mod boxes;
mod caption;
mod closer;
mod graph;
mod graph_cells;
mod hand;
mod moving;
mod nodes;
mod paging;
mod seeing;
mod table;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement};
use yew::prelude::*;

use crate::scene::Form;

use super::app::Ask;
use super::controls::{Choice, icon};
use super::driver::Driver;
use super::filter::FilterView;
use super::inside::{Inner, place_of};
use super::screen::{Detail, Screen, Selection, Shared, Things};
use boxes::{boxes, wires};
pub use caption::CaptionText;
use closer::Closer;
use graph::Graph;
use hand::Hand;
use moving::{keep_a_stop, move_focus};
use nodes::nodes;
use seeing::{FilterBar, FollowButton, Legend, small_legend};
use table::Tables;

/// The stage's views, in order.
const VIEWS: [&str; 3] = ["Diagram", "Table", "Objects"];
/// The view of tables.
pub const TABLE: usize = 1;
/// The view of objects.
pub const OBJECTS: usize = 2;

/// Properties of the stage.
#[derive(Properties, PartialEq)]
pub struct StageProps {
    pub driver: Driver,
    pub screen: Screen,
    /// Diagram, tables, objects.
    pub view: usize,
    pub on_view: Callback<usize>,
    pub on_ask: Callback<Ask>,
}

/// The stage.
#[component(Stage)]
pub fn stage(props: &StageProps) -> Html {
    let screen = &props.screen;
    let playing = screen.playback.playing;
    let driver = props.driver.clone();
    let toggle = Callback::from(move |_: MouseEvent| driver.toggle());
    let subject = match &*screen.detail {
        Detail::Message(detail) => detail.subject.clone().map(Selection::Pod),
        _ => None,
    };
    html! {
        <main class="stage" aria-label="Stage">
            <div class="capt">
                <button class="playbtn" aria-label={if playing { "Pause" } else { "Play" }} onclick={toggle}>
                    { icon(if playing { "#i-pause" } else { "#i-play" }) }</button>
                <CaptionText caption={screen.caption.clone()} things={screen.things.clone()} />
                <FollowButton following={screen.follow.is_some()} on_ask={props.on_ask.clone()} />
                if screen.inside.is_none() {
                    <FilterBar driver={props.driver.clone()} view={screen.filter.clone()} />
                    <Choice label="View" names={VIEWS.map(AttrValue::from).to_vec()} chosen={props.view}
                        on_choose={props.on_view.clone()} />
                }
            </div>
            if let Some(level) = &screen.inside {
                <Inner level={level.clone()} on_ask={props.on_ask.clone()} />
            } else if props.view == OBJECTS {
                <Graph driver={props.driver.clone()} graph={screen.graph.clone()} selection={screen.selection.clone()} on_ask={props.on_ask.clone()} />
            } else if props.view == TABLE {
                <Tables things={screen.things.clone()} lists={screen.lists.clone()} selection={screen.selection.clone()} on_ask={props.on_ask.clone()} />
            } else {
                <Plate driver={props.driver.clone()} things={screen.things.clone()} selection={screen.selection.clone()}
                    {subject} filter={screen.filter.clone()} on_ask={props.on_ask.clone()} />
                <Closer driver={props.driver.clone()} on_ask={props.on_ask.clone()} />
            }
        </main>
    }
}

/// Properties of the plate.
#[derive(Properties, PartialEq)]
pub struct PlateProps {
    pub driver: Driver,
    pub things: Shared<Things>,
    pub selection: Option<Selection>,
    /// What the selected message is about.
    pub subject: Option<Selection>,
    pub filter: Shared<FilterView>,
    pub on_ask: Callback<Ask>,
}

/// The plate: the things, and the canvas of the packets.
#[component(Plate)]
pub fn plate(props: &PlateProps) -> Html {
    let canvas = use_node_ref();
    {
        let (canvas, driver) = (canvas.clone(), props.driver.clone());
        use_effect_with((), move |()| {
            let plate = web_sys::window().and_then(|window| window.document()?.get_element_by_id("plate"));
            let mut hand = None;
            if let (Some(canvas), Some(plate)) = (canvas.cast::<HtmlCanvasElement>(), plate) {
                driver.attach(canvas, &plate);
                hand = Some(Hand::on(plate, driver.clone()));
            }
            move || {
                drop(hand);
                driver.detach();
            }
        });
    }
    {
        let driver = props.driver.clone();
        use_effect_with(props.things.form(), move |_| driver.resize());
    }
    use_effect_with(props.things.clone(), |_| {
        let plate = web_sys::window().and_then(|window| window.document()?.get_element_by_id("plate"));
        if let Some(plate) = plate {
            keep_a_stop(&plate);
        }
    });
    let hot = use_state(|| false);
    let onpointermove = {
        let (driver, hot) = (props.driver.clone(), hot.clone());
        Callback::from(move |event: PointerEvent| {
            let over = driver.point_at(place(event.client_x(), event.client_y()));
            if *hot != over {
                hot.set(over);
            }
        })
    };
    let onpointerleave = {
        let driver = props.driver.clone();
        Callback::from(move |_: PointerEvent| {
            driver.point_at(None);
        })
    };
    let things = &props.things;
    let size = things.layout.size;
    html! {
        <div id="plate" tabindex="-1" class={classes!("plate", hot.then_some("hot"))} {onpointermove} {onpointerleave}
            onclick={clicks(props)} ondblclick={double_clicks(props)} onkeydown={keys(props)}>
            <div id="fit" class="fit">
                <svg class="things" viewBox={format!("0 0 {} {}", size.x, size.y)} role="group" aria-label="Cluster" data-arrows="">
                    if things.form() == Form::Wide {
                        <Legend driver={props.driver.clone()} view={props.filter.clone()} />
                    } else if things.form() == Form::Embed {
                        { small_legend() }
                    }
                    { drawing(things, props.selection.as_ref(), props.subject.as_ref()) }
                </svg>
                <canvas ref={canvas} aria-hidden="true"></canvas>
                <PacketStop driver={props.driver.clone()} selection={props.selection.clone()} />
            </div>
        </div>
    }
}

fn drawing(things: &Things, selection: Option<&Selection>, subject: Option<&Selection>) -> Html {
    html! {
        <>
        <rect class="band" x={things.layout.band.x.to_string()} y={things.layout.band.y.to_string()}
            width={things.layout.band.w.to_string()} height={things.layout.band.h.to_string()} rx="4" />
        if things.form() != Form::Phone {
            <text class="capsl" x={(things.layout.band.x + 16.0).to_string()} y={(things.layout.band.bottom() - 9.0).to_string()}>
                { "CONTROL PLANE" }</text>
        }
        { nodes(things, selection, subject) }
        { wires(things) }
        { boxes(things, selection) }
        </>
    }
}

/// (x, y) of the viewport as CSS pixels of the stage.
fn place(x: i32, y: i32) -> Option<(f64, f64)> {
    let fit = web_sys::window()?.document()?.get_element_by_id("fit")?.get_bounding_client_rect();
    Some((f64::from(x) - fit.left(), f64::from(y) - fit.top()))
}

/// The nearest element around the event's target that carries `attribute`, with its value.
fn marked(event: &Event, attribute: &str) -> Option<(Element, String)> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    let found = target.closest(&format!("[{attribute}]")).ok().flatten()?;
    let value = found.get_attribute(attribute)?;
    Some((found, value))
}

/// A click takes the packet that is near, then the thing that is under it.
fn clicks(props: &PlateProps) -> Callback<MouseEvent> {
    let (driver, on_ask) = (props.driver.clone(), props.on_ask.clone());
    Callback::from(move |event: MouseEvent| {
        if driver.dragged() {
            return;
        }
        if let Some((_, act)) = marked(&event, "data-act") {
            if let Some(command) = boxes::command(&act) {
                on_ask.emit(Ask::Do(command));
            }
            return;
        }
        let packet = place(event.client_x(), event.client_y()).and_then(|(x, y)| driver.packet_at(x, y));
        let selection = match packet {
            Some(id) => Some(Selection::Message(id)),
            None => marked(&event, "data-pick").and_then(|(_, mark)| Selection::parse(&mark)),
        };
        on_ask.emit(Ask::Pick(selection));
    })
}

/// A double click opens the thing that is under it; on the ground it fits the stage.
fn double_clicks(props: &PlateProps) -> Callback<MouseEvent> {
    let (driver, things, on_ask) = (props.driver.clone(), props.things.clone(), props.on_ask.clone());
    Callback::from(move |event: MouseEvent| {
        let mark = marked(&event, "data-pick").filter(|_| marked(&event, "data-act").is_none());
        let selection = mark.and_then(|(_, mark)| Selection::parse(&mark));
        match selection {
            None => driver.fit_stage(),
            Some(selection) => {
                if let Some(place) = place_of(&things, &selection) {
                    on_ask.emit(Ask::Open(Some(place)));
                }
            }
        }
    })
}

/// Enter and Space do what a click does, and Enter opens what is selected already; arrows lead from
/// thing to thing.
fn keys(props: &PlateProps) -> Callback<KeyboardEvent> {
    let (on_ask, things, selected) = (props.on_ask.clone(), props.things.clone(), props.selection.clone());
    Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" | " " => {
            if let Some((_, act)) = marked(&event, "data-act") {
                event.prevent_default();
                if let Some(command) = boxes::command(&act) {
                    on_ask.emit(Ask::Do(command));
                }
            } else if let Some((_, mark)) = marked(&event, "data-pick") {
                event.prevent_default();
                let selection = Selection::parse(&mark);
                let again = selection.as_ref().filter(|_| selection == selected && event.key() == "Enter");
                match again.and_then(|selection| place_of(&things, selection)) {
                    Some(place) => on_ask.emit(Ask::Open(Some(place))),
                    None => on_ask.emit(Ask::Pick(selection)),
                }
            }
        }
        _ => move_focus(&event, &things),
    })
}

#[derive(Properties, PartialEq)]
struct StopProps {
    driver: Driver,
    selection: Option<Selection>,
}

/// The packets' one tab stop: Enter selects the first, comma and full stop go on from there.
#[component(PacketStop)]
fn packet_stop(props: &StopProps) -> Html {
    let driver = props.driver.clone();
    let onclick = Callback::from(move |event: MouseEvent| {
        event.stop_propagation();
        driver.select_packet(true);
    });
    let onkeydown = Callback::from(|event: KeyboardEvent| {
        if event.key() == "Enter" || event.key() == " " {
            event.stop_propagation();
        }
    });
    let label = "Packets: Enter selects the first under way, comma the one before, full stop the next";
    html! { <button class="packetstop" aria-label={label} {onclick} {onkeydown}></button> }
}
