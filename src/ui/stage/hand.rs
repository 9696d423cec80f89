//! The hand on the plate: a drag moves it, two fingers zoom it, and so does the wheel with Ctrl. The wheel
//! alone is the page's.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, Event, PointerEvent, TouchEvent, WheelEvent};

use crate::scene::curves::exponential;
use crate::scene::point;

use super::super::driver::Driver;

/// What moves less than this, in pixels, is a press and no drag.
const DRAG_MIN: f64 = 6.0;
/// Pixels of a line and of a page, where a wheel counts those.
const WHEEL_PIXELS: [f64; 3] = [1.0, 16.0, 400.0];
/// How much a pixel of the wheel zooms: its logarithm.
const ZOOM_PER_PIXEL: f64 = 0.004;

const EVENTS: [&str; 6] = ["wheel", "touchmove", "pointerdown", "pointermove", "pointerup", "pointercancel"];

/// Listens as long as it lives.
pub struct Hand {
    plate: Element,
    heard: Closure<dyn FnMut(Event)>,
}

/// The fingers on the plate, by their pointer's number.
#[derive(Default)]
struct Fingers {
    down: Vec<(i32, f64, f64)>,
    from: (f64, f64),
    dragging: bool,
}

impl Hand {
    /// Puts the hand on `plate`.
    pub fn on(plate: Element, driver: Driver) -> Hand {
        let mut fingers = Fingers::default();
        let own = plate.clone();
        let heard: Closure<dyn FnMut(Event)> = Closure::new(move |event: Event| {
            if let Some(wheel) = event.dyn_ref::<WheelEvent>() {
                turned(&driver, wheel);
            } else if let Some(pointer) = event.dyn_ref::<PointerEvent>() {
                fingers.moved(&driver, &own, pointer);
            } else if event.dyn_ref::<TouchEvent>().is_some_and(|touch| touch.touches().length() > 1) {
                // Otherwise the browser takes two fingers for its own scrolling.
                event.prevent_default();
            }
        });
        for name in EVENTS {
            // What cannot be listened to leaves the keys and the buttons.
            let _ = plate.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref());
        }
        Hand { plate, heard }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        for name in EVENTS {
            let _ = self.plate.remove_event_listener_with_callback(name, self.heard.as_ref().unchecked_ref());
        }
    }
}

fn turned(driver: &Driver, wheel: &WheelEvent) {
    if !wheel.ctrl_key() {
        return;
    }
    wheel.prevent_default();
    let pixels = wheel.delta_y() * WHEEL_PIXELS.get(wheel.delta_mode() as usize).copied().unwrap_or(1.0);
    let factor = exponential((-pixels * ZOOM_PER_PIXEL).clamp(-0.7, 0.7));
    driver.zoom_stage(factor, Some((f64::from(wheel.client_x()), f64::from(wheel.client_y()))));
}

impl Fingers {
    fn moved(&mut self, driver: &Driver, plate: &Element, event: &PointerEvent) {
        let (id, at) = (event.pointer_id(), (f64::from(event.client_x()), f64::from(event.client_y())));
        let known = self.down.iter().position(|finger| finger.0 == id);
        match (event.type_().as_str(), known) {
            ("pointerdown", _) if event.button() == 0 => {
                // The first finger of a touch: what is still held to be down was lifted where nobody heard of it.
                if event.is_primary() {
                    self.down.clear();
                    (self.from, self.dragging) = (at, false);
                    driver.note_drag(false);
                }
                self.down.push((id, at.0, at.1));
            }
            ("pointermove", Some(known)) => {
                let before = self.down.clone();
                self.down[known] = (id, at.0, at.1);
                self.drag(driver, plate, id, &before);
            }
            ("pointerup" | "pointercancel", Some(known)) => {
                self.down.remove(known);
            }
            _ => {}
        }
    }

    fn drag(&mut self, driver: &Driver, plate: &Element, id: i32, before: &[(i32, f64, f64)]) {
        match (before, &*self.down) {
            ([(_, x, y)], [(_, to_x, to_y)]) => {
                if !self.dragging && point(*to_x, *to_y).distance(point(self.from.0, self.from.1)) > DRAG_MIN {
                    self.dragging = true;
                    // Without capture a drag ends at the plate's edge.
                    let _ = plate.set_pointer_capture(id);
                    driver.note_drag(true);
                }
                if self.dragging {
                    driver.pan_stage(to_x - x, to_y - y);
                }
            }
            ([a, b, ..], [c, d, ..]) => {
                self.dragging = true;
                driver.note_drag(true);
                let (old, new) = (middle(a, b), middle(c, d));
                driver.pan_stage(new.0 - old.0, new.1 - old.1);
                driver.zoom_stage(apart(c, d) / apart(a, b).max(1.0), Some(new));
            }
            _ => {}
        }
    }
}

fn middle(a: &(i32, f64, f64), b: &(i32, f64, f64)) -> (f64, f64) {
    ((a.1 + b.1) / 2.0, (a.2 + b.2) / 2.0)
}

fn apart(a: &(i32, f64, f64), b: &(i32, f64, f64)) -> f64 {
    point(a.1, a.2).distance(point(b.1, b.2))
}
