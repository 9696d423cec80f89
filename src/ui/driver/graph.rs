//! The objects' graph: read while it is shown, as often as it is cheap.

use super::super::graphing::Graphing;
use super::super::screen::Shared;
use super::{Driver, Inner};

/// Reading it takes at most this share of a running world's time.
const SHARE: f64 = 0.08;

impl Driver {
    /// Whether the graph is shown.
    pub fn want_graph(&self, wanted: bool) {
        self.change_graph(|graphing| {
            if wanted != graphing.is_some() {
                *graphing = wanted.then(Graphing::default);
            }
        });
    }

    /// Looks at it otherwise.
    pub fn change_graph(&self, change: impl FnOnce(&mut Option<Graphing>)) {
        self.with(|engine| {
            change(&mut engine.graphing);
            engine.graphing.iter_mut().for_each(|graphing| graphing.due_ms = 0.0);
        });
        self.0.borrow_mut().last_slow_ms = 0.0;
    }
}

impl Inner {
    /// Reads the graph where it is shown, due and changed.
    pub(super) fn update_graph(&mut self) {
        let begun = self.wall_ms();
        let playing = self.engine.playing;
        match &self.engine.graphing {
            None => return self.screen.graph = None,
            Some(graphing) if playing && begun < graphing.due_ms => return,
            Some(_) => {}
        }
        if let Some(graph) = self.engine.read_graph() {
            self.screen.graph = Some(Shared::new(graph));
        }
        let ended = self.wall_ms();
        if let Some(graphing) = &mut self.engine.graphing {
            graphing.due_ms = ended + (ended - begun) / SHARE;
        }
    }
}
