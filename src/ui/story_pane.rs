//! The story of what is followed, in the right pane: numbered sentences with their times.

use yew::prelude::*;

use super::app::Ask;
use super::controls::icon;
use super::screen::{FollowView, Selection, Shared};
use super::story::{Step, Story};

/// Properties of the story.
#[derive(Properties, PartialEq)]
pub struct StoryProps {
    pub follow: Shared<FollowView>,
    pub on_ask: Callback<Ask>,
}

/// The story.
#[component(StoryPane)]
pub fn story_pane(props: &StoryProps) -> Html {
    let FollowView { title, story, here } = &*props.follow;
    let here_node = use_node_ref();
    {
        let here_node = here_node.clone();
        use_effect_with(*here, move |_| {
            if let Some(step) = here_node.cast::<web_sys::HtmlElement>() {
                reveal(&step);
            }
        });
    }
    let ask = |ask: Ask| props.on_ask.reform(move |_: MouseEvent| ask.clone());
    let count = story.steps.len();
    let place = here.map_or_else(|| format!("{count} steps"), |here| format!("{} of {count}", here + 1));
    // The pane's own arrows scroll it: Left and Right are free for the steps.
    let keyed = props.on_ask.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        let forward = match event.key().as_str() {
            "ArrowRight" => true,
            "ArrowLeft" => false,
            _ => return,
        };
        event.prevent_default();
        keyed.emit(Ask::Step(forward));
    });
    html! {
        <div class="story" {onkeydown}>
            <div class="storyhead">
                <h2>{ title.clone() }</h2>
                <button class="btn" onclick={ask(Ask::Leave)} title="Leave (Escape)">{ icon("#i-close") }{ "Leave" }</button>
            </div>
            <p class="dim">{ format!("{} messages in {count} steps. Only they are shown. Left and Right go from step to step.", story.messages) }</p>
            <div class="storynav">
                <button class="btn" onclick={ask(Ask::Step(false))} disabled={here.is_none_or(|here| here == 0)}>
                    { icon("#i-back") }{ "Previous step" }</button>
                <button class="btn" onclick={ask(Ask::Step(true))}>{ icon("#i-fwd") }{ "Next step" }</button>
                <span class="sp"></span><span class="dim">{ place }</span>
            </div>
            <ol class="steps">
                { for story.steps.iter().enumerate().map(|(index, step)| {
                    let now = *here == Some(index);
                    let later = here.is_none_or(|here| index > here);
                    let node = if now { here_node.clone() } else { NodeRef::default() };
                    row(story, index, step, (now, later), node, &props.on_ask)
                }) }
            </ol>
        </div>
    }
}

fn row(
    story: &Story,
    index: usize,
    step: &Step,
    (now, later): (bool, bool),
    node: NodeRef,
    on_ask: &Callback<Ask>,
) -> Html {
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::GoToStep(index));
    let runs = step.caption.0.iter().map(|(bold, run)| {
        if *bold {
            html! { <b>{ run }</b> }
        } else {
            html! { run }
        }
    });
    let class = classes!(now.then_some("now"), later.then_some("later"), step.reached.then_some("reached"));
    let again = step.again_text();
    html! {
        <li key={step.id.0} {class} ref={node}>
            <button {onclick} aria-current={now.then_some("step")}>
                <time>{ story.time_of(step.at) }</time>
                <span class="said">{ for runs }</span>
                if step.reached { <span class="goal">{ "reached" }</span> }
            </button>
            if !step.gloss.is_empty() { <p class="gloss">{ step.gloss }</p> }
            if !again.is_empty() {
                <details>
                    <summary>{ again }</summary>
                    <ul>{ for step.again.iter().map(|(id, at, text)| {
                        let id = *id;
                        let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
                        html! { <li key={id.0}><button {onclick}><time>{ story.time_of(*at) }</time><span>{ text }</span></button></li> }
                    }) }
                    if step.again_total > step.again.len() {
                        <li class="dim">{ format!("and {} more", step.again_total - step.again.len()) }</li>
                    }
                    </ul>
                </details>
            }
        </li>
    }
}

/// Scrolls the pane, and nothing else, so that a step is in sight.
fn reveal(step: &web_sys::HtmlElement) {
    let Some(pane) = step.closest(".scroll").ok().flatten() else { return };
    let (own, room) = (step.get_bounding_client_rect(), pane.get_bounding_client_rect());
    let margin = 12.0;
    let by = if own.top() < room.top() + margin {
        own.top() - room.top() - margin
    } else if own.bottom() > room.bottom() - margin {
        own.bottom() - room.bottom() + margin
    } else {
        return;
    };
    pane.set_scroll_top(pane.scroll_top() + by as i32);
}
