//! Labels: which packets have one, and where it stands so that nothing is covered.

use crate::cluster::FlightKind;
use crate::sim::EventId;
use crate::sim::Order;
use crate::sim::persistent::OrdSet;

use super::geometry::{Point, Rect, point, rect};
use super::layout::{Form, Layout};
use super::packets::Packet;

/// Up to so many packets all are labelled, up to so many the important ones.
const LABELLED_ALL: usize = 12;
const LABELLED_FEW: usize = 24;
/// How far along a label may move from its packet, nearest first, and how many of these are tried where
/// there are many packets.
const SLIDES: [f64; 9] = [0.0, 8.0, -8.0, 16.0, -16.0, 28.0, -28.0, 44.0, -44.0];
const SLIDES_FEW: usize = 3;

/// The size of the labels' type: the advance of one character of the mono, and the line's height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextSize {
    pub advance: f64,
    pub height: f64,
}

/// Which packets are labelled whatever the density.
#[derive(Clone, Copy, Debug, Default)]
pub struct Emphasis<'a> {
    pub selected: Option<EventId>,
    pub hovered: Option<EventId>,
    /// The messages of the selected packet's chain, ascending.
    pub chain: &'a [EventId],
}

/// A label in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedLabel {
    /// The number of the packet it belongs to.
    pub packet: usize,
    pub first: String,
    pub second: String,
    /// The box of its text.
    pub rect: Rect,
    /// Whether it lies on a panel and not on the paper.
    pub on_panel: bool,
}

impl Emphasis<'_> {
    fn always(&self, packet: &Packet) -> bool {
        packet.kind == FlightKind::ErrorResponse || self.selected == Some(packet.id) || self.hovered == Some(packet.id)
    }
}

/// The labels that are drawn, by the rules of density: up to 12 packets all, up to 24 requests,
/// errors and the selection's chain, above that one per wire.
pub fn place_labels(layout: &Layout, packets: &[Packet], emphasis: Emphasis<'_>, size: TextSize) -> Vec<PlacedLabel> {
    let board = Board::new(packets);
    let mut order = wanted(layout, packets, emphasis);
    order.order_by_key(|index| (importance(&packets[*index], emphasis), packets[*index].id));
    let slides = if packets.len() > LABELLED_FEW { &SLIDES[..SLIDES_FEW] } else { &SLIDES[..] };
    let mut placed: Vec<PlacedLabel> = Vec::with_capacity(order.len());
    for index in order {
        let packet = &packets[index];
        let (first, second) = text_of(layout, packet);
        let gap = if second.is_empty() || first.is_empty() { 0 } else { 1 };
        let characters = first.chars().count() + second.chars().count() + gap;
        let width = characters as f64 * size.advance;
        let way = layout.wires[packet.wire].way;
        let mut spots = spots(layout, packet, width, size.height, slides);
        let preferred = spots.next();
        let free = preferred.into_iter().chain(spots).find(|spot| {
            let near = spot.grown(1.0);
            !placed.iter().any(|other| other.rect.overlaps(&near))
                && !layout.obstacles.iter().any(|obstacle| obstacle.overlaps(spot))
                && !layout.stretches.iter().any(|(wire, stretch)| *wire != way && stretch.overlaps(spot))
                && !board.has_other(index, &near.grown(3.0))
        });
        let Some(chosen) = free.or(preferred.filter(|_| emphasis.always(packet))) else { continue };
        placed.push(PlacedLabel {
            packet: index,
            first,
            second,
            rect: chosen,
            on_panel: layout.on_panel(chosen.center()),
        });
    }
    placed
}

/// The packets by rows, so that an area's are found without a look at all of them.
struct Board {
    /// Row, x, y and the packet's number, by row and x.
    points: Vec<(i32, f64, f64, usize)>,
}

impl Board {
    fn new(packets: &[Packet]) -> Board {
        let mut points: Vec<(i32, f64, f64, usize)> = packets
            .iter()
            .enumerate()
            .map(|(index, packet)| (row(packet.at.y), packet.at.x, packet.at.y, index))
            .collect();
        points.order_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        Board { points }
    }

