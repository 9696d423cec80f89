//! Packets: flights as points on wires.

use crate::cluster::{Flight, FlightKind, Label};
use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet};
use crate::sim::{EventId, SimTime};

use super::geometry::{Point, point};
use super::layout::{Layout, RULE_OFFSET};
use super::sites::Sites;

/// More packets than this of one kind on one edge become one.
pub const AGGREGATE_ABOVE: usize = 60;
/// They separate again below this.
pub const AGGREGATE_BELOW: usize = 40;

/// How a packet's place follows its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Exactly where it is.
    Exact,
    /// One of three stops: sent, half way, arrived. For reduced motion.
    Stops,
}

/// A packet on a wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    pub id: EventId,
    pub kind: FlightKind,
    /// The centre of its body.
    pub at: Point,
    /// Where it heads, of length 1.
    pub heading: Point,
    /// The wire's number, and whether it runs along it.
    pub wire: usize,
    pub along: bool,
    pub sent: SimTime,
    pub label: Label,
    /// How many it stands for.
    pub count: usize,
}

/// Which edges are drawn as one packet now: it takes more to join than to stay joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregates(OrdSet<(usize, bool, FlightKind)>);

/// The packets of `flights` at `now`, by the time they were sent.
pub fn packets<'a>(
    layout: &Layout,
    sites: &Sites,
    flights: impl IntoIterator<Item = &'a Flight>,
    now: SimTime,
    place: Place,
    aggregates: &mut Aggregates,
) -> Vec<Packet> {
    let mut out: Vec<Packet> =
        flights.into_iter().filter_map(|flight| packet(layout, sites, flight, now, place)).collect();
    out.order_by_key(|packet| (packet.sent, packet.id));
    aggregate(layout, out, aggregates)
}

fn packet(layout: &Layout, sites: &Sites, flight: &Flight, now: SimTime, place: Place) -> Option<Packet> {
    if flight.sent > now || flight.arrives <= now && flight.sent < now {
        return None;
    }
    let (wire, along) = layout.wire(sites.of(flight.from)?, sites.of(flight.to)?)?;
    let progress = match (place, flight.progress(now)) {
        (Place::Exact, progress) => progress,
        (Place::Stops, progress) if progress < 1.0 / 3.0 => 0.12,
        (Place::Stops, progress) if progress < 2.0 / 3.0 => 0.5,
        (Place::Stops, _) => 0.88,
    };
    let path = &layout.wires[wire].path;
    let along_by = if along { progress } else { 1.0 - progress };
    let (on_wire, forward) = path.at(path.length() * along_by);
    let heading = if along { forward } else { point(-forward.x, -forward.y) };
    let right = heading.right();
    Some(Packet {
        id: flight.id,
        kind: flight.kind,
        at: point(on_wire.x + right.x * RULE_OFFSET, on_wire.y + right.y * RULE_OFFSET),
        heading,
        wire,
        along,
        sent: flight.sent,
        label: flight.label.clone(),
        count: 1,
    })
}

/// Joins what is too dense on one edge to the packet in the middle of it.
fn aggregate(layout: &Layout, packets: Vec<Packet>, aggregates: &mut Aggregates) -> Vec<Packet> {
    if aggregates.0.is_empty() && packets.len() <= AGGREGATE_ABOVE {
        return packets;
    }
    let edge = |packet: &Packet| (layout.wires[packet.wire].way, packet.along, packet.kind);
    let mut counts: OrdMap<(usize, bool, FlightKind), usize> = OrdMap::new();
    for packet in &packets {
        *counts.entry(edge(packet)).or_default() += 1;
    }
    aggregates.0.retain(|edge| counts.get(edge).is_some_and(|count| *count >= AGGREGATE_BELOW));
    aggregates.0.extend(counts.iter().filter(|(_, count)| **count > AGGREGATE_ABOVE).map(|(edge, _)| *edge));
    if aggregates.0.is_empty() {
        return packets;
    }
    let mut seen: OrdMap<(usize, bool, FlightKind), usize> = OrdMap::new();
    let mut out = Vec::with_capacity(packets.len());
    for mut packet in packets {
        let edge = edge(&packet);
        if !aggregates.0.contains(&edge) {
            out.push(packet);
            continue;
        }
        let count = counts[&edge];
        let index = seen.entry(edge).or_default();
        if *index == count / 2 {
            packet.count = count;
            out.push(packet);
        }
        *index += 1;
    }
    out
}

