//! Points, rectangles, and paths with rounded corners, in the stage's own units.

use std::f64::consts::FRAC_PI_2;
use std::fmt::Write as _;

use super::curves::sine_cosine;

/// A point, or a vector between two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// The point `(x, y)`.
pub const fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

impl Point {
    /// The distance to `other`.
    pub fn distance(self, other: Point) -> f64 {
        let (x, y) = (self.x - other.x, self.y - other.y);
        (x * x + y * y).sqrt()
    }

    fn plus(self, direction: Point, length: f64) -> Point {
        point(self.x + direction.x * length, self.y + direction.y * length)
    }

    /// The direction to `other`, of length 1; along x when they are the same point.
    fn direction(self, other: Point) -> Point {
        let length = self.distance(other);
        if length == 0.0 { point(1.0, 0.0) } else { point((other.x - self.x) / length, (other.y - self.y) / length) }
    }

    /// This direction turned a quarter to the right, as y grows downward.
    pub fn right(self) -> Point {
        point(-self.y, self.x)
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

/// The rectangle at `(x, y)`, `w` wide and `h` high.
pub const fn rect(x: f64, y: f64, w: f64, h: f64) -> Rect {
    Rect { x, y, w, h }
}

impl Rect {
    /// The x of the right edge.
    pub const fn right(&self) -> f64 {
        self.x + self.w
    }

    /// The y of the lower edge.
    pub const fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// The middle.
    pub fn center(&self) -> Point {
        point(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Whether `p` lies inside or on the edge.
    pub fn contains(&self, p: Point) -> bool {
        p.x >= self.x && p.x <= self.right() && p.y >= self.y && p.y <= self.bottom()
    }

    /// Whether the two share an area.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// Larger by `by` on every side.
    pub fn grown(&self, by: f64) -> Rect {
        rect(self.x - by, self.y - by, self.w + 2.0 * by, self.h + 2.0 * by)
    }

    /// The four crop marks around it, `arm` long, as an SVG path.
    pub fn crop_marks(&self, arm: f64) -> String {
        let Rect { x, y, .. } = *self;
        let (r, b) = (self.right(), self.bottom());
        format!(
            "M{x},{}V{y}H{}M{},{y}H{r}V{}M{r},{}V{b}H{}M{},{b}H{x}V{}",
            y + arm,
            x + arm,
            r - arm,
            y + arm,
            b - arm,
            r - arm,
            x + arm,
            b - arm
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Line {
        from: Point,
        to: Point,
    },
    /// A quarter turn about `center`. It begins in the direction `from` of it, heading for `heading`.
    Arc {
        center: Point,
        radius: f64,
        from: Point,
        heading: Point,
        to_the_right: bool,
    },
}

impl Piece {
    fn length(&self) -> f64 {
        match self {
            Piece::Line { from, to } => from.distance(*to),
            Piece::Arc { radius, .. } => radius * FRAC_PI_2,
        }
    }

    fn at(&self, distance: f64) -> (Point, Point) {
        match *self {
            Piece::Line { from, to } => {
                let direction = from.direction(to);
                (from.plus(direction, distance), direction)
            }
            Piece::Arc { center, radius, from, heading, .. } => {
                let (sine, cosine) = sine_cosine(distance / radius);
                let out = point(0.0, 0.0).plus(from, cosine).plus(heading, sine);
                (center.plus(out, radius), point(0.0, 0.0).plus(heading, cosine).plus(from, -sine))
            }
        }
    }
}

/// A way along horizontal and vertical lines with rounded corners.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    corners: Vec<Point>,
    radii: Vec<f64>,
    pieces: Vec<Piece>,
    length: f64,
}

impl Path {
    /// The way through `corners`, each turn rounded by `radius` or what the lines leave room for.
    pub fn new(corners: &[Point], radius: f64) -> Path {
        Path::with_radii(corners.to_vec(), &vec![radius; corners.len()])
    }

    fn with_radii(corners: Vec<Point>, wanted: &[f64]) -> Path {
        assert!(corners.len() > 1, "a path leads somewhere");
        let mut pieces = Vec::with_capacity(corners.len() * 2);
        let mut radii = vec![0.0; corners.len()];
        let mut from = corners[0];
        for index in 1..corners.len() - 1 {
            let (corner, next) = (corners[index], corners[index + 1]);
            let before = corners[index - 1].direction(corner);
            let after = corner.direction(next);
            let turn = before.x * after.y - before.y * after.x;
            if turn.abs() < 0.5 {
                continue;
            }
            let room = corners[index - 1].distance(corner).min(corner.distance(next)) / 2.0;
            let radius = wanted[index].min(room).max(0.01);
            radii[index] = radius;
            let start = corner.plus(before, -radius);
            let inward = if turn > 0.0 { before.right() } else { point(before.y, -before.x) };
            let center = start.plus(inward, radius);
            pieces.push(Piece::Line { from, to: start });
            let from_center = point(-inward.x, -inward.y);
            let to_the_right = turn > 0.0;
            pieces.push(Piece::Arc { center, radius, from: from_center, heading: before, to_the_right });
            from = corner.plus(after, radius);
        }
        pieces.push(Piece::Line { from, to: corners[corners.len() - 1] });
        let length = pieces.iter().map(Piece::length).sum();
        Path { corners, radii, pieces, length }
    }

    /// How long it is.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// The point `distance` along it, and the heading there (of length 1).
    pub fn at(&self, distance: f64) -> (Point, Point) {
        let mut left = distance.clamp(0.0, self.length);
        for piece in &self.pieces {
            let length = piece.length();
            if left <= length {
                return piece.at(left);
            }
            left -= length;
        }
        let last = self.pieces[self.pieces.len() - 1];
        last.at(last.length())
    }

    /// The same way from its end to its start.
    pub fn reversed(&self) -> Path {
        let corners = self.corners.iter().rev().copied().collect();
        let radii: Vec<f64> = self.radii.iter().rev().copied().collect();
        Path::with_radii(corners, &radii)
    }

    /// The path that runs `by` to the right of this one.
    pub fn beside(&self, by: f64) -> Path {
        let count = self.corners.len();
        let mut corners = Vec::with_capacity(count);
        let mut radii = vec![0.0; count];
        for (index, radius) in radii.iter_mut().enumerate() {
            let before = self.corners[index.max(1) - 1].direction(self.corners[index.max(1)]);
            let next = index.min(count - 2);
            let after = self.corners[next].direction(self.corners[next + 1]);
            let straight = (before.x * after.x + before.y * after.y).abs() > 0.5;
            let mut moved = self.corners[index].plus(before.right(), by);
            if !straight {
                moved = moved.plus(after.right(), by);
                let turn = before.x * after.y - before.y * after.x;
                *radius = (self.radii[index] - by * turn.signum()).max(0.5);
            }
            corners.push(moved);
        }
        Path::with_radii(corners, &radii)
    }

    /// The `d` of an SVG path.
    pub fn svg(&self) -> String {
        let first = self.corners[0];
        let mut out = format!("M{:.2},{:.2}", first.x, first.y);
        for piece in &self.pieces {
            let end = piece.at(piece.length()).0;
            // Writing to a string cannot fail.
            let _ = match piece {
                Piece::Line { .. } => write!(out, "L{:.2},{:.2}", end.x, end.y),
                Piece::Arc { radius, to_the_right, .. } => {
                    let flag = u8::from(*to_the_right);
                    write!(out, "A{radius:.2},{radius:.2} 0 0 {flag} {:.2},{:.2}", end.x, end.y)
                }
            };
        }
        out
    }

    /// The corners, first and last included.
    pub fn corners(&self) -> &[Point] {
        &self.corners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(a: Point, b: Point) {
        assert!(a.distance(b) < 1e-6, "{a:?} is not {b:?}");
    }

    fn bent() -> Path {
        Path::new(&[point(0.0, 0.0), point(0.0, 50.0), point(100.0, 50.0)], 10.0)
    }

    #[test]
    fn a_path_starts_and_ends_where_it_says() {
        let path = bent();
        near(path.at(0.0).0, point(0.0, 0.0));
        near(path.at(path.length()).0, point(100.0, 50.0));
        near(path.at(path.length()).1, point(1.0, 0.0));
        assert!((path.length() - (40.0 + FRAC_PI_2 * 10.0 + 90.0)).abs() < 1e-9);
    }

    #[test]
    fn the_corner_is_round() {
        let (middle, heading) = bent().at(40.0 + FRAC_PI_2 * 5.0);
        let expected = 10.0 - 10.0 * std::f64::consts::FRAC_1_SQRT_2;
        near(middle, point(expected, 50.0 - expected));
        near(heading, point(std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::FRAC_1_SQRT_2));
    }

    #[test]
    fn beside_keeps_the_distance_all_along() {
        let path = bent();
        let beside = path.beside(3.0);
        // Going down, the right-hand side is at smaller x.
        near(beside.at(0.0).0, point(-3.0, 0.0));
        near(beside.at(beside.length()).0, point(100.0, 53.0));
        for step in 0..20 {
            let (at, _) = beside.at(beside.length() * f64::from(step) / 19.0);
            let nearest = (0..2000)
                .map(|index| path.at(path.length() * f64::from(index) / 1999.0).0.distance(at))
                .fold(f64::MAX, f64::min);
            assert!((nearest - 3.0).abs() < 0.1, "{nearest} at {at:?}");
        }
    }

    #[test]
    fn reversed_runs_back() {
        let (path, back) = (bent(), bent().reversed());
        near(path.at(30.0).0, back.at(back.length() - 30.0).0);
    }

    #[test]
    fn svg_has_an_arc_per_corner() {
        assert_eq!(bent().svg(), "M0.00,0.00L0.00,40.00A10.00,10.00 0 0 0 10.00,50.00L100.00,50.00");
    }
}
