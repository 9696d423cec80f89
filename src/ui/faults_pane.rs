//! The right pane's faults: what is in force, what else can be broken, what the cluster did about it.

use yew::prelude::*;

use super::app::Ask;
use super::controls::icon;
use super::faults::{FaultRow, FaultsView};
use super::inspector::breaking::LinkBreaker;
use super::screen::{Selection, Shared};
use super::story::{Step, Story};

/// Properties of the faults.
#[derive(Properties, PartialEq)]
pub struct FaultsProps {
    pub faults: Shared<FaultsView>,
    pub on_ask: Callback<Ask>,
}

/// The faults.
#[component(FaultsPane)]
pub fn faults_pane(props: &FaultsProps) -> Html {
    let FaultsView { rows, story, here, groups } = &*props.faults;
    let targets = vec![
        ("kube-apiserver".to_owned(), "kube-apiserver".to_owned()),
        ("etcd".to_owned(), "etcd".to_owned()),
        ("*".to_owned(), "everything else".to_owned()),
    ];
    let later = |index: usize| here.is_none_or(|here| index > here);
    html! {
        <div class="story faults">
            <section aria-labelledby="faults-force">
                <h2 id="faults-force">{ "In force" }</h2>
                if rows.is_empty() {
                    <p class="dim">{ "Nothing is broken. Pick a component, node, pod or packet to break it, or break a link here." }</p>
                } else {
                    <ul class="inforce">{ for rows.iter().map(|row| in_force(row, &props.on_ask)) }</ul>
                }
            </section>
            <section aria-labelledby="faults-break">
                <h2 id="faults-break">{ "Break a link" }</h2>
                <LinkBreaker from={groups.clone()} to={targets} on_ask={props.on_ask.clone()} />
            </section>
            <section aria-labelledby="faults-did">
                <h2 id="faults-did">{ "What the cluster did" }</h2>
                if story.steps.is_empty() {
                    <p class="dim">{ "Told here from the moment something is broken." }</p>
                } else {
                    <ol class="steps">
                        { for story.steps.iter().enumerate().map(|(index, step)| {
                            told(story, step, (*here == Some(index), later(index)), &props.on_ask)
                        }) }
                    </ol>
                }
            </section>
        </div>
    }
}

fn in_force(row: &FaultRow, on_ask: &Callback<Ask>) -> Html {
    let lift = row.lift.clone();
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Do(lift.clone()));
    html! {
        <li key={row.id.0}><span>{ row.text.clone() }</span>
            <button class="btn" aria-label={format!("Lift: {}", row.text)} {onclick}>{ icon("#i-close") }{ "Lift" }</button></li>
    }
}

fn told(story: &Story, step: &Step, (now, later): (bool, bool), on_ask: &Callback<Ask>) -> Html {
    let id = step.id;
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
    let runs = step.caption.0.iter().map(|(bold, run)| match bold {
        true => html! { <b>{ run }</b> },
        false => html! { run },
    });
    let again = step.again_text();
    html! {
        <li key={id.0} class={classes!(now.then_some("now"), later.then_some("later"))}>
            <button {onclick}><time>{ story.time_of(step.at) }</time><span class="said">{ for runs }</span></button>
            if !again.is_empty() {
                <details>
                    <summary>{ again }</summary>
                    <ul>{ for step.again.iter().map(|(id, at, text)| {
                        let id = *id;
                        let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
                        html! { <li key={id.0}><button {onclick}><time>{ story.time_of(*at) }</time><span>{ text }</span></button></li> }
                    }) }</ul>
                </details>
            }
        </li>
    }
}