    /// Whether a packet other than `own` has its centre in `area`.
    fn has_other(&self, own: usize, area: &Rect) -> bool {
        (row(area.y)..=row(area.bottom())).any(|row| {
            let first = self.points.partition_point(|point| (point.0, point.1) < (row, area.x));
            self.points[first..]
                .iter()
                .take_while(|(at, x, ..)| *at == row && *x <= area.right())
                .any(|(_, x, y, index)| *index != own && area.contains(point(*x, *y)))
        })
    }
}

/// The row of a board that a height belongs to.
fn row(y: f64) -> i32 {
    (y / 16.0).floor() as i32
}

fn text_of(layout: &Layout, packet: &Packet) -> (String, String) {
    if packet.count > 1 {
        return (bundle_noun(packet.kind).to_owned(), with_commas(packet.count));
    }
    let second = if layout.form == Form::Phone { "" } else { &*packet.label.second };
    (packet.label.first.to_string(), second.to_owned())
}

/// What a bundle is a bundle of.
fn bundle_noun(kind: FlightKind) -> &'static str {
    match kind {
        FlightKind::Request => "requests",
        FlightKind::Response => "responses",
        FlightKind::ErrorResponse => "refusals",
        FlightKind::Watch => "watch events",
        FlightKind::Grpc => "gRPC messages",
        FlightKind::Log => "log chunks",
    }
}

fn with_commas(count: usize) -> String {
    match (count / 1_000, count % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

/// The numbers of the packets that ask for a label.
fn wanted(layout: &Layout, packets: &[Packet], emphasis: Emphasis<'_>) -> Vec<usize> {
    let mut labelled: OrdSet<usize> = OrdSet::new();
    let mut asks = |packet: &Packet| {
        if packets.len() <= LABELLED_ALL {
            true
        } else if packets.len() <= LABELLED_FEW {
            packet.kind == FlightKind::Request || emphasis.chain.binary_search(&packet.id).is_ok()
        } else {
            labelled.insert(layout.wires[packet.wire].way).is_none()
        }
    };
    let asks = |(_, packet): &(usize, &Packet)| asks(packet) || emphasis.always(packet);
    packets.iter().enumerate().filter(asks).map(|(index, _)| index).collect()
}

/// What stays longest comes first.
fn importance(packet: &Packet, emphasis: Emphasis<'_>) -> u8 {
    if emphasis.always(packet) {
        return 0;
    }
    match packet.kind {
        FlightKind::ErrorResponse => 0,
        FlightKind::Request => 1,
        FlightKind::Watch => 2,
        FlightKind::Grpc => 3,
        FlightKind::Response => 4,
        FlightKind::Log => 5,
    }
}

/// Where a label may stand, best first: beside the wire on its preferred side, then on the other,
/// then the same a little further along.
fn spots<'a>(
    layout: &'a Layout,
    packet: &'a Packet,
    width: f64,
    height: f64,
    slides: &'a [f64],
) -> impl Iterator<Item = Rect> + 'a {
    let side = layout.wires[packet.wire].label_after;
    let upright = packet.heading.y.abs() > packet.heading.x.abs();
    let gap = if layout.form == Form::Phone { 9.0 } else { 13.0 };
    slides.iter().flat_map(move |slide| {
        [side, !side].map(|after| {
            let spot = if upright {
                let x = if after { packet.at.x + gap } else { packet.at.x - gap - width };
                rect(x, packet.at.y - height / 2.0 + slide, width, height)
            } else {
                let y = if after { packet.at.y + gap - 4.0 } else { packet.at.y - gap + 3.0 - height };
                rect(packet.at.x - width / 2.0 + slide, y, width, height)
            };
            inside(layout.size, spot)
        })
    })
}

