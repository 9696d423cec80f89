//! Objects of any kind, events and acts in the inspector; the tree of what came of something.

use yew::prelude::*;

use crate::cluster::{Branch, Branches, CauseLink};
use crate::sim::SimTime;

use super::super::app::Ask;
use super::super::controls::{icon, packet_mark};
use super::super::screen::{ActDetail, EventDetail, ObjectDetail, Selection};
use super::chain;
use super::muster::muster;
use super::place::marked;
use super::things::{events, recent};

/// Indentation stops here: what lies deeper is only told by its order.
const DEPTH_MAX: usize = 10;

/// The button that follows something.
pub fn follow(selection: Selection, on_ask: &Callback<Ask>) -> Html {
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Follow(selection.clone()));
    html! { <button class="btn" {onclick} title="Show only what led here and what came of it, as a story">
    { icon("#i-fwd") }{ "Follow" }</button> }
}

/// A thing that can be gone to.
pub fn link_to(text: &str, selection: &Selection, on_ask: &Callback<Ask>) -> Html {
    let selection = selection.clone();
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(selection.clone())));
    html! { <button class="golink" {onclick}>{ text.to_owned() }</button> }
}

/// Properties of an object.
#[derive(Properties, PartialEq)]
pub struct ObjectProps {
    pub detail: ObjectDetail,
    pub on_ask: Callback<Ask>,
}

/// An object of any kind.
#[component(AnyObject)]
pub fn any_object(props: &ObjectProps) -> Html {
    let ObjectProps { detail, on_ask } = props;
    let selection = crate::api::KINDS
        .iter()
        .find(|info| info.kind == detail.kind && info.stored_as == info.id)
        .map(|info| Selection::Object(info.id, crate::api::ObjectKey::new(&detail.namespace, &detail.name)));
    let links = |name: &'static str, list: &[(String, Selection)]| {
        if list.is_empty() {
            return Html::default();
        }
        html! { <><dt>{ name }</dt><dd>{ for list.iter().map(|(text, selection)| link_to(text, selection, on_ask)) }</dd></> }
    };
    html! {
        <div class="insp">
            <div class="hd"><h2>{ detail.name.clone() }</h2><span class="st">{ detail.kind }</span></div>
            if !detail.told.is_empty() { <p class="said">{ detail.told.clone() }</p> }
            if let Some(selection) = selection.filter(|_| detail.follows) {
                <div class="acts">{ follow(selection, on_ask) }</div>
            }
            <dl>
                if !detail.namespace.is_empty() { <dt>{ "namespace" }</dt><dd>{ detail.namespace.clone() }</dd> }
                <dt>{ "resourceVersion" }</dt><dd>{ detail.revision }</dd>
                <dt>{ "etcd key" }</dt><dd>{ detail.etcd_key.clone() }</dd>
                { links("owned by", &detail.owners) }
                { links("owns", &detail.owned) }
            </dl>
            if let Some(members) = &detail.muster { { muster(members, on_ask) } }
            { written(detail.written.as_ref(), on_ask) }
            <div class="sub"><h3>{ "Object" }</h3></div>
            { marked(&detail.text) }
            { events(&detail.events, on_ask) }
            { recent(&detail.recent, on_ask) }
        </div>
    }
}

/// Who wrote the revision that is shown.
fn written(link: Option<&CauseLink>, on_ask: &Callback<Ask>) -> Html {
    match link {
        Some(link) => html! {
            <>
            <div class="sub"><h3>{ "Written by" }</h3><span class="sp"></span><span class="dim">{ link.from.to_string() }</span></div>
            { chain(std::slice::from_ref(link), None, link.at, on_ask) }
            </>
        },
        None => Html::default(),
    }
}

/// Properties of an event.
#[derive(Properties, PartialEq)]
pub struct EventProps {
    pub detail: EventDetail,
    pub on_ask: Callback<Ask>,
}

