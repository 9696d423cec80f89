//! How stage, timeline and canvas fit the room there is, and what lies under the pointer.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlCanvasElement, HtmlElement, ResizeObserver};

use crate::scene::{Form, nearest, point};
use crate::sim::{EventId, SimTime};

use super::super::painter::Painter;
use super::super::timeline::LEFT;
use super::{Driver, Inner};

/// The reach of a packet, in units of the stage.
const REACH: f64 = 12.0;
/// What stays free at the right of two runs' tracks.
const PAIR_MARGIN: f64 = 8.0;
/// The most pixels of the canvas.
const CANVAS_PIXELS_MAX: f64 = 6e6;
/// The stage is scaled within these.
const SCALE: (f64, f64) = (0.8, 1.6);

impl Driver {
    /// The time at `x` CSS pixels of the timeline's tracks.
    pub fn time_at(&self, x: f64) -> SimTime {
        let inner = self.0.borrow();
        inner.view.window().time(x, inner.tracks_width)
    }

    /// The length of the timeline's window in microseconds.
    pub fn window_micros(&self) -> u64 {
        self.0.borrow().view.window().length()
    }

    /// The canvas is there: paint on it, and keep it fitted to `plate`.
    pub fn attach(&self, canvas: HtmlCanvasElement, plate: &Element) {
        let again = self.clone();
        let on_resize: Closure<dyn FnMut()> = Closure::new(move || again.resize());
        let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok();
        {
            let mut inner = self.0.borrow_mut();
            inner.painter = Painter::new(canvas);
            if let Some(observer) = observer {
                observer.observe(plate);
                if let Some(tracks) = inner.document.get_element_by_id("slider") {
                    observer.observe(&tracks);
                }
                inner.observer = Some((observer, on_resize));
            }
        }
        self.resize();
    }

    /// The canvas goes away.
    pub fn detach(&self) {
        let mut inner = self.0.borrow_mut();
        if let Some((observer, _)) = inner.observer.take() {
            observer.disconnect();
        }
        inner.painter = None;
    }

    /// Fits stage and timeline to the room there is.
    pub fn resize(&self) {
        self.0.borrow_mut().refit();
        self.ask();
    }

    /// The theme changed.
    pub fn read_theme(&self) {
        if let Some(painter) = &mut self.0.borrow_mut().painter {
            painter.read_theme();
        }
        self.ask();
    }

    /// The pointer moved to (x, y), in CSS pixels of the stage, or left it. True over a packet.
    pub fn point_at(&self, at: Option<(f64, f64)>) -> bool {
        let mut inner = self.0.borrow_mut();
        inner.pointer = at.map(|(x, y)| point(x / inner.scale, y / inner.scale));
        let hovered = inner.pointer.and_then(|at| nearest(&inner.engine.packets, at, REACH)).map(|packet| packet.id);
        let changed = hovered != inner.hovered;
        inner.hovered = hovered;
        drop(inner);
        if changed {
            self.ask();
        }
        hovered.is_some()
    }

    /// The packet at (x, y), in CSS pixels of the stage.
    pub fn packet_at(&self, x: f64, y: f64) -> Option<EventId> {
        let inner = self.0.borrow();
        let at = point(x / inner.scale, y / inner.scale);
        nearest(&inner.engine.packets, at, REACH).map(|packet| packet.id)
    }
}

impl Inner {
    pub(super) fn refit(&mut self) {
        let phone =
            self.window.match_media("(max-width: 599.98px)").ok().flatten().is_some_and(|query| query.matches());
        let form = match (phone, self.embedded) {
            (true, _) => Form::Phone,
            (false, true) => Form::Embed,
            (false, false) => Form::Wide,
        };
        self.engine.set_form(form);
        if let Some(slider) = self.document.get_element_by_id("slider") {
            self.tracks_width = f64::from(slider.client_width()).max(1.0);
        }
        if let Some(tracks) = self.document.get_element_by_id("pair-a") {
            self.pair_width = (f64::from(tracks.client_width()) - LEFT - PAIR_MARGIN).max(40.0);
            self.last_pair_ms = 0.0;
        }
        let Some(plate) = self.document.get_element_by_id("plate") else { return };
        let size = form.size();
        let (units_w, units_h) = (size.x, size.y);
        let room_w = f64::from(plate.client_width()).max(1.0);
        let room_h = f64::from(plate.client_height()).max(1.0);
        let both = (room_w / units_w).min(room_h / units_h);
        let whole = match (phone, self.embedded) {
            // A frame shows the whole stage, however small it is.
            (_, true) => both.clamp(0.3, SCALE.1),
            (true, false) => room_w / units_w,
            (false, false) => both.clamp(SCALE.0, SCALE.1),
        };
        self.scale = whole * self.zoom;
        if let Some(plate) = plate.dyn_ref::<HtmlElement>() {
            // Zoomed, the phone's plate stays as high as the whole stage is there.
            let high = if phone && !self.embedded { format!("{}px", units_h * whole) } else { String::new() };
            let _ = plate.style().set_property("height", &high);
            let _ = if self.zoom > 1.0 {
                plate.set_attribute("data-zoomed", "")
            } else {
                plate.remove_attribute("data-zoomed")
            };
        }
        let (width, height) = (units_w * self.scale, units_h * self.scale);
        if let Some(fit) = self.document.get_element_by_id("fit").and_then(|fit| fit.dyn_into::<HtmlElement>().ok()) {
            // A size that is not taken leaves the stage at its natural one.
            let _ = fit.style().set_property("width", &format!("{width}px"));
            let _ = fit.style().set_property("height", &format!("{height}px"));
        }
        if let Some(painter) = &mut self.painter {
            // A canvas of a zoomed stage has no more pixels than a browser paints in a frame.
            let finest = (CANVAS_PIXELS_MAX / (width * height)).sqrt();
            painter.resize(width, height, self.scale, self.window.device_pixel_ratio().min(finest));
        }
    }
}
