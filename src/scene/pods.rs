//! The places of pods on a node: a new pod fills a free place and keeps it.

use std::sync::Arc;

use super::geometry::{Rect, rect};
use super::layout::{Card, Form, Level};
use crate::sim::persistent::OrdMap;

/// How the pods of a node are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// Glyph, name and the word: two by three.
    Named,
    /// Glyph and the last letters: four by three.
    Short,
    /// Glyphs alone.
    Glyphs { columns: usize, rows: usize },
    /// One row per phase with a count.
    Counts,
}

/// The grid for `highest` places taken, and the rectangle of each place.
pub fn places_for(form: Form, level: Level, card: &Card, highest: usize) -> (Grid, Vec<Rect>) {
    let area = card.pods;
    let even = |columns: usize, rows: usize, gap_x: f64, gap_y: f64, area: Rect| {
        let w = (area.w - gap_x * (columns as f64 - 1.0)) / columns as f64;
        let h = (area.h - gap_y * (rows as f64 - 1.0)) / rows as f64;
        (0..columns * rows)
            .map(|index| {
                let (column, row) = ((index % columns) as f64, (index / columns) as f64);
                rect(area.x + column * (w + gap_x), area.y + row * (h + gap_y), w, h)
            })
            .collect()
    };
    match (form, level) {
        (Form::Wide, Level::Nodes) if highest <= 6 => (Grid::Named, even(2, 3, 6.0, 5.0, area)),
        (Form::Wide, Level::Nodes) if highest <= 12 => (Grid::Short, even(4, 3, 4.0, 5.0, area)),
        (Form::Phone, Level::Nodes) if highest <= 2 => {
            (Grid::Named, even(1, 2, 0.0, 5.0, rect(area.x, area.y, area.w, 57.0)))
        }
        (Form::Embed, Level::Nodes) if highest <= 2 => (Grid::Named, even(2, 1, 4.0, 0.0, area)),
        (Form::Embed, Level::Nodes) if highest <= 8 => (Grid::Short, even(4, 2, 4.0, 4.0, area)),
        (Form::Phone, Level::Nodes) if highest <= 6 => (Grid::Short, even(2, 3, 4.0, 4.0, area)),
        (_, Level::Compact) => {
            let columns = (area.w / 20.0).floor().max(1.0) as usize;
            let rows = (area.h / 20.0).floor().max(1.0) as usize;
            if highest <= columns * rows {
                (Grid::Glyphs { columns, rows }, even(columns, rows, 0.0, 0.0, area))
            } else {
                (Grid::Counts, Vec::new())
            }
        }
        _ => (Grid::Counts, Vec::new()),
    }
}

/// Remembers which place each pod took. Pods that left are remembered too, so that going back in
/// time finds everything where it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodPlaces {
    taken: OrdMap<Arc<str>, (Arc<str>, usize)>,
}

impl PodPlaces {
    /// Gives each of the living pods (`uid`, `node`, in the order they were bound) a place.
    pub fn update<'a>(&mut self, living: impl Iterator<Item = (&'a Arc<str>, &'a Arc<str>)>) {
        let mut used: OrdMap<Arc<str>, Vec<usize>> = OrdMap::new();
        let mut homeless = Vec::new();
        for (uid, node) in living {
            match self.taken.get(uid) {
                Some((home, place)) if home == node && !used.get(node).is_some_and(|used| used.contains(place)) => {
                    used.entry(node.clone()).or_default().push(*place);
                }
                _ => homeless.push((uid, node)),
            }
        }
        for (uid, node) in homeless {
            let used = used.entry(node.clone()).or_default();
            let place = (0..).find(|place| !used.contains(place)).expect("there is always a next place");
            used.push(place);
            self.taken.insert(uid.clone(), (node.clone(), place));
        }
    }

    /// The place of a pod on its node.
    pub fn of(&self, uid: &str) -> Option<usize> {
        self.taken.get(uid).map(|(_, place)| *place)
    }
}

/// A pod's name as its cell shows it: at most ten characters, cut in the middle: `web-…m6vqz`.
pub fn short_cell_name(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= 10 {
        return name.to_owned();
    }
    let tail: String = characters[characters.len() - 5..].iter().collect();
    let head: String = characters[..4].iter().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    fn names(uids: &[&str]) -> Vec<(Arc<str>, Arc<str>)> {
        uids.iter().map(|uid| (Arc::from(*uid), Arc::from("node-a"))).collect()
    }

    fn update(places: &mut PodPlaces, uids: &[&str]) {
        let living = names(uids);
        places.update(living.iter().map(|(uid, node)| (uid, node)));
    }

    #[test]
    fn pods_keep_their_places_and_new_ones_fill_the_gaps() {
        let mut places = PodPlaces::default();
        update(&mut places, &["a", "b", "c"]);
        update(&mut places, &["a", "c"]);
        update(&mut places, &["a", "c", "d"]);
        assert_eq!((places.of("a"), places.of("d"), places.of("c")), (Some(0), Some(1), Some(2)));
        update(&mut places, &["a", "b", "c"]);
        assert_eq!(places.of("b"), Some(1), "back in time it stands where it stood");
    }

    #[test]
    fn two_that_stood_in_one_place_do_not_meet_there() {
        let mut places = PodPlaces::default();
        update(&mut places, &["a"]);
        update(&mut places, &["b"]);
        update(&mut places, &["a", "b"]);
        assert_ne!(places.of("a"), places.of("b"));
    }

    #[test]
    fn the_plate_has_six_places_a_node() {
        let layout = Layout::new(Form::Wide, 3, false);
        let (grid, places) = places_for(Form::Wide, Level::Nodes, &layout.cards[0], 3);
        assert_eq!((grid, places.len()), (Grid::Named, 6));
        assert_eq!(places[0], rect(26.0, 464.0, 103.0, 42.0));
        let (grid, places) = places_for(Form::Wide, Level::Nodes, &layout.cards[0], 7);
        assert_eq!((grid, places[0]), (Grid::Short, rect(26.0, 464.0, 50.0, 42.0)));
        assert_eq!(places_for(Form::Wide, Level::Nodes, &layout.cards[0], 13).0, Grid::Counts);
    }

    #[test]
    fn names_in_cells() {
        assert_eq!(short_cell_name("web-7d4b9c6f5d-m6vqz"), "web-…m6vqz");
        assert_eq!(short_cell_name("coredns-x8"), "coredns-x8");
    }
}