/// One of the cluster's events.
#[component(OneEvent)]
pub fn one_event(props: &EventProps) -> Html {
    let EventProps { detail, on_ask } = props;
    let row = &detail.row;
    let state = if row.warning { "Warning" } else { "Normal" };
    let origin = detail.chain.first().map_or(SimTime::ZERO, |link| link.at);
    let last = detail.chain.last().map(|link| link.id);
    html! {
        <div class="insp">
            <div class="hd"><h2>{ row.reason.clone() }</h2>
                <span class={classes!("st", row.warning.then_some("bad"))}>{ state }</span></div>
            <p class="said">{ row.message.clone() }</p>
            <dl>
                <dt>{ "about" }</dt>
                <dd>
                    if let Some(about) = &detail.about { { link_to(&row.object, about, on_ask) } } else { { row.object.clone() } }
                </dd>
                if !detail.source.is_empty() { <dt>{ "reported by" }</dt><dd>{ detail.source.clone() }</dd> }
                <dt>{ "last seen" }</dt><dd>{ row.at.clone() }</dd>
                if row.count > 1 { <dt>{ "count" }</dt><dd>{ row.count }</dd> }
                <dt>{ "etcd key" }</dt><dd>{ detail.etcd_key.clone() }</dd>
            </dl>
            if !detail.chain.is_empty() {
                <div class="sub"><h3>{ "Caused by" }</h3><span class="sp"></span><span class="dim">{ "ms" }</span></div>
                { chain(&detail.chain, last, origin, on_ask) }
            }
            <div class="sub"><h3>{ "Object" }</h3></div>
            { marked(&detail.text) }
        </div>
    }
}

/// Properties of an act.
#[derive(Properties, PartialEq)]
pub struct ActProps {
    pub detail: ActDetail,
    pub on_ask: Callback<Ask>,
}

/// A line that was typed, or another act from outside.
#[component(Act)]
pub fn act(props: &ActProps) -> Html {
    let ActProps { detail, on_ask } = props;
    html! {
        <div class="insp">
            <div class="hd"><h2>{ "From outside" }</h2></div>
            <div class="path">{ detail.text.clone() }</div>
            <div class="acts">{ follow(Selection::Message(detail.id), on_ask) }</div>
            { led_to(&detail.tree, detail.at, on_ask) }
        </div>
    }
}

/// Everything something led to: a tree whose branches open one by one.
pub fn led_to(tree: &Branches, origin: SimTime, on_ask: &Callback<Ask>) -> Html {
    let total = match tree.total {
        0 => "nothing yet".to_owned(),
        1 => "1 message, ms".to_owned(),
        total => format!("{total} messages, ms"),
    };
    html! {
        <>
        <div class="sub"><h3>{ "Led to" }</h3><span class="sp"></span><span class="dim">{ total }</span></div>
        <ul class="tree">{ for tree.rows.iter().map(|row| branch(row, origin, on_ask)) }</ul>
        if tree.cut { <p class="dim">{ "More rows are not drawn: close a branch, or follow." }</p> }
        </>
    }
}

fn branch(row: &Branch, origin: SimTime, on_ask: &Callback<Ask>) -> Html {
    let link = &row.link;
    let id = link.id;
    let pick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
    let turn = on_ask.reform(move |_: MouseEvent| Ask::Branch(id));
    let ms = (link.at.0 as i64 - origin.0 as i64) as f64 / 1_000.0;
    let (first, rest) = link.text.split_once(' ').unwrap_or((&link.text, ""));
    let title = format!("{} → {}", link.from, link.to);
    html! {
        <li key={id.0} class={format!("d{}", row.depth.min(DEPTH_MAX))}>
            if row.led_to > 0 {
                <button class="turn" onclick={turn} aria-expanded={row.open.to_string()}
                    aria-label={format!("What {} led to: {} messages", link.text, row.led_to)}>
                    { icon(if row.open { "#i-minus" } else { "#i-plus" }) }</button>
            } else {
                <span class="turn"></span>
            }
            <button class="leaf" onclick={pick} {title}>
                { packet_mark(link.kind) }
                <code>{ first.to_owned() }{ " " }<span>{ rest.to_owned() }</span></code>
                if row.led_to > 0 { <span class="who">{ row.led_to }</span> }
                <time>{ format!("{ms:.1}") }</time>
            </button>
        </li>
    }
}
