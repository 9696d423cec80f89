//! The objects' graph on the stage: what of it is looked at, and the drawing of what was read last.

use std::sync::Arc;

use crate::api::{Kind, ObjectKey};
use crate::cluster::graph::{Cell, Face, GraphLook, GraphReader, GraphView, OPENED_STEP};
use crate::scene::GraphLayout;

use super::engine::Engine;
use super::filter::Chip;
use super::screen::Selection;

/// The graph's part of the engine.
#[derive(Clone, Debug, Default)]
pub struct Graphing {
    reader: GraphReader,
    pub look: GraphLook,
    /// The revision from which on changes are shown as such.
    since: Option<u64>,
    /// Wall time before which a running world is not read again.
    pub due_ms: f64,
}

/// A graph as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphScreen {
    pub view: GraphView,
    pub layout: GraphLayout,
    pub since: u64,
    /// The revision of the last change to anything that is shown.
    pub newest: u64,
    /// Whether the cluster's own objects are in it.
    pub system: bool,
    /// Whether the filter keeps a namespace out of it.
    pub filtered: bool,
}

impl Graphing {
    /// Another run begins: nothing that was read holds any more.
    pub fn forget(&mut self) {
        self.reader = GraphReader::default();
        self.since = None;
    }

    /// Opens a group, further where it is open in part; or closes it.
    pub fn turn(&mut self, cell: &Cell) {
        match &cell.face {
            Face::Group { open: false, .. } => drop(self.look.open.insert(cell.id.clone(), OPENED_STEP)),
            Face::Group { open: true, .. } => drop(self.look.open.remove(&*cell.id)),
            Face::More { group, .. } => *self.look.open.entry(group.clone()).or_insert(0) += OPENED_STEP,
            Face::Object { .. } | Face::Missing { .. } => {}
        }
    }
}

impl Engine {
    /// The graph, where it is not the one that was read last.
    pub fn read_graph(&mut self) -> Option<GraphScreen> {
        let hidden = if self.filter.is_active() { self.hidden_namespaces() } else { Vec::new() };
        let graphing = self.graphing.as_mut()?;
        graphing.look.hidden = hidden;
        let view = graphing.reader.read(self.session.world(), &graphing.look)?;
        let since = *graphing.since.get_or_insert(view.revision);
        let layout = GraphLayout::new(&view);
        let GraphLook { system, hidden, .. } = &graphing.look;
        let newest = view.cells.iter().map(|cell| cell.revision).max().unwrap_or(0);
        Some(GraphScreen { view, layout, since, newest, system: *system, filtered: !hidden.is_empty() })
    }

    fn hidden_namespaces(&self) -> Vec<Arc<str>> {
        let chips = self.filter_view().namespaces.into_iter().filter(|chip| !self.filter.shows(chip));
        let name = |chip: Chip| match chip {
            Chip::Namespace(name) => Some(name),
            Chip::Kind(_) | Chip::Component(_) => None,
        };
        chips.filter_map(name).collect()
    }
}

/// What a cell selects: a group nothing.
pub fn selection_of(cell: &Cell) -> Option<Selection> {
    let key = || ObjectKey::new(&cell.namespace, &cell.name);
    match &cell.face {
        Face::Object { kind: Kind::Pod, uid } => Some(Selection::Pod(uid.clone())),
        Face::Object { kind: Kind::Node, .. } => Some(Selection::Node(cell.name.clone())),
        Face::Object { kind: Kind::Event, .. } => Some(Selection::Event(key())),
        Face::Object { kind, .. } | Face::Missing { kind: Some(kind), .. } => Some(Selection::Object(*kind, key())),
        Face::Missing { kind: None, .. } | Face::Group { .. } | Face::More { .. } => None,
    }
}
