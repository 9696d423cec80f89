//! The right pane: what was picked, and the events.

pub mod breaking;
mod message;
mod muster;
mod objects;
pub mod place;
mod things;
pub mod weighing;

use yew::prelude::*;

use crate::cluster::CauseLink;
use crate::sim::{EventId, SimTime};

use super::app::{Ask, FAULTS, STORY};
use super::controls::{Tabs, icon, packet_mark};
use super::faults::FaultsView;
use super::faults_pane::FaultsPane;
use super::lists::Events;
use super::screen::{Detail, FollowView, Lists, Selection, Shared};
use super::story_pane::StoryPane;

/// Properties of the right pane.
#[derive(Properties, PartialEq)]
pub struct RightProps {
    pub open: bool,
    pub tab: usize,
    pub on_tab: Callback<usize>,
    /// A tab of the other pane was chosen, on the phone.
    pub on_other: Callback<usize>,
    pub on_close: Callback<()>,
    pub detail: Shared<Detail>,
    pub lists: Shared<Lists>,
    pub follow: Option<Shared<FollowView>>,
    pub faults: Shared<FaultsView>,
    pub on_ask: Callback<Ask>,
}

/// The right pane.
#[component(RightPane)]
pub fn right_pane(props: &RightProps) -> Html {
    let close = props.on_close.reform(|_: MouseEvent| ());
    let yaml = props.on_other.reform(|_: MouseEvent| 0);
    let terminal = props.on_other.reform(|_: MouseEvent| 1);
    let faults = match props.faults.rows.len() {
        0 => AttrValue::from("Faults"),
        count => AttrValue::from(format!("Faults {count}")),
    };
    let mut names = vec![AttrValue::from("Inspector"), AttrValue::from("Events"), faults];
    names.extend(props.follow.is_some().then(|| AttrValue::from("Story")));
    html! {
        <aside class={classes!("pane", "right", props.open.then_some("open"))} aria-label="Inspector and events">
            <Tabs label="Inspector and events" {names}
                chosen={props.tab} on_choose={props.on_tab.clone()} panel="right-panel">
                <button class="phonetab" onclick={yaml}>{ "YAML" }</button>
                <button class="phonetab" onclick={terminal}>{ "kubectl" }</button>
                <button class="iconbtn closebtn" aria-label="Close" onclick={close}>{ icon("#i-close") }</button>
            </Tabs>
            <div id="right-panel" class="scroll" role="tabpanel" tabindex="0" data-arrows=""
                aria-labelledby={format!("right-panel-tab-{}", props.tab)}>
                if let Some(follow) = props.follow.clone().filter(|_| props.tab == STORY) {
                    <StoryPane {follow} on_ask={props.on_ask.clone()} />
                } else if props.tab == FAULTS {
                    <FaultsPane faults={props.faults.clone()} on_ask={props.on_ask.clone()} />
                } else if props.tab != 1 {
                    <Inspector detail={props.detail.clone()} on_ask={props.on_ask.clone()} />
                } else {
                    <Events lists={props.lists.clone()} on_ask={props.on_ask.clone()} />
                }
            </div>
        </aside>
    }
}

/// Properties of the inspector.
#[derive(Properties, PartialEq)]
pub struct InspectorProps {
    pub detail: Shared<Detail>,
    pub on_ask: Callback<Ask>,
}

#[component(Inspector)]
fn inspector(props: &InspectorProps) -> Html {
    let on_ask = &props.on_ask;
    match &*props.detail {
        Detail::Nothing(recent) => html! {
            <div class="none">
                <h2>{ "Pick a packet to read it." }</h2>
                <p>{ "Components, nodes and pods can be picked as well." }</p>
                if !recent.is_empty() {
                    <div class="sub"><b>{ "Last messages" }</b><span class="sp"></span><span class="dim">{ "ms" }</span></div>
                    { chain(recent, None, recent.last().map_or(SimTime::ZERO, |link| link.at), on_ask) }
                }
            </div>
        },
        Detail::Gone(selection) => html! {
            <div class="none">
                <h2>{ "It is not here now." }</h2>
                <p>{ gone(selection) }</p>
            </div>
        },
        Detail::Message(detail) => html! { <message::Message detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
        Detail::Component(detail) => {
            html! { <things::Component detail={(**detail).clone()} on_ask={on_ask.clone()} /> }
        }
        Detail::Node(detail) => html! { <things::Node detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
        Detail::Object(detail) => html! { <objects::AnyObject detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
        Detail::Event(detail) => html! { <objects::OneEvent detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
        Detail::Act(detail) => html! { <objects::Act detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
        Detail::Pod(detail) => html! { <things::Pod detail={(**detail).clone()} on_ask={on_ask.clone()} /> },
    }
}

fn gone(selection: &Selection) -> String {
    match selection {
        Selection::Message(id) => {
            format!("Message {} is not sent yet at this time, or it is older than what the trace keeps.", id.0)
        }
        Selection::Component(name) | Selection::Node(name) => format!("{name} does not exist at this time."),
        Selection::Pod(uid) => format!("The pod with uid {uid} does not exist at this time."),
        Selection::Object(kind, key) => format!("The {} {} does not exist at this time.", kind.info().kind, key.name),
        Selection::Event(key) => format!("The event {} does not exist at this time.", key.name),
    }
}

/// A chain of messages as links. `now` is the one that is shown; times count from `origin`.
pub fn chain(links: &[CauseLink], now: Option<EventId>, origin: SimTime, on_ask: &Callback<Ask>) -> Html {
    let row = |link: &CauseLink| {
        let id = link.id;
        let picks = link.kind.is_some();
        let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
        // Rounded as a whole number, so that a little before is no `-0.0`.
        let ms = (link.at.0 as i64 - origin.0 as i64 + 50).div_euclid(100) as f64 / 10.0;
        let here = now == Some(id);
        let (first, rest) = link.text.split_once(' ').unwrap_or((&link.text, ""));
        let title = if link.to.is_empty() { link.from.to_string() } else { format!("{} → {}", link.from, link.to) };
        html! {
            <li key={id.0} class={here.then_some("now")}>
                <button {onclick} disabled={!picks && &*link.from != "you"} {title} aria-current={here.then_some("true")}>
                    { packet_mark(link.kind) }
                    if picks {
                        <code>{ first.to_owned() }{ " " }<span>{ rest.to_owned() }</span></code>
                    } else {
                        <code>{ link.text.clone() }</code>
                    }
                    <time>{ format!("{ms:.1}") }</time>
                </button>
            </li>
        }
    };
    html! { <ol class="chain">{ for links.iter().map(row) }</ol> }
}
