//! What the reader does about seeing: the filter, following, the steps of a story.

use crate::sim::EventId;

use super::driver::Driver;
use super::filter::Filter;
use super::screen::Selection;

impl Driver {
    /// Changes the filter.
    pub fn change_filter(&self, change: impl FnOnce(&mut Filter)) {
        self.with(|engine| change(&mut engine.filter));
    }

    /// Follows a selection. False where nothing in the trace leads there.
    pub fn follow_thing(&self, selection: &Selection) -> bool {
        self.with(|engine| engine.follow_selection(selection))
    }

    /// Follows what is selected, or else the line that was typed last; leaves where something is followed.
    pub fn toggle_follow(&self) -> bool {
        self.with(|engine| {
            if engine.follow.is_some() {
                engine.unfollow();
                return false;
            }
            let line = engine.inputs.last().map(|(_, input)| Selection::Message(*input));
            let chosen = engine.selection.clone().filter(|selection| !matches!(selection, Selection::Component(_)));
            chosen.or(line).is_some_and(|selection| engine.follow_selection(&selection))
        })
    }

    /// Shows everything again. False where nothing was followed.
    pub fn leave(&self) -> bool {
        self.with(|engine| engine.follow.take().is_some())
    }

    /// The next or the previous step of the story.
    pub fn story_step(&self, forward: bool) {
        self.with(|engine| engine.story_step(forward));
    }

    /// A step of the story.
    pub fn go_to_step(&self, index: usize) {
        self.with(|engine| engine.go_to_step(index));
    }

    /// Opens or closes a branch of what a message led to.
    pub fn toggle_branch(&self, id: EventId) {
        self.with(|engine| match engine.toggled.iter().position(|toggled| *toggled == id) {
            Some(index) => {
                engine.toggled.remove(index);
            }
            None => engine.toggled.push(id),
        });
    }

    /// Picks what a row of the terminal is about.
    pub fn pick_row(&self, invocation: u64, row: &str) {
        if let Some(selection) = self.with(|engine| engine.row_selection(invocation, row)) {
            self.select(Some(selection));
        }
    }

    /// The line of an invocation, as a selection.
    pub fn line_of(&self, invocation: u64) -> Option<Selection> {
        self.with(|engine| engine.input_of(invocation)).map(Selection::Message)
    }
}
