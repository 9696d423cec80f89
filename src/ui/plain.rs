//! The plain editor: a text area over its own coloured lines. It is there at once, and stays where the
//! editor's module cannot be had.

use std::rc::Rc;

use yew::prelude::*;

use super::controls::icon;
use super::highlight::runs;
use super::locate::Place;
use super::screen::Marks;

/// More lines than this are not coloured.
const COLOURED_LINES_MAX: usize = 4_000;

/// The notes that were shut, and the text they belonged to.
pub type Shut = UseStateHandle<(Rc<str>, Vec<usize>)>;

/// The text, coloured, with numbers, and what became of its documents.
pub fn lines(text: &str, marks: Option<&Marks>) -> Html {
    let coloured = text.lines().count() <= COLOURED_LINES_MAX;
    let line = |(index, line): (usize, &str)| {
        let error = marks.and_then(|marks| marks.errors.iter().find(|(place, _)| place.line == index));
        let note = marks.and_then(|marks| marks.notes.iter().find(|(at, _, _)| *at == index));
        let content = match error {
            Some((place, _)) => {
                let part = |from: usize, to: usize| line.chars().skip(from).take(to - from).collect::<String>();
                html! { <span>{ part(0, place.from) }<u>{ part(place.from, place.to) }</u>{ part(place.to, usize::MAX) }</span> }
            }
            None if coloured => {
                html! { <span>{ for runs(line).into_iter().map(|run| html! { <span class={run.class}>{ run.text }</span> }) }</span> }
            }
            None => html! { <span>{ line }</span> },
        };
        let said = note.map(|(_, bad, word)| match bad {
            true => html! { <em class="bad">{ word }</em> },
            false => html! { <em><b>{ word }</b></em> },
        });
        html! {
            <div class={classes!("line", error.map(|_| "errline"))}><i>{ index + 1 }</i>{ content }{ said }</div>
        }
    };
    let mut all: Vec<&str> = text.split('\n').collect();
    if all.last() == Some(&"") && all.len() > 1 {
        all.pop();
    }
    all.into_iter().enumerate().map(line).collect()
}

/// kubectl's words, under their lines.
pub fn notes(marks: &Marks, closed: &Shut) -> Html {
    let note = |(index, (place, message)): (usize, &(Place, String))| {
        if closed.0 == marks.text && closed.1.contains(&index) {
            return Html::default();
        }
        let (state, text) = (closed.clone(), marks.text.clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            let mut shut = if state.0 == text { state.1.clone() } else { Vec::new() };
            shut.push(index);
            state.set((text.clone(), shut));
        });
        let top = 4 + (place.line + 1) * 18;
        html! {
            <Note key={index} {top}>
                <span class="sr">{ format!("Line {}: ", place.line + 1) }</span>{ message }
                <button aria-label="Hide" {onclick}>{ icon("#i-close") }</button>
            </Note>
        }
    };
    marks.errors.iter().enumerate().map(note).collect()
}

#[derive(Properties, PartialEq)]
struct NoteProps {
    /// Distance from the sheet's top in CSS pixels.
    top: usize,
    children: Html,
}

/// A note at a height that only the text knows: set through the object model, for the sake of a strict
/// content security policy.
#[component(Note)]
fn note(props: &NoteProps) -> Html {
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(props.top, move |top| {
            if let Some(element) = node.cast::<web_sys::HtmlElement>() {
                // A height that is not taken leaves the note at the top.
                let _ = element.style().set_property("top", &format!("{top}px"));
            }
        });
    }
    html! { <div class="note" ref={node}>{ props.children.clone() }</div> }
}
