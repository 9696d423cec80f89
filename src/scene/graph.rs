//! The layout of the objects' graph: columns from what drives to what is used, rows in the order things came
//! to be, so that something new moves only what stands below it.

use std::fmt::Write as _;

use crate::cluster::graph::{GraphView, Link, Nature};
use crate::sim::Order;

use super::geometry::{Point, Rect, point, rect};

/// A cell, and the room between columns and rows.
const CELL: Point = point(140.0, 54.0);
const GAP: Point = point(48.0, 18.0);
const MARGIN: f64 = 14.0;
/// The heading of a namespace.
const HEAD: f64 = 34.0;
/// The room below a namespace's last row.
const FOOT: f64 = 12.0;
/// Natures that have a lane of their own between two columns.
const LANES: usize = 6;

/// A namespace's part of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphBand {
    pub namespace: std::sync::Arc<str>,
    pub rect: Rect,
    /// Its cells: the first, and the one after the last.
    pub cells: (usize, usize),
}

/// An edge as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// As an SVG path.
    pub path: String,
    /// Where it ends, pointing right.
    pub end: Point,
    /// Where its word stands, right-aligned; edges that share an end share a word.
    pub label: Option<Point>,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphLayout {
    pub size: Point,
    pub bands: Vec<GraphBand>,
    /// One for each cell.
    pub cells: Vec<Rect>,
    /// One for each link.
    pub routes: Vec<Route>,
}

impl GraphLayout {
    /// Lays a graph out.
    pub fn new(view: &GraphView) -> Self {
        let columns = columns(view);
        let count = columns.iter().max().map_or(1, |last| last + 1);
        let width = count as f64 * (CELL.x + GAP.x) - GAP.x;
        let neighbours = Neighbours::new(view);
        let mut layout = GraphLayout { cells: vec![Rect::default(); view.cells.len()], ..GraphLayout::default() };
        let (mut y, mut first) = (MARGIN, 0);
        while let Some(cell) = view.cells.get(first) {
            let length = view.cells[first..].iter().take_while(|other| other.namespace == cell.namespace).count();
            let mut band = Rows { columns: &columns, first, row_of: vec![None; length], free: vec![0; count] };
            band.fill(view, &neighbours);
            let rows = band.free.iter().max().copied().unwrap_or(0);
            for (at, row) in band.row_of.iter().enumerate() {
                let row = row.unwrap_or(0) as f64;
                let x = MARGIN + 12.0 + columns[first + at] as f64 * (CELL.x + GAP.x);
                layout.cells[first + at] = rect(x, y + HEAD + row * (CELL.y + GAP.y), CELL.x, CELL.y);
            }
            let height = HEAD + rows as f64 * (CELL.y + GAP.y) - GAP.y + FOOT;
            let area = rect(MARGIN, y, width + 24.0, height);
            layout.bands.push(GraphBand {
                namespace: cell.namespace.clone(),
                rect: area,
                cells: (first, first + length),
            });
            y += height + MARGIN;
            first += length;
        }
        layout.size = point(width + 24.0 + 2.0 * MARGIN, y);
        layout.routes = layout.routes(view);
        layout
    }

    /// The cell that an arrow leads to: along the edges to the left and right, to what stands above or below.
    pub fn neighbour(&self, view: &GraphView, from: usize, key: &str) -> Option<usize> {
        let own = *self.cells.get(from)?;
        let along = |left: bool| {
            let ends = view.links.iter().filter_map(move |link| match left {
                true => (link.to == from).then_some(link.from),
                false => (link.from == from).then_some(link.to),
            });
            ends.filter(move |other| (self.cells[*other].x < own.x) == left && self.cells[*other].x != own.x)
        };
        let beside = |left: bool| {
            let all = 0..self.cells.len();
            all.filter(move |other| self.cells[*other].x != own.x && (self.cells[*other].x < own.x) == left)
        };
        let far = |other: &usize| {
            let (dx, dy) = (self.cells[*other].x - own.x, self.cells[*other].y - own.y);
            (dx.abs() + dy.abs() * 2.0) as i64
        };
        let column = |below: bool| {
            let same = (0..self.cells.len()).filter(move |other| self.cells[*other].x == own.x);
            same.filter(move |other| if below { self.cells[*other].y > own.y } else { self.cells[*other].y < own.y })
        };
        match key {
            "ArrowRight" => along(false).min_by_key(far).or_else(|| beside(false).min_by_key(far)),
            "ArrowLeft" => along(true).min_by_key(far).or_else(|| beside(true).min_by_key(far)),
            "ArrowDown" => column(true).min_by_key(far),
            "ArrowUp" => column(false).min_by_key(far),
            "Home" => Some(0),
            "End" => self.cells.len().checked_sub(1),
            _ => None,
        }
    }

