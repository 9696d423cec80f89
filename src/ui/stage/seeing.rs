//! What is seen: the legend that filters by kind, the filter's popover, the button that follows.

use yew::prelude::*;

use super::super::app::Ask;
use super::super::away::use_away;
use super::super::controls::{icon, packet_symbol};
use super::super::driver::Driver;
use super::super::filter::{Chip, FilterView, KINDS};
use super::super::screen::Shared;

/// Properties of what filters.
#[derive(Properties, PartialEq)]
pub struct SeeingProps {
    pub driver: Driver,
    pub view: Shared<FilterView>,
}

/// The kinds of packets: each is a switch.
#[component(Legend)]
pub fn legend(props: &SeeingProps) -> Html {
    let row = |(index, (kind, name)): (usize, &(crate::cluster::FlightKind, &'static str))| {
        let y = 44 + 24 * index;
        let (symbol, colour) = packet_symbol(*kind);
        let chip = Chip::Kind(*kind);
        let shown = props.view.filter.shows(&chip);
        let toggle = {
            let (driver, chip) = (props.driver.clone(), chip.clone());
            move || driver.change_filter(|filter| filter.toggle(&chip))
        };
        let pressed = toggle.clone();
        let onclick = Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            toggle();
        });
        let onkeydown = Callback::from(move |event: KeyboardEvent| {
            if matches!(event.key().as_str(), "Enter" | " ") {
                event.prevent_default();
                event.stop_propagation();
                pressed();
            }
        });
        html! {
            <g class={classes!("legendrow", (!shown).then_some("hidden"))} role="button" tabindex="0" {onclick} {onkeydown}
                aria-pressed={shown.to_string()} aria-label={format!("Show packets of kind {name}")}>
                <rect class="hit" x="4" y={(y - 12).to_string()} width="120" height="24" rx="4" />
                <use href={symbol} class={colour} transform={format!("translate(36,{y})")} />
                <text class="s2" x="52" y={(y + 4).to_string()}>{ *name }</text>
                if !shown { <path class="strike" d={format!("M8,{y}H120")} /> }
            </g>
        }
    };
    html! {
        <g>
            <text class="capsl" x="14" y="24">{ "PACKETS" }</text>
            { for KINDS.iter().enumerate().map(row) }
        </g>
    }
}

/// The kinds of packets where a frame has room for them: over the clients and under.
pub fn small_legend() -> Html {
    let row = |(index, (kind, name)): (usize, &(crate::cluster::FlightKind, &'static str))| {
        let y = if index < 4 { 13 + 14 * index } else { 105 + 14 * index };
        let (symbol, colour) = packet_symbol(*kind);
        html! {
            <>
            <use href={symbol} class={colour} transform={format!("translate(40,{y}) scale(.8)")} />
            <text class="small s2" x="54" y={(y + 4).to_string()}>{ *name }</text>
            </>
        }
    };
    html! { <g class="legend">{ for KINDS.iter().enumerate().map(row) }</g> }
}

/// The filter: a button in the caption bar and what it opens.
#[component(FilterBar)]
pub fn filter_bar(props: &SeeingProps) -> Html {
    let open = use_state(|| false);
    let view = &props.view;
    let active = view.filter.is_active();
    let onclick = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(!*open))
    };
    let bar = use_node_ref();
    {
        let open = open.clone();
        use_away(bar.clone(), *open, Callback::from(move |()| open.set(false)));
    }
    let text = match (active, view.hidden) {
        (false, _) => "Filter".to_owned(),
        (true, count) => format!("Filter: {count} hidden"),
    };
    let clear = {
        let driver = props.driver.clone();
        Callback::from(move |_: MouseEvent| driver.change_filter(|filter| filter.clear()))
    };
    html! {
        <div class="filter" ref={bar}>
            <button class={classes!("btn", active.then_some("on"))} aria-expanded={open.to_string()} aria-controls="filter" {onclick}>
                { icon("#i-look") }<span>{ text }</span></button>
            if active { <button class="btn quiet clearbtn" onclick={clear}>{ "Clear" }</button> }
            if *open { { popover(props) } }
        </div>
    }
}

fn popover(props: &SeeingProps) -> Html {
    let view = &props.view;
    let kinds: Vec<Chip> = KINDS.iter().map(|(kind, _)| Chip::Kind(*kind)).collect();
    let heartbeats = view.heartbeats;
    let driver = props.driver.clone();
    let on_heartbeats = Callback::from(move |_: MouseEvent| driver.set_heartbeats(!heartbeats));
    html! {
        <div id="filter" class="filterpop" role="group" aria-label="Filter">
            <p class="dim">{ "What is pressed is shown. The cluster runs on the same, seen or not." }</p>
            { chips(props, "Kinds of message", &kinds) }
            { chips(props, "Namespaces", &view.namespaces) }
            { chips(props, "Components", &view.components) }
            <div class="chips"><div class="chiphead">{ "Heartbeats" }</div>
                <button class="chipbtn" aria-pressed={heartbeats.to_string()} onclick={on_heartbeats}>{ "leases and node status" }</button></div>
        </div>
    }
}

fn chips(props: &SeeingProps, title: &'static str, all: &[Chip]) -> Html {
    let set = |shown: bool| {
        let (driver, all) = (props.driver.clone(), all.to_vec());
        Callback::from(move |_: MouseEvent| driver.change_filter(|filter| filter.set(&all, shown)))
    };
    let chip = |chip: &Chip| {
        let (driver, own) = (props.driver.clone(), chip.clone());
        let onclick = Callback::from(move |_: MouseEvent| driver.change_filter(|filter| filter.toggle(&own)));
        let shown = props.view.filter.shows(chip);
        let (mark, name) = face(chip);
        html! { <button class="chipbtn" aria-pressed={shown.to_string()} {onclick}>{ mark }{ name }</button> }
    };
    html! {
        <div class="chips" role="group" aria-label={title}>
            <div class="chiphead">{ title }<button class="allbtn" onclick={set(true)} aria-label={format!("{title}: all")}>{ "all" }</button>
                <button class="allbtn" onclick={set(false)} aria-label={format!("{title}: none")}>{ "none" }</button></div>
            { for all.iter().map(chip) }
        </div>
    }
}

fn face(chip: &Chip) -> (Html, String) {
    match chip {
        Chip::Kind(kind) => {
            let name = KINDS.iter().find(|(known, _)| known == kind).map_or("", |(_, name)| name);
            (super::super::controls::packet_mark(Some(*kind)), name.to_owned())
        }
        Chip::Namespace(name) if name.is_empty() => (Html::default(), "no namespace".to_owned()),
        Chip::Namespace(name) | Chip::Component(name) => (Html::default(), name.to_string()),
    }
}

/// Properties of the button that follows.
#[derive(Properties, PartialEq)]
pub struct FollowProps {
    pub following: bool,
    pub on_ask: Callback<Ask>,
}

/// Follows what is selected or was typed last, and leaves again.
#[component(FollowButton)]
pub fn follow_button(props: &FollowProps) -> Html {
    let onclick = props.on_ask.reform(|_: MouseEvent| Ask::ToggleFollow);
    let title = "Follow what is selected, or the line typed last (F)";
    html! {
        <button class={classes!("btn", "followbtn", props.following.then_some("on"))} aria-pressed={props.following.to_string()}
            {onclick} {title}>{ icon("#i-fwd") }<span>{ if props.following { "Following" } else { "Follow" } }</span></button>
    }
}
