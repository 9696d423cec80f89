//! Where everything stands: hand-placed, so that nothing moves but packets.

use crate::sim::persistent::OrdMap;

use super::geometry::{Path, Point, Rect, point, rect};

mod driver;

/// Radius of a wire's corners.
const CORNER: f64 = 10.0;
/// And on the way to a rack.
const RACK_CORNER: f64 = 7.0;
/// A few racks are drawn so much larger than many.
const RACK_SCALE_MAX: f64 = 2.4;
/// Half the distance between the two rules of a wire: packets run on the rule to their right.
pub const RULE_OFFSET: f64 = 3.0;

/// Something that packets leave and reach. Nodes are numbered in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    ApiServer,
    Client,
    Controllers,
    /// The CSI driver's controller and its storage.
    Driver,
    Etcd,
    Kubectl,
    Scheduler,
    Kubelet(usize),
    Runtime(usize),
}

/// The screen the layout is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 760 x 658 units.
    Wide,
    /// 390 x 326 units.
    Phone,
    /// 720 x 328 units: the stage in a frame of another page.
    Embed,
}

impl Form {
    /// The size of the stage in its own units.
    pub const fn size(self) -> Point {
        match self {
            Form::Wide => point(760.0, 658.0),
            Form::Phone => point(390.0, 326.0),
            Form::Embed => point(720.0, 328.0),
        }
    }

    /// Whether boxes have room for their names and little else.
    pub const fn is_small(self) -> bool {
        !matches!(self, Form::Wide)
    }
}

/// How much of each node is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One to three: agents, every pod with its name.
    Nodes,
    /// Four to twelve, in rows of four: agents, every pod as a glyph.
    Compact,
    /// More: a gauge each, in racks of 25.
    Racks,
}

/// A node's card and what stands on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub rect: Rect,
    pub kubelet: Rect,
    pub runtime: Rect,
    /// The area of the pods.
    pub pods: Rect,
    /// The rack it belongs to; its own number outside of racks.
    pub rack: usize,
}

/// Two sites, and the way between them from the first to the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    pub a: Site,
    pub b: Site,
    pub path: Path,
    /// Whether labels prefer the right-hand or lower side.
    pub label_after: bool,
    /// Whether this wire is the one that draws the way it shares with others.
    pub drawn: bool,
    /// The number of the wire that draws its way: its own where it shares none.
    pub way: usize,
}

/// The whole plate.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub form: Form,
    pub level: Level,
    pub size: Point,
    pub band: Rect,
    pub api_server: Rect,
    pub client: Rect,
    pub controllers: Rect,
    pub etcd: Rect,
    pub kubectl: Rect,
    pub scheduler: Rect,
    /// The CSI driver's box, where something asks for it.
    pub driver: Option<Rect>,
    pub cards: Vec<Card>,
    /// The outlines of racks, empty outside of that level.
    pub racks: Vec<Rect>,
    pub wires: Vec<Wire>,
    /// What labels must not cover.
    pub obstacles: Vec<Rect>,
    /// The straight stretches of every wire that is drawn, as wide as its two rules, each with its wire.
    pub stretches: Vec<(usize, Rect)>,
    /// The wire from one site to another, and whether that runs along it.
    by_ends: OrdMap<(Site, Site), (usize, bool)>,
}

impl Layout {
    /// The layout of a cluster with `nodes` nodes, and with its CSI driver where that is `driven`.
    pub fn new(form: Form, nodes: usize, driven: bool) -> Layout {
        let level = match nodes {
            0..=3 => Level::Nodes,
            4..=12 => Level::Compact,
            _ => Level::Racks,
        };
        let mut layout = match form {
            Form::Wide => wide(level),
            Form::Phone => phone(level),
            Form::Embed => embed(level),
        };
        if driven {
            layout.place_driver();
        }
        match level {
            Level::Nodes => layout.place_row(nodes),
            Level::Compact => layout.place_rows_of_four(nodes),
            Level::Racks => layout.place_racks(nodes),
        }
        layout.wire_driver();
        layout.note();
        layout
    }

