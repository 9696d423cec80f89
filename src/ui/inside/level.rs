//! What the level inside a component shows, read off the session.

use std::sync::Arc;

use crate::cluster::inside::{Inside, Look, Place};
use crate::cluster::{Flight, FlightKind};
use crate::sim::EventId;

use super::super::engine::Engine;
use super::super::screen::{Selection, Things};

/// Packets that are listed at each side of the edge; the total is told.
const CROSSING_MAX: usize = 3;

/// A packet at the edge of the level.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossing {
    pub id: EventId,
    pub kind: FlightKind,
    pub text: String,
    /// Who sent it, or whom it is for.
    pub other: Arc<str>,
    /// How far it is along its way, in percent.
    pub percent: u32,
}

/// A level inside something.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    pub place: Place,
    pub look: Look,
    /// What it is the inside of.
    pub name: Arc<str>,
    /// The process is stopped.
    pub stopped: bool,
    pub inside: Inside,
    /// The packets under way to it and from it, and how many there are. A pod has no edge.
    pub entering: (Vec<Crossing>, usize),
    pub leaving: (Vec<Crossing>, usize),
}

/// The inside of what is selected, where it has one.
pub fn place_of(things: &Things, selection: &Selection) -> Option<Place> {
    match selection {
        Selection::Component(name) => {
            let view = things.component(name)?;
            Place::of(view.role, &view.node)
        }
        Selection::Node(name) => Some(Place::Kubelet(name.clone())),
        Selection::Pod(uid) => Some(Place::Pod(uid.clone())),
        Selection::Message(_) | Selection::Object(..) | Selection::Event(_) => None,
    }
}

/// The thing on the stage whose inside a place is.
pub fn thing_of(place: &Place) -> Selection {
    match place {
        Place::Pod(uid) => Selection::Pod(uid.clone()),
        other => Selection::Component(Arc::from(other.process())),
    }
}

/// The level that is open.
pub fn level(engine: &mut Engine) -> Option<Level> {
    let (place, look) = engine.inside.clone()?;
    let inside = engine.session.inside(&place, &look);
    let things = &engine.things;
    let process = place.process();
    let view = things.component(&process);
    let name = match &place {
        Place::Pod(uid) => things.pod(uid).map_or_else(|| uid.clone(), |pod| pod.name.clone()),
        _ => Arc::from(process.as_str()),
    };
    let now = engine.now();
    let crossings = |to: bool| {
        let own = view.map(|view| view.process);
        let mine: Vec<&Flight> = engine
            .flights()
            .iter()
            .filter(|flight| own.is_some_and(|own| own == if to { flight.to } else { flight.from }))
            .collect();
        let shown = mine.iter().take(CROSSING_MAX).map(|flight| {
            let other = if to { flight.from } else { flight.to };
            Crossing {
                id: flight.id,
                kind: flight.kind,
                text: format!("{} {}", flight.label.first, flight.label.second).trim_end().to_owned(),
                other: engine.session.world().kernel().name_of(other),
                percent: (flight.progress(now) * 100.0) as u32,
            }
        });
        (shown.collect(), mine.len())
    };
    let (entering, leaving) = (crossings(true), crossings(false));
    let stopped = view.is_some_and(|view| !view.running);
    Some(Level { name, stopped, inside, entering, leaving, place, look })
}
