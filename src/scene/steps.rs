//! Where an arrow key leads from a thing: along its wires first, then to what stands beside it.

use super::geometry::{Point, Rect, point};
use super::layout::{Layout, Site};

/// An arrow key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrow {
    Up,
    Down,
    Left,
    Right,
}

impl Arrow {
    const fn direction(self) -> Point {
        match self {
            Arrow::Up => point(0.0, -1.0),
            Arrow::Down => point(0.0, 1.0),
            Arrow::Left => point(-1.0, 0.0),
            Arrow::Right => point(1.0, 0.0),
        }
    }
}

/// What lies off the row or column counts as so much farther away.
const OFF_ROW: f64 = 250.0;

fn dot(a: Point, b: Point) -> f64 {
    a.x * b.x + a.y * b.y
}

/// The site at the other end of the wire that leaves `from` that way; of several, the one that leaves
/// nearest to the middle.
pub fn along_wire(layout: &Layout, from: Site, arrow: Arrow) -> Option<Site> {
    let middle = layout.site(from)?.center();
    let leaving = layout.wires.iter().filter(|wire| wire.drawn).filter_map(|wire| {
        let (other, at, heading) = if wire.a == from {
            let (at, heading) = wire.path.at(0.0);
            (wire.b, at, heading)
        } else if wire.b == from {
            let (at, heading) = wire.path.at(wire.path.length());
            (wire.a, at, point(-heading.x, -heading.y))
        } else {
            return None;
        };
        (dot(heading, arrow.direction()) > 0.7).then_some((at.distance(middle), other))
    });
    leaving.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
}

/// The number of the box that lies next to `boxes[from]` that way: what shares its row or column comes
/// before what lies off it.
pub fn beside(boxes: &[Rect], from: usize, arrow: Arrow) -> Option<usize> {
    let (own, way) = (boxes.get(from)?, arrow.direction());
    let upright = way.x == 0.0;
    let span = |area: &Rect| if upright { (area.x, area.right()) } else { (area.y, area.bottom()) };
    let (low, high) = span(own);
    let near = boxes.iter().enumerate().filter(|(index, _)| *index != from).filter_map(|(index, other)| {
        let (from, to) = (own.center(), other.center());
        let apart = point(to.x - from.x, to.y - from.y);
        let along = dot(apart, way);
        let (start, end) = span(other);
        let off = (start - high).max(low - end).max(0.0);
        let aside = if upright { apart.x.abs() } else { apart.y.abs() };
        let away = if off > 0.0 { OFF_ROW } else { 0.0 };
        (along > 2.0 && along >= off).then_some((along + away + 4.0 * off + aside / 100.0, index))
    });
    near.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::super::geometry::rect;
    use super::super::layout::Form;
    use super::*;

    const ARROWS: [Arrow; 4] = [Arrow::Up, Arrow::Down, Arrow::Left, Arrow::Right];

    #[test]
    fn arrows_follow_the_wires() {
        let layout = Layout::new(Form::Wide, 3, false);
        let step = |from: Site, arrow: Arrow| along_wire(&layout, from, arrow);
        assert_eq!(step(Site::Kubectl, Arrow::Right), Some(Site::ApiServer));
        assert_eq!(step(Site::ApiServer, Arrow::Left), Some(Site::Kubectl));
        assert_eq!(step(Site::ApiServer, Arrow::Right), Some(Site::Etcd));
        assert_eq!(step(Site::ApiServer, Arrow::Up), Some(Site::Controllers));
        assert_eq!(step(Site::ApiServer, Arrow::Down), Some(Site::Kubelet(1)));
        assert_eq!(step(Site::Kubelet(0), Arrow::Up), Some(Site::ApiServer));
        assert_eq!(step(Site::Kubelet(0), Arrow::Down), Some(Site::Runtime(0)));
        assert_eq!(step(Site::Scheduler, Arrow::Left), None);
    }

    #[test]
    fn rows_come_before_what_lies_off_them() {
        let boxes = [rect(0.0, 0.0, 10.0, 10.0), rect(40.0, 0.0, 10.0, 10.0), rect(20.0, 12.0, 10.0, 10.0)];
        assert_eq!(beside(&boxes, 0, Arrow::Right), Some(1), "the other is nearer, but off the row");
        assert_eq!(beside(&boxes, 0, Arrow::Left), None);
        let alone = [rect(0.0, 0.0, 10.0, 10.0), rect(20.0, 12.0, 10.0, 10.0)];
        assert_eq!(beside(&alone, 0, Arrow::Right), Some(1));
        assert_eq!(beside(&alone, 1, Arrow::Up), Some(0));
    }

    #[test]
    fn everything_is_reached_by_arrows_alone() {
        for (form, nodes) in [(Form::Wide, 1), (Form::Wide, 3), (Form::Wide, 8), (Form::Phone, 3), (Form::Embed, 5)] {
            let layout = Layout::new(form, nodes, false);
            let mut sites = vec![Site::Kubectl, Site::Scheduler, Site::Controllers, Site::ApiServer, Site::Etcd];
            sites.extend((0..nodes).flat_map(|node| [Site::Kubelet(node), Site::Runtime(node)]));
            let boxes: Vec<Rect> = sites.iter().filter_map(|site| layout.site(*site)).collect();
            let (mut reached, mut next) = (vec![0], vec![0]);
            while let Some(at) = next.pop() {
                for arrow in ARROWS {
                    let wired = along_wire(&layout, sites[at], arrow);
                    let wired = wired.and_then(|site| sites.iter().position(|other| *other == site));
                    if let Some(to) = wired.or_else(|| beside(&boxes, at, arrow)).filter(|to| !reached.contains(to)) {
                        reached.push(to);
                        next.push(to);
                    }
                }
            }
            assert_eq!(reached.len(), sites.len(), "{form:?} with {nodes} nodes");
        }
    }
}