    /// Takes note of what is asked of it in every frame.
    fn note(&mut self) {
        self.obstacles = vec![self.api_server, self.controllers, self.etcd, self.kubectl, self.scheduler];
        self.obstacles.extend(self.driver);
        match self.level {
            Level::Nodes => {
                self.obstacles.extend(self.cards.iter().flat_map(|card| [card.kubelet, card.runtime, card.pods]));
            }
            Level::Compact => self.obstacles.extend(self.cards.iter().map(|card| card.rect)),
            Level::Racks => self.obstacles.extend_from_slice(&self.racks),
        }
        for (index, wire) in self.wires.iter().enumerate() {
            self.by_ends.insert((wire.a, wire.b), (index, true));
            self.by_ends.insert((wire.b, wire.a), (index, false));
            for pair in wire.path.corners().windows(2).filter(|_| wire.drawn) {
                let (x, y) = (pair[0].x.min(pair[1].x), pair[0].y.min(pair[1].y));
                let line = rect(x, y, (pair[0].x - pair[1].x).abs(), (pair[0].y - pair[1].y).abs());
                self.stretches.push((index, line.grown(4.0)));
            }
        }
    }

    /// The rectangle of a site, where it has one at this level.
    pub fn site(&self, site: Site) -> Option<Rect> {
        Some(match site {
            Site::ApiServer => self.api_server,
            Site::Client => self.client,
            Site::Controllers => self.controllers,
            Site::Driver => self.driver?,
            Site::Etcd => self.etcd,
            Site::Kubectl => self.kubectl,
            Site::Scheduler => self.scheduler,
            Site::Kubelet(node) => self.cards.get(node)?.kubelet,
            Site::Runtime(node) => self.cards.get(node)?.runtime,
        })
    }

    /// The wire between two sites, and whether `from` to `to` runs along it (not against it).
    pub fn wire(&self, from: Site, to: Site) -> Option<(usize, bool)> {
        self.by_ends.get(&(from, to)).copied()
    }

    /// Whether `at` lies on a panel (the band, a card) and not on the bare paper.
    pub fn on_panel(&self, at: Point) -> bool {
        let panels = if self.level == Level::Racks { 0 } else { self.cards.len() };
        self.band.contains(at)
            || self.cards[..panels].iter().any(|card| card.rect.contains(at))
            || self.racks.iter().any(|rack| rack.contains(at))
    }

    fn push(&mut self, a: Site, b: Site, corners: &[Point], label_after: bool) {
        let way = self.wires.len();
        self.wires.push(Wire { a, b, path: Path::new(corners, CORNER), label_after, drawn: true, way });
    }

    /// One to three nodes, side by side.
    fn place_row(&mut self, nodes: usize) {
        let lefts: &[f64] = match (self.form, nodes) {
            (Form::Wide, 1) => &[264.0],
            (Form::Wide, 2) => &[140.0, 388.0],
            (Form::Wide, _) => &[16.0, 264.0, 512.0],
            (Form::Phone, 1) => &[132.0],
            (Form::Phone, 2) => &[68.0, 196.0],
            (Form::Phone, _) => &[8.0, 135.0, 262.0],
            (Form::Embed, 1) => &[254.0],
            (Form::Embed, 2) => &[136.0, 372.0],
            (Form::Embed, _) => &[18.0, 254.0, 490.0],
        };
        let hub = self.api_server;
        let (exits, lane) = match self.form {
            Form::Wide => ([330.0, 380.0, 430.0], 312.0),
            Form::Phone => ([150.0, 195.0, 240.0], 187.0),
            Form::Embed => ([300.0, 360.0, 420.0], 183.0),
        };
        for (index, &x) in lefts.iter().take(nodes).enumerate() {
            let card = match self.form {
                Form::Wide => wide_card(index, x),
                Form::Phone => phone_card(index, x),
                Form::Embed => embed_card(index, x),
            };
            let (agent, runtime) = (card.kubelet.center().x, card.runtime);
            let exit = match (nodes, index) {
                (1, _) | (3, 1) => exits[1],
                (2, 1) | (3, 2) => exits[2],
                _ => exits[0],
            };
            let top = card.kubelet.y;
            let (start, end) = (point(exit, hub.bottom()), point(agent, top));
            let corners =
                if exit == agent { vec![start, end] } else { vec![start, point(exit, lane), point(agent, lane), end] };
            self.push(Site::ApiServer, Site::Kubelet(index), &corners, agent > exit);
            let shelf = point(agent, runtime.y);
            self.push(Site::Kubelet(index), Site::Runtime(index), &[point(agent, card.kubelet.bottom()), shelf], false);
            self.cards.push(card);
        }
    }

