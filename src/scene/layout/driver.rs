//! Where the CSI driver stands, once a claim asks for it, and its wires to the API server and to every node's
//! runtime.

use super::super::geometry::{Path, Point, Rect, point, rect};
use super::{Card, Form, Layout, Level, RACK_CORNER, Site, Wire};

impl Layout {
    /// The driver's box, below the clients, and its wire to the API server.
    pub(super) fn place_driver(&mut self) {
        let (area, aside, entry) = match self.form {
            Form::Wide => (rect(14.0, 255.0, 94.0, 38.0), 236.0, 246.0),
            Form::Phone => (rect(8.0, 148.0, 66.0, 22.0), 94.0, 138.0),
            Form::Embed => (rect(18.0, 152.0, 82.0, 24.0), 226.0, 140.0),
        };
        self.driver = Some(area);
        let start = point(area.right(), area.y + 6.0);
        let corners = [start, point(aside, start.y), point(aside, entry), point(self.api_server.x, entry)];
        self.push(Site::Driver, Site::ApiServer, &corners, false);
    }

    /// The wires from the driver to the runtimes, once the nodes have their places.
    pub(super) fn wire_driver(&mut self) {
        let (Some(driver), Some(first)) = (self.driver, self.cards.first()) else { return };
        let (top, small) = (first.rect.y, self.form.is_small());
        match self.level {
            Level::Racks => self.wire_racks(driver),
            // Left of each card, in the gap.
            Level::Nodes => {
                let (lane, aside) = if small { (top - 9.0, 4.0) } else { (top - 22.0, 8.0) };
                self.wire_runtimes(driver, lane, |card| {
                    (card.rect.x - aside, point(card.runtime.x, card.runtime.center().y))
                });
            }
            // Right of each column: the kubelets' wires come from the left.
            Level::Compact => {
                let (lane, aside) = if small { (top - 4.0, 3.0) } else { (top - 8.0, 5.0) };
                self.wire_runtimes(driver, lane, |card| {
                    (card.rect.right() + aside, point(card.runtime.right(), card.runtime.center().y))
                });
            }
        }
    }

    /// Out of the box below, along `lane`, and down to each runtime: where, and to what point, `end` says.
    fn wire_runtimes(&mut self, driver: Rect, lane: f64, end: impl Fn(&Card) -> (f64, Point)) {
        let out = driver.x + 20.0;
        for node in 0..self.cards.len() {
            let (aside, entry) = end(&self.cards[node]);
            let way = [point(out, driver.bottom()), point(out, lane), point(aside, lane), point(aside, entry.y), entry];
            self.push(Site::Driver, Site::Runtime(node), &way, false);
        }
    }

    /// Beside the box down to the bus that the nodes hang on.
    fn wire_racks(&mut self, driver: Rect) {
        let start = point(driver.right(), driver.bottom() - 9.0);
        let down = start.x + 10.0;
        let mut way = 0;
        for index in 0..self.wires.len() {
            let to_node = &self.wires[index];
            let (Site::Kubelet(node), drawn) = (to_node.b, to_node.drawn) else { continue };
            // The kubelet's wire from the bus on: its first corner is the hub, its second where it meets the bus.
            let corners = to_node.path.corners();
            let mut own = vec![start, point(down, start.y), point(down, corners[1].y)];
            own.extend(&corners[2..]);
            let path = Path::new(&own, RACK_CORNER);
            if drawn {
                way = self.wires.len();
            }
            self.wires.push(Wire { a: Site::Driver, b: Site::Runtime(node), path, label_after: false, drawn, way });
        }
    }
}
