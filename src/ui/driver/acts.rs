//! What a reader does to the world and the view: play, step, seek, choose.

use crate::cluster::inside::{Look, Place};
use crate::sim::SimTime;

use super::super::pace::{SPEEDS, Speed};
use super::super::screen::{Caption, Selection};
use super::Driver;

impl Driver {
    /// Plays.
    pub fn play(&self) {
        self.with(|engine| engine.playing = true);
    }

    /// Pauses.
    pub fn pause(&self) {
        self.with(|engine| engine.playing = false);
    }

    /// Plays or pauses.
    pub fn toggle(&self) {
        self.with(|engine| engine.playing = !engine.playing);
    }

    /// To the next message.
    pub fn step(&self) {
        self.with(|engine| {
            engine.playing = false;
            if !engine.story_step(true) && engine.follow.is_none() {
                engine.step();
            }
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// To the message before.
    pub fn step_back(&self) {
        self.with(|engine| {
            engine.playing = false;
            if !engine.story_step(false) && engine.follow.is_none() {
                engine.step_back();
            }
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// To what is marked next or before: an event, an act, a fault.
    pub fn step_event(&self, forward: bool) {
        self.with(|engine| {
            engine.playing = false;
            engine.step_event(forward);
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// To a mark, and says what it is.
    pub fn seek_to_mark(&self, at: SimTime, told: &str) {
        self.seek(at);
        self.with(|engine| engine.say(Caption::plain(told)));
    }

    /// Marks this moment, or gives a mark another name.
    pub fn bookmark(&self, at: Option<SimTime>, name: &str) {
        self.with(|engine| engine.set_bookmark(at.unwrap_or(engine.now()), name));
        self.save();
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// Takes a bookmark away.
    pub fn remove_bookmark(&self, at: SimTime) {
        self.with(|engine| engine.remove_bookmark(at));
        self.save();
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// Goes back to a run that was left.
    pub fn go_to_run(&self, number: u32) {
        self.with(|engine| engine.go_to_run(number));
        self.save();
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// To `at`.
    pub fn seek(&self, at: SimTime) {
        self.with(|engine| {
            // A script may have run the world since the last frame: what it ran is known too.
            engine.read_log();
            engine.seek(at);
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// To where the act began, or the one before it.
    pub fn to_start(&self) {
        let at = self.with(|engine| {
            let origin = engine.origin();
            if engine.now() > origin {
                return origin;
            }
            engine.log.last_input(SimTime(origin.0.saturating_sub(1))).map_or(engine.ready_at, |flag| flag.at)
        });
        self.seek(at);
    }

    /// To the end of what is known.
    pub fn to_horizon(&self) {
        let at = self.with(|engine| engine.log.horizon);
        self.seek(at);
    }

    /// Chooses the speed.
    pub fn set_speed(&self, speed: Speed) {
        self.with(|engine| engine.pace.speed = speed);
    }

    /// The next faster or slower speed.
    pub fn change_speed(&self, by: isize) {
        self.with(|engine| {
            let index = SPEEDS.iter().position(|(speed, _)| *speed == engine.pace.speed).unwrap_or(SPEEDS.len() - 1);
            let next = index.saturating_add_signed(by).min(SPEEDS.len() - 1);
            engine.pace.speed = SPEEDS[next].0;
        });
    }

    /// Shows or hides heartbeats.
    pub fn set_heartbeats(&self, shown: bool) {
        self.with(|engine| engine.show_heartbeats = shown);
    }

    /// Selects.
    pub fn select(&self, selection: Option<Selection>) {
        self.with(|engine| {
            if engine.selection != selection {
                engine.toggled.clear();
            }
            engine.selection = selection;
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// Opens the inside of something, or goes back to the cluster.
    pub fn open(&self, place: Option<Place>) {
        self.with(|engine| engine.inside = place.map(|place| (place, Look::default())));
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// Looks at something else of the inside that is open.
    pub fn look(&self, look: Look) {
        self.with(|engine| {
            if let Some(inside) = &mut engine.inside {
                inside.1 = look;
            }
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }

    /// Whether an inside is open.
    pub fn is_inside(&self) -> bool {
        self.0.borrow().engine.inside.is_some()
    }

    /// The packet before or after the selected one, by time.
    pub fn select_packet(&self, forward: bool) {
        let next = self.with(|engine| {
            let selected = match &engine.selection {
                Some(Selection::Message(id)) => Some(*id),
                _ => None,
            };
            engine.neighbour(selected, forward)
        });
        if let Some(id) = next {
            self.select(Some(Selection::Message(id)));
        }
    }

    /// Whether the lists of the right pane are shown.
    pub fn want_lists(&self, wanted: bool) {
        let mut inner = self.0.borrow_mut();
        if wanted && !inner.lists_wanted {
            inner.last_slow_ms = 0.0;
        }
        inner.lists_wanted = wanted;
        drop(inner);
        self.ask();
    }

    /// Zooms the timeline.
    pub fn zoom(&self, factor: f64) {
        self.0.borrow_mut().view.zoom_by(factor);
        self.0.borrow_mut().last_slow_ms = 0.0;
        self.ask();
    }
}
