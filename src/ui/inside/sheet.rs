//! Facts and tables: what every inside is made of.

use yew::prelude::*;

use crate::cluster::inside::{Fact, Sheet, SheetRow};

use super::super::app::Ask;
use super::super::screen::Selection;

/// Names and what is so called.
pub fn facts(facts: &[Fact]) -> Html {
    html! {
        <dl class="facts">{ for facts.iter().map(|(name, value)| html! { <div><dt>{ *name }</dt><dd>{ value.clone() }</dd></div> }) }</dl>
    }
}

/// How many there are, and how many of them are shown where that is fewer.
pub fn count(shown: usize, total: usize) -> String {
    if shown < total { format!("{shown} of {total}") } else { total.to_string() }
}

/// A part of an inside under its heading.
pub fn part(title: &str, small: String, content: Html) -> Html {
    html! { <section class="part"><h3>{ title.to_owned() }<small>{ small }</small></h3>{ content }</section> }
}

/// A region that scrolls sideways by itself.
pub fn wide(label: &str, content: Html) -> Html {
    html! { <div class="wide" tabindex="0" role="group" aria-label={label.to_owned()}>{ content }</div> }
}

/// The head of a table.
pub fn head(columns: &[&'static str]) -> Html {
    html! { <thead><tr>{ for columns.iter().map(|column| html! { <th scope="col">{ *column }</th> }) }</tr></thead> }
}

/// A table under its heading.
pub fn sheet(sheet: &Sheet, on_ask: &Callback<Ask>) -> Html {
    let row = |row: &SheetRow| {
        let last = row.cells.len().saturating_sub(1);
        let cell = |(at, text): (usize, &String)| match row.about.filter(|_| at == last) {
            _ if at == 0 => html! { <th scope="row">{ text.clone() }</th> },
            Some(id) => {
                let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Message(id))));
                html! { <td><button class="link" {onclick}>{ text.clone() }</button></td> }
            }
            None => html! { <td>{ text.clone() }</td> },
        };
        html! { <tr class={row.bad.then_some("bad")}>{ for row.cells.iter().enumerate().map(cell) }</tr> }
    };
    let content = html! {
        <>
        if !sheet.note.is_empty() { <p class="dim">{ sheet.note.clone() }</p> }
        if sheet.rows.is_empty() { <p class="dim">{ "There are none now." }</p> } else {
            { wide(&sheet.title, html! { <table>{ head(sheet.columns) }<tbody>{ for sheet.rows.iter().map(row) }</tbody></table> }) }
        }
        </>
    };
    part(&sheet.title, count(sheet.rows.len(), sheet.total), content)
}
