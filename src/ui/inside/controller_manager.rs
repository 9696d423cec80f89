//! The controllers: each with its plans, informers and queue.

use yew::prelude::*;

use crate::cluster::inside::{ControllerInside, ControllerManagerInside, Look, PlanInside};

use super::super::app::Ask;
use super::looking;
use super::sheet::{facts, head, part, sheet, wide};

/// The controller manager.
pub fn controller_manager(inside: &ControllerManagerInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let columns = &["controller", "keys queued", "looks", "failures", "events behind", "informers"];
    let row = |(at, controller): (usize, &ControllerInside)| {
        let onclick = looking(look, on_ask, move |look| look.chosen = Some(at as u64));
        html! {
            <tr class={controller.chosen.then_some("on")}>
                <th scope="row"><button class="link" aria-pressed={controller.chosen.to_string()} {onclick}>{ controller.name }</button></th>
                <td>{ controller.keys }</td><td>{ controller.looks }</td><td>{ controller.failures }</td>
                <td>{ controller.lag }</td><td>{ if controller.synced { "synced" } else { "not synced" } }</td>
            </tr>
        }
    };
    let list =
        html! { <table>{ head(columns) }<tbody>{ for inside.controllers.iter().enumerate().map(row) }</tbody></table> };
    let plans = if inside.plans.is_empty() {
        html! { <p class="dim">{ "It has not had to do anything yet." }</p> }
    } else {
        html! { <ol class="plans">{ for inside.plans.iter().map(plan) }</ol> }
    };
    html! {
        <>
        { facts(&inside.facts) }
        if let Some(disks) = &inside.disks { { sheet(disks, on_ask) } }
        { part("Controllers", inside.controllers.len().to_string(), wide("Controllers", list)) }
        { part("Last plans", inside.chosen.to_owned(), plans) }
        { sheet(&inside.queue, on_ask) }
        { sheet(&inside.informers, on_ask) }
        </>
    }
}

fn plan(plan: &PlanInside) -> Html {
    html! {
        <li>
            <h4>{ plan.key.clone() }<time>{ plan.at.clone() }</time></h4>
            <dl>
                <dt>{ "asked for by" }</dt><dd>{ plan.asked.clone() }</dd>
                <dt>{ "saw and wants" }</dt><dd>{ plan.summary.clone() }</dd>
                <dt>{ "does" }</dt>
                <dd>
                    if plan.actions.is_empty() { { "nothing" } }
                    { for plan.actions.iter().map(|action| html! { <div>{ action.clone() }</div> }) }
                </dd>
                if !plan.error.is_empty() { <dt>{ "fails" }</dt><dd class="no">{ plan.error.clone() }</dd> }
            </dl>
        </li>
    }
}
