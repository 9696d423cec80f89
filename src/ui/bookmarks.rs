//! Bookmarks: moments of the run that the reader marked.

use serde_json::{Value, json};

use crate::scene::clock;
use crate::sim::{Order, SimTime};

use super::driver::first_words;
use super::log::Log;

/// Bookmarks of one run.
pub const BOOKMARKS_MAX: usize = 100;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 80;

/// A moment with a name; an empty one where the reader gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    pub at: SimTime,
    pub name: String,
}

impl Bookmark {
    /// It in a line.
    pub fn told(&self) -> String {
        if self.name.is_empty() { "Bookmark".to_owned() } else { format!("Bookmark: {}", self.name) }
    }
}

/// The bookmarks of a run, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmarks(Vec<Bookmark>);

impl Bookmarks {
    /// All of them, by time.
    pub fn all(&self) -> &[Bookmark] {
        &self.0
    }

    /// Marks `at`, or gives the mark there another name. False where there are too many.
    pub fn set(&mut self, at: SimTime, name: &str) -> bool {
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        match self.0.iter().position(|known| known.at == at) {
            Some(index) => self.0[index].name = name,
            None if self.0.len() >= BOOKMARKS_MAX => return false,
            None => self.0.push(Bookmark { at, name }),
        }
        self.0.order_by_key(|bookmark| bookmark.at);
        true
    }

    /// Takes the mark at `at` away.
    pub fn remove(&mut self, at: SimTime) {
        self.0.retain(|bookmark| bookmark.at != at);
    }

    /// Keeps those up to `at`: what comes later belongs to another run.
    pub fn fork(&mut self, at: SimTime) {
        self.0.retain(|bookmark| bookmark.at <= at);
    }

    /// As a session's view has them; `None` where there are none.
    pub fn write(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| self.0.iter().map(|mark| json!([mark.at.0, mark.name])).collect())
    }

    /// Reads them; what cannot be read is left out.
    pub fn read(value: Option<&Value>) -> Bookmarks {
        let mut bookmarks = Bookmarks::default();
        for mark in value.and_then(Value::as_array).into_iter().flatten().take(BOOKMARKS_MAX) {
            let name = mark.get(1).and_then(Value::as_str).unwrap_or_default();
            if let Some(at) = mark.get(0).and_then(Value::as_u64) {
                bookmarks.set(SimTime(at), name);
            }
        }
        bookmarks
    }
}

/// A moment in words: `304.0 ms after apply`.
pub fn moment(log: &Log, ready_at: SimTime, at: SimTime) -> String {
    let since = |origin: SimTime| clock(at.0 as i64 - origin.0 as i64);
    match log.last_input(at) {
        Some(act) => format!("{} after {}", since(act.at), first_words(&act.text)),
        None => format!("{} after the cluster was ready", since(ready_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_by_time_named_and_taken_away() {
        let mut marks = Bookmarks::default();
        assert!(marks.set(SimTime(9), " the binding ") && marks.set(SimTime(4), ""));
        assert!(marks.set(SimTime(4), "first\u{7}"), "the same moment is the same mark");
        let named: Vec<(u64, &str)> = marks.all().iter().map(|mark| (mark.at.0, &*mark.name)).collect();
        assert_eq!(named, [(4, "first"), (9, "the binding")]);
        assert_eq!(Bookmarks::read(marks.write().as_ref()), marks);
        marks.fork(SimTime(4));
        marks.remove(SimTime(4));
        assert_eq!(marks.write(), None, "none cost a link nothing");
        let odd = json!([[1, 2], ["x"], 7, [5, "good"]]);
        assert_eq!(Bookmarks::read(Some(&odd)).all().len(), 2);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut marks = Bookmarks::default();
        assert!((0..BOOKMARKS_MAX as u64).all(|at| marks.set(SimTime(at), "")));
        assert!(!marks.set(SimTime(1_000), "") && marks.set(SimTime(3), "renamed"));
    }
}
