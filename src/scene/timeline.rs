//! The timeline: time as a distance, ticks, and the bars of the lanes.

use crate::sim::SimTime;

/// The stretch of time that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: SimTime,
    pub to: SimTime,
}

impl Window {
    /// How long it is, in microseconds; at least 1.
    pub fn length(&self) -> u64 {
        self.to.0.saturating_sub(self.from.0).max(1)
    }

    /// Where `at` lies on `width` units.
    pub fn x(&self, at: SimTime, width: f64) -> f64 {
        (at.0 as f64 - self.from.0 as f64) / self.length() as f64 * width
    }

    /// The time at `x` of `width` units.
    pub fn time(&self, x: f64, width: f64) -> SimTime {
        let share = (x / width).clamp(0.0, 1.0);
        SimTime(self.from.0 + (share * self.length() as f64).round() as u64)
    }
}

/// A line of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub x: f64,
    /// Where it carries a number; minor ones have none.
    pub label: Option<String>,
}

/// The ticks of a window, counted from `origin`.
pub fn ticks(window: Window, origin: SimTime, width: f64) -> Vec<Tick> {
    const NICE: [u64; 3] = [1, 2, 5];
    let wanted = window.length() as f64 * 88.0 / width;
    let mut step = 1;
    'found: for power in 0..13 {
        for nice in NICE {
            step = nice * 10_u64.pow(power);
            if step as f64 >= wanted {
                break 'found;
            }
        }
    }
    let minor = (step / if step.to_string().starts_with('2') { 4 } else { 5 }).max(1);
    let (unit_micros, unit) = unit_of(step);
    let first = (window.from.0 as i64 - origin.0 as i64).div_euclid(minor as i64) + 1;
    let mut out = Vec::new();
    let mut named = false;
    for index in first - 1.. {
        let offset = index * minor as i64;
        let at = origin.0 as i64 + offset;
        if at > window.to.0 as i64 {
            break;
        }
        if at < window.from.0 as i64 {
            continue;
        }
        let major = offset.rem_euclid(step as i64) == 0;
        let label = major.then(|| {
            let number = offset as f64 / unit_micros as f64;
            let text = if named { format!("{number}") } else { format!("{number} {unit}") };
            named = true;
            text
        });
        out.push(Tick { x: window.x(SimTime(at as u64), width), label });
    }
    out
}

fn unit_of(step: u64) -> (u64, &'static str) {
    match step {
        0..100 => (1, "µs"),
        100..500_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    }
}

/// A duration as the clock prints it: `304.0 ms`, `12.48 s`, `3 min 20 s`.
pub fn clock(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    match micros {
        0..1_000_000 => format!("{sign}{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        1_000_000..60_000_000 => format!("{sign}{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
        60_000_000..3_600_000_000 => {
            let seconds = micros / 1_000_000;
            format!("{sign}{} min {:02}.{} s", seconds / 60, seconds % 60, micros % 1_000_000 / 100_000)
        }
        _ => {
            let minutes = micros / 60_000_000;
            format!("{sign}{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// What a bar says by its ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Waiting for an answer: an outline.
    Waiting,
    /// Work.
    Plain,
    /// Work over gRPC: etcd, the runtime.
    Grpc,
    /// On the selected packet's chain.
    Chain,
    /// Ended in a failure.
    Failed,
}

/// A stretch of work in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub from: SimTime,
    pub to: SimTime,
    pub tone: Tone,
}

/// A bar as drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub w: f64,
    pub tone: Tone,
    /// How many marks it stands for.
    pub count: usize,
}

/// The bars of one lane's marks (by start). Marks closer than one unit become one.
pub fn bars(marks: &[Mark], window: Window, width: f64) -> Vec<Bar> {
    let mut out: Vec<Bar> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.to >= window.from && mark.from <= window.to) {
        let x = window.x(mark.from, width).max(0.0);
        let end = window.x(mark.to, width).min(width);
        let w = (end - x).max(2.0);
        match out.last_mut() {
            Some(last) if x - (last.x + last.w) < 1.0 && (last.tone == mark.tone || w <= 3.0) => {
                last.w = last.w.max(x + w - last.x);
                if mark.tone == Tone::Failed {
                    last.tone = Tone::Failed;
                }
                last.count += 1;
            }
            _ => out.push(Bar { x, w, tone: mark.tone, count: 1 }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, to: u64) -> Window {
        Window { from: SimTime(from), to: SimTime(to) }
    }

    #[test]
    fn time_and_distance_are_inverse() {
        let window = window(1_000, 11_000);
        for at in [1_000, 4_321, 11_000] {
            assert_eq!(window.time(window.x(SimTime(at), 988.0), 988.0), SimTime(at));
        }
    }

    #[track_caller]
    fn check(from: u64, to: u64, origin: u64, expected: &[&str]) {
        let labels: Vec<String> =
            ticks(window(from, to), SimTime(origin), 988.0).into_iter().filter_map(|tick| tick.label).collect();
        assert_eq!(labels, expected);
    }

    #[test]
    fn ticks_are_round_and_name_their_unit_once() {
        check(0, 340_000, 0, &["0 ms", "50", "100", "150", "200", "250", "300"]);
        check(5_000_000, 5_340_000, 5_000_000, &["0 ms", "50", "100", "150", "200", "250", "300"]);
        check(0, 60_000_000, 0, &["0 s", "10", "20", "30", "40", "50", "60"]);
        check(1_500, 5_000, 0, &["1.5 ms", "2", "2.5", "3", "3.5", "4", "4.5", "5"]);
    }

    #[test]
    fn the_clock() {
        let check = |micros: i64, expected: &str| assert_eq!(clock(micros), expected);
        check(304_000, "304.0 ms");
        check(12_489_000, "12.48 s");
        check(200_000_000, "3 min 20.0 s");
        check(7_260_000_000, "2 h 01 min");
        check(-2_000, "-2.0 ms");
    }

    #[test]
    fn close_marks_become_one_bar() {
        let mark = |from: u64, to: u64| Mark { from: SimTime(from), to: SimTime(to), tone: Tone::Plain };
        let drawn = bars(&[mark(0, 10), mark(11, 20), mark(500, 600)], window(0, 1_000), 100.0);
        assert_eq!(drawn.len(), 2);
        assert_eq!(drawn[0].count, 2);
        assert_eq!(drawn[1], Bar { x: 50.0, w: 10.0, tone: Tone::Plain, count: 1 });
    }
}