    /// Four to twelve nodes: rows of four, fed by a trunk left of each column.
    fn place_rows_of_four(&mut self, nodes: usize) {
        let phone = self.form.is_small();
        let (area, gap) = match self.form {
            // The driver's wires need room of their own between the columns.
            Form::Wide => (rect(16.0, 358.0, 728.0, 288.0), if self.driver.is_some() { 22.0 } else { 16.0 }),
            Form::Phone => (rect(8.0, 208.0, 374.0, 112.0), 9.0),
            Form::Embed => (rect(18.0, 208.0, 684.0, 112.0), 16.0),
        };
        let rows = nodes.div_ceil(4);
        let width = (area.w - 3.0 * gap) / 4.0;
        let height = ((area.h - (rows as f64 - 1.0) * gap) / rows as f64).min(if phone { 74.0 } else { 136.0 });
        let hub = self.api_server;
        let (exits, lanes) = match self.form {
            Form::Wide => ([330.0, 363.0, 397.0, 430.0], [306.0, 322.0, 338.0, 322.0]),
            Form::Phone => ([150.0, 180.0, 210.0, 240.0], [182.0, 194.0, 194.0, 182.0]),
            Form::Embed => ([290.0, 335.0, 385.0, 430.0], [182.0, 194.0, 194.0, 182.0]),
        };
        for index in 0..nodes {
            let (column, row) = (index % 4, index / 4);
            let card =
                rect(area.x + column as f64 * (width + gap), area.y + row as f64 * (height + gap), width, height);
            let agents = if phone {
                rect(card.x + 3.0, card.y + 16.0, width - 6.0, 14.0)
            } else {
                rect(card.x + 8.0, card.y + 24.0, width - 16.0, 20.0)
            };
            let split = (agents.w * 0.42).round();
            let kubelet = Rect { w: split, ..agents };
            let runtime = rect(agents.x + split + 14.0, agents.y, agents.w - split - 14.0, agents.h);
            let top = agents.bottom() + if phone { 2.0 } else { 8.0 };
            let pods = rect(agents.x, top, agents.w, card.bottom() - top - if phone { 2.0 } else { 8.0 });
            let trunk = card.x - if self.driver.is_some() && !phone { 7.0 } else { gap / 2.0 };
            let entry = kubelet.center().y;
            let (exit, lane) = (exits[column], lanes[column]);
            let corners = [
                point(exit, hub.bottom()),
                point(exit, lane),
                point(trunk, lane),
                point(trunk, entry),
                point(kubelet.x, entry),
            ];
            self.push(Site::ApiServer, Site::Kubelet(index), &corners, false);
            let middle = kubelet.center().y;
            self.push(
                Site::Kubelet(index),
                Site::Runtime(index),
                &[point(kubelet.right(), middle), point(runtime.x, middle)],
                false,
            );
            self.cards.push(Card { rect: card, kubelet, runtime, pods, rack: index });
        }
    }

