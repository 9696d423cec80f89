//! The dialog of the bookmarks: set one, go to one, rename, delete; and what the marks on the timeline mean.

use web_sys::{FormData, HtmlFormElement, SubmitEvent};
use yew::prelude::*;

use crate::sim::SimTime;

use super::bookmarks::{Bookmark, NAME_CHARS_MAX, moment};
use super::controls::icon;
use super::dialog::Dialog;
use super::driver::Driver;
use super::flags::FlagKind;

/// A bookmark's path around its own middle.
pub const RIBBON: &str = "M-3,-5h6v10l-3,-2.8l-3,2.8z";
const KINDS: [FlagKind; 5] = [FlagKind::Act, FlagKind::Refusal, FlagKind::Fault, FlagKind::Event, FlagKind::Warning];

/// Properties of the dialog.
#[derive(Properties, PartialEq)]
pub struct BookmarksProps {
    pub driver: Driver,
    pub on_close: Callback<()>,
}

/// The dialog.
#[component(BookmarksDialog)]
pub fn bookmarks_dialog(props: &BookmarksProps) -> Html {
    let changed = use_force_update();
    let renaming = use_state(|| None::<SimTime>);
    let driver = &props.driver;
    let (now, told, marks) = driver.with_quietly(|engine| {
        let say = |at: SimTime| moment(&engine.log, engine.ready_at, at);
        let marks: Vec<(Bookmark, String)> =
            engine.bookmarks.all().iter().map(|mark| (mark.clone(), say(mark.at))).collect();
        (engine.now(), say(engine.now()), marks)
    });
    // Enter in a name: a new mark, or another name for one.
    let named = |at: SimTime| {
        let (driver, renaming, changed) = (driver.clone(), renaming.clone(), changed.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let Some(form) = event.target_dyn_into::<HtmlFormElement>() else { return };
            let data = FormData::new_with_form(&form).ok();
            let name = data.and_then(|data| data.get("name").as_string()).unwrap_or_default();
            driver.bookmark(Some(at), &name);
            form.reset();
            renaming.set(None);
            changed.force_update();
        })
    };
    let field = |label: &'static str, value: &str| {
        html! { <input name="name" type="text" autocomplete="off" aria-label={label} placeholder="Name, if you like"
        maxlength={NAME_CHARS_MAX.to_string()} value={value.to_owned()} /> }
    };
    let row = |(mark, told): &(Bookmark, String)| {
        let at = mark.at;
        let go = {
            let (driver, mark, on_close) = (driver.clone(), mark.clone(), props.on_close.clone());
            Callback::from(move |_: MouseEvent| {
                driver.seek_to_mark(mark.at, &mark.told());
                on_close.emit(());
            })
        };
        let rename = {
            let renaming = renaming.clone();
            Callback::from(move |_: MouseEvent| renaming.set(Some(at)))
        };
        let delete = {
            let (driver, changed) = (driver.clone(), changed.clone());
            Callback::from(move |_: MouseEvent| {
                driver.remove_bookmark(at);
                changed.force_update();
            })
        };
        let name = if mark.name.is_empty() { "Bookmark".to_owned() } else { mark.name.clone() };
        html! {
            <li key={at.0}>
                if *renaming == Some(at) {
                    <form class="row" onsubmit={named(at)}>{ field("New name", &mark.name) }<button class="btn" type="submit">{ "Rename" }</button></form>
                } else {
                    <button class="go" onclick={go}><b>{ name.clone() }</b><span>{ told.clone() }</span></button>
                    <button class="btn quiet" aria-label={format!("Rename {name}")} onclick={rename}>{ "Rename" }</button>
                    <button class="iconbtn" aria-label={format!("Delete {name}")} title="Delete" onclick={delete}>{ icon("#i-close") }</button>
                }
            </li>
        }
    };
    let step = |forward: bool| {
        let (driver, changed) = (driver.clone(), changed.clone());
        Callback::from(move |_: MouseEvent| {
            driver.step_event(forward);
            changed.force_update();
        })
    };
    let key = |(d, class, name): (&'static str, &'static str, &'static str)| {
        html! { <li><svg class="lanes" viewBox="-7 -7 14 14" aria-hidden="true"><path {class} {d} /></svg>{ name }</li> }
    };
    let keys = KINDS.iter().map(|kind| {
        let (d, class) = kind.shape();
        (d, class, kind.name())
    });
    html! {
        <Dialog title="Bookmarks" class="marks" on_close={props.on_close.clone()}>
            <form class="row" onsubmit={named(now)}>
                { field("Name of the bookmark", "") }
                <button class="btn solid" type="submit">{ "Bookmark this moment" }</button>
            </form>
            <p role="status">{ told }</p>
            if !marks.is_empty() { <ul class="marklist" aria-label="Bookmarks">{ for marks.iter().map(row) }</ul> }
            <h2>{ "On the timeline" }</h2>
            <ul class="markkey">{ for keys.map(key) }{ key((RIBBON, "flag", "Bookmark")) }</ul>
            <div class="row"><button class="btn" onclick={step(false)}>{ "To the event before" }</button>
                <button class="btn" onclick={step(true)}>{ "To the next event" }</button></div>
            <p class="length">{ "Left and Right step by messages, Shift+Left and Shift+Right by what is marked. On the stage B bookmarks the moment." }</p>
        </Dialog>
    }
}
