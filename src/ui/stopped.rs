//! When the simulation stops by a bug: what happened, with the seed and every input, for the reader to
//! copy, and the way back to the last checkpoint. The dialog itself is `static/boot.js`: after a panic no
//! Wasm is called any more.

use std::cell::RefCell;

use wasm_bindgen::JsValue;
use web_sys::{CustomEvent, CustomEventInit};

use crate::cluster::{Session, SessionFile};
use crate::sim::SimTime;

/// Where the page keeps what a reload continues from.
const RESUME_KEY: &str = "kubarium.resume";

#[derive(Debug, Default)]
struct Known {
    run: SessionFile,
    now_micros: u64,
    handled: u64,
    /// The last whole second that was reached without a panic, after the last input.
    safe_micros: u64,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Takes note of the session's configuration and inputs.
pub fn remember(session: &Session) {
    KNOWN.with_borrow_mut(|known| {
        known.run = SessionFile::of(session);
        known.safe_micros = session.now().0;
    });
}

/// Takes note of how far it got: called once a frame.
pub fn note_progress(session: &Session) {
    KNOWN.with_borrow_mut(|known| {
        known.now_micros = session.now().0;
        known.handled = session.world().kernel().handled();
        let whole = known.now_micros / 1_000_000 * 1_000_000;
        known.safe_micros = known.safe_micros.max(whole.saturating_sub(1_000_000)).min(known.now_micros);
    });
}

/// Has a panic tell what happened instead of only ending.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string();
        web_sys::console::error_1(&JsValue::from_str(&message));
        // The hook may run while the page's own state is borrowed: it only looks at what was noted.
        let noted = KNOWN.with(|known| {
            known.try_borrow().ok().map(|known| (known.run.clone(), known.handled, known.now_micros, known.safe_micros))
        });
        let (run, handled, now_micros, safe_micros) = noted.unwrap_or_default();
        let seed = run.config.seed;
        // Without the count of events it ends with the last of its microsecond.
        let whole = SessionFile { now: SimTime(now_micros), handled: u64::MAX, hash: None, ..run.clone() };
        let report = format!("Kubarium {}\nseed {seed}\n{message}\n\n{}", env!("CARGO_PKG_VERSION"), whole.write());
        let inputs = run.inputs.into_iter().filter(|input| input.at.0 <= safe_micros).collect();
        let resume = SessionFile { inputs, now: SimTime(safe_micros), ..whole };
        show(handled, &message, &report, &resume.write());
    }));
}

fn show(handled: u64, message: &str, report: &str, resume: &str) {
    let detail = js_sys::Object::new();
    let entries = [
        ("event", JsValue::from_f64(handled as f64)),
        ("message", JsValue::from_str(message)),
        ("report", JsValue::from_str(report)),
        ("resume", JsValue::from_str(resume)),
    ];
    for (name, value) in entries {
        // Setting a property of a fresh object cannot fail.
        let _ = js_sys::Reflect::set(&detail, &JsValue::from_str(name), &value);
    }
    let init = CustomEventInit::new();
    init.set_detail(&detail);
    if let (Some(window), Ok(event)) =
        (web_sys::window(), CustomEvent::new_with_event_init_dict("kubarium-stopped", &init))
    {
        let _ = window.dispatch_event(&event);
    }
}

/// The run that a reload continues from, once.
pub fn take_resume() -> Option<SessionFile> {
    let storage = web_sys::window()?.session_storage().ok()??;
    let text = storage.get_item(RESUME_KEY).ok()??;
    let _ = storage.remove_item(RESUME_KEY);
    SessionFile::read(&text).0
}
