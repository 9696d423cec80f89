//! Whether an embed is in its reader's sight: a frame further down its host's page draws nothing.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{IntersectionObserver, IntersectionObserverEntry};

use super::driver::Driver;

/// Watches as long as it lives.
pub struct Sight {
    observer: IntersectionObserver,
    _seen: Closure<dyn FnMut(Array)>,
}

impl Sight {
    /// Has the driver stand still out of sight, and start the first time in sight where that was asked.
    pub fn watch(driver: &Driver, autoplay: bool) -> Option<Sight> {
        driver.embed();
        driver.set_off_screen(true);
        let (own, mut waiting) = (driver.clone(), autoplay && !driver.is_motion_reduced());
        let seen: Closure<dyn FnMut(Array)> = Closure::new(move |entries: Array| {
            let last = entries.get(entries.length().saturating_sub(1)).dyn_into::<IntersectionObserverEntry>();
            let Ok(entry) = last else { return };
            own.set_off_screen(!entry.is_intersecting());
            if entry.is_intersecting() && std::mem::take(&mut waiting) {
                own.play();
            }
        });
        let observer = IntersectionObserver::new(seen.as_ref().unchecked_ref()).ok();
        let root = web_sys::window()?.document()?.document_element()?;
        let Some(observer) = observer else {
            driver.set_off_screen(false);
            return None;
        };
        observer.observe(&root);
        Some(Sight { observer, _seen: seen })
    }
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}
