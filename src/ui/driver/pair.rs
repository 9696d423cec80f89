//! Two runs beside each other: what the reader does, and their share of a frame.

use crate::sim::SimTime;

use super::super::pair::{Asked, PairView, Pairing};
use super::super::screen::Shared;
use super::frame::BUDGET_MS;
use super::{Driver, Inner};

/// How often the view follows while both run or play.
const VIEW_MS: f64 = 60.0;

impl Driver {
    /// Puts two runs beside each other. The session waits meanwhile.
    pub fn compare(&self, asked: Asked) {
        self.with(|engine| {
            engine.playing = false;
            engine.pairing = Some(Box::new(Pairing::new(&engine.session, &engine.things.sites, asked)));
        });
    }

    /// Puts them away.
    pub fn end_compare(&self) {
        self.with(|engine| engine.pairing = None);
    }

    /// Does something with the two.
    pub fn with_pair(&self, act: impl FnOnce(&mut Pairing)) {
        self.with(|engine| {
            if let Some(pairing) = &mut engine.pairing {
                act(pairing);
            }
        });
        self.0.borrow_mut().last_pair_ms = 0.0;
    }

    /// The time at `x` CSS pixels of the tracks of either.
    pub fn pair_time_at(&self, x: f64) -> Option<SimTime> {
        let inner = self.0.borrow();
        inner.engine.pairing.as_ref().map(|pairing| pairing.window().time(x, inner.pair_width))
    }
}

impl Inner {
    /// Runs both on, or lets time pass in them.
    pub(super) fn run_pair(&mut self, wall_ms: f64, begun: f64) {
        let speed = self.engine.pace.speed;
        let Some(pairing) = &mut self.engine.pairing else { return };
        let performance = self.window.performance();
        pairing.work(&|| performance.as_ref().is_some_and(|clock| clock.now() - begun > BUDGET_MS));
        pairing.play(wall_ms, speed);
    }

    /// Both as they are shown, anew if that is due.
    pub(super) fn pair_view(&mut self, now_ms: f64) -> Option<Shared<PairView>> {
        let speed = self.engine.pace.speed;
        let pairing = self.engine.pairing.as_mut()?;
        let shown = self.screen.pair.clone();
        if shown.is_some() && pairing.is_restless() && now_ms - self.last_pair_ms < VIEW_MS {
            return shown;
        }
        self.last_pair_ms = now_ms;
        let view = pairing.view(self.pair_width, speed);
        match shown {
            Some(shown) if *shown == view => Some(shown),
            _ => Some(Shared::new(view)),
        }
    }
}
