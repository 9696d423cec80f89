//! The API server's pipeline, requests, caches and watchers.

use yew::prelude::*;

use crate::cluster::FlightKind;
use crate::cluster::inside::{ApiServerInside, Asked, Look, StageInside};

use super::super::app::Ask;
use super::super::controls::packet_mark;
use super::looking;
use super::sheet::{facts, head, part, sheet, wide};

/// The API server.
pub fn apiserver(inside: &ApiServerInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let title = inside.chosen.as_ref().map(|asked| format!("{} of {}", asked.what, asked.client)).unwrap_or_default();
    let pipeline = html! {
        <>
        <p class="said">{ inside.end.clone() }</p>
        <ol class="pipe">{ for inside.stages.iter().map(stage) }</ol>
        </>
    };
    let columns = &["request", "of", "arrived", "answer", "took"];
    let chosen = inside.chosen.as_ref().map(|asked| asked.id);
    let row = |asked: &Asked| {
        let id = asked.id;
        let on = chosen == Some(id);
        let onclick = looking(look, on_ask, move |look| look.chosen = Some(id.0));
        html! {
            <tr key={id.0} class={classes!(asked.bad.then_some("bad"), on.then_some("on"))}>
                <th scope="row"><button class="link" aria-pressed={on.to_string()} {onclick}>{ asked.what.clone() }</button></th>
                <td>{ asked.client.to_string() }</td><td>{ asked.at.clone() }</td>
                <td>{ asked.answer.clone() }</td><td>{ asked.took.clone() }</td>
            </tr>
        }
    };
    let requests = html! {
        <>
        <p class="dim">{ "Those in hand, then the last ones answered. Renewals of leases are left out." }</p>
        { wide("Requests", html! { <table>{ head(columns) }<tbody>{ for inside.asked.iter().map(row) }</tbody></table> }) }
        </>
    };
    html! {
        <>
        { facts(&inside.facts) }
        { part("Pipeline", title, pipeline) }
        { part("Requests", inside.asked.len().to_string(), requests) }
        { sheet(&inside.caches, on_ask) }
        { sheet(&inside.watchers, on_ask) }
        </>
    }
}

fn stage(stage: &StageInside) -> Html {
    let passed = !stage.took.is_empty();
    let busy = !stage.here.is_empty();
    let class = classes!(passed.then_some("passed"), stage.stands.then_some("stands"), busy.then_some("busy"));
    html! {
        <li {class} aria-current={stage.stands.then_some("step")}>
            <b>{ stage.name }</b>
            <code>{ if passed { stage.took.clone() } else if stage.stands { "now".to_owned() } else { "not passed".to_owned() } }</code>
            { for stage.said.iter().map(|(text, bad)| html! { <span class={bad.then_some("no")}>{ text.clone() }</span> }) }
            { for stage.here.iter().map(|here| html! {
                <em>{ packet_mark(Some(FlightKind::Request)) }<span><span class="sr">{ "in it now: " }</span>{ here.clone() }</span></em>
            }) }
        </li>
    }
}