/// The packet nearest to `at`, within `reach`.
pub fn nearest(packets: &[Packet], at: Point, reach: f64) -> Option<&Packet> {
    packets
        .iter()
        .map(|packet| (packet.at.distance(at), packet))
        .filter(|(distance, _)| *distance <= reach)
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, packet)| packet)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::api::Role;
    use crate::cluster::ComponentView;
    use crate::sim::ProcessId;

    use super::super::layout::Form;
    use super::*;

    fn sites() -> Sites {
        let component = |process: u32, role: Role, node: &str| ComponentView {
            process: ProcessId(process),
            name: Arc::from(role.as_str()),
            role,
            node: Arc::from(node),
            running: true,
            frozen: false,
            idle: false,
            facts: Vec::new(),
        };
        Sites::new(&[
            component(0, Role::Etcd, ""),
            component(1, Role::ApiServer, ""),
            component(2, Role::Kubectl, ""),
            component(3, Role::Kubelet, "node-a"),
        ])
    }

    fn flight(id: u64, from: u32, to: u32, sent: u64, arrives: u64) -> Flight {
        Flight {
            id: EventId(id),
            from: ProcessId(from),
            to: ProcessId(to),
            sent: SimTime(sent),
            arrives: SimTime(arrives),
            kind: FlightKind::Request,
            label: Label { first: Arc::from("GET"), second: Arc::from("pods") },
            heartbeat: false,
            cause: EventId::BOOT,
        }
    }

    fn at(flights: &[Flight], now: u64) -> Vec<Packet> {
        let layout = Layout::new(Form::Wide, 3, false);
        packets(&layout, &sites(), flights, SimTime(now), Place::Exact, &mut Aggregates::default())
    }

    #[test]
    fn traffic_keeps_to_the_right() {
        let there = at(&[flight(1, 2, 1, 0, 100)], 50);
        let back = at(&[flight(1, 1, 2, 0, 100)], 50);
        assert_eq!((there[0].at, there[0].heading), (point(189.0, 226.0), point(1.0, 0.0)));
        assert_eq!((back[0].at, back[0].heading), (point(189.0, 220.0), point(-1.0, -0.0)));
    }

    #[test]
    fn a_packet_that_is_not_under_way_is_not_drawn() {
        assert!(at(&[flight(1, 2, 1, 60, 100)], 50).is_empty(), "still being worked on");
        assert!(at(&[flight(1, 2, 1, 0, 50)], 50).is_empty(), "arrived");
        assert!(at(&[flight(1, 2, 0, 0, 100)], 50).is_empty(), "no wire");
    }

    #[test]
    fn dense_edges_are_joined_and_separate_later() {
        let layout = Layout::new(Form::Wide, 3, false);
        let mut aggregates = Aggregates::default();
        let mut count = |n: u64| {
            let flights: Vec<Flight> = (0..n).map(|id| flight(id, 3, 1, id, 1_000)).collect();
            let drawn = packets(&layout, &sites(), &flights, SimTime(500), Place::Exact, &mut aggregates);
            (drawn.len(), drawn.first().map_or(0, |packet| packet.count))
        };
        assert_eq!(count(60), (60, 1));
        assert_eq!(count(61), (1, 61));
        assert_eq!(count(50), (1, 50), "still joined");
        assert_eq!(count(39), (39, 1), "separate again");
    }

    #[test]
    fn the_nearest_within_reach_is_found() {
        let drawn = at(&[flight(1, 2, 1, 0, 100), flight(2, 2, 1, 0, 200)], 50);
        assert_eq!(nearest(&drawn, point(180.0, 226.0), 12.0).map(|packet| packet.id), Some(EventId(1)));
        assert_eq!(nearest(&drawn, point(180.0, 400.0), 12.0), None);
    }

    #[test]
    fn reduced_motion_knows_three_stops() {
        let layout = Layout::new(Form::Wide, 3, false);
        let mut places: Vec<f64> = (0..100)
            .map(|now| {
                let flights = [flight(1, 2, 1, 0, 100)];
                packets(&layout, &sites(), &flights, SimTime(now), Place::Stops, &mut Aggregates::default())[0].at.x
            })
            .collect();
        places.dedup();
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn nodes_of_a_rack_share_the_edge_that_is_drawn() {
        let layout = Layout::new(Form::Wide, 100, false);
        let components: Vec<ComponentView> = std::iter::once((1, Role::ApiServer, String::new()))
            .chain((0..100).map(|node| (node + 10, Role::Kubelet, format!("node-{node}"))))
            .map(|(process, role, node)| ComponentView {
                frozen: false,
                idle: false,
                process: ProcessId(process),
                name: Arc::from(format!("{}/{node}", role.as_str())),
                role,
                node: Arc::from(node),
                running: true,
                facts: Vec::new(),
            })
            .collect();
        let sites = Sites::new(&components);
        let flights: Vec<Flight> = (0..300).map(|id| flight(id, 1, 10 + (id % 100) as u32, 0, 100)).collect();
        let drawn = packets(&layout, &sites, &flights, SimTime(50), Place::Exact, &mut Aggregates::default());
        assert_eq!(drawn.iter().map(|packet| packet.count).collect::<Vec<_>>(), [75; 4], "one for each rack");
    }
}
