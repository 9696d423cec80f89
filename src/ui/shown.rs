//! What of the page belongs to a session: its view. A page that does not know a part leaves it alone.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::cluster::inside::Place;

use super::bookmarks::Bookmarks;
use super::filter::{Chip, Filter, KINDS};
use super::pace::Speed;
use super::screen::Selection;

/// The parts of the view that a link carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub selection: Option<Selection>,
    pub speed: Speed,
    pub heartbeats: bool,
    pub panes: Panes,
    pub filter: Filter,
    /// What the timeline is zoomed by: 1 shows the whole act.
    pub zoom: f64,
    /// The inside that is open.
    pub inside: Option<Place>,
    pub bookmarks: Bookmarks,
}

/// Chips a view may hide.
const CHIPS_MAX: usize = 200;
/// The timeline is zoomed within these.
pub const ZOOM: (f64, f64) = (1.0, 4_096.0);

/// Which panes are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    pub left_tab: u8,
    pub right_tab: u8,
    /// The stage's view: diagram, tables, objects.
    pub view: u8,
}

impl Default for Shown {
    fn default() -> Self {
        Shown {
            selection: None,
            speed: Speed::Auto,
            heartbeats: false,
            panes: Panes::default(),
            filter: Filter::default(),
            zoom: ZOOM.0,
            inside: None,
            bookmarks: Bookmarks::default(),
        }
    }
}

impl Shown {
    /// It as the view of a session: only what differs from the usual.
    pub fn write(&self) -> Map<String, Value> {
        let mut view = Map::new();
        let mut put = |name: &str, value: Value| view.insert(name.to_owned(), value);
        if let Some(selection) = &self.selection {
            put("s", json!(selection.mark()));
        }
        if let Speed::Times(times) = self.speed {
            put("p", json!(times));
        }
        if self.heartbeats {
            put("b", json!(1));
        }
        for (name, tab) in [("l", self.panes.left_tab), ("r", self.panes.right_tab)] {
            if tab > 0 {
                put(name, json!(tab));
            }
        }
        if self.panes.view > 0 {
            put("d", json!(self.panes.view));
        }
        if self.filter.is_active() {
            put("f", self.filter.hidden().iter().map(chip_mark).collect());
        }
        if self.zoom > ZOOM.0 {
            put("z", json!(self.zoom));
        }
        if let Some(place) = &self.inside {
            put("o", json!(place_mark(place)));
        }
        if let Some(bookmarks) = self.bookmarks.write() {
            put("m", bookmarks);
        }
        view
    }

    /// Reads it; what is missing or cannot be read is as usual.
    pub fn read(view: &Map<String, Value>) -> Shown {
        let number = |name: &str| view.get(name).and_then(Value::as_f64).filter(|number| number.is_finite());
        let tab = |name: &str| number(name).map_or(0, |tab| tab.clamp(0.0, 9.0) as u8);
        Shown {
            selection: view.get("s").and_then(Value::as_str).and_then(Selection::parse),
            speed: number("p")
                .filter(|times| *times > 0.0)
                .map_or(Speed::Auto, |times| Speed::Times(times.clamp(0.0001, 1_000.0))),
            heartbeats: number("b").is_some(),
            panes: Panes { left_tab: tab("l").min(1), right_tab: tab("r").min(1), view: tab("d").min(2) },
            filter: read_filter(view.get("f")),
            zoom: number("z").map_or(ZOOM.0, |zoom| zoom.clamp(ZOOM.0, ZOOM.1)),
            inside: view.get("o").and_then(Value::as_str).and_then(read_place),
            bookmarks: Bookmarks::read(view.get("m")),
        }
    }
}

/// A chip in a word: `k3`, `n default`, `c etcd`.
fn chip_mark(chip: &Chip) -> Value {
    Value::String(match chip {
        Chip::Kind(kind) => format!("k{}", KINDS.iter().position(|(known, _)| known == kind).unwrap_or(0)),
        Chip::Namespace(name) => format!("n {name}"),
        Chip::Component(name) => format!("c {name}"),
    })
}

/// What is hidden; chips that nobody knows are left out.
fn read_filter(value: Option<&Value>) -> Filter {
    let mut filter = Filter::default();
    for mark in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).take(CHIPS_MAX) {
        let chip = match (mark.strip_prefix('k'), mark.split_once(' ')) {
            (Some(index), _) => {
                index.parse().ok().and_then(|index: usize| KINDS.get(index)).map(|kind| Chip::Kind(kind.0))
            }
            (_, Some(("n", name))) => Some(Chip::Namespace(Arc::from(name))),
            (_, Some(("c", name))) => Some(Chip::Component(Arc::from(name))),
            _ => None,
        };
        filter.set(chip.as_slice(), false);
    }
    filter
}

/// What is open, in a word: the name of its process, or `pod` and the uid.
fn place_mark(place: &Place) -> String {
    match place {
        Place::Pod(uid) => format!("pod/{uid}"),
        place => place.process(),
    }
}

fn read_place(mark: &str) -> Option<Place> {
    Some(match mark.split_once('/') {
        Some(("pod", uid)) => Place::Pod(Arc::from(uid)),
        Some(("kubelet", node)) => Place::Kubelet(Arc::from(node)),
        Some(("containerd", node)) => Place::Runtime(Arc::from(node)),
        _ => {
            let plain = [Place::ApiServer, Place::Etcd, Place::Scheduler, Place::ControllerManager, Place::Driver];
            plain.into_iter().find(|place| place.process() == mark)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::FlightKind;
    use crate::sim::SimTime;

    #[test]
    fn every_place_comes_back() {
        let node: Arc<str> = Arc::from("node-a");
        let (kubelet, runtime) = (Place::Kubelet(node.clone()), Place::Runtime(node.clone()));
        let plain = [Place::ApiServer, Place::Etcd, Place::Scheduler, Place::ControllerManager, Place::Driver];
        for place in plain.into_iter().chain([kubelet, runtime, Place::Pod(node)]) {
            assert_eq!(read_place(&place_mark(&place)), Some(place));
        }
    }

    #[test]
    fn the_view_comes_back() {
        let shown = Shown {
            selection: Some(Selection::Pod(Arc::from("0b5c"))),
            speed: Speed::Times(0.01),
            heartbeats: true,
            panes: Panes { left_tab: 1, right_tab: 1, view: 2 },
            filter: Filter::default(),
            zoom: 16.0,
            inside: Some(Place::Kubelet(Arc::from("node-a"))),
            bookmarks: Bookmarks::default(),
        };
        let mut shown = shown;
        shown.bookmarks.set(SimTime(7), "here");
        let hidden = [
            Chip::Kind(FlightKind::Watch),
            Chip::Namespace(Arc::from("")),
            Chip::Namespace(Arc::from("kube-system")),
            Chip::Component(Arc::from("etcd")),
        ];
        shown.filter.set(&hidden, false);
        assert_eq!(Shown::read(&shown.write()), shown);
        assert_eq!(Shown::default().write(), Map::new(), "the usual costs a link nothing");
        let odd = json!({ "s": 5, "p": -3, "l": 1e300, "zoom": { "x": 1 },
            "f": ["k99", "q x", 3], "z": "far", "o": "nowhere", "m": 4 });
        let read = Shown::read(odd.as_object().expect("it is one"));
        assert_eq!(read, Shown { panes: Panes { left_tab: 1, ..Panes::default() }, ..Shown::default() });
    }
}