fn inside(size: Point, spot: Rect) -> Rect {
    let corner =
        point(spot.x.clamp(4.0, (size.x - spot.w - 4.0).max(4.0)), spot.y.clamp(2.0, (size.y - spot.h - 2.0).max(2.0)));
    Rect { x: corner.x, y: corner.y, ..spot }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::cluster::Label;
    use crate::sim::SimTime;

    use super::super::layout::{RULE_OFFSET, Site};
    use super::*;

    const SIZE: TextSize = TextSize { advance: 6.6, height: 14.0 };

    fn packet(layout: &Layout, id: u64, to: Site, progress: f64, kind: FlightKind) -> Packet {
        let (wire, along) = layout.wire(Site::ApiServer, to).expect("it is wired");
        let path = &layout.wires[wire].path;
        let (at, heading) = path.at(path.length() * progress);
        Packet {
            id: EventId(id),
            kind,
            at: point(at.x + heading.right().x * RULE_OFFSET, at.y + heading.right().y * RULE_OFFSET),
            heading,
            wire,
            along,
            sent: SimTime(id),
            label: Label { first: Arc::from("PATCH"), second: Arc::from("pods/status") },
            count: 1,
        }
    }

    fn labels(packets: &[Packet], emphasis: Emphasis<'_>) -> Vec<PlacedLabel> {
        place_labels(&Layout::new(Form::Wide, 3, false), packets, emphasis, SIZE)
    }

    #[test]
    fn labels_cover_neither_boxes_nor_each_other() {
        let layout = Layout::new(Form::Wide, 3, false);
        let sites = [Site::Scheduler, Site::Controllers, Site::Etcd, Site::Kubectl, Site::Kubelet(0), Site::Kubelet(1)];
        let packets: Vec<Packet> = sites
            .iter()
            .enumerate()
            .flat_map(|(index, site)| {
                [0.3, 0.6]
                    .map(|at| packet(&layout, index as u64 * 10 + (at * 10.0) as u64, *site, at, FlightKind::Request))
            })
            .collect();
        let placed = labels(&packets, Emphasis::default());
        assert!(placed.len() >= 6, "{} of {} labelled", placed.len(), packets.len());
        for (index, label) in placed.iter().enumerate() {
            assert!(!layout.obstacles.iter().any(|obstacle| obstacle.overlaps(&label.rect)), "{label:?}");
            assert!(!placed[index + 1..].iter().any(|other| other.rect.overlaps(&label.rect)), "{label:?}");
        }
    }

    #[test]
    fn a_bundle_is_labelled_with_noun_and_count() {
        let layout = Layout::new(Form::Wide, 3, false);
        let mut bundle = packet(&layout, 1, Site::Kubelet(0), 0.5, FlightKind::Watch);
        bundle.count = 1_204;
        let placed = labels(&[bundle], Emphasis::default());
        assert_eq!((&*placed[0].first, &*placed[0].second), ("watch events", "1,204"));
    }

    #[test]
    fn many_packets_keep_one_label_a_wire_and_every_error() {
        let layout = Layout::new(Form::Wide, 3, false);
        let mut packets: Vec<Packet> =
            (0..30).map(|id| packet(&layout, id, Site::Kubelet(0), id as f64 / 40.0, FlightKind::Watch)).collect();
        packets[20].kind = FlightKind::ErrorResponse;
        let placed = labels(&packets, Emphasis::default());
        assert!(placed.iter().any(|label| label.packet == 20));
        assert!(placed.len() <= 2);
        let selected = Emphasis { selected: Some(EventId(9)), ..Emphasis::default() };
        assert!(labels(&packets, selected).iter().any(|label| label.packet == 9));
    }

    #[test]
    fn a_board_finds_what_a_look_at_all_of_them_finds() {
        let layout = Layout::new(Form::Wide, 3, false);
        let packets: Vec<Packet> = (0..60)
            .map(|id| packet(&layout, id, Site::Kubelet((id % 3) as usize), id as f64 / 61.0, FlightKind::Watch))
            .collect();
        let board = Board::new(&packets);
        for x in 0..38 {
            for y in 0..33 {
                let area = rect(f64::from(x) * 20.0, f64::from(y) * 20.0, 31.0, 17.0);
                let slow = packets.iter().enumerate().any(|(index, packet)| index != 7 && area.contains(packet.at));
                assert_eq!(board.has_other(7, &area), slow, "{area:?}");
            }
        }
    }

    #[test]
    fn a_fan_out_to_a_thousand_nodes_has_a_label_a_rack_at_most() {
        let layout = Layout::new(Form::Wide, 1_000, false);
        let packets: Vec<Packet> =
            (0..1_000).map(|id| packet(&layout, id, Site::Kubelet(id as usize), 0.4, FlightKind::Watch)).collect();
        let placed = place_labels(&layout, &packets, Emphasis::default(), SIZE);
        assert!((1..=40).contains(&placed.len()), "{} labels", placed.len());
    }
}
