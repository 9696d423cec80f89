//! Folding: what is too many to be drawn one by one becomes one cell, which can be opened.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::sim::Order;

use super::meter::{Meter, Tone};
use super::{Cell, Face, GraphLook, Thing};

/// Siblings up to here stand each for itself.
const SIBLINGS_MAX: usize = 8;
/// Cells up to here are drawn before siblings of more distant kinship are folded as well.
const CELLS_MAX: usize = 260;
/// How much further an opened cell is opened each time.
pub const OPENED_STEP: usize = 60;
/// A chain of owners longer than this is a ring.
const DEPTH_MAX: usize = 12;

/// How far kinship reaches: children of one parent, the kind in its namespace, the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kin {
    Parent,
    Namespace,
    Kind,
}

/// The cells, and which of them each thing is in.
pub struct Folded {
    pub cells: Vec<Cell>,
    pub cell_of: Vec<usize>,
    /// Cells that head an opened group, and the thing whose children they gather.
    pub heads: Vec<(usize, usize)>,
}

/// Folds things whose parents are given.
pub fn fold(things: &[Thing<'_>], parents: &[Option<usize>], look: &GraphLook) -> Folded {
    for kin in [Kin::Parent, Kin::Namespace] {
        let (folded, opened) = fold_by(kin, things, parents, look);
        if folded.cells.len() - opened <= CELLS_MAX {
            return folded;
        }
    }
    fold_by(Kin::Kind, things, parents, look).0
}

/// How many parents are above each thing.
fn depths(parents: &[Option<usize>]) -> Vec<usize> {
    let above = |first: usize| std::iter::successors(parents[first], |at| parents[*at]).take(DEPTH_MAX).count();
    (0..parents.len()).map(above).collect()
}

/// What siblings have in common: kind, namespace, whether they are missing, the parent's cell.
type Kinship<'a> = (&'a str, &'a str, bool, usize);

/// Parents are placed before; in a ring of owners none is.
fn kinship<'a>(kin: Kin, thing: &Thing<'a>, parent: Option<usize>) -> Kinship<'a> {
    let namespace = if kin == Kin::Kind { "" } else { thing.namespace };
    let parent = if kin == Kin::Parent { parent.unwrap_or(usize::MAX) } else { usize::MAX };
    (thing.kind, namespace, thing.missing.is_some(), parent)
}

