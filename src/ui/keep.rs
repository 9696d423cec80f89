//! The session kept in the browser, so that a reload goes on where the page was. It is kept for this tab:
//! two tabs are two clusters.

use std::cell::RefCell;

use web_sys::Storage;

use crate::cluster::SessionFile;

use super::driver::Driver;
use super::engine::Engine;
use super::shown::Panes;

/// Where the session is kept, and the link it came from.
const SESSION_KEY: &str = "kubarium.session";
const LINK_KEY: &str = "kubarium.link";

/// What is told when the browser keeps nothing.
pub const DENIED: &str =
    "This browser denies the page its storage. The session ends with the page; a link made with Share keeps it.";
const FULL: &str =
    "The browser's storage is full. What happened since ends with the page; a link made with Share keeps it.";

#[derive(Debug, Default)]
struct Keeper {
    /// Off in an embed, which keeps nothing.
    on: bool,
    panes: Panes,
    /// How many inputs are kept, and when the last of them was.
    kept: (usize, u64),
    problem: Option<&'static str>,
}

thread_local! {
    static KEEPER: RefCell<Keeper> = RefCell::default();
}

fn storage() -> Option<Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}

/// Whether the browser gives the page any storage.
pub fn is_denied() -> bool {
    storage().is_none()
}

/// The text that was kept, and the link it came from.
pub fn kept() -> (Option<String>, Option<String>) {
    let Some(storage) = storage() else { return (None, None) };
    let item = |key: &str| storage.get_item(key).ok().flatten();
    (item(SESSION_KEY), item(LINK_KEY))
}

/// Forgets the session. The editor's text stays.
pub fn forget() {
    KEEPER.with_borrow_mut(|keeper| keeper.on = false);
    if let Some(storage) = storage() {
        // What cannot be removed could not be kept either.
        let _ = storage.remove_item(SESSION_KEY);
        let _ = storage.remove_item(LINK_KEY);
    }
}

/// Begins keeping. `link` is what the address holds: a reload of the same link goes on with the kept
/// session and does not begin the link's anew.
pub fn begin(link: &str) {
    KEEPER.with_borrow_mut(|keeper| keeper.on = true);
    if let Some(storage) = storage() {
        // A full storage is told when the session itself does not fit.
        let _ = storage.set_item(LINK_KEY, &mark(link));
    }
}

/// A link in short: its length and its end.
pub fn mark(link: &str) -> String {
    let end: String = link.chars().rev().take(48).collect();
    format!("{}:{end}", link.len())
}

/// Takes note of the open panes.
pub fn note_panes(panes: Panes) {
    KEEPER.with_borrow_mut(|keeper| keeper.panes = panes);
}

/// The open panes.
pub fn panes() -> Panes {
    KEEPER.with_borrow(|keeper| keeper.panes)
}

/// What keeps the session from being kept.
pub fn problem() -> Option<&'static str> {
    KEEPER.with_borrow(|keeper| keeper.problem)
}

/// Keeps the session when somebody acted since the last time: called once a frame.
pub fn note_progress(engine: &Engine) {
    let inputs = engine.session.inputs();
    let stands = (inputs.len(), inputs.last().map_or(0, |logged| logged.at.0));
    let due = KEEPER.with_borrow(|keeper| keeper.on && keeper.kept != stands);
    if due {
        save(engine);
    }
}

/// Keeps the session as it stands.
pub fn save(engine: &Engine) {
    if !KEEPER.with_borrow(|keeper| keeper.on) {
        return;
    }
    let inputs = engine.session.inputs();
    let stands = (inputs.len(), inputs.last().map_or(0, |logged| logged.at.0));
    let text = file(engine).write();
    let stored = match storage() {
        Some(storage) => storage.set_item(SESSION_KEY, &text).map_err(|_| FULL),
        None => Err(DENIED),
    };
    KEEPER.with_borrow_mut(|keeper| {
        keeper.kept = stands;
        keeper.problem = stored.err();
    });
}

/// The session with its view.
pub fn file(engine: &Engine) -> SessionFile {
    let mut file = SessionFile::of(&engine.session);
    file.horizon = engine.log.horizon.max(file.now);
    file.view = engine.shown(panes()).write();
    file
}

/// Keeps the session whenever the page is hidden or left.
pub fn watch(driver: &Driver) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    let own = driver.clone();
    // The page is the closure's whole life.
    let leaving: Closure<dyn FnMut()> = Closure::new(move || own.save());
    if let Some(window) = web_sys::window() {
        // A browser without the event keeps what the last act left.
        let _ = window.add_event_listener_with_callback("pagehide", leaving.as_ref().unchecked_ref());
    }
    leaving.forget();
    // A link pasted into the address bar changes only the fragment: the page begins anew with it.
    let changed: Closure<dyn FnMut()> = Closure::new(|| {
        let location = web_sys::window().map(|window| window.location());
        if let Some(location) = location.filter(|location| location.hash().is_ok_and(|hash| hash.starts_with("#v"))) {
            let _ = location.reload();
        }
    });
    if let Some(window) = web_sys::window() {
        let _ = window.add_event_listener_with_callback("hashchange", changed.as_ref().unchecked_ref());
    }
    changed.forget();
}