    fn routes(&self, view: &GraphView) -> Vec<Route> {
        let ports = Ports::new(view);
        let mut spoken: Vec<(usize, usize, Nature)> = Vec::new();
        let routes = view.links.iter().map(|link| {
            let nature = link.natures[0];
            let (from, to) = (self.cells[link.from], self.cells[link.to]);
            let start = point(from.right(), ports.leaving(link.from, nature, from));
            let end = point(to.x, ports.arriving(link.to, nature, to));
            let lane = 8.0 + (nature as usize % LANES) as f64 * 5.0;
            let next = to.x - from.right() == GAP.x;
            // Past a whole column it runs between two rows, where no cell stands.
            let gutter = if end.y >= start.y { from.bottom() + GAP.y / 2.0 } else { from.y - GAP.y / 2.0 };
            let stops = if next {
                vec![start, point(start.x + lane, start.y), point(start.x + lane, end.y), end]
            } else {
                let (a, b) = (start.x + lane, end.x - GAP.x + lane);
                vec![start, point(a, start.y), point(a, gutter), point(b, gutter), point(b, end.y), end]
            };
            // A word for each bundle: many edges of one kind leave or reach a cell together.
            let spoke = [(0, link.from, nature), (1, link.to, nature)];
            let told = spoken.len();
            for own in spoke {
                if !spoken.contains(&own) {
                    spoken.push(own);
                }
            }
            let label = (spoken.len() == told + 2).then(|| point(end.x - 9.0, end.y - 3.5));
            Route { path: rounded(&stops), end, label }
        });
        routes.collect()
    }
}

/// Where edges leave and reach a cell: one place for each kind of edge.
struct Ports {
    /// (cell, nature), sorted.
    out: Vec<(usize, Nature)>,
    into: Vec<(usize, Nature)>,
}

impl Ports {
    fn new(view: &GraphView) -> Self {
        let ends = |end: &dyn Fn(&Link) -> usize| {
            let mut ends: Vec<(usize, Nature)> = view.links.iter().map(|link| (end(link), link.natures[0])).collect();
            ends.order();
            ends.dedup();
            ends
        };
        Ports { out: ends(&|link| link.from), into: ends(&|link| link.to) }
    }

    fn at(ends: &[(usize, Nature)], cell: usize, nature: Nature, area: Rect) -> f64 {
        let first = ends.partition_point(|end| end.0 < cell);
        let all = ends[first..].iter().take_while(|end| end.0 == cell).count();
        let own = ends[first..first + all].iter().position(|end| end.1 == nature).unwrap_or(0);
        (area.y + area.h * (own as f64 + 1.0) / (all as f64 + 1.0)).round()
    }

    fn leaving(&self, cell: usize, nature: Nature, area: Rect) -> f64 {
        Ports::at(&self.out, cell, nature, area)
    }

    fn arriving(&self, cell: usize, nature: Nature, area: Rect) -> f64 {
        Ports::at(&self.into, cell, nature, area)
    }
}

/// A path through `stops` with rounded corners.
fn rounded(stops: &[Point]) -> String {
    let mut path = format!("M{},{}", stops[0].x, stops[0].y);
    for corner in stops.windows(3) {
        let [before, at, after] = [corner[0], corner[1], corner[2]];
        let radius = (before.distance(at) / 2.0).min(at.distance(after) / 2.0).min(7.0);
        let toward = |other: Point| {
            let length = at.distance(other).max(0.001);
            point(at.x + (other.x - at.x) / length * radius, at.y + (other.y - at.y) / length * radius)
        };
        let (a, b) = (toward(before), toward(after));
        // Writing to a String does not fail.
        let _ = write!(path, "L{},{}Q{},{} {},{}", a.x, a.y, at.x, at.y, b.x, b.y);
    }
    let last = stops[stops.len() - 1];
    let _ = write!(path, "L{},{}", last.x, last.y);
    path
}