/// The folded cells, and how many of them are there because a group was opened.
fn fold_by(kin: Kin, things: &[Thing<'_>], parents: &[Option<usize>], look: &GraphLook) -> (Folded, usize) {
    let depths = if kin == Kin::Parent { depths(parents) } else { vec![0; things.len()] };
    let deepest = depths.iter().max().copied().unwrap_or(0);
    let mut folded = Folded { cells: Vec::new(), cell_of: vec![usize::MAX; things.len()], heads: Vec::new() };
    let mut opened = 0;
    for depth in 0..=deepest {
        let mut level: Vec<(Kinship<'_>, usize)> = (0..things.len())
            .filter(|index| depths[*index] == depth)
            .map(|index| (kinship(kin, &things[index], parents[index].map(|parent| folded.cell_of[parent])), index))
            .collect();
        level.order_by(|a, b| {
            let (one, other) = (&things[a.1], &things[b.1]);
            (a.0, one.created, one.name, a.1).cmp(&(b.0, other.created, other.name, b.1))
        });
        let mut rest = level.as_slice();
        while let Some((first, _)) = rest.first() {
            let length = rest.iter().take_while(|(own, _)| own == first).count();
            let run: Vec<usize> = rest[..length].iter().map(|(_, index)| *index).collect();
            opened += folded.place(kin, things, parents, &run, first.3, look);
            rest = &rest[length..];
        }
    }
    (folded, opened)
}

impl Folded {
    /// Gives every thing of a run of siblings its cell. How many cells an opened group added.
    fn place(
        &mut self,
        kin: Kin,
        things: &[Thing<'_>],
        parents: &[Option<usize>],
        run: &[usize],
        parent: usize,
        look: &GraphLook,
    ) -> usize {
        if run.len() <= SIBLINGS_MAX {
            run.iter().for_each(|index| self.single(things, *index));
            return 0;
        }
        let first = &things[run[0]];
        let of = self.cells.get(parent).map(|cell| cell.id.to_string()).unwrap_or_default();
        let namespace = if kin == Kin::Kind { "*" } else { first.namespace };
        let absent = if first.missing.is_some() { "!" } else { "" };
        let id: Arc<str> = Arc::from(format!("{absent}{}s|{namespace}|{of}", first.kind));
        let shown = look.open.get(&*id).map_or(0, |shown| (*shown).min(run.len()));
        let parent_thing = parents[run[0]].filter(|_| parent != usize::MAX);
        let name: Arc<str> = match self.cells.get(parent) {
            Some(cell) if matches!(cell.face, Face::Object { .. }) => Arc::from(format!("{} {}", cell.kind, cell.name)),
            _ => Arc::from(""),
        };
        let gathered = |face: Face, id: Arc<str>, run: &[usize]| Cell {
            id,
            kind: Arc::from(first.kind),
            namespace: Arc::from(namespace),
            name: name.clone(),
            face,
            meter: meter_of(things, run),
            created: run.iter().map(|index| things[*index].created).min().unwrap_or(0),
            revision: run.iter().map(|index| things[*index].revision).max().unwrap_or(0),
            column: first.column,
        };
        if shown > 0
            && let Some(parent) = parent_thing
        {
            self.heads.push((self.cells.len(), parent));
        }
        let head = self.cells.len();
        self.cells.push(gathered(Face::Group { count: run.len(), open: shown > 0 }, id.clone(), run));
        if shown == 0 {
            run.iter().for_each(|index| self.cell_of[*index] = head);
            return 0;
        }
        let (own, more) = run.split_at(shown);
        own.iter().for_each(|index| self.single(things, *index));
        if !more.is_empty() {
            more.iter().for_each(|index| self.cell_of[*index] = self.cells.len());
            let last = things[more[0]].created;
            let face = Face::More { count: more.len(), group: id.clone() };
            self.cells.push(Cell { created: last, ..gathered(face, Arc::from(format!("{id}+")), more) });
        }
        shown + 1
    }

    fn single(&mut self, things: &[Thing<'_>], index: usize) {
        let thing = &things[index];
        self.cell_of[index] = self.cells.len();
        let absent = if thing.missing.is_some() { "!" } else { "" };
        self.cells.push(Cell {
            id: Arc::from(format!("{absent}{}/{}/{}", thing.kind, thing.namespace, thing.name)),
            kind: Arc::from(thing.kind),
            namespace: Arc::from(thing.namespace),
            name: Arc::from(thing.name),
            face: match (thing.missing, thing.registered) {
                (None, Some(kind)) => Face::Object { kind, uid: Arc::from(thing.uid) },
                (missing, kind) => Face::Missing { optional: missing == Some(true), kind },
            },
            meter: thing.meter.clone(),
            created: thing.created,
            revision: thing.revision,
            column: thing.column,
        });
    }
}

/// How many of the things are as they should be.
fn meter_of(things: &[Thing<'_>], run: &[usize]) -> Meter {
    let meters = || run.iter().map(|index| &things[*index].meter);
    let tone = meters().map(|meter| meter.tone).max().unwrap_or_default();
    if things[run[0]].missing.is_some() {
        return Meter { text: things[run[0]].meter.text.clone(), tone, ..Meter::default() };
    }
    let bad = meters().filter(|meter| meter.tone == Tone::Bad).count();
    if meters().all(|meter| meter.of == 0) {
        let word = if things[run[0]].kind == "Event" { "warnings" } else { "failing" };
        return match bad {
            0 => Meter::default(),
            bad => Meter { text: format!("{bad} {word}"), tone, ..Meter::default() },
        };
    }
    let done = meters().filter(|meter| matches!(meter.tone, Tone::Good | Tone::Ended | Tone::Idle)).count() as u64;
    let rest = if bad > 0 { format!(", {bad} failing") } else { String::new() };
    let word = if tone == Tone::Ended { "done" } else { "ready" };
    Meter { text: format!("{done} of {} {word}{rest}", run.len()), done, of: run.len() as u64, tone, phase: None }
}

/// Brings cells into the order they are laid out in: by band, then as they came to be. Gives where each went.
pub fn sort_cells(cells: &mut Vec<Cell>, system: &dyn Fn(&str) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let key = |cell: &Cell| {
        // What belongs to the whole cluster comes last, after the system's namespaces.
        let last = (cell.namespace.is_empty(), system(&cell.namespace));
        let head = matches!(cell.face, Face::Group { .. });
        (last, cell.namespace.clone(), cell.created, Reverse(head), cell.column, cell.id.clone())
    };
    let keys: Vec<_> = cells.iter().map(key).collect();
    order.order_by(|a, b| keys[*a].cmp(&keys[*b]));
    let mut place = vec![0; cells.len()];
    order.iter().enumerate().for_each(|(at, index)| place[*index] = at);
    let mut old: Vec<Option<Cell>> = std::mem::take(cells).into_iter().map(Some).collect();
    cells.extend(order.iter().filter_map(|index| old[*index].take()));
    place
}
