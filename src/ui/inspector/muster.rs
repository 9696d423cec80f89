//! A workload's members in their order, above its object.

use yew::prelude::*;

use super::super::app::Ask;
use super::super::controls::phase_mark;
use super::super::screen::{MusterDetail, Selection};
use crate::cluster::Phase;
use crate::cluster::muster::Seat;

/// The facts, the members, and what the controller said last.
pub fn muster(detail: &MusterDetail, on_ask: &Callback<Ask>) -> Html {
    let muster = &detail.muster;
    let seats = muster.seats.iter().zip(&detail.picks);
    html! {
        <>
        <dl>{ for muster.facts.iter().map(|(name, value)| html! { <><dt>{ *name }</dt><dd>{ value.clone() }</dd></> }) }</dl>
        if !muster.doing.is_empty() { <p class="told">{ format!("Its controller: {}.", muster.doing) }</p> }
        if !muster.seats.is_empty() {
            <div class="sub"><h3>{ muster.title }</h3></div>
            <ol class="seats">{ for seats.map(|(seat, pick)| html! { <li>{ taken(seat, pick.as_ref(), on_ask) }</li> }) }</ol>
        }
        if muster.more > 0 { <p class="dim">{ format!("and {} more", muster.more) }</p> }
        </>
    }
}

fn taken(seat: &Seat, pick: Option<&Selection>, on_ask: &Callback<Ask>) -> Html {
    let face = html! {
        <>
        { seat.phase.map_or_else(|| html! { <i class="nobody" aria-hidden="true"></i> }, |phase: Phase| phase_mark(phase)) }
        <b>{ seat.title.clone() }</b>{ " " }<span>{ seat.state.clone() }</span>
        if !seat.note.is_empty() { { " " }<small>{ seat.note.clone() }</small> }
        </>
    };
    match pick.cloned() {
        Some(pick) => {
            let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(pick.clone())));
            html! { <button class="seat" {onclick}>{ face }</button> }
        }
        None => html! { <div class="seat">{ face }</div> },
    }
}