/// The columns that have cells, numbered without gaps.
fn columns(view: &GraphView) -> Vec<usize> {
    let mut used: Vec<usize> = view.cells.iter().map(|cell| cell.column).collect();
    used.order();
    used.dedup();
    view.cells.iter().map(|cell| used.binary_search(&cell.column).unwrap_or(0)).collect()
}

/// The links of every cell, in order.
struct Neighbours {
    out: Vec<Vec<usize>>,
    into: Vec<Vec<usize>>,
}

impl Neighbours {
    fn new(view: &GraphView) -> Self {
        let mut neighbours =
            Neighbours { out: vec![Vec::new(); view.cells.len()], into: vec![Vec::new(); view.cells.len()] };
        for link in &view.links {
            neighbours.out[link.from].push(link.to);
            neighbours.into[link.to].push(link.from);
        }
        neighbours
    }
}

/// The rows of one band, filled one tree after the other.
struct Rows<'a> {
    columns: &'a [usize],
    first: usize,
    row_of: Vec<Option<usize>>,
    /// The next free row of each column.
    free: Vec<usize>,
}

impl Rows<'_> {
    fn fill(&mut self, view: &GraphView, neighbours: &Neighbours) {
        let own = self.first..self.first + self.row_of.len();
        let tied = |cell: &usize| !neighbours.out[*cell].is_empty() || !neighbours.into[*cell].is_empty();
        let owns =
            |cell: &usize| view.links.iter().any(|link| link.from == *cell && link.natures.contains(&Nature::Owns));
        let roots = own.clone().filter(|cell| neighbours.into[*cell].is_empty());
        let (trees, others): (Vec<usize>, Vec<usize>) = roots.filter(tied).partition(owns);
        // What owns comes first, then what only points at something, then what is left in a ring.
        for root in trees.into_iter().chain(others).chain(own.clone().filter(tied)) {
            self.tree(root, neighbours);
        }
        // What nobody refers to fills the columns side by side.
        let top = self.top();
        for cell in own {
            self.put(cell, top);
        }
    }

    fn top(&self) -> usize {
        self.free.iter().max().copied().unwrap_or(0)
    }

    /// Gives a cell the next row of its column at or below `row`. False when it has one.
    fn put(&mut self, cell: usize, row: usize) -> bool {
        let Some(place) = cell.checked_sub(self.first).and_then(|at| self.row_of.get_mut(at)) else { return false };
        if place.is_some() {
            return false;
        }
        let free = &mut self.free[self.columns[cell]];
        let row = row.max(*free);
        *place = Some(row);
        *free = row + 1;
        true
    }

    /// A root, all it leads to, and then whoever else leads there.
    fn tree(&mut self, root: usize, neighbours: &Neighbours) {
        let top = self.top();
        let mut waiting = vec![root];
        let mut looked = 0;
        let mut placed = Vec::new();
        while let Some(next) = waiting.pop() {
            let mut stack = vec![(next, top)];
            while let Some((cell, row)) = stack.pop() {
                if !self.put(cell, row) {
                    continue;
                }
                placed.push(cell);
                let row = self.row_of[cell - self.first].unwrap_or(row);
                stack.extend(neighbours.out[cell].iter().rev().map(|child| (*child, row)));
            }
            // Services, budgets and the like stand beside what they look at.
            while waiting.is_empty() && looked < placed.len() {
                let before = neighbours.into[placed[looked]].iter().copied();
                waiting.extend(before.filter(|cell| neighbours.into[*cell].is_empty() && self.is_free(*cell)));
                looked += 1;
            }
        }
    }

    fn is_free(&self, cell: usize) -> bool {
        cell.checked_sub(self.first).and_then(|at| self.row_of.get(at)).is_some_and(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::cluster::graph::{Cell, Face, Meter};

    use super::*;

    fn cell(namespace: &str, column: usize, name: &str) -> Cell {
        Cell {
            id: Arc::from(name),
            kind: Arc::from("Pod"),
            namespace: Arc::from(namespace),
            name: Arc::from(name),
            face: Face::Missing { optional: false, kind: None },
            meter: Meter::default(),
            created: 0,
            revision: 0,
            column,
        }
    }

    fn link(from: usize, to: usize, nature: Nature) -> Link {
        Link { from, to, natures: vec![nature] }
    }

    /// A deployment with `pods` pods behind it, a Service that selects them, a map that they mount.
    fn web(pods: usize) -> GraphView {
        let mut cells = vec![cell("a", 1, "web"), cell("a", 1, "service"), cell("a", 2, "set"), cell("a", 4, "map")];
        let mut links = vec![link(0, 2, Nature::Owns)];
        for at in 0..pods {
            cells.push(cell("a", 3, &format!("pod-{at}")));
            links.push(link(1, 4 + at, Nature::Selects));
            links.push(link(2, 4 + at, Nature::Owns));
            links.push(link(4 + at, 3, Nature::Mounts));
        }
        GraphView { cells, links, ..GraphView::default() }
    }

    #[test]
    fn nothing_overlaps_and_everything_lies_in_its_band() {
        for view in [web(0), web(1), web(3), web(40)] {
            let layout = GraphLayout::new(&view);
            for (at, area) in layout.cells.iter().enumerate() {
                assert!(layout.cells[at + 1..].iter().all(|other| !area.overlaps(other)));
                let band = &layout.bands[0].rect;
                assert!(band.contains(point(area.x, area.y)) && band.contains(point(area.right(), area.bottom())));
            }
            assert!(layout.bands[0].rect.right() <= layout.size.x);
        }
    }

    #[test]
    fn something_new_moves_nothing_above_it() {
        let (before, after) = (GraphLayout::new(&web(3)), GraphLayout::new(&web(4)));
        for at in 0..7 {
            // The Service stands below the deployment, whatever the number of pods.
            assert_eq!(before.cells[at], after.cells[at], "{}", web(3).cells[at].name);
        }
    }

    #[test]
    fn arrows_walk_along_edges_and_columns() {
        let view = web(3);
        let layout = GraphLayout::new(&view);
        let go = |from: usize, key: &str| layout.neighbour(&view, from, key).map(|to| view.cells[to].name.to_string());
        assert_eq!(go(0, "ArrowRight").as_deref(), Some("set"));
        assert_eq!(go(2, "ArrowRight").as_deref(), Some("pod-0"));
        assert_eq!(go(4, "ArrowDown").as_deref(), Some("pod-1"));
        assert_eq!(go(4, "ArrowRight").as_deref(), Some("map"));
        assert_eq!(go(4, "ArrowLeft").as_deref(), Some("set"));
        assert_eq!(go(0, "ArrowDown").as_deref(), Some("service"));
        assert_eq!(go(1, "ArrowRight").as_deref(), Some("pod-1"), "it stands beside the second pod");
        assert_eq!(go(0, "ArrowUp"), None);
        assert_eq!(go(0, "x"), None);
    }

    #[test]
    fn long_edges_keep_between_the_rows_and_share_words() {
        let view = web(3);
        let layout = GraphLayout::new(&view);
        // The Service's edges pass the column of the set.
        let set = layout.cells[2];
        let words: Vec<usize> = (0..view.links.len()).filter(|at| layout.routes[*at].label.is_some()).collect();
        let natures: Vec<&str> = words.iter().map(|at| view.links[*at].natures[0].word()).collect();
        assert_eq!(natures, ["owns", "selects", "owns", "mounts"]);
        for (link, route) in view.links.iter().zip(&layout.routes).filter(|(link, _)| link.from == 1) {
            let numbers: Vec<f64> =
                route.path.split(['M', 'L', 'Q', ' ', ',']).filter_map(|number| number.parse().ok()).collect();
            let stops: Vec<Point> = numbers.chunks(2).map(|pair| point(pair[0], pair[1])).collect();
            let past = stops.windows(2).filter(|pair| pair[0].x < set.x && pair[1].x > set.right());
            let heights: Vec<f64> = past.map(|pair| pair[0].y).collect();
            assert_eq!(heights.len(), 1, "{}", view.cells[link.to].name);
            assert!(heights[0] < set.y || heights[0] > set.bottom(), "{heights:?}");
        }
        assert_eq!(GraphLayout::new(&GraphView::default()).cells, []);
    }

    #[test]
    fn bands_stand_below_one_another_and_columns_line_up() {
        let mut view = web(2);
        view.cells.push(cell("b", 3, "alone"));
        view.cells.push(cell("", 5, "volume"));
        let layout = GraphLayout::new(&view);
        assert_eq!(layout.bands.len(), 3);
        assert!(layout.bands[0].rect.bottom() < layout.bands[1].rect.y);
        assert_eq!(layout.cells[6].x, layout.cells[4].x, "pods of two namespaces are one column");
    }
}
