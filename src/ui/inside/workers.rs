//! A kubelet's pod workers: each on its way through the three stages.

use yew::prelude::*;

use crate::cluster::inside::{Sheet, SheetRow};

use super::sheet::{count, part};

/// The title of the sheet that is drawn so.
pub const WORKERS: &str = "Pod workers";
/// Upstream's names of the stages, in their order.
const STAGES: [&str; 3] = ["SyncPod", "SyncTerminatingPod", "SyncTerminatedPod"];

/// The workers of a sheet with the columns pod, stage, doing, waits for, next sync, status reported.
pub fn workers(sheet: &Sheet) -> Html {
    let content = html! {
        <>
        if sheet.rows.is_empty() { <p class="dim">{ "There are none now." }</p> }
        <ol class="workers">{ for sheet.rows.iter().map(worker) }</ol>
        </>
    };
    part(&sheet.title, count(sheet.rows.len(), sheet.total), content)
}

fn worker(row: &SheetRow) -> Html {
    let [pod, stage, doing, waits, next, reported] = row.cells.as_slice() else { return Html::default() };
    let at = STAGES.iter().position(|name| name == stage);
    let step = |(index, name): (usize, &&'static str)| {
        let here = at == Some(index);
        let class = if here {
            "here"
        } else if at.is_some_and(|at| index < at) {
            "done"
        } else {
            ""
        };
        html! { <li {class} aria-current={here.then_some("step")}>{ "Sync" }<wbr />{ name.trim_start_matches("Sync") }</li> }
    };
    let line = |name: &'static str, text: &str| {
        if text.is_empty() {
            return Html::default();
        }
        html! { <><dt>{ name }</dt><dd>{ text.to_owned() }</dd></> }
    };
    html! {
        <li key={pod.clone()} class={row.bad.then_some("bad")}>
            <h4>{ pod.clone() }</h4>
            <ol class="track" aria-label="Stage">{ for STAGES.iter().enumerate().map(step) }</ol>
            <dl>{ line("doing", doing) }{ line("waits for", waits) }{ line("next sync", next) }{ line("reported", reported) }</dl>
        </li>
    }
}
