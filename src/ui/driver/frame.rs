//! One frame: the engine runs for its share, packets are painted, and the screen is brought up to date.

use web_sys::MediaQueryList;

use crate::sim::EventId;

use super::super::faults::stretches;
use super::super::pace::Speed;
use super::super::painter::Picture;
use super::super::screen::{Detail, Screen, Selection, Shared, Tracks};
use super::super::tracks::tracks;
use super::super::{details, editor_marks, inside, keep, stopped};
use super::{Inner, playback};

/// The engine's share of a frame.
pub(super) const BUDGET_MS: f64 = 6.0;
/// A frame counts for at most this much wall time.
const FRAME_MS_MAX: f64 = 100.0;
/// A hop shorter than this on the screen is not animated.
const HOP_MS_MIN: f64 = 120.0;
/// How often lists, inspector and timeline follow a running world.
const SLOW_PARTS_MS: f64 = 200.0;
/// How often the things on the stage follow.
const THINGS_MS: f64 = 60.0;
/// With reduced motion packets change their places so often.
const STILL_MS: f64 = 600.0;
/// How often anything on the screen follows a world that a script runs, and the share of wall time that may go into it.
const HURRIED_MS: f64 = 400.0;
const HURRIED_SHARE: f64 = 0.1;
const HURRIED_MS_MAX: f64 = 4_000.0;
/// The share of wall time that may go into bringing a running world's things to the screen, and the longest pause
/// between two such frames.
const SHOWING_SHARE: f64 = 0.25;
const SHOWING_MS_MAX: f64 = 1_000.0;
/// How long it must lag to be told.
const LAG_TOLD_MS: f64 = 2_000.0;

impl Inner {
    /// One frame. Gives the screen if it changed.
    pub(super) fn frame(&mut self, now_ms: f64) -> Option<Screen> {
        self.weigh(now_ms);
        let pause = (self.hurried_ms / HURRIED_SHARE).clamp(HURRIED_MS, HURRIED_MS_MAX);
        if self.hurrying > 0 && now_ms - self.last_shown_ms < pause {
            self.last_frame_ms = None;
            return None;
        }
        let begun = self.wall_ms();
        self.hurried_at = (self.hurrying > 0).then_some(begun);
        let wall_ms = self.last_frame_ms.map_or(0.0, |last| (now_ms - last).clamp(0.0, FRAME_MS_MAX));
        self.last_frame_ms = Some(now_ms);
        self.run_pair(wall_ms, begun);
        if self.engine.playing && wall_ms > 0.0 {
            let performance = self.window.performance();
            let out_of_time = || performance.as_ref().is_some_and(|clock| clock.now() - begun > BUDGET_MS);
            let held = self.pointer.is_some();
            let before = self.engine.now();
            let arrived = self.engine.advance(wall_ms, held, &out_of_time);
            let lags = !arrived && self.engine.pace.speed != Speed::Auto;
            self.lagging_ms = if lags { self.lagging_ms + wall_ms } else { 0.0 };
            let ran = self.engine.now().since(before).as_micros() as f64;
            let share = wall_ms * 1_000.0 * self.engine.pace.factor() / ran.max(1.0);
            self.slowdown += (share - self.slowdown) * 0.05;
        }
        let factor = self.engine.pace.factor();
        let below = if self.engine.playing { HOP_MS_MIN * 1_000.0 * factor } else { 0.0 };
        self.engine.reduced_motion = self.motion.as_ref().is_some_and(MediaQueryList::matches);
        self.engine.held = self.engine.reduced_motion && self.engine.playing && now_ms - self.last_moved_ms < STILL_MS;
        if !self.engine.held {
            self.last_moved_ms = now_ms;
        }
        self.engine.look(below);
        self.follow();
        self.keep_in_view();
        self.paint(now_ms);
        self.write_texts();
        stopped::note_progress(&self.engine.session);
        keep::note_progress(&self.engine);
        self.frame_ms = self.wall_ms() - begun;
        self.frame_ms_max = self.frame_ms_max.max(self.frame_ms);
        let changed = self.update_screen(now_ms);
        self.dirty = false;
        changed.then(|| self.screen.clone())
    }

    /// What the frame before cost the browser, after its scripting here: components, style, layout and paint. It is
    /// what the next one came late.
    fn weigh(&mut self, now_ms: f64) {
        if let Some(last) = self.last_frame_ms.filter(|last| *last == self.last_shown_ms) {
            let late = (now_ms - last - 17.0).max(0.0);
            self.showing_ms += (late - self.showing_ms) * 0.3;
        }
    }