    /// More nodes: racks of 25 gauges on one bus.
    fn place_racks(&mut self, nodes: usize) {
        let phone = self.form.is_small();
        let area = match self.form {
            Form::Wide => rect(24.0, 362.0, 712.0, 284.0),
            Form::Phone => rect(8.0, 216.0, 374.0, 106.0),
            Form::Embed => rect(18.0, 216.0, 684.0, 106.0),
        };
        let racks = nodes.div_ceil(25);
        let mut columns = 1;
        let mut scale: f64;
        // The fewest columns that leave the racks as large as the area allows.
        loop {
            let rows = racks.div_ceil(columns);
            let cell_w = area.w / columns as f64;
            let cell_h = area.h / rows as f64;
            scale = ((cell_w - 14.0) / 85.0).min((cell_h - 14.0) / 98.0).min(RACK_SCALE_MAX);
            let next = columns + 1;
            let next_scale = ((area.w / next as f64 - 14.0) / 85.0)
                .min((area.h / racks.div_ceil(next) as f64 - 14.0) / 98.0)
                .min(RACK_SCALE_MAX);
            if next > racks || next_scale <= scale {
                break;
            }
            columns = next;
        }
        let (w, h) = (85.0 * scale, 98.0 * scale);
        let bus = area.y - if phone { 26.0 } else { 40.0 };
        let used = columns as f64 * (w + 14.0) - 14.0;
        let left = area.x + (area.w - used) / 2.0;
        let hub = self.api_server;
        let middle = hub.center().x;
        for rack in 0..racks {
            let (column, row) = (rack % columns, rack / columns);
            let outline = rect(left + column as f64 * (w + 14.0), area.y + row as f64 * (h + 14.0), w, h);
            let trunk = outline.x - 7.0;
            let entry = outline.y + 9.0 * scale;
            let corners = [
                point(middle, hub.bottom()),
                point(middle, bus),
                point(trunk, bus),
                point(trunk, entry),
                point(outline.x, entry),
            ];
            let path = Path::new(&corners, RACK_CORNER);
            let pitch = 16.0 * scale;
            let first = rack * 25;
            let way = self.wires.len();
            for node in first..nodes.min(first + 25) {
                let (c, r) = ((node - first) % 5, (node - first) / 5);
                let gauge = rect(
                    outline.x + 3.5 * scale + c as f64 * pitch,
                    outline.y + 17.0 * scale + r as f64 * pitch,
                    14.0 * scale,
                    14.0 * scale,
                );
                self.cards.push(Card { rect: gauge, kubelet: gauge, runtime: gauge, pods: gauge, rack });
                self.wires.push(Wire {
                    a: Site::ApiServer,
                    b: Site::Kubelet(node),
                    path: path.clone(),
                    label_after: false,
                    drawn: node == first,
                    way,
                });
            }
            self.racks.push(outline);
        }
    }
}

fn wide(level: Level) -> Layout {
    let mut layout = Layout {
        form: Form::Wide,
        level,
        size: Form::Wide.size(),
        band: rect(128.0, 10.0, 620.0, 276.0),
        api_server: rect(270.0, 178.0, 220.0, 88.0),
        client: rect(14.0, 162.0, 94.0, 24.0),
        controllers: rect(330.0, 28.0, 402.0, 80.0),
        etcd: rect(600.0, 146.0, 132.0, 126.0),
        kubectl: rect(14.0, 196.0, 94.0, 54.0),
        scheduler: rect(144.0, 28.0, 166.0, 80.0),
        driver: None,
        cards: Vec::new(),
        racks: Vec::new(),
        wires: Vec::new(),
        obstacles: Vec::new(),
        stretches: Vec::new(),
        by_ends: OrdMap::new(),
    };
    layout.push(Site::Kubectl, Site::ApiServer, &[point(108.0, 223.0), point(270.0, 223.0)], false);
    let client = [point(108.0, 174.0), point(236.0, 174.0), point(236.0, 200.0), point(270.0, 200.0)];
    layout.push(Site::Client, Site::ApiServer, &client, false);
    layout.push(Site::Scheduler, Site::ApiServer, &[point(292.0, 108.0), point(292.0, 178.0)], false);
    layout.push(Site::Controllers, Site::ApiServer, &[point(430.0, 108.0), point(430.0, 178.0)], true);
    layout.push(Site::ApiServer, Site::Etcd, &[point(490.0, 222.0), point(600.0, 222.0)], false);
    layout
}

