//! Where the CSI driver stands, once a claim asks for it, and its wires to the API server and to every node's
//! runtime.

use super::super::geometry::{Path, Point, Rect, point, rect};
use super::{Form, Layout, Level, Site};

/// Radius of the corners on the way to a rack.
const RACK_CORNER: f64 = 7.0;

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
        let Some(driver) = self.driver else { return };
        match self.level {
            Level::Racks => self.wire_racks(driver),
            Level::Nodes => {
                let lane = self.cards.first().map_or(0.0, |card| card.rect.y) - if self.is_wide() { 22.0 } else { 9.0 };
                // Left of each card, in the gap.
                let aside = if self.is_wide() { 8.0 } else { 4.0 };
                for index in 0..self.cards.len() {
                    let card = &self.cards[index];
                    let entry = point(card.runtime.x, card.runtime.center().y);
                    self.wire_runtime(driver, index, lane, card.rect.x - aside, entry);
                }
            }
            Level::Compact => {
                let top = self.cards.first().map_or(0.0, |card| card.rect.y);
                for index in 0..self.cards.len() {
                    let card = &self.cards[index];
                    let entry = point(card.runtime.right(), card.runtime.center().y);
                    // Right of each column: the kubelets' wires come from the left.
                    let aside = card.rect.right() + if self.is_wide() { 5.0 } else { 3.0 };
                    self.wire_runtime(driver, index, top - if self.is_wide() { 8.0 } else { 4.0 }, aside, entry);
                }
            }
        }
    }

    fn is_wide(&self) -> bool {
        self.form == Form::Wide
    }

    /// Out of the box below, along `lane` to `aside`, and down to the runtime.
    fn wire_runtime(&mut self, driver: Rect, node: usize, lane: f64, aside: f64, entry: Point) {
        let out = driver.x + 20.0;
        let way = [point(out, driver.bottom()), point(out, lane), point(aside, lane), point(aside, entry.y), entry];
        self.push(Site::Driver, Site::Runtime(node), &way, false);
    }

    /// Beside the box down to the bus that the nodes hang on.
    fn wire_racks(&mut self, driver: Rect) {
        let start = point(driver.right(), driver.bottom() - 9.0);
        let down = start.x + 10.0;
        let mut way = 0;
        for node in 0..self.cards.len() {
            let Some((wire, _)) = self.wire(Site::ApiServer, Site::Kubelet(node)) else { continue };
            let to_node = &self.wires[wire];
            let (corners, drawn) = (to_node.path.corners().to_vec(), to_node.drawn);
            if drawn {
                way = self.wires.len();
            }
            // The kubelet's wire from the bus on: its first corner is the hub, its second where it meets the bus.
            let bus = corners[1].y;
            let mut own = vec![start, point(down, start.y), point(down, bus)];
            own.extend(&corners[2..]);
            let path = Path::new(&own, RACK_CORNER);
            self.wires.push(super::Wire {
                a: Site::Driver,
                b: Site::Runtime(node),
                path,
                label_after: false,
                drawn,
                way,
            });
        }
    }
}
