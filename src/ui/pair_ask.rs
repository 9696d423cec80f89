//! What is to be compared with the present run: a run that was left, or the same acts with an edited text.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::cluster::Command;
use crate::sim::SimTime;

use super::bookmarks::moment;
use super::dialog::Dialog;
use super::driver::first_words;
use super::editor;
use super::pair::{Asked, edited};
use super::pair_words::{changed_lines, told};
use super::share::ShareProps;

/// The dialog that asks.
#[component(CompareDialog)]
pub fn compare_dialog(props: &ShareProps) -> Html {
    let changed = use_force_update();
    let chosen = use_state(|| None::<usize>);
    let (driver, on_close) = (&props.driver, &props.on_close);
    let (present, inputs, horizon, runs, texts) = driver.with_quietly(|engine| {
        let say = |at: SimTime| moment(&engine.log, engine.ready_at, at);
        let inputs = engine.session.inputs().to_vec();
        let runs: Vec<_> = engine
            .runs
            .kept
            .iter()
            .map(|run| (run.number, run.inputs.clone(), run.log.horizon, run.told(&inputs, &say)))
            .collect();
        let texts: Vec<(usize, String)> = inputs
            .iter()
            .enumerate()
            .filter_map(|(index, logged)| match &logged.input {
                Command::Kubectl { stdin, .. } if !stdin.is_empty() => {
                    let after = moment(&engine.log, engine.ready_at, SimTime(logged.at.0.saturating_sub(1)));
                    Some((index, format!("{}, {after}", logged.input.text())))
                }
                _ => None,
            })
            .collect();
        (engine.runs.present, inputs, engine.log.horizon, runs, texts)
    });
    let begin = |asked: Asked| {
        let (driver, on_close) = (driver.clone(), on_close.clone());
        Callback::from(move |_: MouseEvent| {
            driver.compare(asked.clone());
            on_close.emit(());
        })
    };
    let index = chosen.unwrap_or(texts.len().saturating_sub(1)).min(texts.len().saturating_sub(1));
    let onchange = {
        let chosen = chosen.clone();
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            chosen.set(Some(select.selected_index().max(0) as usize));
        })
    };
    let with_text = texts.get(index).and_then(|(act, _)| edited(&inputs, *act, &editor::current_text()));
    let text_part = match with_text {
        Some((other, lines)) => {
            let names = [format!("Run {present}"), format!("Run {present} with the edited YAML")];
            let said = told(&lines);
            let shown = changed_lines(&lines);
            let after = first_words(&inputs[texts[index].0].input.text());
            let asked = Asked { names, inputs: [inputs.clone(), other], lines, horizon, after };
            html! {
                <>
                <div class="fields"><label>{ "In place of the text of" }<select {onchange}>
                    { for texts.iter().enumerate().map(|(at, (_, name))| html! { <option selected={at == index}>{ name.clone() }</option> }) }
                </select></label></div>
                { shown }
                <div class="row"><button class="btn solid" onclick={begin(asked)}>{ "Compare with the edited YAML" }</button><p>{ said }</p></div>
                </>
            }
        }
        None => {
            html! { <p>{ "Nothing was applied in this run yet. Apply a text, change a line of it in the editor, and come back." }</p> }
        }
    };
    let run = |(number, other, far, told): &(u32, Vec<_>, SimTime, String)| {
        let names = [format!("Run {present}"), format!("Run {number}")];
        let asked = Asked {
            names,
            inputs: [inputs.clone(), other.clone()],
            lines: Vec::new(),
            horizon: horizon.max(*far),
            after: "the runs part".to_owned(),
        };
        let back = {
            let (driver, changed, number) = (driver.clone(), changed.clone(), *number);
            Callback::from(move |_: MouseEvent| {
                driver.go_to_run(number);
                changed.force_update();
            })
        };
        html! {
            <li key={*number}>
                <p><b>{ format!("Run {number}") }</b>{ format!(": {told}") }</p>
                <div class="row"><button class="btn solid" onclick={begin(asked)}>{ format!("Compare with Run {number}") }</button>
                    <button class="btn" onclick={back}>{ format!("Go back to Run {number}") }</button></div>
            </li>
        }
    };
    html! {
        <Dialog title="Compare two runs" class="marks" on_close={on_close.clone()}>
            <p>{ format!("This is Run {present}: seed, acts and their times are known, and it can be run again. The other differs in one thing.") }</p>
            <h2>{ "The same acts, another text" }</h2>
            { text_part }
            <h2>{ "Runs that were left" }</h2>
            if runs.is_empty() {
                <p>{ "None yet. Seek back and act: the run you leave is kept here, with the future you knew." }</p>
            } else {
                <ul class="runlist">{ for runs.iter().map(run) }</ul>
            }
        </Dialog>
    }
}