fn phone(level: Level) -> Layout {
    let mut layout = Layout {
        form: Form::Phone,
        level,
        size: Form::Phone.size(),
        band: rect(92.0, 8.0, 290.0, 158.0),
        api_server: rect(114.0, 94.0, 154.0, 50.0),
        client: rect(8.0, 66.0, 66.0, 22.0),
        controllers: rect(196.0, 20.0, 178.0, 32.0),
        etcd: rect(300.0, 86.0, 74.0, 70.0),
        kubectl: rect(8.0, 98.0, 66.0, 40.0),
        scheduler: rect(100.0, 20.0, 88.0, 32.0),
        driver: None,
        cards: Vec::new(),
        racks: Vec::new(),
        wires: Vec::new(),
        obstacles: Vec::new(),
        stretches: Vec::new(),
        by_ends: OrdMap::new(),
    };
    layout.push(Site::Kubectl, Site::ApiServer, &[point(74.0, 121.0), point(114.0, 121.0)], false);
    let client = [point(74.0, 77.0), point(94.0, 77.0), point(94.0, 104.0), point(114.0, 104.0)];
    layout.push(Site::Client, Site::ApiServer, &client, false);
    layout.push(Site::Scheduler, Site::ApiServer, &[point(142.0, 52.0), point(142.0, 94.0)], false);
    layout.push(Site::Controllers, Site::ApiServer, &[point(222.0, 52.0), point(222.0, 94.0)], true);
    layout.push(Site::ApiServer, Site::Etcd, &[point(268.0, 121.0), point(300.0, 121.0)], false);
    layout
}

fn embed(level: Level) -> Layout {
    let mut layout = Layout {
        form: Form::Embed,
        level,
        size: Form::Embed.size(),
        band: rect(126.0, 14.0, 576.0, 149.0),
        api_server: rect(250.0, 97.0, 220.0, 50.0),
        client: rect(18.0, 64.0, 82.0, 24.0),
        controllers: rect(352.0, 28.0, 334.0, 36.0),
        etcd: rect(586.0, 81.0, 100.0, 72.0),
        kubectl: rect(18.0, 105.0, 82.0, 38.0),
        scheduler: rect(140.0, 28.0, 152.0, 36.0),
        driver: None,
        cards: Vec::new(),
        racks: Vec::new(),
        wires: Vec::new(),
        obstacles: Vec::new(),
        stretches: Vec::new(),
        by_ends: OrdMap::new(),
    };
    layout.push(Site::Kubectl, Site::ApiServer, &[point(100.0, 124.0), point(250.0, 124.0)], false);
    let client = [point(100.0, 76.0), point(226.0, 76.0), point(226.0, 109.0), point(250.0, 109.0)];
    layout.push(Site::Client, Site::ApiServer, &client, false);
    layout.push(Site::Scheduler, Site::ApiServer, &[point(272.0, 64.0), point(272.0, 97.0)], false);
    layout.push(Site::Controllers, Site::ApiServer, &[point(420.0, 64.0), point(420.0, 97.0)], true);
    layout.push(Site::ApiServer, Site::Etcd, &[point(470.0, 124.0), point(586.0, 124.0)], false);
    layout
}

fn wide_card(rack: usize, x: f64) -> Card {
    Card {
        rect: rect(x, 358.0, 232.0, 252.0),
        kubelet: rect(x + 86.0, 384.0, 60.0, 26.0),
        runtime: rect(x + 8.0, 434.0, 216.0, 22.0),
        pods: rect(x + 10.0, 464.0, 212.0, 136.0),
        rack,
    }
}

fn phone_card(rack: usize, x: f64) -> Card {
    Card {
        rect: rect(x, 208.0, 120.0, 114.0),
        kubelet: rect(x + 32.0, 216.0, 56.0, 20.0),
        runtime: rect(x + 6.0, 245.0, 108.0, 8.0),
        pods: rect(x + 6.0, 258.0, 108.0, 60.0),
        rack,
    }
}

