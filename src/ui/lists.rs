//! The events tab: the cluster's events, and every message in order.

use yew::prelude::*;

use super::app::Ask;
use super::controls::{Choice, packet_mark, packet_name};
use super::driver::thousands;
use super::screen::{EventRow, Lists, Row, Selection, Shared};

/// Properties of the lists.
#[derive(Properties, PartialEq)]
pub struct EventsProps {
    pub lists: Shared<Lists>,
    pub on_ask: Callback<Ask>,
}

/// The lists.
#[component(Events)]
pub fn events(props: &EventsProps) -> Html {
    let messages = use_state(|| false);
    let on_choose = {
        let messages = messages.clone();
        Callback::from(move |index: usize| messages.set(index == 1))
    };
    let lists = &props.lists;
    let (shown, total) =
        if *messages { (lists.messages.len(), lists.messages_total) } else { (lists.events.len(), lists.events_total) };
    let filtered = if *messages && lists.messages_filtered { " in view" } else { "" };
    let count = if shown < total { format!("{shown} of {}", thousands(total as u64)) } else { total.to_string() };
    html! {
        <>
        <div class="evbar">
            <Choice label="List" names={vec![AttrValue::from("Cluster events"), AttrValue::from("Messages")]}
                chosen={usize::from(*messages)} {on_choose} />
            <span class="sp"></span><span class="dim">{ count }{ filtered }</span>
        </div>
        if *messages {
            <ol class="rows" reversed={true}>{ for lists.messages.iter().map(|row| message(row, &props.on_ask)) }</ol>
        } else {
            <ul class="rows">
                if lists.events.is_empty() { <li><div>{ "No events found in the cluster." }</div></li> }
                { for lists.events.iter().map(|row| event(row, &props.on_ask)) }
            </ul>
        }
        </>
    }
}

fn message(row: &Row, on_ask: &Callback<Ask>) -> Html {
    let id = row.link.id;
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
    let between = format!("{} → {}", row.link.from, row.link.to);
    html! {
        <li key={id.0}>
            <button {onclick} title={between}>
                <time>{ row.link.at.to_string() }</time>{ packet_mark(row.link.kind) }
                <code>{ row.link.text.clone() }</code>
                <span class="sr">{ format!("{}, {} to {}", row.link.kind.map_or("", packet_name), row.link.from, row.link.to) }</span>
                if !row.arrived { <span class="who">{ "under way" }</span> }
            </button>
        </li>
    }
}

/// One of the cluster's events.
pub fn event(row: &EventRow, on_ask: &Callback<Ask>) -> Html {
    let key = row.key.clone();
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Event(key.clone()))));
    let times = if row.count > 1 { format!(" (x{})", row.count) } else { String::new() };
    html! {
        <li key={row.key.to_string()} class={row.warning.then_some("warn")}>
            <button class="event" {onclick}><time>{ row.at.clone() }</time>
                <span class="say"><b>{ row.reason.clone() }</b>{ " " }<span class="who">{ row.object.clone() }</span><br />{ row.message.clone() }{ times }</span></button>
        </li>
    }
}