    /// Whether the part that was last brought to the screen at `last_ms` is due again, being due every `every_ms`.
    fn due(&self, now_ms: f64, last_ms: f64, every_ms: f64) -> bool {
        let pause = (self.showing_ms / SHOWING_SHARE).clamp(every_ms, SHOWING_MS_MAX);
        now_ms - last_ms >= pause
    }

    fn follow(&mut self) {
        let (origin, now, horizon) = (self.engine.origin(), self.engine.now(), self.engine.log.horizon);
        self.view.follow(origin, now, horizon);
        self.engine.zoom = self.view.zoom();
    }

    fn chain(&self) -> Vec<EventId> {
        match &*self.screen.detail {
            Detail::Message(detail) => detail.chain.iter().map(|link| link.id).collect(),
            _ => Vec::new(),
        }
    }

    fn paint(&mut self, now_ms: f64) {
        let chain = self.chain();
        let Some(painter) = &mut self.painter else { return };
        painter.flash(&self.engine.flashes, now_ms);
        let selected = match &self.engine.selection {
            Some(Selection::Message(id)) => Some(*id),
            _ => None,
        };
        painter.paint(&Picture {
            layout: &self.engine.things.layout,
            packets: &self.engine.packets,
            selected,
            hovered: self.hovered,
            chain: &chain,
            tails: !self.engine.reduced_motion,
            now_ms,
        });
    }

    /// Brings the screen up to date. True if anything changed.
    fn update_screen(&mut self, now_ms: f64) -> bool {
        let before = self.screen.clone();
        let engine = &self.engine;
        let slowed = (self.lagging_ms > LAG_TOLD_MS).then_some(self.slowdown.round().max(2.0) as u32);
        self.screen.playback = playback(engine, slowed);
        self.screen.caption = engine.caption.clone();
        self.screen.notice = keep::problem();
        self.screen.pair = self.pair_view(now_ms);
        let engine = &self.engine;
        let quiet = !engine.playing || self.hurrying > 0;
        if quiet || self.due(now_ms, self.last_things_ms, THINGS_MS) {
            (self.last_things_ms, self.last_shown_ms) = (now_ms, now_ms);
            self.screen.things = engine.things.clone();
            self.screen.terminal = engine.terminal.clone();
        }
        let picked = self.screen.selection != engine.selection
            || self.screen.filter.filter != engine.filter
            || self.screen.follow.is_some() != engine.follow.is_some();
        self.screen.selection = engine.selection.clone();
        if quiet || picked || self.due(now_ms, self.last_slow_ms, SLOW_PARTS_MS) {
            (self.last_slow_ms, self.last_shown_ms) = (now_ms, now_ms);
            self.update_slow_parts();
        }
        self.screen != before
    }

    fn update_slow_parts(&mut self) {
        self.update_graph();
        let engine = &mut self.engine;
        let detail = details::detail(engine);
        if detail != *self.screen.detail {
            self.screen.detail = Shared::new(detail);
        }
        let filter = engine.filter_view();
        if filter != *self.screen.filter {
            self.screen.filter = Shared::new(filter);
        }
        if let Some(follow) = engine.follow_view(self.screen.follow.as_deref()) {
            self.screen.follow = follow.map(Shared::new);
        }
        if let Some(faults) = engine.faults_view(&self.screen.faults) {
            self.screen.faults = Shared::new(faults);
        }
        let level = inside::level(engine);
        if level.as_ref() != self.screen.inside.as_deref() {
            self.screen.inside = level.map(Shared::new);
        }
        if self.lists_wanted {
            let lists = details::lists(engine);
            if lists != *self.screen.lists {
                self.screen.lists = Shared::new(lists);
            }
        }
        if let Some((text, invocation)) = &self.applied
            && let Some(view) = engine.session.invocation(*invocation)
        {
            let marks = editor_marks::marks(text, &view);
            if marks != *self.screen.marks {
                self.screen.marks = Shared::new(marks);
            }
        }
        let tracked = (engine.log.version, engine.selection.clone(), self.view);
        if tracked != self.tracked || self.screen.tracks.width != self.tracks_width || picked_message(&engine.selection)
        {
            self.tracked = tracked;
            let message = match &*self.screen.detail {
                Detail::Message(detail) => Some(&**detail),
                _ => None,
            };
            let faults = stretches(&engine.session);
            let (sites, marks) = (&engine.things.sites, &engine.bookmarks);
            let next = tracks(&engine.log, &faults, sites, &self.view, self.tracks_width, message, marks);
            if next != *self.screen.tracks {
                self.screen.tracks = Shared::<Tracks>::new(next);
            }
        }
    }
}

fn picked_message(selection: &Option<Selection>) -> bool {
    matches!(selection, Some(Selection::Message(_)))
}
