//! The stage larger than the room it has: zoomed about a point, moved, and kept on what is followed.

use web_sys::{DomRect, Element};

use crate::scene::point;

use super::super::screen::Selection;
use super::{Driver, Inner};

/// How much larger than the room the stage gets.
const ZOOM_MAX: f64 = 5.0;
/// How near to the plate's edge what is followed may come, in pixels.
const EDGE: f64 = 28.0;

impl Driver {
    /// Makes the stage larger by `factor`. What lies at `about`, in pixels of the viewport, stays there; the
    /// middle does without it.
    pub fn zoom_stage(&self, factor: f64, about: Option<(f64, f64)>) {
        self.0.borrow_mut().zoom_to(factor, about);
        self.ask();
    }

    /// Shows the whole stage.
    pub fn fit_stage(&self) {
        self.zoom_stage(0.0, None);
    }

    /// Moves the stage by so many pixels.
    pub fn pan_stage(&self, x: f64, y: f64) {
        if let Some(plate) = self.0.borrow().element("plate") {
            plate.scroll_by_with_x_and_y(-x, -y);
        }
    }

    /// Takes note of whether the pointer that is down drags: then its release is no click.
    pub fn note_drag(&self, dragged: bool) {
        self.0.borrow_mut().dragged = dragged;
    }

    /// Whether what ends with this click was a drag.
    pub fn dragged(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().dragged)
    }
}

impl Inner {
    fn element(&self, id: &str) -> Option<Element> {
        self.document.get_element_by_id(id)
    }

    fn zoom_to(&mut self, factor: f64, about: Option<(f64, f64)>) {
        let (Some(plate), Some(fit)) = (self.element("plate"), self.element("fit")) else { return };
        let (x, y) = about.unwrap_or_else(|| middle(&plate.get_bounding_client_rect()));
        let before = fit.get_bounding_client_rect();
        let (at_x, at_y) = ((x - before.left()) / self.scale, (y - before.top()) / self.scale);
        self.zoom = (self.zoom * factor).clamp(1.0, ZOOM_MAX);
        self.refit();
        let after = fit.get_bounding_client_rect();
        plate.scroll_by_with_x_and_y(after.left() + at_x * self.scale - x, after.top() + at_y * self.scale - y);
    }

    /// Brings the packet that is selected, or else the newest of what is followed, into the part of the stage
    /// that is seen.
    pub(super) fn keep_in_view(&self) {
        let engine = &self.engine;
        let picked = match engine.selection {
            Some(Selection::Message(id)) => Some(id),
            _ => None,
        };
        if self.zoom <= 1.0 || (picked.is_none() && engine.follow.is_none()) {
            return;
        }
        let chosen = engine.packets.iter().find(|packet| picked == Some(packet.id));
        let Some(packet) = chosen.or(engine.packets.last().filter(|_| engine.follow.is_some())) else { return };
        let (Some(plate), Some(fit)) = (self.element("plate"), self.element("fit")) else { return };
        let (seen, stage) = (plate.get_bounding_client_rect(), fit.get_bounding_client_rect());
        let at = point(stage.left() + packet.at.x * self.scale, stage.top() + packet.at.y * self.scale);
        let room = crate::scene::rect(seen.left(), seen.top(), seen.width(), seen.height()).grown(-EDGE);
        if !room.contains(at) {
            let (x, y) = middle(&seen);
            plate.scroll_by_with_x_and_y(at.x - x, at.y - y);
        }
    }
}

fn middle(area: &DomRect) -> (f64, f64) {
    (area.left() + area.width() / 2.0, area.top() + area.height() / 2.0)
}