fn embed_card(rack: usize, x: f64) -> Card {
    Card {
        rect: rect(x, 204.0, 212.0, 116.0),
        kubelet: rect(x + 74.0, 214.0, 64.0, 22.0),
        runtime: rect(x + 8.0, 250.0, 196.0, 7.0),
        pods: rect(x + 8.0, 265.0, 196.0, 48.0),
        rack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, nodes: usize) -> Layout {
        check_driven(form, nodes, true);
        check_driven(form, nodes, false)
    }

    #[track_caller]
    fn check_driven(form: Form, nodes: usize, driven: bool) -> Layout {
        let layout = Layout::new(form, nodes, driven);
        assert_eq!(layout.cards.len(), nodes);
        let stage = rect(0.0, 0.0, layout.size.x, layout.size.y);
        for card in &layout.cards {
            let inside = stage.contains(point(card.rect.x, card.rect.y))
                && stage.contains(point(card.rect.right(), card.rect.bottom()));
            assert!(inside, "{nodes} nodes: {:?} leaves the stage", card.rect);
        }
        for (index, card) in layout.cards.iter().enumerate() {
            for other in &layout.cards[index + 1..] {
                assert!(!card.rect.overlaps(&other.rect), "{nodes} nodes: {:?} overlaps {:?}", card.rect, other.rect);
            }
        }
        for node in 0..nodes {
            assert!(layout.wire(Site::ApiServer, Site::Kubelet(node)).is_some(), "node {node} of {nodes} has no wire");
            let storage = layout.wire(Site::Runtime(node), Site::Driver);
            assert_eq!(storage.is_some(), driven, "node {node} of {nodes} and its storage");
        }
        layout
    }

    #[test]
    fn every_number_of_nodes_fits() {
        for form in [Form::Wide, Form::Phone, Form::Embed] {
            for nodes in [1, 2, 3, 4, 5, 8, 9, 12, 13, 25, 26, 60, 100, 250, 1000] {
                check(form, nodes);
            }
        }
    }

    #[test]
    fn three_nodes_stand_where_the_plate_has_them() {
        let layout = check(Form::Wide, 3);
        assert_eq!(layout.level, Level::Nodes);
        assert_eq!(layout.cards[1].rect, rect(264.0, 358.0, 232.0, 252.0));
        assert_eq!(layout.cards[1].kubelet.center().x, 380.0);
    }

    #[test]
    fn the_driver_stands_clear_of_everything() {
        for form in [Form::Wide, Form::Phone, Form::Embed] {
            for nodes in [1, 3, 8, 60] {
                let layout = check(form, nodes);
                assert_eq!(layout.site(Site::Driver), None);
                let layout = check_driven(form, nodes, true);
                let own = layout.driver.expect("it is driven").grown(2.0);
                let boxes = [layout.band, layout.kubectl, layout.client, layout.etcd];
                let cards = layout.cards.iter().map(|card| card.rect).chain(layout.racks.iter().copied());
                for other in boxes.into_iter().chain(cards) {
                    assert!(!own.overlaps(&other), "{form:?}, {nodes} nodes: {own:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_wire_is_found_from_both_ends() {
        let layout = check(Form::Wide, 3);
        let (down, along) = layout.wire(Site::ApiServer, Site::Kubelet(2)).expect("it is wired");
        assert_eq!(layout.wire(Site::Kubelet(2), Site::ApiServer), Some((down, !along)));
        assert_eq!(layout.wire(Site::Kubectl, Site::Etcd), None);
    }

    #[test]
    fn wires_end_on_the_edges_of_their_sites() {
        for (form, nodes) in
            [(Form::Wide, 1), (Form::Wide, 3), (Form::Wide, 8), (Form::Embed, 2), (Form::Embed, 3), (Form::Embed, 8)]
        {
            let layouts = [check_driven(form, nodes, false), check_driven(form, nodes, true)];
            for (layout, wire) in layouts.iter().flat_map(|layout| layout.wires.iter().map(move |wire| (layout, wire)))
            {
                for (site, at) in [(wire.a, wire.path.at(0.0).0), (wire.b, wire.path.at(wire.path.length()).0)] {
                    let edge = layout.site(site).expect("a wired site has a place");
                    assert!(
                        edge.grown(0.5).contains(at) && !edge.grown(-0.5).contains(at),
                        "{site:?}: {at:?} {edge:?}"
                    );
                }
            }
        }
    }
}
